/**
 * The integrity checker: reads the whole book from its first journal and says whether it is what was written.
 *
 * It recomputes the hash of every batch (journals, holds and refused commands), the totals and what is held of every
 * account, the sealed periods and the split of every sold line, from the journals alone, and compares them with what is
 * stored. It needs read access only. It finds a changed, removed, added or moved byte, and the first place where. What was
 * cut off at the end, with everything that knew of it in the database, is found by the anchors.
 */
import type { Anchor } from './anchors.ts';
import { batchHash, genesisHash } from './chain.ts';
import { type AccountKind, accountKind } from './chart.ts';
import { accountKey } from './ledger.ts';
import type {
  AccountTotals,
  LedgerReader,
  LedgerReading,
  NamedTotals,
  RecordedJournal,
  SealedPeriod,
  Snapshot,
  StoredBatch,
} from './reader.ts';
import { verifySoldLines } from './verify-lines.ts';

export type Verdict = Counted &
  ({ readonly intact: true; readonly hash: Uint8Array } | { readonly intact: false; readonly difference: Difference });

/** What was looked at before the verdict. */
export interface Counted {
  readonly batches: bigint;
  readonly journals: bigint;
  readonly transfers: bigint;
  readonly rejections: bigint;
  readonly snapshots: bigint;
  readonly periods: bigint;
  readonly anchors: bigint;
  readonly soldLines: bigint;
}

export interface Difference {
  /** Where the book first differs: `batch 7`, `account 1100 INR`. */
  readonly place: string;
  readonly found: string;
  readonly expected: string;
  /** Of a difference in the chain: no journal before this one is touched by it. */
  readonly firstBadSequence?: bigint | undefined;
}

const batchesPerRead = 200;
const snapshotsPerRead = 5;
const rowsPerRead = 1_000;
/** More than a century of months. */
const periodsMax = 2_000;

/** Reads the book on one consistent view, so it may run while others write. Anchors are given oldest first. */
export function verifyLedger(store: LedgerReading, anchors: readonly Anchor[] = []): Promise<Verdict> {
  return store.reading(async (reader) => {
    const periods = (await reader.periods(newestOfAll, periodsMax)).reverse();
    const replay = newReplay(periods, anchors);
    const difference =
      (await replayAll(reader, replay)) ?? (await compareEnd(reader, replay)) ?? (await compareRest(reader, replay));
    const { batch: batches, journal: journals, counts } = replay;
    const counted = { batches, journals, ...counts, periods: BigInt(periods.length), anchors: BigInt(anchors.length) };
    return difference === undefined
      ? { intact: true, hash: replay.hash, ...counted }
      : { intact: false, difference, ...counted };
  });
}

const newestOfAll = 9_223_372_036_854_775_807n;

export interface Standing {
  debit: bigint;
  credit: bigint;
  pendingDebit: bigint;
  pendingCredit: bigint;
}

interface Replay {
  batch: bigint;
  journal: bigint;
  recordedAtUs: bigint;
  hash: Uint8Array;
  readonly totals: Map<string, Standing>;
  /** Accounts that moved since the last snapshot: the next one has them. */
  readonly moved: Set<Standing>;
  /** Holds that are not resolved, by the sequence of their journal. */
  readonly holds: Map<bigint, RecordedJournal>;
  /** Journals of sales: each has its sold lines. */
  sales: bigint;
  readonly periods: readonly SealedPeriod[];
  /** What happened in each period, by its index. */
  readonly perPeriod: readonly Map<string, Standing>[];
  readonly anchors: readonly Anchor[];
  anchor: number;
  readonly counts: { transfers: bigint; rejections: bigint; snapshots: bigint; soldLines: bigint };
}

function newReplay(periods: readonly SealedPeriod[], anchors: readonly Anchor[]): Replay {
  return {
    batch: 0n,
    journal: 0n,
    recordedAtUs: 0n,
    hash: genesisHash,
    totals: new Map(),
    moved: new Set(),
    holds: new Map(),
    sales: 0n,
    periods,
    perPeriod: periods.map(() => new Map()),
    anchors,
    anchor: 0,
    counts: { transfers: 0n, rejections: 0n, snapshots: 0n, soldLines: 0n },
  };
}

