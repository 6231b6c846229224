/**
 * The book in MariaDB or MySQL, read. Every reading is one consistent view of it: the snapshot that InnoDB's REPEATABLE READ
 * takes at the first statement of a transaction that only reads.
 */
import type { Sql, SqlExecutor, SqlRow, SqlValue } from '@suuupra/platform/sql/sql';
import { type AccountStatus, monitorsOf } from './account.ts';
import type { RejectedCommand } from './chain.ts';
import type { AccountType, Side } from './chart.ts';
import { exchangeOf } from './exchange.ts';
import type { SoldLine, Transfer } from './journals.ts';
import {
  type AccountName,
  type AccountStanding,
  type AccountTotals,
  type BookedTransfer,
  type EntryFilter,
  type Head,
  type JournalSpan,
  type LedgerReader,
  type LedgerReading,
  type RecordedJournal,
  readTogether,
  type SealedPeriod,
  type Snapshot,
  type SoldLineKey,
  type SoldOrder,
  type StoredBatch,
  type TransferKey,
  type TransferRange,
  timeMinUs,
} from './reader.ts';
import { type LineRow, lineColumns, lineOf, type WriterRow } from './reader-postgres.ts';

export function mysqlReading(sql: Sql): LedgerReading {
  return {
    reading: (work) =>
      sql.transaction((tx) => work(mysqlReaderOn(tx)), { isolation: 'repeatable read', readOnly: true }),
  };
}

export interface AccountRow extends SqlRow {
  code: string;
  currency: string;
  name: string;
  type: AccountType;
  normal_side: Side;
  debit: bigint;
  credit: bigint;
}

const accountColumns = 'code, accounts.currency, name, type, normal_side';
const selectAccounts = `SELECT ${accountColumns}, debit_minor AS debit, credit_minor AS credit
  FROM accounts JOIN account_totals ON account_id = id`;

function accountOf(row: AccountRow): AccountTotals {
  const { code, currency, name, type, debit, credit } = row;
  return { code, currency, name, type, normalSide: row.normal_side, debit, credit };
}

/** A code and all below it; takes the code twice more. */
const below = "(code = ? OR LEFT(code, CHAR_LENGTH(?) + 1) = CONCAT(?, ':'))";
const belowValues = (parent: string) => [parent, parent, parent];

const beyondText = (beyond: AccountName | undefined) => (beyond === undefined ? '' : 'AND (code, currency) > (?, ?)');
const beyondValues = (beyond: AccountName | undefined) => (beyond === undefined ? [] : [beyond.code, beyond.currency]);

export function mysqlReaderOn(tx: SqlExecutor): LedgerReader {
  return {
    head: () => head(tx),
    sequenceAt: async (atUs) => {
      const [row] = await tx.query<{ last_journal: bigint }>(
        'SELECT last_journal FROM batches WHERE recorded_at_us <= ? ORDER BY recorded_at_us DESC LIMIT 1',
        [atUs],
      );
      return row?.last_journal ?? 0n;
    },
    totals: async () => (await tx.query<AccountRow>(`${selectAccounts} ORDER BY currency, code`)).map(accountOf),
    totalsAfter: (sequence, only) => totalsAfter(tx, sequence, only),
    totalsBefore: (beforeUs, sequence, only) => totalsBefore(tx, beforeUs, sequence, only),
    entries: (filter, before, limit) => entries(tx, filter, before, limit),
    soldLines: (instructorId, after, limit) => soldLines(tx, instructorId, after, limit),
    currenciesOf: async (instructorId) => {
      const rows = await tx.query<{ currency: string }>(
        'SELECT currency FROM sold_lines WHERE instructor_id = ? GROUP BY currency ORDER BY COUNT(*) DESC, currency',
        [instructorId],
      );
      return rows.map((row) => row.currency);
    },
    totalsOf: async (code) =>
      (await tx.query<AccountRow>(`${selectAccounts} WHERE code = ? ORDER BY currency`, [code])).map(accountOf),
    accounts: (filter, beyond, limit) => accounts(tx, filter, beyond, limit),
    watchedAccounts: async (beyond, limit) => {
      const rows = await tx.query<StateRow>(
        `${selectStates} WHERE monitors <> '[]' ${beyondText(beyond)} ORDER BY code, currency LIMIT ?`,
        [...beyondValues(beyond), limit],
      );
      return rows.map(stateOf);
    },
    account: async ({ code, currency }) => {
      const [row] = await tx.query<StateRow>(`${selectStates} WHERE code = ? AND currency = ?`, [code, currency]);
      return row === undefined ? undefined : stateOf(row);
    },
    transfers: (range, after, limit) => transfers(tx, range, after, limit),
    movedAccounts: (parent, range, beyond, limit) => movedAccounts(tx, parent, range, beyond, limit),
    journals: async (sequences) => {
      if (sequences.length === 0) return [];
      const text = 'SELECT * FROM journals WHERE sequence IN (?) ORDER BY sequence';
      return withTransfers(tx, await tx.query<JournalRow>(text, [sequences]));
    },
    lines: async (lineIds) => {
      if (lineIds.length === 0) return [];
      const text = `SELECT ${lineColumns} FROM sold_lines WHERE line_id IN (?)`;
      return (await tx.query<LineRow>(text, [lineIds])).map(lineOf);
    },
    openHolds: async (after, limit) => {
      const rows = await tx.query<{ sequence: bigint }>(
        'SELECT journal_sequence AS sequence FROM open_holds WHERE journal_sequence > ? ORDER BY journal_sequence LIMIT ?',
        [after, limit],
      );
      return rows.map((row) => row.sequence);
    },
    soldOrders: (after, limit) => soldOrders(tx, after, limit),
    periods: (before, limit) => periods(tx, before, limit),
    periodTotals: (number) => periodTotals(tx, number),
    batches: (after, limit) => batches(tx, after, limit),
    journalSpan: () => journalSpan(tx),
    sealedUntilUs: async () => {
      const [row] = await tx.query<{ sealed_until_us: bigint }>(
        'SELECT sealed_until_us FROM ledger_writer WHERE shard = 0',
      );
      return row?.sealed_until_us ?? 0n;
    },
    snapshots: (after, limit) => snapshots(tx, after, limit),
  };
}

