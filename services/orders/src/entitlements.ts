/**
 * Who may study what by a gift, a seat, a cohort or a subscription. Granted and ended once each: a unique index stands
 * behind the first, the row itself behind the second, and both are told in the transaction that does them.
 */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  EntitlementEndedSchema,
  EntitlementGrantedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import type { OrdersSurroundings } from './change.ts';

export type EntitlementSource = 'gift' | 'seat' | 'subscription' | 'cohort';
export type EntitlementEnd = 'refunded' | 'dispute_lost' | 'seat_withdrawn' | 'subscription_ended';

export interface Grant {
  readonly source: EntitlementSource;
  readonly sourceId: string;
  readonly userId: string;
  readonly courseId: string;
  readonly courseTitle: string;
  readonly release: number;
  readonly orderId: string;
}

type Parts = Pick<OrdersSurroundings, 'world' | 'publishIn'>;

/** False when the source grants this course already. */
export async function grantEntitlement(
  parts: Parts,
  tx: SqlTransaction,
  grant: Grant,
  cause?: EventCause,
): Promise<boolean> {
  const atMs = parts.world.now();
  const id = parts.world.id('ent');
  const { source, sourceId, userId, courseId, courseTitle, release, orderId } = grant;
  const added = await tx.execute(
    `INSERT INTO entitlements (id, user_id, course_id, source, source_id, order_id, granted_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (source, source_id, course_id) WHERE ended_at IS NULL DO NOTHING`,
    [id, userId, courseId, source, sourceId, orderId, new Date(atMs)],
  );
  if (added === 0) return false;
  const told = { entitlementId: id, userId, courseId, courseTitle, release, source, orderId };
  await parts.publishIn(tx)(EntitlementGrantedSchema, { ...told, grantedAt: timestampFromMs(atMs) }, cause);
  return true;
}

/** Ends what the source grants, all of it or the given courses; tells of each once. */
export async function endEntitlements(
  parts: Parts,
  tx: SqlTransaction,
  from: { readonly source: EntitlementSource; readonly sourceId: string; readonly courseIds?: readonly string[] },
  because: EntitlementEnd,
  cause?: EventCause,
): Promise<void> {
  const atMs = parts.world.now();
  const ended = await tx.query<{ id: string; user_id: string; course_id: string }>(
    `UPDATE entitlements SET ended_at = $4, ended_because = $5
     WHERE source = $1 AND source_id = $2 AND ended_at IS NULL AND ($3::text[] IS NULL OR course_id = ANY ($3::text[]))
     RETURNING id, user_id, course_id`,
    [from.source, from.sourceId, from.courseIds ?? null, new Date(atMs), because],
  );
  const publish = parts.publishIn(tx);
  for (const { id, user_id: userId, course_id: courseId } of ended) {
    const told = { entitlementId: id, userId, courseId, because, endedAt: timestampFromMs(atMs) };
    await publish(EntitlementEndedSchema, told, cause);
  }
}

/** Those of the courses that are open to the person by something other than their own orders. */
export async function entitledCourses(
  executor: SqlExecutor,
  userId: string,
  courseIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await executor.query<{ course_id: string }>(
    'SELECT course_id FROM entitlements WHERE user_id = $1 AND course_id = ANY ($2::text[]) AND ended_at IS NULL',
    [userId, courseIds],
  );
  return new Set(rows.map((row) => row.course_id));
}

/** Two calls that give the same person something take turns, so that the second sees what the first gave. */
export async function lockPerson(tx: SqlTransaction, userId: string): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`entitlements of ${userId}`]);
}
