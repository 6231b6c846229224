/** What the service does with cohorts: planned by who teaches, a place reserved, sold, given back. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Offer } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type {
  CohortSchema,
  CreateCohortRequest,
  CreateCohortResponseSchema,
  GetCohortRequest,
  GetCohortResponseSchema,
  ListCohortMembersRequest,
  ListCohortMembersResponseSchema,
  ListCohortsRequest,
  ListCohortsResponseSchema,
  UpdateCohortRequest,
  UpdateCohortResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/cohorts_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlExecutor, SqlRow, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { type AccessSurroundings, type Answer, isTheirs, notFound } from './access-parts.ts';
import type { OrdersSurroundings } from './change.ts';
import * as rules from './cohort.ts';
import { endEntitlements, grantEntitlement } from './entitlements.ts';
import type { Order, OrderLine } from './order.ts';

export interface CohortRow extends SqlRow {
  id: string;
  course_id: string;
  instructor_id: string;
  title: string;
  starts_at: Date;
  ends_at: Date;
  sales_end_at: Date;
  capacity: number;
  sold: number;
  reserved: number;
  closed: boolean;
  created_at: Date;
}

interface PlaceRow extends SqlRow {
  line_id: string;
  cohort_id: string;
  buyer_id: string;
  state: rules.ReservationState;
}

export async function createCohort(
  surroundings: AccessSurroundings,
  request: CreateCohortRequest,
  context: CallContext,
): Answer<typeof CreateCohortResponseSchema> {
  const { sql, world } = surroundings;
  const startsAt = dateOf(request.startsAt);
  const endsAt = dateOf(request.endsAt);
  const salesEndAt = request.salesEndAt === undefined ? startsAt : timestampDate(request.salesEndAt);
  const refused = refuseTimes(startsAt, endsAt, salesEndAt);
  if (refused !== undefined) return refused;
  const offer = await offerOf(surroundings, request.courseId, context);
  if (isRefusal(offer)) return offer;
  if (!isTheirs(context, offer.instructorId))
    return refuse('permission_denied', 'Only who teaches the course, and finance, plan its cohorts.');
  const [{ number } = { number: 0n }] = await sql.query<{ number: bigint }>(
    'SELECT count(*) AS number FROM cohorts WHERE course_id = $1',
    [offer.courseId],
  );
  if (number >= rules.cohortsMax) return refuse('limit_reached', `A course has at most ${rules.cohortsMax} cohorts.`);
  const [row] = await sql.query<CohortRow>(
    `INSERT INTO cohorts (id, course_id, instructor_id, title, starts_at, ends_at, sales_end_at, capacity, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *`,
    [
      world.id('coh'),
      offer.courseId,
      offer.instructorId,
      request.title,
      startsAt,
      endsAt,
      salesEndAt,
      request.capacity,
      new Date(world.now()),
    ],
  );
  if (row === undefined) throw new Error('a cohort was not written');
  return { cohort: cohortMessage(row, true) };
}

export async function updateCohort(
  { sql }: AccessSurroundings,
  request: UpdateCohortRequest,
  context: CallContext,
): Answer<typeof UpdateCohortResponseSchema> {
  return refusableTransaction(sql, async (tx) => {
    const row = await lockCohort(tx, request.id);
    if (row === undefined || !isTheirs(context, row.instructor_id)) return notFound('cohort');
    const startsAt = request.startsAt === undefined ? row.starts_at : timestampDate(request.startsAt);
    const endsAt = request.endsAt === undefined ? row.ends_at : timestampDate(request.endsAt);
    const salesEndAt = request.salesEndAt === undefined ? row.sales_end_at : timestampDate(request.salesEndAt);
    const refused = refuseTimes(startsAt, endsAt, salesEndAt);
    if (refused !== undefined) return refused;
    const cohort = rules.withCapacity(cohortOf(row), request.capacity ?? row.capacity);
    if (isRefusal(cohort)) return cohort;
    const [after] = await tx.query<CohortRow>(
      `UPDATE cohorts SET title = $2, starts_at = $3, ends_at = $4, sales_end_at = $5, capacity = $6, closed = $7
       WHERE id = $1 RETURNING *`,
      [row.id, request.title ?? row.title, startsAt, endsAt, salesEndAt, cohort.capacity, request.closed ?? row.closed],
    );
    return after === undefined ? notFound('cohort') : { cohort: cohortMessage(after, true) };
  });
}

export async function getCohort(
  { sql }: AccessSurroundings,
  request: GetCohortRequest,
  context: CallContext,
): Answer<typeof GetCohortResponseSchema> {
  const row = await findCohort(sql, request.id);
  return row === undefined ? notFound('cohort') : { cohort: cohortMessage(row, isTheirs(context, row.instructor_id)) };
}

export async function listCohorts(
  { sql }: AccessSurroundings,
  request: ListCohortsRequest,
  context: CallContext,
): Answer<typeof ListCohortsResponseSchema> {
  const page = readPage(request, ['time', 'text'], [request.courseId]);
  if (isRefusal(page)) return page;
  const [time = null, id = ''] = page.after;
  const rows = await sql.query<CohortRow>(
    `SELECT * FROM cohorts WHERE course_id = $1 AND ($2::timestamptz IS NULL OR (starts_at, id) > ($2, $3))
     ORDER BY starts_at, id LIMIT $4`,
    [request.courseId, time, id, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    cohorts: shown.map((row) => cohortMessage(row, isTheirs(context, row.instructor_id))),
    nextPageToken: isMore ? pageToken([last.starts_at.toISOString(), last.id], page.filter) : '',
  };
}

export async function listCohortMembers(
  { sql, clients }: AccessSurroundings,
  request: ListCohortMembersRequest,
  context: CallContext,
): Answer<typeof ListCohortMembersResponseSchema> {
  const page = readPage(request, ['time', 'text'], [request.cohortId]);
  if (isRefusal(page)) return page;
  const cohort = await findCohort(sql, request.cohortId);
  if (cohort === undefined || !isTheirs(context, cohort.instructor_id)) return notFound('cohort');
  const [time = null, id = ''] = page.after;
  const rows = await sql.query<{ line_id: string; buyer_id: string; order_id: string; sold_at: Date }>(
    `SELECT line_id, buyer_id, order_id, sold_at FROM cohort_places
     WHERE cohort_id = $1 AND state = 'sold' AND ($2::timestamptz IS NULL OR (sold_at, line_id) > ($2, $3))
     ORDER BY sold_at, line_id LIMIT $4`,
    [cohort.id, time, id, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const answer = await clients.identity.getUsers({ ids: shown.map((row) => row.buyer_id) }, { context });
  if (isRefusal(answer)) return answer;
  const names = new Map(answer.users.map((user) => [user.id, user.displayName]));
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    members: shown.map((row) => ({
      userId: row.buyer_id,
      displayName: names.get(row.buyer_id) ?? '',
      orderId: row.order_id,
      joinedAt: timestampFromDate(row.sold_at),
    })),
    nextPageToken: isMore ? pageToken([last.sold_at.toISOString(), last.line_id], page.filter) : '',
  };
}

/**
 * Reserves a place for a line, in the transaction that places its order. The cohort's row is locked first, so buyers of
 * one cohort take turns and none of them sees a place that another is taking.
 */
