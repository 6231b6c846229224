/**
 * The book in MariaDB 10.11 or MySQL 8. A batch is written with one multi-row INSERT for each table, and one UPDATE adds the
 * folded deltas of all touched accounts, joined from JSON (amounts as text, so exact), account ids sorted.
 */
import { insertRows } from '@suuupra/platform/sql/mysql-rows';
import { durabilityGap } from '@suuupra/platform/sql/open-sql';
import type { Sql, SqlExecutor, SqlRow, SqlTransaction, SqlValue } from '@suuupra/platform/sql/sql';
import { type AccountState, type AccountStatus, changedMonitors, monitorsOf, newAccount } from './account.ts';
import { type Batch, formatNow } from './chain.ts';
import { accountKind } from './chart.ts';
import { accountKey, identity, type Known, type KnownJournal, type Needs, pairKey } from './command.ts';
import type { SoldLine, Transfer } from './journals.ts';
import type { AccountChange, Applied, Loaded, Place } from './ledger.ts';
import { lineTaxesText } from './line-taxes.ts';
import { type JournalRow, mysqlReading, type RejectionRow, rejectionOf, withTransfers } from './reader-mysql.ts';
import { type LineRow, lineColumns, lineOf, type WriterRow } from './reader-postgres.ts';
import { BookClosed, type LedgerStore } from './store.ts';

export interface MysqlLedgerOptions {
  /** The totals are kept after this many journals; a past balance adds up at most so many. */
  readonly snapshotEvery?: bigint;
  /** Told before and after each statement of a commit, by name; a test stops there. */
  readonly failpoint?: (name: string) => Promise<void>;
}

const defaultSnapshotEvery = 5_000n;
/** A writer that falls silent in mid-commit is cut off after this time, so that another can take over. */
const silentSecondsMax = 5;

export function mysqlLedger(sql: Sql, options: MysqlLedgerOptions = {}): LedgerStore {
  const snapshotEvery = options.snapshotEvery ?? defaultSnapshotEvery;
  const at = options.failpoint ?? (async () => {});
  let cutsSilence: Promise<boolean> | undefined;
  return {
    ...mysqlReading(sql),
    durabilityGap: () => durabilityGap(sql),
    takeOver: () =>
      sql.transaction(async (tx) => {
        const taken = await tx.execute('UPDATE ledger_writer SET epoch = epoch + 1 WHERE shard = 0 AND epoch > 0');
        if (taken === 0) throw new BookClosed();
        return lockedPlace(tx);
      }),
    place: () => sql.transaction(lockedPlace),
    load: (needs) => load(sql, needs),
    dueHolds: (nowUs, limit) => dueHolds(sql, nowUs, limit),
    batchHash: async (sequence) => {
      const [row] = await sql.query<{ hash: Buffer }>('SELECT hash FROM batches WHERE sequence = ?', [sequence]);
      return row?.hash;
    },
    commit: async (from, applied, also) => {
      cutsSilence ??= isMariadb(sql);
      const isMaria = await cutsSilence;
      const outcome = await sql.transaction(async (tx) => {
        if (isMaria) await tx.execute('SET SESSION idle_write_transaction_timeout = ?', [silentSecondsMax]);
        const moved = await moveWriter(tx, from, applied);
        await at('after fence');
        if (!moved) return 'fenced';
        await write(tx, { from, applied, snapshotEvery, at });
        await also?.(tx);
        await at('before commit');
        return 'committed';
      });
      await at('after commit');
      return outcome;
    },
  };
}

interface PlaceRow extends WriterRow {
  sealed_until_us: bigint;
}

async function lockedPlace(tx: SqlTransaction): Promise<Place> {
  const [row] = await tx.query<PlaceRow>('SELECT * FROM ledger_writer WHERE shard = 0 FOR UPDATE');
  if (row === undefined) throw new Error('the ledger has no writer row');
  return {
    epoch: row.epoch,
    batchSequence: row.batch_sequence,
    journalSequence: row.journal_sequence,
    recordedAtUs: row.recorded_at_us,
    hash: row.hash,
    sealedUntilUs: row.sealed_until_us,
  };
}

/** Only MariaDB can end a transaction that has written and then falls silent; MySQL waits for the connection to die. */
async function isMariadb(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ version: string }>('SELECT VERSION() AS version');
  return row?.version.includes('MariaDB') === true;
}

