/** Who sells and issues the invoices, and how tax is taken: settings that finance keeps. Pure. */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { isGstin } from './gstin.ts';
import type { TaxPolicy } from './price.ts';

export interface SellerDetails extends TaxPolicy {
  readonly legalName: string;
  readonly address: string;
  readonly gstin: string;
  /** One or two capital letters before an invoice's number. */
  readonly series: string;
  /** Nobody's real business: every document says so. */
  readonly isDemonstration: boolean;
}

/** Until finance has set another. The registration number has a right form and belongs to nobody. */
export const demonstrationSeller: SellerDetails = {
  legalName: 'Suuupra Demonstration School',
  address: '1 Example Street\nBengaluru 560001\nKarnataka, India',
  gstin: '29AAAAA0000A1ZY',
  series: 'SU',
  prices: 'inclusive',
  rounding: 'line',
  isDemonstration: true,
};

/** The first two digits of a registration are its state. */
export function stateOf(seller: Pick<SellerDetails, 'gstin'>): string {
  return seller.gstin.slice(0, 2);
}

export interface SellerToSet {
  readonly legalName: string;
  readonly address: string;
  readonly gstin: string;
  readonly prices: string;
  readonly rounding: string;
  readonly series: string;
}

/** Refuses `invalid_request` with the field. Absent: inclusive prices, rounded by line, the series SU. */
export function readSellerDetails(given: SellerToSet): SellerDetails | Refusal {
  const gstin = given.gstin.toUpperCase();
  const prices = given.prices || 'inclusive';
  const rounding = given.rounding || 'line';
  const series = given.series || 'SU';
  if (!isGstin(gstin)) return wrong('gstin', 'is not a GSTIN: its form, state or check character is wrong');
  if (prices !== 'inclusive' && prices !== 'exclusive') return wrong('prices', 'is inclusive or exclusive');
  if (rounding !== 'line' && rounding !== 'order') return wrong('rounding', 'is line or order');
  if (!/^[A-Z]{1,2}$/.test(series)) return wrong('series', 'is one or two capital letters');
  const { legalName, address } = given;
  return { legalName, address, gstin, prices, rounding, series, isDemonstration: false };
}

function wrong(name: string, detail: string): Refusal {
  return refuse('invalid_request', `seller.${name} ${detail}.`, [
    { field: `seller.${name}`, code: 'not_allowed', detail },
  ]);
}
