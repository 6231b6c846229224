/**
 * Sales by course and day: a projection that follows the events of orders a moment behind them. Its place in them is
 * written with what it made of them, so nothing is counted twice or left out. It is built anew beside the one that serves,
 * and takes its place when it is verified.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ListSalesRequest, ListSalesResponseSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/quotes_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, hasRole, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import {
  retrying,
  type Sql,
  type SqlExecutor,
  type SqlRow,
  type SqlTransaction,
  type SqlValue,
} from '@suuupra/platform/sql/sql';
import type { OrdersSurroundings } from './change.ts';
import { type FedEvent, type FeedPlace, feedLag, readFeed } from './event-feed.ts';
import { evolve, type Order } from './order.ts';
import { type SaleChange, salesOf } from './sale.ts';
import { decodeEvent } from './stored-event.ts';

/** Raise it with every change of `salesOf`: the projection is then built anew while the old one serves. */
export const salesVersion = 1;
const projectionName = 'sales';
/** Events applied in one transaction. */
const batchMax = 200;
/** The projection follows behind the orders anyway; its lists may be this much older still, and so come from a replica. */
const staleMsMax = 5_000;
/** The lag is counted up to here. */
export const lagMax = 10_000;

interface Generation {
  readonly generation: number;
  readonly version: number;
  readonly isLive: boolean;
  readonly place: FeedPlace;
}

/** Follows the events until there are none to read; gives the number it applied to the live generation. */
export async function followSales(sql: Sql): Promise<number> {
  let applied = 0;
  for (const { generation } of await generations(sql)) {
    for (;;) {
      const count = await retrying(() => applyBatch(sql, generation));
      if (count === undefined) break;
      applied += count;
      if (count < batchMax) break;
    }
  }
  return applied;
}

/** Undefined when another process is applying to the generation. */
async function applyBatch(sql: Sql, generation: number): Promise<number | undefined> {
  return sql.transaction(async (tx) => {
    const [row] = await tx.query<GenerationRow>(
      `SELECT ${generationColumns} FROM feed_projections WHERE name = $1 AND generation = $2 FOR UPDATE SKIP LOCKED`,
      [projectionName, generation],
    );
    if (row === undefined) return undefined;
    const fed = await readFeed(tx, generationFrom(row).place, batchMax);
    const last = fed.at(-1);
    if (last === undefined) return 0;
    for (const one of fed) for (const change of await changesOf(tx, one)) await addSale(tx, generation, change);
    await tx.execute(
      'UPDATE feed_projections SET xid = $3::text::xid8, position = $4 WHERE name = $1 AND generation = $2',
      [projectionName, generation, last.place.xid, last.place.position],
    );
    return fed.length;
  });
}

async function changesOf(tx: SqlExecutor, { orderId, version, event }: FedEvent): Promise<SaleChange[]> {
  if (event.type !== 'OrderPaid' && event.type !== 'RefundSucceeded') return [];
  const rows = await tx.query<{ type: string; data: unknown }>(
    'SELECT type, data FROM order_events WHERE stream_id = $1 AND version <= $2 ORDER BY version',
    [orderId, version],
  );
  let order: Order | undefined;
  for (const row of rows) order = evolve(order, decodeEvent(row.type, row.data));
  return order === undefined ? [] : salesOf(order, event);
}

async function addSale(tx: SqlExecutor, generation: number, change: SaleChange): Promise<void> {
  await tx.execute(
    `INSERT INTO sales (generation, course_id, day, currency, instructor_id, title, sold, given_back, gross_minor,
       tax_minor, refunded_minor)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (generation, course_id, day, currency) DO UPDATE SET
       title = EXCLUDED.title, sold = sales.sold + EXCLUDED.sold, given_back = sales.given_back + EXCLUDED.given_back,
       gross_minor = sales.gross_minor + EXCLUDED.gross_minor, tax_minor = sales.tax_minor + EXCLUDED.tax_minor,
       refunded_minor = sales.refunded_minor + EXCLUDED.refunded_minor`,
    [
      generation,
      change.courseId,
      change.day,
      change.currency,
      change.instructorId,
      change.title,
      change.sold,
      change.givenBack,
      change.grossMinor,
      change.taxMinor,
      change.refundedMinor,
    ],
  );
}

interface GenerationRow extends SqlRow {
  generation: number;
  version: number;
  is_live: boolean;
  xid: string;
  position: bigint;
}

const generationColumns = 'generation, version, is_live, xid::text AS xid, position';

function generationFrom(row: GenerationRow): Generation {
  const { generation, version, is_live: isLive, xid, position } = row;
  return { generation, version, isLive, place: { xid, position } };
}

async function generations(executor: SqlExecutor): Promise<Generation[]> {
  const rows = await executor.query<GenerationRow>(
    `SELECT ${generationColumns} FROM feed_projections WHERE name = $1 ORDER BY generation`,
    [projectionName],
  );
  return rows.map(generationFrom);
}

/** The generation to read, made at the first start; and one of this program's version beside it when that is older. */
export async function prepareSales(sql: Sql): Promise<void> {
  await sql.execute(
    `INSERT INTO feed_projections (name, generation, version, is_live) VALUES ($1, 1, $2, true)
     ON CONFLICT DO NOTHING`,
    [projectionName, salesVersion],
  );
  const all = await generations(sql);
  if (all.every((each) => each.version < salesVersion)) await beginRebuild(sql);
}

