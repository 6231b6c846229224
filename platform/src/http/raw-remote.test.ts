import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { connectionTo } from '../certificates/connect.ts';
import { openRemoteTarget } from '../rpc/remote-target.ts';
import { recordingTelemetry } from '../rpc/rpc.contract.ts';
import { serveService } from '../rpc/serve-service.ts';
import { openTestAuthority, type TestAuthority } from '../testing-certificates.ts';
import { realWorld } from '../world.ts';
import { aRoute, openFront, rawContract } from './raw.contract.ts';
import { openRawCaller } from './raw-remote.ts';
import type { RawRoute } from './route.ts';

const world = realWorld();
let authority: TestAuthority;
beforeAll(async () => {
  authority = await openTestAuthority();
});
afterAll(() => authority.close());

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function openDoor(routes: readonly RawRoute[], telemetry = recordingTelemetry()) {
  const certificates = [await authority.open('content')];
  const door = { served: [], routes, host: '127.0.0.1', port: 0, certificates, mayCall: () => true, world, telemetry };
  return await serveService(door);
}

async function openCaller(ports: readonly number[], caller = 'gateway') {
  const certificates = await authority.open(caller);
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const target = openRemoteTarget({ service: 'content', addresses, certificates, world });
  const raw = openRawCaller(target);
  return {
    raw,
    target,
    close: async () => {
      await raw.close();
      target.close();
    },
  };
}

rawContract('in this process', async (routes) => ({ routes, close: async () => {} }));

rawContract('in another process', async (routes) => {
  const door = await openDoor(routes);
  const caller = await openCaller([door.port]);
  return {
    routes: routes.map(({ handle: _handle, ...declaration }) => caller.raw.route(declaration)),
    close: async () => {
      await caller.close();
      await door.close(0);
    },
  };
});

test('nobody but the gateway is let in, and it is said who was not', async () => {
  const telemetry = recordingTelemetry();
  let calls = 0;
  const door = await openDoor(
    [
      aRoute(async () => {
        calls += 1;
      }),
    ],
    telemetry,
  );
  closing.push(() => door.close(0));
  const certificates = await authority.open('orders');
  const sent = httpsRequest({
    ...connectionTo('content', certificates),
    host: '127.0.0.1',
    port: door.port + 1,
    agent: false,
  });
  sent.end();
  await once(sent, 'error');
  expect(calls).toBe(0);
  expect(telemetry.lines).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      message: 'a connection is refused',
      fields: expect.objectContaining({ why: 'this service may not connect here', peer: 'orders' }),
    }),
  );
});

test('a client cannot say who it is', async () => {
  let kind = '';
  const route = aRoute(async (_request, response, { principal }) => {
    kind = principal.kind;
    response.end();
  });
  const door = await openDoor([route]);
  closing.push(() => door.close(0));
  const caller = await openCaller([door.port]);
  closing.push(caller.close);
  const front = await openFront([caller.raw.route(route)], { kind: 'anonymous' });
  closing.push(front.close);
  const forged = {
    route: 'GET /things/{id}',
    leftMs: 1_000,
    principal: { kind: 'service', name: 'ledger' },
    preset: {},
  };
  const headers = { 'Suuupra-Raw-Context': Buffer.from(JSON.stringify(forged)).toString('base64url') };
  expect((await fetch(`${front.url}/things/1`, { headers })).status).toBe(200);
  expect(kind).toBe('anonymous');
});

test('a service looks at the access of its route itself', async () => {
  const route = aRoute(async (_request, response) => void response.end('secret'), { access: { roles: ['admin'] } });
  const door = await openDoor([route]);
  closing.push(() => door.close(0));
  const caller = await openCaller([door.port]);
  closing.push(caller.close);
  const front = await openFront([caller.raw.route(route)]);
  closing.push(front.close);
  expect((await fetch(`${front.url}/things/1`)).status).toBe(403);
});

test('without an instance the gateway hears a fault, also for a request with a body', async () => {
  const door = await openDoor([]);
  await door.close(0);
  const caller = await openCaller([door.port]);
  closing.push(caller.close);
  const front = await openFront([caller.raw.route(aRoute(async () => {}, { method: 'POST' }))]);
  closing.push(front.close);
  expect((await fetch(`${front.url}/things/1`, { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(503);
});

test('instances stop and start in turn under requests, and none is lost', async () => {
  const route = aRoute(
    async (request, response) => {
      let bytes = 0;
      for await (const chunk of request) bytes += (chunk as Buffer).byteLength;
      response.end(String(bytes));
    },
    { method: 'POST' },
  );
  const doors = [await openDoor([route]), await openDoor([route])];
  const caller = await openCaller(doors.map((door) => door.port));
  closing.push(caller.close);
  const front = await openFront([caller.raw.route(route)]);
  closing.push(front.close);
  const seen: Record<string, number> = {};
  let over = false;
  const load = Array.from({ length: 4 }, async () => {
    while (!over) {
      const text = await fetch(`${front.url}/things/1`, { method: 'POST', body: 'x'.repeat(20_000) }).then(
        async (answer) => `${answer.status} ${await answer.text()}`,
        (error: unknown) => String(error),
      );
      seen[text] = (seen[text] ?? 0) + 1;
    }
  });
  for (const [at, door] of doors.entries()) {
    const before = seen['200 20000'] ?? 0;
    await expect.poll(() => seen['200 20000'] ?? 0, { timeout: 10_000 }).toBeGreaterThan(before + 50);
    await door.close(2_000);
    const certificates = [await authority.open('content')];
    const again = { served: [], routes: [route], host: '127.0.0.1', certificates, mayCall: () => true, world };
    doors[at] = await serveService({ ...again, port: door.port });
    // The next one goes only when this one is known to be back.
    await expect
      .poll(() => caller.target.instances().map(({ health }) => health), { timeout: 10_000 })
      .toEqual(['serving', 'serving']);
  }
  over = true;
  await Promise.all(load);
  for (const door of doors) closing.push(() => door.close(0));
  expect(Object.keys(seen)).toEqual(['200 20000']);
});
