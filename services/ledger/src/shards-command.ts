/**
 * `npm run shards -- list | verify | move SHARD PLACE [--resume] | undo SHARD`, each with `--url postgres://… or mysql://…` of
 * the ledger's own database (or SUUUPRA_LEDGER_URL), and with the same SUUUPRA_LEDGER_SHARDS and SUUUPRA_LEDGER_PLACES as
 * the platform.
 *
 * A shard moves while the platform serves. A move that was cut off is taken up with --resume, or undone; the old place keeps
 * what it had, closed, until somebody removes its database. It ends with 0 when all is well, 1 when a book is not what was
 * written, 2 when it could not be done.
 */
import { runShardsOf, type ShardDesk, type ShardedService, withPlaced } from '@suuupra/platform/shards/command';
import type { ShardRow } from '@suuupra/platform/shards/directory';
import { betweenShards } from './chart.ts';
import { crossingOf } from './crossings.ts';
import type { LedgerReader } from './reader.ts';
import type { ShardBook } from './shard-book.ts';
import { shardCopy } from './shard-copy.ts';
import { connectBook, migrateBook } from './shards.ts';
import { verifyLedger } from './verify.ts';

const ledgerShards: ShardedService<ShardBook> = {
  name: 'ledger',
  open: connectBook,
  copy: (source, target) => shardCopy({ source: source.sql, target: target.sql, migrate: migrateBook }),
  verify,
};

/** Gives the exit code. */
export function runShards(args: readonly string[], print: (line: string) => void): Promise<number> {
  return runShardsOf(ledgerShards, args, print);
}

interface Checked {
  readonly isIntact: boolean;
  /** By currency, debits less credits on the account between shards. */
  readonly between: ReadonlyMap<string, bigint>;
  readonly crossings: number;
}

/** Every shard's book by itself, and that what left one arrived in another. */
async function verify(desk: ShardDesk, rows: readonly ShardRow[]): Promise<number> {
  const { print } = desk;
  const between = new Map<string, bigint>();
  let [broken, crossings] = [0, 0];
  for (const { shard, place } of rows) {
    const checked = await withPlaced(ledgerShards, desk, { shard, place }, (book) => verifyBook(book, shard, print));
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
