/** What every reader of the book promises, whatever the engine. */
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { LedgerDesk } from './desk.ts';
import type { LedgerCommand } from './ledger.ts';
import {
  type AccountTotals,
  beforeRange,
  type LedgerReader,
  type TransferRange,
  timeMaxUs,
  timeMinUs,
} from './reader.ts';
import { readStatement, type StatementPlace } from './statements.ts';
import { bookIn, history, type LedgerUnderTest, type LedgerUnderTestOptions } from './store.contract.ts';
import { trialBalances } from './trial-balance.ts';

export interface ReaderUnderTest extends LedgerUnderTest {
  readonly desk: LedgerDesk;
}

/** Points looked at in the run of M1; more at night. */
const pointsMin = 1_000;

export function ledgerReaderContract(
  name: string,
  open: (options?: LedgerUnderTestOptions) => Promise<ReaderUnderTest>,
): void {
  describe(`the book in ${name}, read`, () => {
    let under: ReaderUnderTest;
    let world: TestWorld;
    const opened: ReaderUnderTest[] = [];
    const openOne = async () => {
      under = await open({ snapshotEvery: 4n });
      opened.push(under);
      world = testWorld();
    };
    beforeEach(openOne);
    afterAll(() => Promise.all(opened.map((one) => one.close())));

    const read = <T>(work: (reader: LedgerReader) => Promise<T>) => under.processes[1].store.reading(work);
    const post = (commands: readonly LedgerCommand[]) => bookIn(under.processes[0], world, commands);
    const nowUs = () => BigInt(world.now()) * 1_000n;
    const head = () => read((reader) => reader.head());

    /** Books the commands in small batches, a second apart, each effective at a time of its own up to a minute before. */
    async function book(commands: readonly LedgerCommand[], lags: readonly number[]): Promise<void> {
      for (let start = 0; start < commands.length; start += 2) {
        world.advance(1_000);
        const batch = commands.slice(start, start + 2);
        await post(
          batch.map((command, index) => ({
            ...command,
            effectiveAtUs: nowUs() - BigInt(lags[(start + index) % lags.length] ?? 0) * 1_000_000n,
          })),
        );
      }
    }

    async function seal(untilUs: bigint): Promise<void> {
      await under.processes[0].sql.transaction(async (tx) => {
        const stand = await under.desk.lockBook(tx);
        const last = await under.desk.lastPeriod(tx);
        await under.desk.seal(tx, {
          number: (last?.number ?? 0n) + 1n,
          fromUs: last?.untilUs ?? 0n,
          untilUs,
          sealedAtUs: nowUs(),
          sealedBy: 'usr_f',
          note: '',
          sequence: stand.journalSequence,
          batchSequence: stand.batchSequence,
          hash: stand.hash,
        });
      });
    }

    const allTransfers = (untilSequence: bigint): TransferRange => ({
      afterSequence: 0n,
      untilSequence,
      fromUs: timeMinUs,
      untilUs: timeMaxUs,
      order: 'recorded',
    });

    /** The totals added up from the transfers alone. */
    async function addedUp(counts: (transfer: { sequence: bigint; effectiveAtUs: bigint }) => boolean) {
      const range = allTransfers((await head()).journalSequence);
      const transfers = await read((reader) => reader.transfers(range, beforeRange(range), 10_000));
      const totals = new Map<string, [bigint, bigint]>();
      for (const transfer of transfers.filter(counts)) {
        const add = (code: string, debit: bigint, credit: bigint) => {
          const key = `${code} ${transfer.currency}`;
          const [debits, credits] = totals.get(key) ?? [0n, 0n];
          totals.set(key, [debits + debit, credits + credit]);
        };
        add(transfer.debit, transfer.amount, 0n);
        add(transfer.credit, 0n, transfer.amount);
      }
      return totals;
    }
    const asMap = (totals: readonly AccountTotals[]) =>
      new Map(totals.map(({ code, currency, debit, credit }) => [`${code} ${currency}`, [debit, credit]]));

    const lags = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 7 });

    it('M1: the trial balance is zero at 1,000 random sequences, recorded times and effective times', async () => {
      const [commands = [], late = []] = fc.sample(fc.tuple(longHistory, lags), { numRuns: 1, seed: 7 })[0] ?? [];
      const startUs = nowUs();
      await book(commands, late);
      await seal(startUs + 20_000_000n);
      const { journalSequence } = await head();
      expect(journalSequence).toBeGreaterThan(30n);
      const random = fc.sample(fc.bigInt({ min: 0n, max: 1_000_000n }), { numRuns: pointsMin, seed: 11 });
      const spanUs = nowUs() - startUs + 2_000_000n;
      let moved = 0;
      await read(async (reader) => {
        for (const [index, part] of random.entries()) {
          const timeUs = startUs - 1_000_000n + (spanUs * part) / 1_000_000n;
          const sequence = (journalSequence * part) / 1_000_000n;
          const totals = await [
            async () => reader.totalsAfter(sequence),
            async () => reader.totalsAfter(await reader.sequenceAt(timeUs)),
            async () => reader.totalsBefore(timeUs, journalSequence),
          ][index % 3]?.();
          for (const { debit, credit } of trialBalances(totals ?? [])) expect(debit).toBe(credit);
          moved += totals?.length ?? 0;
        }
      });
      expect(moved).toBeGreaterThan(pointsMin);
    });

    it('L12: balances at a past effective time are what the transfers add up to, with sealed periods and without', async () => {
      await fc.assert(
        fc.asyncProperty(history, lags, async (commands, late) => {
          await openOne();
          const startUs = nowUs();
          await book(commands, late);
          const { journalSequence } = await head();
          const times = [0n, 1n, 2n, 3n].map((part) => startUs + ((nowUs() - startUs) * part) / 3n + part);
          const balancesThen = async () => {
            for (const timeUs of times) {
              const expected = await addedUp((transfer) => transfer.effectiveAtUs < timeUs);
              expect(asMap(await read((reader) => reader.totalsBefore(timeUs, journalSequence)))).toEqual(expected);
              const [name] = expected.keys();
              const [code = '', currency = ''] = name?.split(' ') ?? [];
              const one = await read((reader) => reader.totalsBefore(timeUs, journalSequence, { code, currency }));
              expect(asMap(one)).toEqual(new Map([...expected].filter(([key]) => key === name)));
            }
          };
          await balancesThen();
          for (const untilUs of times.slice(1)) {
            if (untilUs > startUs - 60_000_000n) await seal(untilUs);
            await balancesThen();
          }
        }),
        { numRuns: 3 },
      );
    });

    it('L14: the closing of a statement is the last line and the opening of the next, on either time', async () => {
      await fc.assert(
        fc.asyncProperty(history, lags, fc.constantFrom('recorded', 'effective'), async (commands, late, basis) => {
          await openOne();
          const startUs = nowUs() - 61_000_000n;
          await book(commands, late);
          const { journalSequence: sequence } = await head();
          const account = { code: '1100', currency: 'INR' };
          const cuts = [0n, 1n, 2n, 3n, 4n].map((part) => startUs + ((nowUs() + 1n - startUs) * part) / 4n);
          let opening = 0n;
          let lines = 0;
          for (const [index, fromUs] of cuts.slice(0, -1).entries()) {
            const of = { account, basis, fromUs, untilUs: cuts[index + 1], sequence };
            let place: StatementPlace | undefined;
            let last = opening;
            for (;;) {
              const page = await read((reader) => readStatement(reader, of, place, 3));
              if (page === undefined) throw new Error('1100 is in the chart');
              expect(page.opening).toBe(opening);
              last = page.lines.at(-1)?.balance ?? last;
              lines += page.lines.length;
              if (page.next === undefined) {
                expect(page.closing).toBe(last);
                expect(page.closing - page.opening).toBe(page.debits - page.credits);
                opening = page.closing;
                break;
              }
              place = page.next;
            }
          }
          const range = { ...allTransfers(sequence), account };
          expect(lines).toBe((await read((reader) => reader.transfers(range, beforeRange(range), 10_000))).length);
          const [now] = await read((reader) => reader.totalsAfter(sequence, account));
          expect(opening).toBe((now?.debit ?? 0n) - (now?.credit ?? 0n));
        }),
        { numRuns: 4 },
      );
    });

    it('gives the pages of a statement of one sequence unchanged while others write', async () => {
      const [commands = []] = fc.sample(history, { numRuns: 1, seed: 3 });
      await book(commands, [0, 30]);
      const { journalSequence: sequence } = await head();
      const of = { account: { code: '1100', currency: 'INR' }, basis: 'effective', sequence } as const;
      const before = await read((reader) => readStatement(reader, of, undefined, 100));
      await book(fc.sample(otherHistory, { numRuns: 1, seed: 4 })[0] ?? [], [0, 59]);
      expect(await read((reader) => readStatement(reader, of, undefined, 100))).toEqual(before);
    });

    it('lists the accounts that moved in a range of sequences, and every transfer of it once', async () => {
      const [commands = []] = fc.sample(history, { numRuns: 1, seed: 5 });
      await book(commands, [0]);
      const { journalSequence: until } = await head();
      const after = until / 2n;
      const expected = new Set<string>();
      const range = { ...allTransfers(until), afterSequence: after };
      const all = await read((reader) => reader.transfers(range, beforeRange(range), 10_000));
      for (const { debit, credit, currency } of all)
        for (const code of [debit, credit]) if (code.startsWith('2200:')) expected.add(`${code} ${currency}`);
      const found: string[] = [];
      for (let beyond: { code: string; currency: string } | undefined; ; ) {
        const page = await read((reader) => reader.movedAccounts('2200', { after, until }, beyond, 1));
        beyond = page[0];
        if (beyond === undefined) break;
        found.push(`${beyond.code} ${beyond.currency}`);
      }
      expect(found).toEqual([...expected].sort());
      expect(all.every(({ sequence }) => sequence > after && sequence <= until)).toBe(true);
      const paged = [];
      for (let place = beforeRange(range); ; ) {
        const page = await read((reader) => reader.transfers(range, place, 2));
        paged.push(...page);
        const last = page.at(-1);
        if (last === undefined) break;
        place = last;
      }
      expect(paged).toEqual(all);
    });

    it('L22: a sealed period keeps its balances, its place in the book and the head of the chain', async () => {
      const [commands = []] = fc.sample(history, { numRuns: 1, seed: 6 });
      await book(commands, [0]);
      const stand = await head();
      const untilUs = nowUs() + 1n;
      await seal(untilUs);
      const [period] = await read((reader) => reader.periods(timeMaxUs, 10));
      expect(period).toMatchObject({ number: 1n, untilUs, sequence: stand.journalSequence, sealedBy: 'usr_f' });
      expect(Buffer.from(period?.hash ?? [])).toEqual(Buffer.from(stand.hash));
      const sealed = await read((reader) => reader.periodTotals(1n));
      expect(asMap(sealed)).toEqual(await addedUp(() => true));
      world.advance(10_000);
      await seal(untilUs + 1n);
      const periods = await read((reader) => reader.periods(timeMaxUs, 10));
      expect(periods.map(({ number, fromUs }) => [number, fromUs])).toEqual([
        [2n, untilUs],
        [1n, 0n],
      ]);
      expect(await read((reader) => reader.periodTotals(2n))).toEqual(sealed);
    });
  });
}

/** Orders that do not meet those of `history`. */
const otherHistory = history.map((commands) =>
  commands.map((command): LedgerCommand => {
    const renamed = { ...command, cause: `${command.cause}_other`, reference: `${command.reference}_other` };
    if (!('lines' in renamed)) return renamed;
    const lines = renamed.lines.map((line) => ({ ...line, lineId: `${line.lineId}_other` }));
    return { ...renamed, orderId: `${renamed.orderId}_other`, lines } as LedgerCommand;
  }),
);

const longHistory = fc.array(fc.tuple(history), { minLength: 6, maxLength: 6 }).map((histories) =>
  histories.flatMap(([commands], index) =>
    commands.map((command): LedgerCommand => {
      const own = { ...command, cause: `${command.cause}_${index}`, reference: `${command.reference}_${index}` };
      if (!('lines' in own)) return own;
      const lines = own.lines.map((line) => ({ ...line, lineId: `${line.lineId}_${index}` }));
      return { ...own, orderId: `${own.orderId}_${index}`, lines } as LedgerCommand;
    }),
  ),
);
