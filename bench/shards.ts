/**
 * A shard that moves to another database under load, on a PostgreSQL that keeps what it acknowledges: how long it takes
 * nothing, what its callers wait, and that nothing acknowledged was lost or doubled. Then what more shards bring on the same
 * machine. Writes bench/shards-results.md.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { openShardDirectory } from '@suuupra/platform/shards/directory-sql';
import { moveShard } from '@suuupra/platform/shards/move';
import { openSql } from '@suuupra/platform/sql/open-sql';
import type { Sql } from '@suuupra/platform/sql/sql';
import { realWorld } from '@suuupra/platform/world';
import { ledgerStores } from '../services/ledger/src/adapters.ts';
import type { LedgerCommand } from '../services/ledger/src/command.ts';
import { createLedgerWriter, type LedgerWriter } from '../services/ledger/src/ledger-writer.ts';
import { bookGate, type ShardBook } from '../services/ledger/src/shard-book.ts';
import { shardCopy } from '../services/ledger/src/shard-copy.ts';
import { followShard } from '../services/ledger/src/shard-follower.ts';
import { migrateBook } from '../services/ledger/src/shards.ts';
import type { LedgerStore } from '../services/ledger/src/store.ts';
import { verifyLedger } from '../services/ledger/src/verify.ts';
import { cpuMs, machine, median, spread, table } from './measure.ts';
import { durablePostgres, type Engine } from './money/ledger.ts';
import { keepBusy, pairOf, seeded } from './money/loads.ts';

const accounts = 1_000;
const moves = 5;
/** Journals that are in the book before the first move. */
const historyJournals = 50_000;
const callers = 64;
const settleMs = 1_500;
const shardsTried = [1, 2, 4];
const callersPerShard = 500;
const scalingSeconds = 4;
const scalingRounds = 3;
const world = realWorld();

interface MoveMeasured {
  readonly pauseMs: number;
  readonly tookMs: number;
  readonly waitMsMax: number;
  readonly perSecondDuring: number;
  readonly journals: bigint;
}

function transfer(random: () => number, cause: string): LedgerCommand {
  const [from, to] = pairOf('uniform', accounts, random);
  return {
    ...{ type: 'book', kind: 'adjustment', cause, reference: 'bench', description: 'Bench', currency: 'INR' },
    transfers: [{ debit: `2200:usr_${from}`, credit: `2200:usr_${to}`, amount: 1n }],
  };
}

async function posted(writer: LedgerWriter, commands: readonly LedgerCommand[]): Promise<void> {
  const answer = await writer.submit(commands);
  if (isRefusal(answer)) throw new Error(`the ledger refused: ${answer.code}`);
  const other = answer.results.find(({ kind }) => kind !== 'posted');
  if (other !== undefined) throw new Error(`a transfer was not booked: ${other.kind}`);
}

async function openBook(engine: Engine, name: string): Promise<Sql> {
  const { sql, url } = await engine.open(name);
  await sql.close();
  return openSql({ url, connectionsMax: 6 });
}

