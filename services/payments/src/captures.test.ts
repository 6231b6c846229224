import {
  PaymentAuthorizedSchema,
  PaymentFailedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decideCapture } from './capture.ts';
import { captureAttempt, voidAttempt } from './captures.ts';
import type { Attempt } from './payment.ts';
import { type Bench, contextOf, minorSum, openBench, paymentOf, sandboxTable, statusWord } from './testing.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

async function capture(
  of: Bench,
  attemptId: string,
  captureId: string,
  amountMinor: bigint | undefined,
  final = false,
) {
  const amount = amountMinor === undefined ? undefined : { currency: 'INR', amountMinor };
  const done = await captureAttempt(of.surroundings, { captureId, attemptId, amount, final }, contextOf('', ''));
  return isRefusal(done) ? done.code : done.attempt.status;
}

async function held(of: Bench, orderId: string, token = 'tok_ok'): Promise<string> {
  const payment = paymentOf(await of.pay(orderId, token));
  expect(statusWord(payment.status)).toBe('requires_capture');
  return payment.id;
}

async function paidMinor(of: Bench, orderId: string): Promise<(bigint | undefined)[]> {
  const events = await of.published(PaymentSucceededSchema);
  return events.filter((event) => event.orderId === orderId).map((event) => event.amount?.amountMinor);
}

describe('an authorized payment (P2, M19)', () => {
  it('is told as authorized, captured in parts, and paid once with what was captured', async () => {
    const id = await held(bench, 'ord_held_parts');
    const told = await bench.published(PaymentAuthorizedSchema);
    expect(told.filter((event) => event.orderId === 'ord_held_parts')).toHaveLength(1);
    expect(await capture(bench, id, 'cap_1', 10_000n)).toBe('requires_capture');
    expect(await capture(bench, id, 'cap_1', 10_000n)).toBe('requires_capture');
    expect(await paidMinor(bench, 'ord_held_parts')).toEqual([]);
    expect(await capture(bench, id, 'cap_2', 5_000n, true)).toBe('succeeded');
    expect(await paidMinor(bench, 'ord_held_parts')).toEqual([15_000n]);
    expect(await capture(bench, id, 'cap_3', 1n)).toBe('not_capturable');
    expect(await bench.refund('rfd_parts_much', 'ord_held_parts', 15_001n)).toBe('refund_exceeds_captured');
    expect(await bench.refund('rfd_parts', 'ord_held_parts', 15_000n)).toBe('succeeded');
  });

  it('M19: is never captured beyond its cap, whatever comes at once', async () => {
    const id = await held(bench, 'ord_held_race');
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, (_, index) => capture(bench, id, `cap_race_${index}`, 3_000n)),
    );
    const [payment] = await bench.sql.query<{ captured_minor: bigint }>(
      `SELECT captured_minor FROM ${sandboxTable('payments')} WHERE merchant_reference = '${id}'`,
    );
    const n = await minorSum(bench.sql, 'captures', `attempt_id = '${id}' AND status = 'succeeded'`);
    const sum = { n, theirs: payment?.captured_minor };
    expect(sum.n).toBe(sum.theirs);
    // Sixteen times 3,000 fit into 49,900; what is left is taken by its own amount, and not a unit more.
    expect(sum.n).toBe(48_000n);
    expect(outcomes).toContain('capture_exceeds_authorized');
    expect(await capture(bench, id, 'cap_race_over', 1_901n, true)).toBe('capture_exceeds_authorized');
    expect(await capture(bench, id, 'cap_race_last', 1_900n, true)).toBe('succeeded');
    expect(statusWord((await bench.payment(id)).status)).toBe('succeeded');
    expect(await paidMinor(bench, 'ord_held_race')).toEqual([49_900n]);
  });

  it('M19: is not captured after its release, and lets the order be cancelled', async () => {
    const id = await held(bench, 'ord_held_void');
    const over = await voidAttempt(bench.surroundings, id);
    expect(isRefusal(over) ? over.code : over.status).toBe('cancelled');
    expect(await capture(bench, id, 'cap_void', undefined)).toBe('not_capturable');
    await bench.settle();
    expect(await bench.sandbox.status({ attemptId: id, reference: '' })).toMatchObject({ kind: 'voided' });
    const other = await held(bench, 'ord_held_cancel');
    expect(await bench.cancel('ord_held_cancel')).toBeUndefined();
    await bench.settle();
    expect(await bench.sandbox.status({ attemptId: other, reference: '' })).toMatchObject({ kind: 'voided' });
  });

  it('M19: lapses, is then not captured, and fails without what was not captured', async () => {
    const own = await openBench();
    const id = await held(own, 'ord_held_lapse', 'tok_authorization_lapses');
    own.advance(6_000);
    expect(await capture(own, id, 'cap_late', undefined)).toBe('not_capturable');
    await own.settle();
    expect(statusWord((await own.payment(id)).status)).toBe('failed');
    expect(await own.published(PaymentFailedSchema)).toMatchObject([{ code: 'expired' }]);
    await own.close();
  });

  it('M22: a capture whose answer is lost is sent again under its id', async () => {
    let calls = 0;
    const own = await openBench({
      between: (sandbox) => ({
        ...sandbox,
        capture: async (wish) => {
          const outcome = await sandbox.capture(wish);
          calls += 1;
          if (calls === 1) throw new Error('connection reset');
          return outcome;
        },
      }),
    });
    const id = await held(own, 'ord_held_lost');
    expect(await capture(own, id, 'cap_lost', undefined)).toBe('requires_capture');
    own.advance(15_000);
    await own.settle();
    expect(await paidMinor(own, 'ord_held_lost')).toEqual([49_900n]);
    await own.close();
  });
});

