/** What an instructor is told of a transfer that changed what they are owed. No I/O. */
import type { InstructorTransferBooked } from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import type { Letter } from './letter.ts';
import { moneyText } from './money-text.ts';
import { amountOf, type Notice, payoutsLink } from './notice.ts';
import { oneLine } from './one-line.ts';

function changeText(event: InstructorTransferBooked): string {
  const { currency, amountMinor } = amountOf(event.amount);
  const amount = moneyText({ currency, amountMinor: amountMinor < 0n ? -amountMinor : amountMinor });
  return amountMinor < 0n ? `${amount} taken from what you are owed` : `${amount} added to what you are owed`;
}

function reasonText({ reason, reversesId }: InstructorTransferBooked): string {
  const what = reversesId === '' ? 'A transfer between instructors' : 'A transfer between instructors was taken back';
  return `${what}: “${oneLine(reason)}”.`;
}

export function transferNotice(event: InstructorTransferBooked): Notice {
  return {
    kind: 'instructor_transfer',
    title: changeText(event),
    body: `${reasonText(event)} It is a line of your next statement.`,
    link: payoutsLink,
  };
}

export function transferLetter(event: InstructorTransferBooked): Letter {
  return {
    subject: changeText(event),
    paragraphs: [
      `${changeText(event)}. ${reasonText(event)}`,
      `Two people of finance decided it. It is a line of your next statement; when you ask us about it, name ${event.transferId}.`,
    ],
    action: { label: 'Your payouts', link: payoutsLink },
    because: 'you teach with us; a mail is sent for each transfer that changes what you are owed.',
  };
}
