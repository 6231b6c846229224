/** What a payer may give as payment method: a token of the provider, never a card. Pure. */
import { holdsCardNumber } from '@suuupra/platform/card-number';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { PaymentMethodKind, Provider } from './provider.ts';

export interface GivenMethod {
  readonly kind: PaymentMethodKind | undefined;
  readonly token: string;
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
  return undefined;
}
