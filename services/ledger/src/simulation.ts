/**
 * The writer under a scheduler, a clock and a database of its own: one seed is one run, step for step.
 *
 * Several writers share one simulated book. Every call of a writer to the database waits until the scheduler picks it, in
 * any order. The database may be away, may break a deadlock, may lose the answer to a commit that got in or did not; a
 * writer may die with a call under way, or be frozen and thaw much later. After every step the book is checked from its
 * journals alone. This takes the place of no store: store.contract.ts says what the real ones keep.
 */
import assert from 'node:assert';
import { setImmediate as turn } from 'node:timers/promises';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { SqlFault } from '@suuupra/platform/sql/sql';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { type AccountState, newAccount, withDelta, withinLimits } from './account.ts';
import { batchHash, genesisHash } from './chain.ts';
import {
  accountKey,
  identity,
  type Known,
  type KnownJournal,
  type LedgerCommand,
  type Needs,
  pairKey,
} from './command.ts';
import type { SoldLine } from './journals.ts';
import type { Applied, CommandResult, Place } from './ledger.ts';
import { createLedgerWriter, type LedgerWriter } from './ledger-writer.ts';
import { randomCommands } from './simulation-commands.ts';
import type { LedgerStore } from './store.ts';

export interface SimulationResult {
  readonly seed: number;
  readonly steps: number;
  readonly batches: bigint;
  readonly journals: bigint;
  /** How often each fault was made to happen. */
  readonly faults: Readonly<Record<string, number>>;
  readonly hash: string;
}

interface Call {
  readonly writer: number;
  readonly isCommit: boolean;
  /** Runs the call against the book, or fails it. */
  readonly run: (fault: Fault | undefined) => void;
}

type Fault = 'unavailable' | 'retryable' | 'answer lost' | 'connection lost';

interface Sent {
  readonly commands: readonly LedgerCommand[];
  readonly mode: 'atomic' | 'continue' | 'stop';
  answer: readonly CommandResult[] | undefined;
  isWaiting: boolean;
}

const writersMax = 3;

interface Life {
  isOver: boolean;
  /** It told a client that it does not know. */
  hasGivenUp: boolean;
}

/** Runs one seed. Throws an AssertionError that names the seed when a promise was broken. */
export async function simulate(seed: number, steps: number): Promise<SimulationResult> {
  const simulation = new Simulation(seed);
  try {
    for (let step = 0; step < steps; step += 1) await simulation.step();
    await simulation.finish();
    return simulation.result(steps);
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  }
}

class Simulation {
  readonly #seed: number;
  readonly #world: TestWorld;
  readonly #book = new SimulatedBook();
  readonly #sent: Sent[] = [];
  readonly #faults: Record<string, number> = {};
  #calls: Call[] = [];
  readonly #writers: (LedgerWriter | undefined)[] = [];
  readonly #lives: Life[] = [];
  /** What the writers got into the book, and what clients were answered. */
  readonly #commits: { readonly groups: Applied['groups']; readonly life: Life }[] = [];
  readonly #heard = new Set<readonly CommandResult[]>();
  #frozen = -1;
  /** The first wrong answer that a client saw. */
  #broken: unknown;

  constructor(seed: number) {
    this.#seed = seed;
    this.#world = testWorld(Date.UTC(2026, 0, 1), seed);
    for (let index = 0; index < writersMax; index += 1) this.#start(index);
  }

