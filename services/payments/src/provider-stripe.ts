/**
 * Stripe as a payment provider, by its official client. Source: docs.stripe.com/api (the version is the one the client is
 * made for), docs.stripe.com/payments/payment-intents and docs.stripe.com/webhooks.
 *
 * Cards are entered in Stripe's own form in the buyer's browser; we only ever hold the id of a payment method (`pm_…`). A
 * payment is a PaymentIntent that is made and confirmed in one call under our attempt id as idempotency key; the attempt id
 * is in its metadata too, so that events and searches find it when the answer was lost. Nothing of the client's objects is
 * logged or passed on: what we need is picked out field by field.
 */
import { createHash } from 'node:crypto';
import type { World } from '@suuupra/platform/world';
import Stripe from 'stripe';
import { fromProviderUnits, toProviderUnits } from './currency.ts';
import type {
  Authentication,
  CaptureOutcome,
  DisputeFacts,
  DisputeStage,
  FailureCode,
  IncrementOutcome,
  IncrementToMake,
  MandateOutcome,
  PaymentFacts,
  PaymentRef,
  PaymentToMake,
  Provider,
  ProviderCapabilities,
  ProviderEvent,
  ProviderOutcome,
  RefundOutcome,
} from './provider.ts';
import { ProviderTimeout } from './provider.ts';
import { madeAtMs } from './provider-id.ts';

export interface StripeOptions {
  /** sk_test_… or rk_live_…; which of the two decides whether money moves. */
  readonly secretKey: string;
  /** Live signing secrets of our endpoint, whsec_…; several while one is being replaced. */
  readonly webhookSecrets: readonly string[];
  /** Where the payer's bank sends the payer back to. */
  readonly returnUrl: string;
  readonly world: Pick<World, 'now'>;
  /** Another server that speaks Stripe's protocol, for tests. */
  readonly server?: { readonly host: string; readonly port: number; readonly protocol: 'http' };
}

/** The card networks' round trip, with 3-D Secure, is long; past this the answer counts as lost. */
const answerMsMax = 25_000;
/** A signed webhook is believed for this long. */
const toleranceSeconds = 300;
/** Stripe's search lags behind by about a minute; until then not found does not mean not made. */
const searchableMs = 10 * 60_000;
/** A payer has this long at the bank's page before the attempt may be replaced. */
const actionMs = 15 * 60_000;
const dayMs = 24 * 3_600_000;

/** docs.stripe.com/currencies: zero-decimal currencies and the special cases, where they differ from ISO 4217. */
const exponents: ProviderCapabilities['exponents'] = {
  ISK: { decimals: 2, step: 100n },
  UGX: { decimals: 2, step: 100n },
  MGA: { decimals: 0 },
  BHD: { decimals: 3, step: 10n },
  JOD: { decimals: 3, step: 10n },
  KWD: { decimals: 3, step: 10n },
  OMR: { decimals: 3, step: 10n },
  TND: { decimals: 3, step: 10n },
};

const capabilities: ProviderCapabilities = {
  methods: ['card'],
  currencies: { card: 'all' },
  exponents,
  manualCapture: ['card'],
  partialCapture: true,
  // Several captures need a feature that Stripe enables by account and card network.
  multipleCapture: false,
  // docs.stripe.com/payments/overcapture: by network, country and category; `maximum_amount_capturable` says it each time.
  overCaptureBasisPoints: {},
  // docs.stripe.com/payments/incremental-authorization: on these networks, for accounts that have it; the charge says it.
  incrementalAuthorization: { card: { usual: false, brands: { visa: true, mastercard: true, discover: true } } },
  // docs.stripe.com/payments/place-a-hold-on-a-payment-method: online and with the payer there; `capture_before` says it
  // where the charge is shown.
  authorizationMs: {
    card: {
      usual: 5 * dayMs,
      brands: { visa: 7 * dayMs, mastercard: 7 * dayMs, amex: 7 * dayMs, discover: 7 * dayMs },
    },
  },
  mandates: ['card'],
  preDebitNoticeMs: {},
  // docs.stripe.com/api/idempotent_requests: keys may be removed after at least 24 hours.
  keyRetentionMs: dayMs,
  disputes: true,
  // stripe.com/in/pricing for domestic cards, without GST.
  costs: { card: { basisPoints: 200, flatMinor: 0n } },
};

