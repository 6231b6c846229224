/** What every payments store must hold of captures, releases, refunds in lists, disputes, attention and reports. Part of store.contract.ts. */
import type { Sql } from '@suuupra/platform/sql/sql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Capture } from './capture.ts';
import type { Dispute } from './dispute.ts';
import type { Increment } from './increment.ts';
import type { Attempt } from './payment.ts';
import type { Refund } from './refund.ts';
import type { RoutingStore } from './routing-store.ts';
import type { Attention, PaymentsStore } from './store.ts';

const nowMs = 1_700_100_000_000;
const bigMinor = 9_007_199_254_740_993n;

type Opened = () => Promise<{ store: PaymentsStore; routing: RoutingStore; sql: Sql }>;

async function madeAttempt(opened: Opened, orderId: string, change: Partial<Attempt> = {}): Promise<Attempt> {
  const { store, sql } = await opened();
  const attempt: Attempt = {
    id: `pay_${orderId}`,
    orderId,
    status: 'requires_capture',
    method: 'card',
    provider: 'sandbox',
    currency: 'INR',
    amountMinor: bigMinor,
    captureMethod: 'manual',
    reference: '',
    capturedMinor: 0n,
    providerCode: '',
    mandateId: '',
    tryNumber: 0,
    createdAtMs: nowMs,
    movedAtMs: nowMs,
    ...change,
  };
  await sql.transaction(async (tx) => {
    const { currency, amountMinor, captureMethod } = attempt;
    const intent = { orderId, buyerId: 'usr_1', orderNumber: 'SU-1', currency, amountMinor, captureMethod };
    await store.openIntent(tx, { ...intent, status: 'open', capturedAttemptId: '', capturedMinor: 0n }, nowMs);
    await store.insertAttempt(tx, { ...attempt, status: 'processing' }, undefined);
    await store.saveAttempt(tx, attempt, undefined, 'answer');
  });
  return attempt;
}

function keepsIncrements(open: Opened): void {
  const incrementOf = (attempt: Attempt, id: string, change: Partial<Increment> = {}): Increment => ({
    ...{ id, orderId: attempt.orderId, attemptId: attempt.id, currency: 'INR' },
    ...{ fromMinor: bigMinor, toMinor: bigMinor + 1n, status: 'pending', failureCode: '', createdAtMs: nowMs },
    ...change,
  });

  it('keeps raises of an authorization, one at a time, oldest first', async () => {
    const { store, sql } = await open();
    const attempt = await madeAttempt(open, 'ord_raises');
    const first = incrementOf(attempt, 'inc_1');
    const second = incrementOf(attempt, 'inc_0', { createdAtMs: nowMs + 1, toMinor: bigMinor + 2n });
    const insert = (each: Increment) => sql.transaction((tx) => store.insertIncrement(tx, each, nowMs + 9_000));
    await insert(first);
    await expect(insert(second)).rejects.toMatchObject({ kind: 'unique' });
    const failed = { ...first, status: 'failed', failureCode: 'declined', settledAtMs: nowMs + 3 } as const;
    await sql.transaction((tx) => store.saveIncrement(tx, failed, 'answer'));
    await insert(second);
    expect(await store.findIncrement(sql, 'inc_1')).toEqual(failed);
    expect(await store.findIncrement(sql, 'inc_none')).toBeUndefined();
    expect(await store.incrementsOf(sql, attempt.id)).toEqual([failed, second]);
    const history = await store.historyOf(sql, 'inc_1');
    expect(history.map(({ status, because }) => [status, because])).toEqual([
      ['pending', 'request'],
      ['failed', 'answer'],
    ]);
    await sql.transaction((tx) => store.saveIncrement(tx, { ...second, status: 'succeeded' }, 'answer'));
  });

  it('hands a due raise to one taker only, until it is settled', async () => {
    const { store, sql } = await open();
    const attempt = await madeAttempt(open, 'ord_raise_due');
    const increment = incrementOf(attempt, 'inc_due');
    await sql.transaction((tx) => store.insertIncrement(tx, increment, nowMs));
    const take = (atMs: number) => store.takeDueIncrements(sql, atMs, atMs + 100, 10);
    expect((await Promise.all([take(nowMs), take(nowMs)])).flat()).toEqual([{ subject: increment, tries: 1 }]);
    expect(await take(nowMs + 99)).toEqual([]);
    await store.setIncrementDue(sql, 'inc_due', nowMs + 50);
    expect(await take(nowMs + 50)).toMatchObject([{ tries: 2 }]);
    const done = { ...increment, status: 'succeeded', settledAtMs: nowMs } as const;
    await sql.transaction((tx) => store.saveIncrement(tx, done, 'answer'));
    await store.setIncrementDue(sql, 'inc_due', nowMs);
    expect(await take(nowMs + 9_999)).toEqual([]);
  });

  it('keeps what an authorization grows to, and what its provider said of it', async () => {
    const { store, sql } = await open();
    const attempt = await madeAttempt(open, 'ord_grown', { incrementable: true, capturableMaxMinor: bigMinor + 5n });
    expect(await store.findAttempt(sql, attempt.id)).toEqual(attempt);
    const grown = { ...attempt, amountMinor: bigMinor + 9n, incrementable: false };
    await sql.transaction((tx) => store.saveAttempt(tx, grown, undefined, 'answer'));
    expect(await store.viewAttempt(sql, attempt.id)).toMatchObject({ attempt: grown, orderMinor: bigMinor });
    const said = { ...grown, capturableMaxMinor: bigMinor + 10n };
    await sql.transaction((tx) => store.saveFacts(tx, said));
    expect(await store.findAttempt(sql, attempt.id)).toEqual(said);
  });
}

