/** What a settlement promises once, held against two processes, a growing book and a bank that repeats itself (M32, S6, S7). */
import type { Sql } from '@suuupra/platform/sql/sql';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Bank, BankOutcome } from './bank.ts';
import { bookJournals } from './booking.ts';
import { approveBatch, hearOutcomes } from './payout-batches.ts';
import { advanceRun, insertRun, readCutOff } from './runs.ts';
import {
  type Counter,
  germanAccount,
  givePayableAccount,
  openCounter,
  openSettlementSql,
  SmallBook,
  wipe,
} from './testing.ts';

const dayMs = 24 * 60 * 60 * 1_000;
let database: Sql;
beforeAll(async () => {
  database = await openSettlementSql();
});
afterAll(() => database.close());

interface Place extends Counter {
  readonly world: TestWorld;
}

async function openPlace(...instructors: readonly string[]): Promise<Place> {
  await wipe(database);
  const world = testWorld(Date.UTC(2026, 10, 22, 12));
  const place = { world, ...openCounter({ sql: database, world, book: new SmallBook(world.now) }) };
  for (const who of instructors) await givePayableAccount(place.surroundings, who, 'USD', germanAccount);
  return place;
}

const sell = ({ book }: Place, who: string, share: bigint) => book.sell(who, 'USD', { tax: 0n, fee: 0n, share });

async function startRun({ surroundings }: Place) {
  const cutOff = await readCutOff(surroundings);
  return database.transaction((tx) => insertRun(surroundings, tx, cutOff, 'usr_maker'));
}

async function runToEnd({ surroundings }: Counter): Promise<void> {
  while (await advanceRun(surroundings));
  while (await bookJournals(surroundings));
}

async function settleNow(place: Place): Promise<void> {
  await startRun(place);
  await runToEnd(place);
}

it('M32: two processes that go on with one run settle each account once, and neither fails', async () => {
  const instructors = Array.from({ length: 15 }, (_, n) => `usr_${n + 10}`);
  const place = await openPlace(...instructors);
  for (const who of instructors) sell(place, who, 50_000n);
  await startRun(place);
  await Promise.all([runToEnd(place), runToEnd(place), runToEnd(place)]);
  const runs = await database.query('SELECT status, accounts, accounts_settled FROM settlement_runs');
  expect(runs).toEqual([{ status: 'done', accounts: 15n, accounts_settled: 15n }]);
  for (const who of instructors) expect(place.book.balance(`2260:${who}`, 'USD')).toBe(45_000n);
});

it('M32: what is booked after the cut-off belongs to the next run, though this one is not done', async () => {
  const place = await openPlace('usr_a');
  sell(place, 'usr_a', 100_000n);
  await startRun(place);
  sell(place, 'usr_a', 70_000n);
  await runToEnd(place);
  await settleNow(place);
  const earned = await database.query('SELECT earned_minor FROM settlement_batches ORDER BY cutoff_sequence');
  expect(earned).toEqual([{ earned_minor: 100_000n }, { earned_minor: 70_000n }]);
});

it('S6: a reserve is released once, however many runs follow', async () => {
  const place = await openPlace('usr_a');
  sell(place, 'usr_a', 100_000n);
  await settleNow(place);
  place.world.advance(31 * dayMs);
  for (let run = 0; run < 3; run += 1) {
    sell(place, 'usr_a', 20_000n);
    await settleNow(place);
  }
  expect(place.book.balance('2250:usr_a', 'USD')).toBe(6_000n);
  const released = await database.query("SELECT amount_minor FROM statement_lines WHERE kind = 'reserve_released'");
  expect(released).toEqual([{ amount_minor: 10_000n }]);
});

/** Two payouts on their way, and a bank that tells what the test says became of them. */
async function underWay() {
  const place = await openPlace('usr_a', 'usr_b');
  for (const who of ['usr_a', 'usr_b']) sell(place, who, 100_000n);
  await settleNow(place);
  const { surroundings } = place;
  const [batch] = await database.query<{ id: string }>('SELECT id FROM payout_batches');
  const request = { id: batch?.id ?? '', fileSha256: '', approverId: 'usr_approver' };
  await database.transaction((tx) => approveBatch(surroundings, tx, request));
  const payouts = await database.query<{ id: string }>('SELECT id FROM payouts ORDER BY instructor_id');
  const hear = async (...said: readonly (readonly [number, BankOutcome['status']])[]) => {
    const outcomes = said.map(([which, status], index) => ({
      ...{ position: `${index + 1}`, endToEndId: (payouts[which]?.id ?? '').replaceAll('_', '-'), status },
      ...{ reason: '', bankReference: 'B1', atMs: place.world.now() },
    }));
    const bank: Bank = {
      ...place.bank,
      outcomesAfter: async (position) => outcomes.filter((each) => each.position > position),
    };
    await Promise.all([1, 2].map(() => hearOutcomes({ ...surroundings, bank })));
    await bookJournals(surroundings);
  };
  return { place, hear };
}

it('S7: a bank that says again what became of a payout is heard once', async () => {
  const { place, hear } = await underWay();
  await hear([0, 'paid'], [0, 'paid'], [0, 'paid']);
  expect(place.book.balance('1000', 'USD')).toBe(90_000n);
  expect(await database.query("SELECT 1 FROM payout_journals WHERE kind = 'payout_paid'")).toHaveLength(1);
  expect(await database.query('SELECT 1 FROM outbox')).toHaveLength(1);
});

it('S7: a bank that contradicts itself about one payout keeps no other waiting, and it is said in the log', async () => {
  const { place, hear } = await underWay();
  await hear([0, 'paid'], [0, 'returned'], [0, 'paid'], [1, 'paid']);
  const states = await database.query('SELECT status FROM payouts ORDER BY instructor_id');
  expect(states).toEqual([{ status: 'returned' }, { status: 'paid' }]);
  expect(place.book.balance('1000', 'USD')).toBe(90_000n);
  expect(place.logged.filter((line) => line.includes('contradicts itself'))).toHaveLength(1);
});

it('M32, S7: the database itself takes no movement twice and no approval by the maker', async () => {
  const place = await openPlace('usr_a');
  sell(place, 'usr_a', 100_000n);
  await settleNow(place);
  const again = `INSERT INTO statement_lines SELECT (line).* FROM (
    SELECT jsonb_populate_record(line, '{"number": 99}') AS line FROM statement_lines AS line WHERE part > 0) AS copied`;
  await expect(database.execute(again)).rejects.toMatchObject({
    constraint: 'statement_lines_each_movement_once',
  });
  const byMaker = database.execute('UPDATE payout_batches SET approver_id = maker_id');
  await expect(byMaker).rejects.toMatchObject({ kind: 'check' });
});
