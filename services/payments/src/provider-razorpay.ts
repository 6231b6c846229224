/**
 * Razorpay as a payment provider for UPI. Source: razorpay.com/docs/api (orders, payments, refunds, disputes),
 * razorpay.com/docs/payments/payment-gateway/s2s-integration (UPI intent) and razorpay.com/docs/webhooks. Its client for
 * Node brings an HTTP library of its own and no more than these few calls, so they are made by `fetch`.
 *
 * A payment is an order (whose `receipt` is our attempt id) and one payment under it. Razorpay has no idempotency key for
 * orders: before anything is made, the order is looked for by its receipt, and calls for one attempt take turns in this
 * process. What two processes could still make twice is an order nobody pays: a payer approves one link, the one that was
 * stored with the attempt. Captures repeat themselves; refunds have a key.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { World } from '@suuupra/platform/world';
import type {
  CaptureOutcome,
  DisputeFacts,
  FailureCode,
  PaymentRef,
  PaymentToMake,
  Provider,
  ProviderCapabilities,
  ProviderEvent,
  ProviderOutcome,
  RefundOutcome,
  WebhookHeaders,
} from './provider.ts';
import { fingerprintOf, ProviderTimeout } from './provider.ts';
import { madeAtMs } from './provider-id.ts';

export interface RazorpayOptions {
  /** rzp_test_… or rzp_live_…; which of the two decides whether money moves. */
  readonly keyId: string;
  readonly keySecret: string;
  /** Live secrets of our webhook; several while one is being replaced. */
  readonly webhookSecrets: readonly string[];
  readonly world: Pick<World, 'now'>;
  /** Another server that speaks Razorpay's protocol, for tests. */
  readonly origin?: string;
}

const answerMsMax = 20_000;
const answerBytesMax = 1_048_576;
const dayMs = 24 * 3_600_000;
/** A UPI link is good for this long: Razorpay fails a payment that nobody approved by then. */
const minuteMs = 60_000;
const linkMs = 15 * minuteMs;
/** After this time an order that Razorpay does not list was never made. */
const listedMs = 60_000;

const capabilities: ProviderCapabilities = {
  methods: ['upi'],
  currencies: { upi: ['INR'] },
  exponents: {},
  manualCapture: [],
  partialCapture: false,
  multipleCapture: false,
  overCaptureBasisPoints: {},
  incrementalAuthorization: {},
  authorizationMs: {},
  // AutoPay needs Razorpay's own subscription products; the sandbox plays it.
  mandates: [],
  preDebitNoticeMs: {},
  // An order is found by its receipt for as long as Razorpay lists it.
  keyRetentionMs: 30 * dayMs,
  disputes: true,
  // UPI is free of a merchant discount rate by law (Payment and Settlement Systems Act, section 10A); Razorpay charges 2 %.
  costs: { upi: { basisPoints: 200, flatMinor: 0n } },
};

interface RazorpayPayment {
  readonly id: string;
  readonly order_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: 'created' | 'authorized' | 'captured' | 'refunded' | 'failed';
  readonly fee?: number | null;
  readonly error_code?: string | null;
  readonly error_reason?: string | null;
  readonly notes?: Readonly<Record<string, string>>;
}

interface RazorpayOrder {
  readonly id: string;
  readonly amount: number;
  readonly receipt: string;
}

interface RazorpayRefund {
  readonly id: string;
  readonly status: 'pending' | 'processed' | 'failed';
  readonly notes?: Readonly<Record<string, string>>;
}

interface RazorpayDispute {
  readonly id: string;
  readonly payment_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly amount_deducted?: number;
  readonly reason_code: string;
  readonly respond_by: number | null;
  readonly phase: 'fraud' | 'retrieval' | 'chargeback' | 'pre_arbitration' | 'arbitration';
  readonly status: 'open' | 'under_review' | 'won' | 'lost' | 'closed';
}

/** What Razorpay refused: nothing was done. */
class Refused extends Error {
  readonly code: string;
  readonly status: number;
  constructor(status: number, code: string) {
    super(`Razorpay refused the request: ${code}`);
    this.status = status;
    this.code = code;
  }
}

