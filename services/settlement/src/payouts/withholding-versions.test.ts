/** S8: rates of tax withheld as versions: two people, nothing settled changes, a run keeps the version it began with. */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Sql } from '@suuupra/platform/sql/sql';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { advanceRun, insertRun, readCutOff } from './runs.ts';
import { type Counter, openCounter, openSettlementSql, SmallBook, wipe } from './testing.ts';
import { firstRules, type WithholdingRule } from './withholding.ts';
import { termsOf } from './withholding-rules.ts';
import {
  activeVersion,
  approveVersion,
  listVersions,
  rejectVersion,
  requestVersion,
  rulesOf,
  settledUntil,
} from './withholding-versions.ts';

const dayMs = 24 * 60 * 60 * 1_000;
let sql: Sql;
let world: TestWorld;
let place: Counter;
beforeAll(async () => {
  sql = await openSettlementSql();
});
afterAll(() => sql.close());
beforeEach(async () => {
  await wipe(sql);
  world = testWorld(Date.UTC(2026, 10, 22, 12));
  place = openCounter({ sql, world, book: new SmallBook(world.now) });
});

const [old, tds, tcs] = firstRules as [WithholdingRule, WithholdingRule, WithholdingRule];
/** 0.2 % from the first of December on, in the same count of the year. */
const dearer = (ratePpm = 2_000, from = '2026-12-01') => {
  const until = new Date(Date.parse(`${from}T00:00:00Z`) - dayMs).toISOString().slice(0, 10);
  return [old, { ...tds, until }, { ...tds, id: `from-${from}`, from, ratePpm, counter: tds.id }, tcs];
};
const ask = (rules: readonly WithholdingRule[] = dearer(), basedOn = 1n, requestedBy = 'usr_x') =>
  sql.transaction((tx) =>
    requestVersion(place.surroundings, tx, { rules: rules.map(termsOf), reason: 'Finance Act', basedOn, requestedBy }),
  );
const approve = (id: string, by = 'usr_y') =>
  sql.transaction((tx) => approveVersion(place.surroundings, tx, { id, by }));
const reject = (id: string, by = 'usr_y') => sql.transaction((tx) => rejectVersion(place.surroundings, tx, { id, by }));
const idOf = (answer: Awaited<ReturnType<typeof ask>>) =>
  isRefusal(answer) ? expect.fail(`refused: ${answer.code} ${JSON.stringify(answer.errors)}`) : answer.id;
const states = async () => {
  const { rows } = await listVersions(sql, { limit: 20, after: [], filter: [] });
  return rows.map(({ version, status }) => `${version} ${status}`);
};

async function startRun() {
  const cutOff = await readCutOff(place.surroundings);
  const run = await sql.transaction((tx) => insertRun(place.surroundings, tx, cutOff, 'usr_maker'));
  return isRefusal(run) ? expect.fail(`refused: ${run.code}`) : run;
}

const sell = (who = 'usr_a') => place.book.sell(who, 'INR', { tax: 0n, fee: 200_000n, share: 800_000n });
const settled = () =>
  sql.query(`SELECT withholding_version, tds_minor FROM settlement_batches ORDER BY cutoff_sequence, instructor_id`);
const asCompany = (who: string) =>
  sql.execute(
    `INSERT INTO tax_profiles (instructor_id, sealed_pan, masked_pan, entity, resident, gstin, changed_at)
     VALUES ($1, 's', '•••• 234A', 'company', true, '', now())`,
    [who],
  );