type Sent<T> = Promise<T>;
type Intent = Stripe.PaymentIntent;

/**
 * Opens Stripe as a provider. Throws a sentence when a key is not one of Stripe's, so that test and live keys, or a
 * publishable one, cannot be mixed up.
 */
export function openStripe(options: StripeOptions): Provider {
  if (!/^(sk|rk)_(test|live)_[A-Za-z0-9]+$/.test(options.secretKey))
    throw new Error('the Stripe key must be a secret or restricted key: sk_test_…, sk_live_…, rk_test_… or rk_live_…');
  if (options.webhookSecrets.length === 0 || !options.webhookSecrets.every((secret) => secret.startsWith('whsec_')))
    throw new Error(
      "Stripe needs the signing secret of our webhook endpoint, whsec_…, from the Dashboard's page of webhooks",
    );
  const stripe = new Stripe(options.secretKey, {
    maxNetworkRetries: 0,
    timeout: answerMsMax,
    telemetry: false,
    ...options.server,
  });
  const { world } = options;
  const find = (ref: PaymentRef) => findIntent(stripe, ref, world);
  return guarded({
    name: 'stripe',
    simulated: !options.secretKey.includes('_live_'),
    capabilities,
    knowsToken: (token) => /^pm_[A-Za-z0-9_]{6,120}$/.test(token),
    knowsChallengeResponse: (response) => response === 'returned',
    inspect: async (_method, token) => {
      const { card } = await stripe.paymentMethods.retrieve(token);
      return card === undefined ? undefined : { kind: 'card', card: cardOf(card) };
    },
    create: (payment) => pay(stripe, payment, options),
    // The payer answers at the bank's page; coming back means to look.
    confirm: async (ref) => {
      const intent = await find(ref);
      if (intent === undefined) throw new ProviderTimeout('Stripe does not show the payment yet');
      return outcomeOf(intent, world);
    },
    capture: (capture) => captureIntent(stripe, capture, find),
    increment: (increment) => incrementIntent(stripe, increment, find),
    void: async (order) => {
      const intent = await find(order);
      if (intent === undefined) throw new ProviderTimeout('Stripe does not show the payment yet');
      if (isOver(intent)) return outcomeOf(intent, world);
      return outcomeOf(await stripe.paymentIntents.cancel(intent.id, {}, { idempotencyKey: order.voidId }), world);
    },
    status: async (ref) => {
      const intent = await find(ref);
      return intent === undefined ? undefined : outcomeOf(intent, world);
    },
    refund: (refund) => refundIntent(stripe, refund, find),
    refundStatus: async (ref) => {
      const refund = await findRefund(stripe, ref, find);
      return refund === undefined ? undefined : refundOutcome(refund);
    },
    disputeStatus: async (ref) => disputeFacts(await stripe.disputes.retrieve(ref.disputeReference)),
    submitEvidence: async (ref, evidence) =>
      disputeFacts(
        await stripe.disputes.update(ref.disputeReference, {
          evidence: { uncategorized_text: evidence },
          submit: true,
        }),
      ),
    acceptDispute: async (ref) => disputeFacts(await stripe.disputes.close(ref.disputeReference)),
    ...mandates(stripe, options),
    verifyWebhook: (headers, body) => verify(stripe, options, headers['stripe-signature'], body),
    readEvent: (body) => readEvent(JSON.parse(Buffer.from(body).toString('utf8')) as Stripe.Event, world),
    // Stripe's reports are fetched in its Dashboard or by its Reporting API and given to settlement as files.
    listReports: async () => [],
    readReport: async () => undefined,
  });
}

