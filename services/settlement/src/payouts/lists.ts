/** What finance and instructors read of settlements and payouts: keyset lists, newest first. */
import { type Page, type PagePart, pageToken } from '@suuupra/platform/rpc/paging';
import type { SqlExecutor } from '@suuupra/platform/sql/sql';
import type { AnswerRow } from './payout-answers.ts';
import type { PayoutBatchRow, PayoutRow } from './payout-batches.ts';
import type { PayoutFileFormat } from './payout-file.ts';
import type { RunRow } from './runs.ts';
import type { LineKind, StatementLine } from './statement.ts';
import type { TransferRow } from './transfers.ts';

export interface BatchRow extends Record<string, unknown> {
  id: string;
  run_id: string;
  instructor_id: string;
  currency: string;
  after_sequence: bigint;
  cutoff_sequence: bigint;
  cutoff_at: Date;
  opening_minor: bigint;
  earned_minor: bigint;
  adjusted_minor: bigint;
  returned_minor: bigint;
  reserve_released_minor: bigint;
  reserve_held_minor: bigint;
  tds_minor: bigint;
  tcs_minor: bigint;
  payout_minor: bigint;
  closing_minor: bigint;
  held_because: string;
  payout_id: string;
  statement_sha256: string;
  withholding_version: bigint;
}

export interface Listed<T> {
  readonly rows: readonly T[];
  readonly nextPageToken: string;
}

/** The sort keys of the lists: a running number, or a time with an id. */
export const byNumber: readonly PagePart[] = ['integer'];
export const byTime: readonly PagePart[] = ['time', 'text'];

/** Rows were asked for one above the limit, to know whether a page follows. */
export function listed<T>(rows: readonly T[], page: Page, keyOf: (row: T) => readonly string[]): Listed<T> {
  const given = rows.slice(0, page.limit);
  const last = given.at(-1);
  return {
    rows: given,
    nextPageToken: rows.length > page.limit && last !== undefined ? pageToken(keyOf(last), page.filter) : '',
  };
}

const newestNumber = '999999999999999999';
/** After every time that is written down. */
const newestTime = '9999-12-31T00:00:00Z';

export async function listRuns(sql: SqlExecutor, page: Page): Promise<Listed<RunRow>> {
  const rows = await sql.query<RunRow>(
    'SELECT * FROM settlement_runs WHERE number < $1 ORDER BY number DESC LIMIT $2',
    [BigInt(page.after[0] ?? newestNumber), page.limit + 1],
  );
  return listed(rows, page, (row) => [row.number.toString()]);
}

export async function findRun(sql: SqlExecutor, id: string): Promise<RunRow | undefined> {
  const [row] = await sql.query<RunRow>('SELECT * FROM settlement_runs WHERE id = $1', [id]);
  return row;
}

export async function listBatches(
  sql: Pick<SqlExecutor, 'query'>,
  page: Page,
  filter: { readonly runId: string; readonly instructorId: string },
): Promise<Listed<BatchRow>> {
  const rows = await sql.query<BatchRow>(
    `SELECT * FROM settlement_batches
     WHERE ($1 = '' OR run_id = $1) AND ($2 = '' OR instructor_id = $2) AND (cutoff_at, id) < ($3::timestamptz, $4)
     ORDER BY cutoff_at DESC, id DESC LIMIT $5`,
    [filter.runId, filter.instructorId, page.after[0] ?? newestTime, page.after[1] ?? '', page.limit + 1],
  );
  return listed(rows, page, (row) => [row.cutoff_at.toISOString(), row.id]);
}

/** A statement of this instructor; undefined when it is of another or of none. */
export async function findBatch(sql: SqlExecutor, id: string, instructorId: string): Promise<BatchRow | undefined> {
  const [row] = await sql.query<BatchRow>('SELECT * FROM settlement_batches WHERE id = $1 AND instructor_id = $2', [
    id,
    instructorId,
  ]);
  return row;
}

interface LineRow extends Record<string, unknown> {
  number: number;
  kind: LineKind;
  journal_id: string;
  sequence: bigint;
  part: number;
  at: Date;
  description: string;
  order_id: string;
  course_title: string;
  gross_minor: bigint;
  tax_minor: bigint;
  fee_minor: bigint;
  share_minor: bigint;
  amount_minor: bigint;
  balance_minor: bigint;
}

/** Lines after this number, at most `limit`. */
export async function readLines(
  sql: SqlExecutor,
  batchId: string,
  after: number,
  limit: number,
): Promise<StatementLine[]> {
  const rows = await sql.query<LineRow>(
    'SELECT * FROM statement_lines WHERE batch_id = $1 AND number > $2 ORDER BY number LIMIT $3',
    [batchId, after, limit],
  );
  return rows.map((row) => ({
    number: row.number,
    kind: row.kind,
    journalId: row.journal_id,
    sequence: row.sequence,
    part: row.part,
    atMs: row.at.getTime(),
    description: row.description,
    orderId: row.order_id,
    courseTitle: row.course_title,
    grossMinor: row.gross_minor,
    taxMinor: row.tax_minor,
    feeMinor: row.fee_minor,
    shareMinor: row.share_minor,
    amountMinor: row.amount_minor,
    balanceMinor: row.balance_minor,
  }));
}

