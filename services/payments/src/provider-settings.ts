/**
 * Which payment providers a process works with, by its environment. Pure: read and checked before anything starts; what is
 * wrong is a sentence that names the setting and repeats no key.
 *
 * A process moves real money or plays, never both: keys of different modes are refused (Stripe: `_test_`, `_live_`;
 * Razorpay: `rzp_test_`, `rzp_live_`), and so is a live key beside the sandbox, where everybody pays with nothing.
 */
import { ConfigError } from '@suuupra/platform/config';

export interface ProviderSettings {
  readonly stripe?: { readonly secretKey: string; readonly webhookSecrets: readonly string[] };
  readonly razorpay?: {
    readonly keyId: string;
    readonly keySecret: string;
    readonly webhookSecrets: readonly string[];
  };
  /** The sandboxes serve beside them. */
  readonly sandbox: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const names = {
  stripeKey: 'SUUUPRA_STRIPE_SECRET_KEY',
  stripeWebhooks: 'SUUUPRA_STRIPE_WEBHOOK_SECRETS',
  razorpayId: 'SUUUPRA_RAZORPAY_KEY_ID',
  razorpaySecret: 'SUUUPRA_RAZORPAY_KEY_SECRET',
  razorpayWebhooks: 'SUUUPRA_RAZORPAY_WEBHOOK_SECRETS',
  sandbox: 'SUUUPRA_SANDBOX',
} as const;

/** More secrets than a rotation needs are a mistake. */
const secretsMax = 5;

/** Throws ConfigError. `demo`: the demo school is made, whose purchases are paid with the sandbox's tokens. */
export function readProviderSettings(env: Environment, demo: boolean): ProviderSettings {
  const given = (name: string) => env[name]?.trim() ?? '';
  const stripe = stripeOf(given);
  const razorpay = razorpayOf(given);
  const modes = [
    ...(stripe === undefined ? [] : [{ name: names.stripeKey, live: stripe.secretKey.includes('_live_') }]),
    ...(razorpay === undefined ? [] : [{ name: names.razorpayId, live: razorpay.keyId.startsWith('rzp_live_') }]),
  ];
  const live = modes.find((mode) => mode.live);
  const test = modes.find((mode) => !mode.live);
  if (live !== undefined && test !== undefined)
    throw new ConfigError(
      `${live.name} is a live key and ${test.name} is a test key; give live keys only, or test keys.`,
    );
  const sandbox = sandboxOf(given(names.sandbox));
  if (live !== undefined && sandbox)
    throw new ConfigError(
      `${live.name} is a live key and the sandbox, where everybody pays with nothing, is on; set ${names.sandbox}=off, or give a test key.`,
    );
  if (!sandbox && modes.length === 0)
    throw new ConfigError(
      `${names.sandbox} is off and there is no other payment provider; give ${names.stripeKey} or ${names.razorpayId}, or leave it on.`,
    );
  if (!sandbox && demo)
    throw new ConfigError(`${names.sandbox} is off and the demo school is paid in the sandbox; start with --no-demo.`);
  return { ...(stripe === undefined ? {} : { stripe }), ...(razorpay === undefined ? {} : { razorpay }), sandbox };
}

type Given = (name: string) => string;

function stripeOf(given: Given): ProviderSettings['stripe'] {
  if (!wanted(given, [names.stripeKey, names.stripeWebhooks])) return undefined;
  const secretKey = given(names.stripeKey);
  if (!/^(sk|rk)_(test|live)_[A-Za-z0-9]+$/.test(secretKey))
    throw new ConfigError(
      `${names.stripeKey} is no secret key of Stripe; it begins with sk_test_, sk_live_, rk_test_ or rk_live_.`,
    );
  const webhookSecrets = secretsIn(names.stripeWebhooks, given);
  if (!webhookSecrets.every((secret) => /^whsec_\S+$/.test(secret)))
    throw new ConfigError(
      `${names.stripeWebhooks} holds what is no signing secret of Stripe; each begins with whsec_, with commas between.`,
    );
  return { secretKey, webhookSecrets };
}

function razorpayOf(given: Given): ProviderSettings['razorpay'] {
  if (!wanted(given, [names.razorpayId, names.razorpaySecret, names.razorpayWebhooks])) return undefined;
  const keyId = given(names.razorpayId);
  if (!/^rzp_(test|live)_[A-Za-z0-9]+$/.test(keyId))
    throw new ConfigError(`${names.razorpayId} is no key id of Razorpay; it begins with rzp_test_ or rzp_live_.`);
  const webhookSecrets = secretsIn(names.razorpayWebhooks, given);
  return { keyId, keySecret: given(names.razorpaySecret), webhookSecrets };
}

/** True when all are given, false when none is. */
function wanted(given: Given, all: readonly string[]): boolean {
  const missing = all.filter((name) => given(name) === '');
  if (missing.length === all.length) return false;
  if (missing.length === 0) return true;
  const there = all.filter((name) => given(name) !== '');
  throw new ConfigError(
    `${missing.join(' and ')} must be given beside ${there.join(' and ')}; both are in the provider's dashboard.`,
  );
}

function secretsIn(name: string, given: Given): string[] {
  const secrets = given(name)
    .split(',')
    .map((secret) => secret.trim());
  if (secrets.length <= secretsMax && secrets.every((secret) => secret !== '')) return secrets;
  throw new ConfigError(`${name} must be one to ${secretsMax} secrets with commas between.`);
}

function sandboxOf(given: string): boolean {
  if (given !== '' && given !== 'on' && given !== 'off')
    throw new ConfigError(`${names.sandbox} is "${given}"; it must be on or off.`);
  return given !== 'off';
}
