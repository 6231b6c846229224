/** The map of the app: one line of sight from an address to its page. Pages load when they are needed. */
import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type RouterHistory,
} from '@tanstack/react-router';
import { courseQuery, coursesQuery, lessonQuery, outlineQuery } from './api/catalogue.ts';
import { NotFoundPage, PageError } from './pages/not-found.tsx';
import { Shell } from './pages/shell.tsx';
import type { PagePattern } from './route-patterns.ts';

const rootRoute = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Shell,
  notFoundComponent: NotFoundPage,
  errorComponent: PageError,
});

/** A query value as text, or nothing at all: a stray value in an address is no error. */
function text(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value.slice(0, 512) : undefined;
}

const catalogue = lazyRouteComponent(() => import('./pages/catalogue.tsx'), 'CataloguePage');

interface CatalogueSearch {
  level?: string | undefined;
  language?: string | undefined;
}
const filterOf = (search: Record<string, unknown>): CatalogueSearch => ({
  level: text(search.level),
  language: text(search.language),
});

const homeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/' satisfies PagePattern,
  component: catalogue,
  validateSearch: filterOf,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => void context.queryClient.prefetchInfiniteQuery(coursesQuery(deps)),
});
const coursesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/courses' satisfies PagePattern,
  component: catalogue,
  validateSearch: filterOf,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => void context.queryClient.prefetchInfiniteQuery(coursesQuery(deps)),
});
const courseRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/courses/$slug' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/course.tsx'), 'CoursePage'),
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(courseQuery(params.slug));
    void context.queryClient.prefetchQuery(outlineQuery(params.slug));
  },
});
const lessonRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/lessons/$lessonId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/lesson.tsx'), 'LessonPage'),
  validateSearch: (search: Record<string, unknown>): { draft?: boolean } =>
    search.draft === true || search.draft === 'true' ? { draft: true } : {},
  loaderDeps: ({ search }) => search,
  loader: ({ context, params, deps }) =>
    void context.queryClient.prefetchQuery(lessonQuery(params.lessonId, deps.draft ?? false)),
});
const searchRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/search' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/search.tsx'), 'SearchPage'),
  validateSearch: (
    search: Record<string, unknown>,
  ): CatalogueSearch & { q?: string | undefined; kind?: string | undefined } => ({
    q: text(search.q),
    kind: text(search.kind),
    level: text(search.level),
    language: text(search.language),
  }),
});
const returnOf = (search: Record<string, unknown>): { return?: string | undefined } => ({
  return: text(search.return),
});
const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/sign-in.tsx'), 'SignInPage'),
  validateSearch: returnOf,
});
const signUpRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-up' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/sign-up.tsx'), 'SignUpPage'),
  validateSearch: returnOf,
});
const verifyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/verify-email' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/verify-email.tsx'), 'VerifyEmailPage'),
  validateSearch: (search: Record<string, unknown>): { token?: string | undefined } => ({ token: text(search.token) }),
});
const checkoutRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/checkout/$orderId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/checkout.tsx'), 'CheckoutPage'),
});
const challengeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sandbox/3ds/$paymentId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/sandbox-challenge.tsx'), 'SandboxChallengePage'),
});
const ordersRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/orders' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/orders.tsx'), 'OrdersPage'),
});
const orderRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/orders/$orderId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/order.tsx'), 'OrderPage'),
});
const buyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/buy' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/buy.tsx'), 'BuyPage'),
  validateSearch: (
    search: Record<string, unknown>,
  ): {
    course?: string | undefined;
    bundle?: string | undefined;
    cohort?: string | undefined;
    as?: string | undefined;
  } => ({
    course: text(search.course),
    bundle: text(search.bundle),
    cohort: text(search.cohort),
    as: text(search.as),
  }),
});
const invoicesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/invoices' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/invoices.tsx'), 'InvoicesPage'),
});
const plansRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/plans' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/plans.tsx'), 'PlansPage'),
});
const planRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/plans/$planId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/plan.tsx'), 'PlanPage'),
  validateSearch: (search: Record<string, unknown>): { mandate?: string | undefined } => ({
    mandate: text(search.mandate),
  }),
});
const mandateRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sandbox/mandates/$mandateId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/sandbox-mandate.tsx'), 'SandboxMandatePage'),
  validateSearch: returnOf,
});
const subscriptionsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/subscriptions' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/subscriptions.tsx'), 'SubscriptionsPage'),
});
const subscriptionRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/subscriptions/$subscriptionId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/subscription.tsx'), 'SubscriptionPage'),
  validateSearch: (search: Record<string, unknown>): { mandate?: string | undefined } => ({
    mandate: text(search.mandate),
  }),
});
const giftsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/gifts' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/gifts.tsx'), 'GiftsPage'),
});
const redeemGiftRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/gifts/$code' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/redeem-gift.tsx'), 'RedeemGiftPage'),
});
const seatPoolsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/seats' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/seat-pools.tsx'), 'SeatPoolsPage'),
});
const seatPoolRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/seats/$poolId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/seat-pool.tsx'), 'SeatPoolPage'),
});
const joinRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/join/$code' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/join-seats.tsx'), 'JoinSeatsPage'),
});
const learnRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/learn' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/learn.tsx'), 'LearnPage'),
});
const notificationsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/notifications' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/notifications.tsx'), 'NotificationsPage'),
});
const mailboxRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/mailbox' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/mailbox.tsx'), 'MailboxPage'),
});
const accountRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/account' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/account.tsx'), 'AccountPage'),
});
const teachRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/teach' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/teach.tsx'), 'TeachPage'),
});
const earningsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/teach/earnings' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/earnings.tsx'), 'EarningsPage'),
});
const offersRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/teach/offers' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/offers.tsx'), 'OffersPage'),
});
const payoutsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/teach/payouts' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/payouts.tsx'), 'PayoutsPage'),
});
const statementRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/teach/statements/$statementId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/statement.tsx'), 'StatementPage'),
});
const editCourseRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/teach/courses/$courseId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/edit-course.tsx'), 'EditCoursePage'),
});
const editLessonRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/teach/lessons/$lessonId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/edit-lesson.tsx'), 'EditLessonPage'),
});
const financeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/trial-balance.tsx'), 'TrialBalancePage'),
  validateSearch: (search: Record<string, unknown>): { at?: string | undefined } => ({ at: text(search.at) }),
});
const journalsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/journals' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/journals.tsx'), 'JournalsPage'),
  validateSearch: (search: Record<string, unknown>): { order?: string | undefined; account?: string | undefined } => ({
    order: text(search.order),
    account: text(search.account),
  }),
});
const financeOrdersRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/orders' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-orders.tsx'), 'FinanceOrdersPage'),
  validateSearch: (search: Record<string, unknown>): { status?: string | undefined } => ({
    status: text(search.status),
  }),
});
const financeOrderRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/orders/$orderId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-order.tsx'), 'FinanceOrderPage'),
});
/** The texts of these names, each there or not. */
const textsOf =
  <Name extends string>(...names: Name[]) =>
  (search: Record<string, unknown>): { [one in Name]?: string | undefined } =>
    Object.fromEntries(names.map((name) => [name, text(search[name])])) as { [one in Name]?: string | undefined };

const financeDisputesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/disputes' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-disputes.tsx'), 'FinanceDisputesPage'),
  validateSearch: textsOf('status'),
});
const financeDisputeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/disputes/$disputeId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-dispute.tsx'), 'FinanceDisputePage'),
});
const financeAttentionRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/attention' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-attention.tsx'), 'FinanceAttentionPage'),
  validateSearch: textsOf('status'),
});
const financeRiskRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/risk' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-risk.tsx'), 'FinanceRiskPage'),
  validateSearch: textsOf('outcome'),
});
const financeReconciliationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/reconciliation' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-reconciliation.tsx'), 'FinanceReconciliationPage'),
});
const financeFilesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/files' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-files.tsx'), 'FinanceFilesPage'),
  validateSearch: textsOf('status'),
});
const financeFileRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/files/$fileId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-file.tsx'), 'FinanceFilePage'),
});
const financeBreaksRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/breaks' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-breaks.tsx'), 'FinanceBreaksPage'),
  validateSearch: textsOf('status', 'type', 'age', 'owner'),
});
const financeBreakRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/breaks/$breakId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-break.tsx'), 'FinanceBreakPage'),
});
const financeExpectationsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/expectations' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-expectations.tsx'), 'FinanceExpectationsPage'),
  validateSearch: textsOf('state', 'side', 'reference'),
});
const financeMatchRulesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/match-rules' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-match-rules.tsx'), 'FinanceMatchRulesPage'),
});
const financePayoutsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/payouts' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-payouts.tsx'), 'FinancePayoutsPage'),
  validateSearch: textsOf('status'),
});
const financePayoutBatchRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/payouts/$batchId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-payout-batch.tsx'), 'FinancePayoutBatchPage'),
});
const financePayoutBanksRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/payout-banks' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-payout-banks.tsx'), 'FinancePayoutBanksPage'),
});
const financeWithholdingRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/withholding' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-withholding.tsx'), 'FinanceWithholdingPage'),
});
const financeTransfersRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/transfers' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-transfers.tsx'), 'FinanceTransfersPage'),
  validateSearch: textsOf('status'),
});
const financeRunsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/runs' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-runs.tsx'), 'FinanceRunsPage'),
});
const financeRunRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/runs/$runId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-run.tsx'), 'FinanceRunPage'),
});
const financeAccountsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/accounts' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-accounts.tsx'), 'FinanceAccountsPage'),
  validateSearch: textsOf('parent', 'currency'),
});
const financeAccountRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/accounts/$code/$currency' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-account.tsx'), 'FinanceAccountPage'),
  validateSearch: textsOf('from', 'until', 'basis'),
});
const financeAdjustmentsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/adjustments' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-adjustments.tsx'), 'FinanceAdjustmentsPage'),
  validateSearch: textsOf('status'),
});
const financePeriodsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/periods' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-periods.tsx'), 'FinancePeriodsPage'),
});
const financeInvoicesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/invoices' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-invoices.tsx'), 'FinanceInvoicesPage'),
  validateSearch: textsOf('kind', 'from', 'until'),
});
const financeCouponsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/coupons' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-coupons.tsx'), 'FinanceCouponsPage'),
});
const financeWebhooksRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/webhooks' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-webhooks.tsx'), 'FinanceWebhooksPage'),
});
const financeWebhookRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/webhooks/$endpointId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-webhook.tsx'), 'FinanceWebhookPage'),
  validateSearch: textsOf('status'),
});
const financeRefundsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/refunds' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-refunds.tsx'), 'FinanceRefundsPage'),
  validateSearch: textsOf('status', 'order', 'from', 'until'),
});
const financeRoutingRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/routing' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-routing.tsx'), 'FinanceRoutingPage'),
  validateSearch: textsOf('order'),
});
const financeBulkRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/bulk' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-bulk.tsx'), 'FinanceBulkPage'),
});
const financeMonitorsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/monitors' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-monitors.tsx'), 'FinanceMonitorsPage'),
});
const financeSellerRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/finance/seller' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/finance-seller.tsx'), 'FinanceSellerPage'),
});
const usersRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/admin/users' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/users.tsx'), 'UsersPage'),
});
const operationsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/operations' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/operations.tsx'), 'OperationsPage'),
});
const operationsTracesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/operations/traces' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/operations-traces.tsx'), 'OperationsTracesPage'),
});
const operationsTraceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/operations/traces/$traceId' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/operations-trace.tsx'), 'OperationsTracePage'),
});
const operationsEventsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/operations/events' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/operations-events.tsx'), 'OperationsEventsPage'),
});

const cartRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/cart' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/cart.tsx'), 'CartPage'),
});

export const routeTree = rootRoute.addChildren([
  homeRoute,
  coursesRoute,
  courseRoute,
  lessonRoute,
  searchRoute,
  signInRoute,
  signUpRoute,
  verifyRoute,
  checkoutRoute,
  challengeRoute,
  ordersRoute,
  orderRoute,
  buyRoute,
  cartRoute,
  invoicesRoute,
  plansRoute,
  planRoute,
  mandateRoute,
  subscriptionsRoute,
  subscriptionRoute,
  giftsRoute,
  redeemGiftRoute,
  seatPoolsRoute,
  seatPoolRoute,
  joinRoute,
  learnRoute,
  notificationsRoute,
  mailboxRoute,
  accountRoute,
  teachRoute,
  earningsRoute,
  offersRoute,
  payoutsRoute,
  statementRoute,
  editCourseRoute,
  editLessonRoute,
  financeRoute,
  journalsRoute,
  financeOrdersRoute,
  financeOrderRoute,
  financeDisputesRoute,
  financeDisputeRoute,
  financeAttentionRoute,
  financeRefundsRoute,
  financeRiskRoute,
  financeRoutingRoute,
  financeReconciliationRoute,
  financeFilesRoute,
  financeFileRoute,
  financeBreaksRoute,
  financeBreakRoute,
  financeExpectationsRoute,
  financeMatchRulesRoute,
  financePayoutsRoute,
  financePayoutBatchRoute,
  financePayoutBanksRoute,
  financeTransfersRoute,
  financeWithholdingRoute,
  financeRunsRoute,
  financeRunRoute,
  financeAccountsRoute,
  financeAccountRoute,
  financeAdjustmentsRoute,
  financeBulkRoute,
  financeMonitorsRoute,
  financePeriodsRoute,
  financeInvoicesRoute,
  financeSellerRoute,
  financeCouponsRoute,
  financeWebhooksRoute,
  financeWebhookRoute,
  usersRoute,
  operationsRoute,
  operationsTracesRoute,
  operationsTraceRoute,
  operationsEventsRoute,
]);

export function createAppRouter(queryClient: QueryClient, history?: RouterHistory) {
  return createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    scrollRestoration: typeof document !== 'undefined',
    ...(history && { history }),
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
