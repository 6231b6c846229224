/**
 * The journal templates: for each fact about money, which account is debited, which credited, and how much. Pure.
 *
 * A journal is a list of transfers. A transfer is one debit account, one credit account and a positive amount, so a
 * journal that does not balance cannot be written down. Transfers of nothing are left out.
 */
import {
  centralTax,
  disputed,
  disputeLosses,
  exchange,
  feeRevenue,
  instructorAccount,
  integratedTax,
  receivable,
  refundsPayable,
  stateTax,
  taxPayable,
  unrealisedDifference,
} from './chart.ts';

/**
 * The version of each template; a journal keeps the one it was made by. Raise it with any change of what is booked.
 * 2: the parts of a line's tax are booked apart where the sale names them.
 */
export const templateVersions: Readonly<Record<string, number>> = {
  order_paid: 2,
  order_refunded: 2,
  dispute_opened: 1,
  dispute_closed: 1,
  late_payment_received: 1,
  late_payment_returned: 1,
};

export interface Transfer {
  readonly debit: string;
  readonly credit: string;
  /** Minor units of the journal's currency, above zero. */
  readonly amount: bigint;
}

/** Of 100 parts of the price without tax, what the platform keeps. The instructor has the rest. */
export const platformFeePercent = 20n;

/** A part of a line's tax: cgst, sgst, igst. */
export interface TaxPart {
  readonly kind: string;
  readonly amount: bigint;
}

/** One line of a paid order. net + tax = gross. */
export interface SaleLine {
  readonly lineId: string;
  readonly courseId: string;
  readonly courseTitle: string;
  readonly instructorId: string;
  readonly gross: bigint;
  readonly tax: bigint;
  readonly net: bigint;
  /** The parts of the tax; they add up to it. Absent or empty: it is one, on 2100. */
  readonly taxes?: readonly TaxPart[] | undefined;
}

/** What goes back of a line now. net + tax = gross. */
export interface LineRefund {
  readonly lineId: string;
  /** Whose line it is: which shard has it. Not needed where there is one. */
  readonly instructorId?: string | undefined;
  readonly gross: bigint;
  readonly tax: bigint;
  readonly net: bigint;
  /** The parts of the tax that go back; absent or empty: in proportion to what is left of each. */
  readonly taxes?: readonly TaxPart[] | undefined;
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
  readonly refunded: {
    readonly tax: bigint;
    readonly net: bigint;
    readonly fee: bigint;
    readonly share: bigint;
    /** Of each of `taxes`, in their order; absent: nothing. */
    readonly taxes?: readonly bigint[] | undefined;
  };
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
      ...taxParts(line).map(({ kind, amount }) => ({ debit: receivable, credit: taxAccount(kind), amount })),
      { debit: receivable, credit: feeRevenue, amount: fee },
      { debit: receivable, credit: instructorAccount(line.instructorId), amount: share },
    ]);
  });
}

const taxAccounts: ReadonlyMap<string, string> = new Map([
  ['cgst', centralTax],
  ['sgst', stateTax],
  ['igst', integratedTax],
]);

function taxAccount(kind: string): string {
  return taxAccounts.get(kind) ?? taxPayable;
}

function taxParts(line: { readonly tax: bigint; readonly taxes?: readonly TaxPart[] | undefined }): readonly TaxPart[] {
  return line.taxes === undefined || line.taxes.length === 0 ? [{ kind: '', amount: line.tax }] : line.taxes;
}

/** Whether the parts are none, or known kinds, each once, not negative, that add up to the whole. */
export function taxesAddUp(tax: bigint, taxes: readonly TaxPart[] | undefined): boolean {
  if (taxes === undefined || taxes.length === 0) return true;
  const kinds = new Set(taxes.map((part) => part.kind));
  if (kinds.size !== taxes.length || taxes.some(({ kind, amount }) => !taxAccounts.has(kind) || amount < 0n))
    return false;
  return taxes.reduce((sum, part) => sum + part.amount, 0n) === tax;
}

/**
 * Divides an amount in proportion to weights, each part rounded half up over what remains, so that the parts add up to the
 * amount and none is above its weight when the amount is at most their sum. All are at least zero.
 */
