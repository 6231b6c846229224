/**
 * Journals between two shards, without a transaction over both:
 *
 *     hold here -> book there -> post here      (or, where it is refused there: give the hold up)
 *
 * All three steps carry the journal's own id, so each happens once however often it is asked for. What is to be done there
 * is in the held journal itself, and the open hold is the note that it is not finished: whoever finds one, the caller who
 * asks again or the round that looks for orphans, goes on from it. Until the last step the amount is held here and stands on
 * the account between shards there; when no hold is open, that account's sum over all shards is zero.
 *
 * Based on two-phase transfers through clearing accounts: https://docs.tigerbeetle.com/coding/two-phase-transfers/
 */
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { BookOrder, KnownJournal, ResolveOrder, TransferOrder } from './command.ts';
import type { CommandResult } from './ledger.ts';
import type { LedgerWriter, SubmitOptions } from './ledger-writer.ts';
import type { LedgerReading, RecordedJournal } from './reader.ts';

export interface CrossingRoute {
  readonly held: BookOrder;
  readonly to: number;
  readonly booked: BookOrder;
}

/** Does it, or what is left of it. A refusal means that it is not finished: asked again it goes on. */
export async function cross(
  here: LedgerWriter,
  there: LedgerWriter,
  { held, booked }: Omit<CrossingRoute, 'to'>,
  options: SubmitOptions = {},
): Promise<CommandResult | Refusal> {
  const first = await one(here, held, options);
  if (isRefusal(first) || first.kind === 'rejected') return first;
  const second = await one(there, booked, options);
  if (isRefusal(second)) return second;
  const isIn = second.kind !== 'rejected';
  const last = await one(here, resolution(held, isIn ? 'post_pending' : 'void_pending'), options);
  if (isRefusal(last)) return last;
  return isIn ? (first.kind === 'posted' ? first : second) : second;
}

async function one(
  writer: LedgerWriter,
  command: BookOrder | ResolveOrder,
  { cause }: SubmitOptions,
): Promise<CommandResult | Refusal> {
  const submitted = await writer.submit([command], cause === undefined ? {} : { cause });
  if (isRefusal(submitted)) return submitted;
  const [result] = submitted.results;
  if (result === undefined || result.kind === 'skipped' || result.kind === 'nothing')
    throw new Error(`${command.kind} of ${command.cause} has no result`);
  return result;
}

function resolution(held: BookOrder, kind: ResolveOrder['kind']): ResolveOrder {
  const { cause, reference, currency, effectiveAtUs } = held;
  const common = { cause, reference, currency, effectiveAtUs, description: 'The other shard has its part' };
  return { ...common, type: 'resolve', kind, target: cause, amount: 0n };
}

/** What is held by a crossing, read back from its journal; undefined for any other hold. */
export function crossingOf(journal: RecordedJournal | KnownJournal): CrossingRoute | undefined {
  if (!journal.details?.includes('"crossing"')) return undefined;
  const { crossing, request } = JSON.parse(journal.details) as {
    crossing?: { to: number; transfers: { debit: string; credit: string; amount: string }[] };
    request?: { effectiveAt?: string };
  };
  if (crossing === undefined) return undefined;
  const { kind, cause, reference, description, currency, holds = [] } = journal;
  const effectiveAt = request?.effectiveAt ?? '';
  const effectiveAtUs = effectiveAt === '' ? undefined : BigInt(effectiveAt);
  const there = crossing.transfers.map((each): TransferOrder => ({ ...each, amount: BigInt(each.amount) }));
  const common = { type: 'book', kind, cause, reference, description, currency, effectiveAtUs } as const;
  const booked: BookOrder = { ...common, transfers: there };
  const whole = { to: crossing.to, transfers: there };
  return { held: { ...common, transfers: holds, hold: { timeoutUs: 0n }, crossing: whole }, to: crossing.to, booked };
}

const holdsPerRead = 500;
/** Orphans of one round and shard; the next round has the rest. */
const orphansPerRound = 1_000;

/** Crossings of a book that are not finished, oldest first, recorded at or before the time: those under way are not orphans. */
export function findCrossings(store: LedgerReading, untilUs: bigint): Promise<CrossingRoute[]> {
  return store.reading(async (reader) => {
    const found: CrossingRoute[] = [];
    for (let after = 0n; found.length < orphansPerRound; ) {
      const open = await reader.openHolds(after, holdsPerRead);
      const journals = await reader.journals(open);
      for (const journal of journals) {
        const route = journal.recordedAtUs <= untilUs ? crossingOf(journal) : undefined;
        if (route !== undefined) found.push(route);
      }
      const last = open.at(-1);
      if (last === undefined) break;
      after = last;
    }
    return found;
  });
}
