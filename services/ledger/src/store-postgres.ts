/**
 * The book in PostgreSQL, written. A batch is a few statements whatever its size: rows go in as arrays (`unnest`), and one
 * UPDATE adds what the batch makes of each account, ids sorted; so the cost of a batch hardly grows with the number of its
 * journals, and an account that all of them touch makes it cheaper.
 */
import type { Sql, SqlExecutor, SqlRow, SqlTransaction, SqlValue } from '@suuupra/platform/sql/sql';
import { type AccountState, type AccountStatus, changedMonitors, monitorsOf, newAccount } from './account.ts';
import type { Batch, Journal, RejectedCommand } from './chain.ts';
import { accountKind } from './chart.ts';
import { accountKey, identity, type Known, type KnownJournal, type Needs, pairKey } from './command.ts';
import type { SoldLine, Transfer } from './journals.ts';
import type { AccountChange, Applied, Loaded, Place } from './ledger.ts';
import { lineTaxesText } from './line-taxes.ts';
import { type LineRow, lineColumns, lineOf, postgresReading } from './reader-postgres.ts';
import { BookClosed, type LedgerStore } from './store.ts';

export interface PostgresLedgerOptions {
  /** The totals are kept after this many journals; a past balance adds up at most so many. */
  readonly snapshotEvery?: bigint;
  /** Told before and after each statement of a commit, by name; a test stops there. */
  readonly failpoint?: (name: string) => Promise<void>;
}

const defaultSnapshotEvery = 5_000n;
/** Ids of accounts never change; they are remembered for this many. */
const accountIdsMax = 200_000;
/** A writer that falls silent in mid-commit is cut off after this time, so that another can take over. */
const silentMsMax = 5_000;
/** What the writer's transactions run as where it exists: it may add to the book, never change it. */
const writerRole = 'suuupra_ledger_writer';

export function postgresLedger(sql: Sql, options: PostgresLedgerOptions = {}): LedgerStore {
  const snapshotEvery = options.snapshotEvery ?? defaultSnapshotEvery;
  const at = options.failpoint ?? (async () => {});
  const ids = new Map<string, bigint>();
  let role: Promise<string> | undefined;
  return {
    ...postgresReading(sql),
    durabilityGap: () => durabilityGap(sql),
    takeOver: async () => {
      const [row] = await sql.query<PlaceRow>(
        `UPDATE ledger_writer SET epoch = epoch + 1 WHERE shard = 0 AND epoch > 0 RETURNING ${placeColumns}`,
      );
      if (row === undefined) throw new BookClosed();
      return placeOf(row);
    },
    place: async () => {
      const [row] = await sql.query<PlaceRow>(`SELECT ${placeColumns} FROM ledger_writer WHERE shard = 0 FOR UPDATE`);
      return placeOf(row);
    },
    load: (needs) => load(sql, needs),
    dueHolds: (nowUs, limit) => dueHolds(sql, nowUs, limit),
    batchHash: async (sequence) => {
      const [row] = await sql.query<{ hash: Buffer }>('SELECT hash FROM batches WHERE sequence = $1', [sequence]);
      return row?.hash;
    },
    commit: async (from, applied, also) => {
      role ??= usableRole(sql);
      const runAs = await role;
      const opened = new Map<string, bigint>();
      const outcome = await sql.transaction(async (tx) => {
        const moved = await moveWriter(tx, from, applied, runAs);
        await at('after fence');
        if (!moved) return 'fenced';
        await write(tx, { from, applied, snapshotEvery, ids, opened, at });
        await also?.(tx);
        await at('before commit');
        return 'committed';
      });
      await at('after commit');
      if (ids.size > accountIdsMax) ids.clear();
      for (const [key, id] of opened) ids.set(key, id);
      return outcome;
    },
  };
}

interface PlaceRow extends SqlRow {
  epoch: bigint;
  batch_sequence: bigint;
  journal_sequence: bigint;
  recorded_at_us: bigint;
  hash: Buffer;
  sealed_until_us: bigint;
}

const placeColumns = 'epoch, batch_sequence, journal_sequence, recorded_at_us, hash, sealed_until_us';

