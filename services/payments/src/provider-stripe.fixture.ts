/**
 * A server for tests that answers as Stripe documents it (docs.stripe.com/api, docs.stripe.com/testing): fixtures written
 * from the public documentation. It is not Stripe, and what it does was never compared with Stripe itself; the shapes of
 * our requests are held against Stripe's own description of its API in provider-stripe.engines.test.ts.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

type Json = Record<string, unknown>;

export interface StripeFixture {
  readonly port: number;
  /** The payer answers at their bank's page. */
  payerAnswers(intentId: string, answer: 'approve' | 'reject'): void;
  /** The payer's bank disputes a payment; gives the dispute's id. */
  dispute(intentId: string): string;
  /** The next answer is made and then lost with the connection. */
  loseNextAnswer(): void;
  readonly requests: readonly {
    readonly method: string;
    readonly path: string;
    readonly key: string;
    readonly body: string;
  }[];
  close(): void;
}

interface State {
  readonly intents: Map<string, Json>;
  readonly refunds: Map<string, Json>;
  readonly disputes: Map<string, Json>;
  readonly setups: Map<string, Json>;
  readonly methods: Map<string, Json>;
  readonly byKey: Map<string, { readonly body: string; readonly answer: Answer }>;
  next: number;
}

interface Answer {
  readonly status: number;
  readonly body: Json;
}

