/** The parts of a sold line's tax as text, for a store: amounts as decimal strings. Pure. */
import type { SoldLine, TaxPart } from './journals.ts';

interface KeptTax {
  readonly kind: string;
  readonly amount: string;
  readonly refunded: string;
}

/** Empty text for a tax that was sold as one. */
export function lineTaxesText({ taxes = [], refunded }: Pick<SoldLine, 'taxes' | 'refunded'>): string {
  if (taxes.length === 0) return '';
  const kept = taxes.map(({ kind, amount }, index): KeptTax => {
    return { kind, amount: String(amount), refunded: String(refunded.taxes?.[index] ?? 0n) };
  });
  return JSON.stringify(kept);
}

export function lineTaxesOf(text: string): { taxes: readonly TaxPart[]; refundedTaxes: readonly bigint[] } {
  const kept = text === '' ? [] : (JSON.parse(text) as KeptTax[]);
  const refundedTaxes = kept.map(({ refunded }) => BigInt(refunded));
  return {
    taxes: kept.map(({ kind, amount }) => ({ kind, amount: BigInt(amount) })),
    refundedTaxes: refundedTaxes.every((amount) => amount === 0n) ? [] : refundedTaxes,
  };
}
