/**
 * The orders' database: streams of events, the read model beside them, the janitor's timers.
 */
import { type SqlExecutor, SqlFault, type SqlRow, type SqlTransaction, type SqlValue } from '@suuupra/platform/sql/sql';
import { evolve, type Order, type OrderEvent, type OrderStatusWord } from './order.ts';
import { type DetailsView, type LineView, type OrderView, type RefundView, viewOf } from './order-view.ts';
import { decodeEvent, encodeEvent, jsonOf, withAmounts } from './stored-event.ts';

export interface LoadedOrder {
  readonly order: Order;
  readonly version: number;
}

/** The order, folded from its events, with its stream locked until the transaction ends. */
export async function lockOrder(tx: SqlTransaction, orderId: string): Promise<LoadedOrder | undefined> {
  const [row] = await tx.query<{ version: number }>('SELECT version FROM orders WHERE id = $1 FOR UPDATE', [orderId]);
  return row === undefined ? undefined : readStream(tx, orderId, row.version);
}

/** A stream is written down whole each time it has grown by so many events. */
const snapshotEvery = 40;
/** Raise it with every change of what an Order holds: snapshots of another shape are not read. */
const snapshotShape = 2;

/**
 * The order as it is: from its snapshot, if it has one, and the events after. Who knows that the stream has come to a
 * version says so: a short one has no snapshot to look for.
 */
export async function readStream(
  executor: SqlExecutor,
  orderId: string,
  knownVersion = snapshotEvery,
): Promise<LoadedOrder | undefined> {
  const snapshot = knownVersion < snapshotEvery ? undefined : await readSnapshot(executor, orderId);
  const rows = await executor.query<{ version: number; type: string; data: unknown }>(
    'SELECT version, type, data FROM order_events WHERE stream_id = $1 AND version > $2 ORDER BY version',
    [orderId, snapshot?.version ?? 0],
  );
  let order = snapshot?.order;
  for (const row of rows) order = evolve(order, decodeEvent(row.type, row.data));
  return order === undefined ? undefined : { order, version: (snapshot?.version ?? 0) + rows.length };
}

/** The order folded from all of its events, whatever a snapshot says. */
export async function readStreamWhole(executor: SqlExecutor, orderId: string): Promise<LoadedOrder | undefined> {
  const rows = await executor.query<{ type: string; data: unknown }>(
    'SELECT type, data FROM order_events WHERE stream_id = $1 ORDER BY version',
    [orderId],
  );
  let order: Order | undefined;
  for (const row of rows) order = evolve(order, decodeEvent(row.type, row.data));
  return order === undefined ? undefined : { order, version: rows.length };
}

async function readSnapshot(executor: SqlExecutor, orderId: string): Promise<LoadedOrder | undefined> {
  const [row] = await executor.query<{ version: number; data: unknown }>(
    'SELECT version, data FROM order_snapshots WHERE stream_id = $1 AND shape = $2',
    [orderId, snapshotShape],
  );
  return row === undefined ? undefined : { order: withAmounts(row.data) as Order, version: row.version };
}

async function keepSnapshot(tx: SqlExecutor, after: LoadedOrder, firstVersion: number): Promise<void> {
  if (Math.floor(after.version / snapshotEvery) === Math.floor((firstVersion - 1) / snapshotEvery)) return;
  await tx.execute(
    `INSERT INTO order_snapshots (stream_id, version, shape, data) VALUES ($1, $2, $3, $4)
     ON CONFLICT (stream_id) DO UPDATE
     SET version = EXCLUDED.version, shape = EXCLUDED.shape, data = EXCLUDED.data`,
    [after.order.id, after.version, snapshotShape, jsonOf(after.order)],
  );
}

/**
 * Appends events to the stream of the locked (or new) order and brings its row up to date. The primary key refuses a
 * version that exists: nothing is ever written over. Throws `retryable` when somebody else has written that version: the
 * transaction is to begin again, with the order read and the command decided anew.
 */
export async function appendEvents(
  tx: SqlTransaction,
  orderId: string,
  before: LoadedOrder | undefined,
  events: readonly OrderEvent[],
): Promise<LoadedOrder> {
  const firstVersion = (before?.version ?? 0) + 1;
  await retryingRaces(() => insertEvents(tx, orderId, firstVersion, events));
  let order = before?.order;
  for (const event of events) order = evolve(order, event);
  if (order === undefined) throw new Error('a stream of no events');
  const after = { order, version: firstVersion + events.length - 1 };
  await retryingRaces(() => writeView(tx, viewOf(order, after.version)));
  await keepSnapshot(tx, after, firstVersion);
  return after;
}

async function insertEvents(
  tx: SqlTransaction,
  orderId: string,
  firstVersion: number,
  events: readonly OrderEvent[],
): Promise<void> {
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
}

/** A version or a number that somebody else took a moment ago: the transaction has to begin again. */
async function retryingRaces(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const isRace =
      error instanceof SqlFault && ['order_events_pkey', 'orders_number_unique'].includes(error.constraint);
    if (!isRace) throw error;
    throw new SqlFault('retryable', 'another transaction has written this order first', error.constraint, {
      cause: error,
    });
  }
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
  'details',
  'follow_up_at',
] as const;

const upsertView = (
  table: 'orders' | 'orders_next',
) => `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(', ')})
  ON CONFLICT (id) DO UPDATE SET ${columns
    .slice(1)
    .map((column) => `${column} = EXCLUDED.${column}`)
    .join(', ')}`;