  #chance(share: number): boolean {
    return this.#world.random() < share;
  }

  #start(index: number): void {
    const life = { isOver: false, hasGivenUp: false };
    this.#lives[index] = life;
    this.#writers[index] = createLedgerWriter(this.#storeOf(index, life), this.#world, {
      batchMax: 12,
      pause: async () => {},
    });
  }

  async step(): Promise<void> {
    const choice = this.#world.random();
    if (choice < 0.3) this.#send();
    else if (choice < 0.33) this.#world.advance(Math.floor(this.#world.random() * 3_000));
    else if (choice < 0.335) this.#world.advance(-Math.floor(this.#world.random() * 3_600_000));
    else if (choice < 0.345) this.#die(Math.floor(this.#world.random() * writersMax));
    else if (choice < 0.36) this.#freeze();
    else this.#pick(true);
    await turn();
    this.#look();
  }

  #look(): void {
    if (this.#broken !== undefined) throw this.#broken;
    this.#book.check();
  }

  /** A writer that does not go on while the others do; it thaws with whatever it was about to do. */
  #freeze(): void {
    this.#count('frozen');
    this.#frozen = this.#frozen === -1 ? Math.floor(this.#world.random() * writersMax) : -1;
  }

  /** Its calls under way either got through or did not; nobody hears of it. */
  #die(index: number): void {
    this.#count('died');
    const life = this.#lives[index];
    if (life !== undefined) life.isOver = true;
    for (const call of this.#calls.filter(({ writer }) => writer === index))
      if (call.isCommit && this.#chance(0.5)) call.run('answer lost');
    this.#calls = this.#calls.filter(({ writer }) => writer !== index);
    this.#start(index);
    for (const sent of this.#sent) if (sent.answer === undefined) sent.isWaiting = false;
  }

  #send(): void {
    const isAgain = this.#sent.length > 0 && this.#chance(0.25);
    const sent = isAgain ? this.#sent[Math.floor(this.#world.random() * this.#sent.length)] : this.#fresh();
    if (sent !== undefined) this.#give(sent, Math.floor(this.#world.random() * writersMax));
  }

  #fresh(): Sent {
    const mode = this.#chance(0.2) ? 'atomic' : this.#chance(0.2) ? 'stop' : 'continue';
    const commands = randomCommands(() => this.#world.random(), this.#sent.length, BigInt(this.#world.now()) * 1_000n);
    const sent: Sent = { commands, mode, answer: undefined, isWaiting: false };
    this.#sent.push(sent);
    return sent;
  }

  #give(sent: Sent, index: number): void {
    sent.isWaiting = true;
    const life = this.#lives[index];
    void this.#writers[index]
      ?.submit(sent.commands, { mode: sent.mode })
      .then(
        (submitted) => {
          if (isRefusal(submitted)) return;
          this.#heard.add(submitted.results);
          this.#book.checkAnswer(sent.commands, submitted.results);
          sent.answer ??= submitted.results;
          sameAnswers(sent.answer, submitted.results);
        },
        // The outcome is not known to the client, who may send it again.
        () => {
          sent.isWaiting = false;
          if (life !== undefined) life.hasGivenUp = true;
        },
      )
      .catch((broken: unknown) => {
        this.#broken ??= broken;
      });
  }

  #pick(mayFail: boolean): void {
    const ready = this.#calls.filter(({ writer }) => writer !== this.#frozen);
    const call = ready[Math.floor(this.#world.random() * ready.length)];
    if (call === undefined) return;
    this.#calls = this.#calls.filter((one) => one !== call);
    call.run(mayFail && this.#chance(0.12) ? this.#fault(call) : undefined);
  }

  #fault({ isCommit }: Call): Fault {
    const kinds: Fault[] = isCommit
      ? ['unavailable', 'retryable', 'answer lost', 'connection lost']
      : ['unavailable', 'retryable'];
    const fault = kinds[Math.floor(this.#world.random() * kinds.length)] ?? 'unavailable';
    this.#count(fault);
    return fault;
  }

  #count(what: string): void {
    this.#faults[what] = (this.#faults[what] ?? 0) + 1;
  }

  /** Thaws, answers everything, and sends all that was ever sent once more: each has to have the answer it had. */
  async finish(): Promise<void> {
    this.#frozen = -1;
    await this.#settle();
    for (const round of [1, 2]) {
      for (const sent of this.#sent) this.#give(sent, this.#sent.indexOf(sent) % writersMax);
      await this.#settle();
      const open = this.#sent.filter((sent) => sent.answer === undefined).length;
      assert.equal(open, 0, `${open} commands have no answer in round ${round}`);
    }
    this.#look();
    this.#checkHeard();
    this.#book.checkChain();
  }

  /**
   * What a writer got into the book it also answered, and nothing else: a commit that was found again is not judged anew, by
   * which the same commands could come to another answer than the one that was recorded.
   */
  #checkHeard(): void {
    for (const { groups } of this.#commits.filter((one) => !one.life.isOver && !one.life.hasGivenUp))
      for (const group of groups)
        assert.ok(this.#heard.has(group) || group.every(isExpiry), 'what was committed is what was answered');
  }

  async #settle(): Promise<void> {
    await turn();
    while (this.#calls.length > 0) {
      this.#pick(false);
      await turn();
    }
    this.#book.check();
  }

  #storeOf(writer: number, life: Life): LedgerStore {
    const call = <T>(ask: () => T, isCommit = false): Promise<T> =>
      new Promise((resolve, reject) => {
        if (life.isOver) return;
        this.#calls.push({ writer, isCommit, run: (fault) => answer(ask, fault, resolve, reject) });
      });
    const book = this.#book;
    return {
      durabilityGap: () => Promise.resolve(undefined),
      takeOver: () => call(() => book.takeOver()),
      place: () => call(() => book.place),
      load: (needs) => call(() => book.load(needs)),
      dueHolds: (nowUs, limit) => call(() => book.dueHolds(nowUs, limit)),
      batchHash: (sequence) => call(() => book.hashes.get(sequence)),
      commit: (from, applied) =>
        call(() => {
          const outcome = book.commit(from, applied);
          if (outcome === 'committed') this.#commits.push({ groups: applied.groups, life });
          return outcome;
        }, true),
      reading: () => Promise.reject(new Error('nothing is read in a simulation')),
    };
  }

  result(steps: number): SimulationResult {
    const { batchSequence: batches, journalSequence: journals, hash } = this.#book.place;
    const faults = this.#faults;
    return { seed: this.#seed, steps, batches, journals, faults, hash: Buffer.from(hash).toString('hex') };
  }
}

function answer<T>(
  ask: () => T,
  fault: Fault | undefined,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): void {
  if (fault === undefined) {
    resolve(ask());
    return;
  }
  if (fault === 'answer lost') ask();
  const isLost = fault === 'answer lost' || fault === 'connection lost';
  reject(new SqlFault(isLost ? 'commit_unknown' : fault, fault));
}

/** The writer's own, which nobody waits for. */
function isExpiry(result: CommandResult): boolean {
  return (result.kind === 'posted' || result.kind === 'duplicate') && result.journal.kind === 'hold_expired';
}

/** A first and a later answer to the same commands say the same. */
export function sameAnswers(first: readonly CommandResult[], second: readonly CommandResult[]): void {
  for (const [index, before] of first.entries()) {
    const now = second[index];
    if (before.kind === 'posted' || before.kind === 'duplicate') {
      assert.ok(now?.kind === 'posted' || now?.kind === 'duplicate', `posted, then ${JSON.stringify(now?.kind)}`);
      assert.equal(now.journal.sequence, before.journal.sequence, 'the same journal');
    }
  }
}

/** What a database with the store's promises would keep, and the checks of it. */
export class SimulatedBook {
  place: Place = {
    epoch: 1n,
    batchSequence: 0n,
    journalSequence: 0n,
    recordedAtUs: 0n,
    hash: genesisHash,
    sealedUntilUs: 0n,
  };
  readonly hashes = new Map<bigint, Uint8Array>();
  readonly #batches: NonNullable<Applied['batch']>[] = [];
  readonly #accounts = new Map<string, AccountState>();
  readonly #known = new Map<string, Known>();
  readonly #journals = new Map<bigint, KnownJournal>();
  readonly #lines = new Map<string, SoldLine>();
  /** What the journals alone add up to. */
  readonly #derived = new Map<string, AccountState>();
  #checked = 0;

  takeOver(): Place {
    this.place = { ...this.place, epoch: this.place.epoch + 1n };
    return this.place;
  }

  commit(from: Place, applied: Applied): 'committed' | 'fenced' {
    const { batch } = applied;
    const isThere = from.epoch === this.place.epoch && from.batchSequence === this.place.batchSequence;
    if (batch === undefined || !isThere || Buffer.compare(from.hash, this.place.hash) !== 0) return 'fenced';
    for (const [key, { before = newAccount, after }] of applied.accounts) {
      const now = this.#accounts.get(key) ?? newAccount;
      // As the real store does: differences are added, so that a wrong memory shows.
      const delta = {
        debit: after.debit - before.debit,
        credit: after.credit - before.credit,
        pendingDebit: after.pendingDebit - before.pendingDebit,
        pendingCredit: after.pendingCredit - before.pendingCredit,
      };
      this.#accounts.set(key, { ...withDelta(now, delta), ...limitsOf(after) });
    }
    for (const [id, line] of applied.lines) this.#lines.set(id, line);
    for (const journal of batch.batch.journals)
      this.#add({ ...journal, recordedAtUs: batch.batch.recordedAtUs, reversed: new Map() });
    for (const rejection of batch.batch.rejected ?? []) {
      const key = identity(rejection.kind, rejection.cause);
      // A fact may be refused and booked by one batch, when what refused it was taken away in between.
      assert.ok(!rejection.isFinal || !this.#known.has(key), `${key} has an answer already`);
      if (rejection.isFinal) this.#known.set(key, { kind: 'rejection', rejection });
    }
    this.hashes.set(batch.batch.sequence, batch.hash);
    this.#batches.push(batch);
    this.place = batch.place;
    return 'committed';
  }

  #add(journal: KnownJournal): void {
    const key = identity(journal.kind, journal.cause);
    assert.ok(!this.#known.has(key), `${key} is in the book twice`);
    assert.equal(journal.sequence, BigInt(this.#journals.size) + 1n, 'sequences have no gaps');
    this.#journals.set(journal.sequence, journal);
    this.#known.set(key, { kind: 'journal', journal });
    const held = this.#journals.get(journal.resolves ?? 0n);
    if (held !== undefined) {
      assert.equal(held.resolvedAs, undefined, `the hold of ${held.cause} is resolved twice`);
      const sum = journal.transfers.reduce((total, { amount }) => total + amount, 0n);
      const max = (held.holds ?? []).reduce((total, { amount }) => total + amount, 0n);
      assert.ok(sum <= max, `more of ${held.cause} was posted than was held`);
      const as = { post_pending: 'already_posted', void_pending: 'already_voided' } as const;
      this.#replace({ ...held, resolvedAs: as[journal.kind as keyof typeof as] ?? 'expired' });
    }
    const original = this.#journals.get(journal.reverses ?? 0n);
    if (original !== undefined) this.#reverse(original, journal);
  }

  #reverse(original: KnownJournal, by: KnownJournal): void {
    const reversed = new Map(original.reversed);
    for (const { debit, credit, amount } of by.transfers)
      reversed.set(pairKey(credit, debit), (reversed.get(pairKey(credit, debit)) ?? 0n) + amount);
    for (const [pair, sum] of reversed) {
      const moved = original.transfers
        .filter(({ debit, credit }) => pairKey(debit, credit) === pair)
        .reduce((total, { amount }) => total + amount, 0n);
      assert.ok(sum <= moved, `more of ${original.cause} was reversed than it moved`);
    }
    this.#replace({ ...original, reversed });
  }

  #replace(journal: KnownJournal): void {
    this.#journals.set(journal.sequence, journal);
    this.#known.set(identity(journal.kind, journal.cause), { kind: 'journal', journal });
  }

  load(needs: Needs) {
    const pickOf = <V>(map: ReadonlyMap<string, V>, keys: readonly string[]): Map<string, V> =>
      new Map(keys.flatMap((key): [string, V][] => (map.has(key) ? [[key, map.get(key) as V]] : [])));
    const journals = [...this.#journals.values()];
    return {
      accounts: pickOf(
        this.#accounts,
        needs.accounts.map(([code, currency]) => accountKey(code, currency)),
      ),
      known: pickOf(
        this.#known,
        needs.identities.map(([kind, cause]) => identity(kind, cause)),
      ),
      lines: pickOf(this.#lines, needs.lineIds),
      targets: new Map(
        needs.targets.map((target) => [target, journals.filter(({ cause, id }) => cause === target || id === target)]),
      ),
    };
  }

  dueHolds(nowUs: bigint, limit: number) {
    const open = [...this.#journals.values()]
      .filter(
        ({ holds = [], expiresAtUs = 0n, resolvedAs }) =>
          holds.length > 0 && expiresAtUs > 0n && resolvedAs === undefined,
      )
      .sort((a, b) => Number((a.expiresAtUs ?? 0n) - (b.expiresAtUs ?? 0n)));
    const due = open.filter(({ expiresAtUs = 0n }) => expiresAtUs <= nowUs).slice(0, limit);
    return { due, nextUs: open[due.length]?.expiresAtUs ?? 0n };
  }

  /** Acknowledged is in the book, exactly once; refused left nothing but the record. */
  checkAnswer(commands: readonly LedgerCommand[], results: readonly CommandResult[]): void {
    assert.equal(results.length, commands.length, 'one result for each command');
    for (const [index, result] of results.entries()) {
      const command = commands[index];
      if (command === undefined) continue;
      const known = this.#known.get(identity(command.kind, command.cause));
      if (result.kind === 'posted' || result.kind === 'duplicate') {
        assert.ok(known?.kind === 'journal', `${command.cause} was acknowledged and is not in the book`);
        assert.equal(known.journal.sequence, result.journal.sequence);
      }
      // A fact that was refused may have been told again since.
      if (result.kind !== 'rejected' || result.reason === 'id_reused' || command.type === undefined) continue;
      assert.equal(known?.kind, 'rejection', `${command.cause} was refused without a record, or is in the book`);
    }
  }

  /** The six checks: conservation, components, derived balances, limits, holds, and that refused commands left no trace. */
  check(): void {
    if (this.#checked === this.#batches.length) return;
    for (const { batch } of this.#batches.slice(this.#checked))
      for (const journal of batch.journals) this.#derive(journal);
    this.#checked = this.#batches.length;
    const nets = new Map<string, [bigint, bigint]>();
    for (const [key, account] of this.#accounts) {
      const { debit, credit, pendingDebit, pendingCredit } = account;
      for (const part of [debit, credit, pendingDebit, pendingCredit]) assert.ok(part >= 0n, `${key} is below zero`);
      assert.ok(withinLimits(account), `${key} is beyond its limit`);
      const derived = this.#derived.get(key) ?? newAccount;
      const found = [debit, credit, pendingDebit, pendingCredit].join();
      const expected = [derived.debit, derived.credit, derived.pendingDebit, derived.pendingCredit].join();
      assert.equal(found, expected, `${key} is what its journals and holds add up to`);
      const [, currency = ''] = key.split(' ');
      const [posted, pending] = nets.get(currency) ?? [0n, 0n];
      nets.set(currency, [posted + debit - credit, pending + pendingDebit - pendingCredit]);
    }
    for (const [currency, [posted, pending]] of nets) {
      assert.equal(posted, 0n, `debits and credits are equal in ${currency}`);
      assert.equal(pending, 0n, `held debits and credits are equal in ${currency}`);
    }
  }

  #derive(journal: Pick<KnownJournal, 'transfers' | 'holds' | 'resolves' | 'currency'>): void {
    const { transfers, holds = [], currency } = journal;
    const released = this.#journals.get(journal.resolves ?? 0n)?.holds ?? [];
    const none = { debit: 0n, credit: 0n, pendingDebit: 0n, pendingCredit: 0n };
    const add = (code: string, delta: Partial<typeof none>) => {
      const key = accountKey(code, currency);
      this.#derived.set(key, withDelta(this.#derived.get(key) ?? newAccount, { ...none, ...delta }));
    };
    for (const { debit, credit, amount } of transfers) {
      add(debit, { debit: amount });
      add(credit, { credit: amount });
    }
    for (const [list, sign] of [[holds, 1n] as const, [released, -1n] as const])
      for (const { debit, credit, amount } of list) {
        add(debit, { pendingDebit: sign * amount });
        add(credit, { pendingCredit: sign * amount });
      }
  }

  checkChain(): void {
    let previous: Uint8Array = genesisHash;
    let recordedAtUs = 0n;
    for (const [index, { batch, hash }] of this.#batches.entries()) {
      assert.equal(batch.sequence, BigInt(index) + 1n, 'batches have no gaps');
      assert.ok(batch.recordedAtUs > recordedAtUs, 'the time of the book only goes on');
      assert.equal(Buffer.compare(batchHash(previous, batch), hash), 0, `the hash of batch ${batch.sequence}`);
      ({ recordedAtUs } = batch);
      previous = hash;
    }
  }
}

function limitsOf({ netMin, netMax, status, monitors }: AccountState) {
  return { netMin, netMax, status, monitors };
}