type Call = <T>(
  method: 'GET' | 'POST' | 'PATCH',
  at: string,
  body?: object,
  headers?: Record<string, string>,
) => Promise<T>;

/** Opens Razorpay as a provider. Throws a sentence when a key is not one of Razorpay's. */
export function openRazorpay(options: RazorpayOptions): Provider {
  if (!/^rzp_(test|live)_[A-Za-z0-9]+$/.test(options.keyId))
    throw new Error('the Razorpay key id must begin with rzp_test_ or rzp_live_');
  if (options.keySecret === '' || options.webhookSecrets.length === 0)
    throw new Error('Razorpay needs its key secret and the secret of our webhook, both from its Dashboard');
  const { world } = options;
  const call = caller(options);
  const inTurn = turns();
  const find = (ref: PaymentRef) => findPayment(call, ref, world);
  return {
    name: 'razorpay',
    simulated: !options.keyId.startsWith('rzp_live_'),
    capabilities,
    // A payer who is to be asked, by their address (no numbers of accounts or cards), or a link for any app.
    knowsToken: (token) => token === intentToken || isVpa(token),
    knowsChallengeResponse: () => false,
    inspect: async (_method, token) => {
      if (!isVpa(token)) return undefined;
      const answer = await call<{ success: boolean }>('POST', '/v1/payments/validate/vpa', { vpa: token });
      return { kind: 'vpa', exists: answer.success, fingerprint: fingerprintOf('razorpay', token.toLowerCase()) };
    },
    create: (payment) => inTurn(payment.attemptId, () => pay(call, payment, world)),
    confirm: async (ref) => {
      const payment = await find(ref);
      if (payment === undefined) throw new ProviderTimeout('Razorpay does not list the payment yet');
      return outcomeOf(payment);
    },
    capture: async (capture) => {
      const payment = await find(capture);
      if (payment === undefined) throw new ProviderTimeout('Razorpay does not list the payment yet');
      return captureOnce(call, payment, capture.amountMinor);
    },
    // `incrementalAuthorization` is empty: nothing of UPI is held, and what is not held cannot be raised.
    increment: async () => ({ kind: 'failed', code: 'not_supported' }),
    // A payment by UPI is taken at once: one that waits for the payer lapses by itself, no call ends it.
    void: async (order) => {
      const payment = await find(order);
      if (payment === undefined) throw new ProviderTimeout('Razorpay does not list the payment yet');
      return outcomeOf(payment);
    },
    status: async (ref) => {
      const payment = await find(ref);
      return payment === undefined ? undefined : outcomeOf(payment);
    },
    refund: (refund) => refundOnce(call, refund, find),
    refundStatus: async (ref) => {
      const refund = await findRefund(call, ref, find);
      return refund === undefined ? undefined : refundOutcome(refund);
    },
    disputeStatus: async (ref) => disputeFacts(await call('GET', `/v1/disputes/${ref.disputeReference}`)),
    submitEvidence: async (ref, evidence) =>
      disputeFacts(
        await call('PATCH', `/v1/disputes/${ref.disputeReference}/contest`, {
          summary: evidence,
          action: 'submit',
        }),
      ),
    acceptDispute: async (ref) => disputeFacts(await call('POST', `/v1/disputes/${ref.disputeReference}/accept`, {})),
    ...noMandates,
    verifyWebhook: (headers, body) => verify(options, headers, body),
    readEvent: (body) => readEvent(JSON.parse(Buffer.from(body).toString('utf8')) as RazorpayEvent),
    listReports: async () => [],
    readReport: async () => undefined,
  };
}

/** The token of a payer who opens the link in an app of theirs. */
export const intentToken = 'upi_intent';

/** NPCI: `handle@provider`. */
function isVpa(token: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}@[A-Za-z][A-Za-z0-9]{2,63}$/.test(token) && !/\d{13}/.test(token);
}

