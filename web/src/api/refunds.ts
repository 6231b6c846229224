/** Refunds across all orders, for finance; money that came too late and went back by itself is among them. */
import { infiniteQueryOptions } from '@tanstack/react-query';
import { reachesBefore } from '../lib/asked-within.ts';
import { call, query } from './client.ts';
import type { ListRefundsResponse, RefundCaseStatus } from './types.ts';

export interface RefundsAsked {
  readonly status?: RefundCaseStatus | undefined;
  readonly orderId?: string | undefined;
  /** RFC 3339. The list is read no further back; what was asked for earlier may still stand on its last page. */
  readonly from?: string | undefined;
}

/** As large as the platform gives: days are looked for in it. */
const pageSize = 100;

/** Newest first. */
export const refundsQuery = ({ from, ...asked }: RefundsAsked) =>
  infiniteQueryOptions({
    queryKey: ['finance', 'refunds', asked, from],
    queryFn: ({ signal, pageParam }) =>
      call<ListRefundsResponse>('GET', `/refunds${query({ ...asked, pageSize, pageToken: pageParam })}`, { signal }),
    initialPageParam: '',
    getNextPageParam: (last: ListRefundsResponse) =>
      reachesBefore(last.refunds, from) ? undefined : last.nextPageToken || undefined,
  });
