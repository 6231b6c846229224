/** What the sandbox does with each of its tokens. Pure: time and storage are provider-sandbox.ts. */
import type { FailureCode, PaymentMethodKind } from './provider.ts';

export type SandboxStatus = 'requires_action' | 'processing' | 'succeeded' | 'failed';

export interface SandboxScript {
  /** How a payment stands right after it was made. */
  readonly first: SandboxStatus;
  readonly failure?: FailureCode;
  /** The answer to the call that makes it never arrives. */
  readonly losesAnswer?: boolean;
  /** It settles by itself. */
  readonly settles?: { readonly to: 'succeeded' | 'failed'; readonly afterMs: number; readonly told: boolean };
  /** Every webhook comes three times, and the later before the earlier. */
  readonly repeatsWebhooks?: boolean;
  /** The payer disputes the payment. */
  readonly disputedAfterMs?: number;
  /** Refunds of it take a second and end by webhook. */
  readonly refundsLater?: boolean;
}

/** About a second: what the documentation promises for what settles by itself. */
export const settleAfterMs = 1_000;
/** Before the first status sync of an attempt whose answer was lost, which is after about a second. */
const settleUnheardMs = 500;
const disputeAfterMs = 2_000;

const byWebhook = { to: 'succeeded', afterMs: settleAfterMs, told: true } as const;

const scripts: ReadonlyMap<string, SandboxScript> = new Map<string, SandboxScript>([
  ['tok_ok', { first: 'succeeded' }],
  ['tok_declined', { first: 'failed', failure: 'card_declined' }],
  ['tok_insufficient_funds', { first: 'failed', failure: 'insufficient_funds' }],
  ['tok_requires_3ds', { first: 'requires_action' }],
  ['tok_processing', { first: 'processing', settles: byWebhook, refundsLater: true }],
  [
    'tok_timeout_then_succeeded',
    { first: 'processing', losesAnswer: true, settles: { to: 'succeeded', afterMs: settleUnheardMs, told: false } },
  ],
  [
    'tok_timeout_then_failed',
    {
      first: 'processing',
      losesAnswer: true,
      failure: 'card_declined',
      settles: { to: 'failed', afterMs: settleUnheardMs, told: false },
    },
  ],
  ['tok_duplicate_webhooks', { first: 'succeeded', repeatsWebhooks: true }],
  ['tok_chargeback', { first: 'succeeded', disputedAfterMs: disputeAfterMs }],
]);

/** The script of a token; undefined for a token that is not of the sandbox. A UPI payer approves in their app, later. */
export function scriptOf(token: string, method: PaymentMethodKind): SandboxScript | undefined {
  const script = scripts.get(token);
  if (script === undefined || method === 'card' || script.first !== 'succeeded') return script;
  return { ...script, first: 'processing', settles: byWebhook };
}

export function isSandboxToken(token: string): boolean {
  return scripts.has(token);
}

export const failureDetails: Readonly<Record<FailureCode, string>> = {
  card_declined: "The payer's bank declined the payment.",
  insufficient_funds: 'The account does not hold enough.',
  authentication_failed: 'The payer did not approve the payment.',
  provider_timeout: 'The provider did not answer.',
  expired: 'The time to pay is over.',
};

/**
 * The link that opens the payer's UPI app (NPCI, UPI Linking Specification 1.6): payee address and name, amount in rupees
 * with two decimals, currency, reference and note.
 */
export function upiIntentUri(payment: { attemptId: string; amountMinor: bigint; orderNumber: string }): string {
  const rupees = `${payment.amountMinor / 100n}.${String(payment.amountMinor % 100n).padStart(2, '0')}`;
  const fields = {
    pa: 'suuupra@sandbox',
    pn: 'Suuupra (sandbox)',
    am: rupees,
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
