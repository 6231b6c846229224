/** Refunds across all orders, for finance; money that came too late and went back by itself is among them. */
import { infiniteQueryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import type { ListRefundsResponse, RefundCaseStatus } from './types.ts';

export interface RefundsAsked {
  readonly status?: RefundCaseStatus | undefined;
  readonly orderId?: string | undefined;
  /** RFC 3339: asked for from this time on, and before that one. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
}

/** Newest first. */
export const refundsQuery = (asked: RefundsAsked) =>
  infiniteQueryOptions({
    queryKey: ['finance', 'refunds', asked],
    queryFn: ({ signal, pageParam }) =>
      call<ListRefundsResponse>('GET', `/refunds${query({ ...asked, pageToken: pageParam })}`, { signal }),
    initialPageParam: '',
    getNextPageParam: (last: ListRefundsResponse) => last.nextPageToken || undefined,
  });
