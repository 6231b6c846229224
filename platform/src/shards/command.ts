/**
 * What an operator does with the shards of a service: `list | verify | move SHARD PLACE [--resume] | undo SHARD`. The service
 * says how a shard is opened, copied and checked.
 */
import { parseArgs } from 'node:util';
import { ConfigError } from '../config.ts';
import { openSql } from '../sql/open-sql.ts';
import type { Sql } from '../sql/sql.ts';
import { realWorld } from '../world.ts';
import type { ShardDirectory, ShardRow } from './directory.ts';
import { findShardDirectory } from './directory-sql.ts';
import type { PlacedShard } from './follower.ts';
import { moveShard, type ShardCopy, undoMove } from './move.ts';
import { home, readShardSettings, type ShardSettings } from './places.ts';

/** A service's shards as the operator's command sees them. */
export interface ShardedService<P extends PlacedShard> {
  readonly name: string;
  /** Connects to a shard on a place. */
  open(desk: ShardDesk, shard: number, place: string): Promise<P>;
  copy(source: P, target: P): ShardCopy;
  /** After a move, or when it was undone: what was laid in the source for copying goes away. */
  tidy?(source: P): Promise<void>;
  /** Gives the exit code. */
  verify(desk: ShardDesk, rows: readonly ShardRow[]): Promise<number>;
}

export interface ShardDesk {
  readonly sql: Sql;
  readonly settings: ShardSettings;
  readonly directory: ShardDirectory;
  readonly print: (line: string) => void;
}

const usage = 'Say list, verify, move SHARD PLACE, or undo SHARD.';

/** Gives the exit code: 0 when all is well, 1 when what is there is wrong, 2 when it could not be done. */
export async function runShardsOf<P extends PlacedShard>(
  service: ShardedService<P>,
  args: readonly string[],
  print: (line: string) => void,
): Promise<number> {
  const closing: (() => Promise<void>)[] = [];
  const setting = `SUUUPRA_${service.name.toUpperCase()}`;
  try {
    const options = { url: { type: 'string' }, resume: { type: 'boolean' } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const settings = readShardSettings(service.name, process.env);
    if (settings === undefined)
      throw new ConfigError(`The service ${service.name} is not sharded: there is no ${setting}_SHARDS.`);
    const url = values.url ?? process.env[`${setting}_URL`] ?? '';
    if (url === '') throw new ConfigError(`Name the database of ${service.name} with --url or ${setting}_URL.`);
    const sql = await openSql({ url, connectionsMax: 4 });
    closing.push(() => sql.close());
    const directory = await findShardDirectory(sql);
    if (directory === undefined)
      throw new ConfigError(`There are no shards yet: the first start of ${service.name} makes them.`);
    return await run(service, { sql, settings, directory, print }, positionals, values.resume === true);
  } catch (error) {
    print(`It could not be done: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function run<P extends PlacedShard>(
  service: ShardedService<P>,
  desk: ShardDesk,
  [command, shard, place]: readonly string[],
  resume: boolean,
): Promise<number> {
  if (command === 'list') return list(desk);
  if (command === 'verify') return service.verify(desk, await desk.directory.list());
  const number = /^\d+$/.test(shard ?? '') ? Number(shard) : undefined;
  if (command === 'move' && number !== undefined && place !== undefined)
    return move(service, desk, number, place, resume);
  if (command === 'undo' && number !== undefined) return undo(service, desk, number);
  throw new ConfigError(usage);
}

async function list({ directory, print }: ShardDesk): Promise<number> {
  print('shard  place                 moves');
  for (const { shard, place, epoch, move: under } of await directory.list()) {
    const going = under === undefined ? '' : `  moving to ${under.to}`;
    print(`${String(shard).padStart(5)}  ${place.padEnd(20)}  ${String(epoch - 1n).padStart(5)}${going}`);
  }
  return 0;
}

/** Opens a shard on a place for as long as the work takes. */
export async function withPlaced<P extends PlacedShard, T>(
  service: Pick<ShardedService<P>, 'open'>,
  desk: ShardDesk,
  { shard, place }: Pick<ShardRow, 'shard' | 'place'>,
  work: (placed: P) => Promise<T>,
): Promise<T> {
  const placed = await service.open(desk, shard, place);
  try {
    return await work(placed);
  } finally {
    await placed.close();
  }
}

async function move<P extends PlacedShard>(
  service: ShardedService<P>,
  desk: ShardDesk,
  shard: number,
  to: string,
  resume: boolean,
): Promise<number> {
  const { directory, settings, print } = desk;
  if (to !== home && !settings.places.has(to))
    throw new ConfigError(`${to} is no place; there are ${[home, ...settings.places.keys()].join(', ')}.`);
  const { place } = await directory.find(shard);
  const moved = await withPlaced(service, desk, { shard, place }, (source) =>
    withPlaced(service, desk, { shard, place: to }, async (target) => {
      const done = await moveShard({
        ...{ directory, shard, from: place, to, resume, world: realWorld() },
        source: source.gate,
        target: target.gate,
        copy: service.copy(source, target),
      });
      await service.tidy?.(source);
      return done;
    }),
  );
  print(`Shard ${shard} is on ${to}. It took nothing for ${moved.pauseMs.toFixed(0)} ms.`);
  return 0;
}

async function undo<P extends PlacedShard>(
  service: ShardedService<P>,
  desk: ShardDesk,
  shard: number,
): Promise<number> {
  const { directory, print } = desk;
  const { place } = await directory.find(shard);
  const undone = await withPlaced(service, desk, { shard, place }, async (source) => {
    const isUndone = await undoMove(directory, shard, source.gate, place);
    // Also after a move that was undone by others: they leave its notes and triggers.
    if ((await directory.find(shard)).move === undefined) await service.tidy?.(source);
    return isUndone;
  });
  print(undone ? `Shard ${shard} stays on ${place}.` : `Shard ${shard} is not being moved.`);
  return undone ? 0 : 2;
}
