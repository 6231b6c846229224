import { create } from '@bufbuild/protobuf';
import { FindMandateRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { CreateMandateRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/mandates_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  MandateChangedSchema,
  PaymentSucceededSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { MethodType } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { signWebhook } from '@suuupra/platform/http/webhook-signature';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { freshDatabaseUrl } from '@suuupra/platform/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createMandate, findMandate } from './mandates.ts';
import {
  amountMinor,
  type Bench,
  contextOf,
  openBench,
  paymentOf,
  sandboxTable,
  secrets,
  statusWord,
} from './testing.ts';
import { verifySignature } from './webhook-signature.ts';
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

/** Orders of six events: half of all orders of the first four, the others anywhere. All 720 with SUUUPRA_SEEDS. */
function ordersOfSix(): number[][] {
  if (process.env['SUUUPRA_SEEDS'] !== undefined) return permute([0, 1, 2, 3, 4, 5]);
  const isOfThisRun = Math.floor(Math.random() * 2);
  const some = permute([0, 1, 2, 3]).filter((_, index) => index % 2 === isOfThisRun);
  return some.map((order) => {
    for (const extra of [4, 5]) order.splice(Math.floor(Math.random() * (order.length + 1)), 0, extra);
    return order;
  });
}

describe('webhooks of one payment (C10, M23)', () => {
  it('end in the same state in every order, delayed, and three times each', async () => {
    const bench = await openBench({ databaseUrl, withoutWebhooks: true });
    const orders = ordersOfSix();
    expect(orders.length).toBeGreaterThanOrEqual(12);
    for (let from = 0; from < orders.length; from += 24)
      await hearSideBySide(bench, orders.slice(from, from + 24), from);
    await bench.close();
  });
});

/** Each order of events is a payment of its own; all hear their next event at the same time. */
async function hearSideBySide(bench: Bench, orders: readonly number[][], from: number): Promise<void> {
  const lives = await Promise.all(
    orders.map(async (order, index) => {
      const orderId = `ord_permuted_${from + index}`;
      const { id } = paymentOf(await bench.pay(orderId, 'tok_processing'));
      return { order, orderId, id, refundId: `rfd_p${from + index}`, events: eventsOf(id, from + index) };
    }),
  );
  await bench.sql.execute(
    `UPDATE ${sandboxTable('payments')} SET status = 'succeeded', captured_minor = amount_minor, settles_at = NULL
     WHERE status = 'processing'`,
  );
  // The refund is ours to ask for, so it exists once we know of the success; its webhook may come long before.
  for (const [turn, step] of [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5].entries()) {
    const secret = secrets[turn % secrets.length];
    await Promise.all(
      lives.map(({ order, id, events }) =>
        hearThrice(bench, `evt_${id}_${order[step]}`, events[order[step] ?? 0] ?? {}, secret),
      ),
    );
    await bench.hear();
    if (turn === 5) await bench.settle();
    bench.advance(turn < 5 ? 61_000 : dayMs);
  }
  await bench.settle();
  for (const { orderId, refundId } of lives) expect(await bench.refund(refundId, orderId, 200n)).toBe('pending');
  for (let hour = 0; hour < 3; hour += 1) {
    bench.advance(3_600_000);
    await bench.settle();
  }
  const all = {
    successes: await bench.published(PaymentSucceededSchema),
    refunds: await bench.published(RefundSucceededSchema),
    opened: await bench.published(DisputeOpenedSchema),
    closed: await bench.published(DisputeClosedSchema),
  };
  for (const { order, orderId, id } of lives) {
    const { status, refunded, dispute } = await bench.payment(id);
    const of = (events: readonly { readonly orderId: string }[]) =>
      events.filter((event) => event.orderId === orderId).length;
    expect({
      order,
      status: statusWord(status),
      refunded: refunded?.amountMinor,
      dispute: dispute?.status,
      told: [of(all.successes), of(all.refunds), of(all.opened), of(all.closed)],
      outcome: all.closed.find((event) => event.orderId === orderId)?.outcome,
    }).toEqual({ order, status: 'succeeded', refunded: 200n, dispute: 'won', told: [1, 1, 1, 1], outcome: 'won' });
  }
}

/** As it came, then through a proxy that wrote the body anew, then forged, then twice more as it came. */
async function hearThrice(bench: Bench, id: string, event: object, secret: Uint8Array | undefined): Promise<void> {
  const webhook = signed(bench, id, event, secret);
  const rewritten = Buffer.from(JSON.stringify(event, null, 1));
  expect(await receive(bench, webhook)).toBe(200);
  expect(await receive(bench, { headers: webhook.headers, body: rewritten })).toBe(400);
  expect(await receive(bench, signed(bench, id, event, Buffer.alloc(32, 9)))).toBe(400);
  for (let again = 0; again < 2; again += 1) expect(await receive(bench, webhook)).toBe(200);
}

const dayMs = 24 * 3_600_000;

function eventsOf(merchantReference: string, index: number): object[] {
  const data = { merchantReference, currency: 'INR', amountMinor: amountMinor.toString(), failureCode: '' };
  const dispute = { ...data, amountMinor: '100', disputeReference: `dsp_${index}` };
  return [
    { type: 'payment.processing', data: { ...data, status: 'processing' } },
    { type: 'payment.succeeded', data: { ...data, status: 'succeeded' } },
    { type: 'dispute.opened', data: dispute },
    { type: 'refund.succeeded', data: { merchantReference: `rfd_p${index}`, status: 'succeeded' } },
    { type: 'dispute.won', data: dispute },
    { type: 'dispute.challenged', data: dispute },
  ];
}

describe('a webhook before our own commit (C10, M23)', () => {
  it.each(['the answer', 'silence'] as const)('of a payment, then %s: one success', async (then) => {
    const bench: Bench = await openBench({
      databaseUrl,
      withoutWebhooks: true,
      between: (sandbox) => ({
        ...sandbox,
        create: async (payment) => {
          const answer = await sandbox.create(payment);
          const { attemptId, currency } = payment;
          const money = { currency, amountMinor: payment.amountMinor.toString() };
          const data = { merchantReference: attemptId, status: 'succeeded', ...money };
          await receive(bench, signed(bench, `evt_${attemptId}`, { type: 'payment.succeeded', data }));
          await bench.hear();
          if (then === 'silence') throw new Error('connection reset');
          return answer;
        },
      }),
    });
    const orderId = `ord_before_${then.replaceAll(' ', '_')}`;
    const payment = paymentOf(await bench.pay(orderId, 'tok_ok'));
    expect(statusWord(payment.status)).toBe('succeeded');
    await bench.settle();
    const told = (await bench.published(PaymentSucceededSchema)).filter((event) => event.orderId === orderId);
    expect(told).toHaveLength(1);
    await bench.close();
  });

  it('of a refund: it is made once', async () => {
    const bench: Bench = await openBench({
      databaseUrl,
      withoutWebhooks: true,
      between: (sandbox) => ({
        ...sandbox,
        refund: async (refund) => {
          const answer = await sandbox.refund(refund);
          const data = { merchantReference: refund.refundId, status: 'succeeded' };
          await receive(bench, signed(bench, `evt_${refund.refundId}`, { type: 'refund.succeeded', data }));
          await bench.hear();
          return answer;
        },
      }),
    });
    paymentOf(await bench.pay('ord_refund_before', 'tok_ok'));
    expect(await bench.refund('rfd_before', 'ord_refund_before', 100n)).toBe('succeeded');
    await bench.settle();
    const told = (await bench.published(RefundSucceededSchema)).filter(({ refundId }) => refundId === 'rfd_before');
    expect(told).toHaveLength(1);
    await bench.close();
  });
});

it('of a refund whose answer was lost and whose provider id nobody kept ends it, and nothing is sent again', async () => {
  let sent = 0;
  const bench: Bench = await openBench({
    databaseUrl,
    withoutWebhooks: true,
    between: (sandbox) => ({
      ...sandbox,
      refund: async (refund) => {
        sent += 1;
        await sandbox.refund(refund);
        throw new Error('connection reset');
      },
    }),
  });
  paymentOf(await bench.pay('ord_refund_lost', 'tok_ok'));
  expect(await bench.refund('rfd_lost', 'ord_refund_lost', 100n)).toBe('pending');
  const rows = await bench.sql.query<{ id: string }>("SELECT id FROM refunds WHERE id = 'rfd_lost' AND reference = ''");
  expect(rows).toHaveLength(1);
  const data = { merchantReference: 'rfd_lost', status: 'succeeded' };
  await receive(bench, signed(bench, 'evt_rfd_lost', { type: 'refund.succeeded', data }));
  await bench.hear();
  expect(await bench.refund('rfd_lost', 'ord_refund_lost', 100n)).toBe('succeeded');
  bench.advance(dayMs);
  await bench.settle();
  expect(sent).toBe(1);
  const told = (await bench.published(RefundSucceededSchema)).filter(({ refundId }) => refundId === 'rfd_lost');
  expect(told).toHaveLength(1);
  await bench.close();
});

describe('webhooks of one mandate (C10, M23)', () => {
  it('end in what the provider says of it, whatever came first', async () => {
    const bench = await openBench({ databaseUrl, withoutWebhooks: true });
    const words = ['active', 'paused', 'revoked'];
    for (const [index, last] of words.entries())
      for (const [turn, order] of permute([0, 1, 2]).entries()) {
        const request = create(CreateMandateRequestSchema, {
          method: { type: MethodType.UPI, token: 'tok_requires_3ds' },
          amountMax: { currency: 'INR', amountMinor: 100_000n },
        });
        const buyerId = `usr_mandate_${index}_${turn}`;
        const context = contextOf(buyerId, bench.world.id('key'));
        const made = await createMandate(bench.surroundings, request, context);
        const id = isRefusal(made) ? made.code : (made.mandate?.id ?? '');
        await bench.sql.execute(
          `UPDATE ${sandboxTable('mandates')} SET status = '${last}', settles_at = NULL WHERE status = 'pending'`,
        );
        // Of one that is not over the end was never told.
        const heard = order.map((at) => words[at] ?? '').filter((word) => word !== 'revoked' || last === 'revoked');
        for (const [step, word] of [...heard, ...heard].entries()) {
          const data = { merchantReference: id, status: word, currency: 'INR', amountMinor: '0' };
          const event = signed(bench, `evt_${id}_${step % heard.length}`, { type: `mandate.${word}`, data });
          for (let again = 0; again < 2; again += 1) expect(await receive(bench, event)).toBe(200);
          await bench.hear();
        }
        await bench.settle();
        const after = await findMandate(
          bench.surroundings,
          create(FindMandateRequestSchema, { mandateId: id, buyerId }),
        );
        const told = (await bench.published(MandateChangedSchema)).filter(({ mandateId }) => mandateId === id);
        const ends = told.filter(({ status }) => status === 'revoked').length;
        expect({
          heard,
          status: isRefusal(after) ? after.code : after.status,
          last: told.at(-1)?.status,
          ends,
        }).toEqual({
          heard,
          status: last,
          last,
          ends: last === 'revoked' ? 1 : 0,
        });
      }
    await bench.close();
  });
});

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
    const told = await bench.published(DisputeOpenedSchema);
    expect(told.map((event) => event.orderId)).toEqual(['ord_disputed']);
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
      await bench.hear();
    }
    expect(await statuses()).toEqual({ evt_unknown: 'given_up', evt_broken: 'given_up', evt_news: 'applied' });
    bench.advance(40 * 24 * 3_600_000);
    await bench.settle();
    expect(await statuses()).toEqual({});
    await bench.close();
  });
});

function permute(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) => permute(items.filter((each) => each !== first)).map((rest) => [first, ...rest]));
}
