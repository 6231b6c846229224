/** Opens services to other processes, over gRPC: the same dispatch as a call in this process, and a health check. */

import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  Metadata,
  Server,
  type ServerCredentials,
  ServerCredentials as ServerCredentialsFactory,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { grpcStatus } from '@suuupra/contracts/errors';
import type { World } from '../world.ts';
import type { Served } from './dispatch.ts';
import { faultStatus, fromMetadata, notesMetadata, refusalStatus } from './grpc-wire.ts';
import { requireLoopback } from './loopback.ts';
import { defaultTimeoutMs, isRefusal, RpcFault } from './rpc.ts';
import { messageBytesMax, type OutgoingContext, type UnaryMethod } from './transport.ts';

export interface GrpcServerOptions {
  readonly served: readonly Served[];
  /** Name or address to listen on. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly world: Pick<World, 'now'>;
  /** Absent: none, which only a loopback address is allowed. */
  readonly credentials?: ServerCredentials;
  /** What the health check answers; absent: always serving. */
  readonly healthy?: () => boolean;
}

export interface GrpcServer {
  readonly port: number;
  /** Takes no new calls, waits for those under way, and ends what is left after `drainMs`. */
  close(drainMs: number): Promise<void>;
}

const serverOptions = {
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_concurrent_streams': 1_000,
  // Connections are renewed, so that clients spread over new processes.
  'grpc.max_connection_age_ms': 30 * 60_000,
  'grpc.max_connection_age_grace_ms': 30_000,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc-node.max_session_memory': 64,
};

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;

export async function serveGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const { host } = options;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  if (options.credentials === undefined) requireLoopback(bracketed, 'serveGrpc');
  const server = new Server(serverOptions);
  for (const served of options.served) {
    for (const method of served.methods) register(server, served, method, options.world);
  }
  registerHealth(server, options);
  const credentials = options.credentials ?? ServerCredentialsFactory.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${bracketed}:${options.port}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, close: (drainMs) => close(server, drainMs) };
}

function close(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, drainMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function register(server: Server, served: Served, method: UnaryMethod, world: Pick<World, 'now'>): void {
  const handle = (call: UnaryCall, answer: sendUnaryData<Buffer>) => {
    void respond(served, method, call, world, answer);
  };
  server.register(`/${method.parent.typeName}/${method.name}`, handle, sameBytes, sameBytes, 'unary');
}

/** Messages are encoded and decoded by dispatch, which also answers for what cannot be. */
function sameBytes(bytes: Buffer): Buffer {
  return bytes;
}

async function respond(
  served: Served,
  method: UnaryMethod,
  call: UnaryCall,
  world: Pick<World, 'now'>,
  answer: sendUnaryData<Buffer>,
): Promise<void> {
  const metadata = fromMetadata(call.metadata);
  if (metadata === undefined) {
    return answer({ code: grpcStatus.invalidArgument, details: 'suuupra-call-bin is not one of ours' });
  }
  const context: OutgoingContext = { ...metadata, deadlineAtMs: deadlineOf(call, world), signal: signalOf(call) };
  try {
    const outcome = await served.call(method, call.request, context);
    if (isRefusal(outcome.answer)) return answer(refusalStatus(outcome.answer, outcome.notes));
    answer(null, Buffer.from(outcome.answer), notesMetadata(outcome.notes));
  } catch (error) {
    answer(faultStatus(error instanceof RpcFault ? error : new RpcFault('internal', 'The call failed.')));
  }
}

/** By this process's clock; a call that names no deadline gets the default one. */
function deadlineOf(call: UnaryCall, world: Pick<World, 'now'>): number {
  const deadline = call.getDeadline();
  const atMs = deadline instanceof Date ? deadline.getTime() : deadline;
  return world.now() + (Number.isFinite(atMs) ? atMs - Date.now() : defaultTimeoutMs);
}

function signalOf(call: UnaryCall): AbortSignal {
  const controller = new AbortController();
  const leave = () => controller.abort(new RpcFault('cancelled', 'The caller has left.'));
  if (call.cancelled) leave();
  call.once('cancelled', leave);
  return controller.signal;
}

/** grpc.health.v1: SERVING = 1, NOT_SERVING = 2. */
function registerHealth(server: Server, options: GrpcServerOptions): void {
  const names = new Set(options.served.flatMap((served) => served.methods.map((method) => method.parent.typeName)));
  const check = (call: UnaryCall, answer: sendUnaryData<Buffer>) => {
    const name = healthRequestName(call.request);
    if (name === undefined) return answer({ code: grpcStatus.invalidArgument, details: 'not a health request' });
    if (name !== '' && !names.has(name)) return answer({ code: grpcStatus.notFound, details: 'unknown service' });
    answer(null, Buffer.from([0x08, (options.healthy?.() ?? true) ? 1 : 2]), new Metadata());
  };
  server.register('/grpc.health.v1.Health/Check', check, sameBytes, sameBytes, 'unary');
}

/** HealthCheckRequest { string service = 1; } */
function healthRequestName(bytes: Buffer): string | undefined {
  try {
    const reader = new BinaryReader(bytes);
    let name = '';
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1) name = reader.string();
      else reader.skip(wireType);
    }
    return name;
  } catch {
    return undefined;
  }
}
