/** Calls to services in other processes, over gRPC. */

import { fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { type ChannelCredentials, Client, type ClientUnaryCall, credentials as grpcCredentials } from '@grpc/grpc-js';
import { grpcStatus } from '@suuupra/contracts/errors';
import type { World } from '../world.ts';
import { nameOf } from './dispatch.ts';
import { notesOf, refusalOrFault, toMetadata } from './grpc-wire.ts';
import { requireLoopback } from './loopback.ts';
import { type Answered, Refusal, RpcFault, refuse } from './rpc.ts';
import { messageBytesMax, type OutgoingContext, type Transport, type UnaryMethod } from './transport.ts';

export interface GrpcTransportOptions {
  /** `host:port`, or any target that gRPC knows (`dns:///orders:9000`). */
  readonly target: string;
  readonly world: Pick<World, 'now'>;
  /** Absent: none, which only a loopback address is allowed. */
  readonly credentials?: ChannelCredentials;
}

export interface GrpcTransport extends Transport {
  close(): void;
}

const channelOptions = {
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // Calls that may be repeated are repeated by client.ts, by the contract's word.
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
};

/** One channel, opened at the first call and kept; calls share it. */
export function grpcTransport(options: GrpcTransportOptions): GrpcTransport {
  if (options.credentials === undefined) requireLoopback(options.target, 'grpcTransport');
  const client = new Client(options.target, options.credentials ?? grpcCredentials.createInsecure(), channelOptions);
  return {
    call: async (method, request, context) => {
      const bytes = toBinary(method.input, request);
      if (bytes.byteLength > messageBytesMax) {
        return { answer: refuse('payload_too_large', `A message has at most ${messageBytesMax} bytes.`), notes: {} };
      }
      return await callOver(client, options.world, method, Buffer.from(bytes), context);
    },
    close: () => client.close(),
  };
}

function callOver(
  client: Client,
  world: Pick<World, 'now'>,
  method: UnaryMethod,
  request: Buffer,
  context: OutgoingContext,
): Promise<Answered<Message>> {
  return new Promise((resolve, reject) => {
    const leftMs = context.deadlineAtMs - world.now();
    if (context.signal.aborted) return reject(left(context.signal, method));
    if (leftMs <= 0) return reject(new RpcFault('deadline_exceeded', `${nameOf(method)} took too long.`));
    let answer: Buffer | undefined;
    const call: ClientUnaryCall = client.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      request,
      toMetadata(context),
      { deadline: Date.now() + leftMs },
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
      reject(outcome);
    });
  });
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
