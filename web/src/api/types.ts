/**

 * The JSON of the public API. Made by tools/generate-api-types.ts from the contracts; do not edit.

 * 64-bit integers are decimal strings, times are RFC 3339 text in UTC. `<Name>Input` is what may be sent.

 */

export type NoFields = Record<never, never>;

export type Level = 'beginner' | 'intermediate' | 'advanced';

export type CourseStatus = 'draft' | 'released';

export type LessonKind = 'text' | 'video' | 'quiz' | 'assignment' | 'live' | 'package';

export type QuestionKind = 'single' | 'multiple' | 'numeric' | 'ordering';

export type EnrolmentStatus = 'active' | 'ended';

export type BecauseKind =
  | 'order_paid'
  | 'order_refunded'
  | 'teaches'
  | 'no_order'
  | 'admin'
  | 'entitlement_granted'
  | 'entitlement_ended';

export type AttemptStatus = 'in_progress' | 'submitted';

export type Side = 'debit' | 'credit';

export type EarningStatus = 'earned' | 'partially_refunded' | 'refunded';

export type AccountStatus = 'open' | 'frozen' | 'closed';

export type TimeBasis = 'recorded' | 'effective';

export type AdjustmentStatus = 'proposed' | 'booked' | 'rejected';

export type BulkMode = 'atomic' | 'continue' | 'stop';

export type MonitorDirection = 'below' | 'above';

export type WebhookEndpointStatus = 'enabled' | 'disabled';

export type WebhookDeliveryStatus = 'pending' | 'delivered' | 'failed';

export type PartState = 'up' | 'down';

export type OrderStatus = 'awaiting_payment' | 'paid' | 'cancelled' | 'partially_refunded' | 'refunded';

export type RefundStatus = 'pending' | 'succeeded' | 'failed';

export type Fulfillment = 'none' | 'pending' | 'fulfilled' | 'completed';

export type CouponScope = 'all' | 'courses' | 'instructor';

export type GiftStatus = 'open' | 'redeemed' | 'void' | 'ended';

export type SeatStatus = 'invited' | 'assigned' | 'withdrawn' | 'ended';

export type PlanInterval = 'month' | 'year';

export type SubscriptionStatus = 'incomplete' | 'trialing' | 'active' | 'past_due' | 'ended';

export type PaymentStatus =
  | 'requires_action'
  | 'processing'
  | 'succeeded'
  | 'failed'
  | 'unknown'
  | 'cancelled'
  | 'requires_capture'
  | 'requires_confirmation';

export type NextActionType = 'challenge' | 'upi_intent' | 'upi_collect';

export type MethodType = 'card' | 'upi';

export type RefundCaseStatus = 'pending' | 'succeeded' | 'failed';

export type DisputeStage = 'pre_dispute' | 'dispute' | 'pre_arbitration';

export type DisputeStatus = 'opened' | 'challenged' | 'accepted' | 'expired' | 'won' | 'lost';

export type MandateStatus = 'pending' | 'active' | 'paused' | 'revoked' | 'failed' | 'expired';

export type Confirmation = 'now' | 'later';

export type RiskDimension = 'customer' | 'fingerprint' | 'address' | 'device';

export type RiskCounted = 'attempts' | 'failures';

export type RiskOutcome = 'allow' | 'challenge' | 'review' | 'block';

export type RiskMeasure = 'count' | 'distinct' | 'unseen' | 'amount' | 'above_usual';

export type RouteStrategy = 'fixed' | 'split' | 'success_rate' | 'least_cost';

export interface ListCoursesResponse {
  courses: Course[];
  nextPageToken: string;
}

export interface Course {
  id: string;
  slug: string;
  title: string;
  summary: string;
  level?: Level;
  language: string;
  price?: Money;
  instructor?: Instructor;
  rating?: Rating;
  releasedAt?: string;
  status?: CourseStatus;
  release: number;
  descriptionHtml: string;
  description: string;
  lessonCount: number;
  durationSeconds: number;
}

export interface Money {
  currency: string;
  amountMinor: string;
}

export interface Instructor {
  id: string;
  displayName: string;
}

export interface Rating {
  mean?: number;
  count: number;
}

export interface GetCourseResponse {
  course: Course;
}

export interface GetOutlineResponse {
  sections: OutlineSection[];
  release: number;
}

export interface OutlineSection {
  id: string;
  title: string;
  lessons: OutlineLesson[];
}

export interface OutlineLesson {
  id: string;
  title: string;
  kind?: LessonKind;
  durationSeconds: number;
  preview: boolean;
}

export interface GetLessonResponse {
  lesson: Lesson;
}

export interface Lesson {
  id: string;
  courseId: string;
  sectionId: string;
  title: string;
  kind?: LessonKind;
  durationSeconds: number;
  preview: boolean;
  content?: LessonContent;
  html: string;
  release: number;
}

export interface LessonContent {
  markdown: string;
  video?: Video;
  quiz?: Quiz;
}

export interface Video {
  fileId: string;
  captionsFileId: string;
  transcript: string;
  url: string;
  captionsUrl: string;
  posterFileId: string;
  posterUrl: string;
}

export interface Quiz {
  questions: Question[];
  passFraction: number;
  attemptsMax: number;
}

export interface Question {
  id: string;
  kind?: QuestionKind;
  stem: string;
  options: Option[];
  points: number;
  key?: AnswerKey;
  feedback?: Feedback;
  stemHtml: string;
  unit: string;
}

export interface Option {
  id: string;
  text: string;
  feedback: string;
  textHtml: string;
  feedbackHtml: string;
}

export interface AnswerKey {
  optionIds: string[];
  optionPositions: number[];
  value: number;
  tolerance: number;
}

export interface Feedback {
  correct: string;
  incorrect: string;
  correctHtml: string;
  incorrectHtml: string;
}

export interface ListMyCoursesResponse {
  courses: Course[];
  nextPageToken: string;
}

export interface CreateCourseResponse {
  course: Course;
}

export interface UpdateCourseResponse {
  course: Course;
}

export interface CreateSectionResponse {
  section: OutlineSection;
}

export interface CreateLessonResponse {
  lesson: Lesson;
}

export interface UpdateLessonResponse {
  lesson: Lesson;
}

export interface PublishCourseResponse {
  course: Course;
}

export interface CreateUserResponse {
  user: User;
}

export interface User {
  id: string;
  email: string;
  displayName: string;
  roles: string[];
  emailVerified: boolean;
  createdAt?: string;
}

export interface CreateSessionResponse {
  accessToken: string;
  expiresInSeconds: number;
  user: User;
}

export interface ListSessionsResponse {
  sessions: Session[];
  nextPageToken: string;
}

export interface Session {
  id: string;
  createdAt?: string;
  lastSeenAt?: string;
  userAgent: string;
  current: boolean;
}

export interface GetMeResponse {
  user: User;
}

export interface UpdateMeResponse {
  user: User;
}

export interface VerifyEmailResponse {
  verified: boolean;
}

export interface ListUsersResponse {
  users: User[];
  nextPageToken: string;
}

export interface BatchGetPeopleResponse {
  people: Person[];
}

export interface Person {
  id: string;
  displayName: string;
  email: string;
}

export interface SetUserRolesResponse {
  user: User;
}

export interface ListEnrolmentsResponse {
  enrolments: Enrolment[];
  nextPageToken: string;
}

export interface Enrolment {
  id: string;
  courseId: string;
  release: number;
  status?: EnrolmentStatus;
  progress?: Progress;
  enrolledAt?: string;
  endedAt?: string;
  courseTitle: string;
  courseSlug: string;
  nextLessonId: string;
  lastActiveAt?: string;
}

export interface Progress {
  completedLessons: number;
  totalLessons: number;
  fraction: number;
}

export interface GetAccessResponse {
  entitled: boolean;
  because: Because[];
  release: number;
}

export interface Because {
  kind?: BecauseKind;
  reference: string;
  at?: string;
}

export interface GetCourseProgressResponse {
  progress: Progress;
  lessons: LessonProgress[];
  nextLessonId: string;
  release: number;
}

export interface LessonProgress {
  lessonId: string;
  completed: boolean;
  positionSeconds: number;
  completedAt?: string;
  updatedAt?: string;
  bestFraction?: number;
}

export interface PutProgressResponse {
  progress: LessonProgress;
}

export interface StartAttemptResponse {
  attempt: Attempt;
}

export interface Attempt {
  id: string;
  lessonId: string;
  status?: AttemptStatus;
  score?: number;
  maxScore: number;
  passed?: boolean;
  passFraction: number;
  startedAt?: string;
  submittedAt?: string;
  questions: AttemptQuestion[];
  answers: Answer[];
  results: QuestionResult[];
  number: number;
}

export interface AttemptQuestion {
  id: string;
  kind: string;
  stemHtml: string;
  options: AttemptOption[];
  points: number;
  unit: string;
}

export interface AttemptOption {
  id: string;
  textHtml: string;
}

export interface Answer {
  questionId: string;
  optionIds: string[];
  value?: number;
  savedAt?: string;
}

export interface QuestionResult {
  questionId: string;
  score: number;
  maxScore: number;
  feedbackHtml: string;
  optionFeedback: OptionFeedback[];
}

export interface OptionFeedback {
  optionId: string;
  feedbackHtml: string;
}

export interface ListAttemptsResponse {
  attempts: Attempt[];
  nextPageToken: string;
}

export interface GetAttemptResponse {
  attempt: Attempt;
}

export interface PutAnswerResponse {
  answer: Answer;
}

export interface SubmitAttemptResponse {
  attempt: Attempt;
}

export interface GetTrialBalanceResponse {
  currencies: CurrencyBalance[];
  at: string;
  sequence: string;
}

export interface CurrencyBalance {
  currency: string;
  debitMinor: string;
  creditMinor: string;
  accounts: AccountBalance[];
}

export interface AccountBalance {
  code: string;
  name: string;
  normalSide?: Side;
  balanceMinor: string;
  type: string;
}

export interface ListEntriesResponse {
  entries: Entry[];
  nextPageToken: string;
}

export interface Entry {
  id: string;
  at?: string;
  effectiveAt?: string;
  reference: string;
  legs: Leg[];
  kind: string;
  description: string;
  cause: string;
  sequence: string;
  exchange?: Exchange;
  revaluation?: Revaluation;
}

export interface Leg {
  account: string;
  debit?: Money;
  credit?: Money;
  accountName: string;
}

export interface Exchange {
  soldCurrency: string;
  soldMinor: string;
  boughtCurrency: string;
  boughtMinor: string;
  rate: string;
  source: string;
}

export interface Revaluation {
  balances: ValuedBalance[];
  ownMinor: string;
  differenceMinor: string;
}

export interface ValuedBalance {
  currency: string;
  balanceMinor: string;
  rate: string;
  source: string;
  valueMinor: string;
}

export interface GetMyEarningsResponse {
  earnings: Earning[];
  balance: Money;
  balances: Money[];
  nextPageToken: string;
}

export interface Earning {
  orderId: string;
  courseId: string;
  gross?: Money;
  tax?: Money;
  platformFee?: Money;
  share?: Money;
  status?: EarningStatus;
  at?: string;
  courseTitle: string;
  refundedShare?: Money;
}

export interface ListAccountsResponse {
  accounts: Account[];
  nextPageToken: string;
  sequence: string;
}

export interface Account {
  code: string;
  currency: string;
  name: string;
  type: string;
  normalSide?: Side;
  status?: AccountStatus;
  debitMinor: string;
  creditMinor: string;
  balanceMinor: string;
  pendingDebitMinor: string;
  pendingCreditMinor: string;
  availableMinor: string;
  balanceMinMinor?: string;
  balanceMaxMinor?: string;
}

export interface GetAccountResponse {
  account: Account;
  sequence: string;
}

export interface GetBalanceResponse {
  debitMinor: string;
  creditMinor: string;
  balanceMinor: string;
  sequence: string;
}

export interface GetStatementResponse {
  account: Account;
  openingMinor: string;
  closingMinor: string;
  debitsMinor: string;
  creditsMinor: string;
  lines: StatementLine[];
  nextPageToken: string;
  sequence: string;
}

export interface StatementLine {
  sequence: string;
  position: number;
  journalId: string;
  kind: string;
  reference: string;
  description: string;
  recordedAt?: string;
  effectiveAt?: string;
  counterpart: string;
  debitMinor: string;
  creditMinor: string;
  balanceMinor: string;
  exchange?: Exchange;
}

export interface OpenAccountResponse {
  account: Account;
  sequence: string;
}

export interface LimitAccountResponse {
  account: Account;
  sequence: string;
}

export interface FreezeAccountResponse {
  account: Account;
  sequence: string;
}

export interface ThawAccountResponse {
  account: Account;
  sequence: string;
}

export interface CloseAccountResponse {
  account: Account;
  sequence: string;
}

export interface ListPeriodsResponse {
  periods: Period[];
  nextPageToken: string;
}

export interface Period {
  number: string;
  from?: string;
  until?: string;
  sealedAt?: string;
  sealedBy: string;
  note: string;
  sequence: string;
  chainHead: string;
}

export interface GetPeriodResponse {
  period: Period;
  currencies: CurrencyBalance[];
}

export interface ClosePeriodResponse {
  period: Period;
  currencies: CurrencyBalance[];
}

export interface ListAdjustmentsResponse {
  adjustments: Adjustment[];
  nextPageToken: string;
}

export interface Adjustment {
  id: string;
  status?: AdjustmentStatus;
  kind: string;
  currency: string;
  reference: string;
  reason: string;
  effectiveAt?: string;
  transfers: AdjustmentTransfer[];
  reversesJournalId: string;
  proposedBy: string;
  proposedAt?: string;
  decidedBy: string;
  decidedAt?: string;
  decisionNote: string;
  journalId: string;
  sequence: string;
  exchange?: ExchangeToBook;
  revaluation?: Revaluation;
}

