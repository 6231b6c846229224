/**
 * JSON from outside to messages, strictly: what is not in the contract is refused with its path, never ignored. The
 * reader of a message type is compiled from its descriptor and its field rules once.
 *
 * Refused: unknown fields (and those that only the server fills), wrong types, null, numbers out of range, text that
 * breaks its rules, lists too long or too short, required fields left out, nesting deeper than 32. An error names the
 * field and says what would do; it never repeats a value.
 */
import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';
import type { FieldError } from '@suuupra/contracts/errors';
import type { FieldRules } from '@suuupra/contracts/gen/suuupra/options/v1/options_pb.ts';
import { itemsMaxDefault, requireJsonable, rulesOfField, shorthandOf, timestampType, wordsOf } from './json-shape.ts';
import { readTime } from './json-time.ts';
import { type Refusal, refuse } from './rpc.ts';
import { problemOfText } from './text-rules.ts';

/** No request nests deeper; the deepest of our own has six levels. */
export const depthMax = 32;
/** More problems than this help nobody. */
const problemsMax = 20;
const fieldNameCharsMax = 80;

export interface JsonReader<D extends DescMessage> {
  /** From parsed JSON. Refuses `invalid_request` with every problem found, at most 20. */
  read(json: unknown): MessageShape<D> | Refusal;
  /** From a query string: each parameter is a field of the message, a repeated field may come more than once. */
  readQuery(query: URLSearchParams): MessageShape<D> | Refusal;
}

/** `except` names fields (by their proto names) that come by another way, such as the path: here they are unknown. */
export function jsonReader<D extends DescMessage>(schema: D, except: readonly string[] = []): JsonReader<D> {
  const readMessage = messageReader(schema, except);
  const fromQuery = queryShape(schema, except);
  return {
    read: (json) => readWhole(readMessage, json) as MessageShape<D> | Refusal,
    readQuery: (query) => {
      const problems = new Problems();
      const json = fromQuery(query, problems);
      const message = readMessage(json, '', problems);
      return problems.found.length > 0 ? problems.refusal() : (message as MessageShape<D>);
    },
  };
}

/** The value of a field from the path, where all is text, by the rules of its field. */
export function readPathValue(field: DescField, text: string): unknown {
  const problems = new Problems();
  const isText = field.scalar === ScalarType.STRING || (field.scalar !== undefined && isLong(field.scalar));
  const value = singleReader(field, rulesOfField(field))(isText ? text : Number(text), field.jsonName, problems);
  return problems.found.length > 0 ? problems.refusal() : value;
}

function isLong(scalar: ScalarType): boolean {
  const kinds: readonly ScalarType[] = [ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64];
  return kinds.includes(scalar);
}

/** True when brackets outside of strings nest deeper than `max`: asked before the text is parsed at all. */
export function isNestedDeeper(text: string, max: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === 0x22) at = endOfString(text, at);
    else if (char === 0x7b || char === 0x5b) {
      depth += 1;
      if (depth > max) return true;
    } else if (char === 0x7d || char === 0x5d) depth -= 1;
  }
  return false;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === 0x5c) at += 1;
    else if (char === 0x22) return at;
  }
  return text.length;
}

class Problems {
  readonly found: FieldError[] = [];
  add(path: string, code: string, detail: string): undefined {
    if (this.found.length < problemsMax) this.found.push({ field: path === '' ? 'body' : path, code, detail });
    return undefined;
  }
  refusal(): Refusal {
    const [first] = this.found;
    return refuse('invalid_request', `${first?.field} ${first?.detail}.`, this.found);
  }
}

/** Undefined when the value is no good, in which case a problem was added. */
type ValueReader = (value: unknown, path: string, problems: Problems) => unknown;

interface FieldReader {
  readonly name: string;
  readonly required: boolean;
  readonly read: ValueReader;
}

function readWhole(readMessage: ValueReader, json: unknown): Message | Refusal {
  const problems = new Problems();
  const message = readMessage(json, '', problems);
  return problems.found.length > 0 ? problems.refusal() : (message as Message);
}

const compiled = new WeakMap<DescMessage, ValueReader>();

function messageReader(schema: DescMessage, except: readonly string[] = []): ValueReader {
  const known = except.length === 0 ? compiled.get(schema) : undefined;
  if (known !== undefined) return known;
  requireJsonable(schema);
  const fields = new Map<string, FieldReader>();
  const shorthand = shorthandOf(schema)?.jsonName;
  const read: ValueReader = (value, path, problems) => {
    const json = shorthand !== undefined && typeof value === 'string' ? { [shorthand]: value } : value;
    return isObject(json)
      ? readFields(schema, fields, json, path, problems)
      : problems.add(path, 'wrong_type', shorthand === undefined ? 'is an object' : 'is an object, or a string');
  };
  // Known before its fields are compiled, so that a type may hold itself.
  if (except.length === 0) compiled.set(schema, read);
  for (const field of writableFields(schema, except)) fields.set(field.jsonName, fieldReader(field));
  return read;
}

