/** The wire between processes: clients of the services that run elsewhere, and the doors to those that run here. */
import type { RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import type { Served } from '@suuupra/platform/rpc/dispatch';
import { serveGrpc } from '@suuupra/platform/rpc/serve-grpc';
import type { Transport } from '@suuupra/platform/rpc/transport';
import { grpcTransport } from '@suuupra/platform/rpc/transport-grpc';
import type { AnyService } from '@suuupra/platform/service';
import type { Ground } from './ground.ts';
import type { Dependency } from './operator-door.ts';
import type { Topology } from './topology.ts';

export interface Mesh {
  /** Undefined when the service is in this process. */
  transportTo(caller: string, service: string): Transport | undefined;
  rawRoute(declaration: RawRouteDeclaration, service: string): RawRoute;
  /** The services that are reached over the wire. */
  readonly dependencies: readonly Dependency[];
  serve(offer: Offer): Promise<{ close(drainMs: number): Promise<void> }>;
}

export interface Offer {
  readonly served: readonly Served[];
  readonly routes: readonly RawRoute[];
  readonly healthy: () => boolean;
}

export interface MeshParts {
  readonly all: readonly AnyService[];
  readonly topology: Topology;
  readonly ground: Ground;
}

export async function openMesh({ topology, ground }: MeshParts): Promise<Mesh> {
  const { config, world } = ground;
  return {
    transportTo: (_caller, service) => {
      const [target] = topology.remote.get(service) ?? [];
      return target === undefined ? undefined : grpcTransport({ target, world });
    },
    rawRoute: (declaration) => ({
      ...declaration,
      handle: async () => {
        throw new Error('not wired');
      },
    }),
    dependencies: [],
    serve: async ({ served, healthy }) =>
      serveGrpc({ served, host: config.mesh.host, port: config.mesh.port, world, healthy }),
  };
}
