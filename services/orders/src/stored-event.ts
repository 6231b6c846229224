/**
 * How an order's event is written in the store. A type carries the version of its shape; a shape that changes gets a new
 * one, and the old is still read here. Amounts (fields that end in `Minor`) are decimal strings in JSON.
 */
import type { OrderEvent } from './order.ts';

/** The shape that each type is written in now. */
const shapes: Readonly<Record<OrderEvent['type'], number>> = {
  OrderPlaced: 2,
  OrderAuthorized: 1,
  OrderReduced: 1,
  OrderPaid: 1,
  OrderCancelled: 1,
  RefundRequested: 1,
  RefundSucceeded: 1,
  RefundFailed: 1,
  DisputeOpened: 1,
  DisputeClosed: 1,
  OrderEdited: 1,
  AccessConfirmed: 1,
  OrderFulfilled: 1,
  OrderCompleted: 1,
};

type Data = Readonly<Record<string, unknown>>;

/** What makes an old shape into the next one, by the type with its version. */
const upcasters: ReadonlyMap<string, (data: Data) => Data> = new Map([['OrderPlaced.1', placedWithKinds]]);

/** Until version 2 a line was one course for the buyer, and of the tax only the sum was kept. */
function placedWithKinds(data: Data): Data {
  const lines = (data.lines as readonly Data[]).map((line) => ({
    kind: 'course',
    quantity: 1,
    unitPriceMinor: line.priceMinor,
    taxes: [],
    bundleId: '',
    cohortId: '',
    reference: '',
    ...line,
  }));
  return { captureMethod: 'automatic', ...data, lines };
}

export interface StoredEvent {
  readonly type: string;
  /** JSON text. */
  readonly data: string;
}

export function encodeEvent(event: OrderEvent): StoredEvent {
  const { type, ...data } = event;
  return { type: `${type}.v${shapes[type]}`, data: jsonOf(data) };
}

/** `data` is parsed JSON. Throws for a type that this version of the program does not know. */
export function decodeEvent(type: string, data: unknown): OrderEvent {
  const [name = '', version = ''] = type.split('.v');
  const newest: number | undefined = Object.hasOwn(shapes, name) ? shapes[name as OrderEvent['type']] : undefined;
  const written = Number(version);
  if (newest === undefined || !(written >= 1 && written <= newest))
    throw new Error(`an order event of the unknown type ${type}`);
  let shaped = withAmounts(data) as Data;
  for (let shape = written; shape < newest; shape += 1) shaped = upcasters.get(`${name}.${shape}`)?.(shaped) ?? shaped;
  return { type: name, ...shaped } as OrderEvent;
}

export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? each.toString() : each));
}

/** Parsed JSON with its amounts as bigint again. */
export function withAmounts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withAmounts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key.endsWith('Minor') && typeof each === 'string' ? BigInt(each) : withAmounts(each),
    ]),
  );
}
