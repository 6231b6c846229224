/** Payers who ask their bank for the money back, for finance. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { listQuery } from './lists.ts';
import type { DisputeCase, DisputeStatus, ListDisputesResponse } from './types.ts';

const one = (id: string) => `/disputes/${encodeURIComponent(id)}`;

export const disputesQuery = (asked: { status?: DisputeStatus | undefined; orderId?: string }) =>
  listQuery<ListDisputesResponse>(['finance', 'disputes', asked], '/disputes', asked);

export const disputeQuery = (id: string) =>
  queryOptions({
    queryKey: ['finance', 'dispute', id],
    queryFn: ({ signal }) => call<{ dispute: DisputeCase }>('GET', one(id), { signal }),
    select: (answer) => answer.dispute,
  });

export const challengeDispute = (id: string, evidence: string) =>
  call<{ dispute: DisputeCase }>('POST', `${one(id)}:challenge`, { body: { evidence } });

export const acceptDispute = (id: string) => call<{ dispute: DisputeCase }>('POST', `${one(id)}:accept`, { body: {} });
