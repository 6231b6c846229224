/**
 * The one place that knows where things are: which services this process hosts, and how the others are reached. Every
 * service gets typed clients and engines, and cannot tell. ground.ts knows which engines stand behind the ports, mesh.ts
 * the wire between processes, topology.ts who is where.
 *
 * Order of a start: keyring, databases, stream, engines of each service, services, event consumers, the doors to other
 * processes, gateway. A stop runs it backwards: the doors drain, consumers stop, services stop, outboxes are emptied,
 * databases close.
 */
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { DescService } from '@bufbuild/protobuf';
import { eventRow } from '@suuupra/contracts/events';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { ProcessService } from '@suuupra/contracts/gen/suuupra/operations/v1/operations_pb.ts';
import type { Dependency } from '@suuupra/gateway/readiness';
import { createGateway, type Gateway } from '@suuupra/gateway/service';
import type { Config } from '@suuupra/platform/config';
import { type RawRoute, routeKey } from '@suuupra/platform/http/route';
import type { Keys } from '@suuupra/platform/keys/keys';
import { createClient } from '@suuupra/platform/rpc/client';
import { type Served, serve } from '@suuupra/platform/rpc/dispatch';
import { retrying } from '@suuupra/platform/rpc/retry';
import type { Client } from '@suuupra/platform/rpc/rpc';
import type { Transport } from '@suuupra/platform/rpc/transport';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import type { AnyService, RunningService } from '@suuupra/platform/service';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { subscribe } from '@suuupra/platform/stream/inbox';
import { outboxPublisher } from '@suuupra/platform/stream/outbox';
import { type Relay, startRelay } from '@suuupra/platform/stream/outbox-relay';
import type { Consumer, Stream } from '@suuupra/platform/stream/stream';
import { cannotListen } from './cannot-listen.ts';
import {
  type Closing,
  checkEngines,
  type Ground,
  layGround,
  openServiceEngines,
  openServiceStore,
  type ServiceStore,
} from './ground.ts';
import { watchHealth } from './health-watch.ts';
import { type Mesh, openMesh } from './mesh.ts';
import { operationsSources, serveOperations } from './operations.ts';
import { openOperatorDoor } from './operator-door.ts';
import { gatewayName, planTopology, type Topology } from './topology.ts';

