/** The general ledger as CSV (RFC 4180): every posting of a time, one row for each account it touches. Pure. */
import { decimalText } from '@suuupra/platform/money';
import { accountKind } from './chart.ts';
import type { BookedTransfer } from './reader.ts';

const columns = [
  'sequence',
  'position',
  'journal_id',
  'recorded_at',
  'effective_at',
  'kind',
  'reference',
  'description',
  'account',
  'account_name',
  'counterpart',
  'currency',
  'debit',
  'credit',
  'rate',
  'rate_source',
  'other_currency',
  'other_amount',
] as const;

export const csvHeader = `${columns.join(',')}\r\n`;

/** Both sides of a transfer, the debit first; or only the one of the account that is asked for. */
export function csvRows(transfer: BookedTransfer, account = ''): string {
  const rows = (['debit', 'credit'] as const)
    .filter((side) => account === '' || transfer[side] === account)
    .map((side) => row(transfer, side));
  return rows.join('');
}

function row(transfer: BookedTransfer, side: 'debit' | 'credit'): string {
  const amount = decimalText(transfer.currency, transfer.amount);
  const cells: Record<(typeof columns)[number], string> = {
    sequence: String(transfer.sequence),
    position: String(transfer.position),
    journal_id: transfer.journalId,
    recorded_at: timeText(transfer.recordedAtUs),
    effective_at: timeText(transfer.effectiveAtUs),
    kind: transfer.kind,
    reference: cell(transfer.reference),
    description: cell(transfer.description),
    account: cell(transfer[side]),
    account_name: cell(accountKind(transfer[side])?.name ?? ''),
    counterpart: cell(side === 'debit' ? transfer.credit : transfer.debit),
    currency: transfer.currency,
    debit: side === 'debit' ? amount : '',
    credit: side === 'credit' ? amount : '',
    ...exchangeCells(transfer),
  };
  return `${columns.map((column) => cells[column]).join(',')}\r\n`;
}

/** Of an exchange: the rate as it was quoted, and what stands on the other side in its own currency. */
function exchangeCells({ exchange, kind }: BookedTransfer) {
  if (exchange === undefined) return { rate: '', rate_source: '', other_currency: '', other_amount: '' };
  const other = kind === 'exchange_sold' ? exchange.bought : exchange.sold;
  return {
    rate: exchange.rate,
    rate_source: cell(exchange.source),
    other_currency: other.currency,
    other_amount: decimalText(other.currency, other.amount),
  };
}

/** RFC 3339, to the microsecond. */
function timeText(us: bigint): string {
  const ms = us / 1_000n - (us < 0n && us % 1_000n !== 0n ? 1n : 0n);
  const micros = String(us - ms * 1_000n).padStart(3, '0');
  return new Date(Number(ms)).toISOString().replace('Z', `${micros}Z`);
}

/**
 * Text as a cell. What a spreadsheet would run as a formula (it begins with = + - @, a tab or a line break) gets an
 * apostrophe before it, so that it stays text (OWASP, "CSV Injection").
 */
export function cell(text: string): string {
  const plain = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
