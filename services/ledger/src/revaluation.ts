/**
 * What is left in account 1800 at the end of a period, at the closing rates. Pure.
 *
 * 1800 has a balance in each currency, and those of all currencies are worth nothing together at the rates at which they
 * came about. At the closing rates they are worth something: that is the unrealised difference. It is booked in 1800 of the
 * valuation's own currency, so that all are worth nothing again, and taken back when the next period begins (IAS 21, 28).
 */
import { amountMax } from './account.ts';
import { atRate, isRate } from './exchange.ts';

/** Debits less credits. */
export interface Balance {
  readonly currency: string;
  readonly minor: bigint;
}

export interface ClosingRate {
  readonly currency: string;
  /** How many of the valuation's currency for one of this, as quoted: an exact decimal. */
  readonly rate: string;
  /** Whose quote it is. */
  readonly source: string;
}

export interface ValuedBalance extends ClosingRate, Balance {
  /** In the valuation's currency. */
  readonly valueMinor: bigint;
}

export interface Revaluation {
  /** In alphabetical order of their currencies. */
  readonly balances: readonly ValuedBalance[];
  /** What 1800 stands at in the valuation's own currency. */
  readonly ownMinor: bigint;
  /** All together; above zero a loss. */
  readonly differenceMinor: bigint;
}

/** What is wrong with the rates, by the index of the one it is about; -1 for one that is missing. */
export interface RateFault {
  readonly index: number;
  readonly field: 'currency' | 'rate';
  readonly detail: string;
}

export const revaluationKinds: ReadonlySet<string> = new Set(['revaluation', 'revaluation_reversed']);

/** Each balance but those of zero needs one rate, and no other currency has one. */
export function revalue(
  currency: string,
  balances: readonly Balance[],
  rates: readonly ClosingRate[],
): Revaluation | readonly RateFault[] {
  const left = balances.filter((balance) => balance.currency !== currency && balance.minor !== 0n);
  const faults = [
    ...rates.flatMap((_rate, index) => rateFault(index, left, rates)),
    ...left
      .filter((balance) => !rates.some((rate) => rate.currency === balance.currency))
      .map((balance): RateFault => ({ index: -1, field: 'rate', detail: `a rate of ${balance.currency}` })),
  ];
  if (faults.length > 0) return faults;
  const valued = left
    .toSorted((a, b) => (a.currency < b.currency ? -1 : 1))
    .flatMap((balance): ValuedBalance[] => {
      const rate = rates.find((each) => each.currency === balance.currency);
      if (rate === undefined) return [];
      return [{ ...balance, ...rate, valueMinor: atRate(balance.minor, balance.currency, currency, rate.rate) }];
    });
  const tooLarge = valued.find(({ valueMinor }) => !fits(valueMinor));
  if (tooLarge !== undefined) {
    const index = rates.findIndex((rate) => rate.currency === tooLarge.currency);
    return [{ index, field: 'rate', detail: 'at this rate it is worth more than 64 bits hold' }];
  }
  const ownMinor = balances.find((balance) => balance.currency === currency)?.minor ?? 0n;
  return { balances: valued, ownMinor, differenceMinor: together({ balances: valued, ownMinor }) };
}

function rateFault(index: number, left: readonly Balance[], rates: readonly ClosingRate[]): RateFault[] {
  const given = rates[index];
  if (given === undefined) return [];
  if (!isRate(given.rate))
    return [
      { index, field: 'rate', detail: 'a decimal above zero, at most 12 digits before the point and 18 after it' },
    ];
  if (!left.some((balance) => balance.currency === given.currency))
    return [{ index, field: 'currency', detail: 'one in which something is left in account 1800' }];
  const isFirst = rates.findIndex((each) => each.currency === given.currency) === index;
  return isFirst ? [] : [{ index, field: 'currency', detail: 'each currency once' }];
}

function fits(minor: bigint): boolean {
  return minor <= amountMax && minor >= -amountMax;
}

function together({ balances, ownMinor }: Pick<Revaluation, 'balances' | 'ownMinor'>): bigint {
  return balances.reduce((sum, { valueMinor }) => sum + valueMinor, ownMinor);
}

/** Whether every value follows from its rate, and the difference from the values; undefined when it does. */
export function valuationRefused(currency: string, revaluation: Revaluation): string | undefined {
  const wrong = revaluation.balances.find(
    (each) => !isRate(each.rate) || atRate(each.minor, each.currency, currency, each.rate) !== each.valueMinor,
  );
  if (wrong !== undefined)
    return `${wrong.minor} ${wrong.currency} at ${wrong.rate} are not ${wrong.valueMinor} ${currency}, in minor units`;
  return together(revaluation) === revaluation.differenceMinor
    ? undefined
    : 'the values do not add up to the difference';
}

/** As text, by field: what two commands with one id are compared by, and what a journal keeps. */
export function revaluationText({ balances, ownMinor, differenceMinor }: Revaluation) {
  return {
    balances: balances
      .map(({ currency, minor, rate, source, valueMinor }) =>
        JSON.stringify([currency, `${minor}`, rate, source, `${valueMinor}`]),
      )
      .join(' '),
    own: String(ownMinor),
    difference: String(differenceMinor),
  };
}

/** What a valuation keeps in the details of both its journals; undefined for every other journal. */
export function revaluationOf(kind: string, details: string): Revaluation | undefined {
  if (!revaluationKinds.has(kind) || details === '') return undefined;
  const { balances, request } = JSON.parse(details) as Kept;
  return {
    balances: balances.map(({ minor, valueMinor, ...rest }) => ({
      ...rest,
      minor: BigInt(minor),
      valueMinor: BigInt(valueMinor),
    })),
    ownMinor: BigInt(request.own),
    differenceMinor: BigInt(request.difference),
  };
}

/** The balances as the details hold them: numbers as text. */
export function balancesKept({ balances }: Revaluation): Kept['balances'] {
  return balances.map(({ currency, minor, rate, source, valueMinor }) => ({
    ...{ currency, rate, source },
    minor: String(minor),
    valueMinor: String(valueMinor),
  }));
}

interface Kept {
  readonly balances: readonly (ClosingRate & { readonly minor: string; readonly valueMinor: string })[];
  readonly request: { readonly own: string; readonly difference: string };
}
