/** C9: what a provider's connection can do to a payment, each branch. C10's delays and the sandbox's own are beside it. */
import {
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
  PaymentFailedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyOutcome } from './outcomes.ts';
import type { PaymentToMake, Provider, ProviderOutcome } from './provider.ts';
import { type Bench, openBench, outcomeOf, paymentOf, statusWord } from './testing.ts';

let beside: Bench;
let bench: Bench;
beforeAll(async () => {
  beside = await openBench();
});
afterAll(() => beside.close());

/** A provider whose first call goes as told, and which then answers; how often it was called. */
async function openWith(first: (sandbox: Provider, payment: PaymentToMake) => Promise<ProviderOutcome>) {
  const calls = { creates: 0 };
  bench = await openBench({
    beside,
    between: (sandbox) => ({
      ...sandbox,
      create: (payment) => {
        calls.creates += 1;
        return calls.creates === 1 ? first(sandbox, payment) : sandbox.create(payment);
      },
    }),
  });
  return calls;
}

async function told(orderId: string) {
  const [succeeded, failed, late, returned] = await Promise.all([
    bench.published(PaymentSucceededSchema),
    bench.published(PaymentFailedSchema),
    bench.published(LatePaymentReceivedSchema),
    bench.published(LatePaymentReturnedSchema),
  ]);
  const of = (events: readonly { readonly orderId: string }[]) =>
    events.filter((event) => event.orderId === orderId).length;
  return { succeeded: of(succeeded), failed: of(failed), late: of(late), returned: of(returned) };
}

async function pass(ms: number): Promise<void> {
  bench.advance(ms);
  await bench.settle();
}

const reset = () => new Error('connection reset');

