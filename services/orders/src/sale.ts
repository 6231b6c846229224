/** What an event of an order adds to the sales of a course on a day. Pure. */
import { indiaDay } from './invoice.ts';
import { type Order, type OrderEvent, totalOfLineMinor } from './order.ts';

export interface SaleChange {
  readonly courseId: string;
  /** In India, as 2026-11-22. */
  readonly day: string;
  readonly currency: string;
  readonly instructorId: string;
  readonly title: string;
  readonly sold: number;
  readonly givenBack: number;
  readonly grossMinor: bigint;
  readonly taxMinor: bigint;
  readonly refundedMinor: bigint;
}

/** `order` is the order after the event. */
export function salesOf(order: Order, event: OrderEvent): SaleChange[] {
  if (event.type !== 'OrderPaid' && event.type !== 'RefundSucceeded') return [];
  const day = indiaDay(event.atMs);
  const refund =
    event.type === 'RefundSucceeded' ? order.refunds.find((each) => each.id === event.refundId) : undefined;
  return order.lines.flatMap((line) => {
    const { courseId, instructorId, title } = line;
    const about = { courseId, day, currency: order.currency, instructorId, title };
    if (event.type === 'OrderPaid')
      return [
        {
          ...about,
          sold: line.quantity,
          givenBack: 0,
          grossMinor: totalOfLineMinor(line),
          taxMinor: line.taxMinor,
          refundedMinor: 0n,
        },
      ];
    const part = refund?.parts.find((each) => each.lineId === line.id);
    if (part === undefined) return [];
    return [{ ...about, sold: 0, givenBack: 1, grossMinor: 0n, taxMinor: 0n, refundedMinor: part.grossMinor }];
  });
}
