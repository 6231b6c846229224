/**
 * The events of all orders in one order that no reader can miss one of: by the transaction that wrote them, then by their
 * position. An event becomes readable when every transaction that began before its own has ended, so what is read is
 * never added to before its last place.
 *
 * Source: PostgreSQL documentation, "Transaction ID and Snapshot Information Functions" (pg_snapshot_xmin).
 */
import type { SqlExecutor } from '@suuupra/platform/sql/sql';
import type { OrderEvent } from './order.ts';
import { decodeEvent } from './stored-event.ts';

/** The last event that was read. */
export interface FeedPlace {
  readonly xid: string;
  readonly position: bigint;
}

export const feedStart: FeedPlace = { xid: '0', position: 0n };

export interface FedEvent {
  readonly orderId: string;
  readonly version: number;
  readonly event: OrderEvent;
  readonly place: FeedPlace;
}

/** The next events after a place, at most `limit`. */
export async function readFeed(executor: SqlExecutor, after: FeedPlace, limit: number): Promise<FedEvent[]> {
  const rows = await executor.query<{
    stream_id: string;
    version: number;
    type: string;
    data: unknown;
    xid: string;
    position: bigint;
  }>(
    `SELECT stream_id, version, type, data, xid::text AS xid, position FROM order_events
     WHERE (xid, position) > ($1::text::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY order_events.xid, position LIMIT $3`,
    [after.xid, after.position, limit],
  );
  return rows.map((row) => ({
    orderId: row.stream_id,
    version: row.version,
    event: decodeEvent(row.type, row.data),
    place: { xid: row.xid, position: row.position },
  }));
}

/** How many events are written and not read yet by a reader at the place, counted up to `countMax`. */
export async function feedLag(executor: SqlExecutor, after: FeedPlace, countMax: number): Promise<number> {
  const [row] = await executor.query<{ lag: number }>(
    `SELECT count(*)::int AS lag FROM (
       SELECT 1 FROM order_events WHERE (xid, position) > ($1::text::xid8, $2::bigint) LIMIT $3) AS waiting`,
    [after.xid, after.position, countMax],
  );
  return row?.lag ?? 0;
}
