/**
 * What may follow a payment that failed: data, with a default of "do not retry". Pure.
 *
 * A bank that said no to the payer is not asked again through another door: only what failed on the way is retried. After
 * an unknown outcome nothing is.
 */
import type { FailureCode } from './provider.ts';

export interface Advice {
  /** `step_up`: the same provider, with the payer authenticated. */
  readonly retry: 'no' | 'other_provider' | 'step_up';
}

const never: Advice = { retry: 'no' };

const byCode: Readonly<Partial<Record<FailureCode, Advice>>> = {
  authentication_required: { retry: 'step_up' },
  issuer_unavailable: { retry: 'other_provider' },
  provider_error: { retry: 'other_provider' },
};

/** A provider's own word says more than ours: `<provider>:<code>`. */
const byProviderCode: Readonly<Record<string, Advice>> = {
  'sandbox:issuer_down': { retry: 'other_provider' },
  'sandbox:soft_decline': { retry: 'step_up' },
  'sandbox_b:soft_decline': { retry: 'step_up' },
  'stripe:authentication_required': { retry: 'step_up' },
  'stripe:issuer_not_available': { retry: 'other_provider' },
  'stripe:processing_error': { retry: 'other_provider' },
  'razorpay:GATEWAY_ERROR': { retry: 'other_provider' },
  'razorpay:SERVER_ERROR': { retry: 'other_provider' },
};

export function adviceFor(provider: string, providerCode: string, code: FailureCode): Advice {
  return byProviderCode[`${provider}:${providerCode}`] ?? byCode[code] ?? never;
}
