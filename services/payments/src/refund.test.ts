import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideRefundOutcome, type Refund, refuseRefund } from './refund.ts';

const pending: Refund = {
  id: 'rfd_1',
  orderId: 'ord_1',
  attemptId: 'pay_1',
  kind: 'requested',
  currency: 'INR',
  amountMinor: 10n,
  status: 'pending',
  failureCode: '',
  reference: '',
  createdAtMs: 0,
};

describe('the cap of refunds', () => {
  it('lets refunds and disputes together never exceed the capture', () => {
    const amount = fc.bigInt({ min: 0n, max: 1_000n });
    fc.assert(
      fc.property(amount, fc.array(amount, { maxLength: 30 }), amount, (captured, wanted, disputesMinor) => {
        let refundsMinor = 0n;
        for (const each of wanted)
          if (
            refuseRefund({ currency: 'INR', capturedMinor: captured }, { refundsMinor, disputesMinor }, each) ===
            undefined
          )
            refundsMinor += each;
        expect(refundsMinor === 0n || refundsMinor + disputesMinor <= captured).toBe(true);
      }),
    );
  });
  it('names the end of the money', () => {
    const hundred = { currency: 'INR', capturedMinor: 100n };
    expect(refuseRefund(hundred, { refundsMinor: 60n, disputesMinor: 0n }, 41n)).toMatchObject({
      code: 'refund_exceeds_captured',
      detail: 'At most INR 0.40 is left to refund.',
    });
    expect(refuseRefund(hundred, { refundsMinor: 60n, disputesMinor: 0n }, 40n)).toBeUndefined();
    expect(refuseRefund(hundred, { refundsMinor: 60n, disputesMinor: 1n }, 40n)?.code).toBe('refund_exceeds_captured');
    expect(refuseRefund(hundred, { refundsMinor: 0n, disputesMinor: 0n }, 0n)?.code).toBe('invalid_request');
  });
});

describe('what is said about a refund', () => {
  it('settles it once', () => {
    const done = decideRefundOutcome(pending, { kind: 'succeeded' }, 5);
    expect(done).toEqual({ kind: 'settles', refund: { ...pending, status: 'succeeded', settledAtMs: 5 } });
    const again = { ...pending, status: 'succeeded' as const };
    expect(decideRefundOutcome(again, { kind: 'succeeded' }, 6)).toEqual({ kind: 'nothing' });
    expect(decideRefundOutcome(again, { kind: 'pending' }, 6)).toEqual({ kind: 'nothing' });
    expect(decideRefundOutcome(again, { kind: 'failed', code: 'x' }, 6)).toMatchObject({
      kind: 'reverses',
      refund: { status: 'failed', failureCode: 'reversed' },
    });
    const reversed = { ...pending, status: 'failed' as const, failureCode: 'reversed' };
    expect(decideRefundOutcome(reversed, { kind: 'succeeded' }, 7)).toEqual({ kind: 'nothing' });
  });
  it('never gives up on money that is not ours', () => {
    const late = { ...pending, kind: 'late' as const };
    expect(decideRefundOutcome(late, { kind: 'failed', code: 'x' }, 5)).toEqual({ kind: 'stuck' });
  });
});