async function replayAll(reader: LedgerReader, replay: Replay): Promise<Difference | undefined> {
  const unbegun = comparePeriodHeads(replay);
  if (unbegun !== undefined) return unbegun;
  let snapshots = await reader.snapshots(0n, snapshotsPerRead);
  for await (const batch of batchesOf(reader)) {
    const broken = replayBatch(replay, batch) ?? compareAnchors(replay);
    if (broken !== undefined) return broken;
    if (snapshots[0]?.sequence !== replay.journal || batch.journals.length === 0) continue;
    const [snapshot] = snapshots;
    const wrong = compareSnapshot(replay, snapshot);
    if (wrong !== undefined) return wrong;
    snapshots = snapshots.slice(1);
    if (snapshots.length === 0) snapshots = await reader.snapshots(replay.journal, snapshotsPerRead);
  }
  const [left] = snapshots;
  return left === undefined ? undefined : differ(`snapshot after journal ${left.sequence}`, 'a snapshot', 'none');
}

/** All batches in their order. The database reads the next ones while those before are looked at. */
async function* batchesOf(reader: LedgerReader): AsyncGenerator<StoredBatch> {
  let ahead = reader.batches(0n, batchesPerRead);
  try {
    for (;;) {
      const batches = await ahead;
      const last = batches.at(-1);
      if (last === undefined) return;
      ahead = reader.batches(last.sequence, batchesPerRead);
      yield* batches;
    }
  } finally {
    // The view may not be closed under a read; when its batches are not asked for any more, nor is its failure.
    await ahead.catch(() => undefined);
  }
}

function compareSnapshot(replay: Replay, snapshot: Snapshot): Difference | undefined {
  replay.counts.snapshots += 1n;
  const place = `snapshot after journal ${snapshot.sequence}, account`;
  const wrong = compareTotals(replay.totals, snapshot.totals, place, replay.moved);
  replay.moved.clear();
  return wrong;
}

function replayBatch(replay: Replay, batch: StoredBatch): Difference | undefined {
  const first = replay.journal + 1n;
  const broken = compareBatch(replay, batch);
  return broken === undefined ? undefined : { ...broken, firstBadSequence: first };
}

function compareBatch(replay: Replay, batch: StoredBatch): Difference | undefined {
  const place = `batch ${replay.batch + 1n}`;
  const before = replay.journal;
  if (batch.sequence !== replay.batch + 1n) return differ(place, `batch ${batch.sequence} next`, place);
  if (batch.recordedAtUs <= replay.recordedAtUs)
    return differ(place, `recorded at ${batch.recordedAtUs}`, `after ${replay.recordedAtUs}`);
  for (const journal of batch.journals) {
    const next = replay.journal + 1n;
    if (journal.sequence !== next) return differ(place, `journal ${journal.sequence} next`, `journal ${next}`);
    if (journal.recordedAtUs !== batch.recordedAtUs)
      return differ(`journal ${next}`, `recorded at ${journal.recordedAtUs}`, `${batch.recordedAtUs} as its batch`);
    replay.journal = next;
    replayJournal(replay, journal);
  }
  if (batch.firstJournal !== before + 1n)
    return differ(place, `${batch.firstJournal} as its first journal`, `${before + 1n}`);
  if (batch.lastJournal !== replay.journal)
    return differ(place, `${replay.journal} as its last journal`, `${batch.lastJournal}`);
  const hash = batchHash(replay.hash, batch);
  if (!same(hash, batch.hash)) return differ(place, `content with hash ${hex(hash)}`, `hash ${hex(batch.hash)}`);
  replay.batch = batch.sequence;
  replay.recordedAtUs = batch.recordedAtUs;
  replay.hash = hash;
  replay.counts.rejections += BigInt(batch.rejected?.length ?? 0);
  return comparePeriodHeads(replay);
}

function replayJournal(replay: Replay, journal: RecordedJournal): void {
  const index = replay.periods.findIndex((period) => journal.effectiveAtUs < period.untilUs);
  const into = index < 0 ? [replay.totals] : [replay.totals, replay.perPeriod[index] ?? new Map<string, Standing>()];
  for (const { debit, credit, amount } of journal.transfers) {
    replay.counts.transfers += 1n;
    for (const totals of into) {
      const [from, to] = [standingOf(totals, debit, journal.currency), standingOf(totals, credit, journal.currency)];
      from.debit += amount;
      to.credit += amount;
      if (totals === replay.totals) replay.moved.add(from).add(to);
    }
  }
  if (journal.kind === 'order_paid') replay.sales += 1n;
  hold(replay, journal, 1n);
  if ((journal.holds?.length ?? 0) > 0) replay.holds.set(journal.sequence, journal);
  const resolved = replay.holds.get(journal.resolves ?? 0n);
  if (resolved === undefined) return;
  hold(replay, resolved, -1n);
  replay.holds.delete(resolved.sequence);
}

