/**
 * The facts that services tell each other: who owns each, which topic it travels on, who listens.
 *
 * The topic is the owner's name; the partition key is the subject of the event, so that all facts about one thing keep
 * their order. Adding a consumer here is what allows a service to consume the event; tools/tidy.test.ts holds the table
 * against the proto files and the service definitions.
 */
import type { DescMessage } from '@bufbuild/protobuf';
import * as content from '../gen/suuupra/content/v1/content_events_pb.ts';
import * as identity from '../gen/suuupra/identity/v1/identity_events_pb.ts';
import * as learning from '../gen/suuupra/learning/v1/learning_events_pb.ts';
import * as ledger from '../gen/suuupra/ledger/v1/ledger_events_pb.ts';
import * as orders from '../gen/suuupra/orders/v1/orders_events_pb.ts';
import * as payments from '../gen/suuupra/payments/v1/payments_events_pb.ts';
import * as settlement from '../gen/suuupra/settlement/v1/settlement_events_pb.ts';

export interface EventRow {
  readonly schema: DescMessage;
  /** The service that publishes it, and the name of its topic. */
  readonly owner: string;
  /** Field of the message whose value is the partition key. */
  readonly key: string;
  readonly consumers: readonly string[];
}

function row(schema: DescMessage, owner: string, key: string, consumers: readonly string[]): EventRow {
  return { schema, owner, key, consumers };
}

export const events: readonly EventRow[] = [
  row(identity.UserRegisteredSchema, 'identity', 'user_id', ['notifications']),
  row(identity.EmailVerifiedSchema, 'identity', 'user_id', ['orders']),
  row(identity.SessionEndedSchema, 'identity', 'user_id', ['notifications']),
  row(identity.UserRolesChangedSchema, 'identity', 'user_id', []),
  row(content.CourseCreatedSchema, 'content', 'course_id', []),
  row(content.ReleasePublishedSchema, 'content', 'course_id', ['search', 'learning']),
  row(orders.OrderPlacedSchema, 'orders', 'order_id', []),
  row(orders.OrderPaidSchema, 'orders', 'order_id', ['ledger', 'learning', 'notifications']),
  row(orders.OrderCancelledSchema, 'orders', 'order_id', []),
  row(orders.OrderRefundedSchema, 'orders', 'order_id', ['ledger', 'learning', 'notifications']),
  row(orders.EntitlementGrantedSchema, 'orders', 'entitlement_id', ['learning']),
  row(orders.EntitlementEndedSchema, 'orders', 'entitlement_id', ['learning']),
  row(orders.InvoiceIssuedSchema, 'orders', 'order_id', ['notifications']),
  row(orders.SubscriptionChangedSchema, 'orders', 'subscription_id', ['notifications']),
  row(orders.GiftBoughtSchema, 'orders', 'order_id', ['notifications']),
  row(payments.PaymentSucceededSchema, 'payments', 'order_id', ['orders', 'settlement']),
  row(payments.PaymentAuthorizedSchema, 'payments', 'order_id', ['orders']),
  row(payments.PaymentFailedSchema, 'payments', 'order_id', ['notifications']),
  row(payments.LatePaymentReceivedSchema, 'payments', 'order_id', ['ledger', 'settlement']),
  row(payments.LatePaymentReturnedSchema, 'payments', 'order_id', ['ledger', 'settlement']),
  row(payments.RefundSucceededSchema, 'payments', 'order_id', ['orders', 'settlement']),
  row(payments.RefundFailedSchema, 'payments', 'order_id', ['orders']),
  row(payments.DisputeOpenedSchema, 'payments', 'order_id', ['ledger', 'notifications', 'orders', 'settlement']),
  row(payments.DisputeClosedSchema, 'payments', 'order_id', ['ledger', 'notifications', 'orders', 'settlement']),
  row(payments.MandateChangedSchema, 'payments', 'mandate_id', []),
  row(ledger.JournalPostedSchema, 'ledger', 'reference', []),
  row(ledger.JournalsPostedSchema, 'ledger', 'book', []),
  row(ledger.BalanceCrossedSchema, 'ledger', 'account', []),
  row(settlement.PayoutPaidSchema, 'settlement', 'payout_id', ['notifications']),
  row(settlement.PayoutReturnedSchema, 'settlement', 'payout_id', ['notifications']),
  row(settlement.InstructorTransferBookedSchema, 'settlement', 'instructor_id', ['notifications']),
  row(learning.EnrolmentGrantedSchema, 'learning', 'user_id', ['notifications', 'orders']),
  row(learning.EnrolmentEndedSchema, 'learning', 'user_id', ['notifications']),
  row(learning.LessonCompletedSchema, 'learning', 'user_id', []),
  row(learning.CourseCompletedSchema, 'learning', 'user_id', ['notifications']),
  row(learning.AttemptGradedSchema, 'learning', 'user_id', []),
];

const byType = new Map(events.map((event) => [event.schema.typeName, event]));

/** The row of an event by the full name of its message; undefined for an unknown type. */
export function eventRow(typeName: string): EventRow | undefined {
  return byType.get(typeName);
}
