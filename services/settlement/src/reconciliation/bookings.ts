/** Journals on their way into the book: written in the transaction of what they are of, booked afterwards. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { BulkMode } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { isRefusal, RpcFault } from '@suuupra/platform/rpc/rpc';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Booking } from './booking.ts';
import type { Desk } from './desk.ts';

/** In one call; the ledger takes up to 1,000. */
const batchMax = 100;

export async function writeBookings(
  tx: SqlTransaction,
  bookings: readonly Booking[],
  of: { readonly fileId?: string | undefined; readonly breakId?: string | undefined } = {},
): Promise<void> {
  for (const each of bookings) {
    await tx.execute(
      `INSERT INTO bookings (id, kind, reference, description, currency, debit, credit, amount_minor, target_id, effective_at, file_id, break_id,
         to_currency, to_minor, rate, source)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (id) DO NOTHING`,
      [
        ...[each.id, each.kind, each.reference, each.description, each.currency, each.debit, each.credit],
        ...[each.amountMinor, each.targetId, new Date(each.effectiveAtMs), of.fileId ?? null, of.breakId ?? null],
        ...[
          each.bought?.currency ?? '',
          each.bought?.amountMinor ?? 0n,
          each.bought?.rate ?? '',
          each.bought?.source ?? '',
        ],
      ],
    );
  }
}

interface BookingRow extends Record<string, unknown> {
  number: bigint;
  id: string;
  kind: string;
  reference: string;
  description: string;
  currency: string;
  debit: string;
  credit: string;
  amount_minor: bigint;
  target_id: string;
  effective_at: Date;
  to_currency: string;
  to_minor: bigint;
  rate: string;
  source: string;
}

/** Books what waits, oldest first; true when there may be more. Booked twice by two processes, the ledger takes it once. */
export async function bookWaiting({ sql, ledger, log }: Desk): Promise<boolean> {
  const rows = await sql.query<BookingRow>(
    `SELECT number, id, kind, reference, description, currency, debit, credit, amount_minor, target_id, effective_at,
       to_currency, to_minor, rate, source
     FROM bookings WHERE state = 'waiting' ORDER BY number LIMIT $1`,
    [batchMax],
  );
  if (rows.length === 0) return false;
  const answer = await ledger.bookJournals({ mode: BulkMode.CONTINUE, journals: rows.map(journalOf) });
  if (isRefusal(answer)) throw new RpcFault('unavailable', `the ledger takes no journals: ${answer.code}`);
  await sql.transaction(async (tx) => {
    for (const result of answer.results) {
      const isBooked = result.outcome === 'posted' || result.outcome === 'duplicate';
      if (!isBooked && result.outcome !== 'rejected') continue;
      await tx.execute(
        "UPDATE bookings SET state = $2, journal_id = $3, detail = $4 WHERE id = $1 AND state = 'waiting'",
        [
          ...[result.id, isBooked ? 'booked' : 'refused', result.journalId],
          isBooked ? '' : `${result.reason} ${result.detail}`.trim().slice(0, 500),
        ],
      );
      if (!isBooked) log.error('the book refused a journal of settlement', { id: result.id, reason: result.reason });
    }
  });
  return rows.length === batchMax;
}

function journalOf(row: BookingRow) {
  const hasTransfers = row.kind !== 'reversal' && row.kind !== 'exchange_sold';
  return {
    id: row.id,
    kind: row.kind,
    reference: row.reference,
    description: row.description,
    currency: row.currency,
    effectiveAt: timestampFromMs(row.effective_at.getTime()),
    transfers: hasTransfers ? [{ debit: row.debit, credit: row.credit, amountMinor: row.amount_minor }] : [],
    targetId: row.target_id,
    ...(row.kind === 'exchange_sold' && {
      exchange: {
        ...{ fromAccount: row.credit, fromMinor: row.amount_minor, toAccount: row.credit },
        ...{ toCurrency: row.to_currency, toMinor: row.to_minor, rate: row.rate, source: row.source },
      },
    }),
  };
}
