/** Payments that are made first and confirmed later (P1). */
import { create } from '@bufbuild/protobuf';
import {
  LatePaymentReceivedSchema,
  PaymentFailedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import {
  CancelPaymentRequestSchema,
  CancelPaymentResponseSchema,
  type Payment,
  ReviseIntentRequestSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelPayment } from './confirmations.ts';
import { syncPayment } from './desk.ts';
import { phaseOf } from './payment.ts';
import { reviseIntent } from './payments.ts';
import type { Provider } from './provider.ts';
import { openMethod, sealMethod } from './sealed-method.ts';
import {
  amountMinor,
  type Bench,
  buyer,
  contextOf,
  openBench,
  outcomeOf,
  paymentOf,
  sandboxTable,
  statusWord,
} from './testing.ts';

/** Everything that the provider was asked, by name. */
const asked: string[] = [];
let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ between: (sandbox) => listening(sandbox) });
});
afterAll(() => bench.close());

function listening(sandbox: Provider): Provider {
  return {
    ...sandbox,
    create: (payment) => {
      asked.push(`create ${payment.attemptId}`);
      return sandbox.create(payment);
    },
    status: (ref) => {
      if (ref.sentAtMs !== undefined) asked.push(`status ${ref.attemptId} ${ref.sentAtMs}`);
      return sandbox.status(ref);
    },
    inspect: (method, token) => {
      asked.push('inspect');
      return sandbox.inspect(method, token);
    },
  };
}

async function later(of: Bench, orderId: string, token = 'tok_ok', key?: string): Promise<Payment> {
  const payment = paymentOf(await of.pay(orderId, token, { later: true, ...(key === undefined ? {} : { key }) }));
  expect(statusWord(payment.status)).toBe('requires_confirmation');
  return payment;
}

async function confirmed(of: Bench, id: string): Promise<string> {
  return outcomeOf(await of.confirm(id, ''));
}

async function cancelled(of: Bench, id: string, userId = buyer): Promise<string> {
  const request = create(CancelPaymentRequestSchema, { id });
  const answer = await cancelPayment(of.surroundings, request, contextOf(userId, ''));
  return isRefusal(answer) ? answer.code : statusWord(create(CancelPaymentResponseSchema, answer).payment?.status ?? 0);
}

async function phase(of: Bench, orderId: string): Promise<string> {
  const intent = await of.surroundings.store.findIntent(of.sql, orderId);
  if (intent === undefined) throw new Error('no intent');
  return phaseOf(intent, await of.surroundings.store.liveAttempt(of.sql, orderId));
}

async function paidMinor(of: Bench, orderId: string): Promise<(bigint | undefined)[]> {
  const events = await of.published(PaymentSucceededSchema);
  return events.filter((event) => event.orderId === orderId).map((event) => event.amount?.amountMinor);
}

