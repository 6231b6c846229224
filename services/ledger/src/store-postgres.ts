/**
 * The book in PostgreSQL. A batch is written with one statement for each table, its rows as arrays (`unnest`), and one
 * UPDATE adds the folded deltas, account ids sorted; so the cost of a batch hardly grows with the number of its journals.
 */
import type { Sql, SqlExecutor, SqlRow, SqlTransaction, SqlValue } from '@suuupra/platform/sql/sql';
import type { Batch } from './chain.ts';
import { type AccountType, accountKind, type Side } from './chart.ts';
import type { SoldLine, Transfer } from './journals.ts';
import {
  type Applied,
  accountKey,
  accountsNeeded,
  identity,
  type LedgerCommand,
  type LedgerState,
  needs,
  type Totals,
} from './ledger.ts';
import type {
  AccountTotals,
  EntryFilter,
  Head,
  LedgerReader,
  LedgerStore,
  RecordedJournal,
  Snapshot,
  SoldLineKey,
  StoredBatch,
} from './store.ts';

export interface PostgresLedgerOptions {
  /** The totals are kept after this many journals; a past balance adds up at most so many. */
  readonly snapshotEvery?: bigint;
}

const defaultSnapshotEvery = 5_000n;

export function postgresLedger(sql: Sql, options: PostgresLedgerOptions = {}): LedgerStore {
  const snapshotEvery = options.snapshotEvery ?? defaultSnapshotEvery;
  return {
    begin,
    write: (tx, state, applied) => write(tx, state, applied, snapshotEvery),
    reading: (work) => sql.transaction((tx) => work(readerOn(tx)), { isolation: 'repeatable read', readOnly: true }),
  };
}

interface WriterRow extends SqlRow {
  epoch: bigint;
  batch_sequence: bigint;
  journal_sequence: bigint;
  recorded_at_us: bigint;
  hash: Buffer;
}

async function begin(tx: SqlTransaction, commands: readonly LedgerCommand[]): Promise<LedgerState> {
  const [writer] = await tx.query<WriterRow>('SELECT * FROM ledger_writer WHERE shard = 0 FOR UPDATE');
  if (writer === undefined) throw new Error('the ledger has no writer row');
  const { identities, lineIds } = needs(commands);
  const lines = await readLines(tx, lineIds);
  return {
    epoch: writer.epoch,
    batchSequence: writer.batch_sequence,
    journalSequence: writer.journal_sequence,
    recordedAtUs: writer.recorded_at_us,
    hash: writer.hash,
    journals: await readIdentities(tx, identities),
    lines,
    totals: await readTotals(tx, accountsNeeded(commands, lines)),
  };
}

async function readIdentities(tx: SqlExecutor, identities: [string, string][]): Promise<Map<string, bigint>> {
  const rows = await tx.query<{ kind: string; cause: string; sequence: bigint }>(
    `SELECT kind, cause, sequence FROM journals
     JOIN unnest($1::text[], $2::text[]) AS wanted (kind, cause) USING (kind, cause)`,
    [identities.map(([kind]) => kind), identities.map(([, cause]) => cause)],
  );
  return new Map(rows.map((row) => [identity(row.kind, row.cause), row.sequence]));
}

async function readTotals(tx: SqlExecutor, accounts: [string, string][]): Promise<Map<string, Totals>> {
  const rows = await tx.query<AccountRow>(
    `${selectAccounts} JOIN unnest($1::text[], $2::text[]) AS wanted (code, currency) USING (code, currency)`,
    [accounts.map(([code]) => code), accounts.map(([, currency]) => currency)],
  );
  return new Map(rows.map((row) => [accountKey(row.code, row.currency), { debit: row.debit, credit: row.credit }]));
}

async function write(tx: SqlTransaction, state: LedgerState, applied: Applied, snapshotEvery: bigint): Promise<void> {
  if (applied.batch === undefined) return;
  const { batch, hash } = applied.batch;
  await moveWriter(tx, state, batch, hash);
  const ids = await openAccounts(tx, [...applied.deltas.keys()]);
  await insertBatch(tx, batch, hash);
  await insertJournals(tx, batch);
  await insertTransfers(tx, batch, ids);
  await addDeltas(tx, applied.deltas, ids);
  await putLines(tx, [...applied.lines.values()]);
  const last = state.journalSequence + BigInt(batch.journals.length);
  if (last / snapshotEvery > state.journalSequence / snapshotEvery) await keepSnapshot(tx, last);
}