export function moneyStoreContract(open: Opened): void {
  describe('a payments store', () => {
    let store: PaymentsStore;
    let sql: Sql;
    beforeAll(async () => {
      ({ store, sql } = await open());
    });
    const captureOf = (attempt: Attempt, id: string, change: Partial<Capture> = {}): Capture => ({
      id,
      orderId: attempt.orderId,
      attemptId: attempt.id,
      currency: 'INR',
      amountMinor: 10n,
      final: false,
      status: 'pending',
      failureCode: '',
      createdAtMs: nowMs,
      ...change,
    });

    it('sums the captures of an authorization: pending, made, and whether one is the last', async () => {
      const attempt = await madeAttempt(open, 'ord_caps');
      const failed = captureOf(attempt, 'cap_c2', { amountMinor: 30n, final: true });
      const made = captureOf(attempt, 'cap_c3', { amountMinor: bigMinor });
      await sql.transaction(async (tx) => {
        await store.insertCapture(tx, captureOf(attempt, 'cap_c1'), nowMs + 9_000);
        await store.insertCapture(tx, failed, nowMs + 9_000);
        await store.insertCapture(tx, made, nowMs + 9_000);
        await store.saveCapture(tx, { ...failed, status: 'failed', failureCode: 'x', settledAtMs: nowMs }, 'answer');
        await store.saveCapture(tx, { ...made, status: 'succeeded', settledAtMs: nowMs }, 'webhook');
        const sums = { pendingMinor: 10n, succeededMinor: bigMinor, isFinal: false };
        expect(await store.captureSums(tx, attempt.id)).toEqual(sums);
        await store.insertCapture(tx, captureOf(attempt, 'cap_c4', { final: true }), nowMs + 9_000);
        expect(await store.captureSums(tx, attempt.id)).toMatchObject({ pendingMinor: 20n, isFinal: true });
      });
      expect(await store.findCapture(sql, 'cap_c2')).toMatchObject({ status: 'failed', failureCode: 'x', final: true });
      expect(await store.findCapture(sql, 'cap_none')).toBeUndefined();
      const history = await store.historyOf(sql, 'cap_c3');
      expect(history.map(({ status, because }) => [status, because])).toContainEqual(['succeeded', 'webhook']);
    });

    it('hands a due capture and a due release to one taker only, until they are done', async () => {
      const attempt = await madeAttempt(open, 'ord_capdue');
      const release = { id: 'voi_1', orderId: attempt.orderId, attemptId: attempt.id, createdAtMs: nowMs };
      await sql.transaction(async (tx) => {
        await store.insertCapture(tx, captureOf(attempt, 'cap_due'), nowMs);
        expect(await store.insertRelease(tx, release, nowMs)).toBe(true);
        expect(await store.insertRelease(tx, { ...release, id: 'voi_2' }, nowMs)).toBe(false);
      });
      const captures = async (atMs: number) =>
        (await store.takeDueCaptures(sql, atMs, atMs + 100, 10)).filter(({ subject }) => subject.id === 'cap_due');
      const releases = (atMs: number) => store.takeDueReleases(sql, atMs, atMs + 100, 10);
      expect((await Promise.all([captures(nowMs), captures(nowMs)])).flat()).toMatchObject([
        { subject: { id: 'cap_due' }, tries: 1 },
      ]);
      expect((await Promise.all([releases(nowMs), releases(nowMs)])).flat()).toEqual([{ subject: release, tries: 1 }]);
      expect([await captures(nowMs + 99), await releases(nowMs + 99)]).toEqual([[], []]);
      await store.setCaptureDue(sql, 'cap_due', nowMs + 50);
      expect(await captures(nowMs + 50)).toMatchObject([{ tries: 2 }]);
      await store.setReleaseDue(sql, 'voi_1', undefined, nowMs);
      expect(await releases(nowMs + 999)).toEqual([]);
      const done = { ...captureOf(attempt, 'cap_due'), status: 'succeeded', settledAtMs: nowMs } as const;
      await sql.transaction((tx) => store.saveCapture(tx, done, 'answer'));
      expect(await captures(nowMs + 9_999)).toEqual([]);
    });

    keepsIncrements(open);
    listsRefunds(open);
    keepsDisputes(open);
    queuesAttention(open);
    keepsReports(open);

    it('gives the rate of the last settled attempts of a provider', async () => {
      const { routing } = await open();
      const settled = async (index: number, status: 'succeeded' | 'failed' | 'cancelled', method: 'card' | 'upi') =>
        madeAttempt(open, `ord_rate_${index}`, {
          provider: 'rated',
          status,
          method,
          settledAtMs: nowMs + index,
          createdAtMs: nowMs + index,
          movedAtMs: nowMs + index,
          ...(status === 'failed' ? { failure: { code: 'card_declined' as const, detail: 'no' } } : {}),
        });
      for (const [index, status] of (['succeeded', 'failed', 'succeeded', 'cancelled'] as const).entries())
        await settled(index, status, 'card');
      await settled(4, 'failed', 'upi');
      const of = (method: 'card' | 'upi', provider = 'rated') => ({ provider, method });
      const rate = async (sinceMs: number, window: number) =>
        (await routing.rates(sql, [of('card')], sinceMs, window))[0];
      expect(await rate(nowMs - 1, 10)).toEqual({ provider: 'rated', succeeded: 2, failed: 1 });
      expect(await routing.rates(sql, [of('upi'), of('card', 'unheard of'), of('card')], nowMs - 1, 10)).toEqual([
        { provider: 'rated', succeeded: 0, failed: 1 },
        { provider: 'unheard of', succeeded: 0, failed: 0 },
        { provider: 'rated', succeeded: 2, failed: 1 },
      ]);
      expect(await rate(nowMs - 1, 1)).toMatchObject({ succeeded: 1, failed: 0 });
      expect(await rate(nowMs + 1, 10)).toMatchObject({ succeeded: 1, failed: 1 });
    });
  });
}