it('M19, M29: no sequence of captures goes beyond what the provider lets be captured, nor beyond what the order costs', () => {
  const { capabilities } = bench.sandbox;
  const amounts = fc.array(fc.bigInt({ min: 1n, max: 400n }), { maxLength: 20 });
  const held: Attempt = {
    ...{ id: 'pay_1', orderId: 'ord_1', status: 'requires_capture', method: 'card', provider: 'sandbox' },
    ...{ currency: 'INR', amountMinor: 1_000n, captureMethod: 'manual', reference: '', capturedMinor: 0n },
    ...{ providerCode: '', mandateId: '', tryNumber: 0, createdAtMs: 0, movedAtMs: 0, capturableUntilMs: 10 },
  };
  const said = fc.option(fc.bigInt({ min: 900n, max: 1_400n }), { nil: undefined });
  fc.assert(
    fc.property(amounts, fc.bigInt({ min: 1n, max: 1_400n }), said, (wanted, orderMinor, capturableMaxMinor) => {
      const attempt = { ...held, capturableMaxMinor };
      const of = { attempt, orderMinor, isIncrementing: false };
      let succeededMinor = 0n;
      let isFinal = false;
      const sums = () => ({ pendingMinor: 0n, succeededMinor, isFinal });
      for (const amountMinor of wanted) {
        const wish = { currency: 'INR', amountMinor };
        const decided = decideCapture(of, sums(), wish, false, capabilities, 5);
        if (isRefusal(decided)) continue;
        succeededMinor += decided.amountMinor;
        isFinal = decided.final;
      }
      // 15 % where the provider does not say it of this payment; never less than what is held.
      const declaredMinor = capturableMaxMinor === undefined ? 1_150n : capturableMaxMinor;
      expect(succeededMinor).toBeLessThanOrEqual(declaredMinor > 1_000n ? declaredMinor : 1_000n);
      expect(succeededMinor).toBeLessThanOrEqual(orderMinor);
      expect(decideCapture(of, sums(), undefined, false, capabilities, 10)).toMatchObject({ code: 'not_capturable' });
      const raising = { ...of, isIncrementing: true };
      expect(decideCapture(raising, sums(), undefined, false, capabilities, 5)).toMatchObject({
        code: 'not_capturable',
      });
    }),
  );
});
