/**
 * The addresses of the app, once: the router is built over them, and the server answers 404 for every other path.
 * `room` says who a page is for; the server renders only what is public.
 */
export const pagePatterns = [
  '/',
  '/courses',
  '/courses/$slug',
  '/lessons/$lessonId',
  '/search',
  '/sign-in',
  '/sign-up',
  '/verify-email',
  '/buy',
  '/cart',
  '/checkout/$orderId',
  '/sandbox/3ds/$paymentId',
  '/orders',
  '/orders/$orderId',
  '/invoices',
  '/plans',
  '/plans/$planId',
  '/sandbox/mandates/$mandateId',
  '/subscriptions',
  '/subscriptions/$subscriptionId',
  '/gifts',
  '/gifts/$code',
  '/seats',
  '/seats/$poolId',
  '/join/$code',
  '/learn',
  '/notifications',
  '/mailbox',
  '/account',
  '/teach',
  '/teach/earnings',
  '/teach/offers',
  '/teach/payouts',
  '/teach/statements/$statementId',
  '/teach/courses/$courseId',
  '/teach/lessons/$lessonId',
  '/finance',
  '/finance/journals',
  '/finance/bulk',
  '/finance/orders',
  '/finance/orders/$orderId',
  '/finance/disputes',
  '/finance/disputes/$disputeId',
  '/finance/attention',
  '/finance/refunds',
  '/finance/risk',
  '/finance/routing',
  '/finance/reconciliation',
  '/finance/files',
  '/finance/files/$fileId',
  '/finance/breaks',
  '/finance/breaks/$breakId',
  '/finance/expectations',
  '/finance/match-rules',
  '/finance/payouts',
  '/finance/payouts/$batchId',
  '/finance/payout-banks',
  '/finance/transfers',
  '/finance/withholding',
  '/finance/runs',
  '/finance/runs/$runId',
  '/finance/accounts',
  '/finance/accounts/$code/$currency',
  '/finance/adjustments',
  '/finance/monitors',
  '/finance/periods',
  '/finance/invoices',
  '/finance/seller',
  '/finance/coupons',
  '/finance/webhooks',
  '/finance/webhooks/$endpointId',
  '/admin/users',
  '/operations',
  '/operations/traces',
  '/operations/traces/$traceId',
  '/operations/events',
] as const;

export type PagePattern = (typeof pagePatterns)[number];

export interface PageMatch {
  readonly pattern: PagePattern;
  readonly params: Readonly<Record<string, string>>;
}

/** The page that a path names; undefined when the app has none. One slash at the end is forgiven. */
export function matchPage(path: string): PageMatch | undefined {
  const parts = path.replace(/(.)\/$/, '$1').split('/');
  for (const pattern of pagePatterns) {
    const params = matchParts(pattern.split('/'), parts);
    if (params) return { pattern, params };
  }
  return undefined;
}

function matchParts(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, name] of pattern.entries()) {
    const part = parts[index] ?? '';
    if (name.startsWith('$')) {
      if (part === '') return undefined;
      params[name.slice(1)] = decoded(part);
    } else if (name !== part) return undefined;
  }
  return params;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
