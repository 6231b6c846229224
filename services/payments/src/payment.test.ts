import { isRefusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capturableMinor, decideCapture } from './capture.ts';
import { decideIncrement, decideRevision } from './increment.ts';
import {
  type Attempt,
  type AttemptStatus,
  actionAbandonedMs,
  cancelled,
  confirmationMs,
  decideAttempt,
  decideCancelling,
  decideCaptured,
  decideClosing,
  decideConfirming,
  decideOutcome,
  decideRevising,
  decideUnconfirmed,
  type Intent,
  isLive,
  methodKeptOf,
  nextSyncMs,
  phaseOf,
  type Said,
  type Source,
  unheardMs,
} from './payment.ts';
import type { ProviderCapabilities } from './provider.ts';

const intent: Intent = {
  orderId: 'ord_1',
  buyerId: 'usr_1',
  orderNumber: 'SU-1',
  currency: 'INR',
  amountMinor: 100n,
  status: 'open',
  capturedAttemptId: '',
  capturedMinor: 0n,
  captureMethod: 'automatic',
};
const attempt: Attempt = {
  id: 'pay_1',
  orderId: 'ord_1',
  status: 'processing',
  method: 'card',
  provider: 'sandbox',
  currency: 'INR',
  amountMinor: 100n,
  captureMethod: 'automatic',
  reference: '',
  capturedMinor: 0n,
  providerCode: '',
  mandateId: '',
  tryNumber: 0,
  createdAtMs: 0,
  movedAtMs: 0,
};
const action = { type: 'challenge', url: 'u', uri: '', expiresAtMs: 9 } as const;

interface World {
  readonly intent: Intent;
  readonly attempt: Attempt;
  readonly captures: number;
  readonly lates: number;
}

function hear(world: World, said: Said, source: Source): World {
  const decision = decideOutcome(world.intent, world.attempt, said, source, 1_000);
  switch (decision.kind) {
    case 'moves':
      return { ...world, attempt: decision.attempt };
    case 'captures':
      return { ...world, attempt: decision.attempt, intent: decision.intent, captures: world.captures + 1 };
    case 'late':
      return { ...world, attempt: decision.attempt, lates: world.lates + 1 };
    default:
      return world;
  }
}

describe('how an intent stands (P1)', () => {
  const held: Said = { kind: 'authorized', capturableUntilMs: 5_000 };
  const declined: Said = { kind: 'failed', code: 'card_declined', detail: '' };
  it.each<[AttemptStatus, Said, ReturnType<typeof phaseOf>]>([
    ['requires_confirmation', { kind: 'no_answer' }, 'requires_confirmation'],
    ['requires_confirmation', { kind: 'never_heard_of' }, 'requires_confirmation'],
    ['requires_confirmation', { kind: 'processing' }, 'requires_confirmation'],
    ['requires_confirmation', declined, 'requires_confirmation'],
    ['requires_confirmation', { kind: 'succeeded' }, 'succeeded'],
    ['processing', { kind: 'processing' }, 'processing'],
    ['processing', { kind: 'requires_action', action }, 'requires_action'],
    ['processing', held, 'requires_capture'],
    ['processing', { kind: 'no_answer' }, 'processing'],
    ['processing', { kind: 'succeeded' }, 'succeeded'],
    ['processing', declined, 'requires_payment_method'],
    ['processing', { kind: 'voided' }, 'requires_payment_method'],
    ['unknown', { kind: 'requires_action', action }, 'requires_action'],
    ['unknown', held, 'requires_capture'],
    ['unknown', { kind: 'succeeded' }, 'succeeded'],
    ['unknown', declined, 'requires_payment_method'],
    ['requires_action', { kind: 'no_answer' }, 'processing'],
    ['requires_action', { kind: 'succeeded' }, 'succeeded'],
    ['requires_action', declined, 'requires_payment_method'],
    ['requires_capture', { kind: 'no_answer' }, 'requires_capture'],
    ['requires_capture', { kind: 'succeeded' }, 'succeeded'],
    ['requires_capture', { kind: 'voided' }, 'requires_payment_method'],
    ['requires_capture', declined, 'requires_payment_method'],
  ])('an attempt that is %s and of which %j is said: %s', (status, said, phase) => {
    const decision = decideOutcome(intent, { ...attempt, status }, said, 'answer', 1_000);
    const after = 'attempt' in decision ? decision.attempt : { ...attempt, status };
    const live = isLive(after) ? after : undefined;
    const intentAfter = decision.kind === 'captures' ? decision.intent : intent;
    expect(phaseOf(intentAfter, live)).toBe(phase);
    // What failed is no end: the order can be paid again at once.
    if (phase === 'requires_payment_method')
      expect(decideAttempt(intentAfter, live, 1_000)).toEqual({ supersedes: undefined });
  });

  it('has two ends, which nothing leaves', () => {
    for (const [status, phase] of [
      ['captured', 'succeeded'],
      ['cancelled', 'canceled'],
    ] as const) {
      for (const live of [undefined, attempt]) expect(phaseOf({ ...intent, status }, live)).toBe(phase);
      expect(decideAttempt({ ...intent, status }, undefined, 0)).toMatchObject({ code: 'order_not_payable' });
    }
  });
});

