/** How gifts, seats and places of cohorts become lines of an order. */
import type { OrderItem } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { DraftedItem, ItemKind, OrdersSurroundings } from './change.ts';
import { reserved } from './cohort.ts';
import { cohortOf, findCohort, offerOf, reservePlace } from './cohorts.ts';
import { noteGift } from './gifts.ts';
import { courseDraft } from './items.ts';
import type { OrderLine } from './order.ts';
import type { DraftLine } from './price.ts';

type Asked = Parameters<ItemKind['draft']>[2];

/** A course for somebody else. The buyer may have it themselves. */
const gifts: ItemKind = {
  isOne: (item) => item.gift !== undefined,
  draft: async (surroundings, item, asked) => {
    const { gift } = item;
    if (gift === undefined || item.courseId === '' || item.quantity > 1)
      return wrong(`${asked.path}.gift`, 'goes with one course');
    const drafted = await draftCourse(surroundings, item, asked, { kind: 'gift' });
    if (isRefusal(drafted)) return drafted;
    return {
      ...drafted,
      placed: async (tx, order, lines) => {
        for (const line of lines)
          await noteGift(surroundings, tx, { orderId: order.id, buyerId: order.buyerId, line, gift });
        return undefined;
      },
    };
  },
};

/** A course for so many; who gets them is said later. */
const seats: ItemKind = {
  isOne: (item) => item.quantity > 0 && item.gift === undefined && item.cohortId === '',
  draft: async (surroundings, item, asked) => {
    if (item.courseId === '') return wrong(`${asked.path}.quantity`, 'goes with a course');
    return draftCourse(surroundings, item, asked, { kind: 'seats', quantity: item.quantity });
  },
};

/** A place in a dated run of a course, at the price of the course. */
const cohorts: ItemKind = {
  isOne: (item) => item.cohortId !== '' && item.gift === undefined,
  draft: async (surroundings, item, asked) => {
    const { path, context } = asked;
    if (item.quantity > 1) return wrong(`${path}.quantity`, 'is one for a cohort');
    const row = await findCohort(surroundings.sql, item.cohortId);
    const unknown = [{ field: `${path}.cohortId`, code: 'not_allowed', detail: 'is not on sale' }];
    if (row === undefined) return refuse('course_not_available', 'There is no such cohort.', unknown);
    // Said early to who comes too late; the reservation itself decides.
    const full = reserved(cohortOf(row), surroundings.world.now());
    if (isRefusal(full)) return full;
    const offer = await offerOf(surroundings, row.course_id, context);
    if (isRefusal(offer)) return offer;
    const line = {
      ...courseDraft(offer),
      kind: 'cohort',
      cohortId: row.id,
      title: `${offer.title}: ${row.title}`,
    } as const;
    return {
      currency: offer.price?.currency ?? '',
      lines: [line],
      placed: (tx, order, lines) => reserveAll(surroundings, tx, order, lines),
    };
  },
};

export const accessItemKinds: readonly ItemKind[] = [gifts, seats, cohorts];

async function reserveAll(
  surroundings: OrdersSurroundings,
  tx: Parameters<NonNullable<DraftedItem['placed']>>[0],
  order: Parameters<NonNullable<DraftedItem['placed']>>[1],
  lines: readonly OrderLine[],
): Promise<Refusal | undefined> {
  for (const line of lines) {
    const refused = await reservePlace(surroundings, tx, order, line);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

async function draftCourse(
  surroundings: OrdersSurroundings,
  item: OrderItem,
  { path, context }: { readonly path: string; readonly context: CallContext } & Partial<Asked>,
  change: Pick<DraftLine, 'kind'> & Partial<DraftLine>,
): Promise<DraftedItem | Refusal> {
  const offer = await offerOf(surroundings, item.courseId, context);
  if (isRefusal(offer))
    return offer.code === 'course_not_available'
      ? refuse(offer.code, offer.detail, [{ field: `${path}.courseId`, code: 'not_allowed', detail: 'is not on sale' }])
      : offer;
  return { currency: offer.price?.currency ?? '', lines: [{ ...courseDraft(offer), ...change }] };
}

function wrong(field: string, detail: string): Refusal {
  return refuse('invalid_request', `${field} ${detail}.`, [{ field, code: 'not_allowed', detail }]);
}
