/** Calls to services in other processes, over gRPC: each at one instance of the target. */
import { fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import type { Client, ClientUnaryCall, StatusObject } from '@grpc/grpc-js';
import { grpcStatus } from '@suuupra/contracts/errors';
import { isKept } from '../telemetry/call-scope.ts';
import { span as spanNames } from '../telemetry/semantic-names.ts';
import type { Span, Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import { nameOf } from './dispatch.ts';
import { sameBytes } from './grpc-health.ts';
import { notesOf, refusalOrFault, toMetadata } from './grpc-wire.ts';
import { NotSent, type RemoteTarget } from './remote-target.ts';
import { type Answered, isRefusal, Refusal, RpcFault, refuse } from './rpc.ts';
import { messageBytesMax, type OutgoingContext, type Transport, type UnaryMethod } from './transport.ts';

/**
 * The caller's name in a context must be the one that the target's certificates are of. With telemetry each attempt of a
 * call whose trace is kept is a span of the caller, which the callee's hangs below.
 */
export function remoteTransport(target: RemoteTarget, telemetry?: Pick<Telemetry, 'span'>): Transport {
  return {
    call: async (method, request, context) => {
      const bytes = toBinary(method.input, request);
      if (bytes.byteLength > messageBytesMax) {
        return { answer: refuse('payload_too_large', `A message has at most ${messageBytesMax} bytes.`), notes: {} };
      }
      const span = telemetry === undefined ? undefined : attemptSpan(telemetry, method, context);
      const { signal, deadlineAtMs } = context;
      const sent = span === undefined ? context : { ...context, traceparent: span.traceparent };
      return await observed(span, () =>
        target.use({ signal, deadlineAtMs, name: nameOf(method) }, ({ client, host, port }) => {
          // Of several instances that were tried the last one had the request.
          span?.set(spanNames.serverAddress, host);
          span?.set(spanNames.serverPort, port);
          return callOver(client, target.world, method, Buffer.from(bytes), sent);
        }),
      );
    },
  };
}

/** Undefined where the trace is not kept, or there is none: a call must not begin one on this side. */
function attemptSpan(telemetry: Pick<Telemetry, 'span'>, method: UnaryMethod, context: OutgoingContext) {
  const { traceparent, resends = 0 } = context;
  if (!isKept(traceparent)) return undefined;
  const attributes = {
    [spanNames.rpcSystem]: 'grpc',
    [spanNames.rpcMethod]: `${method.parent.typeName}/${method.name}`,
    ...(resends === 0 ? {} : { [spanNames.rpcResends]: resends }),
  };
  return telemetry.span(nameOf(method), traceparent, attributes, { kind: 'client' });
}

async function observed<T extends Answered<Message>>(span: Span | undefined, call: () => Promise<T>): Promise<T> {
  if (span === undefined) return call();
  try {
    const answered = await call();
    span.set(spanNames.rpcStatus, isRefusal(answered.answer) ? answered.answer.code : 'ok');
    return answered;
  } catch (error) {
    const code = error instanceof RpcFault ? error.code : 'internal';
    span.set(spanNames.rpcStatus, code);
    span.fail(code);
    throw error;
  } finally {
    span.end();
  }
}

function callOver(
  client: Client,
  world: Pick<World, 'now'>,
  method: UnaryMethod,
  request: Buffer,
  context: OutgoingContext,
): Promise<Answered<Message>> {
  return new Promise((resolve, reject) => {
    let answer: Buffer | undefined;
    const call: ClientUnaryCall = client.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      sameBytes,
      sameBytes,
      request,
      toMetadata(context),
      // What is left of the deadline by the caller's clock; gRPC sends it on as a duration.
      { deadline: Date.now() + (context.deadlineAtMs - world.now()) },
      (_error, value) => {
        answer = value;
      },
    );
    const onAbort = () => call.cancel();
    context.signal.addEventListener('abort', onAbort, { once: true });
    // The status comes after the answer and brings the trailers, so it is what ends a call either way.
    call.on('status', (status) => {
      context.signal.removeEventListener('abort', onAbort);
      if (status.code === grpcStatus.ok && answer !== undefined) {
        return settle(() => resolve(answered(method, answer as Buffer, notesOf(status.metadata))), reject);
      }
      if (context.signal.aborted && status.code === grpcStatus.cancelled) return reject(left(context.signal, method));
      const outcome = refusalOrFault(status, nameOf(method));
      if (outcome instanceof Refusal) return resolve({ answer: outcome, notes: notesOf(status.metadata) });
      reject(neverSent(status) ? new NotSent(outcome) : outcome);
    });
  });
}

/**
 * True when the request reached nobody: there was no connection, or the other side turned the stream away because it is
 * closing (RFC 9113, 8.7: such a request was not processed). grpc-js says it in words only; transport-grpc.test.ts fails
 * when they change. A server of ours puts nothing but the fault's code there.
 */
function neverSent({ code, details }: StatusObject): boolean {
  return code === grpcStatus.unavailable && /^(?:No connection established|Stream refused by server)/.test(details);
}

function answered(method: UnaryMethod, bytes: Buffer, notes: Answered<Message>['notes']): Answered<Message> {
  return { answer: fromBinary(method.output, bytes), notes };
}

/** An answer that cannot be decoded is a fault of the call and must not escape as an uncaught exception. */
function settle(work: () => void, reject: (fault: RpcFault) => void): void {
  try {
    work();
  } catch {
    reject(new RpcFault('internal', 'The answer cannot be decoded.'));
  }
}

function left(signal: AbortSignal, method: UnaryMethod): RpcFault {
  return signal.reason instanceof RpcFault
    ? signal.reason
    : new RpcFault('cancelled', `${nameOf(method)} was cancelled.`);
}
