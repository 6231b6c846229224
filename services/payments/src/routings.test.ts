import { create } from '@bufbuild/protobuf';
import { PaymentFailedSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { NextActionType } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import {
  ListRoutingDecisionsRequestSchema,
  PutRoutingRulesRequestSchema,
  RouteStrategy,
} from '@suuupra/contracts/gen/suuupra/payments/v1/routing_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { adviceFor } from './retry.ts';
import { decideRoute, type RoutingRules } from './routing.ts';
import { listRoutingDecisions, putRoutingRules } from './routings.ts';
import { type Bench, contextOf, openBench, outcomeOf, paymentOf, statusWord } from './testing.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

it('P9: what failed on the way goes to the other provider, once told, and every decision can be read', async () => {
  const payment = paymentOf(await bench.pay('ord_other', 'tok_issuer_down'));
  expect(statusWord(payment.status)).toBe('succeeded');
  expect(payment).toMatchObject({ provider: 'sandbox_b', simulated: true });
  expect(await bench.published(PaymentFailedSchema)).toHaveLength(0);
  const request = create(ListRoutingDecisionsRequestSchema, { orderId: 'ord_other' });
  const listed = await listRoutingDecisions(bench.surroundings, request);
  if (isRefusal(listed)) throw new Error(listed.code);
  expect(listed.decisions.map(({ provider, because }) => [provider, because])).toEqual([
    ['sandbox_b', 'retry'],
    ['sandbox', 'fallback'],
  ]);
});

it('P9: a refusal of the bank is not tried elsewhere, and at most so many tries are made', async () => {
  expect(paymentOf(await bench.pay('ord_no', 'tok_declined')).provider).toBe('sandbox');
  const down = paymentOf(await bench.pay('ord_down', 'tok_error'));
  expect(outcomeOf(down)).toBe('failed');
  const rows = await bench.sql.query("SELECT 1 FROM attempts WHERE order_id = 'ord_down'");
  expect(rows).toHaveLength(2);
  const told = (await bench.published(PaymentFailedSchema)).filter((event) => event.orderId === 'ord_down');
  expect(told).toHaveLength(1);
  expect(adviceFor('stripe', 'never seen', 'card_declined')).toEqual({ retry: 'no' });
});

it('P7: a soft decline is stepped up to a challenge, and the liability shifts', async () => {
  const asked = paymentOf(await bench.pay('ord_soft', 'tok_soft_decline'));
  expect(asked.nextAction?.type).toBe(NextActionType.CHALLENGE);
  const paid = paymentOf(await bench.confirm(asked.id, 'approve'));
  expect(paid.card).toMatchObject({ authentication: 'challenge', liabilityShifted: true });
  const smooth = paymentOf(await bench.pay('ord_smooth', 'tok_3ds_frictionless'));
  expect(smooth.card).toMatchObject({ authentication: 'frictionless', liabilityShifted: true });
});

it('P8: rules of finance decide; the same version is set once', async () => {
  const own = await openBench();
  const rules = [
    { name: 'all to b', strategy: RouteStrategy.SPLIT, shares: [{ provider: 'sandbox_b', percent: 100 }] },
  ];
  const request = create(PutRoutingRulesRequestSchema, { version: 0, rules, fallback: ['sandbox'], triesMax: 1 });
  const both = await Promise.all([1, 2].map(() => putRoutingRules(own.surroundings, request, contextOf('usr_f', ''))));
  expect(both.filter(isRefusal).map(({ code }) => code)).toEqual(['stale_etag']);
  expect(paymentOf(await own.pay('ord_b', 'tok_ok')).provider).toBe('sandbox_b');
  expect(outcomeOf(await own.pay('ord_one_try', 'tok_error'))).toBe('failed');
  expect(await own.refund('rfd_b', 'ord_b', 49_900n)).toBe('succeeded');
  await own.close();
});

it('P8: shares, floor, cost and exploration choose as they say', () => {
  const { capabilities } = bench.sandbox;
  const candidates = ['a', 'b'].map((name) => ({
    name,
    capabilities: { ...capabilities, costs: { card: { basisPoints: name === 'a' ? 200 : 100, flatMinor: 0n } } },
    unfit: '',
  }));
  const rulesOf = (strategy: RoutingRules['rules'][number]['strategy']): RoutingRules => ({
    version: 1,
    rules: [
      {
        name: 'r',
        amountAtLeastMinor: '0',
        amountBelowMinor: '0',
        strategy,
        shares: [
          { provider: 'a', percent: 70 },
          { provider: 'b', percent: 30 },
        ],
      },
    ],
    fallback: ['a', 'b'],
    triesMax: 2,
    explorationPercent: 10,
    eliminationBelowPercent: 50,
    setAtMs: 0,
  });
  const wish = { method: 'card', currency: 'INR', amountMinor: 1_000n } as const;
  const first = (strategy: Parameters<typeof rulesOf>[0], chance: number, rates = [] as never[]) =>
    decideRoute(rulesOf(strategy), wish, candidates, rates, chance).providers[0];
  expect([first('split', 0.69), first('split', 0.71), first('least_cost', 0.5)]).toEqual(['a', 'b', 'b']);
  const rate = (provider: string, succeeded: number) => ({ provider, succeeded, failed: 100 - succeeded });
  const good = [rate('a', 80), rate('b', 90)] as never[];
  expect(first('success_rate', 0.5, good)).toBe('b');
  expect(first('success_rate', 0.01, good)).toBe('a');
  const bad = decideRoute(rulesOf('fixed'), wish, candidates, [rate('a', 10), rate('b', 90)], 0.5);
  expect(bad).toMatchObject({ providers: ['b'], leftOut: ['a: below_floor'] });
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(100), fc.nat(100), (chance, a, b) => {
      for (const strategy of ['fixed', 'split', 'success_rate', 'least_cost'] as const) {
        const { providers } = decideRoute(rulesOf(strategy), wish, candidates, [rate('a', a), rate('b', b)], chance);
        expect(providers.length).toBeGreaterThan(0);
        expect(new Set(providers).size).toBe(providers.length);
      }
    }),
  );
});
