/**
 * The integrity checker: reads the whole book from its first journal and says whether it is what was written.
 *
 * It recomputes the hash of every batch and the total of every account from the transfers alone, and compares both with
 * what is stored. It needs read access only. It finds a changed, removed, added or moved byte, and the first place where.
 * A book whose newest batches were cut off together with the writer's row needs a hash kept elsewhere to be found out.
 */
import { batchHash, genesisHash } from './chain.ts';
import { type AccountKind, accountKind } from './chart.ts';
import { accountKey, type Totals } from './ledger.ts';
import type { AccountTotals, LedgerReader, LedgerStore, StoredBatch } from './store.ts';

export type Verdict =
  | { readonly intact: true; readonly batches: bigint; readonly journals: bigint; readonly hash: Uint8Array }
  | { readonly intact: false; readonly difference: Difference };

export interface Difference {
  /** Where the book first differs: `batch 7`, `account 1100 INR`. */
  readonly place: string;
  readonly found: string;
  readonly expected: string;
}

const batchesPerRead = 200;
const snapshotsPerRead = 5;

/** Reads the book on one consistent view, so it may run while others write. */
export function verifyLedger(store: LedgerStore): Promise<Verdict> {
  return store.reading(async (reader) => {
    const replay: Replay = { batch: 0n, journal: 0n, recordedAtUs: 0n, hash: genesisHash, totals: new Map() };
    const difference = (await replayAll(reader, replay)) ?? (await compareEnd(reader, replay));
    if (difference !== undefined) return { intact: false, difference };
    return { intact: true, batches: replay.batch, journals: replay.journal, hash: replay.hash };
  });
}

interface Replay {
  batch: bigint;
  journal: bigint;
  recordedAtUs: bigint;
  hash: Uint8Array;
  readonly totals: Map<string, Totals>;
}

async function replayAll(reader: LedgerReader, replay: Replay): Promise<Difference | undefined> {
  let snapshots = await reader.snapshots(0n, snapshotsPerRead);
  for (;;) {
    const batches = await reader.batches(replay.batch, batchesPerRead);
    if (batches.length === 0) break;
    for (const batch of batches) {
      const broken = replayBatch(replay, batch);
      if (broken !== undefined) return broken;
      if (snapshots[0]?.sequence === replay.journal) {
        const [snapshot] = snapshots;
        const wrong = compareTotals(replay, snapshot.totals, `snapshot after journal ${snapshot.sequence}, account`);
        if (wrong !== undefined) return wrong;
        snapshots = snapshots.slice(1);
        if (snapshots.length === 0) snapshots = await reader.snapshots(replay.journal, snapshotsPerRead);
      }
    }
  }
  const [left] = snapshots;
  return left === undefined ? undefined : differ(`snapshot after journal ${left.sequence}`, 'a snapshot', 'none');
}

function replayBatch(replay: Replay, batch: StoredBatch): Difference | undefined {
  const place = `batch ${replay.batch + 1n}`;
  if (batch.sequence !== replay.batch + 1n) return differ(place, `batch ${batch.sequence} next`, place);
  if (batch.recordedAtUs <= replay.recordedAtUs)
    return differ(place, `recorded at ${batch.recordedAtUs}`, `after ${replay.recordedAtUs}`);
  for (const journal of batch.journals) {
    const next = replay.journal + 1n;
    if (journal.sequence !== next) return differ(place, `journal ${journal.sequence} next`, `journal ${next}`);
    if (journal.recordedAtUs !== batch.recordedAtUs)
      return differ(`journal ${next}`, `recorded at ${journal.recordedAtUs}`, `${batch.recordedAtUs} as its batch`);
    replay.journal = next;
    for (const { debit, credit, amount } of journal.transfers) {
      add(replay.totals, accountKey(debit, journal.currency), amount, 0n);
      add(replay.totals, accountKey(credit, journal.currency), 0n, amount);
    }
  }
  if (batch.journals[0]?.sequence !== batch.firstJournal)
    return differ(place, `${batch.journals[0]?.sequence} as its first journal`, `${batch.firstJournal}`);
  if (batch.lastJournal !== replay.journal)
    return differ(place, `${replay.journal} as its last journal`, `${batch.lastJournal}`);
  const hash = batchHash(replay.hash, batch);
  if (!same(hash, batch.hash)) return differ(place, `content with hash ${hex(hash)}`, `hash ${hex(batch.hash)}`);
  replay.batch = batch.sequence;
  replay.recordedAtUs = batch.recordedAtUs;
  replay.hash = hash;
  return undefined;
}

async function compareEnd(reader: LedgerReader, replay: Replay): Promise<Difference | undefined> {
  const head = await reader.head();
  if (head.batchSequence !== replay.batch)
    return differ('the end', `batch ${replay.batch} as the last`, `batch ${head.batchSequence}`);
  if (head.journalSequence !== replay.journal)
    return differ('the end', `journal ${replay.journal} as the last`, `journal ${head.journalSequence}`);
  if (!same(head.hash, replay.hash)) return differ('the end', `hash ${hex(replay.hash)}`, `hash ${hex(head.hash)}`);
  const accounts = await reader.totals();
  return compareTotals(replay, accounts, 'account') ?? compareChart(accounts);
}

/** What decides on which side an account is shown is not in the chain; it is in the chart. */
function compareChart(accounts: readonly AccountTotals[]): Difference | undefined {
  for (const account of accounts) {
    const kind = accountKind(account.code);
    const expected = kind === undefined ? 'no such account' : kindText(kind);
    if (kindText(account) !== expected) return differ(`account ${account.code}`, kindText(account), expected);
  }
  return undefined;
}

function kindText(kind: AccountKind): string {
  return `${kind.type} "${kind.name}" on the ${kind.normalSide} side`;
}

function compareTotals(replay: Replay, stored: readonly AccountTotals[], place: string): Difference | undefined {
  const left = new Set(replay.totals.keys());
  for (const account of stored) {
    const key = accountKey(account.code, account.currency);
    left.delete(key);
    const expected = replay.totals.get(key) ?? { debit: 0n, credit: 0n };
    if (account.debit !== expected.debit || account.credit !== expected.credit)
      return differ(`${place} ${key}`, totalsText(account), totalsText(expected));
  }
  const [missing] = left;
  return missing === undefined ? undefined : differ(`${place} ${missing}`, 'no totals', 'totals');
}

function add(totals: Map<string, Totals>, key: string, debit: bigint, credit: bigint): void {
  const before = totals.get(key) ?? { debit: 0n, credit: 0n };
  totals.set(key, { debit: before.debit + debit, credit: before.credit + credit });
}

function totalsText(totals: Totals): string {
  return `debits of ${totals.debit} and credits of ${totals.credit}`;
}

function differ(place: string, found: string, expected: string): Difference {
  return { place, found, expected };
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