function hold(replay: Replay, { holds = [], currency }: RecordedJournal, sign: bigint): void {
  for (const { debit, credit, amount } of holds) {
    standingOf(replay.totals, debit, currency).pendingDebit += sign * amount;
    standingOf(replay.totals, credit, currency).pendingCredit += sign * amount;
  }
}

function standingOf(totals: Map<string, Standing>, code: string, currency: string): Standing {
  const key = accountKey(code, currency);
  const found = totals.get(key) ?? { debit: 0n, credit: 0n, pendingDebit: 0n, pendingCredit: 0n };
  totals.set(key, found);
  return found;
}

/** The anchors of batches up to the one just replayed. */
function compareAnchors(replay: Replay): Difference | undefined {
  for (;;) {
    const anchor = replay.anchors[replay.anchor];
    if (anchor === undefined || anchor.batchSequence > replay.batch) return undefined;
    replay.anchor += 1;
    if (anchor.batchSequence < replay.batch || same(anchor.hash, replay.hash)) continue;
    const place = `batch ${replay.batch}`;
    return differ(place, `hash ${hex(replay.hash)}`, `hash ${hex(anchor.hash)} as anchored outside the database`);
  }
}

function comparePeriodHeads(replay: Replay): Difference | undefined {
  const wrong = replay.periods.find(
    (period) =>
      period.batchSequence === replay.batch && (!same(period.hash, replay.hash) || period.sequence !== replay.journal),
  );
  if (wrong === undefined) return undefined;
  const found = `sealed at journal ${wrong.sequence} with hash ${hex(wrong.hash)}`;
  return differ(`period ${wrong.number}`, found, `journal ${replay.journal} with hash ${hex(replay.hash)}`);
}

async function compareEnd(reader: LedgerReader, replay: Replay): Promise<Difference | undefined> {
  const next = replay.journal + 1n;
  const cut = replay.anchors[replay.anchor];
  if (cut !== undefined) {
    const expected = `batch ${cut.batchSequence} and journal ${cut.journalSequence}, as anchored outside the database`;
    return { ...differ('the end', `batch ${replay.batch} as the last`, expected), firstBadSequence: next };
  }
  const head = await reader.head();
  if (head.batchSequence !== replay.batch)
    return {
      ...differ('the end', `batch ${replay.batch} as the last`, `batch ${head.batchSequence}`),
      firstBadSequence: next,
    };
  if (head.journalSequence !== replay.journal)
    return differ('the end', `journal ${replay.journal} as the last`, `journal ${head.journalSequence}`);
  const span = await reader.journalSpan();
  const [first, last] = [span?.first ?? 1n, span?.last ?? 0n];
  if (first !== 1n) return { ...differ('the beginning', `journal ${first}`, 'journal 1'), firstBadSequence: first };
  if (last !== replay.journal)
    return { ...differ('the end', `journal ${last}`, `journal ${replay.journal} as the last`), firstBadSequence: next };
  if (!same(head.hash, replay.hash)) return differ('the end', `hash ${hex(replay.hash)}`, `hash ${hex(head.hash)}`);
  return undefined;
}