async function load(sql: Sql, needs: Needs): Promise<Loaded> {
  return {
    known: await readKnown(sql, needs.identities),
    accounts: await readAccounts(sql, needs.accounts),
    lines: await readLines(sql, needs.lineIds),
    targets: await readTargets(sql, needs.targets),
  };
}

async function readLines(executor: SqlExecutor, lineIds: readonly string[]): Promise<Map<string, SoldLine>> {
  if (lineIds.length === 0) return new Map();
  const rows = await executor.query<LineRow>(`SELECT ${lineColumns} FROM sold_lines WHERE line_id IN (?)`, [lineIds]);
  return new Map(rows.map((row) => [row.line_id, lineOf(row)]));
}

/** A target is the id or the cause of a journal; several journals may have one cause. */
async function readTargets(
  executor: SqlExecutor,
  targets: readonly string[],
): Promise<Map<string, readonly KnownJournal[]>> {
  if (targets.length === 0) return new Map();
  const rows = await executor.query<JournalRow>(
    'SELECT * FROM journals WHERE cause IN (?) UNION SELECT * FROM journals WHERE id IN (?) ORDER BY sequence',
    [targets, targets],
  );
  const journals = await withOutcome(executor, rows);
  return new Map(
    targets.map((target) => [target, journals.filter(({ id, cause }) => id === target || cause === target)]),
  );
}

async function readKnown(
  executor: SqlExecutor,
  identities: readonly (readonly [string, string])[],
): Promise<Map<string, Known>> {
  if (identities.length === 0) return new Map();
  const pairs = identities.map(([kind, cause]) => [cause, kind]);
  const known = new Map<string, Known>();
  const rejections = await executor.query<RejectionRow>(
    'SELECT * FROM rejections WHERE (cause, kind) IN (?) AND is_final',
    [pairs],
  );
  for (const row of rejections)
    known.set(identity(row.kind, row.cause), { kind: 'rejection', rejection: rejectionOf(row) });
  const rows = await executor.query<JournalRow>('SELECT * FROM journals WHERE (cause, kind) IN (?)', [pairs]);
  for (const journal of await withOutcome(executor, rows))
    known.set(identity(journal.kind, journal.cause), { kind: 'journal', journal });
  return known;
}

/** What the kind of a journal that resolves a hold makes of it. */
const outcomes: Readonly<Record<string, KnownJournal['resolvedAs']>> = {
  post_pending: 'already_posted',
  void_pending: 'already_voided',
  hold_expired: 'expired',
};

/** The journals with what became of them: how their holds were resolved, and what of them was taken back. */
async function withOutcome(executor: SqlExecutor, rows: readonly JournalRow[]): Promise<KnownJournal[]> {
  if (rows.length === 0) return [];
  const sequences = rows.map((row) => row.sequence);
  const resolvers = await executor.query<{ resolves_sequence: bigint; kind: string }>(
    'SELECT resolves_sequence, kind FROM journals WHERE resolves_sequence IN (?)',
    [sequences],
  );
  const resolved = new Map(resolvers.map(({ resolves_sequence, kind }) => [resolves_sequence, outcomes[kind]]));
  const reversals = Map.groupBy(
    await executor.query<{ reverses: bigint; debit: string; credit: string; amount: bigint }>(
      `SELECT reverses_sequence AS reverses, d.code AS debit, c.code AS credit,
         CAST(SUM(amount_minor) AS SIGNED) AS amount
       FROM journals JOIN transfers ON journal_sequence = sequence
       JOIN accounts d ON d.id = debit_account_id JOIN accounts c ON c.id = credit_account_id
       WHERE reverses_sequence IN (?) GROUP BY reverses_sequence, d.code, c.code`,
      [sequences],
    ),
    (row) => row.reverses,
  );
  return (await withTransfers(executor, rows)).map((journal) => {
    const resolvedAs = resolved.get(journal.sequence);
    const back = reversals.get(journal.sequence) ?? [];
    const reversed = new Map(back.map(({ debit, credit, amount }) => [pairKey(credit, debit), amount]));
    return { ...journal, reversed, ...(resolvedAs === undefined ? {} : { resolvedAs }) };
  });
}

interface StateRow extends SqlRow {
  code: string;
  currency: string;
  debit_minor: bigint;
  credit_minor: bigint;
  pending_debit_minor: bigint;
  pending_credit_minor: bigint;
  net_min_minor: bigint | null;
  net_max_minor: bigint | null;
  status: AccountStatus;
  monitors: string;
}