/** Errors of the client leave as ours: its own carry requests, answers and parts of keys. */
function guarded(provider: Provider): Provider {
  const guard =
    <A extends readonly unknown[], R>(call: (...given: A) => Promise<R>) =>
    (...given: A) =>
      call(...given).catch((error: unknown) => {
        throw lost(error);
      });
  return {
    ...provider,
    inspect: guard(provider.inspect),
    create: guard(provider.create),
    confirm: guard(provider.confirm),
    capture: guard(provider.capture),
    increment: guard(provider.increment),
    void: guard(provider.void),
    status: guard(provider.status),
    refund: guard(provider.refund),
    refundStatus: guard(provider.refundStatus),
    disputeStatus: guard(provider.disputeStatus),
    submitEvidence: guard(provider.submitEvidence),
    acceptDispute: guard(provider.acceptDispute),
    createMandate: guard(provider.createMandate),
    confirmMandate: guard(provider.confirmMandate),
    changeMandate: guard(provider.changeMandate),
    mandateStatus: guard(provider.mandateStatus),
    chargeMandate: guard(provider.chargeMandate),
  };
}

async function pay(stripe: Stripe, payment: PaymentToMake, options: StripeOptions): Sent<ProviderOutcome> {
  const { attemptId, currency, token, orderNumber, capture, authentication } = payment;
  return answered(options.world, () =>
    stripe.paymentIntents.create(
      {
        amount: unitsOf(currency, payment.amountMinor),
        currency: currency.toLowerCase(),
        payment_method: token,
        allowed_payment_method_types: ['card'],
        confirm: true,
        capture_method: capture,
        description: `Order ${orderNumber}`,
        metadata: { attempt_id: attemptId, order_number: orderNumber },
        return_url: options.returnUrl,
        expand: expanded,
        ...cardOptions(capture, authentication),
      },
      { idempotencyKey: attemptId },
    ),
  );
}

/** What is only held may be raised and captured beyond, where account and network have it: what is not there is not asked. */
function cardOptions(
  capture: PaymentToMake['capture'],
  authentication: PaymentToMake['authentication'],
): Pick<Stripe.PaymentIntentCreateParams, 'payment_method_options'> {
  const held =
    capture === 'manual'
      ? ({ request_incremental_authorization: 'if_available', request_overcapture: 'if_available' } as const)
      : {};
  // Exemptions are asked for by Stripe itself where they help; we can only ask for a challenge.
  const asked = authentication === 'challenge' ? ({ request_three_d_secure: 'challenge' } as const) : {};
  const card = { ...held, ...asked };
  return Object.keys(card).length === 0 ? {} : { payment_method_options: { card } };
}

const expanded = ['latest_charge.balance_transaction'];

/** What an answer means; a declined card is an answer too, other errors are passed on. */
async function answered(world: Pick<World, 'now'>, ask: () => Promise<Intent>): Sent<ProviderOutcome> {
  try {
    return outcomeOf(await ask(), world);
  } catch (error) {
    if (error instanceof Stripe.errors.StripeCardError) return declined(error);
    // 400: the request itself was refused and nothing was made of it.
    if (error instanceof Stripe.errors.StripeInvalidRequestError && error.code !== 'idempotency_key_in_use')
      return {
        kind: 'failed',
        code: 'provider_error',
        detail: 'The provider refused the payment.',
        providerCode: error.code ?? '',
      };
    throw lost(error);
  }
}

function declined(error: InstanceType<typeof Stripe.errors.StripeCardError>): ProviderOutcome {
  const providerCode = error.decline_code ?? error.code ?? '';
  const reference = error.payment_intent?.id;
  return {
    kind: 'failed',
    code: failureCode(providerCode),
    detail: failureDetail(providerCode),
    providerCode,
    ...(reference === undefined ? {} : { facts: { reference } }),
  };
}

/** docs.stripe.com/declines/codes. */
function failureCode(code: string): FailureCode {
  switch (code) {
    case 'insufficient_funds':
      return 'insufficient_funds';
    case 'authentication_required':
    case 'authentication_not_handled':
      return 'authentication_required';
    case 'payment_intent_authentication_failure':
    case 'setup_intent_authentication_failure':
      return 'authentication_failed';
    case 'expired_card':
      return 'expired';
    case 'issuer_not_available':
    case 'reenter_transaction':
    case 'try_again_later':
      return 'issuer_unavailable';
    case 'processing_error':
      return 'provider_error';
    default:
      return 'card_declined';
  }
}

