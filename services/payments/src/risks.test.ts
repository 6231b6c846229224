import { create } from '@bufbuild/protobuf';
import {
  AddBlockRequestSchema,
  ListRiskDecisionsRequestSchema,
  PutRiskRuleRequestSchema,
  RiskCounted,
  RiskDimension,
  RiskOutcome,
} from '@suuupra/contracts/gen/suuupra/payments/v1/risk_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { expect, it } from 'vitest';
import { addBlock, listRiskDecisions, putRiskRule } from './risks.ts';
import { type Bench, buyer, openBench, outcomeOf, paymentOf } from './testing.ts';

async function rule(own: Bench, counted: RiskCounted, countMax: number, outcome: RiskOutcome) {
  const dimension = RiskDimension.CUSTOMER;
  const fields = { name: `r-${outcome}`, enabled: true, dimension, counted, countMax, windowSeconds: 3_600, outcome };
  expect(isRefusal(await putRiskRule(own.surroundings, create(PutRiskRuleRequestSchema, fields)))).toBe(false);
}

it('P12: velocity challenges, holds for review, then blocks, and every decision is kept with its counts', async () => {
  const own = await openBench();
  await rule(own, RiskCounted.FAILURES, 0, RiskOutcome.CHALLENGE);
  await rule(own, RiskCounted.FAILURES, 1, RiskOutcome.REVIEW);
  await rule(own, RiskCounted.FAILURES, 2, RiskOutcome.BLOCK);
  expect(outcomeOf(await own.pay('ord_r1', 'tok_declined'))).toBe('failed');
  expect(outcomeOf(await own.pay('ord_r2', 'tok_ok'))).toBe('requires_action');
  expect(outcomeOf(await own.pay('ord_r3', 'tok_declined'))).toBe('failed');
  const reviewed = paymentOf(await own.pay('ord_r4', 'tok_ok'));
  expect(outcomeOf(await own.confirm(reviewed.id, 'approve'))).toBe('requires_capture');
  expect(outcomeOf(await own.pay('ord_r5', 'tok_declined'))).toBe('failed');
  expect(outcomeOf(await own.pay('ord_r6', 'tok_ok'))).toBe('payment_blocked');
  const listed = await listRiskDecisions(own.surroundings, create(ListRiskDecisionsRequestSchema, {}));
  if (isRefusal(listed)) throw new Error(listed.code);
  expect(listed.decisions).toHaveLength(6);
  expect(listed.decisions[0]).toMatchObject({ orderId: 'ord_r6', paymentId: '', outcome: RiskOutcome.BLOCK });
  expect(listed.decisions[0]?.findings.map(({ count }) => count)).toEqual([3, 3, 3]);
  await own.close();
});

it('P12: a blocked customer pays nothing, and the value itself is kept nowhere', async () => {
  const own = await openBench();
  const request = { dimension: RiskDimension.CUSTOMER, value: buyer, reason: 'test' };
  const made = await addBlock(own.surroundings, create(AddBlockRequestSchema, request));
  expect(JSON.stringify(made, (_, value) => (typeof value === 'bigint' ? '' : value))).not.toContain(buyer);
  expect(outcomeOf(await own.pay('ord_blocked', 'tok_ok'))).toBe('payment_blocked');
  const rows = await own.sql.query('SELECT * FROM risk_blocks');
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain(buyer);
  await own.close();
});
