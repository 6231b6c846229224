/**
 * The writer: the one way into the book.
 *
 * Commands are pushed into a queue. One batch is under way at a time; while it commits, everything that arrives waits and
 * becomes the next batch. So a quiet book answers one command in one commit at once, and a busy one shares each commit among
 * as many as came: no timer, and the busier, the cheaper each is. Whoever waits is answered after the commit, never before.
 *
 * The writer remembers the accounts it touched. That memory is true exactly as long as the book stands where this writer
 * left it, which is what each commit checks first. When another writer was there, nothing is written: this one takes over
 * (a new epoch), forgets what it knew and works the same commands out again. Two live writers take turns; one that was
 * frozen or cut off finds its epoch gone and gets nothing in.
 *
 * A commit whose answer was lost is looked up by the hash of its batch, behind the row lock that a commit under way holds;
 * its commands are never judged again by a newer state.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { SqlFault, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import type { World } from '@suuupra/platform/world';
import type { AccountState } from './account.ts';
import type { LedgerCommand, Needs } from './command.ts';
import {
  type AccountChange,
  type Applied,
  accountKey,
  accountsFound,
  apply,
  type BalanceCrossing,
  type CommandGroup,
  type CommandResult,
  type GroupMode,
  type LedgerState,
  type Loaded,
  needsOf,
  type Place,
} from './ledger.ts';
import type { LedgerStore } from './store.ts';

/** Commands of one batch: keeps a commit short and a statement's arrays small. */
export const batchMax = 2_000;
/** Commands that may wait; beyond it a caller is told to come back. At 10,000 a second the last one waits two seconds. */
export const queueMax = 20_000;
/** Accounts remembered between batches; beyond it all are forgotten and read again. */
const accountsMax = 100_000;
/** Holds that are let go with one batch. */
const expiriesPerBatchMax = 500;
/** A batch is worked out again at most so often because other writers were there first. */
const turnsMax = 100;
/** The same batch is sent again at most so often while the database is away or breaks deadlocks. */
const sendsMax = 8;
const pauseMsFirst = 20;
/** The longest a writer lets another go first. */
const courtesyMsMax = 64;

/** What was written, for whoever tells of it within the same transaction. */
export interface Written {
  readonly applied: Applied;
  /** For each journal, in order: where its command came from, when it said. */
  readonly causes: ReadonlyMap<LedgerCommand, EventCause>;
  readonly commands: readonly LedgerCommand[];
}

export interface LedgerWriterOptions {
  /** Called in the transaction of each batch, after all else. */
  readonly tell?: (tx: SqlTransaction, written: Written) => Promise<void>;
  /** Told where a batch is, by name; a test stops there. */
  readonly failpoint?: (name: string) => Promise<void>;
  readonly batchMax?: number;
  readonly queueMax?: number;
  /** How it waits before it asks again; a simulation has a time of its own. */
  readonly pause?: (ms: number) => Promise<unknown>;
  /** Told of what the writer got over by itself: another writer, a lost answer, a batch taken apart. */
  readonly noticed?: (what: 'fenced' | 'commit_unknown' | 'taken_apart', error?: unknown) => void;
}

export interface SubmitOptions {
  /** What becomes of the rest when one is refused; by default each is judged by itself. */
  readonly mode?: GroupMode;
  readonly cause?: EventCause;
}

export interface Submitted {
  /** One for each command, in order. */
  readonly results: readonly CommandResult[];
  /** The book's last journal when they were done. */
  readonly sequence: bigint;
}

export interface DryRun extends Submitted {
  /** The touched accounts as they would be. */
  readonly accounts: readonly AccountChange[];
  readonly crossings: readonly BalanceCrossing[];
}

