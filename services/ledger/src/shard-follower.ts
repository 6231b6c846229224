/** A shard's book wherever it is: the LedgerStore of one shard, which follows the shard from place to place. */
import { Follower, type FollowerParts as PlatformParts } from '@suuupra/platform/shards/follower';
import type { ShardBook } from './shard-book.ts';
import { BookClosed, type LedgerStore } from './store.ts';

export type FollowerParts = Omit<PlatformParts<ShardBook>, 'isClosed'>;

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
  const follower = new Follower({ ...parts, isClosed: (error) => error instanceof BookClosed });
  const on = <T>(work: (store: LedgerStore) => Promise<T>) => follower.placed().then(({ store }) => work(store));
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
        const book = await follower.placed();
        const outcome = await book.store.commit(from, applied, also);
        book.nudge();
        return outcome;
      },
      reading: (work) => follower.reading(({ store }) => store.reading(work)),
    },
    book: () => follower.placed(),
    within: (work) => follower.within(work),
    close: () => follower.close(),
  };
}
