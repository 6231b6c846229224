/**
 * Copies a book from one database into another of the same engine, batch by batch, and proves each part by the hash chain
 * before it counts.
 *
 * What is only ever added to is copied by its sequence. What changes (totals of accounts, sold lines, open holds) is copied
 * as it is now for whatever the copied journals touched: a row that changes later is touched by a later journal, whose batch
 * is copied later. So after the last batch of a closed book every row is the last one, and no part of a move but its
 * copying grows with the age of the book.
 *
 * The copy's own row of the writer says how far it is, and its epoch, below zero, is the token: each part is written in a
 * transaction that holds that row and finds the token in it. A mover that was overtaken writes nothing more.
 */

import { CopyDiffers, type ShardCopy } from '@suuupra/platform/shards/move';
import { insertRows, parts } from '@suuupra/platform/sql/mysql-rows';
import type { Sql, SqlExecutor, SqlRow, SqlTransaction, SqlValue } from '@suuupra/platform/sql/sql';
import { batchHash } from './chain.ts';
import type { Request } from './command.ts';
import { lineIdsOf } from './movement.ts';
import { mysqlReaderOn } from './reader-mysql.ts';
import { readerOn } from './reader-postgres.ts';
import { bookGate } from './shard-book.ts';

/** Batches and journals of one part: it is held in memory and committed as one. */
const batchesPerPart = 500;
const journalsPerPart = 5_000n;
/** Parameters of one statement of PostgreSQL, which takes 65,535. */
const valuesMax = 60_000;
/** Rows of the outbox that wait at a move; more means that the stream is away, and the move waits for it. */
const outboxMax = 50_000;
const idsPerRead = 5_000;

const tables = {
  accounts: ['id', 'code', 'currency', 'name', 'type', 'normal_side'],
  account_totals: [
    ...['account_id', 'debit_minor', 'credit_minor', 'pending_debit_minor', 'pending_credit_minor'],
    ...['net_min_minor', 'net_max_minor', 'status', 'monitors'],
  ],
  batches: ['sequence', 'epoch', 'recorded_at_us', 'first_journal', 'last_journal', 'hash', 'format'],
  journals: [
    ...['sequence', 'id', 'batch_sequence', 'kind', 'cause', 'reference', 'description', 'currency'],
    ...['effective_at_us', 'recorded_at_us', 'template', 'details', 'resolves_sequence', 'reverses_sequence'],
  ],
  transfers: ['journal_sequence', 'position', 'debit_account_id', 'credit_account_id', 'amount_minor', 'currency'],
  holds: [
    ...['journal_sequence', 'position', 'debit_account_id', 'credit_account_id', 'amount_minor', 'currency'],
    'expires_at_us',
  ],
  open_holds: ['journal_sequence', 'expires_at_us'],
  rejections: [
    ...['batch_sequence', 'position', 'kind', 'cause', 'reference', 'reason', 'detail', 'request', 'is_final'],
  ],
  total_snapshots: ['journal_sequence', 'account_id', 'debit_minor', 'credit_minor'],
  sold_lines: [
    ...['line_id', 'order_id', 'course_id', 'course_title', 'instructor_id', 'currency', 'sold_by', 'sold_at_us'],
    ...['gross_minor', 'tax_minor', 'net_minor', 'fee_minor', 'share_minor', 'refunded_tax_minor'],
    ...['refunded_net_minor', 'refunded_fee_minor', 'refunded_share_minor', 'taxes'],
  ],
  periods: [
    ...['number', 'from_us', 'until_us', 'sealed_at_us', 'sealed_by', 'note', 'journal_sequence', 'batch_sequence'],
    'hash',
  ],
  period_balances: ['period_number', 'account_id', 'debit_minor', 'credit_minor'],
  outbox: ['topic', 'envelope', 'created_at'],
} as const;

type Table = keyof typeof tables;

interface Writer extends SqlRow {
  epoch: bigint;
  batch_sequence: bigint;
  journal_sequence: bigint;
  recorded_at_us: bigint;
  hash: Buffer;
  sealed_until_us: bigint;
}

