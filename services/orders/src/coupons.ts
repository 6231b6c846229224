/** Coupons: made by finance or an instructor, used by orders, each use counted exactly. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CouponSchema,
  CouponScope,
  type CreateCouponRequest,
  CreateCouponRequestSchema,
  CreateCouponResponseSchema,
  type GetCouponRequest,
  type GetCouponResponseSchema,
  type ListCouponsRequest,
  type ListCouponsResponseSchema,
  type WithdrawCouponRequest,
  type WithdrawCouponResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/coupons_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, hasRole, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlRow, SqlTransaction, SqlValue } from '@suuupra/platform/sql/sql';
import { once } from './access-parts.ts';
import type { AfterEvent, OrdersSurroundings } from './change.ts';
import { type Coupon, codeKey, type Discounted, discountsOf, no } from './coupon.ts';
import type { Order } from './order.ts';
import type { DraftLine } from './price.ts';

/** What an order wants of a coupon. */
interface CouponWanted {
  readonly couponCode?: string;
  readonly buyerId: string;
  readonly currency: string;
  readonly lines: readonly DraftLine[];
}

/** What the coupon of the order takes off; undefined without one. Reserves nothing. Refuses as a coupon does. */
export async function discountOfCoupon(
  executor: SqlExecutor,
  wanted: CouponWanted,
  nowMs: number,
): Promise<Discounted | Refusal | undefined> {
  const code = codeKey(wanted.couponCode ?? '');
  if (code === '') return undefined;
  const coupon = await findCoupon(executor, 'code_key', code);
  if (coupon === undefined) return no('coupon_not_found', 'There is no coupon with this code.');
  return discountsOf(coupon, wanted.lines, wanted.currency, nowMs);
}

/**
 * Reserves a use for an order, under the coupon's lock: neither limit is ever passed, whatever comes at once. Given back
 * when the order is cancelled or expires.
 */
export async function takeCoupon(
  tx: SqlTransaction,
  wanted: CouponWanted,
  orderId: string,
  nowMs: number,
): Promise<Refusal | undefined> {
  const code = codeKey(wanted.couponCode ?? '');
  if (code === '') return undefined;
  const coupon = await findCoupon(tx, 'code_key', code, 'FOR UPDATE');
  if (coupon === undefined) return no('coupon_not_found', 'There is no coupon with this code.');
  const applied = discountsOf(coupon, wanted.lines, wanted.currency, nowMs);
  if (isRefusal(applied)) return applied;
  const used = await refuseUsedUp(tx, coupon, wanted.buyerId);
  if (used !== undefined) return used;
  await tx.execute('UPDATE coupons SET uses = uses + 1 WHERE id = $1', [coupon.id]);
  await tx.execute('INSERT INTO coupon_uses (order_id, coupon_id, buyer_id) VALUES ($1, $2, $3)', [
    orderId,
    coupon.id,
    wanted.buyerId,
  ]);
  return undefined;
}

/** Whether the coupon has a use left for the buyer; for a quote without the lock, so only as of now. */
export async function refuseUsedUp(
  executor: SqlExecutor,
  coupon: Pick<Coupon, 'id' | 'uses' | 'usesMax' | 'usesPerBuyerMax'>,
  buyerId: string,
): Promise<Refusal | undefined> {
  if (coupon.usesMax > 0 && coupon.uses >= coupon.usesMax)
    return no('coupon_exhausted', 'The coupon has been used as often as it can be.');
  if (coupon.usesPerBuyerMax === 0) return undefined;
  const [row] = await executor.query<{ uses: number }>(
    'SELECT count(*)::int AS uses FROM coupon_uses WHERE coupon_id = $1 AND buyer_id = $2',
    [coupon.id, buyerId],
  );
  return (row?.uses ?? 0) >= coupon.usesPerBuyerMax
    ? no('coupon_exhausted', 'You have used the coupon as often as you can.')
    : undefined;
}

/** For a quote: whether placing now would find a use. */
export async function refuseCouponOf(executor: SqlExecutor, wanted: CouponWanted): Promise<Refusal | undefined> {
  const coupon = await findCoupon(executor, 'code_key', codeKey(wanted.couponCode ?? ''));
  return coupon === undefined ? undefined : refuseUsedUp(executor, coupon, wanted.buyerId);
}

