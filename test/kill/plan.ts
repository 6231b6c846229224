/** What the kill test does, decided from one seed before it begins. Pure: the same seed gives the same plan. */
import { testWorld } from '@suuupra/platform/world';

export interface AttemptPlan {
  readonly token: string;
  readonly challengeResponse?: 'approve' | 'reject';
  readonly end: 'succeeded' | 'failed';
}

export type AfterPayment =
  | 'learn'
  | 'refund by finance'
  | 'refund by the buyer'
  | 'refund in two parts'
  | 'refund a part';

export interface PurchasePlan {
  readonly index: number;
  readonly client: number;
  readonly course: number;
  /** Tried one after the other; all but the last fail. */
  readonly attempts: readonly AttemptPlan[];
  /** What the buyer does when it is paid. */
  readonly afterPayment: AfterPayment;
  /** What the buyer does when nothing paid it. */
  readonly afterFailure: 'leave' | 'cancel';
  /** Bought with the coupon of the test. */
  readonly withCoupon: boolean;
  /** What finance does when the payer disputes it. */
  readonly dispute: 'challenge and win' | 'accept' | 'leave';
}

export type KillKind =
  /** kill -9 of Node: its PostgreSQL lives on and is adopted by the next start, which gets many events again. */
  | 'node'
  /** As a power cut: Node and every process of PostgreSQL at once. */
  | 'node and postgres'
  /** Node and the first process of PostgreSQL; its others find out by themselves while the next start begins. */
  | 'node and postmaster'
  /** Node, and then the next start before it is ready. */
  | 'node twice';

export interface KillPlan {
  /** The kill comes when this share of the planned answers has been acknowledged ... */
  readonly atShare: number;
  /** ... and this much later, so that it falls anywhere within a request. */
  readonly delayMs: number;
  readonly kind: KillKind;
  /** 'node twice': how long the start in between may run. */
  readonly startMs: number;
}

export interface Plan {
  readonly purchases: readonly PurchasePlan[];
  readonly kills: readonly KillPlan[];
}

export interface PlanSize {
  readonly purchases: number;
  readonly clients: number;
  readonly kills: number;
}

/** Every way an attempt can go, by the tokens of the API document. */
const attempts: readonly AttemptPlan[] = [
  { token: 'tok_ok', end: 'succeeded' },
  { token: 'tok_declined', end: 'failed' },
  { token: 'tok_requires_3ds', challengeResponse: 'approve', end: 'succeeded' },
  { token: 'tok_processing', end: 'succeeded' },
  { token: 'tok_insufficient_funds', end: 'failed' },
  { token: 'tok_duplicate_webhooks', end: 'succeeded' },
  { token: 'tok_timeout_then_succeeded', end: 'succeeded' },
  { token: 'tok_requires_3ds', challengeResponse: 'reject', end: 'failed' },
  { token: 'tok_chargeback', end: 'succeeded' },
  { token: 'tok_timeout_then_failed', end: 'failed' },
];
const paying = attempts.filter(({ end }) => end === 'succeeded');
/** A purchase of which nothing is paid in the first attempt is tried again this often. */
const secondTryShare = 0.6;
const afterPayments: readonly AfterPayment[] = [
  'learn',
  'refund by finance',
  'learn',
  'refund by the buyer',
  'refund in two parts',
  'learn',
  'refund a part',
];
const killKinds: readonly KillKind[] = ['node', 'node and postgres', 'node twice', 'node and postmaster'];
const couponShare = 0.25;
const disputeAnswers = ['challenge and win', 'accept', 'leave'] as const;
/** Kills are spread over this part of the work, so that there is always work left to be killed. */
const killShares = { from: 0.05, to: 0.9 };
const killDelayMsMax = 60;
const startMsMax = 1_500;

export function planOf(seed: number, size: PlanSize): Plan {
  const { random } = testWorld(0, seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const purchases = Array.from({ length: size.purchases }, (_, index): PurchasePlan => {
    const first = attempts[index % attempts.length] as AttemptPlan;
    const again = first.end === 'failed' && random() < secondTryShare;
    const tries = again ? [first, pick(paying)] : [first];
    // Money that is disputed cannot be given back, and a dispute comes when it comes.
    const disputed = tries.some(({ token }) => token === 'tok_chargeback');
    const after = afterPayments[(index + Math.floor(index / attempts.length)) % afterPayments.length] as AfterPayment;
    return {
      index,
      client: index % size.clients,
      course: Math.floor(index / size.clients),
      attempts: tries,
      afterPayment: disputed ? 'learn' : after,
      afterFailure: random() < 0.5 ? 'cancel' : 'leave',
      withCoupon: random() < couponShare,
      dispute: pick(disputeAnswers),
    };
  });
  const band = (killShares.to - killShares.from) / size.kills;
  const firstKind = Math.floor(random() * killKinds.length);
  const kills = Array.from(
    { length: size.kills },
    (_, index): KillPlan => ({
      atShare: killShares.from + band * (index + random()),
      delayMs: Math.floor(random() * killDelayMsMax),
      kind: killKinds[(firstKind + index) % killKinds.length] as KillKind,
      startMs: Math.floor(random() * startMsMax),
    }),
  );
  return { purchases, kills };
}

/** How many answers of POST requests a plan will have acknowledged when all is done. */
export function answersOf(purchases: readonly PurchasePlan[]): number {
  return purchases.reduce((sum, { attempts: tries, afterPayment, afterFailure }) => {
    const confirmations = tries.filter(({ challengeResponse }) => challengeResponse !== undefined).length;
    const paid = tries.at(-1)?.end === 'succeeded';
    const refunds = afterPayment === 'learn' ? 0 : afterPayment === 'refund in two parts' ? 2 : 1;
    const after = paid ? refunds : afterFailure === 'cancel' ? 1 : 0;
    return sum + 1 + tries.length + confirmations + after;
  }, 0);
}