function placeOf(row: PlaceRow | undefined): Place {
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

async function durabilityGap(sql: SqlExecutor): Promise<string | undefined> {
  const [row] = await sql.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings WHERE (name IN ('fsync', 'full_page_writes') AND setting <> 'on')
       OR (name = 'synchronous_commit' AND setting = 'off') ORDER BY name LIMIT 1`,
  );
  return row === undefined
    ? undefined
    : `PostgreSQL has ${row.name} = ${row.setting}: it answers before the disk has it`;
}

/** Empty where the role does not exist or may not be taken: then the triggers alone keep the book from being changed. */
async function usableRole(sql: SqlExecutor): Promise<string> {
  const [row] = await sql.query<{ usable: boolean }>(
    `SELECT pg_has_role(current_user, oid, 'MEMBER') AND has_table_privilege(oid, 'journals', 'INSERT') AS usable
     FROM pg_roles WHERE rolname = $1`,
    [writerRole],
  );
  return row?.usable === true ? writerRole : '';
}

/**
 * The fence: epoch, gapless sequence and hash chain in one row that must be exactly where the caller saw it. It comes first,
 * so that what follows is written in the order of the sequence. From here the transaction runs as the writer's role.
 */
async function moveWriter(tx: SqlExecutor, from: Place, applied: Applied, role: string): Promise<boolean> {
  if (applied.batch === undefined) return false;
  const { place } = applied.batch;
  const taken = role === '' ? '' : `, set_config('role', '${role}', true)`;
  const moved = await tx.query(
    `UPDATE ledger_writer SET batch_sequence = $1, journal_sequence = $2, recorded_at_us = $3, hash = $4,
       sealed_until_us = $9
     WHERE shard = 0 AND epoch = $5 AND batch_sequence = $6 AND hash = $7 AND sealed_until_us = $8
       AND recorded_at_us = $10
     RETURNING set_config('idle_in_transaction_session_timeout', '${silentMsMax}', true)${taken}`,
    [
      place.batchSequence,
      place.journalSequence,
      place.recordedAtUs,
      place.hash,
      from.epoch,
      from.batchSequence,
      from.hash,
      from.sealedUntilUs,
      place.sealedUntilUs,
      from.recordedAtUs,
    ],
  );
  return moved.length === 1;
}

interface Writing {
  readonly from: Place;
  readonly applied: Applied;
  readonly snapshotEvery: bigint;
  readonly ids: ReadonlyMap<string, bigint>;
  /** Filled with the ids that were looked up or made; they count once the transaction has committed. */
  readonly opened: Map<string, bigint>;
  readonly at: (name: string) => Promise<void>;
}

async function write(tx: SqlTransaction, writing: Writing): Promise<void> {
  const { from, applied, snapshotEvery, at } = writing;
  if (applied.batch === undefined) return;
  const { batch, hash, place } = applied.batch;
  await findAccounts(tx, writing);
  await at('after accounts');
  const idOf = (code: string, currency: string): bigint => {
    const key = accountKey(code, currency);
    const id = writing.ids.get(key) ?? writing.opened.get(key);
    if (id === undefined) throw new Error(`the account ${key} has no id`);
    return id;
  };
  await insertBatch(tx, batch, hash, place, idOf);
  await at('after journals');
  await insertHolds(tx, batch, idOf);
  await insertRejections(tx, batch);
  await at('after rejections');
  await changeAccounts(tx, [...applied.accounts.values()], idOf);
  await at('after accounts changed');
  await putLines(tx, [...applied.lines.values()]);
  if (place.journalSequence / snapshotEvery > from.journalSequence / snapshotEvery)
    await keepSnapshot(tx, place.journalSequence);
}

/** Finds the ids of all accounts of the batch, and opens those that are not open yet. */
async function findAccounts(tx: SqlExecutor, { applied, ids, opened }: Writing): Promise<void> {
  const unknown = [...applied.accounts].filter(([key]) => !ids.has(key)).map(([, change]) => change);
  if (unknown.length === 0) return;
  for (const [key, id] of await accountIds(tx, unknown)) opened.set(key, id);
  const missing = unknown.filter(({ code, currency }) => !opened.has(accountKey(code, currency)));
  if (missing.length === 0) return;
  const kinds = missing.map(({ code, currency }) => {
    const kind = accountKind(code);
    if (kind === undefined) throw new Error(`the account ${code} is not in the chart`);
    return { ...kind, currency };
  });
  await tx.execute(
    `INSERT INTO accounts (code, currency, name, type, normal_side)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])`,
    [
      texts(kinds.map((account) => account.code)),
      texts(kinds.map((account) => account.currency)),
      texts(kinds.map((account) => account.name)),
      texts(kinds.map((account) => account.type)),
      texts(kinds.map((account) => account.normalSide)),
    ],
  );
  const added = await accountIds(tx, missing);
  await tx.execute(
    `INSERT INTO account_totals (account_id, debit_minor, credit_minor)
     SELECT id, 0, 0 FROM unnest($1::bigint[]) AS id`,
    [numbers([...added.values()])],
  );
  for (const [key, id] of added) opened.set(key, id);
}

async function accountIds(
  tx: SqlExecutor,
  accounts: readonly { readonly code: string; readonly currency: string }[],
): Promise<Map<string, bigint>> {
  const rows = await tx.query<{ id: bigint; code: string; currency: string }>(
    `SELECT id, code, currency FROM accounts
     JOIN unnest($1::text[], $2::text[]) AS wanted (code, currency) USING (code, currency)`,
    [texts(accounts.map(({ code }) => code)), texts(accounts.map(({ currency }) => currency))],
  );
  return new Map(rows.map((row) => [accountKey(row.code, row.currency), row.id]));
}

type IdOf = (code: string, currency: string) => bigint;

/** The batch, its journals and their transfers, in one statement. */
async function insertBatch(tx: SqlExecutor, batch: Batch, hash: Uint8Array, place: Place, idOf: IdOf): Promise<void> {
  const { journals } = batch;
  const first = place.journalSequence - BigInt(journals.length) + 1n;
  const moves = movesOf(journals, (journal) => journal.transfers, idOf);
  await tx.execute(
    `WITH batch AS (
       INSERT INTO batches (sequence, epoch, recorded_at_us, first_journal, last_journal, hash, format)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
     ), journal AS (
       INSERT INTO journals (batch_sequence, recorded_at_us, sequence, id, kind, cause, reference, description, currency,
         effective_at_us, template, details, resolves_sequence, reverses_sequence)
       SELECT $1, $3, sequence, id, kind, cause, reference, description, currency, effective_at_us, template, details,
         nullif(resolves, 0), nullif(reverses, 0)
       FROM unnest($8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
         $15::bigint[], $16::text[], $17::text[], $18::bigint[], $19::bigint[])
         AS added (sequence, id, kind, cause, reference, description, currency, effective_at_us, template, details,
           resolves, reverses)
     )
     INSERT INTO transfers (journal_sequence, position, debit_account_id, credit_account_id, amount_minor, currency)
     SELECT * FROM unnest($20::bigint[], $21::int[], $22::bigint[], $23::bigint[], $24::bigint[], $25::text[])`,
    [
      batch.sequence,
      batch.epoch,
      batch.recordedAtUs,
      first,
      place.journalSequence,
      hash,
      batch.format ?? 1,
      numbers(journals.map((journal) => journal.sequence)),
      texts(journals.map((journal) => journal.id)),
      texts(journals.map((journal) => journal.kind)),
      texts(journals.map((journal) => journal.cause)),
      texts(journals.map((journal) => journal.reference)),
      texts(journals.map((journal) => journal.description)),
      texts(journals.map((journal) => journal.currency)),
      numbers(journals.map((journal) => journal.effectiveAtUs)),
      texts(journals.map((journal) => journal.template ?? '')),
      texts(journals.map((journal) => journal.details ?? '')),
      numbers(journals.map((journal) => journal.resolves ?? 0n)),
      numbers(journals.map((journal) => journal.reverses ?? 0n)),
      ...moves,
    ],
  );
}

/** Transfers or holds as columns: sequence, position, debit, credit, amount, currency. */
function movesOf(
  journals: readonly Journal[],
  of: (journal: Journal) => readonly Transfer[],
  idOf: IdOf,
): [string, string, string, string, string, string] {
  const sequences: bigint[] = [];
  const positions: number[] = [];
  const debits: bigint[] = [];
  const credits: bigint[] = [];
  const amounts: bigint[] = [];
  const currencies: string[] = [];
  for (const journal of journals)
    for (const [index, { debit, credit, amount }] of of(journal).entries()) {
      sequences.push(journal.sequence);
      positions.push(index + 1);
      debits.push(idOf(debit, journal.currency));
      credits.push(idOf(credit, journal.currency));
      amounts.push(amount);
      currencies.push(journal.currency);
    }
  return [
    numbers(sequences),
    numbers(positions),
    numbers(debits),
    numbers(credits),
    numbers(amounts),
    texts(currencies),
  ];
}

async function insertHolds(tx: SqlExecutor, batch: Batch, idOf: IdOf): Promise<void> {
  const holding = batch.journals.filter((journal) => (journal.holds ?? []).length > 0);
  if (holding.length > 0) {
    const expiry = holding.flatMap((journal) => (journal.holds ?? []).map(() => journal.expiresAtUs ?? 0n));
    await tx.execute(
      `WITH opened AS (
         INSERT INTO open_holds SELECT * FROM unnest($8::bigint[], $9::bigint[])
       )
       INSERT INTO holds (journal_sequence, position, debit_account_id, credit_account_id, amount_minor, currency,
         expires_at_us)
       SELECT * FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[])`,
      [
        ...movesOf(holding, (journal) => journal.holds ?? [], idOf),
        numbers(expiry),
        numbers(holding.map((journal) => journal.sequence)),
        numbers(holding.map((journal) => journal.expiresAtUs ?? 0n)),
      ],
    );
  }
  const resolved = batch.journals.map((journal) => journal.resolves ?? 0n).filter((sequence) => sequence !== 0n);
  if (resolved.length === 0) return;
  const closed = await tx.execute('DELETE FROM open_holds WHERE journal_sequence = ANY ($1::bigint[])', [
    numbers(resolved),
  ]);
  if (closed !== resolved.length) throw new Error('a hold was resolved that is not open');
}

async function insertRejections(tx: SqlExecutor, batch: Batch): Promise<void> {
  const rejected = batch.rejected ?? [];
  if (rejected.length === 0) return;
  await tx.execute(
    `INSERT INTO rejections (batch_sequence, position, kind, cause, reference, reason, detail, request, is_final)
     SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
       $9::boolean[])`,
    [
      batch.sequence,
      numbers(rejected.map((_, index) => index + 1)),
      texts(rejected.map((command) => command.kind)),
      texts(rejected.map((command) => command.cause)),
      texts(rejected.map((command) => command.reference)),
      texts(rejected.map((command) => command.reason)),
      texts(rejected.map((command) => command.detail)),
      texts(rejected.map((command) => command.request)),
      texts(rejected.map((command) => String(command.isFinal))),
    ],
  );
}

async function changeAccounts(tx: SqlExecutor, changes: readonly AccountChange[], idOf: IdOf): Promise<void> {
  const rows = changes
    .map(({ code, currency, before = newAccount, after }) => ({ id: idOf(code, currency), before, after }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const touched = await tx.execute(
    `UPDATE account_totals SET debit_minor = debit_minor + debit, credit_minor = credit_minor + credit,
       pending_debit_minor = pending_debit_minor + pending_debit,
       pending_credit_minor = pending_credit_minor + pending_credit,
       net_min_minor = net_min, net_max_minor = net_max, status = changed.status,
       monitors = coalesce(changed.monitors, account_totals.monitors)
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
       $8::text[], $9::text[])
       AS changed (id, debit, credit, pending_debit, pending_credit, net_min, net_max, status, monitors)
     WHERE account_id = changed.id`,
    [
      numbers(rows.map((row) => row.id)),
      numbers(rows.map(({ before, after }) => after.debit - before.debit)),
      numbers(rows.map(({ before, after }) => after.credit - before.credit)),
      numbers(rows.map(({ before, after }) => after.pendingDebit - before.pendingDebit)),
      numbers(rows.map(({ before, after }) => after.pendingCredit - before.pendingCredit)),
      numbers(rows.map(({ after }) => after.netMin ?? 'NULL')),
      numbers(rows.map(({ after }) => after.netMax ?? 'NULL')),
      texts(rows.map(({ after }) => after.status)),
      texts(rows.map(({ before, after }) => changedMonitors(before, after))),
    ],
  );
  if (touched !== rows.length) throw new Error(`${rows.length - touched} of ${rows.length} accounts have no totals`);
}

/** The accounts that moved since the snapshot before; each looked up by itself, so that it costs nothing how many there are. */
async function keepSnapshot(tx: SqlExecutor, sequence: bigint): Promise<void> {
  const [before] = await tx.query<{ sequence: bigint | null }>(
    'SELECT max(journal_sequence) AS sequence FROM total_snapshots',
  );
  await tx.execute(
    `INSERT INTO total_snapshots (journal_sequence, account_id, debit_minor, credit_minor)
     SELECT $2, moved.id, debit_minor, credit_minor FROM (
       SELECT debit_account_id AS id FROM transfers WHERE journal_sequence BETWEEN $1 AND $2
       UNION SELECT credit_account_id FROM transfers WHERE journal_sequence BETWEEN $1 AND $2
     ) AS moved
     CROSS JOIN LATERAL (
       SELECT debit_minor, credit_minor FROM account_totals WHERE account_id = moved.id OFFSET 0
     ) AS now`,
    [(before?.sequence ?? 0n) + 1n, sequence],
  );
}

async function putLines(tx: SqlExecutor, lines: readonly SoldLine[]): Promise<void> {
  if (lines.length === 0) return;
  const amounts = Array.from({ length: 11 }, (_, index) => `$${index + 7}::bigint[]`).join(', ');
  await tx.execute(
    `INSERT INTO sold_lines (${lineColumns})
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], ${amounts}, $18::text[])
     ON CONFLICT (line_id) DO UPDATE SET refunded_tax_minor = excluded.refunded_tax_minor,
       refunded_net_minor = excluded.refunded_net_minor, refunded_fee_minor = excluded.refunded_fee_minor,
       refunded_share_minor = excluded.refunded_share_minor, taxes = excluded.taxes`,
    [
      texts(lines.map((line) => line.lineId)),
      texts(lines.map((line) => line.orderId)),
      texts(lines.map((line) => line.courseId)),
      texts(lines.map((line) => line.courseTitle)),
      texts(lines.map((line) => line.instructorId)),
      texts(lines.map((line) => line.currency)),
      numbers(lines.map((line) => line.soldBy)),
      numbers(lines.map((line) => line.soldAtUs)),
      numbers(lines.map((line) => line.gross)),
      numbers(lines.map((line) => line.tax)),
      numbers(lines.map((line) => line.net)),
      numbers(lines.map((line) => line.fee)),
      numbers(lines.map((line) => line.share)),
      numbers(lines.map((line) => line.refunded.tax)),
      numbers(lines.map((line) => line.refunded.net)),
      numbers(lines.map((line) => line.refunded.fee)),
      numbers(lines.map((line) => line.refunded.share)),
      texts(lines.map(lineTaxesText)),
    ],
  );
}

async function load(sql: SqlExecutor, needs: Needs): Promise<Loaded> {
  return {
    known: await readKnown(sql, needs.identities),
    accounts: await readAccounts(sql, needs.accounts),
    lines: await readLines(sql, needs.lineIds),
    targets: await readTargets(sql, needs.targets),
  };
}

/**
 * One statement for ids that are all new, which nearly all are.
 *
 * Each is looked up by itself, here and where journals and lines are read: a plan that is kept was made when the book was
 * small, where reading all of it is cheaper than a few hundred look-ups, and stays when it has grown.
 */
async function readKnown(sql: SqlExecutor, identities: Needs['identities']): Promise<Map<string, Known>> {
  if (identities.length === 0) return new Map();
  const found = await sql.query<RejectionRow & { sequence: bigint | null }>(
    `SELECT found.* FROM unnest($1::text[]) AS wanted (name) CROSS JOIN LATERAL (
       SELECT sequence, kind, cause, '' AS reference, '' AS reason, '' AS detail, '' AS request
       FROM journals WHERE cause = wanted.name
       UNION ALL
       SELECT NULL, kind, cause, reference, reason, detail, request
       FROM rejections WHERE cause = wanted.name AND is_final
       OFFSET 0
     ) AS found`,
    [texts([...new Set(identities.map(([, cause]) => cause))])],
  );
  if (found.length === 0) return new Map();
  const wanted = new Set(identities.map(([kind, cause]) => identity(kind, cause)));
  const rows = found.filter((row) => wanted.has(identity(row.kind, row.cause)));
  const journals = await readJournals(
    sql,
    rows.flatMap((row) => row.sequence ?? []),
  );
  return new Map<string, Known>([
    ...rows.filter((row) => row.sequence === null).map(rejectionEntry),
    ...journals.map((journal): [string, Known] => [
      identity(journal.kind, journal.cause),
      { kind: 'journal', journal },
    ]),
  ]);
}

type RejectionRow = SqlRow & Omit<RejectedCommand, 'isFinal'>;

function rejectionEntry(row: RejectionRow): [string, Known] {
  const { kind, cause, reference, reason, detail, request } = row;
  const rejection = { kind, cause, reference, reason, detail, request, isFinal: true };
  return [identity(kind, cause), { kind: 'rejection', rejection }];
}

interface AccountStateRow extends SqlRow {
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

async function readAccounts(sql: SqlExecutor, accounts: Needs['accounts']): Promise<Map<string, AccountState>> {
  if (accounts.length === 0) return new Map();
  const rows = await sql.query<AccountStateRow>(
    `SELECT code, currency, debit_minor, credit_minor, pending_debit_minor, pending_credit_minor, net_min_minor,
       net_max_minor, status, monitors
     FROM unnest($1::text[], $2::text[]) AS wanted (code, currency) JOIN accounts USING (code, currency)
     JOIN account_totals ON account_id = id`,
    [texts(accounts.map(([code]) => code)), texts(accounts.map(([, currency]) => currency))],
  );
  return new Map(rows.map((row) => [accountKey(row.code, row.currency), stateOf(row)]));
}

function stateOf(row: AccountStateRow): AccountState {
  return {
    debit: row.debit_minor,
    credit: row.credit_minor,
    pendingDebit: row.pending_debit_minor,
    pendingCredit: row.pending_credit_minor,
    netMin: row.net_min_minor ?? undefined,
    netMax: row.net_max_minor ?? undefined,
    status: row.status,
    monitors: monitorsOf(row.monitors),
  };
}

async function readLines(sql: SqlExecutor, lineIds: readonly string[]): Promise<Map<string, SoldLine>> {
  if (lineIds.length === 0) return new Map();
  const rows = await sql.query<LineRow>(
    `SELECT found.* FROM unnest($1::text[]) AS wanted (id) CROSS JOIN LATERAL (
       SELECT ${lineColumns} FROM sold_lines WHERE line_id = wanted.id OFFSET 0
     ) AS found`,
    [texts(lineIds)],
  );
  return new Map(rows.map((row) => [row.line_id, lineOf(row)]));
}

async function readTargets(
  sql: SqlExecutor,
  targets: readonly string[],
): Promise<Map<string, readonly KnownJournal[]>> {
  if (targets.length === 0) return new Map();
  const rows = await sql.query<{ sequence: bigint }>(
    `SELECT DISTINCT found.sequence FROM unnest($1::text[]) AS wanted (name) CROSS JOIN LATERAL (
       SELECT sequence FROM journals WHERE cause = wanted.name
       UNION ALL SELECT sequence FROM journals WHERE id = wanted.name
       OFFSET 0
     ) AS found`,
    [texts(targets)],
  );
  const journals = await readJournals(
    sql,
    rows.map((row) => row.sequence),
  );
  return new Map(
    targets.map((target) => [target, journals.filter(({ cause, id }) => cause === target || id === target)]),
  );
}

interface KnownRow extends SqlRow {
  sequence: bigint;
  id: string;
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
  resolved_by: string | null;
}

/** Journals with their transfers and holds and what became of them. */
async function readJournals(sql: SqlExecutor, sequences: readonly bigint[]): Promise<KnownJournal[]> {
  if (sequences.length === 0) return [];
  const wanted = [numbers([...new Set(sequences)])];
  const rows = await sql.query<KnownRow>(
    `SELECT found.*, resolver.kind AS resolved_by FROM unnest($1::bigint[]) AS wanted (number)
     CROSS JOIN LATERAL (SELECT * FROM journals WHERE sequence = wanted.number OFFSET 0) AS found
     LEFT JOIN LATERAL (SELECT kind FROM journals WHERE resolves_sequence = wanted.number OFFSET 0) AS resolver ON true
     ORDER BY found.sequence`,
    wanted,
  );
  const moves = await readMoves(sql, wanted);
  return rows.map((row) => knownOf(row, moves.get(row.sequence) ?? []));
}

interface MoveRow extends SqlRow {
  of: bigint;
  role: 'transfer' | 'hold' | 'reversed';
  debit: string;
  credit: string;
  amount: bigint;
  expires_at_us: bigint;
}

async function readMoves(sql: SqlExecutor, wanted: SqlValue[]): Promise<Map<bigint, MoveRow[]>> {
  const moved = (role: MoveRow['role'], from: string, expires: string, key: string) =>
    `SELECT '${role}' AS role, debit_account_id, credit_account_id, amount_minor, ${expires} AS expires_at_us,
       journal_sequence, position
     FROM ${from} WHERE ${key} = wanted.number`;
  const rows = await sql.query<MoveRow>(
    `SELECT number AS of, role, d.code AS debit, c.code AS credit, amount_minor AS amount, expires_at_us
     FROM unnest($1::bigint[]) AS wanted (number) CROSS JOIN LATERAL (
       ${moved('transfer', 'transfers', '0::bigint', 'journal_sequence')}
       UNION ALL ${moved('hold', 'holds', 'holds.expires_at_us', 'journal_sequence')}
       UNION ALL ${moved('reversed', 'journals JOIN transfers ON journal_sequence = sequence', '0::bigint', 'reverses_sequence')}
       OFFSET 0
     ) AS moved
     JOIN accounts d ON d.id = debit_account_id JOIN accounts c ON c.id = credit_account_id
     ORDER BY number, journal_sequence, position`,
    wanted,
  );
  return Map.groupBy(rows, (row) => row.of);
}

const resolutions: Readonly<Record<string, NonNullable<KnownJournal['resolvedAs']>>> = {
  post_pending: 'already_posted',
  void_pending: 'already_voided',
  hold_expired: 'expired',
};

function knownOf(row: KnownRow, moves: readonly MoveRow[]): KnownJournal {
  const plain = (role: MoveRow['role']) =>
    moves.filter((move) => move.role === role).map(({ debit, credit, amount }) => ({ debit, credit, amount }));
  const reversed = new Map<string, bigint>();
  for (const { debit, credit, amount } of plain('reversed')) {
    const key = pairKey(credit, debit);
    reversed.set(key, (reversed.get(key) ?? 0n) + amount);
  }
  return {
    sequence: row.sequence,
    id: row.id,
    kind: row.kind,
    cause: row.cause,
    reference: row.reference,
    description: row.description,
    currency: row.currency,
    effectiveAtUs: row.effective_at_us,
    recordedAtUs: row.recorded_at_us,
    transfers: plain('transfer'),
    holds: plain('hold'),
    expiresAtUs: moves.find((move) => move.role === 'hold')?.expires_at_us ?? 0n,
    template: row.template,
    details: row.details,
    resolves: row.resolves_sequence ?? 0n,
    reverses: row.reverses_sequence ?? 0n,
    resolvedAs: resolutions[row.resolved_by ?? ''],
    reversed,
  };
}

async function dueHolds(
  sql: SqlExecutor,
  nowUs: bigint,
  limit: number,
): Promise<{ due: readonly KnownJournal[]; nextUs: bigint }> {
  const rows = await sql.query<{ journal_sequence: bigint; expires_at_us: bigint }>(
    'SELECT * FROM open_holds WHERE expires_at_us > 0 ORDER BY expires_at_us, journal_sequence LIMIT $1',
    [limit + 1],
  );
  const due = rows.filter((row) => row.expires_at_us <= nowUs).slice(0, limit);
  return {
    due: await readJournals(
      sql,
      due.map((row) => row.journal_sequence),
    ),
    nextUs: rows[due.length]?.expires_at_us ?? 0n,
  };
}

/** Numbers as an array's text: the driver's own way from arrays costs several times as much. */
function numbers(values: readonly (bigint | number | 'NULL')[]): string {
  return `{${values.join(',')}}`;
}

/** Texts likewise; undefined is NULL. */
function texts(values: readonly (string | undefined)[]): string {
  return `{${values.map((value) => (value === undefined ? 'NULL' : quoted(value))).join(',')}}`;
}

const plainText = /^[A-Za-z0-9_:@.-]+$/;

function quoted(value: string): string {
  if (plainText.test(value) && value.length !== 4) return value;
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}
