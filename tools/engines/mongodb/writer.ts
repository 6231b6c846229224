/**
 * A process that writes units of work until it is killed: node writer.ts URL DATABASE NAME. Each unit has three documents and
 * an event, and raises a counter that all writers share. A line on standard output acknowledges each.
 */
import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { openMongodbDocuments } from '@suuupra/platform/documents/documents-mongodb';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { realWorld } from '@suuupra/platform/world';
import { type CounterBody, collections, counterId } from './writing.ts';

const [url = '', database = '', name = ''] = process.argv.slice(2);
const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');
const world = realWorld();
const documents = await openMongodbDocuments({ url, database, owner: 'identity', world, telemetry, notify: () => {} });
await documents.define(collections);

for (let number = 0; ; number += 1) {
  const unit = `${name}-${number}`;
  await documents.transaction(async (tx) => {
    const counter = await tx.getForUpdate<CounterBody>('counters', counterId);
    if (counter === undefined) throw new Error('there is no counter');
    for (const part of ['a', 'b', 'c']) await tx.insert('parts', `${unit}-${part}`, { unit });
    await tx.replace('counters', counterId, counter.version, { count: counter.body.count + 1 });
    await tx.publish(UserRegisteredSchema, { userId: unit });
  });
  process.stdout.write(`${unit}\n`);
}