describe('what is said about an attempt', () => {
  const words: Said[] = [
    { kind: 'processing' },
    { kind: 'processing', action },
    { kind: 'requires_action', action },
    { kind: 'no_answer' },
    { kind: 'never_heard_of' },
  ];
  const final = fc.constantFrom<Said>({ kind: 'succeeded' }, { kind: 'failed', code: 'card_declined', detail: '' });
  const source = fc.constantFrom<Source>('answer', 'sync', 'webhook');

  it('ends in the same state in every order, however often it is repeated', () => {
    fc.assert(
      fc.property(
        final,
        fc.array(fc.record({ said: fc.constantFrom(...words), source }), { maxLength: 8 }),
        fc.array(source, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (last, others, sources, order) => {
          const heard = [...others, ...sources.map((from) => ({ said: last, source: from }))]
            .map((word) => ({ word, at: order.next().value as number }))
            .sort((a, b) => a.at - b.at);
          let world: World = { intent, attempt, captures: 0, lates: 0 };
          for (const { word } of heard) world = hear(world, word.said, word.source);
          expect(world.attempt.status).toBe(last.kind);
          expect(world.intent.status).toBe(last.kind === 'succeeded' ? 'captured' : 'open');
          expect(world.captures).toBe(last.kind === 'succeeded' ? 1 : 0);
          expect(world.lates).toBe(0);
        },
      ),
    );
  });

  it('sends a success back that comes when the attempt is over or the intent closed', () => {
    for (const status of ['failed', 'cancelled'] as const) {
      const over = { ...attempt, status };
      expect(decideOutcome(intent, over, { kind: 'succeeded' }, 'webhook', 1)).toEqual({
        kind: 'late',
        attempt: over,
        amountMinor: 100n,
      });
    }
    const closed = { ...intent, status: 'cancelled' as const };
    const decision = decideOutcome(closed, attempt, { kind: 'succeeded' }, 'answer', 1);
    expect(decision).toMatchObject({ kind: 'late', attempt: { status: 'cancelled' } });
  });

  it('never takes a success back', () => {
    const done = { ...attempt, status: 'succeeded' as const };
    const said = { kind: 'failed', code: 'card_declined', detail: '' } as const;
    expect(decideOutcome({ ...intent, status: 'captured', capturedMinor: 100n }, done, said, 'webhook', 1)).toEqual({
      kind: 'contradicts',
    });
  });

  it('takes an attempt that the provider never heard of for failed only when no request can be under way', () => {
    const early = decideOutcome(intent, attempt, { kind: 'never_heard_of' }, 'sync', unheardMs - 1);
    expect(early).toEqual({ kind: 'nothing' });
    const later = decideOutcome(intent, attempt, { kind: 'never_heard_of' }, 'sync', unheardMs);
    expect(later).toMatchObject({ attempt: { status: 'failed', failure: { code: 'provider_timeout' } } });
  });

  it('does not let an old webhook bring a challenge back that was answered', () => {
    expect(decideOutcome(intent, attempt, { kind: 'requires_action', action }, 'webhook', 1)).toEqual({
      kind: 'nothing',
    });
  });
});

describe('another attempt', () => {
  const live = (status: AttemptStatus) => ({ ...attempt, status });
  it.each(['processing', 'unknown', 'requires_action'] as const)('waits for one that is %s', (status) => {
    expect(decideAttempt(intent, live(status), 1)).toMatchObject({ code: 'payment_in_progress' });
  });
  it('takes the place of a challenge that nobody answers', () => {
    const waiting = live('requires_action');
    expect(decideAttempt(intent, waiting, actionAbandonedMs)).toMatchObject({ code: 'payment_in_progress' });
    expect(decideAttempt(intent, waiting, actionAbandonedMs + 1)).toEqual({ supersedes: waiting });
    // Silence of the provider is another thing: time alone settles nothing.
    expect(decideAttempt(intent, live('unknown'), 10 * actionAbandonedMs)).toMatchObject({
      code: 'payment_in_progress',
    });
  });
  it('is refused on an intent that is captured or cancelled', () => {
    for (const status of ['captured', 'cancelled'] as const)
      expect(decideAttempt({ ...intent, status }, undefined, 1)).toMatchObject({ code: 'order_not_payable' });
  });
});

describe('a payment that its payer cancels (M20, M30)', () => {
  it.each(['requires_confirmation', 'requires_action'] as const)('is over when it %s', (status) => {
    const ended = decideCancelling({ ...attempt, status, action }, 7);
    expect(ended).toMatchObject({ kind: 'moves', attempt: { status: 'cancelled', action: undefined, movedAtMs: 7 } });
    const charge = decideCancelling({ ...attempt, status, mandateId: 'mdt_1' }, 7);
    expect(charge).toMatchObject({ code: 'payment_in_progress' });
  });
  it.each([
    ['processing', 'payment_in_progress'],
    ['unknown', 'payment_in_progress'],
    ['requires_capture', 'payment_in_progress'],
    ['succeeded', 'already_captured'],
  ] as const)('goes on when it is %s', (status, code) => {
    expect(decideCancelling({ ...attempt, status }, 7)).toMatchObject({ code });
  });
  it.each(['failed', 'cancelled'] as const)('stays as it is when it is %s', (status) => {
    expect(decideCancelling({ ...attempt, status }, 7)).toEqual({ kind: 'nothing' });
  });
});

describe('a payment that waits for its confirmation (P1, M30)', () => {
  const waiting: Attempt = { ...attempt, status: 'requires_confirmation', provider: '', confirmByMs: 100 };

  it('is confirmed in time, of an order that can be paid, and once', () => {
    expect(decideConfirming(intent, waiting, 99)).toBeUndefined();
    const refused: [Intent, Attempt, number][] = [
      [intent, waiting, 100],
      [{ ...intent, status: 'captured' }, waiting, 1],
      [{ ...intent, status: 'cancelled' }, waiting, 1],
      ...(['processing', 'requires_action', 'cancelled', 'failed', 'succeeded'] as const).map(
        (status): [Intent, Attempt, number] => [intent, { ...waiting, status }, 1],
      ),
    ];
    for (const [of, which, atMs] of refused)
      expect(decideConfirming(of, which, atMs)).toMatchObject({ code: 'order_not_payable' });
  });

  it('ends when it is too late, with its method, and nothing else ends so', () => {
    const kept = { ...waiting, sealedMethod: 'sealed' };
    expect(decideUnconfirmed(kept, 99)).toEqual({ kind: 'nothing' });
    const over = decideUnconfirmed(kept, 100);
    expect(over).toMatchObject({ kind: 'moves', attempt: { status: 'cancelled' } });
    expect('attempt' in over && methodKeptOf(over.attempt)).toBeUndefined();
    expect(decideUnconfirmed({ ...kept, status: 'processing' }, 100)).toEqual({ kind: 'nothing' });
    expect(nextSyncMs(waiting, 5, 0)).toBe(100);
  });

  it('gives way to another payment and to another price', () => {
    expect(decideAttempt(intent, waiting, 1)).toEqual({ supersedes: waiting });
    expect(decideRevising(intent, waiting, intent)).toBeUndefined();
    expect(decideRevising(intent, attempt, intent)).toMatchObject({ code: 'payment_in_progress' });
  });
});

describe('any life of an intent (M19, M21, M29, M30)', () => {
  /** One thing that may happen to an intent at any time; what is not allowed then has no effect. */
  type Step =
    | { readonly kind: 'make'; readonly later: boolean; readonly manual: boolean }
    | { readonly kind: 'confirm' | 'late' | 'close' }
    | { readonly kind: 'say'; readonly said: Said; readonly source: Source }
    | { readonly kind: 'revise' | 'raise' | 'take'; readonly minor: bigint; readonly grants: boolean };
  interface Life {
    readonly intent: Intent;
    readonly live: Attempt | undefined;
    readonly over: readonly Attempt[];
  }
  const capabilities: ProviderCapabilities = {
    ...{ methods: ['card'], currencies: { card: 'all' }, exponents: {}, manualCapture: ['card'], mandates: [] },
    ...{ partialCapture: true, multipleCapture: true, preDebitNoticeMs: {}, keyRetentionMs: 1_000, disputes: true },
    overCaptureBasisPoints: { card: { usual: 1_500 } },
    incrementalAuthorization: { card: { usual: true } },
    authorizationMs: { card: { usual: 50_000 } },
    costs: {},
  };
  const grants = fc.boolean();
  const minor = fc.bigInt({ min: 1n, max: 300n });
  const word = <K extends string>(...words: K[]) => fc.constantFrom(...words);
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: word('make'), later: fc.boolean(), manual: fc.boolean() }),
    fc.record({ kind: word('confirm', 'late', 'close') }),
    fc.record({ kind: word('revise', 'raise', 'take'), minor, grants }),
    fc.record({
      kind: word('say'),
      source: word('answer', 'sync', 'webhook'),
      said: fc.constantFrom<Said>(
        { kind: 'authorized', capturableUntilMs: 50_000 },
        { kind: 'succeeded' },
        { kind: 'voided' },
        { kind: 'no_answer' },
        { kind: 'requires_action', action },
        { kind: 'failed', code: 'card_declined', detail: '' },
      ),
    }),
  );

  const settled = (life: Life, attempt: Attempt, intent = life.intent): Life =>
    isLive(attempt)
      ? { ...life, intent, live: attempt }
      : { ...life, intent, live: undefined, over: [...life.over, attempt] };

  function make(life: Life, given: Extract<Step, { kind: 'make' }>, nowMs: number): Life {
    const decided = decideAttempt(life.intent, life.live, nowMs);
    if (isRefusal(decided)) return life;
    const over = decided.supersedes === undefined ? life.over : [...life.over, cancelled(decided.supersedes, nowMs)];
    const live: Attempt = {
      ...attempt,
      ...{ id: `pay_${nowMs}`, amountMinor: life.intent.amountMinor, createdAtMs: nowMs, movedAtMs: nowMs },
      ...{ status: given.later ? 'requires_confirmation' : 'processing', confirmByMs: nowMs + confirmationMs },
      captureMethod: given.manual ? 'manual' : 'automatic',
    };
    return { ...life, over, live };
  }

  /** What the operations do with the decisions, without their rows. */
  function take(life: Life, { minor: amountMinor }: { readonly minor: bigint }, nowMs: number): Life {
    const { intent, live } = life;
    if (live === undefined) return life;
    const sums = { pendingMinor: 0n, succeededMinor: live.capturedMinor, isFinal: false };
    const held = { attempt: live, orderMinor: intent.amountMinor, isIncrementing: false };
    const taken = decideCapture(held, sums, { currency: 'INR', amountMinor }, false, capabilities, nowMs);
    if (isRefusal(taken)) return life;
    const decision = decideCaptured(intent, live, live.capturedMinor + taken.amountMinor, taken.final, nowMs);
    return 'attempt' in decision
      ? settled(life, decision.attempt, 'intent' in decision ? decision.intent : intent)
      : life;
  }

  function raise(life: Life, given: Extract<Step, { kind: 'raise' | 'revise' | 'take' }>, nowMs: number): Life {
    const { live, intent } = life;
    if (live === undefined) return life;
    const sums = { pendingMinor: 0n, succeededMinor: live.capturedMinor, isFinal: false };
    const raisable = { attempt: live, sums, increments: [], provider: capabilities };
    if (given.kind === 'raise') {
      const decided = decideIncrement(
        raisable,
        intent.amountMinor,
        { currency: 'INR', amountMinor: given.minor },
        nowMs,
      );
      return isRefusal(decided) || !given.grants ? life : { ...life, live: { ...live, amountMinor: decided.toMinor } };
    }
    const revision = decideRevision(raisable, given.minor, nowMs);
    if (isRefusal(revision) || (revision.kind === 'raises' && !given.grants)) return life;
    const amountMinor = revision.kind === 'raises' ? revision.toMinor : live.amountMinor;
    return { ...life, intent: { ...intent, amountMinor: given.minor }, live: { ...live, amountMinor } };
  }

  function after(life: Life, given: Step, nowMs: number): Life {
    const { intent, live } = life;
    switch (given.kind) {
      case 'make':
        return make(life, given, nowMs);
      case 'confirm':
        if (live === undefined || decideConfirming(intent, live, nowMs) !== undefined) return life;
        return { ...life, live: { ...live, status: 'processing', amountMinor: intent.amountMinor, movedAtMs: nowMs } };
      case 'late': {
        const decision = live === undefined ? undefined : decideUnconfirmed(live, nowMs + confirmationMs);
        return decision !== undefined && 'attempt' in decision ? settled(life, decision.attempt) : life;
      }
      case 'close': {
        if (decideClosing(intent, live) !== undefined) return life;
        const closed = { ...intent, status: 'cancelled' } as const;
        return live === undefined ? { ...life, intent: closed } : settled(life, cancelled(live, nowMs), closed);
      }
      case 'say': {
        if (live === undefined || live.status === 'requires_confirmation') return life;
        const decision = decideOutcome(intent, live, given.said, given.source, nowMs);
        if (!('attempt' in decision)) return life;
        return settled(life, decision.attempt, decision.kind === 'captures' ? decision.intent : intent);
      }
      case 'take':
        return take(life, given, nowMs);
      default: {
        if (live?.status === 'requires_capture') return raise(life, given, nowMs);
        const isFree = given.kind === 'revise' && decideRevising(intent, live, intent) === undefined;
        return isFree ? { ...life, intent: { ...intent, amountMinor: given.minor } } : life;
      }
    }
  }

  it('captures one attempt at most, never more than the order costs or the provider allows, and ends where it ends', () => {
    const runs = Number(process.env['SUUUPRA_SEEDS'] ?? 0) > 0 ? 20_000 : 1_000;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let life: Life = { intent, live: undefined, over: [] };
        for (const [index, given] of steps.entries()) {
          const before = life;
          life = after(before, given, 1_000 + index);
          // What has ended stays as it ended.
          if (before.intent.status !== 'open') expect(life.intent).toEqual(before.intent);
          expect(life.over.slice(0, before.over.length)).toEqual(before.over);
          const { live } = life;
          if (live === undefined) continue;
          const capMinor = capturableMinor(live, capabilities);
          const wholeMinor = capMinor < life.intent.amountMinor ? capMinor : life.intent.amountMinor;
          expect(live.capturedMinor).toBeLessThanOrEqual(wholeMinor);
        }
        const taken = life.over.filter(({ status }) => status === 'succeeded');
        expect(taken.length).toBe(life.intent.status === 'captured' ? 1 : 0);
        for (const each of taken) expect(each.capturedMinor).toBe(life.intent.capturedMinor);
        const phase = phaseOf(life.intent, life.live);
        expect(phase === 'succeeded' || phase === 'canceled').toBe(life.intent.status !== 'open');
      }),
      { numRuns: runs },
    );
  });
});

describe('closing an intent', () => {
  it.each([
    ['processing', 'payment_in_progress'],
    ['unknown', 'payment_in_progress'],
    ['requires_action', undefined],
    ['requires_confirmation', undefined],
  ] as const)('with an attempt that is %s gives %s', (status, code) => {
    expect(decideClosing(intent, { ...attempt, status })?.code).toBe(code);
  });
  it('is refused when the money is in', () => {
    expect(decideClosing({ ...intent, status: 'captured' }, undefined)?.code).toBe('already_captured');
  });
});

describe('the status sync', () => {
  it('asks after a second, then less and less often, and never gives up', () => {
    const unknown = { ...attempt, status: 'unknown' as const };
    expect([0, 1, 2, 20].map((tries) => nextSyncMs(unknown, tries, 0))).toEqual([1_000, 2_000, 4_000, 300_000]);
    expect(nextSyncMs(unknown, 1_000, 48 * 3_600_000)).toBe(49 * 3_600_000);
    expect(nextSyncMs({ ...attempt, status: 'requires_action' }, 0, 0)).toBeUndefined();
  });
});
