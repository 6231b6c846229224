import { realWorld, testWorld } from '@suuupra/platform/world';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { providerContract } from './provider.contract.ts';
import { type Provider, ProviderTimeout } from './provider.ts';
import { type StripeFixture, startStripeFixture } from './provider-stripe.fixture.ts';
import { openStripe } from './provider-stripe.ts';

const webhookSecret = 'whsec_test_secret';
const world = realWorld();
let fixture: StripeFixture;

const opened = (): Provider =>
  openStripe({
    secretKey: 'sk_test_fixture',
    webhookSecrets: ['whsec_the_old_one', webhookSecret],
    returnUrl: 'https://learn.example.org/orders',
    world,
    server: { host: '127.0.0.1', port: fixture.port, protocol: 'http' },
  });

const sign = (body: Uint8Array, secret = webhookSecret, nowMs = Date.now()) => ({
  'stripe-signature': Stripe.webhooks.generateTestHeaderString({
    payload: Buffer.from(body).toString('utf8'),
    secret,
    timestamp: Math.floor(nowMs / 1_000),
  }),
});

/** With a payer who answers at the bank's page what the contract hands to `confirm`. */
function withPayer(provider: Provider): Provider {
  return {
    ...provider,
    knowsChallengeResponse: (response) => response === 'approve' || response === 'reject',
    confirm: async (ref, response) => {
      fixture.payerAnswers(ref.reference, response === 'approve' ? 'approve' : 'reject');
      return provider.confirm(ref, 'returned');
    },
  };
}

