/** The score of payments, and what a draft of it would have decided. */
import { queryOptions } from '@tanstack/react-query';
import type { ScoringDraft } from '../lib/risk-scoring.ts';
import { call } from './client.ts';
import type { GetRiskScoringResponse, PutRiskScoringResponse, TryRiskScoringResponse } from './types.ts';

export const riskScoringQuery = queryOptions({
  queryKey: ['finance', 'risk-scoring'],
  queryFn: ({ signal }) => call<GetRiskScoringResponse>('GET', '/risk/scoring', { signal }),
  select: (answer) => answer.scoring,
});

/** `version` is the one that was read: when another is in force by then, this is refused `stale_etag`. */
export const putRiskScoring = (version: number, draft: ScoringDraft) =>
  call<PutRiskScoringResponse>('PUT', '/risk/scoring', { body: { version, ...draft } });

export const tryRiskScoring = (draft: ScoringDraft) =>
  call<TryRiskScoringResponse>('POST', '/risk/scoring:try', { body: draft });
