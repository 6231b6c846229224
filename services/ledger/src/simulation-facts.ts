/** Facts as events tell them: sales of one line, refunds of it in parts, disputes. Pure. */
import type { Fact } from './command.ts';

export function one<T>(random: () => number, of: readonly T[]): T {
  const found = of[Math.floor(random() * of.length)];
  if (found === undefined) throw new Error('there is nothing to choose from');
  return found;
}

/** A sale of its own number, or something that becomes of an earlier one, which may not be there. */
export function history(random: () => number, number: number, index: number, nowUs: bigint): Fact {
  const order = random() < 0.4 ? `${number}_${index}` : `${Math.floor(random() * (number + 1))}_${index}`;
  const common = { reference: `order:${order}`, description: '', currency: 'INR', effectiveAtUs: nowUs };
  const line = { lineId: `line_${order}`, courseId: 'crs', courseTitle: 'Sums', instructorId: 'ann' };
  if (random() < 0.5) {
    const sold = { ...line, net: 500n, tax: 91n, gross: 591n };
    const taxes = [
      { kind: 'cgst', amount: 45n },
      { kind: 'sgst', amount: 46n },
    ];
    return { ...common, kind: 'order_paid', cause: `payment:${order}`, orderId: order, lines: [{ ...sold, taxes }] };
  }
  if (random() < 0.6) {
    const net = BigInt(Math.floor(random() * 300));
    const tax = (net * 91n) / 500n;
    const lines = [{ lineId: line.lineId, net, tax, gross: net + tax }];
    return { ...common, kind: 'order_refunded', cause: `refund:${number}_${index}`, orderId: order, lines };
  }
  if (random() < 0.5) return { ...common, kind: 'dispute_opened', cause: `dispute:${order}`, amount: 591n };
  const outcome = random() < 0.5 ? 'won' : 'lost';
  return { ...common, kind: 'dispute_closed', cause: `dispute:${order}`, outcome, amount: 591n, fee: 15n };
}
