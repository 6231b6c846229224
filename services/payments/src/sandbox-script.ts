/** What the sandbox does with each of its tokens. Pure: time and storage are provider-sandbox.ts. */
import { decimalText } from '@suuupra/platform/money';
import type { Authentication, DisputeStage, FailureCode, PaymentMethodKind, PaymentToMake } from './provider.ts';
import type { SandboxStatus } from './sandbox-store.ts';

export interface SandboxScript {
  /** How a payment stands right after it was made; `succeeded` is `authorized` where capture is manual. */
  readonly first: SandboxStatus;
  readonly failure?: FailureCode;
  /** The sandbox's own word for the failure. */
  readonly code?: string;
  /** The answer to the call that makes it never arrives. */
  readonly losesAnswer?: boolean;
  /** It settles by itself. */
  readonly settles?: { readonly to: 'succeeded' | 'failed'; readonly afterMs: number; readonly told: boolean };
  /** Every webhook comes three times, and the later before the earlier. */
  readonly repeatsWebhooks?: boolean;
  /** The payer disputes the payment; `next` is the stage that follows when we win (or, of an inquiry, when we do not). */
  readonly disputed?: { readonly afterMs: number; readonly stage: DisputeStage; readonly next?: DisputeStage };
  /** Refunds of it take a second and end so, told by webhook or not. */
  readonly refunds?: {
    readonly first: 'pending' | 'succeeded';
    readonly to: 'succeeded' | 'failed';
    readonly told: boolean;
  };
  /** The payer's bank takes it for a success before it is one (UPI). */
  readonly deemed?: boolean;
  readonly authentication?: Authentication;
  /** Captures of it fail. */
  readonly captureFails?: boolean;
  /** Raises of its authorization fail; the answer to one never arrives, and a webhook tells it. */
  readonly incrementFails?: boolean;
  readonly losesIncrement?: boolean;
  /** An authorization lapses after this time instead of the usual one. */
  readonly holdMs?: number;
  /** A charge of a mandate made with it fails. */
  readonly chargeFails?: FailureCode;
}

/** About a second: what the documentation promises for what settles by itself. */
export const settleAfterMs = 1_000;
/** Before the first status sync of an attempt whose answer was lost, which is after about a second. */
const settleUnheardMs = 500;
const disputeAfterMs = 2_000;
const shortHoldMs = 5_000;
/** How long the payer has for the bank's page or their UPI app. */
export const actionMs = 15 * 60_000;

const byWebhook = { to: 'succeeded', afterMs: settleAfterMs, told: true } as const;
const lostThen = (to: 'succeeded' | 'failed') => ({ to, afterMs: settleUnheardMs, told: false }) as const;
const shifted = (flow: 'frictionless' | 'challenge'): Authentication => ({
  flow,
  exemption: '',
  liabilityShifted: true,
});

const scripts: ReadonlyMap<string, SandboxScript> = new Map<string, SandboxScript>([
  // Fixed: programs outside the project drive these.
  ['tok_ok', { first: 'succeeded' }],
  ['tok_declined', { first: 'failed', failure: 'card_declined', code: 'do_not_honor' }],
  ['tok_insufficient_funds', { first: 'failed', failure: 'insufficient_funds', code: 'no_funds' }],
  ['tok_requires_3ds', { first: 'requires_action' }],
  [
    'tok_processing',
    { first: 'processing', settles: byWebhook, refunds: { first: 'pending', to: 'succeeded', told: true } },
  ],
  ['tok_timeout_then_succeeded', { first: 'processing', losesAnswer: true, settles: lostThen('succeeded') }],
  [
    'tok_timeout_then_failed',
    { first: 'processing', losesAnswer: true, failure: 'card_declined', settles: lostThen('failed') },
  ],
  ['tok_duplicate_webhooks', { first: 'succeeded', repeatsWebhooks: true }],
  ['tok_chargeback', { first: 'succeeded', disputed: { afterMs: disputeAfterMs, stage: 'dispute' } }],
  // The other branches of a card payment's life.
  ['tok_3ds_frictionless', { first: 'succeeded', authentication: shifted('frictionless') }],
  ['tok_soft_decline', { first: 'failed', failure: 'authentication_required', code: 'soft_decline' }],
  ['tok_issuer_down', { first: 'failed', failure: 'issuer_unavailable', code: 'issuer_down' }],
  ['tok_error', { first: 'failed', failure: 'provider_error', code: 'internal' }],
  ['tok_authorization_lapses', { first: 'succeeded', holdMs: shortHoldMs }],
  ['tok_capture_fails', { first: 'succeeded', captureFails: true }],
  ['tok_increment_declined', { first: 'succeeded', incrementFails: true }],
  ['tok_increment_timeout', { first: 'succeeded', losesIncrement: true }],
  ['tok_increment_timeout_declined', { first: 'succeeded', losesIncrement: true, incrementFails: true }],
  ['tok_refund_fails', { first: 'succeeded', refunds: { first: 'pending', to: 'failed', told: true } }],
  ['tok_refund_reversed', { first: 'succeeded', refunds: { first: 'succeeded', to: 'failed', told: false } }],
  ['tok_inquiry', { first: 'succeeded', disputed: { afterMs: disputeAfterMs, stage: 'pre_dispute', next: 'dispute' } }],
  [
    'tok_pre_arbitration',
    { first: 'succeeded', disputed: { afterMs: disputeAfterMs, stage: 'dispute', next: 'pre_arbitration' } },
  ],
  // UPI: the payer's bank calls it a success before it is one.
  ['tok_upi_deemed', { first: 'processing', deemed: true, settles: byWebhook }],
  [
    'tok_upi_deemed_reversed',
    {
      first: 'processing',
      deemed: true,
      failure: 'reversed',
      settles: { to: 'failed', afterMs: settleAfterMs, told: true },
    },
  ],
  // Mandates: approved, and then every charge fails.
  ['tok_mandate_no_funds', { first: 'succeeded', chargeFails: 'insufficient_funds' }],
]);

