/** Stripe and Razorpay beside the sandboxes: who takes a payment, and how their webhooks arrive. On their fixtures. */
import { createHmac } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { MethodType } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { PutRoutingRulesRequestSchema, RouteStrategy } from '@suuupra/contracts/gen/suuupra/payments/v1/routing_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { realWorld } from '@suuupra/platform/world';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Provider } from './provider.ts';
import { payers, type RazorpayFixture, startRazorpayFixture } from './provider-razorpay.fixture.ts';
import { intentToken, openRazorpay } from './provider-razorpay.ts';
import { type StripeFixture, startStripeFixture } from './provider-stripe.fixture.ts';
import { openStripe } from './provider-stripe.ts';
import { putRoutingRules } from './routings.ts';
import { type Bench, contextOf, openBench, outcomeOf, paymentOf, statusWord } from './testing.ts';
import { receiveWebhook } from './webhooks.ts';

const world = realWorld();
const stripeSecrets = ['whsec_the_old_one', 'whsec_the_new_one'];
const razorpaySecrets = ['the old one', 'the new one'];
let stripe: StripeFixture;
let razorpay: RazorpayFixture;
let bench: Bench;

beforeAll(async () => {
  [stripe, razorpay] = [await startStripeFixture(), await startRazorpayFixture()];
  const server = { host: '127.0.0.1', port: stripe.port, protocol: 'http' } as const;
  const companies: Provider[] = [
    openStripe({
      secretKey: 'sk_test_fixture',
      webhookSecrets: stripeSecrets,
      returnUrl: 'https://school.test/orders',
      world,
      server,
    }),
    openRazorpay({
      keyId: 'rzp_test_fixture',
      keySecret: 'x',
      webhookSecrets: razorpaySecrets,
      world,
      origin: razorpay.origin,
    }),
  ];
  bench = await openBench({ companies });
});
afterAll(async () => {
  await bench.close();
  stripe.close();
  razorpay.close();
});

async function hear(provider: string, event: object, sign: (body: Buffer) => Record<string, string>): Promise<number> {
  const body = Buffer.from(JSON.stringify(event, null, 1));
  const { status } = await receiveWebhook(bench.surroundings, provider, sign(body), body);
  await bench.settle();
  return status;
}

function stripeSigns(secret: string) {
  return (body: Buffer) => {
    const timestamp = Math.floor(world.now() / 1_000);
    const signature = Stripe.webhooks.generateTestHeaderString({ payload: body.toString('utf8'), secret, timestamp });
    return { 'stripe-signature': signature };
  };
}

function razorpaySigns(secret: string) {
  return (body: Buffer) => ({ 'x-razorpay-signature': createHmac('sha256', secret).update(body).digest('hex') });
}

