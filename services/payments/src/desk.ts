/** What finance does with single payments, and the settlement reports of providers. */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type {
  ListProviderReportsRequest,
  ReadProviderReportRequest,
} from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import {
  type CapturePaymentRequest,
  CapturePaymentRequestSchema,
  type CapturePaymentResponse,
  CapturePaymentResponseSchema,
  type CloseAttentionRequest,
  type IncrementPaymentRequest,
  IncrementPaymentRequestSchema,
  type IncrementPaymentResponse,
  IncrementPaymentResponseSchema,
  type ListAttentionRequest,
  type ListRefundsRequest,
  RefundCaseStatus,
} from '@suuupra/contracts/gen/suuupra/payments/v1/desk_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { beginIdempotent, finishIdempotent, noteProgress, releaseIdempotent } from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { finishCapture, priceOf, reserveCapture, voidAttempt } from './captures.ts';
import { callOf, oneAtATime } from './idempotent.ts';
import { isId, placeOf } from './ids.ts';
import type { Increment } from './increment.ts';
import { reserveIncrement, sendIncrement } from './increments.ts';
import { paymentMessage } from './payment-view.ts';
import { userIdOf } from './payments.ts';
import type { Refund } from './refund.ts';
import { syncRefund } from './refunds.ts';
import type { Attention } from './store.ts';
import { isSimulated, type PaymentsSurroundings, providerNamed } from './surroundings.ts';
import { syncOne } from './syncs.ts';

const reportsMax = 100;
const chunkBytesMax = 256 * 1024;
/** Refunds of one payment that a forced sync asks about. */
const refundsMax = 50;

async function shown(surroundings: PaymentsSurroundings, id: string) {
  const view = await surroundings.store.viewAttempt(surroundings.sql, id);
  if (view === undefined) return noPayment();
  return { payment: paymentMessage(surroundings, view) };
}

function noPayment(): Refusal {
  return refuse('not_found', 'There is no such payment.');
}

export async function capturePayment(
  surroundings: PaymentsSurroundings,
  request: CapturePaymentRequest,
  context: CallContext,
): Promise<CapturePaymentResponse | Refusal> {
  if (!isId(request.id)) return noPayment();
  const schemas = [CapturePaymentRequestSchema, CapturePaymentResponseSchema] as const;
  const call = callOf(surroundings, context, 'CapturePayment', schemas[0], request, schemas[1]);
  return oneAtATime(surroundings, call, async () => {
    const { sql, world } = surroundings;
    const priceMinor = await priceOf(surroundings, request.id, context);
    if (isRefusal(priceMinor)) return priceMinor;
    const opened = await refusableTransaction(sql, async (tx) => {
      const claim = await beginIdempotent(tx, call);
      if (claim.kind === 'refused') return claim.refusal;
      if (claim.kind === 'answered') return { answer: claim.answer };
      const captureId = claim.kind === 'abandoned' && claim.progress !== '' ? claim.progress : world.id('cap');
      await noteProgress(tx, call, captureId);
      const { id: attemptId, amount, final } = request;
      const reserved = await reserveCapture(surroundings, tx, { captureId, attemptId, amount, final, priceMinor });
      return isRefusal(reserved) ? reserved : { reserved };
    });
    if (isRefusal(opened)) return opened;
    if ('answer' in opened) {
      context.answer.idempotentReplayed = true;
      return opened.answer;
    }
    const done = await finishCapture(surroundings, opened.reserved, context);
    const view = isRefusal(done) ? done : await shown(surroundings, request.id);
    if (isRefusal(view)) {
      await releaseIdempotent(sql, call);
      return view;
    }
    const answer = create(CapturePaymentResponseSchema, view);
    await finishIdempotent(sql, call, answer);
    return answer;
  });
}