export async function writeView(
  tx: SqlExecutor,
  view: OrderView,
  table: 'orders' | 'orders_next' = 'orders',
): Promise<void> {
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
    jsonOf(view.details),
    view.followUpAt,
  ];
  await tx.execute(upsertView(table), values);
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
  details: unknown;
  follow_up_at: Date | null;
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
    details: withAmounts(row.details) as DetailsView,
    followUpAt: row.follow_up_at,
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

/** Those of the courses that the buyer has paid for and not given back, by other orders than `exceptOrderId`. */
export async function ownedCourses(
  executor: SqlExecutor,
  buyerId: string,
  courseIds: readonly string[],
  exceptOrderId = '',
): Promise<ReadonlySet<string>> {
  const rows = await executor.query<{ course_id: string }>(
    `SELECT DISTINCT course_id FROM orders, unnest(owned_course_ids) AS course_id
     WHERE buyer_id = $1 AND owned_course_ids && $2::text[] AND course_id = ANY ($2::text[]) AND id <> $3`,
    [buyerId, courseIds, exceptOrderId],
  );
  return new Set(rows.map((row) => row.course_id));
}

/** Orders of the buyer that wait for a payment. */
export async function openOrders(executor: SqlExecutor, buyerId: string): Promise<OrderView[]> {
  const rows = await executor.query<ViewRow>(
    `SELECT ${columns.join(', ')} FROM orders WHERE buyer_id = $1 AND status = 'awaiting_payment' ORDER BY id`,
    [buyerId],
  );
  return rows.map(viewFrom);
}

/**
 * Taken before anything else by events that may number an invoice or a credit note. They stand in line at the series' row
 * anyway; in a batch of several events, taking turns there after other locks would lock two batches into each other.
 */
export async function lockNumbering(tx: SqlTransaction): Promise<void> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('orders:numbering', 0))");
}

/** What orders of one buyer must not do at once waits for each other until the transaction ends. */
export async function lockBuyerOf(tx: SqlTransaction, orderId: string): Promise<void> {
  await tx.query(
    "SELECT pg_advisory_xact_lock(hashtextextended('orders of ' || buyer_id, 0)) FROM orders WHERE id = $1",
    [orderId],
  );
}

/** Both, in this order and in one statement; neither when there is no such order. */
export async function lockNumberingAndBuyerOf(tx: SqlTransaction, orderId: string): Promise<void> {
  await tx.query(
    `SELECT pg_advisory_xact_lock(hashtextextended('orders:numbering', 0)),
       pg_advisory_xact_lock(hashtextextended('orders of ' || buyer_id, 0)) FROM orders WHERE id = $1`,
    [orderId],
  );
}

/** The order whose refund is made through the payment of another. */
export async function orderOfFundedRefund(executor: SqlExecutor, refundId: string): Promise<string | undefined> {
  const [row] = await executor.query<{ order_id: string }>('SELECT order_id FROM funded_refunds WHERE refund_id = $1', [
    refundId,
  ]);
  return row?.order_id;
}

export async function noteFundedRefund(tx: SqlExecutor, refundId: string, orderId: string): Promise<void> {
  await tx.execute('INSERT INTO funded_refunds (refund_id, order_id) VALUES ($1, $2)', [refundId, orderId]);
}

export type TimerKind = 'expiry' | 'cancel' | 'refund' | 'follow_up' | 'revise';

export interface Timer {
  readonly orderId: string;
  readonly kind: TimerKind;
  /** The refund of a `refund` timer, the edit of a `revise` timer; `superseded` of a `cancel` timer that nobody asked for; else empty. */
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

/** Nothing of the kind is due of the order any more, whatever its subject. */
export async function dropTimers(tx: SqlExecutor, orderId: string, kinds: readonly TimerKind[]): Promise<void> {
  await tx.execute('DELETE FROM order_timers WHERE order_id = $1 AND kind = ANY ($2::text[])', [orderId, kinds]);
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

/**
 * Makes timers of orders whose follow-up is due, put off to `untilMs` as `takeTimers` does, and gives them. An order that
 * has such a timer waits for that: so a purchase writes no timer for what nearly always comes by itself.
 */
export async function takeFollowUps(
  executor: SqlExecutor,
  nowMs: number,
  untilMs: number,
  limit: number,
): Promise<Timer[]> {
  const rows = await executor.query<{ order_id: string }>(
    `INSERT INTO order_timers (order_id, kind, subject, due_at, tries)
     SELECT id, 'follow_up', '', $2, 1 FROM orders WHERE follow_up_at <= $1 AND ${hasNoFollowUpTimer}
     ORDER BY follow_up_at LIMIT $3
     ON CONFLICT DO NOTHING RETURNING order_id`,
    [new Date(nowMs), new Date(untilMs), limit],
  );
  return rows.map((row) => ({ orderId: row.order_id, kind: 'follow_up', subject: '', tries: 1 }));
}

const hasNoFollowUpTimer = `NOT EXISTS (
  SELECT 1 FROM order_timers WHERE order_timers.order_id = orders.id AND kind = 'follow_up' AND subject = '')`;

/** When the first timer or follow-up is due. */
export async function nextTimerMs(executor: SqlExecutor): Promise<number | undefined> {
  const [row] = await executor.query<{ due_at: Date | null }>(
    `SELECT least((SELECT min(due_at) FROM order_timers),
       (SELECT follow_up_at FROM orders WHERE follow_up_at IS NOT NULL AND ${hasNoFollowUpTimer}
        ORDER BY follow_up_at LIMIT 1)) AS due_at`,
  );
  return row?.due_at?.getTime();
}