export interface AdjustmentTransfer {
  debit: string;
  credit: string;
  amountMinor: string;
}

export interface ExchangeToBook {
  fromAccount: string;
  fromMinor: string;
  toAccount: string;
  toCurrency: string;
  toMinor: string;
  rate: string;
  source: string;
}

export interface GetAdjustmentResponse {
  adjustment: Adjustment;
}

export interface ProposeAdjustmentResponse {
  adjustment: Adjustment;
}

export interface ProposeExchangeResponse {
  adjustment: Adjustment;
}

export interface ProposeRevaluationResponse {
  adjustment: Adjustment;
}

export interface ApproveAdjustmentResponse {
  adjustment: Adjustment;
}

export interface RejectAdjustmentResponse {
  adjustment: Adjustment;
}

export interface BookJournalsInBulkResponse {
  results: BookedJournal[];
  sequence: string;
  balances: BalanceAfter[];
}

export interface BookedJournal {
  id: string;
  outcome: string;
  journalId: string;
  sequence: string;
  reason: string;
  detail: string;
  resolvedMinor: string[];
  boughtJournalId: string;
}

export interface BalanceAfter {
  account: string;
  currency: string;
  balanceMinor: string;
}

export interface ListMonitorsResponse {
  monitors: Monitor[];
  nextPageToken: string;
}

export interface Monitor {
  id: string;
  account: string;
  currency: string;
  direction?: MonitorDirection;
  thresholdMinor: string;
  hysteresisMinor: string;
  crossed: boolean;
}

export interface CreateMonitorResponse {
  monitor: Monitor;
  sequence: string;
}

export interface ListNotificationsResponse {
  notifications: Notification[];
  nextPageToken: string;
  unreadCount: number;
}

export interface Notification {
  id: string;
  kind: string;
  title: string;
  body: string;
  link: string;
  createdAt?: string;
  readAt?: string;
}

export interface MarkReadResponse {
  unreadCount: number;
}

export interface ListMailResponse {
  mails: Mail[];
  nextPageToken: string;
}

export interface Mail {
  id: string;
  to: string;
  subject: string;
  text: string;
  sentAt?: string;
}

export interface CreateWebhookEndpointResponse {
  endpoint: WebhookEndpoint;
  secret: string;
}

export interface WebhookEndpoint {
  id: string;
  url: string;
  description: string;
  eventTypes: string[];
  status?: WebhookEndpointStatus;
  disabledBecause: string;
  createdAt?: string;
  failingSince?: string;
}

export interface ListWebhookEndpointsResponse {
  endpoints: WebhookEndpoint[];
  nextPageToken: string;
  knownEventTypes: string[];
}

export interface GetWebhookEndpointResponse {
  endpoint: WebhookEndpoint;
}

export interface EnableWebhookEndpointResponse {
  endpoint: WebhookEndpoint;
}

export interface DisableWebhookEndpointResponse {
  endpoint: WebhookEndpoint;
}

export interface RotateWebhookSecretResponse {
  endpoint: WebhookEndpoint;
  secret: string;
}

export interface TestWebhookEndpointResponse {
  delivery: WebhookDelivery;
}

export interface WebhookDelivery {
  id: string;
  endpointId: string;
  eventId: string;
  eventType: string;
  status?: WebhookDeliveryStatus;
  tries: number;
  createdAt?: string;
  nextTryAt?: string;
  lastTry?: WebhookTry;
}

export interface WebhookTry {
  at?: string;
  httpStatus: number;
  problem: string;
  durationMs: number;
}

export interface ListWebhookDeliveriesResponse {
  deliveries: WebhookDelivery[];
  nextPageToken: string;
}

export interface GetWebhookDeliveryResponse {
  delivery: WebhookDelivery;
  body: string;
  tries: WebhookTry[];
}

export interface ReplayWebhookDeliveryResponse {
  delivery: WebhookDelivery;
}

export interface ReplayFailedWebhooksResponse {
  replayed: number;
}

export interface GetHealthResponse {
  processes: ProcessHealth[];
  deadLetterCount: number;
  deadLetterCountExact: boolean;
}

export interface ProcessHealth {
  instance: string;
  answered: boolean;
  services: string[];
  startedAt?: string;
  version: string;
  latencyMs: number;
  parts: Part[];
  lags: ConsumerLag[];
  outboxes: OutboxState[];
  memoryBytes: string;
}

export interface Part {
  name: string;
  state?: PartState;
  latencyMs: number;
}

export interface ConsumerLag {
  group: string;
  events: string;
}

export interface OutboxState {
  service: string;
  waiting: string;
  oldestSeconds: number;
}

export interface ListTracesResponse {
  traces: TraceSummary[];
  silent: string[];
}

export interface TraceSummary {
  traceId: string;
  name: string;
  startedAt?: string;
  durationMs: number;
  spanCount: number;
  failed: boolean;
  services: string[];
}

export interface GetTraceResponse {
  spans: TraceSpan[];
  silent: string[];
  leftOut: number;
}

export interface TraceSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  service: string;
  instance: string;
  kind: string;
  startedAt?: string;
  durationMs: number;
  failed: boolean;
  attributes: Record<string, string>;
  depth: number;
  offsetMs: number;
}

export interface ListEventsResponse {
  events: LoggedEvent[];
  silent: string[];
}

export interface LoggedEvent {
  id: string;
  topic: string;
  partition: number;
  position: string;
  type: string;
  subject: string;
  time?: string;
  traceId: string;
  correlationId: string;
  consumers: string[];
  body: string;
  withheld: string[];
}

export interface ListDeadLettersResponse {
  deadLetters: DeadLetter[];
  silent: string[];
}

export interface DeadLetter {
  group: string;
  event?: LoggedEvent;
  error: string;
  at?: string;
}

export interface CreateBundleResponse {
  bundle: Bundle;
}

export interface Bundle {
  id: string;
  title: string;
  summary: string;
  courses: BundleCourse[];
  price?: Money;
  withdrawn: boolean;
  createdAt?: string;
}

export interface BundleCourse {
  courseId: string;
  title: string;
  slug: string;
}

export interface ListBundlesResponse {
  bundles: Bundle[];
  nextPageToken: string;
}

export interface GetBundleResponse {
  bundle: Bundle;
}

export interface WithdrawBundleResponse {
  bundle: Bundle;
}

export interface GetCartResponse {
  cart: Cart;
}

export interface Cart {
  version: number;
  items: CartItem[];
  couponCode: string;
  subtotal?: Money;
  discount?: Money;
  tax?: Money;
  total?: Money;
  couponProblem?: CartProblem;
  problem?: CartProblem;
  pricedAt?: string;
}

export interface CartItem {
  id: string;
  item?: OrderItem;
  lines: OrderLine[];
  problem?: CartProblem;
}

export interface OrderItem {
  courseId: string;
  bundleId: string;
  quantity: number;
  gift?: GiftDetails;
  cohortId: string;
}

export interface GiftDetails {
  recipientEmail: string;
  recipientName: string;
  message: string;
}

export interface OrderLine {
  id: string;
  courseId: string;
  title: string;
  courseSlug: string;
  price?: Money;
  discount?: Money;
  net?: Money;
  tax?: Money;
  total?: Money;
  refunded?: Money;
  kind: string;
  quantity: number;
  unitPrice?: Money;
  taxes: TaxPart[];
  bundleId: string;
  cohortId: string;
}

export interface TaxPart {
  kind: string;
  rateBasisPoints: number;
  amount?: Money;
}

export interface CartProblem {
  code: string;
  detail: string;
}

export interface AddCartItemResponse {
  cart: Cart;
}

export interface ChangeCartItemResponse {
  cart: Cart;
}

export interface RemoveCartItemResponse {
  cart: Cart;
}

export interface SetCartCouponResponse {
  cart: Cart;
}

export interface MergeCartResponse {
  cart: Cart;
}

export interface ClearCartResponse {
  cart: Cart;
}

export interface CheckOutCartResponse {
  order: Order;
}

export interface Order {
  id: string;
  status?: OrderStatus;
  lines: OrderLine[];
  subtotal?: Money;
  discount?: Money;
  tax?: Money;
  total?: Money;
  placedAt?: string;
  paidAt?: string;
  expiresAt?: string;
  paymentId: string;
  refunds: Refund[];
  refunded?: Money;
  cancelledBecause: string;
  refundableUntil?: string;
  buyerId: string;
  number: string;
  billing?: BillingDetails;
  couponCode: string;
  disputes: OrderDispute[];
  credit?: OrderCredit;
  version: number;
  fulfillment?: Fulfillment;
  fulfilledAt?: string;
  completedAt?: string;
}

export interface Refund {
  id: string;
  status?: RefundStatus;
  amount?: Money;
  reason: string;
  createdAt?: string;
}

export interface BillingDetails {
  name: string;
  address: string;
  stateCode: string;
  country: string;
  gstin: string;
}

export interface OrderDispute {
  id: string;
  status: string;
  amount?: Money;
}

export interface OrderCredit {
  orderId: string;
  amount?: Money;
}

export interface CreateCohortResponse {
  cohort: Cohort;
}

export interface Cohort {
  id: string;
  courseId: string;
  title: string;
  startsAt?: string;
  endsAt?: string;
  salesEndAt?: string;
  capacity: number;
  placesLeft: number;
  sold: number;
  reserved: number;
  closed: boolean;
}

export interface UpdateCohortResponse {
  cohort: Cohort;
}

export interface GetCohortResponse {
  cohort: Cohort;
}

export interface ListCohortsResponse {
  cohorts: Cohort[];
  nextPageToken: string;
}

export interface ListCohortMembersResponse {
  members: CohortMember[];
  nextPageToken: string;
}

export interface CohortMember {
  userId: string;
  displayName: string;
  orderId: string;
  joinedAt?: string;
}

export interface CreateCouponResponse {
  coupon: Coupon;
}

export interface Coupon {
  id: string;
  code: string;
  percentBasisPoints: number;
  amount?: Money;
  scope?: CouponScope;
  courseIds: string[];
  instructorId: string;
  validFrom?: string;
  validUntil?: string;
  usesMax: number;
  usesPerBuyerMax: number;
  minimum?: Money;
  uses: number;
  withdrawn: boolean;
  createdAt?: string;
}

export interface ListCouponsResponse {
  coupons: Coupon[];
  nextPageToken: string;
}

export interface GetCouponResponse {
  coupon: Coupon;
}

export interface WithdrawCouponResponse {
  coupon: Coupon;
}

export interface ListGiftsResponse {
  gifts: Gift[];
  nextPageToken: string;
}

export interface Gift {
  id: string;
  orderId: string;
  lineId: string;
  courseId: string;
  courseTitle: string;
  recipientEmail: string;
  recipientName: string;
  message: string;
  status?: GiftStatus;
  boughtAt?: string;
  redeemedAt?: string;
}

export interface GetGiftResponse {
  gift: Gift;
}

export interface ResendGiftResponse {
  gift: Gift;
}

export interface LookAtGiftResponse {
  status: GiftStatus;
  courseId: string;
  courseTitle: string;
  courseSlug: string;
  recipientName: string;
  message: string;
}

export interface RedeemGiftResponse {
  giftId: string;
  courseId: string;
  courseTitle: string;
  courseSlug: string;
}

export interface ListInvoicesResponse {
  invoices: Invoice[];
  nextPageToken: string;
}

export interface Invoice {
  id: string;
  number: string;
  kind: string;
  orderId: string;
  orderNumber: string;
  invoiceId: string;
  invoiceNumber: string;
  issuedAt?: string;
  seller?: Seller;
  recipient?: BillingDetails;
  placeOfSupply: string;
  reverseCharge: boolean;
  export: boolean;
  lines: InvoiceLine[];
  taxable?: Money;
  tax?: Money;
  total?: Money;
  buyerId: string;
}

export interface Seller {
  legalName: string;
  address: string;
  gstin: string;
  stateCode: string;
  demonstration: boolean;
  prices: string;
  rounding: string;
  series: string;
  sacs: SacRule[];
}

export interface SacRule {
  kind: string;
  sac: string;
  fromDay: string;
}

export interface InvoiceLine {
  lineId: string;
  description: string;
  sac: string;
  quantity: number;
  value?: Money;
  discount?: Money;
  taxable?: Money;
  taxes: TaxPart[];
  total?: Money;
}

export interface GetInvoiceResponse {
  invoice: Invoice;
}

export interface GetSellerResponse {
  seller: Seller;
}

export interface SetSellerResponse {
  seller: Seller;
}

export interface PlaceOrderResponse {
  order: Order;
}

export interface GetOrderResponse {
  order: Order;
}

export interface ListOrdersResponse {
  orders: Order[];
  nextPageToken: string;
}

export interface CancelOrderResponse {
  order: Order;
}

export interface EditOrderResponse {
  order: Order;
}

export interface CreateRefundResponse {
  refund: Refund;
}

export interface QuoteOrderResponse {
  lines: OrderLine[];
  subtotal: Money;
  discount: Money;
  tax: Money;
  total: Money;
  couponCode: string;
}

export interface ExchangeLinesResponse {
  order: Order;
  exchangeOrder: Order;
  due: Money;
  refund: Money;
}

export interface ListSalesResponse {
  sales: CourseSales[];
  nextPageToken: string;
}

export interface CourseSales {
  courseId: string;
  instructorId: string;
  title: string;
  day: string;
  sold: number;
  givenBack: number;
  gross?: Money;
  tax?: Money;
  refunded?: Money;
}

