/**
 * Decimals of currencies (ISO 4217, list one, amendment 176) and the units that a provider counts in. Pure.
 *
 * Amounts are minor units of ISO 4217 everywhere here; only what is sent to a provider and read from it is mapped, exactly
 * or not at all.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { PaymentMethodKind, ProviderCapabilities } from './provider.ts';

const noDecimals = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ');
const threeDecimals = 'BHD IQD JOD KWD LYD OMR TND'.split(' ');
const fourDecimals = 'CLF UYW'.split(' ');
const twoDecimals = `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
  COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD
  KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
  NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
  TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`.split(/\s+/);

const decimals: ReadonlyMap<string, number> = new Map([
  ...noDecimals.map((code) => [code, 0] as const),
  ...twoDecimals.map((code) => [code, 2] as const),
  ...threeDecimals.map((code) => [code, 3] as const),
  ...fourDecimals.map((code) => [code, 4] as const),
]);

/** Decimals of the currency; undefined for a code that is none. */
export function decimalsOf(currency: string): number | undefined {
  return decimals.get(currency);
}

export const currencyCodes: readonly string[] = [...decimals.keys()];

type Mapped = Pick<ProviderCapabilities, 'exponents'>;

/** Our minor units in the provider's; undefined when the amount cannot be said exactly there. */
export function toProviderUnits(provider: Mapped, currency: string, amountMinor: bigint): bigint | undefined {
  const own = decimals.get(currency);
  if (own === undefined) return undefined;
  const { decimals: theirs = own, step = 1n } = provider.exponents[currency] ?? {};
  const units = scaled(amountMinor, theirs - own);
  return units === undefined || units % step !== 0n ? undefined : units;
}

/** The provider's units in our minor units; undefined when they are finer than the currency. */
export function fromProviderUnits(provider: Mapped, currency: string, units: bigint): bigint | undefined {
  const own = decimals.get(currency);
  if (own === undefined) return undefined;
  const { decimals: theirs = own } = provider.exponents[currency] ?? {};
  return scaled(units, own - theirs);
}

function scaled(amount: bigint, by: number): bigint | undefined {
  if (by >= 0) return amount * 10n ** BigInt(by);
  const divisor = 10n ** BigInt(-by);
  return amount % divisor === 0n ? amount / divisor : undefined;
}

/** The amount as people write it, e.g. 499.00; for links and files that count in whole units. */
export function wholeUnits(currency: string, amountMinor: bigint): string {
  const places = decimals.get(currency) ?? 2;
  if (places === 0) return String(amountMinor);
  const sign = amountMinor < 0n ? '-' : '';
  const digits = String(amountMinor < 0n ? -amountMinor : amountMinor).padStart(places + 1, '0');
  return `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** Why the provider cannot take this; '' when it can. */
export function unfit(
  capabilities: ProviderCapabilities,
  payment: {
    readonly method: PaymentMethodKind;
    readonly currency: string;
    readonly amountMinor: bigint;
    readonly capture: 'automatic' | 'manual';
  },
): 'method' | 'currency' | 'amount' | 'manual_capture' | '' {
  const { method, currency, amountMinor, capture } = payment;
  if (!capabilities.methods.includes(method)) return 'method';
  const accepted = capabilities.currencies[method] ?? [];
  if (decimals.get(currency) === undefined || (accepted !== 'all' && !accepted.includes(currency))) return 'currency';
  if (toProviderUnits(capabilities, currency, amountMinor) === undefined) return 'amount';
  return capture === 'manual' && !capabilities.manualCapture.includes(method) ? 'manual_capture' : '';
}

/** UPI is an Indian system: it moves rupees only. */
export function refuseCurrency(kind: PaymentMethodKind, currency: string): Refusal | undefined {
  if (kind !== 'upi' || currency === 'INR') return undefined;
  return refuse('payment_method_invalid', `UPI pays in INR; this order is in ${currency}. Pay it by card.`, [
    { field: 'method.type', code: 'not_allowed', detail: 'UPI pays in INR only' },
  ]);
}
