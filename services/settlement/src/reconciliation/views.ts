/** What finance sees of files, lines, expectations and breaks. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  BreakEventSchema,
  type ExpectationSchema,
  type FileLineSchema,
  type FileStatementSchema,
  type MatchRuleSchema,
  type ReconciliationBreakSchema,
  type SettlementFileSchema,
} from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import type { SqlExecutor } from '@suuupra/platform/sql/sql';
import { differences } from './booking.ts';
import type { Rule } from './rule.ts';

interface FileViewRow extends Record<string, unknown> {
  id: string;
  format: string;
  source: string;
  file_name: string;
  sha256: string;
  size_bytes: bigint;
  status: string;
  reason: string;
  reason_line: bigint;
  reason_detail: string;
  lines_total: bigint;
  output_sha256: string;
  uploaded_by: string;
  simulated: boolean;
  created_at: Date;
  processed_at: Date | null;
  matched: bigint;
  broken: bigint;
  booked: bigint;
  waiting: bigint;
  refused: bigint;
}

/** Add WHERE, ORDER BY and LIMIT. */
export const selectFiles = `SELECT file.*,
  (SELECT count(*) FROM file_lines WHERE file_id = file.id AND match_id IS NOT NULL) AS matched,
  (SELECT count(*) FROM file_lines WHERE file_id = file.id AND break_id IS NOT NULL) AS broken,
  (SELECT count(*) FROM bookings WHERE file_id = file.id AND state = 'booked') AS booked,
  (SELECT count(*) FROM bookings WHERE file_id = file.id AND state = 'waiting') AS waiting,
  (SELECT count(*) FROM bookings WHERE file_id = file.id AND state = 'refused') AS refused
  FROM settlement_files AS file`;

export async function readFiles(
  executor: SqlExecutor,
  rest: string,
  values: Parameters<SqlExecutor['query']>[1],
): Promise<
  { view: MessageInitShape<typeof SettlementFileSchema>; row: { id: string; createdAt: Date; status: string } }[]
> {
  const rows = await executor.query<FileViewRow>(`${selectFiles} ${rest}`, values);
  return rows.map((row) => ({
    row: { id: row.id, createdAt: row.created_at, status: row.status },
    view: {
      ...{ id: row.id, format: row.format, source: row.source, fileName: row.file_name, sha256: row.sha256 },
      ...{ sizeBytes: row.size_bytes, status: row.status, reason: row.reason, reasonLine: row.reason_line },
      ...{
        reasonDetail: row.reason_detail,
        lines: row.lines_total,
        linesMatched: row.matched,
        linesInBreaks: row.broken,
      },
      ...{ outputSha256: row.output_sha256, journalsBooked: row.booked, journalsWaiting: row.waiting },
      ...{ journalsRefused: row.refused, uploadedBy: row.uploaded_by, simulated: row.simulated },
      createdAt: timestampFromDate(row.created_at),
      ...(row.processed_at !== null && { processedAt: timestampFromDate(row.processed_at) }),
    },
  }));
}

interface StatementRow extends Record<string, unknown> {
  side: string;
  account: string;
  currency: string;
  reference: string;
  sequence: bigint;
  page: bigint;
  opening_minor: bigint;
  closing_minor: bigint;
  lines: bigint;
}

/** A file may hold thousands; this many are shown. */
const statementsShown = 100;

export async function readStatements(
  executor: SqlExecutor,
  fileId: string,
): Promise<MessageInitShape<typeof FileStatementSchema>[]> {
  const rows = await executor.query<StatementRow>(
    `SELECT side, account, currency, reference, sequence, page, opening_minor, closing_minor, lines
     FROM file_statements WHERE file_id = $1 ORDER BY number LIMIT $2`,
    [fileId, statementsShown],
  );
  return rows.map((row) => ({
    ...{ side: row.side, account: row.side === 'bank' ? masked(row.account) : row.account, currency: row.currency },
    ...{ reference: row.reference, sequence: row.sequence, page: row.page, lines: row.lines },
    ...{ openingMinor: row.opening_minor, closingMinor: row.closing_minor },
  }));
}

function masked(account: string): string {
  const shown = account.slice(-4);
  return `${'•'.repeat(Math.max(0, account.length - shown.length))}${shown}`;
}

export interface LineViewRow extends Record<string, unknown> {
  id: string;
  file_id: string;
  ordinal: bigint;
  line_number: bigint;
  side: 'bank' | 'provider';
  kind: string;
  currency: string;
  amount_minor: bigint;
  fee_minor: bigint;
  settled_currency: string;
  settled_minor: bigint;
  exchange_rate: string;
  exchange_source: string;
  date: string;
  refs: string[];
  description: string;
  match_id: string | null;
  break_id: string | null;
}

export const lineViewColumns = `id, file_id, ordinal, line_number, side, kind, currency, amount_minor, fee_minor,
  settled_currency, settled_minor, exchange_rate, exchange_source,
  to_char(value_date, 'YYYY-MM-DD') AS date, refs, description, match_id, break_id`;

export function lineView(row: LineViewRow): MessageInitShape<typeof FileLineSchema> {
  const isExchanged = row.settled_currency !== '';
  return {
    ...{ id: row.id, fileId: row.file_id, lineNumber: row.line_number, side: row.side, kind: row.kind },
    amount: { currency: row.currency, amountMinor: row.amount_minor },
    fee: { currency: isExchanged ? row.settled_currency : row.currency, amountMinor: row.fee_minor },
    ...(isExchanged && {
      settled: { currency: row.settled_currency, amountMinor: row.settled_minor },
      ...{ exchangeRate: row.exchange_rate, exchangeSource: row.exchange_source },
    }),
    ...{ valueDate: row.date, references: row.refs, description: row.description },
    ...{ state: stateOf(row, ''), matchId: row.match_id ?? '', breakId: row.break_id ?? '' },
  };
}

