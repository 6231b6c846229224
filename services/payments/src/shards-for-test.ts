/** Sharded payments on a bench: processes that share databases, places on the server of this run, the sandbox in its own. */
import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { GetOrderForPaymentResponseSchema, OrderStatus } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  CreatePaymentRequestSchema,
  MethodType,
  RefundPaymentRequestSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { openShardDatabase } from '@suuupra/platform/shards/database';
import type { ShardDirectory } from '@suuupra/platform/shards/directory';
import { openGate } from '@suuupra/platform/shards/gate-sql';
import { type MoveParts, moveShard } from '@suuupra/platform/shards/move';
import type { ShardSettings } from '@suuupra/platform/shards/places';
import { openSql } from '@suuupra/platform/sql/open-sql';
import type { Sql, SqlDialect } from '@suuupra/platform/sql/sql';
import { outboxPublisher } from '@suuupra/platform/stream/outbox';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { realWorld, type World } from '@suuupra/platform/world';
import { paymentsStores } from './adapters.ts';
import { createPayment } from './payments.ts';
import { openSandbox } from './provider-sandbox.ts';
import { refundPayment } from './refunds.ts';
import { sandboxDefaults } from './sandbox-settings.ts';
import { endCopying, paymentsShardCopy } from './shard-copy.ts';
import { migrateShard, openDirectory, openShards, type PaymentsShards } from './shards.ts';
import { buyer, contextOf, secrets } from './testing.ts';

export interface School {
  readonly own: Sql;
  /** Of the own database, for another program. */
  readonly url: string;
  readonly settings: ShardSettings;
  readonly directory: ShardDirectory;
  /** A shard's database on a place, as nobody's process sees it. */
  database(shard: number, place: string): Promise<Sql>;
  startProcess(aheadMs?: number): Promise<ShardedProcess>;
  /** What a mover works with; it can be changed before `moveShard`. */
  moveParts(shard: number, to: string): Promise<MoveParts>;
  move(shard: number, to: string): Promise<void>;
  close(): Promise<void>;
}

export interface ShardedProcess extends PaymentsShards {
  /** The status of the payment, or the code of the refusal. */
  pay(orderId: string, key?: string, token?: string): Promise<{ readonly id: string; readonly status: string }>;
  refund(refundId: string, orderId: string, amountMinor: bigint): Promise<string>;
  /** What it exports, of the kind `name{…} value`. */
  metrics(): Promise<string>;
  /** Does what the sandbox has to do now. */
  sandboxRound(): Promise<void>;
}

/** Every order is the buyer's and costs this. */
export const priceMinor = 10_000n;

const world = realWorld();

/** On a server of its own when the address of an empty database is given. */
export async function openSchool(dialect: SqlDialect, count = 4, given?: string): Promise<School> {
  const url = given ?? (await freshDatabaseUrl(dialect));
  const own = given === undefined ? await openTestSql(url) : await openSql({ url, connectionsMax: 10 });
  await migrateShard(own);
  // One buyer pays hundreds of times here.
  await own.execute('UPDATE risk_rules SET enabled = false');
  const server = new URL(url);
  server.pathname = dialect === 'postgres' ? '/postgres' : '';
  const address = server.href.replace(/\/$/, '');
  const names = `t_${randomBytes(6).toString('hex')}`;
  const settings = { count, names, places: new Map(['a', 'b', 'c'].map((place) => [place, address])) };
  const directory = await openDirectory(own, settings, world.now());
  const closing: (() => Promise<void>)[] = [];
  const database = async (shard: number, place: string) => {
    const opened = await openShardDatabase({ own, settings, migrate: migrateShard }, shard, place);
    closing.push(() => opened.close());
    return opened.sql;
  };
  const moveParts = async (shard: number, to: string): Promise<MoveParts> => {
    const { place: from } = await directory.find(shard);
    const [source, target] = [await database(shard, from), await database(shard, to)];
    return {
      ...{ directory, shard, from, to, world },
      source: await openGate(source),
      target: await openGate(target),
      copy: paymentsShardCopy(source, target),
    };
  };
  return {
    ...{ own, url, settings, directory, database, moveParts },
    startProcess: async (aheadMs = 0) => {
      const started = await startProcess(own, settings, { ...world, now: () => Date.now() + aheadMs });
      closing.push(() => started.stop());
      return started;
    },
    move: async (shard, to) => {
      const { place } = await directory.find(shard);
      await moveShard(await moveParts(shard, to));
      await endCopying(await database(shard, place));
    },
    close: async () => {
      for (const close of closing.splice(0).reverse()) await close();
      await own.close();
    },
  };
}

function orderOf(orderId: string, now: number) {
  return create(GetOrderForPaymentResponseSchema, {
    orderId,
    buyerId: buyer,
    status: OrderStatus.AWAITING_PAYMENT,
    total: { currency: 'INR', amountMinor: priceMinor },
    expiresAt: timestampFromMs(now + 1_800_000),
    number: 'SU-TEST-0001',
  });
}

async function startProcess(own: Sql, settings: ShardSettings, clock: World): Promise<ShardedProcess> {
  const process = openTelemetry({ logLevel: 'error', traceShare: 0, otlpEndpoint: '', logTo: { write: () => {} } });
  const telemetry = process.forService('payments');
  const sandbox = openSandbox({
    ...{ name: 'sandbox', sql: own, store: paymentsStores(own).sandbox, world: clock, settings: sandboxDefaults },
    ...{ cardBasisPoints: 200, publicUrl: 'http://school.test', secrets, nudge: () => {} },
    deliver: async (headers, body) => (await shards.door.receive('sandbox', headers, body)).status,
  });
  const shards: PaymentsShards = await openShards({
    ...{ own, settings, world: clock, telemetry },
    // What is told stays in the outbox, where tests read it.
    stream: { append: () => Promise.reject(new Error('the stream is away')), system: 'suuupra_stream' },
    surroundings: {
      log: telemetry.log,
      orders: { getOrderForPayment: async ({ orderId = '' }) => orderOf(orderId, clock.now()) },
      providers: [sandbox],
      riskSecret: Buffer.alloc(32, 3),
      methodSecret: Buffer.alloc(32, 4),
      count: () => {},
      publishIn: (tx) => outboxPublisher(tx, { owner: 'payments', world: clock, notify: () => {} }),
    },
  });
  return {
    ...{ door: shards.door, keys: shards.keys },
    begin: () => shards.begin(),
    watch: () => shards.watch(),
    metrics: () => process.metricsText(),
    stop: async () => {
      await shards.stop();
      await process.close();
    },
    sandboxRound: async () => void (await sandbox.round()),
    pay: async (orderId, key = world.id('key'), token = 'tok_ok') => {
      const request = create(CreatePaymentRequestSchema, { orderId, method: { type: MethodType.CARD, token } });
      const answer = await shards.door.ofOrder(orderId, (at) => createPayment(at, request, contextOf(buyer, key)));
      if (!('payment' in answer)) return { id: '', status: 'code' in answer ? answer.code : '' };
      return { id: answer.payment?.id ?? '', status: String(answer.payment?.status ?? '') };
    },
    refund: async (refundId, orderId, amountMinor) => {
      const asked = { refundId, orderId, amount: { currency: 'INR', amountMinor }, reason: 'test' };
      const request = create(RefundPaymentRequestSchema, asked);
      const answer = await shards.door.ofOrder(orderId, (at) => refundPayment(at, request, contextOf(buyer, '')));
      return 'code' in answer ? answer.code : answer.status;
    },
  };
}
