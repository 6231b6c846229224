import { ReconciliationService } from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import { createClient } from '@suuupra/platform/rpc/client';
import { serve } from '@suuupra/platform/rpc/dispatch';
import { type Client, isRefusal } from '@suuupra/platform/rpc/rpc';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import { userPrincipal } from '@suuupra/platform/testing-service';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectMoney } from './expectations.ts';
import { reconciliationSums } from './lists.ts';
import { bookAll, reconcile } from './reconciliation.ts';
import { reconciliationRpc } from './rpc.ts';
import { type CsvRow, camt053, openReconciliation, type ReconciliationUnderTest, settlementCsv } from './testing.ts';

let test: ReconciliationUnderTest;
let client: Client<typeof ReconciliationService>;
let keys = 0;
const dayMs = 24 * 60 * 60 * 1_000;

beforeAll(async () => {
  test = await openReconciliation();
  const served = serve([reconciliationRpc(test.desk)], { world: test.world });
  client = createClient(
    ReconciliationService,
    localTransport(() => served),
    { caller: 'gateway', world: test.world },
  );
});
afterAll(() => test.close());
const clear = () => test.clear();
afterEach(clear);

const as = (userId: string) => {
  keys += 1;
  return { principal: userPrincipal(userId, 'finance'), idempotencyKey: `key-${keys}-0123456789abcdef` };
};

async function expectProvider(reference: string, amountMinor: bigint, feeMinor?: bigint) {
  const kind = amountMinor < 0n ? 'refund' : 'payment';
  await test.sql.transaction((tx) =>
    expectMoney(tx, {
      ...{ side: 'provider', kind, currency: 'INR', amountMinor, feeMinor, references: [reference] },
      expectedAtMs: test.world.now(),
    }),
  );
}

const today = () => new Date(test.world.now()).toISOString().slice(0, 10);

let settlement = 0;
async function settle(rows: readonly CsvRow[], utr = 'SIMUTRONE') {
  settlement += 1;
  await test.upload('settlement_csv', settlementCsv(rows, { settlement: `stl_${settlement}`, utr, date: today() }));
  await reconcile(test.desk);
  await bookAll(test.desk);
}

async function bank(
  amount: bigint,
  reference: string,
  given: { sequence?: number; opening?: bigint; date?: string } = {},
) {
  await test.upload('camt053', camt053([{ amount, reference }], { date: today(), ...given }));
  await reconcile(test.desk);
  await bookAll(test.desk);
}

async function ok<T>(answer: Promise<T>) {
  const value = await answer;
  if (isRefusal(value)) throw new Error(`${value.code}: ${value.detail}`);
  return value as Exclude<T, Refusal>;
}
type Refusal = import('@suuupra/platform/rpc/rpc').Refusal;

async function onlyBreak() {
  const { breaks } = await ok(client.listBreaks({}, as('usr_a')));
  expect(breaks.map(({ type, side }) => [type, side])).toHaveLength(1);
  const [first] = breaks;
  const { break: whole } = await ok(client.getBreak({ id: first?.id ?? '' }, as('usr_a')));
  if (whole === undefined) throw new Error('no break');
  return whole;
}

const partition = async () => {
  const { holds, sums } = await reconciliationSums(test.sql);
  expect(holds).toBe(true);
  return sums;
};

