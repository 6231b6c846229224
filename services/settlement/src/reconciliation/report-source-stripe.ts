/**
 * Stripe's automatic payouts and the balance transactions in each: docs.stripe.com/payouts/reconciliation,
 * docs.stripe.com/api/payouts/list and docs.stripe.com/api/balance_transactions/list, as of the API version below.
 *
 * Only automatic payouts: of a manual one Stripe does not know which transactions it holds. Needs a key that may read payouts,
 * balance transactions with their sources, and payment intents.
 */
import { minorDigitsOf } from '@suuupra/platform/money';
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

export interface StripeReportOptions {
  readonly secretKey: string;
  /** Another server that speaks Stripe's protocol, for tests. */
  readonly origin?: string;
}

/** The version that what is below was written for; Stripe serves each for years. */
export const stripeVersion = '2024-11-20.acacia';
const pageSize = 100;
/** A dispute does not carry our id; its payment intent does, and is asked for each. */
const lookUpsMax = 1_000;

/** docs.stripe.com/currencies, "special cases": what Stripe counts in other units than ISO 4217. */
const stripeDecimals: Readonly<Record<string, number>> = { ISK: 2, UGX: 2, MGA: 0 };

const header = [
  ...['reporting_category', 'payout', 'id', 'amount', 'fee', 'net', 'currency', 'arrival_date', 'trace_id'],
  ...['source', 'payment_intent', 'attempt_id', 'refund_id', 'transactions'],
  ...['presented_currency', 'presented_amount', 'exchange_rate'],
];

export function openStripeReports({ secretKey, origin = 'https://api.stripe.com' }: StripeReportOptions): ReportSource {
  const api: ProviderApi = {
    name: 'Stripe',
    origin,
    headers: { authorization: `Bearer ${secretKey}`, 'stripe-version': stripeVersion },
  };
  return {
    name: 'stripe',
    simulated: secretKey.includes('_test_'),
    settlementsSince: async (atMs) => {
      const since = Math.floor(atMs / 1_000);
      const payouts = await listAll(api, '/v1/payouts', { 'created[gte]': `${since}` }, settlementsMax);
      return payouts.map(listedPayout).toSorted((a, b) => a.madeAtMs - b.madeAtMs || (a.id < b.id ? -1 : 1));
    },
    report: ({ id }) => payoutReport(api, id),
  };
}

function listedPayout(payout: ExactObject): ListedSettlement {
  return { id: idOf(payout), madeAtMs: timeOf(payout, 'created'), state: stateOf(payout) };
}

/** A payout that failed took its transactions with it; what comes back is a transaction of a later one. */
function stateOf(payout: ExactObject): ListedSettlement['state'] {
  const status = textOf(payout, 'status');
  if (status === 'canceled' || payout['automatic'] !== true) return 'never';
  const isFinal = status === 'paid' || status === 'failed';
  return isFinal && textOf(payout, 'reconciliation_status') === 'completed' ? 'ready' : 'later';
}

async function payoutReport(api: ProviderApi, id: string): Promise<Uint8Array | undefined> {
  const payout = await readJson(api, `/v1/payouts/${encodeURIComponent(id)}`);
  const query = { payout: id, 'expand[]': 'data.source' };
  const transactions = await listAll(api, '/v1/balance_transactions', query, reportLinesMax);
  // The payout's own transaction takes the sum of the others out of the balance.
  const own = textOf(payout, 'balance_transaction');
  const lines = transactions.filter((each) => idOf(each) !== own && textOf(each, 'reporting_category') !== 'payout');
  const intents = await disputedIntents(api, lines);
  const trace = payout['trace_id'];
  const common = {
    payout: id,
    arrival_date: new Date(timeOf(payout, 'arrival_date')).toISOString().slice(0, 10),
    trace_id: isObject(trace) && textOf(trace, 'status') === 'supported' ? textOf(trace, 'value') : '',
  };
  const rows = lines.map((each) => ({ ...common, ...transactionRow(each, intents) }));
  const currency = textOf(payout, 'currency').toUpperCase();
  const total = {
    ...common,
    ...{ reporting_category: 'total', id, currency, transactions: `${rowsWithFees(lines)}` },
    net: minorText(currency, integerOf(payout, 'amount')),
  };
  return csvBytes(header, [...rows, total]);
}

/** How many lines the gate will count: the fee of a dispute is one of its own, unless the dispute is in another currency. */
function rowsWithFees(lines: readonly ExactObject[]): number {
  const apart = lines.filter(
    (each) =>
      textOf(each, 'reporting_category') === 'dispute' &&
      integerOf(each, 'fee') !== 0n &&
      textOf(each, 'exchange_rate') === '',
  );
  return lines.length + apart.length;
}

