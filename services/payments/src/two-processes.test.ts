/** Two processes of the service on one database: each thing is done once, whichever of them it comes to. */
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Provider } from './provider.ts';
import { type Bench, openBench, outcomeOf, paymentOf } from './testing.ts';

/** How often the provider was asked for each attempt, by both processes. */
const asked = new Map<string, number>();
/** Holds the provider's answer to a payment. */
let held: { readonly begun: () => void; readonly until: Promise<void> } | undefined;

function watched(sandbox: Provider): Provider {
  return {
    ...sandbox,
    create: async (payment) => {
      held?.begun();
      await held?.until;
      return sandbox.create(payment);
    },
    status: async (about) => {
      asked.set(about.attemptId, (asked.get(about.attemptId) ?? 0) + 1);
      return sandbox.status(about);
    },
  };
}

let one: Bench;
let two: Bench;
beforeAll(async () => {
  one = await openBench({ between: watched, withoutWebhooks: true });
  two = await openBench({ between: watched, withoutWebhooks: true, databaseUrl: one.databaseUrl });
});
afterAll(async () => {
  await two.close();
  await one.close();
});

const attemptsOf = async (orderId: string) =>
  (await one.surroundings.store.viewAttempts(one.sql, orderId, undefined, 10)).length;

describe('two processes of payments', () => {
  it('refuse a call that comes to the one while the other is at it, and answer it alike afterwards', async () => {
    const begun = Promise.withResolvers<void>();
    const until = Promise.withResolvers<void>();
    held = { begun: begun.resolve, until: until.promise };
    const first = one.pay('ord_both', 'tok_ok', { key: 'both' });
    await begun.promise;
    expect(outcomeOf(await two.pay('ord_both', 'tok_ok', { key: 'both' }))).toBe('idempotency_in_progress');
    held = undefined;
    until.resolve();
    const paid = paymentOf(await first);
    expect(paymentOf(await two.pay('ord_both', 'tok_ok', { key: 'both' })).id).toBe(paid.id);
    expect(await attemptsOf('ord_both')).toBe(1);
    expect(await published('ord_both')).toBe(1);
  });

  it('let one payer through who asks both at once with two keys', async () => {
    const answers = await Promise.all([
      one.pay('ord_twice', 'tok_ok', { key: 'left' }),
      two.pay('ord_twice', 'tok_ok', { key: 'right' }),
    ]);
    expect(answers.map(outcomeOf).filter((outcome) => outcome === 'succeeded')).toHaveLength(1);
    expect(await published('ord_twice')).toBe(1);
  });

  it('ask the provider once for each payment of which they have not heard, and tell its end once', async () => {
    const orderIds = Array.from({ length: 8 }, (_, index) => `ord_lost_${index}`);
    const open = await Promise.all(
      orderIds.map((orderId, index) => (index % 2 === 0 ? one : two).pay(orderId, 'tok_timeout_then_succeeded')),
    );
    asked.clear();
    const aheadMs = 3_600_000;
    one.advance(aheadMs);
    two.advance(aheadMs);
    await Promise.all([one.settle(), two.settle()]);
    expect(open.map((payment) => asked.get(paymentOf(payment).id))).toEqual(open.map(() => 1));
    for (const orderId of orderIds) expect(await published(orderId)).toBe(1);
  });
});

async function published(orderId: string): Promise<number> {
  return (await one.published(PaymentSucceededSchema)).filter((event) => event.orderId === orderId).length;
}