describe('S4: order, provider and bank agree', () => {
  it('brings the receivable to zero for what the bank has paid, and books the fee once', async () => {
    await expectProvider('pay_1', 50_000n);
    await expectProvider('ref_1', -20_000n);
    await settle([
      { merchant: 'pay_1', gross: 50_000n, fee: 1_000n, tax: 180n },
      { type: 'refund', merchant: 'ref_1', gross: -20_000n },
    ]);
    // The book had 300.00 of it as receivable; 11.80 of that was kept.
    expect([test.book.balance('5100'), test.book.balance('1100'), test.book.balance('1000')]).toEqual([
      1_180n,
      -1_180n,
      0n,
    ]);
    await bank(28_820n, 'SIMUTRONE');
    await bookAll(test.desk);
    expect(30_000n + test.book.balance('1100')).toBe(0n);
    expect(test.book.balance('1000')).toBe(28_820n);
    expect(test.book.journals.map(({ kind }) => kind)).toEqual(['provider_fee', 'provider_settled']);
    expect(await partition()).toMatchObject([
      { side: 'bank', linesMatchedMinor: 28_820n, expectedMatchedMinor: 28_820n, linesInBreaksMinor: 0n },
      { side: 'provider', linesMatchedMinor: 30_000n, expectedMatchedMinor: 30_000n, expectedOpenMinor: 0n },
    ]);
  });

  it('makes a break of what is late, and closes it with its history when it comes', async () => {
    await expectProvider('pay_1', 50_000n);
    expect(await partition()).toMatchObject([{ expectedOpenMinor: 50_000n }]);
    test.world.advance(6 * dayMs);
    await reconcile(test.desk);
    expect(await onlyBreak()).toMatchObject({ type: 'late', status: 'open', differences: [{ amountMinor: -50_000n }] });
    await settle([{ merchant: 'pay_1', gross: 50_000n }]);
    const closed = await onlyBreak();
    expect(closed.status).toBe('matched');
    expect(closed.history.map(({ what }) => what)).toEqual(['opened', 'matched']);
    await partition();
  });

  it('says missing_there when the other side has gone past the day', async () => {
    await expectProvider('pay_1', 50_000n);
    test.world.advance(10 * dayMs);
    await test.upload('settlement_csv', settlementCsv([{ merchant: 'x', gross: 1n }], { date: '2030-01-01' }));
    await reconcile(test.desk);
    const { breaks } = await ok(client.listBreaks({ type: 'missing_there' }, as('usr_a')));
    expect(breaks).toHaveLength(1);
  });

  it('finds the line that came before what it is of', async () => {
    await settle([{ merchant: 'pay_1', gross: 50_000n }]);
    expect((await onlyBreak()).type).toBe('missing_here');
    await expectProvider('pay_1', 50_000n);
    await reconcile(test.desk);
    expect((await onlyBreak()).status).toBe('matched');
  });
});

