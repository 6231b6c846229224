/** What is refused in the middle leaves nothing, and limits hold on both sides of the book (M4, M5, M6, M7). */
import { describe, expect, it } from 'vitest';
import { type AccountState, newAccount, withinLimits } from './account.ts';
import { genesisHash } from './chain.ts';
import type { BookOrder, ExchangeOrder, ResolveOrder } from './command.ts';
import { accountKey, apply, type LedgerState } from './ledger.ts';

function stateWith(accounts: Readonly<Record<string, Partial<AccountState>>>): LedgerState {
  const place = {
    epoch: 1n,
    batchSequence: 0n,
    journalSequence: 0n,
    recordedAtUs: 0n,
    hash: genesisHash,
    sealedUntilUs: 0n,
  };
  const known = Object.entries(accounts).map(([key, state]) => [key, { ...newAccount, ...state }] as const);
  return { place, accounts: new Map(known), known: new Map(), lines: new Map(), targets: new Map() };
}

const exchange: ExchangeOrder = {
  ...{ type: 'exchange', kind: 'exchange_sold', cause: 'fx', reference: 'test', description: '', currency: 'INR' },
  ...{ from: { account: '1000', amount: 8_300n }, to: { account: '1000', currency: 'USD', amount: 100n } },
  ...{ rate: '0.012', source: 'a quote' },
};
const run = (state: LedgerState, order: ExchangeOrder) => apply(state, [{ mode: 'continue', commands: [order] }], 1n);

describe('an exchange', () => {
  it('M7: whose second currency is refused has not sold the first: no journal, no balance, only the record', () => {
    const state = stateWith({ [accountKey('1000', 'USD')]: { status: 'frozen' } });
    const applied = run(state, exchange);
    expect(applied.groups[0]).toMatchObject([{ kind: 'rejected', reason: 'account_frozen' }]);
    expect([...applied.accounts.values()].filter(({ before, after }) => after !== before && after.credit > 0n)).toEqual(
      [],
    );
    expect(applied.batch?.batch.journals).toEqual([]);
    expect(applied.batch?.place.journalSequence).toBe(0n);
    expect(applied.batch?.batch.rejected).toMatchObject([{ cause: 'fx', reason: 'account_frozen' }]);
  });

  it('M4: is between two currencies', () => {
    const same = { ...exchange, to: { ...exchange.to, account: '1100', currency: 'INR' } };
    expect(run(stateWith({}), same).groups[0]).toMatchObject([{ kind: 'rejected' }]);
    expect(run(stateWith({}), exchange).groups[0]).toMatchObject([{ kind: 'posted' }]);
  });
});

describe('a hold', () => {
  const common = { reference: 'test', description: '', currency: 'INR' };
  const hold: BookOrder = {
    ...{ ...common, type: 'book', kind: 'payout_prepared', cause: 'h', hold: { timeoutUs: 0n } },
    transfers: [{ debit: '2200:ann', credit: '2260:ann', amount: 1_000n }],
  };
  const resolve = (cause: string, amount: bigint): ResolveOrder => ({
    ...{ ...common, type: 'resolve', kind: 'post_pending', cause, target: 'h', amount },
  });
  const limited = { netMax: 0n, credit: 1_500n };

  it('M6: that was refused cannot be posted by its id, and nothing moves', () => {
    const state = stateWith({ [accountKey('2200:ann', 'INR')]: { ...limited, credit: 999n } });
    const applied = apply(state, [{ mode: 'continue', commands: [hold, resolve('p', 0n)] }], 1n);
    expect(applied.groups[0]).toMatchObject([{ reason: 'limit_exceeded' }, { reason: 'unknown_target' }]);
    expect(applied.batch?.batch.journals).toEqual([]);
  });

  it('M6: whose posts come together is posted once, within its amount', () => {
    const state = stateWith({ [accountKey('2200:ann', 'INR')]: limited });
    const commands = [hold, resolve('p1', 600n), resolve('p2', 600n), resolve('p3', 400n)];
    const applied = apply(state, [{ mode: 'continue', commands }], 1n);
    const outcomes = applied.groups[0]?.map((result) => (result.kind === 'rejected' ? result.reason : result.kind));
    expect(outcomes).toEqual(['posted', 'posted', 'already_posted', 'already_posted']);
    const after = applied.accounts.get(accountKey('2200:ann', 'INR'))?.after;
    expect(after).toMatchObject({ debit: 600n, pendingDebit: 0n });
  });
});

describe('M5: limits count what is held on the side that would go beyond, and not on the other', () => {
  const account = (state: Partial<AccountState>): AccountState => ({ ...newAccount, ...state });
  it.each([
    ['an asset above its floor', { debit: 10n, pendingCredit: 4n, netMin: 6n }, true],
    ['an asset that a held credit would bring below its floor', { debit: 10n, pendingCredit: 5n, netMin: 6n }, false],
    ['an asset whose held debit does not lift it', { debit: 5n, pendingDebit: 9n, netMin: 6n }, false],
    ['an asset below its ceiling', { debit: 5n, pendingDebit: 1n, netMax: 6n }, true],
    ['an asset that a held debit would bring above its ceiling', { debit: 5n, pendingDebit: 2n, netMax: 6n }, false],
    ['an asset whose held credit does not lower it', { debit: 7n, pendingCredit: 9n, netMax: 6n }, false],
    [
      'a liability that a held debit would bring below its floor',
      { credit: 10n, pendingDebit: 11n, netMax: 0n },
      false,
    ],
    ['a liability at its floor', { credit: 10n, pendingDebit: 10n, netMax: 0n }, true],
  ] as const)('%s', (_, state, isWithin) => {
    expect(withinLimits(account(state))).toBe(isWithin);
  });
});
