/**
 * One table of refusals: what an operation may say no with, and how each face says it.
 *
 * A refusal is a documented answer, not a fault: nothing was changed, the caller can act on it. Faults (a broken
 * dependency, a bug) are exceptions and reach a client only as `internal` or `unavailable`.
 */

/** gRPC status codes by their number (grpc/doc/statuscodes.md). */
export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export type GrpcStatus = (typeof grpcStatus)[keyof typeof grpcStatus];

export interface RefusalKind {
  readonly http: number;
  readonly grpc: GrpcStatus;
  /** The same call may succeed later without being changed. */
  readonly retryable: boolean;
  readonly title: string;
}

function kind(http: number, grpc: GrpcStatus, title: string, retryable = false): RefusalKind {
  return { http, grpc, retryable, title };
}

const s = grpcStatus;

export const refusals = {
  // General: any operation may answer these.
  invalid_request: kind(400, s.invalidArgument, 'The request is not valid'),
  invalid_json: kind(400, s.invalidArgument, 'The body is not JSON'),
  unauthenticated: kind(401, s.unauthenticated, 'Sign in first'),
  permission_denied: kind(403, s.permissionDenied, 'You may not do this'),
  csrf_refused: kind(403, s.permissionDenied, 'The request did not come from this site'),
  not_found: kind(404, s.notFound, 'There is no such thing'),
  method_not_allowed: kind(405, s.unimplemented, 'The route does not know this method'),
  not_acceptable: kind(406, s.invalidArgument, 'No answer in the accepted form'),
  request_timeout: kind(408, s.deadlineExceeded, 'The request took too long to arrive', true),
  payload_too_large: kind(413, s.resourceExhausted, 'The body is too large'),
  uri_too_long: kind(414, s.invalidArgument, 'The address is too long'),
  unsupported_media_type: kind(415, s.invalidArgument, 'The body has the wrong media type'),
  range_not_satisfiable: kind(416, s.outOfRange, 'The range is outside the file'),
  too_many_requests: kind(429, s.resourceExhausted, 'Too many requests', true),
  internal: kind(500, s.internal, 'Something went wrong on our side', true),
  unavailable: kind(503, s.unavailable, 'A part of the platform is not available', true),
  busy: kind(503, s.resourceExhausted, 'Too much is under way; try again shortly', true),
  deadline_exceeded: kind(504, s.deadlineExceeded, 'The answer took too long', true),

  // Idempotency and concurrency.
  idempotency_key_required: kind(400, s.invalidArgument, 'An Idempotency-Key is required'),
  idempotency_key_invalid: kind(400, s.invalidArgument, 'The Idempotency-Key is not valid'),
  idempotency_key_reused: kind(422, s.failedPrecondition, 'The Idempotency-Key was used for another request'),
  idempotency_in_progress: kind(409, s.aborted, 'A request with this Idempotency-Key is still running', true),
  stale_etag: kind(412, s.failedPrecondition, 'The document has changed since you read it'),
  limit_reached: kind(409, s.resourceExhausted, 'A limit is reached'),

  // Identity.
  invalid_credentials: kind(401, s.unauthenticated, 'The address or the password is wrong'),
  second_factor_required: kind(401, s.unauthenticated, 'A second factor is required'),
  verification_invalid: kind(400, s.invalidArgument, 'The verification link is not valid any more'),
  administrator_exists: kind(409, s.alreadyExists, 'There is an administrator'),
  address_not_verified: kind(409, s.failedPrecondition, 'The address is not verified'),

  // Content.
  slug_taken: kind(409, s.alreadyExists, 'The slug is taken'),
  course_incomplete: kind(409, s.failedPrecondition, 'The course cannot be published yet'),

  // Learning.
  not_enrolled: kind(403, s.permissionDenied, 'You are not enrolled in this course'),
  not_a_quiz: kind(409, s.failedPrecondition, 'The lesson is not a quiz'),
  completed_by_passing: kind(409, s.failedPrecondition, 'A quiz is completed by passing it'),
  attempts_exhausted: kind(409, s.failedPrecondition, 'No attempt is left'),
  attempt_submitted: kind(409, s.failedPrecondition, 'The attempt is already submitted'),

  // Orders.
  course_not_available: kind(409, s.failedPrecondition, 'The course is not on sale'),
  already_enrolled: kind(409, s.alreadyExists, 'You already have this course'),
  own_course: kind(409, s.failedPrecondition, 'You teach this course'),
  mixed_currencies: kind(409, s.failedPrecondition, 'One order holds one currency'),
  coupon_not_found: kind(409, s.notFound, 'There is no such coupon'),
  coupon_expired: kind(409, s.failedPrecondition, 'The coupon is not valid now'),
  coupon_exhausted: kind(409, s.resourceExhausted, 'The coupon is used up'),
  coupon_not_applicable: kind(409, s.failedPrecondition, 'The coupon does not apply to this order'),
  coupon_minimum_not_met: kind(409, s.failedPrecondition, 'The order is too small for the coupon'),
  coupon_code_taken: kind(409, s.alreadyExists, 'The coupon code is taken'),
  bundle_not_available: kind(409, s.failedPrecondition, 'The bundle is not on sale'),
  order_already_open: kind(409, s.alreadyExists, 'An order of this course is waiting to be paid'),
  cart_empty: kind(409, s.failedPrecondition, 'The cart is empty'),
  price_changed: kind(409, s.failedPrecondition, 'The price is not the one you saw'),
  order_not_editable: kind(409, s.failedPrecondition, 'The order cannot be changed in this way'),
  order_not_cancellable: kind(409, s.failedPrecondition, 'The order cannot be cancelled any more'),
  order_not_paid: kind(409, s.failedPrecondition, 'The order is not paid'),
  refund_exceeds_captured: kind(409, s.failedPrecondition, 'More than what is left to refund'),
  refund_window_closed: kind(409, s.failedPrecondition, 'The time for a refund is over'),
  amount_invalid: kind(400, s.invalidArgument, 'The amount is not valid'),

  // Orders: subscriptions, gifts, seats, cohorts.
  plan_not_on_sale: kind(409, s.failedPrecondition, 'The plan is not on sale'),
  already_subscribed: kind(409, s.alreadyExists, 'You have this subscription already'),
  subscription_not_changeable: kind(409, s.failedPrecondition, 'The subscription cannot be changed now'),
  gift_not_redeemable: kind(409, s.failedPrecondition, 'The gift cannot be redeemed'),
  no_seat_left: kind(409, s.resourceExhausted, 'No seat is left'),
  seat_already_assigned: kind(409, s.alreadyExists, 'This person has a seat already'),
  seats_in_use: kind(409, s.failedPrecondition, 'Fewer seats than that are free'),
  join_link_closed: kind(409, s.failedPrecondition, 'The link does not give out seats any more'),
  cohort_closed: kind(409, s.failedPrecondition, 'The cohort takes no more orders'),
  cohort_full: kind(409, s.resourceExhausted, 'No place is left in the cohort'),
  capacity_in_use: kind(409, s.failedPrecondition, 'More places than that are sold or reserved'),

  // Payments.
  order_not_payable: kind(409, s.failedPrecondition, 'The order cannot be paid'),
  payment_in_progress: kind(409, s.aborted, 'A payment of this order is under way', true),
  already_captured: kind(409, s.failedPrecondition, 'The order is already paid'),
  payment_method_invalid: kind(400, s.invalidArgument, 'The payment method is not valid'),
  card_data_refused: kind(400, s.invalidArgument, 'Card numbers are never accepted here'),
  challenge_response_invalid: kind(400, s.invalidArgument, 'The challenge response is not valid'),
  mandate_not_usable: kind(409, s.failedPrecondition, 'The mandate cannot be charged'),
  not_capturable: kind(409, s.failedPrecondition, 'The payment has nothing to capture'),
  capture_exceeds_authorized: kind(409, s.failedPrecondition, 'More than what was authorized'),
  payment_blocked: kind(403, s.permissionDenied, 'The payment is not accepted'),
  dispute_not_open: kind(409, s.failedPrecondition, 'The dispute takes no answer any more'),
  risk_scoring_invalid: kind(400, s.invalidArgument, 'The scoring is not valid'),
  routing_rules_invalid: kind(400, s.invalidArgument, 'The routing rules are not valid'),
  invalid_signature: kind(400, s.unauthenticated, 'The signature is not valid'),

  // Ledger.
  sequence_not_reached: kind(409, s.failedPrecondition, 'The book has not come so far yet', true),
  journal_rejected: kind(409, s.failedPrecondition, 'The book does not take this'),
  period_sealed: kind(409, s.failedPrecondition, 'The period is sealed'),
  second_person_required: kind(403, s.permissionDenied, 'Another person has to decide this'),
  already_decided: kind(409, s.failedPrecondition, 'It is already decided'),

  // Reconciliation.
  settlement_file_known: kind(409, s.alreadyExists, 'The file is already here'),
  settlement_file_state: kind(409, s.failedPrecondition, 'The file is past that step'),
  break_closed: kind(409, s.failedPrecondition, 'The break is closed'),
  already_matched: kind(409, s.failedPrecondition, 'A part of it is already matched'),
  match_unbalanced: kind(409, s.failedPrecondition, 'The two sides are not equal'),
  match_rule_invalid: kind(400, s.invalidArgument, 'The matching rule is not valid'),

  // Payouts to instructors.
  instant_payout_impossible: kind(409, s.failedPrecondition, 'Nothing can be paid out now'),
  settlement_running: kind(409, s.aborted, 'A settlement run is under way', true),
  own_payout_batch: kind(409, s.failedPrecondition, 'Nobody approves what they made'),
  payout_batch_state: kind(409, s.failedPrecondition, 'The payout batch is past that step'),
  payout_file_differs: kind(409, s.failedPrecondition, 'The file is not the one you looked at'),
  payout_answer_invalid: kind(422, s.invalidArgument, 'The answer of the bank is refused'),
  transfer_not_reversible: kind(409, s.failedPrecondition, 'The transfer cannot be reversed'),
  transfer_exceeded: kind(409, s.failedPrecondition, 'More would go back than was transferred'),
  payout_bank_invalid: kind(400, s.invalidArgument, 'The bank is not valid'),
  payout_account_invalid: kind(400, s.invalidArgument, 'The payout account is not valid'),
  withholding_rules_invalid: kind(400, s.invalidArgument, 'The rates of tax withheld are not valid'),
  withholding_rules_changed: kind(409, s.failedPrecondition, 'Other rates of tax withheld are in force'),
  tax_profile_invalid: kind(400, s.invalidArgument, 'The tax profile is not valid'),

  // Notifications.
  webhook_address_refused: kind(400, s.invalidArgument, 'Events cannot be sent to this address'),
  webhook_endpoint_disabled: kind(409, s.failedPrecondition, 'The webhook endpoint is disabled'),
  mailbox_off: kind(409, s.failedPrecondition, 'Mail is sent by SMTP; there is no local mailbox'),
} as const satisfies Record<string, RefusalKind>;

export type RefusalCode = keyof typeof refusals;

export function isRefusalCode(code: string): code is RefusalCode {
  return Object.hasOwn(refusals, code);
}

/** What is wrong with one field of a request. `field` is the JSON path, e.g. `items[0].courseId`. */
export interface FieldError {
  readonly field: string;
  /** required, unknown_field, wrong_type, too_long, too_short, too_many, too_few, out_of_range, bad_format, not_allowed, differs. */
  readonly code: string;
  readonly detail: string;
}
