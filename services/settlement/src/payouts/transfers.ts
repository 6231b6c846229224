/**
 * Transfers between instructors' accounts and their reversal. Two people decide each; the one who approves has it booked, in
 * the transaction of the approval. A reversal takes back at most what is left of its transfer, whatever is asked for at once.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { addJournal } from './booking.ts';
import { payable } from './payout.ts';
import type { PayoutSurroundings } from './surroundings.ts';

export interface TransferRow extends Record<string, unknown> {
  id: string;
  number: bigint;
  from_instructor_id: string;
  to_instructor_id: string;
  currency: string;
  amount_minor: bigint;
  reason: string;
  reverses_id: string | null;
  status: 'requested' | 'approved' | 'rejected';
  requested_by: string;
  decided_by: string;
  created_at: Date;
  decided_at: Date | null;
}

export interface TransferRequest {
  readonly fromInstructorId: string;
  readonly toInstructorId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly requestedBy: string;
}

export async function requestTransfer(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  request: TransferRequest,
): Promise<TransferRow | Refusal> {
  const { fromInstructorId, toInstructorId, currency, amountMinor } = request;
  if (!/^[A-Z]{3}$/.test(currency)) return invalid('currency', 'an ISO 4217 code, e.g. INR');
  if (amountMinor <= 0n) return invalid('amountMinor', 'above zero, in minor units');
  if (fromInstructorId === toInstructorId)
    return invalid('toInstructorId', 'another instructor than the one it comes from');
  return insertTransfer(surroundings, tx, request, null);
}

function invalid(field: string, detail: string): Refusal {
  return refuse('invalid_request', `${field} is not valid: ${detail}.`, [{ field, code: 'not_allowed', detail }]);
}

async function insertTransfer(
  { world }: PayoutSurroundings,
  tx: SqlTransaction,
  request: TransferRequest,
  reversesId: string | null,
): Promise<TransferRow> {
  const { fromInstructorId, toInstructorId, currency, amountMinor, reason, requestedBy } = request;
  const [row] = await tx.query<TransferRow>(
    `INSERT INTO instructor_transfers (id, from_instructor_id, to_instructor_id, currency, amount_minor, reason, reverses_id,
       status, requested_by, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'requested', $8, $9) RETURNING *`,
    [
      ...[world.id('itr'), fromInstructorId, toInstructorId, currency, amountMinor, reason, reversesId, requestedBy],
      new Date(world.now()),
    ],
  );
  if (row === undefined) throw new Error('a transfer was not written');
  return row;
}

const noSuchTransfer = () => refuse('not_found', 'There is no such transfer.');

async function lockTransfer(tx: SqlTransaction, id: string): Promise<TransferRow | undefined> {
  const [row] = await tx.query<TransferRow>('SELECT * FROM instructor_transfers WHERE id = $1 FOR UPDATE', [id]);
  return row;
}

/** Asks for a part of a booked transfer, or all of it, to go back. Reversals asked for and made are never more than it. */
export async function requestReversal(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  request: { readonly id: string; readonly amountMinor: bigint; readonly reason: string; readonly requestedBy: string },
): Promise<TransferRow | Refusal> {
  const { amountMinor, reason, requestedBy } = request;
  if (amountMinor <= 0n) return invalid('amountMinor', 'above zero, in minor units');
  const transfer = await lockTransfer(tx, request.id);
  if (transfer === undefined) return noSuchTransfer();
  if (transfer.status !== 'approved' || transfer.reverses_id !== null)
    return refuse('transfer_not_reversible', 'Only a transfer that was approved, and is no reversal, can be reversed.');
  const [back] = await tx.query<{ sum: bigint }>(
    `SELECT coalesce(sum(amount_minor), 0)::bigint AS sum FROM instructor_transfers
     WHERE reverses_id = $1 AND status <> 'rejected'`,
    [transfer.id],
  );
  if ((back?.sum ?? 0n) + amountMinor > transfer.amount_minor)
    return refuse(
      'transfer_exceeded',
      'Together with what is asked for and made already it is more than was transferred.',
    );
  const { to_instructor_id: fromInstructorId, from_instructor_id: toInstructorId, currency } = transfer;
  const reversal = { fromInstructorId, toInstructorId, currency, amountMinor, reason, requestedBy };
  return insertTransfer(surroundings, tx, reversal, transfer.id);
}

/** Approving is for another person than asked; it books. Turning down is for anybody of finance. The same again is nothing. */
export async function decideTransfer(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  request: { readonly id: string; readonly decision: 'approved' | 'rejected'; readonly by: string },
): Promise<TransferRow | Refusal> {
  const { decision, by } = request;
  const transfer = await lockTransfer(tx, request.id);
  if (transfer === undefined) return noSuchTransfer();
  if (decision === 'approved' && transfer.requested_by === by)
    return refuse('second_person_required', 'You asked for this transfer; another finance person approves it.');
  if (transfer.status === decision) return transfer;
  if (transfer.status !== 'requested') return refuse('already_decided', `The transfer is ${transfer.status}.`);
  const [decided] = await tx.query<TransferRow>(
    'UPDATE instructor_transfers SET status = $2, decided_by = $3, decided_at = $4 WHERE id = $1 RETURNING *',
    [transfer.id, decision, by, new Date(surroundings.world.now())],
  );
  if (decided === undefined) throw new Error('a transfer was not decided');
  if (decision === 'approved') {
    await addJournal(tx, {
      ...{ id: transfer.id, kind: 'adjustment', payoutId: '', reference: `transfer:${transfer.id}` },
      description: `${transfer.reverses_id === null ? 'Transfer' : 'Reversal of a transfer'}: ${transfer.reason}`,
      currency: transfer.currency,
      transfers: [
        {
          debit: payable(transfer.from_instructor_id),
          credit: payable(transfer.to_instructor_id),
          amountMinor: transfer.amount_minor,
        },
      ],
    });
    tx.afterCommit(() => surroundings.nudge());
  }
  return decided;
}