export interface ListSeatPoolsResponse {
  pools: SeatPool[];
  nextPageToken: string;
}

export interface SeatPool {
  id: string;
  orderId: string;
  lineId: string;
  courseId: string;
  courseTitle: string;
  seats: number;
  seatsAssigned: number;
  seatsFree: number;
  seatsRefunding: number;
  seatsRefunded: number;
  reassignmentsLeft: number;
  boughtAt?: string;
  ended: boolean;
}

export interface GetSeatPoolResponse {
  pool: SeatPool;
}

export interface ListSeatsResponse {
  seats: Seat[];
  nextPageToken: string;
}

export interface Seat {
  id: string;
  poolId: string;
  status?: SeatStatus;
  email: string;
  displayName: string;
  assignedAt?: string;
  withdrawnAt?: string;
  by: string;
}

export interface AssignSeatResponse {
  seat: Seat;
  pool: SeatPool;
}

export interface WithdrawSeatResponse {
  seat: Seat;
  pool: SeatPool;
}

export interface CreateJoinLinkResponse {
  link: JoinLink;
  joinPath: string;
}

export interface JoinLink {
  id: string;
  poolId: string;
  uses: number;
  usesMax: number;
  expiresAt?: string;
  revoked: boolean;
  createdAt?: string;
}

export interface ListJoinLinksResponse {
  links: JoinLink[];
  nextPageToken: string;
}

export interface RevokeJoinLinkResponse {
  link: JoinLink;
}

export interface LookAtJoinLinkResponse {
  courseId: string;
  courseTitle: string;
  courseSlug: string;
  open: boolean;
}

export interface JoinSeatPoolResponse {
  courseId: string;
  courseTitle: string;
  courseSlug: string;
}

export interface RefundSeatsResponse {
  pool: SeatPool;
  refundId: string;
  amount: Money;
}

export interface CreatePlanResponse {
  plan: Plan;
}

export interface Plan {
  id: string;
  title: string;
  price?: Money;
  interval?: PlanInterval;
  intervalCount: number;
  trialDays: number;
  courses: PlanCourse[];
  timeZone: string;
  retired: boolean;
  createdAt?: string;
}

export interface PlanCourse {
  courseId: string;
  weight: number;
  title: string;
  slug: string;
}

export interface RetirePlanResponse {
  plan: Plan;
}

export interface GetPlanResponse {
  plan: Plan;
}

export interface ListPlansResponse {
  plans: Plan[];
  nextPageToken: string;
}

export interface SubscribeResponse {
  subscription: Subscription;
}

export interface Subscription {
  id: string;
  plan?: Plan;
  status?: SubscriptionStatus;
  mandateId: string;
  startedAt?: string;
  periodStart?: string;
  periodEnd?: string;
  cancelAtPeriodEnd: boolean;
  trialEnd?: string;
  credit?: Money;
  nextTryAt?: string;
  endedAt?: string;
  endedBecause: string;
  buyerId: string;
}

export interface GetSubscriptionResponse {
  subscription: Subscription;
}

export interface ListSubscriptionsResponse {
  subscriptions: Subscription[];
  nextPageToken: string;
}

export interface ListSubscriptionBillsResponse {
  bills: SubscriptionBill[];
  nextPageToken: string;
}

export interface SubscriptionBill {
  orderId: string;
  kind: string;
  periodStart?: string;
  periodEnd?: string;
  amount?: Money;
  creditUsed?: Money;
  status: string;
  tries: number;
  createdAt?: string;
}

export interface PreviewPlanChangeResponse {
  change: PlanChange;
}

export interface PlanChange {
  credit?: Money;
  charge?: Money;
  dueNow?: Money;
  creditLeft?: Money;
  periodStart?: string;
  periodEnd?: string;
}

export interface ChangePlanResponse {
  subscription: Subscription;
  change: PlanChange;
}

export interface CancelSubscriptionResponse {
  subscription: Subscription;
}

export interface ResumeSubscriptionResponse {
  subscription: Subscription;
}

export interface ChangeSubscriptionMandateResponse {
  subscription: Subscription;
}

export interface CapturePaymentResponse {
  payment: Payment;
}

export interface Payment {
  id: string;
  orderId: string;
  status?: PaymentStatus;
  amount?: Money;
  nextAction?: NextAction;
  failure?: Failure;
  methodType?: MethodType;
  provider: string;
  simulated: boolean;
  createdAt?: string;
  settledAt?: string;
  refunded?: Money;
  dispute?: Dispute;
  capturable?: Money;
  captured?: Money;
  capturableUntil?: string;
  card?: CardFacts;
  confirmBy?: string;
}

export interface NextAction {
  type?: NextActionType;
  url: string;
  uri: string;
  expiresAt?: string;
}

export interface Failure {
  code: string;
  detail: string;
}

export interface Dispute {
  status: string;
  amount?: Money;
  openedAt?: string;
  id: string;
}

export interface CardFacts {
  brand: string;
  last4: string;
  authentication: string;
  exemption: string;
  liabilityShifted: boolean;
}

export interface IncrementPaymentResponse {
  payment: Payment;
}

export interface VoidPaymentResponse {
  payment: Payment;
}

export interface SyncPaymentResponse {
  payment: Payment;
}

export interface ListRefundsResponse {
  refunds: RefundCase[];
  nextPageToken: string;
}

export interface RefundCase {
  id: string;
  paymentId: string;
  orderId: string;
  status?: RefundCaseStatus;
  amount?: Money;
  late: boolean;
  failureCode: string;
  provider: string;
  providerReference: string;
  simulated: boolean;
  createdAt?: string;
  sentAt?: string;
  settledAt?: string;
}

export interface ListAttentionResponse {
  items: Attention[];
  nextPageToken: string;
}

export interface Attention {
  id: string;
  paymentId: string;
  orderId: string;
  subjectId: string;
  because: string;
  since?: string;
  closedAt?: string;
  closedBy: string;
  note: string;
}

export interface CloseAttentionResponse {
  item: Attention;
}

export interface ListDisputesResponse {
  disputes: DisputeCase[];
  nextPageToken: string;
}

export interface DisputeCase {
  id: string;
  paymentId: string;
  orderId: string;
  stage?: DisputeStage;
  status?: DisputeStatus;
  amount?: Money;
  fee?: Money;
  reason: string;
  evidence: string;
  evidenceDueAt?: string;
  openedAt?: string;
  closedAt?: string;
  provider: string;
  providerReference: string;
  simulated: boolean;
  history: DisputeChange[];
}

export interface DisputeChange {
  status?: DisputeStatus;
  because: string;
  at?: string;
}

export interface GetDisputeResponse {
  dispute: DisputeCase;
}

export interface ChallengeDisputeResponse {
  dispute: DisputeCase;
}

export interface AcceptDisputeResponse {
  dispute: DisputeCase;
}

export interface CreateMandateResponse {
  mandate: Mandate;
}

export interface Mandate {
  id: string;
  status?: MandateStatus;
  methodType?: MethodType;
  amountMax?: Money;
  umn: string;
  nextAction?: NextAction;
  failure?: Failure;
  provider: string;
  simulated: boolean;
  createdAt?: string;
  validUntil?: string;
}

export interface ConfirmMandateResponse {
  mandate: Mandate;
}

export interface ListMandatesResponse {
  mandates: Mandate[];
  nextPageToken: string;
}

export interface GetMandateResponse {
  mandate: Mandate;
}

export interface ModifyMandateResponse {
  mandate: Mandate;
}

export interface PauseMandateResponse {
  mandate: Mandate;
}

export interface ResumeMandateResponse {
  mandate: Mandate;
}

export interface RevokeMandateResponse {
  mandate: Mandate;
}

export interface CreatePaymentResponse {
  payment: Payment;
}

export interface ListPaymentsResponse {
  payments: Payment[];
  nextPageToken: string;
}

export interface GetPaymentResponse {
  payment: Payment;
}

export interface ConfirmPaymentResponse {
  payment: Payment;
}

export interface CancelPaymentResponse {
  payment: Payment;
}

export interface ListRiskRulesResponse {
  rules: RiskRule[];
}

export interface RiskRule {
  name: string;
  enabled: boolean;
  dimension?: RiskDimension;
  counted?: RiskCounted;
  countMax: number;
  windowSeconds: number;
  amountAtLeastMinor: string;
  outcome?: RiskOutcome;
}

export interface PutRiskRuleResponse {
  rule: RiskRule;
}

export interface ListBlocksResponse {
  blocks: RiskBlock[];
  nextPageToken: string;
}

export interface RiskBlock {
  id: string;
  dimension?: RiskDimension;
  valueHash: string;
  reason: string;
  createdAt?: string;
  until?: string;
}

export interface AddBlockResponse {
  block: RiskBlock;
}

export interface ListRiskDecisionsResponse {
  decisions: RiskDecision[];
  nextPageToken: string;
}

export interface RiskDecision {
  id: string;
  orderId: string;
  paymentId: string;
  outcome?: RiskOutcome;
  findings: RiskFinding[];
  at?: string;
  score: number;
  scoringVersion: number;
  contributions: RiskContribution[];
}

export interface RiskFinding {
  rule: string;
  dimension?: RiskDimension;
  count: number;
  outcome?: RiskOutcome;
}

export interface RiskContribution {
  factor: string;
  measured: string;
  points: number;
}

export interface GetRiskScoringResponse {
  scoring: RiskScoring;
}

export interface RiskScoring {
  version: number;
  factors: RiskFactor[];
  challengeFrom: number;
  reviewFrom: number;
  blockFrom: number;
  setAt?: string;
}

export interface RiskFactor {
  name: string;
  measure?: RiskMeasure;
  dimension?: RiskDimension;
  counted?: RiskCounted;
  distinct?: RiskDimension;
  windowSeconds: number;
  above: string;
  currency: string;
  points: number;
  pointsMax: number;
}

export interface PutRiskScoringResponse {
  scoring: RiskScoring;
}

export interface TryRiskScoringResponse {
  decisions: number;
  before: RiskOutcomeCounts;
  after: RiskOutcomeCounts;
  turnedAway: number;
  unmeasured: string[];
}

export interface RiskOutcomeCounts {
  allow: number;
  challenge: number;
  review: number;
  block: number;
}

export interface ListProvidersResponse {
  providers: Provider[];
}

export interface Provider {
  name: string;
  simulated: boolean;
  methods: MethodType[];
  currencies: string[];
  manualCapture: boolean;
  multipleCapture: boolean;
  mandates: boolean;
  rates: ProviderRate[];
  incrementalAuthorization: MethodType[];
  overCaptureBasisPoints: number;
}

export interface ProviderRate {
  provider: string;
  succeeded: number;
  failed: number;
}

export interface GetRoutingRulesResponse {
  rules: RoutingRules;
}

export interface RoutingRules {
  version: number;
  rules: RouteRule[];
  fallback: string[];
  triesMax: number;
  explorationPercent: number;
  eliminationBelowPercent: number;
  setAt?: string;
}

export interface RouteRule {
  name: string;
  method?: MethodType;
  currency: string;
  amountAtLeastMinor: string;
  amountBelowMinor: string;
  strategy?: RouteStrategy;
  shares: RouteShare[];
}

export interface RouteShare {
  provider: string;
  percent: number;
}

export interface PutRoutingRulesResponse {
  rules: RoutingRules;
}

export interface ListRoutingDecisionsResponse {
  decisions: RoutingDecision[];
  nextPageToken: string;
}

export interface RoutingDecision {
  id: string;
  orderId: string;
  paymentId: string;
  try: number;
  provider: string;
  rule: string;
  because: string;
  candidates: string[];
  rates: ProviderRate[];
  leftOut: string[];
  rulesVersion: number;
  at?: string;
}

export interface SearchResponse {
  results: SearchResult[];
  facets: Record<string, Facet>;
  tookMs: number;
  nextPageToken: string;
  total: number;
  correctedQuery: string;
}

export interface SearchResult {
  kind: string;
  id: string;
  title: string;
  highlight: string;
  courseId: string;
  courseTitle: string;
  courseSlug: string;
  titleHighlight: string;
}

export interface Facet {
  values: FacetValue[];
}

export interface FacetValue {
  value: string;
  count: number;
}

export interface StartSettlementRunResponse {
  run: SettlementRun;
}

export interface SettlementRun {
  id: string;
  status: string;
  cutoffSequence: string;
  cutoffAt?: string;
  makerId: string;
  accounts: string;
  accountsSettled: string;
  outputSha256: string;
  createdAt?: string;
}

export interface ListSettlementRunsResponse {
  runs: SettlementRun[];
  nextPageToken: string;
}

export interface GetSettlementRunResponse {
  run: SettlementRun;
}

export interface ListSettlementBatchesResponse {
  batches: SettlementBatch[];
  nextPageToken: string;
}

export interface SettlementBatch {
  id: string;
  runId: string;
  instructorId: string;
  currency: string;
  afterSequence: string;
  cutoffSequence: string;
  cutoffAt?: string;
  openingMinor: string;
  earnedMinor: string;
  adjustedMinor: string;
  returnedMinor: string;
  reserveReleasedMinor: string;
  reserveHeldMinor: string;
  tdsMinor: string;
  tcsMinor: string;
  payoutMinor: string;
  closingMinor: string;
  heldBecause: string;
  payoutId: string;
  statementSha256: string;
  withholdingVersion: string;
}

export interface ListPayoutBatchesResponse {
  payoutBatches: PayoutBatch[];
  nextPageToken: string;
}

export interface PayoutBatch {
  id: string;
  runId: string;
  status: string;
  currency: string;
  payouts: string;
  total?: Money;
  makerId: string;
  approverId: string;
  createdAt?: string;
  approvedAt?: string;
  submittedAt?: string;
  submissions: number;
  files: PayoutFile[];
  simulated: boolean;
  bank: string;
  byFile: boolean;
  handedOverBy: string;
  handedOverSha256: string;
  legalEntity: string;
}