export interface CopyParts {
  readonly source: Sql;
  readonly target: Sql;
  /** Makes the tables of the target where they are missing. */
  readonly migrate: (target: Sql) => Promise<void>;
}

export function shardCopy({ source, target, migrate }: CopyParts): ShardCopy {
  return {
    prepare: async () => {
      if (source.dialect !== target.dialect)
        throw new Error(`a shard moves within one kind of engine, not from ${source.dialect} to ${target.dialect}`);
      await migrate(target);
      const token = await bookGate(target).close();
      await assertBeginning(source, target);
      return token;
    },
    copySome: (token) => copyPart(source, target, token),
    compare: () => compareLines(source, target),
    finish: async (token) => {
      while ((await copyPart(source, target, token)) > 0n);
      await target.transaction(async (tx) => {
        await held(tx, token);
        await copyRest(source, tx);
        await compareEnds(source, tx);
      });
    },
  };
}

/** What the target holds must be the beginning of what is copied: nothing, or an earlier or broken-off copy. */
async function assertBeginning(source: Sql, target: Sql): Promise<void> {
  const { batch_sequence: sequence, hash } = await writerOf(target);
  if (sequence === 0n) return;
  const [batch] = await select(source, 'batches', 'sequence = ?', [sequence]);
  if (batch === undefined || Buffer.compare(batch['hash'] as Buffer, hash) !== 0)
    throw new CopyDiffers(`the target holds another book from batch ${sequence} on`);
}

async function writerOf(executor: SqlExecutor, lock = ''): Promise<Writer> {
  const [row] = await executor.query<Writer>(`SELECT * FROM ledger_writer WHERE shard = 0 ${lock}`);
  if (row === undefined) throw new Error('the ledger has no writer row');
  return row;
}

/** Holds the target's row until the transaction ends. */
async function held(tx: SqlTransaction, token: bigint): Promise<Writer> {
  const row = await writerOf(tx, 'FOR UPDATE');
  assertToken(row, token);
  return row;
}

function assertToken({ epoch }: Writer, token: bigint): void {
  if (epoch !== token) throw new Error('another mover works on this copy, or it serves already');
}

/** `?` stands for a parameter, which may be a list after IN. */
function select(executor: SqlExecutor, table: Table, where: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
  return executor.query(idiom(executor, `SELECT ${tables[table].join(', ')} FROM ${table} WHERE ${where}`), values);
}

/** `IN (?)` takes a list: MySQL's driver writes it out, PostgreSQL compares with an array. */
function idiom({ dialect }: SqlExecutor, text: string): string {
  if (dialect === 'mysql') return text;
  const pieces = text.replaceAll('IN (?)', '= ANY (?)').split('?');
  return pieces.reduce((before, after, at) => `${before}$${at}${after}`);
}

async function insert(tx: SqlExecutor, table: Table, rows: readonly SqlRow[], orUpdate = ''): Promise<void> {
  const columns: readonly string[] = tables[table];
  const values = rows.map((row) => columns.map((column) => row[column] as SqlValue));
  const into = `INSERT INTO ${table} (${columns.join(', ')})`;
  const others = columns.filter((column) => column !== orUpdate);
  if (tx.dialect === 'mysql') {
    const update = others.map((column) => `${column} = VALUES(${column})`).join(', ');
    await insertRows(tx, `${into} VALUES ?${orUpdate === '' ? '' : ` ON DUPLICATE KEY UPDATE ${update}`}`, values);
    return;
  }
  const update = others.map((column) => `${column} = excluded.${column}`).join(', ');
  const conflict = orUpdate === '' ? '' : ` ON CONFLICT (${orUpdate}) DO UPDATE SET ${update}`;
  const given = table === 'accounts' ? `${into} OVERRIDING SYSTEM VALUE` : into;
  const rowsMax = Math.floor(valuesMax / columns.length);
  for (const part of parts(values))
    for (let from = 0; from < part.length; from += rowsMax) {
      const some = part.slice(from, from + rowsMax);
      const places = some.map((row, at) => `(${row.map((_, i) => `$${at * row.length + i + 1}`).join(', ')})`);
      await tx.execute(`${given} VALUES ${places.join(', ')}${conflict}`, some.flat());
    }
}

