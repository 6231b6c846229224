/**
 * A file on its way: checked whole without an effect, then taken in chunk by chunk. A chunk's effects and its checkpoint
 * commit together, and everything follows from the file and from what was expected, so whoever goes on after a kill comes
 * to the same output.
 */
import { createHash } from 'node:crypto';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { hashId } from '../payouts/hash-id.ts';
import { shown } from './amount.ts';
import { BadFile } from './bad-file.ts';
import { exchangeBooking, feeBooking } from './booking.ts';
import { writeBookings } from './bookings.ts';
import type { Desk } from './desk.ts';
import { expectMoney } from './expectations.ts';
import { type FileFormat, type ReadLine, referenceKey, type Side } from './file-item.ts';
import { fileBytes } from './files.ts';
import { type AccountPosition, type CheckedStatement, continued, Gate } from './gate.ts';
import { placeLines } from './placing.ts';
import { readFile } from './read-file.ts';

/** The lines of one group are matched in one chunk as far as this goes. */
const groupRestMax = 64;

interface FileRow extends Record<string, unknown> {
  id: string;
  format: FileFormat;
  sha256: string;
  status: string;
  lines_stored: bigint;
  lines_total: bigint;
  matched_until: { readonly group: string; readonly ordinal: string } | null;
  chain: string;
}

const fileColumns = 'id, format, sha256, status, lines_stored, lines_total, matched_until, chain';

/** Takes up the oldest file that waits and brings it to its end; false when none waits. */
export async function processNext(desk: Desk): Promise<boolean> {
  const [file] = await desk.sql.query<FileRow>(
    `SELECT ${fileColumns} FROM settlement_files WHERE status IN ('processing', 'pending') ORDER BY status DESC, created_at, id LIMIT 1`,
  );
  if (file === undefined) return false;
  try {
    if (file.status === 'pending') await accept(desk, file);
  } catch (error) {
    if (!(error instanceof BadFile)) throw error;
    await fail(desk, file.id, error);
    return true;
  }
  await storeLines(desk, file.id);
  while (await placeChunk(desk, file.id));
  await seal(desk, file.id);
  return true;
}

/** The first pass: reads all of it. Only then, and only when it is in order, the file has an effect. */
async function accept(desk: Desk, file: FileRow): Promise<void> {
  const gate = new Gate();
  for await (const item of readFile(file.format, fileBytes(desk.sql, file.id))) gate.take(item);
  gate.end();
  await desk.sql.transaction(async (tx) => {
    const locked = await lockFile(tx, file.id);
    if (locked?.status !== 'pending') return;
    // Statements of an account are accepted one after the other.
    await tx.query("SELECT pg_advisory_xact_lock(hashtext('settlement.account_positions'))");
    const positions = continued(await readPositions(tx), gate.statements);
    await writePositions(tx, positions);
    for (const [number, statement] of gate.statements.entries()) {
      await claimSettlement(tx, file.id, statement);
      await writeStatement(tx, file.id, number, statement);
    }
    await tx.execute("UPDATE settlement_files SET status = 'processing', lines_total = $2 WHERE id = $1", [
      file.id,
      gate.lines,
    ]);
  });
}

async function fail({ sql, log }: Desk, id: string, fault: BadFile): Promise<void> {
  await sql.transaction(async (tx) => {
    const locked = await lockFile(tx, id);
    if (locked?.status !== 'pending') return;
    await tx.execute(
      "UPDATE settlement_files SET status = 'failed', reason = $2, reason_line = $3, reason_detail = $4 WHERE id = $1",
      [id, fault.reason, fault.line, fault.message],
    );
    await tx.execute('DELETE FROM settlement_file_parts WHERE file_id = $1', [id]);
  });
  log.warn('a settlement file is refused', { id, reason: fault.reason, line: fault.line });
}

async function lockFile(tx: SqlTransaction, id: string): Promise<FileRow | undefined> {
  const [row] = await tx.query<FileRow>(`SELECT ${fileColumns} FROM settlement_files WHERE id = $1 FOR UPDATE`, [id]);
  return row;
}

interface PositionRow extends Record<string, unknown> {
  account_key: string;
  sequence: bigint;
  page: bigint;
  is_last_page: boolean;
  closing_minor: bigint;
  date: string;
}

async function readPositions(tx: SqlTransaction): Promise<Map<string, AccountPosition>> {
  const rows = await tx.query<PositionRow>(
    `SELECT account_key, sequence, page, is_last_page, closing_minor, to_char(date, 'YYYY-MM-DD') AS date FROM account_positions`,
  );
  return new Map(
    rows.map((row) => [
      row.account_key,
      {
        ...{ sequence: Number(row.sequence), page: Number(row.page), isLastPage: row.is_last_page },
        ...{ closingMinor: row.closing_minor, date: row.date },
      },
    ]),
  );
}

