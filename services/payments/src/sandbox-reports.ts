/**
 * The sandbox's settlement reports: once a cycle one CSV for each currency it settles in, a row for each capture, refund,
 * dispute and fee, and last the payout of the net to the (sandbox) bank. Amounts are in whole units with the currency's
 * decimals; what comes to us is positive. A row that was paid in another currency says so in three more columns, with its
 * day's rate. `utr` is the reference that the bank's statement carries; it says SIM, for simulated.
 */

import { createHash } from 'node:crypto';
import { decimalText } from '@suuupra/platform/money';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { RunningSandbox } from './sandbox-delivery.ts';
import { exchanged, rateOfDay, rateText, type SandboxRate, type SandboxRates } from './sandbox-exchange.ts';
import type { SandboxMovement } from './sandbox-store.ts';

export const reportColumns = [
  'type',
  'provider_reference',
  'merchant_reference',
  'gross',
  'fee',
  'tax',
  'net',
  'currency',
  'settlement_id',
  'settlement_date',
  'utr',
] as const;

/** In a report that holds such rows: what was paid, and the units of the report's currency for one of it. */
const exchangeColumns = ['presentment_currency', 'presentment_gross', 'exchange_rate'] as const;

/** Rows of one report; more wait for the next. */
const rowsMax = 10_000;
/** GST on what a provider charges in India (SAC 9971), in 1/10,000. */
const taxBasisPoints = 1_800n;

/** The fee of a capture and the tax on it, each rounded half up to the minor unit. */
export function feeOf(
  amountMinor: bigint,
  basisPoints: number,
): { readonly feeMinor: bigint; readonly taxMinor: bigint } {
  const feeMinor = (amountMinor * BigInt(basisPoints) + 5_000n) / 10_000n;
  return { feeMinor, taxMinor: (feeMinor * taxBasisPoints + 5_000n) / 10_000n };
}

/** The beginning of the cycle that the time is in: what moved before it is due to be reported. */
export function cycleStartMs(atMs: number, cycleMs: number): number {
  return Math.floor(atMs / cycleMs) * cycleMs;
}

/** Makes the reports that are due; tells when the next may be. */
export async function makeReports(sandbox: RunningSandbox): Promise<number | undefined> {
  const { sql, store, name, world, settings } = sandbox;
  const startMs = cycleStartMs(world.now(), settings.settlementMs);
  const firstMs = await store.firstMovementMs(sql, name);
  if (firstMs !== undefined && firstMs < startMs) await sql.transaction((tx) => reportBefore(sandbox, tx, startMs));
  const leftMs = await store.firstMovementMs(sql, name);
  return leftMs === undefined ? undefined : cycleStartMs(leftMs, settings.settlementMs) + settings.settlementMs;
}

async function reportBefore(sandbox: RunningSandbox, tx: SqlTransaction, cutOffMs: number): Promise<void> {
  const { store, name, world, settings } = sandbox;
  const movements = await store.takeMovements(tx, name, cutOffMs, rowsMax);
  const byCurrency = Map.groupBy(movements, ({ currency }) => settings.rates.get(currency)?.to ?? currency);
  for (const currency of [...byCurrency.keys()].sort()) {
    const rows = byCurrency.get(currency) ?? [];
    const stamp = new Date(cutOffMs).toISOString().slice(0, 19).replaceAll(':', '');
    const last = rows.at(-1)?.id ?? 0n;
    const reportName = `${name}-settlement-${stamp}Z-${String(last).padStart(12, '0')}-${currency}.csv`;
    const content = reportOf(name, currency, cutOffMs, rows, `${name}/${reportName}`, settings.rates);
    await store.insertReport(tx, { provider: name, name: reportName, content, madeAtMs: world.now() });
    await store.setReported(
      tx,
      rows.map((row) => row.id),
      reportName,
    );
  }
}

/** What it comes to in the report's currency; where it was paid in another, what that was and at which rate. */
function settledIn(
  currency: string,
  movement: SandboxMovement,
  rates: SandboxRates,
): SandboxMovement & { readonly presented: readonly string[] } {
  const rate = rates.get(movement.currency);
  if (rate === undefined || movement.currency === currency) return { ...movement, presented: [] };
  const ofDay = rateOfDay(rate, movement.atMs);
  return {
    ...movement,
    grossMinor: exchangedAtLeastOne(movement.grossMinor, rate, ofDay),
    feeMinor: exchanged(movement.feeMinor, rate, ofDay),
    taxMinor: exchanged(movement.taxMinor, rate, ofDay),
    presented: [movement.currency, decimalText(movement.currency, movement.grossMinor), rateText(ofDay)],
  };
}

/** What is not nothing does not become nothing by rounding. */
function exchangedAtLeastOne(amountMinor: bigint, rate: SandboxRate, millionths: bigint): bigint {
  const settled = exchanged(amountMinor, rate, millionths);
  if (settled !== 0n || amountMinor === 0n) return settled;
  return amountMinor > 0n ? 1n : -1n;
}

/** The same movements give the same bytes. */
export function reportOf(
  provider: string,
  currency: string,
  cutOffMs: number,
  movements: readonly SandboxMovement[],
  identity: string,
  rates: SandboxRates = new Map(),
): string {
  const mark = createHash('sha256').update(identity).digest('hex').toUpperCase();
  const settlementId = `${provider}_stl_${mark.slice(0, 16).toLowerCase()}`;
  const utr = `SIM${mark.slice(16, 32).replaceAll(/[0-9]/g, (digit) => 'GHJKMNPQRS'[Number(digit)] ?? 'G')}`;
  const date = new Date(cutOffMs).toISOString().slice(0, 10);
  const end = [currency, settlementId, date, utr];
  const amounts = (gross: bigint, fee: bigint, tax: bigint) =>
    [gross, fee, tax, gross - fee - tax].map((amount) => decimalText(currency, amount));
  const settled = movements.map((each) => settledIn(currency, each, rates));
  const isExchanged = settled.some(({ presented }) => presented.length > 0);
  const more = (presented: readonly string[]) =>
    isExchanged ? exchangeColumns.map((_, index) => presented[index] ?? '') : [];
  const net = settled.reduce((sum, each) => sum + each.grossMinor - each.feeMinor - each.taxMinor, 0n);
  const rows = [
    [...reportColumns, ...(isExchanged ? exchangeColumns : [])],
    ...settled.map(({ presented, ...each }) => [
      each.kind,
      each.providerReference,
      each.merchantReference,
      ...amounts(each.grossMinor, each.feeMinor, each.taxMinor),
      ...end,
      ...more(presented),
    ]),
    ['payout', settlementId, '', ...amounts(net, 0n, 0n), ...end, ...more([])],
  ];
  return `${rows.map((row) => row.join(',')).join('\r\n')}\r\n`;
}
