/**
 * Calls to services in this process. Nothing is shared with the callee: the request goes through its encoding and so
 * does the answer, so a caller cannot tell this from gRPC except by the clock.
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { nameOf, type Served } from './dispatch.ts';
import { isRefusal, RpcFault } from './rpc.ts';
import type { Transport } from './transport.ts';

/**
 * `served` is asked at each call, because clients are made before the services that they reach have started: until then
 * a call throws RpcFault `unavailable`.
 */
export function localTransport(served: () => Served | undefined): Transport {
  return {
    call: async (method, request, context) => {
      const service = served();
      if (service === undefined) throw new RpcFault('unavailable', `${nameOf(method)} is not up.`);
      const outcome = await service.call(method, toBinary(method.input, request), context);
      return {
        answer: isRefusal(outcome.answer) ? outcome.answer : fromBinary(method.output, outcome.answer),
        notes: outcome.notes,
      };
    },
  };
}
