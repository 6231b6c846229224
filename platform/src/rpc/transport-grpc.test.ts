import { create } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { GetUsersRequestSchema, IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTelemetry } from '../telemetry/telemetry-process.ts';
import { openTestAuthority, type TestAuthority } from '../testing-certificates.ts';
import { realWorld } from '../world.ts';
import { createClient } from './client.ts';
import { serve } from './dispatch.ts';
import { openRemoteTarget, type RemoteTarget } from './remote-target.ts';
import { rpcContract } from './rpc.contract.ts';
import { implement, RpcFault } from './rpc.ts';
import { serveGrpc } from './serve-grpc.ts';
import { remoteTransport } from './transport-grpc.ts';

const world = realWorld();
let authority: TestAuthority;
beforeAll(async () => {
  authority = await openTestAuthority();
});
afterAll(() => authority.close());

/** The contract's deadlines are shorter than a first handshake on a busy machine. */
const soon = () => ({ signal: new AbortController().signal, deadlineAtMs: Date.now() + 10_000, name: 'the start' });

rpcContract('gRPC', async (implementations, telemetry) => {
  const served = [serve(implementations, { world, telemetry })];
  const server = await serveGrpc({ served, host: '127.0.0.1', port: 0, world });
  const target = openRemoteTarget({ service: 'identity', addresses: [`127.0.0.1:${server.port}`], world });
  await target.ready(soon());
  return {
    transport: remoteTransport(target),
    close: async () => {
      target.close();
      await server.close(100);
    },
  };
});

rpcContract('gRPC with mutual TLS', async (implementations, telemetry) => {
  const served = [serve(implementations, { world, telemetry })];
  const certificates = [await authority.open('identity')];
  const peers = { certificates, mayCall: () => true };
  const server = await serveGrpc({ served, host: '127.0.0.1', port: 0, world, peers, telemetry });
  const targets = new Map<string, RemoteTarget>();
  for (const caller of ['gateway', 'orders']) {
    const own = await authority.open(caller);
    const addresses = [`127.0.0.1:${server.port}`];
    targets.set(caller, openRemoteTarget({ service: 'identity', addresses, certificates: own, world, telemetry }));
    await targets.get(caller)?.ready(soon());
  }
  return {
    transport: {
      // A caller without a name of its own has to come as somebody.
      call: (method, request, context) =>
        remoteTransport(targets.get(context.caller || 'gateway') as RemoteTarget).call(method, request, context),
    },
    close: async () => {
      for (const target of targets.values()) target.close();
      await server.close(100);
    },
  };
});

test('calls that leave the machine need certificates', async () => {
  const elsewhere = { service: 'identity', addresses: ['10.0.0.7:9000'], world };
  expect(() => openRemoteTarget(elsewhere)).toThrow(/10\.0\.0\.7:9000.*credentials/);
  await expect(serveGrpc({ served: [], host: '0.0.0.0', port: 0, world })).rejects.toThrow(/credentials/);
});

test('a server that is away is unavailable, and a retry-safe call is tried again', async () => {
  const target = openRemoteTarget({ service: 'identity', addresses: ['127.0.0.1:1'], world });
  const transport = remoteTransport(target);
  let attempts = 0;
  const counting = {
    call: (...call: Parameters<typeof transport.call>) => {
      attempts += 1;
      return transport.call(...call);
    },
  };
  const client = createClient(IdentityService, counting, { caller: 'orders', world });
  await expect(client.getUsers(create(GetUsersRequestSchema))).rejects.toSatisfy(
    (error) => error instanceof RpcFault && error.code === 'unavailable',
  );
  expect(attempts).toBe(3);
  attempts = 0;
  await expect(client.ensureUser({})).rejects.toBeInstanceOf(RpcFault);
  expect(attempts).toBe(1);
  target.close();
});

test('each attempt of a kept call is a span of the caller, failed where it failed', async () => {
  const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 1, otlpEndpoint: '' });
  const target = openRemoteTarget({ service: 'identity', addresses: ['127.0.0.1:1'], world });
  const transport = remoteTransport(target, telemetry.forService('orders'));
  const client = createClient(IdentityService, transport, { caller: 'orders', world });
  const spansBelow = async (traceparent: string) => {
    const context = { ...contextFor(), traceparent };
    await expect(client.getUsers({}, { context })).rejects.toBeInstanceOf(RpcFault);
    return telemetry.recentSpans(10, traceparent.split('-')[1]).reverse();
  };
  const ids = `${'a'.repeat(32)}-${'b'.repeat(16)}`;
  expect(await spansBelow(`00-${ids}-00`)).toEqual([]);
  const spans = await spansBelow(`00-${ids}-01`);
  expect(spans).toMatchObject(
    Array.from({ length: 3 }, () => ({ kind: 'client', failed: true, parentSpanId: 'b'.repeat(16) })),
  );
  expect(spans.map(({ attributes }) => attributes['suuupra.rpc.resends'])).toEqual([undefined, 1, 2]);
  expect(spans[0]?.attributes).toMatchObject({ 'rpc.status_code': 'unavailable', 'error.type': 'unavailable' });
  target.close();
});

function contextFor() {
  return {
    ...{ principal: { kind: 'anonymous' } as const, requestId: 'req_1', signal: AbortSignal.timeout(10_000) },
    ...{ deadlineAtMs: Date.now() + 10_000, idempotencyKey: '', ifMatch: '', clientAddress: '', userAgent: '' },
    answer: {},
  };
}

test('closing waits for the calls under way', async () => {
  const started = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const handlers = Object.fromEntries(
    IdentityService.methods.map((method) => [
      method.localName,
      async () => {
        started.resolve();
        await goOn.promise;
        return {};
      },
    ]),
  );
  const served = [serve([implement(IdentityService, handlers as never)], { world })];
  const server = await serveGrpc({ served, host: '127.0.0.1', port: 0, world });
  const target = openRemoteTarget({ service: 'identity', addresses: [`127.0.0.1:${server.port}`], world });
  const call = createClient(IdentityService, remoteTransport(target), { caller: 'orders', world }).getUsers({});
  await started.promise;
  const closed = server.close(5_000);
  goOn.resolve();
  expect(await call).toMatchObject({ users: [] });
  await closed;
  target.close();
});

test('the health check answers for the server and for each service', async () => {
  let healthy = true;
  const handlers = Object.fromEntries(IdentityService.methods.map((method) => [method.localName, async () => ({})]));
  const served = [serve([implement(IdentityService, handlers as never)], { world })];
  const server = await serveGrpc({ served, host: '127.0.0.1', port: 0, world, healthy: () => healthy });
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const check = (service: string) =>
    new Promise<number[] | number>((resolve) => {
      const name = Buffer.from(service);
      const request = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
      const same = (bytes: Buffer) => bytes;
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, request, (error, answer) =>
        resolve(error === null ? [...(answer as Buffer)] : error.code),
      );
    });
  expect(await check('')).toEqual([8, 1]);
  expect(await check(IdentityService.typeName)).toEqual([8, 1]);
  expect(await check('suuupra.nothing.v1.Nothing')).toBe(5);
  healthy = false;
  expect(await check('')).toEqual([8, 2]);
  client.close();
  await server.close(100);
});
