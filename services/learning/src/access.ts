/**
 * Access to a course as a fold over what happened: paid orders and entitlements grant, refunds and ends end. Pure. Access
 * lasts for as long as one ground of several does.
 *
 * The same function answers the guard of a lesson and the question "why do I have access, or not?", so the two cannot
 * disagree. The order in which facts are heard, and how often, makes no difference.
 */

export type AccessFact =
  | {
      readonly kind: 'granted';
      /** Of an order line, or of an entitlement. */
      readonly lineId: string;
      readonly orderId: string;
      readonly release: number;
      /** gift, seat, subscription, cohort; absent for the buyer's own line. */
      readonly source?: string;
      readonly at: Date;
    }
  | {
      readonly kind: 'ended';
      readonly lineId: string;
      readonly orderId: string;
      readonly refundId: string;
      /** Why an entitlement ended; absent for a refund of the buyer's own line. */
      readonly source?: string;
      readonly at: Date;
    };

/** What the viewer is to the course besides a buyer. */
export interface Viewer {
  readonly teaches: boolean;
  readonly isAdmin: boolean;
}

export interface Reason {
  readonly kind:
    | 'order_paid'
    | 'order_refunded'
    | 'entitlement_granted'
    | 'entitlement_ended'
    | 'teaches'
    | 'no_order'
    | 'admin';
  readonly reference: string;
  readonly at?: Date;
}

export interface Access {
  /** May read the course's lessons. */
  readonly entitled: boolean;
  /** Entitled by an order: progress counts and is told. */
  readonly enrolled: boolean;
  /** The release of the earliest order that still grants; 0 when none does. */
  readonly release: number;
  /** What happened, oldest first. */
  readonly because: readonly Reason[];
}

export const nobodySpecial: Viewer = { teaches: false, isAdmin: false };

export function accessOf(courseId: string, facts: readonly AccessFact[], viewer: Viewer): Access {
  const history = distinct(facts).sort(byTime);
  const ended = new Set(history.filter((fact) => fact.kind === 'ended').map((fact) => fact.lineId));
  const granting = history.filter((fact) => fact.kind === 'granted').filter((fact) => !ended.has(fact.lineId));
  const because = [...history.map(reasonOf), ...standing(courseId, viewer)];
  return {
    entitled: granting.length > 0 || viewer.teaches || viewer.isAdmin,
    enrolled: granting.length > 0,
    release: granting[0]?.release ?? 0,
    because: because.length > 0 ? because : [{ kind: 'no_order', reference: `course:${courseId}` }],
  };
}

/** When the course was first granted and, if nothing grants it any more, last ended. */
export function enrolmentTimes(facts: readonly AccessFact[]): {
  enrolledAt: Date | undefined;
  endedAt: Date | undefined;
} {
  const sorted = distinct(facts).sort(byTime);
  return {
    enrolledAt: sorted.find((fact) => fact.kind === 'granted')?.at,
    endedAt: sorted.findLast((fact) => fact.kind === 'ended')?.at,
  };
}

function distinct(facts: readonly AccessFact[]): AccessFact[] {
  return [...new Map(facts.map((fact) => [`${fact.kind} ${fact.lineId}`, fact])).values()];
}

function byTime(a: AccessFact, b: AccessFact): number {
  return a.at.getTime() - b.at.getTime() || order(a).localeCompare(order(b));
}

function order(fact: AccessFact): string {
  return `${fact.lineId} ${fact.kind === 'granted' ? 0 : 1}`;
}

function reasonOf(fact: AccessFact): Reason {
  if (fact.source !== undefined && fact.kind === 'granted')
    return { kind: 'entitlement_granted', reference: `${fact.source}:${fact.lineId}`, at: fact.at };
  if (fact.source !== undefined) return { kind: 'entitlement_ended', reference: fact.source, at: fact.at };
  return fact.kind === 'granted'
    ? { kind: 'order_paid', reference: `order:${fact.orderId}`, at: fact.at }
    : { kind: 'order_refunded', reference: `refund:${fact.refundId} of order:${fact.orderId}`, at: fact.at };
}

function standing(courseId: string, viewer: Viewer): Reason[] {
  return [
    ...(viewer.teaches ? [{ kind: 'teaches', reference: `course:${courseId}` } as const] : []),
    ...(viewer.isAdmin ? [{ kind: 'admin', reference: 'role:admin' } as const] : []),
  ];
}
