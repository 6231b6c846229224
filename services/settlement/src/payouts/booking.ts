/**
 * The journals of payouts on their way to the book: written with what causes them in one transaction, and booked by a loop
 * in that order. The ledger knows each by its kind and id, so a journal that is sent twice is booked once.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BulkMode, JournalToBookSchema } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor } from '@suuupra/platform/sql/sql';
import type { PayoutTransfer } from './payout.ts';
import type { PayoutSurroundings } from './surroundings.ts';
import { tellTransfers } from './transfers-told.ts';

export interface PayoutJournal {
  /** Makes it happen once, together with the kind. */
  readonly id: string;
  readonly kind: 'payout_prepared' | 'reserve_released' | 'payout_paid' | 'payout_returned' | 'adjustment';
  /** The payout that may not go on before this is booked; '' for none. */
  readonly payoutId: string;
  readonly reference: string;
  readonly description: string;
  readonly currency: string;
  readonly transfers: readonly PayoutTransfer[];
}

/** Adds a journal to the transaction; the same one twice is added once, one without transfers never. */
export async function addJournal(tx: SqlExecutor, journal: PayoutJournal): Promise<void> {
  const { id, kind, payoutId, transfers, ...rest } = journal;
  if (transfers.length === 0) return;
  const message = create(JournalToBookSchema, { id, kind, ...rest, transfers: [...transfers] });
  await tx.execute(
    'INSERT INTO payout_journals (id, kind, payout_id, journal) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    [id, kind, payoutId, Buffer.from(toBinary(JournalToBookSchema, message))],
  );
}

interface JournalRow extends Record<string, unknown> {
  position: bigint;
  id: string;
  kind: string;
  journal: Buffer;
}

interface BookedRow extends Record<string, unknown> {
  id: string;
  kind: string;
  state: string;
  journal_id: string;
}

const journalsMax = 100;

/** Books what waits, oldest first. True when there may be more. A rejected journal stays rejected and is for people to look at. */
export async function bookJournals(surroundings: PayoutSurroundings): Promise<boolean> {
  const { sql, ledger, log } = surroundings;
  const rows = await sql.query<JournalRow>(
    "SELECT position, id, kind, journal FROM payout_journals WHERE state = 'waiting' ORDER BY position LIMIT $1",
    [journalsMax],
  );
  if (rows.length === 0) return false;
  const answer = await ledger.bookJournals({
    journals: rows.map((row) => fromBinary(JournalToBookSchema, row.journal)),
    mode: BulkMode.STOP,
  });
  if (isRefusal(answer)) throw new Error(`the ledger refused to book journals of payouts: ${answer.code}`);
  const outcomes = rows.flatMap((row, index) => {
    const result = answer.results[index];
    const state = stateOf(result?.outcome);
    if (result === undefined || state === undefined) return [];
    if (state === 'rejected')
      log.error('the ledger rejected a journal of a payout', {
        journal: row.id,
        kind: row.kind,
        reason: result.reason,
      });
    const { journalId, sequence, reason } = result;
    return [{ position: row.position.toString(), state, journal_id: journalId, sequence: sequence.toString(), reason }];
  });
  await sql.transaction(async (tx) => {
    const booked = await tx.query<BookedRow>(
      `UPDATE payout_journals AS was SET state = told.state, journal_id = told.journal_id, sequence = told.sequence,
         reason = told.reason
       FROM jsonb_to_recordset($1::jsonb) AS told (position bigint, state text, journal_id text, sequence bigint, reason text)
       WHERE was.position = told.position AND was.state = 'waiting' RETURNING was.id, was.kind, was.state, was.journal_id`,
      [JSON.stringify(outcomes)],
    );
    await tellTransfers(
      surroundings,
      tx,
      booked.filter(({ kind, state }) => kind === 'adjustment' && state === 'booked'),
    );
  });
  return outcomes.length > 0;
}

function stateOf(outcome: string | undefined): 'booked' | 'rejected' | undefined {
  if (outcome === 'posted' || outcome === 'duplicate') return 'booked';
  return outcome === 'rejected' ? 'rejected' : undefined;
}
