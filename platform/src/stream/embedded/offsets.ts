/** How far each group is in each partition, and what it gave up on. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import type { Sql } from '../../sql/sql.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { coalesced } from '../bell.ts';
import type { DeadLetter, StreamRecord } from '../stream.ts';
import { keyText, type PartitionKey, partitionsPerTopic } from './tables.ts';

/** What is kept of the text of an error. */
const errorTextMax = 2_000;
/** Positions of all groups that were noted in this time are written together. */
const gatherMs = 100;

export interface Offset {
  readonly position: bigint;
  /** How often the record after the position was tried. */
  readonly tries: number;
}

export interface Offsets {
  /** Makes the group known for the topics, so that nothing it has not handled is removed. */
  register(group: string, topics: readonly string[]): Promise<void>;
  load(group: string, key: PartitionKey): Promise<Offset>;
  /** Notes a position; it is written a moment later. A crash before that repeats records, which the inbox passes over. */
  note(group: string, key: PartitionKey, position: bigint): void;
  /** Writes what is noted. When the database does not answer it stays noted. */
  flush(): Promise<void>;
  /** Durably counts a failed try of the record. */
  countTry(group: string, record: StreamRecord, tries: number): Promise<void>;
  /** Durably puts the record aside and passes it. */
  bury(group: string, record: StreamRecord, error: unknown): Promise<void>;
  lag(group: string, topics: readonly string[]): Promise<bigint>;
  deadLetters(limit: number): Promise<DeadLetter[]>;
  /** Puts the group before the first record of the time or later; to the beginning without a time. */
  reset(group: string, topics: readonly string[], since: Date | undefined): Promise<void>;
}

interface Noted extends PartitionKey {
  readonly group: string;
  readonly position: bigint;
}

const putText = `INSERT INTO stream_offsets (group_name, topic, partition, position, tries) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (group_name, topic, partition) DO UPDATE SET position = excluded.position, tries = excluded.tries
  WHERE stream_offsets.position <= excluded.position`;

export function createOffsets(sql: Sql, telemetry: Telemetry): Offsets {
  let noted = new Map<string, Noted>();
  let gathering: NodeJS.Timeout | undefined;
  const flush = coalesced(async () => {
    clearTimeout(gathering);
    gathering = undefined;
    if (noted.size === 0) return;
    const taken = noted;
    noted = new Map();
    try {
      await writeAll(sql, [...taken.values()]);
    } catch (error) {
      // What was noted since is newer than what could not be written.
      noted = new Map([...taken, ...noted]);
      telemetry.log.warn('stream positions could not be written; they are tried again', { error });
    }
  });
  return {
    ...statements(sql),
    note(group, key, position) {
      noted.set(`${group} ${keyText(key)}`, { group, ...key, position });
      gathering ??= setTimeout(flush, gatherMs);
    },
    flush,
    async lag(group, topics) {
      await flush();
      const [row] = await sql.query<{ lag: bigint }>(
        `SELECT coalesce(sum(greatest(0, p.last_position - greatest(coalesce(o.position, 0), p.first_position - 1))), 0)::bigint AS lag
           FROM stream_partitions p
           LEFT JOIN stream_offsets o ON o.group_name = $1 AND o.topic = p.topic AND o.partition = p.partition
          WHERE p.topic = ANY ($2::text[])`,
        [group, topics],
      );
      return row?.lag ?? 0n;
    },
  };
}

async function writeAll(sql: Sql, all: readonly Noted[]): Promise<void> {
  // In one order always, so that two processes that write the same rows do not deadlock.
  const sorted = all.toSorted((a, b) => (`${a.group} ${keyText(a)}` < `${b.group} ${keyText(b)}` ? -1 : 1));
  await sql.execute(
    `INSERT INTO stream_offsets (group_name, topic, partition, position)
     SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[])
     ON CONFLICT (group_name, topic, partition) DO UPDATE SET position = excluded.position, tries = 0
     WHERE stream_offsets.position < excluded.position`,
    [
      sorted.map((one) => one.group),
      sorted.map((one) => one.topic),
      sorted.map((one) => one.partition),
      sorted.map((one) => one.position),
    ],
  );
}

/** Records are in the order of their positions, and their times rise with them but for clocks that were set. */
const resetText = `UPDATE stream_offsets o SET tries = 0, position = CASE WHEN $3::timestamptz IS NULL THEN 0 ELSE coalesce(
    (SELECT min(l.position) - 1 FROM stream_log l
      WHERE l.topic = o.topic AND l.partition = o.partition AND l.appended_at >= $3::timestamptz),
    (SELECT p.last_position FROM stream_partitions p WHERE p.topic = o.topic AND p.partition = o.partition),
    0) END
  WHERE group_name = $1 AND topic = ANY ($2::text[])`;

function statements(sql: Sql): Omit<Offsets, 'note' | 'flush' | 'lag'> {
  return {
    async register(group, topics) {
      await sql.execute(
        `INSERT INTO stream_offsets (group_name, topic, partition)
         SELECT $1, topic, partition FROM unnest($2::text[]) topic, generate_series(0, $3 - 1) partition
         ON CONFLICT DO NOTHING`,
        [group, topics, partitionsPerTopic],
      );
    },
    async load(group, key) {
      const [row] = await sql.query<{ position: bigint; tries: number }>(
        'SELECT position, tries FROM stream_offsets WHERE group_name = $1 AND topic = $2 AND partition = $3',
        [group, key.topic, key.partition],
      );
      return row ?? { position: 0n, tries: 0 };
    },
    async countTry(group, record, tries) {
      await sql.execute(putText, [group, record.topic, record.partition, record.position - 1n, tries]);
    },
    async bury(group, record, error) {
      await sql.transaction(async (tx) => {
        await tx.execute(
          `INSERT INTO stream_dead_letters (group_name, topic, partition, position, envelope, error)
           VALUES ($1, $2, $3, $4, $5, $6)`,
          [
            group,
            record.topic,
            record.partition,
            record.position,
            Buffer.from(toBinary(EnvelopeSchema, record.envelope)),
            String(error).slice(0, errorTextMax),
          ],
        );
        await tx.execute(putText, [group, record.topic, record.partition, record.position, 0]);
      });
    },
    deadLetters: (limit) => deadLetters(sql, limit),
    async reset(group, topics, since) {
      await sql.execute(resetText, [group, topics, since ?? null]);
    },
  };
}

async function deadLetters(sql: Sql, limit: number): Promise<DeadLetter[]> {
  const rows = await sql.query<{
    group_name: string;
    topic: string;
    partition: number;
    position: bigint;
    envelope: Buffer;
    error: string;
    at: Date;
  }>(
    `SELECT group_name, topic, partition, position, envelope, error, at
       FROM stream_dead_letters ORDER BY id DESC LIMIT $1`,
    [limit],
  );
  return rows.map(({ group_name, envelope, ...row }) => ({
    ...row,
    group: group_name,
    envelope: fromBinary(EnvelopeSchema, envelope),
  }));
}
