/** Typed clients: what a service sees of another, over whichever transport. */
import { create, type DescService } from '@bufbuild/protobuf';
import type { World } from '../world.ts';
import { retrying } from './retry.ts';
import { type CallOptions, type Client, defaultTimeoutMs } from './rpc.ts';
import type { OutgoingContext, Transport, UnaryMethod } from './transport.ts';

export interface ClientSurroundings {
  /** The service that makes the calls: whom it acts for unless a call says otherwise. */
  readonly caller: string;
  readonly world: Pick<World, 'now' | 'id' | 'random'>;
}

/** Calls that are `retry_safe` are made again by it, within a budget of its own (retry.ts). */
export function createClient<S extends DescService>(
  service: S,
  transport: Transport,
  surroundings: ClientSurroundings,
): Client<S> {
  const client: Record<string, unknown> = {};
  const retried = retrying(transport, surroundings.world);
  for (const method of service.methods) {
    client[method.localName] = async (request: Record<string, never>, options: CallOptions = {}) => {
      const message = create(method.input, request);
      const answered = await retried.call(method as UnaryMethod, message, outgoing(surroundings, options));
      return answered.answer;
    };
  }
  return client as Client<S>;
}

function outgoing({ caller, world }: ClientSurroundings, options: CallOptions): OutgoingContext {
  const { context } = options;
  const ownDeadlineAtMs = world.now() + (options.timeoutMs ?? defaultTimeoutMs);
  return {
    caller,
    principal: options.principal ?? { kind: 'service', name: caller },
    requestId: context?.requestId ?? world.id('req'),
    traceparent: context?.traceparent ?? '',
    signal: context?.signal ?? new AbortController().signal,
    deadlineAtMs: Math.min(ownDeadlineAtMs, context?.deadlineAtMs ?? ownDeadlineAtMs),
    idempotencyKey: options.idempotencyKey ?? '',
    ifMatch: options.ifMatch ?? '',
    clientAddress: context?.clientAddress ?? '',
    userAgent: context?.userAgent ?? '',
  };
}
