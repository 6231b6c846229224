/**
 * A shard of payments that moves from place to place under a scheduler: one seed is one run, step for step.
 *
 * Two processes pay and refund on one shard, each with its own memory of where it is; movers copy it to other places while
 * they do, and operators undo their moves. Every statement, COMMIT and call of the directory waits until the scheduler picks
 * it, in any order. One may fail before it is done or lose its answer after it; processes and movers die with calls under way,
 * movers also just before each of their steps; whoever is frozen comes back late, in the middle of a transaction. After
 * every step: at most one database of the shard is open, it is the one that the directory names, only that one takes
 * anything, and when one is opened it has every row that was ever committed. At the end whatever was acknowledged is there,
 * once.
 *
 * What runs is the very follower, gate, copy and order of a move; the databases below them are simulated.
 */
import assert from 'node:assert';
import { setImmediate as turn } from 'node:timers/promises';
import { sqlShardCopy } from '@suuupra/platform/shards/copy-sql';
import type { ShardDirectory, ShardMove, ShardRow } from '@suuupra/platform/shards/directory';
import { Follower, type PlacedShard } from '@suuupra/platform/shards/follower';
import { ShardClosed } from '@suuupra/platform/shards/gate';
import { behindGate, openGate } from '@suuupra/platform/shards/gate-sql';
import { leaseMs, type MoveStep, moveShard, undoMove } from '@suuupra/platform/shards/move';
import { type Sql, SqlFault } from '@suuupra/platform/sql/sql';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import {
  type Ask,
  type Committed,
  copyRowsSimulated,
  type Life,
  lockRow,
  putRow,
  SimulatedDatabase,
  shardTables,
} from './simulation-database.ts';

export interface ShardSimulationResult {
  readonly seed: number;
  readonly orders: number;
  /** How often each thing was made to happen. */
  readonly happened: Readonly<Record<string, number>>;
}

const places = ['a', 'b', 'c'] as const;
export const moveSteps: readonly MoveStep[] = [
  ...(['register', 'prepare', 'copy', 'compare', 'renew', 'close', 'finish', 'flip', 'open'] as const),
];
const processesMax = 2;
const moversMax = 2;
const price = 100;
const refunded = 40;

interface Call {
  readonly life: Life;
  readonly isReady: () => boolean;
  readonly run: (fault: 'before' | 'after' | undefined) => void;
}

interface Sent {
  readonly order: string;
  /** Empty for a payment. */
  readonly refund: string;
  answer: string | undefined;
}

interface Placed extends PlacedShard {
  readonly sql: Sql;
}

interface Intent {
  readonly attempt: string;
  readonly captured: number;
  readonly refunded: number;
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
  readonly #databases: ReadonlyMap<string, SimulatedDatabase>;
  readonly #directory = new SimulatedDirectory();
  /** Every row as it was last committed, wherever. */
  readonly #truth = new Map(shardTables.map(({ name }) => [name, new Map<string, string>()]));
  readonly #sent: Sent[] = [];
  readonly #happened: Record<string, number> = {};
  #calls: Call[] = [];
  readonly #processes: { life: Life; follower: Follower<Placed> }[] = [];
  #movers: Life[] = [];
  #broken: unknown;
  #mayFail = true;
  #opened = '';

