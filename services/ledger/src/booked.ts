/** What the ledger tells of a batch, in the batch's own transaction: so what is told is in the order of the book. */
import {
  BalanceCrossedSchema,
  JournalPostedSchema,
  JournalsPostedSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_events_pb.ts';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import { identity } from './command.ts';
import type { Written } from './ledger-writer.ts';

/** The key of a book's feed: all of it is in one partition, in one order. One of several shards has a feed of its own. */
export function bookName(shard: number): string {
  return shard === 0 ? 'main' : `shard-${shard}`;
}

/** Which book it is of, and how a journal's number is said outside. */
export interface BookTold {
  readonly book: string;
  readonly numberOf: (sequence: bigint) => bigint;
}

export const onlyBook: BookTold = { book: bookName(0), numberOf: (sequence) => sequence };

/**
 * One event for the batch, which any number of journals share; one for each crossing of a monitor; and one for each journal
 * of a fact, for those who follow a reference.
 */
export async function tellBooked(
  publishIn: (tx: SqlTransaction) => Publish,
  tx: SqlTransaction,
  { applied, causes, commands }: Written,
  { book, numberOf }: BookTold = onlyBook,
): Promise<void> {
  const publish = publishIn(tx);
  const journals = applied.batch?.batch.journals ?? [];
  const [first] = journals;
  if (applied.batch === undefined || first === undefined) return;
  const facts = new Map(
    commands
      .filter(({ type }) => type === undefined)
      .map((command) => [identity(command.kind, command.cause), command]),
  );
  for (const { id, reference, kind, cause, sequence } of journals) {
    const fact = facts.get(identity(kind, cause));
    if (fact !== undefined)
      await publish(
        JournalPostedSchema,
        { journalId: id, reference, kind, sequence: numberOf(sequence) },
        causes.get(fact),
      );
  }
  await publish(JournalsPostedSchema, {
    book,
    batchSequence: applied.batch.batch.sequence,
    firstSequence: first.sequence,
    lastSequence: first.sequence + BigInt(journals.length) - 1n,
    journals: journals.map(({ id, reference, kind, sequence }) => ({ journalId: id, reference, kind, sequence })),
  });
  for (const { monitorId, account, currency, direction, threshold, balance, isBeyond, sequence } of applied.crossings)
    await publish(BalanceCrossedSchema, {
      monitorId,
      account,
      currency,
      direction,
      thresholdMinor: threshold,
      balanceMinor: balance,
      isBeyond,
      sequence: numberOf(sequence),
    });
}
