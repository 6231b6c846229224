/** What the service does with seats: bought as a pool, given out by address or link, taken back, refunded. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type AssignSeatRequest,
  AssignSeatRequestSchema,
  AssignSeatResponseSchema,
  type CreateJoinLinkRequest,
  type CreateJoinLinkResponseSchema,
  type GetSeatPoolRequest,
  type GetSeatPoolResponseSchema,
  type JoinLinkSchema,
  type JoinSeatPoolRequest,
  JoinSeatPoolRequestSchema,
  JoinSeatPoolResponseSchema,
  type ListJoinLinksRequest,
  type ListJoinLinksResponseSchema,
  type ListSeatPoolsRequest,
  type ListSeatPoolsResponseSchema,
  type ListSeatsRequest,
  type ListSeatsResponseSchema,
  type LookAtJoinLinkRequest,
  type LookAtJoinLinkResponseSchema,
  type RefundSeatsRequest,
  RefundSeatsRequestSchema,
  RefundSeatsResponseSchema,
  type RevokeJoinLinkRequest,
  type RevokeJoinLinkResponseSchema,
  type SeatPoolSchema,
  type SeatSchema,
  SeatStatus,
  type WithdrawSeatRequest,
  type WithdrawSeatResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/seats_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlExecutor, type SqlRow, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { codeBytes, codeFrom, codeHash } from './access-code.ts';
import { type AccessSurroundings, type Answer, isTheirs, notFound, once, signedIn } from './access-parts.ts';
import { isFinance } from './caller.ts';
import { changeOrder, type OrdersSurroundings } from './change.ts';
import { endEntitlements, grantEntitlement } from './entitlements.ts';
import { leftOfLinesMinor, type Order } from './order.ts';
import { resendRefund } from './refunds.ts';
import * as rules from './seat.ts';
import { lockOrder } from './store.ts';

interface PoolRow extends SqlRow {
  id: string;
  order_id: string;
  line_id: string;
  owner_id: string;
  course_id: string;
  course_title: string;
  course_slug: string;
  instructor_id: string;
  release: number;
  seats: number;
  given: number;
  refunding: number;
  refunded: number;
  withdrawals: number;
  ended: boolean;
  bought_at: Date;
}

type SeatStatusWord = 'invited' | 'assigned' | 'withdrawn' | 'ended';

interface SeatRow extends SqlRow {
  id: string;
  pool_id: string;
  status: SeatStatusWord;
  user_id: string;
  email: string;
  by: 'email' | 'join_link';
  created_at: Date;
  assigned_at: Date | null;
  withdrawn_at: Date | null;
}

interface LinkRow extends SqlRow {
  id: string;
  pool_id: string;
  uses: number;
  uses_max: number;
  expires_at: Date;
  revoked: boolean;
  created_at: Date;
}

/** The order is paid: its lines of seats become pools. */
export async function poolsBought({ world }: OrdersSurroundings, tx: SqlTransaction, order: Order): Promise<void> {
  for (const line of order.lines.filter((each) => each.kind === 'seats')) {
    await tx.execute(
      `INSERT INTO seat_pools (id, order_id, line_id, owner_id, course_id, course_title, course_slug, instructor_id,
         release, seats, bought_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (line_id) DO NOTHING`,
      [
        world.id('pool'),
        order.id,
        line.id,
        order.buyerId,
        line.courseId,
        line.title,
        line.courseSlug,
        line.instructorId,
        line.release,
        line.quantity,
        new Date(world.now()),
      ],
    );
  }
}

/** The price of these lines went back whole: every seat of their pools ends. */
export async function poolsTakenBack(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  taken: {
    readonly orderId: string;
    readonly lineIds: readonly string[];
    readonly because: 'refunded' | 'dispute_lost';
  },
  cause?: EventCause,
): Promise<void> {
  const rows = await tx.query<PoolRow>('SELECT * FROM seat_pools WHERE order_id = $1 ORDER BY id FOR UPDATE', [
    taken.orderId,
  ]);
  for (const row of rows.filter((each) => taken.lineIds.includes(each.line_id) && !each.ended)) {
    await writePool(tx, row.id, rules.poolEnded(poolOf(row)));
    const seats = await tx.query<SeatRow>(
      "UPDATE seats SET status = 'ended' WHERE pool_id = $1 AND status IN ('invited', 'assigned') RETURNING *",
      [row.id],
    );
    for (const seat of seats)
      await endEntitlements(surroundings, tx, { source: 'seat', sourceId: seat.id }, taken.because, cause);
  }
}