async function writePositions(tx: SqlTransaction, positions: ReadonlyMap<string, AccountPosition>): Promise<void> {
  for (const [key, { sequence, page, isLastPage, closingMinor, date }] of positions)
    await tx.execute(
      `INSERT INTO account_positions (account_key, sequence, page, is_last_page, closing_minor, date) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (account_key) DO UPDATE SET sequence = $2, page = $3, is_last_page = $4, closing_minor = $5, date = $6`,
      [key, sequence, page, isLastPage, closingMinor, date],
    );
}

/** A settlement that another file has told of refuses this one: pulled and uploaded, it would count twice. */
async function claimSettlement(tx: SqlTransaction, fileId: string, statement: CheckedStatement): Promise<void> {
  const { account, currency, onceKey, line } = statement;
  if (onceKey === undefined) return;
  const claimed = await tx.execute(
    'INSERT INTO provider_settlements (account, currency, settlement, file_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    [account, currency, onceKey, fileId],
  );
  if (claimed === 1) return;
  const [first] = await tx.query<{ file_id: string }>(
    'SELECT file_id FROM provider_settlements WHERE account = $1 AND currency = $2 AND settlement = $3',
    [account, currency, onceKey],
  );
  const detail = `The settlement ${shown(onceKey)} of ${account} is here already, in the file ${first?.file_id ?? ''}.`;
  throw new BadFile('duplicate_page', line, detail);
}

async function writeStatement(
  tx: SqlTransaction,
  fileId: string,
  number: number,
  each: CheckedStatement,
): Promise<void> {
  await tx.execute(
    `INSERT INTO file_statements (file_id, number, side, account, currency, reference, sequence, page, opening_minor, closing_minor, lines, date)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      ...[fileId, number, each.side, each.account, each.currency, each.reference, each.sequence, each.page],
      ...[each.openingMinor, each.closingMinor, each.lines, each.date],
    ],
  );
}

interface LineToStore {
  readonly line: ReadLine;
  readonly side: Side;
  readonly account: string;
}

/** The second pass: stores lines in chunks, from where an earlier process has come. */
async function storeLines(desk: Desk, id: string): Promise<void> {
  const [file] = await desk.sql.query<FileRow>(`SELECT ${fileColumns} FROM settlement_files WHERE id = $1`, [id]);
  if (file?.status !== 'processing' || file.lines_stored >= file.lines_total) return;
  let at = 0n;
  let chunk: LineToStore[] = [];
  const open = new Map<string, { side: Side; account: string }>();
  for await (const item of readFile(file.format, fileBytes(desk.sql, id))) {
    if (item.type === 'open') open.set(item.key, { side: item.side, account: item.account });
    if (item.type !== 'line') continue;
    at += 1n;
    if (at <= file.lines_stored) continue;
    const { side, account } = open.get(item.key) ?? { side: 'bank', account: '' };
    chunk.push({ line: item, side, account });
    if (chunk.length < desk.linesInChunk) continue;
    await storeChunk(desk, id, at - BigInt(chunk.length), chunk);
    chunk = [];
  }
  if (chunk.length > 0) await storeChunk(desk, id, at - BigInt(chunk.length), chunk);
}

async function storeChunk({ sql }: Desk, id: string, after: bigint, chunk: readonly LineToStore[]): Promise<void> {
  await sql.transaction(async (tx) => {
    const file = await lockFile(tx, id);
    if (file?.status !== 'processing' || file.lines_stored !== after) return;
    let { chain } = file;
    for (const [index, each] of chunk.entries()) {
      const ordinal = after + BigInt(index) + 1n;
      const lineId = hashId('stl', file.sha256, ordinal.toString());
      await storeLine(tx, file, lineId, ordinal, each);
      const { kind, currency, amountMinor, feeMinor, settled } = each.line;
      const exchanged = settled === undefined ? [] : [settled.currency, settled.amountMinor, settled.rate];
      chain = linked(chain, [lineId, kind, currency, amountMinor, feeMinor, ...exchanged]);
    }
    await tx.execute('UPDATE settlement_files SET lines_stored = $2, chain = $3 WHERE id = $1', [
      ...[id, after + BigInt(chunk.length), chain],
    ]);
  });
}

async function storeLine(
  tx: SqlTransaction,
  file: FileRow,
  id: string,
  ordinal: bigint,
  each: LineToStore,
): Promise<void> {
  const { line, side, account } = each;
  const { settled } = line;
  const keys = line.references.map(referenceKey).filter((key) => key !== '');
  const duplicateKey =
    line.ownReference === ''
      ? ''
      : JSON.stringify([side, account, line.kind, line.ownReference, line.currency, line.amountMinor.toString()]);
  await tx.execute(
    `INSERT INTO file_lines (id, file_id, ordinal, line_number, side, kind, currency, amount_minor, fee_minor, value_date, refs, keys, group_key, duplicate_key, description,
       settled_currency, settled_minor, exchange_rate, exchange_source)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
    [
      ...[id, file.id, ordinal, line.line, side, line.kind, line.currency, line.amountMinor, line.feeMinor],
      ...[line.valueDate, line.references, keys, keys[0] ?? '', duplicateKey, line.description],
      ...[settled?.currency ?? '', settled?.amountMinor ?? 0n, settled?.rate ?? '', settled?.source ?? ''],
    ],
  );
  const atMs = Date.parse(`${line.valueDate}T00:00:00Z`);
  const of = {
    parts: [file.sha256, ordinal.toString()],
    reference: `settlement_line:${id}`,
    currency: (settled ?? line).currency,
    atMs,
  };
  if (side !== 'provider') return;
  const exchanges = settled === undefined ? [] : [exchangeBooking(of, line, settled)];
  await writeBookings(tx, [...exchanges, ...feeBooking(of, line.feeMinor)], { fileId: file.id });
}