export async function reservePlace(
  { world }: Pick<OrdersSurroundings, 'world'>,
  tx: SqlTransaction,
  order: Order,
  line: OrderLine,
): Promise<Refusal | undefined> {
  const row = await lockCohort(tx, line.cohortId);
  if (row === undefined) return notFound('cohort');
  const nowMs = world.now();
  const cohort = rules.reserved(cohortOf(row), nowMs);
  if (isRefusal(cohort)) return cohort;
  const added = await tx.execute(
    `INSERT INTO cohort_places (line_id, cohort_id, order_id, buyer_id, state, reserved_at, hard_limit_at)
     VALUES ($1, $2, $3, $4, 'live', $5, $6)
     ON CONFLICT (cohort_id, buyer_id) WHERE state IN ('live', 'sold') DO NOTHING`,
    [
      line.id,
      row.id,
      order.id,
      order.buyerId,
      new Date(nowMs),
      new Date(order.expiresAtMs + rules.reservationHardLimitMs),
    ],
  );
  if (added === 0)
    return refuse('already_enrolled', 'You have a place in this cohort, or an order for one that is not paid yet.');
  await writeCounts(tx, row.id, cohort);
  return undefined;
}

/** The order is paid: its places are sold and opened. Gives the lines whose reservation was gone: nothing was sold for them. */
export async function placesSold(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  order: Order,
  cause?: EventCause,
): Promise<readonly string[]> {
  const lost: string[] = [];
  await eachPlace(tx, order.id, async (place, cohort) => {
    // What is told twice finds the place sold.
    if (place.state === 'sold') return undefined;
    const after = rules.sold(cohort, place.state);
    if (after === undefined) {
      lost.push(place.line_id);
      return undefined;
    }
    const line = order.lines.find((each) => each.id === place.line_id);
    if (line === undefined) throw new Error(`the place ${place.line_id} is of no line of the order ${order.id}`);
    await tx.execute("UPDATE cohort_places SET state = 'sold', sold_at = $2 WHERE line_id = $1", [
      place.line_id,
      new Date(surroundings.world.now()),
    ]);
    const { courseId, title: courseTitle, release } = line;
    const whose = { userId: order.buyerId, orderId: order.id };
    await grantEntitlement(
      surroundings,
      tx,
      { source: 'cohort', sourceId: line.id, courseId, courseTitle, release, ...whose },
      cause,
    );
    return after;
  });
  return lost;
}

/** The order is cancelled: by then payments has closed its intent, so nothing can be captured for these places. */
export async function placesReleased(tx: SqlTransaction, orderId: string): Promise<void> {
  await eachPlace(tx, orderId, async (place, cohort) => {
    const after = rules.released(cohort, place.state);
    if (after !== undefined)
      await tx.execute("UPDATE cohort_places SET state = 'released' WHERE line_id = $1", [place.line_id]);
    return after;
  });
}

