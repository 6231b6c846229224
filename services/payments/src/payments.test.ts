import {
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
  PaymentFailedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyOutcome } from './outcomes.ts';
import { actionAbandonedMs } from './payment.ts';
import type { Provider } from './provider.ts';
import { type Bench, openBench, outcomeOf, paymentOf, sandboxTable, statusWord } from './testing.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

async function successes(of: Bench, orderId: string): Promise<number> {
  return (await of.published(PaymentSucceededSchema)).filter((event) => event.orderId === orderId).length;
}

describe('a payment', () => {
  it('is for the buyer of an order that awaits it', async () => {
    expect(outcomeOf(await bench.pay('ord_mine', 'tok_ok', { userId: 'usr_ravi' }))).toBe('not_found');
    expect(outcomeOf(await bench.pay('nobodys', 'tok_ok'))).toBe('not_found');
    expect(outcomeOf(await bench.pay("ord'--\u0000", 'tok_ok'))).toBe('not_found');
    expect(outcomeOf(await bench.pay('gone_1', 'tok_ok'))).toBe('order_not_payable');
    expect(outcomeOf(await bench.pay('late_1', 'tok_ok'))).toBe('order_not_payable');
    expect(outcomeOf(await bench.pay('ord_mine', 'tok_of_another_company'))).toBe('payment_method_invalid');
    expect(outcomeOf(await bench.pay('ord_mine', 'tok_ok'))).toBe('succeeded');
    expect(outcomeOf(await bench.pay('ord_mine', 'tok_ok'))).toBe('order_not_payable');
  });

  it('is answered again by its key, and refused when the key comes with something else', async () => {
    const first = paymentOf(await bench.pay('ord_key', 'tok_declined', { key: 'key-1' }));
    const again = paymentOf(await bench.pay('ord_key', 'tok_declined', { key: 'key-1' }));
    expect(again).toEqual(first);
    const other = await bench.pay('ord_key', 'tok_ok', { key: 'key-1' });
    if (!isRefusal(other)) throw new Error('not refused');
    expect(other.code).toBe('idempotency_key_reused');
    expect(other.errors.map((error) => error.field)).toEqual(['method.token']);
    expect(JSON.stringify(other)).not.toContain('tok_');
  });

  it('makes one attempt when one key comes many times at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => bench.pay('ord_same_key', 'tok_ok', { key: 'same' })),
    );
    const outcomes = new Set(answers.map(outcomeOf));
    expect([...outcomes].sort()).toEqual(['idempotency_in_progress', 'succeeded']);
    expect(await successes(bench, 'ord_same_key')).toBe(1);
  });

  it('makes one attempt when one key comes to two processes at once', async () => {
    const other = await openBench({ databaseUrl: bench.databaseUrl });
    const answers = await Promise.all(
      [bench, other].map((process) => process.pay('ord_two_processes', 'tok_ok', { key: 'shared' })),
    );
    // The second may come when the first is done.
    const allowed = ['idempotency_in_progress', 'succeeded'];
    expect(answers.map(outcomeOf).filter((outcome) => !allowed.includes(outcome))).toEqual([]);
    const ids = new Set<string>();
    for (const process of [bench, other])
      ids.add(paymentOf(await process.pay('ord_two_processes', 'tok_ok', { key: 'shared' })).id);
    expect(ids.size).toBe(1);
    expect(await successes(bench, 'ord_two_processes')).toBe(1);
    await other.close();
  });

  it('wins alone when many race for one order', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => bench.pay('ord_race', 'tok_ok')));
    const outcomes = answers.map(outcomeOf);
    expect(outcomes.filter((outcome) => outcome === 'succeeded')).toHaveLength(1);
    expect(
      outcomes.filter((outcome) => outcome === 'payment_in_progress' || outcome === 'order_not_payable'),
    ).toHaveLength(9);
    expect(await successes(bench, 'ord_race')).toBe(1);
  });

  it('and a cancellation of its order never both happen', async () => {
    for (let round = 0; round < 10; round += 1) {
      const orderId = `ord_or_not_${round}`;
      const [paid, refused] = await Promise.all([bench.pay(orderId, 'tok_ok'), bench.cancel(orderId)]);
      const isPaid = outcomeOf(paid) === 'succeeded';
      expect(await successes(bench, orderId)).toBe(isPaid ? 1 : 0);
      expect(refused === undefined).toBe(!isPaid);
    }
  });
});

