/**
 * A shard's book wherever it is: the LedgerStore of one shard, which follows the shard from place to place.
 *
 * The place is remembered and never asked for while the book takes what it is given. A book that turns out to be closed is
 * the sign to look: in the directory, which says where the shard is now; or that a move is under way, which is waited for;
 * or that whoever moved it is gone, and then the move is undone here. So a move costs a pause, and a mover that dies costs
 * one as long as its lease.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ShardDirectory } from '@suuupra/platform/shards/directory';
import type { World } from '@suuupra/platform/world';
import type { LedgerReader, LedgerReading } from './reader.ts';
import type { ShardBook } from './shard-book.ts';
import { BookClosed, type LedgerStore } from './store.ts';

/** A shard that is being moved took nothing for so long that the caller has to come back. */
export class ShardMoving extends Error {
  constructor(shard: number) {
    super(`shard ${shard} is being moved and takes nothing yet`);
    this.name = 'ShardMoving';
  }
}

export interface FollowerParts {
  readonly shard: number;
  readonly directory: ShardDirectory;
  /** Connects to the shard's book on a place. */
  readonly open: (shard: number, place: string) => Promise<ShardBook>;
  readonly world: Pick<World, 'now'>;
  /** How it waits; a simulation has a time of its own. */
  readonly pause?: (ms: number) => Promise<unknown>;
  readonly patienceMs?: number;
}

/** How long a caller waits for a shard that is being moved. */
export const patienceMsDefault = 10_000;
const pauseMs = 25;

export interface ShardFollower {
  readonly shard: number;
  readonly store: LedgerStore;
  /** The book where it is, as far as this process knows. */
  book(): Promise<ShardBook>;
  /** Runs what needs the book itself, again when it was closed before that. Throws ShardMoving. */
  within<T>(work: (book: ShardBook) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function followShard(parts: FollowerParts): ShardFollower {
  const follower = new Follower(parts);
  const on = <T>(work: (store: LedgerStore) => Promise<T>) => follower.book().then(({ store }) => work(store));
  return {
    shard: parts.shard,
    store: {
      durabilityGap: () => on((store) => store.durabilityGap()),
      takeOver: () => follower.within(({ store }) => store.takeOver()),
      place: () => on((store) => store.place()),
      load: (needs) => on((store) => store.load(needs)),
      dueHolds: (nowUs, limit) => on((store) => store.dueHolds(nowUs, limit)),
      batchHash: (sequence) => on((store) => store.batchHash(sequence)),
      commit: async (from, applied, also) => {
        const book = await follower.book();
        const outcome = await book.store.commit(from, applied, also);
        book.nudge();
        return outcome;
      },
      reading: (work) => follower.reading(work),
    },
    book: () => follower.book(),
    within: (work) => follower.within(work),
    close: () => follower.close(),
  };
}

class Follower {
  readonly #parts: FollowerParts;
  #book: Promise<ShardBook> | undefined;
  /** Books of earlier places: a reading may be on them still. */
  readonly #left: ShardBook[] = [];

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  book(): Promise<ShardBook> {
    this.#book ??= this.#openWhereItIs();
    return this.#book;
  }

  async #openWhereItIs(): Promise<ShardBook> {
    const { shard, directory, open } = this.#parts;
    try {
      const { place } = await directory.find(shard);
      return await open(shard, place);
    } catch (error) {
      // The next one who asks tries again.
      this.#book = undefined;
      throw error;
    }
  }

  async within<T>(work: (book: ShardBook) => Promise<T>): Promise<T> {
    const { shard, patienceMs = patienceMsDefault, pause = delay, world } = this.#parts;
    const untilMs = world.now() + patienceMs;
    for (;;) {
      const book = await this.book();
      try {
        return await work(book);
      } catch (error) {
        if (!(error instanceof BookClosed)) throw error;
      }
      if (await this.#meetClosed(book)) continue;
      if (world.now() >= untilMs) throw new ShardMoving(shard);
      await pause(pauseMs);
    }
  }

  /**
   * True when it is worth trying again at once. The epoch is read before the directory: what is opened is the closing that
   * was there when no move was, and no later one.
   */
  async #meetClosed(book: ShardBook): Promise<boolean> {
    const { shard, directory, world } = this.#parts;
    const closedAt = await book.gate.epoch();
    if (closedAt > 0n) return true;
    const row = await directory.find(shard);
    if (row.place !== book.place) return this.#leave(book);
    const { move } = row;
    if (move === undefined) return book.gate.open(closedAt);
    if (world.now() > move.leaseUntilMs) await directory.undo(shard, move.id);
    return false;
  }

  #leave(book: ShardBook): true {
    this.#book = undefined;
    if (!this.#left.includes(book)) this.#left.push(book);
    return true;
  }

  /** A book that is open after the reading was open during it; on one that is closed the reading may have missed the rest. */
  async reading<T>(work: (reader: LedgerReader) => Promise<T>): Promise<T> {
    for (;;) {
      const book = await this.book();
      const read = await (book.store as LedgerReading).reading(work);
      if ((await book.gate.epoch()) > 0n) return read;
      const { place } = await this.#parts.directory.find(this.#parts.shard);
      if (place === book.place) return read;
      this.#leave(book);
    }
  }

  async close(): Promise<void> {
    const open = await this.#book?.catch(() => undefined);
    this.#book = undefined;
    for (const book of [...this.#left.splice(0), ...(open === undefined ? [] : [open])]) await book.close();
  }
}
