/** Read your own write: a reading of the book that holds at least a journal the caller has seen. */
import { Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { newAccount } from './account.ts';
import { accountKind } from './chart.ts';
import type { AccountName, AccountStanding, Head, ReportReader, ReportReading } from './reader.ts';

/** When to ask again: a book that follows its writer is not further behind than this. */
const retryAfterSeconds = 1;

/**
 * Runs `work` on one consistent view that holds the journal `atLeast`; 0 asks for none. Refuses `sequence_not_reached`
 * where the book has not come so far: a copy that follows, or a number that nobody was given yet.
 */
export function readingAt<T>(
  store: ReportReading,
  atLeast: bigint,
  work: (reader: ReportReader, head: Head) => Promise<T>,
): Promise<T | Refusal> {
  return store.reading(async (reader) => {
    const head = await reader.head();
    if (head.journalSequence >= atLeast) return work(reader, head);
    const detail = `The book is at ${head.journalSequence}, and ${atLeast} was asked for; ask again in a moment.`;
    return new Refusal('sequence_not_reached', detail, [], retryAfterSeconds);
  });
}

/** An account of the chart that nothing touched yet stands at zero. Refuses `not_found` for a code outside the chart. */
export async function standing(
  reader: ReportReader,
  { code, currency }: AccountName,
): Promise<AccountStanding | Refusal> {
  const kind = accountKind(code);
  if (kind === undefined) return refuse('not_found', 'There is no such account in the chart.');
  return (await reader.account({ code, currency })) ?? { ...newAccount, ...kind, currency };
}