describe('C9, M20 to M22: a connection that', () => {
  it('is lost before the effect: nothing was made, and the order can be paid', async () => {
    const calls = await openWith(() => Promise.reject(reset()));
    const payment = paymentOf(await bench.pay('ord_before', 'tok_ok'));
    expect(statusWord(payment.status)).toBe('unknown');
    await pass(1_000);
    expect(statusWord((await bench.payment(payment.id)).status)).toBe('unknown');
    expect(await told('ord_before')).toMatchObject({ failed: 0 });
    await pass(20_000);
    expect((await bench.payment(payment.id)).failure?.code).toBe('provider_timeout');
    expect(await told('ord_before')).toEqual({ succeeded: 0, failed: 1, late: 0, returned: 0 });
    expect(calls.creates).toBe(1);
    expect(outcomeOf(await bench.pay('ord_before', 'tok_ok'))).toBe('succeeded');
  });

  it.each([
    ['is lost after the effect', 'ord_after', reset],
    ['ends in a 500 after the effect', 'ord_500', () => new Error('the provider answered 500')],
    ['brings what cannot be read', 'ord_unread', () => new SyntaxError('Unexpected end of JSON input')],
  ])('%s: what was made is found, nothing is made twice', async (_, orderId, fault) => {
    const calls = await openWith(async (sandbox, payment) => {
      await sandbox.create(payment);
      throw fault();
    });
    const payment = paymentOf(await bench.pay(orderId, 'tok_ok'));
    expect(statusWord(payment.status)).toBe('unknown');
    await pass(2_000);
    expect(statusWord((await bench.payment(payment.id)).status)).toBe('succeeded');
    expect(await told(orderId)).toEqual({ succeeded: 1, failed: 0, late: 0, returned: 0 });
    expect(calls.creates).toBe(1);
  });

  it('brings the success hours after the failure was told: the money goes back, once', async () => {
    let held: PaymentToMake | undefined;
    await openWith((_, payment) => {
      held = payment;
      return Promise.reject(reset());
    });
    const payment = paymentOf(await bench.pay('ord_hours', 'tok_ok'));
    await pass(20_000);
    expect(statusWord((await bench.payment(payment.id)).status)).toBe('failed');
    // The request was on its way all the time.
    if (held !== undefined) await bench.sandbox.create(held);
    bench.advance(5 * 3_600_000);
    await bench.sql.transaction((tx) =>
      applyOutcome(bench.surroundings, tx, payment.id, { kind: 'succeeded' }, 'webhook'),
    );
    await bench.settle();
    await pass(60_000);
    expect(await told('ord_hours')).toEqual({ succeeded: 0, failed: 1, late: 1, returned: 1 });
    expect(outcomeOf(await bench.pay('ord_hours', 'tok_ok'))).toBe('succeeded');
  });

  it('brings the success while the order is paid otherwise: one payment stays', async () => {
    let held: PaymentToMake | undefined;
    await openWith((_, payment) => {
      held = payment;
      return Promise.reject(reset());
    });
    const first = paymentOf(await bench.pay('ord_twice', 'tok_ok'));
    await pass(20_000);
    expect(outcomeOf(await bench.pay('ord_twice', 'tok_ok'))).toBe('succeeded');
    if (held !== undefined) await bench.sandbox.create(held);
    const say = () =>
      bench.sql.transaction((tx) => applyOutcome(bench.surroundings, tx, first.id, { kind: 'succeeded' }, 'webhook'));
    await Promise.all([say(), say(), say()]);
    await bench.settle();
    await pass(60_000);
    expect(await told('ord_twice')).toEqual({ succeeded: 1, failed: 1, late: 1, returned: 1 });
  });

  it('contradicts itself: a success stays one and a person is told', async () => {
    await openWith((sandbox, payment) => sandbox.create(payment));
    const payment = paymentOf(await bench.pay('ord_contradicted', 'tok_ok'));
    const no = { kind: 'failed', code: 'card_declined', detail: 'no' } as const;
    for (let i = 0; i < 2; i += 1)
      await bench.sql.transaction((tx) => applyOutcome(bench.surroundings, tx, payment.id, no, 'sync'));
    expect(statusWord((await bench.payment(payment.id)).status)).toBe('succeeded');
    const attention = await bench.sql.query("SELECT because FROM attention WHERE order_id = 'ord_contradicted'");
    expect(attention).toEqual([{ because: 'success_taken_back' }]);
    expect(await told('ord_contradicted')).toEqual({ succeeded: 1, failed: 0, late: 0, returned: 0 });
  });

  it('comes back when the provider has forgotten the key: it is asked, and nothing is sent again', async () => {
    const calls = await openWith(async (sandbox, payment) => {
      await sandbox.create(payment);
      throw reset();
    });
    await bench.pay('ord_forgotten', 'tok_ok', { key: 'old' });
    // The process died before it could write the answer down, and nobody asked for more than a day.
    await bench.sql.execute("UPDATE idempotency_keys SET response = NULL, claimant = 'gone'");
    bench.advance(25 * 3_600_000);
    expect(outcomeOf(await bench.pay('ord_forgotten', 'tok_ok', { key: 'old' }))).toBe('succeeded');
    expect(calls.creates).toBe(1);
    expect(await told('ord_forgotten')).toEqual({ succeeded: 1, failed: 0, late: 0, returned: 0 });
  });
});

describe('P18: a sandbox with a seed', () => {
  it('answers late, tells late, twice and out of order, the same each time, and everything ends well', async () => {
    const run = async () => {
      const own = await openBench({ stillClock: true, settings: { chaosSeed: 7, latencyMsMax: 5 } });
      for (let index = 0; index < 6; index += 1) await own.pay(`ord_chaos_${index}`, 'tok_processing');
      for (let second = 0; second < 5; second += 1) {
        own.advance(1_000);
        await own.settle();
      }
      const paid = (await own.published(PaymentSucceededSchema)).map(({ orderId }) => orderId).toSorted();
      const orders = await own.sql.query<{ id: string; order_id: string }>('SELECT id, order_id FROM attempts');
      const sent = own.sent.map(({ body }) => {
        const { data } = JSON.parse(Buffer.from(body).toString()) as { data: { merchantReference: string } };
        return orders.find(({ id }) => id === data.merchantReference)?.order_id ?? '';
      });
      await own.close();
      return { paid, sent };
    };
    const [first, second] = [await run(), await run()];
    const everyOrder = Array.from({ length: 6 }, (_, index) => `ord_chaos_${index}`);
    expect(first.paid).toEqual(everyOrder);
    expect(first.sent.length).toBeGreaterThan(6);
    expect(first.sent).not.toEqual(first.sent.toSorted());
    expect(second).toEqual(first);
  });
});
