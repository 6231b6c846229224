/** The score of payments as finance sets it: versions, and what a draft would have decided. */

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type PutRiskScoringRequest,
  RiskCounted,
  type RiskFactor as RiskFactorMessage,
  RiskMeasure as RiskMeasureNumber,
  type TryRiskScoringRequest,
} from '@suuupra/contracts/gen/suuupra/payments/v1/risk_pb.ts';
import { decimalsOf } from '@suuupra/platform/money';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { gravest, type Judgement, type RiskOutcome } from './risk.ts';
import { keyOf, type RiskFactor, type RiskMeasure, type RiskScoring, scoreOf, scoringAtFirst } from './risk-score.ts';
import { dimensionNumbers, dimensionWords } from './risks.ts';
import type { PaymentsSurroundings } from './surroundings.ts';

/** Decisions that a draft is tried on, of each shard. */
export const triedMax = 1_000;

const measures: Readonly<Record<RiskMeasure, RiskMeasureNumber>> = {
  count: RiskMeasureNumber.COUNT,
  distinct: RiskMeasureNumber.DISTINCT,
  unseen: RiskMeasureNumber.UNSEEN,
  amount: RiskMeasureNumber.AMOUNT,
  above_usual: RiskMeasureNumber.ABOVE_USUAL,
};

function scoringMessage(scoring: RiskScoring) {
  const { version, factors, challengeFrom, reviewFrom, blockFrom } = scoring;
  return {
    version,
    factors: factors.map((factor) => ({
      ...factor,
      measure: measures[factor.measure],
      dimension: dimensionNumbers[factor.dimension],
      distinct: dimensionNumbers[factor.distinct],
      counted: factor.counted === 'failures' ? RiskCounted.FAILURES : RiskCounted.ATTEMPTS,
      above: BigInt(factor.above),
    })),
    challengeFrom,
    reviewFrom,
    blockFrom,
    ...(version === 0 ? {} : { setAt: timestampFromMs(scoring.setAtMs) }),
  };
}

export async function getRiskScoring({ risk, sql }: PaymentsSurroundings) {
  return { scoring: scoringMessage((await risk.scoring(sql)) ?? scoringAtFirst) };
}

export async function putRiskScoring(
  { risk, sql, world }: PaymentsSurroundings,
  request: PutRiskScoringRequest,
  context: CallContext,
) {
  const inForce = (await risk.scoring(sql))?.version ?? 0;
  if (request.version !== inForce) return stale(inForce);
  const draft = readScoring(request);
  if (isRefusal(draft)) return draft;
  const next: RiskScoring = { ...draft, version: inForce + 1, setAtMs: world.now() };
  const by = context.principal.kind === 'user' ? context.principal.userId : '';
  if (!(await risk.putScoring(sql, next, by))) return stale(next.version);
  return { scoring: scoringMessage(next) };
}

function stale(version: number): Refusal {
  return refuse('stale_etag', `The scoring is at version ${version} now; read it again.`);
}

type Draft = Pick<PutRiskScoringRequest, 'factors' | 'challengeFrom' | 'reviewFrom' | 'blockFrom'>;

function readScoring({ factors: given, challengeFrom, reviewFrom, blockFrom }: Draft): RiskScoring | Refusal {
  const rising = [challengeFrom, reviewFrom, blockFrom].filter((from) => from > 0);
  if (rising.some((from, index) => index > 0 && from <= (rising[index - 1] ?? 0)))
    return refuse('risk_scoring_invalid', 'A graver outcome needs a higher score: challenge, then review, then block.');
  if (new Set(given.map(({ name }) => name)).size < given.length)
    return refuse('risk_scoring_invalid', 'Two factors have one name.');
  const factors: RiskFactor[] = [];
  for (const each of given) {
    const factor = readFactor(each);
    if (isRefusal(factor)) return factor;
    factors.push(factor);
  }
  if (new Set(factors.map(keyOf)).size < factors.length)
    return refuse('risk_scoring_invalid', 'Two factors measure the same; put their points into one.');
  return { version: 0, factors, challengeFrom, reviewFrom, blockFrom, setAtMs: 0 };
}