/** Keeps callers booking on one shard while it goes to and fro between two databases. */
async function measureMoves(engine: Engine): Promise<{ measured: MoveMeasured[]; acknowledged: number }> {
  const [own, a, b] = [
    await openBook(engine, 'own'),
    await openBook(engine, 'shard_a'),
    await openBook(engine, 'shard_b'),
  ];
  const databases: Readonly<Record<string, Sql>> = { a, b };
  const at = (place: string): Sql => databases[place] ?? own;
  const directory = await openShardDirectory(own, { shards: 1, placeOf: () => 'a', pinned: async () => [] });
  const open = async (_shard: number, place: string): Promise<ShardBook> => ({
    ...{ place, sql: at(place), ...ledgerStores(at(place)), gate: bookGate(at(place)) },
    nudge: () => {},
    close: async () => {},
  });
  const { store } = followShard({ shard: 0, directory, open, world });
  const writer = createLedgerWriter(store, world);
  const random = seeded(1);
  for (let from = 0; from < historyJournals; from += 1_000)
    await posted(
      writer,
      Array.from({ length: 1_000 }, (_, each) => transfer(random, `history-${from + each}`)),
    );
  const acknowledged: string[] = [];
  const doneMs: { readonly atMs: number; readonly waitedMs: number }[] = [];
  let isOver = false;
  const calling = Array.from({ length: callers }, async (_, caller) => {
    for (let number = 0; !isOver; number += 1) {
      const cause = `${caller}-${number}`;
      const beganMs = performance.now();
      await posted(writer, [transfer(random, cause)]);
      doneMs.push({ atMs: performance.now(), waitedMs: performance.now() - beganMs });
      acknowledged.push(cause);
    }
  });
  const measured: MoveMeasured[] = [];
  for (let move = 0; move < moves; move += 1) {
    await delay(settleMs);
    const { place: from } = await directory.find(0);
    const to = from === 'a' ? 'b' : 'a';
    const startedMs = performance.now();
    const { pauseMs } = await moveShard({
      ...{ directory, shard: 0, from, to, world, source: bookGate(at(from)), target: bookGate(at(to)) },
      copy: shardCopy({ source: at(from), target: at(to), migrate: migrateBook }),
    });
    const tookMs = performance.now() - startedMs;
    await delay(settleMs);
    const during = doneMs.filter(({ atMs }) => atMs >= startedMs && atMs <= startedMs + tookMs + 500);
    const waitMsMax = during.reduce((most, { waitedMs }) => Math.max(most, waitedMs), 0);
    const { journalSequence: journals } = await store.reading((reader) => reader.head());
    measured.push({ pauseMs, tookMs, waitMsMax, perSecondDuring: (during.length * 1_000) / (tookMs + 500), journals });
  }
  isOver = true;
  await Promise.all(calling);
  await assertKept(store, acknowledged);
  await writer.stop();
  for (const sql of [own, a, b]) await sql.close();
  return { measured, acknowledged: acknowledged.length };
}

/** What was acknowledged is in the book, nothing else is, and the chain holds. That a cause is there once the engine keeps. */
async function assertKept(store: LedgerStore, acknowledged: readonly string[]): Promise<void> {
  const verdict = await verifyLedger(store);
  const expected = BigInt(historyJournals + acknowledged.length);
  if (!verdict.intact || verdict.journals !== expected)
    throw new Error(`${verdict.journals} journals of ${expected} are in the book, intact: ${verdict.intact}`);
  for (let from = 0; from < acknowledged.length; from += 1_000) {
    const causes = acknowledged.slice(from, from + 1_000);
    const identities = causes.map((cause) => ['adjustment', cause] as const);
    const { known } = await store.load({ identities, accounts: [], lineIds: [], targets: [] });
    if (known.size !== causes.length) throw new Error(`${causes.length - known.size} acknowledged transfers are lost`);
  }
}

interface Scaled {
  readonly shards: number;
  readonly perSecond: number[];
  readonly cpuUs: number[];
}

/** One, two and four shards in turns, each with callers of its own: one process, one server, the cores of this machine. */
async function measureScaling(engine: Engine): Promise<Scaled[]> {
  const books: { sql: Sql; writer: LedgerWriter }[] = [];
  for (let shard = 0; shard < Math.max(...shardsTried); shard += 1) {
    const sql = await openBook(engine, `scale_${shard}`);
    books.push({ sql, writer: createLedgerWriter(ledgerStores(sql).store, world) });
  }
  const random = seeded(2);
  let cause = 0;
  const busy = async (shards: number, seconds: number) => {
    const before = cpuMs(engine.processId) + ownCpuMs();
    const ran = await keepBusy({ atOnce: shards * callersPerShard, seconds }, async (number) => {
      cause += 1;
      const { writer } = books[number % shards] ?? {};
      if (writer !== undefined) await posted(writer, [transfer(random, `${cause}`)]);
    });
    return { perSecond: ran.perSecond, cpuUs: ((cpuMs(engine.processId) + ownCpuMs() - before) * 1_000) / ran.done };
  };
  // Opens every account of every book, and lets the code become what it is when it has run for a while.
  await busy(books.length, scalingSeconds);
  const scaled: Scaled[] = shardsTried.map((shards) => ({ shards, perSecond: [], cpuUs: [] }));
  for (let round = 0; round < scalingRounds; round += 1)
    for (const { shards, perSecond, cpuUs } of scaled) {
      const ran = await busy(shards, scalingSeconds);
      perSecond.push(ran.perSecond);
      cpuUs.push(ran.cpuUs);
    }
  for (const { sql, writer } of books) {
    await writer.stop();
    await sql.close();
  }
  return scaled;
}

