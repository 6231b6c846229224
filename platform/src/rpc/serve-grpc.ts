/** Opens services to other processes, over gRPC: the same dispatch as a call in this process, and a health check. */
import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { grpcStatus } from '@suuupra/contracts/errors';
import type { Certificates } from '../certificates/certificates.ts';
import { listenTls } from '../certificates/tls-listener.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import type { Served } from './dispatch.ts';
import { type HealthService, registerHealth, sameBytes } from './grpc-health.ts';
import { faultStatus, fromMetadata, notesMetadata, refusalStatus } from './grpc-wire.ts';
import { requireLoopback } from './loopback.ts';
import { defaultTimeoutMs, isRefusal, type Refusal, RpcFault, refuse } from './rpc.ts';
import { messageBytesMax, type OutgoingContext, type UnaryMethod } from './transport.ts';

export interface GrpcServerOptions {
  readonly served: readonly Served[];
  /** Name or address to listen on. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly world: Pick<World, 'now'>;
  /** Absent: no encryption and no proof of who calls, which only a loopback address is allowed. */
  readonly peers?: GrpcPeers;
  readonly telemetry?: Pick<Telemetry, 'log'>;
  /** What the health check answers; absent: always serving. */
  readonly healthy?: () => boolean;
}

export interface GrpcPeers {
  /** One of each service that is served here. */
  readonly certificates: readonly Certificates[];
  /** Whether the service of this name may call methods of this contract (`suuupra.orders.v1.OrdersService`). */
  readonly mayCall: MayCall;
}

export type MayCall = (caller: string, contract: string) => boolean;

export interface GrpcServer {
  readonly port: number;
  /**
   * Says that it does not serve any more, takes no new calls as soon as callers had time to hear it, waits for those under
   * way, and ends what is left after `drainMs`.
   */
  close(drainMs: number): Promise<void>;
}

const serverOptions = {
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_concurrent_streams': 1_000,
  // Connections are renewed, so that clients spread over new processes and show their present certificates.
  'grpc.max_connection_age_ms': 30 * 60_000,
  'grpc.max_connection_age_grace_ms': 30_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.enable_channelz': 0,
  'grpc-node.max_session_memory': 64,
};

/** Callers are told over open streams, so this is a few round trips. */
const leaveMs = 250;

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;

/** Whoever is on the other end of a call: '' on an unencrypted connection, undefined when the connection is gone. */
type PeerOf = (call: Pick<UnaryCall, 'getPeer'>) => string | undefined;

/** Rejects with the system's error when the address cannot be taken. */
export async function serveGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const { host } = options;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  if (options.peers === undefined) requireLoopback(bracketed, 'serveGrpc');
  const server = new Server(serverOptions);
  const door = { ...options, peerOf: (() => '') as PeerOf, refused: refusalLog(options) };
  const peers = new Map<string, TLSSocket>();
  const names = new Map<TLSSocket, string>();
  if (options.peers !== undefined) {
    door.peerOf = (call) => {
      const socket = peers.get(call.getPeer());
      return socket === undefined ? undefined : names.get(socket);
    };
  }
  for (const served of options.served) {
    for (const method of served.methods) register(server, served, method, door);
  }
  const contracts = new Set(options.served.flatMap((served) => served.methods.map((method) => method.parent.typeName)));
  const health = registerHealth(server, contracts, () => options.healthy?.() ?? true);
  if (options.peers === undefined) {
    const port = await bind(server, `${bracketed}:${options.port}`);
    return { port, close: (drainMs) => close(server, health, drainMs, async () => {}) };
  }
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = await listenTls({
    ...options.peers,
    host,
    port: options.port,
    protocol: 'h2',
    ...(options.telemetry !== undefined && { telemetry: options.telemetry }),
    accept: (socket, peer) => {
      // gRPC tells a call's peer by its address, which no two open connections share.
      const address = `${socket.remoteAddress}:${socket.remotePort}`;
      peers.set(address, socket);
      names.set(socket, peer);
      socket.once('close', () => {
        if (peers.get(address) === socket) peers.delete(address);
        names.delete(socket);
      });
      injector.injectConnection(socket);
    },
  });
  return { port: listener.port, close: (drainMs) => close(server, health, drainMs, listener.close) };
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
}

async function close(
  server: Server,
  health: HealthService,
  drainMs: number,
  closeListener: () => Promise<void>,
): Promise<void> {
  const untilMs = performance.now() + drainMs;
  if (health.leave()) await delay(Math.min(leaveMs, drainMs / 2));
  await closeListener();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(
      () => {
        server.forceShutdown();
        resolve();
      },
      Math.max(0, untilMs - performance.now()),
    );
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
    health.end();
  });
}

interface Door extends GrpcServerOptions {
  readonly peerOf: PeerOf;
  readonly refused: (peer: string, why: string) => void;
}

function register(server: Server, served: Served, method: UnaryMethod, door: Door): void {
  const handle = (call: UnaryCall, answer: sendUnaryData<Buffer>) => {
    void respond(served, method, call, door, answer);
  };
  // Messages are encoded and decoded by dispatch, which also answers for what cannot be.
  server.register(`/${method.parent.typeName}/${method.name}`, handle, sameBytes, sameBytes, 'unary');
}

async function respond(
  served: Served,
  method: UnaryMethod,
  call: UnaryCall,
  door: Door,
  answer: sendUnaryData<Buffer>,
): Promise<void> {
  const metadata = fromMetadata(call.metadata);
  if (metadata === undefined) {
    return answer({ code: grpcStatus.invalidArgument, details: 'suuupra-call-bin is not one of ours' });
  }
  const refusal = refusePeer(door, door.peerOf(call), metadata.caller, method.parent.typeName);
  if (refusal !== undefined) return answer(refusalStatus(refusal, {}));
  const context: OutgoingContext = { ...metadata, deadlineAtMs: deadlineOf(call, door.world), signal: signalOf(call) };
  try {
    const outcome = await served.call(method, call.request, context);
    if (isRefusal(outcome.answer)) return answer(refusalStatus(outcome.answer, outcome.notes));
    answer(null, Buffer.from(outcome.answer), notesMetadata(outcome.notes));
  } catch (error) {
    answer(faultStatus(error instanceof RpcFault ? error : new RpcFault('internal', 'The call failed.')));
  }
}

/** The certificate says who calls; what the call says of itself must agree. */
function refusePeer(door: Door, peer: string | undefined, caller: string, contract: string): Refusal | undefined {
  if (door.peers === undefined) return undefined;
  if (peer === undefined || peer !== caller) {
    door.refused(peer ?? '', `it calls itself "${caller}"`);
    return refuse('permission_denied', 'The caller is not who its certificate says.');
  }
  if (door.peers.mayCall(peer, contract)) return undefined;
  door.refused(peer, `it may not call ${contract}`);
  return refuse('permission_denied', 'This service may not call that one.');
}

/** Each kind of refusal is put on record once, so that nobody can fill the log with them. */
const refusalsToldMax = 100;

function refusalLog({ telemetry }: GrpcServerOptions): Door['refused'] {
  const told = new Set<string>();
  return (peer, why) => {
    const key = `${peer} ${why}`;
    if (told.has(key) || told.size >= refusalsToldMax) return;
    told.add(key);
    telemetry?.log.warn('a call of another service is refused', { peer, why });
  };
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
