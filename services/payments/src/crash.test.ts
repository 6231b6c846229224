/**
 * The process is killed at every step: before and after each statement and each commit of the service and of the
 * provider it talks to. Another one starts on the same database, and money must be where the provider says it is.
 */
import {
  PaymentFailedSchema,
  PaymentSucceededSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bench, openBench, outcomeOf, paymentOf, statusWord } from './testing.ts';

let beside: Bench;
beforeAll(async () => {
  beside = await openBench();
});
afterAll(() => beside.close());

/** Runs the story in a process that dies at the point; true when it reached the point. */
async function killAt(
  point: number,
  when: 'before' | 'after',
  story: (bench: Bench) => Promise<unknown>,
): Promise<boolean> {
  const { database, dead } = dyingAt(point, when);
  const bench = await openBench({ beside, database });
  const ended = await Promise.race([dead, story(bench).then(() => 'done')]);
  await bench.close();
  return ended === 'dead';
}

async function everyPoint(
  name: string,
  story: (bench: Bench, orderId: string) => Promise<unknown>,
  after: (bench: Bench, orderId: string) => Promise<void>,
): Promise<number> {
  const next = await openBench({ beside, aheadMs: 120_000 });
  let points = 0;
  for (const when of ['before', 'after'] as const)
    for (let point = 1; ; point += 1) {
      const orderId = `ord_${name}_${when}_${point}`;
      if (!(await killAt(point, when, (bench) => story(bench, orderId)))) break;
      points += 1;
      await after(next, orderId);
      // What was told is checked: the next point starts with nothing told.
      await next.sql.execute('DELETE FROM outbox');
    }
  await next.close();
  return points;
}

async function factsOf(bench: Bench, orderId: string) {
  const succeeded = (await bench.published(PaymentSucceededSchema)).filter((event) => event.orderId === orderId);
  const failed = (await bench.published(PaymentFailedSchema)).filter((event) => event.orderId === orderId);
  const [provider] = await bench.sql.query<{ n: bigint }>(
    `SELECT count(*) AS n FROM sandbox.payments
     WHERE status = 'succeeded' AND merchant_reference IN (SELECT id FROM attempts WHERE order_id = $1)`,
    [orderId],
  );
  const [live] = await bench.sql.query<{ n: bigint }>(
    "SELECT count(*) AS n FROM attempts WHERE order_id = $1 AND status IN ('processing', 'unknown')",
    [orderId],
  );
  return {
    succeeded: succeeded.length,
    failed: failed.length,
    atProvider: Number(provider?.n),
    live: Number(live?.n),
  };
}

const tokens = ['tok_ok', 'tok_declined', 'tok_requires_3ds', 'tok_processing', 'tok_timeout_then_succeeded'];

/** As the web app does: pay, confirm when asked, and let time pass. */
async function buy(bench: Bench, orderId: string, token: string, key: string) {
  const payment = paymentOf(await bench.pay(orderId, token, { key }));
  if (statusWord(payment.status) === 'requires_action') await bench.confirm(payment.id, 'approve');
  bench.advance(15_000);
  await bench.settle();
  return bench.payment(payment.id);
}

describe('a purchase killed at every step', () => {
  it.each(tokens)('with %s is finished by the same request sent again', async (token) => {
    const points = await everyPoint(
      `again_${token}`,
      (bench, orderId) => buy(bench, orderId, token, orderId),
      async (next, orderId) => {
        const payment = await buy(next, orderId, token, orderId);
        const expected = token === 'tok_declined' ? 'failed' : 'succeeded';
        expect(`${orderId} ${statusWord(payment.status)}`).toBe(`${orderId} ${expected}`);
        const wanted = expected === 'succeeded' ? 1 : 0;
        const facts = { succeeded: wanted, failed: 1 - wanted, atProvider: wanted, live: 0 };
        expect(await factsOf(next, orderId)).toEqual(facts);
      },
    );
    expect(points).toBeGreaterThan(8);
  });

  it.each(tokens)('with %s and never sent again ends as the provider has it', async (token) => {
    await everyPoint(
      `alone_${token}`,
      (bench, orderId) => buy(bench, orderId, token, orderId),
      async (next, orderId) => {
        for (let round = 0; round < 3; round += 1) {
          next.advance(60_000);
          await next.settle();
        }
        const facts = await factsOf(next, orderId);
        expect({ orderId, ...facts }).toMatchObject({ orderId, live: 0, succeeded: facts.atProvider });
        // Whatever it was, the order can be paid or is: nothing hangs. A challenge nobody answered times out later.
        next.advance(16 * 60_000);
        const outcome = outcomeOf(await next.pay(orderId, 'tok_ok'));
        expect(`${orderId} ${outcome}`).toBe(
          `${orderId} ${facts.atProvider === 1 ? 'order_not_payable' : 'succeeded'}`,
        );
      },
    );
  });
});

describe('a refund killed at every step', () => {
  it('is finished by the next process, once', async () => {
    const payer = await openBench({ beside });
    const points = await everyPoint(
      'refund',
      async (bench, orderId) => {
        await payer.pay(orderId, 'tok_ok');
        await bench.refund(`rfd_${orderId}`, orderId, 100n);
      },
      async (next, orderId) => {
        next.advance(60_000);
        await next.settle();
        const [row] = await next.sql.query<{ n: bigint; asked: bigint }>(
          `SELECT (SELECT count(*) FROM sandbox.refunds WHERE merchant_reference = $1 AND status = 'succeeded') AS n,
             (SELECT count(*) FROM refunds WHERE id = $1) AS asked`,
          [`rfd_${orderId}`],
        );
        const told = (await next.published(RefundSucceededSchema)).filter((event) => event.orderId === orderId);
        expect({ orderId, asked: row?.asked, atProvider: row?.n, told: told.length }).toEqual({
          orderId,
          asked: row?.asked,
          atProvider: row?.asked,
          told: Number(row?.asked),
        });
        // Orders sends it again under the same id.
        expect(await next.refund(`rfd_${orderId}`, orderId, 100n)).toBe('succeeded');
      },
    );
    expect(points).toBeGreaterThan(4);
    await payer.close();
  });
});
