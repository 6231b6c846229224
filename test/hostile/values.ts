/** From the schema of a body: one that would do, and every way to get one thing of it wrong. Pure. */
import type { Schema } from './operations.ts';

type Json = unknown;
type Resolve = (schema: Schema) => Schema;

/** A body that is wrong in one place. */
export interface Fault {
  /** What was done, for people. */
  readonly what: string;
  readonly body: Json;
  /** The path that the refusal must name. */
  readonly field: string;
}

const depthMax = 8;
const formatSamples = ['asha@example.org', 'INR', 'en', 'one-purchase', 'abc', 'https://example.org/', '100'];

/** A value that the schema allows: every required field, and the optional ones where `full`. */
export function plausible(schema: Schema, resolve: Resolve, full = false, depth = 0): Json {
  const own = resolve(schema);
  if (own.oneOf !== undefined) return plausible(own.oneOf[0] ?? {}, resolve, full, depth);
  switch (own.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(own.properties ?? {})
          .filter(([name]) => own.required?.includes(name) === true || (full && depth < depthMax))
          .map(([name, field]) => [name, plausible(field, resolve, full, depth + 1)]),
      );
    case 'array':
      return Array.from({ length: own.minItems ?? 1 }, () => plausible(own.items ?? {}, resolve, full, depth + 1));
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return own.minimum ?? 1;
    default:
      return plausibleText(own);
  }
}

function plausibleText({ enum: words, format, pattern, minLength = 0 }: Schema): string {
  if (words !== undefined) return words[0] ?? '';
  if (format === 'date-time') return '2026-01-31T10:00:00Z';
  if (pattern !== undefined) return formatSamples.find((sample) => new RegExp(pattern).test(sample)) ?? '';
  return 'Some words'.padEnd(minLength, '.');
}

/** Every field of a full body got wrong in every way, one at a time. */
export function faultsOf(schema: Schema, resolve: Resolve): Fault[] {
  const whole = plausible(schema, resolve, true);
  const faults: Fault[] = [];
  visit(schema, [], resolve, (path, own, required) => {
    for (const [what, value] of wrongValues(own)) {
      faults.push({ what: `${fieldName(path)} ${what}`, body: replaced(whole, path, value), field: fieldName(path) });
    }
    if (required) {
      faults.push({ what: `${fieldName(path)} left out`, body: without(whole, path), field: fieldName(path) });
    }
    if (own.type === 'object') {
      for (const name of ['noSuchField', '__proto__', 'amountMinor2']) {
        const field = fieldName([...path, name]);
        faults.push({ what: `${field} unknown`, body: replaced(whole, [...path, name], 'x'), field });
      }
    }
  });
  return faults;
}

type Path = readonly (string | number)[];

function visit(
  schema: Schema,
  path: Path,
  resolve: Resolve,
  see: (path: Path, schema: Schema, required: boolean) => void,
  required = false,
): void {
  const resolved = resolve(schema);
  const shorthand = resolved.oneOf !== undefined;
  const own = shorthand ? resolve(resolved.oneOf[0] ?? {}) : resolved;
  see(path, shorthand ? { ...own, format: 'or text' } : own, required);
  if (path.length > depthMax) return;
  if (own.type === 'array') visit(own.items ?? {}, [...path, 0], resolve, see);
  for (const [name, field] of Object.entries(own.properties ?? {})) {
    visit(field, [...path, name], resolve, see, own.required?.includes(name) === true);
  }
}

