/** What finance gives back of an order: an amount, or whole lines. Pure; the platform decides in the end. */
import type { Money, Order, OrderLine, RefundItemInput } from '../api/types.ts';
import { isZero, parseAmount, subtract } from './money.ts';

export interface RefundDraft {
  readonly by: 'amount' | 'lines';
  /** As it is typed, in the order's currency. */
  readonly amount: string;
  readonly lineIds: readonly string[];
}

export interface RefundMeant {
  readonly amountMinor: bigint;
  /** What is sent; nothing of the two: all that is left. */
  readonly asked: { readonly amount?: Money; readonly items?: readonly RefundItemInput[] };
  /** The titles whose access ends with it. */
  readonly ends: readonly string[];
  /** Nothing is left of the order after it. */
  readonly isWhole: boolean;
}

/** What has been paid for a line and not been given back. */
export function leftOfLine(line: OrderLine, currency: string): Money {
  return subtract(line.total ?? { currency, amountMinor: '0' }, line.refunded);
}

/** The lines of which something is left. */
export function openLines(order: Order, currency: string): readonly OrderLine[] {
  return order.lines.filter((line) => BigInt(leftOfLine(line, currency).amountMinor) > 0n);
}

/** Undefined when nothing is chosen, or what is typed is no amount. More than is left is for the platform to refuse. */
export function refundMeant(order: Order, left: Money, draft: RefundDraft): RefundMeant | undefined {
  const leftMinor = BigInt(left.amountMinor);
  const open = openLines(order, left.currency);
  // What cost nothing came with the rest, and goes with it.
  const going = order.lines.filter((line) => open.includes(line) || isZero(line.total));
  const everything = { amountMinor: leftMinor, asked: {}, ends: going.map((line) => line.title), isWhole: true };
  if (draft.by === 'lines') {
    const lines = open.filter((line) => draft.lineIds.includes(line.id));
    if (lines.length === 0) return undefined;
    if (lines.length === open.length) return everything;
    return {
      amountMinor: lines.reduce((sum, line) => sum + BigInt(leftOfLine(line, left.currency).amountMinor), 0n),
      asked: { items: lines.map((line) => ({ lineId: line.id })) },
      ends: lines.map((line) => line.title),
      isWhole: false,
    };
  }
  const amountMinor = parseAmount(draft.amount, left.currency);
  if (amountMinor === undefined || amountMinor === 0n) return undefined;
  if (amountMinor === leftMinor) return everything;
  const amount = { currency: left.currency, amountMinor: amountMinor.toString() };
  return { amountMinor, asked: { amount }, ends: [], isWhole: false };
}