/** A cancelled or expired order gives its use back, once. */
export const giveCouponBack: AfterEvent = async (_, tx, { order }, event) => {
  if (event.type === 'OrderCancelled') await releaseUse(tx, order);
};

/** The order's use of its coupon is free again, once; under the coupon's lock. */
export async function releaseUse(tx: SqlTransaction, { id, coupon }: Pick<Order, 'id' | 'coupon'>): Promise<void> {
  if (coupon === undefined) return;
  await tx.query('SELECT 1 FROM coupons WHERE id = $1 FOR UPDATE', [coupon.id]);
  const given = await tx.execute('DELETE FROM coupon_uses WHERE order_id = $1', [id]);
  if (given === 1) await tx.execute('UPDATE coupons SET uses = uses - 1 WHERE id = $1', [coupon.id]);
}

const columns = [
  'id',
  'code',
  'code_key',
  'percent_basis_points',
  'amount_minor',
  'amount_currency',
  'scope',
  'course_ids',
  'instructor_id',
  'valid_from',
  'valid_until',
  'uses_max',
  'uses_per_buyer_max',
  'minimum_minor',
  'minimum_currency',
  'uses',
  'withdrawn',
  'created_by',
  'created_at',
] as const;

interface CouponRow extends SqlRow {
  id: string;
  code: string;
  percent_basis_points: number;
  amount_minor: bigint;
  amount_currency: string;
  scope: Coupon['scope'];
  course_ids: string[];
  instructor_id: string;
  valid_from: Date;
  valid_until: Date | null;
  uses_max: number;
  uses_per_buyer_max: number;
  minimum_minor: bigint;
  minimum_currency: string;
  uses: number;
  withdrawn: boolean;
  created_by: string;
  created_at: Date;
}

async function findCoupon(
  executor: SqlExecutor,
  by: 'id' | 'code_key',
  value: string,
  lock: '' | 'FOR UPDATE' = '',
): Promise<Coupon | undefined> {
  const [row] = await executor.query<CouponRow>(`SELECT ${columns.join(', ')} FROM coupons WHERE ${by} = $1 ${lock}`, [
    value,
  ]);
  return row === undefined ? undefined : couponFrom(row);
}

function couponFrom(row: CouponRow): Coupon {
  return {
    id: row.id,
    code: row.code,
    percentBasisPoints: row.percent_basis_points,
    amountMinor: row.amount_minor,
    amountCurrency: row.amount_currency,
    scope: row.scope,
    courseIds: row.course_ids,
    instructorId: row.instructor_id,
    validFromMs: row.valid_from.getTime(),
    ...(row.valid_until === null ? {} : { validUntilMs: row.valid_until.getTime() }),
    usesMax: row.uses_max,
    usesPerBuyerMax: row.uses_per_buyer_max,
    minimumMinor: row.minimum_minor,
    minimumCurrency: row.minimum_currency,
    uses: row.uses,
    isWithdrawn: row.withdrawn,
    createdBy: row.created_by,
    createdAtMs: row.created_at.getTime(),
  };
}