describe('a payment that is confirmed later', () => {
  it('waits with its method, nobody hears of it and nothing is judged, until it is confirmed', async () => {
    asked.length = 0;
    const payment = await later(bench, 'ord_conf_wait', 'tok_ok', 'key_wait');
    expect(payment).toMatchObject({ provider: '', simulated: true, amount: { amountMinor } });
    expect(Number(payment.confirmBy?.seconds)).toBeGreaterThan(bench.world.now() / 1_000);
    expect(await phase(bench, 'ord_conf_wait')).toBe('requires_confirmation');
    await bench.settle();
    expect(asked).toEqual([]);
    const judged = () => bench.sql.query("SELECT 1 FROM risk_decisions WHERE order_id = 'ord_conf_wait'");
    const routed = () => bench.sql.query("SELECT 1 FROM routing_decisions WHERE order_id = 'ord_conf_wait'");
    expect([await judged(), await routed()]).toEqual([[], []]);
    // The request again gives the same payment.
    expect((await later(bench, 'ord_conf_wait', 'tok_ok', 'key_wait')).id).toBe(payment.id);

    expect(await confirmed(bench, payment.id)).toBe('succeeded');
    expect(asked).toEqual(['inspect', `create ${payment.id}`]);
    expect((await judged()).length + (await routed()).length).toBe(2);
    expect(await bench.payment(payment.id)).toMatchObject({ provider: 'sandbox', amount: { amountMinor } });
    expect(await phase(bench, 'ord_conf_wait')).toBe('succeeded');
    expect(await confirmed(bench, payment.id)).toBe('succeeded');
    expect(await paidMinor(bench, 'ord_conf_wait')).toEqual([amountMinor]);
  });

  it('is sent once, however many confirm it at once', async () => {
    asked.length = 0;
    const { id } = await later(bench, 'ord_conf_many', 'tok_ok');
    const answers = await Promise.all(Array.from({ length: 12 }, () => confirmed(bench, id)));
    expect(answers).toContain('succeeded');
    for (const answer of answers) expect(['requires_confirmation', 'processing', 'succeeded']).toContain(answer);
    expect(asked.filter((each) => each.startsWith('create'))).toEqual([`create ${id}`]);
    expect(await paidMinor(bench, 'ord_conf_many')).toEqual([amountMinor]);
  });

  it.each([
    ['tok_requires_3ds', 'requires_action'],
    ['tok_declined', 'failed'],
    ['tok_timeout_then_succeeded', 'unknown'],
  ])('with %s stands as the provider has it: %s', async (token, status) => {
    const orderId = `ord_conf_${status}`;
    const { id } = await later(bench, orderId, token);
    expect(await confirmed(bench, id)).toBe(status);
    if (status === 'requires_action') expect(outcomeOf(await bench.confirm(id, 'approve'))).toBe('succeeded');
    bench.advance(15_000);
    await bench.settle();
    const isPaid = status !== 'failed';
    expect(await paidMinor(bench, orderId)).toEqual(isPaid ? [amountMinor] : []);
    // What failed is no end: the order is paid anew.
    if (!isPaid) expect(outcomeOf(await bench.pay(orderId, 'tok_ok'))).toBe('succeeded');
  });

  it('M20: is asked about as of when it was sent, which was long after its id was made', async () => {
    const own = await openBench({ between: listening });
    const { id } = await later(own, 'ord_conf_sent', 'tok_timeout_then_succeeded');
    own.advance(10 * 60_000);
    const sentAtMs = own.world.now();
    asked.length = 0;
    expect(await confirmed(own, id)).toBe('unknown');
    own.advance(2_000);
    await own.settle();
    const [, , atMs = ''] = (asked.find((each) => each.startsWith('status')) ?? '').split(' ');
    expect(Number(atMs)).toBeGreaterThanOrEqual(sentAtMs);
    await own.close();
  });

  it('is tried again by the table, and its confirmation answers what became of it, also when it is repeated', async () => {
    const { id } = await later(bench, 'ord_conf_again', 'tok_issuer_down');
    const payment = paymentOf(await bench.confirm(id, ''));
    expect(payment).toMatchObject({ provider: 'sandbox_b' });
    expect(statusWord(payment.status)).toBe('succeeded');
    expect(paymentOf(await bench.confirm(id, '')).id).toBe(payment.id);
    expect(statusWord((await bench.payment(id)).status)).toBe('failed');
    expect(await paidMinor(bench, 'ord_conf_again')).toEqual([amountMinor]);
  });

  it('M28: is cancelled when nobody confirms it in time, and then sends nothing', async () => {
    const own = await openBench({ between: listening });
    const swept = await later(own, 'ord_conf_late');
    const unswept = await later(own, 'ord_conf_late2');
    const short = paymentOf(await own.pay('soon_conf', 'tok_ok', { later: true }));
    asked.length = 0;
    own.advance(60_001);
    await own.settle();
    // Its order holds for a minute only.
    expect(statusWord((await own.payment(short.id)).status)).toBe('cancelled');
    expect(statusWord((await own.payment(swept.id)).status)).toBe('requires_confirmation');
    own.advance(15 * 60_000);
    expect(await confirmed(own, unswept.id)).toBe('cancelled');
    await own.settle();
    expect(await confirmed(own, swept.id)).toBe('cancelled');
    expect(asked).toEqual([]);
    expect(await phase(own, 'ord_conf_late')).toBe('requires_payment_method');
    // Nothing was tried, so nothing is told to have failed.
    expect(await own.published(PaymentFailedSchema)).toEqual([]);
    await own.close();
  });

  it('stands in nobody’s way: it is superseded by another payment, and ends with its order', async () => {
    const { id: first } = await later(bench, 'ord_conf_super');
    const { id: second } = await later(bench, 'ord_conf_super');
    expect(outcomeOf(await bench.pay('ord_conf_super', 'tok_ok'))).toBe('succeeded');
    for (const id of [first, second]) {
      expect(statusWord((await bench.payment(id)).status)).toBe('cancelled');
      expect(await confirmed(bench, id)).toBe('cancelled');
    }
    expect(await paidMinor(bench, 'ord_conf_super')).toEqual([amountMinor]);

    const { id } = await later(bench, 'ord_conf_closed');
    expect(await bench.cancel('ord_conf_closed')).toBeUndefined();
    expect(await phase(bench, 'ord_conf_closed')).toBe('canceled');
    expect(await confirmed(bench, id)).toBe('cancelled');
    expect(await paidMinor(bench, 'ord_conf_closed')).toEqual([]);
  });

  it('is cancelled by its payer, after which the order is paid in another way', async () => {
    asked.length = 0;
    const { id } = await later(bench, 'ord_conf_off');
    expect(await cancelled(bench, id, 'usr_other')).toBe('not_found');
    expect([await cancelled(bench, id), await cancelled(bench, id)]).toEqual(['cancelled', 'cancelled']);
    expect([await confirmed(bench, id), await phase(bench, 'ord_conf_off')]).toEqual([
      'cancelled',
      'requires_payment_method',
    ]);
    expect(asked).toEqual([]);
    const told = await bench.published(PaymentFailedSchema);
    expect(told.filter(({ orderId }) => orderId === 'ord_conf_off')).toEqual([]);
    const paid = paymentOf(await bench.pay('ord_conf_off', 'tok_ok'));
    expect([statusWord(paid.status), await cancelled(bench, paid.id)]).toEqual(['succeeded', 'already_captured']);
    // The first stays over.
    expect(await cancelled(bench, id)).toBe('cancelled');
  });

  it('M21: is cancelled at the bank’s page too, and what the bank takes nevertheless goes back by itself', async () => {
    const asking = paymentOf(await bench.pay('ord_conf_page', 'tok_requires_3ds'));
    expect(statusWord(asking.status)).toBe('requires_action');
    expect(await cancelled(bench, asking.id)).toBe('cancelled');
    expect(outcomeOf(await bench.confirm(asking.id, 'approve'))).toBe('cancelled');
    expect(outcomeOf(await bench.pay('ord_conf_page', 'tok_ok'))).toBe('succeeded');
    await bench.sandbox.confirm({ attemptId: asking.id, reference: '' }, 'approve');
    await syncPayment(bench.surroundings, asking.id);
    const late = (await bench.published(LatePaymentReceivedSchema)).filter(
      ({ orderId }) => orderId === 'ord_conf_page',
    );
    expect([late.map(({ paymentId }) => paymentId), await paidMinor(bench, 'ord_conf_page')]).toEqual([
      [asking.id],
      [amountMinor],
    ]);
    const open = paymentOf(await bench.pay('ord_conf_open', 'tok_processing'));
    expect(await cancelled(bench, open.id)).toBe('payment_in_progress');
  });

  it('M30: is confirmed or cancelled, whichever comes first', async () => {
    for (let round = 0; round < 10; round += 1) {
      const orderId = `ord_conf_either${round}`;
      const { id } = await later(bench, orderId);
      const [answer, ended] = await Promise.all([confirmed(bench, id), cancelled(bench, id)]);
      const paid = await paidMinor(bench, orderId);
      if (ended === 'cancelled') expect([answer === 'succeeded', paid]).toEqual([false, []]);
      else expect([answer, paid]).toEqual(['succeeded', [amountMinor]]);
    }
  });

  it('M30: is confirmed or its order is cancelled, whichever comes first', async () => {
    for (let round = 0; round < 10; round += 1) {
      const orderId = `ord_conf_race${round}`;
      const { id } = await later(bench, orderId);
      const [answer, cancelled] = await Promise.all([confirmed(bench, id), bench.cancel(orderId)]);
      const paid = await paidMinor(bench, orderId);
      if (cancelled === undefined) {
        expect(['order_not_payable', 'cancelled']).toContain(answer);
        expect(paid).toEqual([]);
      } else expect([answer, paid]).toEqual(['succeeded', [amountMinor]]);
    }
  });

  it('M29: pays what its order costs when it is confirmed', async () => {
    const { id } = await later(bench, 'ord_conf_edit');
    const revise = create(ReviseIntentRequestSchema, {
      ...{ orderId: 'ord_conf_edit', buyerId: buyer, orderNumber: 'SU-1', captureMethod: 'automatic' },
      amount: { currency: 'INR', amountMinor: 7_000n },
    });
    expect(isRefusal(await reviseIntent(bench.surroundings, revise))).toBe(false);
    // Orders still says the old price: nothing is taken by it.
    expect(await confirmed(bench, id)).toBe('order_not_payable');
    expect(await paidMinor(bench, 'ord_conf_edit')).toEqual([]);
  });

  it('is nobody else’s to confirm, and is not asked about at a provider', async () => {
    const { id } = await later(bench, 'ord_conf_sync');
    const synced = await syncPayment(bench.surroundings, id);
    expect(isRefusal(synced) ? synced.code : synced.payment.status).toBe(8);
    expect(outcomeOf(await bench.pay('late_conf', 'tok_ok', { later: true }))).toBe('order_not_payable');
    expect(outcomeOf(await bench.pay('ord_conf_usd_upi', 'tok_ok', { later: true, type: 2 }))).toBe(
      'payment_method_invalid',
    );
    expect(outcomeOf(await bench.pay('ord_conf_card', '4111111111111111', { later: true }))).toBe('card_data_refused');
  });

  it('M24: keeps its token encrypted, and forgets it with its outcome', async () => {
    const { id } = await later(bench, 'ord_conf_sealed', 'tok_ok');
    const sealed = async () => (await bench.surroundings.store.findAttempt(bench.sql, id))?.sealedMethod;
    const kept = (await sealed()) ?? '';
    expect(Buffer.from(kept, 'base64url').includes('tok_ok')).toBe(false);
    const secret = Buffer.alloc(32, 4);
    expect(openMethod(secret, 'ord_conf_sealed', kept)).toEqual({ token: 'tok_ok', collectMinutes: 0 });
    for (const [key, order, text] of [
      [Buffer.alloc(32, 5), 'ord_conf_sealed', kept],
      [secret, 'ord_another', kept],
      [secret, 'ord_conf_sealed', `${kept.slice(0, -2)}AA`],
      [secret, 'ord_conf_sealed', ''],
    ] as const)
      expect(openMethod(key, order, text)).toBeUndefined();
    expect(sealMethod(secret, 'o', { token: 't', collectMinutes: 1 })).not.toBe(
      sealMethod(secret, 'o', { token: 't', collectMinutes: 1 }),
    );
    await confirmed(bench, id);
    expect(await sealed()).toBeUndefined();
  });
});

