/** P15: money between instructors' accounts: two people, once, never more back than went, and a line on both statements. */
import { fromBinary } from '@bufbuild/protobuf';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { InstructorTransferBookedSchema } from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Sql } from '@suuupra/platform/sql/sql';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { payoutRound } from './round.ts';
import { insertRun, readCutOff } from './runs.ts';
import {
  type Counter,
  givePayableAccount,
  indianAccount,
  openCounter,
  openSettlementSql,
  SmallBook,
  wipe,
} from './testing.ts';
import { decideTransfer, requestReversal, requestTransfer } from './transfers.ts';

let sql: Sql;
let place: Counter;
beforeAll(async () => {
  sql = await openSettlementSql();
});
afterAll(() => sql.close());
beforeEach(async () => {
  await wipe(sql);
  const world = testWorld(Date.UTC(2026, 10, 22, 12));
  place = openCounter({ sql, world, book: new SmallBook(world.now) });
  place.book.sell('usr_a', 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n });
  for (const who of ['usr_a', 'usr_b'])
    await givePayableAccount(place.surroundings, who, 'INR', indianAccount('123456780001'));
});

const ask = (amountMinor = 30_000n) =>
  sql.transaction((tx) =>
    requestTransfer(place.surroundings, tx, {
      ...{ fromInstructorId: 'usr_a', toInstructorId: 'usr_b', currency: 'INR', amountMinor },
      ...{ reason: 'taught together', requestedBy: 'usr_x' },
    }),
  );
const askBack = (id: string, amountMinor: bigint) =>
  sql.transaction((tx) =>
    requestReversal(place.surroundings, tx, { id, amountMinor, reason: 'a mistake', requestedBy: 'usr_x' }),
  );
const decide = (id: string, by = 'usr_y', decision: 'approved' | 'rejected' = 'approved', on = place.surroundings) =>
  on.sql.transaction((tx) => decideTransfer(on, tx, { id, decision, by }));
const idOf = (answer: Awaited<ReturnType<typeof ask>>) =>
  isRefusal(answer) ? expect.fail(`refused: ${answer.code}`) : answer.id;
const owed = (who: string) => place.book.balance(`2200:${who}`, 'INR');

async function settle() {
  const cutOff = await readCutOff(place.surroundings);
  await sql.transaction((tx) => insertRun(place.surroundings, tx, cutOff, 'usr_maker'));
  await place.settleDown();
}

const linesOf = (who: string) =>
  sql.query(
    `SELECT kind, amount_minor, line.description FROM statement_lines AS line JOIN settlement_batches ON id = batch_id
     WHERE instructor_id = $1 AND kind = 'adjustment' ORDER BY cutoff_sequence, line.number`,
    [who],
  );

/** What was told of transfers: of whom, and how much it added. */
async function told() {
  const rows = await sql.query<{ envelope: Uint8Array }>('SELECT envelope FROM outbox ORDER BY id');
  return rows
    .map(({ envelope }) => fromBinary(EnvelopeSchema, envelope))
    .filter(({ type }) => type === InstructorTransferBookedSchema.typeName)
    .map(({ data }) => fromBinary(InstructorTransferBookedSchema, data));
}

