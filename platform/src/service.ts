/**
 * What a service is: one value that says what it offers, needs, hears and tells, before any code of it is read.
 *
 * ```ts
 * export const orders = defineService({
 *   name: 'orders',
 *   provides: [OrdersService],
 *   calls: { content: ContentService, payments: PaymentsService },
 *   engines: ['sql'],
 *   consumes: [PaymentSucceededSchema],
 *   publishes: [OrderPlacedSchema, OrderPaidSchema],
 *   start: async (surroundings) => ({ implementations: [...], handlers: [...], ... }),
 * });
 * ```
 */
import type { DescMessage, DescService, MessageShape } from '@bufbuild/protobuf';
import type { Envelope } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import type { Cache } from './cache/cache.ts';
import type { Documents } from './documents/documents.ts';
import type { RawRoute, RawRouteDeclaration } from './http/route.ts';
import type { Keys } from './keys/keys.ts';
import type { Mail } from './mail/mail.ts';
import type { Objects } from './objects/objects.ts';
import type { Client, Implementation } from './rpc/rpc.ts';
import type { SearchIndex } from './search/search.ts';
import type { Migrations } from './sql/service-tables.ts';
import type { Sql, SqlTransaction } from './sql/sql.ts';
import type { EventCause, Publish } from './stream/outbox.ts';
import type { Stream } from './stream/stream.ts';
import type { ProcessTelemetry, Telemetry } from './telemetry/telemetry.ts';
import type { World } from './world.ts';

/** The engines a service can ask for by name. `sql` and `documents` are the service's own database. */
export interface Engines {
  readonly sql: Sql;
  readonly documents: Documents;
  readonly cache: Cache;
  readonly objects: Objects;
  readonly mail: Mail;
  readonly keys: Keys;
  readonly search: SearchIndex;
  /** For operators' views only; facts go through `publishIn` and `handlers`. */
  readonly stream: Stream;
}

export type EngineName = keyof Engines;

/** What an event handler gets: the event and the transaction that also records that it was applied. */
export interface Applied<D extends DescMessage> {
  readonly event: MessageShape<D>;
  readonly envelope: Envelope;
  /** The open transaction of the service's `sql` engine. */
  readonly tx: SqlTransaction;
  /** To be passed to `publish` and to clients, so that request id and trace go on. */
  readonly cause: EventCause;
}

/** What an event handler gets that runs before there is a transaction. */
export type Heard<D extends DescMessage> = Omit<Applied<D>, 'tx'>;

export interface EventHandler {
  readonly schema: DescMessage;
  /**
   * Runs before the transaction that records the event as applied, for all events of a delivery at once, called in their
   * order. It must be idempotent by what the event says: the event may come again, also after it was applied.
   */
  readonly ahead?: (heard: Heard<DescMessage>) => Promise<void>;
  readonly apply: (applied: Applied<DescMessage>) => Promise<void>;
  readonly lock?: EventLock<DescMessage>;
}

/**
 * What an event is about to change that others change too. The keys of a whole batch are taken in one order, before its
 * first event is applied, so batches that meet wait for each other and never in a ring: breaking a deadlock takes the
 * database a second. Handlers of one thing share `take`.
 */
export interface EventLock<D extends DescMessage> {
  keyOf(event: MessageShape<D>): string;
  /** Takes all keys, in the order given, until the transaction ends. */
  readonly take: (tx: SqlTransaction, keys: readonly string[]) => Promise<void>;
}

/** Binds a handler to the event it applies. It runs once in effect for each event, in the order of the subject. */
export function on<D extends DescMessage>(
  schema: D,
  apply: (applied: Applied<D>) => Promise<void>,
  lock?: EventLock<D>,
): EventHandler {
  return {
    schema,
    apply: apply as unknown as EventHandler['apply'],
    ...(lock !== undefined && { lock: lock as unknown as EventLock<DescMessage> }),
  };
}

/**
 * Binds work that makes itself durable, once for each fact, to its event: it waits for that before the event is recorded
 * as applied, and holds no transaction while it waits. Events of one delivery are begun in their order and share the wait.
 */
export function onAhead<D extends DescMessage>(schema: D, ahead: (heard: Heard<D>) => Promise<void>): EventHandler {
  return { schema, ahead: ahead as unknown as NonNullable<EventHandler['ahead']>, apply: async () => {} };
}

export interface ServiceSurroundings<Calls extends Record<string, DescService>, E extends EngineName> {
  readonly engines: Pick<Engines, E>;
  readonly clients: { readonly [K in keyof Calls]: Client<Calls[K]> };
  /** Adds an event to a transaction of this service's `sql` engine. */
  publishIn(tx: SqlTransaction): Publish;
  readonly world: World;
  readonly telemetry: Telemetry;
  readonly process: ProcessTelemetry;
  readonly settings: ServiceSettings;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What configuration a service may read; checked before anything starts. */
export interface ServiceSettings {
  /** The address under which people reach the platform, no slash at the end. */
  readonly publicUrl: string;
  /** True when the demo accounts and the sandbox are meant to be seen. */
  readonly demo: boolean;
}

/** A running service. */
export interface RunningService {
  readonly implementations: readonly Implementation[];
  readonly routes?: readonly RawRoute[];
  readonly handlers?: readonly EventHandler[];
  /** Called when every service is up and calls reach them: loops, rebuilds, janitors start here. */
  begin?(): Promise<void>;
  /** Stops loops; calls still under way may finish. */
  stop?(): Promise<void>;
}

export interface ServiceDefinition<
  Calls extends Record<string, DescService> = Record<string, DescService>,
  E extends EngineName = EngineName,
> {
  readonly name: string;
  readonly provides: readonly DescService[];
  readonly calls: Calls;
  readonly engines: readonly E[];
  readonly consumes: readonly DescMessage[];
  readonly publishes: readonly DescMessage[];
  /** Raw HTTP routes; what `start` gives has a handler for each of them, and for no other. */
  readonly routes?: readonly RawRouteDeclaration[];
  /** Folder of this service's numbered SQL migrations, as a URL, or one for each dialect; applied before `start`. */
  readonly migrations?: Migrations;
  /** Looks at the service's own settings before anything starts. Throws ConfigError with a sentence that names the setting. */
  check?(env: Environment, settings: Pick<ServiceSettings, 'demo'>): void;
  start(surroundings: ServiceSurroundings<Calls, E>): Promise<RunningService>;
}

export function defineService<const Calls extends Record<string, DescService>, const E extends EngineName>(
  definition: ServiceDefinition<Calls, E>,
): ServiceDefinition<Calls, E> {
  return definition;
}

/** Any service, for the places that treat all alike. */
// biome-ignore lint/suspicious/noExplicitAny: the surroundings are typed where a service is defined, and only there.
export type AnyService = ServiceDefinition<any, any>;