function listsRefunds(open: Opened): void {
  it('lists refunds across orders, newest first, page by page, by status and by order', async () => {
    const { store, sql } = await open();
    const [one, two] = [
      await madeAttempt(open, 'ord_lr1', { status: 'succeeded', provider: 'sandbox_b' }),
      await madeAttempt(open, 'ord_lr2', { status: 'succeeded' }),
    ];
    const refunds = [0, 1, 2, 3].map((index): Refund => {
      const of = index % 2 === 0 ? one : two;
      const made = { id: `rfd_list_${index}`, orderId: of.orderId, attemptId: of.id, currency: 'INR', reference: '' };
      // Ahead of all that other cases make, two at the same time.
      const createdAtMs = nowMs + 1_000_000 + Math.floor(index / 2);
      return { ...made, kind: 'requested', amountMinor: 10n, status: 'pending', failureCode: '', createdAtMs };
    });
    await sql.transaction(async (tx) => {
      for (const refund of refunds) await store.insertRefund(tx, refund, nowMs + 9_000_000);
      const failed = { ...(refunds[2] as Refund), status: 'failed', failureCode: 'x', settledAtMs: nowMs } as const;
      await store.saveRefund(tx, failed, 'answer');
    });
    const first = await store.listRefunds(sql, {}, undefined, 3);
    expect(first.map(({ id }) => id)).toEqual(['rfd_list_3', 'rfd_list_2', 'rfd_list_1']);
    expect(first.map(({ provider }) => provider)).toEqual(['sandbox', 'sandbox_b', 'sandbox']);
    const place = { atMs: first[2]?.createdAtMs ?? 0, id: 'rfd_list_1' };
    expect((await store.listRefunds(sql, {}, place, 1)).map(({ id }) => id)).toEqual(['rfd_list_0']);
    const of = async (filter: object) => (await store.listRefunds(sql, filter, undefined, 9)).map(({ id }) => id);
    expect(await of({ orderId: 'ord_lr1' })).toEqual(['rfd_list_2', 'rfd_list_0']);
    expect(await of({ orderId: 'ord_lr1', status: 'failed' })).toEqual(['rfd_list_2']);
    expect(await of({ orderId: 'ord_lr1', status: 'succeeded' })).toEqual([]);
    const [earlier, later] = [nowMs + 1_000_000, nowMs + 1_000_001];
    expect(await of({ fromMs: later })).toEqual(['rfd_list_3', 'rfd_list_2']);
    expect(await of({ fromMs: earlier, untilMs: later })).toEqual(['rfd_list_1', 'rfd_list_0']);
    expect(await of({ orderId: 'ord_lr2', untilMs: later })).toEqual(['rfd_list_1']);
    expect(await of({ fromMs: later, untilMs: later })).toEqual([]);
  });
}

