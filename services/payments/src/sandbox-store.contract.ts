/** What every store of the sandbox's books must hold. Part of store.contract.ts. */
import type { Sql } from '@suuupra/platform/sql/sql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { SandboxDispute, SandboxMandate, SandboxPayment, SandboxRefund, SandboxStore } from './sandbox-store.ts';

const nowMs = 1_700_000_000_000;
const bigMinor = 9_007_199_254_740_993n;
const provider = 'contract_sandbox';

const payment = (id: string, change: Partial<SandboxPayment> = {}): SandboxPayment => ({
  id,
  provider,
  reference: `sbp_${id}`,
  token: 'tok_ok',
  method: 'card',
  currency: 'INR',
  amountMinor: bigMinor,
  capture: 'automatic',
  status: 'processing',
  failureCode: '',
  capturedMinor: 0n,
  deemed: false,
  settlesTo: '',
  createdAtMs: nowMs,
  ...change,
});

const refund = (id: string, change: Partial<SandboxRefund> = {}): SandboxRefund => ({
  id,
  provider,
  paymentId: 'sp_taken',
  amountMinor: 1n,
  status: 'pending',
  failureCode: '',
  settlesTo: 'succeeded',
  told: true,
  ...change,
});

const dispute = (reference: string, change: Partial<SandboxDispute> = {}): SandboxDispute => ({
  reference,
  provider,
  paymentId: 'sp_taken',
  stage: 'dispute',
  currency: 'INR',
  amountMinor: 1n,
  feeMinor: 1_500n,
  reason: 'general',
  status: 'opened',
  evidence: '',
  evidenceDueAtMs: nowMs + 5,
  closesTo: '',
  ...change,
});

type Opened = () => Promise<{ sandbox: SandboxStore; sql: Sql }>;

export function sandboxStoreContract(open: Opened): void {
  describe("a store of the sandbox's books", () => {
    let store: SandboxStore;
    let sql: Sql;
    beforeAll(async () => {
      ({ sandbox: store, sql } = await open());
    });

    it('keeps a payment as it is saved, once for its id', async () => {
      const first = payment('sp_1', {
        action: { type: 'challenge', url: 'http://x.test/é', uri: '', expiresAtMs: nowMs },
        authentication: { flow: 'challenge', exemption: '', liabilityShifted: true },
        capturableUntilMs: nowMs + 1,
        disputesAtMs: nowMs + 2,
        settlesAtMs: nowMs + 3,
        settlesTo: 'succeeded',
        deemed: true,
      });
      const insert = (each: SandboxPayment) => sql.transaction((tx) => store.insertPayment(tx, each));
      expect([await insert(first), await insert({ ...first, amountMinor: 1n })]).toEqual([true, false]);
      expect(await store.findPayment(sql, 'sp_1')).toEqual(first);
      const over = { ...payment('sp_1'), status: 'succeeded', capturedMinor: bigMinor } as const;
      await sql.transaction((tx) => store.savePayment(tx, over));
      expect(await sql.transaction((tx) => store.lockPayment(tx, 'sp_1'))).toEqual(over);
      expect(await store.findPayment(sql, 'sp_none')).toBeUndefined();
    });

    it('keeps a raise of what is held under its id, with what the payment has from then on', async () => {
      const increment = { id: 'si_1', paymentId: 'sp_raised', toMinor: bigMinor, failureCode: '' };
      const declined = { ...increment, id: 'si_2', failureCode: 'issuer_declined' };
      await sql.transaction(async (tx) => {
        await store.insertPayment(tx, payment('sp_raised'));
        await store.insertIncrement(tx, increment);
        await store.insertIncrement(tx, declined);
        await store.savePayment(tx, payment('sp_raised', { amountMinor: bigMinor }));
      });
      expect(await store.findIncrement(sql, 'si_1')).toEqual(increment);
      expect(await store.findIncrement(sql, 'si_2')).toEqual(declined);
      expect(await store.findIncrement(sql, 'si_none')).toBeUndefined();
      expect(await store.findPayment(sql, 'sp_raised')).toMatchObject({ amountMinor: bigMinor });
    });

    it('takes what is due oldest first, and passes over what another holds', async () => {
      await sql.transaction(async (tx) => {
        await store.insertPayment(tx, payment('sp_due2', { settlesAtMs: nowMs + 2, settlesTo: 'failed' }));
        await store.insertPayment(tx, payment('sp_due1', { settlesAtMs: nowMs + 1, settlesTo: 'failed' }));
      });
      const idsOf = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);
      await sql.transaction(async (tx) => {
        expect(idsOf(await store.takeSettling(tx, provider, nowMs + 1, 5))).toEqual(['sp_due1']);
        const other = await sql.transaction((beside) => store.takeSettling(beside, provider, nowMs + 2, 5));
        expect(idsOf(other)).not.toContain('sp_due1');
      });
      const taken = await sql.transaction((tx) => store.takeSettling(tx, provider, nowMs + 2, 5));
      expect(idsOf(taken)).toEqual(['sp_due1', 'sp_due2']);
      expect(await sql.transaction((tx) => store.takeSettling(tx, 'another', nowMs + 2, 5))).toEqual([]);
      expect(await store.nextDueMs(sql, provider)).toBe(nowMs + 1);
      expect(await store.nextDueMs(sql, 'another')).toBeUndefined();
    });

    it('sums what is taken of a payment: refunds that did not fail, disputes that hold or have the money', async () => {
      await sql.transaction(async (tx) => {
        await store.insertPayment(tx, payment('sp_taken'));
        await store.insertRefund(tx, refund('sr_1', { amountMinor: bigMinor }));
        await store.insertRefund(tx, refund('sr_2', { amountMinor: 20n }));
        await store.saveRefund(tx, { ...refund('sr_2', { amountMinor: 20n }), status: 'failed', failureCode: 'x' });
        await store.insertDispute(tx, dispute('sd_1', { amountMinor: 300n }));
        await store.insertDispute(tx, dispute('sd_2', { amountMinor: 4_000n, status: 'lost' }));
        await store.insertDispute(tx, dispute('sd_3', { amountMinor: 50_000n, status: 'won' }));
        expect(await store.takenMinor(tx, 'sp_taken')).toBe(bigMinor + 4_300n);
      });
      expect(await store.findRefund(sql, 'sr_2')).toMatchObject({ status: 'failed', failureCode: 'x' });
    });

    keepsDisputesAndMandates(open);
    deliversAndReports(open);
  });
}

