/** What the killed writers write (writer.ts), and what has to hold of it afterwards. */
import { fromBinary } from '@bufbuild/protobuf';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import type { DocumentOf } from '@suuupra/platform/documents/documents';
import type { MongodbDocuments } from '@suuupra/platform/documents/documents-mongodb';

export const collections = [
  { name: 'parts', indexed: ['unit'] },
  { name: 'counters', indexed: [] },
];
export const counterId = 'all';

export interface CounterBody {
  readonly count: number;
}

export interface Written {
  /** Units of which all three documents are there. */
  readonly whole: ReadonlySet<string>;
  /** Units of which some are there. */
  readonly torn: readonly string[];
  /** Units that are told of, in order. */
  readonly told: readonly string[];
  readonly counted: number;
}

const pageMax = 1_000;
const eventsMax = 1_000_000;

export async function whatIsThere(documents: MongodbDocuments): Promise<Written> {
  const found: DocumentOf<{ unit: string }>[] = [];
  for (let afterId = ''; ; ) {
    const page = await documents.find<{ unit: string }>(
      'parts',
      {},
      { order: 'id_ascending', afterId, limit: pageMax },
    );
    found.push(...page);
    const last = page.at(-1);
    if (last === undefined) break;
    afterId = last.id;
  }
  const units = Map.groupBy(found, ({ body }) => body.unit);
  const counter = await documents.get<CounterBody>('counters', counterId);
  return {
    whole: new Set([...units].filter(([, parts]) => parts.length === 3).map(([unit]) => unit)),
    torn: [...units].filter(([, parts]) => parts.length !== 3).map(([unit]) => unit),
    told: await tellAll(documents),
    counted: counter?.body.count ?? 0,
  };
}

/** Takes all events out of the outbox, as a relay does. */
async function tellAll(documents: MongodbDocuments): Promise<string[]> {
  const told: string[] = [];
  while (told.length < eventsMax) {
    const waiting = await documents.outbox.oldest(pageMax);
    if (waiting.length === 0) return told;
    told.push(...waiting.map(({ envelope }) => fromBinary(EnvelopeSchema, envelope).subject));
    await documents.outbox.remove(waiting.map(({ place }) => place));
  }
  throw new Error('the outbox does not get empty');
}
