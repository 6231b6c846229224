/**
 * Payments in many shards, put together: for each a whole service of payments over a database of its own, found by the
 * order, the buyer, or what an id says.
 *
 * A shard has intents and all below them, mandates, the inbox of webhooks, the outbox, the keys of calls and the decisions
 * about its payments. The service's own database has the directory and what is of no shard: the rules of risk and of routing,
 * blocks, what is counted of payers (who tries many cards goes over many orders), the list of the providers' reports, and the
 * sandbox, which plays another company. Shard 0 begins there.
 */
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { Refusal } from '@suuupra/platform/rpc/rpc';
import { isNoting } from '@suuupra/platform/shards/copy-sql';
import { openShardDatabase } from '@suuupra/platform/shards/database';
import type { ShardDirectory } from '@suuupra/platform/shards/directory';
import { openShardDirectory } from '@suuupra/platform/shards/directory-sql';
import { Follower, type PlacedShard, ShardMoving } from '@suuupra/platform/shards/follower';
import { ShardClosed } from '@suuupra/platform/shards/gate';
import { behindGate, openGate } from '@suuupra/platform/shards/gate-sql';
import { firstPlace, type ShardSettings } from '@suuupra/platform/shards/places';
import { openOneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import { migrateService, prepareServiceDatabase, pruneServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import { startRelay } from '@suuupra/platform/stream/outbox-relay';
import { sqlOutbox } from '@suuupra/platform/stream/outbox-sql';
import type { Stream } from '@suuupra/platform/stream/stream';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { type PaymentsStores, paymentsMigrations, paymentsStores } from './adapters.ts';
import { mergePages, type PaymentsDoor, type Work } from './door.ts';
import type { MandateStore } from './mandate-store.ts';
import type { Provider, ProviderEvent } from './provider.ts';
import type { RiskStore } from './risk-store.ts';
import { pinOfBuyer, pinOfTime, type ShardKeys, shardKeys, worldOfShard } from './shard-key.ts';
import type { PaymentsSurroundings } from './surroundings.ts';
import { sweepOf } from './sweep.ts';
import { receiveWebhook } from './webhooks.ts';

const watchEveryMs = 30_000;
/** The loops look at least this often for what other processes have left. */
const idleMsMax = 30_000;
const pruneEveryMs = 3_600_000;
/** An id may be from a clock that goes so much ahead of ours. */
const clockMarginMs = 300_000;
/** Shards that are asked side by side. */
const askedAtOnce = 8;
const retryAfterSeconds = 2;

/** What is the same in every shard. */
export type ShardedSurroundings = Pick<
  PaymentsSurroundings,
  'log' | 'orders' | 'providers' | 'riskSecret' | 'methodSecret' | 'count'
> & { publishIn(tx: SqlTransaction): Publish };

export interface ShardsParts {
  /** The service's own database. */
  readonly own: Sql;
  readonly settings: ShardSettings;
  readonly stream: Pick<Stream, 'append' | 'system'>;
  readonly world: World;
  readonly telemetry: Telemetry;
  readonly surroundings: ShardedSurroundings;
  readonly patienceMs?: number;
}

/** The payments of a shard on a place. */
interface PaymentsShard extends PlacedShard {
  readonly payments: PaymentsSurroundings;
  readonly sweep: () => Promise<number | undefined>;
}

export interface PaymentsShards {
  readonly door: PaymentsDoor;
  readonly keys: ShardKeys;
  begin(): void;
  /** Says in the metrics which shards are being moved and which note what changes; `begin` has it done now and then. */
  watch(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens the directory, and makes it where there is none. Throws ConfigError for another number of shards than it has. */
export async function openShards(parts: ShardsParts): Promise<PaymentsShards> {
  const directory = await openDirectory(parts.own, parts.settings, parts.world.now());
  const keys = shardKeys(parts.settings.count, await directory.pins());
  return new Shards(parts, directory, keys);
}

export function openDirectory(own: Sql, settings: ShardSettings, nowMs: number): Promise<ShardDirectory> {
  return openShardDirectory(own, {
    shards: settings.count,
    placeOf: (shard) => firstPlace(shard, settings),
    pinned: () => pinsOf(own, nowMs),
  });
}

/** What was here before there were shards stays where it is. */
async function pinsOf(own: Sql, nowMs: number): Promise<readonly string[]> {
  const [made] = await own.query('SELECT order_id FROM intents LIMIT 1');
  const buyers = await own.query<{ buyer_id: string }>('SELECT DISTINCT buyer_id FROM mandates');
  if (made === undefined && buyers.length === 0) return [];
  return [pinOfTime(nowMs + clockMarginMs), ...buyers.map(({ buyer_id }) => pinOfBuyer(buyer_id))];
}

/** The tables of a shard and of what it tells. */
export async function migrateShard(sql: Sql): Promise<void> {
  await prepareServiceDatabase(sql);
  await migrateService(sql, { name: 'payments', migrations: paymentsMigrations });
}

/** A sweep, and what has to be swept in a database that is none of the platform's. */
function sweepOfShard(payments: PaymentsSurroundings, sql: Sql, isHome: boolean): PaymentsShard['sweep'] {
  const sweep = sweepOf(payments);
  let prunedAtMs = payments.world.now();
  return async () => {
    if (!isHome && payments.world.now() - prunedAtMs > pruneEveryMs) {
      await pruneServiceDatabase(sql);
      prunedAtMs = payments.world.now();
    }
    return sweep();
  };
}

class Shards implements PaymentsShards {
  readonly keys: ShardKeys;
  readonly door: PaymentsDoor;
  readonly #parts: ShardsParts;
  readonly #followers: readonly Follower<PaymentsShard>[];
  readonly #directory: ShardDirectory;
  #loops: readonly Loop[] = [];
  #watching: Loop | undefined;

  constructor(parts: ShardsParts, directory: ShardDirectory, keys: ShardKeys) {
    this.#parts = parts;
    this.keys = keys;
    this.#directory = directory;
    const { world, patienceMs } = parts;
    this.#followers = Array.from(
      { length: keys.count },
      (_, shard) =>
        new Follower<PaymentsShard>({
          ...{ shard, directory, world },
          ...(patienceMs === undefined ? {} : { patienceMs }),
          open: (number, place) => this.#open(number, place),
          isClosed: (error) => error instanceof ShardClosed,
        }),
    );
    this.door = this.#doorOf();
  }

  begin(): void {
    this.#watching = startLoop({
      round: async () => {
        await this.watch();
        return undefined;
      },
      now: this.#parts.world.now,
      idleMsMax: watchEveryMs,
      failed: (error) => this.#parts.telemetry.log.warn('the shards of payments could not be looked at', { error }),
    });
    this.#loops = this.#followers.map((follower) =>
      startLoop({
        round: () => follower.within(({ sweep }) => sweep()),
        now: this.#parts.world.now,
        idleMsMax,
        failed: (error) =>
          this.#parts.telemetry.log.error('the sweep of payments failed', { error, shard: follower.shard }),
      }),
    );
  }

  async watch(): Promise<void> {
    const { telemetry } = this.#parts;
    const moving = telemetry.gauge('suuupra_payments_shard_moving', '1 while a move is registered', ['shard']);
    const noting = telemetry.gauge('suuupra_payments_shard_noting', '1 while changes are noted for a move', ['shard']);
    for (const { shard, move } of await this.#directory.list()) {
      moving.set({ shard: String(shard) }, move === undefined ? 0 : 1);
      const { payments } = await this.#of(shard).placed();
      noting.set({ shard: String(shard) }, (await isNoting(payments.sql)) ? 1 : 0);
    }
  }

  async stop(): Promise<void> {
    await this.#watching?.stop();
    await Promise.all(this.#loops.map((loop) => loop.stop()));
    await Promise.all(this.#followers.map((follower) => follower.close()));
  }

  async #open(shard: number, place: string): Promise<PaymentsShard> {
    const { own, settings, stream, telemetry } = this.#parts;
    const database = await openShardDatabase({ own, settings, migrate: migrateShard }, shard, place);
    const gate = await openGate(database.sql);
    const sql = await behindGate(database.sql, gate);
    // What is told of the service's own database is brought by the service's own relay.
    const relay = database.isHome ? undefined : startRelay({ outbox: sqlOutbox(database.sql), stream, telemetry });
    const payments = this.#surroundingsOf(shard, sql, database.isHome, () => relay?.nudge());
    return {
      place,
      gate,
      payments,
      sweep: sweepOfShard(payments, sql, database.isHome),
      close: async () => {
        await payments.running.close();
        await relay?.stop();
        await database.close();
      },
    };
  }

  #surroundingsOf(shard: number, sql: Sql, isHome: boolean, told: () => void): PaymentsSurroundings {
    const { own, world, surroundings } = this.#parts;
    const { providers, publishIn } = surroundings;
    const [first, ...others] = providers;
    const fetched = shard === 0 ? (provider: Provider) => provider : withoutReports;
    return {
      ...surroundings,
      ...storesOf({ own, sql, isHome, mandates: (id) => this.#mandateElsewhere(shard, id) }),
      sql,
      providers: [fetched(first), ...others.map(fetched)],
      world: worldOfShard(world, shard),
      publishIn: (tx) => {
        tx.afterCommit(told);
        return publishIn(tx);
      },
      nudge: () => this.#loops[shard]?.nudge(),
      running: openOneAtATime(sql),
      ...(shard === 0 ? { forward: (webhook, event) => this.#forward(webhook, event) } : {}),
    };
  }

  /** The mandate of another shard, for a charge of an order of this one. */
  async #mandateElsewhere(
    shard: number,
    id: string,
  ): Promise<{ readonly found: Awaited<ReturnType<MandateStore['find']>> } | undefined> {
    const there = this.keys.ofId(id);
    const follower = there === undefined || there === shard ? undefined : this.#followers[there];
    if (follower === undefined) return undefined;
    return { found: await follower.reading(({ payments }) => payments.mandates.find(payments.sql, id)) };
  }

  readonly #forward: NonNullable<PaymentsSurroundings['forward']> = async (webhook, event) => {
    const shard = await this.#shardOf(webhook.provider, event);
    if (shard === undefined || shard === 0) return false;
    await this.#of(shard).within(async ({ payments }) => {
      await payments.store.keepWebhook(payments.sql, webhook, payments.world.now());
      payments.nudge();
    });
    return true;
  };

  #of(shard: number): Follower<PaymentsShard> {
    const follower = this.#followers[shard];
    if (follower === undefined) throw new RangeError(`there is no shard ${shard}`);
    return follower;
  }

  #doorOf(): PaymentsDoor {
    const call = <T>(shard: number, work: Work<T>) => unavailableWhileMoving(() => this.#call(shard, work));
    const each = <T>(work: Work<T>) => unavailableWhileMoving(() => this.#each(work));
    return {
      ofOrder: (orderId, work) => call(this.keys.ofOrder(orderId), work),
      ofId: (id, work) => call(this.keys.ofId(id) ?? 0, work),
      ofBuyer: (userId, work) => call(this.keys.ofBuyer(userId), work),
      ofAll: (work) => call(0, work),
      each,
      list: async (orderId, request, listed, work) => {
        if (orderId !== '') return call(this.keys.ofOrder(orderId), work);
        const pages = await each(work);
        if (pages instanceof Refusal) return pages;
        const refused = pages.find((page) => page instanceof Refusal);
        if (refused !== undefined) return refused;
        return mergePages(
          request,
          listed,
          pages.flatMap((page) => (page instanceof Refusal ? [] : [page])),
        );
      },
      receive: async (name, headers, body) => {
        const shard = await this.#shardOfBytes(name, headers, body);
        return this.#of(shard).within(({ payments }) => receiveWebhook(payments, name, headers, body));
      },
    };
  }

  /** What it gives was so at a place that was open then, or is the shard's still. */
  #call<T>(shard: number, work: Work<T>): Promise<T> {
    const follower = this.#of(shard);
    return follower.within(() => follower.reading(({ payments }) => work(payments)));
  }

  async #each<T>(work: Work<T>): Promise<readonly T[]> {
    const found: T[] = [];
    for (let from = 0; from < this.keys.count; from += askedAtOnce) {
      const some = this.#followers.slice(from, from + askedAtOnce);
      found.push(...(await Promise.all(some.map(({ shard }) => this.#call(shard, work)))));
    }
    return found;
  }

  /** Where a webhook is kept: with what it is about, else in shard 0, which asks again when it applies it. */
  async #shardOfBytes(
    name: string,
    headers: Parameters<PaymentsDoor['receive']>[1],
    body: Uint8Array,
  ): Promise<number> {
    const provider = this.#parts.surroundings.providers.find((each) => each.name === name);
    if (provider?.verifyWebhook(headers, body) === undefined) return 0;
    try {
      return (await this.#shardOf(name, provider.readEvent(body))) ?? 0;
    } catch (error) {
      this.#parts.telemetry.log.warn('the shard of a webhook is not known yet', { provider: name, error });
      return 0;
    }
  }

  /** By the id of ours that it says, else by asking every shard whether it knows it. */
  async #shardOf(provider: string, event: ProviderEvent): Promise<number | undefined> {
    if (event.type === 'other') return 0;
    const said = 'attemptId' in event ? event.attemptId : 'mandateId' in event ? event.mandateId : '';
    const named = this.keys.ofId(said);
    if (named !== undefined) return named;
    const known = await this.#each((payments) => knows(payments, provider, event));
    const shard = known.indexOf(true);
    return shard < 0 ? undefined : shard;
  }
}

async function knows(
  { sql, store, mandates }: PaymentsSurroundings,
  provider: string,
  event: Exclude<ProviderEvent, { readonly type: 'other' }>,
): Promise<boolean> {
  const reference = event.reference ?? '';
  switch (event.type) {
    case 'payment':
    case 'dispute':
      if (event.attemptId !== '') return (await store.findAttempt(sql, event.attemptId)) !== undefined;
      return reference !== '' && (await store.findAttemptByReference(sql, provider, reference)) !== undefined;
    case 'refund':
      if (event.refundId !== '') return (await store.findRefund(sql, event.refundId)) !== undefined;
      return reference !== '' && (await store.findRefundByReference(sql, provider, reference)) !== undefined;
    case 'capture':
      return (await store.findCapture(sql, event.captureId)) !== undefined;
    case 'increment':
      return (await store.findIncrement(sql, event.incrementId)) !== undefined;
    case 'mandate':
      if (event.mandateId !== '') return (await mandates.find(sql, event.mandateId)) !== undefined;
      return reference !== '' && (await mandates.findByReference(sql, provider, reference)) !== undefined;
  }
}

/** A shard that is being moved refuses, for a moment, what it cannot take. */
async function unavailableWhileMoving<T>(work: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ShardMoving)) throw error;
    const detail = 'These payments are being moved; send it again in a moment, with the same idempotency key.';
    return new Refusal('unavailable', detail, [], retryAfterSeconds);
  }
}

