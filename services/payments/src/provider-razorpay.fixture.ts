/**
 * A server for tests that answers as Razorpay documents it (razorpay.com/docs/api): fixtures written from the public
 * documentation. It is not Razorpay, and what it does was never compared with Razorpay itself.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

type Json = Record<string, unknown>;

export interface RazorpayFixture {
  readonly origin: string;
  readonly requests: readonly { readonly method: string; readonly path: string; readonly body: string }[];
  /** The payer's bank disputes a payment; gives the dispute's id. */
  dispute(paymentId: string): string;
  /** The next answer to a request at this path is made and then lost with the connection. */
  loseAnswerTo(path: string): void;
  close(): void;
}

interface State {
  readonly orders: Map<string, Json>;
  readonly payments: Map<string, Json>;
  readonly refunds: Map<string, Json>;
  readonly refundKeys: Map<string, { readonly body: string; readonly answer: Answer }>;
  readonly disputes: Map<string, Json>;
  next: number;
}

interface Answer {
  readonly status: number;
  readonly body: Json;
}

export const payers = { approves: 'approves@fixture', declines: 'declines@fixture', unknown: 'unknown@fixture' };

export async function startRazorpayFixture(): Promise<RazorpayFixture> {
  const state: State = {
    orders: new Map(),
    payments: new Map(),
    refunds: new Map(),
    refundKeys: new Map(),
    disputes: new Map(),
    next: 1,
  };
  const requests: { method: string; path: string; body: string }[] = [];
  const losing = new Set<string>();
  const server: Server = createServer(async (request, response) => {
    const body = await text(request);
    const path = request.url ?? '';
    requests.push({ method: request.method ?? '', path, body });
    const answer = route(state, request, body);
    if (losing.delete(path)) {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    dispute: (paymentId) => dispute(state, paymentId),
    loseAnswerTo: (path) => void losing.add(path),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function route(state: State, request: IncomingMessage, body: string): Answer {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://fixture');
  const [, , kind = '', id = '', verb = ''] = pathname.split('/');
  const given = (body === '' ? {} : JSON.parse(body)) as Json;
  switch (`${request.method} ${kind}`) {
    case 'POST orders':
      return keep(state.orders, { id: newId(state, 'order'), entity: 'order', status: 'created', ...given });
    case 'GET orders': {
      if (verb === 'payments')
        return listed([...state.payments.values()].filter((payment) => payment['order_id'] === id).reverse());
      return listed([...state.orders.values()].filter((order) => order['receipt'] === searchParams.get('receipt')));
    }
    case 'POST payments':
      if (id === 'create') return createPayment(state, given);
      if (id === 'validate')
        return { status: 200, body: { vpa: given['vpa'], success: given['vpa'] !== payers.unknown } };
      return verb === 'refund'
        ? refund(state, id, given, body, String(request.headers['x-refund-idempotency'] ?? ''))
        : refused('bad_request');
    case 'GET payments':
      if (verb === 'refunds') return listed([...state.refunds.values()].filter((each) => each['payment_id'] === id));
      return shown(state.payments.get(id));
    case 'GET refunds':
      return shown(state.refunds.get(id));
    case 'GET disputes':
      return shown(state.disputes.get(id));
    case 'PATCH disputes':
      return changed(state.disputes.get(id), { status: 'under_review' });
    case 'POST disputes':
      return changed(state.disputes.get(id), { status: 'lost' });
    default:
      return refused('url_not_found');
  }
}

/** The payer of the fixture answers at once in their app: the answer only says that they were asked. */
function createPayment(state: State, given: Json): Answer {
  const order = state.orders.get(String(given['order_id']));
  if (order === undefined || order['amount'] !== given['amount']) return refused('input_validation_failed');
  const { vpa, expiry_time: minutes } = given['upi'] as { vpa?: string; expiry_time?: number };
  if (minutes !== undefined && !(minutes >= 1 && minutes <= 64_800)) return refused('input_validation_failed');
  const declined = vpa === payers.declines;
  const id = newId(state, 'pay');
  state.payments.set(id, {
    id,
    entity: 'payment',
    order_id: given['order_id'],
    amount: given['amount'],
    currency: given['currency'],
    status: declined ? 'failed' : vpa === undefined ? 'created' : 'captured',
    error_code: declined ? 'BAD_REQUEST_ERROR' : null,
    error_reason: declined ? 'payment_declined' : null,
    fee: Math.round(Number(given['amount']) / 50),
    notes: given['notes'],
  });
  const link = `upi://pay?pa=fixture@fixture&am=${Number(given['amount']) / 100}&cu=INR&tr=${id}`;
  return { status: 200, body: { razorpay_payment_id: id, ...(vpa === undefined ? { link } : {}) } };
}

function refund(state: State, paymentId: string, given: Json, body: string, key: string): Answer {
  const known = state.refundKeys.get(key);
  if (known !== undefined) return known.body === body ? known.answer : refused('different_request_body');
  const payment = state.payments.get(paymentId);
  if (payment?.['status'] !== 'captured') return refused('invalid_payment_status');
  const before = [...state.refunds.values()].filter((each) => each['payment_id'] === paymentId);
  const sum = before.reduce((total, each) => total + Number(each['amount']), 0);
  if (sum + Number(given['amount']) > Number(payment['amount'])) return refused('refund_amount_greater_than_payment');
  const made = {
    id: newId(state, 'rfnd'),
    entity: 'refund',
    payment_id: paymentId,
    status: 'processed',
    amount: given['amount'],
    notes: given['notes'],
  };
  const answer = keep(state.refunds, made);
  state.refundKeys.set(key, { body, answer });
  return answer;
}

function dispute(state: State, paymentId: string): string {
  const payment = state.payments.get(paymentId);
  const id = newId(state, 'disp');
  state.disputes.set(id, {
    id,
    entity: 'dispute',
    payment_id: paymentId,
    amount: payment?.['amount'],
    currency: 'INR',
    reason_code: 'goods_or_services_not_received',
    respond_by: 2_000_000_000,
    phase: 'chargeback',
    status: 'open',
  });
  return id;
}

function keep(things: Map<string, Json>, thing: Json): Answer {
  things.set(String(thing['id']), thing);
  return { status: 200, body: thing };
}

function listed(items: readonly Json[]): Answer {
  return { status: 200, body: { entity: 'collection', count: items.length, items } };
}

function changed(thing: Json | undefined, change: Json): Answer {
  return thing === undefined ? refused('not_found') : { status: 200, body: Object.assign(thing, change) };
}

function shown(thing: Json | undefined): Answer {
  return thing === undefined ? refused('not_found') : { status: 200, body: thing };
}

function refused(reason: string): Answer {
  return { status: 400, body: { error: { code: 'BAD_REQUEST_ERROR', reason, description: reason } } };
}

function newId(state: State, prefix: string): string {
  state.next += 1;
  return `${prefix}_fixture${state.next}`;
}
