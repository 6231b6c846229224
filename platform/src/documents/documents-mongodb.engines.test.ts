/** The documents port on the MongoDB-speaking server of this run (tools/engines/mongodb.ts). */
import { randomBytes } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { openTelemetry } from '../telemetry/telemetry-process.ts';
import { realWorld } from '../world.ts';
import { documentsContract } from './documents.contract.ts';
import { type MongodbDocuments, openMongodbDocuments } from './documents-mongodb.ts';

const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');
const url = process.env['SUUUPRA_TEST_MONGODB'] ?? '';

function open(database: string): Promise<MongodbDocuments> {
  return openMongodbDocuments({ url, database, owner: 'identity', world: realWorld(), telemetry, notify: () => {} });
}

documentsContract('MongoDB', async () => {
  const database = `test_${randomBytes(8).toString('hex')}`;
  const [documents, other] = await Promise.all([open(database), open(database)]);
  return {
    documents,
    other,
    published: async () =>
      (await documents.outbox.oldest(1_000)).map(({ envelope }) => fromBinary(EnvelopeSchema, envelope).subject),
    close: async () => {
      await documents.close();
      await other.close();
    },
  };
});