function failureDetail(code: string): string {
  if (code === 'insufficient_funds') return 'The account does not hold enough.';
  if (code === 'expired_card') return 'The card has expired.';
  return "The payer's bank declined the payment.";
}

/** No answer, or one that says nothing about what was done: the attempt is unknown until Stripe is asked. */
function lost(error: unknown): unknown {
  const isLost =
    error instanceof Stripe.errors.StripeConnectionError ||
    error instanceof Stripe.errors.StripeAPIError ||
    error instanceof Stripe.errors.StripeRateLimitError;
  if (isLost) return new ProviderTimeout('Stripe did not answer', { cause: error.type });
  if (!(error instanceof Stripe.errors.StripeError)) return error;
  return new Error(`Stripe refused the request: ${error.type} ${error.code ?? ''}`.trimEnd());
}

/** The payment by its own id, or by ours when we never heard its own. Undefined only when Stripe surely has none. */
async function findIntent(stripe: Stripe, ref: PaymentRef, world: Pick<World, 'now'>): Promise<Intent | undefined> {
  try {
    if (ref.reference !== '') return await stripe.paymentIntents.retrieve(ref.reference, { expand: expanded });
    const query = `metadata['attempt_id']:'${ref.attemptId}'`;
    const { data } = await stripe.paymentIntents.search({
      query,
      limit: 1,
      expand: expanded.map((path) => `data.${path}`),
    });
    const [found] = data;
    if (found !== undefined) return found;
  } catch (error) {
    throw lost(error);
  }
  if (world.now() - Math.max(madeAtMs(ref.attemptId), ref.sentAtMs ?? 0) < searchableMs)
    throw new ProviderTimeout('Stripe may have the payment and not show it yet');
  return undefined;
}

function isOver(intent: Intent): boolean {
  return intent.status === 'succeeded' || intent.status === 'canceled';
}

function outcomeOf(intent: Intent, world: Pick<World, 'now'>): ProviderOutcome {
  const facts = factsOf(intent);
  const currency = intent.currency.toUpperCase();
  switch (intent.status) {
    case 'succeeded':
      return { kind: 'succeeded', capturedMinor: minorOf(currency, intent.amount_received), facts };
    case 'requires_capture':
      return { kind: 'authorized', ...holdOf(intent), facts };
    case 'canceled':
      return { kind: 'voided', facts };
    case 'requires_action':
      return actionOf(intent, world, facts);
    case 'processing':
      return { kind: 'processing', facts };
    default: {
      const code = intent.last_payment_error?.decline_code ?? intent.last_payment_error?.code ?? '';
      return { kind: 'failed', code: failureCode(code), detail: failureDetail(code), providerCode: code, facts };
    }
  }
}

function actionOf(intent: Intent, world: Pick<World, 'now'>, facts: PaymentFacts): ProviderOutcome {
  const url = intent.next_action?.redirect_to_url?.url;
  // An action that only Stripe's script in the browser can take is never asked for: we always give a return address.
  if (typeof url !== 'string') return { kind: 'processing', facts };
  return {
    kind: 'requires_action',
    action: { type: 'challenge', url, uri: '', expiresAtMs: world.now() + actionMs },
    facts,
  };
}

function chargeOf(intent: Intent): Stripe.Charge | undefined {
  return typeof intent.latest_charge === 'object' && intent.latest_charge !== null ? intent.latest_charge : undefined;
}

/** How much is held, and until when where the charge is shown; in an event it is only named. */
function holdOf(intent: Intent): { readonly authorizedMinor: bigint; readonly capturableUntilMs?: number } {
  const before = chargeOf(intent)?.payment_method_details?.card?.capture_before;
  const authorizedMinor = minorOf(intent.currency.toUpperCase(), intent.amount);
  return { authorizedMinor, ...(before === undefined ? {} : { capturableUntilMs: before * 1_000 }) };
}

