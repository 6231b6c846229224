/** The second half of money's life: what the provider and the bank say of it, and what the instructor is paid. */
import assert from 'node:assert/strict';
import { eventually, type Money, success, trialBalance } from '../client.ts';
import { get, listAll, type MoneyStage, minor, post, put, sum } from './money-stage.ts';

interface Reconciliation {
  readonly sums?: readonly {
    readonly side: string;
    readonly currency: string;
    readonly linesMinor: string;
    readonly linesMatchedMinor: string;
    readonly linesInBreaksMinor: string;
    readonly expectedMinor: string;
    readonly expectedMatchedMinor: string;
    readonly expectedOpenMinor: string;
  }[];
  readonly breaks?: readonly { readonly type: string; readonly breaks: string }[];
  readonly partitionHolds: boolean;
  readonly journalsWaiting: string;
  readonly journalsRefused: string;
}

/** Files are looked for every half minute, on each side; what they say takes a moment. */
const collected = { withinMs: 100_000, everyMs: 1_000 };

/** Waits until the provider and the bank have said all that is expected of them, with statements as often as it takes. */
export async function reconciled(stage: MoneyStage): Promise<Reconciliation> {
  return await eventually(
    'everything is reconciled',
    async () => {
      await post(stage.finance, '/settlement/sandbox-bank/statements', {});
      return await get<Reconciliation>(stage.finance, '/settlement/reconciliation');
    },
    ({ sums = [], journalsWaiting }) =>
      sums.length > 0 &&
      sums.some(({ side }) => side === 'bank') &&
      Number(journalsWaiting) === 0 &&
      sums.every(({ expectedMinor, expectedMatchedMinor }) => expectedMinor === expectedMatchedMinor),
    collected,
  );
}

export function assertAllMatched({ sums = [], breaks = [], partitionHolds, journalsRefused }: Reconciliation): void {
  assert.equal(partitionHolds, true);
  assert.equal(Number(journalsRefused), 0);
  assert.deepEqual(breaks, [], 'nothing is different on purpose, so nothing is');
  for (const each of sums) {
    assert.equal(each.linesMinor, each.linesMatchedMinor, `${each.side} ${each.currency}: every line is matched`);
    assert.equal(each.expectedOpenMinor, '0', `${each.side} ${each.currency}: nothing is still expected`);
  }
}

/** What an account stands at, on its normal side. */
export async function balanceOf(stage: MoneyStage, code: string, currency = 'INR'): Promise<bigint> {
  const { currencies } = await trialBalance(stage.finance);
  const accounts = currencies.find((each) => each.currency === currency)?.accounts ?? [];
  return BigInt(accounts.find((account) => account.code === code)?.balanceMinor ?? 0);
}

export async function setPayoutAccount(stage: MoneyStage): Promise<void> {
  await put(stage.instructor, '/instructors/me/payout-accounts/INR', {
    ...{ method: 'bank_in', holderName: 'Ida Instructor', accountNumber: '120000345', ifsc: 'HDFC0000001' },
  });
  // The PAN of nobody: the letters and digits that the form of one has.
  await put(stage.instructor, '/instructors/me/tax-profile', { pan: 'ABCPE1234F', resident: true });
  await stage.coolDown(stage.instructor.user.id);
}

interface PayoutBatch {
  readonly id: string;
  readonly runId: string;
  readonly status: string;
  readonly makerId: string;
  readonly total: Money;
  readonly files?: readonly { readonly format: string; readonly sha256: string }[];
}

export interface Payout {
  readonly id: string;
  readonly statementId: string;
  readonly instructorId: string;
  readonly amount: Money;
  readonly status: string;
}

/** Settles with everybody, has the batch approved by the second person, and waits until the bank has paid. */
export async function payOut(stage: MoneyStage): Promise<Payout> {
  const { finance, approver, instructor } = stage;
  const { run } = await post<{ run: { id: string } }>(finance, '/settlement/runs', {});
  const batches = await eventually(
    'the run has made its payout batch',
    () => listAll<PayoutBatch>(finance, '/settlement/payout-batches', 'payoutBatches'),
    (found) => found.some(({ runId, files = [] }) => runId === run.id && files.length > 0),
    { withinMs: 45_000, everyMs: 200 },
  );
  const batch = batches.find(({ runId }) => runId === run.id);
  assert(batch, 'the run has one payout batch');
  const fileSha256 = batch.files?.find(({ format }) => format === 'pain_001')?.sha256;
  const approve = (by: MoneyStage['finance']) =>
    by.call('POST', `/settlement/payout-batches/${batch.id}:approve`, {
      key: `approve-${by.user.id}`,
      body: { fileSha256 },
    });
  assert.equal((await approve(finance)).status, 409, 'nobody approves what they made');
  success(await approve(approver), 200, 'approve the payout batch');
  const payouts = await eventually(
    'the payout is paid',
    () => listAll<Payout>(finance, `/settlement/payouts?payoutBatchId=${batch.id}`, 'payouts'),
    (found) => found.length > 0 && found.every(({ status }) => status === 'paid'),
    { withinMs: 45_000, everyMs: 200 },
  );
  assert.equal(sum(payouts.map(({ amount }) => minor(amount))), minor(batch.total));
  const mine = payouts.find(({ instructorId }) => instructorId === instructor.user.id);
  assert(mine, 'the instructor is paid');
  return mine;
}

interface Statement {
  readonly openingMinor: string;
  readonly closingMinor: string;
  readonly payoutMinor: string;
}

interface StatementLine {
  readonly kind: string;
  readonly grossMinor: string;
  readonly taxMinor: string;
  readonly feeMinor: string;
  readonly shareMinor: string;
  readonly amountMinor: string;
  readonly balanceMinor: string;
}

/** The instructor's statement, added up from its lines: it ends in the payout, and every step is shown. */
export async function assertStatement(stage: MoneyStage, payout: Payout): Promise<void> {
  const path = `/instructors/me/statements/${payout.statementId}`;
  const { statement } = await get<{ statement: Statement }>(stage.instructor, `${path}?pageSize=1`);
  const lines = await listAll<StatementLine>(stage.instructor, path, 'lines');
  let balance = BigInt(statement.openingMinor);
  for (const line of lines) {
    balance += BigInt(line.amountMinor);
    assert.equal(BigInt(line.balanceMinor), balance, `after a line of ${line.kind}`);
    assert.equal(
      BigInt(line.grossMinor),
      BigInt(line.taxMinor) + BigInt(line.feeMinor) + BigInt(line.shareMinor),
      'the parts of a sale are its gross',
    );
  }
  assert.equal(balance, BigInt(statement.closingMinor));
  const paid = lines.filter(({ kind }) => kind === 'payout').map(({ amountMinor }) => -BigInt(amountMinor));
  assert.deepEqual(paid, [minor(payout.amount)], 'the payout is one of the lines');
  assert.equal(BigInt(statement.payoutMinor), minor(payout.amount));
}