async function head(tx: SqlExecutor): Promise<Head> {
  const [row] = await tx.query<WriterRow>('SELECT * FROM ledger_writer WHERE shard = 0');
  if (row === undefined) throw new Error('the ledger has no writer row');
  return {
    batchSequence: row.batch_sequence,
    journalSequence: row.journal_sequence,
    recordedAtUs: row.recorded_at_us,
    hash: row.hash,
  };
}

/** Each account as the newest snapshot up to the journal that has it, and the transfers after the newest of all. */
async function totalsAfter(tx: SqlExecutor, sequence: bigint, only?: AccountName): Promise<AccountTotals[]> {
  const [start] = await tx.query<{ sequence: bigint | null }>(
    'SELECT MAX(journal_sequence) AS sequence FROM total_snapshots WHERE journal_sequence <= ?',
    [sequence],
  );
  const from = start?.sequence ?? 0n;
  const side = (column: string, debit: string, credit: string) =>
    `SELECT ${column}, ${debit}, ${credit} FROM transfers WHERE journal_sequence > ? AND journal_sequence <= ?`;
  return summed(
    tx,
    only,
    `SELECT account_id, debit_minor AS debit, credit_minor AS credit FROM total_snapshots JOIN (
       SELECT account_id, MAX(journal_sequence) AS journal_sequence FROM total_snapshots
       WHERE journal_sequence <= ? GROUP BY account_id
     ) AS newest USING (account_id, journal_sequence)
     UNION ALL ${side('debit_account_id', 'amount_minor', '0')} UNION ALL ${side('credit_account_id', '0', 'amount_minor')}`,
    [sequence, from, sequence, from, sequence],
  );
}

/** The last period sealed before the time and the journal, and the transfers from its end on. */
async function totalsBefore(
  tx: SqlExecutor,
  beforeUs: bigint,
  sequence: bigint,
  only?: AccountName,
): Promise<AccountTotals[]> {
  const [sealed] = await tx.query<{ number: bigint; until_us: bigint }>(
    `SELECT number, until_us FROM periods WHERE until_us <= ? AND journal_sequence <= ?
     ORDER BY until_us DESC LIMIT 1`,
    [beforeUs, sequence],
  );
  const range = [sealed?.until_us ?? timeMinUs, beforeUs, sequence];
  const side = (column: string, debit: string, credit: string) =>
    `SELECT ${column}, ${debit}, ${credit} FROM journals JOIN transfers ON journal_sequence = sequence
     WHERE effective_at_us >= ? AND effective_at_us < ? AND sequence <= ?`;
  return summed(
    tx,
    only,
    `SELECT account_id, debit_minor AS debit, credit_minor AS credit FROM period_balances WHERE period_number = ?
     UNION ALL ${side('debit_account_id', 'amount_minor', '0')} UNION ALL ${side('credit_account_id', '0', 'amount_minor')}`,
    [sealed?.number ?? 0n, ...range, ...range],
  );
}

