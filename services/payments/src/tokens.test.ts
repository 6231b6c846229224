/** Every token of the sandbox on a running service: real clock, real loops; the test waits for the events. */
import {
  DisputeOpenedSchema,
  PaymentFailedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { MethodType, NextActionType } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { amountMinor, type Bench, buyer, openBench, outcomeOf, paymentOf, statusWord } from './testing.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  bench.begin();
});
afterAll(() => bench.close());

describe.concurrent('a token of the sandbox', () => {
  it('tok_ok succeeds at once', async () => {
    const payment = paymentOf(await bench.pay('ord_ok', 'tok_ok'));
    expect(statusWord(payment.status)).toBe('succeeded');
    expect(payment).toMatchObject({ provider: 'sandbox', simulated: true, amount: { currency: 'INR', amountMinor } });
    expect(await bench.told(PaymentSucceededSchema, 'ord_ok')).toMatchObject({ paymentId: payment.id });
  });

  it.each([
    ['tok_declined', 'card_declined'],
    ['tok_insufficient_funds', 'insufficient_funds'],
  ])('%s fails, and another may be tried', async (token, code) => {
    const failed = paymentOf(await bench.pay(`ord_${code}`, token));
    expect(statusWord(failed.status)).toBe('failed');
    expect(failed.failure).toMatchObject({ code });
    expect(await bench.told(PaymentFailedSchema, `ord_${code}`)).toMatchObject({ code, buyerId: buyer });
    expect(outcomeOf(await bench.pay(`ord_${code}`, 'tok_ok'))).toBe('succeeded');
  });

  it.each([
    ['approve', 'succeeded'],
    ['reject', 'failed'],
  ])('tok_requires_3ds, answered with %s, has %s', async (response, status) => {
    const asked = paymentOf(await bench.pay(`ord_3ds_${response}`, 'tok_requires_3ds'));
    expect(statusWord(asked.status)).toBe('requires_action');
    expect(asked.nextAction).toMatchObject({
      type: NextActionType.CHALLENGE,
      url: `http://school.test/sandbox/3ds/${asked.id}`,
    });
    expect(outcomeOf(await bench.confirm(asked.id, 'perhaps'))).toBe('challenge_response_invalid');
    const confirmed = paymentOf(await bench.confirm(asked.id, response));
    expect(statusWord(confirmed.status)).toBe(status);
    expect(confirmed.nextAction).toBeUndefined();
    // The first response counts, and asking again only tells.
    expect(outcomeOf(await bench.confirm(asked.id, 'approve'))).toBe(status);
  });

  it('tok_processing succeeds by webhook', async () => {
    const payment = paymentOf(await bench.pay('ord_processing', 'tok_processing'));
    expect(statusWord(payment.status)).toBe('processing');
    await bench.told(PaymentSucceededSchema, 'ord_processing');
    expect(statusWord((await bench.payment(payment.id)).status)).toBe('succeeded');
  });

  it.each([
    ['tok_timeout_then_succeeded', PaymentSucceededSchema, 'succeeded'],
    ['tok_timeout_then_failed', PaymentFailedSchema, 'failed'],
  ])('%s is unknown until the sync has asked', async (token, schema, status) => {
    const payment = paymentOf(await bench.pay(`ord_${token}`, token));
    expect(statusWord(payment.status)).toBe('unknown');
    expect(outcomeOf(await bench.pay(`ord_${token}`, 'tok_ok'))).toBe('payment_in_progress');
    await bench.told(schema, `ord_${token}`);
    expect(statusWord((await bench.payment(payment.id)).status)).toBe(status);
  });

  it('tok_chargeback succeeds and is disputed', async () => {
    const payment = paymentOf(await bench.pay('ord_chargeback', 'tok_chargeback'));
    expect(statusWord(payment.status)).toBe('succeeded');
    await bench.told(DisputeOpenedSchema, 'ord_chargeback');
    expect((await bench.payment(payment.id)).dispute).toMatchObject({ status: 'opened', amount: { amountMinor } });
    expect(await bench.refund('rfd_disputed', 'ord_chargeback', 1n)).toBe('refund_exceeds_captured');
  });

  it('UPI gives the payer a link and succeeds when the app has approved', async () => {
    const payment = paymentOf(await bench.pay('ord_upi', 'tok_ok', { type: MethodType.UPI }));
    expect(statusWord(payment.status)).toBe('processing');
    const link = new URL(payment.nextAction?.uri ?? '');
    expect(link.href).toMatch(/^upi:\/\/pay\?pa=suuupra@sandbox&/);
    expect(Object.fromEntries(link.searchParams)).toEqual({
      pa: 'suuupra@sandbox',
      pn: 'Suuupra (sandbox)',
      am: '499.00',
      cu: 'INR',
      tr: payment.id,
      tn: 'Order SU-TEST-0001',
    });
    await bench.told(PaymentSucceededSchema, 'ord_upi');
  });

  it('UPI waits for the confirmation with tok_requires_3ds', async () => {
    const payment = paymentOf(await bench.pay('ord_upi_3ds', 'tok_requires_3ds', { type: MethodType.UPI }));
    expect(statusWord(payment.status)).toBe('requires_action');
    expect(payment.nextAction?.type).toBe(NextActionType.UPI_INTENT);
    expect(outcomeOf(await bench.confirm(payment.id, 'approve'))).toBe('succeeded');
  });

  it('UPI pays rupees only', async () => {
    const refused = await bench.pay('ord_usd_1', 'tok_ok', { type: MethodType.UPI });
    expect(outcomeOf(refused)).toBe('payment_method_invalid');
  });
});

it('tok_duplicate_webhooks succeeds once, whatever the webhooks say and how often', async () => {
  const own = await openBench();
  const payment = paymentOf(await own.pay('ord_duplicates', 'tok_duplicate_webhooks'));
  expect(statusWord(payment.status)).toBe('succeeded');
  own.advance(60_000);
  await own.settle();
  expect(own.sent).toHaveLength(6);
  expect(new Set(own.sent.map(({ headers }) => headers['webhook-id']))).toHaveProperty('size', 2);
  expect(await own.published(PaymentSucceededSchema)).toHaveLength(1);
  expect(statusWord((await own.payment(payment.id)).status)).toBe('succeeded');
  await own.close();
});
