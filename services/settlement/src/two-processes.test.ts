/** Two processes of the service on one database: each thing is done once, whichever of them does it. */

import { fileURLToPath } from 'node:url';
import { prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql } from '@suuupra/platform/sql/sql';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { SettlementParts } from './area.ts';
import type { Bank } from './payouts/bank.ts';
import { bookJournals } from './payouts/booking.ts';
import { approveBatch, nextSendingMs, sendingMsMax, submitApproved } from './payouts/payout-batches.ts';
import { payoutRound } from './payouts/round.ts';
import { advanceRun, insertRun, readCutOff } from './payouts/runs.ts';
import type { PayoutSurroundings } from './payouts/surroundings.ts';
import {
  type Counter,
  germanAccount,
  givePayableAccount,
  indianAccount,
  openCounter,
  SmallBook,
  wipe,
} from './payouts/testing.ts';
import { type ReconciliationArea, reconciliation } from './reconciliation/reconciliation.ts';
import { settlementCsv } from './reconciliation/testing.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const databases: Sql[] = [];
beforeAll(async () => {
  const url = await freshDatabaseUrl();
  databases.push(await openTestSql(url), await openTestSql(url));
  await prepareServiceDatabase(sqlOf(0));
  await sqlOf(0).migrate(fileURLToPath(new URL('../migrations/', import.meta.url)));
});
afterAll(async () => {
  for (const sql of databases) await sql.close();
});

const sqlOf = (which: number) => databases[which] ?? expect.fail('there are two');

interface Process extends Counter {
  readonly surroundings: PayoutSurroundings;
}

let world: TestWorld;
let book: SmallBook;
/** The ids of the batches that the bank was sent, by whichever process. */
let sent: string[];
/** What the bank does with a batch before it takes it: nothing, wait, fail. */
let before: (id: string) => Promise<void>;
let one: Process;
let two: Process;

beforeEach(async () => {
  await wipe(sqlOf(0));
  world = testWorld(Date.UTC(2026, 10, 22, 12));
  book = new SmallBook(world.now);
  sent = [];
  before = async () => {};
  [one, two] = [openProcess(0), openProcess(1)];
});

function openProcess(which: number): Process {
  const counter = openCounter({ sql: sqlOf(which), world, book });
  const bank: Bank = {
    ...counter.bank,
    submit: async (order) => {
      sent.push(order.id);
      await before(order.id);
      await counter.bank.submit(order);
    },
  };
  return { ...counter, surroundings: { ...counter.surroundings, bank } };
}

/** A promise and what settles it. */
const gate = () => Promise.withResolvers<void>();

async function sell(): Promise<void> {
  await givePayableAccount(one.surroundings, 'usr_a', 'USD', germanAccount);
  await givePayableAccount(one.surroundings, 'usr_b', 'INR', indianAccount('1234567890'));
  book.sell('usr_a', 'USD', { tax: 0n, fee: 0n, share: 100_000n });
  book.sell('usr_b', 'INR', { tax: 0n, fee: 0n, share: 100_000n });
}

async function approveAll(): Promise<readonly string[]> {
  const batches = await sqlOf(0).query<{ id: string }>('SELECT id FROM payout_batches ORDER BY number');
  for (const { id } of batches)
    await sqlOf(0).transaction((tx) =>
      approveBatch(one.surroundings, tx, { id, fileSha256: '', approverId: 'usr_approver' }),
    );
  return batches.map(({ id }) => id);
}

/** Two batches that are approved and may be sent. */
async function twoBatches(): Promise<readonly string[]> {
  await sell();
  const cutOff = await readCutOff(one.surroundings);
  await sqlOf(0).transaction((tx) => insertRun(one.surroundings, tx, cutOff, 'usr_maker'));
  while (await advanceRun(one.surroundings));
  while (await bookJournals(one.surroundings));
  const ids = await approveAll();
  expect(ids).toHaveLength(2);
  return ids;
}

const batchStates = () => sqlOf(0).query('SELECT status, submissions FROM payout_batches ORDER BY number');

