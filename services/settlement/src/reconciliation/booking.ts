/** Which journals follow from what was matched, kept by the provider or written off. No I/O. */
import { hashId } from '../payouts/hash-id.ts';
import { inverseOf, rateToBook, type Sum } from './exchange.ts';
import type { Settled } from './file-item.ts';

/** One journal of one transfer, in the account codes of the ledger's chart. */
export interface Booking {
  /** Follows from what it is of, so that a journal is booked once however often it is written. */
  readonly id: string;
  readonly kind:
    | 'provider_settled'
    | 'provider_fee'
    | 'break_written_off'
    | 'exchange_sold'
    | 'exchange_difference'
    | 'adjustment'
    | 'reversal';
  readonly reference: string;
  readonly description: string;
  readonly currency: string;
  readonly debit: string;
  readonly credit: string;
  readonly amountMinor: bigint;
  /** Of a reversal: the id of the journal that is taken back. */
  readonly targetId: string;
  readonly effectiveAtMs: number;
  /** Of `exchange_sold`: what is bought for it, into the same account of the other currency. */
  readonly bought?: Sum & { readonly rate: string; readonly source: string };
}

const cash = '1000';
const receivable = '1100';
const fees = '5100';
const writeOffs = '5300';
const exchange = '1800';
const exchangeDifference = '5400';

interface Of {
  /** Makes the id, e.g. the file's hash and the line. */
  readonly parts: readonly string[];
  readonly reference: string;
  readonly currency: string;
  readonly atMs: number;
}

/** What the provider kept of a line; below zero when it gave some back. */
export function feeBooking(of: Of, feeMinor: bigint): Booking[] {
  return oneWay(of, ['provider_fee', 'adjustment'], 'Fee of the provider', [fees, receivable], feeMinor);
}

/**
 * The provider has changed what was paid into what it settles, at its rate; what goes back is changed the other way. Both
 * halves of it are one journal here and two in the book.
 */
export function exchangeBooking(of: Omit<Of, 'currency'>, paid: Sum, settled: Settled): Booking {
  const [sold, bought] = paid.amountMinor > 0n ? [paid, settled] : [settled, paid];
  const quoted = paid.amountMinor > 0n ? settled.rate : inverseOf(settled.rate);
  return {
    id: hashId('rec', ...of.parts, 'exchange_sold', sold.currency),
    kind: 'exchange_sold',
    reference: of.reference,
    description: `Settled in ${settled.currency} for ${paid.currency}`,
    currency: sold.currency,
    debit: exchange,
    credit: receivable,
    amountMinor: magnitude(sold.amountMinor),
    targetId: '',
    effectiveAtMs: of.atMs,
    bought: {
      currency: bought.currency,
      amountMinor: magnitude(bought.amountMinor),
      rate: rateToBook(sold, bought, quoted),
      source: settled.source,
    },
  };
}

/** What changing money back at another rate has gained, below zero what it has lost. */
export function exchangeDifferenceBooking(of: Of, gainedMinor: bigint): Booking[] {
  return oneWay(
    of,
    ['exchange_difference', 'exchange_difference'],
    'Changed back at another rate',
    [exchange, exchangeDifference],
    gainedMinor,
  );
}

function magnitude(minor: bigint): bigint {
  return minor < 0n ? -minor : minor;
}

export interface Placed {
  readonly side: 'bank' | 'provider';
  readonly lines: readonly { readonly currency: string; readonly amountMinor: bigint }[];
  readonly expectations: readonly { readonly kind: string; readonly currency: string; readonly amountMinor: bigint }[];
}

/**
 * What is booked when lines and expectations are put together, by a rule, by hand or by a write-off: a provider's
 * settlement that the bank has paid moves from the receivable to cash by what came; what is apart goes to write-offs,
 * against the account that is left with it. Provider lines that fit move nothing: the receivable falls when the bank pays.
 */
export function placedBookings(placed: Placed, of: Omit<Of, 'currency'>): Booking[] {
  const isSettlement = placed.side === 'bank' && placed.expectations.some(({ kind }) => kind === 'provider_settlement');
  const apartFrom = placed.side === 'provider' || isSettlement ? receivable : cash;
  return [...differences(placed)].flatMap(([currency, { linesMinor, differenceMinor }]) => {
    const each = { ...of, currency };
    const paid = isSettlement
      ? oneWay(
          each,
          ['provider_settled', 'adjustment'],
          'Settlement of the provider paid by the bank',
          [cash, receivable],
          linesMinor,
        )
      : [];
    const apart = oneWay(
      each,
      ['break_written_off', 'break_written_off'],
      'Difference written off',
      [writeOffs, apartFrom],
      -differenceMinor,
    );
    return [...paid, ...apart];
  });
}

/** By currency, in the order of their codes: what the lines sum to, and by how much that is more than was expected. */
export function differences(
  placed: Pick<Placed, 'lines' | 'expectations'>,
): Map<string, { linesMinor: bigint; differenceMinor: bigint }> {
  const currencies = [...new Set([...placed.lines, ...placed.expectations].map(({ currency }) => currency))].sort();
  return new Map(
    currencies.map((currency) => {
      const sum = (items: readonly { currency: string; amountMinor: bigint }[]) =>
        items.reduce((total, item) => (item.currency === currency ? total + item.amountMinor : total), 0n);
      const linesMinor = sum(placed.lines);
      return [currency, { linesMinor, differenceMinor: linesMinor - sum(placed.expectations) }];
    }),
  );
}

export function reversalOf(
  booking: Pick<Booking, 'id' | 'currency' | 'debit' | 'credit' | 'amountMinor' | 'reference'>,
  atMs: number,
): Booking {
  return {
    ...booking,
    id: hashId('rvs', booking.id),
    kind: 'reversal',
    description: 'What was written off has come',
    debit: booking.credit,
    credit: booking.debit,
    targetId: booking.id,
    effectiveAtMs: atMs,
  };
}

/** Debit and credit of a positive amount; a negative one goes the other way, under the second kind. */
function oneWay(
  of: Of,
  [kind, otherKind]: readonly [Booking['kind'], Booking['kind']],
  description: string,
  [debit, credit]: readonly [string, string],
  amountMinor: bigint,
): Booking[] {
  if (amountMinor === 0n) return [];
  const isForward = amountMinor > 0n;
  return [
    {
      id: hashId('rec', ...of.parts, kind, of.currency),
      kind: isForward ? kind : otherKind,
      reference: of.reference,
      description,
      currency: of.currency,
      debit: isForward ? debit : credit,
      credit: isForward ? credit : debit,
      amountMinor: isForward ? amountMinor : -amountMinor,
      targetId: '',
      effectiveAtMs: of.atMs,
    },
  ];
}