/** Adds up `parts` for each account, or for one. */
async function summed(
  tx: SqlExecutor,
  only: AccountName | undefined,
  parts: string,
  values: readonly SqlValue[],
): Promise<AccountTotals[]> {
  const wanted =
    only === undefined ? '' : 'WHERE account_id = (SELECT id FROM accounts WHERE code = ? AND currency = ?)';
  const rows = await tx.query<AccountRow>(
    `SELECT ${accountColumns}, debit, credit FROM (
       SELECT account_id, CAST(SUM(debit) AS SIGNED) AS debit, CAST(SUM(credit) AS SIGNED) AS credit
       FROM (${parts}) AS parts ${wanted} GROUP BY account_id
     ) AS summed JOIN accounts ON account_id = id ORDER BY currency, code`,
    only === undefined ? values : [...values, only.code, only.currency],
  );
  return rows.map(accountOf);
}

interface StateRow extends AccountRow {
  pending_debit_minor: bigint;
  pending_credit_minor: bigint;
  net_min_minor: bigint | null;
  net_max_minor: bigint | null;
  status: AccountStatus;
  monitors: string;
}

const selectStates = `SELECT ${accountColumns}, debit_minor AS debit, credit_minor AS credit, pending_debit_minor,
  pending_credit_minor, net_min_minor, net_max_minor, status,
  monitors FROM accounts JOIN account_totals ON account_id = id`;

function stateOf(row: StateRow): AccountStanding {
  return {
    ...accountOf(row),
    pendingDebit: row.pending_debit_minor,
    pendingCredit: row.pending_credit_minor,
    netMin: row.net_min_minor ?? undefined,
    netMax: row.net_max_minor ?? undefined,
    status: row.status,
    monitors: monitorsOf(row.monitors),
  };
}

async function accounts(
  tx: SqlExecutor,
  { parent, currency }: { readonly parent: string; readonly currency: string },
  beyond: AccountName | undefined,
  limit: number,
): Promise<AccountStanding[]> {
  const rows = await tx.query<StateRow>(
    `${selectStates} WHERE (? = '' OR ${below}) AND (? = '' OR currency = ?) ${beyondText(beyond)}
     ORDER BY code, currency LIMIT ?`,
    [parent, ...belowValues(parent), currency, currency, ...beyondValues(beyond), limit],
  );
  return rows.map(stateOf);
}

interface TransferRow extends SqlRow {
  journal_sequence: bigint;
  position: number;
  debit: string;
  credit: string;
  amount: bigint;
  id: string;
  kind: string;
  reference: string;
  description: string;
  currency: string;
  effective_at_us: bigint;
  recorded_at_us: bigint;
  /** '' of a journal that is no exchange. */
  exchange_details: string;
}

/** With an account, each side is read by its own index and the two are merged. */
async function transfers(
  tx: SqlExecutor,
  range: TransferRange,
  after: TransferKey,
  limit: number,
): Promise<BookedTransfer[]> {
  const { afterSequence, untilSequence, fromUs, untilUs, account, order } = range;
  const place: [string, SqlValue][] = [
    ['journal_sequence', after.sequence],
    ['position', after.position],
  ];
  if (order === 'effective') place.unshift(['effective_at_us', after.effectiveAtUs]);
  const columns = place.map(([column]) => column).join(', ');
  const branch = (side: string) => `(
    SELECT transfers.*, id, kind, reference, description, effective_at_us, recorded_at_us,
      CASE WHEN kind IN ('exchange_sold', 'exchange_bought') THEN details ELSE '' END AS exchange_details
    FROM transfers JOIN journals ON sequence = journal_sequence
    WHERE ${side} journal_sequence > ? AND journal_sequence <= ? AND effective_at_us >= ? AND effective_at_us < ?
      AND (${columns}) > (${place.map(() => '?').join(', ')}) ORDER BY ${columns} LIMIT ?)`;
  const values = [afterSequence, untilSequence, fromUs, untilUs, ...place.map(([, value]) => value), limit];
  const mine = '(SELECT accounts.id FROM accounts WHERE accounts.code = ? AND accounts.currency = ?)';
  const named = account === undefined ? [] : [account.code, account.currency];
  const found =
    account === undefined
      ? branch('')
      : `${branch(`debit_account_id = ${mine} AND`)} UNION ALL ${branch(`credit_account_id = ${mine} AND`)}`;
  const rows = await tx.query<TransferRow>(
    `SELECT found.*, found.amount_minor AS amount, d.code AS debit, c.code AS credit FROM (${found}) AS found
     JOIN accounts d ON d.id = debit_account_id JOIN accounts c ON c.id = credit_account_id
     ORDER BY ${columns} LIMIT ?`,
    account === undefined ? [...values, limit] : [...named, ...values, ...named, ...values, limit],
  );
  return rows.map((row) => ({
    sequence: row.journal_sequence,
    position: row.position,
    journalId: row.id,
    kind: row.kind,
    reference: row.reference,
    description: row.description,
    currency: row.currency,
    effectiveAtUs: row.effective_at_us,
    recordedAtUs: row.recorded_at_us,
    debit: row.debit,
    credit: row.credit,
    amount: row.amount,
    exchange: exchangeOf(row.kind, row.exchange_details),
  }));
}

