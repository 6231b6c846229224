import { create } from '@bufbuild/protobuf';
import { GetUsersRequestSchema, IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { expect, test } from 'vitest';
import { testWorld } from '../world.ts';
import { retrying } from './retry.ts';
import { RpcFault } from './rpc.ts';
import type { OutgoingContext } from './transport.ts';

/** The pauses are real, so they are made as short as chance can. */
const world = { ...testWorld(), random: () => -0.49 };

function context(leftMs: number): OutgoingContext {
  return {
    caller: 'orders',
    principal: { kind: 'service', name: 'orders' },
    requestId: '',
    traceparent: '',
    signal: new AbortController().signal,
    deadlineAtMs: world.now() + leftMs,
    idempotencyKey: '',
    ifMatch: '',
    clientAddress: '',
    userAgent: '',
  };
}

async function attemptsOf(calls: number, code: RpcFault['code'], leftMs = 60_000): Promise<number> {
  let attempts = 0;
  const failing = {
    call: async () => {
      attempts += 1;
      throw new RpcFault(code, 'away');
    },
  };
  const transport = retrying(failing, world);
  const request = create(GetUsersRequestSchema);
  for (let call = 0; call < calls; call += 1) {
    await expect(transport.call(IdentityService.method.getUsers, request, context(leftMs))).rejects.toThrow('away');
  }
  return attempts - calls;
}

test('a call is made again at most twice, after unavailable only, and not beyond its deadline', async () => {
  expect(await attemptsOf(1, 'unavailable')).toBe(2);
  expect(await attemptsOf(1, 'deadline_exceeded')).toBe(0);
  expect(await attemptsOf(1, 'internal')).toBe(0);
  expect(await attemptsOf(1, 'unavailable', 0)).toBe(0);
});

test('when everything fails, retries are a tenth of the calls, after a store of a hundred', async () => {
  // Each call brings a tenth of a retry in; the store never holds more than it began with.
  const retries = await attemptsOf(600, 'unavailable');
  expect(retries).toBeGreaterThanOrEqual(155);
  expect(retries).toBeLessThanOrEqual(160);
});

test('each attempt knows how often the call was made before it', async () => {
  const resends: (number | undefined)[] = [];
  const failing = {
    call: async (_method: unknown, _request: unknown, sent: OutgoingContext) => {
      resends.push(sent.resends);
      throw new RpcFault('unavailable', 'away');
    },
  };
  const call = retrying(failing, world).call(
    IdentityService.method.getUsers,
    create(GetUsersRequestSchema),
    context(60_000),
  );
  await expect(call).rejects.toThrow('away');
  expect(resends).toEqual([undefined, 1, 2]);
});
