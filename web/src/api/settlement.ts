/** Files of providers and the bank held against the book, and what is paid out: for finance. */
import { queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type {
  GetReconciliationResponse,
  GetSettlementFileResponse,
  ListBreaksResponse,
  ListExpectationsResponse,
  ListFileLinesResponse,
  ListMatchRulesResponse,
  ListPayoutBatchesResponse,
  ListPayoutsResponse,
  ListSettlementBatchesResponse,
  ListSettlementFilesResponse,
  ListSettlementRunsResponse,
  MakeBankStatementsResponse,
  MatchManuallyResponse,
  MatchRule,
  PayoutBatch,
  ReconciliationBreak,
  SetMatchRuleResponse,
  SettlementFile,
  SettlementRun,
  TryMatchRulesResponse,
} from './types.ts';

const at = '/settlement';
const enc = encodeURIComponent;

export const reconciliationQuery = queryOptions({
  queryKey: ['finance', 'reconciliation'],
  queryFn: ({ signal }) => call<GetReconciliationResponse>('GET', `${at}/reconciliation`, { signal }),
});

export const fileFormats = ['settlement_csv', 'settlement_tsv', 'camt053', 'mt940', 'npci_csv'] as const;

export const filesQuery = (asked: { status?: string | undefined }) =>
  listQuery<ListSettlementFilesResponse>(['finance', 'files', asked], `${at}/files`, asked);

export const fileQuery = (id: string) =>
  queryOptions({
    queryKey: ['finance', 'file', id],
    queryFn: ({ signal }) => call<GetSettlementFileResponse>('GET', `${at}/files/${enc(id)}`, { signal }),
  });

export const fileLinesQuery = (id: string) =>
  listQuery<ListFileLinesResponse>(['finance', 'file-lines', id], `${at}/files/${enc(id)}/lines`);

/** The bytes as they are; the same ones twice are refused. It is read afterwards: ask for its state. */
export const uploadFile = (file: File, format: string) =>
  call<{ file: Pick<SettlementFile, 'id'> }>('POST', `${at}/files${query({ format, name: file.name.slice(0, 200) })}`, {
    body: file,
  });

export const discardFile = (id: string) =>
  call<{ file: SettlementFile }>('POST', `${at}/files/${enc(id)}:discard`, { body: {} });

export const expectationsQuery = (asked: {
  state?: string | undefined;
  side?: string | undefined;
  reference?: string | undefined;
}) => listQuery<ListExpectationsResponse>(['finance', 'expectations', asked], `${at}/expectations`, asked);

export interface BreaksAsked {
  readonly status?: string | undefined;
  readonly type?: string | undefined;
  readonly age?: string | undefined;
  readonly ownerId?: string | undefined;
}

export const breaksQuery = (asked: BreaksAsked) =>
  listQuery<ListBreaksResponse>(['finance', 'breaks', asked], `${at}/breaks`, { ...asked });

export const breakQuery = (id: string) =>
  queryOptions({
    queryKey: ['finance', 'break', id],
    queryFn: ({ signal }) => call<{ break: ReconciliationBreak }>('GET', `${at}/breaks/${enc(id)}`, { signal }),
    select: (answer) => answer.break,
  });

export const assignBreak = (id: string, ownerId: string) =>
  call<{ break: ReconciliationBreak }>('POST', `${at}/breaks/${enc(id)}:assign`, { body: { ownerId } });

export type BreakAct = 'note' | 'request-write-off' | 'approve-write-off' | 'reject-write-off';

export const actOnBreak = (id: string, act: BreakAct, note: string) =>
  withIntent(`break.${id}.${act}.${note}`, (idempotencyKey) =>
    call<{ break: ReconciliationBreak }>('POST', `${at}/breaks/${enc(id)}:${act}`, { body: { note }, idempotencyKey }),
  );

export interface MatchAsked {
  readonly lineIds: readonly string[];
  readonly expectationIds: readonly string[];
  readonly note: string;
}

export const matchManually = (body: MatchAsked) =>
  withIntent(`match.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<MatchManuallyResponse>('POST', `${at}/matches`, { body, idempotencyKey }),
  );

export const matchRulesQuery = queryOptions({
  queryKey: ['finance', 'match-rules'],
  queryFn: ({ signal }) => call<ListMatchRulesResponse>('GET', `${at}/rules`, { signal }),
});

/** One that tolerates a difference is asked for, and in force when another person sets the same. */
export const setMatchRule = (rule: MatchRule) =>
  call<SetMatchRuleResponse>('PUT', `${at}/rules/${enc(rule.id)}`, { body: { rule } });

export const deleteMatchRule = (id: string) => call<unknown>('DELETE', `${at}/rules/${enc(id)}`);

/** The rules in force, tried on what is open. Nothing is changed. */
export const tryMatchRules = (side: string) =>
  call<TryMatchRulesResponse>('POST', `${at}/rules:try`, { body: { side, rules: [] } });

export const runsQuery = listQuery<ListSettlementRunsResponse>(['finance', 'runs'], `${at}/runs`);

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['finance', 'run', id],
    queryFn: ({ signal }) => call<{ run: SettlementRun }>('GET', `${at}/runs/${enc(id)}`, { signal }),
    select: (answer) => answer.run,
  });

export const startRun = () =>
  withIntent('settlement-run', (idempotencyKey) =>
    call<{ run: SettlementRun }>('POST', `${at}/runs`, { body: {}, idempotencyKey }),
  );

export const settlementBatchesQuery = (asked: { runId: string }) =>
  listQuery<ListSettlementBatchesResponse>(['finance', 'settlement-batches', asked], `${at}/batches`, asked);

/** The newest ones of everybody, as many as fit a page. */
export const recentSettlementsQuery = listQuery<ListSettlementBatchesResponse>(
  ['finance', 'settlement-batches', 'recent'],
  `${at}/batches`,
  { pageSize: 100 },
);

export const payoutBatchesQuery = (asked: { status?: string | undefined }) =>
  listQuery<ListPayoutBatchesResponse>(['finance', 'payout-batches', asked], `${at}/payout-batches`, asked);

export const payoutBatchQuery = (id: string) =>
  queryOptions({
    queryKey: ['finance', 'payout-batch', id],
    queryFn: ({ signal }) => call<{ payoutBatch: PayoutBatch }>('GET', `${at}/payout-batches/${enc(id)}`, { signal }),
    select: (answer) => answer.payoutBatch,
  });

export const payoutsQuery = (asked: { payoutBatchId: string }) =>
  listQuery<ListPayoutsResponse>(['finance', 'payouts', asked], `${at}/payouts`, asked);

const actOnBatch = (id: string, act: 'approve' | 'reject' | 'resubmit', body: Readonly<Record<string, string>>) =>
  withIntent(`payout-batch.${id}.${act}.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ payoutBatch: PayoutBatch }>('POST', `${at}/payout-batches/${enc(id)}:${act}`, { body, idempotencyKey }),
  );

/** `fileSha256`: of the pain.001 file that was looked at; when the file is another one, it is refused. */
export const approveBatch = (id: string, fileSha256: string) => actOnBatch(id, 'approve', { fileSha256 });
export const rejectBatch = (id: string, reason: string) => actOnBatch(id, 'reject', { reason });
export const resubmitBatch = (id: string) => actOnBatch(id, 'resubmit', {});

export const payoutFilePath = (id: string, format: string) =>
  `/api/v1${at}/payout-batches/${enc(id)}/files/${enc(format)}`;

/** Only the sandbox bank can be asked. */
export const makeBankStatements = () =>
  withIntent('bank-statements', (idempotencyKey) =>
    call<MakeBankStatementsResponse>('POST', `${at}/sandbox-bank/statements`, { body: {}, idempotencyKey }),
  );
