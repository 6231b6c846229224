/** What is asked for, as lines of an order: courses, bundles, and the kinds that others know. */
import type { FieldError } from '@suuupra/contracts/errors';
import type { Offer } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { BillingDetails, OrderItem } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { BundleToSell } from './bundle.ts';
import { bundleDrafts } from './bundle.ts';
import { bundlesToSell } from './bundles.ts';
import type { DraftedItem, OrdersSurroundings } from './change.ts';
import { isGstin, stateNames } from './gstin.ts';
import type { Billing, CaptureMethod } from './order.ts';
import { isForBuyer } from './order-view.ts';
import { type DraftLine, listedMinor } from './price.ts';
import { openOrders, ownedCourses } from './store.ts';

/** The most that an order may come to by the price list, in minor units: every sum stays far inside 64 bits. */
const orderMinorMax = 1_000_000_000_000_000n;

/** The lines of all items, in their order. */
export interface DraftedOrder {
  readonly currency: string;
  readonly lines: readonly DraftLine[];
  readonly captureMethod: CaptureMethod;
  /** Item by item, with the place of its first line. */
  readonly items: readonly { readonly drafted: DraftedItem; readonly firstLine: number }[];
}

/** The items as lines, all of which this buyer may buy, in one currency. `editedId` is the order that they are for already. */
export async function readItems(
  surroundings: OrdersSurroundings,
  items: readonly OrderItem[],
  buyerId: string,
  context: CallContext,
  editedId = '',
): Promise<DraftedOrder | Refusal> {
  const refused = refuseForms(surroundings, items);
  if (refused !== undefined) return refused;
  const offered = await readOffers(surroundings, items, context);
  if (isRefusal(offered)) return offered;
  const drafted: DraftedItem[] = [];
  for (const [index, item] of items.entries()) {
    const kind = surroundings.itemKinds.find((each) => each.isOne(item));
    const path = `items[${index}]`;
    const one =
      kind === undefined ? draftOf(item, offered) : await kind.draft(surroundings, item, { buyerId, path, context });
    if (isRefusal(one)) return one;
    drafted.push(one);
  }
  return (await refuseDrafted(surroundings, drafted, { buyerId, editedId }, context)) ?? together(drafted);
}

function together(drafted: readonly DraftedItem[]): DraftedOrder {
  let next = 0;
  const items = drafted.map((each) => {
    const firstLine = next;
    next += each.lines.length;
    return { drafted: each, firstLine };
  });
  return {
    currency: drafted[0]?.currency ?? '',
    lines: drafted.flatMap((each) => each.lines),
    captureMethod: drafted.some((each) => each.captureMethod === 'manual') ? 'manual' : 'automatic',
    items,
  };
}

/** Whether each item has the form of one offer; asks nobody. */
export function refuseForms(
  { itemKinds }: Pick<OrdersSurroundings, 'itemKinds'>,
  items: readonly OrderItem[],
): Refusal | undefined {
  if (items.length === 0)
    return refuse('invalid_request', 'An order has at least one item.', [
      { field: 'items', code: 'required', detail: 'name at least one course' },
    ]);
  for (const [index, item] of items.entries()) {
    const offers = [item.courseId, item.bundleId, item.cohortId].filter((id) => id !== '').length;
    if (offers !== 1)
      return wrongItem(
        index,
        offers === 0 ? 'courseId' : 'bundleId',
        'an item is one course, one bundle or one cohort',
      );
    const isSpecial = item.quantity > 0 || item.gift !== undefined || item.cohortId !== '';
    if (isSpecial && !itemKinds.some((kind) => kind.isOne(item)))
      return wrongItem(index, item.gift === undefined ? 'quantity' : 'gift', 'is not sold in this way');
  }
  return undefined;
}

function wrongItem(index: number, name: string, detail: string): Refusal {
  const field = `items[${index}].${name}`;
  const code = name === 'courseId' ? 'required' : 'not_allowed';
  return refuse('invalid_request', `${field}: ${detail}.`, [{ field, code, detail }]);
}

