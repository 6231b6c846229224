/** One round of the durable loop of payouts: every kind of work goes on as far as it can, and none waits for another's fault. */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { bookJournals } from './booking.ts';
import { hearOutcomes, nextSendingMs, submitApproved } from './payout-batches.ts';
import { runEveryMs } from './policy.ts';
import { advanceRun, insertRun, readCutOff } from './runs.ts';
import type { PayoutSurroundings } from './surroundings.ts';

/** Of each kind in one round, so that the others get their turn. */
const stepsMax = 50;
/** When a step failed it is tried again after this pause. */
const againMs = 5_000;

/** Gives the time when something is due next. */
export async function payoutRound(surroundings: PayoutSurroundings): Promise<number | undefined> {
  const { world, log } = surroundings;
  let isUnfinished = false;
  let hasFailed = false;
  const work = async (what: string, step: () => Promise<boolean>) => {
    try {
      let steps = 0;
      while (steps < stepsMax && (await step())) steps += 1;
      if (steps === stepsMax) isUnfinished = true;
    } catch (error) {
      hasFailed = true;
      log.error(`${what} failed and is tried again`, { error });
    }
  };
  await work('starting the weekly settlement', () => startScheduled(surroundings));
  await work('a settlement run', () => advanceRun(surroundings));
  await work('booking journals of payouts', () => bookJournals(surroundings));
  await work('sending payouts', () => submitApproved(surroundings));
  await work('hearing the bank', () => hearOutcomes(surroundings));
  await work('booking journals of payouts', () => bookJournals(surroundings));
  if (isUnfinished) return world.now();
  if (hasFailed) return world.now() + againMs;
  const [progress] = await surroundings.sql.query<{ next_run_at: Date | null }>(
    'SELECT next_run_at FROM payout_progress',
  );
  const due = [progress?.next_run_at?.getTime(), await nextSendingMs(surroundings)].filter((at) => at !== undefined);
  return due.length === 0 ? undefined : Math.min(...due);
}

/** Mondays at 02:00 UTC: 1970-01-05 was one. */
const anchorMs = Date.UTC(1970, 0, 5, 2);

function nextMonday(afterMs: number): number {
  return anchorMs + (Math.floor((afterMs - anchorMs) / runEveryMs) + 1) * runEveryMs;
}

const systemMaker = 'system';

/** Starts the weekly run when its time has come; a week that was slept through is settled once. False when nothing is due. */
async function startScheduled(surroundings: PayoutSurroundings): Promise<boolean> {
  const { sql, world } = surroundings;
  const nowMs = world.now();
  const next = new Date(nextMonday(nowMs));
  await sql.execute('UPDATE payout_progress SET next_run_at = $1 WHERE next_run_at IS NULL', [next]);
  const [due] = await sql.query('SELECT 1 FROM payout_progress WHERE next_run_at <= $1', [new Date(nowMs)]);
  if (due === undefined) return false;
  const cutOff = await readCutOff(surroundings);
  const started = await refusableTransaction(sql, async (tx) => {
    const claimed = await tx.execute('UPDATE payout_progress SET next_run_at = $2 WHERE next_run_at <= $1', [
      new Date(nowMs),
      next,
    ]);
    if (claimed === 0) return false;
    const run = await insertRun(surroundings, tx, cutOff, systemMaker);
    if (!isRefusal(run)) return true;
    const [everybody] = await tx.query(
      "SELECT 1 FROM settlement_runs WHERE status <> 'done' AND only_instructor_id = ''",
    );
    // Somebody settles everybody at this moment by hand: that is this week's run. One instructor's wish is not, and the
    // week is not claimed.
    return everybody === undefined ? run : false;
  });
  return started === true;
}
