/** What the service does with gifts, in the order of a gift's life: ordered, bought, looked at, redeemed, taken back. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type GetGiftRequest,
  type GetGiftResponseSchema,
  type GiftSchema,
  GiftStatus,
  type ListGiftsRequest,
  type ListGiftsResponseSchema,
  type LookAtGiftRequest,
  type LookAtGiftResponseSchema,
  type RedeemGiftRequest,
  RedeemGiftRequestSchema,
  RedeemGiftResponseSchema,
  type ResendGiftRequest,
  ResendGiftRequestSchema,
  ResendGiftResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/gifts_pb.ts';
import { GiftBoughtSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlRow, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { codeBytes, codeFrom, codeHash } from './access-code.ts';
import { type AccessSurroundings, type Answer, isTheirs, notFound, once, signedIn } from './access-parts.ts';
import type { OrdersSurroundings } from './change.ts';
import { endEntitlements, entitledCourses, grantEntitlement, lockPerson } from './entitlements.ts';
import * as rules from './gift.ts';
import { coursesOwned } from './items.ts';
import type { Order, OrderLine } from './order.ts';

interface GiftRow extends SqlRow {
  id: string;
  order_id: string;
  line_id: string;
  buyer_id: string;
  course_id: string;
  course_title: string;
  course_slug: string;
  instructor_id: string;
  release: number;
  recipient_email: string;
  recipient_name: string;
  message: string;
  status: rules.GiftStatusWord;
  recipient_id: string;
  sends: number;
  created_at: Date;
  redeemed_at: Date | null;
}

export interface GiftFor {
  readonly recipientEmail: string;
  readonly recipientName: string;
  readonly message: string;
}

/** Notes who a line is for, in the transaction that places its order. */
export async function noteGift(
  { world }: Pick<OrdersSurroundings, 'world'>,
  tx: SqlTransaction,
  placed: { readonly orderId: string; readonly buyerId: string; readonly line: OrderLine; readonly gift: GiftFor },
): Promise<void> {
  const { orderId, buyerId, line, gift } = placed;
  await tx.execute(
    `INSERT INTO gifts (id, order_id, line_id, buyer_id, course_id, course_title, course_slug, instructor_id, release,
       recipient_email, recipient_name, message, status, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'ordered', $13)`,
    [
      world.id('gft'),
      orderId,
      line.id,
      buyerId,
      line.courseId,
      line.title,
      line.courseSlug,
      line.instructorId,
      line.release,
      gift.recipientEmail.trim(),
      gift.recipientName.trim(),
      gift.message.trim(),
      new Date(world.now()),
    ],
  );
}

/** The order is paid: each gift gets its code, which goes to the recipient and is kept only as a hash. */
export async function giftsBought(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  order: Order,
  cause?: EventCause,
): Promise<void> {
  if (!order.lines.some((line) => line.kind === 'gift')) return;
  for (const row of await lockGiftsOf(tx, order.id)) {
    const gift = rules.bought(giftOf(row));
    if (row.status !== gift.status)
      await sendCode(surroundings, tx, { ...row, status: gift.status, sends: gift.sends }, cause);
  }
}

/** Gives the gift a new code and tells of it. */
async function sendCode(
  { world, publishIn }: OrdersSurroundings,
  tx: SqlTransaction,
  row: GiftRow,
  cause?: EventCause,
): Promise<void> {
  const code = codeFrom(world.secret(codeBytes));
  await tx.execute('UPDATE gifts SET status = $2, sends = $3, recipient_email = $4, code_hash = $5 WHERE id = $1', [
    row.id,
    row.status,
    row.sends,
    row.recipient_email,
    codeHash(code),
  ]);
  const told = {
    giftId: row.id,
    orderId: row.order_id,
    buyerId: row.buyer_id,
    recipientEmail: row.recipient_email,
    recipientName: row.recipient_name,
    message: row.message,
    courseTitle: row.course_title,
    redeemPath: `/gifts/${code}`,
  };
  await publishIn(tx)(GiftBoughtSchema, told, cause);
}

