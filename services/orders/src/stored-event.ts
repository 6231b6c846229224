/**
 * How an order's event is written in the store. A type carries the version of its shape; a shape that changes gets a new
 * one, and the old is still read here. Amounts (fields that end in `Minor`) are decimal strings in JSON.
 */
import type { OrderEvent } from './order.ts';

const shapeVersion = 'v1';
const known: ReadonlySet<string> = new Set<OrderEvent['type']>([
  'OrderPlaced',
  'OrderPaid',
  'OrderCancelled',
  'RefundRequested',
  'RefundSucceeded',
  'RefundFailed',
]);

export interface StoredEvent {
  readonly type: string;
  /** JSON text. */
  readonly data: string;
}

export function encodeEvent(event: OrderEvent): StoredEvent {
  const { type, ...data } = event;
  return { type: `${type}.${shapeVersion}`, data: jsonOf(data) };
}

/** `data` is parsed JSON. Throws for a type that this version of the program does not know. */
export function decodeEvent(type: string, data: unknown): OrderEvent {
  const [name = '', version] = type.split('.');
  if (!known.has(name) || version !== shapeVersion) throw new Error(`an order event of the unknown type ${type}`);
  return { type: name, ...(withAmounts(data) as object) } as OrderEvent;
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