function caller({ keyId, keySecret, origin = 'https://api.razorpay.com' }: RazorpayOptions): Call {
  const authorization = `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`;
  return async <T>(method: string, at: string, body?: object, headers: Record<string, string> = {}): Promise<T> => {
    const { status, text } = await exchange(`${origin}${at}`, {
      method,
      headers: { authorization, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(answerMsMax),
    });
    if (status >= 500 || status === 409 || status === 429) throw new ProviderTimeout(`Razorpay answered ${status}`);
    const parsed = parseAnswer(text);
    if (status < 400) return parsed as T;
    if (status === 401 || status === 403) throw new Error('Razorpay does not accept our key');
    const { error } = parsed as { error?: { code?: string; reason?: string } };
    throw new Refused(status, (error?.reason ?? error?.code ?? 'refused').toLowerCase());
  };
}

async function exchange(url: string, request: RequestInit): Promise<{ status: number; text: string }> {
  try {
    const answer = await fetch(url, request);
    const text = await answer.text();
    if (text.length > answerBytesMax) throw new Error('the answer is too long');
    return { status: answer.status, text };
  } catch (error) {
    throw new ProviderTimeout('Razorpay did not answer', { cause: (error as Error).name });
  }
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProviderTimeout('Razorpay answered what is not JSON');
  }
}

/** One call at a time for each attempt in this process. */
function turns(): <T>(attemptId: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (attemptId, work) => {
    const before = last.get(attemptId);
    const mine = (before ?? Promise.resolve()).then(work, work);
    last.set(attemptId, mine);
    try {
      return await mine;
    } finally {
      if (last.get(attemptId) === mine) last.delete(attemptId);
    }
  };
}

async function pay(call: Call, payment: PaymentToMake, world: Pick<World, 'now'>): Promise<ProviderOutcome> {
  const { attemptId, orderNumber, currency } = payment;
  const amount = unitsOf(payment.amountMinor);
  const order =
    (await findOrder(call, attemptId)) ?? (await makeOrder(call, { amount, currency, attemptId, orderNumber }));
  if (order.amount !== amount) throw new Error(`the attempt ${attemptId} has another amount at Razorpay`);
  const known = await paymentOf(call, order);
  if (known !== undefined) return outcomeOf(known);
  const collect = payment.token !== intentToken;
  const askedMs = (payment.collectMinutes ?? 0) * minuteMs || linkMs;
  try {
    const made = await call<{ razorpay_payment_id: string; link?: string }>('POST', '/v1/payments/create/upi', {
      amount,
      currency,
      order_id: order.id,
      method: 'upi',
      description: `Order ${orderNumber}`,
      notes: { attempt_id: attemptId },
      upi: collect ? { flow: 'collect', vpa: payment.token, expiry_time: askedMs / minuteMs } : { flow: 'intent' },
    });
    const action = { url: '', uri: made.link ?? '', expiresAtMs: world.now() + askedMs };
    return {
      kind: 'processing',
      action: { ...action, type: collect ? 'upi_collect' : 'upi_intent' },
      facts: { reference: made.razorpay_payment_id },
    };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return {
      kind: 'failed',
      code: failureCode(error.code),
      detail: 'The provider refused the payment.',
      providerCode: error.code,
    };
  }
}

async function makeOrder(
  call: Call,
  wanted: { amount: number; currency: string; attemptId: string; orderNumber: string },
): Promise<RazorpayOrder> {
  const { amount, currency, attemptId, orderNumber } = wanted;
  const notes = { attempt_id: attemptId, order_number: orderNumber };
  return call('POST', '/v1/orders', { amount, currency, receipt: attemptId, notes });
}

async function findOrder(call: Call, attemptId: string): Promise<RazorpayOrder | undefined> {
  const { items } = await call<{ items: RazorpayOrder[] }>(
    'GET',
    `/v1/orders?receipt=${encodeURIComponent(attemptId)}&count=10`,
  );
  return items.find((order) => order.receipt === attemptId);
}

/** Of several under one order the one that took the money counts, else the newest. */
async function paymentOf(call: Call, order: RazorpayOrder): Promise<RazorpayPayment | undefined> {
  const { items } = await call<{ items: RazorpayPayment[] }>('GET', `/v1/orders/${order.id}/payments`);
  return items.find((payment) => payment.status === 'captured' || payment.status === 'authorized') ?? items[0];
}

