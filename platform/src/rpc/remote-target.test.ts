/** Several instances of a service: who gets the calls, and what becomes of them when instances leave, hang or die. */
import { once } from 'node:events';
import { constants, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openTestAuthority, type TestAuthority } from '../testing-certificates.ts';
import { openPartitionedNetwork } from '../testing-partition.ts';
import { realWorld } from '../world.ts';
import { createClient } from './client.ts';
import { serve } from './dispatch.ts';
import {
  NotSent,
  openRemoteTarget,
  type RemoteLimits,
  type RemoteTarget,
  type RemoteTargetOptions,
} from './remote-target.ts';
import { recordingTelemetry } from './rpc.contract.ts';
import { type CallContext, implement, RpcFault } from './rpc.ts';
import { type GrpcServer, serveGrpc } from './serve-grpc.ts';
import { remoteTransport } from './transport-grpc.ts';

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

type Handler = (request: unknown, context: CallContext) => Promise<object>;

interface Server {
  readonly grpc: GrpcServer;
  calls: number;
  healthy: boolean;
}

async function openServer(handler: Handler = async () => ({}), port = 0): Promise<Server> {
  const state = { calls: 0, healthy: true };
  const counted: Handler = (request, context) => {
    state.calls += 1;
    return handler(request, context);
  };
  const handlers = Object.fromEntries(IdentityService.methods.map((method) => [method.localName, counted]));
  const served = [serve([implement(IdentityService, handlers as never)], { world })];
  const peers = { certificates: [await authority.open('identity')], mayCall: () => true };
  const grpc = await serveGrpc({ served, host: '127.0.0.1', port, world, peers, healthy: () => state.healthy });
  closing.push(() => grpc.close(50));
  return Object.assign(state, { grpc });
}

interface ClientChanges {
  readonly limits?: Partial<RemoteLimits>;
  readonly lookup?: NonNullable<RemoteTargetOptions['lookup']>;
  readonly telemetry?: ReturnType<typeof recordingTelemetry>;
}

async function openClient(addresses: readonly (number | string)[], changes: ClientChanges = {}) {
  const target = openRemoteTarget({
    service: 'identity',
    addresses: addresses.map((address) => (typeof address === 'number' ? `127.0.0.1:${address}` : address)),
    certificates: await authority.open('orders'),
    world,
    ...changes,
  });
  closing.push(() => target.close());
  return { target, client: createClient(IdentityService, remoteTransport(target), { caller: 'orders', world }) };
}

/** A busy machine is slow; what is waited for comes in milliseconds on a quiet one. */
const patient = { timeout: 10_000 };

type OneClient = Awaited<ReturnType<typeof openClient>>;

const healths = ({ target }: OneClient) => target.instances().map(({ health }) => health);

/** Calls until told to stop; tells how each ended. `createUser` is never made again by the client. */
function startLoad({ client }: OneClient, method: 'getUsers' | 'createUser', lanes = 8) {
  const ends: Record<string, number> = {};
  let over = false;
  const running = Array.from({ length: lanes }, async () => {
    while (!over) {
      const end = await client[method]({}).then(
        (answer) => ('code' in answer ? String(answer.code) : 'answered'),
        (error: unknown) => String(error),
      );
      ends[end] = (ends[end] ?? 0) + 1;
    }
  });
  return {
    ends,
    more: async (count: number) => {
      const before = ends['answered'] ?? 0;
      await expect.poll(() => ends['answered'] ?? 0, { timeout: 10_000 }).toBeGreaterThan(before + count);
    },
    stop: async () => {
      over = true;
      await Promise.all(running);
    },
  };
}

test('calls spread over the instances', async () => {
  const servers = [await openServer(), await openServer(), await openServer()];
  const one = await openClient(servers.map(({ grpc }) => grpc.port));
  await one.client.getUsers({});
  await expect.poll(() => healths(one), patient).toEqual(['serving', 'serving', 'serving']);
  for (let call = 0; call < 90; call += 1) await one.client.getUsers({});
  for (const { calls } of servers) expect(calls).toBeGreaterThan(25);
});

