/** A consumer group hears everything again from the beginning; nothing of its state may change by that. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { events } from '@suuupra/contracts/events';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { parseKafkaUrl } from '@suuupra/platform/stream/kafka-url';
import type { Stream } from '@suuupra/platform/stream/stream';
import { openKafkaStream } from '@suuupra/platform/stream/stream-kafka';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { realWorld } from '@suuupra/platform/world';
import { eventually } from '../client.ts';
import type { Stage } from './stage.ts';

/** What follows from events, by service. Queues and what clocks write are left out. */
const derived: Readonly<Record<string, readonly string[]>> = {
  learning: ['access_facts', 'enrolments', 'lesson_progress', 'course_completions'],
  notifications: ['notifications'],
  ledger: ['batches', 'journals', 'transfers', 'account_totals', 'rejections'],
};

export interface Replayed {
  readonly group: string;
  /** Events that were heard again. */
  readonly events: bigint;
  readonly before: string;
  readonly after: string;
}

export async function replayAll(stage: Stage): Promise<readonly Replayed[]> {
  const telemetry = openTelemetry({ logLevel: 'warn', traceShare: 0, otlpEndpoint: '' });
  const stream = await openKafkaStream({
    ...parseKafkaUrl(stage.engines.settings['SUUUPRA_KAFKA_URL'] ?? ''),
    clientId: 'suuupra-replay',
    telemetry: telemetry.forService('stream'),
    world: realWorld(),
  });
  try {
    const replayed: Replayed[] = [];
    for (const group of Object.keys(derived)) replayed.push(await replay(stage, stream, group));
    return replayed;
  } finally {
    await stream.close();
    await telemetry.close();
  }
}

async function replay({ many, engines }: Stage, stream: Stream, group: string): Promise<Replayed> {
  const topics = [...new Set(events.filter((row) => row.consumers.includes(group)).map(({ owner }) => owner))];
  assert(topics.length > 0, `${group} hears nothing`);
  const quiet = () =>
    eventually(
      `${group} has heard everything`,
      () => stream.lag(group, topics),
      (lag) => lag === 0n,
      { withinMs: 90_000, everyMs: 500 },
    );
  await quiet();
  const members = many.members.filter(({ service }) => service === group);
  await Promise.all(members.map((member) => member.end('SIGTERM')));
  const before = await hashOf(engines.settings, group);
  await stream.rewind(group, topics);
  const waiting = await stream.lag(group, topics);
  await Promise.all(members.map((member) => member.start()));
  await quiet();
  return { group, events: waiting, before, after: await hashOf(engines.settings, group) };
}

async function hashOf(settings: Readonly<Record<string, string>>, service: string): Promise<string> {
  const mysql = settings['SUUUPRA_MYSQL_URL'];
  const onMysql = service === 'ledger' && mysql !== undefined;
  const url = new URL((onMysql ? mysql : settings['SUUUPRA_POSTGRES_URL']) ?? '');
  url.pathname = `/suuupra_${service}`;
  const sql = await openSql({ url: url.href, connectionsMax: 1, durability: 'not needed' });
  try {
    const hash = createHash('sha256');
    for (const table of derived[service] ?? []) {
      const text = onMysql
        ? `CHECKSUM TABLE ${table} EXTENDED`
        : `SELECT count(*) AS rows, md5(string_agg(t::text, '|' ORDER BY t::text)) AS md5 FROM ${table} t`;
      const [row] = await sql.query<Record<string, unknown>>(text);
      hash.update(`${table} ${Object.values(row ?? {}).join(' ')}\n`);
    }
    return hash.digest('hex');
  } finally {
    await sql.close();
  }
}
