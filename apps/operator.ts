/** The tools of whoever runs the platform as many processes: typed clients, over the wire, as the identity `operator`. */
import type { DescService } from '@bufbuild/protobuf';
import type { Config } from '@suuupra/platform/config';
import { createClient } from '@suuupra/platform/rpc/client';
import type { Client } from '@suuupra/platform/rpc/rpc';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { realWorld } from '@suuupra/platform/world';
import { openMesh } from './mesh.ts';
import { allServices } from './services.ts';
import { operatorName } from './topology.ts';

export interface Operator {
  client<S extends DescService>(service: S): Client<S>;
  close(): Promise<void>;
}

/** `config` has the addresses of the services that are to be reached. */
export async function openOperator(config: Config): Promise<Operator> {
  const closing: (() => Promise<void>)[] = [];
  const world = realWorld();
  const telemetry = openTelemetry(config);
  closing.push(() => telemetry.close());
  const mesh = await openMesh({
    all: allServices,
    remote: config.mesh.addresses,
    names: [operatorName],
    config,
    world,
    telemetry,
    closing,
  });
  return {
    client: (contract) => {
      const owner = allServices.find(({ provides }) => provides.some(({ typeName }) => typeName === contract.typeName));
      const transport = mesh.transportTo(operatorName, owner?.name ?? '');
      if (transport === undefined) throw new Error(`${contract.typeName} has no address`);
      return createClient(contract, transport, { caller: operatorName, world });
    },
    close: async () => {
      for (const close of closing.splice(0).reverse()) await close();
    },
  };
}