/** The price of these lines went back: codes are void, and who has redeemed one loses the course. */
export async function giftsTakenBack(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  taken: {
    readonly orderId: string;
    readonly lineIds: readonly string[];
    readonly because: 'refunded' | 'dispute_lost';
  },
  cause?: EventCause,
): Promise<void> {
  for (const row of await lockGiftsOf(tx, taken.orderId)) {
    if (!taken.lineIds.includes(row.line_id)) continue;
    const { status } = rules.takenBack(giftOf(row));
    if (status === row.status) continue;
    await tx.execute('UPDATE gifts SET status = $2 WHERE id = $1', [row.id, status]);
    await endEntitlements(surroundings, tx, { source: 'gift', sourceId: row.id }, taken.because, cause);
  }
}

export async function listGifts(
  { sql }: AccessSurroundings,
  request: ListGiftsRequest,
  context: CallContext,
): Answer<typeof ListGiftsResponseSchema> {
  const page = readPage(request, ['time', 'text'], request.orderIds);
  if (isRefusal(page)) return page;
  const [time = null, id = ''] = page.after;
  const rows = await sql.query<GiftRow>(
    `SELECT * FROM gifts WHERE buyer_id = $1 AND status <> 'ordered'
       AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
       AND (cardinality($5::text[]) = 0 OR order_id = ANY ($5))
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [signedIn(context), time, id, page.limit + 1, request.orderIds],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    gifts: shown.map(giftMessage),
    nextPageToken: isMore ? pageToken([last.created_at.toISOString(), last.id], request.orderIds) : '',
  };
}

export async function getGift(
  { sql }: AccessSurroundings,
  request: GetGiftRequest,
  context: CallContext,
): Answer<typeof GetGiftResponseSchema> {
  const [row] = await sql.query<GiftRow>("SELECT * FROM gifts WHERE id = $1 AND status <> 'ordered'", [request.id]);
  return row === undefined || !isTheirs(context, row.buyer_id) ? notFound('gift') : { gift: giftMessage(row) };
}

export async function resendGift(
  surroundings: AccessSurroundings,
  request: ResendGiftRequest,
  context: CallContext,
): Answer<typeof ResendGiftResponseSchema> {
  const call = {
    method: 'ResendGift',
    input: ResendGiftRequestSchema,
    request,
    output: ResendGiftResponseSchema,
    context,
  };
  return once(surroundings, call, async (tx) => {
    const [row] = await tx.query<GiftRow>("SELECT * FROM gifts WHERE id = $1 AND status <> 'ordered' FOR UPDATE", [
      request.id,
    ]);
    if (row === undefined || !isTheirs(context, row.buyer_id)) return notFound('gift');
    const gift = rules.resent(giftOf(row));
    if (isRefusal(gift)) return gift;
    const sent = { ...row, sends: gift.sends, recipient_email: request.recipientEmail.trim() || row.recipient_email };
    await sendCode(surroundings, tx, sent, context);
    return { gift: giftMessage(sent) };
  });
}

export async function lookAtGift(
  { sql }: AccessSurroundings,
  request: LookAtGiftRequest,
): Answer<typeof LookAtGiftResponseSchema> {
  const row = await findByCode(sql, request.code);
  if (row === undefined) return noSuchCode();
  return {
    status: statusNumbers[row.status],
    courseId: row.course_id,
    courseTitle: row.course_title,
    courseSlug: row.course_slug,
    recipientName: row.recipient_name,
    message: row.message,
  };
}

export async function redeemGift(
  surroundings: AccessSurroundings,
  request: RedeemGiftRequest,
  context: CallContext,
): Answer<typeof RedeemGiftResponseSchema> {
  const userId = signedIn(context);
  const found = await findByCode(surroundings.sql, request.code);
  if (found === undefined) return noSuchCode();
  // The caller's own redemption goes on to the stored answer of its key.
  const isOwn = found.status === 'redeemed' && found.recipient_id === userId;
  const refused = isOwn ? undefined : await refuseRecipient(surroundings, found, userId, context);
  if (refused !== undefined) return refused;
  // The key's record holds the request: with the code's hash in its place.
  const hashed = create(RedeemGiftRequestSchema, { code: codeHash(request.code).toString('hex') });
  const call = {
    method: 'RedeemGift',
    input: RedeemGiftRequestSchema,
    request: hashed,
    output: RedeemGiftResponseSchema,
    context,
  };
  return once(surroundings, call, (tx) => redeem(surroundings, tx, found.id, userId, context));
}

async function redeem(
  surroundings: AccessSurroundings,
  tx: SqlTransaction,
  giftId: string,
  userId: string,
  context: CallContext,
): Promise<MessageInitShape<typeof RedeemGiftResponseSchema> | Refusal> {
  const [row] = await tx.query<GiftRow>('SELECT * FROM gifts WHERE id = $1 FOR UPDATE', [giftId]);
  if (row === undefined) return noSuchCode();
  const gift = rules.redeemed(giftOf(row), userId);
  if (isRefusal(gift)) return gift;
  await lockPerson(tx, userId);
  if ((await entitledCourses(tx, userId, [row.course_id])).size > 0) return alreadyYours();
  await tx.execute("UPDATE gifts SET status = 'redeemed', recipient_id = $2, redeemed_at = $3 WHERE id = $1", [
    giftId,
    userId,
    new Date(surroundings.world.now()),
  ]);
  const grant = {
    source: 'gift',
    sourceId: giftId,
    userId,
    courseId: row.course_id,
    courseTitle: row.course_title,
    release: row.release,
    orderId: row.order_id,
  } as const;
  await grantEntitlement(surroundings, tx, grant, context);
  return { giftId, courseId: row.course_id, courseTitle: row.course_title, courseSlug: row.course_slug };
}

/** Who has the course already keeps the code: it can be given to somebody else. */
async function refuseRecipient(
  surroundings: AccessSurroundings,
  gift: GiftRow,
  userId: string,
  context: CallContext,
): Promise<Refusal | undefined> {
  if (gift.status !== 'open') {
    const refused = rules.redeemed(giftOf(gift), userId);
    return isRefusal(refused) ? refused : undefined;
  }
  if (gift.instructor_id === userId) return refuse('own_course', 'You teach this course; it is open to you already.');
  const owned = await coursesOwned(surroundings, userId, [gift.course_id], context);
  if (isRefusal(owned)) return owned;
  return owned.size > 0 ? alreadyYours() : undefined;
}

function alreadyYours(): Refusal {
  return refuse(
    'already_enrolled',
    'You already have this course. The code stays good: give it to somebody who has not.',
  );
}

function noSuchCode(): Refusal {
  return refuse(
    'not_found',
    'There is no gift with this code. If the gift was sent again, use the code of the newest mail.',
  );
}

async function findByCode(executor: SqlExecutor, code: string): Promise<GiftRow | undefined> {
  const [row] = await executor.query<GiftRow>('SELECT * FROM gifts WHERE code_hash = $1', [codeHash(code)]);
  return row;
}

function lockGiftsOf(tx: SqlTransaction, orderId: string): Promise<GiftRow[]> {
  return tx.query<GiftRow>('SELECT * FROM gifts WHERE order_id = $1 ORDER BY id FOR UPDATE', [orderId]);
}

function giftOf(row: GiftRow): rules.Gift {
  return { status: row.status, buyerId: row.buyer_id, recipientId: row.recipient_id, sends: row.sends };
}

const statusNumbers: Record<rules.GiftStatusWord, GiftStatus> = {
  ordered: GiftStatus.UNSPECIFIED,
  open: GiftStatus.OPEN,
  redeemed: GiftStatus.REDEEMED,
  void: GiftStatus.VOID,
  ended: GiftStatus.ENDED,
};

function giftMessage(row: GiftRow): MessageInitShape<typeof GiftSchema> {
  return {
    id: row.id,
    orderId: row.order_id,
    lineId: row.line_id,
    courseId: row.course_id,
    courseTitle: row.course_title,
    recipientEmail: row.recipient_email,
    recipientName: row.recipient_name,
    message: row.message,
    status: statusNumbers[row.status],
    boughtAt: timestampFromDate(row.created_at),
    ...(row.redeemed_at === null ? {} : { redeemedAt: timestampFromDate(row.redeemed_at) }),
  };
}