describe('P15: a transfer', () => {
  it('moves nothing until another person approves, and then once', async () => {
    const id = idOf(await ask());
    expect(await decide(id, 'usr_x')).toMatchObject({ code: 'second_person_required' });
    await place.settleDown();
    expect(owed('usr_b')).toBe(0n);
    await decide(id);
    await decide(id, 'usr_z');
    await place.settleDown();
    expect([owed('usr_a'), owed('usr_b')]).toEqual([50_000n, 30_000n]);
    await expect(
      sql.execute('UPDATE instructor_transfers SET decided_by = requested_by WHERE id = $1', [id]),
    ).rejects.toThrow();
    expect(await decide(id, 'usr_y', 'rejected')).toMatchObject({ code: 'already_decided' });
  });

  it('is a line of both statements, and of the reversal too', async () => {
    const id = idOf(await ask());
    await decide(id);
    await place.settleDown();
    await decide(idOf(await askBack(id, 10_000n)));
    await place.settleDown();
    await settle();
    expect(await linesOf('usr_a')).toEqual([
      { kind: 'adjustment', amount_minor: -30_000n, description: `adjustment of transfer:${id}` },
      expect.objectContaining({ amount_minor: 10_000n }),
    ]);
    expect((await linesOf('usr_b')).map((line) => line['amount_minor'])).toEqual([30_000n, -10_000n]);
  });

  it('is told of both accounts once it is booked, and not before', async () => {
    const id = idOf(await ask());
    await decide(idOf(await ask(1n)), 'usr_y', 'rejected');
    await decide(id);
    expect(await told()).toEqual([]);
    await place.settleDown();
    await place.settleDown();
    const fact = {
      transferId: id,
      reason: 'taught together',
      reversesId: '',
      journalId: expect.stringMatching(/^jnl/),
    };
    expect(await told()).toMatchObject([
      { ...fact, instructorId: 'usr_a', amount: { currency: 'INR', amountMinor: -30_000n } },
      { ...fact, instructorId: 'usr_b', amount: { currency: 'INR', amountMinor: 30_000n } },
    ]);
    await decide(idOf(await askBack(id, 10_000n)));
    await place.settleDown();
    expect((await told()).slice(2).map(({ reversesId, amount }) => [reversesId, amount?.amountMinor])).toEqual([
      [id, -10_000n],
      [id, 10_000n],
    ]);
  });

  it('may leave less than nothing, which blocks payouts and not sales', async () => {
    await decide(idOf(await ask(100_000n)));
    await place.settleDown();
    await settle();
    const held = () =>
      sql.query("SELECT held_because, closing_minor FROM settled_accounts WHERE instructor_id = 'usr_a'");
    expect(await held()).toMatchObject([{ held_because: 'negative_balance' }]);
    expect(await sql.query("SELECT 1 FROM payouts WHERE instructor_id = 'usr_a'")).toEqual([]);
    place.book.sell('usr_a', 'INR', { tax: 0n, fee: 0n, share: 200_000n });
    await settle();
    expect(await sql.query("SELECT 1 FROM payouts WHERE instructor_id = 'usr_a'")).toHaveLength(1);
  });

  it.each([
    [{ amountMinor: 0n }, 'amountMinor'],
    [{ amountMinor: -1n }, 'amountMinor'],
    [{ toInstructorId: 'usr_a' }, 'toInstructorId'],
    [{ currency: 'rupee' }, 'currency'],
  ])('refuses %o', async (given, field) => {
    const request = { fromInstructorId: 'usr_a', toInstructorId: 'usr_b', currency: 'INR', amountMinor: 1n };
    const refused = await sql.transaction((tx) =>
      requestTransfer(place.surroundings, tx, { ...request, ...given, reason: 'x', requestedBy: 'usr_x' }),
    );
    expect(refused).toMatchObject({ code: 'invalid_request', errors: [{ field }] });
  });
});

describe('P15: a reversal', () => {
  it('gives back at most what is left, whatever is asked for at once', async () => {
    const id = idOf(await ask());
    expect(await askBack(id, 1n)).toMatchObject({ code: 'transfer_not_reversible' });
    await decide(id);
    const asked = await Promise.all(Array.from({ length: 8 }, () => askBack(id, 10_000n)));
    const taken = asked.filter((each) => !isRefusal(each));
    expect(taken).toHaveLength(3);
    expect(asked.filter((each) => isRefusal(each) && each.code === 'transfer_exceeded')).toHaveLength(5);
    await decide(idOf(taken[0] ?? expect.fail()), 'usr_y', 'rejected');
    const again = idOf(await askBack(id, 10_000n));
    await Promise.all([...taken.slice(1).map(idOf), again].map((each) => decide(each)));
    await place.settleDown();
    expect([owed('usr_a'), owed('usr_b')]).toEqual([80_000n, 0n]);
    expect(await askBack(again, 1n)).toMatchObject({ code: 'transfer_not_reversible' });
  });

  it('of many who approve at once one books', async () => {
    const id = idOf(await ask());
    await Promise.all(['usr_1', 'usr_2', 'usr_3', 'usr_4'].map((by) => decide(id, by)));
    await place.settleDown();
    expect(owed('usr_b')).toBe(30_000n);
  });
});

it.each(['before', 'after'] as const)(
  'C14: killed %s the approval or the booking, it is booked and told once',
  async (when) => {
    const id = idOf(await ask());
    for (let point = 1; point < 6; point += 1) {
      const dying = dyingAt(point, when);
      const surroundings = { ...place.surroundings, sql: dying.database(sql) };
      const life = decide(id, 'usr_y', 'approved', surroundings).then(() => payoutRound(surroundings));
      await Promise.race([life, dying.dead]);
    }
    await decide(id);
    await place.settleDown();
    expect([owed('usr_a'), owed('usr_b')]).toEqual([50_000n, 30_000n]);
    expect((await told()).map(({ instructorId }) => instructorId)).toEqual(['usr_a', 'usr_b']);
  },
);
