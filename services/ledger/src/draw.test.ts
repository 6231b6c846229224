/** What orders to the book may do, one command at a time, on the pure core. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newAccount } from './account.ts';
import { genesisHash } from './chain.ts';
import type {
  AccountOrder,
  BookOrder,
  Known,
  KnownJournal,
  LedgerCommand,
  MonitorOrder,
  TransferOrder,
} from './command.ts';
import { movedBy } from './draw.ts';
import { allocate, refundParts, type SoldLine } from './journals.ts';
import {
  type Applied,
  accountKey,
  apply,
  type CommandResult,
  type GroupMode,
  identity,
  type LedgerState,
} from './ledger.ts';

const common = { reference: 'test', description: '', currency: 'INR' };
let ids = 0;
const nextId = () => {
  ids += 1;
  return `id${ids}`;
};

/** A book of one's own; everything that was done is looked up again for what comes next. */
function openBook() {
  let place = {
    epoch: 1n,
    batchSequence: 0n,
    journalSequence: 0n,
    recordedAtUs: 0n,
    hash: genesisHash,
    sealedUntilUs: 0n,
  };
  const sealUntil = (untilUs: bigint) => {
    place = { ...place, sealedUntilUs: untilUs };
  };
  const accounts: Map<string, typeof newAccount> = new Map();
  const known = new Map<string, Known>();
  let clockUs = 1_000n;
  let last: Applied | undefined;
  const state = (): LedgerState => {
    const journals = [...known.values()].flatMap((one) => (one.kind === 'journal' ? [one.journal] : []));
    const targets = new Map<string, readonly KnownJournal[]>();
    for (const journal of journals)
      for (const name of [journal.cause, journal.id]) targets.set(name, [...(targets.get(name) ?? []), journal]);
    return { place, accounts, known, targets, lines: new Map() };
  };
  const run = (commands: readonly LedgerCommand[], mode: GroupMode = 'continue'): readonly CommandResult[] => {
    last = apply(state(), [{ mode, commands }], clockUs);
    for (const [key, { after }] of last.accounts) accounts.set(key, after);
    for (const one of last.batch?.batch.journals ?? []) {
      known.set(identity(one.kind, one.cause), {
        kind: 'journal',
        journal: { ...one, recordedAtUs: clockUs, reversed: new Map() },
      });
      for (const [key, target] of known) {
        if (target.kind !== 'journal' || target.journal.sequence !== one.resolves || one.resolves === 0n) continue;
        const as =
          one.kind === 'post_pending' ? 'already_posted' : one.kind === 'void_pending' ? 'already_voided' : 'expired';
        known.set(key, { kind: 'journal', journal: { ...target.journal, resolvedAs: as } });
      }
    }
    for (const rejection of last.batch?.batch.rejected ?? [])
      if (rejection.isFinal) known.set(identity(rejection.kind, rejection.cause), { kind: 'rejection', rejection });
    place = last.batch?.place ?? place;
    clockUs += 1n;
    return last.groups[0] ?? [];
  };
  const reason = (command: LedgerCommand): string => {
    const [result] = run([command]);
    return result?.kind === 'rejected' ? result.reason : (result?.kind ?? '');
  };
  return {
    run,
    reason,
    sealUntil,
    balance: (code: string, currency = 'INR') => {
      const { debit, credit } = accounts.get(accountKey(code, currency)) ?? newAccount;
      return credit - debit;
    },
    account: (code: string) => accounts.get(accountKey(code, 'INR')) ?? newAccount,
    wait: (us: bigint) => {
      clockUs += us;
    },
    last: () => last,
  };
}

const ann = '2200:ann';
const fund = (amount: bigint, cause = nextId()): BookOrder =>
  book('adjustment', [{ debit: '1000', credit: ann, amount }], cause);
const take = (amount: bigint, more: Partial<TransferOrder> = {}, cause = nextId()): BookOrder =>
  book('payout_prepared', [{ debit: ann, credit: '2260:ann', amount, ...more }], cause);
