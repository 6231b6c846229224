/** One way to the platform: same origin, cookies, JSON, problems as thrown `Problem`s. */
import { offline, readProblem } from './problem.ts';

export interface CallOptions {
  readonly body?: unknown;
  /** One per intent of the person, kept across its retries: see intent.ts. */
  readonly idempotencyKey?: string;
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
  /** Let the request finish although the page goes away. */
  readonly keepalive?: boolean;
}

export interface Answer<T> {
  readonly data: T;
  readonly etag: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const base = '/api/v1';

/** The parsed answer; throws `Problem` for every status that is no success, and for no answer at all. */
export async function call<T>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
  return (await callWithEtag<T>(method, path, options)).data;
}

export async function callWithEtag<T>(method: Method, path: string, options: CallOptions = {}): Promise<Answer<T>> {
  const { text, headers } = await read(method, path, options);
  return { data: (text === '' ? {} : JSON.parse(text)) as T, etag: headers.get('etag') ?? '' };
}

/** The answer as it came, for what is not one JSON value; throws as `call` does. */
export async function callText(method: Method, path: string, options: CallOptions = {}): Promise<string> {
  return (await read(method, path, options)).text;
}

async function read(method: Method, path: string, options: CallOptions) {
  const response = await send(method, path, options);
  const text = await textOf(response, options.signal);
  if (!response.ok) throw readProblem(response.status, text, response.headers);
  return { text, headers: response.headers };
}

/** The connection may break in the middle of an answer too. */
async function textOf(response: Response, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw offline();
  }
}

async function send(method: Method, path: string, options: CallOptions): Promise<Response> {
  const init: RequestInit = { method, headers: headersOf(method, options), credentials: 'same-origin' };
  if (options.body !== undefined) init.body = isFile(options.body) ? options.body : JSON.stringify(options.body);
  if (options.signal) init.signal = options.signal;
  if (options.keepalive) init.keepalive = true;
  try {
    return await fetch(base + path, init);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw offline();
  }
}

function headersOf(method: Method, options: CallOptions): Record<string, string> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (isFile(options.body)) headers['Content-Type'] = options.body.type || 'application/octet-stream';
  else if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.idempotencyKey) headers['Idempotency-Key'] = options.idempotencyKey;
  if (options.ifMatch) headers['If-Match'] = options.ifMatch;
  const token = method === 'GET' ? '' : cookie('suuupra_csrf');
  if (token) headers['X-CSRF-Token'] = token;
  return headers;
}

function isFile(body: unknown): body is Blob {
  return typeof Blob !== 'undefined' && body instanceof Blob;
}

/** The value of a cookie that scripts may read; '' when there is none. */
export function cookie(name: string): string {
  if (typeof document === 'undefined') return '';
  const found = document.cookie.split('; ').find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : '';
}

/** `?a=1&b=2` of what is set; '' when nothing is. */
export function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '' && value !== false) params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `?${text}` : '';
}
