/** Raw routes: the service writes the answer itself; nothing is buffered on the way. */

import type { RawContext } from '@suuupra/platform/http/route';
import { RpcFault, refuse } from '@suuupra/platform/rpc/rpc';
import { tooLarge } from './body.ts';
import type { Caller, Door } from './door.ts';
import { contextOf, type Exchange, sendRefusal } from './exchange.ts';
import type { RawHttpRoute } from './route.ts';

export async function answerRaw(
  door: Door,
  exchange: Exchange,
  route: RawHttpRoute,
  params: Readonly<Record<string, string>>,
  caller: Caller,
): Promise<void> {
  const { request, response } = exchange;
  const { raw } = route;
  if (Number(request.headers['content-length'] ?? 0) > raw.bodyBytesMax) {
    return sendRefusal(exchange, tooLarge(raw.bodyBytesMax));
  }
  const cspNonce = Buffer.from(door.world.secret(16)).toString('base64');
  // What lies below /api/ is data, also when somebody uploaded it and it looks like a page.
  if (!exchange.path.startsWith('/api/')) {
    for (const [name, value] of Object.entries(door.security.page(cspNonce))) response.setHeader(name, value);
  }
  const lasting = raw.lasting === true;
  const deadlineAtMs = door.world.now() + (lasting ? longMs : door.limits.rawMsMax);
  const context: RawContext = {
    ...contextOf(exchange, caller.principal, deadlineAtMs),
    params,
    query: new URLSearchParams(exchange.queryText),
    cspNonce,
  };
  watchOver(door, exchange, lasting);
  const stopCounting = countBody(exchange, raw.bodyBytesMax);
  try {
    await raw.handle(request, response, context);
  } finally {
    stopCounting();
  }
}

/** No deadline of ours; JavaScript timers hold about 24 days. */
const longMs = 2_000_000_000;

/** Ends what takes too long, and lasting connections on which nothing moves. */
function watchOver(door: Door, exchange: Exchange, lasting: boolean): void {
  const { request, response, abort } = exchange;
  if (lasting) {
    // The server destroys a connection whose time runs out, and sets its own time again when the answer is done.
    request.socket.setTimeout(door.limits.idleMsMax);
    return;
  }
  const timer = setTimeout(() => {
    abort.abort(new RpcFault('deadline_exceeded', 'The route took too long.'));
    sendRefusal(exchange, refuse('deadline_exceeded', 'The answer took too long.'));
  }, door.limits.rawMsMax);
  response.once('close', () => clearTimeout(timer));
}

/** A body without a declared length is counted as it passes; the handler sees it end with an error. */
function countBody(exchange: Exchange, bytesMax: number): () => void {
  const { request, abort } = exchange;
  // What came while we found out who asks.
  let size = request.readableLength;
  const push = request.push.bind(request);
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    size += chunk?.byteLength ?? 0;
    if (size <= bytesMax) return push(chunk, encoding);
    request.push = push;
    abort.abort(new RpcFault('cancelled', 'The body is too large.'));
    exchange.response.once('finish', () => request.destroy(new Error('the body is too large')));
    sendRefusal(exchange, tooLarge(bytesMax));
    return false;
  };
  return () => {
    request.push = push;
  };
}