interface Offered {
  readonly offers: ReadonlyMap<string, Offer>;
  readonly bundles: ReadonlyMap<string, BundleToSell>;
}

/** What content and we ourselves sell of the plain courses and bundles. */
async function readOffers(
  surroundings: OrdersSurroundings,
  items: readonly OrderItem[],
  context: CallContext,
): Promise<Offered | Refusal> {
  const plain = items.map((item) => (surroundings.itemKinds.some((kind) => kind.isOne(item)) ? '' : item.courseId));
  const twice = fieldsWhere(plain, (id, index) => id !== '' && plain.indexOf(id) !== index, 'is named twice');
  if (twice.length > 0) return refuse('invalid_request', 'A course can be bought once in an order.', twice);
  const bundleIds = items.map((item) => item.bundleId);
  const bundles = await bundlesToSell(
    surroundings.sql,
    bundleIds.filter((id) => id !== ''),
  );
  const gone = bundleIds.flatMap((id, index) =>
    id === '' || bundles.has(id)
      ? []
      : [{ field: `items[${index}].bundleId`, code: 'not_allowed', detail: 'is not on sale' }],
  );
  if (gone.length > 0) return refuse('bundle_not_available', 'A bundle of this order is not on sale.', gone);
  const courseIds = [...plain.filter((id) => id !== ''), ...[...bundles.values()].flatMap((each) => each.courseIds)];
  if (courseIds.length === 0) return { offers: new Map(), bundles };
  const answer = await surroundings.clients.content.getOffers({ courseIds: [...new Set(courseIds)] }, { context });
  if (isRefusal(answer)) return passedOn(answer);
  const offers = new Map(answer.offers.map((offer) => [offer.courseId, offer]));
  const unknown = fieldsWhere(plain, (id) => id !== '' && !offers.has(id), 'is not on sale');
  return unknown.length > 0
    ? refuse('course_not_available', 'A course of this order is not on sale.', unknown)
    : { offers, bundles };
}

function draftOf(item: OrderItem, { offers, bundles }: Offered): DraftedItem | Refusal {
  const bundle = bundles.get(item.bundleId);
  if (bundle !== undefined) return bundleDrafts(bundle, offers);
  const offer = offers.get(item.courseId);
  if (offer === undefined) throw new Error('an item without an offer was let through');
  return { currency: offer.price?.currency ?? '', lines: [courseDraft(offer)] };
}

/** A course for the buyer at its own price. */
export function courseDraft(offer: Offer): DraftLine {
  return {
    kind: 'course',
    courseId: offer.courseId,
    courseSlug: offer.slug,
    title: offer.title,
    instructorId: offer.instructorId,
    release: offer.release,
    quantity: 1,
    unitPriceMinor: offer.price?.amountMinor ?? 0n,
    bundleId: '',
    cohortId: '',
    reference: '',
  };
}