describe('closing an intent', () => {
  it('keeps everybody from paying afterwards, also when nobody had tried', async () => {
    expect(await bench.cancel('ord_closed')).toBeUndefined();
    expect(await bench.cancel('ord_closed')).toBeUndefined();
    expect(outcomeOf(await bench.pay('ord_closed', 'tok_ok'))).toBe('order_not_payable');
  });
  it('waits for what is under way, and cancels what only waits for the payer', async () => {
    await bench.pay('ord_under_way', 'tok_processing');
    expect((await bench.cancel('ord_under_way'))?.code).toBe('payment_in_progress');
    const waiting = paymentOf(await bench.pay('ord_waiting', 'tok_requires_3ds'));
    expect(await bench.cancel('ord_waiting')).toBeUndefined();
    expect(outcomeOf(await bench.confirm(waiting.id, 'approve'))).toBe('cancelled');
    await bench.pay('ord_paid', 'tok_ok');
    expect((await bench.cancel('ord_paid'))?.code).toBe('already_captured');
  });
});

describe('a success that comes too late', () => {
  it('goes back by itself, once, and is told to the ledger', async () => {
    const own = await openBench();
    const first = paymentOf(await own.pay('ord_late', 'tok_requires_3ds'));
    own.advance(actionAbandonedMs + 1);
    expect(outcomeOf(await own.pay('ord_late', 'tok_ok'))).toBe('succeeded');
    expect(statusWord((await own.payment(first.id)).status)).toBe('cancelled');
    // The payer comes back to the bank's page after all, past us.
    await own.sandbox.confirm({ attemptId: first.id, reference: '' }, 'approve');
    await own.surroundings.sql.transaction(async (tx) => {
      await applyOutcome(own.surroundings, tx, first.id, { kind: 'succeeded' }, 'webhook');
      await applyOutcome(own.surroundings, tx, first.id, { kind: 'succeeded' }, 'webhook');
    });
    await own.settle();
    expect(await own.published(LatePaymentReceivedSchema)).toHaveLength(1);
    expect(await own.published(LatePaymentReturnedSchema)).toMatchObject([{ paymentId: first.id }]);
    expect(await own.published(PaymentSucceededSchema)).toHaveLength(1);
    // It counts against no capture: all of the order can still be refunded.
    expect(await own.refund('rfd_whole', 'ord_late', 49_900n)).toBe('succeeded');
    await own.close();
  });
});

describe('an intent closed at the hard limit of its order', () => {
  it('M20, M21: leaves the unknown attempt to be asked about, and sends back what comes of it', async () => {
    const own = await openBench({ between: silentUntil(2) });
    const payment = paymentOf(await own.pay('ord_limit', 'tok_ok'));
    expect((await own.cancel('ord_limit'))?.code).toBe('payment_in_progress');
    expect(await own.cancel('ord_limit', 'hard_limit')).toBeUndefined();
    expect(statusWord((await own.payment(payment.id)).status)).toBe('unknown');
    expect(outcomeOf(await own.pay('ord_limit', 'tok_ok'))).not.toBe('succeeded');
    own.advance(20_000);
    await own.settle();
    expect(await own.published(PaymentSucceededSchema)).toHaveLength(0);
    expect(await own.published(LatePaymentReceivedSchema)).toMatchObject([{ paymentId: payment.id }]);
    await own.settle();
    expect(await own.published(LatePaymentReturnedSchema)).toMatchObject([{ paymentId: payment.id }]);
    await own.pay('ord_had', 'tok_ok');
    expect((await own.cancel('ord_had', 'hard_limit'))?.code).toBe('already_captured');
    await own.close();
  });
});

