/**
 * Razorpay for tests: written from its public documentation and never recorded, nor compared with Razorpay itself.
 *
 * razorpay.com/docs/api/settlements/fetch-all, /fetch-with-id and /fetch-recon (API v1), as they stood in 2026; the CSV has the
 * same columns, in rupees. `fee` holds `tax`. The ids and amounts are made up.
 */
import { type FixtureServer, serveFixture } from './report-source.fixture.ts';

type Json = Readonly<Record<string, unknown>>;

/** 2026-11-18 20:00 UTC: in India it is the 19th. */
const settledAt = 1_795_032_000;

const item = (more: Json): Json => ({
  ...{
    debit: 0,
    credit: 0,
    currency: 'INR',
    fee: 0,
    tax: 0,
    on_hold: false,
    settled: true,
    created_at: settledAt - 200_000,
  },
  ...{
    settled_at: settledAt,
    settlement_id: 'setl_1',
    posted_at: null,
    credit_type: 'default',
    description: null,
    notes: [],
  },
  ...{
    payment_id: null,
    settlement_utr: 'UTR1',
    order_id: 'order_1',
    order_receipt: null,
    method: 'upi',
    dispute_id: null,
  },
  ...more,
});

export const razorpayItems: readonly Json[] = [
  item({
    entity_id: 'pay_R1',
    type: 'payment',
    amount: 50_000,
    credit: 48_820,
    fee: 1_180,
    tax: 180,
    order_receipt: 'pay_1',
  }),
  item({
    ...{ entity_id: 'rfnd_R1', type: 'refund', amount: 20_000, debit: 20_000, payment_id: 'pay_R1' },
    notes: { refund_id: 'rfd_1' },
  }),
  item({ entity_id: 'adj_R1', type: 'adjustment', amount: 1_012, debit: 1_012, description: 'test reason' }),
];

export interface RazorpaySettlement {
  readonly id: string;
  readonly amount: number;
  readonly items: readonly Json[];
  readonly more?: Json;
}

export const razorpaySettlement: RazorpaySettlement = { id: 'setl_1', amount: 27_808, items: razorpayItems };

export function startRazorpayFixture(settlements: readonly RazorpaySettlement[]): Promise<FixtureServer> {
  const objects = settlements.map(({ id, amount, more }, index) => ({
    ...{ id, entity: 'settlement', amount, status: 'processed', fees: 1_180, tax: 180, utr: `UTR${index + 1}` },
    ...{ created_at: settledAt + index, ...more },
  }));
  const authorization = `Basic ${Buffer.from('rzp_test_fixture:secret').toString('base64')}`;
  const page = (all: readonly Json[], query: URLSearchParams) => {
    const skip = Number(query.get('skip'));
    const items = all.slice(skip, skip + Number(query.get('count')));
    return { status: 200, body: { entity: 'collection', count: items.length, items } };
  };
  return serveFixture(({ path, query, headers }) => {
    if (headers.authorization !== authorization) return { status: 401, body: { error: {} } };
    if (path === '/v1/settlements/recon/combined') {
      const day = ['year', 'month', 'day'].map((part) => query.get(part)).join('-');
      return page(day === '2026-11-19' ? settlements.flatMap(({ items }) => items) : [], query);
    }
    if (path === '/v1/settlements')
      return page(objects.filter((each) => Number(each.created_at) >= Number(query.get('from'))).toReversed(), query);
    const found = objects.find(({ id }) => path === `/v1/settlements/${id}`);
    return found === undefined ? { status: 400, body: { error: {} } } : { status: 200, body: found };
  });
}

export const razorpayReconCsv = [
  'entity_id,type,debit,credit,amount,currency,fee,tax,on_hold,settled,created_at,settled_at,settlement_id,description,notes,payment_id,settlement_utr,order_id,order_receipt,method,dispute_id',
  'pay_R1,payment,0.00,488.20,500.00,INR,11.80,1.80,0,1,16/11/2026 12:26:40,19/11/2026,setl_1,,,,UTR1,order_1,pay_1,upi,',
  'rfnd_R1,refund,200.00,0.00,200.00,INR,0.00,0.00,0,1,16/11/2026 12:26:40,19/11/2026,setl_1,,"{""refund_id"":""rfd_1""}",pay_R1,UTR1,order_1,pay_1,upi,',
  'adj_R1,adjustment,10.12,0.00,10.12,INR,0.00,0.00,0,1,16/11/2026 12:26:40,19/11/2026,setl_1,test reason,,,UTR1,,,,',
  '',
].join('\n');