function readFactor(given: RiskFactorMessage): RiskFactor | Refusal {
  const measure = (Object.keys(measures) as RiskMeasure[]).find((word) => measures[word] === given.measure);
  const wrong = measure === undefined ? 'has no measure' : whatIsWrong(measure, given);
  if (measure === undefined || wrong !== undefined)
    return refuse('risk_scoring_invalid', `The factor ${given.name} ${wrong}.`);
  return {
    name: given.name,
    measure,
    dimension: dimensionWords[given.dimension] ?? 'customer',
    counted: given.counted === RiskCounted.FAILURES ? 'failures' : 'attempts',
    distinct: dimensionWords[given.distinct] ?? 'customer',
    windowSeconds: given.windowSeconds,
    above: given.above.toString(),
    currency: measure === 'amount' ? given.currency : '',
    points: given.points,
    pointsMax: given.pointsMax,
  };
}

function whatIsWrong(measure: RiskMeasure, given: RiskFactorMessage): string | undefined {
  if (given.points === 0) return 'adds and takes no points';
  if (measure === 'amount')
    return decimalsOf(given.currency) === undefined ? `has no currency of ISO 4217: "${given.currency}"` : undefined;
  if (measure === 'above_usual') return undefined;
  const dimension = dimensionWords[given.dimension];
  if (dimension === undefined) return 'has no dimension';
  if (given.windowSeconds === 0) return 'has no window';
  const distinct = dimensionWords[given.distinct];
  if (measure === 'distinct' && (distinct === undefined || distinct === dimension))
    return 'needs another dimension whose values it counts';
  return undefined;
}

export interface Tried {
  readonly decisions: number;
  readonly before: Readonly<Record<RiskOutcome, number>>;
  readonly after: Readonly<Record<RiskOutcome, number>>;
  /** Payments that succeeded, were let through, and would have been held or blocked. */
  readonly turnedAway: number;
  /** Factors of the draft that no decision measured. */
  readonly unmeasured: ReadonlySet<string>;
}

const nothing: Readonly<Record<RiskOutcome, number>> = { allow: 0, challenge: 0, review: 0, block: 0 };

/** What the draft would have decided on what was measured then, with the rules' findings as they were. Pure. */
export function replay(draft: RiskScoring, judged: readonly (Judgement & { readonly status: string })[]): Tried {
  const [before, after] = [{ ...nothing }, { ...nothing }];
  const measuredOnce = new Set<string>();
  let turnedAway = 0;
  for (const { outcome, findings, contributions, status } of judged) {
    const measured = new Map(contributions.map(({ key, measured: value }) => [key, BigInt(value)]));
    for (const key of measured.keys()) measuredOnce.add(key);
    const byRules = findings.filter(({ rule }) => rule !== 'score').map((finding) => finding.outcome);
    const now = gravest([...byRules, scoreOf(draft, measured).outcome]);
    before[outcome] += 1;
    after[now] += 1;
    const isStopped = (each: RiskOutcome) => each === 'review' || each === 'block';
    if (status === 'succeeded' && isStopped(now) && !isStopped(outcome)) turnedAway += 1;
  }
  const unmeasured = draft.factors.filter((factor) => !measuredOnce.has(keyOf(factor))).map(({ name }) => name);
  return { decisions: judged.length, before, after, turnedAway, unmeasured: new Set(unmeasured) };
}

/** Of one shard. */
export async function tryRiskScoring({ risk, sql }: PaymentsSurroundings, request: TryRiskScoringRequest) {
  const draft = readScoring(request);
  return isRefusal(draft) ? draft : replay(draft, await risk.judgements(sql, triedMax));
}

/** The sums over all shards, or the refusal of one: all were given the same draft. */
export function triedMessage(answers: readonly (Tried | Refusal)[]) {
  const refused = answers.find(isRefusal);
  if (refused !== undefined) return refused;
  const parts = answers.filter((each): each is Tried => !isRefusal(each));
  const sum = (of: (part: Tried) => number) => parts.reduce((total, part) => total + of(part), 0);
  const outcomes = (of: (part: Tried) => Tried['before']) => ({
    allow: sum((part) => of(part).allow),
    challenge: sum((part) => of(part).challenge),
    review: sum((part) => of(part).review),
    block: sum((part) => of(part).block),
  });
  const [first, ...others] = parts;
  const unmeasured = [...(first?.unmeasured ?? [])].filter((name) => others.every((part) => part.unmeasured.has(name)));
  return {
    decisions: sum(({ decisions }) => decisions),
    before: outcomes(({ before }) => before),
    after: outcomes(({ after }) => after),
    turnedAway: sum(({ turnedAway }) => turnedAway),
    unmeasured,
  };
}