  constructor(seed: number) {
    this.#seed = seed;
    this.#world = testWorld(Date.UTC(2026, 0, 1), seed);
    this.#databases = new Map(
      places.map((place) => [place, new SimulatedDatabase(place, this.#ask, (committed) => this.#keep(committed))]),
    );
    for (let index = 0; index < processesMax; index += 1) this.#startProcess(index);
  }

  async step(): Promise<void> {
    const choice = this.#world.random();
    if (choice < 0.03) this.#send();
    else if (choice < 0.032) this.#world.advance(Math.floor(this.#world.random() * leaseMs));
    else if (choice < 0.042) this.#startMover();
    else if (choice < 0.0425) this.#startUndo();
    else if (choice < 0.0432) this.#killMover();
    else if (choice < 0.045) this.#restart();
    else if (choice < 0.048) this.#freeze();
    else this.#pick();
    await turn();
    this.#look();
  }

  async finish(): Promise<ShardSimulationResult> {
    for (const { life } of this.#processes) life.isFrozen = false;
    for (const life of this.#movers) life.isFrozen = false;
    this.#mayFail = false;
    await this.#settle();
    const waiting = () => this.#sent.filter(({ answer }) => answer === undefined);
    for (let round = 0; round < 20 && waiting().length > 0; round += 1) {
      this.#world.advance(2 * leaseMs);
      for (const [at, sent] of waiting().entries()) this.#give(sent, at % processesMax);
      await this.#settle();
    }
    assert.equal(waiting().length, 0, 'all calls have an answer');
    for (const sent of this.#sent) this.#give(sent, 0);
    await this.#settle();
    const owner = this.#at(this.#directory.row.place);
    assert.ok(owner.epoch > 0n, 'the place that the directory names is open');
    this.#assertWhole(owner);
    this.#assertMoney(owner);
    return { seed: this.#seed, orders: owner.table('intents').size, happened: this.#happened };
  }

  /** Each order paid once and told once, each refund made as it was answered. */
  #assertMoney(owner: SimulatedDatabase): void {
    for (const { order, refund, answer } of this.#sent) {
      const intent = JSON.parse(owner.table('intents').get(order) ?? '{}') as Intent;
      const made = [...owner.table('refunds').keys()].filter((id) => id.startsWith(`${order}.`));
      assert.equal(intent.captured, price, `${order} is paid`);
      assert.equal(intent.refunded, made.length * refunded, `${order} has its refunds`);
      assert.ok(intent.refunded <= price, `${order} has no refund beyond its price`);
      if (refund === '') assert.equal(answer, intent.attempt, `${order} is paid by what was acknowledged`);
      else assert.equal(made.includes(refund), answer === 'succeeded', `${refund} is what was acknowledged`);
    }
    const orders = [...owner.table('attempts').values()].map((row) => (JSON.parse(row) as { order: string }).order);
    assert.equal(new Set(orders).size, orders.length, 'no order has two attempts');
  }

  #at(place: string): SimulatedDatabase {
    const database = this.#databases.get(place);
    if (database === undefined) throw new Error(`there is no place ${place}`);
    return database;
  }

  /** What a process commits is taken by the shard's own place only. */
  #keep({ life, database, writes }: Committed): void {
    if (!life.name.startsWith('process')) return;
    for (const [name, table] of this.#truth)
      for (const [key, row] of writes.get(name) ?? []) {
        if (database.name !== this.#directory.row.place || database.epoch < 0n)
          this.#broken ??= new Error(`${database.name} took ${key} of ${name} and is not the owner`);
        if (row === undefined) table.delete(key);
        else table.set(key, row);
      }
  }

  #look(): void {
    if (this.#broken !== undefined) throw this.#broken;
    const open = [...this.#databases.values()].filter(({ epoch }) => epoch > 0n);
    const names = open.map(({ name }) => name);
    assert.ok(open.length <= 1, `${names.join(' and ')} are open`);
    const [owner] = open;
    const opened = owner === undefined ? '' : `${owner.name} ${owner.epoch}`;
    if (owner !== undefined) {
      assert.equal(owner.name, this.#directory.row.place, 'only the place that the directory names is open');
      if (opened !== this.#opened) this.#assertWhole(owner);
    }
    this.#opened = opened;
  }

  #assertWhole(owner: SimulatedDatabase): void {
    const sorted = (rows: ReadonlyMap<string, string>) => [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, rows] of this.#truth)
      assert.deepEqual(sorted(owner.table(name)), sorted(rows), `${name} of ${owner.name} are what was committed`);
  }

  #count(what: string): void {
    this.#happened[what] = (this.#happened[what] ?? 0) + 1;
  }

  #one<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.#world.random() * of.length)];
  }

  /** A call that waits for the scheduler. Somebody who is over hears no answer. */
  readonly #ask: Ask = (life, ask, isReady = () => true) =>
    new Promise((resolve, reject) => {
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
      this.#calls.push({ life, isReady, run });
    });

  #pick(): boolean {
    const ready = this.#calls.filter(({ life, isReady }) => !life.isFrozen && isReady());
    // A move has many more statements than a payment.
    const moving = this.#world.random() < 0.6 ? ready.filter(({ life }) => this.#movers.includes(life)) : [];
    const call = this.#one(moving.length > 0 ? moving : ready);
    if (call === undefined) return false;
    this.#calls = this.#calls.filter((one) => one !== call);
    const chance = this.#mayFail ? this.#world.random() : 1;
    const fault = chance < 0.001 ? 'before' : chance < 0.002 ? 'after' : undefined;
    if (fault !== undefined) this.#count(fault === 'before' ? 'call failed' : 'answer lost');
    call.run(fault);
    return true;
  }

  async #settle(): Promise<void> {
    await turn();
    while (this.#calls.length > 0) {
      assert.ok(this.#pick(), 'nobody waits for a lock that is never free');
      await turn();
      this.#look();
    }
  }

  #startProcess(index: number): void {
    const life = { name: `process ${index}`, isOver: false, isFrozen: false };
    const follower = new Follower<Placed>({
      shard: 0,
      directory: this.#directoryOf(life),
      open: async (_shard, place) => {
        const database = this.#at(place).sqlOf(life);
        const gate = await openGate(database);
        return { place, gate, sql: await behindGate(database, gate), close: async () => {} };
      },
      isClosed: (error) => {
        const isClosed = error instanceof ShardClosed;
        if (isClosed) this.#count('write fenced');
        return isClosed;
      },
      world: this.#world,
      pause: (ms) => this.#ask(life, () => this.#world.advance(ms)),
      patienceMs: 500,
    });
    this.#processes[index] = { life, follower };
  }

  #restart(): void {
    const index = Math.floor(this.#world.random() * processesMax);
    const { life } = this.#processes[index] ?? {};
    if (life === undefined) return;
    this.#end(life);
    this.#count('process died');
    this.#startProcess(index);
  }

  /** Its calls under way either got through or did not; nobody hears of it, and its connections are gone. */
  #end(life: Life): void {
    life.isOver = true;
    for (const call of this.#calls.filter((one) => one.life === life))
      if (call.isReady() && this.#world.random() < 0.5) call.run(undefined);
    this.#calls = this.#calls.filter((one) => one.life !== life);
    for (const database of this.#databases.values()) database.forget(life);
    this.#movers = this.#movers.filter((one) => one !== life);
  }

  #killMover(): void {
    const life = this.#one(this.#movers);
    if (life === undefined) return;
    this.#end(life);
    this.#count('mover died');
  }

  #freeze(): void {
    const life = this.#one([...this.#movers, ...this.#processes.map((process) => process.life)]);
    if (life === undefined) return;
    life.isFrozen = !life.isFrozen;
    if (life.isFrozen) this.#count(life.name.startsWith('mover') ? 'mover frozen' : 'process frozen');
  }

  #send(): void {
    const known = this.#one(this.#sent);
    const kind = this.#world.random();
    const index = Math.floor(this.#world.random() * processesMax);
    if (known !== undefined && kind < 0.2) {
      this.#give(known, index);
      return;
    }
    const order = known !== undefined && kind < 0.6 ? known.order : `order ${this.#sent.length}`;
    const refund = order === known?.order ? `${order}.${this.#sent.length}` : '';
    const sent: Sent = { order, refund, answer: undefined };
    this.#sent.push(sent);
    this.#give(sent, index);
  }

  #give(sent: Sent, index: number): void {
    const follower = this.#processes[index]?.follower;
    if (follower === undefined) return;
    const attempt = this.#world.id('pay');
    const answered = follower.within(({ sql }) =>
      sent.refund === '' ? pay(sql, sent.order, attempt) : refund(sql, sent.order, sent.refund),
    );
    answered
      .then(async (answer) => {
        // Refunds of what is not paid yet are sent again.
        if (answer === undefined) return;
        sent.answer ??= answer;
        assert.equal(answer, sent.answer, `${sent.order} ${sent.refund} has one answer`);
        await this.#read(follower, sent);
      })
      .catch((error: Error) => {
        if (error instanceof assert.AssertionError) this.#broken ??= error;
        // The client does not know, and may send it again.
        this.#count(error.name === 'ShardMoving' ? 'told to come back' : 'not known to the client');
      });
  }

  /** What was acknowledged before a reading began is in what it reads. */
  async #read(follower: Follower<Placed>, { order }: Sent): Promise<void> {
    const intent = await follower.reading(({ sql }) =>
      sql.transaction((tx) => lockRow(tx, 'intents', order), readOnly),
    );
    assert.ok(intent !== undefined, `${order} is seen by who reads after it was acknowledged`);
    this.#count('read');
  }

  /** A mover of the operator's: it moves wherever, or takes up what is under way. */
  #startMover(): void {
    if (this.#movers.length >= moversMax) return;
    const life = { name: `mover ${this.#happened['move begun'] ?? 0}`, isOver: false, isFrozen: false };
    const { place, move } = this.#directory.row;
    const to = move?.to ?? this.#one(places.filter((one) => one !== place)) ?? 'b';
    const dies = this.#world.random() < 0.3 ? this.#one(moveSteps) : undefined;
    this.#movers.push(life);
    this.#count(move === undefined ? 'move begun' : 'move taken up');
    this.#move(life, place, to, move !== undefined, dies)
      .then(
        () => this.#count('move done'),
        (error: Error) => {
          this.#count(/another mover works/.test(error.message) ? 'mover fenced' : `move ended: ${error.name}`);
          if (error instanceof assert.AssertionError) this.#broken ??= error;
        },
      )
      .finally(() => {
        this.#movers = this.#movers.filter((one) => one !== life);
      });
  }

  async #move(life: Life, from: string, to: string, resume: boolean, dies: MoveStep | undefined): Promise<void> {
    const [source, target] = [this.#at(from).sqlOf(life), this.#at(to).sqlOf(life)];
    const { promise: never } = Promise.withResolvers<void>();
    await moveShard({
      ...{ directory: this.#directoryOf(life), shard: 0, from, to, resume, world: this.#world },
      source: await openGate(source),
      target: await openGate(target),
      copy: sqlShardCopy({ source, target, migrate: async () => {}, apart: [] }, copyRowsSimulated),
      at: (step) => {
        if (step !== dies) return Promise.resolve();
        this.#end(life);
        this.#count(`mover died before it could ${step}`);
        return never;
      },
    });
    await copyRowsSimulated.unwatch(source, shardTables);
  }

  /** What the command `undo` does. */
  #startUndo(): void {
    const life = { name: 'operator', isOver: false, isFrozen: false };
    const { place } = this.#directory.row;
    const source = this.#at(place).sqlOf(life);
    const directory = this.#directoryOf(life);
    const undo = async () => {
      if (await undoMove(directory, 0, await openGate(source), place)) this.#count('undone by the operator');
      if ((await directory.find(0)).move === undefined) await copyRowsSimulated.unwatch(source, shardTables);
    };
    undo().catch((error: Error) => this.#count(`undo ended: ${error.name}`));
  }

  #directoryOf(life: Life): ShardDirectory {
    const directory = this.#directory;
    return {
      list: () => this.#ask(life, () => [directory.row]),
      find: () => this.#ask(life, () => directory.row),
      begin: (_shard, from, move, instead) => this.#ask(life, () => directory.begin(from, move, instead)),
      renew: (_shard, id, leaseUntilMs) => this.#ask(life, () => directory.renew(id, leaseUntilMs)),
      flip: (_shard, id) => this.#ask(life, () => directory.flip(id)),
      undo: (_shard, id) => this.#ask(life, () => directory.undo(id)),
      pins: async () => new Map(),
    };
  }
}

const readOnly = { readOnly: true } as const;

async function intentOf(tx: Parameters<typeof lockRow>[0], order: string): Promise<Intent | undefined> {
  const row = await lockRow(tx, 'intents', order);
  return row === undefined ? undefined : (JSON.parse(row) as Intent);
}

/** The attempt is durable before its outcome is: two transactions, as in payments.ts. Gives the attempt that pays. */
async function pay(sql: Sql, order: string, attempt: string): Promise<string> {
  const paying = await sql.transaction(async (tx) => {
    const known = await intentOf(tx, order);
    if (known !== undefined) return known.attempt;
    await putRow(tx, 'attempts', attempt, JSON.stringify({ order, status: 'processing' }));
    await putRow(tx, 'intents', order, JSON.stringify({ attempt, captured: 0, refunded: 0 }));
    return attempt;
  });
  await sql.transaction(async (tx) => {
    const intent = await intentOf(tx, order);
    // The shard was moved away and what it left here is being cleared: a fault to the caller, and nothing was written.
    if (intent === undefined) throw new Error(`${order} is not here`);
    if (intent.captured > 0) return;
    await putRow(tx, 'attempts', intent.attempt, JSON.stringify({ order, status: 'succeeded' }));
    await putRow(tx, 'intents', order, JSON.stringify({ ...intent, captured: price }));
    await putRow(tx, 'outbox', order, 'PaymentSucceeded');
  });
  // The relay takes away what was told.
  await sql.transaction((tx) => putRow(tx, 'outbox', order, undefined));
  return paying;
}

/** Undefined when there is nothing to refund yet. */
function refund(sql: Sql, order: string, id: string): Promise<'succeeded' | 'refused' | undefined> {
  return sql.transaction(async (tx) => {
    const intent = await intentOf(tx, order);
    if (intent === undefined || intent.captured === 0) return undefined;
    if ((await lockRow(tx, 'refunds', id)) !== undefined) return 'succeeded';
    if (intent.refunded + refunded > intent.captured) return 'refused';
    await putRow(tx, 'refunds', id, order);
    await putRow(tx, 'intents', order, JSON.stringify({ ...intent, refunded: intent.refunded + refunded }));
    return 'succeeded';
  });
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
