/**
 * Messages to JSON text, by the conventions of the public API: lowerCamelCase names, enums as lower_snake words, 64-bit
 * integers as decimal strings, times as RFC 3339 text in UTC. Plain fields are always there, with their default where
 * nothing was set; absent messages, absent optionals and unspecified enums are left out.
 *
 * The writer of a message type is compiled from its descriptor once and joins text directly.
 */
import { type DescField, type DescMessage, type Message, type MessageShape, ScalarType } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { requireJsonable, timestampType, wordsOf } from './json-shape.ts';
import { writeTime } from './json-time.ts';

/** Gives the JSON text of a message. */
export type JsonWriter<D extends DescMessage> = (message: MessageShape<D>) => string;

const compiled = new WeakMap<DescMessage, ValueWriter>();

/** Throws when the type uses what has no JSON form here: a oneof, or a well-known type other than Timestamp. */
export function jsonWriter<D extends DescMessage>(schema: D): JsonWriter<D> {
  return messageWriter(schema) as JsonWriter<D>;
}

/** Undefined leaves the value out. */
type ValueWriter = (value: unknown) => string | undefined;
/** Gives `"name":value`, or undefined to leave the field out. */
type FieldWriter = (message: Record<string, unknown>) => string | undefined;

function messageWriter(schema: DescMessage): ValueWriter {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  requireJsonable(schema);
  const fields: FieldWriter[] = [];
  const write: ValueWriter = (value) => {
    let text = '';
    for (const field of fields) {
      const member = field(value as Record<string, unknown>);
      if (member !== undefined) text += text === '' ? member : `,${member}`;
    }
    return `{${text}}`;
  };
  // Known before its fields are compiled, so that a type may hold itself.
  compiled.set(schema, write);
  fields.push(...schema.fields.map(fieldWriter));
  return write;
}

function fieldWriter(field: DescField): FieldWriter {
  const name = field.localName;
  const label = `${JSON.stringify(field.jsonName)}:`;
  const write = valuesWriter(field);
  return (message) => {
    const value = message[name];
    if (value === undefined) return undefined;
    const text = write(value);
    return text === undefined ? undefined : label + text;
  };
}

function valuesWriter(field: DescField): ValueWriter {
  const write = singleWriter(field);
  if (field.fieldKind === 'list') {
    return (values) => {
      const texts = (values as unknown[]).map(write).filter((text) => text !== undefined);
      return `[${texts.join(',')}]`;
    };
  }
  if (field.fieldKind === 'map') {
    return (values) => {
      const members = Object.entries(values as Record<string, unknown>).map(([key, value]) => [key, write(value)]);
      const texts = members.flatMap(([key, text]) => (text === undefined ? [] : [`${quote(key as string)}:${text}`]));
      return `{${texts.join(',')}}`;
    };
  }
  return write;
}

function singleWriter(field: DescField): ValueWriter {
  if (field.message !== undefined) {
    return field.message.typeName === timestampType ? (value) => `"${timeOf(value)}"` : messageWriter(field.message);
  }
  if (field.enum !== undefined) {
    const { wordOf } = wordsOf(field.enum);
    return (value) => {
      const word = wordOf.get(value as number);
      return word === undefined ? undefined : `"${word}"`;
    };
  }
  return scalarWriter(field.scalar as ScalarType);
}

function timeOf(value: unknown): string {
  return writeTime(value as Message & Timestamp);
}

function scalarWriter(scalar: ScalarType): ValueWriter {
  switch (scalar) {
    case ScalarType.STRING:
      return (value) => quote(value as string);
    case ScalarType.BOOL:
      return (value) => (value === true ? 'true' : 'false');
    case ScalarType.BYTES:
      return (value) => `"${Buffer.from(value as Uint8Array).toString('base64')}"`;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return (value) => `"${value as bigint}"`;
    default:
      // JSON has no word for what is not finite.
      return (value) => (Number.isFinite(value) ? String(value) : 'null');
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must be escaped.
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

/** Most text needs no escape, and joining it is several times cheaper than JSON.stringify. */
function quote(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}
