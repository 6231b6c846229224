/**
 * The units that a provider counts in. Pure.
 *
 * Amounts are minor units of ISO 4217 everywhere here; only what is sent to a provider and read from it is mapped, exactly
 * or not at all.
 */
import { decimalsOf } from '@suuupra/platform/money';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { PaymentMethodKind, ProviderCapabilities } from './provider.ts';

type Mapped = Pick<ProviderCapabilities, 'exponents'>;

/** Our minor units in the provider's; undefined when the amount cannot be said exactly there. */
export function toProviderUnits(provider: Mapped, currency: string, amountMinor: bigint): bigint | undefined {
  const own = decimalsOf(currency);
  if (own === undefined) return undefined;
  const { decimals: theirs = own, step = 1n } = provider.exponents[currency] ?? {};
  const units = scaled(amountMinor, theirs - own);
  return units === undefined || units % step !== 0n ? undefined : units;
}

/** The provider's units in our minor units; undefined when they are finer than the currency. */
export function fromProviderUnits(provider: Mapped, currency: string, units: bigint): bigint | undefined {
  const own = decimalsOf(currency);
  if (own === undefined) return undefined;
  const { decimals: theirs = own } = provider.exponents[currency] ?? {};
  return scaled(units, own - theirs);
}

function scaled(amount: bigint, by: number): bigint | undefined {
  if (by >= 0) return amount * 10n ** BigInt(by);
  const divisor = 10n ** BigInt(-by);
  return amount % divisor === 0n ? amount / divisor : undefined;
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
  if (decimalsOf(currency) === undefined || (accepted !== 'all' && !accepted.includes(currency))) return 'currency';
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
