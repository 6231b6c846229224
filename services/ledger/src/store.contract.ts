/** What every store of the ledger promises, whatever the engine; and random histories of orders to try it with. */

import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Sql } from '@suuupra/platform/sql/sql';
import { SqlFault } from '@suuupra/platform/sql/sql';
import { type TestWorld, testWorld, type World } from '@suuupra/platform/world';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { LineRefund, SaleLine } from './journals.ts';
import { apply, type CommandResult, type LedgerCommand, needsOf } from './ledger.ts';
import { createLedgerWriter, type LedgerWriter } from './ledger-writer.ts';
import type { AccountTotals, LedgerReader } from './reader.ts';
import type { LedgerStore } from './store.ts';
import { trialBalances } from './trial-balance.ts';
import { verifyLedger } from './verify.ts';

export interface LedgerUnderTest {
  /** Two connections to one book, as two processes would have. */
  readonly processes: readonly [Process, Process];
  /** Changes what is stored, past all the refusals, as somebody with the keys to the engine could. */
  tamper(statement: string): Promise<void>;
  close(): Promise<void>;
}

export interface Process {
  readonly sql: Sql;
  readonly store: LedgerStore;
}

export interface LedgerUnderTestOptions {
  readonly snapshotEvery?: bigint;
}

const writers = new WeakMap<LedgerStore, LedgerWriter>();

/** Books through the one writer of the process. */
export async function bookIn(
  { store }: Pick<Process, 'store'>,
  world: World,
  commands: readonly LedgerCommand[],
): Promise<readonly CommandResult[]> {
  const writer = writers.get(store) ?? createLedgerWriter(store, world);
  writers.set(store, writer);
  const submitted = await writer.submit(commands);
  if (isRefusal(submitted)) throw new Error(submitted.detail);
  return submitted.results;
}

const saleOf = (number: number, net = 1_000n): LedgerCommand => ({
  kind: 'order_paid',
  cause: `payment:${number}`,
  reference: `order:ord_${number}`,
  description: `Order ${number}`,
  currency: 'INR',
  effectiveAtUs: BigInt(number),
  orderId: `ord_${number}`,
  lines: [
    {
      lineId: `line_${number}`,
      courseId: 'crs_1',
      courseTitle: 'Double entry',
      instructorId: 'usr_1',
      tax: 180n,
      net,
      gross: net + 180n,
    },
  ],
});

const refundOf = (number: number, part: number, net: bigint): LedgerCommand => ({
  kind: 'order_refunded',
  cause: `refund:${number}_${part}`,
  reference: `order:ord_${number}`,
  description: `Refund ${number}`,
  currency: 'INR',
  effectiveAtUs: BigInt(number),
  orderId: `ord_${number}`,
  lines: [{ lineId: `line_${number}`, net, tax: 0n, gross: net }],
});

