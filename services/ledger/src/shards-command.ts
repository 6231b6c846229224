/**
 * `npm run shards -- list | verify | move SHARD PLACE [--resume] | undo SHARD`, each with `--url postgres://… or mysql://…` of
 * the ledger's own database (or SUUUPRA_LEDGER_URL), and with the same SUUUPRA_LEDGER_SHARDS and SUUUPRA_LEDGER_PLACES as
 * the platform.
 *
 * A shard moves while the platform serves. A move that was cut off is taken up with --resume, or undone; the old place keeps
 * what it had, closed, until somebody removes its database. It ends with 0 when all is well, 1 when a book is not what was
 * written, 2 when it could not be done.
 */
import { parseArgs } from 'node:util';
import { ConfigError } from '@suuupra/platform/config';
import type { ShardDirectory } from '@suuupra/platform/shards/directory';
import { findShardDirectory } from '@suuupra/platform/shards/directory-sql';
import { home, readShardSettings, type ShardSettings } from '@suuupra/platform/shards/places';
import { openSql } from '@suuupra/platform/sql/open-sql';
import type { Sql } from '@suuupra/platform/sql/sql';
import { realWorld } from '@suuupra/platform/world';
import { betweenShards } from './chart.ts';
import { crossingOf } from './crossings.ts';
import type { LedgerReader } from './reader.ts';
import type { ShardBook } from './shard-book.ts';
import { shardCopy } from './shard-copy.ts';
import { moveShard, undoMove } from './shard-move.ts';
import { connectBook, migrateBook } from './shards.ts';
import { verifyLedger } from './verify.ts';

interface Desk {
  readonly sql: Sql;
  readonly settings: ShardSettings;
  readonly directory: ShardDirectory;
  readonly print: (line: string) => void;
}

const usage = 'Say list, verify, move SHARD PLACE, or undo SHARD.';

/** Gives the exit code. */
export async function runShards(args: readonly string[], print: (line: string) => void): Promise<number> {
  const closing: (() => Promise<void>)[] = [];
  try {
    const options = { url: { type: 'string' }, resume: { type: 'boolean' } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const settings = readShardSettings('ledger', process.env);
    if (settings === undefined) throw new ConfigError('The ledger is not sharded: there is no SUUUPRA_LEDGER_SHARDS.');
    const url = values.url ?? process.env['SUUUPRA_LEDGER_URL'] ?? '';
    if (url === '') throw new ConfigError('Name the database of the ledger with --url or SUUUPRA_LEDGER_URL.');
    const sql = await openSql({ url, connectionsMax: 4 });
    closing.push(() => sql.close());
    const directory = await findShardDirectory(sql);
    if (directory === undefined)
      throw new ConfigError('There are no shards yet: the first start of the ledger makes them.');
    return await run({ sql, settings, directory, print }, positionals, values.resume === true);
  } catch (error) {
    print(`It could not be done: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function run(desk: Desk, [command, shard, place]: readonly string[], resume: boolean): Promise<number> {
  if (command === 'list') return list(desk);
  if (command === 'verify') return verify(desk);
  const number = /^\d+$/.test(shard ?? '') ? Number(shard) : undefined;
  if (command === 'move' && number !== undefined && place !== undefined) return move(desk, number, place, resume);
  if (command === 'undo' && number !== undefined) return undo(desk, number);
  throw new ConfigError(usage);
}

async function list({ directory, print }: Desk): Promise<number> {
  print('shard  place                 moves');
  for (const { shard, place, epoch, move: under } of await directory.list()) {
    const going = under === undefined ? '' : `  moving to ${under.to}`;
    print(`${String(shard).padStart(5)}  ${place.padEnd(20)}  ${String(epoch - 1n).padStart(5)}${going}`);
  }
  return 0;
}

async function withBook<T>(
  desk: Desk,
  shard: number,
  place: string,
  work: (book: ShardBook) => Promise<T>,
): Promise<T> {
  const book = await connectBook(desk, shard, place);
  try {
    return await work(book);
  } finally {
    await book.close();
  }
}

async function move(desk: Desk, shard: number, to: string, resume: boolean): Promise<number> {
  const { directory, settings, print } = desk;
  if (to !== home && !settings.places.has(to))
    throw new ConfigError(`${to} is no place; there are ${[home, ...settings.places.keys()].join(', ')}.`);
  const { place } = await directory.find(shard);
  const moved = await withBook(desk, shard, place, (source) =>
    withBook(desk, shard, to, (target) =>
      moveShard({
        ...{ directory, shard, from: place, to, resume, world: realWorld() },
        source: source.gate,
        target: target.gate,
        copy: shardCopy({ source: source.sql, target: target.sql, migrate: migrateBook }),
      }),
    ),
  );
  print(`Shard ${shard} is on ${to}. It took nothing for ${moved.pauseMs.toFixed(0)} ms.`);
  return 0;
}

async function undo(desk: Desk, shard: number): Promise<number> {
  const { directory, print } = desk;
  const { place } = await directory.find(shard);
  const undone = await withBook(desk, shard, place, ({ gate }) => undoMove(directory, shard, gate));
  print(undone ? `Shard ${shard} stays on ${place}.` : `Shard ${shard} is not being moved.`);
  return undone ? 0 : 2;
}

interface Checked {
  readonly isIntact: boolean;
  /** By currency, debits less credits on the account between shards. */
  readonly between: ReadonlyMap<string, bigint>;
  readonly crossings: number;
}

/** Every shard's book by itself, and that what left one arrived in another. */
async function verify(desk: Desk): Promise<number> {
  const { directory, print } = desk;
  const rows = await directory.list();
  const between = new Map<string, bigint>();
  let [broken, crossings] = [0, 0];
  for (const { shard, place } of rows) {
    const checked = await withBook(desk, shard, place, (book) => verifyBook(book, shard, print));
    if (!checked.isIntact) broken += 1;
    crossings += checked.crossings;
    for (const [currency, net] of checked.between) between.set(currency, (between.get(currency) ?? 0n) + net);
  }
  // A crossing that is under way may have its one half booked.
  const lost = crossings > 0 ? [] : [...between].filter(([, net]) => net !== 0n);
  for (const [currency, net] of lost) print(`${net} ${currency} left one shard and did not arrive in another.`);
  if (broken > 0 || lost.length > 0) return 1;
  print(`All ${rows.length} shards are intact; ${crossings} crossings between shards are under way.`);
  return 0;
}

async function verifyBook({ store, place }: ShardBook, shard: number, print: (line: string) => void): Promise<Checked> {
  const verdict = await verifyLedger(store);
  const said = verdict.intact
    ? `intact, ${verdict.journals} journals`
    : `NOT WHAT WAS WRITTEN at ${verdict.difference.place}`;
  print(`shard ${shard} on ${place}: ${said}`);
  return store.reading(async (reader) => ({
    isIntact: verdict.intact,
    between: new Map(
      (await reader.totalsOf(betweenShards)).map(({ currency, debit, credit }) => [currency, debit - credit]),
    ),
    crossings: await openCrossings(reader),
  }));
}

const holdsPerRead = 500;

async function openCrossings(reader: LedgerReader): Promise<number> {
  let found = 0;
  for (let after = 0n; ; ) {
    const open = await reader.openHolds(after, holdsPerRead);
    const last = open.at(-1);
    if (last === undefined) return found;
    found += (await reader.journals(open)).filter((journal) => crossingOf(journal) !== undefined).length;
    after = last;
  }
}

if (import.meta.main) process.exitCode = await runShards(process.argv.slice(2), (line) => console.log(line));
