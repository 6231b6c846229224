import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccountDelta, type AccountState, newAccount } from './account.ts';
import { genesisHash } from './chain.ts';
import { type Known, type KnownJournal, pairKey } from './command.ts';
import type { SaleLine } from './journals.ts';
import {
  type Applied,
  amountMax,
  apply as applyGroups,
  type CommandResult,
  identity,
  type LedgerCommand,
  type LedgerState,
} from './ledger.ts';
import { history } from './store.contract.ts';

const empty: LedgerState = {
  place: { epoch: 1n, batchSequence: 0n, journalSequence: 0n, recordedAtUs: 0n, hash: genesisHash, sealedUntilUs: 0n },
  accounts: new Map(),
  known: new Map(),
  lines: new Map(),
  targets: new Map(),
};

function apply(state: LedgerState, commands: readonly LedgerCommand[], nowUs: bigint): Applied {
  return applyGroups(state, [{ mode: 'continue', commands }], nowUs);
}

function resultsOf(applied: Applied): readonly CommandResult[] {
  return applied.groups.flat();
}

function deltaOf(applied: Applied, key: string): AccountDelta | undefined {
  const change = applied.accounts.get(key);
  if (change === undefined) return undefined;
  const { before = newAccount, after } = change;
  return {
    debit: after.debit - before.debit,
    credit: after.credit - before.credit,
    pendingDebit: after.pendingDebit - before.pendingDebit,
    pendingCredit: after.pendingCredit - before.pendingCredit,
  };
}

/** The state after a batch, as a store would read it back. */
function after(state: LedgerState, applied: Applied): LedgerState {
  if (applied.batch === undefined) return state;
  const { batch, place } = applied.batch;
  const accounts = new Map<string, AccountState>(state.accounts);
  for (const [key, change] of applied.accounts) accounts.set(key, change.after);
  const known = new Map<string, Known>(state.known);
  const targets = new Map<string, readonly KnownJournal[]>(state.targets);
  for (const rejection of batch.rejected ?? [])
    if (rejection.isFinal) known.set(identity(rejection.kind, rejection.cause), { kind: 'rejection', rejection });
  for (const one of batch.journals) {
    const journal: KnownJournal = { ...one, recordedAtUs: batch.recordedAtUs, reversed: new Map() };
    known.set(identity(one.kind, one.cause), { kind: 'journal', journal });
    for (const name of [one.cause, one.id]) targets.set(name, [...(targets.get(name) ?? []), journal]);
    mark(targets, one);
  }
  return { place, accounts, known, targets, lines: new Map([...state.lines, ...applied.lines]) };
}

const resolutions = {
  post_pending: 'already_posted',
  void_pending: 'already_voided',
  hold_expired: 'expired',
} as const;

/** What a journal makes of the one it resolves or reverses. */
function mark(targets: Map<string, readonly KnownJournal[]>, by: KnownJournal | Applied['batch'] | object): void {
  const { resolves = 0n, reverses = 0n, kind, transfers } = by as KnownJournal;
  for (const [name, found] of targets)
    targets.set(
      name,
      found.map((journal) => {
        if (journal.sequence === resolves && resolves !== 0n)
          return { ...journal, resolvedAs: resolutions[kind as keyof typeof resolutions] };
        if (journal.sequence !== reverses || reverses === 0n) return journal;
        const reversed = new Map(journal.reversed);
        for (const { debit, credit, amount } of transfers)
          reversed.set(pairKey(credit, debit), (reversed.get(pairKey(credit, debit)) ?? 0n) + amount);
        return { ...journal, reversed };
      }),
    );
}

const line: SaleLine = {
  lineId: 'line_1',
  courseId: 'crs_1',
  courseTitle: 'T',
  instructorId: 'usr_1',
  gross: 118n,
  tax: 18n,
  net: 100n,
};
const common = { reference: 'order:ord_1', description: '', currency: 'INR', effectiveAtUs: 5n };
const sale: LedgerCommand = { ...common, kind: 'order_paid', cause: 'payment:1', orderId: 'ord_1', lines: [line] };

function refund(cause: string, net: bigint): LedgerCommand {
  const lines = [{ lineId: 'line_1', net, tax: 0n, gross: net }];
  return { ...common, kind: 'order_refunded', cause, orderId: 'ord_1', lines };
}

function kinds(applied: Applied): string[] {
  return resultsOf(applied).map((result) => (result.kind === 'rejected' ? result.reason : result.kind));
}

