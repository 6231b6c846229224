/**
 * A shard that moves from place to place under a scheduler: one seed is one run, step for step.
 *
 * Several processes book on one shard, each with its own memory of where it is; movers copy the book to other places while
 * they do. Every call to a book or to the directory waits until the scheduler picks it, in any order. A call may fail before
 * it is done or lose its answer after it; processes and movers die with calls under way, or are frozen and thaw when others
 * have gone on. After every step: at most one book of the shard is open, and only the one that the directory names takes
 * anything. At the end whatever was acknowledged is in that book, once, and its chain holds.
 *
 * The books take the place of no store (store.contract.ts and shard-move.contract.ts say what the real ones keep); what runs
 * is the very writer, follower and mover of the service.
 */
import assert from 'node:assert';
import { setImmediate as turn } from 'node:timers/promises';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { ShardDirectory, ShardMove, ShardRow } from '@suuupra/platform/shards/directory';
import type { ShardGate } from '@suuupra/platform/shards/gate';
import { CopyDiffers, leaseMs, type MoveParts, moveShard, type ShardCopy } from '@suuupra/platform/shards/move';
import { SqlFault } from '@suuupra/platform/sql/sql';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import type { LedgerCommand } from './command.ts';
import type { Applied, CommandResult } from './ledger.ts';
import { createLedgerWriter, type LedgerWriter } from './ledger-writer.ts';
import type { ShardBook } from './shard-book.ts';
import { followShard } from './shard-follower.ts';
import { SimulatedBook, sameAnswers } from './simulation.ts';
import { randomCommands } from './simulation-commands.ts';
import { BookClosed, type LedgerStore } from './store.ts';

export interface ShardSimulationResult {
  readonly seed: number;
  readonly journals: bigint;
  readonly hash: string;
  /** How often each thing was made to happen. */
  readonly happened: Readonly<Record<string, number>>;
}

const places = ['a', 'b', 'c'] as const;
const processesMax = 2;
const batchesPerPart = 4;

/** Who makes calls: a process, or a mover. One that is over hears of nothing any more. */
interface Life {
  readonly name: string;
  isOver: boolean;
  isFrozen: boolean;
}

interface Call {
  readonly life: Life;
  readonly run: (fault: 'before' | 'after' | undefined) => void;
}

interface Sent {
  readonly commands: readonly LedgerCommand[];
  answer: readonly CommandResult[] | undefined;
}

/** Runs one seed. Throws an error that names the seed when a promise was broken. */
export async function simulateShards(seed: number, steps: number): Promise<ShardSimulationResult> {
  const simulation = new ShardSimulation(seed);
  try {
    for (let step = 0; step < steps; step += 1) await simulation.step();
    return await simulation.finish();
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  }
}

class ShardSimulation {
  readonly #seed: number;
  readonly #world: TestWorld;
  readonly #books = new Map(places.map((place) => [place as string, new PlacedBook(place)]));
  readonly #directory = new SimulatedDirectory();
  readonly #sent: Sent[] = [];
  readonly #happened: Record<string, number> = {};
  #calls: Call[] = [];
  readonly #processes: { life: Life; writer: LedgerWriter }[] = [];
  #movers: Life[] = [];
  #broken: unknown;
  #mayFail = true;

  constructor(seed: number) {
    this.#seed = seed;
    this.#world = testWorld(Date.UTC(2026, 0, 1), seed);
    for (const [place, book] of this.#books) {
      if (place !== 'a') book.close();
      book.mayTake = () => this.#directory.row.place === place;
    }
    for (let index = 0; index < processesMax; index += 1) this.#startProcess(index);
  }

  async step(): Promise<void> {
    const choice = this.#world.random();
    if (choice < 0.2) this.#send();
    else if (choice < 0.24) this.#world.advance(Math.floor(this.#world.random() * leaseMs));
    else if (choice < 0.27) this.#startMover();
    else if (choice < 0.285) this.#kill(this.#movers, 'mover died');
    else if (choice < 0.295) this.#restart();
    else if (choice < 0.31) this.#freeze();
    else this.#pick();
    await turn();
    this.#look();
  }