describe('Stripe, on fixtures written from its public documentation', () => {
  beforeAll(async () => {
    fixture = await startStripeFixture();
  });
  afterAll(() => fixture.close());

  providerContract(async () => ({
    provider: withPayer(opened()),
    tokens: {
      succeeds: 'pm_card_visa',
      fails: 'pm_card_chargeDeclined',
      asksForAction: 'pm_card_threeDSecure2Required',
      declinesRaise: 'pm_card_incrementDeclined',
    },
    responses: { good: 'approve', bad: 'reject' },
    strangers: ['tok_ok', 'pm_', 'src_123456'],
    sign: (_eventId, body) => sign(body),
    newId: (prefix) => {
      // Older than what Stripe's search may not show yet.
      const old = testWorld(world.now() - 3_600_000);
      return `${old.id(prefix).slice(0, -16)}${world.id(prefix).slice(-16)}`;
    },
    dispute: async (ref) => ({
      attemptId: ref.attemptId,
      disputeReference: fixture.dispute(ref.reference),
      stage: 'dispute',
    }),
  }));

  const payment = (attemptId: string) => ({
    attemptId,
    method: 'card' as const,
    token: 'pm_card_visa',
    currency: 'INR',
    amountMinor: 49_900n,
    orderNumber: 'SU-1',
    capture: 'automatic' as const,
    authentication: 'automatic' as const,
  });

  it('M20 a lost answer is unknown, and asking finds what was made by our own id', async () => {
    const provider = opened();
    const attemptId = world.id('pay');
    fixture.loseNextAnswer();
    await expect(provider.create(payment(attemptId))).rejects.toThrow(ProviderTimeout);
    expect(await provider.status({ attemptId, reference: '' })).toMatchObject({
      kind: 'succeeded',
      capturedMinor: 49_900n,
    });
  });

  it('M20 what the search does not show yet is not taken for never made', async () => {
    await expect(opened().status({ attemptId: world.id('pay'), reference: '' })).rejects.toThrow(ProviderTimeout);
  });

  it('M20 nor is one whose id was made long before it was sent', async () => {
    const old = testWorld(world.now() - 3_600_000).id('pay');
    expect(await opened().status({ attemptId: old, reference: '' })).toBeUndefined();
    const sent = opened().status({ attemptId: old, reference: '', sentAtMs: world.now() - 60_000 });
    await expect(sent).rejects.toThrow(ProviderTimeout);
  });

  it('M22 every call that moves money carries our id as its idempotency key', async () => {
    const attemptId = world.id('pay');
    await opened().create(payment(attemptId));
    expect(fixture.requests.at(-1)).toMatchObject({ key: attemptId });
  });

  it('P2 asks for raises and captures beyond of what is only held, and says what the charge says of them', async () => {
    const { facts } = await opened().create({ ...payment(world.id('pay')), capture: 'manual' });
    const asked = new URLSearchParams(fixture.requests.at(-1)?.body);
    expect(asked.get('payment_method_options[card][request_incremental_authorization]')).toBe('if_available');
    expect(asked.get('payment_method_options[card][request_overcapture]')).toBe('if_available');
    expect(facts).toMatchObject({ incrementable: true, capturableMaxMinor: 57_385n });
    await opened().create(payment(world.id('pay')));
    expect(fixture.requests.at(-1)?.body).not.toContain('request_');
  });

  it('M22 a raise carries its own id as the key and the new total, and a lost answer can be asked for again', async () => {
    const provider = opened();
    const attemptId = world.id('pay');
    const { facts } = await provider.create({ ...payment(attemptId), capture: 'manual' });
    const ref = { attemptId, reference: facts?.reference ?? '' };
    const raise = { ...ref, incrementId: world.id('inc'), currency: 'INR', authorizedMinor: 60_000n };
    fixture.loseNextAnswer();
    await expect(provider.increment(raise)).rejects.toThrow();
    expect(await provider.increment(raise)).toMatchObject({
      kind: 'succeeded',
      facts: { capturableMaxMinor: 69_000n },
    });
    const { path, key, body } = fixture.requests.at(-1) ?? {};
    expect({ path, key }).toEqual({
      path: `/v1/payment_intents/${ref.reference}/increment_authorization`,
      key: raise.incrementId,
    });
    expect(new URLSearchParams(body).get('amount')).toBe('60000');
  });

  it('P2 says of an authorization in an event how much is held, and leaves open until when', () => {
    const object = {
      ...{ id: 'pi_1', object: 'payment_intent', amount: 60_000, amount_received: 0, currency: 'inr' },
      ...{ status: 'requires_capture', latest_charge: 'ch_1', metadata: { attempt_id: 'pay_1' } },
    };
    const body = JSON.stringify({ id: 'evt_1', type: 'payment_intent.amount_capturable_updated', data: { object } });
    const event = opened().readEvent(Buffer.from(body));
    expect(event).toMatchObject({ outcome: { kind: 'authorized', authorizedMinor: 60_000n } });
    expect(event).not.toHaveProperty('outcome.capturableUntilMs');
  });

  it('says what a card is and what the payment cost', async () => {
    const outcome = await opened().create(payment(world.id('pay')));
    expect(outcome.facts).toMatchObject({
      feeMinor: 998n,
      card: { brand: 'visa', last4: '4242', expiry: '08/30', fingerprint: 'fp_visa' },
    });
  });

  it.each([
    ['JPY', 500n, '500'],
    ['INR', 500n, '500'],
    ['KWD', 5_000n, '5000'],
    ['ISK', 5n, '500'],
  ])('P16 counts in Stripe’s units of %s and back', async (currency, amountMinor, units) => {
    const outcome = await opened().create({ ...payment(world.id('pay')), currency, amountMinor });
    expect(outcome).toMatchObject({ kind: 'succeeded', capturedMinor: amountMinor });
    expect(new URLSearchParams(fixture.requests.at(-1)?.body).get('amount')).toBe(units);
  });

  it('P16 sends no amount that Stripe cannot take exactly', async () => {
    const odd = { ...payment(world.id('pay')), currency: 'KWD', amountMinor: 5_001n };
    await expect(opened().create(odd)).rejects.toThrow(RangeError);
  });

  describe('its webhooks (P10, M23)', () => {
    const body = Buffer.from('{"id":"evt_1","type":"payment_intent.succeeded"}');

    it('are believed when any live secret signed them, within five minutes', () => {
      const provider = opened();
      expect(provider.verifyWebhook(sign(body), body)).toEqual({ eventId: 'evt_1' });
      expect(provider.verifyWebhook(sign(body, 'whsec_the_old_one'), body)).toEqual({ eventId: 'evt_1' });
      expect(provider.verifyWebhook(sign(body, 'whsec_a_stranger'), body)).toBeUndefined();
      expect(provider.verifyWebhook(sign(body, webhookSecret, Date.now() - 301_000), body)).toBeUndefined();
    });

    it('tell of payments, refunds and disputes by our ids, and of others not at all', async () => {
      const provider = opened();
      const read = (type: string, object: object) =>
        provider.readEvent(Buffer.from(JSON.stringify({ id: 'evt_1', type, data: { object } })));
      const intent = {
        id: 'pi_1',
        object: 'payment_intent',
        amount: 100,
        amount_received: 100,
        currency: 'inr',
        status: 'succeeded',
        latest_charge: 'ch_1',
      };
      expect(read('payment_intent.succeeded', { ...intent, metadata: { attempt_id: 'pay_1' } })).toMatchObject({
        type: 'payment',
        attemptId: 'pay_1',
        reference: 'pi_1',
        outcome: { kind: 'succeeded', capturedMinor: 100n },
      });
      expect(read('payment_intent.succeeded', { ...intent, metadata: {} })).toEqual({ type: 'other' });
      expect(
        read('refund.failed', {
          id: 're_1',
          status: 'failed',
          failure_reason: 'expired_or_canceled_card',
          metadata: { refund_id: 'rfd_1' },
        }),
      ).toEqual({
        type: 'refund',
        refundId: 'rfd_1',
        reference: 're_1',
        outcome: { kind: 'failed', code: 'expired_or_canceled_card', reference: 're_1' },
      });
      const dispute = {
        id: 'dp_1',
        amount: 100,
        currency: 'inr',
        payment_intent: 'pi_1',
        reason: 'fraudulent',
        status: 'warning_needs_response',
        balance_transactions: [],
        evidence_details: { due_by: 1_800_000_000 },
      };
      expect(read('charge.dispute.created', dispute)).toMatchObject({
        type: 'dispute',
        reference: 'pi_1',
        dispute: { stage: 'pre_dispute', status: 'opened', amountMinor: 100n, evidenceDueAtMs: 1_800_000_000_000 },
      });
      expect(read('charge.updated', {})).toEqual({ type: 'other' });
    });
  });

  it.each(['pk_test_1', 'sk_fake_1', '', 'sk_test_', 'whsec_1'])('does not start on the key %j', (secretKey) => {
    expect(() =>
      openStripe({ secretKey, webhookSecrets: [webhookSecret], returnUrl: 'https://x.example', world }),
    ).toThrow('sk_test_');
  });
});
