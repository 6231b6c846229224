import { createHmac } from 'node:crypto';
import { realWorld, testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { providerContract } from './provider.contract.ts';
import { type Provider, ProviderTimeout } from './provider.ts';
import { payers, type RazorpayFixture, startRazorpayFixture } from './provider-razorpay.fixture.ts';
import { intentToken, openRazorpay } from './provider-razorpay.ts';

const world = realWorld();
const secret = 'the secret of our webhook';
let fixture: RazorpayFixture;

const opened = (): Provider =>
  openRazorpay({
    keyId: 'rzp_test_fixture',
    keySecret: 'fixture',
    webhookSecrets: ['the one before', secret],
    world,
    origin: fixture.origin,
  });

const sign = (body: Uint8Array, by = secret) => ({
  'x-razorpay-signature': createHmac('sha256', by).update(body).digest('hex'),
  'x-razorpay-event-id': 'evt_header',
});

/** An id of a time at which Razorpay would list what was made. */
function oldId(prefix: string): string {
  return `${testWorld(world.now() - 3_600_000)
    .id(prefix)
    .slice(0, -16)}${world.id(prefix).slice(-16)}`;
}

/** The payer of the fixture answers at once: to create a payment and look again is one step. */
function withPayer(provider: Provider): Provider {
  return {
    ...provider,
    create: async (payment) => {
      const first = await provider.create(payment);
      const reference = first.facts?.reference ?? '';
      return first.kind === 'processing'
        ? ((await provider.status({ attemptId: payment.attemptId, reference })) ?? first)
        : first;
    },
  };
}

describe('Razorpay, on fixtures written from its public documentation', () => {
  beforeAll(async () => {
    fixture = await startRazorpayFixture();
  });
  afterAll(() => fixture.close());

  providerContract(async () => ({
    provider: withPayer(opened()),
    method: 'upi',
    tokens: { succeeds: payers.approves, fails: payers.declines },
    strangers: ['tok_ok', 'pm_card_visa', 'a@', '@b'],
    sign: (_eventId, body) => sign(body),
    newId: oldId,
    dispute: async (ref) => ({
      attemptId: ref.attemptId,
      disputeReference: fixture.dispute(ref.reference),
      stage: 'dispute',
    }),
  }));

  const payment = (attemptId: string, token = intentToken) => ({
    attemptId,
    method: 'upi' as const,
    token,
    currency: 'INR',
    amountMinor: 49_900n,
    orderNumber: 'SU-1',
    capture: 'automatic' as const,
    authentication: 'automatic' as const,
  });

  it('P14 gives a link for any app of the payer, and asks the one who gave an address', async () => {
    const intent = await opened().create(payment(world.id('pay')));
    expect(intent).toMatchObject({
      kind: 'processing',
      action: { type: 'upi_intent', uri: expect.stringMatching(/^upi:\/\/pay\?/) },
    });
    const collect = await opened().create(payment(world.id('pay'), payers.approves));
    expect(collect).toMatchObject({ kind: 'processing', action: { type: 'upi_collect' } });
    const asked = await opened().create({ ...payment(world.id('pay'), payers.approves), collectMinutes: 64_800 });
    const untilMs = asked.kind === 'processing' ? (asked.action?.expiresAtMs ?? 0) : 0;
    expect(Math.abs(untilMs - world.now() - 64_800 * 60_000)).toBeLessThan(20_000);
    const tooLong = { ...payment(world.id('pay'), payers.approves), collectMinutes: 64_801 };
    expect((await opened().create(tooLong)).kind).toBe('failed');
  });

  it('P14 asks whether an address exists', async () => {
    expect(await opened().inspect('upi', payers.approves)).toMatchObject({ kind: 'vpa', exists: true });
    expect(await opened().inspect('upi', payers.unknown)).toMatchObject({ kind: 'vpa', exists: false });
  });

  it('M20 M22 a lost answer is unknown; asked again it makes no second order and no second payment', async () => {
    const provider = opened();
    const attemptId = world.id('pay');
    fixture.loseAnswerTo('/v1/orders');
    await expect(provider.create(payment(attemptId))).rejects.toThrow(ProviderTimeout);
    fixture.loseAnswerTo('/v1/payments/create/upi');
    await expect(provider.create(payment(attemptId))).rejects.toThrow(ProviderTimeout);
    expect(await provider.create(payment(attemptId))).toMatchObject({ kind: 'processing' });
    const made = (path: string) =>
      fixture.requests.filter((request) => request.path === path && request.body.includes(attemptId));
    expect([made('/v1/orders').length, made('/v1/payments/create/upi').length]).toEqual([1, 1]);
  });

  it('M20 what is not listed yet is not taken for never made', async () => {
    await expect(opened().status({ attemptId: world.id('pay'), reference: '' })).rejects.toThrow(ProviderTimeout);
  });

  it('M20 an answer that is not JSON is no answer', async () => {
    const provider = openRazorpay({
      keyId: 'rzp_test_x',
      keySecret: 'x',
      webhookSecrets: ['x'],
      world,
      origin: 'data:text/html,<p>',
    });
    await expect(provider.create(payment(world.id('pay')))).rejects.toThrow(ProviderTimeout);
  });

  describe('its webhooks (P10, M23)', () => {
    const body = Buffer.from('{"event":"payment.captured"}');

    it('are believed by any live secret; what tells them apart is what was signed', () => {
      const provider = opened();
      const first = provider.verifyWebhook(sign(body), body);
      expect(first).toBeDefined();
      expect(provider.verifyWebhook({ ...sign(body), 'x-razorpay-event-id': 'evt_made_up' }, body)).toEqual(first);
      expect(provider.verifyWebhook(sign(body, 'the one before'), body)).toEqual(first);
      expect(provider.verifyWebhook(sign(body, 'a stranger'), body)).toBeUndefined();
      expect(provider.verifyWebhook(sign(body), Buffer.from('{}'))).toBeUndefined();
    });

    it('tell of payments, refunds and disputes by our ids, and of others not at all', () => {
      const provider = opened();
      const read = (event: string, payload: object) =>
        provider.readEvent(Buffer.from(JSON.stringify({ event, payload })));
      const entity = { id: 'pay_x', order_id: 'order_x', amount: 100, currency: 'INR', status: 'captured' };
      expect(
        read('payment.captured', { payment: { entity: { ...entity, notes: { attempt_id: 'pay_1' } } } }),
      ).toMatchObject({
        type: 'payment',
        attemptId: 'pay_1',
        reference: 'pay_x',
        outcome: { kind: 'succeeded', capturedMinor: 100n },
      });
      expect(read('payment.captured', { payment: { entity: { ...entity, notes: {} } } })).toEqual({ type: 'other' });
      expect(
        read('refund.processed', {
          refund: { entity: { id: 'rfnd_x', status: 'processed', notes: { refund_id: 'rfd_1' } } },
        }),
      ).toMatchObject({
        type: 'refund',
        refundId: 'rfd_1',
        outcome: { kind: 'succeeded' },
      });
      const dispute = {
        id: 'disp_x',
        payment_id: 'pay_x',
        amount: 100,
        currency: 'INR',
        reason_code: 'fraud',
        respond_by: 1_800_000_000,
        phase: 'chargeback',
        status: 'open',
      };
      expect(read('payment.dispute.created', { dispute: { entity: dispute } })).toMatchObject({
        type: 'dispute',
        reference: 'pay_x',
        dispute: { stage: 'dispute', status: 'opened', amountMinor: 100n },
      });
    });
  });

  it.each(['rzp_fake_1', '', 'sk_test_1'])('does not start on the key id %j', (keyId) => {
    expect(() => openRazorpay({ keyId, keySecret: 'x', webhookSecrets: ['x'], world })).toThrow('rzp_test_');
  });
});
