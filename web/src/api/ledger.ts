/** The books, for finance; and what an instructor earned. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import type { CurrencyBalance, Earning, Entry, Money } from './types.ts';

export interface TrialBalance {
  readonly currencies: CurrencyBalance[];
  readonly at?: string;
  readonly sequence?: string | number;
}

/** `at`: RFC 3339; '' for now. */
export const trialBalanceQuery = (at: string) =>
  queryOptions({
    queryKey: ['trial-balance', at],
    queryFn: ({ signal }) => call<TrialBalance>('GET', `/ledger/trial-balance${query({ at })}`, { signal }),
  });

export interface EntriesPage {
  readonly entries: Entry[];
  readonly nextPageToken?: string;
}

export const entriesQuery = (asked: { reference?: string | undefined; account?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['entries', asked],
    queryFn: ({ signal, pageParam }) =>
      call<EntriesPage>('GET', `/ledger/entries${query({ ...asked, pageToken: pageParam })}`, { signal }),
    initialPageParam: '',
    getNextPageParam: (last: EntriesPage) => last.nextPageToken || undefined,
  });

export interface EarningsPage {
  readonly earnings: Earning[];
  readonly balance?: Money;
  readonly balances?: Money[];
  readonly nextPageToken?: string;
}

export const earningsQuery = infiniteQueryOptions({
  queryKey: ['earnings'],
  queryFn: ({ signal, pageParam }) =>
    call<EarningsPage>('GET', `/instructors/me/earnings${query({ pageSize: 50, pageToken: pageParam })}`, { signal }),
  initialPageParam: '',
  getNextPageParam: (last: EarningsPage) => last.nextPageToken || undefined,
});
