import { create } from '@bufbuild/protobuf';
import { GetUsersRequestSchema, IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { expect, test } from 'vitest';
import { realWorld } from '../world.ts';
import { createClient } from './client.ts';
import { serve } from './dispatch.ts';
import { rpcContract } from './rpc.contract.ts';
import { RpcFault } from './rpc.ts';
import { localTransport } from './transport-local.ts';

rpcContract('the local transport', async (implementations, telemetry) => {
  const served = serve(implementations, { world: realWorld(), telemetry });
  return { transport: localTransport(() => served), close: async () => undefined };
});

test('a service that has not started yet is unavailable', async () => {
  const client = createClient(
    IdentityService,
    localTransport(() => undefined),
    { caller: 'orders', world: realWorld() },
  );
  const failed = client.createUser(create(GetUsersRequestSchema) as never);
  await expect(failed).rejects.toSatisfy((error) => error instanceof RpcFault && error.code === 'unavailable');
});