test('an instance that does not serve gets no calls, and comes back by itself', async () => {
  const servers = [await openServer(), await openServer()];
  const [first, second] = servers as [Server, Server];
  const one = await openClient(servers.map(({ grpc }) => grpc.port));
  await one.client.getUsers({});
  first.healthy = false;
  await expect.poll(() => healths(one), patient).toEqual(['not_serving', 'serving']);
  const before = first.calls;
  for (let call = 0; call < 20; call += 1) await one.client.getUsers({});
  expect(first.calls).toBe(before);
  second.healthy = false;
  await expect.poll(() => healths(one), patient).toEqual(['not_serving', 'not_serving']);
  await expect(one.client.createUser({})).rejects.toMatchObject({ code: 'unavailable' });
  first.healthy = true;
  await expect.poll(() => healths(one), patient).toEqual(['serving', 'not_serving']);
  await one.client.getUsers({});
});

test('instances restart in turn under load: no call is lost, repeatable or not', async () => {
  const servers = [await openServer(), await openServer()];
  const one = await openClient(servers.map(({ grpc }) => grpc.port));
  const loads = [startLoad(one, 'getUsers'), startLoad(one, 'createUser')];
  for (const { grpc } of servers) {
    for (const load of loads) await load.more(100);
    await grpc.close(5_000);
    for (const load of loads) await load.more(100);
    await openServer(undefined, grpc.port);
    await expect.poll(() => healths(one), patient).toEqual(['serving', 'serving']);
  }
  for (const load of loads) await load.stop();
  expect(loads.map(({ ends }) => Object.keys(ends))).toEqual([['answered'], ['answered']]);
}, 60_000);

/** A server that can die without a word: its connections break, and no new one is taken. */
async function openMortal() {
  const server = await openServer();
  const network = await openPartitionedNetwork(server.grpc.port);
  return { server, port: network.port, die: () => network.close() };
}

