import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Attempt,
  type AttemptStatus,
  actionAbandonedMs,
  decideAttempt,
  decideClosing,
  decideOutcome,
  type Intent,
  isLive,
  nextSyncMs,
  phaseOf,
  type Said,
  type Source,
  unheardMs,
} from './payment.ts';

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

describe('closing an intent', () => {
  it.each([
    ['processing', 'payment_in_progress'],
    ['unknown', 'payment_in_progress'],
    ['requires_action', undefined],
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