/** UPI addresses: who is asked in their app, and what they do there. */
const addresses: ReadonlyMap<string, SandboxScript> = new Map<string, SandboxScript>([
  ['success@sandbox', { first: 'processing', settles: byWebhook }],
  [
    'failure@sandbox',
    { first: 'processing', failure: 'card_declined', settles: { to: 'failed', afterMs: settleAfterMs, told: true } },
  ],
  // Never looks at the app: the request expires.
  [
    'silent@sandbox',
    { first: 'processing', failure: 'expired', settles: { to: 'failed', afterMs: actionMs, told: true } },
  ],
  ['deemed@sandbox', { first: 'processing', deemed: true, settles: byWebhook }],
  // No bank knows it.
  ['nobody@sandbox', { first: 'failed', failure: 'vpa_invalid', code: 'unknown_vpa' }],
]);

/** The script of a token; undefined for a token that is not of the sandbox. A UPI payer approves in their app, later. */
export function scriptOf(token: string, method: PaymentMethodKind): SandboxScript | undefined {
  const script = method === 'upi' ? (addresses.get(token) ?? scripts.get(token)) : scripts.get(token);
  if (script === undefined || method === 'card' || script.first !== 'succeeded') return script;
  return { ...script, first: 'processing', settles: byWebhook };
}

export function isSandboxToken(token: string): boolean {
  return scripts.has(token) || addresses.has(token);
}

export function isAddress(token: string): boolean {
  return token.includes('@');
}

/**
 * A card payment as it is asked for: a challenge that is wished for is made, an exemption is granted, a soft decline asks
 * for the challenge, and the second sandbox reaches the bank that the first does not.
 */
export function scriptFor(
  payment: Pick<PaymentToMake, 'token' | 'method' | 'authentication'>,
  provider: string,
): SandboxScript | undefined {
  const script = scriptOf(payment.token, payment.method);
  if (script === undefined || payment.method !== 'card') return script;
  if (script.failure === 'issuer_unavailable' && provider !== 'sandbox') return { first: 'succeeded' };
  const wished = payment.authentication;
  if (wished === 'challenge')
    return script.first === 'succeeded' || script.failure === 'authentication_required'
      ? { first: 'requires_action' }
      : script;
  if (script.first !== 'succeeded' || wished === 'automatic') return script;
  return { ...script, authentication: { flow: 'exempted', exemption: wished, liabilityShifted: false } };
}

export const challenged = shifted('challenge');

export const failureDetails: Readonly<Record<FailureCode, string>> = {
  card_declined: "The payer's bank declined the payment.",
  insufficient_funds: 'The account does not hold enough.',
  authentication_failed: 'The payer did not approve the payment.',
  provider_timeout: 'The provider did not answer.',
  expired: 'The time to pay is over.',
  authentication_required: 'The bank wants the payer to prove who they are.',
  issuer_unavailable: "The payer's bank cannot be reached.",
  provider_error: 'The provider has a problem of its own.',
  vpa_invalid: 'No bank knows this UPI address.',
  mandate_not_active: 'The mandate does not allow the charge.',
  amount_too_high: 'The charge is more than the mandate allows.',
  reversed: 'The payment did not settle and went back to the payer.',
};

/**
 * The link that opens the payer's UPI app (NPCI, UPI Linking Specification 1.6): payee address and name, amount in rupees
 * with two decimals, currency, reference and note.
 */
export function upiIntentUri(payment: { attemptId: string; amountMinor: bigint; orderNumber: string }): string {
  const fields = {
    pa: 'suuupra@sandbox',
    pn: 'Suuupra (sandbox)',
    am: decimalText('INR', payment.amountMinor),
    cu: 'INR',
    tr: payment.attemptId,
    tn: `Order ${payment.orderNumber}`,
  };
  // An at sign is allowed in a query (RFC 3986, 3.4), and not every payer's app decodes an address.
  const query = Object.entries(fields).map(
    ([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%40', '@')}`,
  );
  return `upi://pay?${query.join('&')}`;
}