/** What the charge says of an authorization: how much may be captured at most, and whether it can be raised. */
function latitudeOf(
  currency: string,
  card: Stripe.Charge.PaymentMethodDetails.Card | null | undefined,
): Pick<PaymentFacts, 'capturableMaxMinor' | 'incrementable'> {
  const over = card?.overcapture;
  const raise = card?.incremental_authorization;
  return {
    ...(over?.status === 'available' ? { capturableMaxMinor: minorOf(currency, over.maximum_amount_capturable) } : {}),
    ...(raise === undefined ? {} : { incrementable: raise.status === 'available' }),
  };
}

function factsOf(intent: Intent): PaymentFacts {
  const charge = chargeOf(intent);
  const card = charge?.payment_method_details?.card;
  const balance = charge?.balance_transaction;
  const authentication = authenticationOf(card?.three_d_secure);
  // A fee in the account's own currency, or finer than ours, is left to the settlement report.
  const isSameCurrency = typeof balance === 'object' && balance !== null && balance.currency === intent.currency;
  const feeMinor = isSameCurrency
    ? fromProviderUnits(capabilities, intent.currency.toUpperCase(), BigInt(balance.fee))
    : undefined;
  return {
    reference: intent.id,
    ...(card === undefined || card === null ? {} : { card: cardOf(card) }),
    ...(authentication === undefined ? {} : { authentication }),
    ...(feeMinor === undefined ? {} : { feeMinor }),
    ...latitudeOf(intent.currency.toUpperCase(), card),
  };
}

function cardOf(card: {
  brand?: string | null;
  last4?: string | null;
  exp_month: number;
  exp_year: number;
  fingerprint?: string | null;
}) {
  const expiry = `${String(card.exp_month).padStart(2, '0')}/${String(card.exp_year).slice(-2)}`;
  return { brand: card.brand ?? '', last4: card.last4 ?? '', expiry, fingerprint: card.fingerprint ?? '' };
}

/** docs.stripe.com/api/charges/object, payment_method_details.card.three_d_secure. */
function authenticationOf(
  secure: Stripe.Charge.PaymentMethodDetails.Card.ThreeDSecure | null | undefined,
): Authentication | undefined {
  if (secure === null || secure === undefined) return undefined;
  if (secure.result === 'exempted') {
    const exemption = secure.exemption_indicator === 'low_risk' ? 'transaction_risk' : '';
    return { flow: 'exempted', exemption, liabilityShifted: false };
  }
  const flow = secure.authentication_flow === 'challenge' ? 'challenge' : 'frictionless';
  const liabilityShifted = secure.result === 'authenticated' || secure.result === 'attempt_acknowledged';
  return { flow, exemption: '', liabilityShifted };
}

async function captureIntent(
  stripe: Stripe,
  capture: Parameters<Provider['capture']>[0],
  find: (ref: PaymentRef) => Promise<Intent | undefined>,
): Sent<CaptureOutcome> {
  const intent = await find(capture);
  if (intent === undefined) throw new ProviderTimeout('Stripe does not show the payment yet');
  try {
    const captured = await stripe.paymentIntents.capture(
      intent.id,
      { amount_to_capture: unitsOf(capture.currency, capture.amountMinor), expand: expanded },
      { idempotencyKey: capture.captureId },
    );
    const { feeMinor, reference } = factsOf(captured);
    return {
      kind: 'succeeded',
      ...(feeMinor === undefined ? {} : { feeMinor }),
      ...(reference === undefined ? {} : { reference }),
    };
  } catch (error) {
    const refused = refusedCode(error);
    if (refused === undefined) throw lost(error);
    return { kind: 'failed', code: refused };
  }
}

/** A declined raise leaves what was held as it was; Stripe takes the new total, not the difference. */
async function incrementIntent(
  stripe: Stripe,
  increment: IncrementToMake,
  find: (ref: PaymentRef) => Promise<Intent | undefined>,
): Sent<IncrementOutcome> {
  const intent = await find(increment);
  if (intent === undefined) throw new ProviderTimeout('Stripe does not show the payment yet');
  const { currency, authorizedMinor, incrementId } = increment;
  try {
    const raised = await stripe.paymentIntents.incrementAuthorization(
      intent.id,
      { amount: unitsOf(currency, authorizedMinor), expand: expanded },
      { idempotencyKey: incrementId },
    );
    const { capturableUntilMs } = holdOf(raised);
    const until = capturableUntilMs === undefined ? {} : { capturableUntilMs };
    return { kind: 'succeeded', ...until, facts: factsOf(raised) };
  } catch (error) {
    if (error instanceof Stripe.errors.StripeCardError)
      return { kind: 'failed', code: error.decline_code ?? error.code ?? 'card_declined' };
    const refused = refusedCode(error);
    if (refused === undefined) throw lost(error);
    return { kind: 'failed', code: refused };
  }
}

