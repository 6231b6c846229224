/** The book in PostgreSQL, read. Every reading is one consistent view of it (REPEATABLE READ). */
import type { Sql, SqlExecutor, SqlRow, SqlValue } from '@suuupra/platform/sql/sql';
import { type AccountStatus, monitorsOf } from './account.ts';
import type { AccountType, Side } from './chart.ts';
import { exchangeOf } from './exchange.ts';
import type { SoldLine, Transfer } from './journals.ts';
import { lineTaxesOf } from './line-taxes.ts';
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

export function postgresReading(sql: Sql): LedgerReading {
  return {
    reading: (work) => sql.transaction((tx) => work(readerOn(tx)), { isolation: 'repeatable read', readOnly: true }),
  };
}

export interface WriterRow extends SqlRow {
  epoch: bigint;
  batch_sequence: bigint;
  journal_sequence: bigint;
  recorded_at_us: bigint;
  hash: Buffer;
}

export const lineColumns = `line_id, order_id, course_id, course_title, instructor_id, currency, sold_by, sold_at_us,
  gross_minor, tax_minor, net_minor, fee_minor, share_minor,
  refunded_tax_minor, refunded_net_minor, refunded_fee_minor, refunded_share_minor, taxes`;

export interface LineRow extends SqlRow {
  line_id: string;
  order_id: string;
  course_id: string;
  course_title: string;
  instructor_id: string;
  currency: string;
  sold_by: bigint;
  sold_at_us: bigint;
  gross_minor: bigint;
  tax_minor: bigint;
  net_minor: bigint;
  fee_minor: bigint;
  share_minor: bigint;
  refunded_tax_minor: bigint;
  refunded_net_minor: bigint;
  refunded_fee_minor: bigint;
  refunded_share_minor: bigint;
  taxes: string;
}