export interface PayoutFile {
  format: string;
  fileName: string;
  sha256: string;
  sizeBytes: string;
}

export interface GetPayoutBatchResponse {
  payoutBatch: PayoutBatch;
}

export interface ListPayoutsResponse {
  payouts: Payout[];
  nextPageToken: string;
}

export interface Payout {
  id: string;
  payoutBatchId: string;
  statementId: string;
  instructorId: string;
  amount?: Money;
  status: string;
  reason: string;
  method: string;
  maskedAccount: string;
  bankReference: string;
  createdAt?: string;
  paidAt?: string;
  endedAt?: string;
  simulated: boolean;
}

export interface ApprovePayoutBatchResponse {
  payoutBatch: PayoutBatch;
}

export interface RejectPayoutBatchResponse {
  payoutBatch: PayoutBatch;
}

export interface ResubmitPayoutBatchResponse {
  payoutBatch: PayoutBatch;
}

export interface HandOverPayoutBatchResponse {
  payoutBatch: PayoutBatch;
}

export interface ListPayoutAnswersResponse {
  answers: PayoutAnswer[];
  nextPageToken: string;
}

export interface PayoutAnswer {
  id: string;
  payoutBatchId: string;
  format: string;
  fileName: string;
  sha256: string;
  sizeBytes: string;
  status: string;
  reason: string;
  reasonLine: string;
  reasonDetail: string;
  paid: number;
  failed: number;
  returned: number;
  unchanged: number;
  uploadedBy: string;
  createdAt?: string;
}

export interface ListPayoutBanksResponse {
  banks: PayoutBank[];
}

export interface PayoutBank {
  id: string;
  legalEntity: string;
  currency: string;
  name: string;
  debtorName: string;
  maskedAccount: string;
  bankCode: string;
  status: string;
  requestedBy: string;
  approvedBy: string;
  requestedAt?: string;
  approvedAt?: string;
}

export interface RequestPayoutBankResponse {
  bank: PayoutBank;
}

export interface ApprovePayoutBankResponse {
  bank: PayoutBank;
}

export interface RequestInstructorTransferResponse {
  transfer: InstructorTransfer;
}

export interface InstructorTransfer {
  id: string;
  fromInstructorId: string;
  toInstructorId: string;
  amount?: Money;
  reason: string;
  reversesId: string;
  status: string;
  journalState: string;
  journalId: string;
  requestedBy: string;
  decidedBy: string;
  createdAt?: string;
  decidedAt?: string;
}

export interface ReverseInstructorTransferResponse {
  transfer: InstructorTransfer;
}

export interface ApproveInstructorTransferResponse {
  transfer: InstructorTransfer;
}

export interface RejectInstructorTransferResponse {
  transfer: InstructorTransfer;
}

export interface ListInstructorTransfersResponse {
  transfers: InstructorTransfer[];
  nextPageToken: string;
}

export interface ListWithholdingVersionsResponse {
  versions: WithholdingVersion[];
  nextPageToken: string;
  settledUntil: string;
}

export interface WithholdingVersion {
  id: string;
  version: string;
  status: string;
  rules: WithholdingTerms[];
  reason: string;
  basedOn: string;
  requestedBy: string;
  decidedBy: string;
  requestedAt?: string;
  decidedAt?: string;
}

export interface WithholdingTerms {
  id: string;
  kind: string;
  currency: string;
  ratePpm: number;
  ratePpmWithoutPan: number;
  base: string;
  period: string;
  thresholdMinor: string;
  validFrom: string;
  validUntil: string;
  source: string;
  counter: string;
}

export interface RequestWithholdingVersionResponse {
  version: WithholdingVersion;
}

export interface ApproveWithholdingVersionResponse {
  version: WithholdingVersion;
}

export interface RejectWithholdingVersionResponse {
  version: WithholdingVersion;
}

export interface MakeBankStatementsResponse {
  statements: number;
  simulated: boolean;
}

export interface ListMyPayoutsResponse {
  payouts: Payout[];
  nextPageToken: string;
}

export interface RequestInstantPayoutResponse {
  payout: InstantPayout;
}

export interface InstantPayout {
  runId: string;
  currency: string;
  owed?: Money;
  withoutApprovalUpTo?: Money;
  requestedAt?: string;
}

export interface ListMyPayoutAccountsResponse {
  accounts: PayoutAccount[];
  changes: PayoutAccountChange[];
}

export interface PayoutAccount {
  currency: string;
  method: string;
  maskedAccount: string;
  holderName: string;
  ifsc: string;
  changedAt?: string;
  payableFrom?: string;
}

export interface PayoutAccountChange {
  currency: string;
  method: string;
  maskedAccount: string;
  changedBy: string;
  changedAt?: string;
}

export interface SetMyPayoutAccountResponse {
  account: PayoutAccount;
}

export interface GetMyTaxProfileResponse {
  profile: TaxProfile;
  rules: WithholdingRule[];
}

export interface TaxProfile {
  maskedPan: string;
  entity: string;
  resident: boolean;
  gstin: string;
  changedAt?: string;
}

export interface WithholdingRule {
  id: string;
  kind: string;
  ratePpm: number;
  base: string;
  period: string;
  threshold?: Money;
  validFrom: string;
  source: string;
}

export interface SetMyTaxProfileResponse {
  profile: TaxProfile;
}

export interface ListMyStatementsResponse {
  statements: SettlementBatch[];
  nextPageToken: string;
}

export interface GetMyStatementResponse {
  statement: SettlementBatch;
  lines: PayoutStatementLine[];
  nextPageToken: string;
}

export interface PayoutStatementLine {
  number: number;
  kind: string;
  journalId: string;
  sequence: string;
  at?: string;
  description: string;
  orderId: string;
  courseTitle: string;
  grossMinor: string;
  taxMinor: string;
  feeMinor: string;
  shareMinor: string;
  amountMinor: string;
  balanceMinor: string;
}

export interface GetReconciliationResponse {
  sums: ReconciliationSum[];
  breaks: BreakCount[];
  partitionHolds: boolean;
  journalsWaiting: string;
  journalsRefused: string;
}

export interface ReconciliationSum {
  side: string;
  currency: string;
  linesMinor: string;
  linesMatchedMinor: string;
  linesInBreaksMinor: string;
  expectedMinor: string;
  expectedMatchedMinor: string;
  expectedInBreaksMinor: string;
  expectedOpenMinor: string;
}

export interface BreakCount {
  type: string;
  age: string;
  breaks: string;
}

export interface ListSettlementFilesResponse {
  files: SettlementFile[];
  nextPageToken: string;
}

export interface SettlementFile {
  id: string;
  format: string;
  source: string;
  fileName: string;
  sha256: string;
  sizeBytes: string;
  status: string;
  reason: string;
  reasonLine: string;
  reasonDetail: string;
  lines: string;
  linesMatched: string;
  linesInBreaks: string;
  outputSha256: string;
  journalsBooked: string;
  journalsWaiting: string;
  journalsRefused: string;
  uploadedBy: string;
  createdAt?: string;
  processedAt?: string;
  simulated: boolean;
}

export interface GetSettlementFileResponse {
  file: SettlementFile;
  statements: FileStatement[];
}

export interface FileStatement {
  side: string;
  account: string;
  currency: string;
  reference: string;
  sequence: string;
  page: string;
  openingMinor: string;
  closingMinor: string;
  lines: string;
}

export interface DiscardSettlementFileResponse {
  file: SettlementFile;
}

export interface ListReportSourcesResponse {
  sources: ReportSource[];
}

export interface ReportSource {
  name: string;
  hasKeys: boolean;
  simulated: boolean;
  completeUntil?: string;
  succeededAt?: string;
  failedAt?: string;
  failure: string;
  reportsPulled: string;
}

export interface ListFileLinesResponse {
  lines: FileLine[];
  nextPageToken: string;
}

export interface FileLine {
  id: string;
  fileId: string;
  lineNumber: string;
  side: string;
  kind: string;
  amount?: Money;
  fee?: Money;
  valueDate: string;
  references: string[];
  description: string;
  state: string;
  matchId: string;
  breakId: string;
  settled?: Money;
  exchangeRate: string;
  exchangeSource: string;
}

export interface ListExpectationsResponse {
  expectations: Expectation[];
  nextPageToken: string;
}

export interface Expectation {
  id: string;
  side: string;
  kind: string;
  amount?: Money;
  references: string[];
  expectedAt?: string;
  dueAt?: string;
  state: string;
  matchId: string;
  breakId: string;
}

export interface ListBreaksResponse {
  breaks: ReconciliationBreak[];
  nextPageToken: string;
}

export interface ReconciliationBreak {
  id: string;
  type: string;
  status: string;
  side: string;
  differences: Money[];
  ownerId: string;
  openedAt?: string;
  closedAt?: string;
  age: string;
  writeOffRequestedBy: string;
  writeOffApprovedBy: string;
  lines: FileLine[];
  expectations: Expectation[];
  history: BreakEvent[];
}

export interface BreakEvent {
  at?: string;
  what: string;
  actor: string;
  note: string;
}

export interface GetBreakResponse {
  break: ReconciliationBreak;
}

export interface AssignBreakResponse {
  break: ReconciliationBreak;
}

export interface AddBreakNoteResponse {
  break: ReconciliationBreak;
}

export interface RequestWriteOffResponse {
  break: ReconciliationBreak;
}

export interface ApproveWriteOffResponse {
  break: ReconciliationBreak;
}

export interface RejectWriteOffResponse {
  break: ReconciliationBreak;
}

export interface MatchManuallyResponse {
  matchId: string;
  lines: FileLine[];
  expectations: Expectation[];
}

export interface ListMatchRulesResponse {
  rules: MatchRule[];
  requested: RequestedMatchRule[];
}

export interface MatchRule {
  id: string;
  priority: number;
  side: string;
  shape: string;
  reference: string;
  amountToleranceMinor: string;
  amountToleranceBps: number;
  daysApartMax: number;
  groupMax: number;
  enabled: boolean;
}

export interface RequestedMatchRule {
  rule?: MatchRule;
  requestedBy: string;
  requestedAt?: string;
}

export interface SetMatchRuleResponse {
  rule: MatchRule;
  requestedBy: string;
}

export interface TryMatchRulesResponse {
  matches: ProposedMatch[];
  linesLeft: string;
  expectationsLeft: string;
}

export interface ProposedMatch {
  ruleId: string;
  lines: FileLine[];
  expectations: Expectation[];
  difference?: Money;
}

export type MoneyInput = {
  currency: string;
  amountMinor?: string;
};

export type LessonContentInput =
  | {
      markdown?: string;
      video?: VideoInput;
      quiz?: QuizInput;
    }
  | string;

export type VideoInput = {
  fileId: string;
  captionsFileId?: string;
  transcript?: string;
  posterFileId?: string;
};

export type QuizInput = {
  questions: QuestionInput[];
  passFraction?: number;
  attemptsMax?: number;
};

export type QuestionInput = {
  id?: string;
  kind: QuestionKind;
  stem: string;
  options?: OptionInput[];
  points?: number;
  key?: AnswerKeyInput;
  feedback?: FeedbackInput;
  unit?: string;
};

export type OptionInput = {
  id?: string;
  text: string;
  feedback?: string;
};

export type AnswerKeyInput = {
  optionIds?: string[];
  optionPositions?: number[];
  value?: number;
  tolerance?: number;
};

export type FeedbackInput = {
  correct?: string;
  incorrect?: string;
};

export type AdjustmentTransferInput = {
  debit: string;
  credit: string;
  amountMinor?: string;
};

export type ExchangeToBookInput = {
  fromAccount: string;
  fromMinor?: string;
  toAccount: string;
  toCurrency: string;
  toMinor?: string;
  rate: string;
  source: string;
};

export type ClosingRateInput = {
  currency: string;
  rate: string;
  source: string;
};

export type JournalToBookInput = {
  id: string;
  kind: string;
  reference: string;
  description: string;
  currency: string;
  effectiveAt?: string;
  transfers?: TransferToBookInput[];
  pending?: boolean;
  timeoutSeconds?: string;
  targetId?: string;
  postAmountMinor?: string;
  exchange?: ExchangeToBookInput;
};

export type TransferToBookInput = {
  debit: string;
  credit: string;
  amountMinor?: string;
  upTo?: boolean;
};

export type OrderItemInput = {
  courseId?: string;
  bundleId?: string;
  quantity?: number;
  gift?: GiftDetailsInput;
  cohortId?: string;
};

export type GiftDetailsInput = {
  recipientEmail: string;
  recipientName?: string;
  message?: string;
};

export type BillingDetailsInput = {
  name?: string;
  address?: string;
  stateCode?: string;
  country?: string;
  gstin?: string;
};

export type SellerInput = {
  legalName: string;
  address: string;
  gstin: string;
  prices?: string;
  rounding?: string;
  series?: string;
  sacs?: SacRuleInput[];
};

export type SacRuleInput = {
  kind: string;
  sac: string;
  fromDay: string;
};

export type RefundItemInput = {
  lineId?: string;
  courseId?: string;
};

export type PlanCourseInput = {
  courseId: string;
  weight?: number;
};

export type PaymentMethodInput = {
  type: MethodType;
  token: string;
  collectMinutes?: number;
};

export type RiskFactorInput = {
  name: string;
  measure: RiskMeasure;
  dimension?: RiskDimension;
  counted?: RiskCounted;
  distinct?: RiskDimension;
  windowSeconds?: number;
  above?: string;
  currency?: string;
  points?: number;
  pointsMax?: number;
};