/** Reports of a provider are learnt of once for all shards. */
function withoutReports(provider: Provider): Provider {
  return { ...provider, listReports: async () => [] };
}

interface StoresParts {
  readonly own: Sql;
  readonly sql: Sql;
  readonly isHome: boolean;
  /** Undefined for one that is here. */
  readonly mandates: (id: string) => Promise<{ readonly found: Awaited<ReturnType<MandateStore['find']>> } | undefined>;
}

/** The shard's tables, and in the service's own database those of no shard. */
function storesOf({ own, sql, isHome, mandates }: StoresParts): Omit<PaymentsStores, 'sandbox'> {
  const here = paymentsStores(sql);
  const global = paymentsStores(own);
  return {
    store: {
      ...here.store,
      keepReport: (_executor, provider, report) => global.store.keepReport(own, provider, report),
      lastReport: (_executor, provider) => global.store.lastReport(own, provider),
      listReports: (_executor, afterPosition, limit) => global.store.listReports(own, afterPosition, limit),
      findReport: (_executor, position) => global.store.findReport(own, position),
    },
    mandates: {
      ...here.mandates,
      find: async (executor, id) => {
        const there = await mandates(id);
        return there === undefined ? here.mandates.find(executor, id) : there.found;
      },
    },
    risk: isHome ? here.risk : riskOf(here.risk, global.risk, own),
    routing: {
      ...here.routing,
      rules: () => global.routing.rules(own),
      putRules: (_executor, rules, by) => global.routing.putRules(own, rules, by),
    },
  };
}

