/**
 * An envelope as a Kafka record: the CloudEvents 1.0 Kafka protocol binding in binary mode, so that any consumer can read
 * it. The value is the event message in protobuf, the attributes are headers (`ce_id`, `ce_type`, …, `content-type`), the key
 * is the subject. `traceparent` and `correlationid` are extension attributes; the trace stands under its plain name too,
 * where OpenTelemetry looks.
 */
import { create, fromJson, toJson } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { KafkaRecord, MessageToProduce, RecordsBatch } from '@platformatic/kafka';
import { type Envelope, EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';

export type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>;

const specVersion = '1.0';
const contentType = 'application/protobuf';
/** What Kafka adds to a record, with room to spare. */
const recordOverheadBytes = 128;

/** The record of an envelope, and the bytes it takes at most. */
export function messageOf(
  envelope: Envelope,
  topic: string,
  partition: number,
): { readonly message: Message; readonly bytes: number } {
  const headers = headersOf(envelope);
  const key = Buffer.from(envelope.subject);
  const value = Buffer.from(envelope.data);
  let bytes = recordOverheadBytes + key.byteLength + value.byteLength;
  for (const [name, text] of headers) bytes += name.byteLength + text.byteLength + 8;
  return { message: { topic, partition, key, value, headers }, bytes };
}

function headersOf(envelope: Envelope): Map<Buffer, Buffer> {
  const headers = new Map<Buffer, Buffer>();
  const put = (name: string, text: string) => {
    if (text !== '') headers.set(Buffer.from(name), Buffer.from(text));
  };
  put('ce_specversion', specVersion);
  put('ce_id', envelope.id);
  put('ce_source', envelope.source);
  put('ce_type', envelope.type);
  put('ce_subject', envelope.subject);
  if (envelope.time !== undefined) put('ce_time', toJson(TimestampSchema, envelope.time));
  put('ce_traceparent', envelope.traceparent);
  put('ce_correlationid', envelope.correlationId);
  put('traceparent', envelope.traceparent);
  put('content-type', contentType);
  return headers;
}

export interface DecodedRecord {
  /** Of a record that is no event: what its headers tell, with the value as its data. */
  readonly envelope: Envelope;
  readonly problem: string | undefined;
}

/** The envelope of a record. Never throws. */
export function envelopeOf(record: Pick<KafkaRecord, 'headers' | 'value'>): DecodedRecord {
  const headers = new Map(record.headers.map(([name, text]) => [String(name ?? ''), String(text ?? '')]));
  const text = (name: string) => headers.get(name) ?? '';
  const envelope = create(EnvelopeSchema, {
    id: text('ce_id'),
    source: text('ce_source'),
    type: text('ce_type'),
    subject: text('ce_subject'),
    data: record.value ?? new Uint8Array(),
    traceparent: text('ce_traceparent') || text('traceparent'),
    correlationId: text('ce_correlationid'),
  });
  if (text('ce_specversion') !== specVersion) return { envelope, problem: `no CloudEvents ${specVersion} record` };
  if (text('content-type') !== contentType) {
    return { envelope, problem: `its content-type is "${text('content-type')}", not ${contentType}` };
  }
  try {
    if (text('ce_time') !== '') envelope.time = fromJson(TimestampSchema, text('ce_time'));
    return { envelope, problem: undefined };
  } catch (error) {
    return { envelope, problem: `its ce_time is no time: ${(error as Error).message}` };
  }
}

/** A record with its place. */
export interface PlacedRecord {
  readonly offset: bigint;
  /** When the broker appended it. */
  readonly at: Date;
  readonly record: KafkaRecord;
}

const controlBatch = 0b10_0000;

/** The records of fetched batches from an offset on: a batch is fetched whole also when the offset lies within it. */
export function placedRecords(batches: readonly RecordsBatch[], from: bigint): PlacedRecord[] {
  return batches
    .filter((batch) => (batch.attributes & controlBatch) === 0)
    .flatMap((batch) =>
      batch.records.map((record) => ({
        offset: batch.firstOffset + BigInt(record.offsetDelta),
        // The topics are made with LogAppendTime, which a broker notes for the whole batch.
        at: new Date(Number(batch.maxTimestamp)),
        record,
      })),
    )
    .filter(({ offset }) => offset >= from);
}

/** The offset after the fetched batches; the one asked for when there were none. */
export function offsetAfter(batches: readonly RecordsBatch[], from: bigint): bigint {
  const last = batches.at(-1);
  if (last === undefined) return from;
  const after = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
  return after > from ? after : from;
}
