/**
 * Brings the outbox of one service to the stream: the second half of the transactional outbox (see outbox.ts).
 *
 * Of all processes of a service one leads, by a lock in the service's database; the others tell it that there is
 * something to bring. They do so by a notification of its own after the commit: inside the transaction it would take a lock
 * that all notifying transactions share until the disk has the commit (PostgreSQL: src/backend/commands/async.c).
 */
import { fromBinary } from '@bufbuild/protobuf';
import { type Envelope, EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import type { Sql, SqlDialect, SqlLockSession } from '../sql/sql.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { backOffMs, coalesced, createBell } from './bell.ts';
import type { Stream } from './stream.ts';

export interface RelayOptions {
  /** The service's own database, with the tables of sql/service-tables.ts. */
  readonly sql: Sql;
  readonly stream: Pick<Stream, 'append'>;
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

const leaderLock = 'outbox-relay';
const channel = 'outbox';
const batchMax = 500;
/** How soon a process takes over from one that died, and how long a nudge that was lost may delay an event. */
const idleMsMax = 1_000;
const retryFirstMs = 100;
const retryMsMax = 5_000;
const drainCheckMs = 20;
const drainMsMax = 10_000;

export function startRelay(options: RelayOptions): Relay {
  const { sql, telemetry } = options;
  const bell = createBell();
  let stopped = false;
  let leading = false;
  let failures = 0;

  const tellLeader = coalesced(async () => {
    await sql.notify(channel, '').catch((error: unknown) => {
      telemetry.log.debug('the leading outbox relay could not be told; it looks for itself every second', { error });
    });
  });
  const nudge = () => {
    if (leading) bell.ring();
    else if (!stopped) void tellLeader();
  };

  const serve = async (session: SqlLockSession) => {
    while (!stopped && !session.lost.aborted) {
      if (!leading) {
        leading = await session.tryLock(leaderLock);
        if (leading) await session.listen(channel, () => bell.ring());
      }
      if (leading) await bringAll(options, () => stopped || session.lost.aborted);
      failures = 0;
      if (!stopped) await bell.wait(idleMsMax);
    }
  };
  const run = async () => {
    while (!stopped) {
      const session = await sql.openLockSession().catch(() => undefined);
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
    drain: (timeoutMs = drainMsMax) => drain(sql, nudge, timeoutMs),
    stop: async () => {
      stopped = true;
      bell.ring();
      await running;
    },
  };
}

/**
 * What is taken is removed by its id, not by a position that was reached: a row that commits late, with an id below others
 * that are gone already, is taken by the next look. So no position is passed over, whatever order ids are given in.
 */
const statements: Readonly<Record<SqlDialect, { oldest: string; remove: string; waiting: string }>> = {
  postgres: {
    oldest: 'SELECT id, topic, envelope FROM outbox ORDER BY id LIMIT $1',
    remove: 'DELETE FROM outbox WHERE id = ANY ($1)',
    waiting: 'SELECT 1 FROM outbox WHERE id <= $1 LIMIT 1',
  },
  mysql: {
    oldest: 'SELECT id, topic, envelope FROM outbox ORDER BY id LIMIT ?',
    remove: 'DELETE FROM outbox WHERE id IN (?)',
    waiting: 'SELECT 1 FROM outbox WHERE id <= ? LIMIT 1',
  },
};

interface OutboxRow extends Record<string, unknown> {
  id: bigint;
  topic: string;
  envelope: Buffer;
}

async function bringAll({ sql, stream, telemetry }: RelayOptions, ended: () => boolean): Promise<void> {
  while (!ended()) {
    const rows = await sql.query<OutboxRow>(statements[sql.dialect].oldest, [batchMax]);
    if (rows.length === 0) return;
    for (const [topic, envelopes] of byTopic(rows)) {
      await stream.append(topic, envelopes);
      telemetry
        .counter('suuupra_events_published_total', 'Events brought to the stream', ['topic'])
        .inc({ topic }, envelopes.length);
    }
    await sql.execute(statements[sql.dialect].remove, [rows.map((row) => row.id)]);
    if (rows.length < batchMax) return;
  }
}

function byTopic(rows: readonly OutboxRow[]): Map<string, Envelope[]> {
  const topics = new Map<string, Envelope[]>();
  for (const row of rows) {
    const envelopes = topics.get(row.topic) ?? [];
    envelopes.push(fromBinary(EnvelopeSchema, row.envelope));
    topics.set(row.topic, envelopes);
  }
  return topics;
}

/** Whoever leads does the work; this only waits for it. */
async function drain(sql: Sql, nudge: () => void, timeoutMs: number): Promise<void> {
  const [newest] = await sql.query<{ id: bigint | null }>('SELECT max(id) AS id FROM outbox');
  const untilMs = Date.now() + timeoutMs;
  while (newest?.id !== undefined && newest.id !== null) {
    nudge();
    const waiting = await sql.query(statements[sql.dialect].waiting, [newest.id]);
    if (waiting.length === 0) return;
    if (Date.now() > untilMs) throw new Error(`the outbox was not empty after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, drainCheckMs));
  }
}