describe('S5: breaks', () => {
  it.each<[string, () => Promise<void>]>([
    ['missing_here', () => settle([{ merchant: 'pay_9', gross: 1_000n }])],
    [
      'amount',
      async () => {
        await expectProvider('pay_1', 5_000n);
        await settle([{ merchant: 'pay_1', gross: 4_000n }]);
      },
    ],
    [
      'fee',
      async () => {
        await expectProvider('pay_1', 5_000n, 100n);
        await settle([{ merchant: 'pay_1', gross: 5_000n, fee: 150n }]);
      },
    ],
    [
      'duplicate',
      async () => {
        await expectProvider('pay_1', 5_000n);
        await settle([{ merchant: 'pay_1', gross: 5_000n, provider: 'ch_1' }]);
        await settle([{ merchant: 'pay_1', gross: 5_000n, provider: 'ch_1' }]);
      },
    ],
  ])('types a break: %s', async (type, happen) => {
    await happen();
    expect((await onlyBreak()).type).toBe(type);
    await partition();
  });

  it('is written off by two people, and booked', async () => {
    await expectProvider('pay_1', 5_000n);
    await settle([{ merchant: 'pay_1', gross: 4_000n }]);
    const { id } = await onlyBreak();
    expect(await client.approveWriteOff({ id }, as('usr_a'))).toMatchObject({ code: 'already_decided' });
    await ok(client.requestWriteOff({ id, note: 'lost at the provider' }, as('usr_a')));
    expect(await client.approveWriteOff({ id }, as('usr_a'))).toMatchObject({ code: 'second_person_required' });
    await bookAll(test.desk);
    expect(test.book.balance('5300')).toBe(0n);
    const given = as('usr_b');
    await ok(client.approveWriteOff({ id, note: 'so be it' }, given));
    await ok(client.approveWriteOff({ id, note: 'so be it' }, given));
    await bookAll(test.desk);
    expect([test.book.balance('5300'), test.book.balance('1100')]).toEqual([1_000n, -1_000n]);
    expect(await client.requestWriteOff({ id, note: 'again' }, as('usr_a'))).toMatchObject({ code: 'break_closed' });
    const closed = await onlyBreak();
    expect(closed).toMatchObject({ status: 'written_off', writeOffRequestedBy: 'usr_a', writeOffApprovedBy: 'usr_b' });
    expect(closed.history.map(({ what, actor }) => [what, actor])).toEqual([
      ['opened', 'system'],
      ['write_off_requested', 'usr_a'],
      ['written_off', 'usr_b'],
    ]);
    await partition();
  });

  it('is never approved by who asked, even by a statement that goes past the code', async () => {
    await settle([{ merchant: 'pay_9', gross: 1_000n }]);
    const change = "UPDATE breaks SET write_off_requested_by = 'usr_a', write_off_approved_by = 'usr_a'";
    await expect(test.sql.execute(change)).rejects.toMatchObject({ kind: 'check' });
  });

  it('is reopened by a later line, which takes the write-off back', async () => {
    await expectProvider('pay_1', 5_000n);
    await settle([{ merchant: 'pay_1', gross: 4_000n }]);
    const { id } = await onlyBreak();
    await ok(client.requestWriteOff({ id, note: 'gone' }, as('usr_a')));
    await ok(client.approveWriteOff({ id }, as('usr_b')));
    await settle([{ merchant: 'pay_1', gross: 1_000n }]);
    expect([test.book.balance('5300'), test.book.balance('1100')]).toEqual([0n, 0n]);
    const closed = await onlyBreak();
    expect(closed.status).toBe('matched');
    expect(closed.history.map(({ what }) => what)).toEqual([
      'opened',
      'write_off_requested',
      'written_off',
      'reopened',
      'matched',
    ]);
    await partition();
  });

  it('is turned down, assigned, noted; ages by days', async () => {
    await settle([{ merchant: 'pay_9', gross: 1_000n }]);
    const { id } = await onlyBreak();
    await ok(client.requestWriteOff({ id, note: 'please' }, as('usr_a')));
    await ok(client.rejectWriteOff({ id, note: 'no' }, as('usr_b')));
    await ok(client.assignBreak({ id, ownerId: 'usr_c' }, as('usr_a')));
    await ok(client.addBreakNote({ id, note: 'asked the provider' }, as('usr_c')));
    for (const [days, age] of [
      [0, '0-1'],
      [2, '2-3'],
      [2, '4-7'],
      [4, '8-30'],
      [23, '30+'],
    ] as const) {
      test.world.advance(days * dayMs);
      expect(await onlyBreak()).toMatchObject({ age, ownerId: 'usr_c', status: 'open' });
      expect((await ok(client.listBreaks({ age }, as('usr_a')))).breaks).toHaveLength(1);
    }
    expect((await ok(client.listBreaks({ age: '0-1' }, as('usr_a')))).breaks).toHaveLength(0);
    expect((await ok(client.getReconciliation({}, as('usr_a')))).breaks).toMatchObject([
      { type: 'missing_here', age: '30+', breaks: 1n },
    ]);
  });

  it('is matched by hand only when the sums are equal', async () => {
    await expectProvider('pay_1', 5_000n);
    await settle([
      { merchant: 'zzz', gross: 5_000n },
      { merchant: 'yyy', gross: 3n },
    ]);
    const { expectations } = await ok(client.listExpectations({ side: 'provider', state: 'open' }, as('usr_a')));
    const { breaks } = await ok(client.listBreaks({}, as('usr_a')));
    const lineOf = (minor: bigint) =>
      breaks.flatMap(({ lines }) => lines).find(({ amount }) => amount?.amountMinor === minor)?.id ?? '';
    const ask = (minor: bigint) =>
      client.matchManually(
        { lineIds: [lineOf(minor)], expectationIds: expectations.map(({ id }) => id), note: 'it is' },
        as('usr_a'),
      );
    expect(await ask(3n)).toMatchObject({ code: 'match_unbalanced' });
    expect(await ok(ask(5_000n))).toMatchObject({
      lines: [{ state: 'matched' }],
      expectations: [{ state: 'matched' }],
    });
    expect(await ask(5_000n)).toMatchObject({ code: 'already_matched' });
    await partition();
  });

  it('at the bank: what the bank paid is booked as paid, what it did not is written off', async () => {
    await settle([{ merchant: 'pay_1', gross: 10_000n }]);
    await bank(9_000n, 'SIMUTRONE');
    const { breaks } = await ok(client.listBreaks({ type: 'amount' }, as('usr_a')));
    const id = breaks[0]?.id ?? '';
    await ok(client.requestWriteOff({ id, note: 'short' }, as('usr_a')));
    await ok(client.approveWriteOff({ id }, as('usr_b')));
    await bookAll(test.desk);
    expect([test.book.balance('1000'), test.book.balance('5300'), test.book.balance('1100')]).toEqual([
      9_000n,
      1_000n,
      -10_000n,
    ]);
  });
});