  async finish(): Promise<ShardSimulationResult> {
    for (const { life } of this.#processes) life.isFrozen = false;
    for (const life of this.#movers) life.isFrozen = false;
    this.#mayFail = false;
    await this.#settle();
    for (let round = 0; round < 20 && this.#sent.some(({ answer }) => answer === undefined); round += 1) {
      this.#world.advance(2 * leaseMs);
      for (const [at, sent] of this.#sent.entries()) this.#give(sent, at % processesMax);
      await this.#settle();
    }
    assert.equal(this.#sent.filter(({ answer }) => answer === undefined).length, 0, 'all commands have an answer');
    for (const sent of this.#sent) this.#give(sent, 0);
    await this.#settle();
    this.#look();
    const owner = this.#owner();
    assert.ok(owner.place.epoch > 0n, 'the book of the place that the directory names is open');
    for (const { commands, answer } of this.#sent) owner.checkAnswer(commands, answer ?? []);
    owner.check();
    owner.checkChain();
    const { journalSequence: journals, hash } = owner.place;
    return { seed: this.#seed, journals, hash: Buffer.from(hash).toString('hex'), happened: this.#happened };
  }

  #owner(): PlacedBook {
    const book = this.#books.get(this.#directory.row.place);
    assert.ok(book, 'the directory names a place');
    return book;
  }

  #look(): void {
    if (this.#broken !== undefined) throw this.#broken;
    const open = [...this.#books.values()].filter(({ place }) => place.epoch > 0n);
    assert.ok(open.length <= 1, `${open.map(({ name }) => name).join(' and ')} are open`);
    assert.ok(
      open.every(({ name }) => name === this.#directory.row.place),
      'only the place that the directory names is open',
    );
    for (const book of this.#books.values()) book.check();
  }

  #count(what: string): void {
    this.#happened[what] = (this.#happened[what] ?? 0) + 1;
  }

  #one<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.#world.random() * of.length)];
  }

  #life(name: string): Life {
    return { name, isOver: false, isFrozen: false };
  }

  /** A call that waits for the scheduler. Somebody who is over hears no answer. */
  #call<T>(life: Life, ask: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (life.isOver) return;
      const run: Call['run'] = (fault) => {
        try {
          if (fault === 'before') throw new SqlFault('unavailable', 'away');
          const value = ask();
          if (fault === 'after') throw new SqlFault('commit_unknown', 'the answer was lost');
          if (!life.isOver) resolve(value);
        } catch (error) {
          if (!life.isOver) reject(error);
        }
      };
      this.#calls.push({ life, run });
    });
  }

  #pick(): void {
    const ready = this.#calls.filter(({ life }) => !life.isFrozen);
    const call = this.#one(ready);
    if (call === undefined) return;
    this.#calls = this.#calls.filter((one) => one !== call);
    const chance = this.#mayFail ? this.#world.random() : 1;
    const fault = chance < 0.02 ? 'before' : chance < 0.04 ? 'after' : undefined;
    if (fault !== undefined) this.#count(fault === 'before' ? 'call failed' : 'answer lost');
    call.run(fault);
  }

  async #settle(): Promise<void> {
    await turn();
    while (this.#calls.length > 0) {
      this.#pick();
      await turn();
      this.#look();
    }
  }

  #startProcess(index: number): void {
    const life = this.#life(`process ${index}`);
    const follower = followShard({
      shard: 0,
      directory: this.#directoryOf(life),
      open: async (_shard, place) => this.#bookOf(life, place),
      world: this.#world,
      pause: async (ms) => this.#call(life, () => this.#world.advance(ms)),
      patienceMs: 500,
    });
    const writer = createLedgerWriter(follower.store, this.#world, { batchMax: 8, pause: async () => {} });
    this.#processes[index] = { life, writer };
  }

  #restart(): void {
    const index = Math.floor(this.#world.random() * processesMax);
    const { life } = this.#processes[index] ?? {};
    if (life === undefined) return;
    this.#end(life);
    this.#count('process died');
    this.#startProcess(index);
  }

  /** Its calls under way either got through or did not; nobody hears of it. */
  #end(life: Life): void {
    life.isOver = true;
    for (const call of this.#calls.filter((one) => one.life === life))
      if (this.#world.random() < 0.5) call.run(undefined);
    this.#calls = this.#calls.filter((one) => one.life !== life);
  }

  #kill(lives: readonly Life[], what: string): void {
    const life = this.#one(lives);
    if (life === undefined) return;
    this.#end(life);
    this.#movers = this.#movers.filter((one) => one !== life);
    this.#count(what);
  }

  #freeze(): void {
    const life = this.#one([...this.#movers, ...this.#processes.map((process) => process.life)]);
    if (life === undefined) return;
    life.isFrozen = !life.isFrozen;
    if (life.isFrozen) this.#count(life.name.startsWith('mover') ? 'mover frozen' : 'process frozen');
  }