function writableFields(schema: DescMessage, except: readonly string[]): DescField[] {
  return schema.fields.filter((field) => !except.includes(field.name) && !rulesOfField(field).outputOnly);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readFields(
  schema: DescMessage,
  fields: ReadonlyMap<string, FieldReader>,
  json: Record<string, unknown>,
  path: string,
  problems: Problems,
): Message {
  const message = create(schema) as Message & Record<string, unknown>;
  for (const name of Object.keys(json)) {
    const field = fields.get(name);
    if (field === undefined) problems.add(inner(path, printable(name)), 'unknown_field', unknownDetail(fields));
    else {
      const value = field.read(json[name], inner(path, name), problems);
      if (value !== undefined) message[field.name] = value;
    }
  }
  for (const [name, field] of fields) {
    if (field.required && !Object.hasOwn(json, name)) problems.add(inner(path, name), 'required', 'is required');
  }
  return message;
}

function inner(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** A name from outside, fit to be shown. */
function printable(name: string): string {
  return name.replace(/[^ -~]/gu, '?').slice(0, fieldNameCharsMax);
}

function unknownDetail(fields: ReadonlyMap<string, FieldReader>): string {
  return fields.size === 0
    ? 'is not known; there are no fields here'
    : `is not known; known are ${[...fields.keys()].join(', ')}`;
}

function fieldReader(field: DescField): FieldReader {
  const rules = rulesOfField(field);
  const single = singleReader(field, rules);
  const read =
    field.fieldKind === 'list'
      ? listReader(single, rules)
      : field.fieldKind === 'map'
        ? mapReader(single, rules)
        : single;
  return { name: field.localName, required: rules.required, read };
}

function listReader(single: ValueReader, rules: FieldRules): ValueReader {
  const itemsMax = rules.itemsMax === 0 ? itemsMaxDefault : rules.itemsMax;
  return (value, path, problems) => {
    if (!Array.isArray(value)) return problems.add(path, 'wrong_type', 'is an array');
    if (value.length > itemsMax) return problems.add(path, 'too_many', `has at most ${itemsMax} items`);
    if (value.length < rules.itemsMin) return problems.add(path, 'too_few', `has at least ${rules.itemsMin} items`);
    return value.map((item, index) => single(item, `${path}[${index}]`, problems));
  };
}

function mapReader(single: ValueReader, rules: FieldRules): ValueReader {
  const itemsMax = rules.itemsMax === 0 ? itemsMaxDefault : rules.itemsMax;
  return (value, path, problems) => {
    if (!isObject(value)) return problems.add(path, 'wrong_type', 'is an object');
    const keys = Object.keys(value);
    if (keys.length > itemsMax) return problems.add(path, 'too_many', `has at most ${itemsMax} members`);
    const map: Record<string, unknown> = {};
    for (const key of keys) {
      const problem = problemOfText(key, { charsMax: fieldNameCharsMax, charsMin: 1, format: '', multiline: false });
      if (problem !== undefined || key === '__proto__')
        problems.add(`${path}.${printable(key)}`, 'not_allowed', 'is no key');
      else map[key] = single(value[key], `${path}.${key}`, problems);
    }
    return map;
  };
}

function singleReader(field: DescField, rules: FieldRules): ValueReader {
  if (field.message !== undefined) {
    return field.message.typeName === timestampType ? readTimestamp : messageReader(field.message);
  }
  if (field.enum !== undefined) return enumReader(wordsOf(field.enum).numberOf);
  switch (field.scalar as ScalarType) {
    case ScalarType.STRING:
      return textReader(rules, field.fieldKind === 'scalar');
    case ScalarType.BOOL:
      return (value, path, problems) =>
        typeof value === 'boolean' ? value : problems.add(path, 'wrong_type', 'is true or false');
    case ScalarType.BYTES:
      return readBytes;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return doubleReader(rules);
    default:
      return integerReader(field.scalar as ScalarType, rules);
  }
}

function textReader(rules: FieldRules, single: boolean): ValueReader {
  return (value, path, problems) => {
    if (typeof value !== 'string') return problems.add(path, 'wrong_type', 'is a string');
    // Blanks are no title and no name; in a password they count.
    if (rules.required && single && (rules.secret ? value : value.trim()) === '') {
      return problems.add(path, 'required', 'is required');
    }
    const problem = problemOfText(value, rules);
    return problem === undefined ? value : problems.add(path, problem.code, problem.detail);
  };
}

function enumReader(numberOf: ReadonlyMap<string, number>): ValueReader {
  const detail = `is one of ${[...numberOf.keys()].join(', ')}`;
  return (value, path, problems) => {
    if (typeof value !== 'string') return problems.add(path, 'wrong_type', detail);
    return numberOf.get(value) ?? problems.add(path, 'not_allowed', detail);
  };
}

const readTimestamp: ValueReader = (value, path, problems) => {
  if (typeof value !== 'string')
    return problems.add(path, 'wrong_type', 'is an RFC 3339 time, e.g. 2026-01-31T10:00:00Z');
  return readTime(value) ?? problems.add(path, 'bad_format', 'is an RFC 3339 time, e.g. 2026-01-31T10:00:00Z');
};

const readBytes: ValueReader = (value, path, problems) => {
  const good =
    typeof value === 'string' && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value);
  return good ? new Uint8Array(Buffer.from(value, 'base64')) : problems.add(path, 'bad_format', 'is base64');
};

function doubleReader(rules: FieldRules): ValueReader {
  const [min, max] = [Number(rules.numberMin ?? -Infinity), Number(rules.numberMax ?? Infinity)];
  return (value, path, problems) => {
    if (typeof value !== 'number') return problems.add(path, 'wrong_type', 'is a number');
    const fits = Number.isFinite(value) && value >= min && value <= max;
    return fits
      ? value
      : problems.add(path, 'out_of_range', boundsDetail(rules.numberMin, rules.numberMax, 'a number'));
  };
}

interface IntegerKind {
  readonly long: boolean;
  readonly min: bigint;
  readonly max: bigint;
}

function integerKind(scalar: ScalarType): IntegerKind {
  switch (scalar) {
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { long: false, min: 0n, max: 2n ** 32n - 1n };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { long: true, min: 0n, max: 2n ** 64n - 1n };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { long: true, min: -(2n ** 63n), max: 2n ** 63n - 1n };
    default:
      return { long: false, min: -(2n ** 31n), max: 2n ** 31n - 1n };
  }
}

function integerReader(scalar: ScalarType, rules: FieldRules): ValueReader {
  const kind = integerKind(scalar);
  const min = rules.numberMin ?? kind.min;
  const max = rules.numberMax ?? kind.max;
  const typeDetail = kind.long ? 'is an integer as a decimal string' : 'is an integer';
  return (value, path, problems) => {
    const integer = kind.long ? longOf(value) : Number.isInteger(value) ? BigInt(value as number) : undefined;
    if (integer === undefined) return problems.add(path, 'wrong_type', typeDetail);
    if (integer < min || integer > max) return problems.add(path, 'out_of_range', boundsDetail(min, max, 'an integer'));
    return kind.long ? integer : Number(integer);
  };
}

/** A decimal string; a number too, while a double holds it exactly. */
function longOf(value: unknown): bigint | undefined {
  if (typeof value === 'string') return /^-?(?:0|[1-9]\d{0,19})$/.test(value) ? BigInt(value) : undefined;
  return Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
}

function boundsDetail(min: bigint | undefined, max: bigint | undefined, kind: string): string {
  if (min !== undefined && max !== undefined) return `is ${kind} from ${min} to ${max}`;
  if (min !== undefined) return `is ${kind} of at least ${min}`;
  return max === undefined ? `is ${kind} that can be counted` : `is ${kind} of at most ${max}`;
}

type QueryShape = (query: URLSearchParams, problems: Problems) => Record<string, unknown>;

/** Turns parameters into the JSON values that the field readers expect. */
function queryShape(schema: DescMessage, except: readonly string[]): QueryShape {
  const fields = new Map(
    writableFields(schema, except)
      .filter((field) => field.fieldKind !== 'map')
      .filter((field) => field.message === undefined || field.message.typeName === timestampType)
      .map((field) => [field.jsonName, field] as const),
  );
  const detail =
    fields.size === 0
      ? 'is not known; this takes no parameters'
      : `is not known; known are ${[...fields.keys()].join(', ')}`;
  return (query, problems) => {
    const json: Record<string, unknown> = {};
    for (const name of new Set(query.keys())) {
      const field = fields.get(name);
      const values = query.getAll(name);
      if (field === undefined) problems.add(printable(name), 'unknown_field', detail);
      else if (field.fieldKind === 'list') json[name] = values.map((value) => queryValue(field, value));
      else if (values.length > 1) problems.add(name, 'too_many', 'is given more than once');
      else json[name] = queryValue(field, values[0] ?? '');
    }
    return json;
  };
}

function queryValue(field: DescField, text: string): unknown {
  switch (field.scalar) {
    case ScalarType.BOOL:
      return text === 'true' ? true : text === 'false' ? false : text;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : text;
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
    default:
      return text;
  }
}
