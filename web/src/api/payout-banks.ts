/** Banks that take files: who pays, what is handed over, what comes back; and money moved between instructors. */
import { queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type {
  InstructorTransfer,
  ListInstructorTransfersResponse,
  ListPayoutAnswersResponse,
  ListPayoutBanksResponse,
  ListReportSourcesResponse,
  PayoutAnswer,
  PayoutBank,
  PayoutBatch,
} from './types.ts';

const at = '/settlement';
const enc = encodeURIComponent;

/** `fileSha256`: of the file that was given to the bank; when the platform's is another one, it is refused. */
export const handOverBatch = (id: string, format: string, fileSha256: string) =>
  withIntent(`payout-batch.${id}.hand-over.${format}.${fileSha256}`, (idempotencyKey) =>
    call<{ payoutBatch: PayoutBatch }>('POST', `${at}/payout-batches/${enc(id)}:hand-over`, {
      body: { format, fileSha256 },
      idempotencyKey,
    }),
  );

export const answerFormats = ['pain_002', 'nach_return', 'csv'] as const;

export const payoutAnswersQuery = (batchId: string) =>
  listQuery<ListPayoutAnswersResponse>(
    ['finance', 'payout-answers', batchId],
    `${at}/payout-batches/${enc(batchId)}/answers`,
  );

type AnswerTaken = Pick<PayoutAnswer, 'id' | 'sha256' | 'status' | 'paid' | 'failed' | 'returned' | 'unchanged'>;

/** Taken whole, or refused whole with the line; the same bytes are never taken twice. */
export const uploadAnswer = (batchId: string, file: File, format: string) =>
  call<{ answer: AnswerTaken }>(
    'POST',
    `${at}/payout-batches/${enc(batchId)}/answers${query({ format, name: file.name.slice(0, 200) })}`,
    { body: file },
  );

export const payoutBanksQuery = queryOptions({
  queryKey: ['finance', 'payout-banks'],
  queryFn: ({ signal }) => call<ListPayoutBanksResponse>('GET', `${at}/payout-banks`, { signal }),
  select: (answer) => answer.banks,
});

export interface BankAsked {
  readonly legalEntity: string;
  readonly currency: string;
  readonly name: string;
  readonly debtorName: string;
  readonly accountNumber: string;
  readonly bankCode: string;
}

/** The intent is not named by the account number: names of intents are kept in the browser. */
export const requestBank = (body: BankAsked) =>
  withIntent(`payout-bank.${body.currency}.${body.name}`, (idempotencyKey) =>
    call<{ bank: PayoutBank }>('POST', `${at}/payout-banks`, { body, idempotencyKey }),
  );

export const approveBank = (id: string) =>
  withIntent(`payout-bank.${id}.approve`, (idempotencyKey) =>
    call<{ bank: PayoutBank }>('POST', `${at}/payout-banks/${enc(id)}:approve`, { body: {}, idempotencyKey }),
  );

export const transfersQuery = (asked: { status?: string | undefined }) =>
  listQuery<ListInstructorTransfersResponse>(
    ['finance', 'instructor-transfers', asked],
    `${at}/instructor-transfers`,
    asked,
  );

export interface TransferAsked {
  readonly fromInstructorId: string;
  readonly toInstructorId: string;
  readonly currency: string;
  readonly amountMinor: string;
  readonly reason: string;
}

export const requestTransfer = (body: TransferAsked) =>
  withIntent(`transfer.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ transfer: InstructorTransfer }>('POST', `${at}/instructor-transfers`, { body, idempotencyKey }),
  );

export const reverseTransfer = (id: string, body: { readonly amountMinor: string; readonly reason: string }) =>
  withIntent(`transfer.${id}.reverse.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ transfer: InstructorTransfer }>('POST', `${at}/instructor-transfers/${enc(id)}:reverse`, {
      body,
      idempotencyKey,
    }),
  );

export const decideTransfer = (id: string, act: 'approve' | 'reject') =>
  withIntent(`transfer.${id}.${act}`, (idempotencyKey) =>
    call<{ transfer: InstructorTransfer }>('POST', `${at}/instructor-transfers/${enc(id)}:${act}`, {
      body: {},
      idempotencyKey,
    }),
  );

export const reportSourcesQuery = queryOptions({
  queryKey: ['finance', 'report-sources'],
  queryFn: ({ signal }) => call<ListReportSourcesResponse>('GET', `${at}/report-sources`, { signal }),
  select: (answer) => answer.sources,
});
