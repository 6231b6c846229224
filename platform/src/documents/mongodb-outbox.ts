/**
 * The outbox of a service whose documents are in MongoDB: the events that lie in its units of work. The lead is a lease, one
 * document with an end; whoever holds it renews it each time it looks.
 */
import { randomUUID } from 'node:crypto';
import { type Db, MongoServerError } from 'mongodb';
import type { OutboxStore } from '../stream/outbox-store.ts';
import type { World } from '../world.ts';
import type { UnitLog } from './mongodb-units.ts';

interface Lease {
  readonly _id: 'outbox-relay';
  readonly holder: string;
  readonly until: Date;
}

/** There is no way to be told of what another process did, so it is looked for more often. */
const lookEveryMs = 250;
/** A process that does not renew its lease for so long is taken for dead; clocks of processes differ by less. */
const leaseMs = 5_000;
const duplicateKey = 11_000;

export function mongodbOutbox({ db, log, world }: { db: Db; log: UnitLog; world: World }): OutboxStore {
  const leases = db.collection<Lease>('_leases');
  return {
    lookEveryMs,
    oldest: async (eventsMax) =>
      (await log.untold(eventsMax)).flatMap(({ unit, events }) =>
        events.map((event) => ({ place: BigInt(unit), ...event })),
      ),
    remove: (places) => log.noteTold(places.map(Number)),
    newest: async () => {
      const newest = await log.newestUntold();
      return newest === undefined ? undefined : BigInt(newest);
    },
    isWaiting: (place) => log.isUntold(Number(place)),
    tell: async () => {},
    openSession: async () => {
      const holder = randomUUID();
      const lost = new AbortController();
      let renewing: NodeJS.Timeout | undefined;
      const take = async (): Promise<boolean> => {
        const now = world.now();
        try {
          const { matchedCount, upsertedCount } = await leases.updateOne(
            { _id: 'outbox-relay', $or: [{ holder }, { until: { $lt: new Date(now) } }] },
            { $set: { holder, until: new Date(now + leaseMs) } },
            { upsert: true },
          );
          return matchedCount + upsertedCount === 1;
        } catch (error) {
          // Another one holds it: its document is in the way of the upsert.
          if (error instanceof MongoServerError && error.code === duplicateKey) return false;
          throw error;
        }
      };
      const renew = () =>
        void take().then(
          (isOurs) => {
            if (!isOurs) lost.abort();
          },
          () => lost.abort(),
        );
      return {
        lost: lost.signal,
        tryLead: async () => {
          if (!(await take())) return false;
          renewing ??= setInterval(renew, leaseMs / 4);
          renewing.unref();
          return true;
        },
        close: async () => {
          clearInterval(renewing);
          lost.abort();
          await leases.deleteOne({ _id: 'outbox-relay', holder }).catch(() => {
            // The server is away; the lease ends by itself.
          });
        },
      };
    },
  };
}
