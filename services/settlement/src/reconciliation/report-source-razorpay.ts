/**
 * Razorpay's settlements and the recon of what each holds: razorpay.com/docs/api/settlements/fetch-all and
 * razorpay.com/docs/api/settlements/fetch-recon (API v1).
 *
 * The recon is asked for by day, so what belongs to a settlement is picked out of its day and, while the sum is not the
 * settlement's, of the days beside it.
 */
import {
  csvBytes,
  type ExactObject,
  integerOf,
  isObject,
  objectsOf,
  type ProviderApi,
  readJson,
  textOf,
  timeOf,
} from './provider-json.ts';
import {
  type ListedSettlement,
  type ReportSource,
  reportLinesMax,
  SourceFault,
  settlementsMax,
} from './report-source.ts';

export interface RazorpayReportOptions {
  readonly keyId: string;
  readonly keySecret: string;
  readonly now: () => number;
  /** Another server that speaks Razorpay's protocol, for tests. */
  readonly origin?: string;
}

const settlementsInPage = 100;
const reconInPage = 1_000;
const dayMs = 24 * 60 * 60 * 1_000;
/** Razorpay's days are India's. */
const indiaAheadMs = 5.5 * 60 * 60 * 1_000;
/** When the recon does not add up for so long, it is taken as it is, and the gate says what is wrong with it. */
const wholeAfterMs = 3 * dayMs;

const header = [
  ...['type', 'entity_id', 'amount', 'fee', 'tax', 'debit', 'credit', 'currency', 'settlement_id', 'settlement_utr'],
  ...['settled_at', 'payment_id', 'order_id', 'order_receipt', 'dispute_id', 'attempt_id', 'refund_id', 'entities'],
];

export function openRazorpayReports(options: RazorpayReportOptions): ReportSource {
  const { keyId, keySecret, now, origin = 'https://api.razorpay.com' } = options;
  const authorization = `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`;
  const api: ProviderApi = { name: 'Razorpay', origin, headers: { authorization } };
  return {
    name: 'razorpay',
    simulated: keyId.startsWith('rzp_test_'),
    settlementsSince: async (atMs) => {
      const query = { from: `${Math.floor(atMs / 1_000)}` };
      const all = await listAll(api, '/v1/settlements', query, { inPage: settlementsInPage, most: settlementsMax });
      return all.map(listed).toSorted((a, b) => a.madeAtMs - b.madeAtMs || (a.id < b.id ? -1 : 1));
    },
    report: (settlement) => settlementReport(api, settlement, now()),
  };
}

function listed(settlement: ExactObject): ListedSettlement {
  const status = textOf(settlement, 'status');
  const state = status === 'processed' ? 'ready' : status === 'failed' ? 'never' : 'later';
  return { id: textOf(settlement, 'id'), madeAtMs: timeOf(settlement, 'created_at'), state };
}

async function settlementReport(
  api: ProviderApi,
  { id, madeAtMs }: ListedSettlement,
  nowMs: number,
): Promise<Uint8Array | undefined> {
  const settlement = await readJson(api, `/v1/settlements/${encodeURIComponent(id)}`);
  const amount = integerOf(settlement, 'amount');
  const items = new Map<string, ExactObject>();
  for (const dayAtMs of [madeAtMs, madeAtMs + dayMs, madeAtMs - dayMs]) {
    for (const item of await reconOf(api, dayAtMs))
      if (textOf(item, 'settlement_id') === id) items.set(`${textOf(item, 'type')} ${textOf(item, 'entity_id')}`, item);
    if (items.size > reportLinesMax)
      throw new SourceFault(`A settlement of Razorpay has more than ${reportLinesMax} lines.`);
    if (netOf([...items.values()]) === amount) break;
  }
  const lines = [...items.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
  if (netOf(lines) !== amount && nowMs - madeAtMs < wholeAfterMs) return undefined;
  const currency = textOf(lines[0] ?? {}, 'currency') || 'INR';
  const settledAt = textOf(settlement, 'created_at');
  const total = {
    ...{ type: 'total', entity_id: id, settlement_id: id, currency, settlement_utr: textOf(settlement, 'utr') },
    ...{ [amount < 0n ? 'debit' : 'credit']: `${amount < 0n ? -amount : amount}`, entities: `${rowsWithFees(lines)}` },
    settled_at: indianDay(Number(settledAt) * 1_000),
  };
  return csvBytes(header, [
    ...lines.map((item) => ({ ...itemRow(item), settlement_utr: total.settlement_utr })),
    total,
  ]);
}

function netOf(items: readonly ExactObject[]): bigint {
  return items.reduce((sum, item) => sum + integerOf(item, 'credit') - integerOf(item, 'debit'), 0n);
}

/** How many lines the gate will count: the fee of a dispute is one of its own. */
function rowsWithFees(items: readonly ExactObject[]): number {
  return (
    items.length + items.filter((item) => textOf(item, 'type') === 'dispute' && integerOf(item, 'fee') !== 0n).length
  );
}

function itemRow(item: ExactObject): Record<string, string> {
  const notes = isObject(item['notes']) ? item['notes'] : {};
  const copied = [
    'type',
    'entity_id',
    'currency',
    'settlement_id',
    'payment_id',
    'order_id',
    'order_receipt',
    'dispute_id',
  ];
  const amounts = ['amount', 'fee', 'tax', 'debit', 'credit'];
  return {
    ...Object.fromEntries(copied.map((name) => [name, textOf(item, name)])),
    ...Object.fromEntries(amounts.map((name) => [name, `${integerOf(item, name)}`])),
    settled_at: indianDay(timeOf(item, 'settled_at')),
    attempt_id: textOf(notes, 'attempt_id'),
    refund_id: textOf(notes, 'refund_id'),
  };
}

function reconOf(api: ProviderApi, dayAtMs: number): Promise<readonly ExactObject[]> {
  const [year = '', month = '', day = ''] = indianDay(dayAtMs).split('-');
  const query = { year, month, day };
  return listAll(api, '/v1/settlements/recon/combined', query, { inPage: reconInPage, most: reportLinesMax });
}

function indianDay(atMs: number): string {
  return new Date(atMs + indiaAheadMs).toISOString().slice(0, 10);
}

/** All pages of a list. Throws when it holds more than `most`. */
async function listAll(
  api: ProviderApi,
  path: string,
  query: Readonly<Record<string, string>>,
  limits: { readonly inPage: number; readonly most: number },
): Promise<readonly ExactObject[]> {
  const all: ExactObject[] = [];
  for (;;) {
    const search = new URLSearchParams({ ...query, count: `${limits.inPage}`, skip: `${all.length}` });
    const items = objectsOf(await readJson(api, `${path}?${search}`), 'items');
    all.push(...items);
    if (all.length > limits.most) throw new SourceFault(`Razorpay lists more than ${limits.most} at ${path}.`);
    if (items.length < limits.inPage) return all;
  }
}