export interface ExpectationViewRow extends Record<string, unknown> {
  id: string;
  side: 'bank' | 'provider';
  kind: string;
  currency: string;
  amount_minor: bigint;
  refs: string[];
  expected_at: Date;
  due_at: Date;
  match_id: string | null;
  break_id: string | null;
}

export const expectationViewColumns =
  'id, side, kind, currency, amount_minor, refs, expected_at, due_at, match_id, break_id';

export function expectationView(row: ExpectationViewRow): MessageInitShape<typeof ExpectationSchema> {
  return {
    ...{ id: row.id, side: row.side, kind: row.kind, references: row.refs },
    amount: { currency: row.currency, amountMinor: row.amount_minor },
    ...{ expectedAt: timestampFromDate(row.expected_at), dueAt: timestampFromDate(row.due_at) },
    ...{ state: stateOf(row, 'open'), matchId: row.match_id ?? '', breakId: row.break_id ?? '' },
  };
}

function stateOf(row: { match_id: string | null; break_id: string | null }, neither: string): string {
  if (row.match_id !== null) return 'matched';
  return row.break_id !== null ? 'break' : neither;
}

/** By whole days since it was opened. */
export const ages = ['0-1', '2-3', '4-7', '8-30', '30+'] as const;
export type Age = (typeof ages)[number];

/** First day of each bucket, and the first day after it. */
export const ageDays: Readonly<Record<Age, readonly [number, number]>> = {
  '0-1': [0, 2],
  '2-3': [2, 4],
  '4-7': [4, 8],
  '8-30': [8, 31],
  '30+': [31, 100_000],
};

const dayMs = 24 * 60 * 60 * 1_000;

export function ageOf(openedAtMs: number, nowMs: number): Age {
  const days = Math.floor(Math.max(0, nowMs - openedAtMs) / dayMs);
  return ages.find((age) => days < ageDays[age][1]) ?? '30+';
}

export interface BreakRow extends Record<string, unknown> {
  id: string;
  type: string;
  status: string;
  side: 'bank' | 'provider';
  owner_id: string;
  write_off_requested_by: string;
  write_off_approved_by: string;
  opened_at: Date;
  closed_at: Date | null;
}

/** More than these of one break are not shown with it. */
const itemsShown = 50;
const eventsShown = 200;

/** Breaks with what is in them, in the order of the rows. */
export async function breakViews(
  executor: SqlExecutor,
  rows: readonly BreakRow[],
  nowMs: number,
): Promise<MessageInitShape<typeof ReconciliationBreakSchema>[]> {
  const ids = rows.map(({ id }) => id);
  const lines = await executor.query<LineViewRow>(
    `SELECT ${lineViewColumns} FROM file_lines WHERE break_id = ANY($1) ORDER BY arrival LIMIT $2`,
    [ids, itemsShown * Math.max(1, ids.length)],
  );
  const expectations = await executor.query<ExpectationViewRow>(
    `SELECT ${expectationViewColumns} FROM expectations WHERE break_id = ANY($1) ORDER BY expected_at, id LIMIT $2`,
    [ids, itemsShown * Math.max(1, ids.length)],
  );
  return rows.map((row) => {
    const ours = lines.filter((line) => line.break_id === row.id);
    const theirs = expectations.filter((each) => each.break_id === row.id);
    const minor = (each: LineViewRow | ExpectationViewRow) => ({
      currency: each.currency,
      amountMinor: each.amount_minor,
    });
    return {
      ...{ id: row.id, type: row.type, status: row.status, side: row.side, ownerId: row.owner_id },
      differences: [
        ...differences({
          lines: ours.map(minor),
          expectations: theirs.map((each) => ({ ...minor(each), kind: each.kind })),
        }),
      ].map(([currency, { differenceMinor }]) => ({ currency, amountMinor: differenceMinor })),
      openedAt: timestampFromDate(row.opened_at),
      ...(row.closed_at !== null && { closedAt: timestampFromDate(row.closed_at) }),
      age: ageOf(row.opened_at.getTime(), row.closed_at?.getTime() ?? nowMs),
      ...{ writeOffRequestedBy: row.write_off_requested_by, writeOffApprovedBy: row.write_off_approved_by },
      lines: ours.slice(0, itemsShown).map(lineView),
      expectations: theirs.slice(0, itemsShown).map(expectationView),
    };
  });
}

/** One break with its history; undefined when there is none. */
export async function breakView(
  executor: SqlExecutor,
  id: string,
  nowMs: number,
): Promise<MessageInitShape<typeof ReconciliationBreakSchema> | undefined> {
  const rows = await executor.query<BreakRow>('SELECT * FROM breaks WHERE id = $1', [id]);
  const [view] = await breakViews(executor, rows, nowMs);
  if (view === undefined) return undefined;
  const events = await executor.query<{ at: Date; what: string; actor: string; note: string }>(
    'SELECT at, what, actor, note FROM break_events WHERE break_id = $1 ORDER BY number LIMIT $2',
    [id, eventsShown],
  );
  return {
    ...view,
    history: events.map(({ at, ...event }) => create(BreakEventSchema, { ...event, at: timestampFromDate(at) })),
  };
}

export function ruleView(rule: Rule): MessageInitShape<typeof MatchRuleSchema> {
  return { ...rule };
}