/** Finance makes coupons for anything, an instructor for courses of their own. Refuses `coupon_code_taken`. */
export async function createCoupon(
  surroundings: OrdersSurroundings,
  request: CreateCouponRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof CreateCouponResponseSchema> | Refusal> {
  const coupon = await readCoupon(surroundings, request, context);
  if (isRefusal(coupon)) return coupon;
  const call = {
    method: 'CreateCoupon',
    input: CreateCouponRequestSchema,
    request,
    output: CreateCouponResponseSchema,
    context,
  };
  return once(surroundings, call, async (tx) =>
    (await insertCoupon(tx, coupon))
      ? { coupon: couponMessage(coupon) }
      : refuse('coupon_code_taken', 'Another coupon has this code.', [
          { field: 'code', code: 'not_allowed', detail: 'is taken' },
        ]),
  );
}

async function insertCoupon(tx: SqlTransaction, coupon: Coupon): Promise<boolean> {
  const values: SqlValue[] = [
    coupon.id,
    coupon.code,
    codeKey(coupon.code),
    coupon.percentBasisPoints,
    coupon.amountMinor,
    coupon.amountCurrency,
    coupon.scope,
    coupon.courseIds,
    coupon.instructorId,
    new Date(coupon.validFromMs),
    coupon.validUntilMs === undefined ? null : new Date(coupon.validUntilMs),
    coupon.usesMax,
    coupon.usesPerBuyerMax,
    coupon.minimumMinor,
    coupon.minimumCurrency,
    0,
    false,
    coupon.createdBy,
    new Date(coupon.createdAtMs),
  ];
  const inserted = await tx.execute(
    `INSERT INTO coupons (${columns.join(', ')}) VALUES (${values.map((_, index) => `$${index + 1}`).join(', ')})
     ON CONFLICT ON CONSTRAINT coupons_code_unique DO NOTHING`,
    values,
  );
  return inserted === 1;
}

const scopeWords: Record<number, Coupon['scope'] | undefined> = {
  [CouponScope.ALL]: 'all',
  [CouponScope.COURSES]: 'courses',
  [CouponScope.INSTRUCTOR]: 'instructor',
};

async function readCoupon(
  surroundings: OrdersSurroundings,
  request: CreateCouponRequest,
  context: CallContext,
): Promise<Coupon | Refusal> {
  const nowMs = surroundings.world.now();
  const scope = scopeWords[request.scope];
  const owner = ownerOf(request, context);
  const validFromMs = request.validFrom === undefined ? nowMs : timestampDate(request.validFrom).getTime();
  const validUntilMs = request.validUntil === undefined ? undefined : timestampDate(request.validUntil).getTime();
  const { currency: amountCurrency = '', amountMinor = 0n } = request.amount ?? {};
  const { currency: minimumCurrency = '', amountMinor: minimumMinor = 0n } = request.minimum ?? {};
  if (!/^[A-Za-z0-9-]+$/.test(request.code)) return wrong('code', 'has letters, digits and hyphens only');
  if (request.percentBasisPoints > 0 === amountMinor > 0n || amountMinor < 0n)
    return wrong('amount', 'give either percentBasisPoints or an amount, above zero');
  if (minimumMinor < 0n) return wrong('minimum', 'is not below zero');
  if (validUntilMs !== undefined && validUntilMs <= validFromMs) return wrong('validUntil', 'is after validFrom');
  if (scope === undefined) return wrong('scope', 'is all, courses or instructor');
  if (scope === 'all' && owner !== '') return wrong('scope', 'is courses or instructor for your own courses');
  if (scope === 'instructor' && owner === '') return wrong('instructorId', 'names the instructor');
  if ((scope === 'courses') !== request.courseIds.length > 0) return wrong('courseIds', 'belong to the scope courses');
  const foreign = await refuseForeignCourses(surroundings, request.courseIds, owner, context);
  if (foreign !== undefined) return foreign;
  return {
    id: surroundings.world.id('cpn'),
    code: request.code,
    percentBasisPoints: request.percentBasisPoints,
    amountMinor,
    amountCurrency,
    scope,
    courseIds: request.courseIds,
    instructorId: owner,
    validFromMs,
    ...(validUntilMs === undefined ? {} : { validUntilMs }),
    usesMax: request.usesMax,
    usesPerBuyerMax: request.usesPerBuyerMax,
    minimumMinor,
    minimumCurrency,
    uses: 0,
    isWithdrawn: false,
    createdBy: userIdIn(context),
    createdAtMs: nowMs,
  };
}

/** Whose courses alone it may concern; empty: anybody's. */
function ownerOf(request: CreateCouponRequest, context: CallContext): string {
  return hasRole(context.principal, 'finance') ? request.instructorId : userIdIn(context);
}

/** Every course is on sale, and the owner's where there is one. */
export async function refuseForeignCourses(
  { clients }: OrdersSurroundings,
  courseIds: readonly string[],
  owner: string,
  context: CallContext,
): Promise<Refusal | undefined> {
  if (courseIds.length === 0) return undefined;
  const answer = await clients.content.getOffers({ courseIds: [...courseIds] }, { context });
  if (isRefusal(answer)) return answer;
  const wrongOnes = courseIds.flatMap((courseId, index) => {
    const offer = answer.offers.find((each) => each.courseId === courseId);
    const isFine = offer !== undefined && (owner === '' || offer.instructorId === owner);
    return isFine
      ? []
      : [{ field: `courseIds[${index}]`, code: 'not_allowed', detail: 'is not a course on sale of yours' }];
  });
  return wrongOnes.length === 0
    ? undefined
    : refuse('course_not_available', 'A course is not on sale, or not taught by whom it should be.', wrongOnes);
}

function wrong(field: string, detail: string): Refusal {
  return refuse('invalid_request', `${field} ${detail}.`, [{ field, code: 'not_allowed', detail }]);
}

function userIdIn(context: CallContext): string {
  return context.principal.kind === 'user' ? context.principal.userId : '';
}

/** The coupon when the caller may see it: who made it, finance. */
async function visibleCoupon(executor: SqlExecutor, id: string, context: CallContext): Promise<Coupon | Refusal> {
  const coupon = /^[a-z0-9_]{1,64}$/.test(id) ? await findCoupon(executor, 'id', id) : undefined;
  const isVisible =
    coupon !== undefined && (hasRole(context.principal, 'finance') || coupon.createdBy === userIdIn(context));
  return isVisible ? coupon : refuse('not_found', 'There is no such coupon.');
}

export async function getCoupon(
  { sql }: OrdersSurroundings,
  request: GetCouponRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof GetCouponResponseSchema> | Refusal> {
  const coupon = await visibleCoupon(sql, request.id, context);
  return isRefusal(coupon) ? coupon : { coupon: couponMessage(coupon) };
}

export async function withdrawCoupon(
  { sql }: OrdersSurroundings,
  request: WithdrawCouponRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof WithdrawCouponResponseSchema> | Refusal> {
  const coupon = await visibleCoupon(sql, request.id, context);
  if (isRefusal(coupon)) return coupon;
  await sql.execute('UPDATE coupons SET withdrawn = true WHERE id = $1', [coupon.id]);
  return { coupon: couponMessage({ ...coupon, isWithdrawn: true }) };
}

export async function listCoupons(
  { sql }: OrdersSurroundings,
  request: ListCouponsRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof ListCouponsResponseSchema> | Refusal> {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const [time, id] = page.after;
  const values: SqlValue[] = [page.limit + 1];
  const given = (value: SqlValue) => `$${values.push(value)}`;
  const conditions = ['true'];
  if (!hasRole(context.principal, 'finance')) conditions.push(`created_by = ${given(userIdIn(context))}`);
  if (time !== undefined && id !== undefined)
    conditions.push(`(created_at, id) < (${given(new Date(time))}, ${given(id)})`);
  const rows = await sql.query<CouponRow>(
    `SELECT ${columns.join(', ')} FROM coupons WHERE ${conditions.join(' AND ')}
     ORDER BY created_at DESC, id DESC LIMIT $1`,
    values,
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    coupons: shown.map((row) => couponMessage(couponFrom(row))),
    nextPageToken:
      rows.length > page.limit && last !== undefined ? pageToken([last.created_at.toISOString(), last.id]) : '',
  };
}

function couponMessage(coupon: Coupon): MessageInitShape<typeof CouponSchema> {
  const { id, code, percentBasisPoints, courseIds, instructorId, usesMax, usesPerBuyerMax, uses } = coupon;
  const scopes = { all: CouponScope.ALL, courses: CouponScope.COURSES, instructor: CouponScope.INSTRUCTOR };
  const { amountCurrency, amountMinor, minimumCurrency, minimumMinor, validUntilMs } = coupon;
  return {
    ...{ id, code, percentBasisPoints, courseIds: [...courseIds], instructorId, usesMax, usesPerBuyerMax, uses },
    scope: scopes[coupon.scope],
    ...(amountMinor === 0n ? {} : { amount: { currency: amountCurrency, amountMinor } }),
    ...(minimumMinor === 0n ? {} : { minimum: { currency: minimumCurrency, amountMinor: minimumMinor } }),
    validFrom: timestampFromMs(coupon.validFromMs),
    ...(validUntilMs === undefined ? {} : { validUntil: timestampFromMs(validUntilMs) }),
    withdrawn: coupon.isWithdrawn,
    createdAt: timestampFromMs(coupon.createdAtMs),
  };
}