/** The price of these lines went back. */
export async function placesReturned(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  taken: {
    readonly orderId: string;
    readonly lineIds: readonly string[];
    readonly because: 'refunded' | 'dispute_lost';
  },
  cause?: EventCause,
): Promise<void> {
  await eachPlace(tx, taken.orderId, async (place, cohort) => {
    if (!taken.lineIds.includes(place.line_id)) return undefined;
    const after = rules.returned(cohort, place.state);
    if (after === undefined) return undefined;
    await tx.execute("UPDATE cohort_places SET state = 'returned' WHERE line_id = $1", [place.line_id]);
    await endEntitlements(surroundings, tx, { source: 'cohort', sourceId: place.line_id }, taken.because, cause);
    return after;
  });
}

/** True when the order holds a place whose hard limit is over: its intent is to be closed, settled or not (O3). */
export async function isBeyondHardLimit(executor: SqlExecutor, orderId: string, nowMs: number): Promise<boolean> {
  const rows = await executor.query(
    "SELECT 1 FROM cohort_places WHERE order_id = $1 AND state = 'live' AND hard_limit_at <= $2 LIMIT 1",
    [orderId, new Date(nowMs)],
  );
  return rows.length > 0;
}

/** Runs over the places of an order with their cohorts locked, in one order for everybody, and writes what comes of each. */
async function eachPlace(
  tx: SqlTransaction,
  orderId: string,
  move: (place: PlaceRow, cohort: rules.Cohort) => Promise<rules.Cohort | undefined>,
): Promise<void> {
  const places = await tx.query<PlaceRow>(
    'SELECT line_id, cohort_id, buyer_id, state FROM cohort_places WHERE order_id = $1 ORDER BY cohort_id, line_id',
    [orderId],
  );
  for (const place of places) {
    const row = await lockCohort(tx, place.cohort_id);
    if (row === undefined) throw new Error(`the cohort ${place.cohort_id} is gone`);
    const after = await move(place, cohortOf(row));
    if (after !== undefined) await writeCounts(tx, row.id, after);
  }
}

async function writeCounts(tx: SqlTransaction, cohortId: string, cohort: rules.Cohort): Promise<void> {
  await tx.execute('UPDATE cohorts SET sold = $2, reserved = $3 WHERE id = $1', [
    cohortId,
    cohort.sold,
    cohort.reserved,
  ]);
}

async function lockCohort(tx: SqlTransaction, cohortId: string): Promise<CohortRow | undefined> {
  const [row] = await tx.query<CohortRow>('SELECT * FROM cohorts WHERE id = $1 FOR UPDATE', [cohortId]);
  return row;
}

export async function findCohort(executor: SqlExecutor, cohortId: string): Promise<CohortRow | undefined> {
  const [row] = await executor.query<CohortRow>('SELECT * FROM cohorts WHERE id = $1', [cohortId]);
  return row;
}

export function cohortOf(row: CohortRow): rules.Cohort {
  return {
    capacity: row.capacity,
    sold: row.sold,
    reserved: row.reserved,
    salesEndAtMs: row.sales_end_at.getTime(),
    isClosed: row.closed,
  };
}

/** The course as content offers it now. Refuses `course_not_available`. */
export async function offerOf(
  { clients }: Pick<OrdersSurroundings, 'clients'>,
  courseId: string,
  context: CallContext,
): Promise<Offer | Refusal> {
  const answer = await clients.content.getOffers({ courseIds: [courseId] }, { context });
  if (isRefusal(answer)) return answer;
  return answer.offers[0] ?? refuse('course_not_available', 'This course is not on sale.');
}

function refuseTimes(startsAt: Date, endsAt: Date, salesEndAt: Date): Refusal | undefined {
  const wrong = (field: string, detail: string) =>
    refuse('invalid_request', `${field} ${detail}.`, [{ field, code: 'out_of_range', detail }]);
  if (endsAt <= startsAt) return wrong('endsAt', 'is after startsAt');
  return salesEndAt > endsAt ? wrong('salesEndAt', 'is not after endsAt') : undefined;
}

function dateOf(timestamp: Timestamp | undefined): Date {
  if (timestamp === undefined) throw new Error('a required time is missing');
  return timestampDate(timestamp);
}

function cohortMessage(row: CohortRow, withCounts: boolean): MessageInitShape<typeof CohortSchema> {
  return {
    id: row.id,
    courseId: row.course_id,
    title: row.title,
    startsAt: timestampFromDate(row.starts_at),
    endsAt: timestampFromDate(row.ends_at),
    salesEndAt: timestampFromDate(row.sales_end_at),
    capacity: row.capacity,
    placesLeft: rules.placesLeft(cohortOf(row)),
    closed: row.closed,
    ...(withCounts ? { sold: row.sold, reserved: row.reserved } : {}),
  };
}
