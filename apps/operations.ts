/** What a process tells its operator: of itself, and, at the gateway, of all the others. */
import { eventRow } from '@suuupra/contracts/events';
import { ProcessService } from '@suuupra/contracts/gen/suuupra/operations/v1/operations_pb.ts';
import type { OperationsSource } from '@suuupra/gateway/operations';
import { type ProcessParts, processImplementation, startOperationsGauges } from '@suuupra/gateway/operations-process';
import type { Dependency } from '@suuupra/gateway/readiness';
import { createClient } from '@suuupra/platform/rpc/client';
import { type Served, serve } from '@suuupra/platform/rpc/dispatch';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import type { RunningService } from '@suuupra/platform/service';
import type { Ground, ServiceStore } from './ground.ts';
import type { Mesh } from './mesh.ts';

import { gatewayName } from './topology.ts';

/** A service of this process, as its operator sees it. */
interface Seen {
  readonly service: { readonly name: string };
  readonly running: Pick<RunningService, 'handlers'>;
  readonly store: ServiceStore;
}

/** The rpc that every process answers to the gateway, and the gauges of the same facts. */
export function serveOperations(
  started: readonly Seen[],
  ground: Ground,
  mesh: Mesh | undefined,
  dependencies: readonly Dependency[],
): Served {
  const telemetry = ground.telemetry.forService('operations');
  const told = partsOf(started, ground, mesh, dependencies);
  const gauges = startOperationsGauges(told, telemetry);
  ground.closing.push(async () => gauges.stop());
  return serve([processImplementation(told)], { world: ground.world, telemetry });
}

/** This process, and every instance that the gateway has an address of: as many as there are at each call. */
export function operationsSources(
  here: Served,
  ground: Ground,
  mesh: Mesh | undefined,
): () => Promise<readonly OperationsSource[]> {
  const { world } = ground;
  const clientOver = (transport: Parameters<typeof createClient>[1]) =>
    createClient(ProcessService, transport, { caller: gatewayName, world });
  const own = {
    name: mesh === undefined ? 'this process' : 'this gateway',
    client: clientOver(localTransport(() => here)),
  };
  return async () => {
    const others = (await mesh?.instances()) ?? [];
    return [own, ...others.map(({ name, transport }) => ({ name, client: clientOver(transport) }))];
  };
}

function partsOf(
  started: readonly Seen[],
  { config, stream, telemetry, world }: Ground,
  mesh: Mesh | undefined,
  dependencies: readonly Dependency[],
): ProcessParts {
  return {
    process: telemetry,
    world,
    stream,
    dependencies,
    dataFolder: config.dataFolder,
    services: started.map(({ service }) => service.name),
    outboxes: started.flatMap(({ service, store: { outbox } }) =>
      outbox === undefined ? [] : [{ service: service.name, outbox }],
    ),
    groups: started.flatMap(({ service, running }) => {
      const topics = new Set((running.handlers ?? []).map(({ schema }) => eventRow(schema.typeName)?.owner ?? ''));
      return topics.size === 0 ? [] : [{ group: service.name, topics: [...topics] }];
    }),
    ...(mesh === undefined ? {} : { certificates: mesh.certificates }),
  };
}