/** Bytes that a journal of one transfer takes in the database, indexes included. */
async function bytesPerJournal(engine: Engine): Promise<number> {
  const sql = await openBook(engine, 'bytes');
  const writer = createLedgerWriter(ledgerStores(sql).store, world);
  const random = seeded(3);
  const size = async () => {
    const [row] = await sql.query<{ size: bigint }>('SELECT pg_database_size(current_database()) AS size');
    return Number(row?.size ?? 0n);
  };
  const count = 40_000;
  const before = await size();
  for (let from = 0; from < count; from += 1_000)
    await posted(
      writer,
      Array.from({ length: 1_000 }, (_, each) => transfer(random, `bytes-${from + each}`)),
    );
  await sql.execute('CHECKPOINT');
  const after = await size();
  await writer.stop();
  await sql.close();
  return (after - before) / count;
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

export async function benchShards(): Promise<string> {
  const engine = await durablePostgres();
  try {
    const { measured, acknowledged } = await measureMoves(engine);
    const scaled = await measureScaling(engine);
    const bytes = await bytesPerJournal(engine);
    return report(measured, acknowledged, scaled, bytes);
  } finally {
    await engine.stop();
  }
}

function report(
  measured: readonly MoveMeasured[],
  acknowledged: number,
  scaled: readonly Scaled[],
  bytes: number,
): string {
  const of = (pick: (one: MoveMeasured) => number) => spread(measured.map(pick));
  const [one] = scaled;
  return [
    '## A shard that moves under load',
    '',
    `${machine()}. ${callers} callers that each wait for one transfer, on one shard with ${historyJournals.toLocaleString('en')} journals of history, while it moves ${moves} times between two databases of one PostgreSQL 18 (fsync on); the first move copies all, the later ones what came since. Median (least–most). The pause is from the closing of the old place to the opening of the new one, the tail copied and compared in between. ${acknowledged.toLocaleString('en')} transfers were acknowledged meanwhile; each is in the book once, and its chain was replayed.`,
    '',
    table(
      ['what', 'figure'],
      [
        ['pause, ms', of(({ pauseMs }) => pauseMs)],
        ['longest wait of a caller around a move, ms', of(({ waitMsMax }) => waitMsMax)],
        ['a whole move, ms', of(({ tookMs }) => tookMs)],
        ['the first move, ms', (measured[0]?.tookMs ?? 0).toFixed(0)],
        [
          'journals in the book at the first move and after the last',
          measured
            .map(({ journals }) => Number(journals))
            .filter((_, at) => at === 0 || at === measured.length - 1)
            .join(', '),
        ],
        ['transfers a second while it moved', of(({ perSecondDuring }) => perSecondDuring)],
      ],
    ),
    '',
    '## Shards on one machine',
    '',
    `The same machine, one process, one PostgreSQL, ${callersPerShard} callers for each shard, ${scalingRounds} runs of ${scalingSeconds} s in turns after one of all shards, median (least–most). More writers share the same cores, so that this says what a transfer costs beside other shards and not what a machine more brings; the target, four times the throughput with at least 0.9 of the efficiency, is of machines with cores for all.`,
    '',
    table(
      ['shards', 'transfers/s', 'CPU µs a transfer', 'one shard’s CPU against it'],
      scaled.map(({ shards, perSecond, cpuUs }) => [
        String(shards),
        spread(perSecond),
        spread(cpuUs),
        (median(one?.cpuUs ?? []) / median(cpuUs)).toFixed(2),
      ]),
    ),
    '',
    `A journal of one transfer takes ${bytes.toFixed(0)} bytes of the database, indexes included (after 40,000 journals).`,
  ].join('\n');
}

if (import.meta.main) {
  const head = `# Shards, measured\n\nWritten by \`node bench/shards.ts\` on ${new Date().toISOString().slice(0, 10)}. Trust the ratios; absolute figures belong to the machine they name.\n`;
  const text = `${head}\n${await benchShards()}\n`;
  writeFileSync(path.join(import.meta.dirname, 'shards-results.md'), text);
  console.log(text);
}
