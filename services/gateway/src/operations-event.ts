/**
 * An event as an operator sees it. What may be personal is left out by keeping only what cannot be: numbers, flags, states,
 * amounts, times, and texts whose field is known to hold an id, a code or a name of ours. A new text field stays hidden
 * until it is named here.
 */
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { eventRow } from '@suuupra/contracts/events';
import {
  type DeadLetterSchema,
  type LoggedEvent,
  LoggedEventSchema,
} from '@suuupra/contracts/gen/suuupra/operations/v1/operations_pb.ts';
import type { DeadLetter, StreamRecord } from '@suuupra/platform/stream/stream';
import { traceIdsOf } from '@suuupra/platform/telemetry/call-scope';

const openText =
  /^(?:(?:\w+_)?ids?|status|state|kind|because|currency|number|(?:order|invoice)_number|provider|type|outcome|roles)$/;
/** Names that end like an id of ours and are a person's. */
const personal = /(?:upi|vpa|tax|gst|email|account|device|client|national)_id$/;
const depthMax = 8;
const bodyCharsMax = 16_384;
const errorCharsMax = 300;

export function loggedEvent({ envelope, topic, partition, position }: Omit<StreamRecord, 'tries'>): LoggedEvent {
  const row = eventRow(envelope.type);
  const shown = row === undefined ? { body: '', withheld: [] } : showBody(row.schema, envelope.data);
  return create(LoggedEventSchema, {
    id: envelope.id,
    topic,
    partition,
    position,
    type: envelope.type,
    subject: envelope.subject,
    ...(envelope.time === undefined ? {} : { time: envelope.time }),
    traceId: traceIdsOf(envelope.traceparent)?.traceId ?? '',
    correlationId: envelope.correlationId,
    consumers: [...(row?.consumers ?? [])],
    ...shown,
  });
}

/** The first line of an error, without what it quotes: that may be a value from the event. */
export function loggedDeadLetter(letter: DeadLetter): MessageInitShape<typeof DeadLetterSchema> {
  const [firstLine = ''] = letter.error.split('\n');
  return {
    group: letter.group,
    event: loggedEvent(letter),
    error: firstLine.replaceAll(/(["'`]).*?\1|\([^)]*\)|\S+@\S+/g, '…').slice(0, errorCharsMax),
    at: timestampFromMs(letter.at.getTime()),
  };
}

interface Shown {
  readonly body: string;
  readonly withheld: string[];
}

function showBody(schema: DescMessage, data: Uint8Array): Shown {
  const withheld = new Set<string>();
  let message: Message;
  try {
    message = fromBinary(schema, data);
  } catch {
    // Bytes of another version, or of no event: there is nothing to show of them.
    return { body: '', withheld: ['(not decodable)'] };
  }
  hide(schema, message, '', withheld, 0);
  const body = JSON.stringify(toJson(schema, message), null, 2);
  if (body.length > bodyCharsMax) return { body: '', withheld: ['(too large)'] };
  return { body, withheld: [...withheld].sort() };
}

/** Clears every field that may hold personal data, in the message and all below it. */
function hide(schema: DescMessage, message: Message, path: string, withheld: Set<string>, depth: number): void {
  const seen = reflect(schema, message);
  for (const field of schema.fields) {
    if (!seen.isSet(field)) continue;
    const name = path === '' ? field.name : `${path}.${field.name}`;
    const below = messagesOf(field, seen.get(field));
    if (below !== undefined && depth < depthMax && field.message?.typeName.startsWith('google.') !== true) {
      for (const one of below) hide(field.message as DescMessage, one, name, withheld, depth + 1);
    } else if (!isOpen(field)) {
      seen.clear(field);
      withheld.add(name);
    }
  }
}

/** The messages in a field that holds such; undefined for any other. */
function messagesOf(field: DescField, value: unknown): Message[] | undefined {
  if (field.fieldKind === 'message') return [(value as { message: Message }).message];
  if (field.fieldKind !== 'list' || field.listKind !== 'message') return undefined;
  return [...(value as Iterable<{ message: Message }>)].map((one) => one.message);
}

function isOpen(field: DescField): boolean {
  if (field.fieldKind === 'map') return false;
  if (field.message?.typeName === 'google.protobuf.Timestamp') return true;
  if (field.message !== undefined) return false;
  if (field.scalar === ScalarType.BYTES) return false;
  if (field.scalar !== ScalarType.STRING) return true;
  return openText.test(field.name) && !personal.test(field.name);
}
