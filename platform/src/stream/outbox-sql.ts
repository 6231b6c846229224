/** The outbox as the table of a service's database: the lead is a session's lock, so it goes with the connection. */
import type { Sql, SqlDialect } from '../sql/sql.ts';
import type { OutboxStore } from './outbox-store.ts';

const leaderLock = 'outbox-relay';
const channel = 'outbox';
const lookEveryMs = 1_000;

/**
 * What is taken is removed by its id, not by a position that was reached: a row that commits late, with an id below others
 * that are gone already, is taken by the next look. So no position is passed over, whatever order ids are given in.
 */
const statements: Readonly<Record<SqlDialect, { oldest: string; remove: string; waiting: string }>> = {
  postgres: {
    oldest: 'SELECT id, topic, envelope FROM outbox ORDER BY id LIMIT $1',
    remove: 'DELETE FROM outbox WHERE id = ANY ($1)',
    waiting: 'SELECT 1 FROM outbox WHERE id <= $1 LIMIT 1',
  },
  mysql: {
    oldest: 'SELECT id, topic, envelope FROM outbox ORDER BY id LIMIT ?',
    remove: 'DELETE FROM outbox WHERE id IN (?)',
    waiting: 'SELECT 1 FROM outbox WHERE id <= ? LIMIT 1',
  },
};

interface OutboxRow extends Record<string, unknown> {
  id: bigint;
  topic: string;
  envelope: Buffer;
}

/** The outbox of a database that has the tables of sql/service-tables.ts. */
export function sqlOutbox(sql: Sql): OutboxStore {
  const text = statements[sql.dialect];
  return {
    lookEveryMs,
    oldest: async (eventsMax) =>
      (await sql.query<OutboxRow>(text.oldest, [eventsMax])).map(({ id, topic, envelope }) => ({
        place: id,
        topic,
        envelope,
      })),
    remove: async (places) => {
      await sql.execute(text.remove, [places]);
    },
    newest: async () => {
      const [row] = await sql.query<{ id: bigint | null }>('SELECT max(id) AS id FROM outbox');
      return row?.id ?? undefined;
    },
    isWaiting: async (place) => (await sql.query(text.waiting, [place])).length > 0,
    tell: () => sql.notify(channel, ''),
    openSession: async () => {
      const session = await sql.openLockSession();
      return {
        lost: session.lost,
        tryLead: async (heard) => {
          const leads = await session.tryLock(leaderLock);
          if (leads) await session.listen(channel, () => heard());
          return leads;
        },
        close: () => session.close(),
      };
    },
  };
}
