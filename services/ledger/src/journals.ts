/**
 * The journal templates: for each fact about money, which account is debited, which credited, and how much. Pure.
 *
 * A journal is a list of transfers. A transfer is one debit account, one credit account and a positive amount, so a
 * journal that does not balance cannot be written down. Transfers of nothing are left out.
 */
import { disputed, feeRevenue, instructorAccount, receivable, refundsPayable, taxPayable } from './chart.ts';

export interface Transfer {
  readonly debit: string;
  readonly credit: string;
  /** Minor units of the journal's currency, above zero. */
  readonly amount: bigint;
}

/** Of 100 parts of the price without tax, what the platform keeps. The instructor has the rest. */
export const platformFeePercent = 20n;

/** One line of a paid order. net + tax = gross. */
export interface SaleLine {
  readonly lineId: string;
  readonly courseId: string;
  readonly courseTitle: string;
  readonly instructorId: string;
  readonly gross: bigint;
  readonly tax: bigint;
  readonly net: bigint;
}

/** What goes back of a line now. net + tax = gross. */
export interface LineRefund {
  readonly lineId: string;
  readonly gross: bigint;
  readonly tax: bigint;
  readonly net: bigint;
}

/** A sold line as the ledger keeps it: what it was split into, and how much of that has gone back. */
export interface SoldLine extends SaleLine {
  readonly orderId: string;
  readonly currency: string;
  /** Sequence of the journal of the sale. */
  readonly soldBy: bigint;
  /** When it was sold, microseconds since the epoch. */
  readonly soldAtUs: bigint;
  readonly fee: bigint;
  readonly share: bigint;
  readonly refunded: { readonly tax: bigint; readonly net: bigint; readonly fee: bigint; readonly share: bigint };
}

/** `part` of `whole` applied to `amount`, rounded half up. All are at least zero, whole above zero. */
export function proportion(amount: bigint, part: bigint, whole: bigint): bigint {
  return (2n * amount * part + whole) / (2n * whole);
}

/** The fee on a price without tax; the instructor's share is what remains, so the two always add up. */
export function splitNet(net: bigint): { fee: bigint; share: bigint } {
  const fee = proportion(net, platformFeePercent, 100n);
  return { fee, share: net - fee };
}

/** An order was paid: the provider owes us the gross of each line, which is tax, fee and the instructor's share. */
export function orderPaid(lines: readonly SaleLine[]): Transfer[] {
  return lines.flatMap((line) => {
    const { fee, share } = splitNet(line.net);
    return nonZero([
      { debit: receivable, credit: taxPayable, amount: line.tax },
      { debit: receivable, credit: feeRevenue, amount: fee },
      { debit: receivable, credit: instructorAccount(line.instructorId), amount: share },
    ]);
  });
}

/** The parts of a refund of a line, and the line after it. */
export interface RefundedParts {
  readonly tax: bigint;
  readonly fee: bigint;
  readonly share: bigint;
  readonly line: SoldLine;
}

/**
 * Splits a refund as the sale was split. The fee that has gone back is always the original fee in proportion to the net
 * that has gone back, rounded once; a refund gives the difference. So over any sequence of partial refunds that adds up
 * to the line, fee and share add up exactly to the original parts, and no part is ever negative.
 *
 * Undefined when more would go back than was sold.
 */
export function refundParts(line: SoldLine, refund: LineRefund): RefundedParts | undefined {
  const net = line.refunded.net + refund.net;
  const tax = line.refunded.tax + refund.tax;
  if (net > line.net || tax > line.tax) return undefined;
  const feeSoFar = line.net === 0n ? 0n : proportion(line.fee, net, line.net);
  const fee = feeSoFar - line.refunded.fee;
  const share = refund.net - fee;
  const refunded = { tax, net, fee: feeSoFar, share: line.refunded.share + share };
  return { tax: refund.tax, fee, share, line: { ...line, refunded } };
}

/** Money of a line went back: the sale's transfers, reversed. */
export function lineRefunded(parts: RefundedParts): Transfer[] {
  return nonZero([
    { debit: taxPayable, credit: receivable, amount: parts.tax },
    { debit: feeRevenue, credit: receivable, amount: parts.fee },
    { debit: instructorAccount(parts.line.instructorId), credit: receivable, amount: parts.share },
  ]);
}

/** The provider holds back money that a buyer disputes. */
export function disputeOpened(amount: bigint): Transfer[] {
  return nonZero([{ debit: disputed, credit: receivable, amount }]);
}

/** Money arrived for an attempt that was already given up: it is owed back. */
export function latePaymentReceived(amount: bigint): Transfer[] {
  return nonZero([{ debit: receivable, credit: refundsPayable, amount }]);
}

/** And it was sent back. */
export function latePaymentReturned(amount: bigint): Transfer[] {
  return nonZero([{ debit: refundsPayable, credit: receivable, amount }]);
}

function nonZero(transfers: readonly Transfer[]): Transfer[] {
  return transfers.filter((transfer) => transfer.amount !== 0n);
}
