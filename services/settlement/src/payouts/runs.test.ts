/**
 * Settlement runs over a real database: what is paid and held, and that a run which is killed at any border of a chunk ends
 * with the same statements, files and journals as one that was not.
 */
import type { Sql } from '@suuupra/platform/sql/sql';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bookJournals } from './booking.ts';
import type { Wisher } from './instant.ts';
import { setAccount } from './payout-accounts.ts';
import { approveBatch, rejectBatch, resubmitBatch, sendingMsMax } from './payout-batches.ts';
import { advanceRun, insertRun, readCutOff } from './runs.ts';
import {
  type Counter,
  germanAccount,
  givePayableAccount,
  indianAccount,
  openCounter,
  openSettlementSql,
  SmallBook,
  wipe,
} from './testing.ts';

/** Set where there is time for all. */
const isThorough = process.env['SUUUPRA_SEEDS'] !== undefined;
/**
 * Killed before a step is killed after the one before it, and after the calls between the two; so it is the stronger
 * half, and the other is for where there is time.
 */
const whens: readonly ('before' | 'after')[] = isThorough ? ['before', 'after'] : ['before'];
/** Of the points at which a payout's process can be killed. */
const everyPoint = isThorough ? 1 : 3;
const startMs = Date.UTC(2026, 10, 22, 12);
const dayMs = 24 * 60 * 60 * 1_000;
let database: Sql;
beforeAll(async () => {
  database = await openSettlementSql();
});
afterAll(() => database.close());

interface Place extends Counter {
  readonly sql: Sql;
  readonly world: TestWorld;
}

async function openPlace(reports: readonly string[] = []): Promise<Place> {
  await wipe(database);
  const sql = database;
  const world = testWorld(startMs);
  return { sql, world, ...openCounter({ sql, world, book: new SmallBook(world.now), reports }) };
}

const asha = indianAccount('123456780001');
const refused = indianAccount('123456780090');
const returned = indianAccount('123456780091');

/** Thirteen instructors in three currencies: more than one chunk, more than one page of everything. */
async function fill({ book, surroundings }: Place): Promise<void> {
  for (let n = 10; n < 23; n += 1) {
    const who = `usr_${n}`;
    const currency = ['INR', 'JPY', 'KWD'][n % 3] ?? '';
    for (let sale = 0; sale < 3; sale += 1)
      book.sell(who, currency, { tax: 9_000n, fee: 10_001n, share: 40_003n + BigInt(n) });
    if (n % 4 === 0) book.refund(who, currency, { tax: 9_000n, fee: 10_001n, share: 40_003n + BigInt(n) });
    await givePayableAccount(surroundings, who, currency, currency === 'INR' ? asha : germanAccount);
  }
}

async function startRun({ surroundings, sql }: Place, maker = 'usr_maker', only?: Wisher) {
  const cutOff = await readCutOff(surroundings);
  return sql.transaction((tx) => insertRun(surroundings, tx, cutOff, maker, only));
}

/** One of those that were filled in, who wishes to be paid. */
const wisher: Wisher = { instructorId: 'usr_12', currency: 'INR' };

async function settleNow(place: Place, maker = 'usr_maker'): Promise<void> {
  await startRun(place, maker);
  await place.settleDown();
}

async function approveAll({ sql, surroundings }: Place, approverId = 'usr_approver'): Promise<void> {
  const batches = await sql.query<{ id: string }>("SELECT id FROM payout_batches WHERE status = 'created'");
  for (const { id } of batches)
    await sql.transaction((tx) => approveBatch(surroundings, tx, { id, fileSha256: '', approverId }));
}

async function payAll(place: Place): Promise<void> {
  await approveAll(place);
  for (let turn = 0; turn < 4; turn += 1) {
    await place.settleDown();
    place.world.advance(10_000);
  }
  await place.settleDown();
}

/** The run and its journals, without what comes after. */
async function runToEnd({ surroundings }: Counter): Promise<void> {
  while (await advanceRun(surroundings));
  while (await bookJournals(surroundings));
}