describe('rules', () => {
  const tolerant = {
    ...{ id: 'tolerant', priority: 15, side: 'provider', shape: 'one_to_one', reference: 'equals' },
    ...{ amountToleranceMinor: 10n, daysApartMax: 5, enabled: true },
  };
  const set = (rule: typeof tolerant, who: string) => ok(client.setMatchRule({ id: rule.id, rule }, as(who)));
  const setByTwo = async (rule: typeof tolerant) => {
    await set(rule, 'usr_a');
    expect(await set(rule, 'usr_b')).toMatchObject({ requestedBy: '' });
  };
  const rules = async () => {
    const listed = await ok(client.listMatchRules({}, as('usr_a')));
    return {
      inForce: listed.rules.filter(({ id }) => id === 'tolerant').map((rule) => rule.amountToleranceMinor),
      asked: listed.requested.map(({ rule, requestedBy }) => [rule?.amountToleranceMinor, requestedBy]),
    };
  };

  it('S5: one that writes off by itself is in force when a second person sets the same', async () => {
    expect(await set(tolerant, 'usr_a')).toMatchObject({ requestedBy: 'usr_a', rule: tolerant });
    expect(await set(tolerant, 'usr_a')).toMatchObject({ requestedBy: 'usr_a' });
    await expectProvider('pay_1', 5_000n);
    await settle([{ merchant: 'pay_1', gross: 4_990n }]);
    expect((await onlyBreak()).status).toBe('open');
    expect(await rules()).toEqual({ inForce: [], asked: [[10n, 'usr_a']] });
    // Another rule under its name is asked for anew.
    expect(await set({ ...tolerant, amountToleranceMinor: 11n }, 'usr_b')).toMatchObject({ requestedBy: 'usr_b' });
    expect(await set(tolerant, 'usr_b')).toMatchObject({ requestedBy: 'usr_b' });
    expect(await set(tolerant, 'usr_a')).toMatchObject({ requestedBy: '' });
    expect(await rules()).toEqual({ inForce: [10n], asked: [] });
    await ok(client.deleteMatchRule({ id: 'tolerant' }, as('usr_a')));
  });

  it('S5: less may be tolerated by one person, more or of others may not', async () => {
    await setByTwo(tolerant);
    await set({ ...tolerant, amountToleranceMinor: 9n }, 'usr_a');
    expect(await rules()).toEqual({ inForce: [9n], asked: [] });
    for (const wider of [{ amountToleranceMinor: 10n }, { reference: 'any' }, { daysApartMax: 6 }, { priority: 1 }])
      expect(await set({ ...tolerant, amountToleranceMinor: 9n, ...wider }, 'usr_a')).toMatchObject({
        requestedBy: 'usr_a',
      });
    await set({ ...tolerant, amountToleranceMinor: 9n, enabled: false }, 'usr_a');
    expect(await rules()).toEqual({ inForce: [9n], asked: [] });
    expect(await set({ ...tolerant, amountToleranceMinor: 9n }, 'usr_a')).toMatchObject({ requestedBy: 'usr_a' });
    await ok(client.deleteMatchRule({ id: 'tolerant' }, as('usr_a')));
    expect(await rules()).toEqual({ inForce: [], asked: [] });
  });

  it('are tried without an effect, and change what is matched when set', async () => {
    await expectProvider('pay_1', 5_000n);
    await settle([{ merchant: 'pay_1', gross: 4_990n }]);
    const tried = await ok(client.tryMatchRules({ side: 'provider', rules: [tolerant] }, as('usr_a')));
    expect(tried.matches).toMatchObject([{ ruleId: 'tolerant', difference: { amountMinor: -10n } }]);
    expect((await onlyBreak()).status).toBe('open');
    await setByTwo(tolerant);
    await clear();
    await expectProvider('pay_1', 5_000n);
    await settle([{ merchant: 'pay_1', gross: 4_990n }]);
    expect((await ok(client.listBreaks({}, as('usr_a')))).breaks).toEqual([]);
    expect([test.book.balance('5300'), test.book.balance('1100')]).toEqual([10n, -10n]);
    await ok(client.deleteMatchRule({ id: 'tolerant' }, as('usr_a')));
    const refused = await client.setMatchRule(
      { id: 'bad', rule: { ...tolerant, shape: 'many_to_one', reference: 'any', groupMax: 5 } },
      as('usr_a'),
    );
    expect(refused).toMatchObject({ code: 'match_rule_invalid' });
  });
});

