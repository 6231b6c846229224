/** A process of its own with a stream on Kafka, which does what its parent tells it until that kills it (testing-kafka.ts). */
import { eventRow } from '@suuupra/contracts/events';
import { on } from '../service.ts';
import { openSql } from '../sql/open-sql.ts';
import { openTelemetry } from '../telemetry/telemetry-process.ts';
import { subscribe } from './inbox.ts';
import type { Stream, StreamRecord } from './stream.ts';
import { type FromChild, type Hearing, openTestKafka, type ToChild } from './testing-kafka.ts';

const waiting = new Map<number, PromiseWithResolvers<void>>();
let asked = 0;
const tell = (message: FromChild) => process.send?.(message);

/** Our parent handles what we read. */
async function handleThere(records: readonly StreamRecord[]): Promise<void> {
  asked += 1;
  const answer = Promise.withResolvers<void>();
  waiting.set(asked, answer);
  tell({ handle: asked, records });
  await answer.promise;
}

/** Writes what it hears into the table `heard`, and stands still in the transaction of the given one. */
async function hear(stream: Stream, { databaseUrl, group, type, holdAt }: Hearing): Promise<void> {
  const schema = eventRow(type)?.schema;
  if (schema === undefined) throw new Error(`there is no event ${type}`);
  const sql = await openSql({ url: databaseUrl, connectionsMax: 5, durability: 'not needed' });
  const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');
  let heard = 0;
  const handler = on(schema, async ({ envelope, tx }) => {
    await tx.execute('INSERT INTO heard (subject, event_id, process) VALUES ($1, $2, $3)', [
      envelope.subject,
      envelope.id,
      process.pid,
    ]);
    heard += 1;
    if (heard < holdAt) return;
    tell({ held: true });
    await new Promise(() => {});
  });
  await subscribe({ stream, sql, group, handlers: [handler], telemetry });
}

const stream = await openTestKafka(() => undefined, process.argv[2] ?? '');
process.on('message', async (message: ToChild) => {
  if ('consume' in message) await stream.consume({ ...message.consume, handle: handleThere });
  else if ('hear' in message) await hear(stream, message.hear);
  else if (message.error === undefined) waiting.get(message.handled)?.resolve();
  else waiting.get(message.handled)?.reject(new Error(message.error));
  if (!('handled' in message)) tell({ consuming: true });
});
// A parent that ended without killing it must not leave it behind.
process.on('disconnect', () => process.exit(1));
tell({ ready: true });
