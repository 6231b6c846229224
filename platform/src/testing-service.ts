/**
 * A service under test: alone, on real engines, its neighbours given and its events delivered and read by hand.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import type { Cache } from './cache/cache.ts';
import type { Documents } from './documents/documents.ts';
import type { RawRoute } from './http/route.ts';
import { createClient } from './rpc/client.ts';
import { serve } from './rpc/dispatch.ts';
import {
  anonymous,
  type CallOptions,
  type Client,
  type Handlers,
  type Implementation,
  type Principal,
} from './rpc/rpc.ts';
import { localTransport } from './rpc/transport-local.ts';
import type { SearchIndex } from './search/search.ts';
import type { EngineName, Engines, ServiceDefinition } from './service.ts';
import { migrateService, prepareServiceDatabase } from './sql/service-tables.ts';
import type { Sql, SqlTransaction } from './sql/sql.ts';
import { applyOnce } from './stream/inbox.ts';
import { outboxPublisher } from './stream/outbox.ts';
import type { Stream } from './stream/stream.ts';
import { openTelemetry } from './telemetry/telemetry-process.ts';
import { freshDatabaseUrl, openTestDocuments, openTestSql } from './testing.ts';
import { realWorld, type World } from './world.ts';

export interface ServiceTestOptions<Calls extends Record<string, DescService>> {
  /** Implementations that stand for the other services; a call to one that is not given throws. */
  readonly others?: { readonly [K in keyof Calls]?: Partial<Handlers<Calls[K]>> };
  /** A database to take over, e.g. of an instance that was stopped half-way. */
  readonly databaseUrl?: string;
  readonly world?: World;
  readonly publicUrl?: string;
  /** In place of one in memory, e.g. one that fails. */
  readonly cache?: Cache;
  /** Do not call `begin`: no loops run until the test asks. */
  readonly quiet?: boolean;
}

