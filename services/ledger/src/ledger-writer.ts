/**
 * The writer: the one way into the book.
 *
 * `post` takes a batch of commands and writes it within the caller's transaction, so a journal and the record that its
 * event was applied commit together. It holds the writer's row from its first statement to the commit: writers of all
 * processes take turns, sequence numbers have no gaps, and the state that `apply` was given is the state it is written
 * to. All commands of one call become one batch: one place in the hash chain, one statement for each table.
 */
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { World } from '@suuupra/platform/world';
import { apply, type CommandResult, type LedgerCommand } from './ledger.ts';
import type { LedgerStore } from './store.ts';

/** Commands of one batch: keeps a commit short and a statement's arrays small. */
export const batchMax = 2_000;

export interface LedgerWriter {
  /** One result for each command, in order. The caller commits; nothing is acknowledged before that. */
  post(tx: SqlTransaction, commands: readonly LedgerCommand[]): Promise<readonly CommandResult[]>;
}

export function createLedgerWriter(store: LedgerStore, world: World): LedgerWriter {
  return {
    post: async (tx, commands) => {
      if (commands.length > batchMax) throw new RangeError(`a batch has at most ${batchMax} commands`);
      const state = await store.begin(tx, commands);
      const applied = apply(state, commands, BigInt(world.now()) * 1_000n);
      await store.write(tx, state, applied);
      return applied.results;
    },
  };
}
