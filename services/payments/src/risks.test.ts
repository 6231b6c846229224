import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  AddBlockRequestSchema,
  ListRiskDecisionsRequestSchema,
  PutRiskRuleRequestSchema,
  PutRiskScoringRequestSchema,
  RiskCounted,
  RiskDimension,
  RiskMeasure,
  RiskOutcome,
  TryRiskScoringRequestSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/risk_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { expect, it } from 'vitest';
import { addBlock, listRiskDecisions, putRiskRule } from './risks.ts';
import { getRiskScoring, putRiskScoring, triedMessage, tryRiskScoring } from './scorings.ts';
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

const finance = { principal: { kind: 'user', userId: 'usr_finance', roles: ['finance'], sessionId: 's' } } as never;

type Scoring = MessageInitShape<typeof PutRiskScoringRequestSchema>;
const failures = {
  ...{ name: 'failures', measure: RiskMeasure.COUNT, dimension: RiskDimension.CUSTOMER },
  ...{ counted: RiskCounted.FAILURES, windowSeconds: 3_600, points: 30 },
};

function putScoring(own: Bench, fields: Scoring) {
  return putRiskScoring(own.surroundings, create(PutRiskScoringRequestSchema, fields), finance);
}

async function decisionsOf(own: Bench, orderId: string) {
  const listed = await listRiskDecisions(own.surroundings, create(ListRiskDecisionsRequestSchema, { orderId }));
  if (isRefusal(listed)) throw new Error(listed.code);
  return listed.decisions;
}

it('P12: a score challenges, holds for review, then blocks, and says of what it was made', async () => {
  const own = await openBench();
  const fields = { factors: [failures], challengeFrom: 30, reviewFrom: 60, blockFrom: 90 };
  expect(isRefusal(await putScoring(own, fields))).toBe(false);
  expect(outcomeOf(await own.pay('ord_s1', 'tok_declined'))).toBe('failed');
  expect(outcomeOf(await own.pay('ord_s2', 'tok_ok'))).toBe('requires_action');
  expect(outcomeOf(await own.pay('ord_s3', 'tok_declined'))).toBe('failed');
  const reviewed = paymentOf(await own.pay('ord_s4', 'tok_ok'));
  expect(outcomeOf(await own.confirm(reviewed.id, 'approve'))).toBe('requires_capture');
  expect(outcomeOf(await own.pay('ord_s5', 'tok_declined'))).toBe('failed');
  expect(outcomeOf(await own.pay('ord_s6', 'tok_ok'))).toBe('payment_blocked');
  expect(await decisionsOf(own, 'ord_s6')).toMatchObject([
    {
      ...{ outcome: RiskOutcome.BLOCK, score: 90, scoringVersion: 1 },
      findings: [{ rule: 'score', dimension: RiskDimension.UNSPECIFIED, count: 90 }],
      contributions: [{ factor: 'failures', measured: 3n, points: 90 }],
    },
  ]);
  expect(await decisionsOf(own, 'ord_s4')).toMatchObject([{ outcome: RiskOutcome.REVIEW, score: 60 }]);
  // What it would have been with half the points, changing nothing.
  const draft = create(TryRiskScoringRequestSchema, { ...fields, factors: [{ ...failures, points: 15 }] });
  const tried = triedMessage([await tryRiskScoring(own.surroundings, draft)]);
  expect(tried).toMatchObject({
    decisions: 6,
    before: { allow: 1, challenge: 2, review: 2, block: 1 },
    after: { allow: 3, challenge: 3, review: 0, block: 0 },
    unmeasured: [],
  });
  expect(await getRiskScoring(own.surroundings)).toMatchObject({ scoring: { version: 1, blockFrom: 90 } });
  await own.close();
});

it('P12: at first payments are scored and nobody is turned away for it', async () => {
  const own = await openBench();
  expect(await getRiskScoring(own.surroundings)).toMatchObject({ scoring: { version: 0, challengeFrom: 0 } });
  for (let number = 0; number < 5; number += 1)
    expect(outcomeOf(await own.pay(`ord_first${number}`, 'tok_declined'))).toBe('failed');
  expect(outcomeOf(await own.pay('ord_first', 'tok_ok'))).toBe('succeeded');
  const [decision] = await decisionsOf(own, 'ord_first');
  expect(decision).toMatchObject({ outcome: RiskOutcome.ALLOW, findings: [], scoringVersion: 0 });
  expect(decision?.score).toBeGreaterThan(20);
  expect(decision?.contributions.map(({ factor }) => factor)).toContain('failures-of-the-customer');
  await own.close();
});

it('P12: an amount is held against what is usual for the buyer', async () => {
  const own = await openBench();
  const usual = { name: 'unusual', measure: RiskMeasure.ABOVE_USUAL, above: 99n, points: 40 };
  expect(isRefusal(await putScoring(own, { factors: [usual], challengeFrom: 40 }))).toBe(false);
  for (const id of ['ord_u1', 'ord_u2', 'ord_u3']) expect(outcomeOf(await own.pay(id, 'tok_ok'))).toBe('succeeded');
  // The same amount again is 100 % of the usual one, which is known from the fourth on.
  expect(outcomeOf(await own.pay('ord_u4', 'tok_ok'))).toBe('requires_action');
  expect(await decisionsOf(own, 'ord_u4')).toMatchObject([{ contributions: [{ measured: 100n, points: 40 }] }]);
  await own.close();
});

it.each<[string, Scoring]>([
  ['a graver outcome that comes sooner', { challengeFrom: 50, blockFrom: 50 }],
  ['two factors of one name', { factors: [failures, { ...failures, windowSeconds: 60 }] }],
  ['two factors of one measure', { factors: [failures, { ...failures, name: 'again' }] }],
  ['no points', { factors: [{ ...failures, points: 0 }] }],
  ['no window', { factors: [{ ...failures, windowSeconds: 0 }] }],
  ['no dimension', { factors: [{ ...failures, dimension: RiskDimension.UNSPECIFIED }] }],
  [
    'a dimension counted by itself',
    { factors: [{ ...failures, measure: RiskMeasure.DISTINCT, distinct: failures.dimension }] },
  ],
  ['an amount of no currency', { factors: [{ ...failures, measure: RiskMeasure.AMOUNT, currency: 'XXZ' }] }],
])('P12: a scoring with %s is refused, and a stale one', async (_, fields) => {
  const own = await openBench();
  expect(await putScoring(own, fields)).toMatchObject({ code: 'risk_scoring_invalid' });
  const tried = await tryRiskScoring(own.surroundings, create(TryRiskScoringRequestSchema, { ...fields } as never));
  expect(tried).toMatchObject({ code: 'risk_scoring_invalid' });
  expect(await putScoring(own, { version: 4 })).toMatchObject({ code: 'stale_etag' });
  expect(await own.surroundings.risk.scoring(own.sql)).toBeUndefined();
  await own.close();
});