/** Gives how many journals the source had beyond the copy afterwards; above zero also while only refusals are missing. */
async function copyPart(source: Sql, target: Sql, token: bigint): Promise<bigint> {
  const from = await writerOf(target);
  assertToken(from, token);
  const batches = await nextBatches(source, from);
  const last = batches.at(-1);
  if (last !== undefined) {
    const range = [from.journal_sequence, last['last_journal'] as bigint] as const;
    const read = await readPart(source, [from.batch_sequence, last['sequence'] as bigint], range);
    await target.transaction(async (tx) => {
      const now = await held(tx, token);
      if (now.batch_sequence !== from.batch_sequence) throw new Error('another mover works on this copy');
      await writePart(tx, batches, read);
      await proveChain(tx, from, batches.length);
      await moveOn(tx, last, read);
    });
  }
  const [now, copied] = [await writerOf(source), await writerOf(target)];
  const journals = now.journal_sequence - copied.journal_sequence;
  return journals > 0n || now.batch_sequence === copied.batch_sequence ? journals : 1n;
}

async function nextBatches(source: Sql, from: Writer): Promise<SqlRow[]> {
  const found = await select(source, 'batches', `sequence > ? ORDER BY sequence LIMIT ${batchesPerPart}`, [
    from.batch_sequence,
  ]);
  const most = from.journal_sequence + journalsPerPart;
  const few = found.filter((batch) => (batch['last_journal'] as bigint) <= most);
  // One batch at least: it is bounded by itself.
  return few.length === 0 ? found.slice(0, 1) : few;
}

type Part = Readonly<
  Record<Exclude<Table, 'batches' | 'periods' | 'period_balances' | 'outbox' | 'open_holds'>, SqlRow[]>
> & {
  readonly released: SqlRow[];
};

async function readPart(
  source: Sql,
  batches: readonly [bigint, bigint],
  journals: readonly [bigint, bigint],
): Promise<Part> {
  const between = (table: Table, column: string, range: readonly [bigint, bigint]) =>
    select(source, table, `${column} > ? AND ${column} <= ?`, range);
  const found = await between('journals', 'sequence', journals);
  const transfers = await between('transfers', 'journal_sequence', journals);
  const holds = await between('holds', 'journal_sequence', journals);
  const resolved = found.flatMap((row) => (row['resolves_sequence'] ?? []) as bigint | []);
  const released = await byIds(source, 'holds', 'journal_sequence', resolved);
  const accounts = await touchedAccounts(source, found, [...transfers, ...holds, ...released]);
  return {
    journals: found,
    transfers,
    holds,
    released,
    rejections: await between('rejections', 'batch_sequence', batches),
    total_snapshots: await between('total_snapshots', 'journal_sequence', journals),
    accounts: await byIds(source, 'accounts', 'id', accounts),
    account_totals: await byIds(source, 'account_totals', 'account_id', accounts),
    sold_lines: await touchedLines(source, found, journals),
  };
}

async function byIds(source: Sql, table: Table, column: string, ids: readonly SqlValue[]): Promise<SqlRow[]> {
  const rows: SqlRow[] = [];
  for (let from = 0; from < ids.length; from += idsPerRead)
    rows.push(...(await select(source, table, `${column} IN (?)`, [ids.slice(from, from + idsPerRead)])));
  return rows;
}

/** The accounts whose totals, limits, states or monitors the journals changed. */
async function touchedAccounts(
  source: Sql,
  journals: readonly SqlRow[],
  moves: readonly SqlRow[],
): Promise<readonly bigint[]> {
  const ids = new Set(moves.flatMap((row) => [row['debit_account_id'] as bigint, row['credit_account_id'] as bigint]));
  for (const { kind, details, currency } of journals) {
    if (!/^(account|monitor)_/.test(String(kind))) continue;
    const { request } = JSON.parse(String(details)) as { request?: Request };
    const found = await source.query<{ id: bigint }>(
      idiom(source, 'SELECT id FROM accounts WHERE code = ? AND currency = ?'),
      [request?.['account'] ?? '', String(currency)],
    );
    for (const { id } of found) ids.add(id);
  }
  return [...ids].sort((a, b) => (a < b ? -1 : 1));
}

