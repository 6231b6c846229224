/** Who sells and issues the invoices, and how tax is taken: settings that finance keeps. Pure. */
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { isGstin } from './gstin.ts';
import { type LineKind, lineKinds } from './order.ts';
import type { TaxPolicy } from './price.ts';

export interface SellerDetails extends TaxPolicy {
  readonly legalName: string;
  readonly address: string;
  readonly gstin: string;
  /** One or two capital letters before an invoice's number. */
  readonly series: string;
  /** Nobody's real business: every document says so. */
  readonly isDemonstration: boolean;
  /** Absent: none was set. */
  readonly sacs?: readonly SacRule[];
}

/** Under which Service Accounting Code something is invoiced, from a day in India on. */
export interface SacRule {
  readonly kind: LineKind;
  readonly sac: string;
  /** As 2026-04-01. */
  readonly fromDay: string;
}

/** "Other education and training services" in the Scheme of Classification of Services of GST (Notification 11/2017). */
export const educationSac = '999293';

/** The rule of the kind that began last by that day; without one, other education and training. */
export function sacOf(seller: Pick<SellerDetails, 'sacs'>, kind: LineKind, day: string): string {
  const begun = (seller.sacs ?? []).filter((rule) => rule.kind === kind && rule.fromDay <= day);
  return begun.toSorted((a, b) => b.fromDay.localeCompare(a.fromDay))[0]?.sac ?? educationSac;
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
  readonly sacs: readonly { readonly kind: string; readonly sac: string; readonly fromDay: string }[];
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
  const sacs = readSacs(given.sacs);
  if (isRefusal(sacs)) return sacs;
  const { legalName, address } = given;
  return { legalName, address, gstin, prices, rounding, series, sacs: sacs as SacRule[], isDemonstration: false };
}

function readSacs(given: SellerToSet['sacs']): SacRule[] | Refusal {
  const rules: SacRule[] = [];
  for (const [index, { kind, sac, fromDay }] of given.entries()) {
    const at = `sacs[${index}]`;
    const known = lineKinds.find((each) => each === kind);
    if (known === undefined) return wrong(`${at}.kind`, 'is course, gift, seats, cohort or subscription');
    if (!/^99\d{4}$/.test(sac)) return wrong(`${at}.sac`, 'is six digits that begin with 99');
    if (!isDay(fromDay)) return wrong(`${at}.fromDay`, 'is a day as 2026-04-01');
    if (rules.some((rule) => rule.kind === kind && rule.fromDay === fromDay))
      return wrong(`${at}.fromDay`, 'is named twice for this kind');
    rules.push({ kind: known, sac, fromDay });
  }
  return rules;
}

function isDay(text: string): boolean {
  const atMs = Date.parse(`${text}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(text);
}

function wrong(name: string, detail: string): Refusal {
  return refuse('invalid_request', `seller.${name} ${detail}.`, [
    { field: `seller.${name}`, code: 'not_allowed', detail },
  ]);
}
