/**
 * Stripe for tests: written from its public documentation and never recorded, nor compared with Stripe itself.
 *
 * docs.stripe.com/api/payouts and docs.stripe.com/api/balance_transactions (API version 2024-11-20.acacia, which has `trace_id`),
 * docs.stripe.com/payouts/reconciliation, docs.stripe.com/reports/reporting-categories, and for the CSV
 * docs.stripe.com/reports/report-types/payout-reconciliation, report type `payout_reconciliation.itemized.5`; as they stood in
 * 2026. The ids and amounts are made up.
 */
import { type FixtureServer, serveFixture } from './report-source.fixture.ts';

type Json = Readonly<Record<string, unknown>>;

/** 2026-11-18 04:00 UTC. */
const createdAt = 1_795_060_800;

export const stripeCharge: Json = {
  ...{ id: 'txn_1', object: 'balance_transaction', amount: 50_000, fee: 1_475, net: 48_525, currency: 'inr' },
  ...{ reporting_category: 'charge', type: 'charge', status: 'available', created: createdAt - 400_000 },
  source: {
    ...{
      id: 'ch_1',
      object: 'charge',
      payment_intent: 'pi_1',
      metadata: { attempt_id: 'pay_1', order_number: 'SU-1' },
    },
    billing_details: { name: 'Somebody', email: 'somebody@example.com' },
  },
};

export const stripeRefund: Json = {
  ...{ id: 'txn_2', object: 'balance_transaction', amount: -20_000, fee: 0, net: -20_000, currency: 'inr' },
  ...{ reporting_category: 'refund', type: 'refund', status: 'available', created: createdAt - 300_000 },
  source: {
    id: 're_1',
    object: 'refund',
    payment_intent: 'pi_1',
    metadata: { attempt_id: 'pay_1', refund_id: 'rfd_1' },
  },
};

/** Paid in dollars, kept in rupees: the transaction is in the balance's currency, its source in the customer's. */
export const stripeChargeAbroad: Json = {
  ...{ id: 'txn_4', object: 'balance_transaction', amount: 83_250, fee: 3_646, net: 79_604, currency: 'inr' },
  ...{ reporting_category: 'charge', type: 'charge', status: 'available', created: createdAt - 350_000 },
  exchange_rate: 83.25,
  source: {
    ...{ id: 'ch_4', object: 'charge', payment_intent: 'pi_4', amount: 1_000, currency: 'usd' },
    metadata: { attempt_id: 'pay_4' },
  },
};

/** Some of it given back on another day. */
export const stripeRefundAbroad: Json = {
  ...{ id: 'txn_5', object: 'balance_transaction', amount: -33_700, fee: 0, net: -33_700, currency: 'inr' },
  ...{ reporting_category: 'refund', type: 'refund', status: 'available', created: createdAt - 250_000 },
  exchange_rate: 84.25,
  source: {
    ...{ id: 're_5', object: 'refund', payment_intent: 'pi_4', amount: 400, currency: 'usd' },
    metadata: { attempt_id: 'pay_4', refund_id: 'rfd_5' },
  },
};

/** The rest of it disputed; the fee is in the balance's currency. */
export const stripeDisputeAbroad: Json = {
  ...{ id: 'txn_6', object: 'balance_transaction', amount: -49_000, fee: 1_500, net: -50_500, currency: 'inr' },
  ...{ reporting_category: 'dispute', type: 'adjustment', status: 'available', created: createdAt - 150_000 },
  exchange_rate: 81.666667,
  source: { id: 'du_6', object: 'dispute', payment_intent: 'pi_4', amount: 600, currency: 'usd', metadata: {} },
};

export const stripePayoutAbroad: StripePayout = {
  id: 'po_2',
  amount: -4_596,
  transactions: [stripeChargeAbroad, stripeRefundAbroad, stripeDisputeAbroad],
};

export const stripeDispute: Json = {
  ...{ id: 'txn_3', object: 'balance_transaction', amount: -10_000, fee: 1_500, net: -11_500, currency: 'inr' },
  ...{ reporting_category: 'dispute', type: 'adjustment', status: 'available', created: createdAt - 200_000 },
  source: { id: 'du_1', object: 'dispute', payment_intent: 'pi_2', metadata: {} },
};

