/**
 * Webhooks of providers: checked by their signature over the raw bytes, kept as they came, acknowledged, then applied.
 * So a provider never waits for our work, an event is never lost between its acknowledgement and its effect, and one that
 * comes before what it is about waits.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type RefusalCode, refusals } from '@suuupra/contracts/errors';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { backOffMs } from '@suuupra/platform/stream/bell';
import { applyCaptureOutcome } from './captures.ts';
import { applyDispute } from './disputes.ts';
import { applyHold, applyIncrementOutcome } from './increments.ts';
import { applyMandate } from './mandates.ts';
import { applyOutcome } from './outcomes.ts';
import type { ProviderEvent, WebhookHeaders } from './provider.ts';
import { applyRefundOutcome } from './refunds.ts';
import type { KeptWebhook } from './store.ts';
import { findProvider, type PaymentsSurroundings, providerNamed } from './surroundings.ts';

export const webhookBytesMax = 256 * 1024;
/** A webhook about something we do not know yet, or that cannot be applied, is tried this often: for about three days. */
const triesMax = 90;
const againFirstMs = 1_000;
const againMostMs = 3_600_000;

export type Received =
  | { readonly status: 200 }
  | { readonly status: 400 | 404; readonly code: RefusalCode; readonly detail: string };

/** Checks and keeps a webhook. 200 means that it is durable here, or was before. */
export async function receiveWebhook(
  surroundings: PaymentsSurroundings,
  providerName: string,
  headers: WebhookHeaders,
  body: Uint8Array,
): Promise<Received> {
  const { sql, store, world } = surroundings;
  const provider = findProvider(surroundings, providerName);
  if (provider === undefined)
    return { status: 404, code: 'not_found', detail: 'There is no payment provider of this name.' };
  const verified = provider.verifyWebhook(headers, body);
  if (verified === undefined) {
    surroundings.count('webhook_refused');
    const detail = 'The signature does not fit the body, or its timestamp is more than 300 s off.';
    return { status: 400, code: 'invalid_signature', detail };
  }
  const { eventId } = verified;
  const isNew = await store.keepWebhook(sql, { provider: provider.name, eventId, body }, world.now());
  surroundings.count(isNew ? 'webhook_kept' : 'webhook_duplicate');
  if (isNew) surroundings.nudge();
  return { status: 200 };
}

/** Applies one webhook that is due; false when none is. */
export async function applyDueWebhook(surroundings: PaymentsSurroundings): Promise<boolean> {
  const { sql, store, world, log } = surroundings;
  let taken: KeptWebhook | undefined;
  try {
    return await sql.transaction(async (tx) => {
      taken = await store.takeDueWebhook(tx, world.now());
      if (taken === undefined) return false;
      const event = providerNamed(surroundings, taken.provider).readEvent(taken.body);
      const isElsewhere = (await surroundings.forward?.(taken, event)) === true;
      if (isElsewhere || (await applyEvent(surroundings, tx, taken.provider, event)))
        await store.closeWebhook(tx, taken, 'applied');
      else await putOff(surroundings, tx, taken);
      return true;
    });
  } catch (error) {
    if (taken === undefined) throw error;
    log.error('a webhook cannot be applied', { provider: taken.provider, eventId: taken.eventId, error });
    await putOff(surroundings, sql, taken);
    return true;
  }
}

async function putOff(
  { store, world, log, count }: PaymentsSurroundings,
  executor: Parameters<PaymentsSurroundings['store']['postponeWebhook']>[0],
  webhook: KeptWebhook,
): Promise<void> {
  if (webhook.tries + 1 >= triesMax) {
    log.error('a webhook is given up', { provider: webhook.provider, eventId: webhook.eventId });
    count('webhook_given_up');
    return store.closeWebhook(executor, webhook, 'given_up');
  }
  const delayMs = backOffMs(webhook.tries + 1, againFirstMs, againMostMs, world.random);
  return store.postponeWebhook(executor, webhook, world.now() + delayMs);
}

/** False when what the event is about is not known here yet. */
async function applyEvent(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  provider: string,
  event: ProviderEvent,
): Promise<boolean> {
  const { store, mandates } = surroundings;
  const reference = 'reference' in event ? (event.reference ?? '') : '';
  switch (event.type) {
    case 'payment': {
      const attemptId = event.attemptId || (await store.findAttemptByReference(tx, provider, reference))?.id || '';
      await applyHold(surroundings, tx, attemptId, event.outcome, 'webhook');
      return (await applyOutcome(surroundings, tx, attemptId, event.outcome, 'webhook')) !== undefined;
    }
    case 'refund': {
      const refundId = event.refundId || (await store.findRefundByReference(tx, provider, reference))?.id || '';
      return (await applyRefundOutcome(surroundings, tx, refundId, event.outcome, 'webhook')) !== undefined;
    }
    case 'capture':
      return (await applyCaptureOutcome(surroundings, tx, event.captureId, event.outcome, 'webhook')) !== undefined;
    case 'increment':
      return (await applyIncrementOutcome(surroundings, tx, event.incrementId, event.outcome, 'webhook')) !== undefined;
    case 'dispute': {
      const attemptId = event.attemptId || (await store.findAttemptByReference(tx, provider, reference))?.id || '';
      return applyDispute(surroundings, tx, attemptId, event.dispute, 'webhook');
    }
    case 'mandate': {
      const mandateId = event.mandateId || (await mandates.findByReference(tx, provider, reference))?.id || '';
      return (await applyMandate(surroundings, tx, mandateId, event.outcome, 'webhook')) !== undefined;
    }
    case 'other':
      return true;
  }
}

export const inboundRoute: RawRouteDeclaration = {
  method: 'POST',
  path: '/api/v1/payments/webhooks/{provider}',
  summary: 'Events of a payment provider, signed by it (Standard Webhooks)',
  access: 'public',
  refusals: ['invalid_signature', 'not_found', 'request_timeout'],
  bodyBytesMax: webhookBytesMax,
  csrfExempt: true,
};

type Receive = (provider: string, headers: WebhookHeaders, body: Uint8Array) => Promise<Received>;

export function webhookRoute(receive: Receive): RawRoute {
  return {
    ...inboundRoute,
    handle: (request, response, context) => handleWebhook(receive, request, response, context),
  };
}

async function handleWebhook(
  receive: Receive,
  request: IncomingMessage,
  response: ServerResponse,
  context: RawContext,
): Promise<void> {
  const body = await readBody(request);
  const received =
    body === undefined
      ? ({ status: 413, code: 'payload_too_large', detail: `At most ${webhookBytesMax} bytes.` } as const)
      : await receive(context.params['provider'] ?? '', request.headers, body);
  if (received.status === 200) return writeJson(response, 200, 'application/json', { received: true });
  const { status, code, detail } = received;
  const traceId = context.traceparent.split('-')[1] ?? '';
  const problem = { type: `/docs/api#problem-${code}`, title: refusals[code].title, status, detail, code, traceId };
  return writeJson(response, status, 'application/problem+json', problem);
}

async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    sizeBytes += (chunk as Buffer).byteLength;
    if (sizeBytes > webhookBytesMax) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function writeJson(response: ServerResponse, status: number, type: string, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.byteLength });
  response.end(bytes);
}
