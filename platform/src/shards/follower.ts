/**
 * What serves a shard, wherever the shard is: it follows it from place to place.
 *
 * The place is remembered and never asked for while the database takes what it is given. A database that turns out to be
 * closed is the sign to look: in the directory, which says where the shard is now; or that a move is under way, which is
 * waited for; or that whoever moved it is gone, and then the move is undone here. So a move costs a pause, and a mover that
 * dies costs one as long as its lease.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { World } from '../world.ts';
import type { ShardDirectory } from './directory.ts';
import type { ShardGate } from './gate.ts';

/** A shard that is being moved took nothing for so long that the caller has to come back. */
export class ShardMoving extends Error {
  constructor(shard: number) {
    super(`shard ${shard} is being moved and takes nothing yet`);
    this.name = 'ShardMoving';
  }
}

/** A shard on a place, connected. */
export interface PlacedShard {
  readonly place: string;
  readonly gate: ShardGate;
  close(): Promise<void>;
}

export interface FollowerParts<P extends PlacedShard> {
  readonly shard: number;
  readonly directory: ShardDirectory;
  /** Connects to the shard on a place. */
  readonly open: (shard: number, place: string) => Promise<P>;
  /** Whether the work was refused because the place is closed, and nothing was written. */
  readonly isClosed: (error: unknown) => boolean;
  readonly world: Pick<World, 'now'>;
  /** How it waits; a simulation has a time of its own. */
  readonly pause?: (ms: number) => Promise<unknown>;
  readonly patienceMs?: number;
}

/** How long a caller waits for a shard that is being moved. */
export const patienceMsDefault = 10_000;
const pauseMs = 25;

export class Follower<P extends PlacedShard> {
  readonly #parts: FollowerParts<P>;
  #place: Promise<P> | undefined;
  /** Earlier places: a reading may be on them still. */
  readonly #left: P[] = [];

  constructor(parts: FollowerParts<P>) {
    this.#parts = parts;
  }

  get shard(): number {
    return this.#parts.shard;
  }

  /** The shard where it is, as far as this process knows. */
  placed(): Promise<P> {
    this.#place ??= this.#openWhereItIs();
    return this.#place;
  }

  async #openWhereItIs(): Promise<P> {
    const { shard, directory, open } = this.#parts;
    try {
      const { place } = await directory.find(shard);
      return await open(shard, place);
    } catch (error) {
      // The next one who asks tries again.
      this.#place = undefined;
      throw error;
    }
  }

  /** Runs what writes, again when the place was closed before that: it must be safe to begin again. Throws ShardMoving. */
  async within<T>(work: (placed: P) => Promise<T>): Promise<T> {
    const { shard, isClosed, patienceMs = patienceMsDefault, pause = delay, world } = this.#parts;
    const untilMs = world.now() + patienceMs;
    for (;;) {
      const placed = await this.placed();
      try {
        return await work(placed);
      } catch (error) {
        if (!isClosed(error)) throw error;
      }
      if (await this.#meetClosed(placed)) continue;
      if (world.now() >= untilMs) throw new ShardMoving(shard);
      await pause(pauseMs);
    }
  }

  /**
   * True when it is worth trying again at once. The epoch is read before the directory: what is opened is the closing that
   * was there when no move was, and no later one.
   */
  async #meetClosed(placed: P): Promise<boolean> {
    const { shard, directory, world } = this.#parts;
    const closedAt = await placed.gate.epoch();
    if (closedAt > 0n) return true;
    const row = await directory.find(shard);
    if (row.place !== placed.place) return this.#leave(placed);
    const { move } = row;
    if (move === undefined) return placed.gate.open(closedAt);
    if (world.now() > move.leaseUntilMs) await directory.undo(shard, move.id);
    return false;
  }

  #leave(placed: P): true {
    // Whoever comes second finds the next place being opened already: it is not forgotten, as nobody would close it.
    if (!this.#left.includes(placed)) {
      this.#left.push(placed);
      this.#place = undefined;
    }
    return true;
  }

  /** A place that is open after the reading was open during it; on one that is closed the reading may have missed the rest. */
  async reading<T>(work: (placed: P) => Promise<T>): Promise<T> {
    for (;;) {
      const placed = await this.placed();
      const read = await work(placed);
      if ((await placed.gate.epoch()) > 0n) return read;
      const { place } = await this.#parts.directory.find(this.#parts.shard);
      if (place === placed.place) return read;
      this.#leave(placed);
    }
  }

  async close(): Promise<void> {
    const open = await this.#place?.catch(() => undefined);
    this.#place = undefined;
    for (const placed of [...this.#left.splice(0), ...(open === undefined ? [] : [open])]) await placed.close();
  }
}
