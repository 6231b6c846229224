/**
 * The port to a payment service provider: the company that holds cards and moves money. Adapter: provider-sandbox.ts,
 * which moves none. Every adapter passes provider.contract.ts.
 *
 * The provider knows a payment and a refund by our own id (the merchant reference), which is also the idempotency key:
 * a call that is repeated with the same id gives the state of what the first call made. So an answer that was lost can
 * be asked for again, and an event can be matched even if we never got the provider's answer.
 */

export type PaymentMethodKind = 'card' | 'upi';

/** What the payer has to do. */
export interface PayerAction {
  readonly type: 'challenge' | 'upi_intent';
  /** `challenge`: the page to show. */
  readonly url: string;
  /** `upi_intent`: the link for the payer's app. */
  readonly uri: string;
  readonly expiresAtMs: number;
}

/** How a payment stands at the provider. */
export type ProviderOutcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly code: FailureCode; readonly detail: string }
  | { readonly kind: 'requires_action'; readonly action: PayerAction }
  | { readonly kind: 'processing'; readonly action?: PayerAction };

export type FailureCode =
  | 'card_declined'
  | 'insufficient_funds'
  | 'authentication_failed'
  | 'provider_timeout'
  | 'expired';

export type RefundOutcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'failed'; readonly code: string };

export interface PaymentToMake {
  readonly attemptId: string;
  readonly method: PaymentMethodKind;
  readonly token: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** For the payer's eyes: which order this is. */
  readonly orderNumber: string;
}

export interface RefundToMake {
  readonly refundId: string;
  readonly attemptId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
}

/** What a provider tells by webhook. */
export type ProviderEvent =
  | { readonly type: 'payment'; readonly attemptId: string; readonly outcome: ProviderOutcome }
  | { readonly type: 'refund'; readonly refundId: string; readonly outcome: RefundOutcome }
  | {
      readonly type: 'dispute_opened';
      readonly attemptId: string;
      readonly disputeId: string;
      readonly currency: string;
      readonly amountMinor: bigint;
    }
  /** A kind of event we do not act on. */
  | { readonly type: 'other' };

/** The request may have reached the provider, and its answer was lost: neither done nor failed. */
export class ProviderTimeout extends Error {}

export interface Provider {
  readonly name: string;
  /** No real money moves. */
  readonly simulated: boolean;
  knowsToken(token: string): boolean;
  knowsChallengeResponse(response: string): boolean;
  /** Makes the payment, or answers how the one with this attempt id stands. Throws ProviderTimeout; other errors mean the same. */
  create(payment: PaymentToMake): Promise<ProviderOutcome>;
  /** Passes the payer's response to a challenge on; the first response counts. */
  confirm(attemptId: string, response: string): Promise<ProviderOutcome>;
  /** How the payment stands; undefined when the provider has never heard of it. */
  status(attemptId: string): Promise<ProviderOutcome | undefined>;
  refund(refund: RefundToMake): Promise<RefundOutcome>;
  /** The event's id when the signature over the raw body is good and fresh; undefined otherwise. */
  verifyWebhook(headers: WebhookHeaders, body: Uint8Array): { readonly eventId: string } | undefined;
  /** Reads a verified body. Throws when it is not what the provider documents. */
  readEvent(body: Uint8Array): ProviderEvent;
}

/** HTTP header fields by their lower-case names. */
export type WebhookHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;
