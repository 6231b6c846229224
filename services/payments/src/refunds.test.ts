import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ListRefundsRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/desk_pb.ts';
import {
  RefundFailedSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listRefunds } from './desk.ts';
import type { Provider, RefundOutcome } from './provider.ts';
import { type Bench, openBench, paymentOf, sandboxTable } from './testing.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

async function refundedMinor(of: Bench, orderId: string): Promise<bigint> {
  const events = (await of.published(RefundSucceededSchema)).filter((event) => event.orderId === orderId);
  return events.reduce((sum, event) => sum + (event.amount?.amountMinor ?? 0n), 0n);
}

describe('refunds of one payment', () => {
  it('never exceed the capture, however many come at once', async () => {
    const payment = paymentOf(await bench.pay('ord_many', 'tok_ok'));
    // 50 x 15.00 of 499.00: 33 fit.
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => bench.refund(`rfd_many_${index}`, 'ord_many', 1_500n)),
    );
    expect(outcomes.filter((outcome) => outcome === 'succeeded')).toHaveLength(33);
    expect(outcomes.filter((outcome) => outcome === 'refund_exceeds_captured')).toHaveLength(17);
    expect(await refundedMinor(bench, 'ord_many')).toBe(33n * 1_500n);
    expect((await bench.payment(payment.id)).refunded?.amountMinor).toBe(33n * 1_500n);
    expect(await bench.refund('rfd_rest', 'ord_many', 49_900n - 33n * 1_500n)).toBe('succeeded');
    expect(await bench.refund('rfd_beyond', 'ord_many', 1n)).toBe('refund_exceeds_captured');
  });

  it('are the same refund under the same id, also at once', async () => {
    await bench.pay('ord_same', 'tok_ok');
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => bench.refund('rfd_same', 'ord_same', 100n)));
    expect(new Set(outcomes)).toEqual(new Set(['succeeded']));
    expect(await refundedMinor(bench, 'ord_same')).toBe(100n);
    expect(await bench.refund('rfd_same', 'ord_same', 101n)).toBe('invalid_request');
    const [sum] = await bench.sql.query<{ n: bigint }>(
      `SELECT count(*) AS n FROM ${sandboxTable('refunds')} WHERE merchant_reference = 'rfd_same'`,
    );
    expect(sum?.n).toBe(1n);
  });

  it('need a captured payment', async () => {
    await bench.pay('ord_unpaid', 'tok_declined');
    expect(await bench.refund('rfd_unpaid', 'ord_unpaid', 100n)).toBe('not_found');
    expect(await bench.refund('rfd_unknown', 'ord_unknown', 100n)).toBe('not_found');
  });

  it('that the provider takes its time for are pending, and end by its webhook', async () => {
    const own = await openBench();
    await own.pay('ord_slow', 'tok_processing');
    own.advance(2_000);
    await own.settle();
    expect(await own.refund('rfd_slow', 'ord_slow', 100n)).toBe('pending');
    expect(await own.refund('rfd_slow_2', 'ord_slow', 49_801n)).toBe('refund_exceeds_captured');
    own.advance(1_000);
    await own.settle();
    expect(await own.published(RefundSucceededSchema)).toMatchObject([{ refundId: 'rfd_slow' }]);
    expect(await own.refund('rfd_slow', 'ord_slow', 100n)).toBe('succeeded');
    await own.close();
  });

  it('that fail give their amount back, once', async () => {
    const own = await openBench({ between: refunding(() => ({ kind: 'failed', code: 'account_closed' })) });
    await own.pay('ord_failing', 'tok_ok');
    expect(await own.refund('rfd_failing', 'ord_failing', 49_900n)).toBe('failed');
    expect(await own.refund('rfd_failing', 'ord_failing', 49_900n)).toBe('failed');
    expect(await own.published(RefundFailedSchema)).toMatchObject([
      { refundId: 'rfd_failing', code: 'account_closed' },
    ]);
    expect(await own.refund('rfd_next', 'ord_failing', 49_900n)).toBe('failed');
    await own.close();
  });

  it('whose answer is lost are sent again under the same id until it is known', async () => {
    let calls = 0;
    const own = await openBench({
      between: (sandbox) => ({
        ...sandbox,
        refund: async (refund) => {
          const outcome = await sandbox.refund(refund);
          calls += 1;
          if (calls <= 2) throw new Error('connection reset');
          return outcome;
        },
      }),
    });
    await own.pay('ord_lost', 'tok_ok');
    expect(await own.refund('rfd_lost', 'ord_lost', 100n)).toBe('pending');
    for (let round = 0; round < 3; round += 1) {
      own.advance(60_000);
      await own.settle();
    }
    expect(calls).toBe(3);
    expect(await own.published(RefundSucceededSchema)).toHaveLength(1);
    await own.close();
  });
});

function refunding(answer: () => RefundOutcome) {
  return (sandbox: Provider): Provider => ({ ...sandbox, refund: async () => answer() });
}

describe('the list of refunds', () => {
  it('is of a time, and refuses one that ends before it begins, by its field', async () => {
    const own = await openBench();
    await own.pay('ord_listed', 'tok_ok');
    const earlierMs = own.world.now();
    await own.refund('rfd_listed_1', 'ord_listed', 100n);
    own.advance(60_000);
    const laterMs = own.world.now();
    await own.refund('rfd_listed_2', 'ord_listed', 100n);
    const of = (fromMs: number, untilMs: number) => {
      const times = { from: timestampFromMs(fromMs), until: timestampFromMs(untilMs) };
      return listRefunds(own.surroundings, create(ListRefundsRequestSchema, times));
    };
    expect(await of(earlierMs, laterMs)).toMatchObject({ refunds: [{ id: 'rfd_listed_1' }], nextPageToken: '' });
    expect(await of(laterMs, laterMs + 60_000)).toMatchObject({ refunds: [{ id: 'rfd_listed_2' }] });
    const refused = await of(laterMs, earlierMs);
    expect(isRefusal(refused) && [refused.code, refused.errors[0]?.field]).toEqual(['invalid_request', 'until']);
    await own.close();
  });
});
