/**
 * The process is killed at every step: before and after each statement and each commit of the service and of the
 * provider it talks to. Another one starts on the same database, and money must be where the provider says it is.
 */
import { create } from '@bufbuild/protobuf';
import {
  CaptureAuthorizedRequestSchema,
  ChargeMandateRequestSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import {
  ChallengeDisputeRequestSchema,
  ListDisputesRequestSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/disputes_pb.ts';
import { CreateMandateRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/mandates_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentFailedSchema,
  PaymentSucceededSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { MethodType, type PaymentStatus } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureAuthorized, chargeMandate } from './charges.ts';
import { challengeDispute, listDisputes } from './disputes.ts';
import { createMandate } from './mandates.ts';
import {
  amountMinor,
  type Bench,
  buyer,
  contextOf,
  openBench,
  outcomeOf,
  paymentOf,
  sandboxTable,
  statusWord,
} from './testing.ts';

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

/** With SUUUPRA_SEEDS every point, on both sides of it; else every so many, from another one each time. */
const isThorough = process.env['SUUUPRA_SEEDS'] !== undefined;

/**
 * Death after a step is death before the next one, unless something outside the database happens between: the thorough
 * run has both. Gives how many steps the story has.
 */
async function everyPoint(
  name: string,
  story: (bench: Bench, orderId: string) => Promise<unknown>,
  after: (bench: Bench, orderId: string) => Promise<void>,
  { stride = 5, prepare }: { stride?: number; prepare?: (orderId: string) => Promise<unknown> } = {},
): Promise<number> {
  const next = await openBench({ beside, aheadMs: 120_000 });
  const step = isThorough ? 1 : stride;
  let points = 0;
  for (const when of isThorough ? (['before', 'after'] as const) : (['before'] as const))
    for (let point = isThorough ? 1 : 1 + Math.floor(Math.random() * step); ; point += step) {
      const orderId = `ord_${name}_${when}_${point}`;
      await prepare?.(orderId);
      if (!(await killAt(point, when, (bench) => story(bench, orderId)))) break;
      points = point;
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
    `SELECT count(*) AS n FROM ${sandboxTable('payments')}
     WHERE status = 'succeeded' AND merchant_reference IN (SELECT id FROM attempts WHERE order_id = '${orderId}')`,
  );
  const [live] = await bench.sql.query<{ n: bigint }>(
    `SELECT count(*) AS n FROM attempts WHERE order_id = '${orderId}' AND status IN ('processing', 'unknown')`,
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
    expect(points).toBeGreaterThan(2);
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
      (bench, orderId) => bench.refund(`rfd_${orderId}`, orderId, 100n),
      async (next, orderId) => {
        next.advance(60_000);
        await next.settle();
        const [row] = await next.sql.query<{ n: bigint; asked: bigint }>(
          `SELECT (SELECT count(*) FROM ${sandboxTable('refunds')}
                   WHERE merchant_reference = 'rfd_${orderId}' AND status = 'succeeded') AS n,
             (SELECT count(*) FROM refunds WHERE id = 'rfd_${orderId}') AS asked`,
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
      { stride: 2, prepare: (orderId) => payer.pay(orderId, 'tok_ok') },
    );
    expect(points).toBeGreaterThan(2);
    await payer.close();
  });
});

describe('a capture killed at every step', () => {
  it('M19: is finished by the next process, once, and told as one payment', async () => {
    const payer = await openBench({ beside });
    const take = async (bench: Bench, orderId: string) => {
      const request = create(CaptureAuthorizedRequestSchema, { captureId: `cap_${orderId}`, orderId, final: true });
      const answer = await captureAuthorized(bench.surroundings, request, contextOf('', ''));
      return isRefusal(answer) ? answer.code : statusWord(answer.status as PaymentStatus);
    };
    const points = await everyPoint(
      'capture_held_',
      take,
      async (next, orderId) => {
        next.advance(60_000);
        await next.settle();
        // Orders sends it again under the same id, whether it was heard or not.
        expect(`${orderId} ${await take(next, orderId)}`).toBe(`${orderId} succeeded`);
        const [row] = await next.sql.query<{ ours: bigint; theirs: bigint }>(
          `SELECT (SELECT count(*) FROM captures WHERE order_id = '${orderId}' AND status = 'succeeded') AS ours,
             (SELECT count(*) FROM ${sandboxTable('captures')} WHERE merchant_reference = 'cap_${orderId}' AND status = 'succeeded') AS theirs`,
        );
        const told = (await next.published(PaymentSucceededSchema)).filter((event) => event.orderId === orderId);
        const amounts = told.map((event) => event.amount?.amountMinor);
        expect({ orderId, ...row, amounts }).toEqual({ orderId, ours: 1n, theirs: 1n, amounts: [amountMinor] });
      },
      { stride: 2, prepare: (orderId) => payer.pay(orderId, 'tok_ok') },
    );
    expect(points).toBeGreaterThan(2);
    await payer.close();
  });
});

describe('a dispute killed at every step', () => {
  it('P6: is opened, answered and closed once', async () => {
    const payer = await openBench({ beside });
    const fight = async (bench: Bench, orderId: string) => {
      bench.advance(3_000);
      await bench.settle();
      const request = create(ListDisputesRequestSchema, { orderId });
      const found = await listDisputes(bench.surroundings, request);
      const id = isRefusal(found) ? '' : (found.disputes[0]?.id ?? '');
      const evidence = create(ChallengeDisputeRequestSchema, { id, evidence: 'winning_evidence' });
      await challengeDispute(bench.surroundings, evidence);
      bench.advance(3_000);
      await bench.settle();
    };
    const points = await everyPoint(
      'dispute',
      fight,
      async (next, orderId) => {
        next.advance(16_000);
        await next.settle();
        await fight(next, orderId);
        next.advance(16_000);
        await next.settle();
        const of = <T extends { readonly orderId: string }>(events: readonly T[]) =>
          events.filter((event) => event.orderId === orderId);
        const opened = of(await next.published(DisputeOpenedSchema));
        const closed = of(await next.published(DisputeClosedSchema));
        const [row] = await next.sql.query<{ status: string }>(
          `SELECT status FROM ${sandboxTable('disputes')}
           WHERE payment_reference = (SELECT id FROM attempts WHERE order_id = '${orderId}')`,
        );
        const outcomes = closed.map((event) => event.outcome);
        const facts = { orderId, opened: opened.length, outcomes, theirs: row?.status };
        expect(facts).toEqual({ orderId, opened: 1, outcomes: ['won'], theirs: 'won' });
      },
      { stride: 17, prepare: (orderId) => payer.pay(orderId, 'tok_chargeback') },
    );
    expect(points).toBeGreaterThan(10);
    await payer.close();
  });
});

describe('a charge of a mandate killed at every step', () => {
  it('M22: is made once by the next process', async () => {
    const payer = await openBench({ beside });
    const allowed = create(CreateMandateRequestSchema, {
      method: { type: MethodType.CARD, token: 'tok_ok' },
      amountMax: { currency: 'INR', amountMinor: 100_000n },
    });
    const made = await createMandate(payer.surroundings, allowed, contextOf(buyer, payer.world.id('key')));
    const mandateId = isRefusal(made) ? '' : (made.mandate?.id ?? '');
    const charge = async (bench: Bench, orderId: string) => {
      const request = create(ChargeMandateRequestSchema, { orderId, mandateId, try: 1 });
      const answer = await chargeMandate(bench.surroundings, request, contextOf('', ''));
      return isRefusal(answer) ? answer.code : statusWord(answer.status as PaymentStatus);
    };
    const points = await everyPoint(
      'charge',
      charge,
      async (next, orderId) => {
        next.advance(60_000);
        await next.settle();
        const before = await factsOf(next, orderId);
        expect({ orderId, live: before.live, differ: before.succeeded - before.atProvider }).toEqual({
          orderId,
          live: 0,
          differ: 0,
        });
        expect(`${orderId} ${await charge(next, orderId)}`).toBe(`${orderId} succeeded`);
        expect({ orderId, ...(await factsOf(next, orderId)) }).toMatchObject({ orderId, succeeded: 1, atProvider: 1 });
      },
      { stride: 2 },
    );
    expect(points).toBeGreaterThan(2);
    await payer.close();
  });
});