export interface LedgerWriter {
  /**
   * Resolves when what they did is on disk. `busy` when too many wait already: then nothing was begun. Throws when the
   * database is away for long: whether they are in the book is then unknown, and the same ids may be sent again.
   */
  submit(commands: readonly LedgerCommand[], options?: SubmitOptions): Promise<Submitted | Refusal>;
  /** Many groups at once, each answered by itself. */
  submitMany(groups: readonly (readonly LedgerCommand[])[], options?: SubmitOptions): Promise<(Submitted | Refusal)[]>;
  /** What `submit` would answer now, and the balances after it; nothing is written. */
  dryRun(commands: readonly LedgerCommand[], options?: SubmitOptions): Promise<DryRun | Refusal>;
  /** Lets go the holds whose time has come. Gives when the next one's comes, in milliseconds; undefined when none waits. */
  expireDue(): Promise<number | undefined>;
  /** Answers what waits and takes nothing more. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly group: CommandGroup;
  readonly isDry: boolean;
  readonly cause: EventCause | undefined;
  readonly answer: (run: DryRun) => void;
  readonly fail: (error: unknown) => void;
}

export function createLedgerWriter(store: LedgerStore, world: World, options: LedgerWriterOptions = {}): LedgerWriter {
  const hand = new WritingHand(store, world, options);
  const submit = (commands: readonly LedgerCommand[], isDry: boolean, given: SubmitOptions) =>
    hand.push(commands, isDry, given);
  return {
    submit: (commands, given = {}) => submit(commands, false, given),
    submitMany: (groups, given = {}) => Promise.all(groups.map((commands) => submit(commands, false, given))),
    dryRun: (commands, given = {}) => submit(commands, true, given),
    expireDue: async () => {
      await submit([], false, {});
      const nextUs = hand.nextExpiryUs ?? 0n;
      return nextUs === 0n ? undefined : Number(nextUs / 1_000n) + 1;
    },
    stop: () => hand.stop(),
  };
}

class WritingHand {
  readonly #store: LedgerStore;
  readonly #world: World;
  readonly #options: LedgerWriterOptions;
  readonly #batchMax: number;
  readonly #queueMax: number;
  readonly #at: (name: string) => Promise<void>;
  readonly #pause: (ms: number) => Promise<unknown>;
  #queue: Waiting[] = [];
  #queued = 0;
  #running: Promise<void> | undefined;
  #stopped = false;
  /** Where this writer left the book; undefined: it has to take over first. */
  #place: Place | undefined;
  readonly #accounts = new Map<string, AccountState>();
  /** When the next hold expires, as far as this writer knows; undefined: it has to look. 0: none waits. */
  nextExpiryUs: bigint | undefined;

  constructor(store: LedgerStore, world: World, options: LedgerWriterOptions) {
    this.#store = store;
    this.#world = world;
    this.#options = options;
    this.#batchMax = options.batchMax ?? batchMax;
    this.#queueMax = options.queueMax ?? queueMax;
    this.#at = options.failpoint ?? (async () => {});
    this.#pause = options.pause ?? ((ms) => delay(ms));
  }

  push(commands: readonly LedgerCommand[], isDry: boolean, given: SubmitOptions): Promise<DryRun | Refusal> {
    if (commands.length > this.#batchMax) throw new RangeError(`a group has at most ${this.#batchMax} commands`);
    if (this.#stopped) return Promise.resolve(refuse('unavailable', 'The ledger is stopping; send it again.'));
    if (this.#queued + commands.length > this.#queueMax)
      return Promise.resolve(refuse('busy', 'Too many journals wait to be booked; send them again in a moment.'));
    const { promise, resolve, reject } = Promise.withResolvers<DryRun>();
    const group = { mode: given.mode ?? 'continue', commands };
    this.#queue.push({ group, isDry, cause: given.cause, answer: resolve, fail: reject });
    this.#queued += commands.length;
    // What is pushed in this same turn goes along.
    this.#running ??= Promise.resolve().then(() => this.#drain());
    return promise;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #drain(): Promise<void> {
    await this.#at('queued');
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      await this.#write(batch).catch((error) => {
        for (const { fail } of batch) fail(error);
      });
    }
    this.#running = undefined;
  }

