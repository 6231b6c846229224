/** What a client is told when something broke. */
import { isOutage } from '@suuupra/platform/rpc/outage';
import { type Refusal, RpcFault, refuse } from '@suuupra/platform/rpc/rpc';

/** What a client learns of a fault; the cause is in the log, under the trace id of the problem. */
export function refusalOfFault(error: unknown): Refusal {
  const code = error instanceof RpcFault ? error.code : isOutage(error) ? 'unavailable' : 'internal';
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