/** Begins to build the projection anew; the live one serves on. `switchSales` ends it. Gives the new generation. */
export async function beginRebuild(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ generation: number }>(
    `INSERT INTO feed_projections (name, generation, version, is_live)
     SELECT $1, max(generation) + 1, $2, false FROM feed_projections WHERE name = $1 RETURNING generation`,
    [projectionName, salesVersion],
  );
  if (row === undefined) throw new Error('a projection that was never prepared');
  return row.generation;
}

export type Switched = 'nothing_to_switch' | 'behind' | 'differs' | 'switched';

/**
 * Puts the newest generation in the place of the live one, once both have read up to the same place and, when they are of
 * one version of the program, hold the same. A difference keeps the old one and is told.
 */
export async function switchSales(sql: Sql): Promise<Switched> {
  return retrying(() =>
    sql.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM feed_projections WHERE name = $1 ORDER BY generation FOR UPDATE', [projectionName]);
      const all = await generations(tx);
      const live = all.find((each) => each.isLive);
      const next = all.filter((each) => !each.isLive).at(-1);
      if (live === undefined || next === undefined) return 'nothing_to_switch';
      if (live.place.xid !== next.place.xid || live.place.position !== next.place.position) return 'behind';
      if (live.version === next.version && !(await holdsTheSame(tx, live.generation, next.generation)))
        return 'differs';
      await tx.execute('UPDATE feed_projections SET is_live = false WHERE name = $1', [projectionName]);
      await tx.execute('UPDATE feed_projections SET is_live = true WHERE name = $1 AND generation = $2', [
        projectionName,
        next.generation,
      ]);
      await dropOthers(tx, next.generation);
      return 'switched';
    }),
  );
}

async function dropOthers(tx: SqlTransaction, kept: number): Promise<void> {
  await tx.execute('DELETE FROM feed_projections WHERE name = $1 AND generation <> $2', [projectionName, kept]);
  await tx.execute('DELETE FROM sales WHERE generation <> $1', [kept]);
}

async function holdsTheSame(tx: SqlExecutor, a: number, b: number): Promise<boolean> {
  const columns =
    'course_id, day, currency, instructor_id, title, sold, given_back, gross_minor, tax_minor, refunded_minor';
  const differing = await tx.query(
    `(SELECT ${columns} FROM sales WHERE generation = $1 EXCEPT SELECT ${columns} FROM sales WHERE generation = $2)
     UNION ALL
     (SELECT ${columns} FROM sales WHERE generation = $2 EXCEPT SELECT ${columns} FROM sales WHERE generation = $1)
     LIMIT 1`,
    [a, b],
  );
  return differing.length === 0;
}

/** How many events the live generation is behind, counted up to `lagMax`. */
export async function salesLag(sql: Sql): Promise<number> {
  const live = (await generations(sql)).find((each) => each.isLive);
  return live === undefined ? 0 : feedLag(sql, live.place, lagMax);
}

interface SaleRow extends SqlRow {
  course_id: string;
  instructor_id: string;
  title: string;
  day: string;
  currency: string;
  sold: number;
  given_back: number;
  gross_minor: bigint;
  tax_minor: bigint;
  refunded_minor: bigint;
}

/** An instructor sees their own courses, finance all. */
export async function listSales(
  { sql }: OrdersSurroundings,
  request: ListSalesRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof ListSalesResponseSchema> | Refusal> {
  const page = readPage(request, ['text', 'text', 'text'], [request.courseId, request.fromDay, request.untilDay]);
  if (isRefusal(page)) return page;
  for (const field of ['fromDay', 'untilDay'] as const)
    if (request[field] !== '' && !isDay(request[field]))
      return refuse('invalid_request', `${field} is a day as 2026-11-22.`, [
        { field, code: 'bad_format', detail: 'a day as 2026-11-22' },
      ]);
  const values: SqlValue[] = [page.limit + 1, projectionName];
  const given = (value: SqlValue) => `$${values.push(value)}`;
  const conditions = ['generation = (SELECT generation FROM feed_projections WHERE name = $2 AND is_live)'];
  const userId = context.principal.kind === 'user' ? context.principal.userId : '';
  if (!hasRole(context.principal, 'finance')) conditions.push(`instructor_id = ${given(userId)}`);
  if (request.courseId !== '') conditions.push(`course_id = ${given(request.courseId)}`);
  if (request.fromDay !== '') conditions.push(`day >= ${given(request.fromDay)}::text::date`);
  if (request.untilDay !== '') conditions.push(`day <= ${given(request.untilDay)}::text::date`);
  const [day, courseId, currency] = page.after;
  if (day !== undefined && courseId !== undefined && currency !== undefined && isDay(day))
    conditions.push(`(day, course_id, currency) < (${given(day)}::text::date, ${given(courseId)}, ${given(currency)})`);
  const rows = await sql.staleReader(staleMsMax).query<SaleRow>(
    `SELECT course_id, instructor_id, title, day::text AS day, currency, sold, given_back, gross_minor, tax_minor,
       refunded_minor
     FROM sales WHERE ${conditions.join(' AND ')} ORDER BY sales.day DESC, course_id DESC, currency DESC LIMIT $1`,
    values,
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    sales: shown.map(saleMessage),
    nextPageToken:
      rows.length > page.limit && last !== undefined
        ? pageToken([last.day, last.course_id, last.currency], page.filter)
        : '',
  };
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));
}

function saleMessage(row: SaleRow) {
  const money = (amountMinor: bigint) => ({ currency: row.currency, amountMinor });
  return {
    courseId: row.course_id,
    instructorId: row.instructor_id,
    title: row.title,
    day: row.day,
    sold: row.sold,
    givenBack: row.given_back,
    gross: money(row.gross_minor),
    tax: money(row.tax_minor),
    refunded: money(row.refunded_minor),
  };
}