export interface Platform {
  /** Where the gateway listens; '' when it runs in another process. */
  readonly url: string;
  /** A typed client of any service, for tools of the operator such as the seed. */
  client<S extends DescService>(service: S, caller: string): Client<S>;
  readonly keys: Keys;
  /** From now on /readyz may say that all is ready; until then, while an empty folder is filled, it says it is not. */
  open(): void;
  /** Resolves when every event that services of this process told so far has been applied by those of this process. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** How long requests under way may take to finish when the process is told to stop. */
const drainMs = 10_000;
const settleMsMax = 60_000;

interface Started {
  readonly service: AnyService;
  readonly running: RunningService;
  readonly served: Served;
  readonly store: ServiceStore;
  readonly relay: Relay | undefined;
}

/** What of the process is open to others, and whether it is on its way down. */
interface Doors {
  open: boolean;
  draining: boolean;
}

/** Starts what the configuration names in this process. Throws ConfigError with a sentence when it cannot. */
export async function compose(all: readonly AnyService[], config: Config): Promise<Platform> {
  const topology = planTopology(all, config);
  checkEngines(config);
  for (const service of topology.hosted) service.check?.(process.env, config);
  const closing: Closing = [];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    return await composeWithin(all, topology, config, closing, stop);
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}

async function composeWithin(
  all: readonly AnyService[],
  topology: Topology,
  config: Config,
  closing: Closing,
  stop: () => Promise<void>,
): Promise<Platform> {
  const place = topology.hasGateway && !config.sharedPort ? await reserveAddress(config) : undefined;
  if (place !== undefined) closing.push(place.release);
  const port = place?.port ?? config.port;
  const ground = await layGround({ ...config, port }, closing);
  const { world, telemetry } = ground;
  const mesh = topology.isWhole
    ? undefined
    : await openMesh({ all, remote: topology.remote, names: topology.names, config, world, telemetry, closing });
  const servedBy = new Map<string, Served>();
  const transportFor = transports(all, servedBy, mesh);
  const client = <S extends DescService>(service: S, caller: string) =>
    createClient(service, transportFor(caller), { caller, world });

  const started = await startAll(topology.hosted, ground, client);
  for (const { served } of started) for (const method of served.methods) servedBy.set(method.parent.typeName, served);
  await startConsumers(started, ground);
  await Promise.all(started.map(({ running }) => running.begin?.()));

  const doors: Doors = { open: false, draining: false };
  const dependencies = dependenciesOf(started, ground, doors);
  const operations = serveOperations(started, ground, mesh, dependencies);
  servedBy.set(ProcessService.typeName, operations);
  await openOperatorDoorOf(ground, dependencies, doors);
  if (mesh !== undefined) await openMeshDoors({ mesh, started, ground, doors, operations });
  await place?.release();
  if (topology.hasGateway) {
    const gateway = await openGateway({
      all,
      started,
      ground,
      mesh,
      dependencies: [...(mesh?.dependencies ?? []), ...dependencies],
      operations,
      transport: transportFor(gatewayName),
    });
    closing.push(() => gateway.close({ drainMs }));
  }
  closing.push(async () => {
    doors.draining = true;
  });
  return {
    url: topology.hasGateway ? `http://${config.host}:${port}` : '',
    client,
    keys: ground.keys,
    open: () => {
      doors.open = true;
    },
    settled: () => settle(started, ground.stream),
    stop,
  };
}

/** How a service of this process reaches another: directly when it is here, over the wire when it is not. */
function transports(
  all: readonly AnyService[],
  servedBy: ReadonlyMap<string, Served>,
  mesh: Mesh | undefined,
): (caller: string) => Transport {
  const owners = new Map(all.flatMap(({ name, provides }) => provides.map((contract) => [contract.typeName, name])));
  return (caller) => {
    const known = new Map<string, Transport>();
    const find = (contract: string) =>
      mesh?.transportTo(caller, owners.get(contract) ?? '') ?? localTransport(() => servedBy.get(contract));
    return {
      call: (method, request, context) => {
        const contract = method.parent.typeName;
        const transport = known.get(contract) ?? find(contract);
        known.set(contract, transport);
        return transport.call(method, request, context);
      },
    };
  };
}

/** Services start side by side: most of a first start is waiting for databases to be made. */
async function startAll(services: readonly AnyService[], ground: Ground, clientOf: ClientOf): Promise<Started[]> {
  const outcomes = await Promise.allSettled(services.map((service) => startService(service, ground, clientOf)));
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

type ClientOf = <S extends DescService>(service: S, caller: string) => Client<S>;

async function startService(service: AnyService, ground: Ground, clientOf: ClientOf): Promise<Started> {
  const { world, telemetry, closing } = ground;
  const own = telemetry.forService(service.name);
  const waking: { relay?: Relay } = {};
  const store = await openServiceStore(service, ground, () => waking.relay?.nudge());
  const { outbox } = store;
  const relay = outbox === undefined ? undefined : startRelay({ outbox, stream: ground.stream, telemetry: own });
  if (relay !== undefined) {
    waking.relay = relay;
    closing.push(async () => {
      await relay
        .drain(drainMs)
        .catch((error: unknown) => own.log.warn('events stay in the outbox for the next start', { error }));
      await relay.stop();
    });
  }
  const publishIn = (tx: SqlTransaction) =>
    outboxPublisher(tx, { owner: service.name, world, notify: () => relay?.nudge() });
  const engines = await openServiceEngines(service, store, publishIn, ground);
  const calls: Record<string, DescService> = service.calls;
  const running = await service.start({
    engines,
    clients: Object.fromEntries(
      Object.entries(calls).map(([name, contract]) => [name, clientOf(contract, service.name)]),
    ),
    publishIn,
    world,
    telemetry: own,
    process: telemetry,
    settings: ground.settings,
  });
  closing.push(async () => running.stop?.());
  requireDeclared(service, running.routes ?? []);
  return {
    service,
    running,
    served: serve(running.implementations, { world, telemetry: own }),
    store,
    relay,
  };
}

/** A gateway in another process knows the declarations alone: what they do not name is not reached. */
function requireDeclared({ name, routes = [] }: AnyService, running: readonly RawRoute[]): void {
  const declared = routes.map(routeKey).sort().join(', ');
  const served = running.map(routeKey).sort().join(', ');
  if (declared !== served) throw new Error(`${name} declares the routes "${declared}" and serves "${served}".`);
}

async function startConsumers(started: readonly Started[], ground: Ground): Promise<void> {
  const consumers: Consumer[] = [];
  for (const { service, running, store } of started) {
    const { sql } = store;
    const handlers = running.handlers ?? [];
    if (handlers.length === 0 || sql === undefined) continue;
    const telemetry = ground.telemetry.forService(service.name);
    const consumer = await subscribe({ stream: ground.stream, sql, group: service.name, handlers, telemetry });
    consumers.push(consumer);
  }
  ground.closing.push(async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop()));
  });
}

function databasesOf(started: readonly Started[]): Dependency[] {
  return started.flatMap(({ service: { name }, store: { sql, mongodb } }) => [
    ...(sql === undefined ? [] : [{ name, check: () => sql.ping() }]),
    ...(mongodb === undefined ? [] : [{ name, check: () => mongodb.ping() }]),
  ]);
}

/** What this process cannot do its work without. */
function dependenciesOf(started: readonly Started[], ground: Ground, doors: Doors): readonly Dependency[] {
  return [
    ...databasesOf(started),
    ...ground.watched,
    // Facts wait in the outbox and mails in their queue.
    { name: 'stream', check: () => ground.stream.ping(), background: true },
    { name: 'mail', check: () => ground.mail.ping(), background: true },
    { name: 'start', check: async () => (doors.open ? 0 : Promise.reject(new Error('the start is not finished'))) },
  ];
}

