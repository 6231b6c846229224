/** Files of providers and banks held against what we expect: what this half of the service offers and runs. */
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { retrying } from '@suuupra/platform/sql/sql';
import type { SettlementArea, SettlementParts } from '../area.ts';
import type { Bank } from '../payouts/bank.ts';
import { bookWaiting } from './bookings.ts';
import type { Desk } from './desk.ts';
import { expectationHandlers } from './expectations.ts';
import { fileRoute } from './file-route.ts';
import { forgetAbandoned } from './files.ts';
import { breakLate, placeNewExpectations } from './placing.ts';
import { processNext } from './processing.ts';
import { pullReports, pullStatements } from './pulls.ts';
import { pullProviders } from './report-pulls.ts';
import { reconciliationRpc } from './rpc.ts';

/** Looks at least this often for files of providers and the bank, and for what other processes have left. */
const idleMsMax = 30_000;
/** What comes in this time is matched together. */
const everyMsMin = 250;
/** Small enough that a kill loses little and a transaction stays short; large enough that commits do not count. */
const linesInChunk = 200;
/** When another process is at it: what was asked for meanwhile may have come too late for it. */
const othersAtItMs = 1_000;

export type StatementBank = Pick<Bank, 'name' | 'simulated' | 'statementsAfter'>;

export interface ReconciliationArea extends SettlementArea {
  /** There may be new files at the providers or the bank: they are fetched at once. */
  collectSoon(): void;
}

export function reconciliation(parts: SettlementParts, bank?: StatementBank): ReconciliationArea {
  const { sql, ledger, payments, world, telemetry, reportSources = [] } = parts;
  const { log } = telemetry;
  const loops: { reconciling?: Loop; collecting?: Loop; pulling?: Loop; booking?: Loop } = {};
  const desk: Desk = {
    ...{ sql, ledger, payments, world, log, linesInChunk, reportSources },
    nudge: () => loops.reconciling?.nudge(),
    nudgeBooking: () => loops.booking?.nudge(),
  };
  const loopOf = (what: string, round: () => Promise<void>) =>
    startLoop({
      round: async () => ((await alone(desk, what, round)) ? undefined : world.now() + othersAtItMs),
      now: world.now,
      idleMsMax,
      everyMsMin,
      failed: (error) => log.error(`${what} waits`, { error }),
    });
  return {
    implementations: [reconciliationRpc(desk)],
    routes: [fileRoute(desk)],
    handlers: expectationHandlers(desk),
    collectSoon: () => loops.collecting?.nudge(),
    begin: async () => {
      // Apart, so that neighbours that do not answer keep no file and no journal waiting.
      loops.reconciling = loopOf('reconciliation', () => reconcile(desk));
      loops.collecting = loopOf('the collection of files', () => collect(desk, bank));
      loops.pulling = loopOf('the pulling of reports', () => pullProviders(desk, reportSources));
      loops.booking = loopOf('the booking of settlement', () => bookAll(desk));
    },
    stop: async () => {
      await Promise.all(Object.values(loops).map((loop) => loop.stop()));
    },
  };
}

/**
 * One process at a time does this work; false when it is another. Who loses the lock midway ends the work with the other:
 * the checkpoints, the hashes of files and the ids of journals hold even when two do it.
 */
async function alone({ sql }: Desk, what: string, work: () => Promise<void>): Promise<boolean> {
  const lock = await sql.tryLock(`settlement: ${what}`);
  if (lock === undefined) return false;
  try {
    await work();
    return true;
  } finally {
    await lock.release();
  }
}

/** Everything that is due: files, expectations whose lines came before them, expectations that are late. */
export async function reconcile(desk: Desk): Promise<void> {
  await forgetAbandoned(desk);
  while (await processNext(desk));
  while (await retrying(() => desk.sql.transaction((tx) => placeNewExpectations(tx, desk.world.now()))));
  while (await retrying(() => desk.sql.transaction((tx) => breakLate(tx, desk.world.now()))));
  desk.nudgeBooking();
}

export async function collect(desk: Desk, bank?: StatementBank): Promise<void> {
  while (await pullReports(desk));
  if (bank === undefined) return;
  while (await pullStatements(desk, bank));
}

export async function bookAll(desk: Desk): Promise<void> {
  while (await bookWaiting(desk));
}
