/** Who may talk to whom between processes, and what happens to that while certificates change. */
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Certificates } from '../certificates/certificates.ts';
import { type LeafChanges, newAuthority, openTestAuthority, type TestAuthority } from '../testing-certificates.ts';
import { realWorld } from '../world.ts';
import { createClient } from './client.ts';
import { serve } from './dispatch.ts';
import { openRemoteTarget } from './remote-target.ts';
import { recordingTelemetry } from './rpc.contract.ts';
import { implement } from './rpc.ts';
import { type MayCall, serveGrpc } from './serve-grpc.ts';
import { remoteTransport } from './transport-grpc.ts';

const world = realWorld();
const hourMs = 60 * 60_000;
const handlers = Object.fromEntries(IdentityService.methods.map((method) => [method.localName, async () => ({})]));

let authority: TestAuthority;
beforeAll(async () => {
  authority = await openTestAuthority();
});
afterAll(() => authority.close());

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function openServer(certificates: readonly Certificates[], mayCall: MayCall = () => true, port = 0) {
  const telemetry = recordingTelemetry();
  const served = [serve([implement(IdentityService, handlers as never)], { world })];
  const peers = { certificates, mayCall };
  const server = await serveGrpc({ served, host: '127.0.0.1', port, world, peers, telemetry });
  closing.push(() => server.close(100));
  return { port: server.port, lines: telemetry.lines, close: () => server.close(100) };
}

function openClient(port: number, certificates: Certificates, caller = certificates.name, service = 'identity') {
  const telemetry = recordingTelemetry();
  const target = openRemoteTarget({ service, addresses: [`127.0.0.1:${port}`], certificates, world, telemetry });
  closing.push(() => target.close());
  const client = createClient(IdentityService, remoteTransport(target), { caller, world });
  return { client, target, lines: telemetry.lines };
}

const wrong: [string, () => Promise<LeafChanges>, RegExp][] = [
  ['expired', async () => ({ notBeforeMs: Date.now() - 2 * hourMs, notAfterMs: Date.now() - 1_000 }), /expired/],
  [
    'not valid yet',
    async () => ({ notBeforeMs: Date.now() + hourMs, notAfterMs: Date.now() + 2 * hourMs }),
    /not (?:yet valid|valid yet)/,
  ],
  ['of another authority', async () => ({ signer: await newAuthority() }), /another authority|signature|unable to/],
];

describe('a certificate that is wrong', () => {
  test.each(wrong)('%s, of a caller: the server refuses it and says why', async (_name, changes, why) => {
    const server = await openServer([await authority.open('identity')]);
    const { client } = openClient(server.port, await authority.open('orders', await changes()));
    await expect(client.getUsers({}, { timeoutMs: 2_000 })).rejects.toMatchObject({ code: 'unavailable' });
    expect(server.lines).toContainEqual(
      expect.objectContaining({
        message: 'a connection is refused',
        fields: expect.objectContaining({ why: expect.stringMatching(why), peer: 'orders' }),
      }),
    );
  });

  test.each(wrong)('%s, of a server: the caller refuses it and says why', async (_name, changes, why) => {
    const server = await openServer([await authority.open('identity', await changes())]);
    const { client, lines } = openClient(server.port, await authority.open('orders'));
    await expect(client.getUsers({}, { timeoutMs: 2_000 })).rejects.toMatchObject({ code: 'unavailable' });
    expect(lines).toContainEqual(
      expect.objectContaining({
        message: 'an instance does not answer',
        fields: expect.objectContaining({ why: expect.stringMatching(why) }),
      }),
    );
  });

  test('of another service: the caller refuses the server and says which it met', async () => {
    const server = await openServer([await authority.open('ledger')]);
    const { client, lines } = openClient(server.port, await authority.open('orders'));
    await expect(client.getUsers({}, { timeoutMs: 2_000 })).rejects.toMatchObject({ code: 'unavailable' });
    expect(lines.map(({ fields }) => String(fields['why'])).join()).toContain('is of ledger, not of identity');
  });

  test('of another service: the server refuses a caller that takes a name which is not its own', async () => {
    const server = await openServer([await authority.open('identity')]);
    const { client } = openClient(server.port, await authority.open('content'), 'orders');
    expect(await client.getUsers({})).toMatchObject({ code: 'permission_denied' });
    expect(server.lines).toContainEqual(
      expect.objectContaining({ fields: { peer: 'content', why: 'it calls itself "orders"' } }),
    );
  });
});

test('who may call whom is a table, and a refusal by it is said once', async () => {
  const mayCall: MayCall = (caller, contract) => caller === 'gateway' && contract === IdentityService.typeName;
  const server = await openServer([await authority.open('identity')], mayCall);
  const orders = openClient(server.port, await authority.open('orders'));
  const gateway = openClient(server.port, await authority.open('gateway'));
  expect(await orders.client.getUsers({})).toMatchObject({ code: 'permission_denied' });
  expect(await orders.client.getUsers({})).toMatchObject({ code: 'permission_denied' });
  expect(await gateway.client.checkSession({})).not.toHaveProperty('code');
  expect(server.lines.filter(({ message }) => message === 'a call of another service is refused')).toHaveLength(1);
});

test('several services behind one door each show their own certificate', async () => {
  const server = await openServer([await authority.open('identity'), await authority.open('content')]);
  const own = await authority.open('orders');
  for (const service of ['identity', 'content']) {
    const { client } = openClient(server.port, own, 'orders', service);
    expect(await client.getUsers({})).not.toHaveProperty('code');
  }
});

test('the authority and every certificate change under load: no call fails, and new connections show the new ones', async () => {
  const next = await newAuthority();
  const both = `${authority.authority.certificate}${next.certificate}`;
  const serverOwn = await authority.open('identity');
  const clientOwn = await authority.open('orders');
  const stranger = await authority.open('orders');
  const server = await openServer([serverOwn]);
  const { client } = openClient(server.port, clientOwn);
  const outcomes: Record<string, number> = {};
  let over = false;
  const load = Array.from({ length: 8 }, async () => {
    while (!over) {
      // Not retry_safe: nothing hides a failure.
      const outcome = await client.createUser({}).then(
        (answer) => ('code' in answer ? String(answer.code) : 'answered'),
        (error: unknown) => String(error),
      );
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  });
  const steps: LeafChanges[] = [
    { believes: both },
    { believes: both, signer: next },
    { believes: next.certificate, signer: next },
  ];
  for (const step of steps) {
    for (const certificates of [serverOwn, clientOwn]) {
      await authority.renew(certificates, step);
      const before = Object.values(outcomes).reduce((sum, one) => sum + one, 0);
      const fresh = openClient(server.port, clientOwn);
      // Between the two of the last step the server's new certificate is believed by both authorities' believers.
      expect(await fresh.client.getUsers({})).not.toHaveProperty('code');
      await expect
        .poll(() => Object.values(outcomes).reduce((sum, one) => sum + one, 0), { timeout: 10_000 })
        .toBeGreaterThan(before + 20);
    }
  }
  over = true;
  await Promise.all(load);
  expect(Object.keys(outcomes)).toEqual(['answered']);
  // The connection that saw it all was made with the first certificate; the next one is not.
  await server.close();
  await openServer([serverOwn], undefined, server.port);
  await expect.poll(() => client.createUser({}).then(() => 'answered', String), { timeout: 10_000 }).toBe('answered');
  const old = openClient(server.port, stranger);
  await expect(old.client.getUsers({}, { timeoutMs: 2_000 })).rejects.toMatchObject({ code: 'unavailable' });
}, 60_000);
