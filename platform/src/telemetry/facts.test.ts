import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareServiceDatabase } from '../sql/service-tables.ts';
import type { Sql, SqlTransaction } from '../sql/sql.ts';
import { outboxPublisher } from '../stream/outbox.ts';
import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { realWorld } from '../world.ts';
import { counted, countFacts } from './facts.ts';

let sql: Sql;
beforeAll(async () => {
  sql = await openTestSql(await freshDatabaseUrl());
  await prepareServiceDatabase(sql);
});
afterAll(() => sql.close());

const world = realWorld();
const publishIn = (tx: SqlTransaction) => outboxPublisher(tx, { owner: 'identity', world, notify: () => undefined });

describe('counted facts', () => {
  it('counts what was committed and not what was rolled back', async () => {
    const seen: (string | undefined)[] = [];
    const counting = countFacts(publishIn, [counted(UserRegisteredSchema, ({ userId }) => seen.push(userId))]);
    await sql.transaction((tx) => counting(tx)(UserRegisteredSchema, { userId: 'usr_kept' }));
    const undone = sql.transaction(async (tx) => {
      await counting(tx)(UserRegisteredSchema, { userId: 'usr_undone' });
      throw new Error('changed our mind');
    });
    await expect(undone).rejects.toThrow('changed our mind');
    expect(seen).toEqual(['usr_kept']);
  });
});
