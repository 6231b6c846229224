/** The ledger: where every paisa went. It hears of money and books it; it changes nothing for anybody who calls. */

import { LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import {
  BalanceCrossedSchema,
  JournalPostedSchema,
  JournalsPostedSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_events_pb.ts';
import { LedgerService } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { LedgerReportsService } from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { ConfigError } from '@suuupra/platform/config';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { defineService, type ServiceSurroundings } from '@suuupra/platform/service';
import { readShardSettings, type ShardSettings } from '@suuupra/platform/shards/places';
import { globalNumber } from '@suuupra/platform/shards/shard-of';
import { type LedgerStores, ledgerStores } from './adapters.ts';
import { startAnchors } from './anchors.ts';
import { bookName, tellBooked } from './booked.ts';
import { ledgerBookingRpc } from './booking.ts';
import { eventHandlers } from './events.ts';
import { exportRoute, generalLedgerRoute } from './general-ledger-route.ts';
import { journalStreamRoute, streamRoute } from './journal-stream-route.ts';
import { createLedgerWriter, type LedgerWriter } from './ledger-writer.ts';
import { bookingReads } from './movements-rpc.ts';
import type { Desk } from './periods.ts';
import type { LedgerReading, ReportReading } from './reader.ts';
import { ledgerReportsRpc } from './reports-rpc.ts';
import { ledgerRpc } from './rpc.ts';
import { type LedgerShards, openShards } from './shards.ts';
import type { LedgerStore } from './store.ts';

/** Holds that another process made are found at the latest after this time. */
const expiryIdleMsMax = 30_000;

export const ledger = defineService({
  name: 'ledger',
  provides: [LedgerService, LedgerBookingService, LedgerReportsService],
  calls: {},
  engines: ['sql', 'objects', 'stream'],
  consumes: [
    OrderPaidSchema,
    OrderRefundedSchema,
    DisputeOpenedSchema,
    DisputeClosedSchema,
    LatePaymentReceivedSchema,
    LatePaymentReturnedSchema,
  ],
  publishes: [JournalPostedSchema, JournalsPostedSchema, BalanceCrossedSchema],
  routes: [exportRoute, streamRoute],
  migrations: {
    postgres: new URL('../migrations/', import.meta.url),
    mysql: new URL('../migrations-mysql/', import.meta.url),
  },
  check: (env) => {
    readShardSettings('ledger', env);
  },
  start: async (surroundings) => {
    const { engines, world, telemetry } = surroundings;
    const stores = ledgerStores(engines.sql);
    await refuseVolatile(stores.store);
    const settings = readShardSettings('ledger', process.env);
    const book = await (settings === undefined ? openOne(surroundings, stores) : openMany(surroundings, settings));
    const { writer, reading } = book;
    const desk: Desk = {
      sql: engines.sql,
      store: reading,
      desk: stores.desk,
      writer,
      world,
      claimant: world.id('ledger'),
      ...(book.eachBook && { eachBook: book.eachBook }),
    };
    const loops: Loop[] = [];
    return {
      implementations: [
        ledgerRpc(reading, world),
        ledgerBookingRpc(writer, bookingReads(reading, book.position)),
        ledgerReportsRpc(desk),
      ],
      routes: [generalLedgerRoute(reading), journalStreamRoute(writer)],
      handlers: eventHandlers(writer),
      begin: async () => {
        const anchorFailures = telemetry.counter('suuupra_ledger_anchor_failures_total', 'Heads not anchored', [
          'shard',
        ]);
        for (const { shard, store } of book.chains) {
          // A series that began with its first failure would have had no increase.
          anchorFailures.inc({ shard: String(shard) }, 0);
          loops.push(
            startAnchors({
              ...{ objects: engines.objects, store, shard, world },
              failed: (error) => {
                anchorFailures.inc({ shard: String(shard) });
                telemetry.log.warn('the head of a chain could not be anchored', { error, shard });
              },
            }),
          );
        }
        loops.push(
          startLoop({
            round: () => writer.expireDue(),
            now: () => world.now(),
            idleMsMax: expiryIdleMsMax,
            failed: (error) => telemetry.log.warn('holds could not be let go', { error }),
          }),
        );
        book.begin?.();
      },
      stop: async () => {
        await Promise.all(loops.splice(0).map((loop) => loop.stop()));
        await book.stop();
      },
    };
  },
});

type Surroundings = ServiceSurroundings<Record<never, never>, 'sql' | 'objects' | 'stream'>;

/** The book as the doors see it: one, or many shards. */
interface OpenBook extends Partial<Pick<LedgerShards, 'position' | 'eachBook' | 'begin'>> {
  readonly writer: LedgerWriter;
  readonly reading: ReportReading;
  /** What is anchored: a hash chain for each shard. */
  readonly chains: readonly { readonly shard: number; readonly store: LedgerReading }[];
  stop(): Promise<void>;
}

async function openOne({ publishIn, world, telemetry }: Surroundings, { store }: LedgerStores): Promise<OpenBook> {
  const writer = createLedgerWriter(store, world, {
    tell: (tx, written) => tellBooked(publishIn, tx, written),
    noticed: (what, error) => telemetry.log.warn(`the writer went on after: ${what}`, { error }),
  });
  return { writer, reading: store, chains: [{ shard: 0, store }], stop: () => writer.stop() };
}

async function openMany(
  { engines, publishIn, world, telemetry }: Surroundings,
  settings: ShardSettings,
): Promise<OpenBook> {
  const shards = await openShards({
    ...{ sql: engines.sql, stream: engines.stream, settings, world, telemetry },
    tell: (shard, tx, written) =>
      tellBooked(publishIn, tx, written, {
        book: bookName(shard),
        numberOf: (sequence) => globalNumber(shard, sequence),
      }),
  });
  return { ...shards, chains: shards.followers };
}

/** For tests alone, whose databases are thrown away: tools/test-setup.ts sets it. */
const volatileSetting = 'SUUUPRA_VOLATILE_DATABASE';
const volatileAccepted = 'for-tests-only';

/** A book that may lose what it acknowledged is no book. */
async function refuseVolatile(store: LedgerStore): Promise<void> {
  if (process.env[volatileSetting] === volatileAccepted) return;
  const gap = await store.durabilityGap();
  if (gap !== undefined)
    throw new ConfigError(`${gap}; the ledger starts on a database that keeps what it acknowledges.`);
}
