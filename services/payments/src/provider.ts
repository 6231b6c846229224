/**
 * The port to a payment service provider: the company that holds cards and moves money. Adapters: provider-sandbox.ts,
 * which moves none, and one file for each company. Every adapter passes provider.contract.ts.
 *
 * The provider knows what we make by our own id (the merchant reference), which is also the idempotency key: a call that
 * is repeated with the same id, within `keyRetentionMs`, gives the state of what the first call made. So an answer that
 * was lost can be asked for again, and an event can be matched even if we never got the provider's answer. What the
 * provider calls it comes back as `reference` and is handed in with every later call; it is '' while we never heard it.
 *
 * Every call may throw: then the request may have had its effect, and nothing is known. What a provider refuses is an
 * outcome. Amounts are minor units of ISO 4217; the adapter turns them into what the provider counts in.
 */
import { createHash } from 'node:crypto';

export type PaymentMethodKind = 'card' | 'upi';

/** A value by the brand of a card, as the provider names it in lower case, and the one of all others. */
export interface ByBrand<T> {
  readonly usual: T;
  readonly brands?: Readonly<Record<string, T>>;
}

/** The value of this brand; undefined where the method has none at all. */
export function ofBrand<T>(by: ByBrand<T> | undefined, brand: string | undefined): T | undefined {
  if (by === undefined) return undefined;
  const { brands = {}, usual } = by;
  return brand !== undefined && Object.hasOwn(brands, brand.toLowerCase()) ? brands[brand.toLowerCase()] : usual;
}

/** What a provider can do, as data: routing and operations read it, nobody asks for a provider by its name. */
export interface ProviderCapabilities {
  readonly methods: readonly PaymentMethodKind[];
  /** Codes of ISO 4217 by method; 'all' for every one that we know. */
  readonly currencies: Readonly<Partial<Record<PaymentMethodKind, 'all' | readonly string[]>>>;
  /**
   * Decimals in which the provider counts, where they differ from ISO 4217, and the step that an amount must be a multiple
   * of there. See currency.ts.
   */
  readonly exponents: Readonly<Record<string, { readonly decimals: number; readonly step?: bigint }>>;
  /** Methods that can be authorized first and captured later. */
  readonly manualCapture: readonly PaymentMethodKind[];
  readonly partialCapture: boolean;
  /** More than one capture of one authorization. */
  readonly multipleCapture: boolean;
  /**
   * How far a capture may go beyond what was authorized, in 1/10,000 of it; absent or 0: not at all. What an answer says of
   * its own payment (`capturableMaxMinor`) goes before.
   */
  readonly overCaptureBasisPoints: Readonly<Partial<Record<PaymentMethodKind, ByBrand<number>>>>;
  /** Whether what is authorized can be raised before its capture. What an answer says (`incrementable`) goes before. */
  readonly incrementalAuthorization: Readonly<Partial<Record<PaymentMethodKind, ByBrand<boolean>>>>;
  /** How long an authorization holds, when its answer does not say. */
  readonly authorizationMs: Readonly<Partial<Record<PaymentMethodKind, ByBrand<number>>>>;
  readonly mandates: readonly PaymentMethodKind[];
  /** A payer has to be told this long before a mandate is charged. */
  readonly preDebitNoticeMs: Readonly<Partial<Record<PaymentMethodKind, number>>>;
  /** How long a repeated id is known to be a repetition. Later we only ask. */
  readonly keyRetentionMs: number;
  /** Evidence and acceptance of disputes go through the API. */
  readonly disputes: boolean;
  /** What one payment costs us, for the choice of the cheapest. */
  readonly costs: Readonly<Partial<Record<PaymentMethodKind, ProviderCost>>>;
}

export interface ProviderCost {
  readonly basisPoints: number;
  /** In minor units of the payment's currency. */
  readonly flatMinor: bigint;
}

/** What the payer has to do. */
export interface PayerAction {
  /** `upi_collect`: the payer's app asks them by itself. */
  readonly type: 'challenge' | 'upi_intent' | 'upi_collect';
  /** `challenge`: the page to show. */
  readonly url: string;
  /** `upi_intent`: the link for the payer's app, shown as a QR code too. */
  readonly uri: string;
  readonly expiresAtMs: number;
}