async function refuseDrafted(
  surroundings: OrdersSurroundings,
  drafted: readonly DraftedItem[],
  { buyerId, editedId }: { readonly buyerId: string; readonly editedId: string },
  context: CallContext,
): Promise<Refusal | undefined> {
  const mine = drafted.flatMap((each, item) =>
    each.lines.filter((line) => isForBuyer(line.kind)).map((line) => ({ line, item })),
  );
  const courseIds = mine.map(({ line }) => line.courseId);
  const fields = (isWrong: (courseId: string, index: number) => boolean, detail: string): FieldError[] =>
    mine.flatMap(({ line, item }, index) =>
      isWrong(line.courseId, index) ? [{ field: `items[${item}].${fieldOf(line)}`, code: 'not_allowed', detail }] : [],
    );
  const own = fields((_, index) => mine[index]?.line.instructorId === buyerId, 'is taught by you');
  if (own.length > 0) return refuse('own_course', 'You teach this course; it is open to you already.', own);
  const twice = fields(
    (courseId, index) => courseIds.indexOf(courseId) !== index,
    'holds a course that is named twice',
  );
  if (twice.length > 0) return refuse('invalid_request', 'A course can be bought once in an order.', twice);
  if (new Set(drafted.map((each) => each.currency)).size > 1)
    return refuse('mixed_currencies', 'These courses are sold in different currencies; order them separately.');
  const listed = drafted.flatMap((each) => each.lines).reduce((sum, line) => sum + listedMinor(line), 0n);
  if (listed > orderMinorMax) return refuse('limit_reached', 'The order is too large; order its items separately.');
  const owned = await coursesOwned(surroundings, buyerId, courseIds, context);
  if (isRefusal(owned)) return owned;
  const already = fields((courseId) => owned.has(courseId), 'is already yours');
  if (already.length > 0) return refuse('already_enrolled', 'You already have this course.', already);
  const held = await coursesHeld(surroundings, buyerId, editedId);
  const open = fields((courseId) => held.has(courseId), 'is in an order whose payment is under way');
  return open.length > 0
    ? refuse('order_already_open', 'Your bank already holds the amount of an order of this course.', open)
    : undefined;
}

function fieldOf(line: DraftLine): string {
  if (line.bundleId !== '') return 'bundleId';
  return line.kind === 'cohort' ? 'cohortId' : 'courseId';
}

/** Courses of the buyer's other orders whose amount is authorized and not captured yet. */
async function coursesHeld(
  { sql }: OrdersSurroundings,
  buyerId: string,
  editedId: string,
): Promise<ReadonlySet<string>> {
  const open = await openOrders(sql, buyerId);
  const held = open.filter((order) => order.details.isAuthorized && order.id !== editedId);
  return new Set(
    held.flatMap((order) => order.lines.filter((line) => isForBuyer(line.kind))).map((line) => line.courseId),
  );
}

/** By learning's word, and by our own for what was paid a moment ago and learning has not heard of yet. */
export async function coursesOwned(
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
export function passedOn(refusal: Refusal): Refusal {
  if (passable.has(refusal.code)) return refusal;
  throw new Error(`another service refused our question: ${refusal.code}`);
}

/** Who is billed, checked; undefined when nothing was given. Refuses `invalid_request` with the field. */
export function readBilling(given: BillingDetails | undefined): Billing | Refusal | undefined {
  if (given === undefined) return undefined;
  const { name, address } = given;
  const gstin = given.gstin.trim().toUpperCase();
  const country = (given.country.trim() || 'IN').toUpperCase();
  const stateCode = given.stateCode.trim() || (gstin === '' ? '' : gstin.slice(0, 2));
  const isEmpty = [name, address, gstin, given.country, stateCode].every((text) => text.trim() === '');
  if (isEmpty) return undefined;
  if (!/^[A-Z]{2}$/.test(country)) return wrongBilling('country', 'is a code of two letters, e.g. IN');
  if (gstin !== '' && !isGstin(gstin))
    return wrongBilling('gstin', 'is not a GSTIN: its form, state or check character is wrong');
  if (country !== 'IN' && (stateCode !== '' || gstin !== ''))
    return wrongBilling(gstin === '' ? 'stateCode' : 'gstin', 'is for India only');
  if (stateCode !== '' && !stateNames.has(stateCode)) return wrongBilling('stateCode', 'is not a GST state code');
  if (gstin !== '' && !gstin.startsWith(stateCode)) return wrongBilling('stateCode', 'is not the state of the GSTIN');
  if (gstin !== '' && (name.trim() === '' || address.trim() === ''))
    return wrongBilling(name.trim() === '' ? 'name' : 'address', 'is needed on the invoice of a registered business');
  return { name, address, stateCode, country, gstin };
}

function wrongBilling(name: string, detail: string): Refusal {
  const field = `billing.${name}`;
  return refuse('invalid_request', `${field} ${detail}.`, [{ field, code: 'not_allowed', detail }]);
}
