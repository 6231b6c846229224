/**
 * Messages to JSON text, by the conventions of the public API: lowerCamelCase names, enums as lower_snake words, 64-bit
 * integers as decimal strings, times as RFC 3339 text in UTC. Plain fields are always there, with their default where
 * nothing was set; absent messages, absent optionals and unspecified enums are left out.
 *
 * A message type is compiled from its descriptor once to a function that gives a plain object, and the engine's own
 * JSON.stringify writes that: measured on 20 courses (12 KB), joining the text ourselves took twice as long.
 */
import { type DescField, type DescMessage, type MessageShape, ScalarType } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { requireJsonable, timestampType, wordsOf } from './json-shape.ts';
import { writeTime } from './json-time.ts';

/** Gives the JSON text of a message. */
export type JsonWriter<D extends DescMessage> = (message: MessageShape<D>) => string;

const compiled = new WeakMap<DescMessage, Plain>();

/** Throws when the type uses what has no JSON form here: a oneof, or a well-known type other than Timestamp. */
export function jsonWriter<D extends DescMessage>(schema: D): JsonWriter<D> {
  const toPlain = messagePlain(schema);
  return (message) => JSON.stringify(toPlain(message));
}

/** Gives what JSON.stringify writes; undefined leaves the value out. */
type Plain = (value: unknown) => unknown;

interface FieldPlain {
  readonly from: string;
  readonly to: string;
  /** Absent where the value is written as it is. */
  readonly plain: Plain | undefined;
}

function messagePlain(schema: DescMessage): Plain {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  requireJsonable(schema);
  const fields: FieldPlain[] = [];
  const toPlain: Plain = (value) => {
    const message = value as Record<string, unknown>;
    const object: Record<string, unknown> = {};
    for (const { from, to, plain } of fields) {
      const member = message[from];
      if (member === undefined) continue;
      object[to] = plain === undefined ? member : plain(member);
    }
    return object;
  };
  // Known before its fields are compiled, so that a type may hold itself.
  compiled.set(schema, toPlain);
  for (const field of schema.fields) {
    fields.push({ from: field.localName, to: field.jsonName, plain: fieldPlain(field) });
  }
  return toPlain;
}

function fieldPlain(field: DescField): Plain | undefined {
  const plain = singlePlain(field);
  if (plain === undefined) return undefined;
  if (field.fieldKind === 'list') {
    return (values) => (values as unknown[]).map(plain).filter((value) => value !== undefined);
  }
  if (field.fieldKind === 'map') {
    return (values) => Object.fromEntries(Object.entries(values as object).map(([key, value]) => [key, plain(value)]));
  }
  return plain;
}

function singlePlain(field: DescField): Plain | undefined {
  if (field.message !== undefined) {
    return field.message.typeName === timestampType
      ? (value) => writeTime(value as Timestamp)
      : messagePlain(field.message);
  }
  if (field.enum !== undefined) {
    const { wordOf } = wordsOf(field.enum);
    return (value) => wordOf.get(value as number);
  }
  return scalarPlain(field.scalar as ScalarType);
}

function scalarPlain(scalar: ScalarType): Plain | undefined {
  switch (scalar) {
    case ScalarType.BYTES:
      return (value) => Buffer.from(value as Uint8Array).toString('base64');
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return (value) => String(value);
    default:
      return undefined;
  }
}
