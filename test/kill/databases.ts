/** Looks into the databases of a running platform from outside, for what the public API does not show. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { events } from '@suuupra/contracts/events';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import pg from 'pg';
import type { DataFolder } from '../platform.ts';

export interface Databases {
  /** Databases of services, by the service's name. */
  readonly services: readonly string[];
  query<T extends pg.QueryResultRow>(service: string, sql: string, values?: readonly unknown[]): Promise<T[]>;
  /** Every event on the stream. */
  log(): Promise<readonly LoggedEvent[]>;
  close(): Promise<void>;
}

export interface LoggedEvent {
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly envelope: Buffer;
}

/** Connects with the password of the keyring to wherever the pid file says the server listens. */
export async function openDatabases({ folder }: DataFolder): Promise<Databases> {
  const keys = JSON.parse(readFileSync(path.join(folder, 'keys.json'), 'utf8')) as Record<string, string>;
  const pidFile = readFileSync(path.join(folder, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n');
  const urlOf = (name: string) =>
    `postgres://suuupra:${encodeURIComponent(keys['postgres'] ?? '')}@127.0.0.1:${pidFile[3]}/${name}`;
  const pools = new Map<string, pg.Pool>();
  const poolOf = (name: string) => {
    const pool = pools.get(name) ?? new pg.Pool({ connectionString: urlOf(name), max: 1 });
    pools.set(name, pool);
    return pool;
  };
  const query = async <T extends pg.QueryResultRow>(service: string, sql: string, values: readonly unknown[] = []) =>
    (await poolOf(`suuupra_${service}`).query<T>(sql, [...values])).rows;
  const { rows } = await poolOf('postgres').query<{ datname: string }>(
    "SELECT datname FROM pg_database WHERE datname LIKE 'suuupra\\_%' AND datname <> 'suuupra_stream' ORDER BY 1",
  );
  return {
    services: rows.map(({ datname }) => datname.slice('suuupra_'.length)),
    query,
    log: () =>
      query<pg.QueryResultRow & LoggedEvent>(
        'stream',
        'SELECT event_id AS id, topic, type, envelope FROM stream_log ORDER BY topic, partition, position',
      ),
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.end()));
    },
  };
}

/**
 * Puts every group's position back by some records, as a crash between the work and the note of its position leaves it:
 * the next start delivers them all again. Only while the platform is down.
 */
export async function deliverAgain(data: DataFolder, records: number): Promise<void> {
  const databases = await openDatabases(data);
  await databases.query('stream', 'UPDATE stream_offsets SET position = greatest(0, position - $1)', [records]);
  await databases.close();
}

/** The events of one type, decoded. */
export function ofType<D extends DescMessage>(log: readonly LoggedEvent[], schema: D): MessageShape<D>[] {
  return log
    .filter(({ type }) => type === schema.typeName)
    .map(({ envelope }) => fromBinary(schema, fromBinary(EnvelopeSchema, envelope).data));
}

/** Queues that a service works off after a commit. Mail waits longer and is no part of any promise made here. */
const queues = ['outbox', 'tasks'];

/** What is still on its way: rows of queues and deliveries that no inbox has yet. Empty when all is quiet. */
export async function underWay(databases: Databases): Promise<readonly string[]> {
  const waiting: string[] = [];
  for (const service of databases.services) {
    const present = await databases.query<{ name: string }>(
      service,
      'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL',
      [queues],
    );
    for (const { name } of present) {
      const [row] = await databases.query<{ count: string }>(service, `SELECT count(*) FROM ${name}`);
      if (row?.count !== '0') waiting.push(`${row?.count} in ${service}.${name}`);
    }
  }
  const { missing } = await deliveries(databases);
  if (missing.length > 0) waiting.push(`${missing.length} deliveries, first ${missing[0]}`);
  return waiting;
}

export interface Deliveries {
  /** `<consumer> <type> <event id>` of events that a consumer has not applied. */
  readonly missing: readonly string[];
  /** The same of what a consumer says to have applied and that nobody told it. */
  readonly invented: readonly string[];
  readonly applied: number;
}

/** Compares the log with the inbox of every consumer that contracts/src/events.ts names. */
export async function deliveries(databases: Databases): Promise<Deliveries> {
  const log = await databases.log();
  const missing: string[] = [];
  const invented: string[] = [];
  let applied = 0;
  for (const consumer of databases.services) {
    const types = new Set(events.filter((row) => row.consumers.includes(consumer)).map((row) => row.schema.typeName));
    const due = new Map(log.filter(({ type }) => types.has(type)).map(({ id, type }) => [id, type]));
    const rows = await databases.query<{ event_id: string }>(
      consumer,
      'SELECT event_id FROM inbox WHERE consumer = $1',
      [consumer],
    );
    const have = new Set(rows.map(({ event_id }) => event_id));
    applied += have.size;
    missing.push(...[...due].filter(([id]) => !have.has(id)).map(([id, type]) => `${consumer} ${type} ${id}`));
    invented.push(...[...have].filter((id) => !due.has(id)).map((id) => `${consumer} ${id}`));
  }
  return { missing, invented, applied };
}