/** The lines that were sold, and those that refunds name; of refunds from before they did, all lines of the order. */
async function touchedLines(
  source: Sql,
  journals: readonly SqlRow[],
  range: readonly [bigint, bigint],
): Promise<SqlRow[]> {
  const refunds = journals.filter(({ kind }) => kind === 'order_refunded');
  const named = refunds.flatMap(({ details }) => lineIdsOf({ details: String(details) }));
  const unnamed = refunds.filter(({ details }) => details === '').map((row) => String(row['reference']).slice(6));
  const sold = journals
    .filter(({ kind }) => kind === 'order_paid')
    .flatMap(({ details, reference }) => {
      const ids = lineIdsOf({ details: String(details) });
      if (ids.length === 0) unnamed.push(String(reference).slice(6));
      return ids;
    });
  const rows = [
    ...(await byIds(source, 'sold_lines', 'line_id', [...new Set([...named, ...sold])])),
    ...(await byIds(source, 'sold_lines', 'order_id', [...new Set(unnamed)])),
  ];
  // One that a later part sells comes with that.
  return [...new Map(rows.map((row) => [row['line_id'], row])).values()].filter(
    (row) => (row['sold_by'] as bigint) <= range[1],
  );
}

async function writePart(tx: SqlTransaction, batches: readonly SqlRow[], part: Part): Promise<void> {
  const known = new Set(
    (
      await byIdsIn(
        tx,
        'accounts',
        'id',
        part.accounts.map((row) => row['id'] as bigint),
      )
    ).map((row) => row['id']),
  );
  const fresh = part.accounts.filter((row) => !known.has(row['id']));
  await insert(tx, 'accounts', fresh);
  if (fresh.length > 0 && tx.dialect === 'postgres')
    await tx.query("SELECT setval(pg_get_serial_sequence('accounts', 'id'), max(id)) FROM accounts");
  await insert(tx, 'account_totals', part.account_totals, 'account_id');
  await insert(tx, 'batches', batches);
  await insert(tx, 'journals', part.journals);
  for (const table of ['transfers', 'holds', 'rejections', 'total_snapshots'] as const)
    await insert(tx, table, part[table]);
  await insert(tx, 'sold_lines', part.sold_lines, 'line_id');
  const opened = new Map(part.holds.map((row) => [row['journal_sequence'], row]));
  await insert(tx, 'open_holds', [...opened.values()]);
  const resolved = [...new Set(part.released.map((row) => row['journal_sequence'] as bigint))];
  if (resolved.length > 0)
    await tx.execute(idiom(tx, 'DELETE FROM open_holds WHERE journal_sequence IN (?)'), [resolved]);
}

function byIdsIn(tx: SqlExecutor, table: Table, column: string, ids: readonly SqlValue[]): Promise<SqlRow[]> {
  return ids.length === 0 ? Promise.resolve([]) : select(tx, table, `${column} IN (?)`, [ids]);
}

/** Reads back what was written and works its hashes out again, from the last proven one on. */
async function proveChain(tx: SqlTransaction, from: Writer, count: number): Promise<void> {
  const reader = tx.dialect === 'mysql' ? mysqlReaderOn(tx) : readerOn(tx);
  let previous: Uint8Array = from.hash;
  for (const batch of await reader.batches(from.batch_sequence, count)) {
    if (Buffer.compare(batchHash(previous, batch), batch.hash) !== 0)
      throw new CopyDiffers(`batch ${batch.sequence} does not give its hash`);
    previous = batch.hash;
  }
}