it('M22: a confirmation that dies at any statement is finished by the same one, with one payment at the provider', async () => {
  for (const token of ['tok_ok', 'tok_requires_3ds', 'tok_issuer_down']) {
    let points = 0;
    for (let point = 1; ; point += process.env['SUUUPRA_SEEDS'] === undefined ? 2 : 1) {
      const orderId = `ord_conf_die_${token}_${point}`;
      const { id } = await later(bench, orderId, token);
      const { database, dead } = dyingAt(point, 'before');
      const dying = await openBench({ beside: bench, database });
      const ended = await Promise.race([dead, dying.confirm(id, '').then(() => 'done')]);
      await dying.close();
      const next = await openBench({ beside: bench });
      const payment = paymentOf(await next.confirm(id, ''));
      if (statusWord(payment.status) === 'requires_action') await next.confirm(payment.id, 'approve');
      await next.close();
      // What died after a try had failed is not tried elsewhere: the payer is told, and pays anew.
      const isOver = token === 'tok_issuer_down' && statusWord(payment.status) === 'failed';
      if (isOver) expect(outcomeOf(await bench.pay(orderId, 'tok_ok'))).toBe('succeeded');
      expect([orderId, await paidMinor(bench, orderId)]).toEqual([orderId, [amountMinor]]);
      const made = await bench.sql.query(
        `SELECT 1 FROM ${sandboxTable('payments')} WHERE status = 'succeeded'
           AND merchant_reference IN (SELECT id FROM attempts WHERE order_id = '${orderId}')`,
      );
      expect(made).toHaveLength(1);
      if (ended !== 'dead') break;
      points += 1;
    }
    expect(points).toBeGreaterThan(2);
  }
});
