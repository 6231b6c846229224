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

export type BecauseKind = 'order_paid' | 'order_refunded' | 'teaches' | 'no_order' | 'admin';

export type AttemptStatus = 'in_progress' | 'submitted';

export type Side = 'debit' | 'credit';

export type EarningStatus = 'earned' | 'partially_refunded' | 'refunded';

export type OrderStatus = 'awaiting_payment' | 'paid' | 'cancelled' | 'partially_refunded' | 'refunded';

export type RefundStatus = 'pending' | 'succeeded' | 'failed';

export type PaymentStatus = 'requires_action' | 'processing' | 'succeeded' | 'failed' | 'unknown' | 'cancelled';

export type NextActionType = 'challenge' | 'upi_intent';

export type MethodType = 'card' | 'upi';

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
}

export interface Leg {
  account: string;
  debit?: Money;
  credit?: Money;
  accountName: string;
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

export interface PlaceOrderResponse {
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
}

export interface Refund {
  id: string;
  status?: RefundStatus;
  amount?: Money;
  reason: string;
  createdAt?: string;
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

export interface CreateRefundResponse {
  refund: Refund;
}

export interface CreatePaymentResponse {
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

export type OrderItemInput = {
  courseId: string;
};

export type RefundItemInput = {
  lineId?: string;
  courseId?: string;
};

export type PaymentMethodInput = {
  type: MethodType;
  token: string;
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
    };
    body: undefined;
    answer: ListEntriesResponse;
  };
  getMyEarnings: {
    params: NoFields;
    query: {
      pageSize?: number;
      pageToken?: string;
    };
    body: undefined;
    answer: GetMyEarningsResponse;
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
  placeOrder: {
    params: NoFields;
    query: NoFields;
    body: {
      items: OrderItemInput[];
      couponCode?: string;
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
  createPayment: {
    params: { orderId: string };
    query: NoFields;
    body: {
      method: PaymentMethodInput;
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
  listNotifications: { method: 'GET', path: '/api/v1/notifications' },
  markRead: { method: 'POST', path: '/api/v1/notifications:markRead' },
  listMail: { method: 'GET', path: '/api/v1/mailbox' },
  placeOrder: { method: 'POST', path: '/api/v1/orders' },
  getOrder: { method: 'GET', path: '/api/v1/orders/{id}' },
  listOrders: { method: 'GET', path: '/api/v1/orders' },
  cancelOrder: { method: 'POST', path: '/api/v1/orders/{id}:cancel' },
  createRefund: { method: 'POST', path: '/api/v1/orders/{orderId}/refunds' },
  createPayment: { method: 'POST', path: '/api/v1/orders/{orderId}/payments' },
  listPayments: { method: 'GET', path: '/api/v1/orders/{orderId}/payments' },
  getPayment: { method: 'GET', path: '/api/v1/payments/{id}' },
  confirmPayment: { method: 'POST', path: '/api/v1/payments/{id}:confirm' },
  search: { method: 'GET', path: '/api/v1/search' },
} as const satisfies Record<keyof Operations, { method: string; path: string }>;
