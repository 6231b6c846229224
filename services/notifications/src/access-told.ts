/** What is said about gifts, subscriptions and invoices, in the app and by mail. No I/O. */
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type {
  GiftBought,
  InvoiceIssued,
  SubscriptionChanged,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import type { Letter } from './letter.ts';
import { moneyText } from './money-text.ts';
import { amountOf, type Notice } from './notice.ts';
import { oneLine } from './one-line.ts';

/** For the buyer: the code itself is in the recipient's mail and nowhere else. */
export function giftNotice(event: GiftBought): Notice {
  return {
    kind: 'gift_sent',
    title: `Your gift is on its way: ${oneLine(event.courseTitle)}`,
    body: `The code was sent to ${oneLine(event.recipientEmail)}. It can be redeemed once.`,
    link: '/gifts',
  };
}

/** To somebody who may have no account. What the buyer wrote is shown as theirs, and never as ours. */
export function giftLetter(event: GiftBought): Letter {
  const message = event.message
    .split('\n')
    .map((line) => `> ${oneLine(line)}`)
    .join('\n');
  return {
    subject: 'A course for you on Suuupra',
    paragraphs: [
      `somebody bought you the course "${oneLine(event.courseTitle)}".`,
      event.message === '' ? '' : `They wrote:\n${message}`,
      'Sign in, or make an account, and open the link below. It can be used once, by whoever has it: do not pass it on if you want it for yourself.',
    ],
    action: { label: 'Redeem the gift', link: event.redeemPath },
    because: 'somebody gave your address for their gift. If you do not want it, do nothing.',
  };
}

interface Told {
  readonly title: string;
  readonly body: string;
}

/** What became of a subscription, by `because`; one that comes later is told in general words. */
function subscriptionWords(event: SubscriptionChanged): Told {
  const plan = oneLine(event.planTitle);
  const day = event.currentUntil === undefined ? '' : timestampDate(event.currentUntil).toISOString().slice(0, 10);
  const words: ReadonlyMap<string, Told> = new Map([
    [
      'started',
      event.status === 'trialing'
        ? {
            title: `Your trial of ${plan} has begun`,
            body: `Nothing is charged before ${day}; cancel until then and it costs nothing.`,
          }
        : {
            title: `Your subscription ${plan} has begun`,
            body: `It is paid until ${day} and goes on by itself until you cancel.`,
          },
    ],
    ['renewed', { title: `${plan} goes on`, body: `Your subscription is paid until ${day}.` }],
    ['plan_changed', { title: `You are on ${plan} now`, body: `The change is made; the next bill is due on ${day}.` }],
    [
      'cancelled',
      { title: `${plan} is cancelled`, body: `Its courses stay open until ${day}; nothing more is charged.` },
    ],
    ['resumed', { title: `${plan} goes on`, body: `The cancellation is taken back; the next bill is due on ${day}.` }],
    ['expired', { title: `${plan} has ended`, body: 'Its courses are closed. Your progress is kept.' }],
    [
      'refunded',
      {
        title: `${plan} has ended`,
        body: 'Its price went back to you, so its courses are closed. Your progress is kept.',
      },
    ],
    ['payment_failed', failedWords(event, plan)],
  ]);
  return words.get(event.because) ?? { title: `${plan} has changed`, body: 'Look at your subscription.' };
}

function failedWords(event: SubscriptionChanged, plan: string): Told {
  return event.status === 'ended'
    ? {
        title: `${plan} has ended`,
        body: 'The charge for it failed, so its courses are closed. Your progress is kept.',
      }
    : {
        title: `The charge for ${plan} failed`,
        body: 'It is tried again in the next days, and its courses stay open meanwhile. You can pay another way.',
      };
}

const subscriptionsLink = '/subscriptions';

export function subscriptionNotice(event: SubscriptionChanged): Notice {
  return { kind: 'subscription', ...subscriptionWords(event), link: subscriptionsLink };
}

export function subscriptionLetter(event: SubscriptionChanged): Letter {
  const { title, body } = subscriptionWords(event);
  return {
    subject: title,
    paragraphs: [`${title}.`, body],
    action: { label: 'Your subscriptions', link: subscriptionsLink },
    because: 'you have a subscription; a mail is sent for each change of it.',
  };
}

export function invoiceNotice(event: InvoiceIssued): Notice {
  return {
    kind: 'invoice',
    title: `${invoiceWord(event)} ${event.number}`,
    body: `${moneyText(amountOf(event.total))}. It is with your order, to read and to download.`,
    link: `/orders/${event.orderId}`,
  };
}

export function invoiceLetter(event: InvoiceIssued): Letter {
  const word = invoiceWord(event);
  return {
    subject: `${word} ${event.number}`,
    paragraphs: [
      `your ${word.toLowerCase()} ${event.number} over ${moneyText(amountOf(event.total))} is ready to download.`,
    ],
    action: { label: 'Your order', link: `/orders/${event.orderId}` },
    because: 'money of an order of your account moved; its document is sent for each.',
  };
}

function invoiceWord(event: InvoiceIssued): string {
  return event.kind === 'credit_note' ? 'Credit note' : 'Invoice';
}