async function refundIntent(
  stripe: Stripe,
  refund: Parameters<Provider['refund']>[0],
  find: (ref: PaymentRef) => Promise<Intent | undefined>,
): Sent<RefundOutcome> {
  const intent = refund.reference === '' ? await find(refund) : undefined;
  const paymentIntent = refund.reference === '' ? intent?.id : refund.reference;
  if (paymentIntent === undefined) return { kind: 'failed', code: 'payment_not_found' };
  try {
    return refundOutcome(
      await stripe.refunds.create(
        {
          payment_intent: paymentIntent,
          amount: unitsOf(refund.currency, refund.amountMinor),
          metadata: { refund_id: refund.refundId, attempt_id: refund.attemptId },
        },
        { idempotencyKey: refund.refundId },
      ),
    );
  } catch (error) {
    const refused = refusedCode(error);
    if (refused === undefined) throw lost(error);
    return { kind: 'failed', code: refused };
  }
}

/** Stripe's word for a request that it refused without doing anything; undefined when it may have done something. */
function refusedCode(error: unknown): string | undefined {
  if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) return undefined;
  return error.code === 'idempotency_key_in_use' ? undefined : (error.code ?? 'refused');
}

function refundOutcome(refund: Stripe.Refund): RefundOutcome {
  const reference = refund.id;
  if (refund.status === 'succeeded') return { kind: 'succeeded', reference };
  if (refund.status === 'failed' || refund.status === 'canceled')
    return { kind: 'failed', code: refund.failure_reason ?? refund.status, reference };
  return { kind: 'pending', reference };
}

async function findRefund(
  stripe: Stripe,
  ref: Parameters<Provider['refundStatus']>[0],
  find: (ref: PaymentRef) => Promise<Intent | undefined>,
): Promise<Stripe.Refund | undefined> {
  if (ref.reference !== '') return stripe.refunds.retrieve(ref.reference);
  const intent = await find({ attemptId: ref.attemptId, reference: '' });
  if (intent === undefined) return undefined;
  const { data } = await stripe.refunds.list({ payment_intent: intent.id, limit: 100 });
  return data.find((refund) => refund.metadata?.['refund_id'] === ref.refundId);
}

/** docs.stripe.com/api/disputes/object: warning_* are inquiries before a chargeback. */
const disputeStates: Readonly<Record<string, readonly [DisputeStage, DisputeFacts['status']]>> = {
  warning_needs_response: ['pre_dispute', 'opened'],
  warning_under_review: ['pre_dispute', 'challenged'],
  warning_closed: ['pre_dispute', 'won'],
  needs_response: ['dispute', 'opened'],
  under_review: ['dispute', 'challenged'],
  won: ['dispute', 'won'],
  prevented: ['dispute', 'won'],
  lost: ['dispute', 'lost'],
};

function disputeFacts(dispute: Stripe.Dispute): DisputeFacts {
  const state = disputeStates[dispute.status];
  if (state === undefined) throw new Error(`Stripe tells of a dispute that is ${dispute.status}, which we do not know`);
  const [stage, status] = state;
  const currency = dispute.currency.toUpperCase();
  // A fee in the account's own currency is left to the settlement report, as that of a payment is.
  const fees = dispute.balance_transactions
    .filter((each) => each.currency === dispute.currency)
    .reduce((sum, each) => sum + BigInt(each.fee), 0n);
  const dueBy = dispute.evidence_details.due_by;
  return {
    disputeReference: dispute.id,
    stage,
    status,
    currency,
    amountMinor: minorOf(currency, dispute.amount),
    feeMinor: fromProviderUnits(capabilities, currency, fees) ?? 0n,
    reason: dispute.reason,
    evidenceDueAtMs: dueBy === null ? undefined : dueBy * 1_000,
  };
}

