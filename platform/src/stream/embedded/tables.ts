/** The tables of the embedded stream, and the names that all of its parts use. */
import type { Sql } from '../../sql/sql.ts';
import { partitionOfSubject } from '../partition-of.ts';

/**
 * Partitions of each topic. It bounds how many processes of one service can share a topic; each costs a waiting loop per
 * group. It never changes once there are records: the partition of a subject follows from it, and so does its order.
 */
export const partitionsPerTopic = 8;

/** One partition of one topic. */
export interface PartitionKey {
  readonly topic: string;
  readonly partition: number;
}

export function keyText(key: PartitionKey): string {
  return `${key.topic}:${key.partition}`;
}

export function partitionsOf(topic: string): PartitionKey[] {
  return Array.from({ length: partitionsPerTopic }, (_, partition) => ({ topic, partition }));
}

export function partitionOf(subject: string): number {
  return partitionOfSubject(subject, partitionsPerTopic);
}

const statements: readonly string[] = [
  // Its row lock is what makes positions contiguous and in the order of the commits. last_position changes with each
  // append, so room is left in the page for the next version of the row beside the old one (a HOT update).
  `CREATE TABLE IF NOT EXISTS stream_partitions (
    topic text COLLATE "C" NOT NULL,
    partition int NOT NULL,
    first_position bigint NOT NULL DEFAULT 1,
    last_position bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
  ) WITH (fillfactor = 30)`,
  `CREATE TABLE IF NOT EXISTS stream_log (
    topic text COLLATE "C" NOT NULL,
    partition int NOT NULL,
    position bigint NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    envelope bytea NOT NULL,
    appended_at timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, position),
    UNIQUE (topic, event_id)
  )`,
  `CREATE TABLE IF NOT EXISTS stream_offsets (
    group_name text NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition int NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    tries int NOT NULL DEFAULT 0,
    PRIMARY KEY (group_name, topic, partition)
  ) WITH (fillfactor = 30)`,
  `CREATE TABLE IF NOT EXISTS stream_dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_name text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    position bigint NOT NULL,
    envelope bytea NOT NULL,
    error text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
  )`,
  `CREATE TABLE IF NOT EXISTS stream_members (
    group_name text NOT NULL,
    member text NOT NULL,
    PRIMARY KEY (group_name, member)
  )`,
  // One round trip and one commit for an append. VOLATILE, as functions are by themselves: each of its statements sees
  // what was committed before it began, so the second sees all that was appended by those whose lock the first waited for.
  `CREATE OR REPLACE FUNCTION stream_append(of_topic text, partitions int[], ids text[], types text[], envelopes bytea[])
   RETURNS TABLE (event_id text, "partition" int, "position" bigint) LANGUAGE plpgsql VOLATILE AS $append$
   #variable_conflict use_column
   BEGIN
     PERFORM 1 FROM stream_partitions p
       WHERE p.topic = of_topic AND p.partition = ANY (partitions) ORDER BY p.partition FOR UPDATE;
     RETURN QUERY
     WITH told AS (
       SELECT * FROM unnest(partitions, ids, types, envelopes) WITH ORDINALITY AS t (in_partition, id, type, envelope, place)),
     fresh AS (
       SELECT told.*, row_number() OVER (PARTITION BY in_partition ORDER BY place) AS step FROM told
        WHERE NOT EXISTS (SELECT 1 FROM stream_log l WHERE l.topic = of_topic AND l.event_id = told.id)),
     added AS (
       INSERT INTO stream_log (topic, partition, position, event_id, type, envelope, appended_at)
       SELECT of_topic, f.in_partition, p.last_position + f.step, f.id, f.type, f.envelope, clock_timestamp()
         FROM fresh f LEFT JOIN stream_partitions p ON p.topic = of_topic AND p.partition = f.in_partition
        ORDER BY f.place
       RETURNING stream_log.event_id, stream_log.partition, stream_log.position),
     heads AS (SELECT a.partition AS of_partition, max(a.position) AS newest FROM added a GROUP BY a.partition),
     moved AS (
       UPDATE stream_partitions p SET last_position = heads.newest
         FROM heads WHERE p.topic = of_topic AND p.partition = heads.of_partition)
     SELECT a.event_id, a.partition, a.position FROM added a;
   END $append$`,
];

export async function prepareStreamTables(sql: Sql): Promise<void> {
  await sql.transaction(async (tx) => {
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('suuupra:stream-tables', 0))");
    for (const statement of statements) await tx.execute(statement);
  });
}
