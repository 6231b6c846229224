/** Which fact is told to whom, and how: the whole of what this service tells, as one table. No I/O. */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import {
  CourseCompletedSchema,
  EnrolmentEndedSchema,
  EnrolmentGrantedSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import {
  GiftBoughtSchema,
  InvoiceIssuedSchema,
  OrderPaidSchema,
  OrderRefundedSchema,
  SubscriptionChangedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { PaymentFailedSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import {
  InstructorTransferBookedSchema,
  PayoutPaidSchema,
  PayoutReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import {
  giftLetter,
  giftNotice,
  invoiceLetter,
  invoiceNotice,
  subscriptionLetter,
  subscriptionNotice,
} from './access-told.ts';
import {
  enrolmentLetter,
  type Letter,
  payoutPaidLetter,
  payoutReturnedLetter,
  receiptLetter,
  refundLetter,
} from './letter.ts';
import {
  type CourseName,
  courseCompletedNotice,
  enrolmentEndedNotice,
  enrolmentNotice,
  type Notice,
  paymentFailedNotice,
  payoutPaidNotice,
  payoutReturnedNotice,
  receiptNotice,
  refundNotice,
  welcomeNotice,
} from './notice.ts';
import { transferLetter, transferNotice } from './transfers-told.ts';

export interface Plan<D extends DescMessage = DescMessage> {
  readonly schema: D;
  /** Who is told; '' when the event names nobody, then nothing is told. */
  reader(event: MessageShape<D>): string;
  /** Present when the text names a course that the event knows only by id; release 0 is the newest. */
  course?(event: MessageShape<D>): { readonly courseId: string; readonly release: number };
  notice(event: MessageShape<D>, course: CourseName): Notice;
  /** Whom the mail goes to, when that is not the reader: somebody who may have no account. */
  address?(event: MessageShape<D>): string;
  /** Present when the fact is told by mail, too. */
  letter?(event: MessageShape<D>, course: CourseName): Letter;
}

/** The table treats all plans alike; each is typed where it is written. */
function plan<D extends DescMessage>(one: Plan<D>): Plan {
  return one as unknown as Plan;
}

export const plans: readonly Plan[] = [
  plan({ schema: UserRegisteredSchema, reader: (event) => event.userId, notice: welcomeNotice }),
  plan({
    schema: OrderPaidSchema,
    reader: (event) => event.buyerId,
    notice: receiptNotice,
    letter: receiptLetter,
  }),
  plan({
    schema: OrderRefundedSchema,
    reader: (event) => event.buyerId,
    notice: refundNotice,
    letter: refundLetter,
  }),
  plan({ schema: PaymentFailedSchema, reader: (event) => event.buyerId, notice: paymentFailedNotice }),
  plan({
    schema: PayoutPaidSchema,
    reader: (event) => event.instructorId,
    notice: payoutPaidNotice,
    letter: payoutPaidLetter,
  }),
  plan({
    schema: PayoutReturnedSchema,
    reader: (event) => event.instructorId,
    notice: payoutReturnedNotice,
    letter: payoutReturnedLetter,
  }),
  plan({
    schema: InstructorTransferBookedSchema,
    reader: (event) => event.instructorId,
    notice: transferNotice,
    letter: transferLetter,
  }),
  plan({
    schema: EnrolmentGrantedSchema,
    reader: (event) => event.userId,
    course: ({ courseId, release }) => ({ courseId, release }),
    notice: enrolmentNotice,
    letter: enrolmentLetter,
  }),
  plan({
    schema: EnrolmentEndedSchema,
    reader: (event) => event.userId,
    course: ({ courseId }) => ({ courseId, release: 0 }),
    notice: enrolmentEndedNotice,
  }),
  plan({
    schema: GiftBoughtSchema,
    reader: (event) => event.buyerId,
    notice: giftNotice,
    address: (event) => event.recipientEmail,
    letter: giftLetter,
  }),
  plan({
    schema: SubscriptionChangedSchema,
    reader: (event) => event.buyerId,
    notice: subscriptionNotice,
    letter: subscriptionLetter,
  }),
  plan({
    schema: InvoiceIssuedSchema,
    reader: (event) => event.buyerId,
    notice: invoiceNotice,
    letter: invoiceLetter,
  }),
  plan({
    schema: CourseCompletedSchema,
    reader: (event) => event.userId,
    course: ({ courseId, release }) => ({ courseId, release }),
    notice: courseCompletedNotice,
  }),
];

const byType = new Map(plans.map((one) => [one.schema.typeName, one]));

export function planOf(typeName: string): Plan | undefined {
  return byType.get(typeName);
}
