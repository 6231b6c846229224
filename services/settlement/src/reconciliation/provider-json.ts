/** A provider's API for reading: JSON with a deadline and a limit, whose numbers stay the digits that were sent. */
import { SourceFault } from './report-source.ts';

/** Lists are slow at month ends; past this the next round asks again. */
const answerMsMax = 20_000;
/** A hundred transactions with their expanded sources are a tenth of this. */
const answerBytesMax = 16 * 1024 * 1024;

/** JSON as it came: a number is the text of its digits. */
export type Exact = string | boolean | null | readonly Exact[] | { readonly [name: string]: Exact };
export type ExactObject = { readonly [name: string]: Exact };

export interface ProviderApi {
  /** Of the provider, for sentences. */
  readonly name: string;
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Throws SourceFault for anything but an object in JSON. */
export async function readJson(api: ProviderApi, path: string): Promise<ExactObject> {
  const text = await exchange(api, path);
  let answer: Exact;
  try {
    answer = exactJson(text);
  } catch (error) {
    throw new SourceFault(`${api.name} answered what is not JSON.`, { cause: error });
  }
  if (!isObject(answer)) throw new SourceFault(`${api.name} answered what is not an object.`);
  return answer;
}

async function exchange({ name, origin, headers }: ProviderApi, path: string): Promise<string> {
  let answer: Response;
  try {
    answer = await fetch(`${origin}${path}`, {
      headers: { ...headers, accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(answerMsMax),
    });
  } catch (error) {
    throw new SourceFault(`${name} did not answer.`, { cause: error });
  }
  if (answer.status === 401 || answer.status === 403) {
    await answer.body?.cancel();
    throw new SourceFault(`${name} does not let our key read settlements (${answer.status}).`);
  }
  if (!answer.ok) {
    await answer.body?.cancel();
    throw new SourceFault(`${name} answered ${answer.status}.`);
  }
  return wholeText(name, answer);
}

async function wholeText(name: string, answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of answer.body ?? []) {
      bytes += part.byteLength;
      if (bytes > answerBytesMax) break;
      parts.push(part);
    }
  } catch (error) {
    throw new SourceFault(`${name} broke its answer off.`, { cause: error });
  }
  if (bytes > answerBytesMax) throw new SourceFault(`${name} answered more than ${answerBytesMax} bytes.`);
  return Buffer.concat(parts).toString('utf8');
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
/** The source text of a primitive is in ECMAScript 2026 and not in the types yet. */
const parse = JSON.parse as (text: string, reviver: Reviver) => Exact;

/** Throws SyntaxError. */
export function exactJson(text: string): Exact {
  return parse(text, (_, value, { source }) => (typeof value === 'number' ? (source ?? '') : value));
}

export function isObject(value: Exact | undefined): value is ExactObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** '' for what is absent or null. */
export function textOf(object: ExactObject, name: string): string {
  const value = object[name];
  return typeof value === 'string' ? value : '';
}

/** Throws SourceFault for what is no integer of at most 18 digits. */
export function integerOf(object: ExactObject, name: string): bigint {
  const text = textOf(object, name);
  if (!/^-?\d{1,18}$/.test(text)) throw new SourceFault(`The field ${name} of an answer is not an integer.`);
  return BigInt(text);
}

/** A time in Unix seconds, in milliseconds. */
export function timeOf(object: ExactObject, name: string): number {
  return Number(integerOf(object, name)) * 1_000;
}

/** The objects of a list. Throws SourceFault when it is none. */
export function objectsOf(object: ExactObject, name: string): readonly ExactObject[] {
  const list = object[name];
  if (!Array.isArray(list) || !list.every(isObject))
    throw new SourceFault(`The field ${name} of an answer is no list.`);
  return list as readonly ExactObject[];
}

/** Rows as CSV (RFC 4180). */
export function csvBytes(header: readonly string[], rows: readonly Readonly<Record<string, string>>[]): Uint8Array {
  const lines = rows.map((row) => header.map((name) => csvCell(row[name] ?? '')).join(','));
  return Buffer.from(`${[header.join(','), ...lines].join('\r\n')}\r\n`);
}

/** Line ends and control characters are no part of an id or amount, and would move the row that a refusal names. */
function csvCell(text: string): string {
  const clean = text.replaceAll(/\p{Cc}/gu, ' ');
  return /[",]/.test(clean) ? `"${clean.replaceAll('"', '""')}"` : clean;
}