  #send(): void {
    const isAgain = this.#sent.length > 0 && this.#world.random() < 0.25;
    const commands = isAgain
      ? undefined
      : randomCommands(() => this.#world.random(), this.#sent.length, BigInt(this.#world.now()) * 1_000n);
    const sent = commands === undefined ? this.#one(this.#sent) : { commands, answer: undefined };
    if (sent === undefined) return;
    if (commands !== undefined) this.#sent.push(sent);
    this.#give(sent, Math.floor(this.#world.random() * processesMax));
  }

  #give(sent: Sent, index: number): void {
    const writer = this.#processes[index]?.writer;
    writer
      ?.submit(sent.commands)
      .then(
        (submitted) => {
          if (isRefusal(submitted)) return;
          sent.answer ??= submitted.results;
          sameAnswers(sent.answer, submitted.results);
        },
        // The client does not know, and may send it again.
        (error: Error) => this.#count(error.name === 'ShardMoving' ? 'told to come back' : 'not known to the client'),
      )
      .catch((broken: unknown) => {
        this.#broken ??= broken;
      });
  }

  /** A mover of the operator's: it moves wherever, or takes up what is under way. */
  #startMover(): void {
    if (this.#movers.length >= 2) return;
    const life = this.#life(`mover ${this.#happened['move begun'] ?? 0}`);
    const { place, move } = this.#directory.row;
    const to = move?.to ?? this.#one(places.filter((one) => one !== place)) ?? 'b';
    this.#movers.push(life);
    this.#count(move === undefined ? 'move begun' : 'move taken up');
    const parts: MoveParts = {
      ...{
        directory: this.#directoryOf(life),
        shard: 0,
        from: place,
        to,
        world: this.#world,
        resume: move !== undefined,
      },
      source: this.#gateOf(life, place),
      target: this.#gateOf(life, to),
      copy: this.#copyOf(life, place, to),
    };
    moveShard(parts)
      .then(
        () => this.#count('move done'),
        (error: Error) => {
          this.#count(`move ended: ${error.name}`);
          // One that was overtaken may find that the target has gone on without it.
          const isWrong = error instanceof assert.AssertionError || error.message.includes('the head');
          if (isWrong) this.#broken ??= error;
        },
      )
      .finally(() => {
        this.#movers = this.#movers.filter((one) => one !== life);
      });
  }

  #at(place: string): PlacedBook {
    const book = this.#books.get(place);
    if (book === undefined) throw new Error(`there is no place ${place}`);
    return book;
  }

  #gateOf(life: Life, place: string): ShardGate {
    const book = this.#at(place);
    return {
      epoch: () => this.#call(life, () => book.place.epoch),
      close: () => this.#call(life, () => book.close()),
      open: (closedAt) => this.#call(life, () => book.open(closedAt)),
    };
  }

  #copyOf(life: Life, from: string, to: string): ShardCopy {
    const [source, target] = [this.#at(from), this.#at(to)];
    return {
      prepare: () => this.#call(life, () => target.prepareFor(source)),
      copySome: (token) => this.#call(life, () => target.copySome(source, token, batchesPerPart)),
      compare: () => this.#call(life, () => {}),
      finish: (token) =>
        this.#call(life, () => {
          while (target.copySome(source, token, batchesPerPart) > 0n);
          target.assertSame(source);
        }),
    };
  }

  #directoryOf(life: Life): ShardDirectory {
    const directory = this.#directory;
    return {
      list: () => this.#call(life, () => [directory.row]),
      find: () => this.#call(life, () => directory.row),
      begin: (_shard, from, move, instead) => this.#call(life, () => directory.begin(from, move, instead)),
      renew: (_shard, id, leaseUntilMs) => this.#call(life, () => directory.renew(id, leaseUntilMs)),
      flip: (_shard, id) => this.#call(life, () => directory.flip(id)),
      undo: (_shard, id) => this.#call(life, () => directory.undo(id)),
      pins: async () => new Map(),
    };
  }

  #bookOf(life: Life, place: string): ShardBook {
    const book = this.#at(place);
    const on = <T>(ask: () => T) => this.#call(life, ask);
    const store: LedgerStore = {
      durabilityGap: () => Promise.resolve(undefined),
      takeOver: () => on(() => book.takeOver()),
      place: () => on(() => book.place),
      load: (needs) => on(() => book.load(needs)),
      dueHolds: (nowUs, limit) => on(() => book.dueHolds(nowUs, limit)),
      batchHash: (sequence) => on(() => book.hashes.get(sequence)),
      commit: (from, applied) => on(() => book.commit(from, applied)),
      reading: () => Promise.reject(new Error('nothing is read in a simulation')),
    };
    const none = () => Promise.reject(new Error('there is no database in a simulation')) as never;
    const unused = { sql: { transaction: none }, desk: {} } as unknown as Pick<ShardBook, 'sql' | 'desk'>;
    return { place, store, ...unused, gate: this.#gateOf(life, place), nudge: () => {}, close: async () => {} };
  }
}