describe('the outcome of a call that nobody answered', () => {
  it('is unknown, is no failure, and lets nobody pay until the provider has been asked', async () => {
    // The answer, the sync's, and that of the sync before the next try.
    const own = await openBench({ between: silentUntil(3) });
    const payment = paymentOf(await own.pay('ord_silence', 'tok_ok'));
    expect(statusWord(payment.status)).toBe('unknown');
    own.advance(1_000);
    await own.settle();
    expect(statusWord((await own.payment(payment.id)).status)).toBe('unknown');
    expect(outcomeOf(await own.pay('ord_silence', 'tok_ok'))).toBe('payment_in_progress');
    expect((await own.cancel('ord_silence'))?.code).toBe('payment_in_progress');
    expect(await own.published(PaymentFailedSchema)).toHaveLength(0);
    own.advance(10_000);
    await own.settle();
    expect(statusWord((await own.payment(payment.id)).status)).toBe('succeeded');
    expect(await own.published(PaymentSucceededSchema)).toHaveLength(1);
    await own.close();
  });
});

describe('an attempt that the provider never heard of', () => {
  it('fails after a while, and is not made after all when its request comes again', async () => {
    // It dies when the attempt is written and the provider has not heard of it.
    for (let point = 1; ; point += 1) {
      const { database, dead } = dyingAt(point, 'before');
      const first = await openBench({ beside: bench, database });
      expect(await Promise.race([dead, first.pay('ord_unheard', 'tok_ok', { key: 'unheard' })])).toBe('dead');
      const rows = await bench.sql.query("SELECT 1 FROM attempts WHERE order_id = 'ord_unheard'");
      if (rows.length === 1) break;
    }
    const next = await openBench({ beside: bench, aheadMs: 11_000 });
    await next.settle();
    expect(outcomeOf(await next.pay('ord_unheard', 'tok_ok', { key: 'unheard' }))).toBe('failed');
    const made = await bench.sql.query(
      `SELECT 1 FROM ${sandboxTable('payments')}
       WHERE merchant_reference IN (SELECT id FROM attempts WHERE order_id = 'ord_unheard')`,
    );
    expect(made).toEqual([]);
    expect(outcomeOf(await next.pay('ord_unheard', 'tok_ok'))).toBe('succeeded');
  });
});

/** A provider whose first `calls` answers are lost on the way back. */
function silentUntil(calls: number) {
  let left = calls;
  const lossy = <T>(call: () => Promise<T>) =>
    call().then((answer) => {
      left -= 1;
      if (left >= 0) throw new Error('connection reset');
      return answer;
    });
  return (sandbox: Provider): Provider => ({
    ...sandbox,
    create: (payment) => lossy(() => sandbox.create(payment)),
    status: (ref) => lossy(() => sandbox.status(ref)),
  });
}

describe('card numbers', () => {
  const numbers = [
    '4111111111111111',
    '4111 1111 1111 1111',
    '5500-0000-0000-0004',
    'tok_378282246310005',
    '４１１１１１１１１１１１１１１１',
  ];
  it('are refused, stored nowhere and logged nowhere', async () => {
    for (const token of numbers) {
      const refused = await bench.pay('ord_card', token);
      expect(outcomeOf(refused)).toBe('card_data_refused');
      expect(JSON.stringify(refused)).not.toContain(token);
    }
    const dump = await dumpOf(bench);
    expect(dump.length).toBeGreaterThan(1_000);
    for (const digits of ['4111111111111111', '4111 1111', '5500-0000', '378282246310005', '４１１１'])
      expect(dump + bench.logged.join('\n')).not.toContain(digits);
  });
});

/** Every row of every table, as text. */
async function dumpOf({ sql }: Bench): Promise<string> {
  const mine = { postgres: "table_schema IN ('public', 'sandbox')", mysql: 'table_schema = DATABASE()' }[sql.dialect];
  const tables = await sql.query<{ place: string; name: string }>(
    `SELECT table_schema AS place, table_name AS name FROM information_schema.tables
     WHERE ${mine} AND table_type = 'BASE TABLE'`,
  );
  expect(tables.length).toBeGreaterThan(10);
  const texts = await Promise.all(
    tables.map(async ({ place, name }) => {
      const rows = await sql.query(`SELECT * FROM ${place}.${name}`);
      return rows.flatMap((row) => Object.values(row).map(textOf)).join('\n');
    }),
  );
  return texts.join('\n');
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
