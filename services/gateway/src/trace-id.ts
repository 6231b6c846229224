/** Names of a request: the id that people quote, and the W3C trace that machines follow. */
import type { World } from '@suuupra/platform/world';
import { headerHoldsCardNumber } from './card-data.ts';

const requestIdFormat = /^[A-Za-z0-9._-]{8,128}$/;
const traceparentFormat = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The client's own id when it is fit to be written anywhere and no card number, else a new one. */
export function requestIdOf(given: string | undefined, world: Pick<World, 'id'>): string {
  return given !== undefined && requestIdFormat.test(given) && !headerHoldsCardNumber(given) ? given : world.id('req');
}

/** A valid traceparent of the client, or '' to start a new trace. */
export function incomingTraceparent(given: string | undefined): string {
  return given !== undefined && traceparentFormat.test(given) ? given : '';
}

/** The trace id of a traceparent; the request id where there is no trace. */
export function traceIdOf(traceparent: string, requestId: string): string {
  return traceparentFormat.test(traceparent) ? traceparent.slice(3, 35) : requestId;
}
