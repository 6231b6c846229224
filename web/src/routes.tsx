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
const usersRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/admin/users' satisfies PagePattern,
  component: lazyRouteComponent(() => import('./pages/users.tsx'), 'UsersPage'),
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
  learnRoute,
  notificationsRoute,
  mailboxRoute,
  accountRoute,
  teachRoute,
  earningsRoute,
  editCourseRoute,
  editLessonRoute,
  financeRoute,
  journalsRoute,
  financeOrdersRoute,
  financeOrderRoute,
  usersRoute,
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
