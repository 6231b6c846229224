/** What a notification in the app says about each fact. No I/O. */
import type { Money } from '@suuupra/contracts/gen/suuupra/common/v1/money_pb.ts';
import type {
  CourseCompleted,
  EnrolmentEnded,
  EnrolmentGranted,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import type { OrderPaid, OrderRefunded } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import type { PaymentFailed } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import type { PayoutPaid, PayoutReturned } from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import { moneyText } from './money-text.ts';
import { oneLine } from './one-line.ts';

export type NoticeKind =
  | 'receipt'
  | 'enrolment'
  | 'refund'
  | 'payment_failed'
  | 'welcome'
  | 'enrolment_ended'
  | 'course_completed'
  | 'payout_paid'
  | 'payout_returned'
  | 'instructor_transfer'
  | 'gift_sent'
  | 'subscription'
  | 'invoice';

export interface Notice {
  readonly kind: NoticeKind;
  readonly title: string;
  readonly body: string;
  /** A path in the web app. */
  readonly link: string;
}

/** What content says of a course; both '' when it knows none by that id. */
export interface CourseName {
  readonly title: string;
  readonly slug: string;
}

export const unknownCourse: CourseName = { title: '', slug: '' };

const simulated = 'Simulated payment: no money moved.';

/** Said wherever an amount is shown that the sandbox provider took or gave back; '' for a real provider. */
export function simulationNote(provider: string): string {
  return provider === 'sandbox' ? simulated : '';
}

/** Throws when the event has no amount: its owner promises one. */
export function amountOf(money: Money | undefined): Money {
  if (money === undefined) throw new Error('an event about money came without its amount');
  return money;
}

export function welcomeNotice(): Notice {
  return {
    kind: 'welcome',
    title: 'Welcome to Suuupra',
    body: 'Find a course, study at your own pace, and see where every rupee of a purchase goes.',
    link: '/courses',
  };
}

export function receiptNotice(event: OrderPaid): Notice {
  const total = amountOf(event.total);
  const [first] = event.lines;
  const what = event.lines.length === 1 && first ? oneLine(first.title) : `${event.lines.length} courses`;
  const paid = total.amountMinor === 0n ? `Free, nothing was charged: ${what}.` : `${moneyText(total)} for ${what}.`;
  return {
    kind: 'receipt',
    title: `Receipt for order ${event.number}`,
    body: joined(paid, simulationNote(event.provider)),
    link: `/orders/${event.orderId}`,
  };
}

export function refundNotice(event: OrderRefunded): Notice {
  const amount = amountOf(event.amount);
  const extent = event.wholeOrderRefunded ? 'The whole order was refunded.' : 'Part of the order was refunded.';
  return {
    kind: 'refund',
    title:
      amount.amountMinor === 0n
        ? `Order ${event.number} was refunded`
        : `${moneyText(amount)} refunded for order ${event.number}`,
    body: joined(extent, simulationNote(event.provider)),
    link: `/orders/${event.orderId}`,
  };
}

/** The closed set of payments' failure codes, for people; a code that comes later is told in general words. */
const failures: ReadonlyMap<string, string> = new Map([
  ['card_declined', 'The card was declined.'],
  ['insufficient_funds', 'There was not enough money on the account.'],
  ['authentication_failed', 'The payment was not confirmed with the bank.'],
  ['provider_timeout', 'The payment provider did not answer in time.'],
  ['expired', 'The payment was not completed in time.'],
]);

export function paymentFailedNotice(event: PaymentFailed): Notice {
  const reason = failures.get(event.code) ?? 'The payment was not completed.';
  return {
    kind: 'payment_failed',
    title: 'Your payment did not go through',
    body: `${reason} You were not charged; you can try again, also in another way.`,
    link: `/checkout/${event.orderId}`,
  };
}

export function enrolmentNotice(_: EnrolmentGranted, course: CourseName): Notice {
  return {
    kind: 'enrolment',
    title: `You can start: ${courseTitle(course)}`,
    body: 'The course is yours. Your progress is kept, whenever you come back.',
    link: courseLink(course),
  };
}

export function enrolmentEndedNotice(event: EnrolmentEnded, course: CourseName): Notice {
  const because = event.refundId === '' ? 'Your enrolment ended.' : 'Its price was refunded, so your enrolment ended.';
  return {
    kind: 'enrolment_ended',
    title: `No longer yours: ${courseTitle(course)}`,
    body: because,
    link: courseLink(course),
  };
}

export function courseCompletedNotice(_: CourseCompleted, course: CourseName): Notice {
  return {
    kind: 'course_completed',
    title: `Completed: ${courseTitle(course)}`,
    body: 'You finished every lesson. Well done!',
    link: '/learn',
  };
}

/** The sandbox bank moves no money, and says so. */
export function bankSimulationNote(bank: string): string {
  return bank === 'sandbox' ? 'Simulated bank: no money moved.' : '';
}

export function payoutPaidNotice(event: PayoutPaid): Notice {
  return {
    kind: 'payout_paid',
    title: `${moneyText(amountOf(event.amount))} paid out to you`,
    body: joined(`It went to ${oneLine(event.maskedAccount)}.`, bankSimulationNote(event.bank)),
    link: payoutsLink,
  };
}

/** Where an instructor sees payouts and statements, a path of the web app. */
export const payoutsLink = '/teach/earnings';

/** The closed set of settlement's reasons, for people; one that comes later is told in general words. */
const returnReasons: ReadonlyMap<string, string> = new Map([
  ['account_unknown', 'The bank does not know the account.'],
  ['account_closed', 'The account is closed.'],
  ['account_changed', 'You changed the account before it was sent.'],
  ['rejected_by_finance', 'It was stopped before it was sent.'],
]);

export function payoutReturnReason(event: PayoutReturned): string {
  return returnReasons.get(event.reason) ?? 'The bank did not carry it out.';
}

export function payoutReturnedNotice(event: PayoutReturned): Notice {
  return {
    kind: 'payout_returned',
    title: `A payout of ${moneyText(amountOf(event.amount))} did not reach you`,
    body: joined(
      payoutReturnReason(event),
      'The amount stays yours and is part of your next settlement.',
      bankSimulationNote(event.bank),
    ),
    link: payoutsLink,
  };
}

export function courseTitle(course: CourseName): string {
  return oneLine(course.title) || 'your course';
}

/** Slugs are lower-case words, so they need no escaping; anything else is not a path of ours. */
export function courseLink(course: CourseName): string {
  return /^[a-z0-9-]+$/.test(course.slug) ? `/courses/${course.slug}` : '/learn';
}

function joined(...sentences: readonly string[]): string {
  return sentences.filter((sentence) => sentence !== '').join(' ');
}
