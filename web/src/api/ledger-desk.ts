/** What finance tells the book: accounts opened, limited, frozen and closed, exchanges, monitors, journals in bulk. */
import type { Limits } from '../lib/account-limits.ts';
import { call, callText } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type {
  Account,
  Adjustment,
  BookJournalsInBulkResponse,
  BulkMode,
  CreateMonitorResponse,
  ExchangeToBookInput,
  ListMonitorsResponse,
  MonitorDirection,
} from './types.ts';

const enc = encodeURIComponent;

export interface AccountName {
  readonly code: string;
  readonly currency: string;
}

export type AccountAct = 'open' | 'freeze' | 'thaw' | 'close' | 'limit';

/** `open` also reopens what was closed. What `limit` leaves out is no limit any more. */
export const changeAccount = (
  { code, currency }: AccountName,
  act: AccountAct,
  reason: string,
  limits: Limits = {},
) => {
  const body = { reason, ...limits };
  return withIntent(`account.${act}.${code}.${currency}.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ account: Account }>('POST', `/ledger/accounts/${enc(code)}/${enc(currency)}:${act}`, {
      body,
      idempotencyKey,
    }),
  );
};

export interface ExchangeAsked {
  /** The sold one. */
  readonly currency: string;
  readonly reference: string;
  readonly reason: string;
  readonly exchange: ExchangeToBookInput;
}

export const proposeExchange = (body: ExchangeAsked) =>
  withIntent(`exchange.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ adjustment: Adjustment }>('POST', '/ledger/exchanges', { body, idempotencyKey }),
  );

export interface RevaluationAsked {
  /** In which it is valued. */
  readonly currency: string;
  readonly until: string;
  readonly rates: readonly { readonly currency: string; readonly rate: string; readonly source: string }[];
  readonly reason: string;
}

export const proposeRevaluation = (body: RevaluationAsked) =>
  withIntent(`revaluation.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ adjustment: Adjustment }>('POST', '/ledger/revaluations', { body, idempotencyKey }),
  );

export const monitorsQuery = listQuery<ListMonitorsResponse>(['finance', 'monitors'], '/ledger/monitors');

export interface MonitorAsked {
  readonly account: string;
  readonly currency: string;
  readonly direction: MonitorDirection;
  readonly thresholdMinor: string;
  readonly hysteresisMinor: string;
}

export const createMonitor = (body: MonitorAsked) =>
  withIntent(`monitor.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<CreateMonitorResponse>('POST', '/ledger/monitors', { body, idempotencyKey }),
  );

/** What would happen; nothing is written. At most a thousand journals. */
export const tryJournals = (asked: { journals: readonly unknown[]; mode: BulkMode }) =>
  call<BookJournalsInBulkResponse>('POST', '/ledger/journals:batch', {
    body: { ...asked, dryRun: true },
    idempotencyKey: crypto.randomUUID(),
  });

/** One result a line: see journal-file.ts. Sent again, what was booked already is answered `duplicate`. */
export const bookJournals = ({ file, mode }: { file: Blob; mode: BulkMode }) =>
  callText('POST', `/ledger/journals:stream?mode=${mode}`, {
    body: new Blob([file], { type: 'application/x-ndjson' }),
  });
