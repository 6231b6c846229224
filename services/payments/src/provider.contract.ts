/** What every payment provider must be to us. An adapter joins with its own test tokens and a way to sign an event. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { PaymentToMake, Provider, WebhookHeaders } from './provider.ts';

export interface ProviderUnderTest {
  readonly provider: Provider;
  readonly tokens: { readonly succeeds: string; readonly fails: string; readonly asksForAction: string };
  readonly responses: { readonly good: string; readonly bad: string };
  /** A webhook as the provider would send it now. */
  sign(eventId: string, body: Uint8Array): WebhookHeaders;
  newId(prefix: string): string;
}

export function providerContract(open: () => Promise<ProviderUnderTest>): void {
  describe('a payment provider', () => {
    let it_: ProviderUnderTest;
    let provider: Provider;
    beforeAll(async () => {
      it_ = await open();
      provider = it_.provider;
    });
    const payment = (token: string, change: Partial<PaymentToMake> = {}): PaymentToMake => ({
      attemptId: it_.newId('pay'),
      method: 'card',
      token,
      currency: 'INR',
      amountMinor: 10_000n,
      orderNumber: 'SU-1',
      ...change,
    });

    it('knows its tokens and responses, and no others', () => {
      for (const token of Object.values(it_.tokens)) expect(provider.knowsToken(token)).toBe(true);
      for (const token of ['', 'tok_', 'constructor', '4111111111111111'])
        expect(provider.knowsToken(token)).toBe(false);
      for (const response of Object.values(it_.responses)) expect(provider.knowsChallengeResponse(response)).toBe(true);
      expect(provider.knowsChallengeResponse('')).toBe(false);
    });

    it('makes one payment for one attempt, however often it is asked, also at once', async () => {
      const wanted = payment(it_.tokens.succeeds);
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => provider.create(wanted)));
      for (const outcome of outcomes) expect(outcome).toEqual({ kind: 'succeeded' });
      expect(await provider.status(wanted.attemptId)).toEqual({ kind: 'succeeded' });
    });

    it('refuses another amount for the same attempt', async () => {
      const wanted = payment(it_.tokens.succeeds);
      await provider.create(wanted);
      await expect(provider.create({ ...wanted, amountMinor: 1n })).rejects.toThrow();
    });

    it('says why a payment failed', async () => {
      const outcome = await provider.create(payment(it_.tokens.fails));
      expect(outcome).toMatchObject({ kind: 'failed', code: expect.stringMatching(/^[a-z_]+$/) });
    });

    it('does not know what was never made', async () => {
      expect(await provider.status(it_.newId('pay'))).toBeUndefined();
    });

    it.each([
      ['good', 'succeeded'],
      ['bad', 'failed'],
    ] as const)('takes a %s response once', async (response, kind) => {
      const wanted = payment(it_.tokens.asksForAction);
      expect(await provider.create(wanted)).toMatchObject({
        kind: 'requires_action',
        action: { type: 'challenge', url: expect.stringContaining(wanted.attemptId) },
      });
      expect(await provider.status(wanted.attemptId)).toMatchObject({ kind: 'requires_action' });
      expect(await provider.confirm(wanted.attemptId, it_.responses[response])).toMatchObject({ kind });
      expect(await provider.confirm(wanted.attemptId, it_.responses.good)).toMatchObject({ kind });
      expect(await provider.status(wanted.attemptId)).toMatchObject({ kind });
    });

    it('makes one refund for one id, and none beyond the payment', async () => {
      const { attemptId } = await made();
      const refund = { refundId: it_.newId('rfd'), attemptId, currency: 'INR', amountMinor: 6_000n };
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => provider.refund(refund)));
      for (const outcome of outcomes) expect(outcome).toEqual({ kind: 'succeeded' });
      const beyond = { ...refund, refundId: it_.newId('rfd'), amountMinor: 4_001n };
      expect(await provider.refund(beyond)).toMatchObject({ kind: 'failed' });
      expect(await provider.refund({ ...beyond, refundId: it_.newId('rfd'), amountMinor: 4_000n })).toEqual({
        kind: 'succeeded',
      });
    });

    it('refunds no payment that it did not take', async () => {
      const wanted = payment(it_.tokens.fails);
      await provider.create(wanted);
      const refund = { refundId: it_.newId('rfd'), attemptId: wanted.attemptId, currency: 'INR', amountMinor: 1n };
      expect(await provider.refund(refund)).toMatchObject({ kind: 'failed' });
    });

    it('accepts its own webhooks, byte for byte', () => {
      const body = Buffer.from('{ "type": "x", "data": {} }');
      const headers = it_.sign('evt_1', body);
      expect(provider.verifyWebhook(headers, body)).toEqual({ eventId: 'evt_1' });
      expect(provider.verifyWebhook(headers, Buffer.from('{"type":"x","data":{}}'))).toBeUndefined();
      expect(provider.verifyWebhook({}, body)).toBeUndefined();
    });

    async function made(): Promise<PaymentToMake> {
      const wanted = payment(it_.tokens.succeeds);
      await provider.create(wanted);
      return wanted;
    }
  });
}
