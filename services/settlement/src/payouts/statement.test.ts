import { minorDigitsOf } from '@suuupra/platform/money';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { currentPolicy, minimumPayout } from './policy.ts';
import {
  type AccountMovement,
  recompute,
  type SettlementInput,
  StatementContradiction,
  settle,
  statementCsv,
} from './statement.ts';
import { firstRules } from './withholding.ts';

const seeds = Number(process.env['SUUUPRA_SEEDS'] ?? '150');
const noonMs = Date.UTC(2026, 10, 22, 12);

const part = fc.bigInt({ min: 0n, max: 5_000_000n });
const movement: fc.Arbitrary<Omit<AccountMovement, 'sequence' | 'journalId'>> = fc.oneof(
  fc.record({ tax: part, fee: part, share: part, sign: fc.constantFrom(1n, -1n) }).map(({ tax, fee, share, sign }) => ({
    kind: sign > 0n ? 'order_paid' : 'order_refunded',
    description: 'a line, with a comma',
    effectiveAtMs: noonMs,
    amountMinor: sign * share,
    line: {
      orderId: 'ord_1',
      courseTitle: '=cmd() "course"',
      grossMinor: sign * (tax + fee + share),
      taxMinor: sign * tax,
      feeMinor: sign * fee,
      shareMinor: sign * share,
    },
  })),
  fc.record({ kind: fc.constantFrom('payout_returned', 'adjustment', 'dispute_lost'), amount: part }).map((made) => ({
    kind: made.kind,
    description: made.kind,
    effectiveAtMs: noonMs,
    amountMinor: made.kind === 'dispute_lost' ? -made.amount : made.amount,
  })),
  fc.record({ kind: fc.constantFrom('payout_prepared', 'reserve_released'), amount: part }).map((made) => ({
    kind: made.kind,
    description: 'our own',
    effectiveAtMs: noonMs,
    amountMinor: -made.amount,
  })),
);

const input: fc.Arbitrary<SettlementInput> = fc
  .record({
    currency: fc.constantFrom('JPY', 'INR', 'KWD'),
    movements: fc.array(movement, { maxLength: 30 }),
    openingMinor: fc.bigInt({ min: -3_000_000n, max: 3_000_000n }),
    releases: fc.array(fc.bigInt({ min: 1n, max: 100_000n }), { maxLength: 3 }),
    profile: fc.record({
      hasPan: fc.boolean(),
      entity: fc.constantFrom('individual' as const, 'company' as const),
      resident: fc.boolean(),
      hasGstin: fc.boolean(),
    }),
    account: fc.constantFrom('none' as const, 'cooling' as const, 'payable' as const),
  })
  .map((made) => ({
    ...made,
    instructorId: 'usr_asha',
    afterSequence: 0n,
    cutoff: { sequence: 100n, label: '100', atMs: noonMs },
    movements: made.movements.map((each, index) => ({ ...each, sequence: BigInt(index), journalId: `jnl_${index}` })),
    releases: made.releases.map((amountMinor, index) => ({ batchId: `stb_${index}`, amountMinor })),
    rules: firstRules,
    withheldBefore: new Map(),
    policy: currentPolicy,
  }));

