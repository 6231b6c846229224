/** Payouts as seen from outside: who may do what, what is shown, and what never is. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PayoutsService } from '@suuupra/contracts/gen/suuupra/settlement/v1/payouts_pb.ts';
import { PayoutPaidSchema } from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import type { RawContext } from '@suuupra/platform/http/route';
import { isRefusal, type Principal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { realWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settlement } from '../service.ts';
import { sha256Hex } from './hash-id.ts';
import { coolingMs, instantEveryMs } from './policy.ts';
import { reportHandlers, SmallBook } from './testing.ts';

const asha = userPrincipal('usr_asha', 'learner', 'instructor');
const ravi = userPrincipal('usr_ravi', 'learner', 'instructor');
const maker = userPrincipal('usr_maker', 'learner', 'finance');
const approver = userPrincipal('usr_approver', 'learner', 'finance');
const accountNumber = '987654321012';
const account = {
  currency: 'INR',
  method: 'bank_in',
  holderName: 'Asha Rao',
  accountNumber,
  ifsc: 'HDFC0000001',
};
const pan = 'ABCPE1234F';
const soon = { interval: 20, timeout: 10_000 };

let service: ServiceUnderTest;
let book: SmallBook;
let aheadMs: number;
/** Tuesday: no test comes upon the weekly run. */
const startMs = Date.UTC(2026, 10, 24, 12);
beforeEach(async () => {
  aheadMs = startMs - Date.now();
  const world = { ...realWorld(), now: () => Date.now() + aheadMs };
  book = new SmallBook(world.now);
  service = await startServiceForTest(settlement, {
    world,
    others: { ledger: book.handlers(), payments: reportHandlers([]) },
  });
});
afterEach(() => service.stop());

const client = () => service.client(PayoutsService);
const as = (principal: Principal) => ({ principal, idempotencyKey: service.world.id('key') });

function taken<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer;
}

/** Asha has an account that may be paid, has sold, and a run is done. */
async function settleAsha() {
  taken(await client().setMyPayoutAccount(account, as(asha)));
  aheadMs += coolingMs;
  book.sell('usr_asha', 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n });
  const started = taken(await client().startSettlementRun({}, as(maker)));
  await vi.waitFor(async () => {
    const { run } = taken(await client().getSettlementRun({ id: started.run?.id ?? '' }, as(maker)));
    expect(run?.status).toBe('done');
  }, soon);
  const { payoutBatches } = taken(await client().listPayoutBatches({}, as(maker)));
  return payoutBatches[0] ?? expect.fail('there is no payout batch');
}

/** Calls a raw route and gives its status and body. */
async function get(path: string, params: Record<string, string>, principal: Principal) {
  const route = service.routes.find((each) => each.path === path) ?? expect.fail(`no route ${path}`);
  const sent = { status: 0, body: '' };
  const response = {
    removeHeader: () => {},
    writeHead: (status: number) => {
      sent.status = status;
      return response;
    },
    end: (body: Buffer | string) => {
      sent.body = body.toString();
    },
  };
  const context = { params, principal, requestId: 'req_1', traceparent: '' };
  await route.handle({} as IncomingMessage, response as unknown as ServerResponse, context as unknown as RawContext);
  return sent;
}

