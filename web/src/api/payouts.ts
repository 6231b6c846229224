/** What an instructor is paid, where, and how it was reckoned. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type {
  GetMyStatementResponse,
  GetMyTaxProfileResponse,
  ListMyPayoutAccountsResponse,
  ListMyPayoutsResponse,
  ListMyStatementsResponse,
  PayoutAccount,
  RequestInstantPayoutResponse,
  TaxProfile,
} from './types.ts';

const me = '/instructors/me';
const enc = encodeURIComponent;

export const myPayoutsQuery = listQuery<ListMyPayoutsResponse>(['my-payouts'], `${me}/payouts`);

export const payoutAccountsQuery = queryOptions({
  queryKey: ['payout-accounts'],
  queryFn: ({ signal }) => call<ListMyPayoutAccountsResponse>('GET', `${me}/payout-accounts`, { signal }),
});

/** Once a day in each currency; the same wish, sent again, is the same payout. */
export const requestInstantPayout = (currency: string) =>
  withIntent(`instant-payout.${currency}`, (idempotencyKey) =>
    call<RequestInstantPayoutResponse>('POST', `${me}/payouts:instant`, { body: { currency }, idempotencyKey }),
  );

export interface AccountFields {
  readonly method: string;
  readonly holderName: string;
  readonly accountNumber?: string;
  readonly ifsc?: string;
  readonly vpa?: string;
  readonly bic?: string;
}

export const setPayoutAccount = (currency: string, body: AccountFields) =>
  call<{ account: PayoutAccount }>('PUT', `${me}/payout-accounts/${enc(currency)}`, { body });

export const taxProfileQuery = queryOptions({
  queryKey: ['tax-profile'],
  queryFn: ({ signal }) => call<GetMyTaxProfileResponse>('GET', `${me}/tax-profile`, { signal }),
});

export const setTaxProfile = (body: { pan: string; resident: boolean; gstin: string }) =>
  call<{ profile: TaxProfile }>('PUT', `${me}/tax-profile`, { body });

export const statementsQuery = listQuery<ListMyStatementsResponse>(['statements'], `${me}/statements`);

export const statementQuery = (id: string) =>
  listQuery<GetMyStatementResponse>(['statement', id], `${me}/statements/${enc(id)}`, { pageSize: 100 });

export const statementCsvPath = (id: string) => `/api/v1${me}/statements/${enc(id)}/csv`;