async function moveOn(tx: SqlTransaction, last: SqlRow, { journals }: Part): Promise<void> {
  const count = BigInt(journals.length);
  const touched = await tx.execute(
    idiom(
      tx,
      `UPDATE ledger_writer SET batch_sequence = ?, journal_sequence = ?, recorded_at_us = ?, hash = ?
       WHERE shard = 0 AND journal_sequence + ? = ?`,
    ),
    [
      ...[last['sequence'], last['last_journal'], last['recorded_at_us'], last['hash']].map(
        (value) => value as SqlValue,
      ),
      ...[count, last['last_journal'] as bigint],
    ],
  );
  if (touched !== 1) throw new CopyDiffers(`${count} journals do not lead to ${String(last['last_journal'])}`);
}

/** Periods, where the open one begins, and what is not told yet: none of it has a journal. */
async function copyRest(source: Sql, tx: SqlTransaction): Promise<void> {
  const [{ max } = { max: null }] = await tx.query<{ max: bigint | null }>('SELECT max(number) AS max FROM periods');
  const after = max ?? 0n;
  await insert(tx, 'periods', await select(source, 'periods', 'number > ? ORDER BY number', [after]));
  await insert(tx, 'period_balances', await select(source, 'period_balances', 'period_number > ?', [after]));
  await tx.execute('DELETE FROM outbox');
  const untold = await select(source, 'outbox', `id > ? ORDER BY id LIMIT ${outboxMax + 1}`, [0n]);
  if (untold.length > outboxMax)
    throw new Error(`more than ${outboxMax} events wait for the stream; move when they are told`);
  await insert(tx, 'outbox', untold);
  const { recorded_at_us, sealed_until_us } = await writerOf(source);
  await tx.execute(idiom(tx, 'UPDATE ledger_writer SET recorded_at_us = ?, sealed_until_us = ? WHERE shard = 0'), [
    recorded_at_us,
    sealed_until_us,
  ]);
}

/** The head of the chain, the trial balance, what is held, and how many rows there are of what the chain does not cover. */
async function compareEnds(source: Sql, tx: SqlTransaction): Promise<void> {
  for (const [what, text] of Object.entries(ends)) {
    const [there, here] = [await source.query(text), await tx.query(text)];
    if (said(there) !== said(here)) throw new CopyDiffers(`${what}: ${said(there)} there, ${said(here)} here`);
  }
}

const ends: Readonly<Record<string, string>> = {
  'the head': 'SELECT batch_sequence, journal_sequence, recorded_at_us, hash, sealed_until_us FROM ledger_writer',
  'the trial balance': `SELECT currency, count(*) AS accounts, sum(debit_minor) AS debit, sum(credit_minor) AS credit,
      sum(pending_debit_minor) AS held_debit, sum(pending_credit_minor) AS held_credit, sum(net_min_minor) AS net_min,
      sum(net_max_minor) AS net_max, sum(length(monitors)) AS monitors
    FROM accounts JOIN account_totals ON account_id = id GROUP BY currency ORDER BY currency`,
  'the open holds': 'SELECT count(*) AS count, sum(journal_sequence) AS sum FROM open_holds',
  'the periods': 'SELECT count(*) AS count, max(until_us) AS until_us FROM periods',
  'the balances of periods': 'SELECT count(*) AS count, sum(debit_minor) AS debit FROM period_balances',
};

/** All lines up to where the copy is. Their refunds may go on meanwhile and are not compared. */
async function compareLines(source: Sql, target: Sql): Promise<void> {
  const { journal_sequence } = await writerOf(target);
  const text = `SELECT currency, count(*) AS count, sum(gross_minor) AS gross, sum(share_minor) AS share FROM sold_lines
    WHERE sold_by <= ? GROUP BY currency ORDER BY currency`;
  const [there, here] = await Promise.all(
    [source, target].map((sql) => sql.query(idiom(sql, text), [journal_sequence])),
  );
  if (said(there) !== said(here)) throw new CopyDiffers(`sold lines: ${said(there)} there, ${said(here)} here`);
}

function said(rows: readonly SqlRow[] | undefined): string {
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