async function movedAccounts(
  tx: SqlExecutor,
  parent: string,
  { after, until }: { readonly after: bigint; readonly until: bigint },
  beyond: AccountName | undefined,
  limit: number,
): Promise<AccountName[]> {
  const moved = (side: string) =>
    `EXISTS (SELECT 1 FROM transfers WHERE ${side}_account_id = accounts.id AND journal_sequence > ?
       AND journal_sequence <= ?)`;
  return tx.query<{ code: string; currency: string }>(
    `SELECT code, currency FROM accounts WHERE ${below} ${beyondText(beyond)}
       AND (${moved('debit')} OR ${moved('credit')}) ORDER BY code, currency LIMIT ?`,
    [...belowValues(parent), ...beyondValues(beyond), after, until, after, until, limit],
  );
}

interface PeriodRow extends SqlRow {
  number: bigint;
  from_us: bigint;
  until_us: bigint;
  sealed_at_us: bigint;
  sealed_by: string;
  note: string;
  journal_sequence: bigint;
  batch_sequence: bigint;
  hash: Buffer;
}

async function periods(tx: SqlExecutor, before: bigint, limit: number): Promise<SealedPeriod[]> {
  const rows = await tx.query<PeriodRow>('SELECT * FROM periods WHERE number < ? ORDER BY number DESC LIMIT ?', [
    before,
    limit,
  ]);
  return rows.map((row) => ({
    number: row.number,
    fromUs: row.from_us,
    untilUs: row.until_us,
    sealedAtUs: row.sealed_at_us,
    sealedBy: row.sealed_by,
    note: row.note,
    sequence: row.journal_sequence,
    batchSequence: row.batch_sequence,
    hash: row.hash,
  }));
}

async function periodTotals(tx: SqlExecutor, number: bigint): Promise<AccountTotals[]> {
  const rows = await tx.query<AccountRow>(
    `SELECT ${accountColumns}, debit_minor AS debit, credit_minor AS credit
     FROM period_balances JOIN accounts ON account_id = id WHERE period_number = ? ORDER BY currency, code`,
    [number],
  );
  return rows.map(accountOf);
}

async function entries(
  tx: SqlExecutor,
  filter: EntryFilter,
  before: bigint,
  limit: number,
): Promise<RecordedJournal[]> {
  const rows = await tx.query<JournalRow>(...entriesQuery(filter, before, limit));
  return withTransfers(tx, rows);
}

function entriesQuery({ account, reference }: EntryFilter, before: bigint, limit: number): [string, SqlValue[]] {
  const newest = 'ORDER BY sequence DESC LIMIT ?';
  if (account === '' && reference === '')
    return [`SELECT * FROM journals WHERE sequence < ? ${newest}`, [before, limit]];
  if (account === '')
    return [`SELECT * FROM journals WHERE sequence < ? AND reference = ? ${newest}`, [before, reference, limit]];
  const wanted = `SELECT accounts.id FROM accounts WHERE ${below}`;
  const named = belowValues(account);
  if (reference !== '')
    return [
      `SELECT * FROM journals WHERE sequence < ? AND reference = ? AND EXISTS (
         SELECT 1 FROM transfers WHERE journal_sequence = sequence
           AND (debit_account_id IN (${wanted}) OR credit_account_id IN (${wanted}))) ${newest}`,
      [before, reference, ...named, ...named, limit],
    ];
  const side = (column: string) =>
    `(SELECT DISTINCT journal_sequence FROM transfers WHERE ${column} IN (${wanted}) AND journal_sequence < ?
      ORDER BY journal_sequence DESC LIMIT ?)`;
  const values = [...named, before, limit];
  // LIMIT is not allowed directly inside IN: the union is a table of its own.
  return [
    `SELECT journals.* FROM journals JOIN (${side('debit_account_id')} UNION ${side('credit_account_id')}) AS found
       ON found.journal_sequence = sequence ${newest}`,
    [...values, ...values, limit],
  ];
}

