/** The payments service on a bench: real PostgreSQL, the real sandbox, a clock that tests move, orders that tests name. */
import { fileURLToPath } from 'node:url';
import { create, type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { GetOrderForPaymentResponseSchema, OrderStatus } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  CancelIntentRequestSchema,
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
import { prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql } from '@suuupra/platform/sql/sql';
import { outboxPublisher } from '@suuupra/platform/stream/outbox';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { realWorld, type World } from '@suuupra/platform/world';
import { cancelIntent, confirmPayment, createPayment, getPayment } from './payments.ts';
import type { Provider } from './provider.ts';
import { openSandbox, type Sandbox } from './provider-sandbox.ts';
import { refundPayment } from './refunds.ts';
import { postgresStore } from './store-postgres.ts';
import type { PaymentsSurroundings } from './surroundings.ts';
import { sweepOf } from './sweep.ts';
import { receiveWebhook } from './webhooks.ts';

export const buyer = 'usr_asha';
export const secrets: [Uint8Array, Uint8Array] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

export interface BenchOptions {
  /** A database to take over, as a process that starts again would. */
  readonly databaseUrl?: string;
  /** Another process on the same database, and on its connections. */
  readonly beside?: Pick<Bench, 'sql' | 'databaseUrl'>;
  /** Milliseconds that this bench's clock is ahead. */
  readonly aheadMs?: number;
  /** Puts something between us and the sandbox. */
  readonly between?: (sandbox: Sandbox) => Provider;
  /** Webhooks go nowhere unless the test hands them over. */
  readonly withoutWebhooks?: boolean;
  /** Puts something between the service, sandbox included, and the database. */
  readonly database?: (sql: Sql) => Sql;
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
  /** Does everything that is due at the clock's time. */
  settle(): Promise<void>;
  /** Runs the real loops, as a started service does. */
  begin(): void;
  pay(orderId: string, token: string, options?: PayOptions): Promise<Payment | Refusal>;
  confirm(paymentId: string, response: string): Promise<Payment | Refusal>;
  payment(paymentId: string): Promise<Payment>;
  refund(refundId: string, orderId: string, amountMinor: bigint): Promise<string>;
  cancel(orderId: string): Promise<Refusal | undefined>;
  published<D extends DescMessage>(schema: D): Promise<MessageShape<D>[]>;
  /** Resolves with the first event of the kind about the order. */
  told<D extends DescMessage>(schema: D, orderId: string): Promise<MessageShape<D>>;
  close(): Promise<void>;
}

export interface PayOptions {
  readonly key?: string;
  readonly type?: MethodType;
  readonly userId?: string;
}

/** Orders by their id: `<anything>_usd_…` is in dollars, `gone_…` is cancelled; all cost 499.00 and are the buyer's. */
export const amountMinor = 49_900n;

function orderForPayment(orderId: string, world: World) {
  if (orderId.startsWith('nobody')) return refuse('not_found', 'There is no such order.');
  return create(GetOrderForPaymentResponseSchema, {
    orderId,
    buyerId: buyer,
    status: orderId.startsWith('gone') ? OrderStatus.CANCELLED : OrderStatus.AWAITING_PAYMENT,
    total: { currency: orderId.includes('_usd_') ? 'USD' : 'INR', amountMinor },
    expiresAt: timestampFromMs(orderId.startsWith('late') ? world.now() - 1 : world.now() + 1_800_000),
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
  const world: World = { ...realWorld(), now: () => Date.now() + aheadMs };
  const process = openProcess(options, plain, world);
  const { surroundings, sandbox, sweep, loops, logged } = process;
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
    settle: async () => {
      for (;;) {
        const next = [await sandbox.round(), await sweep()].filter((dueAtMs) => dueAtMs !== undefined);
        if (next.every((dueAtMs) => dueAtMs > world.now())) return;
      }
    },
    begin: () => {
      const failed = (error: unknown) => logged.push(String(error));
      for (const round of [sandbox.round, sweep])
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
      if (options.beside === undefined) await plain.close();
    },
  };
}

async function openDatabase(given: string | undefined): Promise<{ sql: Sql; databaseUrl: string }> {
  const databaseUrl = given ?? (await freshDatabaseUrl());
  const sql = await openTestSql(databaseUrl);
  await prepareServiceDatabase(sql);
  await sql.migrate(fileURLToPath(new URL('../migrations/', import.meta.url)));
  return { sql, databaseUrl };
}

/** What service.ts puts together, with the test's clock, orders and loops. */
function openProcess(options: BenchOptions, plain: Sql, world: World) {
  const sql = options.database?.(plain) ?? plain;
  const sent: { headers: Record<string, string>; body: Uint8Array }[] = [];
  const logged: string[] = [];
  const loops: Loop[] = [];
  const waiting = new Set<() => void>();
  const nudge = () => {
    for (const loop of loops) loop.nudge();
  };
  const notify = () => {
    for (const wake of waiting) wake();
  };
  const sandbox = openSandbox({
    sql,
    world,
    publicUrl: 'http://school.test',
    secrets,
    deliver: async (headers, body) => {
      sent.push({ headers, body });
      if (options.withoutWebhooks === true) return 200;
      return (await receiveWebhook(surroundings, 'sandbox', headers, body)).status;
    },
    nudge,
  });
  const surroundings: PaymentsSurroundings = {
    sql,
    store: postgresStore,
    world,
    log: logTo(logged),
    orders: { getOrderForPayment: async (request) => orderForPayment(request.orderId ?? '', world) },
    provider: options.between?.(sandbox) ?? sandbox,
    publishIn: (tx) => outboxPublisher(tx, { owner: 'payments', world, notify }),
    count: () => {},
    nudge,
    running: new Set(),
  };
  return { surroundings, sandbox, sweep: sweepOf(surroundings), sent, logged, loops, waiting };
}

type Calls = Pick<Bench, 'pay' | 'confirm' | 'payment' | 'refund' | 'cancel'>;

/** The operations as the rpc layer calls them, in the words of the tests. */
function callsOf(surroundings: PaymentsSurroundings): Calls {
  return {
    pay: async (orderId, token, { key = realWorld().id('key'), type = MethodType.CARD, userId = buyer } = {}) => {
      const request = create(CreatePaymentRequestSchema, { orderId, method: { type, token } });
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
    cancel: async (orderId) => {
      const request = create(CancelIntentRequestSchema, { orderId, because: 'buyer' });
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