/** A refund of the order is settled: if it was of seats, they are gone, or free again. */
export async function seatRefundSettled(
  tx: SqlTransaction,
  refundId: string,
  outcome: 'succeeded' | 'failed',
): Promise<void> {
  const [refund] = await tx.query<{ pool_id: string; seats: number }>(
    "UPDATE seat_refunds SET state = $2 WHERE refund_id = $1 AND state = 'pending' RETURNING pool_id, seats",
    [refundId, outcome],
  );
  if (refund === undefined) return;
  const row = await lockPool(tx, refund.pool_id);
  await writePool(tx, row.id, rules.refundSettled(poolOf(row), refund.seats, outcome));
}

export async function listSeatPools(
  { sql }: AccessSurroundings,
  request: ListSeatPoolsRequest,
  context: CallContext,
): Answer<typeof ListSeatPoolsResponseSchema> {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const [time = null, id = ''] = page.after;
  const rows = await sql.query<PoolRow>(
    `SELECT * FROM seat_pools WHERE owner_id = $1 AND ($2::timestamptz IS NULL OR (bought_at, id) < ($2, $3))
     ORDER BY bought_at DESC, id DESC LIMIT $4`,
    [signedIn(context), time, id, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    pools: shown.map(poolMessage),
    nextPageToken: isMore ? pageToken([last.bought_at.toISOString(), last.id]) : '',
  };
}

export async function getSeatPool(
  { sql }: AccessSurroundings,
  request: GetSeatPoolRequest,
  context: CallContext,
): Answer<typeof GetSeatPoolResponseSchema> {
  const row = await ownPool(sql, request.id, context);
  return isRefusal(row) ? row : { pool: poolMessage(row) };
}

export async function listSeats(
  { sql, clients }: AccessSurroundings,
  request: ListSeatsRequest,
  context: CallContext,
): Answer<typeof ListSeatsResponseSchema> {
  const page = readPage(request, ['time', 'text'], [request.poolId]);
  if (isRefusal(page)) return page;
  const pool = await ownPool(sql, request.poolId, context);
  if (isRefusal(pool)) return pool;
  const [time = null, id = ''] = page.after;
  const rows = await sql.query<SeatRow>(
    `SELECT * FROM seats WHERE pool_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [pool.id, time, id, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const ids = [...new Set(shown.map((row) => row.user_id).filter((userId) => userId !== ''))];
  const people = await clients.identity.getUsers({ ids }, { context });
  if (isRefusal(people)) return people;
  const names = new Map(people.users.map((user) => [user.id, user.displayName]));
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    seats: shown.map((row) => seatMessage(row, names.get(row.user_id))),
    nextPageToken: isMore ? pageToken([last.created_at.toISOString(), last.id], page.filter) : '',
  };
}

export async function assignSeat(
  surroundings: AccessSurroundings,
  request: AssignSeatRequest,
  context: CallContext,
): Answer<typeof AssignSeatResponseSchema> {
  const pool = await ownPool(surroundings.sql, request.poolId, context);
  if (isRefusal(pool)) return pool;
  const found = await surroundings.clients.identity.findUserByEmail({ email: request.email }, { context });
  if (isRefusal(found)) return found;
  const taker = { by: 'email', userId: found.user?.id ?? '', email: request.email.trim() } as const;
  const call = {
    method: 'AssignSeat',
    input: AssignSeatRequestSchema,
    request,
    output: AssignSeatResponseSchema,
    context,
  };
  return once(surroundings, call, async (tx) => {
    const row = await lockPool(tx, pool.id);
    const seat = await giveSeat(surroundings, tx, row, taker, context);
    if (isRefusal(seat)) return seat;
    return { seat: seatMessage(seat, found.user?.displayName), pool: poolMessage(await lockPool(tx, pool.id)) };
  });
}

interface Taker {
  readonly by: 'email' | 'join_link';
  /** Empty when nobody has this address yet. */
  readonly userId: string;
  readonly email: string;
}

/** Takes a seat out of the locked pool. */
async function giveSeat(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  row: PoolRow,
  taker: Taker,
  cause?: EventCause,
): Promise<SeatRow | Refusal> {
  const key = emailKey(taker.email);
  const holders = await tx.query(
    `SELECT 1 FROM seats WHERE pool_id = $1 AND status IN ('invited', 'assigned')
       AND (($2 <> '' AND user_id = $2) OR ($3 <> '' AND email_key = $3))`,
    [row.id, taker.userId, key],
  );
  if (holders.length > 0) return refuse('seat_already_assigned', 'This person has a seat of this purchase already.');
  const pool = rules.given(poolOf(row));
  if (isRefusal(pool)) return pool;
  await writePool(tx, row.id, pool);
  const nowMs = surroundings.world.now();
  const isAssigned = taker.userId !== '';
  const [seat] = await tx.query<SeatRow>(
    `INSERT INTO seats (id, pool_id, status, user_id, email, email_key, by, created_at, assigned_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *`,
    [
      surroundings.world.id('seat'),
      row.id,
      isAssigned ? 'assigned' : 'invited',
      taker.userId,
      taker.email,
      key,
      taker.by,
      new Date(nowMs),
      isAssigned ? new Date(nowMs) : null,
    ],
  );
  if (seat === undefined) throw new Error('a seat was not written');
  if (isAssigned) await openSeat(surroundings, tx, row, seat.id, taker.userId, cause);
  return seat;
}

async function openSeat(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  row: PoolRow,
  seatId: string,
  userId: string,
  cause?: EventCause,
): Promise<void> {
  const { course_id: courseId, course_title: courseTitle, release, order_id: orderId } = row;
  const grant = { source: 'seat', sourceId: seatId, userId, courseId, courseTitle, release, orderId } as const;
  await grantEntitlement(surroundings, tx, grant, cause);
}

export async function withdrawSeat(
  surroundings: AccessSurroundings,
  request: WithdrawSeatRequest,
  context: CallContext,
): Answer<typeof WithdrawSeatResponseSchema> {
  const own = await ownPool(surroundings.sql, request.poolId, context);
  if (isRefusal(own)) return own;
  return refusableTransaction(surroundings.sql, async (tx) => {
    const row = await lockPool(tx, own.id);
    const [seat] = await tx.query<SeatRow>('SELECT * FROM seats WHERE id = $1 AND pool_id = $2', [request.id, row.id]);
    if (seat === undefined) return notFound('seat');
    // Withdrawn twice is withdrawn.
    if (seat.status === 'withdrawn' || seat.status === 'ended')
      return { seat: seatMessage(seat), pool: poolMessage(row) };
    const pool = rules.withdrawn(poolOf(row), seat.status === 'assigned');
    if (isRefusal(pool)) return pool;
    await writePool(tx, row.id, pool);
    const [after = seat] = await tx.query<SeatRow>(
      "UPDATE seats SET status = 'withdrawn', withdrawn_at = $2 WHERE id = $1 RETURNING *",
      [seat.id, new Date(surroundings.world.now())],
    );
    await endEntitlements(surroundings, tx, { source: 'seat', sourceId: seat.id }, 'seat_withdrawn', context);
    return { seat: seatMessage(after), pool: poolMessage(await lockPool(tx, row.id)) };
  });
}

export async function createJoinLink(
  { sql, world }: AccessSurroundings,
  request: CreateJoinLinkRequest,
  context: CallContext,
): Answer<typeof CreateJoinLinkResponseSchema> {
  const own = await ownPool(sql, request.poolId, context);
  if (isRefusal(own)) return own;
  const nowMs = world.now();
  const expiresAt =
    request.expiresAt === undefined ? new Date(nowMs + rules.joinLinkMs) : timestampDate(request.expiresAt);
  const code = codeFrom(world.secret(codeBytes));
  return refusableTransaction(sql, async (tx) => {
    const pool = await lockPool(tx, own.id);
    const links = await tx.query('SELECT 1 FROM join_links WHERE pool_id = $1', [pool.id]);
    if (links.length >= rules.joinLinksMax)
      return refuse('limit_reached', `A purchase has at most ${rules.joinLinksMax} join links.`);
    const [link] = await tx.query<LinkRow>(
      `INSERT INTO join_links (id, pool_id, code_hash, uses_max, expires_at, created_at)
       VALUES ($1, $2, $3, $4, $5, $6) RETURNING *`,
      [world.id('jln'), pool.id, codeHash(code), request.usesMax || pool.seats, expiresAt, new Date(nowMs)],
    );
    if (link === undefined) throw new Error('a join link was not written');
    return { link: linkMessage(link), joinPath: `/join/${code}` };
  });
}

export async function listJoinLinks(
  { sql }: AccessSurroundings,
  request: ListJoinLinksRequest,
  context: CallContext,
): Answer<typeof ListJoinLinksResponseSchema> {
  const page = readPage(request, ['time', 'text'], [request.poolId]);
  if (isRefusal(page)) return page;
  const pool = await ownPool(sql, request.poolId, context);
  if (isRefusal(pool)) return pool;
  const [time = null, id = ''] = page.after;
  const rows = await sql.query<LinkRow>(
    `SELECT * FROM join_links WHERE pool_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [pool.id, time, id, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    links: shown.map(linkMessage),
    nextPageToken: isMore ? pageToken([last.created_at.toISOString(), last.id], page.filter) : '',
  };
}

export async function revokeJoinLink(
  { sql }: AccessSurroundings,
  request: RevokeJoinLinkRequest,
  context: CallContext,
): Answer<typeof RevokeJoinLinkResponseSchema> {
  const pool = await ownPool(sql, request.poolId, context);
  if (isRefusal(pool)) return pool;
  const [link] = await sql.query<LinkRow>(
    'UPDATE join_links SET revoked = true WHERE id = $1 AND pool_id = $2 RETURNING *',
    [request.id, pool.id],
  );
  return link === undefined ? notFound('join link') : { link: linkMessage(link) };
}

export async function lookAtJoinLink(
  { sql, world }: AccessSurroundings,
  request: LookAtJoinLinkRequest,
): Answer<typeof LookAtJoinLinkResponseSchema> {
  const link = await findLink(sql, request.code);
  if (link === undefined) return noSuchLink();
  const pool = await findPool(sql, link.pool_id);
  if (pool === undefined) return noSuchLink();
  return {
    courseId: pool.course_id,
    courseTitle: pool.course_title,
    courseSlug: pool.course_slug,
    open: isOpen(link, world.now()) && rules.freeSeats(poolOf(pool)) > 0,
  };
}

export async function joinSeatPool(
  surroundings: AccessSurroundings,
  request: JoinSeatPoolRequest,
  context: CallContext,
): Answer<typeof JoinSeatPoolResponseSchema> {
  const userId = signedIn(context);
  const found = await findLink(surroundings.sql, request.code);
  if (found === undefined) return noSuchLink();
  // The key's record holds the request: with the code's hash in its place.
  const hashed = create(JoinSeatPoolRequestSchema, { code: codeHash(request.code).toString('hex') });
  const call = {
    method: 'JoinSeatPool',
    input: JoinSeatPoolRequestSchema,
    request: hashed,
    output: JoinSeatPoolResponseSchema,
    context,
  };
  return once(surroundings, call, async (tx) => {
    const pool = await lockPool(tx, found.pool_id);
    const [link] = await tx.query<LinkRow>('SELECT * FROM join_links WHERE id = $1 FOR UPDATE', [found.id]);
    if (link === undefined || !isOpen(link, surroundings.world.now()))
      return refuse('join_link_closed', 'This link does not give out seats any more; ask who sent it.');
    if (pool.instructor_id === userId) return refuse('own_course', 'You teach this course; it is open to you already.');
    const seat = await giveSeat(surroundings, tx, pool, { by: 'join_link', userId, email: '' }, context);
    if (isRefusal(seat)) return seat;
    await tx.execute('UPDATE join_links SET uses = uses + 1 WHERE id = $1', [link.id]);
    return { courseId: pool.course_id, courseTitle: pool.course_title, courseSlug: pool.course_slug };
  });
}

/** Refunds free seats; the order's row is locked before the pool, as everywhere. */
export async function refundSeats(
  surroundings: AccessSurroundings,
  request: RefundSeatsRequest,
  context: CallContext,
): Answer<typeof RefundSeatsResponseSchema> {
  const own = await ownPool(surroundings.sql, request.poolId, context);
  if (isRefusal(own)) return own;
  const call = {
    method: 'RefundSeats',
    input: RefundSeatsRequestSchema,
    request,
    output: RefundSeatsResponseSchema,
    context,
  };
  const answer = await once(surroundings, call, (tx) => claimRefund(surroundings, tx, own, request.seats, context));
  if (isRefusal(answer) || answer.refundId === '') return answer;
  // Sent at once; when that fails, the janitor sends it.
  await resendRefund(surroundings, own.order_id, answer.refundId).catch((error: unknown) => {
    surroundings.log.warn('a refund of seats will be sent again', { refundId: answer.refundId, error });
  });
  return answer;
}

async function claimRefund(
  surroundings: AccessSurroundings,
  tx: SqlTransaction,
  own: PoolRow,
  seats: number,
  context: CallContext,
): Promise<MessageInitShape<typeof RefundSeatsResponseSchema> | Refusal> {
  const loaded = await lockOrder(tx, own.order_id);
  if (loaded === undefined) throw new Error(`the order ${own.order_id} of the pool ${own.id} is gone`);
  const row = await lockPool(tx, own.id);
  const atMs = surroundings.world.now();
  if (!isFinance(context) && atMs > row.bought_at.getTime() + rules.seatRefundWindowMs)
    return refuse('refund_window_closed', 'Seats go back within 14 days of paying; write to us instead.');
  const pool = rules.refundClaimed(poolOf(row), seats);
  if (isRefusal(pool)) return pool;
  const { order } = loaded;
  const left = leftOfLinesMinor(order, [row.line_id]);
  const amountMinor = rules.refundOfSeatsMinor(poolOf(row), seats, left);
  const amount = { currency: order.currency, amountMinor };
  if (amountMinor === 0n) {
    // Seats of a free course, or of what was given back already: they go, and no money moves.
    await writePool(tx, row.id, rules.refundSettled(pool, seats, 'succeeded'));
    return { pool: poolMessage(await lockPool(tx, row.id)), refundId: '', amount };
  }
  await writePool(tx, row.id, pool);
  const refundId = surroundings.world.id('rfd');
  await tx.execute("INSERT INTO seat_refunds (refund_id, pool_id, seats, state) VALUES ($1, $2, $3, 'pending')", [
    refundId,
    row.id,
    seats,
  ]);
  const command = {
    kind: 'request_refund',
    refundId,
    requestedBy: signedIn(context),
    byBuyer: false,
    items: [],
    ofLine: { lineId: row.line_id, amountMinor },
    reason: `${seats} unassigned seats`,
    atMs,
  } as const;
  const changed = await changeOrder(surroundings, tx, order.id, command, context);
  if (isRefusal(changed)) return changed;
  return { pool: poolMessage(await lockPool(tx, row.id)), refundId, amount };
}

/** An address was just verified: seats may wait for it. Looked up later, outside the event's transaction. */
export async function noteVerified(
  { world, nudge }: OrdersSurroundings,
  tx: SqlTransaction,
  userId: string,
): Promise<void> {
  await tx.execute('INSERT INTO seat_claims (user_id, due_at) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    userId,
    new Date(world.now()),
  ]);
  tx.afterCommit(() => nudge('access'));
}

const claimsMax = 20;
const claimAgainMs = 60_000;

/** Gives waiting seats to accounts that proved their address. Tells when some are due again. */
export async function seatClaimsRound(surroundings: AccessSurroundings): Promise<number | undefined> {
  const { sql, world, clients } = surroundings;
  const due = await sql.query<{ user_id: string }>(
    `UPDATE seat_claims SET due_at = $2, tries = tries + 1 WHERE user_id IN (
       SELECT user_id FROM seat_claims WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING user_id`,
    [new Date(world.now()), new Date(world.now() + claimAgainMs), claimsMax],
  );
  if (due.length > 0) {
    const answer = await clients.identity.getUsers({ ids: due.map((row) => row.user_id) });
    if (isRefusal(answer)) throw new Error(`identity refused our question: ${answer.code}`);
    for (const user of answer.users) if (user.emailVerified) await claimSeats(surroundings, user.id, user.email);
    await sql.execute('DELETE FROM seat_claims WHERE user_id = ANY ($1::text[])', [due.map((row) => row.user_id)]);
  }
  const [next] = await sql.query<{ due_at: Date | null }>('SELECT min(due_at) AS due_at FROM seat_claims');
  return next?.due_at?.getTime();
}

async function claimSeats(surroundings: AccessSurroundings, userId: string, email: string): Promise<void> {
  const waiting = await surroundings.sql.query<SeatRow>(
    "SELECT * FROM seats WHERE email_key = $1 AND status = 'invited' ORDER BY id",
    [emailKey(email)],
  );
  for (const { id, pool_id: poolId } of waiting) {
    await retrying(() =>
      surroundings.sql.transaction(async (tx) => {
        const pool = await lockPool(tx, poolId);
        const assigned = await tx.execute(
          `UPDATE seats SET status = 'assigned', user_id = $2, assigned_at = $3 WHERE id = $1 AND status = 'invited'
             AND NOT EXISTS (SELECT 1 FROM seats WHERE pool_id = $4 AND user_id = $2 AND status = 'assigned')`,
          [id, userId, new Date(surroundings.world.now()), poolId],
        );
        if (assigned === 1) await openSeat(surroundings, tx, pool, id, userId);
      }),
    );
  }
}

async function ownPool(executor: SqlExecutor, poolId: string, context: CallContext): Promise<PoolRow | Refusal> {
  const row = await findPool(executor, poolId);
  return row === undefined || !isTheirs(context, row.owner_id) ? notFound('pool of seats') : row;
}

async function findPool(executor: SqlExecutor, poolId: string): Promise<PoolRow | undefined> {
  const [row] = await executor.query<PoolRow>('SELECT * FROM seat_pools WHERE id = $1', [poolId]);
  return row;
}

async function lockPool(tx: SqlTransaction, poolId: string): Promise<PoolRow> {
  const [row] = await tx.query<PoolRow>('SELECT * FROM seat_pools WHERE id = $1 FOR UPDATE', [poolId]);
  if (row === undefined) throw new Error(`the pool of seats ${poolId} is gone`);
  return row;
}

async function writePool(tx: SqlTransaction, poolId: string, pool: rules.SeatPool): Promise<void> {
  await tx.execute(
    'UPDATE seat_pools SET given = $2, refunding = $3, refunded = $4, withdrawals = $5, ended = $6 WHERE id = $1',
    [poolId, pool.given, pool.refunding, pool.refunded, pool.withdrawals, pool.isEnded],
  );
}

async function findLink(executor: SqlExecutor, code: string): Promise<LinkRow | undefined> {
  const [row] = await executor.query<LinkRow>('SELECT * FROM join_links WHERE code_hash = $1', [codeHash(code)]);
  return row;
}

function isOpen(link: LinkRow, nowMs: number): boolean {
  return !link.revoked && link.uses < link.uses_max && nowMs < link.expires_at.getTime();
}

function noSuchLink(): Refusal {
  return refuse('not_found', 'There is no such join link.');
}

/** What two spellings of one address have in common; as identity keeps it. */
function emailKey(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

function poolOf(row: PoolRow): rules.SeatPool {
  const { seats, given, refunding, refunded, withdrawals, ended } = row;
  return { seats, given, refunding, refunded, withdrawals, isEnded: ended };
}

function poolMessage(row: PoolRow): MessageInitShape<typeof SeatPoolSchema> {
  const pool = poolOf(row);
  return {
    id: row.id,
    orderId: row.order_id,
    lineId: row.line_id,
    courseId: row.course_id,
    courseTitle: row.course_title,
    seats: pool.seats - pool.refunded,
    seatsAssigned: pool.given,
    seatsFree: rules.freeSeats(pool),
    seatsRefunding: pool.refunding,
    seatsRefunded: pool.refunded,
    reassignmentsLeft: rules.reassignmentsLeft(pool),
    boughtAt: timestampFromDate(row.bought_at),
    ended: row.ended,
  };
}

const seatStatusNumbers: Record<SeatStatusWord, SeatStatus> = {
  invited: SeatStatus.INVITED,
  assigned: SeatStatus.ASSIGNED,
  withdrawn: SeatStatus.WITHDRAWN,
  ended: SeatStatus.ENDED,
};

function seatMessage(row: SeatRow, displayName = ''): MessageInitShape<typeof SeatSchema> {
  return {
    id: row.id,
    poolId: row.pool_id,
    status: seatStatusNumbers[row.status],
    email: row.email,
    displayName,
    by: row.by,
    ...(row.assigned_at === null ? {} : { assignedAt: timestampFromDate(row.assigned_at) }),
    ...(row.withdrawn_at === null ? {} : { withdrawnAt: timestampFromDate(row.withdrawn_at) }),
  };
}

function linkMessage(row: LinkRow): MessageInitShape<typeof JoinLinkSchema> {
  return {
    id: row.id,
    poolId: row.pool_id,
    uses: row.uses,
    usesMax: row.uses_max,
    expiresAt: timestampFromDate(row.expires_at),
    revoked: row.revoked,
    createdAt: timestampFromDate(row.created_at),
  };
}