function keepsDisputesAndMandates(open: Opened): void {
  it('keeps captures, refunds, disputes and mandates as they are saved, and takes them when they are due', async () => {
    const { sandbox: store, sql } = await open();
    const capture = { id: 'sc_1', paymentId: 'sp_life', amountMinor: 5n, status: 'failed', failureCode: 'no' } as const;
    const due = refund('sr_due', { paymentId: 'sp_life', settlesAtMs: nowMs });
    const closing = dispute('sd_due', { paymentId: 'sp_life', status: 'challenged', closesAtMs: nowMs });
    const mandate: SandboxMandate = {
      id: 'sm_1',
      provider,
      token: 'tok_ok',
      method: 'upi',
      umn: 'UMN1@sandbox',
      currency: 'INR',
      amountMaxMinor: bigMinor,
      status: 'pending',
      settlesAtMs: nowMs,
      createdAtMs: nowMs,
    };
    await sql.transaction(async (tx) => {
      await store.insertPayment(tx, payment('sp_life', { disputesAtMs: nowMs }));
      await store.insertCapture(tx, capture);
      await store.insertRefund(tx, due);
      await store.insertDispute(tx, closing);
      expect(await store.insertMandate(tx, mandate)).toBe(true);
      expect(await store.insertMandate(tx, mandate)).toBe(false);
      expect((await store.takeDisputing(tx, provider, nowMs, 5)).map(({ id }) => id)).toEqual(['sp_life']);
      expect(await store.takeSettlingRefunds(tx, provider, nowMs, 5)).toEqual([due]);
      expect(await store.takeClosingDisputes(tx, provider, nowMs, 5)).toEqual([closing]);
      expect(await store.takeSettlingMandates(tx, provider, nowMs, 5)).toEqual([mandate]);
      await store.saveDispute(tx, { ...closing, status: 'won', evidence: 'é', closesAtMs: undefined });
      await store.saveMandate(tx, { ...mandate, status: 'active', settlesAtMs: undefined });
    });
    expect(await store.findCapture(sql, 'sc_1')).toEqual(capture);
    expect(await store.findCapture(sql, 'sc_none')).toBeUndefined();
    expect(await store.findDispute(sql, 'sd_due')).toMatchObject({ status: 'won', evidence: 'é' });
    expect(await sql.transaction((tx) => store.lockDispute(tx, 'sd_none'))).toBeUndefined();
    expect(await store.findMandate(sql, 'sm_1')).toEqual({ ...mandate, status: 'active', settlesAtMs: undefined });
    expect(await sql.transaction((tx) => store.lockMandate(tx, 'sm_1'))).toMatchObject({ status: 'active' });
    await store.keepNotice(sql, { paymentId: 'sp_n', mandateId: 'sm_1', toldAtMs: nowMs, chargeAtMs: nowMs + 1 });
    await store.keepNotice(sql, { paymentId: 'sp_n', mandateId: 'sm_1', toldAtMs: nowMs + 7, chargeAtMs: nowMs + 8 });
    expect(await store.findNotice(sql, 'sp_n')).toMatchObject({ toldAtMs: nowMs, chargeAtMs: nowMs + 1 });
  });
}

