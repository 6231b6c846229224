/**
 * Money from one end to the other on the running platform: every kind of purchase, refunds, disputes, the provider's
 * report, the bank's statement, reconciliation, a payout, and the next statement. In the end every book agrees.
 */
import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { assertInBalance, signIn, signUp, trialBalance } from './client.ts';
import { type Databases, openDatabases } from './kill/databases.ts';
import { type DataFolder, demoPassword, makeDataFolder, startPlatform } from './platform.ts';
import { abroad, disputes, invoicesAreGapless, purchases, refunds, settledAbroad } from './scenarios/money.ts';
import {
  assertAllMatched,
  assertStatement,
  balanceOf,
  payOut,
  reconciled,
  setPayoutAccount,
} from './scenarios/money-settlement.ts';
import { type MoneyStage, put } from './scenarios/money-stage.ts';
import { setStage } from './scenarios/stage.ts';
import { assertMoneyAgrees } from './verify-money.ts';

/** The sandbox's days are short. */
const env = {
  SUUUPRA_SANDBOX_SETTLEMENT_SECONDS: '3',
  SUUUPRA_SANDBOX_EVIDENCE_SECONDS: '20',
  SUUUPRA_SANDBOX_VERDICT_SECONDS: '1',
  SUUUPRA_SANDBOX_SETTLES: settledAbroad,
};

describe('the whole of money', { timeout: 240_000 }, () => {
  let data: DataFolder;
  let databases: Databases;
  let stage: MoneyStage;
  beforeAll(async () => {
    data = makeDataFolder();
    const platform = await startPlatform({ data, env });
    databases = await openDatabases(data);
    stage = await setMoneyStage(platform.url, databases);
  }, 120_000);
  afterAll(async () => {
    await databases?.close();
    await data.remove();
  }, 60_000);

  it('is sold, given back, disputed, settled, reconciled and paid out, and every book agrees', async () => {
    await setPayoutAccount(stage);
    await purchases(stage);
    const [left] = await Promise.all([abroad(stage), refunds(stage), disputes(stage)]);
    const before = await balanceOf(stage, '1100');
    assert(before >= 0n);
    assertAllMatched(await reconciled(stage));
    assert.equal(await balanceOf(stage, '1100'), 0n, 'nothing is left that is not settled');
    assert.equal(await balanceOf(stage, '1150'), 0n, 'nothing is disputed any more');
    for (const [currency, minor] of left) {
      assert.equal(await balanceOf(stage, '1100', currency), 0n, `all of ${currency} was settled in rupees`);
      assert.equal(await balanceOf(stage, '1800', currency), minor, `what is left of ${currency} is an open position`);
    }
    const payout = await payOut(stage);
    await assertStatement(stage, payout);
    assertAllMatched(await reconciled(stage));
    assertInBalance(await trialBalance(stage.finance));
    assert.equal(await balanceOf(stage, '1100'), 0n);
    await invoicesAreGapless(stage);
    await assertMoneyAgrees(data);
  });
});

async function setMoneyStage(url: string, databases: Databases): Promise<MoneyStage> {
  const stage = await setStage(url, demoPassword);
  const admin = await signIn(stage.visitor, 'admin@suuupra.test', demoPassword);
  const second = await signUp(stage.visitor, 'Second');
  await put(admin, `/users/${second.user.id}/roles`, { roles: ['learner', 'finance'] });
  return {
    ...stage,
    approver: await signIn(stage.visitor, second.email, second.password),
    endPeriod: async (id) => {
      await databases.query(
        'orders',
        `UPDATE subscriptions SET due_at = now(),
           state = jsonb_set(state, '{periodEndMs}', to_jsonb(floor(extract(epoch FROM now()) * 1000)))
         WHERE id = $1`,
        [id],
      );
    },
    coolDown: async (instructorId) => {
      await databases.query(
        'settlement',
        'UPDATE payout_accounts SET payable_from = changed_at WHERE instructor_id = $1',
        [instructorId],
      );
    },
  };
}
