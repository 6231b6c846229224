/**
 * The two doors of a process to the others, on neighbouring ports: gRPC at `port`, raw routes at `port + 1`. That is the
 * convention by which callers find the second (remote-target.ts).
 */
import type { Certificates } from '../certificates/certificates.ts';
import type { RawRoute } from '../http/route.ts';
import { type RawServer, serveRawRoutes } from '../http/serve-raw.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import type { Served } from './dispatch.ts';
import { type GrpcServer, type MayCall, serveGrpc } from './serve-grpc.ts';

export interface ServiceDoorOptions {
  readonly served: readonly Served[];
  readonly routes: readonly RawRoute[];
  readonly host: string;
  /** Of gRPC; 0 takes two free ones. */
  readonly port: number;
  /** One of each service in this process. */
  readonly certificates: readonly Certificates[];
  readonly mayCall: MayCall;
  readonly world: Pick<World, 'now'>;
  readonly telemetry?: Telemetry;
  readonly healthy?: () => boolean;
}

export interface ServiceDoor {
  /** Of gRPC. */
  readonly port: number;
  /** Both doors stop serving, drain, and end what is left after `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** Two neighbouring ports are seldom both taken so often in a row. */
const triesMax = 20;

/** Rejects with the system's error when an address cannot be taken. */
export async function serveService(options: ServiceDoorOptions): Promise<ServiceDoor> {
  const { certificates, mayCall, routes, ...rest } = options;
  for (let tries = 1; ; tries += 1) {
    const grpc = await serveGrpc({ ...rest, peers: { certificates, mayCall } });
    try {
      const raw = await serveRawRoutes({ ...rest, routes, certificates, port: grpc.port + 1 });
      return { port: grpc.port, close: (drainMs) => closeBoth(grpc, raw, drainMs) };
    } catch (error) {
      await grpc.close(0);
      if (options.port !== 0 || tries >= triesMax || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE')
        throw error;
    }
  }
}

async function closeBoth(grpc: GrpcServer, raw: RawServer, drainMs: number): Promise<void> {
  await Promise.all([grpc.close(drainMs), raw.close(drainMs)]);
}