function deliversAndReports(open: Opened): void {
  it('hands a delivery to one taker, again after its lease, and not when it was dropped', async () => {
    const { sandbox: store, sql } = await open();
    const name = 'contract_deliveries';
    await store.queueDelivery(sql, name, 'whk_1', '{"é":1}', nowMs);
    const take = (atMs: number) => store.takeDeliveries(sql, name, atMs, atMs + 10, 5);
    const takers = (await Promise.all([take(nowMs), take(nowMs), take(nowMs)])).flat();
    expect(takers).toMatchObject([{ eventId: 'whk_1', body: '{"é":1}', tries: 1 }]);
    expect(await take(nowMs + 9)).toEqual([]);
    const [again] = await take(nowMs + 10);
    expect(again?.tries).toBe(2);
    await store.postponeDelivery(sql, again?.id ?? 0n, nowMs + 50);
    expect(await store.nextDueMs(sql, name)).toBe(nowMs + 50);
    await store.dropDelivery(sql, again?.id ?? 0n);
    expect(await take(nowMs + 99)).toEqual([]);
  });

  it('puts a movement into the books once and into one report, whose bytes it gives back', async () => {
    const { sandbox: store, sql } = await open();
    const name = 'contract_reports';
    const movement = (providerReference: string, atMs: number) =>
      ({
        kind: 'refund',
        provider: name,
        providerReference,
        merchantReference: 'rfd_1',
        currency: 'INR',
        grossMinor: -bigMinor,
        feeMinor: 1n,
        taxMinor: 2n,
        atMs,
      }) as const;
    for (const each of [movement('m1', nowMs), movement('m1', nowMs), movement('m2', nowMs + 5)])
      await store.addMovement(sql, each);
    expect(await store.firstMovementMs(sql, name)).toBe(nowMs);
    await sql.transaction(async (tx) => {
      const taken = await store.takeMovements(tx, name, nowMs + 5, 10);
      expect(taken).toMatchObject([movement('m1', nowMs)]);
      await store.setReported(
        tx,
        taken.map(({ id }) => id),
        'r_2',
      );
      await store.insertReport(tx, { provider: name, name: 'r_2', content: 'é\n', madeAtMs: nowMs });
      await store.insertReport(tx, { provider: name, name: 'r_1', content: '', madeAtMs: nowMs });
    });
    expect(await store.firstMovementMs(sql, name)).toBe(nowMs + 5);
    expect(await store.listReports(sql, name, '', 5)).toMatchObject([
      { name: 'r_1', sizeBytes: 0 },
      { name: 'r_2', sizeBytes: 3, madeAtMs: nowMs },
    ]);
    expect(await store.listReports(sql, name, 'r_1', 5)).toMatchObject([{ name: 'r_2' }]);
    expect(await store.readReport(sql, name, 'r_2')).toBe('é\n');
    expect(await store.readReport(sql, 'another', 'r_2')).toBeUndefined();
  });
}
