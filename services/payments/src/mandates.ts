/**
 * Mandates: made, changed and revoked by their buyers. A row is durable before the provider hears of it; a change is asked
 * for here and becomes true by the provider's word, which the sweep asks for until it comes.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { FindMandateRequest } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import {
  type ConfirmMandateRequest,
  type CreateMandateRequest,
  CreateMandateRequestSchema,
  type CreateMandateResponse,
  CreateMandateResponseSchema,
  type ListMandatesRequest,
  MandateStatus as StatusNumber,
} from '@suuupra/contracts/gen/suuupra/payments/v1/mandates_pb.ts';
import { MandateChangedSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { MethodType } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { beginIdempotent, finishIdempotent, noteProgress } from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { refuseCurrency } from './currency.ts';
import { callOf, oneAtATime } from './idempotent.ts';
import { isId, placeOf } from './ids.ts';
import { decideChange, decideMandate, isOver, type Mandate, type MandateStatus } from './mandate.ts';
import { refuseMethod } from './method.ts';
import { ask } from './outcomes.ts';
import { actionMessage } from './payment-view.ts';
import { kindOf, userIdOf } from './payments.ts';
import type { MandateChange, MandateOutcome } from './provider.ts';
import { isSimulated, type PaymentsSurroundings, providerNamed } from './surroundings.ts';

const mandatesMax = 20;
const againMs = 10_000;
const lookEveryMs = 3_600_000;
/** A mandate that its payer never approves is given up. */
const unapprovedMs = 24 * 3_600_000;

type Source = 'answer' | 'sync' | 'webhook';

export async function createMandate(
  surroundings: PaymentsSurroundings,
  request: CreateMandateRequest,
  context: CallContext,
) {
  const { type, token = '', collectMinutes = 0 } = request.method ?? {};
  if (collectMinutes !== 0)
    return refuse('payment_method_invalid', 'A mandate waits for its payer a day.', [
      { field: 'method.collectMinutes', code: 'not_allowed', detail: 'goes with a payment' },
    ]);
  const method = { kind: kindOf(type), token, collectMinutes };
  const refused =
    refuseMethod(method, surroundings.providers) ??
    refuseCurrency(method.kind ?? 'card', request.amountMax?.currency ?? '') ??
    ((request.amountMax?.amountMinor ?? 0n) > 0n
      ? undefined
      : refuse('amount_invalid', 'A mandate allows more than nothing.'));
  if (refused !== undefined) return refused;
  const schemas = [CreateMandateRequestSchema, CreateMandateResponseSchema] as const;
  const call = callOf(surroundings, context, 'CreateMandate', schemas[0], request, schemas[1]);
  return oneAtATime(surroundings, call, () => createOnce(surroundings, call, context));
}

async function createOnce(
  surroundings: PaymentsSurroundings,
  call: ReturnType<typeof callOf<typeof CreateMandateRequestSchema, typeof CreateMandateResponseSchema>>,
  context: CallContext,
): Promise<CreateMandateResponse | Refusal> {
  const { sql, mandates } = surroundings;
  const opened = await refusableTransaction(sql, async (tx) => {
    const claim = await beginIdempotent(tx, call);
    if (claim.kind === 'refused') return claim.refusal;
    if (claim.kind === 'answered') return { answer: claim.answer };
    const known = claim.kind === 'abandoned' ? await mandates.find(tx, claim.progress) : undefined;
    const mandate = known ?? (await insertMandate(surroundings, tx, call.request, userIdOf(context) ?? ''));
    if (isRefusal(mandate)) return mandate;
    await noteProgress(tx, call, mandate.id);
    return { mandate };
  });
  if (isRefusal(opened)) return opened;
  if ('answer' in opened) {
    context.answer.idempotentReplayed = true;
    return opened.answer;
  }
  const { id: mandateId, buyerId, method, currency, amountMaxMinor, status, provider } = opened.mandate;
  const token = call.request.method?.token ?? '';
  const said = await ask(surroundings, {}, async () => {
    if (status !== 'pending') return { kind: 'no_answer' } as const;
    const wanted = { mandateId, buyerId, method, token, currency, amountMaxMinor };
    return providerNamed(surroundings, provider).createMandate(wanted);
  });
  return retrying(() =>
    sql.transaction(async (tx) => {
      const after = await applyMandate(surroundings, tx, mandateId, said, 'answer', context);
      if (after === undefined) throw new Error(`the mandate ${mandateId} is gone`);
      const answer = create(CreateMandateResponseSchema, { mandate: mandateMessage(surroundings, after) });
      await finishIdempotent(tx, call, answer);
      return answer;
    }),
  );
}

