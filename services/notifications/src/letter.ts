/** What a mail says about each fact that is told by mail, and why it came. No I/O. */
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { EnrolmentGranted } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import type { OrderPaid, OrderRefunded } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import type { PayoutPaid, PayoutReturned } from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import { moneyText } from './money-text.ts';
import {
  amountOf,
  bankSimulationNote,
  type CourseName,
  courseLink,
  courseTitle,
  payoutReturnReason,
  payoutsLink,
  simulationNote,
} from './notice.ts';
import { oneLine } from './one-line.ts';

/** A mail without its frame: greeting, address and signature are the same for all. */
export interface Letter {
  readonly subject: string;
  /** Parted by empty lines. */
  readonly paragraphs: readonly string[];
  readonly action: { readonly label: string /** A path in the web app. */; readonly link: string };
  /** Completes "You get this mail because …". */
  readonly because: string;
}

export function receiptLetter(event: OrderPaid): Letter {
  const total = amountOf(event.total);
  const taxMinor = event.lines.reduce((sum, line) => sum + amountOf(line.tax).amountMinor, 0n);
  const tax = { currency: total.currency, amountMinor: taxMinor };
  const lines = event.lines.map((line) => `- ${oneLine(line.title)}: ${moneyText(amountOf(line.gross))}`);
  const isFree = total.amountMinor === 0n;
  return {
    subject: `Receipt for order ${event.number}`,
    paragraphs: [
      `this is the receipt for your order ${event.number}${dateText(event.paidAt)}.`,
      lines.join('\n'),
      `Total: ${moneyText(total)}\nTax included in it: ${moneyText(tax)}`,
      isFree ? 'This order was free: nothing was charged.' : simulationNote(event.provider),
    ],
    action: { label: 'Your order', link: `/orders/${event.orderId}` },
    because: 'an order was placed with your account; a receipt is sent for each.',
  };
}

export function refundLetter(event: OrderRefunded): Letter {
  const amount = amountOf(event.amount);
  const ending = event.lines.some((line) => line.wholeLineRefunded)
    ? 'Access to the courses that were refunded in full ends.'
    : 'You keep your courses.';
  return {
    subject: `Refund for order ${event.number}`,
    paragraphs: [
      `${moneyText(amount)} of your order ${event.number} was refunded${dateText(event.refundedAt)}.`,
      event.wholeOrderRefunded ? 'Nothing of the order remains paid.' : 'The rest of the order stays paid.',
      ending,
      simulationNote(event.provider),
    ],
    action: { label: 'Your order', link: `/orders/${event.orderId}` },
    because: 'money of an order of your account was refunded; a mail is sent for each refund.',
  };
}

export function enrolmentLetter(_: EnrolmentGranted, course: CourseName): Letter {
  return {
    subject: `You can start: ${courseTitle(course)}`,
    paragraphs: [`you are enrolled in ${courseTitle(course)} and can start now. Your progress is kept.`],
    action: { label: 'Your course', link: courseLink(course) },
    because: 'a course was added to your account.',
  };
}

export function payoutPaidLetter(event: PayoutPaid): Letter {
  const amount = moneyText(amountOf(event.amount));
  return {
    subject: `Payout of ${amount}`,
    paragraphs: [
      `the bank has paid ${amount} to ${oneLine(event.maskedAccount)}${dateText(event.paidAt)}.`,
      'Your statement shows line by line what it is made of.',
      bankSimulationNote(event.bank),
    ],
    action: { label: 'Your payouts', link: payoutsLink },
    because: 'you teach with us; a mail is sent for each payout.',
  };
}

export function payoutReturnedLetter(event: PayoutReturned): Letter {
  const amount = moneyText(amountOf(event.amount));
  return {
    subject: `A payout of ${amount} did not reach you`,
    paragraphs: [
      `the payout of ${amount} to ${oneLine(event.maskedAccount)} did not reach you${dateText(event.returnedAt)}.`,
      payoutReturnReason(event),
      'The amount stays yours and is part of your next settlement. Look whether your payout account is right.',
      bankSimulationNote(event.bank),
    ],
    action: { label: 'Your payouts', link: payoutsLink },
    because: 'you teach with us; a mail is sent for each payout that comes back.',
  };
}

/** The whole text. `name` is '' for somebody whose address is not verified: what they call themselves is not sent to others. */
export function letterText(letter: Letter, frame: { readonly name: string; readonly publicUrl: string }): string {
  const name = oneLine(frame.name);
  return [
    name === '' ? 'Hello,' : `Hello ${name},`,
    ...letter.paragraphs.filter((paragraph) => paragraph !== ''),
    `${letter.action.label}: ${frame.publicUrl}${letter.action.link}`,
    `You get this mail because ${letter.because} Suuupra, ${frame.publicUrl}`,
  ].join('\n\n');
}

function dateText(at: OrderPaid['paidAt']): string {
  return at === undefined ? '' : `, ${timestampDate(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
