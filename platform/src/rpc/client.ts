/** Typed clients: what a service sees of another, over whichever transport. */
import { setTimeout as delay } from 'node:timers/promises';
import { create, type DescService, type Message } from '@bufbuild/protobuf';
import type { World } from '../world.ts';
import { rulesOf } from './access.ts';
import { type Answered, type CallOptions, type Client, defaultTimeoutMs, RpcFault } from './rpc.ts';
import type { OutgoingContext, Transport, UnaryMethod } from './transport.ts';

export interface ClientSurroundings {
  /** The service that makes the calls: whom it acts for unless a call says otherwise. */
  readonly caller: string;
  readonly world: Pick<World, 'now' | 'id' | 'random'>;
}

/** How often a `retry_safe` call is made again when its service does not answer; more would feed an overload. */
const retriesMax = 2;
const retryPauseMs = 40;

export function createClient<S extends DescService>(
  service: S,
  transport: Transport,
  surroundings: ClientSurroundings,
): Client<S> {
  const client: Record<string, unknown> = {};
  for (const method of service.methods) {
    client[method.localName] = async (request: Record<string, never>, options: CallOptions = {}) => {
      const message = create(method.input, request);
      const context = outgoing(surroundings, options);
      const answered = await callRetried(transport, method as UnaryMethod, message, context, surroundings);
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

async function callRetried(
  transport: Transport,
  method: UnaryMethod,
  request: Message,
  context: OutgoingContext,
  { world }: ClientSurroundings,
): Promise<Answered<Message>> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await transport.call(method, request, context);
    } catch (error) {
      const retryable = error instanceof RpcFault && error.code === 'unavailable' && rulesOf(method).retrySafe;
      const pauseMs = retryPauseMs * 2 ** attempt * (0.5 + world.random());
      if (!retryable || attempt >= retriesMax || world.now() + pauseMs >= context.deadlineAtMs) throw error;
      await delay(pauseMs, undefined, { signal: context.signal }).catch(() => {
        throw error;
      });
    }
  }
}
