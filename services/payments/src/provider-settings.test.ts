import { ConfigError } from '@suuupra/platform/config';
import { describe, expect, it } from 'vitest';
import { readProviderSettings } from './provider-settings.ts';

const stripe = (mode: string) => ({
  SUUUPRA_STRIPE_SECRET_KEY: `sk_${mode}_abcSECRETdef`,
  SUUUPRA_STRIPE_WEBHOOK_SECRETS: 'whsec_one, whsec_two',
});
const razorpay = (mode: string) => ({
  SUUUPRA_RAZORPAY_KEY_ID: `rzp_${mode}_abcSECRETdef`,
  SUUUPRA_RAZORPAY_KEY_SECRET: 'theSECRETofthekey',
  SUUUPRA_RAZORPAY_WEBHOOK_SECRETS: 'theSECRETofthehook',
});
const off = { SUUUPRA_SANDBOX: 'off' };

function sentenceOf(env: Record<string, string>, demo = false): string {
  try {
    readProviderSettings(env, demo);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('the settings of providers', () => {
  it('are none: the sandbox serves', () => {
    expect(readProviderSettings({}, true)).toEqual({ sandbox: true });
    expect(readProviderSettings({ SUUUPRA_STRIPE_SECRET_KEY: ' ' }, true)).toEqual({ sandbox: true });
  });

  it('are test keys beside the sandbox or without it, or live keys without it', () => {
    expect(readProviderSettings({ ...stripe('test'), ...razorpay('test') }, true)).toEqual({
      stripe: { secretKey: 'sk_test_abcSECRETdef', webhookSecrets: ['whsec_one', 'whsec_two'] },
      razorpay: {
        keyId: 'rzp_test_abcSECRETdef',
        keySecret: 'theSECRETofthekey',
        webhookSecrets: ['theSECRETofthehook'],
      },
      sandbox: true,
    });
    expect(readProviderSettings({ ...stripe('test'), ...off }, false)).toMatchObject({ sandbox: false });
    expect(readProviderSettings({ ...stripe('live'), ...razorpay('live'), ...off }, false)).toMatchObject({
      sandbox: false,
    });
  });

  it.each<[string, Record<string, string>, string[]]>([
    ['live and test keys', { ...stripe('live'), ...razorpay('test') }, ['STRIPE_SECRET_KEY', 'RAZORPAY_KEY_ID']],
    ['test and live keys', { ...stripe('test'), ...razorpay('live') }, ['STRIPE_SECRET_KEY', 'RAZORPAY_KEY_ID']],
    ['mixed keys without the sandbox', { ...stripe('test'), ...razorpay('live'), ...off }, ['RAZORPAY_KEY_ID']],
    ['a live key beside the sandbox', stripe('live'), ['STRIPE_SECRET_KEY', 'SUUUPRA_SANDBOX=off']],
    ['a live Razorpay beside the sandbox', { ...razorpay('live'), SUUUPRA_SANDBOX: 'on' }, ['RAZORPAY_KEY_ID']],
    ['no provider at all', off, ['SUUUPRA_SANDBOX', 'SUUUPRA_STRIPE_SECRET_KEY']],
    ['a sandbox that is neither on nor off', { SUUUPRA_SANDBOX: 'yes' }, ['SUUUPRA_SANDBOX is "yes"']],
    ['a publishable key', { ...stripe('test'), SUUUPRA_STRIPE_SECRET_KEY: 'pk_test_SECRET' }, ['STRIPE_SECRET_KEY']],
    [
      'a secret of something else',
      { ...stripe('test'), SUUUPRA_STRIPE_WEBHOOK_SECRETS: 'SECRET' },
      ['WEBHOOK_SECRETS'],
    ],
    ['an empty secret', { ...stripe('test'), SUUUPRA_STRIPE_WEBHOOK_SECRETS: 'whsec_a,,' }, ['WEBHOOK_SECRETS']],
    ['a key id of something else', { ...razorpay('test'), SUUUPRA_RAZORPAY_KEY_ID: 'SECRET' }, ['RAZORPAY_KEY_ID']],
    ['half of Stripe', { SUUUPRA_STRIPE_SECRET_KEY: 'sk_test_SECRET' }, ['STRIPE_WEBHOOK_SECRETS must']],
    ['a third of Razorpay', { SUUUPRA_RAZORPAY_KEY_SECRET: 'SECRET' }, ['RAZORPAY_KEY_ID and', 'RAZORPAY_WEBHOOK_']],
  ])('refuse %s with a sentence that names the setting and no secret', (_, env, parts) => {
    const sentence = sentenceOf(env);
    for (const part of parts) expect(sentence).toContain(part);
    expect(sentence).toMatch(/\.$/);
    expect(sentence).not.toContain('SECRETdef');
    expect(sentence.replaceAll(/SUUUPRA_[A-Z_]+/g, '')).not.toContain('SECRET');
  });

  it('refuse the demo school without the sandbox that it is paid in', () => {
    expect(sentenceOf({ ...stripe('test'), ...off }, true)).toContain('--no-demo');
  });
});
