/**
 * Our requests held against Stripe's own description of its API, as stripe-mock (github.com/stripe/stripe-mock) serves it:
 * a parameter that Stripe does not know, or of the wrong shape, is refused there. Its answers are samples and mean nothing.
 */
import { realWorld } from '@suuupra/platform/world';
import { describe, expect, it } from 'vitest';
import { openStripe } from './provider-stripe.ts';

const server = process.env['SUUUPRA_TEST_STRIPE_MOCK'] ?? '';
const port = server === '' ? 0 : Number(new URL(server).port);

describe.skipIf(port === 0)('Stripe, on stripe-mock', () => {
  const world = realWorld();
  const provider = openStripe({
    secretKey: 'sk_test_mock',
    webhookSecrets: ['whsec_mock'],
    returnUrl: 'https://learn.example.org/orders',
    world,
    server: { host: '127.0.0.1', port, protocol: 'http' },
  });
  const ref = { attemptId: 'pay_1', reference: 'pi_123' };

  it.each(['automatic', 'manual'] as const)('takes a payment with %s capture', async (capture) => {
    const outcome = await provider.create({
      attemptId: world.id('pay'),
      method: 'card',
      token: 'pm_card_visa',
      currency: 'INR',
      amountMinor: 49_900n,
      orderNumber: 'SU-1',
      capture,
      authentication: 'challenge',
    });
    expect(outcome.kind === 'failed' && outcome.providerCode).not.toBe('parameter_unknown');
    expect(outcome.facts?.reference).toMatch(/^pi_/);
  });

  it('takes captures, cancellations and refunds', async () => {
    const amount = { currency: 'INR', amountMinor: 100n };
    expect(await provider.capture({ ...ref, ...amount, captureId: world.id('cap'), final: true })).toMatchObject({
      kind: 'succeeded',
    });
    expect((await provider.void({ ...ref, voidId: world.id('voi') })).facts?.reference).toMatch(/^pi_/);
    expect((await provider.refund({ ...ref, ...amount, refundId: world.id('rfd') })).reference).toMatch(/^re_/);
    expect(
      (await provider.refundStatus({ refundId: 'rfd_1', attemptId: 'pay_1', reference: 're_123' }))?.reference,
    ).toMatch(/^re_/);
    expect((await provider.status(ref))?.facts?.reference).toMatch(/^pi_/);
  });

  it('takes a raise of what is held', async () => {
    const raise = { ...ref, currency: 'INR', authorizedMinor: 60_000n, incrementId: world.id('inc') };
    expect(await provider.increment(raise)).toMatchObject({ kind: 'succeeded' });
  });

  it('takes evidence and acceptance of disputes', async () => {
    const dispute = { attemptId: 'pay_1', disputeReference: 'dp_123', stage: 'dispute' as const };
    expect((await provider.submitEvidence(dispute, 'Delivered.')).disputeReference).toMatch(/^dp_/);
    expect((await provider.acceptDispute(dispute)).disputeReference).toMatch(/^dp_/);
  });

  it('takes permissions to charge, and charges', async () => {
    const made = await provider.createMandate({
      mandateId: world.id('mdt'),
      buyerId: 'usr_1',
      method: 'card',
      token: 'pm_card_visa',
      currency: 'INR',
      amountMaxMinor: 100_000n,
    });
    expect(made.facts?.reference).toMatch(/^seti_/);
    await provider.inspect('card', 'pm_card_visa');
  });
});
