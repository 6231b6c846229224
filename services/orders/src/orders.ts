/** What the service does with orders, in the order of a purchase's life: place, look, cancel. Refunds are in refunds.ts. */
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { FieldError } from '@suuupra/contracts/errors';
import type { Offer } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import {
  type CancelOrderRequest,
  type CancelOrderResponseSchema,
  type GetOrderForPaymentRequest,
  type GetOrderForPaymentResponseSchema,
  type GetOrderRequest,
  type GetOrderResponseSchema,
  type ListOrdersRequest,
  type ListOrdersResponseSchema,
  OrderStatus,
  type PlaceOrderRequest,
  PlaceOrderRequestSchema,
  type PlaceOrderResponse,
  PlaceOrderResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, hasRole, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import {
  beginIdempotent,
  finishIdempotent,
  type IdempotentCall,
  idempotencyScope,
  lookIdempotent,
} from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { SqlFault, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { changeOrder, type OrdersSurroundings, recordEvents } from './change.ts';
import { decide, type OrderLine } from './order.ts';
import { type OrderView, orderMessage, statusNumbers, viewOf } from './order-view.ts';
import { taxInsideMinor } from './price.ts';
import { dropTimer, findView, listViews, ownedCourses, setTimer } from './store.ts';

type Answer<O extends DescMessage> = Promise<MessageInitShape<O> | Refusal>;

/** A cancellation whose request died between payments and us is finished by the janitor after this time. */
const cancelAgainMs = 10_000;
/** A new number is drawn when one is taken: of 2^40 that is rare once, and never so often. */
const numberTriesMax = 5;

export async function placeOrder(
  surroundings: OrdersSurroundings,
  request: PlaceOrderRequest,
  context: CallContext,
): Answer<typeof PlaceOrderResponseSchema> {
  const buyerId = userIdOf(context);
  if (buyerId === undefined) return refuse('unauthenticated', 'Sign in to order.');
  const call = placeCall(surroundings, request, context);
  const seen = await lookIdempotent(surroundings.sql, call);
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  if (seen.kind === 'refused') return seen.refusal;

  const offers = await readOffers(surroundings, request, buyerId, context);
  if (isRefusal(offers)) return offers;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await refusableTransaction(surroundings.sql, (tx) =>
        placeInTransaction(surroundings, tx, call, offers, context),
      );
    } catch (error) {
      if (!isNumberTaken(error) || attempt >= numberTriesMax) throw error;
    }
  }
}

type PlaceCall = IdempotentCall<typeof PlaceOrderRequestSchema, typeof PlaceOrderResponseSchema>;

function placeCall(surroundings: OrdersSurroundings, request: PlaceOrderRequest, context: CallContext): PlaceCall {
  return {
    scope: idempotencyScope(context),
    method: 'PlaceOrder',
    key: context.idempotencyKey,
    input: PlaceOrderRequestSchema,
    request,
    output: PlaceOrderResponseSchema,
    claimant: surroundings.world.id('call'),
  };
}

async function placeInTransaction(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  call: PlaceCall,
  offers: readonly Offer[],
  context: CallContext,
): Promise<PlaceOrderResponse | Refusal> {
  const claim = await beginIdempotent(tx, call);
  if (claim.kind === 'answered') return replayed(context, claim.answer);
  if (claim.kind === 'refused') return claim.refusal;
  const { world } = surroundings;
  const orderId = world.id('ord');
  const currency = offers[0]?.price?.currency ?? '';
  const events = decide(
    {
      kind: 'place',
      orderId,
      number: orderNumber(world.secret(5)),
      buyerId: userIdOf(context) ?? '',
      currency,
      lines: offers.map((offer) => lineOf(offer, world.id('line'))),
      atMs: world.now(),
    },
    undefined,
  );
  if (isRefusal(events)) return events;
  const { order, version } = await recordEvents(surroundings, tx, orderId, undefined, events, context);
  const answer = create(PlaceOrderResponseSchema, { order: orderMessage(viewOf(order, version), false) });
  await finishIdempotent(tx, call, answer);
  return answer;
}

function lineOf(offer: Offer, id: string): OrderLine {
  const { currency = '', amountMinor = 0n } = offer.price ?? {};
  return {
    id,
    courseId: offer.courseId,
    courseSlug: offer.slug,
    title: offer.title,
    instructorId: offer.instructorId,
    release: offer.release,
    priceMinor: amountMinor,
    discountMinor: 0n,
    taxMinor: taxInsideMinor(currency, amountMinor),
  };
}

const numberAlphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** `SU-7K3M-Q9TX` from 40 random bits: short enough to say on the telephone, and tells nobody how much is sold. */
export function orderNumber(random: Uint8Array): string {
  let bits = BigInt(`0x${Buffer.from(random).toString('hex')}`);
  let text = '';
  for (let i = 0; i < 8; i += 1) {
    text = numberAlphabet[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return `SU-${text.slice(0, 4)}-${text.slice(4)}`;
}

function isNumberTaken(error: unknown): boolean {
  return error instanceof SqlFault && error.kind === 'unique' && error.constraint === 'orders_number_unique';
}

/** The offers of the items in their order, all of which this buyer may buy, in one currency. */
async function readOffers(
  surroundings: OrdersSurroundings,
  request: PlaceOrderRequest,
  buyerId: string,
  context: CallContext,
): Promise<readonly Offer[] | Refusal> {
  const courseIds = request.items.map((item) => item.courseId);
  const refused = refuseItems(courseIds);
  if (refused !== undefined) return refused;
  if (request.couponCode !== '')
    return refuse('coupon_not_found', 'There is no coupon with this code.', [
      { field: 'couponCode', code: 'not_allowed', detail: 'is not a coupon of ours' },
    ]);
  const answer = await surroundings.clients.content.getOffers({ courseIds }, { context });
  if (isRefusal(answer)) return passedOn(answer);
  const offers = new Map(answer.offers.map((offer) => [offer.courseId, offer]));
  const unknown = fieldsWhere(courseIds, (courseId) => !offers.has(courseId), 'is not on sale');
  if (unknown.length > 0) return refuse('course_not_available', 'A course of this order is not on sale.', unknown);
  const chosen = courseIds.flatMap((courseId) => offers.get(courseId) ?? []);
  return (await refuseOffers(surroundings, chosen, buyerId, context)) ?? chosen;
}

function refuseItems(courseIds: readonly string[]): Refusal | undefined {
  if (courseIds.length === 0)
    return refuse('invalid_request', 'An order has at least one item.', [
      { field: 'items', code: 'required', detail: 'name at least one course' },
    ]);
  const twice = fieldsWhere(courseIds, (courseId, index) => courseIds.indexOf(courseId) !== index, 'is named twice');
  return twice.length > 0 ? refuse('invalid_request', 'A course can be bought once in an order.', twice) : undefined;
}

async function refuseOffers(
  surroundings: OrdersSurroundings,
  offers: readonly Offer[],
  buyerId: string,
  context: CallContext,
): Promise<Refusal | undefined> {
  const courseIds = offers.map((offer) => offer.courseId);
  const own = fieldsWhere(courseIds, (_, index) => offers[index]?.instructorId === buyerId, 'is taught by you');
  if (own.length > 0) return refuse('own_course', 'You teach this course; it is open to you already.', own);
  if (new Set(offers.map((offer) => offer.price?.currency)).size > 1)
    return refuse('mixed_currencies', 'These courses are sold in different currencies; order them separately.');
  const owned = await coursesOwned(surroundings, buyerId, courseIds, context);
  if (isRefusal(owned)) return owned;
  const already = fieldsWhere(courseIds, (courseId) => owned.has(courseId), 'is already yours');
  return already.length > 0 ? refuse('already_enrolled', 'You already have this course.', already) : undefined;
}

/** By learning's word, and by our own for what was paid a moment ago and learning has not heard of yet. */
async function coursesOwned(
  { sql, clients }: OrdersSurroundings,
  userId: string,
  courseIds: readonly string[],
  context: CallContext,
): Promise<ReadonlySet<string> | Refusal> {
  const owned = new Set(await ownedCourses(sql, userId, courseIds));
  const answers = await Promise.all(
    courseIds.map((courseId) => clients.learning.checkAccess({ userId, courseId }, { context })),
  );
  for (const [index, answer] of answers.entries()) {
    if (isRefusal(answer)) return passedOn(answer);
    if (answer.entitled) owned.add(courseIds[index] ?? '');
  }
  return owned;
}

function fieldsWhere(
  courseIds: readonly string[],
  isWrong: (courseId: string, index: number) => boolean,
  detail: string,
): FieldError[] {
  return courseIds.flatMap((courseId, index) =>
    isWrong(courseId, index) ? [{ field: `items[${index}].courseId`, code: 'not_allowed', detail }] : [],
  );
}

const passable: ReadonlySet<string> = new Set(['busy', 'unavailable', 'too_many_requests', 'deadline_exceeded']);

/** Overload of another service is said to our caller too; any other refusal of an internal question is our own mistake. */
function passedOn(refusal: Refusal): Refusal {
  if (passable.has(refusal.code)) return refusal;
  throw new Error(`another service refused our question: ${refusal.code}`);
}

export async function getOrder(
  surroundings: OrdersSurroundings,
  request: GetOrderRequest,
  context: CallContext,
): Answer<typeof GetOrderResponseSchema> {
  const view = await visibleOrder(surroundings, request.id, context);
  return isRefusal(view) ? view : { order: orderMessage(view, isFinance(context)) };
}

/** The order when the caller may see it: the buyer, finance. To others it does not exist. */
export async function visibleOrder(
  { sql }: OrdersSurroundings,
  orderId: string,
  context: CallContext,
): Promise<OrderView | Refusal> {
  const view = isId(orderId) ? await findView(sql, orderId) : undefined;
  const isVisible = view !== undefined && (view.buyerId === userIdOf(context) || isFinance(context));
  return isVisible ? view : refuse('not_found', 'There is no such order.');
}

/** The form of every id of ours. What else comes in a path is no id, and asks the database nothing. */
function isId(text: string): boolean {
  return /^[a-z0-9_]{1,64}$/.test(text);
}

export async function listOrders(
  { sql }: OrdersSurroundings,
  request: ListOrdersRequest,
  context: CallContext,
): Answer<typeof ListOrdersResponseSchema> {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  if (request.all && !isFinance(context))
    return refuse('permission_denied', "Everybody's orders are for finance only.");
  const status = statusWord(request.status);
  const [time, id] = page.after;
  const rows = await listViews(sql, {
    buyerId: request.all ? undefined : userIdOf(context),
    status,
    after: time === undefined || id === undefined ? undefined : { placedAt: new Date(time), id },
    limit: page.limit + 1,
  });
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    orders: shown.map((view) => orderMessage(view, isFinance(context))),
    nextPageToken: isMore ? pageToken([last.placedAt.toISOString(), last.id]) : '',
  };
}

function statusWord(status: OrderStatus): keyof typeof statusNumbers | undefined {
  if (status === OrderStatus.UNSPECIFIED) return undefined;
  const found = Object.entries(statusNumbers).find(([, number]) => number === status);
  return found?.[0] as keyof typeof statusNumbers | undefined;
}

/** Closes the payment's intent first, so that nothing can be captured on a cancelled order; then cancels. */
export async function cancelOrder(
  surroundings: OrdersSurroundings,
  request: CancelOrderRequest,
  context: CallContext,
): Answer<typeof CancelOrderResponseSchema> {
  const view = await visibleOrder(surroundings, request.id, context);
  if (isRefusal(view)) return view;
  if (view.status === 'awaiting_payment') {
    const timer = { orderId: view.id, kind: 'cancel', subject: '' } as const;
    // If we die on the way, the janitor finishes what the buyer was told nothing of yet.
    await setTimer(surroundings.sql, timer, surroundings.world.now() + cancelAgainMs);
    const closed = await closeIntent(surroundings, view.id, 'buyer', context);
    if (closed !== undefined) {
      await dropTimer(surroundings.sql, timer);
      return closed;
    }
  }
  const command = { kind: 'cancel', because: 'buyer', atMs: surroundings.world.now() } as const;
  const cancelled = await refusableTransaction(surroundings.sql, (tx) =>
    changeOrder(surroundings, tx, view.id, command, context),
  );
  if (isRefusal(cancelled)) return cancelled;
  return { order: orderMessage(viewOf(cancelled.order, cancelled.version), isFinance(context)) };
}

/** Undefined when nothing can be captured on the order any more; else why it cannot be cancelled now. */
export async function closeIntent(
  { clients }: OrdersSurroundings,
  orderId: string,
  because: 'buyer' | 'expired',
  context?: CallContext,
): Promise<Refusal | undefined> {
  const answer = await clients.payments.cancelIntent({ orderId, because }, context === undefined ? {} : { context });
  if (!isRefusal(answer)) return undefined;
  if (answer.code === 'already_captured') return refuse('order_not_cancellable', 'The order has just been paid.');
  return answer.code === 'payment_in_progress' ? answer : passedOn(answer);
}

/** For payments, which checks the buyer and the status itself. */
export async function getOrderForPayment(
  { sql }: OrdersSurroundings,
  request: GetOrderForPaymentRequest,
): Answer<typeof GetOrderForPaymentResponseSchema> {
  const view = isId(request.orderId) ? await findView(sql, request.orderId) : undefined;
  if (view === undefined) return refuse('not_found', 'There is no such order.');
  return {
    orderId: view.id,
    buyerId: view.buyerId,
    status: statusNumbers[view.status],
    total: { currency: view.currency, amountMinor: view.totalMinor },
    number: view.number,
    expiresAt: timestampFromDate(view.expiresAt),
  };
}

export function userIdOf(context: CallContext): string | undefined {
  return context.principal.kind === 'user' ? context.principal.userId : undefined;
}

export function isFinance(context: CallContext): boolean {
  return hasRole(context.principal, 'finance');
}

/** Marks the answer as the one that the first request with this key got. */
export function replayed<T>(context: CallContext, answer: T): T {
  context.answer.idempotentReplayed = true;
  return answer;
}
