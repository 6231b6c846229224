/**
 * The orders' database: streams of events, the read model beside them, the janitor's timers.
 */
import type { SqlExecutor, SqlRow, SqlTransaction, SqlValue } from '@suuupra/platform/sql/sql';
import { evolve, type Order, type OrderEvent, type OrderStatusWord } from './order.ts';
import { type LineView, type OrderView, type RefundView, viewOf } from './order-view.ts';
import { decodeEvent, encodeEvent, jsonOf, withAmounts } from './stored-event.ts';

export interface LoadedOrder {
  readonly order: Order;
  readonly version: number;
}

/** The order, folded from its events, with its stream locked until the transaction ends. */
export async function lockOrder(tx: SqlTransaction, orderId: string): Promise<LoadedOrder | undefined> {
  const [row] = await tx.query('SELECT version FROM orders WHERE id = $1 FOR UPDATE', [orderId]);
  return row === undefined ? undefined : readStream(tx, orderId);
}

export async function readStream(executor: SqlExecutor, orderId: string): Promise<LoadedOrder | undefined> {
  const rows = await executor.query<{ version: number; type: string; data: unknown }>(
    'SELECT version, type, data FROM order_events WHERE stream_id = $1 ORDER BY version',
    [orderId],
  );
  let order: Order | undefined;
  for (const row of rows) order = evolve(order, decodeEvent(row.type, row.data));
  return order === undefined ? undefined : { order, version: rows.length };
}

/**
 * Appends events to the stream of the locked (or new) order and brings its row up to date. The primary key refuses a
 * version that exists: nothing is ever written over.
 */
export async function appendEvents(
  tx: SqlTransaction,
  orderId: string,
  before: LoadedOrder | undefined,
  events: readonly OrderEvent[],
): Promise<LoadedOrder> {
  const firstVersion = (before?.version ?? 0) + 1;
  const stored = events.map(encodeEvent);
  await tx.execute(
    `INSERT INTO order_events (stream_id, version, type, data, at)
     SELECT $1, version, type, data::jsonb, at
     FROM unnest($2::int[], $3::text[], $4::text[], $5::timestamptz[]) AS event (version, type, data, at)`,
    [
      orderId,
      events.map((_, index) => firstVersion + index),
      stored.map((event) => event.type),
      stored.map((event) => event.data),
      events.map((event) => new Date(event.atMs)),
    ],
  );
  let order = before?.order;
  for (const event of events) order = evolve(order, event);
  if (order === undefined) throw new Error('a stream of no events');
  const after = { order, version: firstVersion + events.length - 1 };
  await writeView(tx, viewOf(order, after.version));
  return after;
}

const columns = [
  'id',
  'version',
  'number',
  'buyer_id',
  'status',
  'currency',
  'subtotal_minor',
  'discount_minor',
  'tax_minor',
  'total_minor',
  'refunded_minor',
  'lines',
  'refunds',
  'owned_course_ids',
  'payment_id',
  'cancelled_because',
  'placed_at',
  'paid_at',
  'expires_at',
] as const;

const upsertView = `INSERT INTO orders (${columns.join(', ')}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(', ')})
  ON CONFLICT (id) DO UPDATE SET ${columns
    .slice(1)
    .map((column) => `${column} = EXCLUDED.${column}`)
    .join(', ')}`;

export async function writeView(tx: SqlExecutor, view: OrderView): Promise<void> {
  const values: SqlValue[] = [
    view.id,
    view.version,
    view.number,
    view.buyerId,
    view.status,
    view.currency,
    view.subtotalMinor,
    view.discountMinor,
    view.taxMinor,
    view.totalMinor,
    view.refundedMinor,
    jsonOf(view.lines),
    jsonOf(view.refunds),
    view.ownedCourseIds,
    view.paymentId,
    view.cancelledBecause,
    view.placedAt,
    view.paidAt,
    view.expiresAt,
  ];
  await tx.execute(upsertView, values);
}

interface ViewRow extends SqlRow {
  id: string;
  version: number;
  number: string;
  buyer_id: string;
  status: OrderStatusWord;
  currency: string;
  subtotal_minor: bigint;
  discount_minor: bigint;
  tax_minor: bigint;
  total_minor: bigint;
  refunded_minor: bigint;
  lines: unknown;
  refunds: unknown;
  owned_course_ids: string[];
  payment_id: string;
  cancelled_because: string;
  placed_at: Date;
  paid_at: Date | null;
  expires_at: Date;
}