export function allocate(amount: bigint, weights: readonly bigint[]): bigint[] {
  let left = amount;
  let weight = weights.reduce((sum, one) => sum + one, 0n);
  return weights.map((one, index) => {
    const part = index === weights.length - 1 ? left : weight === 0n ? 0n : proportion(left, one, weight);
    left -= part;
    weight -= one;
    return part;
  });
}

/** What a refund takes back of each part of the tax; undefined when more than is left of one. */
function refundTaxes(line: SoldLine, refund: LineRefund): readonly bigint[] | undefined {
  const sold = line.taxes ?? [];
  const given = refund.taxes ?? [];
  if (sold.length === 0) return [];
  const left = sold.map((part, index) => part.amount - (line.refunded.taxes?.[index] ?? 0n));
  const parts =
    given.length === 0
      ? allocate(refund.tax, left)
      : sold.map((part) => given.find((one) => one.kind === part.kind)?.amount ?? 0n);
  const named = parts.reduce((sum, part) => sum + part, 0n);
  return named !== refund.tax || parts.some((part, index) => part > (left[index] ?? 0n)) ? undefined : parts;
}

/** The parts of a refund of a line, and the line after it. */
export interface RefundedParts {
  readonly tax: bigint;
  readonly taxes: readonly TaxPart[];
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
  const taxes = refundTaxes(line, refund);
  if (taxes === undefined) return undefined;
  const feeSoFar = line.net === 0n ? 0n : proportion(line.fee, net, line.net);
  const fee = feeSoFar - line.refunded.fee;
  const share = refund.net - fee;
  const refunded = { tax, net, fee: feeSoFar, share: line.refunded.share + share };
  const parts = (line.taxes ?? []).map(({ kind }, index) => ({ kind, amount: taxes[index] ?? 0n }));
  const soFar = taxes.map((part, index) => part + (line.refunded.taxes?.[index] ?? 0n));
  const after = { ...line, refunded: { ...refunded, ...(soFar.length === 0 ? {} : { taxes: soFar }) } };
  return { tax: refund.tax, taxes: taxParts({ tax: refund.tax, taxes: parts }), fee, share, line: after };
}

/** Money of a line went back: the sale's transfers, reversed. */
export function lineRefunded(parts: RefundedParts): Transfer[] {
  return nonZero([
    ...parts.taxes.map(({ kind, amount }) => ({ debit: taxAccount(kind), credit: receivable, amount })),
    { debit: feeRevenue, credit: receivable, amount: parts.fee },
    { debit: instructorAccount(parts.line.instructorId), credit: receivable, amount: parts.share },
  ]);
}

/** The provider holds back money that a buyer disputes. */
export function disputeOpened(amount: bigint): Transfer[] {
  return nonZero([{ debit: disputed, credit: receivable, amount }]);
}

/**
 * A dispute is over. Won: what was held back comes again. Lost: it is gone. The provider's fee is a cost of its own, taken
 * from what it owes us.
 */
export function disputeClosed(outcome: DisputeOutcome, amount: bigint, fee: bigint): Transfer[] {
  return nonZero([
    { debit: outcome === 'won' ? receivable : disputeLosses, credit: disputed, amount },
    { debit: disputeLosses, credit: receivable, amount: fee },
  ]);
}

export type DisputeOutcome = 'won' | 'lost';

/**
 * Money changed from one currency into another: one journal in each, through the liquidity account 1800, so that each
 * currency adds up by itself.
 */
export function exchanged(from: { account: string; amount: bigint }, to: { account: string; amount: bigint }) {
  return {
    sold: nonZero([{ debit: exchange, credit: from.account, amount: from.amount }]),
    bought: nonZero([{ debit: to.account, credit: exchange, amount: to.amount }]),
  };
}

/**
 * What is left in account 1800 is worth more or less at the end of a period: the difference, and the same taken back when
 * the next begins. Above zero it is a loss: 1800 is debited with what was given away, so what that is worth is what it takes
 * to have it again.
 */
export function revalued(difference: bigint): { valued: Transfer[]; takenBack: Transfer[] } {
  const amount = difference < 0n ? -difference : difference;
  const loss = { debit: unrealisedDifference, credit: exchange, amount };
  const gain = { debit: exchange, credit: unrealisedDifference, amount };
  const [valued, takenBack] = difference > 0n ? [loss, gain] : [gain, loss];
  return { valued: nonZero([valued]), takenBack: nonZero([takenBack]) };
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
