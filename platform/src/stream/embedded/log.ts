/** The log itself: appending in the order of the commits, reading after a position, and removing what is old. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Envelope, EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { retrying, type Sql, type SqlTransaction } from '../../sql/sql.ts';
import type { ReadRecord } from '../delivery.ts';
import type { RecordCheck } from '../record-check.ts';
import type { StreamRecord } from '../stream.ts';
import { type PartitionKey, partitionOf, partitionsPerTopic } from './tables.ts';

/** Records of one transaction; a longer list is appended in several. */
const appendMax = 1_000;
const pruneBatchMax = 1_000;

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

/** Appends what the topic does not hold yet, and gives the new heads. The topic must be ensured. */
export async function appendToLog(sql: Sql, topic: string, envelopes: readonly Envelope[]): Promise<Moved[]> {
  const moved: Moved[] = [];
  for (let from = 0; from < envelopes.length; from += appendMax) {
    const slice = envelopes.slice(from, from + appendMax);
    moved.push(...(await retrying(() => sql.transaction((tx) => appendSlice(tx, topic, slice)))));
  }
  return moved;
}

async function appendSlice(tx: SqlTransaction, topic: string, envelopes: readonly Envelope[]): Promise<Moved[]> {
  const partitions = [...new Set(envelopes.map((envelope) => partitionOf(envelope.subject)))];
  // A statement of its own: the next one then sees all that was committed by those whose lock this one waited for.
  const locked = await tx.query<{ partition: number; last_position: bigint }>(
    `SELECT partition, last_position FROM stream_partitions
      WHERE topic = $1 AND partition = ANY ($2::int[]) ORDER BY partition FOR UPDATE`,
    [topic, partitions],
  );
  const fresh = await unknownTo(tx, topic, envelopes);
  if (fresh.length === 0) return [];
  const positions = new Map(locked.map((row) => [row.partition, row.last_position]));
  const rows = fresh.map((envelope) => {
    const partition = partitionOf(envelope.subject);
    const last = positions.get(partition);
    if (last === undefined) throw new Error(`the topic ${topic} has no partition ${partition}`);
    positions.set(partition, last + 1n);
    return { partition, position: last + 1n, envelope };
  });
  await insertRows(tx, topic, rows);
  const moved = [...new Set(rows.map((row) => row.partition))];
  return moved.map((partition) => ({ key: { topic, partition }, position: positions.get(partition) ?? 0n }));
}

async function unknownTo(tx: SqlTransaction, topic: string, envelopes: readonly Envelope[]): Promise<Envelope[]> {
  const known = await tx.query<{ event_id: string }>(
    'SELECT event_id FROM stream_log WHERE topic = $1 AND event_id = ANY ($2::text[])',
    [topic, envelopes.map((envelope) => envelope.id)],
  );
  const seen = new Set(known.map((row) => row.event_id));
  return envelopes.filter((envelope) => !seen.has(envelope.id) && seen.add(envelope.id));
}

interface NewRow {
  readonly partition: number;
  readonly position: bigint;
  readonly envelope: Envelope;
}

async function insertRows(tx: SqlTransaction, topic: string, rows: readonly NewRow[]): Promise<void> {
  await tx.execute(
    `WITH added AS (
       INSERT INTO stream_log (topic, partition, position, event_id, type, envelope, appended_at)
       SELECT $1, r.*, clock_timestamp()
         FROM unnest($2::int[], $3::bigint[], $4::text[], $5::text[], $6::bytea[]) AS r
       RETURNING partition, position),
     heads AS (SELECT partition, max(position) AS position FROM added GROUP BY partition)
     UPDATE stream_partitions p SET last_position = heads.position
       FROM heads WHERE p.topic = $1 AND p.partition = heads.partition`,
    [
      topic,
      rows.map((row) => row.partition),
      rows.map((row) => row.position),
      rows.map((row) => row.envelope.id),
      rows.map((row) => row.envelope.type),
      rows.map((row) => Buffer.from(toBinary(EnvelopeSchema, row.envelope))),
    ],
  );
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

/** A row of the log. Of bytes that are no envelope, one that has them as its data and nothing else. */
function readRow(key: PartitionKey, position: bigint, bytes: Buffer, check: RecordCheck): ReadRecord {
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