test('an instance that dies under load costs repeatable calls nothing, and others only what was under way there', async () => {
  const [dying, living] = [await openMortal(), await openServer()];
  const one = await openClient([dying.port, living.grpc.port]);
  const lanes = 8;
  const loads = [startLoad(one, 'getUsers', lanes), startLoad(one, 'createUser', lanes)];
  for (const load of loads) await load.more(100);
  await expect.poll(() => healths(one), patient).toEqual(['serving', 'serving']);
  await dying.die();
  for (const load of loads) await load.more(300);
  for (const load of loads) await load.stop();
  const [repeatable, others] = loads.map(({ ends }) => ends);
  expect(Object.keys(repeatable ?? {})).toEqual(['answered']);
  const { answered: _answered, ...failed } = others ?? {};
  expect(Object.values(failed).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(lanes);
}, 60_000);

test('work that reached nobody goes to another instance, work that may have does not', async () => {
  const servers = [await openServer(), await openServer()];
  const one = await openClient(servers.map(({ grpc }) => grpc.port));
  await one.client.getUsers({});
  await expect.poll(() => healths(one), patient).toEqual(['serving', 'serving']);
  const life = { signal: new AbortController().signal, deadlineAtMs: Date.now() + 5_000, name: 'work' };
  const fault = new RpcFault('unavailable', 'gone');
  const tried: string[] = [];
  const work = (thrown: Error) =>
    one.target.use(life, async ({ address }) => {
      tried.push(address);
      throw thrown;
    });
  await expect(work(new NotSent(fault))).rejects.toBe(fault);
  expect(new Set(tried).size).toBe(2);
  tried.length = 0;
  await expect(work(fault)).rejects.toBe(fault);
  expect(tried).toHaveLength(1);
});

test.each(['no connection', 'a stream turned away'])('gRPC says that a request was not sent: %s', async (kind) => {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  if (kind === 'no connection') await new Promise((resolve) => server.close(resolve));
  const client = new Client(`ipv4:127.0.0.1:${port}`, credentials.createInsecure());
  const target = {
    world,
    use: (_life: unknown, work: (instance: unknown) => Promise<unknown>) => work({ client }),
  } as unknown as RemoteTarget;
  const caller = createClient(IdentityService, remoteTransport(target), { caller: 'orders', world });
  await expect(caller.createUser({})).rejects.toBeInstanceOf(NotSent);
  client.close();
  if (kind !== 'no connection') server.close();
});

test('a black hole: calls end by their deadline, the pings notice, and when the network is back so are the calls', async () => {
  const server = await openServer();
  const network = await openPartitionedNetwork(server.grpc.port);
  closing.push(() => network.close());
  const one = await openClient([network.port], { limits: { keepaliveMs: 200, keepaliveTimeoutMs: 200 } });
  await one.client.getUsers({});
  network.cut();
  const startedAt = performance.now();
  const calls = Array.from({ length: 5 }, () => one.client.createUser({}, { timeoutMs: 300 }));
  for (const call of await Promise.allSettled(calls)) expect(call.status).toBe('rejected');
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  await expect.poll(() => healths(one), patient).not.toEqual(['serving']);
  await expect.poll(() => healths(one), patient).toEqual(['down']);
  const refusedAt = performance.now();
  await expect(one.client.createUser({})).rejects.toMatchObject({ code: 'unavailable' });
  expect(performance.now() - refusedAt).toBeLessThan(200);
  network.heal();
  await expect.poll(() => healths(one), patient).toEqual(['serving']);
  await expect
    .poll(
      () =>
        one.client.getUsers({}).then(
          () => 'answered',
          () => 'failed',
        ),
      { timeout: 10_000 },
    )
    .toBe('answered');
}, 60_000);

test('an instance that hangs is left alone by its breaker, tried by one call, and taken back', async () => {
  let hanging = true;
  const server = await openServer(async () => {
    if (hanging) await new Promise(() => {});
    return {};
  });
  const telemetry = recordingTelemetry();
  const states: number[] = [];
  const watched = {
    ...telemetry,
    gauge: (...given: Parameters<typeof telemetry.gauge>) => {
      const gauge = telemetry.gauge(...given);
      if (given[0] !== 'suuupra_rpc_breaker_state') return gauge;
      const set = gauge.set.bind(gauge);
      gauge.set = ((labels: never, value: number) => {
        if (states.at(-1) !== value) states.push(value);
        set(labels, value);
      }) as typeof gauge.set;
      return gauge;
    },
  };
  const breaker = { faultsMax: 3, openMs: 400, openMsMax: 400 };
  const one = await openClient([server.grpc.port], { limits: { breaker }, telemetry: watched });
  for (let call = 0; call < 3; call += 1) {
    await expect(one.client.createUser({}, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  }
  const before = server.calls;
  await expect(one.client.createUser({})).rejects.toMatchObject({ code: 'unavailable' });
  expect(server.calls).toBe(before);
  // Nor does it count as ready, and asking that is no try.
  const life = { signal: new AbortController().signal, deadlineAtMs: Date.now() + 1_000, name: 'readiness' };
  await expect(one.target.ready(life)).rejects.toMatchObject({ code: 'unavailable' });
  hanging = false;
  await expect
    .poll(
      () =>
        one.client.createUser({}).then(
          () => 'answered',
          () => 'refused',
        ),
      { timeout: 3_000 },
    )
    .toBe('answered');
  expect(states).toEqual([0, 2, 0]);
});

test('an instance that says it serves again is called at once, whatever its breaker was told before', async () => {
  const faulty = { now: true };
  const server = await openServer(async () => {
    if (faulty.now) throw new RpcFault('unavailable', 'its database is away');
    return {};
  });
  const breaker = { faultsMax: 3, openMs: 600_000, openMsMax: 600_000 };
  const one = await openClient([server.grpc.port], { limits: { breaker } });
  for (let call = 0; call < 3; call += 1) await expect(one.client.createUser({})).rejects.toThrow();
  const { calls } = server;
  await expect(one.client.createUser({})).rejects.toThrow('cannot be reached');
  expect(server.calls).toBe(calls);
  server.healthy = false;
  await expect.poll(() => healths(one), patient).toEqual(['not_serving']);
  faulty.now = false;
  server.healthy = true;
  await expect.poll(() => healths(one), patient).toEqual(['serving']);
  await one.client.createUser({});
  expect(server.calls).toBe(calls + 1);
});

test('calls above what may be under way at an instance are refused at once', async () => {
  const goOn = Promise.withResolvers<void>();
  const server = await openServer(async () => {
    await goOn.promise;
    return {};
  });
  const one = await openClient([server.grpc.port], { limits: { inFlightMax: 2 } });
  const two = [one.client.createUser({}), one.client.createUser({})];
  await expect.poll(() => server.calls, patient).toBe(2);
  await expect(one.client.createUser({})).rejects.toMatchObject({ code: 'unavailable' });
  goOn.resolve();
  await Promise.all(two);
  await one.client.createUser({});
});

test('a name stands for all its addresses, which change', async () => {
  const server = await openServer();
  let addresses: string[] | undefined;
  const lookup = async () => {
    if (addresses === undefined) throw new Error('no such name');
    return addresses.map((address) => ({ address }));
  };
  const one = await openClient([`dns:///identity.school:${server.grpc.port}`], {
    lookup,
    limits: { lookUpEveryMs: 50 },
  });
  await expect(one.client.createUser({})).rejects.toMatchObject({ code: 'unavailable' });
  // Nobody listens on the second.
  addresses = ['127.0.0.1', '127.0.0.9'];
  await expect.poll(() => one.target.instances().length, patient).toBe(2);
  await one.client.createUser({});
  addresses = ['127.0.0.1'];
  await expect
    .poll(() => one.target.instances().map(({ address }) => address))
    .toEqual([`127.0.0.1:${server.grpc.port}`]);
  addresses = undefined;
  await one.client.createUser({});
  expect(one.target.instances()).toHaveLength(1);
});

test.each(['orders', 'orders:0', 'orders:65535', 'http://orders:4100', 'a b:4100'])('"%s" is no address', (address) => {
  expect(() => openRemoteTarget({ service: 'orders', addresses: [address], world })).toThrow(/must be host:port/);
});

test('a deadline passes on through three processes, less what each has used', async () => {
  const left: number[] = [];
  // A hop is over when its own time is up, or when the call it made has told it so, whichever comes first.
  const over = new Set<number>();
  const note = (hop: number, { deadlineAtMs, signal }: CallContext) => {
    left[hop] = deadlineAtMs - Date.now();
    signal.addEventListener('abort', () => over.add(hop));
  };
  let next: OneClient | undefined;
  const hops: OneClient[] = [];
  for (const hop of [2, 1, 0]) {
    const onward = next;
    const server = await openServer(async (_request, context) => {
      note(hop, context);
      await new Promise((resolve) => setTimeout(resolve, 100));
      // The last never answers.
      if (onward === undefined) await new Promise(() => {});
      else await onward.client.createUser({}, { context, timeoutMs: 60_000 }).finally(() => over.add(hop));
      return {};
    });
    next = await openClient([server.grpc.port]);
    hops.push(next);
  }
  const startedAt = performance.now();
  await expect(next?.client.createUser({}, { timeoutMs: 1_500 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  expect(performance.now() - startedAt).toBeLessThan(2_500);
  await expect.poll(() => [...over].toSorted(), patient).toEqual([0, 1, 2]);
  const [first = 0, second = 0, third = 0] = left;
  expect(first).toBeLessThanOrEqual(1_500);
  expect(first - second).toBeGreaterThanOrEqual(90);
  expect(second - third).toBeGreaterThanOrEqual(90);
});
