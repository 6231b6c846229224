import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { create } from '@bufbuild/protobuf';
import {
  CreateWebhookEndpointRequestSchema,
  WebhookDeliveryStatus,
  WebhooksService,
} from '@suuupra/contracts/gen/suuupra/notifications/v1/webhooks_pb.ts';
import { OrderPaidSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { webhookMac } from '@suuupra/platform/http/webhook-signature';
import { textSeal } from '@suuupra/platform/mail/sealed-text';
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { notifications } from '../service.ts';
import { type Deliveries, type DeliveryParts, openDeliveries } from './deliveries.ts';
import { createEndpoint, rotateSecret } from './endpoints.ts';
import { getDelivery, listDeliveries, replayDelivery, replayFailed } from './replays.ts';
import { type SendOptions, sender } from './send.ts';
import { failingMsMax } from './webhook.ts';

const soon = { interval: 5, timeout: 5_000 };
const order = create(OrderPaidSchema, {
  orderId: 'ord_1',
  buyerId: 'usr_asha',
  total: { currency: 'INR', amountMinor: 9_007_199_254_740_993n },
});

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function granted<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code}`);
  return answer;
}

describe('outbound webhooks (P11)', () => {
  let world: TestWorld;
  let under: ServiceUnderTest;
  let receiver: Server;
  let url: string;
  const received: Received[] = [];
  /** What the receiver answers next; 204 when nothing is said. */
  const answers: { status: number; location?: string }[] = [];
  let parts: DeliveryParts;
  let deliveries: Deliveries;

  beforeAll(async () => {
    world = testWorld();
    under = await startServiceForTest(notifications, { world, quiet: true });
    receiver = createServer(async (request, response) => {
      received.push({ headers: request.headers, body: await text(request) });
      const answer = answers.shift() ?? { status: 204 };
      response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location }).end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  });
  afterAll(async () => {
    receiver.close();
    await under.stop();
  });
  beforeEach(async () => {
    received.length = 0;
    answers.length = 0;
    await under.sql.execute('TRUNCATE webhook_endpoints, webhook_messages CASCADE');
    begin({ isAllowed: () => true });
  });
  afterEach(() => deliveries.stop());

  function begin(options: SendOptions): void {
    const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService(
      'notifications',
    );
    parts = { sql: under.sql, world, telemetry, seal: textSeal(Buffer.alloc(32, 1)), send: sender(options) };
    deliveries = openDeliveries(parts);
  }

  /** An endpoint at the receiver of this test, which a person could not make: it is not https and not public. */
  async function endpoint(eventTypes: string[] = []): Promise<{ id: string; secret: Buffer }> {
    const request = create(CreateWebhookEndpointRequestSchema, { url: 'https://hooks.example.com/', eventTypes });
    const { endpoint: made, secret } = granted(await createEndpoint(parts, request, 'usr_finance'));
    await under.sql.execute('UPDATE webhook_endpoints SET url = $2 WHERE id = $1', [made.id, url]);
    return { id: made.id, secret: Buffer.from(secret.slice('whsec_'.length), 'base64') };
  }

  const happen = (eventId: string) =>
    under.sql.transaction((tx) => deliveries.add(tx, OrderPaidSchema, order, eventId));

  const listed = async (endpointId: string) =>
    granted(
      await listDeliveries(under.sql, {
        endpointId,
        pageSize: 0,
        pageToken: '',
        status: WebhookDeliveryStatus.UNSPECIFIED,
      }),
    ).deliveries;

  const isSignedBy = ({ headers, body }: Received, secret: Uint8Array) => {
    const mac = webhookMac(
      secret,
      String(headers['webhook-id']),
      String(headers['webhook-timestamp']),
      Buffer.from(body),
    );
    return String(headers['webhook-signature'])
      .split(' ')
      .includes(`v1,${mac.toString('base64')}`);
  };

  it('sends an event once, signed over id, time and body, amounts exact', async () => {
    const { id, secret } = await endpoint(['order.paid']);
    deliveries.start();
    await happen('evt_1');
    await happen('evt_1');
    await vi.waitFor(async () => expect((await listed(id))[0]?.status).toBe(WebhookDeliveryStatus.DELIVERED), soon);
    expect(received).toHaveLength(1);
    const [one] = received;
    expect(one?.headers['webhook-id']).toBe('evt_1');
    expect(one !== undefined && isSignedBy(one, secret)).toBe(true);
    expect(JSON.parse(one?.body ?? '')).toMatchObject({
      type: 'order.paid',
      data: { total: { amountMinor: '9007199254740993' } },
    });
  });

  it('sends only the types that an endpoint asked for, and nothing of what stays inside', async () => {
    const { id } = await endpoint(['course.completed']);
    await happen('evt_1');
    expect(await listed(id)).toEqual([]);
  });

  it('tries again with the same id when the receiver fails, also after the process died', async () => {
    const { id } = await endpoint();
    answers.push({ status: 500 });
    deliveries.start();
    await happen('evt_1');
    await vi.waitFor(async () => expect((await listed(id))[0]?.lastTry?.httpStatus).toBe(500), soon);
    await deliveries.stop();
    begin({ isAllowed: () => true });
    world.advance(6_000);
    deliveries.start();
    await vi.waitFor(async () => expect((await listed(id))[0]?.status).toBe(WebhookDeliveryStatus.DELIVERED), soon);
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual(['evt_1', 'evt_1']);
    const shown = granted(await getDelivery(under.sql, (await listed(id))[0]?.id ?? ''));
    expect(shown.tries.map((each) => each.httpStatus)).toEqual([204, 500]);
  });

  it('follows no redirect', async () => {
    const { id } = await endpoint();
    answers.push({ status: 302, location: 'http://169.254.169.254/' });
    deliveries.start();
    await happen('evt_1');
    await vi.waitFor(async () => expect((await listed(id))[0]?.lastTry?.problem).toBe('redirect'), soon);
    expect(received).toHaveLength(1);
  });

  it('connects to no private address, whatever the name resolves to at the time of the try', async () => {
    const { id } = await endpoint();
    await under.sql.execute('UPDATE webhook_endpoints SET url = $2 WHERE id = $1', [
      id,
      url.replace('127.0.0.1', 'hooks.example.com'),
    ]);
    begin({
      resolve: async () => [
        { address: '1.1.1.1', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ],
    });
    deliveries.start();
    await happen('evt_1');
    await vi.waitFor(async () => expect((await listed(id))[0]?.lastTry?.problem).toBe('address_refused'), soon);
    expect(received).toEqual([]);
  });

  it('connects to the address that was checked, not to what the name says later', async () => {
    const { id } = await endpoint();
    await under.sql.execute('UPDATE webhook_endpoints SET url = $2 WHERE id = $1', [
      id,
      url.replace('127.0.0.1', 'hooks.invalid'),
    ]);
    begin({ isAllowed: () => true, resolve: async () => [{ address: '127.0.0.1', family: 4 }] });
    deliveries.start();
    await happen('evt_1');
    await vi.waitFor(async () => expect((await listed(id))[0]?.status).toBe(WebhookDeliveryStatus.DELIVERED), soon);
    expect(received[0]?.headers.host).toContain('hooks.invalid');
  });

  it('stops at an endpoint that says it is gone, and at one that took nothing for five days', async () => {
    const { id } = await endpoint();
    answers.push({ status: 410 });
    deliveries.start();
    await happen('evt_1');
    const state = () => under.sql.query('SELECT status, disabled_because FROM webhook_endpoints WHERE id = $1', [id]);
    await vi.waitFor(
      async () => expect(await state()).toEqual([{ status: 'disabled', disabled_because: 'gone' }]),
      soon,
    );
    await under.sql.execute(
      "UPDATE webhook_endpoints SET status = 'enabled', disabled_because = '', failing_since = $2 WHERE id = $1",
      [id, new Date(world.now() - failingMsMax - 1)],
    );
    answers.push({ status: 503 });
    await happen('evt_2');
    await vi.waitFor(
      async () => expect(await state()).toEqual([{ status: 'disabled', disabled_because: 'failing' }]),
      soon,
    );
    await happen('evt_3');
    expect((await listed(id)).map((each) => each.eventId)).not.toContain('evt_3');
  });

  it('sends again what is replayed, one by one or all that failed since a time', async () => {
    const { id } = await endpoint();
    deliveries.start();
    await happen('evt_1');
    await vi.waitFor(() => expect(received).toHaveLength(1), soon);
    await vi.waitFor(async () => expect((await listed(id))[0]?.status).toBe(WebhookDeliveryStatus.DELIVERED), soon);
    const again = { sql: under.sql, world, nudge: deliveries.nudge };
    granted(await replayDelivery(again, (await listed(id))[0]?.id ?? ''));
    await vi.waitFor(() => expect(received).toHaveLength(2), soon);
    await vi.waitFor(async () => expect((await listed(id))[0]?.status).toBe(WebhookDeliveryStatus.DELIVERED), soon);
    await under.sql.execute("UPDATE webhook_deliveries SET status = 'failed'");
    expect(granted(await replayFailed(again, { endpointId: id }))).toEqual({ replayed: 1 });
    await vi.waitFor(() => expect(received).toHaveLength(3), soon);
    expect(new Set(received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set(['evt_1']));
  });

  it('signs with the old secret too for a day after a rotation', async () => {
    const { id, secret } = await endpoint();
    const rotated = granted(await rotateSecret(parts, id));
    const fresh = Buffer.from(rotated.secret.slice('whsec_'.length), 'base64');
    deliveries.start();
    await happen('evt_1');
    await vi.waitFor(() => expect(received).toHaveLength(1), soon);
    expect(received.map((one) => [isSignedBy(one, secret), isSignedBy(one, fresh)])).toEqual([[true, true]]);
    world.advance(24 * 3_600_000 + 1);
    await happen('evt_2');
    deliveries.nudge();
    await vi.waitFor(() => expect(received).toHaveLength(2), soon);
    expect([received[1]].map((one) => one !== undefined && [isSignedBy(one, secret), isSignedBy(one, fresh)])).toEqual([
      [false, true],
    ]);
  });

  it('keeps no secret in the open', async () => {
    const { secret } = await endpoint();
    const rows = JSON.stringify(await under.sql.query('SELECT * FROM webhook_endpoints'));
    expect(rows).not.toContain(secret.toString('base64'));
  });

  it('refuses people without the role, and addresses that are not public', async () => {
    const client = under.client(WebhooksService);
    const asked = { url: 'https://127.0.0.1/', eventTypes: [] };
    expect(
      await client.createWebhookEndpoint(asked, { principal: userPrincipal('usr_asha', 'learner') }),
    ).toMatchObject({ code: 'permission_denied' });
    const finance = { principal: userPrincipal('usr_finance', 'finance') };
    expect(await client.createWebhookEndpoint(asked, finance)).toMatchObject({ code: 'webhook_address_refused' });
    expect(
      await client.createWebhookEndpoint({ url: 'https://hooks.example.com/', eventTypes: ['order.stolen'] }, finance),
    ).toMatchObject({ code: 'invalid_request' });
  });
});