async function readAccounts(
  executor: SqlExecutor,
  names: readonly (readonly [string, string])[],
): Promise<Map<string, AccountState>> {
  if (names.length === 0) return new Map();
  const rows = await executor.query<StateRow>(
    `SELECT code, currency, debit_minor, credit_minor, pending_debit_minor, pending_credit_minor, net_min_minor,
       net_max_minor, status, monitors
     FROM accounts JOIN account_totals ON account_id = id WHERE (code, currency) IN (?)`,
    [names],
  );
  return new Map(
    rows.map((row) => [
      accountKey(row.code, row.currency),
      {
        debit: row.debit_minor,
        credit: row.credit_minor,
        pendingDebit: row.pending_debit_minor,
        pendingCredit: row.pending_credit_minor,
        netMin: row.net_min_minor ?? undefined,
        netMax: row.net_max_minor ?? undefined,
        status: row.status,
        monitors: monitorsOf(row.monitors),
      },
    ]),
  );
}

async function dueHolds(
  sql: Sql,
  nowUs: bigint,
  limit: number,
): Promise<{ readonly due: readonly KnownJournal[]; readonly nextUs: bigint }> {
  const rows = await sql.query<{ journal_sequence: bigint; expires_at_us: bigint }>(
    'SELECT * FROM open_holds WHERE expires_at_us > 0 ORDER BY expires_at_us, journal_sequence LIMIT ?',
    [limit + 1],
  );
  const due = rows.filter((row) => row.expires_at_us <= nowUs).slice(0, limit);
  const nextUs = rows[due.length]?.expires_at_us ?? 0n;
  if (due.length === 0) return { due: [], nextUs };
  const journals = await sql.query<JournalRow>('SELECT * FROM journals WHERE sequence IN (?) ORDER BY sequence', [
    due.map((row) => row.journal_sequence),
  ]);
  return { due: await withOutcome(sql, journals), nextUs };
}

/**
 * The fence: epoch, gapless sequence and hash chain in one row that must be exactly where the caller saw it. It comes first,
 * so that what follows is written in the order of the sequence.
 */
async function moveWriter(tx: SqlExecutor, from: Place, { batch }: Applied): Promise<boolean> {
  if (batch === undefined) return false;
  const to = batch.place;
  const moved = await tx.execute(
    `UPDATE ledger_writer SET batch_sequence = ?, journal_sequence = ?, recorded_at_us = ?, hash = ?, sealed_until_us = ?
     WHERE shard = 0 AND epoch = ? AND batch_sequence = ? AND hash = ? AND sealed_until_us = ?
       AND recorded_at_us = ?`,
    [
      ...[to.batchSequence, to.journalSequence, to.recordedAtUs, to.hash, to.sealedUntilUs],
      ...[from.epoch, from.batchSequence, from.hash, from.sealedUntilUs, from.recordedAtUs],
    ],
  );
  return moved === 1;
}

interface Writing {
  readonly from: Place;
  readonly applied: Applied;
  readonly snapshotEvery: bigint;
  readonly at: (name: string) => Promise<void>;
}

async function write(tx: SqlExecutor, { from, applied, snapshotEvery, at }: Writing): Promise<void> {
  if (applied.batch === undefined) return;
  const { batch, hash, place } = applied.batch;
  const ids = await findAccounts(tx, [...applied.accounts.values()]);
  await at('after accounts');
  await insertBatch(tx, from, batch, hash);
  await insertJournals(tx, batch);
  await at('after journals');
  await insertMoved(tx, batch, ids);
  await insertRejected(tx, batch);
  await at('after rejections');
  await changeAccounts(tx, [...applied.accounts.values()], ids);
  await at('after accounts changed');
  await putLines(tx, [...applied.lines.values()]);
  if (place.journalSequence / snapshotEvery > from.journalSequence / snapshotEvery)
    await keepSnapshot(tx, place.journalSequence);
}

type AccountIds = ReadonlyMap<string, bigint>;

