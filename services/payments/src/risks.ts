/** Judging payments by the rules in force, with every decision kept, and what finance does with rules and blocks. */
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type AddBlockRequest,
  type DeleteRiskRuleRequest,
  type ListBlocksRequest,
  type ListRiskDecisionsRequest,
  type PutRiskRuleRequest,
  type RemoveBlockRequest,
  RiskCounted,
  RiskDimension,
  RiskOutcome as RiskOutcomeNumber,
} from '@suuupra/contracts/gen/suuupra/payments/v1/risk_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { isId, placeOf } from './ids.ts';
import {
  applicable,
  type Dimension,
  decideRisk,
  type Judgement,
  type RiskBlock,
  type RiskOutcome,
  type RiskRule,
  type Signals,
} from './risk.ts';
import {
  type Contribution,
  keyOf,
  type RiskFactor,
  type RiskScoring,
  scoreOf,
  scoringAtFirst,
  usualOf,
} from './risk-score.ts';
import type { CountWish, Paid } from './risk-store.ts';
import { keyedHash, type PaymentsSurroundings } from './surroundings.ts';

const rulesMax = 100;
/** The buyer's last payments that make a usual amount. */
const usualOver = 20;

/** Who pays, as keyed hashes of what is known of them. */
export function signalsOf(
  surroundings: PaymentsSurroundings,
  buyerId: string,
  fingerprint: string,
  context: Pick<CallContext, 'clientAddress' | 'userAgent'>,
): Signals {
  const known: Record<Dimension, string> = {
    customer: buyerId,
    fingerprint,
    address: context.clientAddress,
    device: context.userAgent === '' ? '' : `${context.userAgent}\n${buyerId}`,
  };
  return Object.fromEntries(
    Object.entries(known)
      .filter(([, value]) => value !== '')
      .map(([dimension, value]) => [dimension, keyedHash(surroundings, dimension, value)]),
  );
}

/** Judges a payment before anything is made. */
export async function judge(surroundings: PaymentsSurroundings, signals: Signals, paid: Paid): Promise<Judgement> {
  const { risk, sql, world } = surroundings;
  // Begun together they go to the database together.
  const [blocks, allRules, scoring = scoringAtFirst] = await Promise.all([
    risk.blocksOf(sql, signals, world.now()),
    risk.rules(sql),
    risk.scoring(sql),
  ]);
  const rules = applicable(allRules, signals, paid.amountMinor);
  const factors = scoring.factors.filter((factor) => wishOf(factor, signals, world.now()) !== undefined);
  const wishes = rules.map(({ dimension, counted, windowSeconds }) => ({
    dimension,
    valueHash: signals[dimension] ?? '',
    counted,
    sinceMs: world.now() - windowSeconds * 1_000,
  }));
  const [counts, usual] = await Promise.all([
    risk.counts(sql, [...wishes, ...factors.flatMap((factor) => wishOf(factor, signals, world.now()) ?? [])]),
    usualAmount(surroundings, scoring, signals, paid),
  ]);
  const measured = new Map<string, bigint>([[`amount ${paid.currency}`, paid.amountMinor]]);
  if (usual !== undefined && usual > 0n) measured.set('above_usual', (paid.amountMinor * 100n) / usual);
  for (const [index, factor] of factors.entries())
    measured.set(keyOf(factor), measureOf(factor, counts[rules.length + index] ?? 0));
  const scored = scoreOf(scoring, measured);
  const counted = rules.map((rule, index) => ({ rule, count: counts[index] ?? 0 }));
  const { score, contributions } = scored;
  return { ...decideRisk(blocks, counted, scored), score, contributions, scoringVersion: scoring.version };
}

/** What has to be counted for the factor; undefined when it counts nothing, or of nobody known. */
function wishOf(factor: RiskFactor, signals: Signals, nowMs: number): CountWish | undefined {
  const { measure, dimension, distinct, windowSeconds } = factor;
  const valueHash = signals[dimension];
  const isCounted = measure === 'count' || measure === 'unseen' || measure === 'distinct';
  if (!isCounted || valueHash === undefined) return undefined;
  const counted = measure === 'count' ? factor.counted : 'attempts';
  const wish = { dimension, valueHash, counted, sinceMs: nowMs - windowSeconds * 1_000 };
  if (measure !== 'distinct') return wish;
  const butHash = signals[distinct];
  return butHash === undefined ? undefined : { ...wish, distinct: { dimension: distinct, butHash } };
}

/** The count before this payment as the factor means it. */
function measureOf({ measure, counted }: RiskFactor, count: number): bigint {
  if (measure === 'unseen') return count === 0 ? 1n : 0n;
  return BigInt(measure === 'count' && counted === 'failures' ? count : count + 1);
}

async function usualAmount(
  { risk, sql }: PaymentsSurroundings,
  { factors }: RiskScoring,
  { customer }: Signals,
  { currency }: Paid,
): Promise<bigint | undefined> {
  if (customer === undefined || !factors.some(({ measure }) => measure === 'above_usual')) return undefined;
  return usualOf(await risk.amounts(sql, customer, currency, usualOver));
}

export const dimensionWords: Readonly<Record<number, Dimension>> = {
  [RiskDimension.CUSTOMER]: 'customer',
  [RiskDimension.FINGERPRINT]: 'fingerprint',
  [RiskDimension.ADDRESS]: 'address',
  [RiskDimension.DEVICE]: 'device',
};
export const dimensionNumbers: Readonly<Record<Dimension, RiskDimension>> = {
  customer: RiskDimension.CUSTOMER,
  fingerprint: RiskDimension.FINGERPRINT,
  address: RiskDimension.ADDRESS,
  device: RiskDimension.DEVICE,
};
export const outcomeNumbers: Readonly<Record<RiskOutcome, RiskOutcomeNumber>> = {
  allow: RiskOutcomeNumber.ALLOW,
  challenge: RiskOutcomeNumber.CHALLENGE,
  review: RiskOutcomeNumber.REVIEW,
  block: RiskOutcomeNumber.BLOCK,
};