type Mandates = Pick<
  Provider,
  'createMandate' | 'confirmMandate' | 'changeMandate' | 'mandateStatus' | 'announceCharge' | 'chargeMandate'
>;

/** A standing permission is a SetupIntent for use without the payer; its customer and payment method are charged later. */
function mandates(stripe: Stripe, options: StripeOptions): Mandates {
  const look = async (reference: string) => stripe.setupIntents.retrieve(reference);
  return {
    createMandate: async ({ mandateId, buyerId, token }) => {
      const customer = await stripe.customers.create(
        { metadata: { buyer_id: buyerId } },
        { idempotencyKey: `${mandateId}-customer` },
      );
      try {
        const intent = await stripe.setupIntents.create(
          {
            customer: customer.id,
            payment_method: token,
            allowed_payment_method_types: ['card'],
            usage: 'off_session',
            confirm: true,
            return_url: options.returnUrl,
            metadata: { mandate_id: mandateId },
          },
          { idempotencyKey: mandateId },
        );
        return mandateOutcome(intent, options.world);
      } catch (error) {
        if (!(error instanceof Stripe.errors.StripeCardError)) throw lost(error);
        return { kind: 'failed', code: failureCode(error.decline_code ?? error.code ?? '') };
      }
    },
    confirmMandate: async (ref) => standing(stripe, await look(ref.reference), options.world),
    mandateStatus: async (ref) =>
      ref.reference === '' ? undefined : standing(stripe, await look(ref.reference), options.world),
    changeMandate: async (ref, change) => {
      const intent = await look(ref.reference);
      // How much and when is our own rule; Stripe only knows that the card may be charged, or may not any more.
      if (change.kind !== 'revoke') return { kind: change.kind === 'pause' ? 'paused' : 'active' };
      const method = idOf(intent.payment_method);
      if (method !== '') await stripe.paymentMethods.detach(method).catch(toleratingGone);
      return { kind: 'revoked' };
    },
    announceCharge: async () => {},
    chargeMandate: async (charge) => {
      const intent = await look(charge.mandate.reference);
      if ((await standing(stripe, intent, options.world)).kind !== 'active')
        return {
          kind: 'failed',
          code: 'mandate_not_active',
          detail: 'The permission to charge is not there any more.',
        };
      return answered(options.world, () =>
        stripe.paymentIntents.create(
          {
            amount: unitsOf(charge.currency, charge.amountMinor),
            currency: charge.currency.toLowerCase(),
            customer: idOf(intent.customer),
            payment_method: idOf(intent.payment_method),
            allowed_payment_method_types: ['card'],
            off_session: true,
            confirm: true,
            description: `Order ${charge.orderNumber}`,
            metadata: { attempt_id: charge.attemptId, order_number: charge.orderNumber },
            expand: expanded,
          },
          { idempotencyKey: charge.attemptId },
        ),
      );
    },
  };
}

function mandateOutcome(intent: Stripe.SetupIntent, world: Pick<World, 'now'>): MandateOutcome {
  const facts = { reference: intent.id };
  switch (intent.status) {
    case 'succeeded':
      return { kind: 'active', facts };
    case 'canceled':
      return { kind: 'revoked', facts };
    case 'requires_action': {
      const url = intent.next_action?.redirect_to_url?.url;
      if (typeof url !== 'string') return { kind: 'pending', facts };
      return {
        kind: 'pending',
        action: { type: 'challenge', url, uri: '', expiresAtMs: world.now() + actionMs },
        facts,
      };
    }
    case 'requires_payment_method':
      return { kind: 'failed', code: failureCode(intent.last_setup_error?.code ?? ''), facts };
    default:
      return { kind: 'pending', facts };
  }
}

