/** After an answer that was lost: no other provider, and nothing sent again that the provider may have forgotten (M19, M20, M22). */
import { PaymentFailedSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decideCapture } from './capture.ts';
import { captureAttempt } from './captures.ts';
import type { Attempt } from './payment.ts';
import type { Provider } from './provider.ts';
import { nextStep, type Refund } from './refund.ts';
import { type Bench, contextOf, openBench, outcomeOf, paymentOf, statusWord } from './testing.ts';

let base: Bench;
beforeAll(async () => {
  base = await openBench();
});
afterAll(() => base.close());

const silent = () => Promise.reject(new Error('connection reset'));
const longMs = 400 * 24 * 3_600_000;

it('M20: an unknown outcome is tried at no other provider', async () => {
  const own = await openBench({
    beside: base,
    between: (sandbox): Provider => ({ ...sandbox, create: silent, status: silent }),
  });
  const payment = paymentOf(await own.pay('ord_silent', 'tok_ok'));
  expect([payment.provider, statusWord(payment.status)]).toEqual(['sandbox', 'unknown']);
  own.advance(30_000);
  await own.settle();
  expect(outcomeOf(await own.pay('ord_silent', 'tok_ok'))).toBe('payment_in_progress');
  expect(await own.sql.query("SELECT provider FROM attempts WHERE order_id = 'ord_silent'")).toEqual([
    { provider: 'sandbox' },
  ]);
  expect(await own.published(PaymentFailedSchema)).toHaveLength(0);
  await own.close();
});

it('M22: a refund whose answer was lost is asked about and not sent when the provider may have forgotten it', async () => {
  const seen: string[] = [];
  const own = await openBench({
    beside: base,
    between: (sandbox) => ({
      ...sandbox,
      refund: () => {
        seen.push('sent');
        return silent();
      },
      refundStatus: async () => {
        seen.push('asked');
        return undefined;
      },
    }),
  });
  await own.pay('ord_forgotten', 'tok_ok');
  expect(await own.refund('rfd_forgotten', 'ord_forgotten', 100n)).toBe('pending');
  const sentBefore = seen.length;
  own.advance(longMs);
  await own.settle();
  expect(seen.slice(0, sentBefore)).not.toContain('asked');
  expect(new Set(seen.slice(sentBefore))).toEqual(new Set(['asked']));
  expect(await own.refund('rfd_forgotten', 'ord_forgotten', 100n)).toBe('pending');
  expect(await own.sql.query("SELECT because FROM attention WHERE subject_id = 'rfd_forgotten'")).toEqual([
    { because: 'refund_stuck' },
  ]);
  await own.close();
});

it('M22: nor is a capture', async () => {
  let sent = 0;
  const own = await openBench({
    beside: base,
    between: (sandbox) => ({
      ...sandbox,
      capture: () => {
        sent += 1;
        return silent();
      },
    }),
  });
  const { id: attemptId } = paymentOf(await own.pay('ord_held_forgotten', 'tok_ok'));
  const wish = { captureId: 'cap_1', attemptId, amount: undefined, final: true };
  const done = await captureAttempt(own.surroundings, wish, contextOf('', ''));
  expect(isRefusal(done) ? done.code : done.capture.status).toBe('pending');
  expect(sent).toBe(1);
  own.advance(longMs);
  await own.settle();
  expect(sent).toBe(1);
  const rows = await own.sql.query<{ because: string }>("SELECT because FROM attention WHERE subject_id = 'cap_1'");
  expect(rows).toEqual([{ because: 'unresolved' }]);
  await own.close();
});

it('M22: a repetition goes out only while the provider keeps its key', () => {
  const refund = { sentAtMs: 1_000 } as Refund;
  expect(nextStep({} as Refund, { keyRetentionMs: 10 }, 9_999)).toBe('send');
  expect(nextStep(refund, { keyRetentionMs: 10 }, 1_009)).toBe('send');
  expect(nextStep(refund, { keyRetentionMs: 10 }, 1_010)).toBe('ask');
});

it('M19: nothing is captured after a capture that is final, also while that is under way', () => {
  const { capabilities } = base.sandbox;
  const attempt = {
    status: 'requires_capture',
    currency: 'INR',
    amountMinor: 1_000n,
    capturableUntilMs: 10,
  } as Attempt;
  const wish = { currency: 'INR', amountMinor: 1n };
  const after = (sums: { pendingMinor: bigint; succeededMinor: bigint; isFinal: boolean }) => {
    const decided = decideCapture(
      { attempt, orderMinor: 1_000n, isIncrementing: false },
      sums,
      wish,
      false,
      capabilities,
      5,
    );
    return isRefusal(decided) ? decided.code : decided.amountMinor;
  };
  expect(after({ pendingMinor: 300n, succeededMinor: 0n, isFinal: true })).toBe('not_capturable');
  expect(after({ pendingMinor: 0n, succeededMinor: 300n, isFinal: true })).toBe('not_capturable');
  expect(after({ pendingMinor: 300n, succeededMinor: 300n, isFinal: false })).toBe(1n);
});