/** The fence: epoch, gapless sequence and hash chain in one row that must be exactly where the state says. */
async function moveWriter(tx: SqlExecutor, state: LedgerState, batch: Batch, hash: Uint8Array): Promise<void> {
  const moved = await tx.execute(
    `UPDATE ledger_writer SET batch_sequence = $1, journal_sequence = $2, recorded_at_us = $3, hash = $4
     WHERE shard = 0 AND epoch = $5 AND batch_sequence = $6`,
    [
      batch.sequence,
      state.journalSequence + BigInt(batch.journals.length),
      batch.recordedAtUs,
      hash,
      state.epoch,
      state.batchSequence,
    ],
  );
  if (moved !== 1) throw new Error(`the ledger was written by another writer after batch ${state.batchSequence}`);
}

/** Opens the accounts that are not open yet and gives the ids of all, by accountKey. */
async function openAccounts(tx: SqlExecutor, keys: readonly string[]): Promise<Map<string, bigint>> {
  const known = await accountIds(tx, keys);
  const missing = keys.filter((key) => !known.has(key));
  if (missing.length === 0) return known;
  const opened = missing.map((key) => {
    const [code = '', currency = ''] = key.split(' ');
    const kind = accountKind(code);
    if (kind === undefined) throw new Error(`the account ${code} is not in the chart`);
    return { ...kind, currency };
  });
  await tx.execute(
    `INSERT INTO accounts (code, currency, name, type, normal_side)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])`,
    [
      opened.map((account) => account.code),
      opened.map((account) => account.currency),
      opened.map((account) => account.name),
      opened.map((account) => account.type),
      opened.map((account) => account.normalSide),
    ],
  );
  const added = await accountIds(tx, missing);
  await tx.execute('INSERT INTO account_totals SELECT id, 0, 0 FROM unnest($1::bigint[]) AS id', [[...added.values()]]);
  return new Map([...known, ...added]);
}

async function accountIds(tx: SqlExecutor, keys: readonly string[]): Promise<Map<string, bigint>> {
  const rows = await tx.query<{ id: bigint; code: string; currency: string }>(
    `SELECT id, code, currency FROM accounts
     JOIN unnest($1::text[], $2::text[]) AS wanted (code, currency) USING (code, currency)`,
    [keys.map((key) => key.split(' ')[0] ?? ''), keys.map((key) => key.split(' ')[1] ?? '')],
  );
  return new Map(rows.map((row) => [accountKey(row.code, row.currency), row.id]));
}

