/** What is told to other systems, when a delivery is tried again, and when an endpoint is given up. Pure. */
import type { DescMessage } from '@bufbuild/protobuf';
import {
  CourseCompletedSchema,
  EnrolmentEndedSchema,
  EnrolmentGrantedSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import {
  InvoiceIssuedSchema,
  OrderPaidSchema,
  OrderRefundedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentFailedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';

export interface WebhookType {
  readonly type: string;
  readonly schema: DescMessage;
}

/** The events that leave the platform. Their data holds ids and amounts, no addresses and no names of people. */
export const webhookTypes: readonly WebhookType[] = [
  { type: 'order.paid', schema: OrderPaidSchema },
  { type: 'order.refunded', schema: OrderRefundedSchema },
  { type: 'invoice.issued', schema: InvoiceIssuedSchema },
  { type: 'payment.failed', schema: PaymentFailedSchema },
  { type: 'dispute.opened', schema: DisputeOpenedSchema },
  { type: 'dispute.closed', schema: DisputeClosedSchema },
  { type: 'enrolment.granted', schema: EnrolmentGrantedSchema },
  { type: 'enrolment.ended', schema: EnrolmentEndedSchema },
  { type: 'course.completed', schema: CourseCompletedSchema },
];

/** Sent only when somebody asks for it. */
export const testType = 'webhook.test';

const seconds = 1_000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
/** Pauses after the first, second, … try that failed: ten tries over a little more than a day, as the specification advises. */
export const retryPausesMs: readonly number[] = [
  5 * seconds,
  1 * minutes,
  5 * minutes,
  30 * minutes,
  2 * hours,
  5 * hours,
  5 * hours,
  6 * hours,
  6 * hours,
];
/** Up to a tenth is added, so that what failed together does not come back together. */
const jitter = 0.1;
/** An endpoint that took nothing for this long is disabled, and its makers are expected to look. */
export const failingMsMax = 5 * 24 * hours;
/** After a rotation the secret before signs along for this long. */
export const oldSecretMs = 24 * hours;

/** When a delivery whose `tries`th try failed is tried again; undefined when it is given up. */
export function nextTryMs(tries: number, nowMs: number, random: () => number): number | undefined {
  const pauseMs = retryPausesMs[tries - 1];
  return pauseMs === undefined ? undefined : nowMs + Math.round(pauseMs * (1 + jitter * random()));
}

/** What one try came to. */
export type Outcome =
  | { readonly kind: 'taken'; readonly httpStatus: number }
  | { readonly kind: 'refused'; readonly httpStatus: number; readonly problem: Problem };

export type Problem = 'timeout' | 'address_refused' | 'connection_failed' | 'redirect' | 'http_error';

/** 2xx is taken; a redirect is not followed: the address that was given is the one that was checked. */
export function outcomeOf(httpStatus: number): Outcome {
  if (httpStatus >= 200 && httpStatus < 300) return { kind: 'taken', httpStatus };
  return { kind: 'refused', httpStatus, problem: httpStatus >= 300 && httpStatus < 400 ? 'redirect' : 'http_error' };
}

/** Whether the endpoint is disabled after a try: 410 says that nobody wants it any more, five days without success too. */
export function disablesEndpoint(
  outcome: Outcome,
  failingSinceMs: number,
  nowMs: number,
): 'gone' | 'failing' | undefined {
  if (outcome.kind === 'taken') return undefined;
  if (outcome.httpStatus === 410) return 'gone';
  return nowMs - failingSinceMs > failingMsMax ? 'failing' : undefined;
}
