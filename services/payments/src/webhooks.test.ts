import {
  DisputeOpenedSchema,
  PaymentSucceededSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { freshDatabaseUrl } from '@suuupra/platform/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { amountMinor, type Bench, openBench, paymentOf, secrets, statusWord } from './testing.ts';
import { signWebhook, verifySignature } from './webhook-signature.ts';
import { receiveWebhook } from './webhooks.ts';

let databaseUrl: string;
beforeAll(async () => {
  databaseUrl = await freshDatabaseUrl();
});

function signed(bench: Bench, id: string, event: object, secret: Uint8Array = secrets[0], atMs = bench.world.now()) {
  const body = Buffer.from(JSON.stringify(event));
  return { headers: signWebhook([secret], id, atMs, body), body };
}

async function receive(bench: Bench, webhook: { headers: Record<string, string>; body: Uint8Array }): Promise<number> {
  return (await receiveWebhook(bench.surroundings, 'sandbox', webhook.headers, webhook.body)).status;
}

describe('the signature of a webhook', () => {
  const body = Buffer.from('{"type":"test"}');
  const nowMs = 1_700_000_000_000;
  const headers = signWebhook([secrets[0]], 'evt_1', nowMs, body);
  const verify = (change: object, given = body, atMs = nowMs) =>
    verifySignature(secrets, { ...headers, ...change }, given, atMs);

  it('is the one of the Standard Webhooks specification', () => {
    // The example of the specification's reference implementations.
    const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const payload = Buffer.from('{"test": 2432232314}');
    const own = signWebhook([secret], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_000, payload);
    expect(own['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
  it('is good with any live secret, and for 300 seconds', () => {
    expect(verify({})).toEqual({ eventId: 'evt_1' });
    const older = signWebhook([secrets[1]], 'evt_1', nowMs, body);
    expect(verify(older)).toEqual({ eventId: 'evt_1' });
    const both = `v1,${'A'.repeat(43)}= ${headers['webhook-signature']}`;
    expect(verify({ 'webhook-signature': both })).toEqual({ eventId: 'evt_1' });
    expect(verify({}, body, nowMs + 299_000)).toBeDefined();
    expect(verify({}, body, nowMs + 301_000)).toBeUndefined();
    expect(verify({}, body, nowMs - 301_000)).toBeUndefined();
  });
  it.each([
    ['another id', { 'webhook-id': 'evt_2' }],
    ['another time', { 'webhook-timestamp': '1700000001' }],
    ['an old version', { 'webhook-signature': headers['webhook-signature'].replace('v1,', 'v0,') }],
    ['no signature', { 'webhook-signature': undefined }],
    ['two ids', { 'webhook-id': ['evt_1', 'evt_1'] }],
    ['a time that is none', { 'webhook-timestamp': 'NaN' }],
    ['a moved border', { 'webhook-id': 'evt_1.1700000000', 'webhook-timestamp': '1700000000' }],
  ])('is bad with %s', (_, change) => {
    expect(verify(change)).toBeUndefined();
  });
  it('is bad when one bit of the body or the signature differs, and with a secret of another', () => {
    fc.assert(
      fc.property(fc.nat(body.byteLength - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(body);
        changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
        expect(verify({}, changed)).toBeUndefined();
      }),
    );
    expect(verify(signWebhook([Buffer.alloc(32, 9)], 'evt_1', nowMs, body))).toBeUndefined();
  });
});

describe('webhooks of one payment', () => {
  it('end in the same state in every order, delayed, and three times each', async () => {
    const permutations = permute([0, 1, 2, 3]);
    expect(permutations).toHaveLength(24);
    const bench = await openBench({ databaseUrl, withoutWebhooks: true });
    for (const [index, order] of permutations.entries()) {
      const orderId = `ord_permuted_${index}`;
      const payment = paymentOf(await bench.pay(orderId, 'tok_processing'));
      await bench.sql.execute(
        "UPDATE sandbox.payments SET status = 'succeeded', settles_at = NULL WHERE status = 'processing'",
      );
      const data = {
        merchantReference: payment.id,
        currency: 'INR',
        amountMinor: amountMinor.toString(),
        failureCode: '',
      };
      const events = [
        { type: 'payment.processing', data: { ...data, status: 'processing' } },
        { type: 'payment.succeeded', data: { ...data, status: 'succeeded' } },
        { type: 'dispute.opened', data: { ...data, amountMinor: '100', disputeReference: `dsp_${index}` } },
        { type: 'refund.succeeded', data: { merchantReference: `rfd_p${index}`, status: 'succeeded' } },
      ];
      // The refund is ours to ask for, so it exists once we know of the success; its webhook may come long before.
      for (const at of [...order, ...order, ...order]) {
        await receive(bench, signed(bench, `evt_${index}_${at}`, events[at] ?? {}));
        await bench.settle();
        bench.advance(61_000);
      }
      await bench.settle();
      expect(await bench.refund(`rfd_p${index}`, orderId, 200n)).toBe('pending');
      for (let hour = 0; hour < 3; hour += 1) {
        bench.advance(3_600_000);
        await bench.settle();
      }
      const { status, refunded, dispute } = await bench.payment(payment.id);
      const state = {
        order,
        status: statusWord(status),
        refunded: refunded?.amountMinor,
        disputed: dispute?.amount?.amountMinor,
        successes: await told(bench, PaymentSucceededSchema, orderId),
        refunds: await told(bench, RefundSucceededSchema, orderId),
        disputes: await told(bench, DisputeOpenedSchema, orderId),
      };
      expect(state).toEqual({
        order,
        status: 'succeeded',
        refunded: 200n,
        disputed: 100n,
        successes: 1,
        refunds: 1,
        disputes: 1,
      });
    }
    await bench.close();
  });
});

async function told(
  bench: Bench,
  schema: typeof PaymentSucceededSchema | typeof RefundSucceededSchema | typeof DisputeOpenedSchema,
  orderId: string,
): Promise<number> {
  const events = await bench.published(schema);
  return events.filter((event) => event.orderId === orderId).length;
}

function permute(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) => permute(items.filter((each) => each !== first)).map((rest) => [first, ...rest]));
}

describe('a webhook', () => {
  it('about a dispute of a payment whose success nobody told us has the provider asked at once', async () => {
    const bench = await openBench({ withoutWebhooks: true });
    const payment = paymentOf(await bench.pay('ord_disputed', 'tok_processing'));
    bench.advance(1_500);
    const data = { merchantReference: payment.id, currency: 'INR', amountMinor: '100', disputeReference: 'dsp_1' };
    await receive(bench, signed(bench, 'evt_dispute', { type: 'dispute.opened', data }));
    await bench.settle();
    expect(statusWord((await bench.payment(payment.id)).status)).toBe('succeeded');
    bench.advance(1_500);
    await bench.settle();
    expect(await told(bench, DisputeOpenedSchema, 'ord_disputed')).toBe(1);
    await bench.close();
  });

  it('with a bad signature, an old one, or of an unknown provider changes nothing', async () => {
    const bench = await openBench({ withoutWebhooks: true });
    const event = { type: 'payment.succeeded', data: { merchantReference: 'pay_x', status: 'succeeded' } };
    expect(await receive(bench, signed(bench, 'evt_1', event, Buffer.alloc(32, 7)))).toBe(400);
    expect(await receive(bench, signed(bench, 'evt_1', event, secrets[0], bench.world.now() - 301_000))).toBe(400);
    const good = signed(bench, 'evt_1', event);
    expect((await receiveWebhook(bench.surroundings, 'acme', good.headers, good.body)).status).toBe(404);
    expect(await bench.sql.query('SELECT 1 FROM webhook_inbox')).toEqual([]);
    await bench.close();
  });

  it('about a payment that we do not know is kept and tried again, then given up, and stops nothing behind it', async () => {
    const bench = await openBench({ withoutWebhooks: true });
    const data = { merchantReference: 'pay_nobody', status: 'succeeded', currency: 'INR', amountMinor: '1' };
    expect(await receive(bench, signed(bench, 'evt_unknown', { type: 'payment.succeeded', data }))).toBe(200);
    const broken = { headers: {}, body: Buffer.from('not json') };
    broken.headers = signWebhook(secrets, 'evt_broken', bench.world.now(), broken.body);
    expect(await receive(bench, { headers: broken.headers, body: broken.body })).toBe(200);
    expect(await receive(bench, signed(bench, 'evt_news', { type: 'news.of_the_day', data }))).toBe(200);
    await bench.settle();
    const statuses = async () =>
      Object.fromEntries(
        (await bench.sql.query<{ event_id: string; status: string }>('SELECT event_id, status FROM webhook_inbox')).map(
          (row) => [row.event_id, row.status],
        ),
      );
    expect(await statuses()).toEqual({ evt_unknown: 'kept', evt_broken: 'kept', evt_news: 'applied' });
    for (let hour = 0; hour < 100; hour += 1) {
      bench.advance(3_600_000);
      await bench.settle();
    }
    expect(await statuses()).toEqual({ evt_unknown: 'given_up', evt_broken: 'given_up', evt_news: 'applied' });
    bench.advance(40 * 24 * 3_600_000);
    await bench.settle();
    expect(await statuses()).toEqual({});
    await bench.close();
  });
});
