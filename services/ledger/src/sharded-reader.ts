/**
 * Reports over many shards: what each of them says, put together.
 *
 * A position in one book is a journal's number. Over many shards there is no such number that all agree on, but there is a
 * time: each batch is recorded later than the one before in its shard. So a position is a recorded time, in microseconds,
 * and in each shard it stands for the last journal recorded by then. `position` makes one final, by telling every shard
 * that nothing is recorded at or before it any more. The number of a journal says its shard in its low bits.
 *
 * Lists over several shards are in the order of (time, shard, number in the shard). Each shard's view is consistent in
 * itself, and every journal lies wholly in one, so that sums over shards balance whatever was booked between the views; a
 * crossing that was half done then stands on the account between shards.
 */
import { hash } from 'node:crypto';
import { globalNumber, localNumber, shardOfNumber } from '@suuupra/platform/shards/shard-of';
import { accountKey } from './ledger.ts';
import type {
  AccountName,
  AccountStanding,
  AccountTotals,
  BookedTransfer,
  EntryFilter,
  LedgerReader,
  LedgerReading,
  RecordedJournal,
  ReportReader,
  ReportReading,
  SealedPeriod,
  TransferKey,
  TransferRange,
} from './reader.ts';
import { timeMaxUs } from './reader.ts';
import { type ShardMap, shardOfAccount } from './shard-route.ts';

/** Reads all shards side by side, each on a view of its own. */
export function shardedReading(shards: readonly LedgerReading[], map: ShardMap): ReportReading {
  return {
    reading: (work) => onAll(shards, [], (readers) => work(new ShardedReader(readers, map))),
  };
}

/** Opens one view after the other inside each other, so that all are open while `work` runs. */
function onAll<T>(
  shards: readonly LedgerReading[],
  open: readonly LedgerReader[],
  work: (readers: readonly LedgerReader[]) => Promise<T>,
): Promise<T> {
  const next = shards[open.length];
  return next === undefined ? work(open) : next.reading((reader) => onAll(shards, [...open, reader], work));
}

const last: Pick<TransferKey, 'sequence' | 'position'> = { sequence: timeMaxUs, position: 2_147_483_647 };

class ShardedReader implements ReportReader {
  readonly #readers: readonly LedgerReader[];
  readonly #map: ShardMap;

  constructor(readers: readonly LedgerReader[], map: ShardMap) {
    this.#readers = readers;
    this.#map = map;
  }

  async head() {
    const heads = await this.#all((reader) => reader.head());
    const recordedAtUs = heads.reduce((latest, head) => larger(latest, head.recordedAtUs), 0n);
    const chains = Buffer.concat(heads.map((head) => head.hash));
    return {
      batchSequence: heads.reduce((sum, head) => sum + head.batchSequence, 0n),
      journalSequence: recordedAtUs,
      recordedAtUs,
      hash: hash('sha256', chains, 'buffer'),
    };
  }

  async sequenceAt(atUs: bigint): Promise<bigint> {
    const { recordedAtUs } = await this.head();
    return atUs < recordedAtUs ? atUs : recordedAtUs;
  }

  totals() {
    return this.#summed((reader) => reader.totals());
  }

  totalsAfter(position: bigint, only?: AccountName) {
    return this.#summed(async (reader) => reader.totalsAfter(await reader.sequenceAt(position), only), only?.code);
  }

