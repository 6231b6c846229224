/**
 * M1: a batch that would put the book out of balance halts before anything is written. No command makes one, so here the
 * writer's memory is at fault: an account reads otherwise the second time.
 */
import { openTestSql } from '@suuupra/platform/testing';
import { testWorld } from '@suuupra/platform/world';
import { describe, expect, it } from 'vitest';
import { type AccountState, newAccount } from './account.ts';
import { ledgerStores } from './adapters.ts';
import { genesisHash } from './chain.ts';
import type { BookOrder } from './command.ts';
import { accountKey, apply, type LedgerState } from './ledger.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import { migrateBook } from './shards.ts';
import { verifyLedger } from './verify.ts';

type Amount = 'debit' | 'credit' | 'pendingDebit' | 'pendingCredit';

/** Reads as new the first time, and off by one from then on. */
function unsteady(which: Amount): AccountState {
  let reads = 0;
  const account = { ...newAccount };
  Object.defineProperty(account, which, {
    enumerable: true,
    get: () => {
      reads += 1;
      return reads === 1 ? 0n : 1n;
    },
  });
  return account;
}

const order = (cause: string, hold?: BookOrder['hold']): BookOrder => ({
  ...{ type: 'book', kind: 'payout_prepared', cause, reference: 'test', description: '', currency: 'INR', hold },
  transfers: [{ debit: '2200:ann', credit: '2260:ann', amount: 10n }],
});

function stateWith(key: string, account: AccountState): LedgerState {
  const numbers = { epoch: 1n, batchSequence: 0n, journalSequence: 0n, recordedAtUs: 0n, sealedUntilUs: 0n };
  const none = { known: new Map(), lines: new Map(), targets: new Map() };
  return { place: { ...numbers, hash: genesisHash }, accounts: new Map([[key, account]]), ...none };
}

describe('a batch that does not balance', () => {
  it.each([
    ['debits and credits', '2200:ann', 'debit'],
    ['debits and credits', '2260:ann', 'credit'],
    ['held debits and credits', '2200:ann', 'pendingDebit'],
    ['held debits and credits', '2260:ann', 'pendingCredit'],
  ] as const)('M1: halts when %s differ, here by what %s reads as its %s', (what, code, which) => {
    const hold = which.startsWith('pending') ? { timeoutUs: 0n } : undefined;
    const state = stateWith(accountKey(code, 'INR'), unsteady(which));
    const run = () => apply(state, [{ mode: 'continue', commands: [order('a', hold)] }], 1n);
    expect(run).toThrow(`${what} of a batch are equal in INR`);
    expect(() =>
      apply(stateWith('', newAccount), [{ mode: 'continue', commands: [order('a', hold)] }], 1n),
    ).not.toThrow();
  });

  it('M1: is not written, its caller is not answered, and the writer goes on with what the book says', async () => {
    const sql = await openTestSql();
    await migrateBook(sql);
    const { store } = ledgerStores(sql);
    let isAtFault = true;
    const load: typeof store.load = async (needs) => {
      const loaded = await store.load(needs);
      if (!isAtFault) return loaded;
      return { ...loaded, accounts: new Map([...loaded.accounts, [accountKey('2200:ann', 'INR'), unsteady('debit')]]) };
    };
    const writer = createLedgerWriter({ ...store, load }, testWorld());
    await expect(writer.submit([order('a')])).rejects.toThrow('debits and credits of a batch are equal in INR');
    expect(await sql.query('SELECT count(*) AS n FROM batches')).toEqual([{ n: 0n }]);
    isAtFault = false;
    expect(await writer.submit([order('a')])).toMatchObject({ results: [{ kind: 'posted' }] });
    await writer.stop();
    expect(await verifyLedger(store)).toMatchObject({ intact: true, journals: 1n });
    await sql.close();
  });
});