/** Counts of payers are of all shards; an attempt that is rolled back after it was counted stays counted. */
function riskOf(here: RiskStore, global: RiskStore, own: Sql): RiskStore {
  return {
    ...here,
    rules: () => global.rules(own),
    putRule: (_executor, rule) => global.putRule(own, rule),
    deleteRule: (_executor, name) => global.deleteRule(own, name),
    addBlock: (_executor, block) => global.addBlock(own, block),
    removeBlock: (_executor, id) => global.removeBlock(own, id),
    listBlocks: (_executor, after, limit) => global.listBlocks(own, after, limit),
    blocksOf: (_executor, signals, nowMs) => global.blocksOf(own, signals, nowMs),
    scoring: () => global.scoring(own),
    putScoring: (_executor, scoring, by) => global.putScoring(own, scoring, by),
    counts: (_executor, wanted) => global.counts(own, wanted),
    amounts: (_executor, customerHash, currency, limit) => global.amounts(own, customerHash, currency, limit),
    keepSignals: (_tx, attemptId, signals, paid, atMs) =>
      own.transaction((tx) => global.keepSignals(tx, attemptId, signals, paid, atMs)),
    markFailed: (_tx, attemptId) => own.transaction((tx) => global.markFailed(tx, attemptId)),
    signalsOf: (_executor, attemptId) => global.signalsOf(own, attemptId),
    pruneSignals: (_executor, beforeMs, limit) => global.pruneSignals(own, beforeMs, limit),
  };
}
