/** P7: how payers are authenticated: exemptions by law, step-up, and charges without the payer. */
import { create } from '@bufbuild/protobuf';
import { ChargeMandateRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { CreateMandateRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/mandates_pb.ts';
import {
  PaymentFailedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { MethodType } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { authenticationFor } from './authentication.ts';
import { chargeMandate } from './charges.ts';
import { createMandate } from './mandates.ts';
import { type Bench, buyer, contextOf, openBench, paymentOf, statusWord } from './testing.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

it.each([
  ['EUR', 3_000n, 'low_value'],
  ['EUR', 3_001n, 'transaction_risk'],
  ['EUR', 10_000n, 'transaction_risk'],
  ['EUR', 10_001n, 'automatic'],
  ['GBP', 2_500n, 'low_value'],
  ['GBP', 8_501n, 'automatic'],
  ['INR', 1n, 'automatic'],
  ['USD', 1n, 'automatic'],
] as const)(
  'P7: of %s %s minor units the authentication is %s, and never an exemption when the risk is high',
  (currency, amountMinor, expected) => {
    expect(authenticationFor('allow', { currency, amountMinor })).toBe(expected);
    for (const risk of ['challenge', 'review'] as const)
      expect(authenticationFor(risk, { currency, amountMinor })).toBe('challenge');
  },
);

it.each([
  ['ord_eur_low_1', 'exempted', 'low_value', false],
  ['ord_eur_mid_1', 'exempted', 'transaction_risk', false],
  ['ord_eur_1_', 'none', '', false],
  ['ord_inr_low_1', 'none', '', false],
])(
  'P7: the payment of %s is %s %s, and the liability stays with us',
  async (orderId, authentication, exemption, liabilityShifted) => {
    const payment = paymentOf(await bench.pay(orderId, 'tok_ok'));
    expect(statusWord(payment.status)).toBe('succeeded');
    expect(payment.card).toMatchObject({ authentication, exemption, liabilityShifted });
  },
);

it('P7: a frictionless payment and a challenge that was passed shift the liability', async () => {
  const smooth = paymentOf(await bench.pay('ord_smooth', 'tok_3ds_frictionless'));
  expect(smooth.card).toMatchObject({ authentication: 'frictionless', liabilityShifted: true });
  const asked = paymentOf(await bench.pay('ord_asked', 'tok_requires_3ds'));
  const passed = paymentOf(await bench.confirm(asked.id, 'approve'));
  expect(passed.card).toMatchObject({ authentication: 'challenge', liabilityShifted: true });
});

it.each([
  ['approve', 'succeeded'],
  ['reject', 'failed'],
])(
  'P7: an exemption that the bank declines softly is stepped up in the same request; %s ends %s',
  async (response, status) => {
    const orderId = `ord_eur_low_${response}`;
    const asked = paymentOf(await bench.pay(orderId, 'tok_soft_decline'));
    expect(statusWord(asked.status)).toBe('requires_action');
    // Nobody hears of the first try: the request went on.
    const failures = async () =>
      (await bench.published(PaymentFailedSchema)).filter((event) => event.orderId === orderId);
    expect(await failures()).toHaveLength(0);
    const answered = paymentOf(await bench.confirm(asked.id, response));
    expect(statusWord(answered.status)).toBe(status);
    if (status === 'succeeded') expect(answered.card).toMatchObject({ authentication: 'challenge', exemption: '' });
    expect(await failures()).toHaveLength(status === 'failed' ? 1 : 0);
    const tries = await bench.sql.query(`SELECT 1 FROM attempts WHERE order_id = '${orderId}'`);
    expect(tries).toHaveLength(2);
  },
);

it('P7: a charge without the payer is exempted as merchant initiated', async () => {
  const request = create(CreateMandateRequestSchema, {
    method: { type: MethodType.CARD, token: 'tok_ok' },
    amountMax: { currency: 'EUR', amountMinor: 100_000n },
  });
  const made = await createMandate(bench.surroundings, request, contextOf(buyer, 'mit'));
  const mandateId = isRefusal(made) ? made.code : (made.mandate?.id ?? '');
  const charge = create(ChargeMandateRequestSchema, { orderId: 'ord_eur_mit', mandateId, try: 1 });
  const answer = await chargeMandate(bench.surroundings, charge, contextOf('', ''));
  const payment = await bench.payment(isRefusal(answer) ? answer.code : answer.paymentId);
  expect(payment.card).toMatchObject({
    authentication: 'exempted',
    exemption: 'merchant_initiated',
    liabilityShifted: false,
  });
  const told = await bench.published(PaymentSucceededSchema);
  expect(told.filter(({ orderId }) => orderId === 'ord_eur_mit')).toHaveLength(1);
});