  /** Everything that waits, up to the size of a batch; a dry run goes alone. */
  #takeBatch(): Waiting[] {
    let size = 0;
    let count = 0;
    for (const { group, isDry } of this.#queue) {
      if (count > 0 && (isDry || size + group.commands.length > this.#batchMax)) break;
      size += group.commands.length;
      count += 1;
      if (isDry) break;
    }
    this.#queued -= size;
    return this.#queue.splice(0, count);
  }

  /** Writes a batch. When something in it cannot be written at all, each of the waiting is tried by itself. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#takeTurns(batch);
    } catch (error) {
      this.#forget();
      const mayBeOneOfThem = error instanceof SqlFault && !['unavailable', 'commit_unknown'].includes(error.kind);
      if (batch.length === 1 || !mayBeOneOfThem) throw error;
      this.#options.noticed?.('taken_apart', error);
      for (const one of batch) await this.#takeTurns([one]).catch((fault) => this.#failOne(one, fault));
    }
  }

  #failOne(one: Waiting, fault: unknown): void {
    this.#forget();
    one.fail(fault);
  }

  async #takeTurns(batch: readonly Waiting[]): Promise<void> {
    for (let turn = 1; turn <= turnsMax; turn += 1) {
      this.#place ??= await this.#takeOver();
      const place = this.#place;
      const nowUs = BigInt(this.#world.now()) * 1_000n;
      const expiries = batch[0]?.isDry === true ? [] : await this.#expiries(nowUs);
      const groups = [...expiries, ...batch.map((one) => one.group)];
      const state = await this.#stateFor(place, groups);
      await this.#at('prefetched');
      const applied = apply(state, groups, nowUs);
      await this.#at('applied');
      if (batch[0]?.isDry === true) {
        if (samePlace(await this.#store.place(), place)) return this.#answer(batch, applied, 0);
      } else if (applied.batch === undefined || (await this.#commit(place, applied, batch)) === 'committed') {
        this.#remember(applied);
        await this.#at('before answer');
        return this.#answer(batch, applied, expiries.length);
      }
      this.#options.noticed?.('fenced');
      this.#forget();
      await this.#letOtherGoFirst(turn);
    }
    throw new SqlFault('unavailable', `other writers were always first, ${turnsMax} times`);
  }

  /**
   * Two writers that take over from each other at once would both be fenced for ever: each waits by chance, for longer the
   * more often it came second, so that one of them has the time of a whole batch to itself.
   */
  async #letOtherGoFirst(turn: number): Promise<void> {
    if (turn > 1) await this.#pause(this.#world.random() * Math.min(2 ** turn, courtesyMsMax));
  }