export interface ServiceUnderTest {
  readonly databaseUrl: string;
  readonly sql: Sql;
  /** Those of the service; undefined when it asks for none. */
  readonly documents: Documents | undefined;
  readonly world: World;
  /** The folder of its objects, mails and keys. */
  readonly folder: string;
  readonly routes: readonly RawRoute[];
  /** A client of the service as seen from outside, through access checks: by default as an anonymous caller of the gateway. */
  client<S extends DescService>(service: S, caller?: string): Client<S>;
  /** Applies an event as the inbox would: once for each id, in a transaction. */
  deliver<D extends DescMessage>(schema: D, event: MessageInitShape<D>, id?: string): Promise<void>;
  /** Events of this kind that the service has committed to its outbox, oldest first. */
  published<D extends DescMessage>(schema: D): Promise<MessageShape<D>[]>;
  /** What the service counts and measures, as Prometheus would read it; in OpenMetrics with exemplars. */
  metrics(): Promise<string>;
  /** Log lines so far, as objects. */
  readonly logged: Record<string, unknown>[];
  begin(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one service on real engines, alone: its neighbours are given, its events are delivered and read by hand. */
export async function startServiceForTest<Calls extends Record<string, DescService>, E extends EngineName>(
  service: ServiceDefinition<Calls, E>,
  options: ServiceTestOptions<Calls> = {},
): Promise<ServiceUnderTest> {
  const world = options.world ?? realWorld();
  const databaseUrl = options.databaseUrl ?? (await freshDatabaseUrl());
  const sql = await openTestSql(databaseUrl);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'suuupra-service-'));
  const logged: Record<string, unknown>[] = [];
  const telemetry = openTelemetry({
    logLevel: 'debug',
    traceShare: 1,
    otlpEndpoint: '',
    logTo: { write: (line) => logged.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const own = telemetry.forService(service.name);
  const publishIn = (tx: SqlTransaction) => outboxPublisher(tx, { owner: service.name, world, notify: () => {} });
  await prepareServiceDatabase(sql);
  await migrateService(sql, service);
  const wanted = new Set<EngineName>(service.engines);
  const documents = wanted.has('documents')
    ? await openTestDocuments({ databaseUrl, sql, owner: service.name, world, telemetry: own })
    : undefined;
  const running = await service.start({
    engines: await testEngines({
      wanted,
      sql,
      folder,
      databaseUrl,
      documents: documents?.documents,
      cache: options.cache,
    }),
    clients: neighbours(service.calls, options.others ?? {}, service.name, world),
    publishIn,
    world,
    telemetry: own,
    process: telemetry,
    settings: { publicUrl: options.publicUrl ?? 'http://127.0.0.1:3000', demo: true },
  });
  const served = serve(running.implementations, { world, telemetry: own });
  const handlers = new Map((running.handlers ?? []).map((handler) => [handler.schema.typeName, handler]));
  if (options.quiet !== true) await running.begin?.();
  let delivered = 0;
  return {
    databaseUrl,
    sql,
    documents: documents?.documents,
    world,
    folder,
    logged,
    routes: running.routes ?? [],
    client: (contract, caller = 'gateway') => {
      const client = createClient(
        contract,
        localTransport(() => served),
        { caller, world },
      );
      return caller === 'gateway' ? asAnonymous(client) : client;
    },
    deliver: async (schema, event, id) => {
      delivered += 1;
      const envelope = create(EnvelopeSchema, {
        id: id ?? world.id('evt'),
        type: schema.typeName,
        data: toBinary(schema, create(schema, event)),
        time: timestampFromMs(world.now()),
      });
      const record = { topic: 'test', partition: 0, position: BigInt(delivered), envelope, tries: 0 };
      await applyOnce(sql, service.name, [record], handlers, own);
    },
    published: async (schema) => {
      const rows = await sql.query<{ envelope: Uint8Array }>('SELECT envelope FROM outbox ORDER BY id');
      return [...rows.map(({ envelope }) => envelope), ...((await documents?.published()) ?? [])]
        .map((envelope) => fromBinary(EnvelopeSchema, envelope))
        .filter((envelope) => envelope.type === schema.typeName)
        .map((envelope) => fromBinary(schema, envelope.data));
    },
    metrics: async () => (await telemetry.metrics('application/openmetrics-text')).text,
    begin: async () => running.begin?.(),
    stop: async () => {
      await running.stop?.();
      await documents?.close();
      await sql.close();
      await telemetry.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Somebody signed in, for CallOptions.principal. */
export function userPrincipal(userId: string, ...roles: string[]): Principal {
  return { kind: 'user', userId, roles: roles.length === 0 ? ['learner'] : roles, sessionId: `ses_${userId}` };
}

/** The gateway calls on behalf of whoever asks: nobody, unless the test says who. */
function asAnonymous<S extends DescService>(client: Client<S>): Client<S> {
  const calls = Object.entries(client as Record<string, (request: object, options?: CallOptions) => Promise<unknown>>);
  return Object.fromEntries(
    calls.map(([name, call]) => [
      name,
      (request: object, given: CallOptions = {}) => call(request, { principal: anonymous, ...given }),
    ]),
  ) as Client<S>;
}

/** Only the engines that the service asks for are opened. */
async function testEngines(parts: {
  wanted: ReadonlySet<EngineName>;
  sql: Sql;
  folder: string;
  databaseUrl: string;
  documents: Documents | undefined;
  cache: Cache | undefined;
}): Promise<Engines> {
  const { wanted, sql, folder, databaseUrl, documents } = parts;
  const open: Record<Exclude<EngineName, 'sql' | 'stream'>, () => Promise<unknown>> = {
    documents: async () => documents,
    cache: async () =>
      parts.cache ?? (await import('./cache/cache-embedded.ts')).openEmbeddedCache({ world: realWorld() }),
    objects: async () =>
      (await import('./objects/objects-disk.ts')).openDiskObjects({
        folder: path.join(folder, 'objects'),
        world: realWorld(),
      }),
    mail: async () =>
      (await import('./mail/mail-mailbox.ts')).openMailbox({ folder: path.join(folder, 'mail'), world: realWorld() }),
    keys: async () => (await import('./keys/keys-file.ts')).openKeyring(path.join(folder, 'keys.json')),
    search: () => openTestSearch(databaseUrl),
  };
  const opened = await Promise.all(
    Object.entries(open)
      .filter(([name]) => wanted.has(name as EngineName))
      .map(async ([name, openIt]) => [name, await openIt()] as const),
  );
  return { ...Object.fromEntries(opened), sql, stream: closedStream } as Engines;
}

/** On a server the services of one database share one index, as they would outside of tests. */
async function openTestSearch(databaseUrl: string): Promise<SearchIndex> {
  const url = process.env['SUUUPRA_TEST_OPENSEARCH'];
  if (process.env['SUUUPRA_TEST_ON'] !== 'opensearch' || url === undefined) {
    return (await import('./search/search-embedded.ts')).openEmbeddedSearch();
  }
  const name = `test-${createHash('sha256').update(databaseUrl).digest('hex').slice(0, 12)}`;
  const telemetry = openTelemetry({ logLevel: 'error', traceShare: 0, otlpEndpoint: '' }).forService('search');
  return await (await import('./search/search-opensearch.ts')).openOpenSearch({ url, name, telemetry });
}

/** A service under test hears and tells through the test; only operators' views read the stream itself. */
const closedStream: Stream = new Proxy({} as Stream, {
  get: () => () => Promise.reject(new Error('a service under test has no stream')),
});

function neighbours<Calls extends Record<string, DescService>>(
  calls: Calls,
  given: { readonly [K in keyof Calls]?: Partial<Handlers<Calls[K]>> },
  caller: string,
  world: World,
): { readonly [K in keyof Calls]: Client<Calls[K]> } {
  const clients = Object.entries(calls).map(([name, contract]) => {
    const handlers = (given[name as keyof Calls] ?? {}) as Implementation['handlers'];
    const complete = Object.fromEntries(
      contract.methods.map((method) => [
        method.localName,
        handlers[method.localName] ?? (() => Promise.reject(new Error(`the test gave no ${name}.${method.localName}`))),
      ]),
    );
    const served = serve([{ service: contract, handlers: complete }], { world });
    return [
      name,
      createClient(
        contract,
        localTransport(() => served),
        { caller, world },
      ),
    ];
  });
  return Object.fromEntries(clients) as { readonly [K in keyof Calls]: Client<Calls[K]> };
}