export interface JournalRow extends SqlRow {
  sequence: bigint;
  id: string;
  batch_sequence: bigint;
  kind: string;
  cause: string;
  reference: string;
  description: string;
  currency: string;
  effective_at_us: bigint;
  recorded_at_us: bigint;
  template: string;
  details: string;
  resolves_sequence: bigint | null;
  reverses_sequence: bigint | null;
}

export interface StoredJournal extends RecordedJournal {
  readonly batchSequence: bigint;
}

/** A code says its currency only where it is not the journal's, which nothing but tampering can bring about. */
function codeAs(account: string): string {
  return `CASE WHEN ${account}.currency = journals.currency AND moved.currency = journals.currency
    THEN ${account}.code ELSE CONCAT(${account}.code, ' in ', ${account}.currency) END`;
}

interface MovedRow extends SqlRow {
  journal_sequence: bigint;
  debit: string;
  credit: string;
  amount: bigint;
  expires_at_us: bigint;
}

/** The rows of `transfers` or `holds` of these journals, in order, by journal. */
async function movedBy(
  tx: SqlExecutor,
  table: 'transfers' | 'holds',
  sequences: readonly bigint[],
): Promise<Map<bigint, MovedRow[]>> {
  const rows = await tx.query<MovedRow>(
    `SELECT journal_sequence, ${codeAs('d')} AS debit, ${codeAs('c')} AS credit, amount_minor AS amount,
       ${table === 'holds' ? 'expires_at_us' : '0 AS expires_at_us'}
     FROM ${table} AS moved JOIN journals ON sequence = journal_sequence
     JOIN accounts d ON d.id = debit_account_id JOIN accounts c ON c.id = credit_account_id
     WHERE journal_sequence IN (?) ORDER BY journal_sequence, position`,
    [sequences],
  );
  return Map.groupBy(rows, (row) => row.journal_sequence);
}

function transferOf({ debit, credit, amount }: MovedRow): Transfer {
  return { debit, credit, amount };
}

/** The journals of these rows with what they move and hold. */
export async function withTransfers(tx: SqlExecutor, rows: readonly JournalRow[]): Promise<StoredJournal[]> {
  if (rows.length === 0) return [];
  const sequences = rows.map((row) => row.sequence);
  const transfers = await movedBy(tx, 'transfers', sequences);
  const holds = await movedBy(tx, 'holds', sequences);
  return rows.map((row) => ({
    sequence: row.sequence,
    id: row.id,
    kind: row.kind,
    cause: row.cause,
    reference: row.reference,
    description: row.description,
    currency: row.currency,
    effectiveAtUs: row.effective_at_us,
    recordedAtUs: row.recorded_at_us,
    batchSequence: row.batch_sequence,
    transfers: (transfers.get(row.sequence) ?? []).map(transferOf),
    holds: (holds.get(row.sequence) ?? []).map(transferOf),
    expiresAtUs: holds.get(row.sequence)?.[0]?.expires_at_us ?? 0n,
    template: row.template,
    details: row.details,
    resolves: row.resolves_sequence ?? 0n,
    reverses: row.reverses_sequence ?? 0n,
  }));
}

async function soldLines(
  tx: SqlExecutor,
  instructorId: string,
  after: SoldLineKey | undefined,
  limit: number,
): Promise<SoldLine[]> {
  const beyond = after === undefined ? '' : 'AND (sold_by, line_id) < (?, ?)';
  const rows = await tx.query<LineRow>(
    `SELECT ${lineColumns} FROM sold_lines WHERE instructor_id = ? ${beyond}
     ORDER BY sold_by DESC, line_id DESC LIMIT ?`,
    [instructorId, ...(after === undefined ? [] : [after.soldBy, after.lineId]), limit],
  );
  return rows.map(lineOf);
}