describe('two processes that send payouts', () => {
  it('send each batch to the bank once: what one is sending the other passes by', async () => {
    const [first, second] = await twoBatches();
    const [asked, taken] = [gate(), gate()];
    before = async (id) => {
      if (id !== first) return;
      asked.resolve();
      await taken.promise;
    };
    const sending = submitApproved(one.surroundings);
    await asked.promise;
    expect(await submitApproved(two.surroundings)).toBe(true);
    expect(await submitApproved(two.surroundings)).toBe(false);
    taken.resolve();
    expect(await sending).toBe(true);
    expect(await submitApproved(one.surroundings)).toBe(false);
    expect(sent).toEqual([first, second]);
    expect(await batchStates()).toEqual([1, 2].map(() => ({ status: 'submitted', submissions: 1 })));
  });

  it('leave none behind: what a dead process was sending the other sends when the claim has ended', async () => {
    const [first, second] = await twoBatches();
    const [asked, taken] = [gate(), gate()];
    before = async () => {
      if (sent.length > 1) return;
      asked.resolve();
      await taken.promise;
    };
    const dead = submitApproved(one.surroundings);
    await asked.promise;
    expect(await nextSendingMs(two.surroundings)).toBe(world.now() + sendingMsMax);
    world.advance(sendingMsMax - 1);
    while (await submitApproved(two.surroundings));
    expect(sent).toEqual([first, second]);
    world.advance(1);
    while (await submitApproved(two.surroundings));
    expect(sent).toEqual([first, second, first]);
    // It was only slow, and notes nothing that the other has noted.
    taken.resolve();
    await dead;
    expect(await batchStates()).toEqual([1, 2].map(() => ({ status: 'submitted', submissions: 1 })));
    expect(await sqlOf(0).query('SELECT 1 FROM sandbox_bank.instructions')).toHaveLength(2);
  });

  it('send the others first when the bank takes one not, and that one soon again', async () => {
    const [first, second] = await twoBatches();
    before = async () => {
      if (sent.length === 1) throw new Error('the bank does not answer');
    };
    await expect(submitApproved(one.surroundings)).rejects.toThrow('the bank does not answer');
    while (await submitApproved(two.surroundings));
    expect(sent).toEqual([first, second]);
    const againMs = (await nextSendingMs(two.surroundings)) ?? expect.fail('nothing is due');
    expect(againMs).toBeLessThan(world.now() + sendingMsMax);
    world.advance(againMs - world.now());
    while (await submitApproved(two.surroundings));
    expect(sent).toEqual([first, second, first]);
  });

  it('settle the week in one run, and book, send and hear of each payout once', async () => {
    const both = () => Promise.all([one, two].map(({ surroundings }) => payoutRound(surroundings)));
    await both();
    await sell();
    world.advance(dayMs);
    await both();
    await both();
    expect(await sqlOf(0).query('SELECT maker_id, status FROM settlement_runs')).toEqual([
      { maker_id: 'system', status: 'done' },
    ]);
    const ids = await approveAll();
    for (let turn = 0; turn < 3; turn += 1) {
      await both();
      await Promise.all([one.bank.round(), two.bank.round()]);
      world.advance(5_000);
    }
    expect(sent.toSorted()).toEqual(ids.toSorted());
    expect(await batchStates()).toEqual([1, 2].map(() => ({ status: 'closed', submissions: 1 })));
    expect(book.balance('1000', 'USD')).toBe(90_000n);
    const told = await sqlOf(0).query('SELECT 1 FROM outbox');
    expect(told).toHaveLength(2);
  });
});

const reports = [10_000n, 20_000n].map((gross, index) =>
  settlementCsv([{ merchant: `pay_${index}`, gross }], { settlement: `stl_${index}` }),
);
const collection = 'settlement: the collection of files';

describe('two processes that collect files', () => {
  const areas: ReconciliationArea[] = [];
  const telemetry = openTelemetry({ logLevel: 'error', traceShare: 0, otlpEndpoint: '', logTo: { write: () => {} } });

  /** Files of payments; says what was listed and read, and whether the process got the lock of the collection. */
  function openCollector(which: number, lists: () => Promise<void>) {
    const asked = { read: [] as string[], locks: [] as boolean[] };
    const { surroundings } = openCounter({ sql: sqlOf(which), world, book, reports });
    const { payments } = surroundings;
    const sql: Sql = {
      ...surroundings.sql,
      tryLock: async (name) => {
        const lock = await surroundings.sql.tryLock(name);
        if (name === collection) asked.locks.push(lock !== undefined);
        return lock;
      },
    };
    const counted: SettlementParts['payments'] = {
      ...payments,
      listProviderReports: async (request, options) => {
        await lists();
        return payments.listProviderReports(request, options);
      },
      readProviderReport: async (request, options) => {
        if (request.offset === 0n) asked.read.push(request.id ?? '');
        return payments.readProviderReport(request, options);
      },
    };
    const settings = { publicUrl: 'http://127.0.0.1', demo: true };
    const parts = { ...surroundings, sql, payments: counted, telemetry: telemetry.forService('settlement'), settings };
    const area = reconciliation(parts);
    areas.push(area);
    return { area, asked };
  }

  afterAll(async () => {
    await Promise.all(areas.map((area) => area.stop()));
    await telemetry.close();
  });

  it('pull each file once: what one is collecting the other leaves to it', async () => {
    const [asked, given] = [gate(), gate()];
    onTestFinished(() => given.resolve());
    const first = openCollector(0, async () => {
      asked.resolve();
      await given.promise;
    });
    const second = openCollector(1, async () => {});
    await first.area.begin();
    await asked.promise;
    await second.area.begin();
    await expect.poll(() => second.asked.locks[0]).toBe(false);
    given.resolve();
    const files = () => sqlOf(0).query("SELECT file_name FROM settlement_files WHERE status = 'processed' ORDER BY 1");
    await expect
      .poll(files, { timeout: 10_000 })
      .toEqual([{ file_name: 'report-1.csv' }, { file_name: 'report-2.csv' }]);
    // It looks again by itself: what was asked for meanwhile may have come too late for the first.
    await expect.poll(() => second.asked.locks.at(-1), { timeout: 10_000 }).toBe(true);
    expect(first.asked.read).toEqual(['1', '2']);
    expect(second.asked.read).toEqual([]);
  });
});