/** The ids of all accounts of the batch, by accountKey; opens those that are not open yet. */
async function findAccounts(tx: SqlExecutor, changes: readonly AccountChange[]): Promise<AccountIds> {
  const known = await accountIds(tx, changes);
  const missing = changes.filter(({ code, currency }) => !known.has(accountKey(code, currency)));
  if (missing.length === 0) return known;
  await insertRows(
    tx,
    'INSERT INTO accounts (code, currency, name, type, normal_side) VALUES ?',
    missing.map(({ code, currency }) => {
      const kind = accountKind(code);
      if (kind === undefined) throw new Error(`the account ${code} is not in the chart`);
      return [code, currency, kind.name, kind.type, kind.normalSide];
    }),
  );
  const added = await accountIds(tx, missing);
  await insertRows(
    tx,
    'INSERT INTO account_totals (account_id, debit_minor, credit_minor) VALUES ?',
    [...added.values()].map((id) => [id, 0n, 0n]),
  );
  return new Map([...known, ...added]);
}

async function accountIds(tx: SqlExecutor, changes: readonly AccountChange[]): Promise<AccountIds> {
  if (changes.length === 0) return new Map();
  const rows = await tx.query<{ id: bigint; code: string; currency: string }>(
    'SELECT id, code, currency FROM accounts WHERE (code, currency) IN (?)',
    [changes.map(({ code, currency }) => [code, currency])],
  );
  return new Map(rows.map((row) => [accountKey(row.code, row.currency), row.id]));
}

