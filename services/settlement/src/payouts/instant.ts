/**
 * Payouts at an instructor's own wish: a settlement run of one account, with the same statement, tax, reserve and journals
 * as the weekly one. Up to a limit it goes to the bank at once, by the policy and by nobody's hand; above it a person of
 * finance approves it like any other.
 */
import { decimalText } from '@suuupra/platform/money';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { activeBank } from './payout-banks.ts';
import { instantEveryMs, minimumPayout, type SettlementPolicy } from './policy.ts';
import { type CutOff, insertRun, type RunRow, readMovements } from './runs.ts';
import { owedMinor } from './statement.ts';
import type { PayoutSurroundings } from './surroundings.ts';

export interface Wisher {
  readonly instructorId: string;
  readonly currency: string;
}

function impossible(why: string): Refusal {
  return refuse('instant_payout_impossible', why);
}

/** What is owed at the cut-off, with reserves whose time has come, before tax and reserve. Read outside any transaction. */
export async function readOwed(
  surroundings: PayoutSurroundings,
  { instructorId, currency }: Wisher,
  { sequence, atMs }: CutOff,
): Promise<bigint> {
  const [before] = await surroundings.sql.query<{ until: bigint; closing: bigint; released: bigint }>(
    `SELECT coalesce(max(until_sequence), 0) AS until, coalesce(max(closing_minor), 0) AS closing,
       (SELECT coalesce(sum(amount_minor), 0)::bigint FROM reserves
        WHERE instructor_id = $1 AND currency = $2 AND released_by IS NULL AND release_at <= $3) AS released
     FROM settled_accounts WHERE instructor_id = $1 AND currency = $2`,
    [instructorId, currency, new Date(atMs)],
  );
  const { until = 0n, closing = 0n, released = 0n } = before ?? {};
  const key = { currency, instructor_id: instructorId };
  const movements = until < sequence ? await readMovements(surroundings, key, until, sequence) : [];
  return owedMinor(closing + released, movements);
}

/** Starts the run, or says why not. The account's row makes wishes of one instructor take turns. */
export async function startInstant(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  wisher: Wisher,
  given: { readonly cutOff: CutOff; readonly owedMinor: bigint; readonly policy: SettlementPolicy },
): Promise<RunRow | Refusal> {
  const nowMs = surroundings.world.now();
  const { instructorId, currency } = wisher;
  const [account] = await tx.query<{ payable_from: Date }>(
    'SELECT payable_from FROM payout_accounts WHERE instructor_id = $1 AND currency = $2 FOR UPDATE',
    [instructorId, currency],
  );
  if (account === undefined) return impossible(`Say first where you are paid in ${currency}.`);
  if (account.payable_from.getTime() > nowMs)
    return impossible(`Your account was changed; it is paid from ${account.payable_from.toISOString()} on.`);
  const bank = await activeBank(tx, currency);
  if (bank !== undefined) return impossible(`${bank.name} takes our payouts as files once a week; wait for that.`);
  const [last] = await tx.query<{ created_at: Date }>(
    `SELECT created_at FROM settlement_runs WHERE only_instructor_id = $1 AND only_currency = $2 AND created_at > $3
     ORDER BY created_at DESC LIMIT 1`,
    [instructorId, currency, new Date(nowMs - instantEveryMs)],
  );
  if (last !== undefined) {
    const nextAt = new Date(last.created_at.getTime() + instantEveryMs).toISOString();
    return impossible(`You were paid at your wish within the last day; the next is possible from ${nextAt} on.`);
  }
  const least = minimumPayout(given.policy, currency);
  if (given.owedMinor < least)
    return impossible(
      `${currency} ${decimalText(currency, given.owedMinor)} is owed to you; below ${currency} ${decimalText(currency, least)} nothing is paid.`,
    );
  return insertRun(surroundings, tx, given.cutOff, instructorId, wisher);
}
