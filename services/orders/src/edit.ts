/**
 * What an edit of an order leaves and brings: which offers are drafted anew, and which lines stay as they were ordered.
 * Pure.
 */
import { create } from '@bufbuild/protobuf';
import { type OrderItem, OrderItemSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { Order, OrderLine } from './order.ts';
import type { DraftLine } from './price.ts';

/** As many as an order is placed with. */
const itemsMax = 20;

export interface EditPlan {
  /** What remains of courses, seats and bundles, and then what comes, as offers to be read anew. */
  readonly items: readonly OrderItem[];
  /** How many of `items` are in the order already. */
  readonly kept: number;
  /** Gifts and places of cohorts: as they were ordered. */
  readonly bound: readonly OrderLine[];
}

/** Refuses `invalid_request` with the field, `order_not_editable` when nothing would be left. */
export function planEdit(
  order: Order,
  removeLineIds: readonly string[],
  addItems: readonly OrderItem[],
): EditPlan | Refusal {
  const refused = refuseRemoval(order, removeLineIds) ?? refuseAdded(addItems);
  if (refused !== undefined) return refused;
  const left = order.lines.filter((line) => !removeLineIds.includes(line.id));
  const kept = itemsOf(left.filter((line) => !isBound(line)));
  const items = [...kept, ...addItems];
  const bound = left.filter(isBound);
  if (items.length + bound.length === 0)
    return refuse('order_not_editable', 'Nothing would be left of the order; cancel it instead.');
  if (items.length + bound.length > itemsMax)
    return wrong('addItems', 'too_many', `an order has at most ${itemsMax} items`);
  const twice = addItems.findIndex((item) =>
    bound.some((line) => isForBuyerToo(line) && line.courseId === item.courseId),
  );
  return twice === -1
    ? { items, kept: kept.length, bound }
    : wrong(`addItems[${twice}].courseId`, 'not_allowed', 'is in the order already, with a cohort');
}

function isBound(line: OrderLine): boolean {
  return line.kind === 'gift' || line.kind === 'cohort';
}

function isForBuyerToo(line: OrderLine): boolean {
  return line.kind === 'cohort';
}

function refuseRemoval(order: Order, removeLineIds: readonly string[]): Refusal | undefined {
  for (const [index, id] of removeLineIds.entries()) {
    const field = `removeLineIds[${index}]`;
    const line = order.lines.find((each) => each.id === id);
    if (line === undefined) return wrong(field, 'not_allowed', 'is not in this order');
    if (isBound(line)) return wrong(field, 'not_allowed', 'is a gift or a place in a cohort, which stays as ordered');
    const together = order.lines.filter((each) => line.bundleId !== '' && each.bundleId === line.bundleId);
    if (together.some((each) => !removeLineIds.includes(each.id)))
      return wrong(field, 'not_allowed', 'belongs to a bundle, which goes as a whole');
  }
  return undefined;
}

function refuseAdded(addItems: readonly OrderItem[]): Refusal | undefined {
  const index = addItems.findIndex((item) => item.gift !== undefined || item.cohortId !== '');
  return index === -1
    ? undefined
    : wrong(`addItems[${index}]`, 'not_allowed', 'is a gift or a place in a cohort: order it by itself');
}

function itemsOf(lines: readonly OrderLine[]): OrderItem[] {
  const bundles = new Set<string>();
  return lines.flatMap(({ kind, courseId, bundleId, quantity }) => {
    if (bundleId === '') return [create(OrderItemSchema, { courseId, quantity: kind === 'seats' ? quantity : 0 })];
    if (bundles.has(bundleId)) return [];
    bundles.add(bundleId);
    return [create(OrderItemSchema, { bundleId })];
  });
}

/** The lines as they are to be priced. */
export function draftsOf(plan: EditPlan, anew: readonly DraftLine[]): DraftLine[] {
  return [...anew, ...plan.bound];
}

/** A line that was in the order keeps its id; a new one gets one of `newId`. In the order of the drafts. */
export function idsOf(order: Order, drafts: readonly DraftLine[], newId: () => string): string[] {
  const free = [...order.lines];
  return drafts.map((draft) => {
    const at = free.findIndex((line) => isSame(line, draft));
    return at === -1 ? newId() : (free.splice(at, 1)[0]?.id ?? newId());
  });
}

function isSame(line: OrderLine, draft: DraftLine): boolean {
  const key = ({ kind, courseId, bundleId, cohortId, quantity }: DraftLine) =>
    JSON.stringify([kind, courseId, bundleId, cohortId, quantity]);
  return key(line) === key(draft);
}

/** A refusal of the items of a plan, in the words of the request. */
export function asEdited({ code, detail, errors }: Refusal, { kept }: EditPlan): Refusal {
  const named = (text: string) =>
    text.replace(/^items\[(\d+)\]/, (_, index) =>
      Number(index) < kept ? `lines[${index}]` : `addItems[${Number(index) - kept}]`,
    );
  return new Refusal(
    code,
    named(detail),
    errors.map((error) => ({ ...error, field: named(error.field) })),
  );
}

function wrong(field: string, code: string, detail: string): Refusal {
  return refuse('invalid_request', `${field}: ${detail}.`, [{ field, code, detail }]);
}
