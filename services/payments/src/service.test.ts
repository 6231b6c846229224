/** The service from outside: access, the raw route, what is logged. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OrderStatus } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { PaymentsDeskService } from '@suuupra/contracts/gen/suuupra/payments/v1/desk_pb.ts';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import {
  Confirmation,
  MethodType,
  PaymentStatus,
  PaymentsService,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { RoutingService } from '@suuupra/contracts/gen/suuupra/payments/v1/routing_pb.ts';
import { signWebhook } from '@suuupra/platform/http/webhook-signature';
import { openKeyring } from '@suuupra/platform/keys/keys-file';
import { isRefusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { payments } from './service.ts';
import { contextOf } from './testing.ts';
import { webhookBytesMax } from './webhooks.ts';

const asha = userPrincipal('usr_asha');
const ravi = userPrincipal('usr_ravi');
const finance = userPrincipal('usr_fin', 'learner', 'finance');
let service: ServiceUnderTest;
let server: Server;

beforeAll(async () => {
  service = await startServiceForTest(payments, {
    others: {
      orders: {
        getOrderForPayment: async ({ orderId }) =>
          orderId.startsWith('ord_')
            ? {
                orderId,
                buyerId: 'usr_asha',
                status: OrderStatus.AWAITING_PAYMENT,
                total: { currency: 'INR', amountMinor: 100n },
                number: 'SU-1',
              }
            : refuse('not_found', 'no'),
      },
    },
  });
  const route = service.routes[0];
  if (route === undefined) throw new Error('no route');
  server = createServer((request, response) => {
    const [, provider = ''] = /webhooks\/(.*)$/.exec(request.url ?? '') ?? [];
    const context = { ...contextOf('', ''), params: { provider }, query: new URLSearchParams() };
    void route.handle(request, response, context);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await service.stop();
});

const client = (caller?: string) => service.client(PaymentsService, caller);

async function pay(orderId: string, token = 'tok_ok', principal = asha) {
  const method = { type: MethodType.CARD, token };
  return client().createPayment({ orderId, method }, { principal, idempotencyKey: service.world.id('key') });
}

describe('who may do what', () => {
  it('the payer pays, sees and confirms; finance sees; nobody else knows of it', async () => {
    const made = await pay('ord_1', 'tok_requires_3ds');
    if (isRefusal(made)) throw new Error(made.code);
    const id = made.payment?.id ?? '';
    const codeOf = (answer: unknown) => (isRefusal(answer) ? answer.code : 'ok');
    expect(codeOf(await client().getPayment({ id }, { principal: finance }))).toBe('ok');
    expect(codeOf(await client().getPayment({ id }, { principal: ravi }))).toBe('not_found');
    expect(codeOf(await client().listPayments({ orderId: 'ord_1' }, { principal: finance }))).toBe('ok');
    expect(codeOf(await client().listPayments({ orderId: 'ord_1' }, { principal: ravi }))).toBe('not_found');
    expect(codeOf(await client().listPayments({ orderId: 'ord_new' }, { principal: asha }))).toBe('ok');
    expect(codeOf(await client().listPayments({ orderId: 'none' }, { principal: asha }))).toBe('not_found');
    const approve = { id, challengeResponse: 'approve' };
    expect(codeOf(await client().confirmPayment(approve, { principal: ravi }))).toBe('not_found');
    expect(codeOf(await client().confirmPayment(approve, { principal: finance }))).toBe('permission_denied');
    expect(codeOf(await client().confirmPayment(approve, { principal: asha }))).toBe('ok');
    expect(codeOf(await client().createPayment({ orderId: 'ord_1' }, { idempotencyKey: 'k' }))).toBe('unauthenticated');
    expect(codeOf(await client().createPayment({ orderId: 'ord_1' }, { principal: asha }))).toBe(
      'idempotency_key_required',
    );
    const tooLong = { type: MethodType.UPI, token: 'silent@sandbox', collectMinutes: 64_801 };
    const asked = client().createPayment(
      { orderId: 'ord_1', method: tooLong },
      { principal: asha, idempotencyKey: 'k' },
    );
    expect(codeOf(await asked)).toBe('invalid_request');
    for (const id of ['', "'; --", '\u0000', 'pay_none'])
      expect(codeOf(await client().getPayment({ id }, { principal: finance }))).toBe('not_found');
  });

  it('a payment that is confirmed later is its payer’s alone, and only finance has more held', async () => {
    const given = { orderId: 'ord_later', method: { type: MethodType.CARD, token: 'tok_ok' } };
    const wish = { ...given, confirmation: Confirmation.LATER };
    const made = await client().createPayment(wish, { principal: asha, idempotencyKey: service.world.id('key') });
    if (isRefusal(made)) throw new Error(made.code);
    expect(made.payment).toMatchObject({ status: PaymentStatus.REQUIRES_CONFIRMATION, simulated: true });
    const id = made.payment?.id ?? '';
    const outcomeOf = (answer: unknown) => (isRefusal(answer) ? answer.code : 'ok');
    expect(outcomeOf(await client().confirmPayment({ id }, { principal: ravi }))).toBe('not_found');
    expect(outcomeOf(await client().confirmPayment({ id }, { principal: finance }))).toBe('permission_denied');
    const desk = service.client(PaymentsDeskService);
    const key = () => ({ idempotencyKey: service.world.id('key') });
    expect(outcomeOf(await desk.incrementPayment({ id }, { principal: asha, ...key() }))).toBe('permission_denied');
    expect(outcomeOf(await desk.incrementPayment({ id }, { principal: finance, ...key() }))).toBe('not_capturable');
    expect(outcomeOf(await client().cancelPayment({ id }, { principal: ravi }))).toBe('not_found');
    expect(outcomeOf(await client().cancelPayment({ id }, { principal: finance }))).toBe('permission_denied');
    const confirmed = await client().confirmPayment({ id }, { principal: asha });
    expect(confirmed).toMatchObject({ payment: { id, status: PaymentStatus.SUCCEEDED, provider: 'sandbox' } });
  });

  it('only orders closes intents and refunds', async () => {
    const refund = { refundId: 'rfd_1', orderId: 'ord_1', amount: { currency: 'INR', amountMinor: 1n }, reason: '' };
    for (const caller of ['gateway', 'learning', 'payments']) {
      const refused = await client(caller).refundPayment(refund, caller === 'gateway' ? { principal: finance } : {});
      expect(isRefusal(refused) && refused.code).toBe('permission_denied');
    }
    const answer = await client('orders').refundPayment(refund);
    expect(answer).toMatchObject({ status: 'succeeded' });
  });

  it('lists attempts newest first, page by page', async () => {
    for (let i = 0; i < 3; i += 1) await pay('ord_list', 'tok_declined');
    const seen: string[] = [];
    let pageToken = '';
    do {
      const answer = await client().listPayments({ orderId: 'ord_list', pageSize: 2, pageToken }, { principal: asha });
      if (isRefusal(answer)) throw new Error(answer.code);
      seen.push(...answer.payments.map((payment) => payment.id));
      pageToken = answer.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toHaveLength(3);
    expect(seen).toEqual(seen.toSorted().toReversed());
    for (const request of [{ pageSize: 101 }, { pageToken: 'x' }]) {
      const answer = await client().listPayments({ orderId: 'ord_list', ...request }, { principal: asha });
      expect(isRefusal(answer) && answer.code).toBe('invalid_request');
    }
  });
});

describe('the webhook route', () => {
  const post = async (provider: string, body: string, headers: Record<string, string>) => {
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/api/v1/payments/webhooks/${provider}`;
    const answer = await fetch(url, { method: 'POST', body, headers });
    return { status: answer.status, type: answer.headers.get('content-type'), json: (await answer.json()) as object };
  };

  it('takes the raw bytes, acknowledges them again and again, and refuses what is not signed', async () => {
    const made = await pay('ord_hook', 'tok_processing');
    const merchantReference = isRefusal(made) ? '' : (made.payment?.id ?? '');
    // Spaces and order of the members are part of what is signed.
    const body = `{ "data":{"status":"succeeded","merchantReference":"${merchantReference}"},  "type":"payment.succeeded"}`;
    const secret = await (await openKeyring(`${service.folder}/keys.json`)).secret('payments.webhook.sandbox.2');
    const headers = signWebhook([secret], 'evt_route', service.world.now(), Buffer.from(body));
    for (let i = 0; i < 3; i += 1) expect((await post('sandbox', body, headers)).status).toBe(200);
    const refused = await post('sandbox', `${body} `, headers);
    expect(refused).toMatchObject({
      status: 400,
      type: 'application/problem+json',
      json: { code: 'invalid_signature' },
    });
    expect(await post('acme', body, headers)).toMatchObject({ status: 404, json: { code: 'not_found' } });
    const rows = await service.sql.query("SELECT 1 FROM webhook_inbox WHERE event_id = 'evt_route'");
    expect(rows).toHaveLength(1);
    expect(service.routes[0]).toMatchObject({ bodyBytesMax: webhookBytesMax, access: 'public', csrfExempt: true });
  });

  it('reads no more than its limit', async () => {
    const answer = await post('sandbox', 'x'.repeat(webhookBytesMax + 1), {}).catch(() => ({ status: 413 }));
    expect(answer.status).toBe(413);
  });
});

it('logs no token, and tells the others of a payment', async () => {
  await pay('ord_logged', 'tok_ok');
  await pay('ord_logged_2', '4111111111111111');
  // A lost answer is worth a line.
  await pay('ord_logged_3', 'tok_timeout_then_failed');
  const told = await service.published(PaymentSucceededSchema);
  expect(told.some((event) => event.orderId === 'ord_logged')).toBe(true);
  const log = JSON.stringify(service.logged);
  expect(log).toContain('the provider did not answer');
  for (const secret of ['tok_', '4111111111111111']) expect(log).not.toContain(secret);
});

describe('the providers of a process', () => {
  const keys = {
    SUUUPRA_STRIPE_SECRET_KEY: 'sk_test_fixture',
    SUUUPRA_STRIPE_WEBHOOK_SECRETS: 'whsec_of_a_test',
    SUUUPRA_RAZORPAY_KEY_ID: 'rzp_test_fixture',
    SUUUPRA_RAZORPAY_KEY_SECRET: 'secret_of_a_key',
    SUUUPRA_RAZORPAY_WEBHOOK_SECRETS: 'secret_of_a_hook',
  };
  afterEach(() => vi.unstubAllEnvs());

  it('are those that its environment has keys of, after the sandboxes, and no key is logged', async () => {
    for (const [name, value] of Object.entries(keys)) vi.stubEnv(name, value);
    const own = await startServiceForTest(payments, { quiet: true });
    const { providers } = await listed(own);
    expect(providers.map(({ name, simulated }) => [name, simulated])).toEqual([
      ['sandbox', true],
      ['sandbox_b', true],
      ['stripe', true],
      ['razorpay', true],
    ]);
    for (const key of Object.values(keys)) expect(JSON.stringify(own.logged)).not.toContain(key);
    await own.stop();
  });

  it('are looked at before anything starts', () => {
    expect(() => payments.check?.({ ...keys, SUUUPRA_RAZORPAY_KEY_ID: 'rzp_live_fixture' }, { demo: false })).toThrow(
      'SUUUPRA_RAZORPAY_KEY_ID is a live key',
    );
    expect(() => payments.check?.({ SUUUPRA_SANDBOX_SEED: 'x' }, { demo: true })).toThrow('SUUUPRA_SANDBOX_SEED');
    expect(() => payments.check?.({}, { demo: true })).not.toThrow();
  });
});

async function listed(own: ServiceUnderTest) {
  const answer = await own.client(RoutingService).listProviders({}, { principal: finance });
  if (isRefusal(answer)) throw new Error(answer.code);
  return answer;
}