/** All that a run leaves behind, in a fixed order. */
async function leftBehind({ sql, book }: Place) {
  return {
    runs: await sql.query('SELECT id, output_sha256, status, accounts, accounts_settled FROM settlement_runs'),
    batches: await sql.query('SELECT id, statement_sha256, payout_minor FROM settlement_batches ORDER BY id'),
    lines: await sql.query(
      'SELECT batch_id, number, kind, amount_minor FROM statement_lines ORDER BY batch_id, number',
    ),
    files: await sql.query('SELECT payout_batch_id, format, sha256 FROM payout_files ORDER BY payout_batch_id, format'),
    journals: book.ids.toSorted(),
    booked: book.transfers.filter(({ kind }) => kind === 'payout_prepared').length,
  };
}

describe('a settlement run', () => {
  it('C14, M32: killed at any step it ends with the same hashes, files and journal ids', async () => {
    const whole = await openPlace();
    await fill(whole);
    await startRun(whole);
    await runToEnd(whole);
    const expected = await leftBehind(whole);
    expect(expected.runs).toMatchObject([{ status: 'done', accounts: 13n, accounts_settled: 13n }]);
    expect(expected.files.length).toBe(7);
    let points = 0;
    for (const when of whens)
      for (let point = 1; ; point += 1) {
        const place = await openPlace();
        await fill(place);
        await startRun(place);
        const { database: dyingDatabase, dead } = dyingAt(point, when);
        const dying = openCounter({ sql: dyingDatabase(place.sql), world: place.world, book: place.book });
        const first = await Promise.race([dead, runToEnd(dying).then(() => 'done')]);
        await runToEnd(place);
        expect(await leftBehind(place)).toEqual(expected);
        if (first === 'done') break;
        points += 1;
      }
    expect(points).toBeGreaterThanOrEqual(12);
  }, 60_000);

  it('C14, P15: killed at any step an instant payout ends with the same, is approved, and settles nobody else', async () => {
    const whole = await openPlace();
    await fill(whole);
    await startRun(whole, wisher.instructorId, wisher);
    await runToEnd(whole);
    const expected = await leftBehind(whole);
    expect(expected.runs).toMatchObject([{ status: 'done', accounts: 1n, accounts_settled: 1n }]);
    const batches = async ({ sql }: Place) => sql.query('SELECT id, status, approver_id FROM payout_batches');
    expect(await batches(whole)).toMatchObject([{ status: 'approved', approver_id: 'system' }]);
    const approved = await batches(whole);
    for (let point = 1; ; point += 1) {
      const place = await openPlace();
      await fill(place);
      await startRun(place, wisher.instructorId, wisher);
      const { database: dyingDatabase, dead } = dyingAt(point, 'before');
      const dying = openCounter({ sql: dyingDatabase(place.sql), world: place.world, book: place.book });
      const first = await Promise.race([dead, runToEnd(dying).then(() => 'done')]);
      await runToEnd(place);
      expect(await leftBehind(place)).toEqual(expected);
      expect(await batches(place)).toEqual(approved);
      if (first === 'done') break;
    }
  }, 60_000);

  it('M32: every movement of the book is in exactly one settlement, over many runs', async () => {
    const place = await openPlace();
    await fill(place);
    await startRun(place, wisher.instructorId, wisher);
    await place.settleDown();
    await settleNow(place);
    await payAll(place);
    for (let n = 10; n < 23; n += 2) place.book.sell(`usr_${n}`, 'INR', { tax: 18n, fee: 20n, share: 80_000n });
    await settleNow(place);
    place.book.refund('usr_10', 'INR', { tax: 18n, fee: 20n, share: 80_000n });
    await startRun(place, wisher.instructorId, wisher);
    await place.settleDown();
    await settleNow(place);
    const moved = place.book.transfers.filter(({ kind }) => kind.startsWith('order_'));
    const lines = await place.sql.query<{ sequence: bigint }>(
      "SELECT sequence FROM statement_lines WHERE kind IN ('sale', 'refund') ORDER BY sequence",
    );
    expect(lines.map(({ sequence }) => sequence)).toEqual(moved.map(({ sequence }) => sequence));
    expect(await unbalanced(place)).toEqual([]);
  });

  it('is one at a time, and is numbered anew when the book stood still', async () => {
    const place = await openPlace();
    const first = await startRun(place);
    expect(await startRun(place)).toMatchObject({ code: 'settlement_running' });
    await place.settleDown();
    const second = await startRun(place);
    expect(first).toMatchObject({ cutoff_label: '0' });
    expect(second).toMatchObject({ cutoff_label: '0.1' });
  });

  it('S6: holds a reserve and releases it when its time has come, by itself', async () => {
    const place = await openPlace();
    await givePayableAccount(place.surroundings, 'usr_a', 'USD', germanAccount);
    place.book.sell('usr_a', 'USD', { tax: 0n, fee: 0n, share: 100_000n });
    await settleNow(place);
    expect(place.book.balance('2250:usr_a', 'USD')).toBe(10_000n);
    place.world.advance(29 * dayMs);
    await settleNow(place);
    expect(place.book.balance('2250:usr_a', 'USD')).toBe(10_000n);
    place.world.advance(2 * dayMs);
    await settleNow(place);
    expect(place.book.balance('2250:usr_a', 'USD')).toBe(0n);
    expect(place.book.balance('2260:usr_a', 'USD')).toBe(100_000n);
    expect(await unbalanced(place)).toEqual([]);
  });

  it('S8: books tax withheld as legs of its own', async () => {
    const place = await openPlace();
    await givePayableAccount(place.surroundings, 'usr_a', 'INR', asha);
    await place.sql.execute(
      `INSERT INTO tax_profiles (instructor_id, sealed_pan, masked_pan, entity, resident, gstin, changed_at)
       VALUES ('usr_a', 's', '•••• 234A', 'company', true, '29AAAAA0000A1Z5', now())`,
    );
    place.book.sell('usr_a', 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n });
    await settleNow(place);
    expect(place.book.balance('2150', 'INR')).toBe(118n);
    expect(place.book.balance('2160', 'INR')).toBe(500n);
    expect(place.book.balance('2260:usr_a', 'INR')).toBe(80_000n - 118n - 500n - 8_000n);
    expect(place.book.balance('2200:usr_a', 'INR')).toBe(0n);
  });

  it('P15: a refund after the payout is carried forward and netted against later sales', async () => {
    const place = await openPlace();
    await givePayableAccount(place.surroundings, 'usr_a', 'USD', germanAccount);
    place.book.sell('usr_a', 'USD', { tax: 0n, fee: 0n, share: 100_000n });
    await settleNow(place);
    place.book.refund('usr_a', 'USD', { tax: 0n, fee: 0n, share: 100_000n });
    await settleNow(place);
    expect(place.book.balance('2200:usr_a', 'USD')).toBe(-100_000n);
    place.book.sell('usr_a', 'USD', { tax: 0n, fee: 0n, share: 150_000n });
    await settleNow(place);
    expect(place.book.balance('2260:usr_a', 'USD')).toBe(90_000n + 35_000n);
    const held = await place.sql.query('SELECT held_because FROM settlement_batches ORDER BY cutoff_sequence');
    expect(held.map((row) => row['held_because'])).toEqual(['', 'negative_balance', '']);
  });

  it('settles who was held for want of an account as soon as there is one', async () => {
    const place = await openPlace();
    place.book.sell('usr_a', 'USD', { tax: 0n, fee: 0n, share: 100_000n });
    await settleNow(place);
    expect(place.book.balance('2260:usr_a', 'USD')).toBe(0n);
    await givePayableAccount(place.surroundings, 'usr_a', 'USD', germanAccount);
    await settleNow(place);
    expect(place.book.balance('2260:usr_a', 'USD')).toBe(90_000n);
  });

  it('P15: an account that is changed while the run goes on takes its payout back, before there is a batch', async () => {
    const place = await openPlace();
    await fill(place);
    await startRun(place);
    const paidTo = () =>
      place.sql.query<{ id: string; instructor_id: string; currency: string }>(
        "SELECT id, instructor_id, currency FROM payouts WHERE status = 'created' ORDER BY id",
      );
    while ((await paidTo()).length === 0) await advanceRun(place.surroundings);
    expect(await place.sql.query('SELECT 1 FROM payout_batches')).toEqual([]);
    const changed = (await paidTo()).find(({ currency }) => currency !== 'INR') ?? expect.fail('nobody is paid');
    const account = { method: 'iban', accountNumber: 'DE89370400440532013000', bic: 'COBADEFF', ifsc: '', vpa: '' };
    const asked = { ...account, currency: changed.currency, holderName: 'Somebody Else' };
    const context = { traceparent: '' } as never;
    expect(await setAccount(place.surroundings, changed.instructor_id, asked, context)).toMatchObject({
      holder: 'Somebody Else',
    });
    await place.settleDown();
    expect(await place.sql.query('SELECT status, reason FROM payouts WHERE id = $1', [changed.id])).toEqual([
      { status: 'failed', reason: 'account_changed' },
    ]);
    expect((await paidTo()).length).toBeGreaterThan(5);
    expect(place.book.balance(`2260:${changed.instructor_id}`, changed.currency)).toBe(0n);
  });

  it('starts by itself on Monday, once', async () => {
    const place = await openPlace();
    await place.settleDown();
    expect(await place.sql.query('SELECT 1 FROM settlement_runs')).toHaveLength(0);
    place.world.advance(dayMs);
    await place.settleDown();
    await place.settleDown();
    expect(await place.sql.query('SELECT maker_id FROM settlement_runs')).toEqual([{ maker_id: 'system' }]);
  });

  it("P15: starts on Monday also when one instructor's wish is under way at that moment", async () => {
    const place = await openPlace();
    await fill(place);
    await place.settleDown();
    place.world.advance(dayMs);
    await startRun(place, wisher.instructorId, wisher);
    await place.settleDown();
    const runs = await place.sql.query('SELECT maker_id, status FROM settlement_runs ORDER BY number');
    expect(runs).toEqual([
      { maker_id: wisher.instructorId, status: 'done' },
      { maker_id: 'system', status: 'done' },
    ]);
  });
});

