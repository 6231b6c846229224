import { create } from '@bufbuild/protobuf';
import { ChargeMandateRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { CreateMandateRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/mandates_pb.ts';
import {
  MandateChangedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { MethodType } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { expect, it } from 'vitest';
import { chargeMandate } from './charges.ts';
import { changeMandate, createMandate } from './mandates.ts';
import { type Bench, buyer, contextOf, openBench, sandboxTable, statusWord } from './testing.ts';

async function mandateOf(own: Bench, type: MethodType, token = 'tok_ok'): Promise<string> {
  const amountMax = { currency: 'INR', amountMinor: 100_000n };
  const request = create(CreateMandateRequestSchema, { method: { type, token }, amountMax });
  const made = await createMandate(own.surroundings, request, contextOf(buyer, own.world.id('key')));
  if (isRefusal(made)) throw new Error(made.code);
  own.advance(1_500);
  await own.settle();
  return made.mandate?.id ?? '';
}

async function charge(own: Bench, orderId: string, mandateId: string, tryNumber = 1): Promise<string> {
  const request = create(ChargeMandateRequestSchema, { orderId, mandateId, try: tryNumber });
  const answer = await chargeMandate(own.surroundings, request, contextOf('', ''));
  return isRefusal(answer) ? answer.code : statusWord(answer.status);
}

it('M22, P14: a card mandate is charged exactly once for each order and try', async () => {
  const own = await openBench();
  const id = await mandateOf(own, MethodType.CARD);
  expect(await own.published(MandateChangedSchema)).toMatchObject([{ mandateId: id, status: 'active' }]);
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => charge(own, 'ord_renewal', id)));
  expect(outcomes.every((outcome) => outcome === 'succeeded' || outcome === 'processing')).toBe(true);
  expect(await charge(own, 'ord_renewal', id)).toBe('succeeded');
  expect(await charge(own, 'ord_renewal', id, 2)).toBe('order_not_payable');
  expect(await own.published(PaymentSucceededSchema)).toHaveLength(1);
  await changeMandate(own.surroundings, id, { kind: 'pause' }, contextOf(buyer, ''));
  expect(await charge(own, 'ord_paused', id)).toBe('mandate_not_usable');
  await changeMandate(own.surroundings, id, { kind: 'resume' }, contextOf(buyer, ''));
  expect(await charge(own, 'ord_resumed', id)).toBe('succeeded');
  await changeMandate(own.surroundings, id, { kind: 'modify', amountMaxMinor: 100n }, contextOf(buyer, ''));
  expect(await charge(own, 'ord_too_much', id)).toBe('mandate_not_usable');
  await changeMandate(own.surroundings, id, { kind: 'revoke' }, contextOf(buyer, ''));
  expect(await charge(own, 'ord_revoked', id)).toBe('mandate_not_usable');
  const others = await changeMandate(own.surroundings, id, { kind: 'revoke' }, contextOf('usr_ravi', ''));
  expect(others).toMatchObject({ code: 'not_found' });
  await own.close();
});

it('P14: a UPI mandate is charged 24 hours after its payer was told, not before', async () => {
  const own = await openBench();
  const id = await mandateOf(own, MethodType.UPI);
  expect(await charge(own, 'ord_autopay', id)).toBe('processing');
  const [notice] = await own.sql.query<{ told_at: Date; charge_at: Date }>(`SELECT * FROM ${sandboxTable('notices')}`);
  expect((notice?.charge_at.getTime() ?? 0) - (notice?.told_at.getTime() ?? 0)).toBeGreaterThanOrEqual(86_400_000);
  own.advance(23 * 3_600_000);
  await own.settle();
  expect(await own.published(PaymentSucceededSchema)).toHaveLength(0);
  own.advance(2 * 3_600_000);
  await own.settle();
  expect(await own.published(PaymentSucceededSchema)).toHaveLength(1);
  expect(await charge(own, 'ord_autopay', id)).toBe('succeeded');
  await own.close();
});

it('M20, M22: a charge whose answer is lost is asked about and not made twice', async () => {
  const own = await openBench();
  const id = await mandateOf(own, MethodType.CARD, 'tok_ok');
  await own.sql.execute(`UPDATE ${sandboxTable('mandates')} SET token = 'tok_timeout_then_succeeded'`);
  expect(await charge(own, 'ord_lost_charge', id)).toBe('unknown');
  own.advance(2_000);
  await own.settle();
  expect(await charge(own, 'ord_lost_charge', id)).toBe('succeeded');
  expect(await own.published(PaymentSucceededSchema)).toHaveLength(1);
  await own.close();
});
