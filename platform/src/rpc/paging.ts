/**
 * Lists are read page by page by keyset: the page token holds the sort key of the last row that was given, so a list is
 * stable while rows are inserted before it. Every list of the API reads its page here, so all refuse alike.
 */
import { createHash } from 'node:crypto';
import { type Refusal, refuse } from './rpc.ts';

/** A list that does not say how much it wants gets this many. */
export const pageSizeDefault = 20;
/** Bounds the work and the bytes of one answer. */
export const pageSizeMax = 100;
/** Longer than any token we make: sort keys are ids, times, numbers and short words. */
const tokenCharsMax = 2_048;
const partsMax = 8;
const checkBytes = 6;

export interface Page {
  /** How many rows to give. Ask the store for one more to know whether another page follows. */
  readonly limit: number;
  /** The sort key of the last row already given, part by part; empty for the first page. */
  readonly after: readonly string[];
  /** What the request narrows the list by, for the token of the next page; absent: nothing. */
  readonly filter?: readonly string[];
}

/** What a part of the token must look like before it goes into a query. */
export type PagePart = 'text' | 'integer' | 'number' | 'time';

/**
 * What part of the list the request asks for. Give `parts` the kinds of the sort key, e.g. `['time', 'text']`: a token
 * made for another list is then refused here and never reaches a query.
 *
 * Give `filter` what narrows the list (and orders it, where that can be chosen): a token made with another filter is
 * refused, for it would go on in the middle of a list that the caller never saw the beginning of.
 *
 * Refuses `invalid_request` naming `pageSize` (negative or above 100) or `pageToken` (not one of ours).
 */
export function readPage(
  request: { readonly pageSize: number; readonly pageToken: string },
  parts?: readonly PagePart[],
  filter: readonly string[] = [],
): Page | Refusal {
  if (request.pageSize < 0 || request.pageSize > pageSizeMax || !Number.isInteger(request.pageSize)) {
    return refuse('invalid_request', `pageSize is 1 to ${pageSizeMax}.`, [
      { field: 'pageSize', code: 'out_of_range', detail: `1 to ${pageSizeMax}; absent: ${pageSizeDefault}` },
    ]);
  }
  const limit = request.pageSize === 0 ? pageSizeDefault : request.pageSize;
  const narrowed = filter.length === 0 ? {} : { filter };
  if (request.pageToken === '') return { limit, after: [], ...narrowed };
  const after = readToken(request.pageToken, filter);
  if (after === undefined || (parts !== undefined && !fits(after, parts))) {
    return refuse('invalid_request', 'pageToken is not one that this list gave with this filter.', [
      {
        field: 'pageToken',
        code: 'bad_format',
        detail: 'give back the nextPageToken of the page before, unchanged, with the same filter',
      },
    ]);
  }
  return { limit, after, ...narrowed };
}

/** The token that continues after a row with this sort key, in the list of this filter. Opaque to clients; not a secret and not a capability. */
export function pageToken(parts: readonly string[], filter: readonly string[] = []): string {
  const text = JSON.stringify(parts);
  return Buffer.concat([checkOf(text, filter), Buffer.from(text, 'utf8')]).toString('base64url');
}

function readToken(token: string, filter: readonly string[]): readonly string[] | undefined {
  if (token.length > tokenCharsMax || !/^[A-Za-z0-9_-]+$/.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const text = bytes.subarray(checkBytes).toString('utf8');
  if (!checkOf(text, filter).equals(bytes.subarray(0, checkBytes))) return undefined;
  const parts = parseJson(text);
  return isParts(parts) ? parts : undefined;
}

/** Catches a token that was cut, mistyped, made up or made with another filter; it keeps nobody from making one who has read this. */
function checkOf(text: string, filter: readonly string[]): Buffer {
  const hash = createHash('sha256').update('page').update(text);
  // Parts and filter are each JSON, so that no two of them run into one another. Without a filter tokens stay as they were.
  if (filter.some((part) => part !== '')) hash.update(JSON.stringify(filter));
  return hash.digest().subarray(0, checkBytes);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isParts(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= partsMax &&
    value.every((part) => typeof part === 'string' && !part.includes('\0') && part.isWellFormed())
  );
}

function fits(after: readonly string[], parts: readonly PagePart[]): boolean {
  return after.length === parts.length && parts.every((kind, index) => isKind(after[index] ?? '', kind));
}

function isKind(part: string, kind: PagePart): boolean {
  switch (kind) {
    case 'text':
      return true;
    case 'integer':
      return /^-?\d{1,18}$/.test(part);
    case 'number':
      return /^-?\d{1,15}(\.\d{1,15})?(e[+-]?\d{1,3})?$/.test(part) && Number.isFinite(Number(part));
    case 'time':
      return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/.test(part) && !Number.isNaN(Date.parse(part));
  }
}