interface PlacedRow extends Record<string, unknown> {
  id: string;
  ordinal: bigint;
  group_key: string;
  side: Side;
  match_id: string | null;
  break_id: string | null;
}

/** Places the next lines in the order of their groups; false when all are placed. */
async function placeChunk({ sql, world, linesInChunk }: Desk, id: string): Promise<boolean> {
  return sql.transaction(async (tx) => {
    const file = await lockFile(tx, id);
    if (file?.status !== 'processing' || file.lines_stored < file.lines_total) return false;
    const rows = await nextGroup(tx, file, linesInChunk);
    const last = rows.at(-1);
    if (last === undefined) return false;
    const unplaced = rows.filter((row) => row.match_id === null && row.break_id === null);
    const lineIds = unplaced.map((row) => row.id);
    await placeLines(tx, { side: last.side, fileId: id, lineIds, atMs: world.now() });
    const placed = await tx.query<PlacedRow>(
      'SELECT id, match_id, break_id FROM file_lines WHERE id = ANY($1) ORDER BY group_key, ordinal',
      [rows.map((row) => row.id)],
    );
    const chain = placed.reduce(
      (before, row) => linked(before, [row.id, row.match_id ?? '', row.break_id ?? '']),
      file.chain,
    );
    const until = JSON.stringify({ group: last.group_key, ordinal: last.ordinal.toString() });
    await tx.execute('UPDATE settlement_files SET matched_until = $2, chain = $3 WHERE id = $1', [id, until, chain]);
    return true;
  });
}

async function nextGroup(tx: SqlTransaction, file: FileRow, linesInChunk: number): Promise<PlacedRow[]> {
  const columns = 'id, ordinal, group_key, side, match_id, break_id';
  const { group, ordinal } = file.matched_until ?? { group: '', ordinal: '0' };
  const rows = await tx.query<PlacedRow>(
    `SELECT ${columns} FROM file_lines WHERE file_id = $1 AND (group_key, ordinal) > ($2, $3) ORDER BY group_key, ordinal LIMIT $4`,
    [file.id, group, BigInt(ordinal), linesInChunk],
  );
  const last = rows.at(-1);
  if (last === undefined || rows.length < linesInChunk || last.group_key === '') return rows;
  const rest = await tx.query<PlacedRow>(
    `SELECT ${columns} FROM file_lines WHERE file_id = $1 AND group_key = $2 AND ordinal > $3 ORDER BY ordinal LIMIT $4`,
    [file.id, last.group_key, last.ordinal, groupRestMax],
  );
  return [...rows, ...rest];
}

/** The end: the bank is expected to pay what the provider settled, and the output has its hash. */
async function seal({ sql, world, nudge }: Desk, id: string): Promise<void> {
  await sql.transaction(async (tx) => {
    const file = await lockFile(tx, id);
    if (file?.status !== 'processing') return;
    const settlements = await tx.query<{ reference: string; currency: string; closing_minor: bigint; date: Date }>(
      `SELECT reference, currency, closing_minor, date::timestamp AT TIME ZONE 'UTC' AS date FROM file_statements
       WHERE file_id = $1 AND side = 'provider' ORDER BY number`,
      [id],
    );
    for (const { reference, currency, closing_minor: amountMinor, date } of settlements)
      await expectMoney(tx, {
        ...{ side: 'bank', kind: 'provider_settlement', currency, amountMinor, references: [reference] },
        expectedAtMs: date.getTime(),
      });
    const output = createHash('sha256').update(`sealed ${file.chain}`).digest('hex');
    await tx.execute(
      "UPDATE settlement_files SET status = 'processed', output_sha256 = $2, processed_at = $3 WHERE id = $1",
      [id, output, new Date(world.now())],
    );
  });
  nudge();
}

/** The next link of the hash over everything that a file became. */
function linked(chain: string, facts: readonly (string | bigint)[]): string {
  return createHash('sha256')
    .update(JSON.stringify([chain, ...facts.map(String)]))
    .digest('hex');
}
