/** The wire between processes: clients of the services that run elsewhere, and the doors to those that run here. */
import path from 'node:path';
import type { Dependency } from '@suuupra/gateway/readiness';
import { type Certificates, openCertificates } from '@suuupra/platform/certificates/certificates';
import type { Config } from '@suuupra/platform/config';
import { openRawCaller, type RawCaller } from '@suuupra/platform/http/raw-remote';
import type { RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import type { Served } from '@suuupra/platform/rpc/dispatch';
import { openRemoteTarget, type RemoteTarget } from '@suuupra/platform/rpc/remote-target';
import { serveService } from '@suuupra/platform/rpc/serve-service';
import type { Transport } from '@suuupra/platform/rpc/transport';
import { remoteTransport } from '@suuupra/platform/rpc/transport-grpc';
import type { AnyService } from '@suuupra/platform/service';
import type { ProcessTelemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import type { Closing } from './ground.ts';
import { type Instance, openInstances } from './instances.ts';
import { gatewayName, mayCall } from './topology.ts';

export interface Mesh {
  /** Undefined when the service has no address, as it is in this process. */
  transportTo(caller: string, service: string): Transport | undefined;
  /** A route of a service that runs elsewhere, as the gateway calls it. */
  rawRoute(declaration: RawRouteDeclaration, service: string): RawRoute;
  /** Each process that has an address, for who wants to ask all of them; none where the gateway is not. */
  instances(): Promise<readonly Instance[]>;
  /** When the certificates of this process run out. */
  certificates(): readonly { readonly name: string; readonly expiresAt: Date }[];
  /** Whether each of the services that run elsewhere has an instance that serves. */
  readonly dependencies: readonly Dependency[];
  serve(offer: Offer): Promise<{ close(drainMs: number): Promise<void> }>;
}

/** What this process offers to others. */
export interface Offer {
  readonly served: readonly Served[];
  readonly routes: readonly RawRoute[];
  readonly healthy: () => boolean;
}

export interface MeshParts {
  readonly all: readonly AnyService[];
  readonly remote: ReadonlyMap<string, readonly string[]>;
  /** Whom this process speaks for. */
  readonly names: readonly string[];
  readonly config: Config;
  readonly world: World;
  readonly telemetry: ProcessTelemetry;
  readonly closing: Closing;
}

/** Throws ConfigError when the certificate of one of the names is missing or cannot be used. */
export async function openMesh(parts: MeshParts): Promise<Mesh> {
  const { all, remote, names, config, world, telemetry, closing } = parts;
  const log = telemetry.forService('mesh').log;
  const certificates = new Map<string, Certificates>();
  for (const name of names) {
    const opened = await openCertificates({ folder: path.join(config.mesh.certificates, name), name, log });
    closing.push(async () => opened.close());
    certificates.set(name, opened);
  }
  const targets = new Map<string, RemoteTarget>();
  /** Connections are of a pair: the callee sees whom each is of. */
  const targetOf = (caller: string, service: string): RemoteTarget | undefined => {
    const addresses = remote.get(service);
    if (addresses === undefined) return undefined;
    const pair = `${caller} ${service}`;
    const known = targets.get(pair);
    if (known !== undefined) return known;
    const shown = certificates.get(caller);
    if (shown === undefined) throw new Error(`${caller} does not run in this process and cannot call from it`);
    const target = openRemoteTarget({
      service,
      addresses,
      world,
      certificates: shown,
      telemetry: telemetry.forService(caller),
    });
    closing.push(async () => target.close());
    targets.set(pair, target);
    return target;
  };
  const rawCallers = new Map<string, RawCaller>();
  return {
    transportTo: (caller, service) => {
      const target = targetOf(caller, service);
      return target === undefined ? undefined : remoteTransport(target, telemetry.forService(caller));
    },
    rawRoute: (declaration, service) => {
      const known = rawCallers.get(service) ?? rawCallerOf(targetOf(gatewayName, service), service, closing);
      rawCallers.set(service, known);
      return known.route(declaration);
    },
    instances: instancesOf(parts, certificates.get(gatewayName)),
    certificates: () =>
      [...certificates].map(([name, each]) => ({ name, expiresAt: new Date(each.current().expiresAtMs) })),
    dependencies: names.includes(gatewayName)
      ? [...remote.keys()].map((service) => ({
          name: service,
          check: () => reach(targetOf(gatewayName, service), world),
        }))
      : [],
    serve: (offer) =>
      serveService({
        ...offer,
        host: config.mesh.host,
        port: config.mesh.port,
        certificates: [...certificates.values()],
        mayCall: mayCall(all),
        world,
        telemetry: telemetry.forService('mesh'),
      }),
  };
}

/** One target for each address, other gateways included: the operator wants to see every one. */
function instancesOf(
  { remote, config, world, closing }: MeshParts,
  certificates: Certificates | undefined,
): Mesh['instances'] {
  if (certificates === undefined) return async () => [];
  const { host, port, addresses } = config.mesh;
  const named = [...remote, [gatewayName, addresses.get(gatewayName) ?? []] as const];
  const instances = openInstances({
    places: named.flatMap(([service, places]) => places.map((address) => ({ service, address }))),
    own: `${host}:${port}`,
    now: () => performance.now(),
    open: ({ service, address }) => {
      const target = openRemoteTarget({ service, addresses: [address], world, certificates });
      return { transport: remoteTransport(target), close: target.close };
    },
  });
  closing.push(async () => instances.close());
  return instances.current;
}

function rawCallerOf(target: RemoteTarget | undefined, service: string, closing: Closing): RawCaller {
  if (target === undefined) throw new Error(`${service} has no address`);
  const caller = openRawCaller(target);
  closing.push(() => caller.close());
  return caller;
}

const reachMsMax = 1_000;

/** Resolves with the time it took when an instance serves. */
async function reach(target: RemoteTarget | undefined, world: World): Promise<number> {
  if (target === undefined) throw new Error('there is no address');
  const startedMs = performance.now();
  const signal = AbortSignal.timeout(reachMsMax);
  await target.ready({ signal, deadlineAtMs: world.now() + reachMsMax, name: 'readiness' });
  return performance.now() - startedMs;
}