describe('apply', () => {
  it('keeps debits and credits equal in each currency after every journal', () => {
    fc.assert(
      fc.property(history, (commands) => {
        const { batch } = apply(empty, commands, 1n);
        const sums = new Map<string, bigint>();
        for (const journal of batch?.batch.journals ?? []) {
          for (const { debit, credit, amount } of journal.transfers) {
            expect(amount).toBeGreaterThan(0n);
            for (const [code, signed] of [[debit, amount] as const, [credit, -amount] as const])
              sums.set(`${code} ${journal.currency}`, (sums.get(`${code} ${journal.currency}`) ?? 0n) + signed);
          }
          expect([...sums.values()].reduce((sum, amount) => sum + amount, 0n)).toBe(0n);
        }
      }),
    );
  });

  it('comes to the same book whether commands come one by one, all at once, or twice', () => {
    fc.assert(
      fc.property(history, (commands) => {
        const together = after(empty, apply(empty, commands, 1n));
        const alone = commands.reduce((state, command) => after(state, apply(state, [command, command], 1n)), empty);
        expect(alone.accounts).toEqual(together.accounts);
        expect(alone.lines).toEqual(together.lines);
        expect(alone.place.journalSequence).toBe(together.place.journalSequence);
        const replay = apply(together, commands, 2n);
        expect(replay.batch).toBeUndefined();
      }),
    );
  });

  it('numbers journals without gaps, whatever is rejected in between', () => {
    const applied = apply(empty, [sale, refund('refund:1', 200n), sale, refund('refund:2', 30n)], 9n);
    expect(kinds(applied)).toEqual(['posted', 'refund_exceeds_line', 'duplicate', 'posted']);
    expect(applied.batch?.batch.journals.map((journal) => journal.sequence)).toEqual([1n, 2n]);
  });

  it('leaves no trace of a rejected command', () => {
    const state = after(empty, apply(empty, [sale], 1n));
    const applied = apply(state, [refund('refund:1', 101n), refund('refund:2', 100n), refund('refund:3', 1n)], 2n);
    expect(kinds(applied)).toEqual(['refund_exceeds_line', 'posted', 'refund_exceeds_line']);
    const alone = apply(state, [refund('refund:2', 100n)], 2n);
    expect(applied.accounts).toEqual(alone.accounts);
    expect(applied.batch?.batch.journals).toEqual(alone.batch?.batch.journals);
    expect(applied.batch?.batch.rejected?.map((one) => [one.cause, one.reason, one.isFinal])).toEqual([
      ['refund:1', 'refund_exceeds_line', false],
      ['refund:3', 'refund_exceeds_line', false],
    ]);
  });

  it('rejects a refund of a line it does not know, of another order, or in another currency', () => {
    const state = after(empty, apply(empty, [sale], 1n));
    expect(kinds(apply(empty, [refund('refund:1', 1n)], 2n))).toEqual(['unknown_line']);
    expect(kinds(apply(state, [{ ...refund('refund:1', 1n), currency: 'USD' }], 2n))).toEqual(['unknown_line']);
    const elsewhere = { ...refund('refund:1', 1n), orderId: 'ord_2' } as LedgerCommand;
    expect(kinds(apply(state, [elsewhere], 2n))).toEqual(['unknown_line']);
  });

  it('rejects amounts that do not add up or are negative', () => {
    const wrong = { ...sale, lines: [{ ...line, gross: 119n }] };
    const negative = { ...sale, lines: [{ ...line, net: -1n, gross: 17n }] };
    const dispute: LedgerCommand = { ...common, kind: 'dispute_opened', cause: 'dispute:1', amount: -1n };
    expect(kinds(apply(empty, [wrong, negative, dispute], 1n))).toEqual(Array(3).fill('amounts_differ'));
  });

  it('rejects what would not fit into 64 bits instead of wrapping', () => {
    const huge = (cause: string, amount: bigint): LedgerCommand => ({
      ...common,
      kind: 'late_payment_received',
      cause,
      amount,
    });
    const applied = apply(empty, [huge('payment:1', amountMax), huge('payment:2', 1n)], 1n);
    expect(kinds(applied)).toEqual(['posted', 'overflow']);
    expect(deltaOf(applied, '1100 INR')).toMatchObject({ debit: amountMax, credit: 0n });
  });

  it('never records earlier than before, even when the clock goes back', () => {
    const state = after(empty, apply(empty, [sale], 1_000n));
    expect(apply(state, [refund('refund:1', 1n)], 500n).batch?.batch.recordedAtUs).toBe(1_001n);
  });

  it('posts nothing for what costs nothing', () => {
    const free = { ...sale, lines: [{ ...line, gross: 0n, tax: 0n, net: 0n }] };
    expect(apply(empty, [free], 1n)).toMatchObject({ groups: [[{ kind: 'nothing' }]], accounts: new Map() });
  });

  it('makes the hash depend on every field of a journal and on the batch before', () => {
    const variants: LedgerCommand[] = [
      sale,
      { ...sale, cause: 'payment:2' },
      { ...sale, reference: 'order:ord_2' },
      { ...sale, description: 'x' },
      { ...sale, currency: 'USD' },
      { ...sale, effectiveAtUs: 6n },
      { ...sale, lines: [{ ...line, net: 101n, gross: 119n }] },
      { ...sale, lines: [{ ...line, instructorId: 'usr_2' }] },
    ];
    const hashes = variants.map((command) => apply(empty, [command], 1n).batch?.hash);
    hashes.push(
      apply({ ...empty, place: { ...empty.place, hash: new Uint8Array(32).fill(1) } }, [sale], 1n).batch?.hash,
    );
    hashes.push(apply(empty, [sale], 2n).batch?.hash);
    const texts = hashes.map((hash) => Buffer.from(hash ?? []).toString('hex'));
    expect(new Set(texts).size).toBe(variants.length + 2);
  });
});