async function insertBatch(tx: SqlExecutor, batch: Batch, hash: Uint8Array): Promise<void> {
  await tx.execute(
    `INSERT INTO batches (sequence, epoch, recorded_at_us, first_journal, last_journal, hash)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [
      batch.sequence,
      batch.epoch,
      batch.recordedAtUs,
      batch.journals[0]?.sequence ?? 0n,
      batch.journals.at(-1)?.sequence ?? 0n,
      hash,
    ],
  );
}

async function insertJournals(tx: SqlExecutor, batch: Batch): Promise<void> {
  const { journals } = batch;
  await tx.execute(
    `INSERT INTO journals (sequence, id, kind, cause, reference, description, currency, effective_at_us,
       batch_sequence, recorded_at_us)
     SELECT added.*, $9, $10 FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
       $7::text[], $8::bigint[]) AS added`,
    [
      journals.map((journal) => journal.sequence),
      journals.map((journal) => journal.id),
      journals.map((journal) => journal.kind),
      journals.map((journal) => journal.cause),
      journals.map((journal) => journal.reference),
      journals.map((journal) => journal.description),
      journals.map((journal) => journal.currency),
      journals.map((journal) => journal.effectiveAtUs),
      batch.sequence,
      batch.recordedAtUs,
    ],
  );
}

async function insertTransfers(tx: SqlExecutor, batch: Batch, ids: ReadonlyMap<string, bigint>): Promise<void> {
  const rows = batch.journals.flatMap(({ sequence, currency, transfers }) =>
    transfers.map((transfer, index) => ({ sequence, currency, position: index + 1, ...transfer })),
  );
  const idOf = (code: string, currency: string): SqlValue => ids.get(accountKey(code, currency)) ?? null;
  await tx.execute(
    `INSERT INTO transfers (journal_sequence, position, debit_account_id, credit_account_id, amount_minor, currency)
     SELECT * FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])`,
    [
      rows.map((row) => row.sequence),
      rows.map((row) => row.position),
      rows.map((row) => idOf(row.debit, row.currency)),
      rows.map((row) => idOf(row.credit, row.currency)),
      rows.map((row) => row.amount),
      rows.map((row) => row.currency),
    ],
  );
}

async function addDeltas(
  tx: SqlExecutor,
  deltas: ReadonlyMap<string, Totals>,
  ids: ReadonlyMap<string, bigint>,
): Promise<void> {
  const rows = [...deltas]
    .map(([key, totals]) => ({ id: ids.get(key) ?? 0n, ...totals }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const touched = await tx.execute(
    `UPDATE account_totals SET debit_minor = debit_minor + added.debit, credit_minor = credit_minor + added.credit
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS added (id, debit, credit) WHERE account_id = added.id`,
    [rows.map((row) => row.id), rows.map((row) => row.debit), rows.map((row) => row.credit)],
  );
  if (touched !== rows.length) throw new Error(`${rows.length - touched} of ${rows.length} accounts have no totals`);
}

async function keepSnapshot(tx: SqlExecutor, sequence: bigint): Promise<void> {
  await tx.execute(
    `INSERT INTO total_snapshots (journal_sequence, account_id, debit_minor, credit_minor)
     SELECT $1, account_id, debit_minor, credit_minor FROM account_totals`,
    [sequence],
  );
}

const lineColumns = `line_id, order_id, course_id, course_title, instructor_id, currency, sold_by, sold_at_us,
  gross_minor, tax_minor, net_minor, fee_minor, share_minor,
  refunded_tax_minor, refunded_net_minor, refunded_fee_minor, refunded_share_minor`;

async function putLines(tx: SqlExecutor, lines: readonly SoldLine[]): Promise<void> {
  if (lines.length === 0) return;
  const numbers = Array.from({ length: 11 }, (_, index) => `$${index + 7}::bigint[]`).join(', ');
  await tx.execute(
    `INSERT INTO sold_lines (${lineColumns})
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], ${numbers})
     ON CONFLICT (line_id) DO UPDATE SET refunded_tax_minor = excluded.refunded_tax_minor,
       refunded_net_minor = excluded.refunded_net_minor, refunded_fee_minor = excluded.refunded_fee_minor,
       refunded_share_minor = excluded.refunded_share_minor`,
    [
      lines.map((line) => line.lineId),
      lines.map((line) => line.orderId),
      lines.map((line) => line.courseId),
      lines.map((line) => line.courseTitle),
      lines.map((line) => line.instructorId),
      lines.map((line) => line.currency),
      lines.map((line) => line.soldBy),
      lines.map((line) => line.soldAtUs),
      lines.map((line) => line.gross),
      lines.map((line) => line.tax),
      lines.map((line) => line.net),
      lines.map((line) => line.fee),
      lines.map((line) => line.share),
      lines.map((line) => line.refunded.tax),
      lines.map((line) => line.refunded.net),
      lines.map((line) => line.refunded.fee),
      lines.map((line) => line.refunded.share),
    ],
  );
}

async function readLines(tx: SqlExecutor, lineIds: readonly string[]): Promise<Map<string, SoldLine>> {
  const rows = await tx.query<LineRow>(`SELECT ${lineColumns} FROM sold_lines WHERE line_id = ANY($1)`, [lineIds]);
  return new Map(rows.map((row) => [row.line_id, lineOf(row)]));
}

interface LineRow extends SqlRow {
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
}

function lineOf(row: LineRow): SoldLine {
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
    },
  };
}

interface AccountRow extends SqlRow {
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

function readerOn(tx: SqlExecutor): LedgerReader {
  return {
    head: () => head(tx),
    sequenceAt: async (atUs) => {
      const [row] = await tx.query<{ sequence: bigint }>(
        'SELECT sequence FROM journals WHERE recorded_at_us <= $1 ORDER BY recorded_at_us DESC, sequence DESC LIMIT 1',
        [atUs],
      );
      return row?.sequence ?? 0n;
    },
    totals: async () => (await tx.query<AccountRow>(`${selectAccounts} ORDER BY currency, code`)).map(accountOf),
    totalsAfter: (sequence) => totalsAfter(tx, sequence),
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
    batches: (after, limit) => batches(tx, after, limit),
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

/** The newest snapshot at or before the journal, and the transfers from there on. */
async function totalsAfter(tx: SqlExecutor, sequence: bigint): Promise<AccountTotals[]> {
  const rows = await tx.query<AccountRow>(
    `WITH start AS (
       SELECT coalesce(max(journal_sequence), 0) AS sequence FROM total_snapshots WHERE journal_sequence <= $1
     ), parts AS (
       SELECT account_id, debit_minor AS debit, credit_minor AS credit
       FROM total_snapshots JOIN start ON journal_sequence = start.sequence
       UNION ALL
       SELECT debit_account_id, amount_minor, 0 FROM transfers, start
       WHERE journal_sequence > start.sequence AND journal_sequence <= $1
       UNION ALL
       SELECT credit_account_id, 0, amount_minor FROM transfers, start
       WHERE journal_sequence > start.sequence AND journal_sequence <= $1
     ), summed AS (
       SELECT account_id, sum(debit)::bigint AS debit, sum(credit)::bigint AS credit FROM parts GROUP BY account_id
     )
     SELECT ${accountColumns}, debit, credit FROM summed JOIN accounts ON account_id = id ORDER BY currency, code`,
    [sequence],
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
}

interface StoredJournal extends RecordedJournal {
  readonly batchSequence: bigint;
}

/** A code says its currency only where it is not the journal's, which nothing but tampering can bring about. */
function codeAs(account: string): string {
  return `CASE WHEN ${account}.currency = journals.currency AND transfers.currency = journals.currency
    THEN ${account}.code ELSE ${account}.code || ' in ' || ${account}.currency END`;
}

async function withTransfers(tx: SqlExecutor, rows: readonly JournalRow[]): Promise<StoredJournal[]> {
  const transfers = await tx.query<{ journal_sequence: bigint; debit: string; credit: string; amount: bigint }>(
    `SELECT journal_sequence, ${codeAs('d')} AS debit, ${codeAs('c')} AS credit, amount_minor AS amount
     FROM transfers JOIN journals ON sequence = journal_sequence
     JOIN accounts d ON d.id = debit_account_id JOIN accounts c ON c.id = credit_account_id
     WHERE journal_sequence = ANY($1) ORDER BY journal_sequence, position`,
    [rows.map((row) => row.sequence)],
  );
  const byJournal = new Map<bigint, Transfer[]>(rows.map((row) => [row.sequence, []]));
  for (const { journal_sequence, debit, credit, amount } of transfers)
    byJournal.get(journal_sequence)?.push({ debit, credit, amount });
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
    transfers: byJournal.get(row.sequence) ?? [],
  }));
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

interface BatchRow extends SqlRow {
  sequence: bigint;
  epoch: bigint;
  recorded_at_us: bigint;
  first_journal: bigint;
  last_journal: bigint;
  hash: Buffer;
}

async function batches(tx: SqlExecutor, after: bigint, limit: number): Promise<StoredBatch[]> {
  const rows = await tx.query<BatchRow>('SELECT * FROM batches WHERE sequence > $1 ORDER BY sequence LIMIT $2', [
    after,
    limit,
  ]);
  const journalRows = await tx.query<JournalRow>(
    'SELECT * FROM journals WHERE batch_sequence = ANY($1) ORDER BY sequence',
    [rows.map((row) => row.sequence)],
  );
  const journals = Map.groupBy(await withTransfers(tx, journalRows), (journal) => journal.batchSequence);
  return rows.map((row) => ({
    sequence: row.sequence,
    epoch: row.epoch,
    recordedAtUs: row.recorded_at_us,
    firstJournal: row.first_journal,
    lastJournal: row.last_journal,
    hash: row.hash,
    journals: journals.get(row.sequence) ?? [],
  }));
}

async function snapshots(tx: SqlExecutor, after: bigint, limit: number): Promise<Snapshot[]> {
  const rows = await tx.query<AccountRow & { sequence: bigint }>(
    `SELECT journal_sequence AS sequence, ${accountColumns}, debit_minor AS debit, credit_minor AS credit
     FROM total_snapshots JOIN accounts ON account_id = id
     WHERE journal_sequence IN (
       SELECT DISTINCT journal_sequence FROM total_snapshots WHERE journal_sequence > $1 ORDER BY 1 LIMIT $2)
     ORDER BY journal_sequence, currency, code`,
    [after, limit],
  );
  const bySequence = Map.groupBy(rows, (row) => row.sequence);
  return [...bySequence].map(([sequence, totals]) => ({ sequence, totals: totals.map(accountOf) }));
}