/** How the payer was authenticated (EMV 3-D Secure 2), and who bears a fraud. */
export interface Authentication {
  readonly flow: 'none' | 'frictionless' | 'challenge' | 'exempted';
  readonly exemption: Exemption | '';
  readonly liabilityShifted: boolean;
}

/** Exemptions of PSD2 RTS: article 16 (low value), 18 (transaction risk analysis); MIT is out of scope of it. */
export type Exemption = 'low_value' | 'transaction_risk' | 'merchant_initiated';

export interface CardFacts {
  readonly brand: string;
  readonly last4: string;
  readonly expiry: string;
  /** The same for one card under every token; '' where the provider has none. */
  readonly fingerprint: string;
}

/** What comes with an outcome, when the provider says it. */
export interface PaymentFacts {
  readonly reference?: string;
  readonly card?: CardFacts;
  readonly authentication?: Authentication;
  /** What the provider keeps for itself of a capture. */
  readonly feeMinor?: bigint;
  /** The most that may be captured of this authorization. */
  readonly capturableMaxMinor?: bigint;
  /** Whether this authorization can be raised. */
  readonly incrementable?: boolean;
}

/** How a payment stands at the provider. */
export type ProviderOutcome =
  /** Captured: `capturedMinor` of it, the whole when absent. */
  | { readonly kind: 'succeeded'; readonly capturedMinor?: bigint; readonly facts?: PaymentFacts }
  /**
   * Held at the payer's bank: `authorizedMinor` in all, the amount of the payment when absent; `capturedMinor` of it is
   * captured so far. `capturableUntilMs` is absent where the provider does not say: then its capabilities do.
   */
  | {
      readonly kind: 'authorized';
      readonly capturableUntilMs?: number;
      readonly authorizedMinor?: bigint;
      readonly capturedMinor?: bigint;
      readonly facts?: PaymentFacts;
    }
  | {
      readonly kind: 'failed';
      readonly code: FailureCode;
      readonly detail: string;
      /** The provider's own code, for the error map (retry.ts); '' when it has none. */
      readonly providerCode?: string;
      readonly facts?: PaymentFacts;
    }
  /** Released by a void. */
  | { readonly kind: 'voided'; readonly facts?: PaymentFacts }
  | { readonly kind: 'requires_action'; readonly action: PayerAction; readonly facts?: PaymentFacts }
  /** `deemed`: taken for a success by the payer's bank and not settled yet (UPI): it may still be reversed. */
  | {
      readonly kind: 'processing';
      readonly action?: PayerAction;
      readonly deemed?: boolean;
      readonly facts?: PaymentFacts;
    };

export type FailureCode =
  | 'card_declined'
  | 'insufficient_funds'
  | 'authentication_failed'
  /** The bank wants the payer authenticated (a soft decline). */
  | 'authentication_required'
  | 'issuer_unavailable'
  | 'provider_error'
  | 'provider_timeout'
  | 'expired'
  | 'vpa_invalid'
  | 'mandate_not_active'
  | 'amount_too_high'
  | 'reversed';

/** `code` is the provider's word, lower_snake. */
export type RefundOutcome =
  | { readonly kind: 'succeeded'; readonly reference?: string }
  | { readonly kind: 'pending'; readonly reference?: string }
  | { readonly kind: 'failed'; readonly code: string; readonly reference?: string };

export type CaptureOutcome =
  | { readonly kind: 'succeeded'; readonly feeMinor?: bigint; readonly reference?: string }
  | { readonly kind: 'pending'; readonly reference?: string }
  | { readonly kind: 'failed'; readonly code: string; readonly reference?: string };

/** How a raise of an authorization stands; `code` is the provider's word. What was held before is held on when it failed. */
export type IncrementOutcome =
  | { readonly kind: 'succeeded'; readonly capturableUntilMs?: number; readonly facts?: PaymentFacts }
  | { readonly kind: 'pending' }
  | { readonly kind: 'failed'; readonly code: string };

export type DisputeStage = 'pre_dispute' | 'dispute' | 'pre_arbitration';

