/**
 * A document as MongoDB keeps it: the body, and beside it what it is searched by and what it claims for itself alone.
 *
 * The body is kept as MongoDB's own objects where those say the same, and as JSON text where they do not (names with $ or a
 * dot, deep nesting, broken text) or where it is large. Fields are searched in `keys` and not in the body, because there a value also
 * matches each array that holds it.
 */
import { createHash } from 'node:crypto';
import { BSON } from 'mongodb';
import { bodyBytesMax, type CollectionDefinition, DocumentFault } from './documents.ts';

export interface StoredBody {
  readonly body?: unknown;
  readonly text?: string;
}

export interface StoredValue {
  readonly version: number;
  readonly stored: StoredBody;
  readonly keys: Readonly<Record<string, string | number | boolean>>;
  readonly claims: readonly string[];
}

/** MongoDB nests at most 100 levels; the document around the body takes some of them. */
const nestingMax = 80;
/** Larger bodies are text: arrays of small values grow by a factor as MongoDB's own objects. */
const objectBytesMax = 200_000;
/** Names that MongoDB or its driver takes for something else. */
const strangeName = /^\$|[.\0]|^(?:_bsontype|__proto__|toBSON|toJSON)$/;

/** Throws TypeError for what is no JSON value, DocumentFault for what is too large. */
export function storedValue(definition: CollectionDefinition, version: number, body: unknown): StoredValue {
  const text = JSON.stringify(body);
  if (text === undefined) throw new TypeError('a document body must be a JSON value');
  if (Buffer.byteLength(text) > bodyBytesMax) {
    throw new DocumentFault('other', `a document has at most ${bodyBytesMax} bytes as JSON`);
  }
  const value: unknown = JSON.parse(text);
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  return {
    version,
    stored: storedBody(value, text),
    keys: keysOf(definition, fields),
    claims: claimsOf(definition, fields),
  };
}

export function bodyOf(stored: StoredBody): unknown {
  return stored.text === undefined ? stored.body : (JSON.parse(stored.text) as unknown);
}

/** Bytes that it takes in MongoDB. */
export function bytesOf(value: StoredValue): number {
  return BSON.calculateObjectSize(value);
}

function storedBody(body: unknown, text: string): StoredBody {
  if (text.length > objectBytesMax || !isPlain(body, nestingMax)) return { text };
  return { body };
}

function isPlain(value: unknown, levels: number): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) return value.every((one) => isPlain(one, levels - 1));
  return Object.entries(value).every(([name, one]) => isPlainName(name) && isPlain(one, levels - 1));
}

function isPlainName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !strangeName.test(name);
}

/** Fields that can be searched for: those that were named, and those that are unique by themselves. */
export function searchableFields({ indexed, unique = [] }: CollectionDefinition): ReadonlySet<string> {
  return new Set([...indexed, ...unique.flatMap((fields) => (fields.length === 1 ? fields : []))]);
}

function keysOf(definition: CollectionDefinition, fields: Record<string, unknown>): StoredValue['keys'] {
  const keys: Record<string, string | number | boolean> = {};
  for (const field of searchableFields(definition)) {
    const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') keys[field] = value;
  }
  return keys;
}

/** What no other document of the collection may hold: `<fields>=<digest of their values>`. */
function claimsOf({ unique = [] }: CollectionDefinition, fields: Record<string, unknown>): string[] {
  return unique.flatMap((group) => {
    const values = group.map((field) => (Object.hasOwn(fields, field) ? (fields[field] ?? null) : null));
    if (values.includes(null)) return [];
    const digest = createHash('sha256')
      .update(JSON.stringify(values.map(canonical)))
      .digest('base64url');
    return [`${group.join(',')}=${digest}`];
  });
}

/** The fields of the claim. */
export function claimedFields(claim: string): string {
  return claim.slice(0, claim.indexOf('='));
}

/** Equal values become equal text: the order of names says nothing. */
function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(canonical);
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => [name, canonical(one)]);
}