function keepsDisputes(open: Opened): void {
  it('keeps a dispute as it is saved, lists it, and hands it out when it is due', async () => {
    const { store, sql } = await open();
    const attempt = await madeAttempt(open, 'ord_dsp', { status: 'succeeded' });
    const dispute: Dispute = {
      id: 'dsp_m1',
      orderId: attempt.orderId,
      attemptId: attempt.id,
      provider: 'sandbox',
      reference: 'sd_m1',
      stage: 'dispute',
      status: 'opened',
      currency: 'INR',
      amountMinor: bigMinor,
      feeMinor: 1n,
      reason: 'general',
      evidence: '',
      pending: '',
      evidenceDueAtMs: nowMs + 5,
      openedAtMs: nowMs,
    };
    await sql.transaction((tx) => store.insertDispute(tx, dispute, nowMs));
    expect(await store.findDispute(sql, 'dsp_m1')).toEqual(dispute);
    const due = (atMs: number) => store.takeDueDisputes(sql, atMs, atMs + 10, 5);
    expect((await Promise.all([due(nowMs), due(nowMs)])).flat()).toEqual([{ subject: dispute, tries: 1 }]);
    const fought: Dispute = { ...dispute, status: 'challenged', evidence: 'é', pending: 'challenge', feeMinor: 2n };
    await sql.transaction((tx) => store.saveDispute(tx, fought, nowMs + 3, 'request', nowMs));
    expect(await store.findDisputeByReference(sql, 'sandbox', 'sd_m1', 'dispute')).toEqual(fought);
    expect(await store.findDisputeByReference(sql, 'sandbox', 'sd_m1', 'pre_dispute')).toBeUndefined();
    expect(await due(nowMs + 3)).toMatchObject([{ subject: { status: 'challenged' } }]);
    await store.setDisputeDue(sql, 'dsp_m1', undefined);
    expect(await due(nowMs + 9_999)).toEqual([]);
    const orderId = 'ord_dsp';
    expect(await store.listDisputes(sql, { orderId, status: 'challenged' }, undefined, 5)).toEqual([fought]);
    expect(await store.listDisputes(sql, { orderId, status: 'won' }, undefined, 5)).toEqual([]);
    expect(await store.listDisputes(sql, { orderId }, { atMs: nowMs, id: 'dsp_m1' }, 5)).toEqual([]);
    expect((await store.historyOf(sql, 'dsp_m1')).map(({ status }) => status)).toEqual(['opened', 'challenged']);
  });
}

