/** Raising what is authorized, and capturing beyond it (P2). */
import { create } from '@bufbuild/protobuf';
import { IncrementPaymentRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/desk_pb.ts';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { PaymentStatus, ReviseIntentRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { signWebhook } from '@suuupra/platform/http/webhook-signature';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { realWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureAttempt, voidAttempt } from './captures.ts';
import { incrementPayment, syncPayment } from './desk.ts';
import { incrementsMax } from './increment.ts';
import { applyIncrementOutcome } from './increments.ts';
import { reviseIntent } from './payments.ts';
import type { Provider } from './provider.ts';
import { amountMinor, type Bench, buyer, contextOf, openBench, paymentOf, secrets, statusWord } from './testing.ts';
import { receiveWebhook } from './webhooks.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

async function held(of: Bench, orderId: string, token = 'tok_ok'): Promise<string> {
  const payment = paymentOf(await of.pay(orderId, token));
  expect(statusWord(payment.status)).toBe('requires_capture');
  return payment.id;
}

/** An edit: payments is told first, and then it is committed. */
async function revise(of: Bench, orderId: string, minor: bigint, extend = true): Promise<string> {
  const revised = await tell(of, orderId, minor, extend);
  if (revised === 'revised') of.price(orderId, minor);
  return revised;
}

async function tell(of: Bench, orderId: string, minor: bigint, extend = true): Promise<string> {
  const request = create(ReviseIntentRequestSchema, {
    ...{ orderId, buyerId: buyer, orderNumber: 'SU-1', captureMethod: 'manual', extend },
    amount: { currency: 'INR', amountMinor: minor },
  });
  const answer = await reviseIntent(of.surroundings, request);
  return isRefusal(answer) ? answer.code : 'revised';
}

async function raise(of: Bench, id: string, minor?: bigint, key = realWorld().id('key')): Promise<string> {
  const amount = minor === undefined ? {} : { amount: { currency: 'INR', amountMinor: minor } };
  const request = create(IncrementPaymentRequestSchema, { id, ...amount });
  const answer = await incrementPayment(of.surroundings, request, contextOf('usr_finance', key));
  return isRefusal(answer) ? answer.code : String(answer.payment?.amount?.amountMinor);
}

async function capture(of: Bench, attemptId: string, minor?: bigint): Promise<string> {
  const amount = minor === undefined ? undefined : { currency: 'INR', amountMinor: minor };
  const wish = { captureId: realWorld().id('cap'), attemptId, amount, final: true };
  const done = await captureAttempt(of.surroundings, wish, contextOf('', ''));
  return isRefusal(done) ? done.code : String(done.attempt.capturedMinor);
}

async function paidMinor(of: Bench, orderId: string): Promise<(bigint | undefined)[]> {
  const events = await of.published(PaymentSucceededSchema);
  return events.filter((event) => event.orderId === orderId).map((event) => event.amount?.amountMinor);
}

/** What the provider holds, in all. */
async function holds(of: Bench, attemptId: string): Promise<bigint | undefined> {
  const said = await of.sandbox.status({ attemptId, reference: '' });
  return said?.kind === 'authorized' ? said.authorizedMinor : undefined;
}

async function becauseOf(of: Bench, attemptId: string): Promise<string[]> {
  const rows = await of.sql.query<{ because: string }>(
    `SELECT because FROM payment_history
     WHERE subject_id IN (SELECT id FROM increments WHERE attempt_id = '${attemptId}') ORDER BY at, because`,
  );
  return rows.map(({ because }) => because);
}

function attentionOf(of: Bench) {
  return of.sql.query('SELECT subject_id, because FROM attention');
}

/** A webhook as the sandbox would send it, applied at once. */
async function hearOf(of: Bench, eventId: string, event: object): Promise<void> {
  const body = Buffer.from(JSON.stringify(event));
  const headers = signWebhook([secrets[0]], eventId, of.world.now(), body);
  expect(await receiveWebhook(of.surroundings, 'sandbox', headers, body)).toEqual({ status: 200 });
  await of.hear();
}

async function tellRaise(of: Bench, incrementId: string, status: 'succeeded' | 'failed', turn = ''): Promise<void> {
  const data = { merchantReference: incrementId, status, failureCode: status === 'failed' ? 'issuer_declined' : '' };
  await hearOf(of, `evt_${incrementId}_${status}_${turn}`, { type: `increment.${status}`, data });
}

async function tellHold(of: Bench, attemptId: string, heldMinor: bigint, turn: string): Promise<void> {
  await hearOf(of, `evt_${attemptId}_${turn}`, { type: 'hold', attemptId, heldMinor: String(heldMinor) });
}

/** A provider whose events name the payment and how much it holds, and no raise, as Stripe's do. */
function withHolds(sandbox: Provider): Provider {
  return {
    ...sandbox,
    readEvent: (body) => {
      const event = JSON.parse(Buffer.from(body).toString('utf8')) as Record<string, string>;
      if (event['type'] !== 'hold') return sandbox.readEvent(body);
      const outcome = { kind: 'authorized', authorizedMinor: BigInt(event['heldMinor'] ?? 0) } as const;
      return { type: 'payment', attemptId: event['attemptId'] ?? '', outcome };
    },
  };
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

async function raisesOf(of: Bench, attemptId: string): Promise<string[]> {
  return (await of.surroundings.store.incrementsOf(of.sql, attemptId)).map(({ status }) => status);
}

describe('an order that costs more while its payment is authorized', () => {
  it('is held for by one raise, and its new price is captured', async () => {
    const id = await held(bench, 'ord_held_more');
    expect(await revise(bench, 'ord_held_more', 70_000n)).toBe('revised');
    expect(await revise(bench, 'ord_held_more', 70_000n)).toBe('revised');
    expect([await holds(bench, id), await raisesOf(bench, id)]).toEqual([70_000n, ['succeeded']]);
    expect(await bench.payment(id)).toMatchObject({
      amount: { amountMinor: 70_000n },
      capturable: { amountMinor: 70_000n },
    });
    expect(await capture(bench, id, 70_001n)).toBe('capture_exceeds_authorized');
    expect(await capture(bench, id)).toBe('70000');
    expect(await paidMinor(bench, 'ord_held_more')).toEqual([70_000n]);
  });

  it('M19: is captured beyond what is held as far as the provider lets it, without a raise', async () => {
    const id = await held(bench, 'ord_held_over');
    const mostMinor = (amountMinor * 115n) / 100n;
    expect(await revise(bench, 'ord_held_over', mostMinor)).toBe('revised');
    expect([await holds(bench, id), await raisesOf(bench, id)]).toEqual([amountMinor, []]);
    expect(await bench.payment(id)).toMatchObject({ amount: { amountMinor }, capturable: { amountMinor: mostMinor } });
    expect(await capture(bench, id, mostMinor + 1n)).toBe('capture_exceeds_authorized');
    expect(await capture(bench, id)).toBe(String(mostMinor));
    expect(await paidMinor(bench, 'ord_held_over')).toEqual([mostMinor]);
  });

  it('M29: takes no more than the order costs, whatever is held', async () => {
    const id = await held(bench, 'ord_held_less');
    expect(await capture(bench, id, amountMinor + 1n)).toBe('capture_exceeds_authorized');
    expect(await revise(bench, 'ord_held_less', 20_000n)).toBe('revised');
    expect(await bench.payment(id)).toMatchObject({ capturable: { amountMinor: 20_000n } });
    expect(await capture(bench, id, 20_001n)).toBe('capture_exceeds_authorized');
    expect(await capture(bench, id)).toBe('20000');
    expect(await paidMinor(bench, 'ord_held_less')).toEqual([20_000n]);
  });

  it('M29: is captured by neither price while an edit is not committed, and by the old one when it dies', async () => {
    const id = await held(bench, 'ord_held_edit');
    expect(await tell(bench, 'ord_held_edit', 70_000n)).toBe('revised');
    expect([await capture(bench, id), await capture(bench, id, 1n)]).toEqual(['not_capturable', 'not_capturable']);
    // As orders tells it again after an edit that died.
    expect(await tell(bench, 'ord_held_edit', amountMinor)).toBe('revised');
    expect(await holds(bench, id)).toBe(70_000n);
    expect(await capture(bench, id, amountMinor + 1n)).toBe('capture_exceeds_authorized');
    expect(await capture(bench, id)).toBe(String(amountMinor));
    expect(await paidMinor(bench, 'ord_held_edit')).toEqual([amountMinor]);
  });

  it('is not changed without the word of orders, nor to nothing, nor once something of it is captured', async () => {
    const id = await held(bench, 'ord_held_closed');
    expect(await revise(bench, 'ord_held_closed', 70_000n, false)).toBe('payment_in_progress');
    expect(await revise(bench, 'ord_held_closed', 0n)).toBe('payment_in_progress');
    const wish = { captureId: 'cap_touch', attemptId: id, amount: { currency: 'INR', amountMinor: 1n }, final: false };
    await captureAttempt(bench.surroundings, wish, contextOf('', ''));
    expect(await revise(bench, 'ord_held_closed', 70_000n)).toBe('payment_in_progress');
    // Neither within what may be captured beyond it, nor less than what was captured.
    for (const minor of [50_000n, 2n])
      expect(await revise(bench, 'ord_held_closed', minor)).toBe('payment_in_progress');
    expect([await raise(bench, id), await raisesOf(bench, id)]).toEqual(['not_capturable', []]);
  });

  it('keeps its price and its hold when the bank declines to hold more, however often it is asked', async () => {
    const id = await held(bench, 'ord_held_no', 'tok_increment_declined');
    for (let tries = 0; tries < incrementsMax + 2; tries += 1)
      expect(await revise(bench, 'ord_held_no', 70_000n + BigInt(tries))).toBe('payment_in_progress');
    expect((await raisesOf(bench, id)).length).toBe(incrementsMax);
    expect([await holds(bench, id), await capture(bench, id)]).toEqual([amountMinor, String(amountMinor)]);
  });

  it('is raised or captured, whichever comes first, and pays one of the two prices', async () => {
    for (let round = 0; round < 8; round += 1) {
      const orderId = `ord_held_race${round}`;
      const id = await held(bench, orderId);
      const [revised, taken] = await Promise.all([revise(bench, orderId, 70_000n), capture(bench, id)]);
      expect(['revised', 'payment_in_progress', 'already_captured']).toContain(revised);
      if (taken === 'not_capturable') await capture(bench, id);
      expect(await paidMinor(bench, orderId)).toEqual([revised === 'revised' ? 70_000n : amountMinor]);
    }
  });
});

describe('a raise whose answer is lost (M20, M22)', () => {
  it('is neither granted nor declined: nothing is captured or raised until it is known, and then it is', async () => {
    const own = await openBench({ withoutWebhooks: true });
    const id = await held(own, 'ord_held_lost', 'tok_increment_timeout');
    expect(await revise(own, 'ord_held_lost', 70_000n)).toBe('payment_in_progress');
    expect(await raisesOf(own, id)).toEqual(['pending']);
    expect(await own.payment(id)).toMatchObject({ amount: { amountMinor } });
    expect(await capture(own, id, 1n)).toBe('not_capturable');
    expect(await raise(own, id)).toBe('payment_in_progress');
    own.advance(15_000);
    await own.settle();
    expect([await raisesOf(own, id), await own.payment(id)]).toMatchObject([
      ['succeeded'],
      { amount: { amountMinor: 70_000n } },
    ]);
    // The order has its old price still: only that is taken, until it is asked for anew.
    expect(await capture(own, id, amountMinor + 1n)).toBe('capture_exceeds_authorized');
    expect(await revise(own, 'ord_held_lost', 70_000n)).toBe('revised');
    expect(await raisesOf(own, id)).toEqual(['succeeded']);
    expect(await capture(own, id)).toBe('70000');
    await own.close();
  });

  it('is settled first by the next edit, which then gets a raise of its own', async () => {
    const own = await openBench();
    const id = await held(own, 'ord_held_next', 'tok_increment_timeout');
    expect(await revise(own, 'ord_held_next', 70_000n)).toBe('payment_in_progress');
    // The answer to the second is lost too.
    expect(await revise(own, 'ord_held_next', 90_000n)).toBe('payment_in_progress');
    expect(await raisesOf(own, id)).toEqual(['succeeded', 'pending']);
    expect(await revise(own, 'ord_held_next', 90_000n)).toBe('revised');
    expect([await holds(own, id), await capture(own, id)]).toEqual([90_000n, '90000']);
    await own.close();
  });

  it('is settled as soon as somebody has the provider asked about the payment', async () => {
    const own = await openBench({ withoutWebhooks: true });
    const id = await held(own, 'ord_held_asked', 'tok_increment_timeout');
    await revise(own, 'ord_held_asked', 70_000n);
    expect(await syncPayment(own.surroundings, id)).toMatchObject({ payment: { amount: { amountMinor: 70_000n } } });
    expect([await raisesOf(own, id), await becauseOf(own, id)]).toEqual([['succeeded'], ['request', 'sync']]);
    await own.close();
  });

  it.each([
    ['granted', 70_000n, 'succeeded'],
    ['never heard of', amountMinor, 'failed'],
  ] as const)('is only asked about when the provider may have forgotten its key: %s', async (what, minor, status) => {
    const sent: string[] = [];
    const between = (sandbox: Provider): Provider => ({
      ...sandbox,
      capabilities: { ...sandbox.capabilities, keyRetentionMs: 60_000 },
      increment: async (wish) => {
        sent.push(wish.incrementId);
        if (what === 'granted') await sandbox.increment(wish);
        throw new Error('connection reset');
      },
    });
    const own = await openBench({ between });
    const id = await held(own, 'ord_held_forgot');
    await revise(own, 'ord_held_forgot', 70_000n);
    own.advance(61_000);
    const before = sent.length;
    await own.settle();
    expect(sent.length).toBe(before);
    expect(await raisesOf(own, id)).toEqual([status]);
    expect(await own.payment(id)).toMatchObject({ amount: { amountMinor: minor } });
    await own.close();
  });

  it('changes nothing any more of a payment that was released meanwhile', async () => {
    const own = await openBench({ withoutWebhooks: true });
    const id = await held(own, 'ord_held_gone', 'tok_increment_timeout');
    await revise(own, 'ord_held_gone', 70_000n);
    expect(isRefusal(await voidAttempt(own.surroundings, id))).toBe(false);
    own.advance(15_000);
    await own.settle();
    expect(statusWord((await own.payment(id)).status)).toBe('cancelled');
    expect(await own.sandbox.status({ attemptId: id, reference: '' })).toMatchObject({ kind: 'voided' });
    expect(await own.payment(id)).toMatchObject({ amount: { amountMinor } });
    await own.close();
  });

  it('M22: one that dies at any statement is finished, with one hold at the provider', async () => {
    let points = 0;
    for (let point = 1; ; point += process.env['SUUUPRA_SEEDS'] === undefined ? 2 : 1) {
      const orderId = `ord_held_die_${point}`;
      const id = await held(bench, orderId);
      const { database, dead } = dyingAt(point, 'before');
      const dying = await openBench({ beside: bench, database });
      const ended = await Promise.race([dead, revise(dying, orderId, 70_000n)]);
      await dying.close();
      const next = await openBench({ beside: bench });
      next.price(orderId, 70_000n);
      expect(await revise(next, orderId, 70_000n)).toBe('revised');
      expect([await holds(next, id), await capture(next, id)]).toEqual([70_000n, '70000']);
      expect((await raisesOf(next, id)).filter((status) => status === 'pending')).toEqual([]);
      await next.close();
      if (ended !== 'dead') break;
      points += 1;
    }
    expect(points).toBeGreaterThan(2);
  });
});

describe('webhooks of a raise (M23)', () => {
  it.each([
    ['tok_increment_timeout', 70_000n, 'succeeded'],
    ['tok_increment_timeout_declined', amountMinor, 'failed'],
  ] as const)('settle what the answer did not say, before the janitor asks: %s', async (token, minor, status) => {
    const own = await openBench({ stillClock: true });
    const id = await held(own, 'ord_held_told', token);
    expect(await revise(own, 'ord_held_told', 70_000n)).toBe('payment_in_progress');
    own.advance(1_000);
    await own.sandbox.round();
    expect(own.sent).toHaveLength(1);
    await own.hear();
    expect([await raisesOf(own, id), (await own.payment(id)).amount?.amountMinor]).toEqual([[status], minor]);
    expect(await capture(own, id, minor + 1n)).toBe('capture_exceeds_authorized');
    own.advance(15_000);
    await own.settle();
    expect([await raisesOf(own, id), await becauseOf(own, id)]).toEqual([[status], ['request', 'webhook']]);
    await own.close();
  });

  it.each(['the answer', 'silence'] as const)('may overtake the answer: one raise, then %s', async (then) => {
    const facts = { incrementable: true, capturableMaxMinor: 75_000n };
    const own: Bench = await openBench({
      withoutWebhooks: true,
      between: (sandbox) => ({
        ...sandbox,
        increment: async (wish) => {
          const said = await sandbox.increment(wish);
          await tellRaise(own, wish.incrementId, 'succeeded');
          if (then === 'silence') throw new Error('connection reset');
          return { ...said, facts, capturableUntilMs: own.world.now() + 3_600_000 };
        },
      }),
    });
    const id = await held(own, 'ord_held_over');
    expect(await revise(own, 'ord_held_over', 70_000n)).toBe('revised');
    expect([await raisesOf(own, id), await holds(own, id)]).toEqual([['succeeded'], 70_000n]);
    // What only the answer says is kept with it.
    const untilMs = Number((await own.payment(id)).capturableUntil?.seconds) * 1_000;
    expect(untilMs <= own.world.now() + 3_600_000).toBe(then === 'the answer');
    expect(await revise(own, 'ord_held_over', 75_001n)).toBe('revised');
    expect((await raisesOf(own, id)).length).toBe(then === 'the answer' ? 2 : 1);
    await own.close();
  });

  it('leave a late answer nothing to say of a hold that another raise has changed since', async () => {
    const own = await openBench({ withoutWebhooks: true });
    const id = await held(own, 'ord_held_two', 'tok_increment_timeout');
    await revise(own, 'ord_held_two', 70_000n);
    const [first] = await own.surroundings.store.incrementsOf(own.sql, id);
    await tellRaise(own, first?.id ?? '', 'succeeded');
    await revise(own, 'ord_held_two', 90_000n);
    expect(await revise(own, 'ord_held_two', 90_000n)).toBe('revised');
    const late = { kind: 'succeeded', capturableUntilMs: 1, facts: { capturableMaxMinor: 70_000n } } as const;
    const { surroundings } = own;
    await own.sql.transaction((tx) => applyIncrementOutcome(surroundings, tx, first?.id ?? '', late, 'answer'));
    expect([await raisesOf(own, id), await capture(own, id)]).toEqual([['succeeded', 'succeeded'], '90000']);
    await own.close();
  });

  it('end in one state in any order, three times each, and late', async () => {
    const own = await openBench({ withoutWebhooks: true, between: withHolds });
    const told = ['raise', 'hold', 'old hold', 'capture', 'raise', 'hold', 'old hold'];
    for (let round = 0; round < 12; round += 1) {
      const orderId = `ord_held_any${round}`;
      const id = await held(own, orderId, 'tok_increment_timeout');
      expect(await revise(own, orderId, 70_000n)).toBe('payment_in_progress');
      const [raised] = await own.surroundings.store.incrementsOf(own.sql, id);
      for (const [turn, word] of shuffled(told).entries()) {
        const before = await raisesOf(own, id);
        if (word === 'capture' && before[0] === 'pending') expect(await capture(own, id, 1n)).toBe('not_capturable');
        if (word === 'capture') continue;
        for (let again = 0; again < 3; again += 1) {
          if (word === 'raise') await tellRaise(own, raised?.id ?? '', 'succeeded', `${turn}${again}`);
          else await tellHold(own, id, word === 'hold' ? 70_000n : amountMinor, `${turn}${again}`);
        }
        expect(await raisesOf(own, id)).toEqual(word === 'old hold' ? before : ['succeeded']);
      }
      expect([await own.payment(id), await becauseOf(own, id)]).toMatchObject([
        { amount: { amountMinor: 70_000n } },
        ['request', 'webhook'],
      ]);
      expect(await revise(own, orderId, 70_000n)).toBe('revised');
      expect(await capture(own, id)).toBe('70000');
      for (const minor of [amountMinor, 70_000n]) await tellHold(own, id, minor, `after${minor}`);
      expect([statusWord((await own.payment(id)).status), await raisesOf(own, id)]).toEqual([
        'succeeded',
        ['succeeded'],
      ]);
      expect(await paidMinor(own, orderId)).toEqual([70_000n]);
    }
    expect(await attentionOf(own)).toEqual([]);
    await own.close();
  });

  it('about a hold settle only the raise that asked for it', async () => {
    const own = await openBench({ withoutWebhooks: true, between: withHolds });
    const id = await held(own, 'ord_held_which', 'tok_increment_timeout');
    await revise(own, 'ord_held_which', 70_000n);
    await tellHold(own, id, 70_000n, 'first');
    expect(await revise(own, 'ord_held_which', 90_000n)).toBe('payment_in_progress');
    // Late and again: what was held by the raise before it.
    await tellHold(own, id, 70_000n, 'late');
    expect(await raisesOf(own, id)).toEqual(['succeeded', 'pending']);
    await tellHold(own, id, 90_000n, 'second');
    expect([await raisesOf(own, id), (await own.payment(id)).amount?.amountMinor]).toEqual([
      ['succeeded', 'succeeded'],
      90_000n,
    ]);
    await own.close();
  });

  it('that contradict what is settled are put before a person and change nothing', async () => {
    const own = await openBench({ withoutWebhooks: true, between: withHolds });
    const id = await held(own, 'ord_held_contra', 'tok_increment_declined');
    expect(await revise(own, 'ord_held_contra', 70_000n)).toBe('payment_in_progress');
    const [declined] = await own.surroundings.store.incrementsOf(own.sql, id);
    await tellHold(own, id, amountMinor, 'same');
    expect(await attentionOf(own)).toEqual([]);
    await tellHold(own, id, 70_000n, 'more');
    expect(await attentionOf(own)).toEqual([{ subject_id: declined?.id, because: 'contradiction' }]);
    expect([await raisesOf(own, id), await capture(own, id)]).toEqual([['failed'], String(amountMinor)]);
    const kept = await held(own, 'ord_held_back');
    expect(await revise(own, 'ord_held_back', 70_000n)).toBe('revised');
    const [granted] = await own.surroundings.store.incrementsOf(own.sql, kept);
    await tellRaise(own, granted?.id ?? '', 'failed');
    expect(await attentionOf(own)).toContainEqual({ subject_id: granted?.id, because: 'contradiction' });
    expect([await raisesOf(own, kept), await capture(own, kept)]).toEqual([['succeeded'], '70000']);
    await own.close();
  });

  it('contradict nothing when what was declined at first was granted when it was asked for again', async () => {
    let asked = 0;
    const declinesOnce = (sandbox: Provider): Provider => ({
      ...withHolds(sandbox),
      increment: async (wish) => {
        asked += 1;
        return asked === 1 ? { kind: 'failed', code: 'issuer_declined' } : sandbox.increment(wish);
      },
    });
    const own = await openBench({ withoutWebhooks: true, between: declinesOnce });
    const id = await held(own, 'ord_held_twice');
    expect(await revise(own, 'ord_held_twice', 70_000n)).toBe('payment_in_progress');
    expect(await revise(own, 'ord_held_twice', 70_000n)).toBe('revised');
    await tellHold(own, id, 70_000n, 'told');
    expect([await raisesOf(own, id), await attentionOf(own)]).toEqual([['failed', 'succeeded'], []]);
    await own.close();
  });

  it('wait when they come before the raise is known here, and change nothing of what was released', async () => {
    const own = await openBench({ withoutWebhooks: true });
    await tellRaise(own, 'inc_nobody', 'succeeded');
    expect(await own.sql.query("SELECT tries FROM webhook_inbox WHERE status = 'kept'")).toEqual([{ tries: 1 }]);
    const id = await held(own, 'ord_held_freed', 'tok_increment_timeout');
    await revise(own, 'ord_held_freed', 70_000n);
    const [raised] = await own.surroundings.store.incrementsOf(own.sql, id);
    await voidAttempt(own.surroundings, id);
    await tellRaise(own, raised?.id ?? '', 'succeeded');
    expect([await raisesOf(own, id), await own.payment(id)]).toMatchObject([
      ['succeeded'],
      { status: PaymentStatus.CANCELLED, amount: { amountMinor } },
    ]);
    await own.close();
  });
});

describe('the finance desk', () => {
  it('has more held, at most what the order costs, once for a key', async () => {
    const id = await held(bench, 'ord_held_desk');
    expect([await raise(bench, id), await raise(bench, id, 1n)]).toEqual(['amount_invalid', 'amount_invalid']);
    const less = create(IncrementPaymentRequestSchema, { id, amount: { currency: 'INR', amountMinor: 1n } });
    const refused = await incrementPayment(bench.surroundings, less, contextOf('usr_finance', 'key_less'));
    expect(refused).toMatchObject({ errors: [{ field: 'amount' }] });
    await revise(bench, 'ord_held_desk', 55_000n);
    expect(await raise(bench, id, 55_001n)).toBe('amount_invalid');
    expect(await raise(bench, id, 52_000n, 'key_desk')).toBe('52000');
    expect(await raise(bench, id, 52_000n, 'key_desk')).toBe('52000');
    expect(await raise(bench, id)).toBe('55000');
    expect([await holds(bench, id), await raisesOf(bench, id)]).toEqual([55_000n, ['succeeded', 'succeeded']]);
    expect(await raise(bench, 'pay_none')).toBe('not_found');
    expect(await capture(bench, id)).toBe('55000');
    expect(await raise(bench, id)).toBe('not_capturable');
  });

  it('is told that nobody knows yet, and with the same key what came of it', async () => {
    const own = await openBench({ withoutWebhooks: true });
    const id = await held(own, 'ord_held_key', 'tok_increment_timeout');
    await revise(own, 'ord_held_key', 55_000n);
    expect(await raise(own, id, 55_000n, 'key_lost')).toBe('payment_in_progress');
    own.advance(15_000);
    await own.settle();
    expect(await raisesOf(own, id)).toEqual(['succeeded']);
    expect(await own.payment(id)).toMatchObject({ amount: { amountMinor: 55_000n } });
    await own.close();
  });

  it('raises nothing where the provider said of this payment that it cannot be', async () => {
    const between = (sandbox: Provider): Provider => ({
      ...sandbox,
      create: async (payment) => {
        const said = await sandbox.create(payment);
        const facts = { ...said.facts, incrementable: false, capturableMaxMinor: 50_000n };
        return { ...said, facts };
      },
    });
    const own = await openBench({ between });
    const id = await held(own, 'ord_held_cannot');
    expect(await revise(own, 'ord_held_cannot', 50_001n)).toBe('payment_in_progress');
    // What it said of this payment goes before what it declares of all.
    expect(await revise(own, 'ord_held_cannot', 50_000n)).toBe('revised');
    expect([await raise(own, id), await raisesOf(own, id)]).toEqual(['not_capturable', []]);
    expect(await capture(own, id)).toBe('50000');
    await own.close();
  });
});

it('P2: holds as long as its card’s brand does at its provider, where no answer says how long', async () => {
  const hourMs = 3_600_000;
  const between = (sandbox: Provider): Provider => ({
    ...sandbox,
    capabilities: {
      ...sandbox.capabilities,
      authorizationMs: { card: { usual: 100 * hourMs, brands: { sandbox: 2 * hourMs } } },
    },
    create: async (payment) => {
      const said = await sandbox.create(payment);
      if (said.kind !== 'authorized') return said;
      const { capturableUntilMs: _, ...untimed } = said;
      return untimed;
    },
  });
  const own = await openBench({ between });
  const id = await held(own, 'ord_held_brand');
  const { capturableUntil } = await own.payment(id);
  expect(Number(capturableUntil?.seconds) * 1_000).toBeLessThanOrEqual(own.world.now() + 2 * hourMs);
  expect(Number(capturableUntil?.seconds) * 1_000).toBeGreaterThan(own.world.now() + hourMs);
  own.advance(2 * hourMs);
  expect(await capture(own, id)).toBe('not_capturable');
  await own.close();
});
