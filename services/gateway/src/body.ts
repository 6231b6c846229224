/** JSON bodies: bounded in size, time and depth, and nothing but JSON. */
import type { IncomingMessage } from 'node:http';
import { depthMax, isNestedDeeper } from '@suuupra/platform/rpc/json-read';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { GatewayLimits } from './limits.ts';

export type BodyLimits = Pick<GatewayLimits, 'bodyBytesMax' | 'bodyMsMax'>;

/**
 * The parsed body, undefined where there is none.
 * Refuses unsupported_media_type, payload_too_large, request_timeout, invalid_json.
 */
export async function readJsonBody(request: IncomingMessage, limits: BodyLimits): Promise<unknown> {
  if (!hasBody(request)) return undefined;
  const unsupported = refuseMediaType(request);
  if (unsupported !== undefined) return unsupported;
  if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytesMax) return tooLarge(limits.bodyBytesMax);
  const bytes = await readBytes(request, limits);
  return isRefusal(bytes) ? bytes : parseJson(bytes);
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

export function tooLarge(bytesMax: number): Refusal {
  return refuse('payload_too_large', `A body has at most ${bytesMax} bytes here.`);
}

const jsonType = /^application\/(?:json|[a-z0-9.+-]+\+json)(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

function refuseMediaType({ headers }: IncomingMessage): Refusal | undefined {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    return refuse('unsupported_media_type', 'Send the body without a Content-Encoding.');
  }
  return jsonType.test(headers['content-type'] ?? '')
    ? undefined
    : refuse('unsupported_media_type', 'Send the body as application/json in UTF-8.');
}

function readBytes(request: IncomingMessage, limits: BodyLimits): Promise<Buffer | Refusal> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (result: Buffer | Refusal) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
      resolve(result);
    };
    const onData = (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > limits.bodyBytesMax) settle(tooLarge(limits.bodyBytesMax));
      else chunks.push(chunk);
    };
    const onEnd = () => settle(Buffer.concat(chunks, size));
    const onGone = () => settle(refuse('invalid_request', 'The body ended before its end.'));
    const timer = setTimeout(
      () => settle(refuse('request_timeout', `The body did not arrive within ${limits.bodyMsMax / 1_000} s.`)),
      limits.bodyMsMax,
    );
    request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined for a body that turns out to be empty. */
function parseJson(bytes: Buffer): unknown {
  if (bytes.byteLength === 0) return undefined;
  try {
    const text = utf8.decode(bytes);
    if (isNestedDeeper(text, depthMax)) {
      return refuse('invalid_request', `The body nests deeper than ${depthMax} levels.`, [
        { field: 'body', code: 'out_of_range', detail: `nests at most ${depthMax} levels deep` },
      ]);
    }
    return JSON.parse(text) as unknown;
  } catch {
    return refuse('invalid_json', 'The body is not JSON in UTF-8.');
  }
}