describe('a payment', () => {
  it('goes to the company whose token it is, and says which one that was', async () => {
    const card = paymentOf(await bench.pay('ord_stripe', 'pm_card_visa'));
    expect(card).toMatchObject({ provider: 'stripe', simulated: true, card: { brand: 'visa', last4: '4242' } });
    expect(statusWord(card.status)).toBe('succeeded');
    const upi = paymentOf(await bench.pay('ord_razorpay', payers.approves, { type: MethodType.UPI }));
    expect(upi).toMatchObject({ provider: 'razorpay', simulated: true });
    expect(statusWord(upi.status)).toBe('processing');
    const sandbox = paymentOf(await bench.pay('ord_sandbox', 'success@sandbox', { type: MethodType.UPI }));
    expect(sandbox).toMatchObject({ provider: 'sandbox', simulated: true });
    expect(outcomeOf(await bench.pay('ord_nobodys', 'src_of_another'))).toBe('payment_method_invalid');
    expect(outcomeOf(await bench.pay('ord_unheard', payers.unknown, { type: MethodType.UPI }))).toBe(
      'payment_method_invalid',
    );
    expect(await bench.refund('rfd_stripe', 'ord_stripe', 100n)).toBe('succeeded');
  });

  it('that waits for its payer is settled by the webhook of its company, by any live secret, and by no other', async () => {
    const waiting = paymentOf(await bench.pay('ord_link', intentToken, { type: MethodType.UPI }));
    expect(waiting.nextAction?.uri).toMatch(/^upi:\/\/pay\?/);
    const paid = {
      id: 'pay_of_razorpay',
      order_id: 'order_1',
      amount: 49_900,
      currency: 'INR',
      status: 'captured',
      fee: 998,
      notes: { attempt_id: waiting.id },
    };
    const captured = { event: 'payment.captured', payload: { payment: { entity: paid } } };
    expect(await hear('razorpay', captured, razorpaySigns('a stranger'))).toBe(400);
    expect(await hear('stripe', captured, razorpaySigns('the new one'))).toBe(400);
    expect(statusWord((await bench.payment(waiting.id)).status)).toBe('processing');
    for (const secret of razorpaySecrets) expect(await hear('razorpay', captured, razorpaySigns(secret))).toBe(200);
    expect(statusWord((await bench.payment(waiting.id)).status)).toBe('succeeded');

    const asked = paymentOf(await bench.pay('ord_challenge', 'pm_card_threeDSecure2Required'));
    expect(asked.nextAction?.url).toMatch(/^https:/);
    const intent = {
      id: 'pi_of_stripe',
      object: 'payment_intent',
      amount: 49_900,
      amount_received: 49_900,
      currency: 'inr',
      status: 'succeeded',
      metadata: { attempt_id: asked.id },
      latest_charge: null,
    };
    const succeeded = { id: 'evt_stripe', type: 'payment_intent.succeeded', data: { object: intent } };
    expect(await hear('stripe', succeeded, stripeSigns('whsec_stranger'))).toBe(400);
    for (const secret of stripeSecrets) expect(await hear('stripe', succeeded, stripeSigns(secret))).toBe(200);
    expect(statusWord((await bench.payment(asked.id)).status)).toBe('succeeded');
    const told = (await bench.published(PaymentSucceededSchema)).filter(({ orderId }) =>
      ['ord_link', 'ord_challenge'].includes(orderId),
    );
    expect(told.map(({ orderId, provider }) => [orderId, provider])).toEqual([
      ['ord_link', 'razorpay'],
      ['ord_challenge', 'stripe'],
    ]);
    expect(told[0]?.providerFee?.amountMinor).toBe(998n);
  });

  it('P8: follows the rules of finance to a company, and falls back from one that cannot take it', async () => {
    const rule = {
      name: 'rupees to Stripe',
      method: MethodType.CARD,
      currency: 'INR',
      strategy: RouteStrategy.FIXED,
      shares: [{ provider: 'stripe', percent: 100 }],
    };
    const rules = { rules: [rule], fallback: ['sandbox', 'razorpay'], triesMax: 2, eliminationBelowPercent: 20 };
    const request = create(PutRoutingRulesRequestSchema, rules);
    const set = await putRoutingRules(bench.surroundings, request, contextOf('usr_fin', ''));
    expect(isRefusal(set) ? set.detail : set.rules.version).toBe(1);
    expect(paymentOf(await bench.pay('ord_ruled', 'pm_card_visa')).provider).toBe('stripe');
    // A token of the sandbox is nothing to Stripe.
    expect(paymentOf(await bench.pay('ord_ruled_sandbox', 'tok_ok')).provider).toBe('sandbox');
  });
});

it('keeps no key and no secret of a company in a log line', async () => {
  stripe.loseNextAnswer();
  await bench.pay('ord_lost', 'pm_card_visa');
  const log = bench.logged.join('\n');
  expect(log).toContain('the provider did not answer');
  for (const secret of ['sk_test', 'whsec', 'the old one', 'the new one', 'pm_card']) expect(log).not.toContain(secret);
});
