/**
 * The `stream` port on a PostgreSQL database of its own: an ordered log in a table, groups with positions, locks to share
 * the partitions out, notifications to wake the readers.
 *
 * What it costs: an append is one statement that holds the row locks of its partitions until the disk has it, so one
 * partition takes as many appends a second as the disk takes commits; a batch costs as much as a single record. What a
 * process appended itself its own readers take from its memory; positions are written ten times a second. An
 * idle process makes two small statements a second. When that is not enough, Kafka is the adapter to move to.
 */
import type { Sql } from '../sql/sql.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import { defaultRetry, type RetryLimits } from './delivery.ts';
import { createHeads } from './embedded/heads.ts';
import { appendToLog, ensureTopic, latestInLog } from './embedded/log.ts';
import { createMembers } from './embedded/members.ts';
import { createOffsets } from './embedded/offsets.ts';
import { partitionOf, prepareStreamTables } from './embedded/tables.ts';
import { createTail } from './embedded/tail.ts';
import { checkByContracts, type RecordCheck, refuseUnfit } from './record-check.ts';
import type { Stream } from './stream.ts';

export interface EmbeddedStreamOptions {
  /** A database for the stream alone. Whoever opened it closes it, after the stream. */
  readonly sql: Sql;
  readonly telemetry: Telemetry;
  readonly world: Pick<World, 'random'>;
  readonly retry?: RetryLimits;
  /** Age at which records that every group has passed may be removed; default 30 days. */
  readonly keptMs?: number;
  /** What may travel; contracts/src/events.ts says it when absent. */
  readonly check?: RecordCheck;
}

const defaultKeptMs = 30 * 24 * 3_600_000;
const listMax = 100;

export async function openEmbeddedStream(options: EmbeddedStreamOptions): Promise<Stream> {
  const { sql, telemetry, world } = options;
  await prepareStreamTables(sql);
  const check = options.check ?? checkByContracts;
  const heads = createHeads();
  const tail = createTail();
  const offsets = createOffsets(sql, telemetry);
  const members = createMembers({
    sql,
    heads,
    tail,
    offsets,
    telemetry,
    retry: options.retry ?? defaultRetry,
    random: world.random,
    check,
    keptMs: options.keptMs ?? defaultKeptMs,
  });
  const ensured = new Set<string>();
  const ensure = async (topic: string) => {
    if (ensured.has(topic)) return;
    await ensureTopic(sql, topic);
    ensured.add(topic);
  };
  return {
    system: 'suuupra_stream',
    async append(topic, envelopes) {
      refuseUnfit(check, topic, envelopes);
      await ensure(topic);
      const added = await appendToLog(sql, topic, envelopes);
      if (members.reads(topic)) for (const { key, records } of added) tail.keep(key, records);
      const moved = added.map(({ key, records }) => ({ key, position: records.at(-1)?.position ?? 0n }));
      for (const { key, position } of moved) heads.advance(key, position);
      if (moved.length > 0) members.announce(moved);
    },
    async consume(consumeOptions) {
      for (const topic of consumeOptions.topics) await ensure(topic);
      return members.join(consumeOptions);
    },
    partitionOf,
    lag: offsets.lag,
    deadLetters: (limit) => offsets.deadLetters(Math.min(limit, listMax)),
    async rewind(group, topics, since) {
      await offsets.flush();
      await members.whileIdle(group, topics, () => offsets.reset(group, topics, since));
    },
    latest: (limit) => latestInLog(sql, Math.min(limit, listMax)),
    ping: () => sql.ping(),
    async close() {
      await members.close();
      await offsets.flush();
    },
  };
}