describe('payouts', () => {
  it('S7: a run makes a batch that another approves; the bank pays, the book and the instructor hear of it', async () => {
    const batch = await settleAsha();
    expect(batch).toMatchObject({ status: 'created', payouts: 1n, makerId: 'usr_maker', simulated: true });
    const own = await client().approvePayoutBatch({ id: batch.id }, as(maker));
    expect(isRefusal(own) && own.code).toBe('own_payout_batch');
    const fileSha256 = batch.files.find(({ format }) => format === 'pain_001')?.sha256 ?? '';
    taken(await client().approvePayoutBatch({ id: batch.id, fileSha256 }, as(approver)));
    await vi.waitFor(async () => expect(await service.published(PayoutPaidSchema)).toHaveLength(1), soon);
    // 80,000 less 5 % of the gross for want of a PAN and 10 % reserve.
    const { payouts } = taken(await client().listMyPayouts({}, as(asha)));
    expect(payouts).toMatchObject([
      { status: 'paid', amount: { amountMinor: 66_100n }, maskedAccount: 'HDFC0000001 •••• 1012', simulated: true },
    ]);
    await vi.waitFor(() => expect(book.balance('1000', 'INR')).toBe(66_100n), soon);
    expect(taken(await client().makeBankStatements({}, as(maker))).statements).toBe(1);
  });

  describe('P15: at an instructor’s own wish', () => {
    const wish = (options = as(asha)) => client().requestInstantPayout({ currency: 'INR' }, options);
    const payoutsOf = async (principal: Principal) => taken(await client().listMyPayouts({}, as(principal))).payouts;
    const mayBePaid = async (share: bigint) => {
      taken(await client().setMyPayoutAccount(account, as(asha)));
      aheadMs += coolingMs;
      if (share > 0n) book.sell('usr_asha', 'INR', { tax: 18_000n, fee: 20_000n, share });
    };
    const isPaid = (count: number) =>
      vi.waitFor(async () => expect(await service.published(PayoutPaidSchema)).toHaveLength(count), soon);

    it('pays them alone, with tax and reserve, once a day, and the weekly run takes up from there', async () => {
      await mayBePaid(80_000n);
      book.sell('usr_ravi', 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n });
      const options = as(asha);
      const first = taken(await wish(options));
      expect(first.payout).toMatchObject({ currency: 'INR', owed: { amountMinor: 80_000n } });
      await isPaid(1);
      expect(taken(await wish(options))).toEqual(first);
      expect(await payoutsOf(asha)).toMatchObject([{ status: 'paid', amount: { amountMinor: 66_100n } }]);
      const { payoutBatches } = taken(await client().listPayoutBatches({}, as(maker)));
      expect(payoutBatches).toMatchObject([{ makerId: 'usr_asha', approverId: 'system', payouts: 1n }]);
      book.sell('usr_asha', 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n });
      expect(await wish()).toMatchObject({ code: 'instant_payout_impossible', detail: expect.stringContaining('day') });
      // Ravi moved before that run's end in the book, and is not forgotten by the next of everybody.
      const started = taken(await client().startSettlementRun({}, as(maker)));
      await vi.waitFor(async () => {
        const { run } = taken(await client().getSettlementRun({ id: started.run?.id ?? '' }, as(maker)));
        expect(run).toMatchObject({ status: 'done', accountsSettled: 2n });
      }, soon);
      const { batches } = taken(await client().listSettlementBatches({}, as(maker)));
      const earned = batches.map(({ instructorId, earnedMinor }) => `${instructorId} ${earnedMinor}`).toSorted();
      expect(earned).toEqual(['usr_asha 80000', 'usr_asha 80000', 'usr_ravi 80000']);
      aheadMs += instantEveryMs;
      book.sell('usr_asha', 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n });
      taken(await wish());
      await isPaid(2);
    });

    it('waits for a person above the limit', async () => {
      await mayBePaid(9_000_000n);
      const { payout } = taken(await wish());
      expect(payout?.withoutApprovalUpTo?.amountMinor).toBe(5_000_000n);
      await vi.waitFor(async () => {
        const { payoutBatches } = taken(await client().listPayoutBatches({}, as(maker)));
        expect(payoutBatches).toMatchObject([{ status: 'created', approverId: '' }]);
      }, soon);
      const { payoutBatches } = taken(await client().listPayoutBatches({}, as(maker)));
      taken(await client().approvePayoutBatch({ id: payoutBatches[0]?.id ?? '' }, as(approver)));
      await isPaid(1);
    });

    it('of eight wishes at once one is granted', async () => {
      await mayBePaid(80_000n);
      const answers = await Promise.all(Array.from({ length: 8 }, () => wish()));
      const granted = answers.filter((answer) => !isRefusal(answer));
      const refused = answers.flatMap((answer) => (isRefusal(answer) ? [answer.code] : []));
      expect(granted).toHaveLength(1);
      for (const code of refused) expect(['settlement_running', 'instant_payout_impossible']).toContain(code);
      await isPaid(1);
      expect(await payoutsOf(asha)).toHaveLength(1);
    });

    it('is refused without an account, while it cools, and where little or less than nothing is owed', async () => {
      const why = async () => {
        const answer = await wish();
        return isRefusal(answer) ? [answer.code, answer.detail] : ['granted'];
      };
      const impossible = (words: string) => ['instant_payout_impossible', expect.stringContaining(words)];
      book.sell('usr_asha', 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n });
      expect(await why()).toEqual(impossible('where you are paid'));
      taken(await client().setMyPayoutAccount(account, as(asha)));
      expect(await why()).toEqual(impossible('was changed'));
      aheadMs += coolingMs;
      book.refund('usr_asha', 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n });
      expect(await why()).toEqual(impossible('INR 0.00 is owed to you'));
      book.refund('usr_asha', 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n });
      expect(await why()).toEqual(impossible('INR -800.00 is owed to you'));
      expect(await client().requestInstantPayout({ currency: 'INR' }, as(maker))).toMatchObject({
        code: 'permission_denied',
      });
      expect(await payoutsOf(asha)).toEqual([]);
    });
  });

  it('M9: the same key starts one run and approves once, and answers the same', async () => {
    const options = as(maker);
    const first = taken(await client().startSettlementRun({}, options));
    await vi.waitFor(async () => {
      const { runs } = taken(await client().listSettlementRuns({}, as(maker)));
      expect(runs[0]?.status).toBe('done');
    }, soon);
    expect(taken(await client().startSettlementRun({}, options))).toEqual(first);
    expect(taken(await client().listSettlementRuns({}, as(maker))).runs).toHaveLength(1);
  });

  it('an instructor sees only their own, and nobody else starts or approves', async () => {
    await settleAsha();
    const { statements } = taken(await client().listMyStatements({}, as(asha)));
    const id = statements[0]?.id ?? '';
    expect(taken(await client().getMyStatement({ id }, as(asha))).lines.map(({ kind }) => kind)).toEqual([
      'sale',
      'tds',
      'reserve_held',
      'payout',
    ]);
    expect(await client().getMyStatement({ id }, as(ravi))).toMatchObject({ code: 'not_found' });
    expect(taken(await client().listMyStatements({}, as(ravi))).statements).toEqual([]);
    expect(taken(await client().listMyPayouts({}, as(ravi))).payouts).toEqual([]);
    expect(await client().startSettlementRun({}, as(asha))).toMatchObject({ code: 'permission_denied' });
    expect(await client().listMyPayouts({}, as(maker))).toMatchObject({ code: 'permission_denied' });
  });

  it('S8: rates are asked for and approved by two of finance, and instructors are told those that concern them', async () => {
    const listed = taken(await client().listWithholdingVersions({}, as(maker)));
    expect(listed).toMatchObject({ settledUntil: '', versions: [{ id: 'whv_1', status: 'active' }] });
    const rules = (listed.versions[0]?.rules ?? []).map((rule) =>
      rule.id === '393-1-8v-2026-04' ? { ...rule, ratePpmWithoutPan: 200_000 } : rule,
    );
    const request = { rules, reason: 'Finance Act 2027', basedOn: 1n };
    expect(await client().requestWithholdingVersion(request, as(asha))).toMatchObject({ code: 'permission_denied' });
    const options = as(maker);
    const { version } = taken(await client().requestWithholdingVersion(request, options));
    expect(taken(await client().requestWithholdingVersion(request, options)).version).toEqual(version);
    const { id = '' } = version ?? {};
    expect(await client().approveWithholdingVersion({ id }, as(maker))).toMatchObject({
      code: 'second_person_required',
    });
    taken(await client().approveWithholdingVersion({ id }, as(approver)));
    const told = taken(await client().getMyTaxProfile({}, as(asha)));
    expect(told.rules).toMatchObject([{ id: '393-1-8v-2026-04', ratePpm: 200_000 }]);
    await settleAsha();
    const { statements } = taken(await client().listMyStatements({}, as(asha)));
    expect(statements).toMatchObject([{ withholdingVersion: 2n, tdsMinor: 23_600n }]);
    const { versions } = taken(await client().listWithholdingVersions({ pageSize: 1 }, as(maker)));
    expect(versions).toMatchObject([{ version: 2n, requestedBy: 'usr_maker', decidedBy: 'usr_approver' }]);
  });

  it('M25: the CSV of a statement is what its hash says, page by page or at once', async () => {
    await settleAsha();
    const { statements } = taken(await client().listMyStatements({}, as(asha)));
    const id = statements[0]?.id ?? '';
    const csv = await get('/api/v1/instructors/me/statements/{id}/csv', { id }, asha);
    expect(csv.status).toBe(200);
    expect(sha256Hex(csv.body)).toBe(statements[0]?.statementSha256);
    expect((await get('/api/v1/instructors/me/statements/{id}/csv', { id }, ravi)).status).toBe(404);
    const kinds: string[] = [];
    let pageToken = '';
    do {
      const page = taken(await client().getMyStatement({ id, pageSize: 1, pageToken }, as(asha)));
      kinds.push(...page.lines.map(({ kind }) => kind));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(kinds).toEqual(['sale', 'tds', 'reserve_held', 'payout']);
  });

  it('the file of a batch is what its hash says', async () => {
    const batch = await settleAsha();
    for (const { format, sha256 } of batch.files) {
      const path = '/api/v1/settlement/payout-batches/{id}/files/{format}';
      expect(sha256Hex((await get(path, { id: batch.id, format }, maker)).body)).toBe(sha256);
    }
  });

  it('a changed account is written down, takes unapproved payouts back, and is not paid while it cools', async () => {
    const batch = await settleAsha();
    taken(await client().setMyPayoutAccount(account, as(asha)));
    expect(taken(await client().getPayoutBatch({ id: batch.id }, as(maker))).payoutBatch?.status).toBe('created');
    taken(await client().setMyPayoutAccount({ ...account, accountNumber: '555566667777' }, as(asha)));
    const { payouts } = taken(await client().listMyPayouts({}, as(asha)));
    expect(payouts).toMatchObject([{ status: 'failed', reason: 'account_changed' }]);
    const seen = batch.files.find(({ format }) => format === 'pain_001')?.sha256 ?? '';
    const { payoutBatch } = taken(await client().getPayoutBatch({ id: batch.id }, as(maker)));
    expect(payoutBatch?.status).toBe('closed');
    expect(payoutBatch?.files.find(({ format }) => format === 'pain_001')?.sha256).not.toBe(seen);
    const { accounts, changes } = taken(await client().listMyPayoutAccounts({}, as(asha)));
    expect(accounts).toMatchObject([{ maskedAccount: 'HDFC0000001 •••• 7777' }]);
    expect(changes.map(({ maskedAccount }) => maskedAccount)).toEqual([
      'HDFC0000001 •••• 7777',
      'HDFC0000001 •••• 1012',
    ]);
    await vi.waitFor(() => expect(book.balance('2200:usr_asha', 'INR')).toBe(66_100n), soon);
    taken(await client().startSettlementRun({}, as(maker)));
    await vi.waitFor(async () => {
      const { statements } = taken(await client().listMyStatements({}, as(asha)));
      expect(statements[0]).toMatchObject({ heldBecause: 'account_cooling', closingMinor: 66_100n });
    }, soon);
  });

  it('account numbers and PANs are nowhere to be read: not in tables, logs or answers', async () => {
    await settleAsha();
    const profile = taken(await client().setMyTaxProfile({ pan, resident: true }, as(asha)));
    expect(profile.profile).toMatchObject({ maskedPan: '•••• 234F', entity: 'individual' });
    expect(taken(await client().getMyTaxProfile({}, as(asha))).rules).toMatchObject([{ kind: 'tds', ratePpm: 1_000 }]);
    const tables = await service.sql.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('public', 'sandbox_bank')`,
    );
    expect(tables.length).toBeGreaterThan(12);
    for (const { name } of tables) {
      const rows = await service.sql.query<{ text: string }>(`SELECT t::text AS text FROM ${name} AS t`);
      const text = rows.map((row) => row.text).join('\n');
      expect(text.includes(accountNumber) || text.includes(pan), name).toBe(false);
    }
    expect(JSON.stringify(service.logged)).not.toContain(accountNumber);
    expect(JSON.stringify(service.logged)).not.toContain(pan);
  });
});