/** Accounts whose book balance is not what their last settlement carried forward, returns since then aside. */
async function unbalanced({ sql, book }: Place): Promise<unknown[]> {
  const accounts = await sql.query<{
    instructor_id: string;
    currency: string;
    closing_minor: bigint;
    until_sequence: bigint;
  }>('SELECT instructor_id, currency, closing_minor, until_sequence FROM settled_accounts');
  return accounts.filter((row) => {
    const account = `2200:${row.instructor_id}`;
    const since = book.transfers
      .filter(({ sequence, kind }) => sequence > row.until_sequence && kind === 'payout_returned')
      .filter(({ credit, currency }) => credit === account && currency === row.currency)
      .reduce((sum, { amount }) => sum + amount, 0n);
    return book.balance(account, row.currency) !== row.closing_minor + since;
  });
}

describe('S7: a payout', () => {
  async function onePayout(account = asha) {
    const place = await openPlace();
    await givePayableAccount(place.surroundings, 'usr_a', 'INR', account);
    place.book.sell('usr_a', 'INR', { tax: 0n, fee: 0n, share: 100_000n });
    await settleNow(place);
    const [batch] = await place.sql.query<{ id: string }>('SELECT id FROM payout_batches');
    const state = async () => {
      const [row] = await place.sql.query<{ status: string; reason: string; batch: string; submissions: number }>(
        `SELECT payouts.status, reason, batch.status AS batch, submissions
         FROM payouts JOIN payout_batches AS batch ON batch.id = payout_batch_id`,
      );
      return row;
    };
    return { place, batchId: batch?.id ?? '', state, balance: (account: string) => place.book.balance(account, 'INR') };
  }
  // Without a PAN 5 % of the gross is withheld, and 10 % are held back.
  const paid = 85_000n;

  it('is approved by somebody else than its maker, sent, and paid', async () => {
    const { place, batchId, state, balance } = await onePayout();
    const { sql, surroundings } = place;
    const approve = (approverId: string, fileSha256 = '') =>
      sql.transaction((tx) => approveBatch(surroundings, tx, { id: batchId, fileSha256, approverId }));
    expect(await approve('usr_maker')).toMatchObject({ code: 'own_payout_batch' });
    expect(await approve('usr_approver', 'another file')).toMatchObject({ code: 'payout_file_differs' });
    await place.settleDown();
    expect(await state()).toMatchObject({ status: 'created', submissions: 0 });
    expect(balance('2260:usr_a')).toBe(paid);
    await payAll(place);
    expect(await state()).toMatchObject({ status: 'paid', batch: 'closed', submissions: 1 });
    expect(balance('2260:usr_a')).toBe(0n);
    expect(balance('1000')).toBe(paid);
    expect(await approve('usr_approver')).toMatchObject({ code: 'payout_batch_state' });
  });

  it('that the bank rejects is owed again and part of the next settlement', async () => {
    const { place, state, balance } = await onePayout(refused);
    await payAll(place);
    expect(await state()).toMatchObject({ status: 'failed', reason: 'account_unknown', batch: 'closed' });
    expect(balance('2200:usr_a')).toBe(paid);
    expect(balance('2260:usr_a')).toBe(0n);
    expect(balance('1000')).toBe(0n);
    await settleNow(place);
    expect(balance('2260:usr_a')).toBe(paid);
    expect(await unbalanced(place)).toEqual([]);
  });

  it('that comes back after it was paid is owed again', async () => {
    const { place, state, balance } = await onePayout(returned);
    await payAll(place);
    expect(await state()).toMatchObject({ status: 'returned', reason: 'account_closed' });
    expect(balance('2200:usr_a')).toBe(paid);
    expect(balance('1000')).toBe(0n);
    const statement = await place.sql.query("SELECT 1 FROM sandbox_bank.entries WHERE kind = 'payout_return'");
    expect(statement).toHaveLength(1);
  });

  it('is paid once however often its batch is sent', async () => {
    const { place, batchId, state, balance } = await onePayout();
    await approveAll(place);
    await place.settleDown();
    const again = () => place.sql.transaction((tx) => resubmitBatch(place.surroundings, tx, { id: batchId }));
    expect(await again()).toMatchObject({ status: 'approved' });
    await place.settleDown();
    await again();
    await payAll(place);
    expect(await state()).toMatchObject({ status: 'paid', submissions: 3 });
    expect(balance('1000')).toBe(paid);
    expect(await again()).toMatchObject({ code: 'payout_batch_state' });
  });

  it('of a batch that finance rejects is never sent and is owed again', async () => {
    const { place, batchId, state, balance } = await onePayout();
    const reject = () => place.sql.transaction((tx) => rejectBatch(place.surroundings, tx, { id: batchId }));
    expect(await reject()).toMatchObject({ status: 'rejected' });
    expect(await reject()).toMatchObject({ status: 'rejected' });
    await payAll(place);
    expect(await state()).toMatchObject({ status: 'failed', batch: 'rejected', submissions: 0 });
    expect(balance('2200:usr_a')).toBe(paid);
  });

  it('C14: killed at any step between approval and the end is paid once and booked once', async () => {
    for (const when of whens)
      for (let point = 1; point < 40; point += everyPoint) {
        const { place, state, balance } = await onePayout(returned);
        await approveAll(place);
        const { database: dyingDatabase, dead } = dyingAt(point, when);
        const dying = openCounter({ sql: dyingDatabase(place.sql), world: place.world, book: place.book });
        const story = async () => {
          for (let turn = 0; turn < 4; turn += 1) {
            await dying.settleDown();
            place.world.advance(10_000);
          }
        };
        await Promise.race([dead, story()]);
        // What the dead process had claimed is left to it until then.
        place.world.advance(sendingMsMax);
        await payAll(place);
        expect(await state()).toMatchObject({ status: 'returned', batch: 'closed' });
        expect(balance('2200:usr_a')).toBe(paid);
        expect(balance('1000')).toBe(0n);
        const told = await place.sql.query('SELECT id FROM outbox');
        expect(told).toHaveLength(2);
      }
  }, 60_000);
});