/** One row, and the statements of directory-sql.ts on it. */
class SimulatedDirectory {
  row: ShardRow = { shard: 0, place: 'a', epoch: 1n };

  begin(from: string, move: ShardMove, instead = ''): boolean {
    if (from !== this.row.place || (this.row.move?.id ?? '') !== instead) return false;
    this.row = { ...this.row, move };
    return true;
  }

  renew(id: string, leaseUntilMs: number): boolean {
    const { move } = this.row;
    if (move?.id !== id) return false;
    this.row = { ...this.row, move: { ...move, leaseUntilMs } };
    return true;
  }

  flip(id: string): boolean {
    const { shard, epoch, move } = this.row;
    if (move?.id !== id) return false;
    this.row = { shard, place: move.to, epoch: epoch + 1n };
    return true;
  }

  undo(id: string): boolean {
    const { shard, place, epoch, move } = this.row;
    if (move?.id !== id) return false;
    this.row = { shard, place, epoch };
    return true;
  }
}

/** A book on a place, with the statements of shard-book.ts and shard-copy.ts on it. */
class PlacedBook extends SimulatedBook {
  readonly name: string;
  /** Asked of every commit that gets in. */
  mayTake: () => boolean = () => true;
  readonly #applied: Applied[] = [];

  constructor(name: string) {
    super();
    this.name = name;
  }

  override takeOver() {
    if (this.place.epoch < 0n) throw new BookClosed();
    return super.takeOver();
  }

  override commit(from: Parameters<SimulatedBook['commit']>[0], applied: Applied): 'committed' | 'fenced' {
    const outcome = super.commit(from, applied);
    if (outcome === 'fenced') return outcome;
    assert.ok(this.mayTake(), `${this.name} took a batch and is not the owner`);
    this.#applied.push(applied);
    return outcome;
  }

  close(): bigint {
    const { epoch } = this.place;
    this.place = { ...this.place, epoch: -(epoch < 0n ? -epoch : epoch) - 1n };
    return this.place.epoch;
  }

  open(closedAt: bigint): boolean {
    if (this.place.epoch !== closedAt || closedAt > 0n) return false;
    this.place = { ...this.place, epoch: 1n - closedAt };
    return true;
  }

  prepareFor(source: PlacedBook): bigint {
    const token = this.close();
    const { batchSequence } = this.place;
    const same = Buffer.compare(this.place.hash, source.hashes.get(batchSequence) ?? this.place.hash) === 0;
    if (!same || batchSequence > source.place.batchSequence) throw new CopyDiffers('it holds another book');
    return token;
  }

  copySome(source: PlacedBook, token: bigint, batchesMax: number): bigint {
    if (this.place.epoch !== token) throw new Error('another mover works on this copy, or it serves already');
    const have = Number(this.place.batchSequence);
    for (const applied of source.#applied.slice(have, have + batchesMax)) {
      if (applied.batch === undefined) continue;
      const { epoch } = this.place;
      const from = { ...this.place };
      assert.equal(super.commit(from, applied), 'committed');
      this.#applied.push(applied);
      this.place = { ...applied.batch.place, epoch };
    }
    return source.place.batchSequence - this.place.batchSequence;
  }

  assertSame(source: PlacedBook): void {
    if (Buffer.compare(this.place.hash, source.place.hash) !== 0) throw new CopyDiffers('the head');
  }
}