/** What is kept beside the chain: the totals and holds now, the chart, the periods, the sold lines. */
async function compareRest(reader: LedgerReader, replay: Replay): Promise<Difference | undefined> {
  const accounts = await reader.totals();
  return (
    compareTotals(replay.totals, accounts, 'account') ??
    compareChart(accounts) ??
    (await comparePending(reader, replay)) ??
    (await compareOpenHolds(reader, replay)) ??
    (await comparePeriods(reader, replay)) ??
    (await verifySoldLines(reader, replay))
  );
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

async function comparePending(reader: LedgerReader, replay: Replay): Promise<Difference | undefined> {
  for (let beyond: { code: string; currency: string } | undefined; ; ) {
    const accounts = await reader.accounts({ parent: '', currency: '' }, beyond, rowsPerRead);
    for (const account of accounts) {
      const held = replay.totals.get(accountKey(account.code, account.currency));
      const expected = heldText(held ?? { pendingDebit: 0n, pendingCredit: 0n });
      if (heldText(account) !== expected)
        return differ(`account ${accountKey(account.code, account.currency)}`, heldText(account), expected);
    }
    beyond = accounts.at(-1);
    if (beyond === undefined) return undefined;
  }
}

function heldText({ pendingDebit, pendingCredit }: Pick<Standing, 'pendingDebit' | 'pendingCredit'>): string {
  return `held debits of ${pendingDebit} and held credits of ${pendingCredit}`;
}

async function compareOpenHolds(reader: LedgerReader, replay: Replay): Promise<Difference | undefined> {
  const left = new Set(replay.holds.keys());
  for (let after = 0n; ; ) {
    const open = await reader.openHolds(after, rowsPerRead);
    for (const sequence of open)
      if (!left.delete(sequence)) return differ(`hold of journal ${sequence}`, 'an open hold', 'none');
    const last = open.at(-1);
    if (last === undefined) break;
    after = last;
  }
  const [missing] = left;
  return missing === undefined ? undefined : differ(`hold of journal ${missing}`, 'none', 'an open hold');
}

/** A period's balances are all that happened before its end; the parts of the periods, added up. */
async function comparePeriods(reader: LedgerReader, replay: Replay): Promise<Difference | undefined> {
  const soFar = new Map<string, Standing>();
  for (const [index, period] of replay.periods.entries()) {
    const place = `period ${period.number}`;
    const before = index === 0 ? 0n : (replay.periods[index - 1]?.untilUs ?? 0n);
    if (period.number !== BigInt(index + 1) || period.fromUs !== before)
      return differ(place, `period ${period.number} from ${period.fromUs}`, `period ${index + 1} from ${before}`);
    // The head of every other one was compared when its batch was.
    if (period.batchSequence < 0n || period.batchSequence > replay.batch)
      return differ(place, `sealed at batch ${period.batchSequence}`, `a batch up to ${replay.batch}`);
    for (const [key, { debit, credit }] of replay.perPeriod[index] ?? []) {
      const sum = soFar.get(key) ?? { debit: 0n, credit: 0n, pendingDebit: 0n, pendingCredit: 0n };
      soFar.set(key, { ...sum, debit: sum.debit + debit, credit: sum.credit + credit });
    }
    const wrong = compareTotals(soFar, await reader.periodTotals(period.number), `${place}, account`);
    if (wrong !== undefined) return wrong;
  }
  const [last, sealedUntilUs] = [replay.periods.at(-1)?.untilUs ?? 0n, await reader.sealedUntilUs()];
  return last === sealedUntilUs
    ? undefined
    : differ('the periods', `sealed until ${last}`, `${sealedUntilUs} as the writer keeps it`);
}

/** What is stored is what the replay gave; and all are there that have to be: those given, or every account that ever moved. */
function compareTotals(
  expectedTotals: ReadonlyMap<string, Standing>,
  stored: readonly NamedTotals[],
  place: string,
  needed?: ReadonlySet<Standing>,
): Difference | undefined {
  const seen = new Set<Standing>();
  for (const account of stored) {
    const key = accountKey(account.code, account.currency);
    const expected = expectedTotals.get(key);
    if (account.debit !== (expected?.debit ?? 0n) || account.credit !== (expected?.credit ?? 0n))
      return differ(`${place} ${key}`, totalsText(account), totalsText(expected ?? { debit: 0n, credit: 0n }));
    if (expected !== undefined) seen.add(expected);
  }
  const isMissing = (expected: Standing) => !seen.has(expected) && expected.debit + expected.credit > 0n;
  if (needed?.values().some(isMissing) === false) return undefined;
  for (const [key, expected] of expectedTotals)
    if (isMissing(expected) && needed?.has(expected) !== false) return differ(`${place} ${key}`, 'no totals', 'totals');
  return undefined;
}

function totalsText({ debit, credit }: Pick<Standing, 'debit' | 'credit'>): string {
  return `debits of ${debit} and credits of ${credit}`;
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