async function insertMandate(
  { mandates, world, providers }: PaymentsSurroundings,
  tx: SqlTransaction,
  request: CreateMandateRequest,
  buyerId: string,
): Promise<Mandate | Refusal> {
  const method = kindOf(request.method?.type) ?? 'card';
  const token = request.method?.token ?? '';
  const { currency = '', amountMinor: amountMaxMinor = 0n } = request.amountMax ?? {};
  const provider = providers.find((each) => each.knowsToken(token) && each.capabilities.mandates.includes(method));
  if (provider === undefined)
    return refuse('payment_method_invalid', 'No payment provider of ours makes such mandates.');
  if ((await mandates.countLive(tx, buyerId)) >= mandatesMax)
    return refuse('limit_reached', `A buyer has at most ${mandatesMax} mandates; revoke one.`);
  const mandate: Mandate = {
    id: world.id('mdt'),
    buyerId,
    provider: provider.name,
    reference: '',
    method,
    umn: '',
    currency,
    amountMaxMinor,
    status: 'pending',
    failureCode: '',
    createdAtMs: world.now(),
    movedAtMs: world.now(),
  };
  await mandates.insert(tx, mandate, world.now() + againMs);
  return mandate;
}

/** Applies what is said of a mandate; gives it as it is then, undefined when there is none of this id. */
export async function applyMandate(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  mandateId: string,
  said: MandateOutcome | { readonly kind: 'no_answer' },
  source: Source,
  cause?: EventCause,
): Promise<Mandate | undefined> {
  const { mandates, world } = surroundings;
  const before = await mandates.lock(tx, mandateId);
  if (before === undefined || said.kind === 'no_answer') return before;
  const heard = decideMandate(before, said, source, world.now());
  // A webhook tells that something has changed; what it is now the sweep asks.
  const isDoubtful = source === 'webhook' && heard === before && said.kind !== before.status && !isOver(before);
  if (heard !== before || isDoubtful)
    await mandates.save(tx, heard, isDoubtful ? world.now() : dueOf(heard, world.now()), source);
  if (isDoubtful) tx.afterCommit(surroundings.nudge);
  if (heard.status !== before.status) await tellChange(surroundings, tx, heard, cause);
  return heard;
}

async function tellChange(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  { id: mandateId, buyerId, status }: Mandate,
  cause: EventCause | undefined,
): Promise<void> {
  // To the others an expired mandate is one that is no more.
  const told = status === 'expired' ? 'revoked' : status;
  await surroundings.publishIn(tx)(MandateChangedSchema, { mandateId, buyerId, status: told }, cause);
  tx.afterCommit(() => surroundings.count(`mandate_${status}`));
}

function dueOf(mandate: Mandate, nowMs: number): number | undefined {
  if (isOver(mandate)) return undefined;
  if (mandate.pending !== undefined || mandate.status === 'pending') return nowMs + againMs;
  return mandate.validUntilMs;
}

/** What is due of a mandate: a change to be told again, an approval to be asked for, its end. */
export async function seeToMandate(surroundings: PaymentsSurroundings, mandate: Mandate, tries: number): Promise<void> {
  const { sql, mandates, world } = surroundings;
  const after = await tellProvider(surroundings, mandate);
  if (after === undefined || isOver(after)) return;
  const isUnapproved = after.status === 'pending' && world.now() - after.createdAtMs > unapprovedMs;
  const isPast = after.validUntilMs !== undefined && after.validUntilMs <= world.now();
  if (isUnapproved || isPast) {
    const said = { kind: isPast ? 'expired' : 'failed' } as const;
    await retrying(() => sql.transaction((tx) => applyMandate(surroundings, tx, after.id, said, 'sync')));
    return;
  }
  const isSettled = after.pending === undefined && after.status !== 'pending';
  const delayMs = Math.min(lookEveryMs, againMs * 2 ** Math.min(tries, 9));
  await mandates.setDue(sql, after.id, isSettled ? dueOf(after, world.now()) : world.now() + delayMs);
}

/** Makes the change at the provider that is asked for, or asks how the mandate stands; applies what it says. */
async function tellProvider(surroundings: PaymentsSurroundings, mandate: Mandate): Promise<Mandate | undefined> {
  const { sql, mandates } = surroundings;
  const { id: mandateId, reference, pending } = mandate;
  const provider = providerNamed(surroundings, mandate.provider);
  const said = await ask(surroundings, {}, async (): Promise<MandateOutcome | { kind: 'no_answer' }> => {
    const ref = { mandateId, reference };
    if (pending !== undefined) return provider.changeMandate(ref, pending);
    return (await provider.mandateStatus(ref)) ?? { kind: 'no_answer' };
  });
  return retrying(() =>
    sql.transaction(async (tx) => {
      const before = await mandates.lock(tx, mandateId);
      if (before === undefined || said.kind === 'no_answer') return before;
      // The change that was answered is done with; a later one stays.
      if (pending !== undefined && JSON.stringify(wordsOf(before.pending)) === JSON.stringify(wordsOf(pending)))
        await mandates.save(tx, { ...before, pending: undefined }, undefined, 'answer');
      return applyMandate(surroundings, tx, mandateId, said, pending === undefined ? 'sync' : 'answer');
    }),
  );
}

function wordsOf(change: MandateChange | undefined): readonly string[] {
  if (change === undefined) return [];
  return change.kind === 'modify' ? [change.kind, change.amountMaxMinor.toString()] : [change.kind];
}

