/**
 * Our questions held against Stripe's own description of its API, as stripe-mock (github.com/stripe/stripe-mock) serves it: a
 * parameter or an expansion that Stripe does not know is refused there. Its answers are samples and mean nothing.
 */
import { describe, expect, it } from 'vitest';
import { openStripeReports } from './report-source-stripe.ts';

const server = process.env['SUUUPRA_TEST_STRIPE_MOCK'] ?? '';

describe.skipIf(server === '')("Stripe's reports, on stripe-mock", () => {
  const source = openStripeReports({ secretKey: 'sk_test_mock', origin: server });

  it('lists payouts and reads the transactions of one', async () => {
    const [settlement] = await source.settlementsSince(Date.UTC(2026, 10, 1));
    expect(settlement?.id).toMatch(/^po_/);
    const csv = Buffer.from((await source.report(settlement ?? expect.fail('none is listed'))) ?? []).toString();
    expect(csv).toMatch(/^reporting_category,payout,id,amount/);
    expect(csv).toMatch(/\r\ntotal,po_/);
  });
});