export type RouteRuleInput = {
  name: string;
  method?: MethodType;
  currency?: string;
  amountAtLeastMinor?: string;
  amountBelowMinor?: string;
  strategy: RouteStrategy;
  shares?: RouteShareInput[];
};

export type RouteShareInput = {
  provider: string;
  percent?: number;
};

export type WithholdingTermsInput = {
  id: string;
  kind: string;
  currency: string;
  ratePpm?: number;
  ratePpmWithoutPan?: number;
  base: string;
  period: string;
  thresholdMinor?: string;
  validFrom: string;
  validUntil?: string;
  source: string;
  counter?: string;
};

export type MatchRuleInput = {
  id?: string;
  priority?: number;
  side: string;
  shape: string;
  reference: string;
  amountToleranceMinor?: string;
  amountToleranceBps?: number;
  daysApartMax?: number;
  groupMax?: number;
  enabled?: boolean;
};

export interface Operations {
  listCourses: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      level?: Level;
      language?: string;
    };
    body: undefined;
    answer: ListCoursesResponse;
  };
  getCourse: {
    params: { id: string };
    query: {
      draft?: boolean;
    };
    body: undefined;
    answer: GetCourseResponse;
  };
  getOutline: {
    params: { id: string };
    query: {
      draft?: boolean;
    };
    body: undefined;
    answer: GetOutlineResponse;
  };
  getLesson: {
    params: { id: string };
    query: {
      draft?: boolean;
    };
    body: undefined;
    answer: GetLessonResponse;
  };
  listMyCourses: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListMyCoursesResponse;
  };
  createCourse: {
    params: NoFields;
    query: NoFields;
    body: {
      title: string;
      summary?: string;
      language?: string;
      level?: Level;
      price?: MoneyInput;
      slug?: string;
      description?: string;
    };
    answer: CreateCourseResponse;
  };
  updateCourse: {
    params: { id: string };
    query: NoFields;
    body: {
      title?: string;
      summary?: string;
      description?: string;
      language?: string;
      level?: Level;
      price?: MoneyInput;
    };
    answer: UpdateCourseResponse;
  };
  createSection: {
    params: { courseId: string };
    query: NoFields;
    body: {
      title: string;
    };
    answer: CreateSectionResponse;
  };
  createLesson: {
    params: { sectionId: string };
    query: NoFields;
    body: {
      title: string;
      kind: LessonKind;
      content: LessonContentInput;
      preview?: boolean;
      durationSeconds?: number;
    };
    answer: CreateLessonResponse;
  };
  updateLesson: {
    params: { id: string };
    query: NoFields;
    body: {
      title?: string;
      content?: LessonContentInput;
      preview?: boolean;
      durationSeconds?: number;
    };
    answer: UpdateLessonResponse;
  };
  publishCourse: {
    params: { id: string };
    query: NoFields;
    body: {
      notes?: string;
    };
    answer: PublishCourseResponse;
  };
  createUser: {
    params: NoFields;
    query: NoFields;
    body: {
      email: string;
      password: string;
      displayName: string;
    };
    answer: CreateUserResponse;
  };
  createSession: {
    params: NoFields;
    query: NoFields;
    body: {
      email: string;
      password: string;
      totp?: string;
    };
    answer: CreateSessionResponse;
  };
  deleteCurrentSession: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: undefined;
  };
  listSessions: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListSessionsResponse;
  };
  deleteSession: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: undefined;
  };
  getMe: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: GetMeResponse;
  };
  updateMe: {
    params: NoFields;
    query: NoFields;
    body: {
      displayName: string;
    };
    answer: UpdateMeResponse;
  };
  changePassword: {
    params: NoFields;
    query: NoFields;
    body: {
      currentPassword: string;
      newPassword: string;
    };
    answer: undefined;
  };
  sendEmailVerification: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: undefined;
  };
  verifyEmail: {
    params: NoFields;
    query: NoFields;
    body: {
      token: string;
    };
    answer: VerifyEmailResponse;
  };
  listUsers: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      query?: string;
    };
    body: undefined;
    answer: ListUsersResponse;
  };
  batchGetPeople: {
    params: NoFields;
    query: {
      ids: string[];
    };
    body: undefined;
    answer: BatchGetPeopleResponse;
  };
  setUserRoles: {
    params: { id: string };
    query: NoFields;
    body: {
      roles: string[];
    };
    answer: SetUserRolesResponse;
  };
  listEnrolments: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListEnrolmentsResponse;
  };
  getAccess: {
    params: { courseId: string };
    query: NoFields;
    body: undefined;
    answer: GetAccessResponse;
  };
  getCourseProgress: {
    params: { courseId: string };
    query: NoFields;
    body: undefined;
    answer: GetCourseProgressResponse;
  };
  putProgress: {
    params: { lessonId: string };
    query: NoFields;
    body: {
      positionSeconds?: number;
      completed?: boolean;
    };
    answer: PutProgressResponse;
  };
  startAttempt: {
    params: { lessonId: string };
    query: NoFields;
    body: NoFields;
    answer: StartAttemptResponse;
  };
  listAttempts: {
    params: { lessonId: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListAttemptsResponse;
  };
  getAttempt: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetAttemptResponse;
  };
  putAnswer: {
    params: { attemptId: string; questionId: string };
    query: NoFields;
    body: {
      optionIds?: string[];
      value?: number;
    };
    answer: PutAnswerResponse;
  };
  submitAttempt: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: SubmitAttemptResponse;
  };
  getTrialBalance: {
    params: NoFields;
    query: {
      at?: string;
      effectiveAt?: string;
      sequence?: string;
      atLeast?: string;
    };
    body: undefined;
    answer: GetTrialBalanceResponse;
  };
  listEntries: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      reference?: string;
      account?: string;
      atLeast?: string;
    };
    body: undefined;
    answer: ListEntriesResponse;
  };
  getMyEarnings: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      atLeast?: string;
    };
    body: undefined;
    answer: GetMyEarningsResponse;
  };
  listAccounts: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      parent?: string;
      currency?: string;
      atLeast?: string;
    };
    body: undefined;
    answer: ListAccountsResponse;
  };
  getAccount: {
    params: { code: string; currency: string };
    query: {
      atLeast?: string;
    };
    body: undefined;
    answer: GetAccountResponse;
  };
  getBalance: {
    params: { code: string; currency: string };
    query: {
      at?: string;
      effectiveAt?: string;
      sequence?: string;
      atLeast?: string;
    };
    body: undefined;
    answer: GetBalanceResponse;
  };
  getStatement: {
    params: { code: string; currency: string };
    query: {
      from?: string;
      until?: string;
      basis?: TimeBasis;
      pageSize?: number;
      pageToken?: string;
      atLeast?: string;
    };
    body: undefined;
    answer: GetStatementResponse;
  };
  openAccount: {
    params: { code: string; currency: string };
    query: NoFields;
    body: {
      reason: string;
    };
    answer: OpenAccountResponse;
  };
  limitAccount: {
    params: { code: string; currency: string };
    query: NoFields;
    body: {
      reason: string;
      balanceMinMinor?: string;
      balanceMaxMinor?: string;
    };
    answer: LimitAccountResponse;
  };
  freezeAccount: {
    params: { code: string; currency: string };
    query: NoFields;
    body: {
      reason: string;
    };
    answer: FreezeAccountResponse;
  };
  thawAccount: {
    params: { code: string; currency: string };
    query: NoFields;
    body: {
      reason: string;
    };
    answer: ThawAccountResponse;
  };
  closeAccount: {
    params: { code: string; currency: string };
    query: NoFields;
    body: {
      reason: string;
    };
    answer: CloseAccountResponse;
  };
  listPeriods: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      atLeast?: string;
    };
    body: undefined;
    answer: ListPeriodsResponse;
  };
  getPeriod: {
    params: { number: string };
    query: NoFields;
    body: undefined;
    answer: GetPeriodResponse;
  };
  closePeriod: {
    params: NoFields;
    query: NoFields;
    body: {
      until: string;
      note?: string;
    };
    answer: ClosePeriodResponse;
  };
  listAdjustments: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      status?: AdjustmentStatus;
    };
    body: undefined;
    answer: ListAdjustmentsResponse;
  };
  getAdjustment: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetAdjustmentResponse;
  };
  proposeAdjustment: {
    params: NoFields;
    query: NoFields;
    body: {
      currency: string;
      reference?: string;
      reason: string;
      effectiveAt?: string;
      transfers?: AdjustmentTransferInput[];
      reversesJournalId?: string;
    };
    answer: ProposeAdjustmentResponse;
  };
  proposeExchange: {
    params: NoFields;
    query: NoFields;
    body: {
      currency: string;
      reference?: string;
      reason: string;
      effectiveAt?: string;
      exchange: ExchangeToBookInput;
    };
    answer: ProposeExchangeResponse;
  };
  proposeRevaluation: {
    params: NoFields;
    query: NoFields;
    body: {
      currency: string;
      until: string;
      rates?: ClosingRateInput[];
      reason: string;
    };
    answer: ProposeRevaluationResponse;
  };
  approveAdjustment: {
    params: { id: string };
    query: NoFields;
    body: {
      note?: string;
    };
    answer: ApproveAdjustmentResponse;
  };
  rejectAdjustment: {
    params: { id: string };
    query: NoFields;
    body: {
      note?: string;
    };
    answer: RejectAdjustmentResponse;
  };
  bookJournalsInBulk: {
    params: NoFields;
    query: NoFields;
    body: {
      journals: JournalToBookInput[];
      mode: BulkMode;
      dryRun?: boolean;
    };
    answer: BookJournalsInBulkResponse;
  };
  listMonitors: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      atLeast?: string;
    };
    body: undefined;
    answer: ListMonitorsResponse;
  };
  createMonitor: {
    params: NoFields;
    query: NoFields;
    body: {
      account: string;
      currency: string;
      direction: MonitorDirection;
      thresholdMinor?: string;
      hysteresisMinor?: string;
    };
    answer: CreateMonitorResponse;
  };
  listNotifications: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListNotificationsResponse;
  };
  markRead: {
    params: NoFields;
    query: NoFields;
    body: {
      ids?: string[];
    };
    answer: MarkReadResponse;
  };
  listMail: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      all?: boolean;
    };
    body: undefined;
    answer: ListMailResponse;
  };
  createWebhookEndpoint: {
    params: NoFields;
    query: NoFields;
    body: {
      url: string;
      description?: string;
      eventTypes?: string[];
    };
    answer: CreateWebhookEndpointResponse;
  };
  listWebhookEndpoints: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListWebhookEndpointsResponse;
  };
  getWebhookEndpoint: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetWebhookEndpointResponse;
  };
  deleteWebhookEndpoint: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: undefined;
  };
  enableWebhookEndpoint: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: EnableWebhookEndpointResponse;
  };
  disableWebhookEndpoint: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: DisableWebhookEndpointResponse;
  };
  rotateWebhookSecret: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: RotateWebhookSecretResponse;
  };
  testWebhookEndpoint: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: TestWebhookEndpointResponse;
  };
  listWebhookDeliveries: {
    params: { endpointId: string };
    query: {
      pageSize?: number;
      pageToken?: string;
      status?: WebhookDeliveryStatus;
    };
    body: undefined;
    answer: ListWebhookDeliveriesResponse;
  };
  getWebhookDelivery: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetWebhookDeliveryResponse;
  };
  replayWebhookDelivery: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: ReplayWebhookDeliveryResponse;
  };
  replayFailedWebhooks: {
    params: { endpointId: string };
    query: NoFields;
    body: {
      since: string;
    };
    answer: ReplayFailedWebhooksResponse;
  };
  getHealth: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: GetHealthResponse;
  };
  listTraces: {
    params: NoFields;
    query: {
      limit?: number;
      name?: string;
    };
    body: undefined;
    answer: ListTracesResponse;
  };
  getTrace: {
    params: { traceId: string };
    query: NoFields;
    body: undefined;
    answer: GetTraceResponse;
  };
  listEvents: {
    params: NoFields;
    query: {
      limit?: number;
      text?: string;
    };
    body: undefined;
    answer: ListEventsResponse;
  };
  listDeadLetters: {
    params: NoFields;
    query: {
      limit?: number;
    };
    body: undefined;
    answer: ListDeadLettersResponse;
  };
  createBundle: {
    params: NoFields;
    query: NoFields;
    body: {
      title: string;
      summary?: string;
      courseIds: string[];
      price: MoneyInput;
    };
    answer: CreateBundleResponse;
  };
  listBundles: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListBundlesResponse;
  };
  getBundle: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetBundleResponse;
  };
  withdrawBundle: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: WithdrawBundleResponse;
  };
  getCart: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: GetCartResponse;
  };
  addCartItem: {
    params: NoFields;
    query: NoFields;
    body: {
      item: OrderItemInput;
    };
    answer: AddCartItemResponse;
  };
  changeCartItem: {
    params: { id: string };
    query: NoFields;
    body: {
      quantity: number;
    };
    answer: ChangeCartItemResponse;
  };
  removeCartItem: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: RemoveCartItemResponse;
  };
  setCartCoupon: {
    params: NoFields;
    query: NoFields;
    body: {
      couponCode?: string;
    };
    answer: SetCartCouponResponse;
  };
  mergeCart: {
    params: NoFields;
    query: NoFields;
    body: {
      items?: OrderItemInput[];
      couponCode?: string;
    };
    answer: MergeCartResponse;
  };
  clearCart: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: ClearCartResponse;
  };
  checkOutCart: {
    params: NoFields;
    query: NoFields;
    body: {
      cartVersion: number;
      billing?: BillingDetailsInput;
      expectedTotal?: MoneyInput;
    };
    answer: CheckOutCartResponse;
  };
  createCohort: {
    params: { courseId: string };
    query: NoFields;
    body: {
      title: string;
      startsAt: string;
      endsAt: string;
      salesEndAt?: string;
      capacity: number;
    };
    answer: CreateCohortResponse;
  };
  updateCohort: {
    params: { id: string };
    query: NoFields;
    body: {
      title?: string;
      startsAt?: string;
      endsAt?: string;
      salesEndAt?: string;
      capacity?: number;
      closed?: boolean;
    };
    answer: UpdateCohortResponse;
  };
  getCohort: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetCohortResponse;
  };
  listCohorts: {
    params: { courseId: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListCohortsResponse;
  };
  listCohortMembers: {
    params: { cohortId: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListCohortMembersResponse;
  };
  createCoupon: {
    params: NoFields;
    query: NoFields;
    body: {
      code: string;
      percentBasisPoints?: number;
      amount?: MoneyInput;
      scope: CouponScope;
      courseIds?: string[];
      instructorId?: string;
      validFrom?: string;
      validUntil?: string;
      usesMax?: number;
      usesPerBuyerMax?: number;
      minimum?: MoneyInput;
    };
    answer: CreateCouponResponse;
  };
  listCoupons: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListCouponsResponse;
  };
  getCoupon: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetCouponResponse;
  };
  withdrawCoupon: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: WithdrawCouponResponse;
  };
  listGifts: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      orderIds?: string[];
    };
    body: undefined;
    answer: ListGiftsResponse;
  };
  getGift: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetGiftResponse;
  };
  resendGift: {
    params: { id: string };
    query: NoFields;
    body: {
      recipientEmail?: string;
    };
    answer: ResendGiftResponse;
  };
  lookAtGift: {
    params: NoFields;
    query: NoFields;
    body: {
      code: string;
    };
    answer: LookAtGiftResponse;
  };
  redeemGift: {
    params: NoFields;
    query: NoFields;
    body: {
      code: string;
    };
    answer: RedeemGiftResponse;
  };
  listInvoices: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      all?: boolean;
      kind?: string;
      from?: string;
      until?: string;
      orderId?: string;
    };
    body: undefined;
    answer: ListInvoicesResponse;
  };
  getInvoice: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetInvoiceResponse;
  };
  getSeller: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: GetSellerResponse;
  };
  setSeller: {
    params: NoFields;
    query: NoFields;
    body: {
      seller: SellerInput;
    };
    answer: SetSellerResponse;
  };
  placeOrder: {
    params: NoFields;
    query: NoFields;
    body: {
      items: OrderItemInput[];
      couponCode?: string;
      billing?: BillingDetailsInput;
    };
    answer: PlaceOrderResponse;
  };
  getOrder: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetOrderResponse;
  };
  listOrders: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      all?: boolean;
      status?: OrderStatus;
    };
    body: undefined;
    answer: ListOrdersResponse;
  };
  cancelOrder: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: CancelOrderResponse;
  };
  editOrder: {
    params: { id: string };
    query: NoFields;
    body: {
      expectedVersion: number;
      addItems?: OrderItemInput[];
      removeLineIds?: string[];
      couponCode?: string;
      expectedTotal?: MoneyInput;
    };
    answer: EditOrderResponse;
  };
  createRefund: {
    params: { orderId: string };
    query: NoFields;
    body: {
      amount?: MoneyInput;
      items?: RefundItemInput[];
      reason: string;
    };
    answer: CreateRefundResponse;
  };
  quoteOrder: {
    params: NoFields;
    query: NoFields;
    body: {
      items: OrderItemInput[];
      couponCode?: string;
      billing?: BillingDetailsInput;
    };
    answer: QuoteOrderResponse;
  };
  exchangeLines: {
    params: { orderId: string };
    query: NoFields;
    body: {
      lineIds: string[];
      items?: OrderItemInput[];
    };
    answer: ExchangeLinesResponse;
  };
  listSales: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      courseId?: string;
      fromDay?: string;
      untilDay?: string;
    };
    body: undefined;
    answer: ListSalesResponse;
  };
  listSeatPools: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListSeatPoolsResponse;
  };
  getSeatPool: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetSeatPoolResponse;
  };
  listSeats: {
    params: { poolId: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListSeatsResponse;
  };
  assignSeat: {
    params: { poolId: string };
    query: NoFields;
    body: {
      email: string;
    };
    answer: AssignSeatResponse;
  };
  withdrawSeat: {
    params: { poolId: string; id: string };
    query: NoFields;
    body: NoFields;
    answer: WithdrawSeatResponse;
  };
  createJoinLink: {
    params: { poolId: string };
    query: NoFields;
    body: {
      usesMax?: number;
      expiresAt?: string;
    };
    answer: CreateJoinLinkResponse;
  };
  listJoinLinks: {
    params: { poolId: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListJoinLinksResponse;
  };
  revokeJoinLink: {
    params: { poolId: string; id: string };
    query: NoFields;
    body: NoFields;
    answer: RevokeJoinLinkResponse;
  };
  lookAtJoinLink: {
    params: NoFields;
    query: NoFields;
    body: {
      code: string;
    };
    answer: LookAtJoinLinkResponse;
  };
  joinSeatPool: {
    params: NoFields;
    query: NoFields;
    body: {
      code: string;
    };
    answer: JoinSeatPoolResponse;
  };
  refundSeats: {
    params: { poolId: string };
    query: NoFields;
    body: {
      seats: number;
    };
    answer: RefundSeatsResponse;
  };
  createPlan: {
    params: NoFields;
    query: NoFields;
    body: {
      title: string;
      price: MoneyInput;
      interval: PlanInterval;
      intervalCount?: number;
      trialDays?: number;
      courses: PlanCourseInput[];
      timeZone?: string;
    };
    answer: CreatePlanResponse;
  };
  retirePlan: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: RetirePlanResponse;
  };
  getPlan: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetPlanResponse;
  };
  listPlans: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      courseId?: string;
    };
    body: undefined;
    answer: ListPlansResponse;
  };
  subscribe: {
    params: NoFields;
    query: NoFields;
    body: {
      planId: string;
      mandateId: string;
      withoutTrial?: boolean;
    };
    answer: SubscribeResponse;
  };
  getSubscription: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetSubscriptionResponse;
  };
  listSubscriptions: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      all?: boolean;
    };
    body: undefined;
    answer: ListSubscriptionsResponse;
  };
  listSubscriptionBills: {
    params: { subscriptionId: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListSubscriptionBillsResponse;
  };
  previewPlanChange: {
    params: { id: string };
    query: {
      planId: string;
    };
    body: undefined;
    answer: PreviewPlanChangeResponse;
  };
  changePlan: {
    params: { id: string };
    query: NoFields;
    body: {
      planId: string;
    };
    answer: ChangePlanResponse;
  };
  cancelSubscription: {
    params: { id: string };
    query: NoFields;
    body: {
      atOnce?: boolean;
    };
    answer: CancelSubscriptionResponse;
  };
  resumeSubscription: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: ResumeSubscriptionResponse;
  };
  changeSubscriptionMandate: {
    params: { id: string };
    query: NoFields;
    body: {
      mandateId: string;
    };
    answer: ChangeSubscriptionMandateResponse;
  };
  capturePayment: {
    params: { id: string };
    query: NoFields;
    body: {
      amount?: MoneyInput;
      final?: boolean;
    };
    answer: CapturePaymentResponse;
  };
  incrementPayment: {
    params: { id: string };
    query: NoFields;
    body: {
      amount?: MoneyInput;
    };
    answer: IncrementPaymentResponse;
  };
  voidPayment: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: VoidPaymentResponse;
  };
  syncPayment: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: SyncPaymentResponse;
  };
  listRefunds: {
    params: NoFields;
    query: {
      status?: RefundCaseStatus;
      orderId?: string;
      pageSize?: number;
      pageToken?: string;
      from?: string;
      until?: string;
    };
    body: undefined;
    answer: ListRefundsResponse;
  };
  listAttention: {
    params: NoFields;
    query: {
      closed?: boolean;
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListAttentionResponse;
  };
  closeAttention: {
    params: { id: string };
    query: NoFields;
    body: {
      note: string;
    };
    answer: CloseAttentionResponse;
  };
  listDisputes: {
    params: NoFields;
    query: {
      status?: DisputeStatus;
      orderId?: string;
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListDisputesResponse;
  };
  getDispute: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetDisputeResponse;
  };
  challengeDispute: {
    params: { id: string };
    query: NoFields;
    body: {
      evidence: string;
    };
    answer: ChallengeDisputeResponse;
  };
  acceptDispute: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: AcceptDisputeResponse;
  };
  createMandate: {
    params: NoFields;
    query: NoFields;
    body: {
      method: PaymentMethodInput;
      amountMax: MoneyInput;
    };
    answer: CreateMandateResponse;
  };
  confirmMandate: {
    params: { id: string };
    query: NoFields;
    body: {
      challengeResponse?: string;
    };
    answer: ConfirmMandateResponse;
  };
  listMandates: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListMandatesResponse;
  };
  getMandate: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetMandateResponse;
  };
  modifyMandate: {
    params: { id: string };
    query: NoFields;
    body: {
      amountMax: MoneyInput;
    };
    answer: ModifyMandateResponse;
  };
  pauseMandate: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: PauseMandateResponse;
  };
  resumeMandate: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: ResumeMandateResponse;
  };
  revokeMandate: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: RevokeMandateResponse;
  };
  createPayment: {
    params: { orderId: string };
    query: NoFields;
    body: {
      method: PaymentMethodInput;
      confirmation?: Confirmation;
    };
    answer: CreatePaymentResponse;
  };
  listPayments: {
    params: { orderId: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListPaymentsResponse;
  };
  getPayment: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetPaymentResponse;
  };
  confirmPayment: {
    params: { id: string };
    query: NoFields;
    body: {
      challengeResponse?: string;
    };
    answer: ConfirmPaymentResponse;
  };
  cancelPayment: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: CancelPaymentResponse;
  };
  listRiskRules: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: ListRiskRulesResponse;
  };
  putRiskRule: {
    params: { name: string };
    query: NoFields;
    body: {
      enabled?: boolean;
      dimension: RiskDimension;
      counted: RiskCounted;
      countMax?: number;
      windowSeconds?: number;
      amountAtLeastMinor?: string;
      outcome: RiskOutcome;
    };
    answer: PutRiskRuleResponse;
  };
  deleteRiskRule: {
    params: { name: string };
    query: NoFields;
    body: undefined;
    answer: undefined;
  };
  listBlocks: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListBlocksResponse;
  };
  addBlock: {
    params: NoFields;
    query: NoFields;
    body: {
      dimension: RiskDimension;
      value?: string;
      paymentId?: string;
      reason: string;
      until?: string;
    };
    answer: AddBlockResponse;
  };
  removeBlock: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: undefined;
  };
  listRiskDecisions: {
    params: NoFields;
    query: {
      orderId?: string;
      outcome?: RiskOutcome;
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListRiskDecisionsResponse;
  };
  getRiskScoring: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: GetRiskScoringResponse;
  };
  putRiskScoring: {
    params: NoFields;
    query: NoFields;
    body: {
      version?: number;
      factors?: RiskFactorInput[];
      challengeFrom?: number;
      reviewFrom?: number;
      blockFrom?: number;
    };
    answer: PutRiskScoringResponse;
  };
  tryRiskScoring: {
    params: NoFields;
    query: NoFields;
    body: {
      factors?: RiskFactorInput[];
      challengeFrom?: number;
      reviewFrom?: number;
      blockFrom?: number;
    };
    answer: TryRiskScoringResponse;
  };
  listProviders: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: ListProvidersResponse;
  };
  getRoutingRules: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: GetRoutingRulesResponse;
  };
  putRoutingRules: {
    params: NoFields;
    query: NoFields;
    body: {
      version?: number;
      rules?: RouteRuleInput[];
      fallback?: string[];
      triesMax?: number;
      explorationPercent?: number;
      eliminationBelowPercent?: number;
    };
    answer: PutRoutingRulesResponse;
  };
  listRoutingDecisions: {
    params: NoFields;
    query: {
      orderId?: string;
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListRoutingDecisionsResponse;
  };
  search: {
    params: NoFields;
    query: {
      q?: string;
      pageSize?: number;
      pageToken?: string;
      kind?: string;
      language?: string;
      level?: string;
      courseId?: string;
    };
    body: undefined;
    answer: SearchResponse;
  };
  startSettlementRun: {
    params: NoFields;
    query: NoFields;
    body: NoFields;
    answer: StartSettlementRunResponse;
  };
  listSettlementRuns: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListSettlementRunsResponse;
  };
  getSettlementRun: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetSettlementRunResponse;
  };
  listSettlementBatches: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      runId?: string;
      instructorId?: string;
    };
    body: undefined;
    answer: ListSettlementBatchesResponse;
  };
  listPayoutBatches: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      status?: string;
    };
    body: undefined;
    answer: ListPayoutBatchesResponse;
  };
  getPayoutBatch: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetPayoutBatchResponse;
  };
  listPayouts: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      payoutBatchId?: string;
      instructorId?: string;
      status?: string;
    };
    body: undefined;
    answer: ListPayoutsResponse;
  };
  approvePayoutBatch: {
    params: { id: string };
    query: NoFields;
    body: {
      fileSha256?: string;
    };
    answer: ApprovePayoutBatchResponse;
  };
  rejectPayoutBatch: {
    params: { id: string };
    query: NoFields;
    body: {
      reason: string;
    };
    answer: RejectPayoutBatchResponse;
  };
  resubmitPayoutBatch: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: ResubmitPayoutBatchResponse;
  };
  handOverPayoutBatch: {
    params: { id: string };
    query: NoFields;
    body: {
      format: string;
      fileSha256: string;
    };
    answer: HandOverPayoutBatchResponse;
  };
  listPayoutAnswers: {
    params: { id: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListPayoutAnswersResponse;
  };
  listPayoutBanks: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: ListPayoutBanksResponse;
  };
  requestPayoutBank: {
    params: NoFields;
    query: NoFields;
    body: {
      legalEntity: string;
      currency: string;
      name: string;
      debtorName: string;
      accountNumber: string;
      bankCode: string;
    };
    answer: RequestPayoutBankResponse;
  };
  approvePayoutBank: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: ApprovePayoutBankResponse;
  };
  requestInstructorTransfer: {
    params: NoFields;
    query: NoFields;
    body: {
      fromInstructorId: string;
      toInstructorId: string;
      currency: string;
      amountMinor?: string;
      reason: string;
    };
    answer: RequestInstructorTransferResponse;
  };
  reverseInstructorTransfer: {
    params: { id: string };
    query: NoFields;
    body: {
      amountMinor?: string;
      reason: string;
    };
    answer: ReverseInstructorTransferResponse;
  };
  approveInstructorTransfer: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: ApproveInstructorTransferResponse;
  };
  rejectInstructorTransfer: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: RejectInstructorTransferResponse;
  };
  listInstructorTransfers: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      instructorId?: string;
      status?: string;
    };
    body: undefined;
    answer: ListInstructorTransfersResponse;
  };
  listWithholdingVersions: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListWithholdingVersionsResponse;
  };
  requestWithholdingVersion: {
    params: NoFields;
    query: NoFields;
    body: {
      rules?: WithholdingTermsInput[];
      reason: string;
      basedOn?: string;
    };
    answer: RequestWithholdingVersionResponse;
  };
  approveWithholdingVersion: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: ApproveWithholdingVersionResponse;
  };
  rejectWithholdingVersion: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: RejectWithholdingVersionResponse;
  };
  makeBankStatements: {
    params: NoFields;
    query: NoFields;
    body: NoFields;
    answer: MakeBankStatementsResponse;
  };
  listMyPayouts: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListMyPayoutsResponse;
  };
  requestInstantPayout: {
    params: NoFields;
    query: NoFields;
    body: {
      currency: string;
    };
    answer: RequestInstantPayoutResponse;
  };
  listMyPayoutAccounts: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: ListMyPayoutAccountsResponse;
  };
  setMyPayoutAccount: {
    params: { currency: string };
    query: NoFields;
    body: {
      method: string;
      holderName: string;
      accountNumber?: string;
      ifsc?: string;
      vpa?: string;
      bic?: string;
    };
    answer: SetMyPayoutAccountResponse;
  };
  getMyTaxProfile: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: GetMyTaxProfileResponse;
  };
  setMyTaxProfile: {
    params: NoFields;
    query: NoFields;
    body: {
      pan?: string;
      resident?: boolean;
      gstin?: string;
    };
    answer: SetMyTaxProfileResponse;
  };
  listMyStatements: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListMyStatementsResponse;
  };
  getMyStatement: {
    params: { id: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: GetMyStatementResponse;
  };
  getReconciliation: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: GetReconciliationResponse;
  };
  listSettlementFiles: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      status?: string;
    };
    body: undefined;
    answer: ListSettlementFilesResponse;
  };
  getSettlementFile: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetSettlementFileResponse;
  };
  discardSettlementFile: {
    params: { id: string };
    query: NoFields;
    body: NoFields;
    answer: DiscardSettlementFileResponse;
  };
  listReportSources: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: ListReportSourcesResponse;
  };
  listFileLines: {
    params: { fileId: string };
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: ListFileLinesResponse;
  };
  listExpectations: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      state?: string;
      side?: string;
      reference?: string;
    };
    body: undefined;
    answer: ListExpectationsResponse;
  };
  listBreaks: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
      status?: string;
      type?: string;
      ownerId?: string;
      age?: string;
    };
    body: undefined;
    answer: ListBreaksResponse;
  };
  getBreak: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: GetBreakResponse;
  };
  assignBreak: {
    params: { id: string };
    query: NoFields;
    body: {
      ownerId?: string;
    };
    answer: AssignBreakResponse;
  };
  addBreakNote: {
    params: { id: string };
    query: NoFields;
    body: {
      note: string;
    };
    answer: AddBreakNoteResponse;
  };
  requestWriteOff: {
    params: { id: string };
    query: NoFields;
    body: {
      note: string;
    };
    answer: RequestWriteOffResponse;
  };
  approveWriteOff: {
    params: { id: string };
    query: NoFields;
    body: {
      note?: string;
    };
    answer: ApproveWriteOffResponse;
  };
  rejectWriteOff: {
    params: { id: string };
    query: NoFields;
    body: {
      note?: string;
    };
    answer: RejectWriteOffResponse;
  };
  matchManually: {
    params: NoFields;
    query: NoFields;
    body: {
      lineIds: string[];
      expectationIds: string[];
      note: string;
    };
    answer: MatchManuallyResponse;
  };
  listMatchRules: {
    params: NoFields;
    query: NoFields;
    body: undefined;
    answer: ListMatchRulesResponse;
  };
  setMatchRule: {
    params: { id: string };
    query: NoFields;
    body: {
      rule: MatchRuleInput;
    };
    answer: SetMatchRuleResponse;
  };
  deleteMatchRule: {
    params: { id: string };
    query: NoFields;
    body: undefined;
    answer: undefined;
  };
  tryMatchRules: {
    params: NoFields;
    query: NoFields;
    body: {
      side: string;
      rules?: MatchRuleInput[];
    };
    answer: TryMatchRulesResponse;
  };
}

