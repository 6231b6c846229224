/**
 * What every payment provider must be to us. An adapter joins with its own test tokens and a way to sign an event; what it
 * cannot do by its capabilities is not asked of it.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type DisputeRef,
  type MandateToMake,
  ofBrand,
  type PaymentMethodKind,
  type PaymentRef,
  type PaymentToMake,
  type Provider,
  type WebhookHeaders,
} from './provider.ts';

export interface ProviderUnderTest {
  readonly provider: Provider;
  /** How its tokens pay; card when absent. */
  readonly method?: PaymentMethodKind;
  readonly tokens: {
    readonly succeeds: string;
    readonly fails: string;
    readonly asksForAction?: string;
    readonly declinesRaise?: string;
  };
  /** Absent, like `asksForAction`, where payers answer in an app of theirs and not to us. */
  readonly responses?: { readonly good: string; readonly bad: string };
  /** Texts that no provider of ours takes for a token beside those that none may. */
  readonly strangers?: readonly string[];
  /** A webhook as the provider would send it now. */
  sign(eventId: string, body: Uint8Array): WebhookHeaders;
  newId(prefix: string): string;
  /** Makes the payer dispute a payment; undefined where the adapter's surroundings cannot. */
  dispute?(ref: PaymentRef): Promise<DisputeRef>;
  /** Evidence that wins such a dispute. */
  readonly winningEvidence?: string;
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
      method: it_.method ?? 'card',
      token,
      currency: 'INR',
      amountMinor: 10_000n,
      orderNumber: 'SU-1',
      capture: 'automatic',
      authentication: 'automatic',
      ...change,
    });
    const mandate = (token: string): MandateToMake => ({
      mandateId: it_.newId('mdt'),
      buyerId: 'usr_1',
      method: 'card',
      token,
      currency: 'INR',
      amountMaxMinor: 50_000n,
    });
    /** What we would know of a payment after its answer. */
    async function made(change: Partial<PaymentToMake> = {}): Promise<PaymentToMake & PaymentRef> {
      const wanted = payment(it_.tokens.succeeds, change);
      const outcome = await provider.create(wanted);
      return { ...wanted, reference: outcome.facts?.reference ?? '' };
    }

    it('says what it can do', () => {
      const { capabilities } = provider;
      expect(capabilities.methods.length).toBeGreaterThan(0);
      expect(capabilities.keyRetentionMs).toBeGreaterThan(0);
      for (const method of capabilities.methods) {
        expect(capabilities.currencies[method]).toBeDefined();
        expect(capabilities.costs[method]).toBeDefined();
      }
      for (const method of capabilities.manualCapture)
        expect(capabilities.authorizationMs[method]?.usual).toBeGreaterThan(0);
    });

    it('knows its tokens and responses, and no others', () => {
      for (const token of Object.values(it_.tokens)) expect(provider.knowsToken(token)).toBe(true);
      for (const token of ['', 'tok_', 'constructor', '4111111111111111', ...(it_.strangers ?? [])])
        expect(provider.knowsToken(token)).toBe(false);
      for (const response of Object.values(it_.responses ?? {}))
        expect(provider.knowsChallengeResponse(response)).toBe(true);
      expect(provider.knowsChallengeResponse('no such response')).toBe(false);
    });

    it('makes one payment for one attempt, however often it is asked, also at once', async () => {
      const wanted = payment(it_.tokens.succeeds);
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => provider.create(wanted)));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'succeeded' });
      const [reference] = outcomes.map((outcome) => outcome.facts?.reference ?? '');
      expect(new Set(outcomes.map((outcome) => outcome.facts?.reference)).size).toBe(1);
      const ref = { attemptId: wanted.attemptId, reference: reference ?? '' };
      expect(await provider.status(ref)).toMatchObject({ kind: 'succeeded' });
    });

    it('refuses another amount for the same attempt', async () => {
      const wanted = payment(it_.tokens.succeeds);
      await provider.create(wanted);
      await expect(provider.create({ ...wanted, amountMinor: 20_000n })).rejects.toThrow();
    });

    it('says why a payment failed', async () => {
      const outcome = await provider.create(payment(it_.tokens.fails));
      expect(outcome).toMatchObject({ kind: 'failed', code: expect.stringMatching(/^[a-z_]+$/) });
    });

    it('does not know what was never made', async () => {
      const attemptId = it_.newId('pay');
      expect(await provider.status({ attemptId, reference: '' })).toBeUndefined();
      expect(await provider.refundStatus({ refundId: it_.newId('rfd'), attemptId, reference: '' })).toBeUndefined();
    });

    it.each([
      ['good', 'succeeded'],
      ['bad', 'failed'],
    ] as const)('takes a %s response once', async (response, kind) => {
      const { responses, tokens } = it_;
      if (responses === undefined || tokens.asksForAction === undefined) return;
      const wanted = payment(tokens.asksForAction);
      const asked = await provider.create(wanted);
      expect(asked).toMatchObject({
        kind: 'requires_action',
        action: { type: 'challenge', url: expect.stringMatching(/^https?:/) },
      });
      const ref = { attemptId: wanted.attemptId, reference: asked.facts?.reference ?? '' };
      expect(await provider.status(ref)).toMatchObject({ kind: 'requires_action' });
      expect(await provider.confirm(ref, responses[response])).toMatchObject({ kind });
      expect(await provider.confirm(ref, responses.good)).toMatchObject({ kind });
      expect(await provider.status(ref)).toMatchObject({ kind });
    });

    it('makes one refund for one id, and none beyond the payment', async () => {
      const { attemptId, reference } = await made();
      const refund = { refundId: it_.newId('rfd'), attemptId, reference, currency: 'INR', amountMinor: 6_000n };
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => provider.refund(refund)));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'succeeded' });
      const beyond = { ...refund, refundId: it_.newId('rfd'), amountMinor: 4_001n };
      expect(await provider.refund(beyond)).toMatchObject({ kind: 'failed' });
      expect(await provider.refund({ ...beyond, refundId: it_.newId('rfd'), amountMinor: 4_000n })).toMatchObject({
        kind: 'succeeded',
      });
      const asked = { refundId: refund.refundId, attemptId, reference: outcomes[0]?.reference ?? '' };
      expect(await provider.refundStatus(asked)).toMatchObject({ kind: 'succeeded' });
    });

    it('refunds no payment that it did not take', async () => {
      const wanted = payment(it_.tokens.fails);
      const { facts } = await provider.create(wanted);
      const { attemptId } = wanted;
      const refund = { refundId: it_.newId('rfd'), attemptId, currency: 'INR', amountMinor: 1_00n };
      const outcome = await provider.refund({ ...refund, reference: facts?.reference ?? '' });
      expect(outcome).toMatchObject({ kind: 'failed' });
    });

    it('holds an authorization, captures of it what it is told to, and never more', async () => {
      const { capabilities } = provider;
      if (!capabilities.manualCapture.includes('card') || !capabilities.partialCapture) return;
      const held = await made({ capture: 'manual' });
      const before = await provider.status(held);
      expect(before).toMatchObject({ kind: 'authorized' });
      expect(before?.kind === 'authorized' && before.capturableUntilMs).toBeGreaterThan(0);
      const capture = { ...held, captureId: it_.newId('cap'), amountMinor: 4_000n, final: true };
      const beyond = { ...capture, captureId: it_.newId('cap'), amountMinor: 100_000n };
      expect(await provider.capture(beyond)).toMatchObject({ kind: 'failed' });
      const first = await provider.capture(capture);
      expect(first).toMatchObject({ kind: 'succeeded' });
      expect(await provider.capture(capture)).toMatchObject({ kind: 'succeeded' });
      expect(await provider.status(held)).toMatchObject({ kind: 'succeeded', capturedMinor: 4_000n });
      const more = { ...capture, captureId: it_.newId('cap'), amountMinor: 1_000n };
      expect(await provider.capture(more)).toMatchObject({ kind: 'failed' });
    });

    it('captures in several steps where it can', async () => {
      const { capabilities } = provider;
      if (!capabilities.manualCapture.includes('card') || !capabilities.multipleCapture) return;
      const held = await made({ capture: 'manual' });
      const part = (amountMinor: bigint, final: boolean) =>
        provider.capture({ ...held, captureId: it_.newId('cap'), amountMinor, final });
      expect(await part(3_000n, false)).toMatchObject({ kind: 'succeeded' });
      expect(await provider.status(held)).toMatchObject({ kind: 'authorized', capturedMinor: 3_000n });
      expect(await part(2_000n, true)).toMatchObject({ kind: 'succeeded' });
      expect(await provider.status(held)).toMatchObject({ kind: 'succeeded', capturedMinor: 5_000n });
    });

    it('captures beyond what is held as far as it declares or says, and not a unit further', async () => {
      const { manualCapture, overCaptureBasisPoints } = provider.capabilities;
      if (!manualCapture.includes('card')) return;
      const wanted = payment(it_.tokens.succeeds, { capture: 'manual' });
      const { facts } = await provider.create(wanted);
      const held = { ...wanted, reference: facts?.reference ?? '' };
      const declared = BigInt(ofBrand(overCaptureBasisPoints.card, facts?.card?.brand) ?? 0);
      const mostMinor = facts?.capturableMaxMinor ?? 10_000n + declared;
      const capture = (amountMinor: bigint) =>
        provider.capture({ ...held, captureId: it_.newId('cap'), amountMinor, final: true });
      expect(await capture(mostMinor + 1n)).toMatchObject({ kind: 'failed' });
      expect(await capture(mostMinor)).toMatchObject({ kind: 'succeeded' });
      expect(await provider.status(held)).toMatchObject({ kind: 'succeeded', capturedMinor: mostMinor });
    });

    it('holds more of an authorization, once for one id, and captures up to it', async () => {
      if (!provider.capabilities.manualCapture.includes('card')) return;
      const held = await made({ capture: 'manual' });
      const raise = (authorizedMinor: bigint, incrementId = it_.newId('inc')) =>
        provider.increment({ ...held, incrementId, authorizedMinor });
      const id = it_.newId('inc');
      const outcomes = await Promise.all(Array.from({ length: 3 }, () => raise(16_000n, id)));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'succeeded' });
      expect(await provider.status(held)).toMatchObject({ kind: 'authorized', authorizedMinor: 16_000n });
      expect(await raise(12_000n)).toMatchObject({ kind: 'failed' });
      const capture = { ...held, captureId: it_.newId('cap'), amountMinor: 16_000n, final: true };
      expect(await provider.capture(capture)).toMatchObject({ kind: 'succeeded' });
      expect(await raise(17_000n)).toMatchObject({ kind: 'failed' });
      expect(await provider.status(held)).toMatchObject({ kind: 'succeeded', capturedMinor: 16_000n });
    });

    it('holds on what it held when the bank declines to hold more', async () => {
      const { declinesRaise } = it_.tokens;
      if (declinesRaise === undefined) return;
      const wanted = payment(declinesRaise, { capture: 'manual' });
      const { facts } = await provider.create(wanted);
      const held = { ...wanted, reference: facts?.reference ?? '' };
      const raise = { ...held, incrementId: it_.newId('inc'), authorizedMinor: 16_000n };
      for (let again = 0; again < 2; again += 1)
        expect(await provider.increment(raise)).toMatchObject({ kind: 'failed' });
      expect(await provider.status(held)).toMatchObject({ kind: 'authorized', authorizedMinor: 10_000n });
      const capture = { ...held, captureId: it_.newId('cap'), final: true };
      expect(await provider.capture(capture)).toMatchObject({ kind: 'succeeded' });
    });

    it('holds no more of anything where it does not say that it can', async () => {
      const { capabilities } = provider;
      if (capabilities.methods.some((method) => capabilities.incrementalAuthorization[method] !== undefined)) return;
      const ref = { attemptId: it_.newId('pay'), reference: '', incrementId: it_.newId('inc') };
      const raise = { ...ref, currency: 'INR', authorizedMinor: 16_000n };
      expect(await provider.increment(raise)).toMatchObject({ kind: 'failed' });
    });

    it('releases an authorization, after which nothing is captured', async () => {
      if (!provider.capabilities.manualCapture.includes('card')) return;
      const held = await made({ capture: 'manual' });
      const order = { ...held, voidId: it_.newId('voi') };
      expect(await provider.void(order)).toMatchObject({ kind: 'voided' });
      expect(await provider.void(order)).toMatchObject({ kind: 'voided' });
      expect(await provider.status(held)).toMatchObject({ kind: 'voided' });
      const capture = { ...held, captureId: it_.newId('cap'), final: true };
      expect(await provider.capture(capture)).toMatchObject({ kind: 'failed' });
    });

    it('charges a mandate once for each attempt, and not when it is revoked', async () => {
      if (!provider.capabilities.mandates.includes('card')) return;
      const wanted = mandate(it_.tokens.succeeds);
      const outcome = await provider.createMandate(wanted);
      expect(outcome).toMatchObject({ kind: 'active' });
      expect(await provider.createMandate(wanted)).toMatchObject({ kind: 'active' });
      const ref = { mandateId: wanted.mandateId, reference: outcome.facts?.reference ?? '' };
      const charge = () => ({
        attemptId: it_.newId('pay'),
        mandate: ref,
        method: 'card' as const,
        currency: 'INR',
        amountMinor: 10_000n,
        orderNumber: 'SU-1',
      });
      const first = charge();
      const outcomes = await Promise.all(Array.from({ length: 3 }, () => provider.chargeMandate(first)));
      for (const each of outcomes) expect(each).toMatchObject({ kind: 'succeeded' });
      expect(await provider.changeMandate(ref, { kind: 'revoke' })).toMatchObject({ kind: 'revoked' });
      expect(await provider.changeMandate(ref, { kind: 'revoke' })).toMatchObject({ kind: 'revoked' });
      expect(await provider.mandateStatus(ref)).toMatchObject({ kind: 'revoked' });
      expect(await provider.chargeMandate(charge())).toMatchObject({ kind: 'failed' });
    });

    it('takes evidence against a dispute, or its acceptance', async () => {
      if (!provider.capabilities.disputes || it_.dispute === undefined) return;
      const first = await it_.dispute(await made());
      expect(await provider.disputeStatus(first)).toMatchObject({ status: 'opened', amountMinor: 10_000n });
      const fought = await provider.submitEvidence(first, it_.winningEvidence ?? 'delivered');
      expect(['challenged', 'won']).toContain(fought.status);
      const second = await it_.dispute(await made());
      expect(await provider.acceptDispute(second)).toMatchObject({ status: 'lost' });
      expect(await provider.disputeStatus(second)).toMatchObject({ status: 'lost' });
    });

    it('accepts its own webhooks, byte for byte', () => {
      const body = Buffer.from('{ "type": "x", "data": {} }');
      const headers = it_.sign('evt_1', body);
      expect(provider.verifyWebhook(headers, body)?.eventId).toMatch(/^[!-~]{1,200}$/);
      expect(provider.verifyWebhook(headers, Buffer.from('{"type":"x","data":{}}'))).toBeUndefined();
      expect(provider.verifyWebhook({}, body)).toBeUndefined();
    });

    it('gives its reports in the order in which they were made', async () => {
      const reports = await provider.listReports('', 10);
      const names = reports.map((report) => report.name);
      expect(names).toEqual(names.toSorted());
      for (const { name, sizeBytes } of reports) expect((await provider.readReport(name))?.byteLength).toBe(sizeBytes);
      expect(await provider.readReport('no-such-report.csv')).toBeUndefined();
    });
  });
}