/** The lines of the next orders, and the journals that sold them and took them back. */
async function soldOrders(tx: SqlExecutor, after: string, limit: number): Promise<SoldOrder[]> {
  const rows = await tx.query<LineRow>(
    `SELECT ${lineColumns} FROM sold_lines JOIN (
       SELECT DISTINCT order_id AS next_id FROM sold_lines WHERE order_id > ? ORDER BY order_id LIMIT ?) AS next
       ON next_id = order_id ORDER BY order_id, line_id`,
    [after, limit],
  );
  if (rows.length === 0) return [];
  const lines = Map.groupBy(rows.map(lineOf), (line) => line.orderId);
  const journalRows = await tx.query<JournalRow>(
    `SELECT * FROM journals WHERE kind IN ('order_paid', 'order_refunded') AND reference IN (?) ORDER BY sequence`,
    [[...lines.keys()].map((orderId) => `order:${orderId}`)],
  );
  const journals = Map.groupBy(await withTransfers(tx, journalRows), (journal) => journal.reference);
  return [...lines].map(([orderId, sold]) => ({
    orderId,
    lines: sold,
    journals: journals.get(`order:${orderId}`) ?? [],
  }));
}

interface BatchRow extends SqlRow {
  sequence: bigint;
  epoch: bigint;
  recorded_at_us: bigint;
  first_journal: bigint;
  last_journal: bigint;
  hash: Buffer;
  format: number;
}

export interface RejectionRow extends SqlRow {
  batch_sequence: bigint;
  kind: string;
  cause: string;
  reference: string;
  reason: string;
  detail: string;
  request: string;
  is_final: boolean;
}

export function rejectionOf({
  kind,
  cause,
  reference,
  reason,
  detail,
  request,
  is_final,
}: RejectionRow): RejectedCommand {
  return { kind, cause, reference, reason, detail, request, isFinal: is_final };
}

async function batches(tx: SqlExecutor, after: bigint, limit: number): Promise<StoredBatch[]> {
  const next = await tx.query<BatchRow>('SELECT * FROM batches WHERE sequence > ? ORDER BY sequence LIMIT ?', [
    after,
    limit,
  ]);
  if (next.length === 0) return [];
  const { batches: rows, first, last } = readTogether(next);
  const sequences = rows.map((row) => row.sequence);
  const journalRows = await tx.query<JournalRow>(
    'SELECT * FROM journals WHERE sequence BETWEEN ? AND ? AND batch_sequence IN (?) ORDER BY sequence',
    [first, last, sequences],
  );
  const journals = Map.groupBy(await withTransfers(tx, journalRows), (journal) => journal.batchSequence);
  const rejections = Map.groupBy(
    await tx.query<RejectionRow>(
      'SELECT * FROM rejections WHERE batch_sequence IN (?) ORDER BY batch_sequence, position',
      [sequences],
    ),
    (row) => row.batch_sequence,
  );
  return rows.map((row) => ({
    sequence: row.sequence,
    epoch: row.epoch,
    recordedAtUs: row.recorded_at_us,
    firstJournal: row.first_journal,
    lastJournal: row.last_journal,
    hash: row.hash,
    format: row.format,
    journals: journals.get(row.sequence) ?? [],
    rejected: (rejections.get(row.sequence) ?? []).map(rejectionOf),
  }));
}

async function journalSpan(tx: SqlExecutor): Promise<JournalSpan | undefined> {
  const [row] = await tx.query<{ first: bigint | null; last: bigint | null }>(
    'SELECT min(sequence) AS first, max(sequence) AS last FROM journals',
  );
  return row?.first == null || row.last == null ? undefined : { first: row.first, last: row.last };
}

async function snapshots(tx: SqlExecutor, after: bigint, limit: number): Promise<Snapshot[]> {
  const rows = await tx.query<AccountRow & { sequence: bigint }>(
    `SELECT kept.journal_sequence AS sequence, ${accountColumns}, debit_minor AS debit, credit_minor AS credit
     FROM (SELECT DISTINCT journal_sequence FROM total_snapshots WHERE journal_sequence > ?
           ORDER BY journal_sequence LIMIT ?) AS kept
     JOIN total_snapshots ON total_snapshots.journal_sequence = kept.journal_sequence
     JOIN accounts ON account_id = id
     ORDER BY kept.journal_sequence, currency, code`,
    [after, limit],
  );
  const bySequence = Map.groupBy(rows, (row) => row.sequence);
  return [...bySequence].map(([sequence, totals]) => ({ sequence, totals: totals.map(accountOf) }));
}