/** A permission whose payment method was taken off its customer is over, though its SetupIntent succeeded once. */
async function standing(
  stripe: Stripe,
  intent: Stripe.SetupIntent,
  world: Pick<World, 'now'>,
): Promise<MandateOutcome> {
  const outcome = mandateOutcome(intent, world);
  if (outcome.kind !== 'active') return outcome;
  const method = await stripe.paymentMethods.retrieve(idOf(intent.payment_method));
  return method.customer === null ? { kind: 'revoked', facts: { reference: intent.id } } : outcome;
}

function toleratingGone(error: unknown): void {
  if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw lost(error);
}

function idOf(named: string | { readonly id: string } | null): string {
  if (named === null) return '';
  return typeof named === 'string' ? named : named.id;
}

function verify(
  stripe: Stripe,
  options: StripeOptions,
  signature: string | readonly string[] | undefined,
  body: Uint8Array,
): { readonly eventId: string } | undefined {
  if (typeof signature !== 'string') return undefined;
  for (const secret of options.webhookSecrets) {
    try {
      const bytes = Buffer.from(body);
      const nowMs = options.world.now();
      const event = stripe.webhooks.constructEvent(bytes, signature, secret, toleranceSeconds, undefined, nowMs);
      // What has no id of its own is told apart by its bytes.
      return { eventId: event.id ?? createHash('sha256').update(body).digest('hex') };
    } catch {
      // The next secret may be the one.
    }
  }
  return undefined;
}

function readEvent(event: Stripe.Event, world: Pick<World, 'now'>): ProviderEvent {
  switch (event.type) {
    case 'payment_intent.succeeded':
    case 'payment_intent.amount_capturable_updated':
    case 'payment_intent.payment_failed':
    case 'payment_intent.canceled':
    case 'payment_intent.processing':
    case 'payment_intent.requires_action':
      return paymentEvent(event.data.object, world);
    case 'refund.created':
    case 'refund.updated':
    case 'refund.failed':
      return refundEvent(event.data.object);
    case 'charge.dispute.created':
    case 'charge.dispute.updated':
    case 'charge.dispute.closed':
    case 'charge.dispute.funds_withdrawn':
    case 'charge.dispute.funds_reinstated': {
      const dispute = event.data.object;
      return {
        type: 'dispute',
        attemptId: '',
        reference: idOf(dispute.payment_intent),
        dispute: disputeFacts(dispute),
      };
    }
    case 'setup_intent.succeeded':
    case 'setup_intent.setup_failed':
    case 'setup_intent.canceled': {
      const intent = event.data.object;
      const mandateId = intent.metadata?.['mandate_id'];
      if (mandateId === undefined) return { type: 'other' };
      return { type: 'mandate', mandateId, reference: intent.id, outcome: mandateOutcome(intent, world) };
    }
    default:
      return { type: 'other' };
  }
}

/** Payments that are not ours, made by hand in the Dashboard, carry no attempt id and are nobody's here. */
function paymentEvent(intent: Intent, world: Pick<World, 'now'>): ProviderEvent {
  const attemptId = intent.metadata['attempt_id'];
  if (attemptId === undefined) return { type: 'other' };
  return { type: 'payment', attemptId, reference: intent.id, outcome: outcomeOf(intent, world) };
}

function refundEvent(refund: Stripe.Refund): ProviderEvent {
  const refundId = refund.metadata?.['refund_id'];
  if (refundId === undefined) return { type: 'other' };
  return { type: 'refund', refundId, reference: refund.id, outcome: refundOutcome(refund) };
}

/** Stripe counts in JSON numbers; an amount that one cannot hold exactly is never sent. */
function unitsOf(currency: string, amountMinor: bigint): number {
  const units = toProviderUnits(capabilities, currency, amountMinor);
  if (units === undefined || units > BigInt(Number.MAX_SAFE_INTEGER))
    throw new RangeError(`Stripe cannot take ${amountMinor} minor units of ${currency}`);
  return Number(units);
}

function minorOf(currency: string, units: number): bigint {
  const minor = Number.isSafeInteger(units) ? fromProviderUnits(capabilities, currency, BigInt(units)) : undefined;
  if (minor === undefined)
    throw new RangeError(`Stripe says ${units} units of ${currency}, which is no amount of ours`);
  return minor;
}
