/** The payments service on a bench: real PostgreSQL, the real sandbox, a clock that tests move, orders that tests name. */

import { randomBytes } from 'node:crypto';
import { create, type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { GetOrderForPaymentResponseSchema, OrderStatus } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  CancelIntentRequestSchema,
  Confirmation,
  ConfirmPaymentRequestSchema,
  CreatePaymentRequestSchema,
  GetPaymentRequestSchema,
  MethodType,
  type Payment,
  PaymentSchema,
  PaymentStatus,
  RefundPaymentRequestSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { openOneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import { migrateService, prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql } from '@suuupra/platform/sql/sql';
import { outboxPublisher } from '@suuupra/platform/stream/outbox';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import { freshDatabaseUrl, openTestSql, testDialect } from '@suuupra/platform/testing';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { realWorld, type World } from '@suuupra/platform/world';
import { paymentsMigrations, paymentsStores } from './adapters.ts';
import { confirmPayment } from './confirmations.ts';
import { cancelIntent, createPayment, getPayment } from './payments.ts';
import type { Provider } from './provider.ts';
import { openSandbox, type Sandbox } from './provider-sandbox.ts';
import { refundPayment } from './refunds.ts';
import { type SandboxSettings, sandboxDefaults } from './sandbox-settings.ts';
import type { PaymentsSurroundings } from './surroundings.ts';
import { sweepOf } from './sweep.ts';
import { applyDueWebhook, receiveWebhook } from './webhooks.ts';

export const buyer = 'usr_asha';
export const secrets: [Uint8Array, Uint8Array] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

/** What the rows' amounts come to. */
export async function minorSum(sql: Sql, table: string, where: string): Promise<bigint> {
  const rows = await sql.query<{ amount_minor: bigint }>(`SELECT amount_minor FROM ${table} WHERE ${where}`);
  return rows.reduce((sum, row) => sum + row.amount_minor, 0n);
}

/** A table of the sandbox's, as the engine of this run names it. */
export function sandboxTable(name: string): string {
  return testDialect === 'mysql' ? `sandbox_${name}` : `sandbox.${name}`;
}

export interface BenchOptions {
  /** A database to take over, as a process that starts again would. */
  readonly databaseUrl?: string;
  /** Another process on the same database, and on its connections. */
  readonly beside?: Pick<Bench, 'sql' | 'databaseUrl'>;
  /** Milliseconds that this bench's clock is ahead. */
  readonly aheadMs?: number;
  /** The clock moves by `advance` alone: nothing depends on how fast the machine is. */
  readonly stillClock?: boolean;
  /** Puts something between us and the sandbox. */
  readonly between?: (sandbox: Sandbox) => Provider;
  /** Other companies that we work with beside the sandboxes. */
  readonly companies?: readonly Provider[];
  /** Webhooks go nowhere unless the test hands them over. */
  readonly withoutWebhooks?: boolean;
  /** Puts something between the service, sandbox included, and the database. */
  readonly database?: (sql: Sql) => Sql;
  /** The sandbox lives faster or slower. */
  readonly settings?: Partial<SandboxSettings>;
}

export interface Bench {
  readonly databaseUrl: string;
  readonly sql: Sql;
  readonly world: World;
  readonly sandbox: Sandbox;
  readonly surroundings: PaymentsSurroundings;
  /** Every webhook that the sandbox has sent. */
  readonly sent: { readonly headers: Record<string, string>; readonly body: Uint8Array }[];
  readonly logged: string[];
  advance(ms: number): void;
  /** The order costs this from now on, as an edit leaves it. */
  price(orderId: string, minor: bigint): void;
  /** Does everything that is due at the clock's time. */
  settle(): Promise<void>;
  /** Applies the webhooks that are due, and does nothing else. */
  hear(): Promise<void>;
  /** Runs the real loops, as a started service does. */
  begin(): void;
  pay(orderId: string, token: string, options?: PayOptions): Promise<Payment | Refusal>;
  confirm(paymentId: string, response: string): Promise<Payment | Refusal>;
  payment(paymentId: string): Promise<Payment>;
  refund(refundId: string, orderId: string, amountMinor: bigint): Promise<string>;
  cancel(orderId: string, because?: string): Promise<Refusal | undefined>;
  published<D extends DescMessage>(schema: D): Promise<MessageShape<D>[]>;
  /** Resolves with the first event of the kind about the order. */
  told<D extends DescMessage>(schema: D, orderId: string): Promise<MessageShape<D>>;
  close(): Promise<void>;
}

export interface PayOptions {
  readonly key?: string;
  readonly type?: MethodType;
  readonly collectMinutes?: number;
  readonly userId?: string;
  /** Made now and confirmed later. */
  readonly later?: boolean;
}

/**
 * Orders by their id: `<anything>_usd_…` is in dollars, `_eur_`, `_jpy_`, `_kwd_` likewise, `_held_` is captured later,
 * `gone_…` is cancelled, `late…` expired and `soon…` expires in a minute; `_low_` costs 2,500 minor units, `_mid_` 9,000, all others 49,900. All are the buyer's.
 */
export const amountMinor = 49_900n;

function currencyOf(orderId: string): string {
  return ['USD', 'EUR', 'JPY', 'KWD'].find((code) => orderId.includes(`_${code.toLowerCase()}_`)) ?? 'INR';
}

function amountOf(orderId: string): bigint {
  if (orderId.includes('_low_')) return 2_500n;
  return orderId.includes('_mid_') ? 9_000n : amountMinor;
}

function lifeMsOf(orderId: string): number {
  if (orderId.startsWith('late')) return -1;
  return orderId.startsWith('soon') ? 60_000 : 1_800_000;
}

function orderForPayment(orderId: string, world: World, prices: ReadonlyMap<string, bigint>) {
  if (orderId.startsWith('nobody')) return refuse('not_found', 'There is no such order.');
  return create(GetOrderForPaymentResponseSchema, {
    orderId,
    buyerId: buyer,
    status: orderId.startsWith('gone') ? OrderStatus.CANCELLED : OrderStatus.AWAITING_PAYMENT,
    total: { currency: currencyOf(orderId), amountMinor: prices.get(orderId) ?? amountOf(orderId) },
    captureMethod: orderId.includes('_held_') ? 'manual' : '',
    expiresAt: timestampFromMs(world.now() + lifeMsOf(orderId)),
    number: 'SU-TEST-0001',
  });
}

export function contextOf(userId: string, key: string): CallContext {
  return {
    principal: userPrincipal(userId),
    requestId: 'req_test',
    traceparent: '',
    signal: new AbortController().signal,
    deadlineAtMs: Number.MAX_SAFE_INTEGER,
    idempotencyKey: key,
    ifMatch: '',
    clientAddress: '',
    userAgent: '',
    answer: {},
  };
}

export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const base = options.beside ?? (await openDatabase(options.databaseUrl));
  const { sql: plain, databaseUrl } = base;
  let aheadMs = options.aheadMs ?? 0;
  const openedMs = Date.now();
  const world: World = {
    ...realWorld(),
    now: () => (options.stillClock === true ? openedMs : Date.now()) + aheadMs,
  };
  const process = openProcess(options, plain, world);
  const { surroundings, sandbox, second, sweep, loops, logged } = process;
  const published: Bench['published'] = async (schema) => {
    const rows = await plain.query<{ envelope: Buffer }>('SELECT envelope FROM outbox ORDER BY id');
    return rows
      .map((row) => fromBinary(EnvelopeSchema, row.envelope))
      .filter((envelope) => envelope.type === schema.typeName)
      .map((envelope) => fromBinary(schema, envelope.data));
  };
  return {
    databaseUrl,
    sql: plain,
    world,
    sandbox,
    surroundings,
    sent: process.sent,
    logged,
    published,
    ...callsOf(surroundings),
    advance: (ms) => {
      aheadMs += ms;
    },
    price: (orderId, minor) => {
      process.prices.set(orderId, minor);
    },
    settle: async () => {
      for (;;) {
        const next = [await sandbox.round(), await second.round(), await sweep()].filter(
          (dueAtMs) => dueAtMs !== undefined,
        );
        if (next.every((dueAtMs) => dueAtMs > world.now())) return;
      }
    },
    hear: async () => {
      while (await applyDueWebhook(surroundings));
    },
    begin: () => {
      const failed = (error: unknown) => logged.push(String(error));
      for (const round of [sandbox.round, second.round, sweep])
        loops.push(startLoop({ round, now: world.now, idleMsMax: 30_000, failed }));
    },
    told: async (schema, orderId) => {
      for (;;) {
        const { promise, resolve } = Promise.withResolvers<void>();
        process.waiting.add(resolve);
        const found = (await published(schema)).find((event) => 'orderId' in event && event.orderId === orderId);
        if (found === undefined) await promise;
        process.waiting.delete(resolve);
        if (found !== undefined) return found;
      }
    },
    close: async () => {
      await Promise.all(loops.map((loop) => loop.stop()));
      await surroundings.running.close();
      if (options.beside === undefined) await plain.close();
    },
  };
}

async function openDatabase(given: string | undefined): Promise<{ sql: Sql; databaseUrl: string }> {
  const copied = given === undefined && testDialect === 'postgres' ? await copyOfTemplate() : undefined;
  const databaseUrl = given ?? copied ?? (await freshDatabaseUrl());
  const sql = await openTestSql(databaseUrl);
  if (copied === undefined) await prepare(sql);
  return { sql, databaseUrl };
}

async function prepare(sql: Sql): Promise<void> {
  await prepareServiceDatabase(sql);
  await migrateService(sql, { name: 'payments', migrations: paymentsMigrations });
  // One buyer pays and fails thousands of times here.
  await sql.execute('UPDATE risk_rules SET enabled = false');
}

/** Made once for the server of this run, by whoever is first: a copy costs a fraction of all the migrations. */
const template = 'test_payments_template';

async function copyOfTemplate(): Promise<string> {
  const admin = await openTestSql(process.env['SUUUPRA_TEST_POSTGRES']);
  try {
    const known = await admin.query(`SELECT 1 FROM pg_database WHERE datname = '${template}'`);
    if (known.length === 0) await makeTemplate(admin);
    const name = `test_${randomBytes(8).toString('hex')}`;
    await admin.execute(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    const url = new URL(process.env['SUUUPRA_TEST_POSTGRES'] ?? '');
    url.pathname = `/${name}`;
    return url.href;
  } finally {
    await admin.close();
  }
}

async function makeTemplate(admin: Sql): Promise<void> {
  const url = await freshDatabaseUrl('postgres');
  const sql = await openTestSql(url);
  await prepare(sql);
  await sql.close();
  const name = new URL(url).pathname.slice(1);
  // Another worker may have been faster: then its template is as good.
  await admin.execute(`ALTER DATABASE ${name} RENAME TO ${template}`).catch((error: unknown) => {
    if (!/already exists|duplicate key/.test(String(error))) throw error;
  });
}

/** What service.ts puts together, with the test's clock, orders and loops. */
function openProcess(options: BenchOptions, plain: Sql, world: World) {
  const sql = options.database?.(plain) ?? plain;
  const { sandbox: sandboxStore, ...stores } = paymentsStores(sql);
  const sent: { headers: Record<string, string>; body: Uint8Array }[] = [];
  const logged: string[] = [];
  const loops: Loop[] = [];
  const prices = new Map<string, bigint>();
  const waiting = new Set<() => void>();
  const nudge = () => {
    for (const loop of loops) loop.nudge();
  };
  const notify = () => {
    for (const wake of waiting) wake();
  };
  const sandboxNamed = (name: string, cardBasisPoints: number) =>
    openSandbox({
      name,
      sql,
      store: sandboxStore,
      world,
      settings: { ...sandboxDefaults, ...options.settings },
      cardBasisPoints,
      publicUrl: 'http://school.test',
      secrets,
      deliver: async (headers, body) => {
        sent.push({ headers, body });
        if (options.withoutWebhooks === true) return 200;
        return (await receiveWebhook(surroundings, name, headers, body)).status;
      },
      nudge,
    });
  const sandbox = sandboxNamed('sandbox', 200);
  const second = sandboxNamed('sandbox_b', 180);
  const surroundings: PaymentsSurroundings = {
    sql,
    ...stores,
    world,
    log: logTo(logged),
    orders: { getOrderForPayment: async (request) => orderForPayment(request.orderId ?? '', world, prices) },
    providers: [options.between?.(sandbox) ?? sandbox, second, ...(options.companies ?? [])],
    riskSecret: Buffer.alloc(32, 3),
    methodSecret: Buffer.alloc(32, 4),
    publishIn: (tx) => outboxPublisher(tx, { owner: 'payments', world, notify }),
    count: () => {},
    nudge,
    running: openOneAtATime(sql),
  };
  return { surroundings, sandbox, second, sweep: sweepOf(surroundings), sent, logged, loops, waiting, prices };
}

type Calls = Pick<Bench, 'pay' | 'confirm' | 'payment' | 'refund' | 'cancel'>;

/** The operations as the rpc layer calls them, in the words of the tests. */
function callsOf(surroundings: PaymentsSurroundings): Calls {
  return {
    pay: async (orderId, token, { key = realWorld().id('key'), userId = buyer, ...options } = {}) => {
      const { type = MethodType.CARD, collectMinutes = 0, later = false } = options;
      const confirmation = later ? Confirmation.LATER : Confirmation.UNSPECIFIED;
      const method = { type, token, collectMinutes };
      const request = create(CreatePaymentRequestSchema, { orderId, method, confirmation });
      return paymentIn(await createPayment(surroundings, request, contextOf(userId, key)));
    },
    confirm: async (id, challengeResponse) => {
      const request = create(ConfirmPaymentRequestSchema, { id, challengeResponse });
      return paymentIn(await confirmPayment(surroundings, request, contextOf(buyer, '')));
    },
    payment: async (id) => {
      const request = create(GetPaymentRequestSchema, { id });
      return paymentOf(paymentIn(await getPayment(surroundings, request, contextOf(buyer, ''))));
    },
    refund: async (refundId, orderId, amount) => {
      const asked = { refundId, orderId, amount: { currency: 'INR', amountMinor: amount }, reason: 'test' };
      const request = create(RefundPaymentRequestSchema, asked);
      const answer = await refundPayment(surroundings, request, contextOf(buyer, ''));
      return isRefusal(answer) ? answer.code : answer.status;
    },
    cancel: async (orderId, because = 'buyer') => {
      const request = create(CancelIntentRequestSchema, { orderId, because });
      const answer = await cancelIntent(surroundings, request);
      return isRefusal(answer) ? answer : undefined;
    },
  };
}

function paymentIn(answer: { payment?: unknown } | Refusal): Payment | Refusal {
  return isRefusal(answer) ? answer : create(PaymentSchema, answer.payment as Payment);
}

function logTo(lines: string[]): Log {
  const write = (message: string, fields?: object) => {
    lines.push(`${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? String(value) : value))}`);
  };
  return { debug: write, info: write, warn: write, error: write };
}

/** `succeeded`, or the code of the refusal. */
export function outcomeOf(answer: Payment | Refusal): string {
  return isRefusal(answer) ? answer.code : statusWord(answer.status);
}

export function statusWord(status: PaymentStatus): string {
  const [name = ''] = Object.entries(PaymentStatus).find(([, number]) => number === status) ?? [];
  return name.toLowerCase();
}

/** The payment, when it is one. */
export function paymentOf(answer: Payment | Refusal): Payment {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code}`);
  return answer;
}
