/**
 * What one process tells of itself: to the gateway by ProcessService, to Prometheus by the gauges of what waits. Every
 * process provides both, whether it hosts the gateway or not.
 */
import { statfs } from 'node:fs/promises';
import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import {
  PartState,
  type ProcessHealthSchema,
  ProcessService,
  type TraceSpanSchema,
} from '@suuupra/contracts/gen/suuupra/operations/v1/operations_pb.ts';
import { startLoop } from '@suuupra/platform/loop';
import { type Implementation, implement } from '@suuupra/platform/rpc/rpc';
import type { OutboxStore } from '@suuupra/platform/stream/outbox-store';
import type { Stream } from '@suuupra/platform/stream/stream';
import type { FinishedSpan, ProcessTelemetry, Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { loggedDeadLetter, loggedEvent } from './operations-event.ts';
import type { Dependency } from './readiness.ts';

export interface ProcessParts {
  readonly process: Pick<ProcessTelemetry, 'instance' | 'version' | 'recentSpans'>;
  readonly world: Pick<World, 'now'>;
  readonly services: readonly string[];
  readonly dependencies: readonly Dependency[];
  /** Absent in a process that has no stream, e.g. one of a gateway alone. */
  readonly stream?: Pick<Stream, 'latest' | 'deadLetters' | 'lag'>;
  readonly outboxes: readonly { readonly service: string; readonly outbox: Pick<OutboxStore, 'oldest'> }[];
  /** The consumer groups of this process's services. */
  readonly groups: readonly { readonly group: string; readonly topics: readonly string[] }[];
  /** Where its files are: their disk is watched. */
  readonly dataFolder: string;
  /** Its certificates, where it has some. */
  readonly certificates?: () => readonly { readonly name: string; readonly expiresAt: Date }[];
}

const spansMax = 1_000;
const recordsMax = 100;
/** A part that takes longer counts as down; below the gateway's own patience with a process. */
const partMsMax = 1_500;
/** Beyond this an outbox is long, however long. */
const outboxCountMax = 500;
const gaugesEveryMs = 15_000;
const attributeCharsMax = 500;

export function processImplementation(parts: ProcessParts): Implementation {
  const startedAtMs = parts.world.now();
  return implement(ProcessService, {
    getProcess: async () => ({ process: await healthOf(parts, startedAtMs) }),
    listSpans: async ({ traceId, limit }) => {
      const found = parts.process.recentSpans(bounded(limit, spansMax), traceId === '' ? undefined : traceId);
      return { spans: found.map((span) => spanOf(span, parts.process.instance)) };
    },
    listRecords: async ({ limit }) => {
      const records = (await parts.stream?.latest(bounded(limit, recordsMax))) ?? [];
      return { events: records.map(loggedEvent) };
    },
    listProcessDeadLetters: async ({ limit }) => {
      const letters = (await parts.stream?.deadLetters(bounded(limit, recordsMax))) ?? [];
      return { deadLetters: letters.map(loggedDeadLetter) };
    },
  });
}

function bounded(limit: number, most: number): number {
  return limit <= 0 ? most : Math.min(limit, most);
}

async function healthOf(
  parts: ProcessParts,
  startedAtMs: number,
): Promise<MessageInitShape<typeof ProcessHealthSchema>> {
  const [states, lags, outboxes] = await Promise.all([
    Promise.all(parts.dependencies.map(partOf)),
    lagsOf(parts),
    outboxesOf(parts),
  ]);
  return {
    instance: parts.process.instance,
    answered: true,
    services: [...parts.services],
    startedAt: timestampFromMs(startedAtMs),
    version: parts.process.version,
    parts: states,
    lags,
    outboxes,
    memoryBytes: BigInt(process.memoryUsage.rss()),
  };
}

async function partOf({ name, check }: Dependency) {
  const startedAtMs = performance.now();
  const outcome = await withinMs(check());
  const latencyMs = performance.now() - startedAtMs;
  return { name, state: outcome === undefined ? PartState.DOWN : PartState.UP, latencyMs: outcome ?? latencyMs };
}

/** Undefined for what failed or took too long; why is on record where it is used. */
async function withinMs<T>(work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), partMsMax);
  try {
    return await Promise.race([work.catch(() => undefined), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A group whose lag cannot be asked is left out: its part `stream` says why. */
async function lagsOf({ groups, stream }: ProcessParts) {
  const lags = await Promise.all(
    groups.map(async ({ group, topics }) => ({
      group,
      events: stream === undefined ? undefined : await withinMs(stream.lag(group, topics)),
    })),
  );
  return lags.flatMap(({ group, events }) => (events === undefined ? [] : [{ group, events }]));
}

async function outboxesOf({ outboxes, world }: ProcessParts) {
  const states = await Promise.all(
    outboxes.map(async ({ service, outbox }) => {
      const state = await withinMs(outboxOf(outbox, world.now()));
      return state === undefined ? undefined : { service, ...state };
    }),
  );
  return states.filter((state) => state !== undefined);
}

async function outboxOf(outbox: Pick<OutboxStore, 'oldest'>, nowMs: number) {
  const waiting = await outbox.oldest(outboxCountMax);
  const time = waiting[0] === undefined ? undefined : fromBinary(EnvelopeSchema, waiting[0].envelope).time;
  return {
    waiting: BigInt(waiting.length),
    oldestSeconds: time === undefined ? 0 : Math.max(0, (nowMs - timestampMs(time)) / 1_000),
  };
}

function spanOf(span: FinishedSpan, instance: string): MessageInitShape<typeof TraceSpanSchema> {
  const { name, service, kind, traceId, spanId, parentSpanId, durationMs, failed } = span;
  const attributes = Object.entries(span.attributes).map(([key, value]) => [
    key,
    String(value).slice(0, attributeCharsMax),
  ]);
  return {
    ...{ name, service, kind, traceId, spanId, parentSpanId, durationMs, failed, instance },
    startedAt: timestampOf(span.startMs),
    attributes: Object.fromEntries(attributes) as Record<string, string>,
  };
}

/** With its microseconds: spans of a trace are that close to each other. */
function timestampOf(ms: number) {
  const seconds = Math.floor(ms / 1_000);
  return { seconds: BigInt(seconds), nanos: Math.floor((ms - seconds * 1_000) * 1e6) };
}

/** Keeps the gauges of what waits up to date until it is stopped. */
export function startOperationsGauges(parts: ProcessParts, telemetry: Telemetry): { stop(): Promise<void> } {
  const set = gaugesOf(telemetry);
  return startLoop({
    round: async () => {
      const { parts: states = [], lags = [], outboxes = [] } = await healthOf(parts, 0);
      for (const { name = '', state } of states) set.part.set({ part: name }, state === PartState.UP ? 1 : 0);
      for (const { group = '', events = 0n } of lags) set.lag.set({ group }, Number(events));
      for (const { service = '', waiting = 0n, oldestSeconds = 0 } of outboxes) {
        set.waiting.set({ service }, Number(waiting));
        set.oldest.set({ service }, oldestSeconds);
      }
      await setDeadLetters(parts, set.deadLetters);
      for (const { name, expiresAt } of parts.certificates?.() ?? []) {
        set.certificate.set({ certificate: name }, expiresAt.getTime() / 1_000);
      }
      const disk = await statfs(parts.dataFolder);
      set.free.set(disk.bavail * disk.bsize);
      set.size.set(disk.blocks * disk.bsize);
      return undefined;
    },
    now: parts.world.now,
    idleMsMax: gaugesEveryMs,
    failed: (error) => telemetry.log.warn('the gauges of what waits are old', { error }),
  });
}

type Gauges = ReturnType<typeof gaugesOf>;

function gaugesOf({ gauge }: Telemetry) {
  return {
    part: gauge('suuupra_part_up', 'Whether a part that the process cannot do without answers', ['part']),
    lag: gauge('suuupra_consumer_lag_events', 'Events that a consumer group has not applied yet', ['group']),
    waiting: gauge('suuupra_outbox_waiting_events', 'Events that are not on the stream yet, at most 500', ['service']),
    oldest: gauge('suuupra_outbox_oldest_seconds', 'How long the oldest of them has waited', ['service']),
    deadLetters: gauge('suuupra_dead_letters', 'Events that a group gave up on, of the newest 100', ['group']),
    certificate: gauge('suuupra_certificate_expires_timestamp_seconds', 'When a certificate ends', ['certificate']),
    free: gauge('suuupra_data_disk_free_bytes', 'Free on the disk of the data folder'),
    size: gauge('suuupra_data_disk_size_bytes', 'Size of the disk of the data folder'),
  };
}

/** Of this process's groups alone: each is told by the processes of its service. */
async function setDeadLetters({ groups, stream }: ProcessParts, gauge: Gauges['deadLetters']): Promise<void> {
  const letters = (await stream?.deadLetters(recordsMax)) ?? [];
  for (const { group } of groups) {
    gauge.set({ group }, letters.filter((letter) => letter.group === group).length);
  }
}