  totalsBefore(beforeUs: bigint, position: bigint, only?: AccountName) {
    return this.#summed(
      async (reader) => reader.totalsBefore(beforeUs, await reader.sequenceAt(position), only),
      only?.code,
    );
  }

  totalsOf(code: string) {
    return this.#summed((reader) => reader.totalsOf(code), code);
  }

  periodTotals(number: bigint) {
    return this.#summed((reader) => reader.periodTotals(number));
  }

  async accounts(filter: { parent: string; currency: string }, beyond: AccountName | undefined, limit: number) {
    return this.#standings((reader) => reader.accounts(filter, beyond, limit), limit);
  }

  async watchedAccounts(beyond: AccountName | undefined, limit: number) {
    return this.#standings((reader) => reader.watchedAccounts(beyond, limit), limit);
  }

  async account(name: AccountName): Promise<AccountStanding | undefined> {
    const found = await this.#all((reader) => reader.account(name), name.code);
    return mergedStandings(found.filter((account) => account !== undefined))[0];
  }

  async entries(filter: EntryFilter, before: bigint, limit: number): Promise<RecordedJournal[]> {
    const place = before === timeMaxUs ? undefined : await this.#placeOf(before);
    const found = await this.#all(async (reader, shard) => {
      const from = place === undefined ? before : await firstAtOrAfter(reader, shard, place);
      return (await reader.entries(filter, from, limit)).map((journal) => numbered(shard, journal));
    }, filter.account);
    return found
      .flat()
      .sort((a, b) => -byTime(a, b))
      .slice(0, limit);
  }

  async transfers(range: TransferRange, after: TransferKey, limit: number): Promise<BookedTransfer[]> {
    // The places of transfers begin at 1: this is the place before the first.
    const place = after.position === 0 ? undefined : await this.#placeOf(after.sequence);
    const found = await this.#all(async (reader, shard) => {
      const [from, until] = [
        await reader.sequenceAt(range.afterSequence),
        await reader.sequenceAt(range.untilSequence),
      ];
      const local = { ...range, afterSequence: range.afterSequence === 0n ? 0n : from, untilSequence: until };
      const key = await placeIn(reader, shard, local, after, place);
      return (await reader.transfers(local, key, limit)).map((transfer) => numbered(shard, transfer));
    }, range.account?.code);
    const order = range.order === 'recorded' ? byTime : byEffect;
    return found.flat().sort(order).slice(0, limit);
  }

  async journals(sequences: readonly bigint[]): Promise<RecordedJournal[]> {
    const wanted = Map.groupBy(sequences, shardOfNumber);
    const found = await Promise.all(
      [...wanted].map(async ([shard, numbers]) =>
        (await this.#reader(shard).journals(numbers.map(localNumber))).map((journal) => numbered(shard, journal)),
      ),
    );
    return found.flat().sort(byTime);
  }

  async lines(lineIds: readonly string[]) {
    return lineIds.length === 0 ? [] : (await this.#all((reader) => reader.lines(lineIds))).flat();
  }

  soldLines(instructorId: string, after: Parameters<ReportReader['soldLines']>[1], limit: number) {
    return this.#reader(this.#map.ofMerchant(instructorId)).soldLines(instructorId, after, limit);
  }

  currenciesOf(instructorId: string) {
    return this.#reader(this.#map.ofMerchant(instructorId)).currenciesOf(instructorId);
  }

  async movedAccounts(
    parent: string,
    range: { readonly after: bigint; readonly until: bigint },
    beyond: AccountName | undefined,
    limit: number,
  ): Promise<AccountName[]> {
    const found = await this.#all(async (reader) => {
      const local = { after: await reader.sequenceAt(range.after), until: await reader.sequenceAt(range.until) };
      return reader.movedAccounts(parent, local, beyond, limit);
    });
    const names = new Map(found.flat().map((name) => [accountKey(name.code, name.currency), name]));
    return [...names.values()].sort(byName).slice(0, limit);
  }

  /** Those that all shards have sealed: a closing that was cut off is finished by asking for it again. */
  async periods(before: bigint, limit: number): Promise<SealedPeriod[]> {
    const found = await this.#all((reader) => reader.periods(before, limit));
    const first = found.reduce((least, periods) => (newest(periods) < newest(least) ? periods : least), found[0] ?? []);
    return first.map((period) => {
      const same = found.map((periods) => periods.find(({ number }) => number === period.number));
      const chains = Buffer.concat(same.flatMap((one) => (one === undefined ? [] : [one.hash])));
      return { ...period, sequence: period.sealedAtUs, hash: hash('sha256', chains, 'buffer') };
    });
  }

  #reader(shard: number): LedgerReader {
    const found = this.#readers[shard];
    if (found === undefined) throw new RangeError(`there is no shard ${shard}`);
    return found;
  }

  /** Asks all shards, or the one that has this account. */
  #all<T>(ask: (reader: LedgerReader, shard: number) => Promise<T>, account = ''): Promise<T[]> {
    const only = shardOfAccount(account, this.#map);
    if (only !== undefined) return Promise.all([ask(this.#reader(only), only)]);
    return Promise.all(this.#readers.map(ask));
  }

  async #summed(ask: (reader: LedgerReader) => Promise<AccountTotals[]>, account = ''): Promise<AccountTotals[]> {
    const sums = new Map<string, AccountTotals>();
    for (const totals of (await this.#all(ask, account)).flat()) {
      const key = accountKey(totals.code, totals.currency);
      const before = sums.get(key) ?? { ...totals, debit: 0n, credit: 0n };
      sums.set(key, { ...before, debit: before.debit + totals.debit, credit: before.credit + totals.credit });
    }
    return [...sums.values()].sort((a, b) => compare(a.currency, b.currency) || compare(a.code, b.code));
  }

  async #standings(ask: (reader: LedgerReader) => Promise<AccountStanding[]>, limit: number) {
    return mergedStandings((await this.#all(ask)).flat()).slice(0, limit);
  }

  async #placeOf(sequence: bigint): Promise<Place> {
    const shard = shardOfNumber(sequence);
    const local = localNumber(sequence);
    const [journal] = await this.#reader(shard).journals([local]);
    return { shard, local, recordedAtUs: journal?.recordedAtUs ?? 0n };
  }
}

interface Place {
  readonly shard: number;
  readonly local: bigint;
  readonly recordedAtUs: bigint;
}

/** The first number of a shard that does not stand before the place. */
async function firstAtOrAfter(reader: LedgerReader, shard: number, place: Place): Promise<bigint> {
  if (shard === place.shard) return place.local;
  const before = shard < place.shard ? place.recordedAtUs : place.recordedAtUs - 1n;
  return (await reader.sequenceAt(before)) + 1n;
}

/** Where a shard's transfers go on after a transfer of any shard. */
async function placeIn(
  reader: LedgerReader,
  shard: number,
  range: TransferRange,
  after: TransferKey,
  place: Place | undefined,
): Promise<TransferKey> {
  const { effectiveAtUs } = after;
  if (place === undefined) {
    return {
      effectiveAtUs: range.fromUs,
      sequence: range.order === 'recorded' ? range.afterSequence + 1n : 0n,
      position: 0,
    };
  }
  if (shard === place.shard) return { effectiveAtUs, sequence: place.local, position: after.position };
  if (range.order === 'effective')
    return { effectiveAtUs, ...(shard < place.shard ? last : { sequence: 0n, position: 0 }) };
  return { effectiveAtUs, sequence: await firstAtOrAfter(reader, shard, place), position: 0 };
}

function numbered<T extends { readonly sequence: bigint }>(shard: number, one: T): T {
  return { ...one, sequence: globalNumber(shard, one.sequence) };
}

interface Timed {
  readonly recordedAtUs: bigint;
  readonly sequence: bigint;
  readonly position?: number;
}

function byTime(a: Timed, b: Timed): number {
  return (
    compare(a.recordedAtUs, b.recordedAtUs) ||
    compare(shardOfNumber(a.sequence), shardOfNumber(b.sequence)) ||
    compare(a.sequence, b.sequence) ||
    compare(a.position ?? 0, b.position ?? 0)
  );
}

function byEffect(a: BookedTransfer, b: BookedTransfer): number {
  return (
    compare(a.effectiveAtUs, b.effectiveAtUs) ||
    compare(shardOfNumber(a.sequence), shardOfNumber(b.sequence)) ||
    compare(a.sequence, b.sequence) ||
    compare(a.position, b.position)
  );
}

function byName(a: AccountName, b: AccountName): number {
  return compare(a.code, b.code) || compare(a.currency, b.currency);
}

function compare<T extends bigint | number | string>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function newest([period]: readonly SealedPeriod[]): bigint {
  return period?.number ?? 0n;
}

/** One row for each account, in the order of their names; of the same account in several shards the sum. */
function mergedStandings(found: readonly AccountStanding[]): AccountStanding[] {
  const rows = new Map<string, AccountStanding>();
  for (const one of found) {
    const key = accountKey(one.code, one.currency);
    const before = rows.get(key);
    rows.set(key, before === undefined ? one : sum(before, one));
  }
  return [...rows.values()].sort(byName);
}

function sum(a: AccountStanding, b: AccountStanding): AccountStanding {
  return {
    ...a,
    debit: a.debit + b.debit,
    credit: a.credit + b.credit,
    pendingDebit: a.pendingDebit + b.pendingDebit,
    pendingCredit: a.pendingCredit + b.pendingCredit,
    monitors: [...a.monitors, ...b.monitors],
  };
}