describe('S8: rates of tax withheld', () => {
  it('are those of the platform until two people have set others', async () => {
    expect(await states()).toEqual(['1 active']);
    expect(rulesOf(await activeVersion(sql))).toEqual(firstRules);
    const id = idOf(await ask());
    expect(await states()).toEqual(['2 requested', '1 active']);
    expect(await approve(id, 'usr_x')).toMatchObject({ code: 'second_person_required' });
    await approve(id);
    expect(await states()).toEqual(['2 active', '1 replaced']);
    expect(rulesOf(await activeVersion(sql))).toEqual(dearer());
    expect(await approve(id, 'usr_z')).toMatchObject({ status: 'active', decided_by: 'usr_y' });
    expect(await reject(id)).toMatchObject({ code: 'already_decided' });
    await expect(
      sql.execute('UPDATE withholding_versions SET decided_by = requested_by WHERE id = $1', [id]),
    ).rejects.toThrow();
  });

  it('that are asked for replace those that wait, and those turned down never come into force', async () => {
    const first = idOf(await ask());
    const second = idOf(await ask(dearer(3_000)));
    expect(await approve(first)).toMatchObject({ code: 'already_decided' });
    await reject(second, 'usr_x');
    expect(await approve(second)).toMatchObject({ code: 'already_decided' });
    expect(await states()).toEqual(['3 rejected', '2 replaced', '1 active']);
    expect(await approve('whv_99')).toMatchObject({ code: 'not_found' });
    expect(await approve('whv_1')).toMatchObject({ code: 'not_found' });
  });

  it('overwrite nothing that was not looked at', async () => {
    await approve(idOf(await ask()));
    expect(await ask(dearer(3_000))).toMatchObject({ code: 'withholding_rules_changed' });
    const late = idOf(await ask(dearer(3_000), 2n));
    expect(late).toBe('whv_3');
  });

  it('leave what is settled as it is, also when it was settled since they were asked for', async () => {
    await asCompany('usr_a');
    sell();
    await startRun();
    await place.settleDown();
    expect(await settledUntil(sql)).toBe('2026-11-22');
    expect(await ask(dearer(2_000, '2026-11-22'))).toMatchObject({
      code: 'withholding_rules_invalid',
      errors: [{ field: 'rules[1].validUntil' }, { field: 'rules[2].validFrom' }],
    });
    const id = idOf(await ask(dearer(2_000, '2026-11-25')));
    world.advance(4 * dayMs);
    sell();
    await startRun();
    await place.settleDown();
    expect(await approve(id)).toMatchObject({ code: 'withholding_rules_invalid' });
    expect(await states()).toEqual(['2 requested', '1 active']);
  });

  it('are withheld from the day they begin, and a statement names its version', async () => {
    await asCompany('usr_a');
    sell();
    await startRun();
    await place.settleDown();
    await approve(idOf(await ask()));
    world.advance(5 * dayMs);
    sell();
    await startRun();
    await place.settleDown();
    world.advance(10 * dayMs);
    sell();
    await startRun();
    await place.settleDown();
    expect(await settled()).toEqual([
      { withholding_version: 1n, tds_minor: 1_000n },
      { withholding_version: 2n, tds_minor: 1_000n },
      { withholding_version: 2n, tds_minor: 2_000n },
    ]);
  });

  it('that come into force during a run are not those of the run', async () => {
    // More than one chunk; each begins anew, as after a kill.
    for (let n = 10; n < 24; n += 1) sell(`usr_${n}`);
    const id = idOf(await ask(dearer(9_000, '2026-11-23')));
    await startRun();
    while ((await settled()).length === 0) await advanceRun(place.surroundings);
    expect((await settled()).length).toBeLessThan(14);
    await approve(id);
    // No version that may be approved says anything else of these days; one that did would still not be the run's.
    await sql.execute(
      `UPDATE withholding_versions SET rules = (
         SELECT jsonb_agg(rule || '{"ratePpm": 90000, "ratePpmWithoutPan": 90000}') FROM jsonb_array_elements(rules) AS rule)`,
    );
    await place.settleDown();
    const batches = await settled();
    expect(batches).toHaveLength(14);
    for (const batch of batches) expect(batch).toEqual({ withholding_version: 1n, tds_minor: 50_000n });
    expect((await startRun()).withholding_version).toBe(2n);
  });

  it('are approved once by many at once', async () => {
    const id = idOf(await ask());
    const answers = await Promise.all(['usr_y', 'usr_z', 'usr_w'].map((by) => approve(id, by)));
    expect(new Set(answers.map((answer) => ('decided_by' in answer ? answer.decided_by : answer.code))).size).toBe(1);
    expect(await states()).toEqual(['2 active', '1 replaced']);
  });

  it('are not approved while a run is being started, and then not for days that it settles', async () => {
    const id = idOf(await ask(dearer(2_000, '2026-11-22')));
    const cutOff = await readCutOff(place.surroundings);
    const approval = await sql.transaction(async (tx) => {
      await insertRun(place.surroundings, tx, cutOff, 'usr_maker');
      const approving = approve(id);
      await Promise.race([approving, untilSomebodyWaits()]);
      return { approving };
    });
    expect(await approval.approving).toMatchObject({ code: 'withholding_rules_invalid' });
    expect(await states()).toEqual(['2 requested', '1 active']);
  });
});

/** For a lock of this database by name. */
async function untilSomebodyWaits(): Promise<void> {
  const waiting = () =>
    sql.query(
      `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
  await expect.poll(waiting, { interval: 20, timeout: 10_000 }).toHaveLength(1);
}