/** How a dispute stands at the provider. */
export interface DisputeFacts {
  /** The provider's own id. One that keeps its id through the stages is told apart by `stage`. */
  readonly disputeReference: string;
  readonly stage: DisputeStage;
  readonly status: 'opened' | 'challenged' | 'won' | 'lost';
  readonly currency: string;
  readonly amountMinor: bigint;
  /** What the dispute costs us beside its amount, so far. */
  readonly feeMinor: bigint;
  readonly reason: string;
  readonly evidenceDueAtMs?: number | undefined;
}

export type MandateOutcome =
  | { readonly kind: 'pending'; readonly action?: PayerAction; readonly facts?: MandateFacts }
  | {
      readonly kind: 'active' | 'paused' | 'revoked' | 'expired' | 'failed';
      readonly code?: FailureCode;
      readonly facts?: MandateFacts;
    };

export interface MandateFacts {
  readonly reference?: string;
  /** Unique mandate number of UPI. */
  readonly umn?: string;
  readonly amountMaxMinor?: bigint;
  readonly validUntilMs?: number;
}

/** A payment of ours as the provider is asked for it. */
export interface PaymentRef {
  readonly attemptId: string;
  readonly reference: string;
  /** When it was sent, where that was later than its id was made. */
  readonly sentAtMs?: number | undefined;
}
export interface RefundRef {
  readonly refundId: string;
  readonly attemptId: string;
  readonly reference: string;
}
export interface DisputeRef {
  readonly attemptId: string;
  readonly disputeReference: string;
  readonly stage: DisputeStage;
}
export interface MandateRef {
  readonly mandateId: string;
  readonly reference: string;
}

export interface PaymentToMake {
  readonly attemptId: string;
  readonly method: PaymentMethodKind;
  /** A token of the provider, or the VPA of a payer to be asked. */
  readonly token: string;
  /** How long the app of a VPA asks its owner, 1 to 64,800; absent or 0: the provider's usual time. */
  readonly collectMinutes?: number | undefined;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** For the payer's eyes: which order this is. */
  readonly orderNumber: string;
  readonly capture: 'automatic' | 'manual';
  /** `challenge`: the payer must prove who they are. An exemption is a wish; the issuer may decline it softly. */
  readonly authentication: 'automatic' | 'challenge' | Exemption;
}

export interface CaptureToMake extends PaymentRef {
  readonly captureId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** Nothing more will be captured: the rest is released. */
  readonly final: boolean;
}

export interface IncrementToMake extends PaymentRef {
  readonly incrementId: string;
  readonly currency: string;
  /** What is to be held in all. */
  readonly authorizedMinor: bigint;
}

export interface VoidToMake extends PaymentRef {
  readonly voidId: string;
}

export interface RefundToMake extends PaymentRef {
  readonly refundId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
}

export interface MandateToMake {
  readonly mandateId: string;
  readonly buyerId: string;
  readonly method: PaymentMethodKind;
  readonly token: string;
  readonly currency: string;
  readonly amountMaxMinor: bigint;
}

/** A charge without the payer: the attempt id is the key, as with `create`. */
export interface ChargeToMake {
  readonly attemptId: string;
  readonly mandate: MandateRef;
  readonly method: PaymentMethodKind;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly orderNumber: string;
}

export type MandateChange =
  | { readonly kind: 'modify'; readonly amountMaxMinor: bigint }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'revoke' };

/** What a provider tells by webhook. The ids are ours where the provider repeats them, else '' beside a reference. */
export type ProviderEvent =
  | {
      readonly type: 'payment';
      readonly attemptId: string;
      readonly reference?: string;
      readonly outcome: ProviderOutcome;
    }
  | {
      readonly type: 'refund';
      readonly refundId: string;
      readonly reference?: string;
      readonly outcome: RefundOutcome;
    }
  | {
      readonly type: 'capture';
      readonly captureId: string;
      readonly reference?: string;
      readonly outcome: CaptureOutcome;
    }
  | {
      readonly type: 'increment';
      readonly incrementId: string;
      readonly reference?: string;
      readonly outcome: IncrementOutcome;
    }
  | {
      readonly type: 'dispute';
      readonly attemptId: string;
      /** The provider's own id of the payment, when it does not repeat ours. */
      readonly reference?: string;
      readonly dispute: DisputeFacts;
    }
  | {
      readonly type: 'mandate';
      readonly mandateId: string;
      readonly reference?: string;
      readonly outcome: MandateOutcome;
    }
  /** A kind of event we do not act on. */
  | { readonly type: 'other' };

