/**
 * The gate of a shard's database: whether it takes anything.
 *
 * A gate has an epoch, below zero while it is closed. Every commit has to find the epoch that it began with, so that after a
 * closing nobody who wrote before commits any more. The amount of the epoch only grows: opening a gate names the very closing
 * that it takes back, and a later closing is never undone by somebody slow.
 */
export interface ShardGate {
  /** Below zero: closed. */
  epoch(): Promise<bigint>;
  /** Closes it, also when it is closed. Gives its epoch, below zero. Waits until a commit under way is decided. */
  close(): Promise<bigint>;
  /** Opens what was closed under this epoch; false when it is open or was closed again since. */
  open(closedAt: bigint): Promise<boolean>;
}

/** The database does not take this: the shard is being moved or was moved away. Nothing was written. */
export class ShardClosed extends Error {
  constructor() {
    super('the shard is closed in this database');
    this.name = 'ShardClosed';
  }
}