function outcomeWord(number: RiskOutcomeNumber): RiskOutcome | undefined {
  return (Object.keys(outcomeNumbers) as RiskOutcome[]).find((word) => outcomeNumbers[word] === number);
}

function ruleMessage(rule: RiskRule) {
  return {
    name: rule.name,
    enabled: rule.enabled,
    dimension: dimensionNumbers[rule.dimension],
    counted: rule.counted === 'attempts' ? RiskCounted.ATTEMPTS : RiskCounted.FAILURES,
    countMax: rule.countMax,
    windowSeconds: rule.windowSeconds,
    amountAtLeastMinor: rule.amountAtLeastMinor,
    outcome: outcomeNumbers[rule.outcome],
  };
}

function blockMessage(block: RiskBlock) {
  return {
    id: block.id,
    dimension: dimensionNumbers[block.dimension],
    valueHash: block.valueHash.slice(0, 8),
    reason: block.reason,
    createdAt: timestampFromMs(block.createdAtMs),
    ...(block.untilMs === undefined ? {} : { until: timestampFromMs(block.untilMs) }),
  };
}

function contributionMessage({ factor, measured, points }: Contribution) {
  return { factor, measured: BigInt(measured), points };
}

export async function listRiskRules({ risk, sql }: PaymentsSurroundings) {
  return { rules: (await risk.rules(sql)).map(ruleMessage) };
}

export async function putRiskRule({ risk, sql }: PaymentsSurroundings, request: PutRiskRuleRequest) {
  const dimension = dimensionWords[request.dimension];
  const outcome = outcomeWord(request.outcome);
  if (dimension === undefined || outcome === undefined || outcome === 'allow')
    return refuse('invalid_request', 'A rule has a dimension and an outcome: challenge, review or block.');
  const known = await risk.rules(sql);
  if (known.length >= rulesMax && !known.some((each) => each.name === request.name))
    return refuse('limit_reached', `There are at most ${rulesMax} rules.`);
  const { name, enabled, countMax, windowSeconds, amountAtLeastMinor } = request;
  const counted = request.counted === RiskCounted.FAILURES ? 'failures' : 'attempts';
  const rule: RiskRule = { name, enabled, dimension, counted, countMax, windowSeconds, amountAtLeastMinor, outcome };
  await risk.putRule(sql, rule);
  return { rule: ruleMessage(rule) };
}

export async function deleteRiskRule({ risk, sql }: PaymentsSurroundings, { name }: DeleteRiskRuleRequest) {
  return (await risk.deleteRule(sql, name)) ? {} : refuse('not_found', 'There is no such rule.');
}

export async function listBlocks({ risk, sql }: PaymentsSurroundings, request: ListBlocksRequest) {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const rows = await risk.listBlocks(sql, placeOf(page.after), page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  const nextPageToken = last === undefined ? '' : pageToken([new Date(last.createdAtMs).toISOString(), last.id]);
  return { blocks: shown.map(blockMessage), nextPageToken };
}

export async function addBlock(surroundings: PaymentsSurroundings, request: AddBlockRequest) {
  const { risk, sql, world } = surroundings;
  const dimension = dimensionWords[request.dimension];
  if (dimension === undefined) return refuse('invalid_request', 'Say what is blocked: a dimension.');
  const valueHash = await hashToBlock(surroundings, dimension, request);
  if (isRefusal(valueHash)) return valueHash;
  const untilMs = request.until === undefined ? undefined : timestampMs(request.until);
  const { reason } = request;
  const block: RiskBlock = { id: world.id('blk'), dimension, valueHash, reason, createdAtMs: world.now(), untilMs };
  await risk.addBlock(sql, block);
  return { block: blockMessage(block) };
}

async function hashToBlock(
  surroundings: PaymentsSurroundings,
  dimension: Dimension,
  { value, paymentId }: AddBlockRequest,
): Promise<string | Refusal> {
  if (paymentId === '' && value !== '') return keyedHash(surroundings, dimension, value);
  const signals = isId(paymentId) ? await surroundings.risk.signalsOf(surroundings.sql, paymentId) : {};
  return signals[dimension] ?? refuse('invalid_request', 'Give a value, or a payment that has one in this dimension.');
}

export async function removeBlock({ risk, sql }: PaymentsSurroundings, { id }: RemoveBlockRequest) {
  return (await risk.removeBlock(sql, id)) ? {} : refuse('not_found', 'There is no such block.');
}

export async function listRiskDecisions({ risk, sql }: PaymentsSurroundings, request: ListRiskDecisionsRequest) {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const filter = { orderId: request.orderId, outcome: outcomeWord(request.outcome) };
  const rows = await risk.listDecisions(sql, filter, placeOf(page.after), page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return {
    decisions: shown.map((row) => ({
      id: row.id,
      orderId: row.orderId,
      paymentId: row.attemptId,
      outcome: outcomeNumbers[row.outcome],
      findings: row.findings.map((each) => ({
        rule: each.rule,
        dimension: each.dimension === undefined ? RiskDimension.UNSPECIFIED : dimensionNumbers[each.dimension],
        count: each.count,
        outcome: outcomeNumbers[each.outcome],
      })),
      score: row.score,
      scoringVersion: row.scoringVersion,
      contributions: row.contributions.map(contributionMessage),
      at: timestampFromMs(row.atMs),
    })),
    nextPageToken: last === undefined ? '' : pageToken([new Date(last.atMs).toISOString(), last.id]),
  };
}
