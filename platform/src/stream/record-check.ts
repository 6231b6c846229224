/** What may travel on a topic: the events that contracts/src/events.ts gives to it, in bytes that decode. */
import { fromBinary } from '@bufbuild/protobuf';
import { eventRow } from '@suuupra/contracts/events';
import type { Envelope } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';

/** Why the envelope may not travel on the topic; undefined when it may. Must not throw. */
export type RecordCheck = (topic: string, envelope: Envelope) => string | undefined;

/** An event that may not travel on its topic. Nothing of the call that brought it was appended. */
export class RecordRefused extends Error {}

export const checkByContracts: RecordCheck = (topic, envelope) => {
  const row = eventRow(envelope.type);
  if (row?.owner !== topic)
    return `contracts/src/events.ts has no ${envelope.type || 'event without a type'} on ${topic}`;
  if (envelope.id === '') return `a ${envelope.type} without an id`;
  if (envelope.subject === '') return `a ${envelope.type} without a subject`;
  try {
    fromBinary(row.schema, envelope.data);
    return undefined;
  } catch (error) {
    return `the bytes are no ${envelope.type}: ${(error as Error).message}`;
  }
};

/** Throws RecordRefused for the first envelope that may not travel on the topic. */
export function refuseUnfit(check: RecordCheck, topic: string, envelopes: readonly Envelope[]): void {
  for (const envelope of envelopes) {
    const problem = check(topic, envelope);
    if (problem !== undefined) throw new RecordRefused(`refused ${envelope.id} on the stream: ${problem}`);
  }
}