/** `items[0].courseId`; the whole body is `body`. */
function fieldName(path: Path): string {
  if (path.length === 0) return 'body';
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

function wrongValues(schema: Schema): [string, Json][] {
  const wrong: [string, Json][] = [['null', null]];
  switch (schema.type) {
    case 'object':
      wrong.push(['a list', []], ['a number', 1], ['true', true]);
      if (schema.format !== 'or text') wrong.push(['text', 'x']);
      return wrong;
    case 'array':
      wrong.push(['an object', {}], ['text', 'x'], ['a number', 7]);
      if (schema.minItems !== undefined) wrong.push(['too few', []]);
      if (schema.maxItems !== undefined)
        wrong.push(['too many', Array.from({ length: schema.maxItems + 1 }, () => null)]);
      return wrong;
    case 'boolean':
      return [...wrong, ['text', 'true'], ['a number', 1], ['an object', {}]];
    case 'integer':
      return [...wrong, ...wrongNumbers(schema), ['a fraction', 1.5]];
    case 'number':
      return [...wrong, ...wrongNumbers(schema)];
    default:
      return [...wrong, ...wrongTexts(schema)];
  }
}

function wrongNumbers({ type, minimum, maximum }: Schema): [string, Json][] {
  const wrong: [string, Json][] = [
    ['text', '1'],
    ['an object', {}],
    ['a list', [1]],
    ['true', true],
  ];
  if (type === 'integer') wrong.push(['huge', 1e300], ['beyond 32 bits', 2 ** 40], ['far below', -(2 ** 40)]);
  if (minimum !== undefined) wrong.push(['below its least', minimum - 1]);
  if (maximum !== undefined) wrong.push(['above its most', maximum + 1]);
  return wrong;
}

function wrongTexts({ enum: words, pattern, format, maxLength, minLength = 0 }: Schema): [string, Json][] {
  // A 64-bit integer is text, and is taken as a number, too, while a number holds it exactly.
  const isLong = pattern?.includes('{0,18}') === true;
  const wrong: [string, Json][] = [
    ['a number', isLong ? 2 ** 60 : 42],
    ['an object', { $ne: null }],
    ['a list', ['x']],
    ['true', true],
  ];
  if (words !== undefined)
    return [...wrong, ['no known word', 'no_such_word'], ['in capitals', words[0]?.toUpperCase()]];
  if (format === 'date-time') return [...wrong, ['no time', 'yesterday'], ['the 32nd', '2026-01-32T00:00:00Z']];
  if (minLength > 0) wrong.push(['empty', '']);
  if (maxLength !== undefined) wrong.push(['too long', 'x'.repeat(maxLength + 1)]);
  wrong.push(['with NUL', 'a\u0000b'], ['with half a character', 'a\ud800b'], ['with an escape', 'a\u001b[31mb']);
  if (pattern !== undefined) {
    const candidates = ["' OR '1'='1", '<script>', '../../etc/passwd', '1.5', '99999999999999999999', ' 1', '٣'];
    const bad = candidates.filter((text) => !new RegExp(pattern).test(text) && text.length >= minLength);
    wrong.push(...bad.map((text): [string, Json] => [`of another form (${text})`, text]));
  }
  return wrong;
}

function replaced(whole: Json, path: Path, value: Json): Json {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  if (Array.isArray(whole)) return whole.map((item, index) => (index === first ? replaced(item, rest, value) : item));
  // By defineProperty, so that __proto__ becomes a field like others.
  const copy = { ...(whole as Record<string, Json>) };
  const next = replaced(copy[first], rest, value);
  return Object.defineProperty(copy, first, { value: next, enumerable: true, configurable: true, writable: true });
}

function without(whole: Json, path: Path): Json {
  const [first, ...rest] = path;
  if (Array.isArray(whole)) return whole.map((item, index) => (index === first ? without(item, rest) : item));
  const { [String(first)]: inner, ...others } = whole as Record<string, Json>;
  return rest.length === 0 ? others : { ...others, [String(first)]: without(inner, rest) };
}

/** Texts that are allowed and must stay text: they are stored as they came, and do nothing anywhere. */
export const strangeTexts: readonly string[] = [
  `'; DROP TABLE orders; --`,
  `1' OR '1'='1' UNION SELECT password_hash FROM users --`,
  '<script>alert(1)</script><img src=x onerror=alert(2)>',
  `"><svg/onload=alert(3)>{{7*7}}\${7*7}`,
  '\u202eevil\u202c \u200b\u200d\u2060zero width \ufeff',
  'नमस्ते 👩🏽‍💻 مرحبا ﷽',
  '../../../../etc/passwd %00 %2e%2e%2f',
  '{"$gt":""} \\u0000 \\x00 %s%n',
];

/** Places in a body where a text without a form of its own stands. */
export function textFields(schema: Schema, resolve: Resolve): Path[] {
  const found: Path[] = [];
  visit(schema, [], resolve, (path, own) => {
    if (own.type === 'string' && own.enum === undefined && own.pattern === undefined && own.format !== 'date-time') {
      found.push(path);
    }
  });
  return found;
}

export function withText(schema: Schema, path: Path, text: string, resolve: Resolve): Json {
  return replaced(plausible(schema, resolve, true), path, text);
}
