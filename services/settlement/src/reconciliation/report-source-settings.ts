/**
 * Whose settlement reports a process pulls, by the keys of its payment providers: the same settings that payments has, which
 * a process of settlement on its own needs too. Pure; what is wrong is a sentence that repeats no key.
 */
import { ConfigError } from '@suuupra/platform/config';

export interface ReportSourceSettings {
  readonly stripe?: { readonly secretKey: string };
  readonly razorpay?: { readonly keyId: string; readonly keySecret: string };
}

const names = {
  stripeKey: 'SUUUPRA_STRIPE_SECRET_KEY',
  razorpayId: 'SUUUPRA_RAZORPAY_KEY_ID',
  razorpaySecret: 'SUUUPRA_RAZORPAY_KEY_SECRET',
} as const;

/** Throws ConfigError. Without keys it is empty: nothing is pulled, and reports are uploaded by hand. */
export function readReportSourceSettings(env: Readonly<Record<string, string | undefined>>): ReportSourceSettings {
  const given = (name: string) => env[name]?.trim() ?? '';
  const secretKey = given(names.stripeKey);
  if (secretKey !== '' && !/^(sk|rk)_(test|live)_[A-Za-z0-9]+$/.test(secretKey))
    throw new ConfigError(
      `${names.stripeKey} is no secret key of Stripe; it begins with sk_test_, sk_live_, rk_test_ or rk_live_.`,
    );
  const [keyId, keySecret] = [given(names.razorpayId), given(names.razorpaySecret)];
  if (keyId !== '' && !/^rzp_(test|live)_[A-Za-z0-9]+$/.test(keyId))
    throw new ConfigError(`${names.razorpayId} is no key id of Razorpay; it begins with rzp_test_ or rzp_live_.`);
  if ((keyId === '') !== (keySecret === ''))
    throw new ConfigError(`${names.razorpayId} and ${names.razorpaySecret} must be given together.`);
  return {
    ...(secretKey === '' ? {} : { stripe: { secretKey } }),
    ...(keyId === '' ? {} : { razorpay: { keyId, keySecret } }),
  };
}