function viewFrom(row: ViewRow): OrderView {
  return {
    id: row.id,
    version: row.version,
    number: row.number,
    buyerId: row.buyer_id,
    status: row.status,
    currency: row.currency,
    subtotalMinor: row.subtotal_minor,
    discountMinor: row.discount_minor,
    taxMinor: row.tax_minor,
    totalMinor: row.total_minor,
    refundedMinor: row.refunded_minor,
    lines: withAmounts(row.lines) as LineView[],
    refunds: withAmounts(row.refunds) as RefundView[],
    ownedCourseIds: row.owned_course_ids,
    paymentId: row.payment_id,
    cancelledBecause: row.cancelled_because,
    placedAt: row.placed_at,
    paidAt: row.paid_at,
    expiresAt: row.expires_at,
  };
}

export async function findView(executor: SqlExecutor, orderId: string): Promise<OrderView | undefined> {
  const [row] = await executor.query<ViewRow>(`SELECT ${columns.join(', ')} FROM orders WHERE id = $1`, [orderId]);
  return row === undefined ? undefined : viewFrom(row);
}

export interface ListedOrders {
  /** Undefined: everybody's. */
  readonly buyerId?: string | undefined;
  readonly status?: OrderStatusWord | undefined;
  /** Time and id of the last row already given. */
  readonly after?: { readonly placedAt: Date; readonly id: string } | undefined;
  readonly limit: number;
}

/** Newest first. */
export async function listViews(executor: SqlExecutor, wanted: ListedOrders): Promise<OrderView[]> {
  const values: SqlValue[] = [wanted.limit];
  const given = (value: SqlValue) => `$${values.push(value)}`;
  const conditions = ['true'];
  if (wanted.buyerId !== undefined) conditions.push(`buyer_id = ${given(wanted.buyerId)}`);
  if (wanted.status !== undefined) conditions.push(`status = ${given(wanted.status)}`);
  if (wanted.after !== undefined)
    conditions.push(`(placed_at, id) < (${given(wanted.after.placedAt)}, ${given(wanted.after.id)})`);
  const rows = await executor.query<ViewRow>(
    `SELECT ${columns.join(', ')} FROM orders WHERE ${conditions.join(' AND ')}
     ORDER BY placed_at DESC, id DESC LIMIT $1`,
    values,
  );
  return rows.map(viewFrom);
}

/** Those of the courses that the buyer has paid for and not given back. */
export async function ownedCourses(
  executor: SqlExecutor,
  buyerId: string,
  courseIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await executor.query<{ course_id: string }>(
    `SELECT DISTINCT course_id FROM orders, unnest(owned_course_ids) AS course_id
     WHERE buyer_id = $1 AND owned_course_ids && $2::text[] AND course_id = ANY ($2::text[])`,
    [buyerId, courseIds],
  );
  return new Set(rows.map((row) => row.course_id));
}

export type TimerKind = 'expiry' | 'cancel' | 'refund';

export interface Timer {
  readonly orderId: string;
  readonly kind: TimerKind;
  /** The refund of a `refund` timer; else empty. */
  readonly subject: string;
  /** How often it was tried, this time included. */
  readonly tries: number;
}

export async function setTimer(
  tx: SqlExecutor,
  timer: Pick<Timer, 'orderId' | 'kind' | 'subject'>,
  dueAtMs: number,
): Promise<void> {
  await tx.execute(
    `INSERT INTO order_timers (order_id, kind, subject, due_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (order_id, kind, subject) DO UPDATE SET due_at = EXCLUDED.due_at`,
    [timer.orderId, timer.kind, timer.subject, new Date(dueAtMs)],
  );
}

export async function dropTimer(
  tx: SqlExecutor,
  { orderId, kind, subject }: Pick<Timer, 'orderId' | 'kind' | 'subject'>,
): Promise<void> {
  await tx.execute('DELETE FROM order_timers WHERE order_id = $1 AND kind = $2 AND subject = $3', [
    orderId,
    kind,
    subject,
  ]);
}

/** Takes timers that are due and puts them off to `untilMs`, so that nobody else takes them and a crash loses none. */
export async function takeTimers(
  executor: SqlExecutor,
  nowMs: number,
  untilMs: number,
  limit: number,
): Promise<Timer[]> {
  const rows = await executor.query<{ order_id: string; kind: TimerKind; subject: string; tries: number }>(
    `UPDATE order_timers SET due_at = $2, tries = tries + 1
     WHERE (order_id, kind, subject) IN (
       SELECT order_id, kind, subject FROM order_timers WHERE due_at <= $1
       ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING order_id, kind, subject, tries`,
    [new Date(nowMs), new Date(untilMs), limit],
  );
  return rows.map((row) => ({ orderId: row.order_id, kind: row.kind, subject: row.subject, tries: row.tries }));
}

export async function nextTimerMs(executor: SqlExecutor): Promise<number | undefined> {
  const [row] = await executor.query<{ due_at: Date | null }>('SELECT min(due_at) AS due_at FROM order_timers');
  return row?.due_at?.getTime();
}