/** What a provider says of a token before money is asked for. */
export type Instrument =
  | { readonly kind: 'card'; readonly card: CardFacts }
  /** `exists` false: the payer's bank knows no such address. */
  | { readonly kind: 'vpa'; readonly exists: boolean; readonly fingerprint: string };

/** The request may have reached the provider, and its answer was lost: neither done nor failed. */
export class ProviderTimeout extends Error {}

export interface Provider {
  readonly name: string;
  /** No real money moves. */
  readonly simulated: boolean;
  readonly capabilities: ProviderCapabilities;
  /** By its form alone, without a call. */
  knowsToken(token: string): boolean;
  knowsChallengeResponse(response: string): boolean;
  /** Undefined when the provider cannot say. Moves nothing; may be slow or throw, and a payment then goes on without. */
  inspect(method: PaymentMethodKind, token: string): Promise<Instrument | undefined>;

  /** Makes the payment, or answers how the one with this attempt id stands. */
  create(payment: PaymentToMake): Promise<ProviderOutcome>;
  /** Passes the payer's response to a challenge on; the first response counts. */
  confirm(ref: PaymentRef, response: string): Promise<ProviderOutcome>;
  capture(capture: CaptureToMake): Promise<CaptureOutcome>;
  /**
   * Has the payer's bank hold more of an authorization of which nothing is captured. Once for each increment id. Only where
   * `incrementalAuthorization` or the payment's own facts allow it; elsewhere it fails.
   */
  increment(increment: IncrementToMake): Promise<IncrementOutcome>;
  /** Releases an authorization, or cancels what waits for the payer. Answers how the payment stands after it. */
  void(order: VoidToMake): Promise<ProviderOutcome>;
  /** How the payment stands; undefined when the provider has never heard of it. */
  status(ref: PaymentRef): Promise<ProviderOutcome | undefined>;

  refund(refund: RefundToMake): Promise<RefundOutcome>;
  /** Undefined when the provider has never heard of it. */
  refundStatus(ref: RefundRef): Promise<RefundOutcome | undefined>;

  disputeStatus(ref: DisputeRef): Promise<DisputeFacts | undefined>;
  submitEvidence(ref: DisputeRef, evidence: string): Promise<DisputeFacts>;
  acceptDispute(ref: DisputeRef): Promise<DisputeFacts>;

  createMandate(mandate: MandateToMake): Promise<MandateOutcome>;
  confirmMandate(ref: MandateRef, response: string): Promise<MandateOutcome>;
  /** Idempotent: what is changed already stays so. */
  changeMandate(ref: MandateRef, change: MandateChange): Promise<MandateOutcome>;
  mandateStatus(ref: MandateRef): Promise<MandateOutcome | undefined>;
  /** Tells the payer of a charge to come; only where `preDebitNoticeMs` asks for it. Once for each attempt id. */
  announceCharge(charge: ChargeToMake, chargeAtMs: number): Promise<void>;
  chargeMandate(charge: ChargeToMake): Promise<ProviderOutcome>;

  /** The event's id when the signature over the raw body is good and fresh; undefined otherwise. */
  verifyWebhook(headers: WebhookHeaders, body: Uint8Array): { readonly eventId: string } | undefined;
  /** Reads a verified body. Throws when it is not what the provider documents. */
  readEvent(body: Uint8Array): ProviderEvent;

  /** Settlement reports that the provider has made, oldest first, after the one of this name; '' from the first. */
  listReports(afterName: string, limit: number): Promise<readonly ProviderReport[]>;
  /** Its bytes; undefined when there is none of this name. */
  readReport(name: string): Promise<Uint8Array | undefined>;
}

export interface ProviderReport {
  /** The provider's own name of the file; names sort in the order in which the files were made. */
  readonly name: string;
  readonly format: 'settlement_csv';
  readonly sizeBytes: number;
  readonly madeAtMs: number;
}

/** HTTP header fields by their lower-case names. */
export type WebhookHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A fingerprint for an instrument that has none of its own: a hash, so that the value itself is kept nowhere. */
export function fingerprintOf(provider: string, value: string): string {
  return createHash('sha256').update(`${provider}\n${value}`).digest('base64url').slice(0, 22);
}