export async function listLines(sql: SqlExecutor, batchId: string, page: Page): Promise<Listed<StatementLine>> {
  const rows = await readLines(sql, batchId, Number(page.after[0] ?? '0'), page.limit + 1);
  return listed(rows, page, (row) => [`${row.number}`]);
}

/** A payout batch with what it comes to and its files. */
export type SummedBatchRow = PayoutBatchRow & { payouts: bigint; total_minor: bigint };

export interface FileRow extends Record<string, unknown> {
  payout_batch_id: string;
  format: PayoutFileFormat;
  file_name: string;
  sha256: string;
  size_bytes: bigint;
}

const summed = `SELECT batch.*, (SELECT count(*) FROM payouts WHERE payout_batch_id = batch.id) AS payouts,
  (SELECT coalesce(sum(amount_minor), 0)::bigint FROM payouts WHERE payout_batch_id = batch.id) AS total_minor
  FROM payout_batches AS batch`;

export async function listPayoutBatches(
  sql: SqlExecutor,
  page: Page,
  filter: { readonly status: string },
): Promise<Listed<SummedBatchRow>> {
  const rows = await sql.query<SummedBatchRow>(
    `${summed} WHERE ($1 = '' OR status = $1) AND number < $2 ORDER BY number DESC LIMIT $3`,
    [filter.status, BigInt(page.after[0] ?? newestNumber), page.limit + 1],
  );
  return listed(rows, page, (row) => [row.number.toString()]);
}

export async function findPayoutBatch(sql: SqlExecutor, id: string): Promise<SummedBatchRow | undefined> {
  const [row] = await sql.query<SummedBatchRow>(`${summed} WHERE batch.id = $1`, [id]);
  return row;
}

export function filesOf(sql: SqlExecutor, batchIds: readonly string[]): Promise<FileRow[]> {
  return sql.query<FileRow>(
    `SELECT payout_batch_id, format, file_name, sha256, size_bytes FROM payout_files
     WHERE payout_batch_id = ANY($1) ORDER BY payout_batch_id, format`,
    [batchIds],
  );
}

export async function findFile(
  sql: SqlExecutor,
  batchId: string,
  format: string,
): Promise<(FileRow & { sealed_content: string }) | undefined> {
  const [row] = await sql.query<FileRow & { sealed_content: string }>(
    'SELECT * FROM payout_files WHERE payout_batch_id = $1 AND format = $2',
    [batchId, format],
  );
  return row;
}

export async function listAnswers(sql: SqlExecutor, page: Page, batchId: string): Promise<Listed<AnswerRow>> {
  const rows = await sql.query<AnswerRow>(
    'SELECT * FROM payout_answers WHERE payout_batch_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3',
    [batchId, BigInt(page.after[0] ?? newestNumber), page.limit + 1],
  );
  return listed(rows, page, (row) => [row.number.toString()]);
}

/** With what the ledger made of each. */
export type ListedTransfer = TransferRow & { journal_state: string | null; journal_id: string | null };

export async function listTransfers(
  sql: SqlExecutor,
  page: Page,
  filter: { readonly instructorId: string; readonly status: string },
): Promise<Listed<ListedTransfer>> {
  const rows = await sql.query<ListedTransfer>(
    `${transfers} WHERE ($1 = '' OR from_instructor_id = $1 OR to_instructor_id = $1) AND ($2 = '' OR transfer.status = $2)
       AND number < $3 ORDER BY number DESC LIMIT $4`,
    [filter.instructorId, filter.status, BigInt(page.after[0] ?? newestNumber), page.limit + 1],
  );
  return listed(rows, page, (row) => [row.number.toString()]);
}

export async function findTransfer(executor: SqlExecutor, id: string): Promise<ListedTransfer | undefined> {
  const [row] = await executor.query<ListedTransfer>(`${transfers} WHERE transfer.id = $1`, [id]);
  return row;
}

const transfers = `SELECT transfer.*, journal.state AS journal_state, journal.journal_id
  FROM instructor_transfers AS transfer
  LEFT JOIN payout_journals AS journal ON journal.id = transfer.id AND journal.kind = 'adjustment'`;

export async function listPayouts(
  sql: Pick<SqlExecutor, 'query'>,
  page: Page,
  filter: { readonly payoutBatchId: string; readonly instructorId: string; readonly status: string },
): Promise<Listed<PayoutRow>> {
  const rows = await sql.query<PayoutRow>(
    `SELECT * FROM payouts
     WHERE ($1 = '' OR payout_batch_id = $1) AND ($2 = '' OR instructor_id = $2) AND ($3 = '' OR status = $3)
       AND (created_at, id) < ($4::timestamptz, $5)
     ORDER BY created_at DESC, id DESC LIMIT $6`,
    [
      filter.payoutBatchId,
      filter.instructorId,
      filter.status,
      page.after[0] ?? newestTime,
      page.after[1] ?? '',
      page.limit + 1,
    ],
  );
  return listed(rows, page, (row) => [row.created_at.toISOString(), row.id]);
}
