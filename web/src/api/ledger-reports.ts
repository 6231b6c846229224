/** Accounts and their statements, periods, and adjustments by two people. */
import { queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type {
  Adjustment,
  AdjustmentStatus,
  AdjustmentTransferInput,
  ClosePeriodResponse,
  GetAccountResponse,
  GetPeriodResponse,
  GetStatementResponse,
  ListAccountsResponse,
  ListAdjustmentsResponse,
  ListPeriodsResponse,
  TimeBasis,
} from './types.ts';

const enc = encodeURIComponent;

export const accountsQuery = (asked: { parent?: string | undefined; currency?: string | undefined }) =>
  listQuery<ListAccountsResponse>(['finance', 'accounts', asked], '/ledger/accounts', asked);

export const accountQuery = ({ code, currency }: { code: string; currency: string }) =>
  queryOptions({
    queryKey: ['finance', 'account', code, currency],
    queryFn: ({ signal }) =>
      call<GetAccountResponse>('GET', `/ledger/accounts/${enc(code)}/${enc(currency)}`, { signal }),
  });

export interface StatementAsked {
  readonly code: string;
  readonly currency: string;
  /** RFC 3339; absent: from the beginning, until now. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly basis?: TimeBasis | undefined;
}

export const accountStatementQuery = ({ code, currency, ...asked }: StatementAsked) =>
  listQuery<GetStatementResponse>(
    ['finance', 'account-statement', code, currency, asked],
    `/ledger/accounts/${enc(code)}/${enc(currency)}/statement`,
    { ...asked },
  );

/** By when it happened; `account` is one account code. */
export const generalLedgerPath = (asked: { from?: string | undefined; to?: string | undefined; account?: string }) =>
  `/api/v1/ledger/general-ledger.csv${query(asked)}`;

export const periodsQuery = listQuery<ListPeriodsResponse>(['finance', 'periods'], '/ledger/periods');

export const periodQuery = (number: string) =>
  queryOptions({
    queryKey: ['finance', 'period', number],
    queryFn: ({ signal }) => call<GetPeriodResponse>('GET', `/ledger/periods/${enc(number)}`, { signal }),
  });

export const closePeriod = (body: { until: string; note: string }) =>
  withIntent(`period.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<ClosePeriodResponse>('POST', '/ledger/periods:close', { body, idempotencyKey }),
  );

export const adjustmentsQuery = (asked: { status?: AdjustmentStatus | undefined }) =>
  listQuery<ListAdjustmentsResponse>(['finance', 'adjustments', asked], '/ledger/adjustments', asked);

export interface AdjustmentAsked {
  readonly currency: string;
  readonly reference: string;
  readonly reason: string;
  /** Either transfers, or the journal to reverse. */
  readonly transfers?: readonly AdjustmentTransferInput[];
  readonly reversesJournalId?: string;
}

export const proposeAdjustment = (body: AdjustmentAsked) =>
  withIntent(`adjustment.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ adjustment: Adjustment }>('POST', '/ledger/adjustments', { body, idempotencyKey }),
  );

export const approveAdjustment = (id: string, note: string) =>
  withIntent(`adjustment.${id}.approve.${note}`, (idempotencyKey) =>
    call<{ adjustment: Adjustment }>('POST', `/ledger/adjustments/${enc(id)}:approve`, {
      body: { note },
      idempotencyKey,
    }),
  );

export const rejectAdjustment = (id: string, note: string) =>
  call<{ adjustment: Adjustment }>('POST', `/ledger/adjustments/${enc(id)}:reject`, { body: { note } });