async function openOperatorDoorOf(ground: Ground, dependencies: readonly Dependency[], doors: Doors): Promise<void> {
  const { host, operatorPort: port } = ground.config.mesh;
  if (port === 0) return;
  const door = await openOperatorDoor({
    host,
    port,
    process: ground.telemetry,
    dependencies,
    isDraining: () => doors.draining,
  });
  ground.closing.push(() => door.close());
}

interface MeshSurroundings {
  readonly mesh: Mesh;
  readonly started: readonly Started[];
  readonly ground: Ground;
  readonly doors: Doors;
  readonly operations: Served;
}

/** The doors for other processes. */
async function openMeshDoors({ mesh, started, ground, doors, operations }: MeshSurroundings): Promise<void> {
  const { config, closing, telemetry } = ground;
  const { host, port } = config.mesh;
  if (port === 0) return;
  const needed = ground.watched.filter(({ neededBy }) => neededBy !== undefined);
  const health = watchHealth([...databasesOf(started), ...needed], telemetry.forService('mesh').log);
  closing.push(async () => health.stop());
  const offer = {
    served: [...started.map((one) => one.served), operations],
    routes: started.flatMap(({ running }) => running.routes ?? []),
    healthy: () => !doors.draining && health.isHealthy(),
  };
  const served = await mesh.serve(offer).catch((error: unknown) => {
    throw cannotListen(
      host,
      port,
      error,
      'it and the next port are for the other processes; give another with SUUUPRA_MESH_HOST and SUUUPRA_MESH_PORT',
    );
  });
  closing.push(() => served.close(drainMs));
}

interface GatewaySurroundings {
  readonly all: readonly AnyService[];
  readonly started: readonly Started[];
  readonly ground: Ground;
  readonly mesh: Mesh | undefined;
  readonly dependencies: readonly Dependency[];
  readonly operations: Served;
  readonly transport: Transport;
}

async function openGateway(surroundings: GatewaySurroundings): Promise<Gateway> {
  const { all, started, ground, mesh, dependencies, operations, transport } = surroundings;
  const { config, world, telemetry, cache, keys } = ground;
  // Typed clients repeat by themselves what may be repeated; the gateway has a transport alone.
  const retried = retrying(transport, world);
  const local = new Map(started.map(({ service, running }) => [service.name, running.routes ?? []]));
  const sources = operationsSources(operations, ground, mesh);
  const gateway = await createGateway({
    catalog: {
      services: all.flatMap((service) => service.provides),
      transportOf: () => retried,
      rawRoutes: all.flatMap(
        (service) =>
          local.get(service.name) ??
          (service.routes ?? []).flatMap((route) => mesh?.rawRoute(route, service.name) ?? []),
      ),
    },
    identity: createClient(IdentityService, transport, { caller: gatewayName, world }),
    cache,
    keys,
    world,
    telemetry: telemetry.forService(gatewayName),
    process: telemetry,
    settings: { publicUrl: ground.settings.publicUrl, trustedHops: config.trustedHops },
    dependencies,
    operations: { sources },
  });
  try {
    await gateway.listen(config.port, config.host, config.sharedPort);
  } catch (error) {
    throw cannotListen(config.host, config.port, error, gatewayRemedy);
  }
  return gateway;
}

/** Empties the outboxes and waits until no consumer lags; events may cause events, so it looks twice. Throws after a minute. */
async function settle(started: readonly Started[], stream: Stream): Promise<void> {
  const untilMs = Date.now() + settleMsMax;
  for (let quietRounds = 0; quietRounds < 2; ) {
    for (const { relay } of started) await relay?.drain(drainMs);
    let lag = 0n;
    for (const { service, running } of started) {
      const topics = new Set((running.handlers ?? []).map((handler) => eventRow(handler.schema.typeName)?.owner ?? ''));
      if (topics.size > 0) lag += await stream.lag(service.name, [...topics]);
    }
    quietRounds = lag === 0n ? quietRounds + 1 : 0;
    if (Date.now() > untilMs) throw new Error(`${lag} events were not applied within ${settleMsMax / 1_000} s.`);
    await delay(20);
  }
}

const gatewayRemedy = 'give another with --port or SUUUPRA_HOST';

interface ReservedAddress {
  readonly port: number;
  release(): Promise<void>;
}

/**
 * Takes the gateway's address before anything is started, so that a taken port is said at once and a free one, for port
 * 0, stays ours. Nobody is served on it: whoever connects early is sent away.
 */
async function reserveAddress(config: Config): Promise<ReservedAddress> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(config.host, config.port, error, gatewayRemedy)));
    server.listen(config.port, config.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : config.port,
    release: () =>
      new Promise((resolve) => {
        if (server.listening) server.close(() => resolve());
        else resolve();
      }),
  };
}
