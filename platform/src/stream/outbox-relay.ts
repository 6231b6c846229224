/**
 * Brings the outbox of one service to the stream: the second half of the transactional outbox (see outbox.ts).
 *
 * Of all processes of a service one leads, by a lock or a lease in the service's database; the others tell it that there is
 * something to bring. They do so by a notification of its own after the commit: inside the transaction it would take a lock
 * that all notifying transactions share until the disk has the commit (PostgreSQL: src/backend/commands/async.c).
 */
import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Envelope, EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { span as spanNames } from '../telemetry/semantic-names.ts';
import type { Span, Telemetry } from '../telemetry/telemetry.ts';
import { backOffMs, coalesced, createBell } from './bell.ts';
import type { OutboxSession, OutboxStore, WaitingEvent } from './outbox-store.ts';
import type { Stream } from './stream.ts';

export interface RelayOptions {
  /** The service's own. */
  readonly outbox: OutboxStore;
  readonly stream: Pick<Stream, 'append' | 'system'>;
  readonly telemetry: Telemetry;
}

export interface Relay {
  /** There is something new in the outbox. Cheap, never throws; called after each commit that published. */
  nudge(): void;
  /** Resolves when all that was committed before the call is on the stream; throws after `timeoutMs` (default 10 s). */
  drain(timeoutMs?: number): Promise<void>;
  /** Finishes the batch under way and gives the lead to another process. */
  stop(): Promise<void>;
}

const batchMax = 500;
const retryFirstMs = 100;
const retryMsMax = 5_000;
const drainCheckMs = 20;
const drainMsMax = 10_000;

export function startRelay(options: RelayOptions): Relay {
  const { outbox, telemetry } = options;
  const bell = createBell();
  let stopped = false;
  let leading = false;
  let failures = 0;

  const tellLeader = coalesced(async () => {
    await outbox.tell().catch((error: unknown) => {
      telemetry.log.debug('the leading outbox relay could not be told; it looks for itself', { error });
    });
  });
  const nudge = () => {
    if (leading) bell.ring();
    else if (!stopped) void tellLeader();
  };

  const serve = async (session: OutboxSession) => {
    while (!stopped && !session.lost.aborted) {
      leading ||= await session.tryLead(() => bell.ring());
      if (leading) await bringAll(options, () => stopped || session.lost.aborted);
      failures = 0;
      // So soon one takes over from another that died, and so long a lost nudge may delay an event.
      if (!stopped) await bell.wait(outbox.lookEveryMs);
    }
  };
  const run = async () => {
    while (!stopped) {
      const session = await outbox.openSession().catch(() => undefined);
      try {
        if (session === undefined) throw new Error('the database of the outbox does not answer');
        await serve(session);
      } catch (error) {
        failures += 1;
        telemetry.log.warn('events wait in the outbox', { error, failures });
        if (!stopped) await bell.wait(backOffMs(failures, retryFirstMs, retryMsMax, Math.random));
      } finally {
        leading = false;
        await session?.close();
      }
    }
  };
  const running = run();
  return {
    nudge,
    drain: (timeoutMs = drainMsMax) => drain(outbox, nudge, timeoutMs),
    stop: async () => {
      stopped = true;
      bell.ring();
      await running;
    },
  };
}

async function bringAll({ outbox, stream, telemetry }: RelayOptions, ended: () => boolean): Promise<void> {
  while (!ended()) {
    const waiting = await outbox.oldest(batchMax);
    if (waiting.length === 0) return;
    for (const [topic, envelopes] of byTopic(waiting)) {
      await appendSpanned(stream, telemetry, topic, envelopes);
      telemetry
        .counter('suuupra_events_published_total', 'Events brought to the stream', ['topic'])
        .inc({ topic }, envelopes.length);
    }
    await outbox.remove([...new Set(waiting.map(({ place }) => place))]);
    if (waiting.length < batchMax) return;
  }
}

/**
 * Each event's way to the stream is a span from the fact to the append, and what consumers do hangs below it. A repeat of
 * an append is another span.
 */
async function appendSpanned(
  stream: RelayOptions['stream'],
  telemetry: Telemetry,
  topic: string,
  envelopes: readonly Envelope[],
): Promise<void> {
  const spans = envelopes.map((envelope) => sendSpan(telemetry, stream.system, topic, envelope));
  try {
    await stream.append(topic, envelopes);
  } catch (error) {
    for (const span of spans) span?.fail(error);
    throw error;
  } finally {
    for (const span of spans) span?.end();
  }
}

/** Undefined for an event that belongs to no trace: it must not begin one here. */
function sendSpan(telemetry: Telemetry, system: Stream['system'], topic: string, envelope: Envelope): Span | undefined {
  if (envelope.traceparent === '') return undefined;
  const type = envelope.type.split('.').at(-1) ?? envelope.type;
  const span = telemetry.span(
    `send ${type}`,
    envelope.traceparent,
    {
      [spanNames.messagingSystem]: system,
      [spanNames.messagingOperation]: 'send',
      [spanNames.messagingOperationType]: 'send',
      [spanNames.messagingDestination]: topic,
      [spanNames.messageId]: envelope.id,
      [spanNames.conversationId]: envelope.correlationId,
      [spanNames.eventType]: envelope.type,
    },
    { kind: 'producer', ...(envelope.time === undefined ? {} : { startedAtMs: timestampMs(envelope.time) }) },
  );
  envelope.traceparent = span.traceparent;
  return span;
}

function byTopic(waiting: readonly WaitingEvent[]): Map<string, Envelope[]> {
  const topics = new Map<string, Envelope[]>();
  for (const { topic, envelope } of waiting) {
    const envelopes = topics.get(topic) ?? [];
    envelopes.push(fromBinary(EnvelopeSchema, envelope));
    topics.set(topic, envelopes);
  }
  return topics;
}

/** Whoever leads does the work; this only waits for it. */
async function drain(outbox: OutboxStore, nudge: () => void, timeoutMs: number): Promise<void> {
  const newest = await outbox.newest();
  const untilMs = Date.now() + timeoutMs;
  while (newest !== undefined) {
    nudge();
    if (!(await outbox.isWaiting(newest))) return;
    if (Date.now() > untilMs) throw new Error(`the outbox was not empty after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, drainCheckMs));
  }
}