export function ledgerStoreContract(
  name: string,
  open: (options?: LedgerUnderTestOptions) => Promise<LedgerUnderTest>,
): void {
  describe(`a ledger in ${name}`, () => {
    let under: LedgerUnderTest;
    let world: TestWorld;
    const opened: LedgerUnderTest[] = [];
    const openOne = async (options?: LedgerUnderTestOptions) => {
      under = await open(options);
      opened.push(under);
      world = testWorld();
    };
    beforeEach(() => openOne({ snapshotEvery: 4n }));
    afterAll(() => Promise.all(opened.map((one) => one.close())));

    const post = (
      commands: readonly LedgerCommand[],
      process = under.processes[0],
    ): Promise<readonly CommandResult[]> => bookIn(process, world, commands);
    const read = <T>(work: (reader: LedgerReader) => Promise<T>) => under.processes[1].store.reading(work);

    it('reads back what was posted, newest first, page by page', async () => {
      await post([saleOf(1), saleOf(2), saleOf(3)]);
      world.advance(5);
      await post([refundOf(2, 1, 10n)]);
      const all = await read((reader) => reader.entries({ reference: '', account: '' }, 100n, 10));
      expect(all.map((journal) => [journal.sequence, journal.cause])).toEqual([
        [4n, 'refund:2_1'],
        [3n, 'payment:3'],
        [2n, 'payment:2'],
        [1n, 'payment:1'],
      ]);
      expect(all[0]).toMatchObject({ kind: 'order_refunded', reference: 'order:ord_2', currency: 'INR' });
      expect(all[0]?.transfers).toEqual([
        { debit: '4100', credit: '1100', amount: 2n },
        { debit: '2200:usr_1', credit: '1100', amount: 8n },
      ]);
      const page = await read((reader) => reader.entries({ reference: '', account: '' }, 3n, 1));
      expect(page.map((journal) => journal.sequence)).toEqual([2n]);
    });

    it('finds entries by reference, by account and by both', async () => {
      await post([saleOf(1), saleOf(2), refundOf(1, 1, 10n)]);
      const found = async (reference: string, account: string, before = 100n, limit = 10) =>
        (await read((reader) => reader.entries({ reference, account }, before, limit))).map((one) => one.sequence);
      expect(await found('order:ord_1', '')).toEqual([3n, 1n]);
      expect(await found('', '2100')).toEqual([2n, 1n]);
      expect(await found('', '1100')).toEqual([3n, 2n, 1n]);
      expect(await found('', '1100', 3n, 1)).toEqual([2n]);
      expect(await found('order:ord_1', '2100')).toEqual([1n]);
      expect(await found('order:none', '')).toEqual([]);
      expect(await found('', '2200')).toEqual([3n, 2n, 1n]);
      expect(await found('', '2200:nobody')).toEqual([]);
    });

    it('books one fact once, however often and from wherever it is told', async () => {
      const twice = [...Array(10).keys()].map((index) => post([saleOf(1)], under.processes[index % 2 === 0 ? 0 : 1]));
      const results = (await Promise.all(twice)).flat().map((result) => result.kind);
      expect(results.filter((kind) => kind === 'posted')).toHaveLength(1);
      expect(results.filter((kind) => kind === 'duplicate')).toHaveLength(9);
      expect(await read((reader) => reader.head())).toMatchObject({ journalSequence: 1n, batchSequence: 1n });
    });

    it('numbers without gaps and stays intact while two processes write at once', async () => {
      const numbers = [...Array(40).keys()];
      await Promise.all(
        numbers.map(async (number) => {
          const process = under.processes[number % 2 === 0 ? 0 : 1];
          await post([saleOf(number)], process);
          await Promise.all([1, 2, 3].map((part) => post([refundOf(number, part, 333n)], process)));
        }),
      );
      const journals = await read((reader) => reader.entries({ reference: '', account: '' }, 10_000n, 1_000));
      expect(journals.map((journal) => journal.sequence).reverse()).toEqual(
        [...Array(160).keys()].map((n) => BigInt(n + 1)),
      );
      expect(await verifyLedger(under.processes[0].store)).toMatchObject({
        intact: true,
        journals: 160n,
      });
      const lines = await read((reader) => reader.soldLines('usr_1', undefined, 100));
      expect(lines.every(({ refunded }) => refunded.net === 999n && refunded.fee === 200n)).toBe(true);
    });

    it('never gives back more than was sold, whoever asks at once', async () => {
      await post([saleOf(1)]);
      const parts = [...Array(12).keys()];
      const results = await Promise.all(
        parts.map((part) => post([refundOf(1, part, 300n)], under.processes[part % 2 === 0 ? 0 : 1])),
      );
      expect(results.flat().filter((result) => result.kind === 'posted')).toHaveLength(3);
    });

    it('keeps nothing of a transaction that is rolled back', async () => {
      await post([saleOf(1)]);
      const [process] = under.processes;
      const telling = createLedgerWriter(process.store, world, {
        tell: () => Promise.reject(new Error('the event could not be recorded')),
      });
      const failing = telling.submit([saleOf(2)]);
      await expect(failing).rejects.toThrow('could not be recorded');
      await post([saleOf(3)]);
      const journals = await read((reader) => reader.entries({ reference: '', account: '' }, 100n, 10));
      expect(journals.map((journal) => [journal.sequence, journal.cause])).toEqual([
        [2n, 'payment:3'],
        [1n, 'payment:1'],
      ]);
    });

    it('follows on within one batch, as when several events are applied together', async () => {
      const [process] = under.processes;
      await createLedgerWriter(process.store, world).submitMany([
        [saleOf(1)],
        [refundOf(1, 1, 400n), saleOf(1)],
        [refundOf(1, 2, 600n), refundOf(1, 3, 1n)],
      ]);
      expect(await verifyLedger(process.store)).toMatchObject({ intact: true, journals: 3n, batches: 1n });
      const [line] = await read((reader) => reader.soldLines('usr_1', undefined, 1));
      expect(line?.refunded).toEqual({ tax: 0n, net: 1_000n, fee: 200n, share: 800n });
    });

    it('gives the same balances for a past journal from snapshots as from all transfers, and always in balance', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(history, { minLength: 1, maxLength: 3 }),
          fc.integer({ min: 1, max: 6 }),
          async (histories, size) => {
            await openOne({ snapshotEvery: 4n });
            const commands = histories.flat();
            const expected = new Map<bigint, [string, bigint, bigint][]>();
            for (let start = 0; start < commands.length; start += size) {
              world.advance(1);
              await post(commands.slice(start, start + size));
              const { now, head } = await read(async (reader) => ({
                now: await reader.totals(),
                head: await reader.head(),
              }));
              expected.set(
                head.journalSequence,
                now.map(({ code, currency, debit, credit }) => [`${code} ${currency}`, debit, credit]),
              );
              expect(await read((reader) => reader.sequenceAt(BigInt(world.now()) * 1_000n))).toBe(
                head.journalSequence,
              );
            }
            const last = Math.max(...[...expected.keys()].map(Number));
            for (let sequence = 0n; sequence <= last; sequence += 1n) {
              const past = await read((reader) => reader.totalsAfter(sequence));
              for (const { debit, credit } of trialBalances(past)) expect(debit).toBe(credit);
              const then = expected.get(sequence)?.filter(([, debit, credit]) => debit + credit > 0n);
              if (then !== undefined)
                expect(past.map(({ code, currency, debit, credit }) => [`${code} ${currency}`, debit, credit])).toEqual(
                  then,
                );
            }
            expect(await verifyLedger(under.processes[0].store)).toMatchObject({ intact: true });
          },
        ),
        { numRuns: 6 },
      );
    });

    it('L12: knows which journal was the last at any time, also after batches of refused commands alone', async () => {
      const nowUs = () => BigInt(world.now()) * 1_000n;
      const before = nowUs() - 1n;
      const expected: [bigint, bigint][] = [];
      for (const commands of [[refundOf(7, 1, 1n)], [saleOf(1), saleOf(2)], [refundOf(8, 1, 1n)], [saleOf(3)]]) {
        await post(commands);
        const last = await read((reader) => reader.head());
        expected.push([last.recordedAtUs - 1n, expected.at(-1)?.[1] ?? 0n], [last.recordedAtUs, last.journalSequence]);
        world.advance(1_000);
      }
      expect(expected.map(([, sequence]) => sequence)).toEqual([0n, 0n, 0n, 2n, 2n, 2n, 2n, 3n]);
      for (const [atUs, sequence] of [[before, 0n] as const, ...expected, [nowUs(), 3n] as const])
        expect(await read((reader) => reader.sequenceAt(atUs))).toBe(sequence);
    });

    it('L12: keeps in a snapshot the accounts that moved since the one before, and finds all others in earlier ones', async () => {
      const by = (number: number, instructorId: string): LedgerCommand => {
        const sale = saleOf(number) as LedgerCommand & { lines: SaleLine[] };
        return { ...sale, lines: sale.lines.map((line) => ({ ...line, instructorId })) } as LedgerCommand;
      };
      const sellers = ['usr_a', 'usr_a', 'usr_b', 'usr_b', 'usr_c', 'usr_c', 'usr_c', 'usr_c', 'usr_a'];
      for (const [index, seller] of sellers.entries()) await post([by(index + 1, seller)]);
      const owed = (totals: readonly AccountTotals[]) =>
        totals.filter(({ code }) => code.startsWith('2200:')).map(({ code, credit }) => [code, credit]);
      const kept = await read((reader) => reader.snapshots(0n, 10));
      const ofSellers = kept.map(({ sequence, totals }) => [
        sequence,
        totals
          .map(({ code }) => code)
          .filter((code) => code.startsWith('2200:'))
          .sort(),
      ]);
      expect(ofSellers).toEqual([
        [4n, ['2200:usr_a', '2200:usr_b']],
        [8n, ['2200:usr_c']],
      ]);
      const [a, b, c] = ['2200:usr_a', '2200:usr_b', '2200:usr_c'];
      for (const [sequence, expected] of [
        [
          3n,
          [
            [a, 1_600n],
            [b, 800n],
          ],
        ],
        [
          8n,
          [
            [a, 1_600n],
            [b, 1_600n],
            [c, 3_200n],
          ],
        ],
        [
          9n,
          [
            [a, 2_400n],
            [b, 1_600n],
            [c, 3_200n],
          ],
        ],
      ] as const) {
        expect(owed(await read((reader) => reader.totalsAfter(sequence)))).toEqual(expected);
        for (const [code, credit] of expected) {
          const one = await read((reader) => reader.totalsAfter(sequence, { code: code ?? '', currency: 'INR' }));
          expect(owed(one)).toEqual([[code, credit]]);
        }
      }
      expect(await verifyLedger(under.processes[0].store)).toMatchObject({ intact: true, snapshots: 2n });
    });

    it('L20: keeps the monitors of an account, changed or not, and whether each is beyond', async () => {
      const account = '2200:usr_1';
      const about = { reference: 'watch', description: '', currency: 'INR', account, hysteresis: 0n } as const;
      const monitor = (kind: 'monitor_set' | 'monitor_removed', monitorId: string, threshold: bigint) =>
        ({
          ...about,
          type: 'monitor',
          kind,
          cause: `${kind} ${monitorId}`,
          monitorId,
          direction: 'above',
          threshold,
        }) as const;
      // A writer that has seen nothing reads what is stored.
      const watched = async () => {
        const [found] = await read((reader) => reader.watchedAccounts(undefined, 10));
        return found?.monitors.map(({ id, threshold, isBeyond }) => [id, threshold, isBeyond]);
      };
      const [one, other] = under.processes;
      await post([monitor('monitor_set', 'low', 800n), monitor('monitor_set', 'high', 2_400n)], one);
      await post([saleOf(1)], other);
      expect(await watched()).toEqual([
        ['low', 800n, true],
        ['high', 2_400n, false],
      ]);
      await post([saleOf(2)], one);
      await post([saleOf(3)], other);
      expect(await watched()).toEqual([
        ['low', 800n, true],
        ['high', 2_400n, true],
      ]);
      await post([monitor('monitor_removed', 'low', 800n), saleOf(4)], one);
      expect(await watched()).toEqual([['high', 2_400n, true]]);
      await post([monitor('monitor_removed', 'high', 0n)], other);
      await post([saleOf(5)], one);
      expect(await watched()).toBeUndefined();
    });

    it('lists what an instructor sold, with what went back, newest first', async () => {
      await post([saleOf(1), saleOf(2), saleOf(3, 2_000n), refundOf(2, 1, 1_000n)]);
      const lines = await read((reader) => reader.soldLines('usr_1', undefined, 2));
      expect(lines.map((line) => [line.lineId, line.share, line.refunded.share])).toEqual([
        ['line_3', 1_600n, 0n],
        ['line_2', 800n, 800n],
      ]);
      const [, second] = lines;
      if (second === undefined) throw new Error('there are two');
      const rest = await read((reader) => reader.soldLines('usr_1', second, 2));
      expect(rest.map((line) => line.lineId)).toEqual(['line_1']);
      const [payable] = await read((reader) => reader.totalsOf('2200:usr_1'));
      expect(payable).toMatchObject({ currency: 'INR', debit: 800n, credit: 3_200n });
      expect(await read((reader) => reader.currenciesOf('usr_1'))).toEqual(['INR']);
    });

    it('holds amounts beyond 2^53 exactly', async () => {
      const net = 9_007_199_254_740_993n;
      await post([saleOf(1, net)]);
      const [line] = await read((reader) => reader.soldLines('usr_1', undefined, 1));
      expect(line?.net).toBe(net);
      const [entry] = await read((reader) => reader.entries({ reference: '', account: '' }, 100n, 1));
      expect(entry?.transfers.reduce((sum, transfer) => sum + transfer.amount, 0n)).toBe(net + 180n);
    });

    it('refuses a write that was worked out on a place where the book is no more', async () => {
      const [process] = under.processes;
      const place = await process.store.takeOver();
      const commands = [saleOf(1)];
      const applied = apply(
        { ...(await process.store.load(needsOf(commands))), place },
        [{ mode: 'continue', commands }],
        1n,
      );
      const later = await under.processes[1].store.takeOver();
      expect(await process.store.commit(place, applied)).toBe('fenced');
      expect(await process.store.commit({ ...later, batchSequence: 7n }, applied)).toBe('fenced');
      expect(await process.store.commit({ ...later, hash: new Uint8Array(32).fill(1) }, applied)).toBe('fenced');
      expect(await read((reader) => reader.head())).toMatchObject({ journalSequence: 0n });
    });

    it.each(['batches', 'journals', 'transfers', 'total_snapshots'])('only ever adds to %s', async (table) => {
      await post([1, 2, 3, 4].map((number) => saleOf(number)));
      const [{ sql }] = under.processes;
      const column = table === 'batches' || table === 'journals' ? 'sequence' : 'journal_sequence';
      for (const statement of [
        `UPDATE ${table} SET ${column} = ${column}`,
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}${sql.dialect === 'postgres' ? ' CASCADE' : ''}`,
      ]) {
        const refused = await sql.execute(statement).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(SqlFault);
        expect((refused as SqlFault).kind).toBe('permission');
      }
      expect(await verifyLedger(under.processes[0].store)).toMatchObject({ intact: true, journals: 4n });
    });

    it('M2 M4 refuses by itself, whoever writes, what is no entry', async () => {
      await post([saleOf(1)]);
      const [{ sql }] = under.processes;
      const columns = 'journal_sequence, position, debit_account_id, credit_account_id, amount_minor, currency';
      for (const [what, row, kind] of [
        ['half an entry', "1, 90, MIN(id), NULL, 5, 'INR'", 'check'],
        ['an entry of nothing', "1, 90, MIN(id), MAX(id), 0, 'INR'", 'check'],
        ['an entry within one account', "1, 90, MIN(id), MIN(id), 5, 'INR'", 'check'],
        ['a currency that is not its accounts own', "1, 90, MIN(id), MAX(id), 5, 'USD'", 'foreign_key'],
        ['an account that is not there', "1, 90, MIN(id), MAX(id) + 1, 5, 'INR'", 'foreign_key'],
      ]) {
        const refused = sql.execute(`INSERT INTO transfers (${columns}) SELECT ${row} FROM accounts`);
        await expect(refused, what).rejects.toMatchObject({ kind });
      }
    });

    it.each([
      [
        'an amount',
        'UPDATE transfers SET amount_minor = amount_minor + 1 WHERE journal_sequence = 2 AND position = 1',
        'batch 2',
      ],
      [
        'an account',
        'UPDATE transfers SET credit_account_id = debit_account_id + 1 WHERE journal_sequence = 3 AND position = 3',
        'batch 3',
      ],
      ['one letter of a description', "UPDATE journals SET description = 'order 3' WHERE sequence = 3", 'batch 3'],
      ['when it happened', 'UPDATE journals SET effective_at_us = effective_at_us + 1 WHERE sequence = 1', 'batch 1'],
      [
        'when it was recorded',
        'UPDATE journals SET recorded_at_us = recorded_at_us + 1 WHERE sequence = 2',
        'journal 2',
      ],
      ['a hash', 'UPDATE batches SET hash = set_byte(hash, 5, get_byte(hash, 5) # 1) WHERE sequence = 4', 'batch 4'],
      ['a transfer less', 'DELETE FROM transfers WHERE journal_sequence = 4 AND position = 1', 'batch 4'],
      [
        'a batch less',
        'DELETE FROM transfers WHERE journal_sequence = 5; DELETE FROM journals WHERE sequence = 5; DELETE FROM batches WHERE sequence = 5',
        'the end',
      ],
      [
        'two journals changed over',
        'UPDATE journals SET sequence = -sequence WHERE sequence IN (1, 2); UPDATE journals SET sequence = 3 + sequence WHERE sequence < 0',
        'batch 1',
      ],
      [
        'a total',
        "UPDATE account_totals SET credit_minor = credit_minor + 1 WHERE account_id = (SELECT id FROM accounts WHERE code = '4100')",
        'account 4100 INR',
      ],
      [
        'a snapshot',
        "UPDATE total_snapshots SET debit_minor = debit_minor + 1 WHERE account_id = (SELECT id FROM accounts WHERE code = '1100')",
        'snapshot after journal 4, account 1100 INR',
      ],
      [
        'an account less in a snapshot',
        "DELETE FROM total_snapshots WHERE account_id = (SELECT id FROM accounts WHERE code = '1100')",
        'snapshot after journal 4, account 1100 INR',
      ],
      ["an account's side", "UPDATE accounts SET normal_side = 'debit' WHERE code = '2100'", 'account 2100'],
    ])('finds out where %s was changed', async (_what, statement, place) => {
      for (const number of [1, 2, 3, 4, 5]) await post([saleOf(number)]);
      await under.tamper(statement);
      const verdict = await verifyLedger(under.processes[0].store);
      expect(verdict).toMatchObject({ intact: false, difference: { place } });
    });
  });
}

/** What one line goes through: a price, and the share of its net and tax that each refund gives back, in hundredths. */
const lineLife = fc.record({
  net: fc.oneof(fc.bigInt({ min: 0n, max: 50n }), fc.bigInt({ min: 0n, max: 10_000_000n })),
  tax: fc.bigInt({ min: 0n, max: 2_000_000n }),
  instructor: fc.integer({ min: 1, max: 3 }),
  refunds: fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 3 }),
});

const orderLife = fc.record({
  currency: fc.constantFrom('INR', 'USD'),
  lines: fc.array(lineLife, { minLength: 1, maxLength: 3 }),
  disputed: fc.boolean(),
  late: fc.boolean(),
});

type OrderLife = typeof orderLife extends fc.Arbitrary<infer T> ? T : never;

/** A history of several orders: every command of it can be applied when they are applied in this order. */
export const history: fc.Arbitrary<LedgerCommand[]> = fc
  .array(orderLife, { minLength: 1, maxLength: 6 })
  .map((orders) => orders.flatMap((order, index) => commandsOf(order, index + 1)));

function commandsOf(order: OrderLife, number: number): LedgerCommand[] {
  const orderId = `ord_${number}`;
  const common = { reference: `order:${orderId}`, description: '', currency: order.currency, effectiveAtUs: 1n };
  const lines: SaleLine[] = order.lines.map(({ net, tax, instructor }, index) => ({
    lineId: `${orderId}_${index}`,
    courseId: `crs_${index}`,
    courseTitle: `Course ${index}`,
    instructorId: `usr_${instructor}`,
    net,
    tax,
    gross: net + tax,
  }));
  const commands: LedgerCommand[] = [{ ...common, kind: 'order_paid', cause: `payment:${number}`, orderId, lines }];
  const left = lines.map(({ net, tax }) => ({ net, tax }));
  for (let round = 0; round < 3; round += 1) {
    const refunds = order.lines.flatMap(({ refunds }, index): LineRefund[] => {
      const [line, rest, percent] = [lines[index], left[index], refunds[round]];
      if (line === undefined || rest === undefined || percent === undefined) return [];
      const net = (rest.net * BigInt(percent)) / 100n;
      const tax = (rest.tax * BigInt(percent)) / 100n;
      left[index] = { net: rest.net - net, tax: rest.tax - tax };
      return [{ lineId: line.lineId, net, tax, gross: net + tax }];
    });
    commands.push({ ...common, kind: 'order_refunded', cause: `refund:${number}_${round}`, orderId, lines: refunds });
  }
  const cause = `payment:late_${number}`;
  if (order.disputed) commands.push({ ...common, kind: 'dispute_opened', cause: `dispute:${number}`, amount: 7n });
  if (order.late) commands.push({ ...common, kind: 'late_payment_received', cause, amount: 9n });
  if (order.late) commands.push({ ...common, kind: 'late_payment_returned', cause, amount: 9n });
  return commands;
}
