/**
 * Who runs where: which services this process hosts, and at which addresses it finds the others. Pure; whatever is missing
 * is said here, in a sentence, before anything starts.
 */
import type { DescService } from '@bufbuild/protobuf';
import { type Config, ConfigError } from '@suuupra/platform/config';
import type { AnyService } from '@suuupra/platform/service';

export const gatewayName = 'gateway';

export interface Topology {
  /** As they were named, the gateway among them: the order of their doors. */
  readonly names: readonly string[];
  /** The services of this process. */
  readonly hosted: readonly AnyService[];
  readonly hasGateway: boolean;
  /** The others that this process calls, with their addresses (`host:port` of gRPC; raw routes are at the next port). */
  readonly remote: ReadonlyMap<string, readonly string[]>;
  /** Whether all is in this process, so that nothing goes over a wire. */
  readonly isWhole: boolean;
}

/** Throws ConfigError when a name is unknown, a needed address is missing, or the engines cannot be shared. */
export function planTopology(all: readonly AnyService[], config: Config): Topology {
  const names = [...all.map((service) => service.name), gatewayName];
  const wanted = config.services === 'all' ? names : config.services;
  for (const name of wanted) {
    if (!names.includes(name)) throw new ConfigError(`There is no service "${name}"; there are ${names.join(', ')}.`);
  }
  for (const name of config.mesh.addresses.keys()) {
    if (!names.includes(name)) {
      throw new ConfigError(
        `An address is given for the service "${name}", which there is not; there are ${names.join(', ')}.`,
      );
    }
  }
  const hosted = all.filter((service) => wanted.includes(service.name));
  const hasGateway = wanted.includes(gatewayName);
  const isWhole = hosted.length === all.length && hasGateway;
  if (!isWhole) requireShared(config);
  return { names: wanted, hosted, hasGateway, remote: findRemote(all, hosted, hasGateway, config), isWhole };
}

function findRemote(
  all: readonly AnyService[],
  hosted: readonly AnyService[],
  hasGateway: boolean,
  config: Config,
): ReadonlyMap<string, readonly string[]> {
  const remote = new Map<string, readonly string[]>();
  const here = new Set(hosted.map((service) => service.name));
  for (const { caller, callee } of callsOf(all, hosted, hasGateway)) {
    if (here.has(callee) || remote.has(callee)) continue;
    const addresses = config.mesh.addresses.get(callee) ?? [];
    if (addresses.length === 0) {
      throw new ConfigError(
        `${caller} calls ${callee}, which does not run in this process and has no address; set SUUUPRA_ADDRESS_${callee.toUpperCase()} ` +
          `or services.${callee} in the configuration file, or name ${callee} on the command line.`,
      );
    }
    remote.set(callee, addresses);
  }
  return remote;
}

interface Call {
  readonly caller: string;
  readonly callee: string;
}

/** What the hosted services declare to call; the gateway calls everybody. */
function callsOf(all: readonly AnyService[], hosted: readonly AnyService[], hasGateway: boolean): Call[] {
  const owners = new Map(all.flatMap(({ name, provides }) => provides.map((contract) => [contract.typeName, name])));
  const declared = hosted.flatMap((service) =>
    Object.values(service.calls as Record<string, DescService>).map((contract) => ({
      caller: service.name,
      callee: owners.get(contract.typeName) ?? '',
    })),
  );
  return hasGateway ? [...declared, ...all.map(({ name }) => ({ caller: gatewayName, callee: name }))] : declared;
}

/** Embedded engines live inside one process: what several processes share has to stand beside them. */
function requireShared({ engines }: Config): void {
  if (engines.postgresUrl !== '') return;
  throw new ConfigError(
    'Services that run apart need databases that all of them reach: set SUUUPRA_POSTGRES_URL (engines.postgres), or say --all.',
  );
}

/** Who may call what, out of what the services declare: a caller's `calls`, and the gateway everything that has a route. */
export function mayCall(all: readonly AnyService[]): (caller: string, contract: string) => boolean {
  const allowed = new Map<string, ReadonlySet<string>>(
    all.map((service) => [
      service.name,
      new Set(Object.values(service.calls as Record<string, DescService>).map(({ typeName }) => typeName)),
    ]),
  );
  // What these two may do method by method, the rules of each method say.
  return (caller, contract) =>
    caller === gatewayName || caller === operatorName || allowed.get(caller)?.has(contract) === true;
}

/** The tools of whoever runs the platform: the seed. */
export const operatorName = 'operator';
