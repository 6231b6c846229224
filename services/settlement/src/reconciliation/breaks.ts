/** Breaks as they open, change, and close; each step leaves an event. All in the transaction of what causes it. */
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { hashId } from '../payouts/hash-id.ts';
import { type Booking, reversalOf } from './booking.ts';
import { writeBookings } from './bookings.ts';
import type { Side } from './file-item.ts';
import type { BreakType } from './match.ts';

export const systemActor = 'system';

export interface Step {
  readonly atMs: number;
  readonly actor: string;
  readonly note: string;
}

export async function addEvent(tx: SqlTransaction, breakId: string, what: string, step: Step): Promise<void> {
  await tx.execute('INSERT INTO break_events (break_id, at, what, actor, note) VALUES ($1, $2, $3, $4, $5)', [
    ...[breakId, new Date(step.atMs), what, step.actor, step.note],
  ]);
}

export interface Opening {
  readonly type: BreakType;
  readonly side: Side;
  readonly lineIds: readonly string[];
  readonly expectationIds: readonly string[];
  readonly step: Step;
}

/** Opens a break for these; where the expectation or line is in one already, that one takes the rest and its type. */
export async function openBreak(tx: SqlTransaction, opening: Opening): Promise<string> {
  const { type, side, lineIds, expectationIds, step } = opening;
  const [known] = await tx.query<{ id: string; type: string }>(
    `SELECT id, type FROM breaks WHERE id IN (
       SELECT break_id FROM expectations WHERE id = ANY($1) UNION SELECT break_id FROM file_lines WHERE id = ANY($2))
     ORDER BY id FOR UPDATE`,
    [expectationIds, lineIds],
  );
  const id = known?.id ?? hashId('brk', ...lineIds.slice(0, 1), ...(lineIds.length === 0 ? expectationIds : []));
  if (known === undefined) {
    await tx.execute("INSERT INTO breaks (id, type, status, side, opened_at) VALUES ($1, $2, 'open', $3, $4)", [
      ...[id, type, side, new Date(step.atMs)],
    ]);
    await addEvent(tx, id, 'opened', { ...step, note: `${type}: ${step.note}` });
  } else {
    await reopen(tx, id, step);
    await tx.execute('UPDATE breaks SET type = $2 WHERE id = $1', [id, type]);
    await addEvent(tx, id, 'retyped', { ...step, note: `${known.type} becomes ${type}: ${step.note}` });
  }
  await tx.execute('UPDATE file_lines SET break_id = $2 WHERE id = ANY($1)', [lineIds, id]);
  await tx.execute('UPDATE expectations SET break_id = $2 WHERE id = ANY($1)', [expectationIds, id]);
  return id;
}

interface WrittenOff extends Record<string, unknown> {
  id: string;
  reference: string;
  currency: string;
  debit: string;
  credit: string;
  amount_minor: bigint;
}

/**
 * A break that was written off is open again, and what was booked for it is taken back; one that somebody asked to write
 * off is open again too, for what was asked is not what it is any more.
 */
export async function reopen(tx: SqlTransaction, id: string, step: Step): Promise<void> {
  const [row] = await tx.query<{ status: string }>('SELECT status FROM breaks WHERE id = $1 FOR UPDATE', [id]);
  if (row === undefined || row.status === 'open') return;
  await tx.execute(
    "UPDATE breaks SET status = 'open', closed_at = NULL, write_off_requested_by = '', write_off_approved_by = '' WHERE id = $1",
    [id],
  );
  await addEvent(tx, id, 'reopened', step);
  if (row.status !== 'written_off') return;
  const booked = await tx.query<WrittenOff>(
    `SELECT id, reference, currency, debit, credit, amount_minor FROM bookings AS of
     WHERE break_id = $1 AND kind <> 'reversal' AND state <> 'refused'
       AND NOT EXISTS (SELECT 1 FROM bookings AS back WHERE back.target_id = of.id) ORDER BY number`,
    [id],
  );
  const reversals = booked.map((each): Booking => reversalOf({ ...each, amountMinor: each.amount_minor }, step.atMs));
  await writeBookings(tx, reversals.map(onlyBooking), { breakId: id });
}

/** Rows carry more than a booking has. */
function onlyBooking(booking: Booking): Booking {
  const { id, kind, reference, description, currency, debit, credit, amountMinor, targetId, effectiveAtMs } = booking;
  return { id, kind, reference, description, currency, debit, credit, amountMinor, targetId, effectiveAtMs };
}

/** After lines and expectations have left these breaks for a match: an emptied one is closed, another stays open. */
export async function leaveBreaks(
  tx: SqlTransaction,
  ids: readonly string[],
  matchId: string,
  step: Step,
): Promise<void> {
  for (const id of ids) {
    await reopen(tx, id, step);
    const [rest] = await tx.query(
      'SELECT 1 FROM file_lines WHERE break_id = $1 UNION ALL SELECT 1 FROM expectations WHERE break_id = $1 LIMIT 1',
      [id],
    );
    await addEvent(tx, id, 'matched', {
      ...step,
      note: `${rest === undefined ? 'all' : 'a part'} of it is in ${matchId}. ${step.note}`.trim(),
    });
    if (rest !== undefined) continue;
    await tx.execute("UPDATE breaks SET status = 'matched', closed_at = $2 WHERE id = $1", [id, new Date(step.atMs)]);
  }
}