async function insertBatch(tx: SqlExecutor, from: Place, batch: Batch, hash: Uint8Array): Promise<void> {
  const first = from.journalSequence + 1n;
  await tx.execute(
    `INSERT INTO batches (sequence, epoch, recorded_at_us, first_journal, last_journal, hash, format)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    [
      ...[batch.sequence, batch.epoch, batch.recordedAtUs, first],
      ...[first + BigInt(batch.journals.length) - 1n, hash, batch.format ?? formatNow],
    ],
  );
}

async function insertJournals(tx: SqlExecutor, batch: Batch): Promise<void> {
  await insertRows(
    tx,
    `INSERT INTO journals (sequence, id, batch_sequence, kind, cause, reference, description, currency, effective_at_us,
       recorded_at_us, template, details, resolves_sequence, reverses_sequence) VALUES ?`,
    batch.journals.map((journal) => [
      ...[journal.sequence, journal.id, batch.sequence, journal.kind, journal.cause, journal.reference],
      ...[journal.description, journal.currency, journal.effectiveAtUs, batch.recordedAtUs],
      ...[journal.template ?? '', journal.details ?? ''],
      ...[link(journal.resolves), link(journal.reverses)],
    ]),
  );
}

function link(sequence: bigint | undefined): bigint | null {
  return sequence === undefined || sequence === 0n ? null : sequence;
}

/** Transfers, holds, and the queue of holds that nobody has resolved yet. */
async function insertMoved(tx: SqlExecutor, { journals }: Batch, ids: AccountIds): Promise<void> {
  const rowOf = (sequence: bigint, currency: string) => (moved: Transfer, index: number) => [
    ...[sequence, index + 1, ids.get(accountKey(moved.debit, currency)) ?? null],
    ...[ids.get(accountKey(moved.credit, currency)) ?? null, moved.amount, currency],
  ];
  const columns = 'journal_sequence, position, debit_account_id, credit_account_id, amount_minor, currency';
  const transfers = journals.flatMap(({ sequence, currency, transfers }) => transfers.map(rowOf(sequence, currency)));
  await insertRows(tx, `INSERT INTO transfers (${columns}) VALUES ?`, transfers);
  const holding = journals.filter(({ holds = [] }) => holds.length > 0);
  const holds = holding.flatMap(({ sequence, currency, holds = [], expiresAtUs = 0n }) =>
    holds.map((moved, index): SqlValue[] => [...rowOf(sequence, currency)(moved, index), expiresAtUs]),
  );
  await insertRows(tx, `INSERT INTO holds (${columns}, expires_at_us) VALUES ?`, holds);
  const open = holding.map(({ sequence, expiresAtUs = 0n }) => [sequence, expiresAtUs]);
  await insertRows(tx, 'INSERT INTO open_holds (journal_sequence, expires_at_us) VALUES ?', open);
  const resolved = journals.map(({ resolves }) => link(resolves)).filter((sequence) => sequence !== null);
  if (resolved.length === 0) return;
  const closed = await tx.execute('DELETE FROM open_holds WHERE journal_sequence IN (?)', [resolved]);
  if (closed !== resolved.length) throw new Error('a hold was resolved that is not open');
}

async function insertRejected(tx: SqlExecutor, { sequence, rejected = [] }: Batch): Promise<void> {
  await insertRows(
    tx,
    `INSERT INTO rejections (batch_sequence, position, kind, cause, reference, reason, detail, request, is_final)
     VALUES ?`,
    rejected.map((one, index) => [
      ...[sequence, index + 1, one.kind, one.cause, one.reference, one.reason, one.detail, one.request],
      one.isFinal,
    ]),
  );
}

/** One UPDATE for all: what moved is added, what was decided (limits, state, monitors) is set. */
async function changeAccounts(tx: SqlExecutor, changes: readonly AccountChange[], ids: AccountIds): Promise<void> {
  if (changes.length === 0) return;
  const rows = changes
    .map(({ code, currency, before = newAccount, after }) => ({
      id: ids.get(accountKey(code, currency)) ?? 0n,
      debit: String(after.debit - before.debit),
      credit: String(after.credit - before.credit),
      pendingDebit: String(after.pendingDebit - before.pendingDebit),
      pendingCredit: String(after.pendingCredit - before.pendingCredit),
      netMin: after.netMin === undefined ? null : String(after.netMin),
      netMax: after.netMax === undefined ? null : String(after.netMax),
      status: after.status,
      monitors: changedMonitors(before, after),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const touched = await tx.execute(
    `UPDATE account_totals JOIN JSON_TABLE(?, '$[*]' COLUMNS (
         id bigint PATH '$.id', debit bigint PATH '$.debit', credit bigint PATH '$.credit',
         pending_debit bigint PATH '$.pendingDebit', pending_credit bigint PATH '$.pendingCredit',
         net_min bigint PATH '$.netMin', net_max bigint PATH '$.netMax',
         new_status varchar(10) PATH '$.status', new_monitors text PATH '$.monitors'
       )) AS changed ON changed.id = account_id
     SET debit_minor = debit_minor + changed.debit, credit_minor = credit_minor + changed.credit,
       pending_debit_minor = pending_debit_minor + changed.pending_debit,
       pending_credit_minor = pending_credit_minor + changed.pending_credit,
       net_min_minor = changed.net_min, net_max_minor = changed.net_max,
       status = changed.new_status, monitors = coalesce(changed.new_monitors, account_totals.monitors)`,
    [JSON.stringify(rows.map((row) => ({ ...row, id: String(row.id) })))],
  );
  if (touched !== rows.length) throw new Error(`${rows.length - touched} of ${rows.length} accounts have no totals`);
}

/** The accounts that moved since the snapshot before. */
async function keepSnapshot(tx: SqlExecutor, sequence: bigint): Promise<void> {
  const [before] = await tx.query<{ sequence: bigint | null }>(
    'SELECT MAX(journal_sequence) AS sequence FROM total_snapshots',
  );
  const range = [(before?.sequence ?? 0n) + 1n, sequence];
  await tx.execute(
    `INSERT INTO total_snapshots (journal_sequence, account_id, debit_minor, credit_minor)
     SELECT ?, account_id, debit_minor, credit_minor FROM (
       SELECT debit_account_id AS id FROM transfers WHERE journal_sequence BETWEEN ? AND ?
       UNION SELECT credit_account_id FROM transfers WHERE journal_sequence BETWEEN ? AND ?
     ) AS moved JOIN account_totals ON account_id = moved.id`,
    [sequence, ...range, ...range],
  );
}

async function putLines(tx: SqlExecutor, lines: readonly SoldLine[]): Promise<void> {
  await insertRows(
    tx,
    `INSERT INTO sold_lines (line_id, order_id, course_id, course_title, instructor_id, currency, sold_by, sold_at_us,
       gross_minor, tax_minor, net_minor, fee_minor, share_minor, refunded_tax_minor, refunded_net_minor,
       refunded_fee_minor, refunded_share_minor, taxes) VALUES ?
     ON DUPLICATE KEY UPDATE refunded_tax_minor = VALUES(refunded_tax_minor),
       refunded_net_minor = VALUES(refunded_net_minor), refunded_fee_minor = VALUES(refunded_fee_minor),
       refunded_share_minor = VALUES(refunded_share_minor), taxes = VALUES(taxes)`,
    lines.map((line) => [
      ...[line.lineId, line.orderId, line.courseId, line.courseTitle, line.instructorId, line.currency],
      ...[line.soldBy, line.soldAtUs, line.gross, line.tax, line.net, line.fee, line.share],
      ...[line.refunded.tax, line.refunded.net, line.refunded.fee, line.refunded.share, lineTaxesText(line)],
    ]),
  );
}