/** Stripe's own entry that takes the payout out of the balance; it is listed with the others. */
function payoutEntry(id: string, amount: number): Json {
  return {
    ...{ id: `txn_of_${id}`, object: 'balance_transaction', amount: -amount, fee: 0, net: -amount, currency: 'inr' },
    ...{
      reporting_category: 'payout',
      type: 'payout',
      status: 'available',
      created: createdAt,
      source: { id, object: 'payout' },
    },
  };
}

export interface StripePayout {
  readonly id: string;
  readonly amount: number;
  readonly transactions: readonly Json[];
  readonly more?: Json;
}

export const stripePayout: StripePayout = {
  id: 'po_1',
  amount: 17_025,
  transactions: [stripeCharge, stripeRefund, stripeDispute],
};

export function startStripeFixture(payouts: readonly StripePayout[], inPage = 2): Promise<FixtureServer> {
  const objects = payouts.map(({ id, amount, more }, index) => ({
    ...{
      id,
      object: 'payout',
      amount,
      currency: 'inr',
      arrival_date: createdAt + 86_400,
      automatic: true,
      status: 'paid',
    },
    ...{ created: createdAt + index, reconciliation_status: 'completed', balance_transaction: `txn_of_${id}` },
    ...{ trace_id: { status: 'supported', value: `TRACE${id}` }, ...more },
  }));
  const page = (all: readonly Json[], query: URLSearchParams) => {
    const from = all.findIndex(({ id }) => id === query.get('starting_after')) + 1;
    return {
      status: 200,
      body: { object: 'list', data: all.slice(from, from + inPage), has_more: from + inPage < all.length },
    };
  };
  return serveFixture(({ path, query, headers }) => {
    if (headers.authorization !== 'Bearer sk_test_fixture') return { status: 401, body: { error: {} } };
    if (path === '/v1/payouts') {
      const since = Number(query.get('created[gte]'));
      return page(objects.filter(({ created }) => created >= since).toReversed(), query);
    }
    if (path === '/v1/balance_transactions') {
      const payout = payouts.find(({ id }) => id === query.get('payout'));
      const lines = payout === undefined ? [] : [payoutEntry(payout.id, payout.amount), ...payout.transactions];
      return page(lines, query);
    }
    const [, , kind, id] = path.split('/');
    if (kind === 'payment_intents')
      return { status: 200, body: { id, object: 'payment_intent', metadata: { attempt_id: `pay_of_${id}` } } };
    const found = objects.find((each) => each.id === id);
    return found === undefined ? { status: 404, body: { error: {} } } : { status: 200, body: found };
  });
}

/** With the columns that tell what the customer paid; they are empty where a line is of no charge or refund. */
export const stripeItemizedAbroadCsv = [
  'automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,currency,gross,fee,net,reporting_category,source_id,description,payment_intent_id,payment_metadata[attempt_id],customer_facing_amount,customer_facing_currency',
  'po_2,2026-11-19 00:00:00,txn_4,inr,832.50,36.46,796.04,charge,ch_4,Order SU-4,pi_4,pay_4,10.00,usd',
  'po_2,2026-11-19 00:00:00,txn_7,inr,500.00,0.00,500.00,charge,ch_7,Order SU-7,pi_7,pay_7,500.00,inr',
  'po_2,2026-11-19 00:00:00,txn_8,inr,-10.00,0.00,-10.00,fee,,Billing fee,,,,',
  '',
].join('\n');

/** Its default columns, with the metadata that has to be asked for. Amounts are in major units. */
export const stripeItemizedCsv = [
  'automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created,available_on,currency,gross,fee,net,reporting_category,source_id,description,payment_intent_id,payment_metadata[attempt_id]',
  'po_1,2026-11-19 00:00:00,txn_1,2026-11-13 12:53:20,2026-11-18 00:00:00,inr,500.00,14.75,485.25,charge,ch_1,"Order SU-1, one course",pi_1,pay_1',
  'po_1,2026-11-19 00:00:00,txn_2,2026-11-14 16:40:00,2026-11-18 00:00:00,inr,-200.00,0.00,-200.00,refund,re_1,REFUND,pi_1,pay_1',
  'po_1,2026-11-19 00:00:00,txn_3,2026-11-15 20:26:40,2026-11-18 00:00:00,inr,-100.00,15.00,-115.00,dispute,du_1,Chargeback,pi_2,',
  '',
].join('\n');