const hold = (amount: bigint, timeoutUs = 0n, cause = nextId()): BookOrder => ({
  ...take(amount, {}, cause),
  hold: { timeoutUs },
});
function book(kind: string, transfers: readonly TransferOrder[], cause = nextId()): BookOrder {
  return { ...common, type: 'book', kind, cause, transfers };
}
const resolve = (kind: 'post_pending' | 'void_pending', target: string, amount = 0n): LedgerCommand => ({
  ...common,
  type: 'resolve',
  kind,
  cause: nextId(),
  target,
  amount,
});
const onAccount = (kind: AccountOrder['kind'], more: Partial<AccountOrder> = {}): AccountOrder => ({
  ...common,
  type: 'account',
  kind,
  cause: nextId(),
  account: ann,
  ...more,
});
const floorZero = () => onAccount('account_limited', { floor: 0n });

describe('orders to the book', () => {
  it('M5 counts holds against a limit: of six holds of 1,000 on 5,000 the sixth is refused', () => {
    const under = openBook();
    under.run([fund(5_000n), floorZero()]);
    const reasons = [1, 2, 3, 4, 5, 6].map(() => under.reason(hold(1_000n)));
    expect(reasons).toEqual(['posted', 'posted', 'posted', 'posted', 'posted', 'limit_exceeded']);
    expect(under.balance(ann)).toBe(5_000n);
    expect(under.reason(take(1n))).toBe('limit_exceeded');
  });

  it('M12 keeps no time for a hold that came to nothing: the store has no row for it, and the hash would not fit', () => {
    const under = openBook();
    const order = hold(60n, 5n, 'nothing');
    const [result] = under.run([{ ...order, transfers: order.transfers.map((each) => ({ ...each, upTo: true })) }]);
    expect(result).toMatchObject({ kind: 'posted', journal: { holds: [], expiresAtUs: 0n } });
  });

  it('M6 resolves a hold once, and says what became of it', () => {
    const under = openBook();
    under.run([fund(100n), floorZero(), hold(60n, 0n, 'h1'), hold(30n, 0n, 'h2'), hold(10n, 5n, 'h3')]);
    expect(under.reason(resolve('post_pending', 'h1', 61n))).toBe('exceeds_pending_amount');
    expect(under.reason(resolve('post_pending', 'h1', 20n))).toBe('posted');
    expect(under.account(ann)).toMatchObject({ pendingDebit: 40n, debit: 20n });
    expect(under.reason(resolve('void_pending', 'h1'))).toBe('already_posted');
    expect(under.reason(resolve('void_pending', 'h2'))).toBe('posted');
    expect(under.reason(resolve('post_pending', 'h2'))).toBe('already_voided');
    under.wait(10n);
    expect(under.reason(resolve('post_pending', 'h3'))).toBe('expired');
    const expire: LedgerCommand = { ...common, type: 'expire', kind: 'hold_expired', cause: 'hold:5', target: 'h3' };
    expect(under.reason(expire)).toBe('posted');
    expect(under.reason(resolve('post_pending', 'h3'))).toBe('expired');
    expect(under.account(ann)).toMatchObject({ pendingDebit: 0n, debit: 20n });
    expect(under.reason(resolve('post_pending', 'nothing'))).toBe('unknown_target');
  });

  it('L7 moves up to what is there, and the same id moves nothing again', () => {
    const under = openBook();
    under.run([fund(70n)]);
    const sweep = take(1_000n, { upTo: true });
    const [first] = under.run([sweep]);
    expect(first?.kind === 'posted' && movedBy(first.journal)).toEqual([70n]);
    under.run([fund(50n)]);
    const [again] = under.run([sweep]);
    expect(again?.kind === 'duplicate' && movedBy(again.journal)).toEqual([70n]);
    expect(under.balance(ann)).toBe(50n);
    under.run([take(50n)]);
    const empty = take(5n, { upTo: true });
    const [none] = under.run([empty]);
    expect(none?.kind === 'posted' && movedBy(none.journal)).toEqual([0n]);
    under.run([fund(50n)]);
    expect(under.run([empty])[0]?.kind).toBe('duplicate');
    expect(under.balance(ann)).toBe(50n);
  });

  it('L8 freezes, closes and reopens, and closes nothing that holds or has money', () => {
    const under = openBook();
    under.run([fund(10n), hold(10n, 0n, 'live')]);
    expect(under.reason(onAccount('account_closed'))).toBe('account_has_holds');
    under.run([onAccount('account_frozen')]);
    expect(under.reason(fund(1n))).toBe('account_frozen');
    expect(under.reason(resolve('void_pending', 'live'))).toBe('posted');
    expect(under.reason(onAccount('account_closed'))).toBe('account_not_empty');
    under.run([onAccount('account_reopened'), take(10n)]);
    expect(under.reason(onAccount('account_closed'))).toBe('posted');
    expect(under.reason(fund(1n))).toBe('account_closed');
  });

  it('L13 names the pair that a kind does not allow', () => {
    const under = openBook();
    const [result] = under.run([book('provider_fee', [{ debit: '5100', credit: ann, amount: 1n }])]);
    expect(result).toMatchObject({
      reason: 'pair_not_allowed',
      detail: `provider_fee may not debit 5100 and credit ${ann}`,
    });
    const across = book('payout_prepared', [{ debit: ann, credit: '2260:bob', amount: 1n }]);
    expect(under.reason(across)).toBe('pair_not_allowed');
    expect(under.reason(book('no_such_kind', [{ debit: '1000', credit: '1100', amount: 1n }]))).toBe(
      'pair_not_allowed',
    );
    expect(under.reason(take(0n))).toBe('invalid_amount');
  });

  it('L2 M7 rejects a journal of several legs whole, and a group that is atomic', () => {
    const under = openBook();
    under.run([fund(10n), floorZero()]);
    const two = book('payout_prepared', [
      { debit: ann, credit: '2260:ann', amount: 10n },
      { debit: ann, credit: '2150', amount: 1n },
    ]);
    expect(under.reason(two)).toBe('limit_exceeded');
    expect(under.balance('2260:ann')).toBe(0n);
    const kinds = (results: readonly CommandResult[]) => results.map((result) => result.kind);
    expect(kinds(under.run([take(6n, {}, 'x'), take(6n), take(1n)], 'atomic'))).toEqual([
      'skipped',
      'rejected',
      'skipped',
    ]);
    expect(under.balance(ann)).toBe(10n);
    expect(kinds(under.run([take(6n, {}, 'x'), take(6n), take(1n)], 'stop'))).toEqual([
      'posted',
      'rejected',
      'skipped',
    ]);
    expect(kinds(under.run([take(6n), take(4n)], 'continue'))).toEqual(['rejected', 'posted']);
  });

  it('L4 M4 changes currencies through the liquidity account, each adding up by itself', () => {
    const under = openBook();
    const order = {
      ...common,
      type: 'exchange',
      kind: 'exchange_sold',
      cause: 'fx',
      from: { account: '1000', amount: 8_300n },
      to: { account: '1000', currency: 'USD', amount: 100n },
      rate: '0.01204819',
      source: 'bank quote 7',
    } as const;
    expect(under.reason(order)).toBe('posted');
    expect([under.balance('1800'), under.balance('1800', 'USD')]).toEqual([-8_300n, 100n]);
    const journals = under.last()?.batch?.batch.journals ?? [];
    expect(journals.map(({ kind, currency }) => [kind, currency])).toEqual([
      ['exchange_sold', 'INR'],
      ['exchange_bought', 'USD'],
    ]);
    for (const { details = '' } of journals)
      expect(JSON.parse(details)).toMatchObject({ rate: '0.01204819', source: 'bank quote 7' });
    const half = { ...common, cause: 'half', transfers: [{ debit: '1800', credit: '1000', amount: 1n }] } as const;
    expect(under.reason({ ...half, type: 'book', kind: 'exchange_sold' })).toBe('pair_not_allowed');
    const back = { ...common, type: 'reverse', kind: 'reversal', cause: 'back', transfers: [] } as const;
    expect(under.reason({ ...back, target: journals[0]?.id ?? '' })).toBe('not_reversible');
  });

  it('L20 tells of a crossing once, at the journal that made it, and again only after it came back far enough', () => {
    const under = openBook();
    const monitor: MonitorOrder = {
      ...common,
      type: 'monitor',
      kind: 'monitor_set',
      cause: 'm',
      account: ann,
      monitorId: 'mon',
      direction: 'above',
      threshold: 100n,
      hysteresis: 20n,
    };
    under.run([monitor]);
    under.run([fund(60n), fund(60n), fund(1n), take(30n), fund(30n), take(50n), fund(90n)]);
    const crossings = under.last()?.crossings.map(({ sequence, isBeyond, balance }) => [sequence, isBeyond, balance]);
    expect(crossings).toEqual([
      [3n, true, 120n],
      [7n, false, 71n],
      [8n, true, 161n],
    ]);
  });

  it('M17 refuses an order into a sealed period, and books a late fact in the open one', () => {
    const under = openBook();
    under.wait(1_000n);
    under.sealUntil(1_500n);
    expect(under.reason({ ...fund(1n), effectiveAtUs: 1_499n })).toBe('period_sealed');
    const fact = { ...common, kind: 'dispute_opened', cause: 'd', amount: 5n, effectiveAtUs: 1_000n } as const;
    const [late] = under.run([fact]);
    expect(late?.kind === 'posted' && late.journal.effectiveAtUs >= 1_500n).toBe(true);
    expect(late?.kind === 'posted' && late.journal.description).toMatch(/sealed period/);
  });

  it('M3 refuses what 64 bits do not hold', () => {
    const under = openBook();
    under.run([fund(9_223_372_036_854_775_807n)]);
    expect(under.reason(fund(1n))).toBe('overflow');
    expect(under.reason(fund(9_223_372_036_854_775_808n))).toBe('invalid_amount');
  });

  it('L15 never takes back more of a journal than it moved, whatever parts are asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 1n, max: 120n }), { minLength: 1, maxLength: 8 }), (parts) => {
        const under = openBook();
        under.run([fund(500n), take(100n, {}, 'original')]);
        // In one batch: what each takes back counts for the next.
        const results = under.run(
          parts.map((amount) => ({
            ...common,
            type: 'reverse' as const,
            kind: 'reversal' as const,
            cause: nextId(),
            target: 'original',
            transfers: [{ debit: '2260:ann', credit: ann, amount }],
          })),
        );
        const back = results.reduce(
          (sum, result, index) => (result.kind === 'posted' ? sum + (parts[index] ?? 0n) : sum),
          0n,
        );
        expect(back).toBeLessThanOrEqual(100n);
        expect(under.balance('2260:ann')).toBe(100n - back);
      }),
    );
  });

  it('M25 gives back exactly the parts of a tax over all partial refunds, none below zero', () => {
    const amounts = fc.array(fc.bigInt({ min: 0n, max: 500n }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(amounts, fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 6 }), (sold, shares) => {
        const kinds = ['cgst', 'sgst', 'igst'];
        const tax = sold.reduce((sum, one) => sum + one, 0n);
        const taxes = sold.map((amount, index) => ({ kind: kinds[index] ?? '', amount }));
        const none = { tax: 0n, net: 0n, fee: 0n, share: 0n };
        const about = {
          lineId: 'l',
          courseId: 'c',
          courseTitle: 't',
          instructorId: 'i',
          orderId: 'o',
          currency: 'INR',
        };
        let line: SoldLine = {
          ...about,
          net: 0n,
          tax,
          gross: tax,
          taxes,
          soldBy: 1n,
          soldAtUs: 0n,
          fee: 0n,
          share: 0n,
          refunded: none,
        };
        for (const share of [...shares, 100]) {
          const part = ((tax - line.refunded.tax) * BigInt(share)) / 100n;
          const parts = refundParts(line, { lineId: 'l', net: 0n, tax: part, gross: part });
          if (parts === undefined) throw new Error('it is not more than was sold');
          expect(parts.taxes.every(({ amount }) => amount >= 0n)).toBe(true);
          ({ line } = parts);
        }
        expect(line.refunded.taxes ?? sold.map(() => 0n)).toEqual(sold);
      }),
    );
  });

  it('L17 divides an amount by weights without losing a unit, and none gets more than its weight', () => {
    const weights = fc.array(fc.bigInt({ min: 0n, max: 1_000n }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 0, max: 1_000 }), (of, share) => {
        const whole = of.reduce((sum, one) => sum + one, 0n);
        const amount = (whole * BigInt(share)) / 1_000n;
        const parts = allocate(amount, of);
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(amount);
        for (const [index, part] of parts.entries()) {
          expect(part).toBeGreaterThanOrEqual(0n);
          expect(part).toBeLessThanOrEqual(of[index] ?? 0n);
        }
      }),
    );
  });
});
