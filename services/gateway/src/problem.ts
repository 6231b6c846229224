/** Every no of the gateway, as application/problem+json (RFC 9457). */
import { type RefusalCode, refusals } from '@suuupra/contracts/errors';
import { type Refusal, RpcFault, refuse } from '@suuupra/platform/rpc/rpc';

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export const problemType = 'application/problem+json';

/** `status` only where HTTP has a finer one than the refusal's own. */
export function problemOf(
  refusal: Refusal,
  traceId: string,
  status: number = refusals[refusal.code].http,
): ProblemAnswer {
  const { code, detail, errors } = refusal;
  const body = Buffer.from(
    JSON.stringify({
      type: `/docs/api#problem-${code}`,
      title: refusals[code].title,
      status,
      detail,
      code,
      traceId,
      ...(errors.length > 0 && { errors }),
    }),
  );
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

const comesBack: readonly RefusalCode[] = ['too_many_requests', 'busy', 'unavailable'];

/** What a client learns of a fault; the cause is in the log, under the trace id of the problem. */
export function refusalOfFault(error: unknown): Refusal {
  const code = error instanceof RpcFault ? error.code : 'internal';
  switch (code) {
    case 'unavailable':
    case 'cancelled':
      return refuse('unavailable', 'A part of the platform does not answer at the moment; try again shortly.');
    case 'deadline_exceeded':
      return refuse('deadline_exceeded', 'The answer took too long. What was asked for may still have been done.');
    default:
      return refuse('internal', 'Something went wrong on our side. Tell us the traceId and we can find it.');
  }
}
