/** What a payer may give as payment method: a token of the provider, never a card. Pure. */
import { holdsCardNumber } from '@suuupra/platform/card-number';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { PaymentMethodKind, Provider } from './provider.ts';

export interface GivenMethod {
  readonly kind: PaymentMethodKind | undefined;
  readonly token: string;
  /** How long a payer is asked in their app; 0 for the usual time. */
  readonly collectMinutes: number;
}

/** 45 days, the longest that UPI keeps a request open. */
const collectMinutesMax = 64_800;

/** The form of a UPI address (VPA): a payer who is asked in their app. */
export function isUpiAddress(token: string): boolean {
  return token.includes('@');
}

/** Card numbers first, so that nothing else is ever done with one. The refusal repeats nothing of what was sent. */
export function refuseMethod(
  method: GivenMethod,
  providers: readonly Pick<Provider, 'knowsToken'>[],
): Refusal | undefined {
  if (holdsCardNumber(method.token))
    return refuse('card_data_refused', 'Send a token of the payment provider, never a card number.', [
      { field: 'method.token', code: 'not_allowed', detail: 'looks like a card number' },
    ]);
  if (method.kind === undefined)
    return refuse('payment_method_invalid', 'The method is a card or UPI.', [
      { field: 'method.type', code: 'not_allowed', detail: 'card or upi' },
    ]);
  if (!providers.some((provider) => provider.knowsToken(method.token)))
    return refuse('payment_method_invalid', 'The payment provider does not know this token.', [
      { field: 'method.token', code: 'not_allowed', detail: 'is not a token of the provider' },
    ]);
  if (method.collectMinutes < 0 || method.collectMinutes > collectMinutesMax)
    return refuse('invalid_request', `A payer is asked for at most ${collectMinutesMax} minutes.`, [
      { field: 'method.collectMinutes', code: 'out_of_range', detail: `1 to ${collectMinutesMax}` },
    ]);
  if (method.collectMinutes !== 0 && !(method.kind === 'upi' && isUpiAddress(method.token)))
    return refuse('payment_method_invalid', 'Only the owner of a UPI address is asked for a set time.', [
      { field: 'method.collectMinutes', code: 'not_allowed', detail: 'goes with a UPI address' },
    ]);
  return undefined;
}
