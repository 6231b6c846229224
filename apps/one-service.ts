/** One service by itself in this process, on the engines of the configuration, for a command of the operator. */
import type { DescService } from '@bufbuild/protobuf';
import type { Config } from '@suuupra/platform/config';
import { createClient } from '@suuupra/platform/rpc/client';
import { serve } from '@suuupra/platform/rpc/dispatch';
import type { Client } from '@suuupra/platform/rpc/rpc';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import type { AnyService } from '@suuupra/platform/service';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { outboxPublisher } from '@suuupra/platform/stream/outbox';
import { type Closing, checkEngines, layGround, openServiceEngines, openServiceStore } from './ground.ts';
import { operatorName } from './topology.ts';

export interface OneService {
  client<S extends DescService>(contract: S): Client<S>;
  close(): Promise<void>;
}

/**
 * For services that call no other. Its loops do not run, and what it tells waits in its outbox for a process that has the
 * relay. On embedded engines it has the data folder to itself: throws ConfigError when the platform runs on it.
 */
export async function openOneService(service: AnyService, config: Config): Promise<OneService> {
  checkEngines(config);
  const closing: Closing = [];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const ground = await layGround(config, closing);
    const { world } = ground;
    const telemetry = ground.telemetry.forService(service.name);
    const store = await openServiceStore(service, ground, () => {});
    const publishIn = (tx: SqlTransaction) => outboxPublisher(tx, { owner: service.name, world, notify: () => {} });
    const engines = await openServiceEngines(service, store, publishIn, ground);
    const { settings } = ground;
    const running = await service.start({
      ...{ engines, clients: {}, publishIn, world, telemetry, settings },
      process: ground.telemetry,
    });
    closing.push(async () => running.stop?.());
    const served = serve(running.implementations, { world, telemetry });
    const transport = localTransport(() => served);
    return { client: (contract) => createClient(contract, transport, { caller: operatorName, world }), close };
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
}