describe('a statement', () => {
  it('M25: recomputed from its lines it gives the payout exactly, and the parts of each line are its gross', () => {
    fc.assert(
      fc.property(input, (given) => {
        const settled = settle(given);
        const again = recompute(given.openingMinor, settled.lines);
        expect(again).toEqual({ payoutMinor: settled.payoutMinor, closingMinor: settled.closingMinor });
        for (const line of settled.lines) expect(line.taxMinor + line.feeMinor + line.shareMinor).toBe(line.grossMinor);
        const legs = settled.tdsMinor + settled.tcsMinor + settled.reserveHeldMinor + settled.payoutMinor;
        const cameIn =
          settled.earnedMinor + settled.adjustedMinor + settled.returnedMinor + settled.reserveReleasedMinor;
        expect(given.openingMinor + cameIn - legs).toBe(settled.closingMinor);
        expect(settled.lines.at(-1)?.balanceMinor ?? given.openingMinor).toBe(settled.closingMinor);
      }),
      { numRuns: seeds },
    );
  });

  it('M32: the same inputs give the same statement to the byte, and the same ids', () => {
    fc.assert(
      fc.property(input, (given) => {
        const [first, second] = [settle(given), settle(structuredClone(given))];
        expect(second).toEqual(first);
        expect(statementCsv(given, second.lines)).toBe(statementCsv(given, first.lines));
      }),
      { numRuns: seeds },
    );
  });

  it('M32: takes each movement once, in the order of the book, and none of our own journals', () => {
    fc.assert(
      fc.property(input, (given) => {
        const own = new Set(['payout_prepared', 'reserve_released']);
        const lines = settle(given).lines.filter((line) => line.part > 0);
        expect(lines.map((line) => line.sequence)).toEqual(
          given.movements.filter((each) => !own.has(each.kind)).map((each) => each.sequence),
        );
      }),
      { numRuns: seeds },
    );
  });

  it('P15: never pays a negative balance, less than the minimum, or to an account that may not be paid', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { payoutMinor, heldBecause, closingMinor, reserveHeldMinor } = settle(given);
        expect(payoutMinor > 0n).toBe(heldBecause === '');
        expect(reserveHeldMinor).toBeGreaterThanOrEqual(0n);
        if (payoutMinor === 0n) return;
        expect(given.account).toBe('payable');
        expect(payoutMinor).toBeGreaterThanOrEqual(minimumPayout(given.policy, given.currency));
        expect(closingMinor).toBe(0n);
      }),
      { numRuns: seeds },
    );
  });

  const base: SettlementInput = {
    instructorId: 'usr_asha',
    currency: 'USD',
    afterSequence: 0n,
    cutoff: { sequence: 9n, label: '9', atMs: noonMs },
    openingMinor: 0n,
    movements: [],
    releases: [],
    profile: { hasPan: true, entity: 'individual', resident: true, hasGstin: false },
    rules: firstRules,
    withheldBefore: new Map(),
    account: 'payable',
    policy: currentPolicy,
  };
  const sale = (share: bigint): AccountMovement => ({
    sequence: 1n,
    journalId: 'jnl_1',
    kind: 'order_paid',
    description: 'sale',
    effectiveAtMs: noonMs,
    amountMinor: share,
    line: { orderId: 'o', courseTitle: 'c', grossMinor: share, taxMinor: 0n, feeMinor: 0n, shareMinor: share },
  });

  it.each([
    ['pays what is due less the reserve', base, sale(10_000n), { payoutMinor: 9_000n, reserveHeldMinor: 1_000n }],
    [
      'carries what is too little forward',
      base,
      sale(1_000n),
      { payoutMinor: 0n, closingMinor: 900n, heldBecause: 'below_minimum' },
    ],
    [
      'nets what went back before against what came in',
      { ...base, openingMinor: -4_000n },
      sale(10_000n),
      { payoutMinor: 5_000n, reserveHeldMinor: 1_000n },
    ],
    [
      'carries a negative balance forward and holds no reserve of it',
      { ...base, openingMinor: -20_000n },
      sale(10_000n),
      { payoutMinor: 0n, reserveHeldMinor: 0n, closingMinor: -10_000n, heldBecause: 'negative_balance' },
    ],
    [
      'waits for an account that may be paid',
      { ...base, account: 'cooling' as const },
      sale(10_000n),
      { payoutMinor: 0n, closingMinor: 9_000n, heldBecause: 'account_cooling' },
    ],
  ])('%s', (_, given, made, expected) => {
    expect(settle({ ...given, movements: [made] })).toMatchObject(expected);
  });

  it('settles nobody on a line whose parts are not its gross', () => {
    const bad = { ...sale(10n), line: { ...sale(10n).line, grossMinor: 11n } } as AccountMovement;
    expect(() => settle({ ...base, movements: [bad] })).toThrow(StatementContradiction);
  });

  it.each([
    ['JPY', 0, '1500'],
    ['INR', 2, '15.00'],
    ['KWD', 3, '1.500'],
  ])('writes %s with %i decimals', (currency, exponent, text) => {
    expect(minorDigitsOf(currency)).toBe(exponent);
    const given = { ...base, currency, movements: [sale(1_500n)], account: 'none' as const };
    expect(statementCsv(given, settle(given).lines)).toContain(`,${text},`);
  });

  it('leads a text that a spreadsheet would run by an apostrophe', () => {
    const tricky = sale(10n);
    const movements = [{ ...tricky, description: '=HYPERLINK("x")' }];
    expect(statementCsv(base, settle({ ...base, movements }).lines)).toContain(`"'=HYPERLINK(""x"")"`);
  });
});
