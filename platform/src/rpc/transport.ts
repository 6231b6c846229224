/**
 * The seam between a caller and a service: one function. transport-local.ts calls the service in this process,
 * transport-grpc.ts calls it in another; rpc.contract.ts holds both to the same behaviour.
 */
import type { DescMessage, DescMethodUnary, Message } from '@bufbuild/protobuf';
import type { Answered, CallContext } from './rpc.ts';

/** What travels with a call. */
export interface CallMetadata extends Omit<CallContext, 'answer' | 'signal'> {
  /** The service that makes the call: what an ACCESS_SERVICES method is opened for. */
  readonly caller: string;
}

export interface OutgoingContext extends CallMetadata {
  /** Aborted when the caller gives up; the handler on the other side sees it. */
  readonly signal: AbortSignal;
  /** How often this call was made before; 0 when absent. It does not travel. */
  readonly resends?: number;
}

export type UnaryMethod = DescMethodUnary<DescMessage, DescMessage>;

export interface Transport {
  /**
   * Calls a method. The answer is a message of `method.output` that nobody else holds, or a Refusal.
   * Throws RpcFault; a request that its schema cannot encode is the caller's mistake and throws before it is sent.
   */
  call(method: UnaryMethod, request: Message, context: OutgoingContext): Promise<Answered<Message>>;
}

/** No message between services is larger, in either direction (gRPC's own default). */
export const messageBytesMax = 4 * 1024 * 1024;