describe('M33', () => {
  const references = fc.constantFrom('pay_1', 'pay_2', 'pay_3', 'pay_4');
  const amount = fc.constantFrom(100n, 200n, 300n);
  const step = fc.oneof(
    fc.record({ kind: fc.constant('expect' as const), reference: references, amount }),
    fc.record({
      kind: fc.constant('file' as const),
      rows: fc.array(fc.record({ merchant: references, gross: amount, provider: fc.constantFrom('c1', 'c2', 'c3') }), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
    fc.record({ kind: fc.constant('days' as const), days: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant('write off' as const) }),
  );

  it('every line and expectation is in one place, and the sums agree, whatever happens in whatever order', {
    timeout: 60_000,
  }, async () => {
    const seeds = Number(process.env['SUUUPRA_SEEDS'] ?? 15);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 7 }), async (steps) => {
        await clear();
        let [lines, expectations] = [0n, 0n];
        const seen = new Set<string>();
        for (const each of steps) {
          if (each.kind === 'expect' && !seen.has(each.reference)) {
            seen.add(each.reference);
            expectations += each.amount;
            await expectProvider(each.reference, each.amount);
          }
          if (each.kind === 'days') test.world.advance(each.days * dayMs);
          if (each.kind === 'write off') await writeOffOne();
          if (each.kind === 'file') {
            lines += each.rows.reduce((sum, { gross }) => sum + gross, 0n);
            await settle(each.rows, `SIMUTR${settlement}`);
          } else await reconcile(test.desk);
          const sums = await partition();
          const provider = sums.find(({ side }) => side === 'provider');
          expect(provider?.linesMinor ?? 0n).toBe(lines);
          expect(provider?.expectedMinor ?? 0n).toBe(expectations);
          expect((provider?.linesMatchedMinor ?? 0n) + (provider?.linesInBreaksMinor ?? 0n)).toBe(lines);
        }
        await bookAll(test.desk);
        await bookIsExplained();
      }),
      { numRuns: seeds },
    );
  });

  async function writeOffOne() {
    const { breaks } = await ok(client.listBreaks({ status: 'open' }, as('usr_a')));
    const id = breaks[0]?.id;
    if (id === undefined) return;
    await ok(client.requestWriteOff({ id, note: 'x' }, as('usr_a')));
    await ok(client.approveWriteOff({ id }, as('usr_b')));
  }

  /** What is written off in the book is what written-off breaks stand for, and nothing else. */
  async function bookIsExplained() {
    const [row] = await test.sql.query<{ minor: string }>(
      `SELECT (coalesce((SELECT sum(e.amount_minor) FROM expectations e JOIN breaks b ON b.id = e.break_id WHERE b.status = 'written_off'), 0)
        - coalesce((SELECT sum(l.amount_minor) FROM file_lines l JOIN breaks b ON b.id = l.break_id WHERE b.status = 'written_off'), 0))::text AS minor`,
    );
    expect(test.book.balance('5300')).toBe(BigInt(row?.minor ?? 0));
  }

  it('fails when a line is lost', async () => {
    await settle([{ merchant: 'pay_9', gross: 1_000n }]);
    await test.sql.execute('UPDATE file_lines SET break_id = NULL');
    expect((await reconciliationSums(test.sql)).holds).toBe(false);
    await test.sql.execute("UPDATE settlement_files SET status = 'failed'");
  });
});
