/**
 * A book of many shards, put together: one follower and one writer for each shard, the way in and the reports over all of
 * them, the round that finishes crossings whose caller is gone.
 *
 * Each shard is a book of its own, a database with all the tables of a book of one: its own writer's row, hash chain,
 * sealed periods and outbox. Shard 0 begins as the service's own database, so that a book of one becomes the first shard
 * of many and stays where it is; whose accounts are in it then is pinned to it.
 */
import { fileURLToPath } from 'node:url';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { openShardDatabase } from '@suuupra/platform/shards/database';
import type { ShardDirectory } from '@suuupra/platform/shards/directory';
import { openShardDirectory } from '@suuupra/platform/shards/directory-sql';
import { firstPlace, home, type ShardSettings } from '@suuupra/platform/shards/places';
import { shardOf } from '@suuupra/platform/shards/shard-of';
import { prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import { startRelay } from '@suuupra/platform/stream/outbox-relay';
import { sqlOutbox } from '@suuupra/platform/stream/outbox-sql';
import type { Stream } from '@suuupra/platform/stream/stream';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { ledgerStores } from './adapters.ts';
import { cross, findCrossings } from './crossings.ts';
import type { LedgerDesk } from './desk.ts';
import { createLedgerWriter, type LedgerWriter, type Written } from './ledger-writer.ts';
import type { Head, ReportReading } from './reader.ts';
import { bookGate, finishTime, type ShardBook } from './shard-book.ts';
import { followShard, type ShardFollower } from './shard-follower.ts';
import type { ShardMap } from './shard-route.ts';
import { shardedReading } from './sharded-reader.ts';
import { createShardedWriter } from './sharded-writer.ts';

export interface ShardsParts {
  /** The service's own database: the directory, and shard 0 at first. */
  readonly sql: Sql;
  readonly settings: ShardSettings;
  readonly stream: Pick<Stream, 'append' | 'system'>;
  readonly world: World;
  readonly telemetry: Telemetry;
  /** Tells of what was written, in the shard's transaction. */
  readonly tell: (shard: number, tx: SqlTransaction, written: Written) => Promise<void>;
}

export interface LedgerShards {
  readonly followers: readonly ShardFollower[];
  readonly writer: LedgerWriter;
  readonly reading: ReportReading;
  /** A position up to which every shard's book is final. */
  position(): Promise<Pick<Head, 'journalSequence' | 'recordedAtUs'>>;
  /** Runs `work` on each shard's book in a transaction of its own, in order. */
  eachBook<T>(work: (tx: SqlTransaction, desk: LedgerDesk) => Promise<T>): Promise<T[]>;
  begin(): void;
  stop(): Promise<void>;
}

/** A crossing that is open for so long has lost its caller. */
const orphanAgeMs = 30_000;
const sweepEveryMs = 30_000;

export async function openShards(parts: ShardsParts): Promise<LedgerShards> {
  const { sql, settings, world, telemetry, tell } = parts;
  const directory = await openDirectory(sql, settings);
  const map = await openMap(directory, settings.count);
  const open = bookOpener(parts);
  const shards = Array.from({ length: settings.count }, (_, shard) => {
    const follower = followShard({ shard, directory, open, world });
    const writer = createLedgerWriter(follower.store, world, {
      tell: (tx, written) => tell(shard, tx, written),
      noticed: (what, error) => telemetry.log.warn(`the writer of shard ${shard} went on after: ${what}`, { error }),
    });
    return { follower, writer, store: follower.store };
  });
  const followers = shards.map(({ follower }) => follower);
  let sweep: Loop | undefined;
  return {
    followers,
    writer: createShardedWriter(shards, map),
    reading: shardedReading(
      shards.map(({ store }) => store),
      map,
    ),
    position: () => finalPosition(followers),
    eachBook: (work) => eachBook(followers, work),
    begin: () => {
      sweep = startLoop({
        round: () => finishCrossings(shards, world).then(() => world.now() + sweepEveryMs),
        now: () => world.now(),
        idleMsMax: sweepEveryMs,
        failed: (error) => telemetry.log.warn('crossings between shards could not be finished', { error }),
      });
    },
    stop: async () => {
      await sweep?.stop();
      await Promise.all(shards.map(({ writer }) => writer.stop()));
      await Promise.all(followers.map((follower) => follower.close()));
    },
  };
}

/** The directory of the service's own database, made at the first start. */
export function openDirectory(sql: Sql, settings: ShardSettings): Promise<ShardDirectory> {
  return openShardDirectory(sql, {
    shards: settings.count,
    placeOf: (shard) => firstPlace(shard, settings),
    pinned: async () => {
      const rows = await sql.query<{ code: string }>("SELECT DISTINCT code FROM accounts WHERE code LIKE '%:%'");
      return [...new Set(rows.map(({ code }) => code.slice(5)))];
    },
  });
}

async function openMap(directory: ShardDirectory, count: number): Promise<ShardMap> {
  const pins = await directory.pins();
  return {
    count,
    ofMerchant: (id) => pins.get(id) ?? shardOf(`merchant:${id}`, count),
    ofCause: (cause) => shardOf(`cause:${cause}`, count),
  };
}

const migrations = { postgres: '../migrations/', mysql: '../migrations-mysql/' } as const;

/** The tables of a book and of what it tells. */
export async function migrateBook(sql: Sql): Promise<void> {
  await prepareServiceDatabase(sql);
  await sql.migrate(fileURLToPath(new URL(migrations[sql.dialect], import.meta.url)));
}

/** Connects to a shard's book, without its outbox being told. Shard 0 at home is the service's own database. */
export async function connectBook(
  { sql: own, settings }: Pick<ShardsParts, 'sql' | 'settings'>,
  shard: number,
  place: string,
): Promise<ShardBook> {
  const { sql, close } = await openShardDatabase({ own, settings, migrate: migrateBook }, shard, place);
  return { place, sql, ...ledgerStores(sql), gate: bookGate(sql), nudge: () => {}, close };
}

function bookOpener(parts: ShardsParts): (shard: number, place: string) => Promise<ShardBook> {
  return async (shard, place) => {
    const book = await connectBook(parts, shard, place);
    // What is told of the service's own database is brought by the service's own relay.
    if (place === home) return book;
    const relay = startRelay({ outbox: sqlOutbox(book.sql), stream: parts.stream, telemetry: parts.telemetry });
    return {
      ...book,
      nudge: () => relay.nudge(),
      close: async () => {
        await relay.stop();
        await book.close();
      },
    };
  };
}

async function finalPosition(
  followers: readonly ShardFollower[],
): Promise<Pick<Head, 'journalSequence' | 'recordedAtUs'>> {
  const heads = await Promise.all(followers.map(({ store }) => store.reading((reader) => reader.head())));
  const untilUs = heads.reduce((latest, { recordedAtUs }) => (recordedAtUs > latest ? recordedAtUs : latest), 0n);
  await Promise.all(followers.map((follower) => follower.within(({ sql }) => finishTime(sql, untilUs))));
  return { journalSequence: untilUs, recordedAtUs: untilUs };
}

async function eachBook<T>(
  followers: readonly ShardFollower[],
  work: (tx: SqlTransaction, desk: LedgerDesk) => Promise<T>,
): Promise<T[]> {
  const done: T[] = [];
  for (const follower of followers)
    done.push(await follower.within(({ sql, desk }) => sql.transaction((tx) => work(tx, desk))));
  return done;
}

/** Goes on with the crossings that nobody waits for any more. Two processes that do it at once do it once. */
async function finishCrossings(
  shards: readonly { readonly writer: LedgerWriter; readonly follower: ShardFollower }[],
  world: World,
): Promise<void> {
  const untilUs = BigInt(world.now() - orphanAgeMs) * 1_000n;
  for (const { writer, follower } of shards)
    for (const route of await findCrossings(follower.store, untilUs)) {
      const there = shards[route.to];
      if (there !== undefined) await cross(writer, there.writer, route);
    }
}
