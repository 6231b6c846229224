/** The log itself: appending in the order of the commits, reading after a position, and removing what is old. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Envelope, EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { retrying, type Sql } from '../../sql/sql.ts';
import type { ReadRecord } from '../delivery.ts';
import type { RecordCheck } from '../record-check.ts';
import type { StreamRecord } from '../stream.ts';
import { type PartitionKey, partitionOf, partitionsPerTopic } from './tables.ts';
import type { TailRecord } from './tail.ts';

/** Records of one transaction; a longer list is appended in several. */
const appendMax = 1_000;
const pruneBatchMax = 1_000;

/** What an append added to one partition. */
export interface Added {
  readonly key: PartitionKey;
  /** In the order of their positions, the last of which is where the partition ends now. */
  readonly records: readonly TailRecord[];
}

export interface Moved {
  readonly key: PartitionKey;
  readonly position: bigint;
}

/** Makes the rows of a topic's partitions. */
export async function ensureTopic(sql: Sql, topic: string): Promise<void> {
  await sql.execute(
    'INSERT INTO stream_partitions (topic, partition) SELECT $1, generate_series(0, $2 - 1) ON CONFLICT DO NOTHING',
    [topic, partitionsPerTopic],
  );
}

/** Appends what the topic does not hold yet, and gives what that was. The topic must be ensured. */
export async function appendToLog(sql: Sql, topic: string, envelopes: readonly Envelope[]): Promise<Added[]> {
  const added: Added[] = [];
  for (let from = 0; from < envelopes.length; from += appendMax) {
    added.push(...(await appendSlice(sql, topic, envelopes.slice(from, from + appendMax))));
  }
  return added;
}

/** One statement, committed when it is answered (`stream_append` of tables.ts). */
async function appendSlice(sql: Sql, topic: string, envelopes: readonly Envelope[]): Promise<Added[]> {
  const distinct = new Map<string, NewRow>();
  for (const envelope of envelopes) {
    if (distinct.has(envelope.id)) continue;
    const bytes = Buffer.from(toBinary(EnvelopeSchema, envelope));
    distinct.set(envelope.id, { partition: partitionOf(envelope.subject), type: envelope.type, bytes });
  }
  const rows = [...distinct.values()];
  const added = await retrying(() =>
    sql.query<{ event_id: string; partition: number; position: bigint }>(
      'SELECT event_id, partition, position FROM stream_append($1, $2::int[], $3::text[], $4::text[], $5::bytea[])',
      [
        topic,
        rows.map((row) => row.partition),
        [...distinct.keys()],
        rows.map((row) => row.type),
        rows.map((row) => row.bytes),
      ],
    ),
  );
  const byPartition = Map.groupBy(added, (row) => row.partition);
  return [...byPartition].map(([partition, inOne]) => ({
    key: { topic, partition },
    records: inOne
      .toSorted((a, b) => (a.position < b.position ? -1 : 1))
      .flatMap(({ event_id, position }) => {
        const row = distinct.get(event_id);
        return row === undefined ? [] : [{ position, type: row.type, bytes: row.bytes }];
      }),
  }));
}

interface NewRow {
  readonly partition: number;
  readonly type: string;
  readonly bytes: Buffer;
}

export interface LogSlice {
  /** Those of the wanted types, in order. */
  readonly records: readonly ReadRecord[];
  /** Position of the last record looked at, wanted or not; undefined when there was none. */
  readonly last: bigint | undefined;
  /** True when there may be more behind it. */
  readonly full: boolean;
}

/** At most `limit` records after the position. Those of other types are passed over without their bytes being read. */
export async function readLog(
  sql: Sql,
  key: PartitionKey,
  after: bigint,
  limit: number,
  types: readonly string[],
  check: RecordCheck,
): Promise<LogSlice> {
  const rows = await sql.query<{ position: bigint; envelope: Buffer | null }>(
    `SELECT position, CASE WHEN type = ANY ($5::text[]) THEN envelope END AS envelope FROM stream_log
      WHERE topic = $1 AND partition = $2 AND position > $3 ORDER BY position LIMIT $4`,
    [key.topic, key.partition, after, limit, types],
  );
  const records = rows.flatMap(({ position, envelope }) =>
    envelope === null ? [] : [readRow(key, position, envelope, check)],
  );
  return { records, last: rows.at(-1)?.position, full: rows.length === limit };
}