/** As a capture: the raise and the claim of the key in one transaction, the provider outside any, the answer in another. */
export async function incrementPayment(
  surroundings: PaymentsSurroundings,
  request: IncrementPaymentRequest,
  context: CallContext,
): Promise<IncrementPaymentResponse | Refusal> {
  if (!isId(request.id)) return noPayment();
  const schemas = [IncrementPaymentRequestSchema, IncrementPaymentResponseSchema] as const;
  const call = callOf(surroundings, context, 'IncrementPayment', schemas[0], request, schemas[1]);
  return oneAtATime(surroundings, call, async () => {
    const { sql, world } = surroundings;
    const opened = await refusableTransaction(sql, async (tx) => {
      const claim = await beginIdempotent(tx, call);
      if (claim.kind === 'refused') return claim.refusal;
      if (claim.kind === 'answered') return { answer: claim.answer };
      const incrementId = claim.kind === 'abandoned' && claim.progress !== '' ? claim.progress : world.id('inc');
      await noteProgress(tx, call, incrementId);
      const { id: attemptId, amount } = request;
      const reserved = await reserveIncrement(surroundings, tx, { incrementId, attemptId, amount });
      return isRefusal(reserved) ? reserved : { reserved };
    });
    if (isRefusal(opened)) return opened;
    if ('answer' in opened) {
      context.answer.idempotentReplayed = true;
      return opened.answer;
    }
    const done = await finishIncrement(surroundings, opened.reserved);
    const view = isRefusal(done) ? done : await shown(surroundings, request.id);
    if (isRefusal(view)) {
      await releaseIdempotent(sql, call);
      return view;
    }
    const answer = create(IncrementPaymentResponseSchema, view);
    await finishIdempotent(sql, call, answer);
    return answer;
  });
}

/** While nobody knows what came of it the key stays free: the same request again finds the raise, or its end. */
async function finishIncrement(surroundings: PaymentsSurroundings, reserved: Increment): Promise<Increment | Refusal> {
  const increment = reserved.status === 'pending' ? await sendIncrement(surroundings, reserved) : reserved;
  if (increment.status === 'pending')
    return refuse('payment_in_progress', "The payer's bank has not answered yet; look at the payment in a moment.");
  if (increment.status === 'succeeded') return increment;
  return refuse('not_capturable', "The payer's bank does not hold more; what was held before is held on.");
}

export async function voidPayment(surroundings: PaymentsSurroundings, id: string) {
  const over = isId(id) ? await voidAttempt(surroundings, id) : noPayment();
  return isRefusal(over) ? over : shown(surroundings, id);
}

/** Asks the provider now, also about what is settled: it may have been taken back. */
export async function syncPayment(surroundings: PaymentsSurroundings, id: string) {
  const { store, sql } = surroundings;
  const attempt = isId(id) ? await store.findAttempt(sql, id) : undefined;
  if (attempt === undefined) return noPayment();
  // Of one that was never confirmed no provider has heard.
  if (attempt.provider !== '') await syncOne(surroundings, attempt);
  for (const refund of await store.refundsOfAttempt(sql, id, refundsMax))
    if (refund.sentAtMs !== undefined) await syncRefund(surroundings, refund);
  return shown(surroundings, id);
}

const refundStatuses = {
  pending: RefundCaseStatus.PENDING,
  succeeded: RefundCaseStatus.SUCCEEDED,
  failed: RefundCaseStatus.FAILED,
} as const satisfies Readonly<Record<Refund['status'], RefundCaseStatus>>;

export async function listRefunds(surroundings: PaymentsSurroundings, request: ListRefundsRequest) {
  const { store, sql } = surroundings;
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const words = Object.keys(refundStatuses) as Refund['status'][];
  const status = words.find((word) => refundStatuses[word] === request.status);
  const fromMs = request.from === undefined ? undefined : timestampMs(request.from);
  const untilMs = request.until === undefined ? undefined : timestampMs(request.until);
  if (fromMs !== undefined && untilMs !== undefined && fromMs > untilMs)
    return refuse('invalid_request', 'The refunds would end before they begin.', [
      { field: 'until', code: 'out_of_range', detail: 'a time after from' },
    ]);
  const filter = { status, orderId: request.orderId, fromMs, untilMs };
  const rows = await store.listRefunds(sql, filter, placeOf(page.after), page.limit + 1);
  const some = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? some.at(-1) : undefined;
  return {
    refunds: some.map((row) => refundMessage(surroundings, row)),
    nextPageToken: last === undefined ? '' : pageToken([new Date(last.createdAtMs).toISOString(), last.id]),
  };
}