function queuesAttention(open: Opened): void {
  it('raises what a person has to see to once, oldest first, and again when it comes back', async () => {
    const { store, sql } = await open();
    const item = (id: string, change: Partial<Attention> = {}): Attention => ({
      id,
      orderId: 'ord_att',
      attemptId: 'pay_att',
      subjectId: 'pay_att',
      because: 'unresolved',
      sinceMs: nowMs,
      closedBy: '',
      note: '',
      ...change,
    });
    await store.raiseAttention(sql, item('att_1'));
    await store.raiseAttention(sql, item('att_2'));
    await store.raiseAttention(sql, item('att_3', { because: 'refund_stuck', sinceMs: nowMs + 1 }));
    const openOnes = await store.listAttention(sql, false, undefined, 5);
    expect(openOnes).toEqual([item('att_1'), item('att_3', { because: 'refund_stuck', sinceMs: nowMs + 1 })]);
    expect(await store.listAttention(sql, false, { atMs: nowMs, id: 'att_1' }, 5)).toMatchObject([{ id: 'att_3' }]);
    const closed = await store.closeAttention(sql, 'att_1', 'usr_fin', 'é', nowMs + 5);
    expect(closed).toEqual(item('att_1', { closedAtMs: nowMs + 5, closedBy: 'usr_fin', note: 'é' }));
    expect(await store.closeAttention(sql, 'att_none', 'usr_fin', '', nowMs)).toBeUndefined();
    expect(await store.listAttention(sql, true, undefined, 5)).toEqual([closed]);
    await store.raiseAttention(sql, item('att_4', { sinceMs: nowMs + 9 }));
    expect(await store.listAttention(sql, true, undefined, 5)).toEqual([]);
    expect(await store.listAttention(sql, false, undefined, 5)).toHaveLength(2);
  });
}

function keepsReports(open: Opened): void {
  it("keeps a provider's report once, in the order in which they came", async () => {
    const { store, sql } = await open();
    const report = (name: string) => ({ name, format: 'settlement_csv', sizeBytes: 3, madeAtMs: nowMs }) as const;
    expect(await store.lastReport(sql, 'reporting')).toBe('');
    expect(await store.keepReport(sql, 'reporting', report('r_1'))).toBe(true);
    expect(await store.keepReport(sql, 'reporting', report('r_1'))).toBe(false);
    await store.keepReport(sql, 'reporting', report('r_2'));
    expect(await store.lastReport(sql, 'reporting')).toBe('r_2');
    const all = (await store.listReports(sql, 0n, 50)).filter(({ provider }) => provider === 'reporting');
    expect(all.map(({ name }) => name)).toEqual(['r_1', 'r_2']);
    const [first] = all;
    expect(await store.findReport(sql, first?.position ?? 0n)).toEqual(first);
    const rest = await store.listReports(sql, first?.position ?? 0n, 50);
    expect(rest.map(({ name }) => name)).toContain('r_2');
    expect(await store.findReport(sql, 9_999_999n)).toBeUndefined();
  });
}
