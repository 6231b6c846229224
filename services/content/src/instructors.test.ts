import { create } from '@bufbuild/protobuf';
import { GetUsersResponseSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { anonymous, type CallContext } from '@suuupra/platform/rpc/rpc';
import { testWorld } from '@suuupra/platform/world';
import { expect, it } from 'vitest';
import { Instructors } from './instructors.ts';

const context: CallContext = {
  ...{ principal: anonymous, requestId: 'req', traceparent: '', idempotencyKey: '', ifMatch: '', clientAddress: '' },
  ...{ userAgent: '', signal: new AbortController().signal, deadlineAtMs: Number.MAX_SAFE_INTEGER, answer: {} },
};

it('keeps names for a minute, and the last known one while identity does not answer', async () => {
  const world = testWorld();
  const warned: string[] = [];
  const identity = { name: 'Meera', down: false, calls: 0 };
  const instructors = new Instructors({
    world,
    log: { debug() {}, info() {}, warn: (message) => warned.push(message), error() {} },
    identity: {
      getUsers: async () => {
        identity.calls += 1;
        if (identity.down) throw new Error('identity is down');
        return create(GetUsersResponseSchema, { users: [{ id: 'a', displayName: identity.name }] });
      },
    },
  });
  const names = async () => Object.fromEntries(await instructors.names(['a', 'unknown'], context));
  expect(await names()).toEqual({ a: 'Meera', unknown: '' });
  identity.name = 'Meera Iyer';
  expect(await names()).toEqual({ a: 'Meera', unknown: '' });
  expect(identity.calls).toBe(1);
  world.advance(60_000);
  expect(await names()).toEqual({ a: 'Meera Iyer', unknown: '' });
  identity.down = true;
  world.advance(60_000);
  expect(await names()).toEqual({ a: 'Meera Iyer', unknown: '' });
  expect(warned).toHaveLength(1);
});