  #answer(batch: readonly Waiting[], applied: Applied, skip: number): void {
    const sequence = applied.batch?.place.journalSequence ?? this.#place?.journalSequence ?? 0n;
    const [accounts, crossings] =
      batch[0]?.isDry === true ? [[...applied.accounts.values()], applied.crossings] : [[], []];
    for (const [index, one] of batch.entries())
      one.answer({ results: applied.groups[index + skip] ?? [], sequence, accounts, crossings });
  }

  async #takeOver(): Promise<Place> {
    this.#forget();
    return this.#patiently(() => this.#store.takeOver());
  }

  #forget(): void {
    this.#place = undefined;
    this.#accounts.clear();
    this.nextExpiryUs = undefined;
  }

  #remember(applied: Applied): void {
    if (this.#accounts.size > accountsMax) this.#accounts.clear();
    for (const [key, { after }] of applied.accounts) if (applied.batch !== undefined) this.#accounts.set(key, after);
    this.#place = applied.batch?.place ?? this.#place;
    for (const { expiresAtUs = 0n } of applied.batch?.batch.journals ?? []) {
      const isSooner = this.nextExpiryUs === 0n || (this.nextExpiryUs ?? 0n) > expiresAtUs;
      if (expiresAtUs !== 0n && this.nextExpiryUs !== undefined && isSooner) this.nextExpiryUs = expiresAtUs;
    }
  }

  /** The commands that let go what is due, before anything else of the batch is judged. */
  async #expiries(nowUs: bigint): Promise<CommandGroup[]> {
    if (this.nextExpiryUs !== undefined && (this.nextExpiryUs === 0n || this.nextExpiryUs > nowUs)) return [];
    const { due, nextUs } = await this.#patiently(() => this.#store.dueHolds(nowUs, expiriesPerBatchMax));
    this.nextExpiryUs = nextUs;
    return due.map(({ sequence, id, reference, currency }) => ({
      mode: 'continue',
      commands: [
        {
          type: 'expire',
          kind: 'hold_expired',
          cause: `hold:${sequence}`,
          reference,
          description: 'The time of the hold has come',
          currency,
          target: id,
        },
      ],
    }));
  }

  /** What is remembered and what has to be read; nearly always one statement, for the ids. */
  async #stateFor(place: Place, groups: readonly CommandGroup[]): Promise<LedgerState> {
    const commands = groups.flatMap((group) => group.commands);
    if (commands.length === 0)
      return { place, accounts: this.#accounts, known: new Map(), lines: new Map(), targets: new Map() };
    const needs = needsOf(commands);
    const loaded = await this.#load({ ...needs, accounts: this.#unknown(needs.accounts) });
    this.#keep(loaded.accounts);
    const further = this.#unknown(accountsFound(loaded));
    if (further.length > 0)
      this.#keep((await this.#load({ identities: [], lineIds: [], targets: [], accounts: further })).accounts);
    return { ...loaded, place, accounts: this.#accounts };
  }

  #load(needs: Needs): Promise<Loaded> {
    return this.#patiently(() => this.#store.load(needs));
  }

  #unknown(accounts: Needs['accounts']): Needs['accounts'] {
    return accounts.filter(([code, currency]) => !this.#accounts.has(accountKey(code, currency)));
  }

  #keep(accounts: ReadonlyMap<string, AccountState>): void {
    for (const [key, state] of accounts) this.#accounts.set(key, state);
  }

  /** Sends the batch, the same bytes each time, until it is known whether it is in the book. */
  async #commit(from: Place, applied: Applied, batch: readonly Waiting[]): Promise<'committed' | 'fenced'> {
    const commands = batch.flatMap((one) => one.group.commands);
    const causes = new Map<LedgerCommand, EventCause>();
    for (const { group, cause } of batch)
      for (const command of group.commands) if (cause !== undefined) causes.set(command, cause);
    const tell = this.#options.tell;
    const also = tell === undefined ? undefined : (tx: SqlTransaction) => tell(tx, { applied, causes, commands });
    for (let send = 1; ; send += 1) {
      try {
        const outcome = await this.#store.commit(from, applied, also);
        return outcome === 'committed' || (await this.#isInBook(applied)) ? 'committed' : 'fenced';
      } catch (error) {
        if (!(error instanceof SqlFault)) throw error;
        if (error.kind === 'commit_unknown') {
          this.#options.noticed?.('commit_unknown', error);
          const found = await this.#lookBack(from, applied);
          if (found !== 'not there') return found;
        } else if (!['retryable', 'unavailable'].includes(error.kind)) throw error;
        if (send >= sendsMax) throw error;
        await this.#pause(pauseMsFirst * 2 ** (send - 1));
      }
    }
  }

  /** Behind the lock of a commit that may still be under way. */
  async #lookBack(from: Place, applied: Applied): Promise<'committed' | 'fenced' | 'not there'> {
    const place = await this.#patiently(() => this.#store.place());
    if (samePlace(place, from)) return 'not there';
    return (await this.#isInBook(applied)) ? 'committed' : 'fenced';
  }

  async #isInBook({ batch }: Applied): Promise<boolean> {
    if (batch === undefined) return false;
    const hash = await this.#patiently(() => this.#store.batchHash(batch.batch.sequence));
    return hash !== undefined && Buffer.compare(hash, batch.hash) === 0;
  }

  /** Repeats what changes nothing while the database is away for a moment. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (let time = 1; ; time += 1) {
      try {
        return await ask();
      } catch (error) {
        const mayPass = error instanceof SqlFault && ['unavailable', 'retryable'].includes(error.kind);
        if (!mayPass || time >= sendsMax) throw error;
        await this.#pause(pauseMsFirst * 2 ** (time - 1));
      }
    }
  }
}

function samePlace(a: Place, b: Place): boolean {
  return (
    a.epoch === b.epoch &&
    a.batchSequence === b.batchSequence &&
    a.sealedUntilUs === b.sealedUntilUs &&
    Buffer.compare(a.hash, b.hash) === 0
  );
}