async function findPayment(
  call: Call,
  ref: PaymentRef,
  world: Pick<World, 'now'>,
): Promise<RazorpayPayment | undefined> {
  if (ref.reference !== '') return call('GET', `/v1/payments/${ref.reference}`);
  const order = await findOrder(call, ref.attemptId);
  const payment = order === undefined ? undefined : await paymentOf(call, order);
  if (payment !== undefined) return payment;
  if (world.now() - Math.max(madeAtMs(ref.attemptId), ref.sentAtMs ?? 0) < listedMs)
    throw new ProviderTimeout('Razorpay may have the payment and not list it yet');
  return undefined;
}

function outcomeOf(payment: RazorpayPayment): ProviderOutcome {
  const { fee } = payment;
  const facts = { reference: payment.id, ...(typeof fee === 'number' ? { feeMinor: minorOf(fee) } : {}) };
  switch (payment.status) {
    case 'captured':
    case 'refunded':
      return { kind: 'succeeded', capturedMinor: minorOf(payment.amount), facts };
    case 'failed': {
      const providerCode = payment.error_reason ?? payment.error_code ?? '';
      return {
        kind: 'failed',
        code: failureCode(providerCode),
        detail: 'The payment did not go through.',
        providerCode,
        facts,
      };
    }
    // Authorized payments of an order are captured by Razorpay itself, as the account's capture setting says.
    default:
      return { kind: 'processing', facts };
  }
}

/** razorpay.com/docs/errors/payments/upi. */
function failureCode(reason: string): FailureCode {
  switch (reason) {
    case 'insufficient_funds':
      return 'insufficient_funds';
    case 'payment_timed_out':
    case 'payment_collect_request_expired':
      return 'expired';
    case 'invalid_vpa':
    case 'invalid_upi_id':
      return 'vpa_invalid';
    case 'payment_declined':
    case 'payment_cancelled':
      return 'authentication_failed';
    case 'bank_technical_error':
    case 'gateway_technical_error':
      return 'issuer_unavailable';
    default:
      return 'provider_error';
  }
}

async function captureOnce(call: Call, payment: RazorpayPayment, amountMinor: bigint): Promise<CaptureOutcome> {
  if (payment.status === 'captured') return { kind: 'succeeded', reference: payment.id };
  try {
    const body = { amount: unitsOf(amountMinor), currency: payment.currency };
    await call('POST', `/v1/payments/${payment.id}/capture`, body);
    return { kind: 'succeeded', reference: payment.id };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { kind: 'failed', code: error.code };
  }
}

async function refundOnce(
  call: Call,
  refund: Parameters<Provider['refund']>[0],
  find: (ref: PaymentRef) => Promise<RazorpayPayment | undefined>,
): Promise<RefundOutcome> {
  const payment = refund.reference === '' ? (await find(refund))?.id : refund.reference;
  if (payment === undefined) return { kind: 'failed', code: 'payment_not_found' };
  const body = {
    amount: unitsOf(refund.amountMinor),
    speed: 'normal',
    receipt: refund.refundId,
    notes: { refund_id: refund.refundId },
  };
  try {
    return refundOutcome(
      await call('POST', `/v1/payments/${payment}/refund`, body, { 'x-refund-idempotency': refund.refundId }),
    );
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { kind: 'failed', code: error.code };
  }
}

function refundOutcome({ id, status }: RazorpayRefund): RefundOutcome {
  if (status === 'processed') return { kind: 'succeeded', reference: id };
  return status === 'failed'
    ? { kind: 'failed', code: 'refund_failed', reference: id }
    : { kind: 'pending', reference: id };
}

async function findRefund(
  call: Call,
  ref: Parameters<Provider['refundStatus']>[0],
  find: (ref: PaymentRef) => Promise<RazorpayPayment | undefined>,
): Promise<RazorpayRefund | undefined> {
  if (ref.reference !== '') return call('GET', `/v1/refunds/${ref.reference}`);
  const payment = await find({ attemptId: ref.attemptId, reference: '' });
  if (payment === undefined) return undefined;
  const { items } = await call<{ items: RazorpayRefund[] }>('GET', `/v1/payments/${payment.id}/refunds?count=100`);
  return items.find((refund) => refund.notes?.['refund_id'] === ref.refundId);
}

