/** What payouts answers to finance about transfers between instructors. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  ApproveInstructorTransferRequestSchema,
  ApproveInstructorTransferResponseSchema,
  type InstructorTransferSchema,
  type PayoutsService,
  RejectInstructorTransferRequestSchema,
  RejectInstructorTransferResponseSchema,
  RequestInstructorTransferRequestSchema,
  RequestInstructorTransferResponseSchema,
  ReverseInstructorTransferRequestSchema,
  ReverseInstructorTransferResponseSchema,
} from '@suuupra/contracts/gen/suuupra/settlement/v1/payouts_pb.ts';
import { readPage } from '@suuupra/platform/rpc/paging';
import { type Handlers, isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { callOf, once, type PayoutRpcParts, userIdOf } from './keyed-call.ts';
import { byNumber, findTransfer, type ListedTransfer, listTransfers } from './lists.ts';
import { decideTransfer, requestReversal, requestTransfer, type TransferRow } from './transfers.ts';

type TransferHandlers = Pick<
  Handlers<typeof PayoutsService>,
  | 'requestInstructorTransfer'
  | 'reverseInstructorTransfer'
  | 'approveInstructorTransfer'
  | 'rejectInstructorTransfer'
  | 'listInstructorTransfers'
>;

export function transferHandlers(parts: PayoutRpcParts): TransferHandlers {
  return {
    requestInstructorTransfer: (request, context) => {
      const [input, output] = [RequestInstructorTransferRequestSchema, RequestInstructorTransferResponseSchema];
      const call = callOf(parts, 'RequestInstructorTransfer', context, { input, request, output });
      return once(parts, call, context, async (tx) =>
        answered(tx, await requestTransfer(parts, tx, { ...request, requestedBy: userIdOf(context) })),
      );
    },
    reverseInstructorTransfer: (request, context) => {
      const [input, output] = [ReverseInstructorTransferRequestSchema, ReverseInstructorTransferResponseSchema];
      const call = callOf(parts, 'ReverseInstructorTransfer', context, { input, request, output });
      return once(parts, call, context, async (tx) =>
        answered(tx, await requestReversal(parts, tx, { ...request, requestedBy: userIdOf(context) })),
      );
    },
    approveInstructorTransfer: (request, context) => {
      const [input, output] = [ApproveInstructorTransferRequestSchema, ApproveInstructorTransferResponseSchema];
      const call = callOf(parts, 'ApproveInstructorTransfer', context, { input, request, output });
      const decision = { id: request.id, decision: 'approved', by: userIdOf(context) } as const;
      return once(parts, call, context, async (tx) => answered(tx, await decideTransfer(parts, tx, decision)));
    },
    rejectInstructorTransfer: (request, context) => {
      const [input, output] = [RejectInstructorTransferRequestSchema, RejectInstructorTransferResponseSchema];
      const call = callOf(parts, 'RejectInstructorTransfer', context, { input, request, output });
      const decision = { id: request.id, decision: 'rejected', by: userIdOf(context) } as const;
      return once(parts, call, context, async (tx) => answered(tx, await decideTransfer(parts, tx, decision)));
    },
    listInstructorTransfers: async (request) => {
      const page = readPage(request, byNumber, [request.instructorId, request.status]);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listTransfers(parts.sql, page, request);
      return { transfers: rows.map(transferMessage), nextPageToken };
    },
  };
}

async function answered(tx: SqlTransaction, transfer: TransferRow | Refusal) {
  if (isRefusal(transfer)) return transfer;
  const listed = await findTransfer(tx, transfer.id);
  return listed === undefined ? {} : { transfer: transferMessage(listed) };
}

function transferMessage(row: ListedTransfer): MessageInitShape<typeof InstructorTransferSchema> {
  return {
    ...{ id: row.id, fromInstructorId: row.from_instructor_id, toInstructorId: row.to_instructor_id },
    amount: { currency: row.currency, amountMinor: row.amount_minor },
    ...{ reason: row.reason, reversesId: row.reverses_id ?? '', status: row.status },
    ...{ journalState: row.journal_state === 'rejected' ? 'refused' : (row.journal_state ?? '') },
    ...{ journalId: row.journal_id ?? '', requestedBy: row.requested_by, decidedBy: row.decided_by },
    createdAt: timestampFromDate(row.created_at),
    ...(row.decided_at === null ? {} : { decidedAt: timestampFromDate(row.decided_at) }),
  };
}