function refundMessage(surroundings: PaymentsSurroundings, refund: Refund & { readonly provider: string }) {
  const { id, attemptId, orderId, status, currency, amountMinor, failureCode, provider, sentAtMs, settledAtMs } =
    refund;
  return {
    id,
    paymentId: attemptId,
    orderId,
    status: refundStatuses[status],
    amount: { currency, amountMinor },
    late: refund.kind === 'late',
    failureCode,
    provider,
    providerReference: refund.reference,
    simulated: isSimulated(surroundings, provider),
    createdAt: timestampFromMs(refund.createdAtMs),
    ...(sentAtMs === undefined ? {} : { sentAt: timestampFromMs(sentAtMs) }),
    ...(settledAtMs === undefined ? {} : { settledAt: timestampFromMs(settledAtMs) }),
  };
}

function attentionMessage(item: Attention) {
  return {
    id: item.id,
    paymentId: item.attemptId,
    orderId: item.orderId,
    subjectId: item.subjectId === item.attemptId ? '' : item.subjectId,
    because: item.because,
    since: timestampFromMs(item.sinceMs),
    closedBy: item.closedBy,
    note: item.note,
    ...(item.closedAtMs === undefined ? {} : { closedAt: timestampFromMs(item.closedAtMs) }),
  };
}

export async function listAttention({ store, sql }: PaymentsSurroundings, request: ListAttentionRequest) {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const rows = await store.listAttention(sql, request.closed, placeOf(page.after), page.limit + 1);
  const some = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? some.at(-1) : undefined;
  return {
    items: some.map(attentionMessage),
    nextPageToken: last === undefined ? '' : pageToken([new Date(last.sinceMs).toISOString(), last.id]),
  };
}

export async function closeAttention(
  { store, sql, world }: PaymentsSurroundings,
  { id, note }: CloseAttentionRequest,
  context: CallContext,
) {
  const closed = isId(id) ? await store.closeAttention(sql, id, userIdOf(context) ?? '', note, world.now()) : undefined;
  return closed === undefined ? refuse('not_found', 'There is no such item.') : { item: attentionMessage(closed) };
}

/** Learns of the reports that providers have made since the last time. */
export async function fetchReports({ store, sql, providers, log }: PaymentsSurroundings): Promise<void> {
  for (const provider of providers) {
    try {
      const after = await store.lastReport(sql, provider.name);
      for (const report of await provider.listReports(after, reportsMax))
        await store.keepReport(sql, provider.name, report);
    } catch (error) {
      log.error('the reports of a provider cannot be listed', { provider: provider.name, error });
    }
  }
}

const reportIdForm = /^rep_(\d{1,18})$/;

export async function listProviderReports(
  { store, sql }: PaymentsSurroundings,
  { afterId, pageSize }: ListProviderReportsRequest,
) {
  const [, position = '0'] = reportIdForm.exec(afterId) ?? [];
  const limit = pageSize > 0 && pageSize <= reportsMax ? pageSize : reportsMax;
  const rows = await store.listReports(sql, BigInt(position), limit);
  return {
    reports: rows.map((row) => ({
      id: `rep_${row.position}`,
      provider: row.provider,
      format: row.format,
      fileName: row.name,
      sizeBytes: BigInt(row.sizeBytes),
      madeAt: timestampFromMs(row.madeAtMs),
    })),
  };
}

export async function readProviderReport(
  surroundings: PaymentsSurroundings,
  { id, offset }: ReadProviderReportRequest,
) {
  const { store, sql } = surroundings;
  const [, position] = reportIdForm.exec(id) ?? [];
  const report = position === undefined ? undefined : await store.findReport(sql, BigInt(position));
  const content =
    report === undefined ? undefined : await providerNamed(surroundings, report.provider).readReport(report.name);
  if (content === undefined) return refuse('not_found', 'There is no such report.');
  const from = Number(offset < 0n ? 0n : offset);
  return { content: content.subarray(from, from + chunkBytesMax) };
}