function transactionRow(transaction: ExactObject, intents: ReadonlyMap<string, string>): Record<string, string> {
  const currency = textOf(transaction, 'currency').toUpperCase();
  const source = transaction['source'];
  const minor = (name: string) => minorText(currency, integerOf(transaction, name));
  const common = {
    ...{ reporting_category: textOf(transaction, 'reporting_category'), id: idOf(transaction), currency },
    ...{ amount: minor('amount'), fee: minor('fee'), net: minor('net') },
  };
  if (!isObject(source)) return { ...common, source: typeof source === 'string' ? source : '' };
  const metadata = isObject(source['metadata']) ? source['metadata'] : {};
  const intent = intentOf(source);
  return {
    ...common,
    ...{ source: idOf(source), payment_intent: intent, ...presentedOf(transaction, source) },
    attempt_id: textOf(metadata, 'attempt_id') || (intents.get(intent) ?? ''),
    refund_id: textOf(metadata, 'refund_id'),
  };
}

/** What the customer paid or got back, where Stripe has changed it into the currency of the balance. */
function presentedOf(transaction: ExactObject, source: ExactObject): Record<string, string> {
  const rate = plainDecimal(textOf(transaction, 'exchange_rate'));
  const currency = textOf(source, 'currency').toUpperCase();
  if (rate === '' || currency === '') return {};
  return {
    presented_currency: currency,
    presented_amount: minorText(currency, integerOf(source, 'amount')),
    exchange_rate: rate,
  };
}

/** `1.5e-05` as `0.000015`: JSON may write small numbers with an exponent. */
function plainDecimal(text: string): string {
  const found = /^(\d+)(?:\.(\d+))?e([+-]?\d{1,2})$/i.exec(text);
  if (found === null) return text;
  const [, whole = '', fraction = '', exponent = '0'] = found;
  const decimals = fraction.length - Number(exponent);
  const digits = `${whole}${fraction}`;
  if (decimals <= 0) return `${digits}${'0'.repeat(-decimals)}`;
  const padded = digits.padStart(decimals + 1, '0');
  return `${padded.slice(0, -decimals)}.${padded.slice(-decimals)}`;
}

function intentOf(source: ExactObject): string {
  const intent = source['payment_intent'];
  return isObject(intent) ? idOf(intent) : textOf(source, 'payment_intent');
}

/** Our attempt ids by payment intent, for the disputes among these. */
async function disputedIntents(api: ProviderApi, lines: readonly ExactObject[]): Promise<ReadonlyMap<string, string>> {
  const disputes = lines.map((each) => each['source']).filter((source) => isObject(source));
  const wanted = new Set(
    disputes
      .filter((source) => textOf(source, 'object') === 'dispute')
      .map(intentOf)
      .filter((id) => id !== ''),
  );
  if (wanted.size > lookUpsMax) throw new SourceFault(`A payout of Stripe holds more than ${lookUpsMax} disputes.`);
  const found = new Map<string, string>();
  for (const id of wanted) {
    const { metadata } = await readJson(api, `/v1/payment_intents/${encodeURIComponent(id)}`);
    found.set(id, isObject(metadata) ? textOf(metadata, 'attempt_id') : '');
  }
  return found;
}

/** Stripe's units as minor units of ISO 4217, exactly. */
function minorText(currency: string, units: bigint): string {
  const more = (stripeDecimals[currency] ?? minorDigitsOf(currency)) - minorDigitsOf(currency);
  if (more <= 0) return `${units * 10n ** BigInt(-more)}`;
  const step = 10n ** BigInt(more);
  if (units % step !== 0n) throw new SourceFault(`An amount of Stripe is finer than ${currency} is.`);
  return `${units / step}`;
}

/** All pages of a list. Throws when it holds more than `most`. */
async function listAll(
  api: ProviderApi,
  path: string,
  query: Readonly<Record<string, string>>,
  most: number,
): Promise<readonly ExactObject[]> {
  const all: ExactObject[] = [];
  let after: Record<string, string> = {};
  for (;;) {
    const search = new URLSearchParams({ ...query, limit: `${pageSize}`, ...after });
    const answer = await readJson(api, `${path}?${search}`);
    all.push(...objectsOf(answer, 'data'));
    if (all.length > most) throw new SourceFault(`Stripe lists more than ${most} at ${path}.`);
    const last = all.at(-1);
    if (answer['has_more'] !== true || last === undefined) return all;
    if (idOf(last) === after['starting_after']) throw new SourceFault(`Stripe gives the same page again at ${path}.`);
    after = { starting_after: idOf(last) };
  }
}

function idOf(object: ExactObject): string {
  const id = textOf(object, 'id');
  if (id === '') throw new SourceFault('Stripe answered an object without an id.');
  return id;
}