function disputeFacts(dispute: RazorpayDispute): DisputeFacts {
  const stages = {
    fraud: 'pre_dispute',
    retrieval: 'pre_dispute',
    chargeback: 'dispute',
    pre_arbitration: 'pre_arbitration',
    arbitration: 'pre_arbitration',
  } as const;
  const states = { open: 'opened', under_review: 'challenged', won: 'won', lost: 'lost', closed: 'won' } as const;
  return {
    disputeReference: dispute.id,
    stage: stages[dispute.phase],
    status: states[dispute.status],
    currency: dispute.currency,
    amountMinor: minorOf(dispute.amount),
    feeMinor: 0n,
    reason: dispute.reason_code,
    evidenceDueAtMs: dispute.respond_by === null ? undefined : dispute.respond_by * 1_000,
  };
}

/** Nothing asks for them: `capabilities.mandates` is empty. */
const noMandates: Pick<
  Provider,
  'createMandate' | 'confirmMandate' | 'changeMandate' | 'mandateStatus' | 'announceCharge' | 'chargeMandate'
> = {
  createMandate: refuseMandate,
  confirmMandate: refuseMandate,
  changeMandate: refuseMandate,
  mandateStatus: refuseMandate,
  announceCharge: refuseMandate,
  chargeMandate: refuseMandate,
};

async function refuseMandate(): Promise<never> {
  throw new Error('Razorpay is not asked for mandates');
}

/**
 * razorpay.com/docs/webhooks/validate-test: HMAC-SHA256 over the raw body, in hex. The event's id is a header that the
 * signature does not cover, so what tells events apart is the signed body itself.
 */
function verify(
  { webhookSecrets }: RazorpayOptions,
  headers: WebhookHeaders,
  body: Uint8Array,
): { readonly eventId: string } | undefined {
  const signature = headers['x-razorpay-signature'];
  if (typeof signature !== 'string') return undefined;
  const given = Buffer.from(signature, 'hex');
  const isGood = webhookSecrets.some((secret) => {
    const mac = createHmac('sha256', secret).update(body).digest();
    return given.byteLength === mac.byteLength && timingSafeEqual(given, mac);
  });
  return isGood ? { eventId: createHash('sha256').update(body).digest('hex') } : undefined;
}

interface RazorpayEvent {
  readonly event: string;
  readonly payload?: {
    readonly payment?: { readonly entity: RazorpayPayment };
    readonly refund?: { readonly entity: RazorpayRefund };
    readonly dispute?: { readonly entity: RazorpayDispute };
  };
}

function readEvent({ event, payload }: RazorpayEvent): ProviderEvent {
  const [kind] = event.split('.');
  const payment = payload?.payment?.entity;
  const refund = payload?.refund?.entity;
  const dispute = payload?.dispute?.entity;
  if (kind === 'refund' && refund !== undefined) {
    const refundId = refund.notes?.['refund_id'];
    if (refundId === undefined) return { type: 'other' };
    return { type: 'refund', refundId, reference: refund.id, outcome: refundOutcome(refund) };
  }
  if (event.startsWith('payment.dispute.') && dispute !== undefined)
    return {
      type: 'dispute',
      attemptId: payment?.notes?.['attempt_id'] ?? '',
      reference: dispute.payment_id,
      dispute: disputeFacts(dispute),
    };
  if (kind === 'payment' && payment !== undefined) {
    const attemptId = payment.notes?.['attempt_id'];
    if (attemptId === undefined) return { type: 'other' };
    return { type: 'payment', attemptId, reference: payment.id, outcome: outcomeOf(payment) };
  }
  return { type: 'other' };
}

function unitsOf(amountMinor: bigint): number {
  if (amountMinor > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`Razorpay cannot take ${amountMinor} paise`);
  return Number(amountMinor);
}

function minorOf(units: number): bigint {
  if (!Number.isSafeInteger(units)) throw new RangeError(`Razorpay says ${units} paise, which is no amount`);
  return BigInt(units);
}