export async function changeMandate(
  surroundings: PaymentsSurroundings,
  id: string,
  change: MandateChange,
  context: CallContext,
) {
  const { sql, mandates, world } = surroundings;
  const own = await ownMandate(surroundings, id, context);
  if (isRefusal(own)) return own;
  const asked = await refusableTransaction(sql, async (tx): Promise<Mandate | Refusal> => {
    const mandate = await mandates.lock(tx, id);
    if (mandate === undefined) return noMandate();
    const changed = decideChange(mandate, change);
    if (changed === undefined || isRefusal(changed)) return changed ?? mandate;
    await mandates.save(tx, changed, world.now() + againMs, 'request');
    tx.afterCommit(surroundings.nudge);
    return changed;
  });
  if (isRefusal(asked)) return asked;
  const after = asked.pending === undefined ? asked : await tellProvider(surroundings, asked);
  return { mandate: mandateMessage(surroundings, after ?? asked) };
}

export async function confirmMandate(
  surroundings: PaymentsSurroundings,
  { id, challengeResponse }: ConfirmMandateRequest,
  context: CallContext,
) {
  const own = await ownMandate(surroundings, id, context);
  if (isRefusal(own)) return own;
  if (own.status !== 'pending') return { mandate: mandateMessage(surroundings, own) };
  const provider = providerNamed(surroundings, own.provider);
  if (!provider.knowsChallengeResponse(challengeResponse))
    return refuse('challenge_response_invalid', 'The provider does not know this response.', [
      { field: 'challengeResponse', code: 'not_allowed', detail: 'for the sandbox: approve or reject' },
    ]);
  const ref = { mandateId: id, reference: own.reference };
  const said = await ask(surroundings, {}, () => provider.confirmMandate(ref, challengeResponse));
  const after = await retrying(() =>
    surroundings.sql.transaction((tx) => applyMandate(surroundings, tx, id, said, 'answer', context)),
  );
  return { mandate: mandateMessage(surroundings, after ?? own) };
}

async function ownMandate(
  { sql, mandates }: PaymentsSurroundings,
  id: string,
  context: CallContext,
): Promise<Mandate | Refusal> {
  const mandate = isId(id) ? await mandates.find(sql, id) : undefined;
  return mandate !== undefined && mandate.buyerId === userIdOf(context) ? mandate : noMandate();
}

function noMandate(): Refusal {
  return refuse('not_found', 'There is no such mandate.');
}

export async function getMandate(surroundings: PaymentsSurroundings, id: string, context: CallContext) {
  const own = await ownMandate(surroundings, id, context);
  return isRefusal(own) ? own : { mandate: mandateMessage(surroundings, own) };
}

export async function listMandates(
  surroundings: PaymentsSurroundings,
  request: ListMandatesRequest,
  context: CallContext,
) {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const buyerId = userIdOf(context) ?? '';
  const rows = await surroundings.mandates.list(surroundings.sql, buyerId, placeOf(page.after), page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return {
    mandates: shown.map((each) => mandateMessage(surroundings, each)),
    nextPageToken: last === undefined ? '' : pageToken([new Date(last.createdAtMs).toISOString(), last.id]),
  };
}

/** For orders: the mandate of this buyer. */
export async function findMandate(surroundings: PaymentsSurroundings, { mandateId, buyerId }: FindMandateRequest) {
  const mandate = isId(mandateId) ? await surroundings.mandates.find(surroundings.sql, mandateId) : undefined;
  if (mandate === undefined || mandate.buyerId !== buyerId) return noMandate();
  return {
    mandateId,
    status: mandate.status,
    methodType: mandate.method === 'upi' ? MethodType.UPI : MethodType.CARD,
    amountMax: { currency: mandate.currency, amountMinor: mandate.amountMaxMinor },
  };
}

const statuses: Readonly<Record<MandateStatus, StatusNumber>> = {
  pending: StatusNumber.PENDING,
  active: StatusNumber.ACTIVE,
  paused: StatusNumber.PAUSED,
  revoked: StatusNumber.REVOKED,
  failed: StatusNumber.FAILED,
  expired: StatusNumber.EXPIRED,
};

function mandateMessage(surroundings: PaymentsSurroundings, mandate: Mandate) {
  return {
    id: mandate.id,
    status: statuses[mandate.status],
    methodType: mandate.method === 'upi' ? MethodType.UPI : MethodType.CARD,
    amountMax: { currency: mandate.currency, amountMinor: mandate.amountMaxMinor },
    umn: mandate.umn,
    provider: mandate.provider,
    simulated: isSimulated(surroundings, mandate.provider),
    createdAt: timestampFromMs(mandate.createdAtMs),
    ...(mandate.validUntilMs === undefined ? {} : { validUntil: timestampFromMs(mandate.validUntilMs) }),
    ...(mandate.action === undefined || mandate.status !== 'pending'
      ? {}
      : { nextAction: actionMessage(mandate.action) }),
    ...(mandate.failureCode === '' ? {} : { failure: { code: mandate.failureCode, detail: '' } }),
  };
}