export const operations = {
  listCourses: { method: 'GET', path: '/api/v1/courses' },
  getCourse: { method: 'GET', path: '/api/v1/courses/{id}' },
  getOutline: { method: 'GET', path: '/api/v1/courses/{id}/outline' },
  getLesson: { method: 'GET', path: '/api/v1/lessons/{id}' },
  listMyCourses: { method: 'GET', path: '/api/v1/instructors/me/courses' },
  createCourse: { method: 'POST', path: '/api/v1/courses' },
  updateCourse: { method: 'PATCH', path: '/api/v1/courses/{id}' },
  createSection: { method: 'POST', path: '/api/v1/courses/{courseId}/sections' },
  createLesson: { method: 'POST', path: '/api/v1/sections/{sectionId}/lessons' },
  updateLesson: { method: 'PATCH', path: '/api/v1/lessons/{id}' },
  publishCourse: { method: 'POST', path: '/api/v1/courses/{id}:publish' },
  createUser: { method: 'POST', path: '/api/v1/users' },
  createSession: { method: 'POST', path: '/api/v1/sessions' },
  deleteCurrentSession: { method: 'DELETE', path: '/api/v1/sessions/current' },
  listSessions: { method: 'GET', path: '/api/v1/sessions' },
  deleteSession: { method: 'DELETE', path: '/api/v1/sessions/{id}' },
  getMe: { method: 'GET', path: '/api/v1/users/me' },
  updateMe: { method: 'PATCH', path: '/api/v1/users/me' },
  changePassword: { method: 'PUT', path: '/api/v1/users/me/password' },
  sendEmailVerification: { method: 'POST', path: '/api/v1/users/me/email-verification' },
  verifyEmail: { method: 'POST', path: '/api/v1/email-verifications' },
  listUsers: { method: 'GET', path: '/api/v1/users' },
  batchGetPeople: { method: 'GET', path: '/api/v1/users:batch' },
  setUserRoles: { method: 'PUT', path: '/api/v1/users/{id}/roles' },
  listEnrolments: { method: 'GET', path: '/api/v1/enrolments' },
  getAccess: { method: 'GET', path: '/api/v1/courses/{courseId}/access' },
  getCourseProgress: { method: 'GET', path: '/api/v1/courses/{courseId}/progress' },
  putProgress: { method: 'PUT', path: '/api/v1/lessons/{lessonId}/progress' },
  startAttempt: { method: 'POST', path: '/api/v1/lessons/{lessonId}/attempts' },
  listAttempts: { method: 'GET', path: '/api/v1/lessons/{lessonId}/attempts' },
  getAttempt: { method: 'GET', path: '/api/v1/attempts/{id}' },
  putAnswer: { method: 'PUT', path: '/api/v1/attempts/{attemptId}/answers/{questionId}' },
  submitAttempt: { method: 'POST', path: '/api/v1/attempts/{id}:submit' },
  getTrialBalance: { method: 'GET', path: '/api/v1/ledger/trial-balance' },
  listEntries: { method: 'GET', path: '/api/v1/ledger/entries' },
  getMyEarnings: { method: 'GET', path: '/api/v1/instructors/me/earnings' },
  listAccounts: { method: 'GET', path: '/api/v1/ledger/accounts' },
  getAccount: { method: 'GET', path: '/api/v1/ledger/accounts/{code}/{currency}' },
  getBalance: { method: 'GET', path: '/api/v1/ledger/accounts/{code}/{currency}/balance' },
  getStatement: { method: 'GET', path: '/api/v1/ledger/accounts/{code}/{currency}/statement' },
  openAccount: { method: 'POST', path: '/api/v1/ledger/accounts/{code}/{currency}:open' },
  limitAccount: { method: 'POST', path: '/api/v1/ledger/accounts/{code}/{currency}:limit' },
  freezeAccount: { method: 'POST', path: '/api/v1/ledger/accounts/{code}/{currency}:freeze' },
  thawAccount: { method: 'POST', path: '/api/v1/ledger/accounts/{code}/{currency}:thaw' },
  closeAccount: { method: 'POST', path: '/api/v1/ledger/accounts/{code}/{currency}:close' },
  listPeriods: { method: 'GET', path: '/api/v1/ledger/periods' },
  getPeriod: { method: 'GET', path: '/api/v1/ledger/periods/{number}' },
  closePeriod: { method: 'POST', path: '/api/v1/ledger/periods:close' },
  listAdjustments: { method: 'GET', path: '/api/v1/ledger/adjustments' },
  getAdjustment: { method: 'GET', path: '/api/v1/ledger/adjustments/{id}' },
  proposeAdjustment: { method: 'POST', path: '/api/v1/ledger/adjustments' },
  proposeExchange: { method: 'POST', path: '/api/v1/ledger/exchanges' },
  proposeRevaluation: { method: 'POST', path: '/api/v1/ledger/revaluations' },
  approveAdjustment: { method: 'POST', path: '/api/v1/ledger/adjustments/{id}:approve' },
  rejectAdjustment: { method: 'POST', path: '/api/v1/ledger/adjustments/{id}:reject' },
  bookJournalsInBulk: { method: 'POST', path: '/api/v1/ledger/journals:batch' },
  listMonitors: { method: 'GET', path: '/api/v1/ledger/monitors' },
  createMonitor: { method: 'POST', path: '/api/v1/ledger/monitors' },
  listNotifications: { method: 'GET', path: '/api/v1/notifications' },
  markRead: { method: 'POST', path: '/api/v1/notifications:markRead' },
  listMail: { method: 'GET', path: '/api/v1/mailbox' },
  createWebhookEndpoint: { method: 'POST', path: '/api/v1/webhook-endpoints' },
  listWebhookEndpoints: { method: 'GET', path: '/api/v1/webhook-endpoints' },
  getWebhookEndpoint: { method: 'GET', path: '/api/v1/webhook-endpoints/{id}' },
  deleteWebhookEndpoint: { method: 'DELETE', path: '/api/v1/webhook-endpoints/{id}' },
  enableWebhookEndpoint: { method: 'POST', path: '/api/v1/webhook-endpoints/{id}:enable' },
  disableWebhookEndpoint: { method: 'POST', path: '/api/v1/webhook-endpoints/{id}:disable' },
  rotateWebhookSecret: { method: 'POST', path: '/api/v1/webhook-endpoints/{id}:rotateSecret' },
  testWebhookEndpoint: { method: 'POST', path: '/api/v1/webhook-endpoints/{id}:test' },
  listWebhookDeliveries: { method: 'GET', path: '/api/v1/webhook-endpoints/{endpointId}/deliveries' },
  getWebhookDelivery: { method: 'GET', path: '/api/v1/webhook-deliveries/{id}' },
  replayWebhookDelivery: { method: 'POST', path: '/api/v1/webhook-deliveries/{id}:replay' },
  replayFailedWebhooks: { method: 'POST', path: '/api/v1/webhook-endpoints/{endpointId}:replayFailed' },
  getHealth: { method: 'GET', path: '/api/v1/operations/health' },
  listTraces: { method: 'GET', path: '/api/v1/operations/traces' },
  getTrace: { method: 'GET', path: '/api/v1/operations/traces/{traceId}' },
  listEvents: { method: 'GET', path: '/api/v1/operations/events' },
  listDeadLetters: { method: 'GET', path: '/api/v1/operations/dead-letters' },
  createBundle: { method: 'POST', path: '/api/v1/bundles' },
  listBundles: { method: 'GET', path: '/api/v1/bundles' },
  getBundle: { method: 'GET', path: '/api/v1/bundles/{id}' },
  withdrawBundle: { method: 'POST', path: '/api/v1/bundles/{id}:withdraw' },
  getCart: { method: 'GET', path: '/api/v1/cart' },
  addCartItem: { method: 'POST', path: '/api/v1/cart/items' },
  changeCartItem: { method: 'PATCH', path: '/api/v1/cart/items/{id}' },
  removeCartItem: { method: 'DELETE', path: '/api/v1/cart/items/{id}' },
  setCartCoupon: { method: 'PUT', path: '/api/v1/cart/coupon' },
  mergeCart: { method: 'POST', path: '/api/v1/cart:merge' },
  clearCart: { method: 'DELETE', path: '/api/v1/cart' },
  checkOutCart: { method: 'POST', path: '/api/v1/cart:checkout' },
  createCohort: { method: 'POST', path: '/api/v1/courses/{courseId}/cohorts' },
  updateCohort: { method: 'PATCH', path: '/api/v1/cohorts/{id}' },
  getCohort: { method: 'GET', path: '/api/v1/cohorts/{id}' },
  listCohorts: { method: 'GET', path: '/api/v1/courses/{courseId}/cohorts' },
  listCohortMembers: { method: 'GET', path: '/api/v1/cohorts/{cohortId}/members' },
  createCoupon: { method: 'POST', path: '/api/v1/coupons' },
  listCoupons: { method: 'GET', path: '/api/v1/coupons' },
  getCoupon: { method: 'GET', path: '/api/v1/coupons/{id}' },
  withdrawCoupon: { method: 'POST', path: '/api/v1/coupons/{id}:withdraw' },
  listGifts: { method: 'GET', path: '/api/v1/gifts' },
  getGift: { method: 'GET', path: '/api/v1/gifts/{id}' },
  resendGift: { method: 'POST', path: '/api/v1/gifts/{id}:resend' },
  lookAtGift: { method: 'POST', path: '/api/v1/gifts:look' },
  redeemGift: { method: 'POST', path: '/api/v1/gifts:redeem' },
  listInvoices: { method: 'GET', path: '/api/v1/invoices' },
  getInvoice: { method: 'GET', path: '/api/v1/invoices/{id}' },
  getSeller: { method: 'GET', path: '/api/v1/seller' },
  setSeller: { method: 'PUT', path: '/api/v1/seller' },
  placeOrder: { method: 'POST', path: '/api/v1/orders' },
  getOrder: { method: 'GET', path: '/api/v1/orders/{id}' },
  listOrders: { method: 'GET', path: '/api/v1/orders' },
  cancelOrder: { method: 'POST', path: '/api/v1/orders/{id}:cancel' },
  editOrder: { method: 'POST', path: '/api/v1/orders/{id}:edit' },
  createRefund: { method: 'POST', path: '/api/v1/orders/{orderId}/refunds' },
  quoteOrder: { method: 'POST', path: '/api/v1/orders:quote' },
  exchangeLines: { method: 'POST', path: '/api/v1/orders/{orderId}:exchange' },
  listSales: { method: 'GET', path: '/api/v1/sales' },
  listSeatPools: { method: 'GET', path: '/api/v1/seat-pools' },
  getSeatPool: { method: 'GET', path: '/api/v1/seat-pools/{id}' },
  listSeats: { method: 'GET', path: '/api/v1/seat-pools/{poolId}/seats' },
  assignSeat: { method: 'POST', path: '/api/v1/seat-pools/{poolId}/seats' },
  withdrawSeat: { method: 'POST', path: '/api/v1/seat-pools/{poolId}/seats/{id}:withdraw' },
  createJoinLink: { method: 'POST', path: '/api/v1/seat-pools/{poolId}/join-links' },
  listJoinLinks: { method: 'GET', path: '/api/v1/seat-pools/{poolId}/join-links' },
  revokeJoinLink: { method: 'POST', path: '/api/v1/seat-pools/{poolId}/join-links/{id}:revoke' },
  lookAtJoinLink: { method: 'POST', path: '/api/v1/seats:look' },
  joinSeatPool: { method: 'POST', path: '/api/v1/seats:join' },
  refundSeats: { method: 'POST', path: '/api/v1/seat-pools/{poolId}:refund' },
  createPlan: { method: 'POST', path: '/api/v1/plans' },
  retirePlan: { method: 'POST', path: '/api/v1/plans/{id}:retire' },
  getPlan: { method: 'GET', path: '/api/v1/plans/{id}' },
  listPlans: { method: 'GET', path: '/api/v1/plans' },
  subscribe: { method: 'POST', path: '/api/v1/subscriptions' },
  getSubscription: { method: 'GET', path: '/api/v1/subscriptions/{id}' },
  listSubscriptions: { method: 'GET', path: '/api/v1/subscriptions' },
  listSubscriptionBills: { method: 'GET', path: '/api/v1/subscriptions/{subscriptionId}/bills' },
  previewPlanChange: { method: 'GET', path: '/api/v1/subscriptions/{id}/planChange' },
  changePlan: { method: 'POST', path: '/api/v1/subscriptions/{id}:changePlan' },
  cancelSubscription: { method: 'POST', path: '/api/v1/subscriptions/{id}:cancel' },
  resumeSubscription: { method: 'POST', path: '/api/v1/subscriptions/{id}:resume' },
  changeSubscriptionMandate: { method: 'POST', path: '/api/v1/subscriptions/{id}:changeMandate' },
  capturePayment: { method: 'POST', path: '/api/v1/payments/{id}:capture' },
  incrementPayment: { method: 'POST', path: '/api/v1/payments/{id}:increment' },
  voidPayment: { method: 'POST', path: '/api/v1/payments/{id}:void' },
  syncPayment: { method: 'POST', path: '/api/v1/payments/{id}:sync' },
  listRefunds: { method: 'GET', path: '/api/v1/refunds' },
  listAttention: { method: 'GET', path: '/api/v1/payments-attention' },
  closeAttention: { method: 'POST', path: '/api/v1/payments-attention/{id}:close' },
  listDisputes: { method: 'GET', path: '/api/v1/disputes' },
  getDispute: { method: 'GET', path: '/api/v1/disputes/{id}' },
  challengeDispute: { method: 'POST', path: '/api/v1/disputes/{id}:challenge' },
  acceptDispute: { method: 'POST', path: '/api/v1/disputes/{id}:accept' },
  createMandate: { method: 'POST', path: '/api/v1/mandates' },
  confirmMandate: { method: 'POST', path: '/api/v1/mandates/{id}:confirm' },
  listMandates: { method: 'GET', path: '/api/v1/mandates' },
  getMandate: { method: 'GET', path: '/api/v1/mandates/{id}' },
  modifyMandate: { method: 'POST', path: '/api/v1/mandates/{id}:modify' },
  pauseMandate: { method: 'POST', path: '/api/v1/mandates/{id}:pause' },
  resumeMandate: { method: 'POST', path: '/api/v1/mandates/{id}:resume' },
  revokeMandate: { method: 'POST', path: '/api/v1/mandates/{id}:revoke' },
  createPayment: { method: 'POST', path: '/api/v1/orders/{orderId}/payments' },
  listPayments: { method: 'GET', path: '/api/v1/orders/{orderId}/payments' },
  getPayment: { method: 'GET', path: '/api/v1/payments/{id}' },
  confirmPayment: { method: 'POST', path: '/api/v1/payments/{id}:confirm' },
  cancelPayment: { method: 'POST', path: '/api/v1/payments/{id}:cancel' },
  listRiskRules: { method: 'GET', path: '/api/v1/risk/rules' },
  putRiskRule: { method: 'PUT', path: '/api/v1/risk/rules/{name}' },
  deleteRiskRule: { method: 'DELETE', path: '/api/v1/risk/rules/{name}' },
  listBlocks: { method: 'GET', path: '/api/v1/risk/blocks' },
  addBlock: { method: 'POST', path: '/api/v1/risk/blocks' },
  removeBlock: { method: 'DELETE', path: '/api/v1/risk/blocks/{id}' },
  listRiskDecisions: { method: 'GET', path: '/api/v1/risk/decisions' },
  getRiskScoring: { method: 'GET', path: '/api/v1/risk/scoring' },
  putRiskScoring: { method: 'PUT', path: '/api/v1/risk/scoring' },
  tryRiskScoring: { method: 'POST', path: '/api/v1/risk/scoring:try' },
  listProviders: { method: 'GET', path: '/api/v1/routing/providers' },
  getRoutingRules: { method: 'GET', path: '/api/v1/routing/rules' },
  putRoutingRules: { method: 'PUT', path: '/api/v1/routing/rules' },
  listRoutingDecisions: { method: 'GET', path: '/api/v1/routing/decisions' },
  search: { method: 'GET', path: '/api/v1/search' },
  startSettlementRun: { method: 'POST', path: '/api/v1/settlement/runs' },
  listSettlementRuns: { method: 'GET', path: '/api/v1/settlement/runs' },
  getSettlementRun: { method: 'GET', path: '/api/v1/settlement/runs/{id}' },
  listSettlementBatches: { method: 'GET', path: '/api/v1/settlement/batches' },
  listPayoutBatches: { method: 'GET', path: '/api/v1/settlement/payout-batches' },
  getPayoutBatch: { method: 'GET', path: '/api/v1/settlement/payout-batches/{id}' },
  listPayouts: { method: 'GET', path: '/api/v1/settlement/payouts' },
  approvePayoutBatch: { method: 'POST', path: '/api/v1/settlement/payout-batches/{id}:approve' },
  rejectPayoutBatch: { method: 'POST', path: '/api/v1/settlement/payout-batches/{id}:reject' },
  resubmitPayoutBatch: { method: 'POST', path: '/api/v1/settlement/payout-batches/{id}:resubmit' },
  handOverPayoutBatch: { method: 'POST', path: '/api/v1/settlement/payout-batches/{id}:hand-over' },
  listPayoutAnswers: { method: 'GET', path: '/api/v1/settlement/payout-batches/{id}/answers' },
  listPayoutBanks: { method: 'GET', path: '/api/v1/settlement/payout-banks' },
  requestPayoutBank: { method: 'POST', path: '/api/v1/settlement/payout-banks' },
  approvePayoutBank: { method: 'POST', path: '/api/v1/settlement/payout-banks/{id}:approve' },
  requestInstructorTransfer: { method: 'POST', path: '/api/v1/settlement/instructor-transfers' },
  reverseInstructorTransfer: { method: 'POST', path: '/api/v1/settlement/instructor-transfers/{id}:reverse' },
  approveInstructorTransfer: { method: 'POST', path: '/api/v1/settlement/instructor-transfers/{id}:approve' },
  rejectInstructorTransfer: { method: 'POST', path: '/api/v1/settlement/instructor-transfers/{id}:reject' },
  listInstructorTransfers: { method: 'GET', path: '/api/v1/settlement/instructor-transfers' },
  listWithholdingVersions: { method: 'GET', path: '/api/v1/settlement/withholding-versions' },
  requestWithholdingVersion: { method: 'POST', path: '/api/v1/settlement/withholding-versions' },
  approveWithholdingVersion: { method: 'POST', path: '/api/v1/settlement/withholding-versions/{id}:approve' },
  rejectWithholdingVersion: { method: 'POST', path: '/api/v1/settlement/withholding-versions/{id}:reject' },
  makeBankStatements: { method: 'POST', path: '/api/v1/settlement/sandbox-bank/statements' },
  listMyPayouts: { method: 'GET', path: '/api/v1/instructors/me/payouts' },
  requestInstantPayout: { method: 'POST', path: '/api/v1/instructors/me/payouts:instant' },
  listMyPayoutAccounts: { method: 'GET', path: '/api/v1/instructors/me/payout-accounts' },
  setMyPayoutAccount: { method: 'PUT', path: '/api/v1/instructors/me/payout-accounts/{currency}' },
  getMyTaxProfile: { method: 'GET', path: '/api/v1/instructors/me/tax-profile' },
  setMyTaxProfile: { method: 'PUT', path: '/api/v1/instructors/me/tax-profile' },
  listMyStatements: { method: 'GET', path: '/api/v1/instructors/me/statements' },
  getMyStatement: { method: 'GET', path: '/api/v1/instructors/me/statements/{id}' },
  getReconciliation: { method: 'GET', path: '/api/v1/settlement/reconciliation' },
  listSettlementFiles: { method: 'GET', path: '/api/v1/settlement/files' },
  getSettlementFile: { method: 'GET', path: '/api/v1/settlement/files/{id}' },
  discardSettlementFile: { method: 'POST', path: '/api/v1/settlement/files/{id}:discard' },
  listReportSources: { method: 'GET', path: '/api/v1/settlement/report-sources' },
  listFileLines: { method: 'GET', path: '/api/v1/settlement/files/{fileId}/lines' },
  listExpectations: { method: 'GET', path: '/api/v1/settlement/expectations' },
  listBreaks: { method: 'GET', path: '/api/v1/settlement/breaks' },
  getBreak: { method: 'GET', path: '/api/v1/settlement/breaks/{id}' },
  assignBreak: { method: 'POST', path: '/api/v1/settlement/breaks/{id}:assign' },
  addBreakNote: { method: 'POST', path: '/api/v1/settlement/breaks/{id}:note' },
  requestWriteOff: { method: 'POST', path: '/api/v1/settlement/breaks/{id}:request-write-off' },
  approveWriteOff: { method: 'POST', path: '/api/v1/settlement/breaks/{id}:approve-write-off' },
  rejectWriteOff: { method: 'POST', path: '/api/v1/settlement/breaks/{id}:reject-write-off' },
  matchManually: { method: 'POST', path: '/api/v1/settlement/matches' },
  listMatchRules: { method: 'GET', path: '/api/v1/settlement/rules' },
  setMatchRule: { method: 'PUT', path: '/api/v1/settlement/rules/{id}' },
  deleteMatchRule: { method: 'DELETE', path: '/api/v1/settlement/rules/{id}' },
  tryMatchRules: { method: 'POST', path: '/api/v1/settlement/rules:try' },
} as const satisfies Record<keyof Operations, { method: string; path: string }>;
