/** Tells of transfers between instructors that the ledger has booked: once of each of the two accounts. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { InstructorTransferBookedSchema } from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { PayoutSurroundings } from './surroundings.ts';
import type { TransferRow } from './transfers.ts';

/** In the transaction that notes that they are booked, so each is told once. */
export async function tellTransfers(
  { publishIn, world }: Pick<PayoutSurroundings, 'publishIn' | 'world'>,
  tx: SqlTransaction,
  booked: readonly { readonly id: string; readonly journal_id: string }[],
): Promise<void> {
  if (booked.length === 0) return;
  const journals = new Map(booked.map(({ id, journal_id }) => [id, journal_id]));
  const rows = await tx.query<TransferRow>('SELECT * FROM instructor_transfers WHERE id = ANY($1) ORDER BY number', [
    [...journals.keys()],
  ]);
  const publish = publishIn(tx);
  const bookedAt = timestampFromMs(world.now());
  for (const row of rows) {
    const { currency, amount_minor: amountMinor } = row;
    const fact = {
      ...{ transferId: row.id, reason: row.reason, reversesId: row.reverses_id ?? '' },
      ...{ journalId: journals.get(row.id) ?? '', bookedAt },
    };
    const from = { instructorId: row.from_instructor_id, amount: { currency, amountMinor: -amountMinor } };
    const to = { instructorId: row.to_instructor_id, amount: { currency, amountMinor } };
    for (const side of [from, to]) await publish(InstructorTransferBookedSchema, { ...fact, ...side });
  }
}