export function lineOf(row: LineRow): SoldLine {
  const { taxes, refundedTaxes } = lineTaxesOf(row.taxes);
  return {
    lineId: row.line_id,
    orderId: row.order_id,
    courseId: row.course_id,
    courseTitle: row.course_title,
    instructorId: row.instructor_id,
    currency: row.currency,
    soldBy: row.sold_by,
    soldAtUs: row.sold_at_us,
    gross: row.gross_minor,
    tax: row.tax_minor,
    net: row.net_minor,
    fee: row.fee_minor,
    share: row.share_minor,
    refunded: {
      tax: row.refunded_tax_minor,
      net: row.refunded_net_minor,
      fee: row.refunded_fee_minor,
      share: row.refunded_share_minor,
      ...(refundedTaxes.length === 0 ? {} : { taxes: refundedTaxes }),
    },
    ...(taxes.length === 0 ? {} : { taxes }),
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
export const selectAccounts = `SELECT ${accountColumns}, debit_minor AS debit, credit_minor AS credit
  FROM accounts JOIN account_totals ON account_id = id`;

function accountOf(row: AccountRow): AccountTotals {
  const { code, currency, name, type, debit, credit } = row;
  return { code, currency, name, type, normalSide: row.normal_side, debit, credit };
}

export function readerOn(tx: SqlExecutor): LedgerReader {
  const names = accountNames(tx);
  return {
    head: () => head(tx),
    sequenceAt: async (atUs) => {
      const [row] = await tx.query<{ last_journal: bigint }>(
        'SELECT last_journal FROM batches WHERE recorded_at_us <= $1 ORDER BY recorded_at_us DESC LIMIT 1',
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
        `SELECT currency FROM sold_lines WHERE instructor_id = $1 GROUP BY currency ORDER BY count(*) DESC, currency`,
        [instructorId],
      );
      return rows.map((row) => row.currency);
    },
    totalsOf: async (code) =>
      (await tx.query<AccountRow>(`${selectAccounts} WHERE code = $1 ORDER BY currency`, [code])).map(accountOf),
    accounts: (filter, beyond, limit) => accounts(tx, filter, beyond, limit),
    watchedAccounts: async (beyond, limit) => {
      const rows = await tx.query<StateRow>(
        `${selectStates} WHERE monitors <> '[]' ${beyond === undefined ? '' : 'AND (code, currency) > ($2, $3)'}
         ORDER BY code, currency LIMIT $1`,
        beyond === undefined ? [limit] : [limit, beyond.code, beyond.currency],
      );
      return rows.map(stateOf);
    },
    account: async ({ code, currency }) => {
      const [row] = await tx.query<StateRow>(`${selectStates} WHERE code = $1 AND currency = $2`, [code, currency]);
      return row === undefined ? undefined : stateOf(row);
    },
    transfers: (range, after, limit) => transfers(tx, range, after, limit),
    journals: async (sequences) =>
      withTransfers(
        tx,
        await tx.query<JournalRow>('SELECT * FROM journals WHERE sequence = ANY($1) ORDER BY sequence', [sequences]),
      ),
    lines: async (lineIds) =>
      (await tx.query<LineRow>(`SELECT ${lineColumns} FROM sold_lines WHERE line_id = ANY($1)`, [lineIds])).map(lineOf),
    movedAccounts: (parent, range, beyond, limit) => movedAccounts(tx, parent, range, beyond, limit),
    periods: (before, limit) => periods(tx, before, limit),
    periodTotals: (number) => periodTotals(tx, number),
    openHolds: async (after, limit) => {
      const rows = await tx.query<{ sequence: bigint }>(
        `SELECT journal_sequence AS sequence FROM open_holds WHERE journal_sequence > $1
         ORDER BY journal_sequence LIMIT $2`,
        [after, limit],
      );
      return rows.map((row) => row.sequence);
    },
    soldOrders: (after, limit) => soldOrders(tx, after, limit),
    batches: (after, limit) => batches(tx, names, after, limit),
    journalSpan: () => journalSpan(tx),
    sealedUntilUs: async () => {
      const [row] = await tx.query<{ sealed_until_us: bigint }>(
        'SELECT sealed_until_us FROM ledger_writer WHERE shard = 0',
      );
      return row?.sealed_until_us ?? 0n;
    },
    snapshots: (after, limit) => snapshots(tx, names, after, limit),
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
  return summed(
    tx,
    only,
    `start AS (
       SELECT coalesce(max(journal_sequence), 0) AS sequence FROM total_snapshots WHERE journal_sequence <= $1
     ), parts AS (
       SELECT id AS account_id, debit, credit FROM accounts CROSS JOIN LATERAL (
         SELECT debit_minor AS debit, credit_minor AS credit FROM total_snapshots
         WHERE total_snapshots.account_id = accounts.id AND journal_sequence <= $1
         ORDER BY journal_sequence DESC LIMIT 1
       ) AS newest
       UNION ALL
       SELECT debit_account_id, amount_minor, 0 FROM transfers, start
       WHERE journal_sequence > start.sequence AND journal_sequence <= $1
       UNION ALL
       SELECT credit_account_id, 0, amount_minor FROM transfers, start
       WHERE journal_sequence > start.sequence AND journal_sequence <= $1
     )`,
    [sequence],
  );
}

/** The last period sealed before the time and the journal, and the transfers from its end on. */
async function totalsBefore(
  tx: SqlExecutor,
  beforeUs: bigint,
  sequence: bigint,
  only?: AccountName,
): Promise<AccountTotals[]> {
  // By itself, so that the times are known when it is planned how to find the journals.
  const [sealed] = await tx.query<{ number: bigint; until_us: bigint }>(
    `SELECT number, until_us FROM periods WHERE until_us <= $1 AND journal_sequence <= $2
     ORDER BY until_us DESC LIMIT 1`,
    [beforeUs, sequence],
  );
  const after = (column: string, debit: string, credit: string) =>
    `SELECT ${column}, ${debit}, ${credit} FROM journals, transfers
     WHERE transfers.journal_sequence = journals.sequence AND effective_at_us >= $4
       AND effective_at_us < $1 AND sequence <= $2`;
  return summed(
    tx,
    only,
    `parts AS (
       SELECT account_id, debit_minor AS debit, credit_minor AS credit FROM period_balances WHERE period_number = $3
       UNION ALL ${after('debit_account_id', 'amount_minor', '0')}
       UNION ALL ${after('credit_account_id', '0', 'amount_minor')}
     )`,
    [beforeUs, sequence, sealed?.number ?? 0n, sealed?.until_us ?? timeMinUs],
  );
}

/** Adds up `parts` for each account, or for one. */
async function summed(
  tx: SqlExecutor,
  only: AccountName | undefined,
  parts: string,
  values: readonly SqlValue[],
): Promise<AccountTotals[]> {
  const next = values.length + 1;
  const wanted =
    only === undefined
      ? ''
      : `WHERE account_id = (SELECT id FROM accounts WHERE code = $${next} AND currency = $${next + 1})`;
  const rows = await tx.query<AccountRow>(
    `WITH ${parts}, summed AS (
       SELECT account_id, sum(debit)::bigint AS debit, sum(credit)::bigint AS credit FROM parts ${wanted}
       GROUP BY account_id
     )
     SELECT ${accountColumns}, debit, credit FROM summed JOIN accounts ON account_id = id ORDER BY currency, code`,
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
    `${selectStates} WHERE ($1 = '' OR code = $1 OR starts_with(code, $1 || ':')) AND ($2 = '' OR currency = $2)
       ${beyond === undefined ? '' : 'AND (code, currency) > ($4, $5)'} ORDER BY code, currency LIMIT $3`,
    [parent, currency, limit, ...(beyond === undefined ? [] : [beyond.code, beyond.currency])],
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
  const values = [afterSequence, untilSequence, fromUs, untilUs, limit, ...place.map(([, value]) => value)];
  const branch = (side: string) => `(
    SELECT transfers.*, id, kind, reference, description, effective_at_us, recorded_at_us,
      CASE WHEN kind IN ('exchange_sold', 'exchange_bought') THEN details ELSE '' END AS exchange_details
    FROM transfers JOIN journals ON sequence = journal_sequence
    WHERE ${side} journal_sequence > $1 AND journal_sequence <= $2 AND effective_at_us >= $3 AND effective_at_us < $4
      AND (${columns}) > (${place.map((_, index) => `$${index + 6}`).join(', ')}) ORDER BY ${columns} LIMIT $5)`;
  const mine = `(SELECT id FROM accounts WHERE code = $${values.length + 1} AND currency = $${values.length + 2})`;
  const found =
    account === undefined
      ? branch('')
      : `${branch(`debit_account_id = ${mine} AND`)} UNION ALL ${branch(`credit_account_id = ${mine} AND`)}`;
  const rows = await tx.query<TransferRow>(
    `SELECT found.*, found.amount_minor AS amount, d.code AS debit, c.code AS credit FROM (${found}) AS found
     JOIN accounts d ON d.id = debit_account_id JOIN accounts c ON c.id = credit_account_id
     ORDER BY ${columns} LIMIT $5`,
    account === undefined ? values : [...values, account.code, account.currency],
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
    `EXISTS (SELECT 1 FROM transfers WHERE ${side}_account_id = accounts.id AND journal_sequence > $2
       AND journal_sequence <= $3)`;
  return tx.query<{ code: string; currency: string }>(
    `SELECT code, currency FROM accounts WHERE (code = $1 OR starts_with(code, $1 || ':'))
       ${beyond === undefined ? '' : 'AND (code, currency) > ($5, $6)'} AND (${moved('debit')} OR ${moved('credit')})
     ORDER BY code, currency LIMIT $4`,
    [parent, after, until, limit, ...(beyond === undefined ? [] : [beyond.code, beyond.currency])],
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
  const rows = await tx.query<PeriodRow>('SELECT * FROM periods WHERE number < $1 ORDER BY number DESC LIMIT $2', [
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
     FROM period_balances JOIN accounts ON account_id = id WHERE period_number = $1 ORDER BY currency, code`,
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

function entriesQuery(filter: EntryFilter, before: bigint, limit: number): [string, SqlValue[]] {
  const newest = 'ORDER BY sequence DESC LIMIT $2';
  if (filter.account === '' && filter.reference === '')
    return [`SELECT * FROM journals WHERE sequence < $1 ${newest}`, [before, limit]];
  if (filter.account === '')
    return [
      `SELECT * FROM journals WHERE sequence < $1 AND reference = $3 ${newest}`,
      [before, limit, filter.reference],
    ];
  const wanted = "SELECT id FROM accounts WHERE code = $3 OR starts_with(code, $3 || ':')";
  if (filter.reference !== '')
    return [
      `SELECT * FROM journals WHERE sequence < $1 AND reference = $4 AND EXISTS (
         SELECT 1 FROM transfers WHERE journal_sequence = sequence
           AND (debit_account_id IN (${wanted}) OR credit_account_id IN (${wanted}))) ${newest}`,
      [before, limit, filter.account, filter.reference],
    ];
  const side = (column: string) =>
    `(SELECT DISTINCT journal_sequence FROM transfers WHERE ${column} IN (${wanted}) AND journal_sequence < $1
      ORDER BY journal_sequence DESC LIMIT $2)`;
  return [
    `SELECT * FROM journals WHERE sequence IN (${side('debit_account_id')} UNION ${side('credit_account_id')}) ${newest}`,
    [before, limit, filter.account],
  ];
}

interface JournalRow extends SqlRow {
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

interface StoredJournal extends RecordedJournal {
  readonly batchSequence: bigint;
}

/** A code says its currency only where it is not the journal's, which nothing but tampering can bring about. */
function codeAs(account: string): string {
  return `CASE WHEN ${account}.currency = journals.currency AND moved.currency = journals.currency
    THEN ${account}.code ELSE ${account}.code || ' in ' || ${account}.currency END`;
}

async function withTransfers(tx: SqlExecutor, rows: readonly JournalRow[]): Promise<StoredJournal[]> {
  const sequences = rows.map((row) => row.sequence);
  return withMoved(rows, await movedBy(tx, 'transfers', sequences), await movedBy(tx, 'holds', sequences));
}

function withMoved(
  rows: readonly JournalRow[],
  transferRows: readonly MovedRow[],
  holdRows: readonly MovedRow[],
): StoredJournal[] {
  const transfers = Map.groupBy(transferRows, (row) => row.journal_sequence);
  const holds = Map.groupBy(holdRows, (row) => row.journal_sequence);
  const plain = ({ debit, credit, amount }: Transfer): Transfer => ({ debit, credit, amount });
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
    transfers: (transfers.get(row.sequence) ?? []).map(plain),
    holds: (holds.get(row.sequence) ?? []).map(plain),
    expiresAtUs: holds.get(row.sequence)?.[0]?.expires_at_us ?? 0n,
    template: row.template,
    details: row.details,
    resolves: row.resolves_sequence ?? 0n,
    reverses: row.reverses_sequence ?? 0n,
  }));
}

interface MovedRow extends SqlRow, Transfer {
  journal_sequence: bigint;
  expires_at_us: bigint;
}

/** The transfers or the holds of these journals, in order. */
function movedBy(tx: SqlExecutor, table: 'transfers' | 'holds', sequences: readonly bigint[]): Promise<MovedRow[]> {
  return tx.query<MovedRow>(
    `SELECT journal_sequence, ${codeAs('d')} AS debit, ${codeAs('c')} AS credit, amount_minor AS amount,
       ${table === 'holds' ? 'expires_at_us' : '0::bigint AS expires_at_us'}
     FROM ${table} AS moved JOIN journals ON sequence = journal_sequence
     JOIN accounts d ON d.id = debit_account_id JOIN accounts c ON c.id = credit_account_id
     WHERE journal_sequence = ANY($1) ORDER BY journal_sequence, position`,
    [sequences],
  );
}

interface IdsRow extends SqlRow {
  journal_sequence: bigint;
  debit_account_id: bigint;
  credit_account_id: bigint;
  amount: bigint;
  currency: string;
  expires_at_us: bigint;
}

/**
 * The same of all journals of a span, whose currencies are given. Who reads a whole book meets the same accounts again and
 * again: their names are kept, and nothing is joined.
 */
async function movedWithin(
  tx: SqlExecutor,
  table: 'transfers' | 'holds',
  span: readonly [first: bigint, last: bigint],
): Promise<IdsRow[]> {
  return tx.query<IdsRow>(
    `SELECT journal_sequence, debit_account_id, credit_account_id, amount_minor AS amount, currency,
       ${table === 'holds' ? 'expires_at_us' : '0::bigint AS expires_at_us'}
     FROM ${table} WHERE journal_sequence BETWEEN $1 AND $2 ORDER BY journal_sequence, position`,
    [...span],
  );
}

/** Reads the names of accounts, once as long as there is room for them. */
interface AccountNames {
  of(ids: readonly bigint[]): Promise<ReadonlyMap<bigint, AccountName>>;
}

const namesMax = 200_000;

function accountNames(tx: SqlExecutor): AccountNames {
  const known = new Map<bigint, AccountName>();
  return {
    of: async (ids) => {
      if (known.size > namesMax) known.clear();
      const missing = [...new Set(ids.filter((id) => !known.has(id)))];
      if (missing.length === 0) return known;
      const found = await tx.query<AccountName & { id: bigint } & SqlRow>(
        'SELECT id, code, currency FROM accounts WHERE id = ANY($1)',
        [missing],
      );
      for (const { id, code, currency } of found) known.set(id, { code, currency });
      return known;
    },
  };
}

/** As `movedBy` gives them; one whose account is not there any more is not there either. */
function named(
  rows: readonly IdsRow[],
  names: ReadonlyMap<bigint, AccountName>,
  currencies: ReadonlyMap<bigint, string>,
): MovedRow[] {
  return rows.flatMap((row) => {
    const [debit, credit] = [names.get(row.debit_account_id), names.get(row.credit_account_id)];
    const currency = currencies.get(row.journal_sequence);
    if (debit === undefined || credit === undefined || currency === undefined) return [];
    const codeOf = (account: AccountName) =>
      account.currency === currency && row.currency === currency
        ? account.code
        : `${account.code} in ${account.currency}`;
    const { journal_sequence, amount, expires_at_us } = row;
    return { journal_sequence, debit: codeOf(debit), credit: codeOf(credit), amount, expires_at_us };
  });
}

async function soldLines(
  tx: SqlExecutor,
  instructorId: string,
  after: SoldLineKey | undefined,
  limit: number,
): Promise<SoldLine[]> {
  const beyond = after === undefined ? '' : 'AND (sold_by, line_id) < ($3, $4)';
  const rows = await tx.query<LineRow>(
    `SELECT ${lineColumns} FROM sold_lines WHERE instructor_id = $1 ${beyond}
     ORDER BY sold_by DESC, line_id DESC LIMIT $2`,
    after === undefined ? [instructorId, limit] : [instructorId, limit, after.soldBy, after.lineId],
  );
  return rows.map(lineOf);
}

/** The lines of the next orders, and the journals that sold them and took them back. */
async function soldOrders(tx: SqlExecutor, after: string, limit: number): Promise<SoldOrder[]> {
  const rows = await tx.query<LineRow>(
    `SELECT ${lineColumns} FROM sold_lines WHERE order_id IN (
       SELECT DISTINCT order_id FROM sold_lines WHERE order_id > $1 ORDER BY order_id LIMIT $2)
     ORDER BY order_id, line_id`,
    [after, limit],
  );
  const lines = Map.groupBy(rows.map(lineOf), (line) => line.orderId);
  const journalRows = await tx.query<JournalRow>(
    `SELECT * FROM journals WHERE kind IN ('order_paid', 'order_refunded') AND reference = ANY($1) ORDER BY sequence`,
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

interface RejectionRow extends SqlRow {
  batch_sequence: bigint;
  kind: string;
  cause: string;
  reference: string;
  reason: string;
  detail: string;
  request: string;
  is_final: boolean;
}

async function batches(tx: SqlExecutor, accounts: AccountNames, after: bigint, limit: number): Promise<StoredBatch[]> {
  const next = await tx.query<BatchRow>('SELECT * FROM batches WHERE sequence > $1 ORDER BY sequence LIMIT $2', [
    after,
    limit,
  ]);
  if (next.length === 0) return [];
  const { batches: rows, first, last } = readTogether(next);
  const ofBatches = [rows.map((row) => row.sequence)];
  // By their own sequences: they are side by side there, and a book has no other fast way to the journals of a batch.
  const span = [first, last] as const;
  const [journalRows, transferRows, holdRows, rejectionRows] = await Promise.all([
    tx.query<JournalRow>(
      `SELECT * FROM journals WHERE sequence BETWEEN $1 AND $2 AND batch_sequence = ANY($3) ORDER BY sequence`,
      [...span, ...ofBatches],
    ),
    movedWithin(tx, 'transfers', span),
    movedWithin(tx, 'holds', span),
    tx.query<RejectionRow>(
      'SELECT * FROM rejections WHERE batch_sequence = ANY($1) ORDER BY batch_sequence, position',
      ofBatches,
    ),
  ]);
  const ids = [...transferRows, ...holdRows].flatMap((row) => [row.debit_account_id, row.credit_account_id]);
  const names = await accounts.of(ids);
  const currencies = new Map(journalRows.map((row) => [row.sequence, row.currency]));
  const moved = [named(transferRows, names, currencies), named(holdRows, names, currencies)] as const;
  const journals = Map.groupBy(withMoved(journalRows, ...moved), (journal) => journal.batchSequence);
  const rejected = Map.groupBy(rejectionRows, (row) => row.batch_sequence);
  return rows.map((row) => ({
    sequence: row.sequence,
    epoch: row.epoch,
    recordedAtUs: row.recorded_at_us,
    firstJournal: row.first_journal,
    lastJournal: row.last_journal,
    hash: row.hash,
    format: row.format,
    journals: journals.get(row.sequence) ?? [],
    rejected: (rejected.get(row.sequence) ?? []).map((one) => ({
      kind: one.kind,
      cause: one.cause,
      reference: one.reference,
      reason: one.reason,
      detail: one.detail,
      request: one.request,
      isFinal: one.is_final,
    })),
  }));
}

async function journalSpan(tx: SqlExecutor): Promise<JournalSpan | undefined> {
  const [row] = await tx.query<{ first: bigint | null; last: bigint | null }>(
    'SELECT min(sequence) AS first, max(sequence) AS last FROM journals',
  );
  return row?.first == null || row.last == null ? undefined : { first: row.first, last: row.last };
}

interface SnapshotRow extends SqlRow {
  sequence: bigint;
  ids: string;
  debits: string;
  credits: string;
}

/** Each in one row: it has every account, and a row of its own costs each more than what is in it. */
async function snapshots(tx: SqlExecutor, accounts: AccountNames, after: bigint, limit: number): Promise<Snapshot[]> {
  const listed = (column: string) => `string_agg(${column}::text, ',' ORDER BY account_id)`;
  const rows = await tx.query<SnapshotRow>(
    `SELECT journal_sequence AS sequence, ${listed('account_id')} AS ids, ${listed('debit_minor')} AS debits,
       ${listed('credit_minor')} AS credits
     FROM total_snapshots WHERE journal_sequence IN (
       SELECT DISTINCT journal_sequence FROM total_snapshots WHERE journal_sequence > $1 ORDER BY 1 LIMIT $2)
     GROUP BY journal_sequence ORDER BY journal_sequence`,
    [after, limit],
  );
  const numbersOf = (list: string) => list.split(',').map(BigInt);
  const read = rows.map((row) => ({
    sequence: row.sequence,
    ids: numbersOf(row.ids),
    debits: numbersOf(row.debits),
    credits: numbersOf(row.credits),
  }));
  const names = await accounts.of(read.flatMap(({ ids }) => ids));
  return read.map(({ sequence, ids, debits, credits }) => ({
    sequence,
    totals: ids.flatMap((id, index) => {
      const name = names.get(id);
      const [debit = 0n, credit = 0n] = [debits[index], credits[index]];
      return name === undefined ? [] : { code: name.code, currency: name.currency, debit, credit };
    }),
  }));
}
