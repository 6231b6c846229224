/** An order that is edited: only what it costs afterwards can be paid (M29). */
import { create } from '@bufbuild/protobuf';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import {
  CreatePaymentRequestSchema,
  MethodType,
  ReviseIntentRequestSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { isRefusal, refuse } from '@suuupra/platform/rpc/rpc';
import { realWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cancelIntent, createPayment, reviseIntent } from './payments.ts';
import type { PaymentsSurroundings } from './surroundings.ts';
import { type Bench, contextOf, openBench } from './testing.ts';

let bench: Bench;
const buyerContext = () => contextOf('usr_buyer', realWorld().id('key'));

beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

/** What orders says of the order: the test moves it. */
function withOrder(amountMinor: () => bigint): PaymentsSurroundings {
  const { orders } = bench.surroundings;
  return {
    ...bench.surroundings,
    orders: {
      getOrderForPayment: async (request, options) => {
        const order = await orders.getOrderForPayment(request, options);
        if (isRefusal(order)) return order;
        return {
          ...order,
          buyerId: 'usr_buyer',
          total: { ...order.total, currency: 'INR', amountMinor: amountMinor() } as never,
        };
      },
    },
  };
}

async function pay(surroundings: PaymentsSurroundings, orderId: string, token: string): Promise<string> {
  const request = create(CreatePaymentRequestSchema, { orderId, method: { type: MethodType.CARD, token } });
  const answer = await createPayment(surroundings, request, buyerContext());
  return isRefusal(answer) ? answer.code : `${answer.payment?.status}`;
}

async function revise(orderId: string, amountMinor: bigint): Promise<string> {
  const request = create(ReviseIntentRequestSchema, {
    ...{ orderId, buyerId: 'usr_buyer', orderNumber: 'SU-1', captureMethod: 'automatic' },
    amount: { currency: 'INR', amountMinor },
  });
  const answer = await reviseIntent(bench.surroundings, request);
  return isRefusal(answer) ? answer.code : 'revised';
}

async function captured(orderId: string): Promise<(bigint | undefined)[]> {
  const told = await bench.published(PaymentSucceededSchema);
  return told.filter((event) => event.orderId === orderId).map((event) => event.amount?.amountMinor);
}

it('is paid by its new amount, also after an attempt by the old one failed', async () => {
  for (const orderId of ['ord_edit_first', 'ord_edit_after']) {
    let amountMinor = 10_000n;
    const surroundings = withOrder(() => amountMinor);
    if (orderId === 'ord_edit_after') await pay(surroundings, orderId, 'tok_declined');
    expect(await revise(orderId, 7_000n)).toBe('revised');
    // Planned by what the order was before: nothing is captured by it.
    expect(await pay(surroundings, orderId, 'tok_ok')).toBe('order_not_payable');
    expect(await captured(orderId)).toEqual([]);
    amountMinor = 7_000n;
    await pay(surroundings, orderId, 'tok_ok');
    expect(await captured(orderId)).toEqual([7_000n]);
    expect(await revise(orderId, 9_000n)).toBe('already_captured');
  }
});

it('is not revised while an attempt is under way, and is when that is over', async () => {
  const surroundings = withOrder(() => 10_000n);
  await pay(surroundings, 'ord_edit_live', 'tok_requires_3ds');
  expect(await revise('ord_edit_live', 7_000n)).toBe('payment_in_progress');
  await cancelIntent(bench.surroundings, { orderId: 'ord_edit_live', because: 'buyer' } as never);
  expect(await revise('ord_edit_live', 7_000n)).toBe('order_not_payable');
});

it('either is edited or is paid by the old amount, whichever comes first', async () => {
  for (let round = 0; round < 12; round += 1) {
    const orderId = `ord_edit_race${round}`;
    const surroundings = withOrder(() => 10_000n);
    const [paid, revised] = await Promise.all([pay(surroundings, orderId, 'tok_ok'), revise(orderId, 7_000n)]);
    const minor = await captured(orderId);
    if (revised === 'revised') expect([paid, minor]).toEqual(['order_not_payable', []]);
    else {
      expect(['payment_in_progress', 'already_captured']).toContain(revised);
      expect(minor).toEqual([10_000n]);
    }
  }
});

it('of nobody is not found', async () => {
  const surroundings: PaymentsSurroundings = {
    ...bench.surroundings,
    orders: { getOrderForPayment: async () => refuse('not_found', 'none') },
  };
  expect(await pay(surroundings, 'ord_edit_none', 'tok_ok')).toBe('not_found');
});