/** The same of what this process has appended itself. `full`, because it does not know what others appended behind it. */
export function readTail(
  key: PartitionKey,
  tail: readonly TailRecord[],
  types: ReadonlySet<string>,
  check: RecordCheck,
): LogSlice {
  const wanted = tail.filter(({ type }) => types.has(type));
  const records = wanted.map(({ position, bytes }) => readRow(key, position, bytes, check));
  return { records, last: tail.at(-1)?.position, full: true };
}

/** A row of the log. Of bytes that are no envelope, one that has them as its data and nothing else. */
function readRow(key: PartitionKey, position: bigint, bytes: Uint8Array, check: RecordCheck): ReadRecord {
  const read = (envelope: Envelope, unfit: string | undefined): ReadRecord => ({
    record: { ...key, position, envelope, tries: 0 },
    unfit,
  });
  try {
    const envelope = fromBinary(EnvelopeSchema, bytes);
    return read(envelope, check(key.topic, envelope));
  } catch (error) {
    return read(create(EnvelopeSchema, { data: bytes }), `the bytes are no envelope: ${(error as Error).message}`);
  }
}

/** The newest records over all partitions, newest first. */
export async function latestInLog(sql: Sql, limit: number): Promise<StreamRecord[]> {
  const rows = await sql.query<{ topic: string; partition: number; position: bigint; envelope: Buffer }>(
    `SELECT newest.* FROM stream_partitions p CROSS JOIN LATERAL (
       SELECT topic, partition, position, envelope, appended_at FROM stream_log l
        WHERE l.topic = p.topic AND l.partition = p.partition ORDER BY position DESC LIMIT $1) newest
      ORDER BY appended_at DESC, topic, partition, position DESC LIMIT $1`,
    [limit],
  );
  return rows.map(({ topic, partition, position, envelope }) => ({
    topic,
    partition,
    position,
    envelope: fromBinary(EnvelopeSchema, envelope),
    tries: 0,
  }));
}

/** Where every partition of the topics ends. */
export async function headsOfLog(sql: Sql, topics: readonly string[]): Promise<Moved[]> {
  const rows = await sql.query<{ topic: string; partition: number; last_position: bigint }>(
    'SELECT topic, partition, last_position FROM stream_partitions WHERE topic = ANY ($1::text[])',
    [topics],
  );
  return rows.map(({ topic, partition, last_position }) => ({ key: { topic, partition }, position: last_position }));
}

/**
 * Removes records that are older than `keptMs` and that every group has passed, one partition at a time and in bounded
 * batches. A group that never consumed the topic holds nothing back. Gives the number of records.
 */
export async function pruneLog(sql: Sql, keptMs: number): Promise<number> {
  const partitions = await sql.query<{ topic: string; partition: number }>(
    'SELECT topic, partition FROM stream_partitions WHERE last_position >= first_position',
  );
  let removed = 0;
  for (const { topic, partition } of partitions) {
    for (;;) {
      const batch = await pruneBatch(sql, { topic, partition }, keptMs);
      removed += batch;
      if (batch < pruneBatchMax) break;
    }
  }
  return removed;
}

async function pruneBatch(sql: Sql, key: PartitionKey, keptMs: number): Promise<number> {
  const [row] = await sql.query<{ removed: number }>(
    `WITH passed AS (
       SELECT p.first_position, coalesce(min(o.position), p.last_position) AS position
         FROM stream_partitions p LEFT JOIN stream_offsets o ON o.topic = p.topic AND o.partition = p.partition
        WHERE p.topic = $1 AND p.partition = $2 GROUP BY p.first_position, p.last_position),
     old AS (
       SELECT l.position FROM stream_log l, passed
        WHERE l.topic = $1 AND l.partition = $2 AND l.position BETWEEN passed.first_position AND passed.position
          AND l.appended_at < now() - make_interval(secs => $3)
        ORDER BY l.position LIMIT $4),
     gone AS (
       DELETE FROM stream_log l USING old
        WHERE l.topic = $1 AND l.partition = $2 AND l.position = old.position RETURNING l.position),
     moved AS (
       UPDATE stream_partitions SET first_position = (SELECT max(position) + 1 FROM gone)
        WHERE topic = $1 AND partition = $2 AND EXISTS (SELECT 1 FROM gone))
     SELECT count(*)::int AS removed FROM gone`,
    [key.topic, key.partition, keptMs / 1_000, pruneBatchMax],
  );
  return row?.removed ?? 0;
}
