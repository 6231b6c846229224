/** A refusal as it is said over HTTP: application/problem+json (RFC 9457), the same from every route. */
import type { ServerResponse } from 'node:http';
import { type RefusalCode, refusals } from '@suuupra/contracts/errors';
import type { Refusal } from '../rpc/rpc.ts';

export const problemType = 'application/problem+json';

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Refusals that go away by themselves: a client is told to come back after a second when nothing else is said. */
const comesBack: readonly RefusalCode[] = ['too_many_requests', 'busy', 'unavailable'];

/** `status` only where HTTP has a finer one than the refusal's own. */
export function problemOf(
  refusal: Refusal,
  traceId: string,
  status: number = refusals[refusal.code].http,
): ProblemAnswer {
  const { code, detail, errors } = refusal;
  const { title } = refusals[code];
  const problem = { type: `/docs/api#problem-${code}`, title, status, detail, code, traceId };
  const body = Buffer.from(JSON.stringify(errors.length > 0 ? { ...problem, errors } : problem));
  const headers: Record<string, string> = {
    'content-type': problemType,
    'content-length': String(body.byteLength),
    'cache-control': 'no-store',
  };
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="suuupra"';
  const retryAfterSeconds = refusal.retryAfterSeconds || (comesBack.includes(code) ? 1 : 0);
  if (retryAfterSeconds > 0) headers['retry-after'] = String(Math.ceil(retryAfterSeconds));
  return { status, headers, body };
}

/** Answers a raw route with a refusal. The trace id is that of the request's span. */
export function sendProblem(
  response: ServerResponse,
  refusal: Refusal,
  context: { readonly traceparent: string },
): void {
  const { status, headers, body } = problemOf(refusal, context.traceparent.split('-')[1] ?? '');
  for (const name of ['content-disposition', 'content-encoding']) response.removeHeader(name);
  response.writeHead(status, headers).end(body);
}