export async function startStripeFixture(): Promise<StripeFixture> {
  const state: State = {
    intents: new Map(),
    refunds: new Map(),
    disputes: new Map(),
    setups: new Map(),
    methods: new Map(),
    byKey: new Map(),
    next: 1,
  };
  const requests: { method: string; path: string; key: string; body: string }[] = [];
  const losing = { left: 0 };
  const server: Server = createServer(async (request, response) => {
    const body = await text(request);
    const key = String(request.headers['idempotency-key'] ?? '');
    requests.push({ method: request.method ?? '', path: request.url ?? '', key, body });
    const answer = once(state, request, body, key);
    if (losing.left > 0) {
      losing.left -= 1;
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    payerAnswers: (id, answer) => authenticate(state, id, answer),
    dispute: (intentId) => dispute(state, intentId),
    loseNextAnswer: () => {
      // The client repeats a request once, with the same key, when the connection was closed under it.
      losing.left = 2;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** docs.stripe.com/api/idempotent_requests: the same key gives the same answer, with other parameters an error. */
function once(state: State, request: IncomingMessage, body: string, key: string): Answer {
  if (request.method !== 'POST' || key === '') return route(state, request.method ?? '', request.url ?? '', body);
  const known = state.byKey.get(key);
  const said = `${request.url} ${body}`;
  if (known !== undefined)
    return known.body === said
      ? known.answer
      : refused(400, 'idempotency_error', '', 'Keys can only be used with the same parameters');
  const answer = route(state, 'POST', request.url ?? '', body);
  state.byKey.set(key, { body: said, answer });
  return answer;
}

function route(state: State, method: string, url: string, body: string): Answer {
  const { pathname, searchParams } = new URL(url, 'http://fixture');
  const [, , kind = '', id = '', verb = ''] = pathname.split('/');
  const form = new URLSearchParams(body);
  switch (`${method} ${kind}`) {
    case 'POST payment_intents':
      if (id === '') return createIntent(state, form);
      if (verb === 'increment_authorization') return increment(state, id, form);
      return verb === 'capture' ? capture(state, id, form) : cancel(state, id);
    case 'GET payment_intents':
      return id === 'search' ? search(state, searchParams) : shown(state.intents.get(id));
    case 'POST refunds':
      return refund(state, form);
    case 'GET refunds':
      return id === '' ? listRefunds(state, searchParams) : shown(state.refunds.get(id));
    case 'GET disputes':
      return shown(state.disputes.get(id));
    case 'POST disputes':
      return changed(state.disputes.get(id), { status: verb === 'close' ? 'lost' : 'under_review' });
    case 'POST customers':
      return { status: 200, body: { id: newId(state, 'cus'), object: 'customer' } };
    case 'POST setup_intents':
      return createSetup(state, form);
    case 'GET setup_intents':
      return shown(state.setups.get(id));
    case 'GET payment_methods':
      return shown(state.methods.get(id) ?? { id, object: 'payment_method', customer: null, card });
    case 'POST payment_methods':
      return changed(state.methods.get(id), { customer: null });
    default:
      return refused(
        404,
        'invalid_request_error',
        'resource_missing',
        `Unrecognized request URL (${method}: ${pathname})`,
      );
  }
}

const card = { brand: 'visa', last4: '4242', exp_month: 8, exp_year: 2030, fingerprint: 'fp_visa' };

function createIntent(state: State, form: URLSearchParams): Answer {
  const token = form.get('payment_method') ?? '';
  const method = state.methods.get(token);
  if (method !== undefined && method['customer'] === null)
    return refused(400, 'invalid_request_error', '', 'The payment method was detached from its customer');
  const amount = Number(form.get('amount'));
  const intent: Json = {
    id: newId(state, 'pi'),
    object: 'payment_intent',
    amount,
    amount_received: 0,
    currency: form.get('currency'),
    capture_method: form.get('capture_method') ?? 'automatic',
    status: 'requires_payment_method',
    metadata: metadataOf(form),
    last_payment_error: null,
    next_action: null,
    latest_charge: null,
    // As the charge says it, where it was asked for.
    payment_method: token,
    raises: form.get('payment_method_options[card][request_incremental_authorization]') === 'if_available',
    goes_beyond: form.get('payment_method_options[card][request_overcapture]') === 'if_available',
  };
  state.intents.set(String(intent['id']), intent);
  const decline = declines.get(token);
  if (decline !== undefined) return declinedBy(intent, decline);
  if (token === 'pm_card_threeDSecure2Required') {
    const url = `https://hooks.example.com/3d_secure/${intent['id']}`;
    Object.assign(intent, {
      status: 'requires_action',
      next_action: { type: 'redirect_to_url', redirect_to_url: { url } },
    });
  } else charge(state, intent);
  return { status: 200, body: intent };
}

const declines = new Map([
  ['pm_card_chargeDeclined', 'generic_decline'],
  ['pm_card_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
]);

function declinedBy(intent: Json, decline: string): Answer {
  Object.assign(intent, { last_payment_error: { type: 'card_error', code: 'card_declined', decline_code: decline } });
  const error = {
    type: 'card_error',
    code: 'card_declined',
    decline_code: decline,
    message: 'Your card was declined.',
  };
  return { status: 402, body: { error: { ...error, payment_intent: intent } } };
}

/** Captured at once, or held. */
function charge(state: State, intent: Json): void {
  const isManual = intent['capture_method'] === 'manual';
  const received = isManual ? 0 : Number(intent['amount']);
  Object.assign(intent, {
    status: isManual ? 'requires_capture' : 'succeeded',
    amount_received: received,
    next_action: null,
    latest_charge: {
      id: newId(state, 'ch'),
      object: 'charge',
      payment_method_details: { type: 'card', card: { ...card, three_d_secure: null, ...latitude(intent) } },
      balance_transaction: isManual
        ? null
        : { id: newId(state, 'txn'), currency: intent['currency'], fee: Math.round(received / 50) },
    },
  });
}

/** docs.stripe.com/payments/overcapture and …/incremental-authorization; 15 % is what Visa has for most merchants. */
function latitude(intent: Json): Json {
  const most = Math.floor((Number(intent['amount']) * 115) / 100);
  return {
    capture_before: 2_000_000_000,
    incremental_authorization: { status: intent['raises'] === true ? 'available' : 'unavailable' },
    overcapture: {
      status: intent['goes_beyond'] === true ? 'available' : 'unavailable',
      maximum_amount_capturable: intent['goes_beyond'] === true ? most : Number(intent['amount']),
    },
  };
}

/** A decline changes nothing; the new total has to be above the old one. */
function increment(state: State, id: string, form: URLSearchParams): Answer {
  const intent = state.intents.get(id);
  if (intent === undefined) return missing();
  const amount = Number(form.get('amount'));
  if (intent['status'] !== 'requires_capture' || intent['raises'] !== true)
    return refused(400, 'invalid_request_error', 'payment_intent_unexpected_state', 'It cannot be incremented');
  if (amount <= Number(intent['amount']))
    return refused(400, 'invalid_request_error', 'amount_too_small', 'The amount must be above the authorized one');
  if (intent['payment_method'] === 'pm_card_incrementDeclined')
    return refused(402, 'card_error', 'card_declined', 'Your card was declined.');
  Object.assign(intent, { amount });
  charge(state, intent);
  return { status: 200, body: intent };
}

function authenticate(state: State, id: string, answer: 'approve' | 'reject'): void {
  const intent = state.intents.get(id);
  if (intent?.['status'] !== 'requires_action') return;
  if (answer === 'approve') charge(state, intent);
  else
    Object.assign(intent, {
      status: 'requires_payment_method',
      next_action: null,
      last_payment_error: { type: 'invalid_request_error', code: 'payment_intent_authentication_failure' },
    });
}

function capture(state: State, id: string, form: URLSearchParams): Answer {
  const intent = state.intents.get(id);
  if (intent === undefined) return missing();
  const amount = Number(form.get('amount_to_capture') ?? intent['amount']);
  if (intent['status'] !== 'requires_capture')
    return refused(
      400,
      'invalid_request_error',
      'payment_intent_unexpected_state',
      'It cannot be captured in this state',
    );
  if (amount > Number(((latitude(intent)['overcapture'] ?? {}) as Json)['maximum_amount_capturable']))
    return refused(400, 'invalid_request_error', 'amount_too_large', 'More than what can be captured');
  return changed(intent, { status: 'succeeded', amount_received: amount });
}

function cancel(state: State, id: string): Answer {
  const intent = state.intents.get(id);
  if (intent?.['status'] === 'succeeded')
    return refused(
      400,
      'invalid_request_error',
      'payment_intent_unexpected_state',
      'It cannot be canceled in this state',
    );
  return changed(intent, { status: 'canceled' });
}

function search(state: State, query: URLSearchParams): Answer {
  const [, wanted] = /^metadata\['attempt_id'\]:'([^']*)'$/.exec(query.get('query') ?? '') ?? [];
  const found = [...state.intents.values()].filter((intent) => (intent['metadata'] as Json)['attempt_id'] === wanted);
  return { status: 200, body: { object: 'search_result', data: found, has_more: false } };
}

function refund(state: State, form: URLSearchParams): Answer {
  const intentId = form.get('payment_intent') ?? '';
  const intent = state.intents.get(intentId);
  if (intent === undefined) return missing();
  const amount = Number(form.get('amount'));
  const before = refundsOf(state, intentId).reduce((sum, each) => sum + Number(each['amount']), 0);
  if (intent['status'] !== 'succeeded')
    return refused(400, 'invalid_request_error', 'charge_not_refundable', 'There is no successful charge');
  if (before + amount > Number(intent['amount_received']))
    return refused(400, 'invalid_request_error', 'charge_already_refunded', 'More than what is left of the charge');
  const made: Json = {
    id: newId(state, 're'),
    object: 'refund',
    amount,
    payment_intent: intentId,
    status: 'succeeded',
    metadata: metadataOf(form),
  };
  state.refunds.set(String(made['id']), made);
  return { status: 200, body: made };
}

function refundsOf(state: State, intentId: string | null): Json[] {
  return [...state.refunds.values()].filter((each) => each['payment_intent'] === intentId);
}

function listRefunds(state: State, query: URLSearchParams): Answer {
  return {
    status: 200,
    body: { object: 'list', data: refundsOf(state, query.get('payment_intent')), has_more: false },
  };
}

function dispute(state: State, intentId: string): string {
  const intent = state.intents.get(intentId);
  const id = newId(state, 'dp');
  state.disputes.set(id, {
    id,
    object: 'dispute',
    amount: intent?.['amount_received'],
    currency: intent?.['currency'],
    payment_intent: intentId,
    reason: 'fraudulent',
    status: 'needs_response',
    balance_transactions: [{ fee: 1_500, currency: 'inr' }],
    evidence_details: { due_by: 2_000_000_000 },
  });
  return id;
}

function createSetup(state: State, form: URLSearchParams): Answer {
  const method = newId(state, 'pm');
  state.methods.set(method, { id: method, object: 'payment_method', customer: form.get('customer'), card });
  const setup: Json = {
    id: newId(state, 'seti'),
    object: 'setup_intent',
    status: 'succeeded',
    customer: form.get('customer'),
    payment_method: method,
    next_action: null,
    last_setup_error: null,
    metadata: metadataOf(form),
  };
  state.setups.set(String(setup['id']), setup);
  return { status: 200, body: setup };
}

function metadataOf(form: URLSearchParams): Record<string, string> {
  const entries = [...form].map(([name, value]) => [/^metadata\[(\w+)\]$/.exec(name)?.[1], value] as const);
  return Object.fromEntries(entries.filter((entry): entry is readonly [string, string] => entry[0] !== undefined));
}

function changed(thing: Json | undefined, change: Json): Answer {
  if (thing === undefined) return missing();
  return { status: 200, body: Object.assign(thing, change) };
}

function shown(thing: Json | undefined): Answer {
  return thing === undefined ? missing() : { status: 200, body: thing };
}

function missing(): Answer {
  return refused(404, 'invalid_request_error', 'resource_missing', 'No such object');
}

function refused(status: number, type: string, code: string, message: string): Answer {
  return { status, body: { error: { type, ...(code === '' ? {} : { code }), message } } };
}

function newId(state: State, prefix: string): string {
  state.next += 1;
  return `${prefix}_fixture${state.next}`;
}
