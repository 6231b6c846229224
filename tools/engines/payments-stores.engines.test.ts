/**
 * The payments' stores do the same on PostgreSQL and on MariaDB: one life of payments is lived on both, step by step, and
 * every answer of the one is compared with the answer of the other. Every method of every port is called.
 */
import { migrateService, prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import { type Sql, type SqlDialect, SqlFault, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { expect, it } from 'vitest';
import { type PaymentsStores, paymentsMigrations, paymentsStores } from '../../services/payments/src/adapters.ts';
import type { Capture } from '../../services/payments/src/capture.ts';
import type { Dispute } from '../../services/payments/src/dispute.ts';
import type { Increment } from '../../services/payments/src/increment.ts';
import type { Mandate } from '../../services/payments/src/mandate.ts';
import type { Attempt, Intent } from '../../services/payments/src/payment.ts';
import type { Refund } from '../../services/payments/src/refund.ts';
import type { SandboxPayment } from '../../services/payments/src/sandbox-store.ts';

const now = 1_700_000_000_123;
const big = 9_007_199_254_740_993n;

interface Life {
  readonly sql: Sql;
  readonly stores: PaymentsStores;
  readonly called: Set<string>;
  /** Does a step in a transaction and keeps its answer, or the kind of its fault. */
  step(name: string, work: (tx: SqlTransaction) => Promise<unknown>): Promise<void>;
}

const intent: Intent = {
  orderId: 'ord_1',
  buyerId: 'usr_1',
  orderNumber: 'SU-1',
  currency: 'INR',
  amountMinor: big,
  status: 'open',
  capturedAttemptId: '',
  capturedMinor: 0n,
  captureMethod: 'manual',
};

const attempt = (id: string, change: Partial<Attempt> = {}): Attempt => ({
  id,
  orderId: 'ord_1',
  status: 'processing',
  method: 'card',
  provider: 'sandbox',
  currency: 'INR',
  amountMinor: big,
  captureMethod: 'manual',
  reference: '',
  capturedMinor: 0n,
  providerCode: '',
  mandateId: '',
  tryNumber: 0,
  createdAtMs: now,
  movedAtMs: now,
  ...change,
});

const capture: Capture = {
  id: 'cap_1',
  orderId: 'ord_1',
  attemptId: 'pay_1',
  currency: 'INR',
  amountMinor: 500n,
  final: false,
  status: 'pending',
  failureCode: '',
  createdAtMs: now,
};

const refund = (id: string, change: Partial<Refund> = {}): Refund => ({
  id,
  orderId: 'ord_1',
  attemptId: 'pay_1',
  kind: 'requested',
  currency: 'INR',
  amountMinor: 10n,
  status: 'pending',
  failureCode: '',
  reference: '',
  createdAtMs: now,
  ...change,
});

const dispute: Dispute = {
  id: 'dsp_1',
  orderId: 'ord_1',
  attemptId: 'pay_1',
  provider: 'sandbox',
  reference: 'pd_1',
  stage: 'dispute',
  status: 'opened',
  currency: 'INR',
  amountMinor: 40n,
  feeMinor: 5n,
  reason: 'fraudulent',
  evidence: '',
  pending: '',
  evidenceDueAtMs: now + 5,
  openedAtMs: now,
};

const action = { type: 'upi_intent', url: '', uri: "upi://pay?pa='x'", expiresAtMs: now + 1 } as const;

async function liveOfPayment({ stores: { store: s }, sql, step }: Life): Promise<void> {
  await step('open', (tx) => s.openIntent(tx, intent, now));
  await step('open again', (tx) => s.openIntent(tx, { ...intent, buyerId: 'usr_2', amountMinor: 1n }, now));
  await step('find intent', async () => [await s.findIntent(sql, 'ord_1'), await s.findIntent(sql, 'none')]);
  await step('revise intent', async (tx) => {
    await s.reviseIntent(tx, 'ord_1', 1n);
    const revised = await s.findIntent(tx, 'ord_1');
    await s.reviseIntent(tx, 'ord_1', intent.amountMinor);
    return [revised, await s.lockIntent(tx, 'ord_1')];
  });
  const held = attempt('pay_1', {
    status: 'requires_capture',
    action,
    reference: 'pp_1',
    capturableUntilMs: now + 9,
    feeMinor: 3n,
    providerCode: 'ok',
  });
  await step('insert attempt', (tx) => s.insertAttempt(tx, attempt('pay_1'), now + 1));
  await step('a second live one', (tx) => s.insertAttempt(tx, attempt('pay_2'), undefined));
  await step('due', () => s.takeDueAttempts(sql, now + 1, now + 100, 10));
  await step('due again', () => s.takeDueAttempts(sql, now + 1, now + 100, 10));
  await step('lock of attempt', (tx) => s.lockIntentOfAttempt(tx, 'pay_1'));
  await step('save attempt', (tx) => s.saveAttempt(tx, held, now + 2, 'answer'));
  await step('facts', (tx) => s.saveFacts(tx, { ...held, feeMinor: undefined }));
  await step('sync due', () => s.setSyncDue(sql, 'pay_1', now + 3));
  await step('found', async () => [await s.findAttempt(sql, 'pay_1'), await s.liveAttempt(sql, 'ord_1')]);
  await step('by reference', () => s.findAttemptByReference(sql, 'sandbox', 'pp_1'));
  await step('charge', (tx) =>
    s.insertAttempt(
      tx,
      attempt('pay_3', { mandateId: 'mnd_1', tryNumber: 1, status: 'failed', createdAtMs: now + 1 }),
      undefined,
    ),
  );
  await step('charge twice', (tx) =>
    s.insertAttempt(tx, attempt('pay_4', { mandateId: 'mnd_1', tryNumber: 1, status: 'failed' }), undefined),
  );
  await step('find charge', () => s.findCharge(sql, 'ord_1', 1));
  await step('captured', (tx) =>
    s.saveAttempt(tx, { ...held, status: 'succeeded', capturedMinor: big }, undefined, 'webhook'),
  );
  await step('captured twice', (tx) => s.saveAttempt(tx, attempt('pay_3', { status: 'succeeded' }), undefined, 'sync'));
  await step('save intent', (tx) =>
    s.saveIntent(tx, { ...intent, status: 'captured', capturedAttemptId: 'pay_1', capturedMinor: big }),
  );
  await step('history', () => s.historyOf(sql, 'pay_1'));
}

async function raisesOfPayment({ stores: { store: s }, sql, step }: Life): Promise<void> {
  const raise: Increment = {
    ...{ id: 'inc_1', orderId: 'ord_1', attemptId: 'pay_1', currency: 'INR', fromMinor: 1n, toMinor: big },
    ...{ status: 'pending', failureCode: '', createdAtMs: now },
  };
  await step('raise', (tx) => s.insertIncrement(tx, raise, now));
  await step('a second pending one', (tx) => s.insertIncrement(tx, { ...raise, id: 'inc_2' }, now));
  await step('raises due', () => s.takeDueIncrements(sql, now, now + 50, 5));
  await step('raise due', () => s.setIncrementDue(sql, 'inc_1', now + 1));
  await step('raise kept', async () => [await s.findIncrement(sql, 'inc_1'), await s.findIncrement(sql, 'none')]);
  await step('raise saved', (tx) =>
    s.saveIncrement(tx, { ...raise, status: 'failed', failureCode: 'no', settledAtMs: now + 1 }, 'answer'),
  );
  await step('raises', () => s.incrementsOf(sql, 'pay_1'));
}

async function unconfirmedOfPayment({ stores: { store: s }, sql, step }: Life): Promise<void> {
  const orderId = 'ord_unconfirmed';
  const method = { provider: '', confirmByMs: now + 5, sealedMethod: 'sealed' };
  const waiting = attempt('pay_waits', { ...method, orderId, status: 'requires_confirmation' });
  await step('open unconfirmed', (tx) => s.openIntent(tx, { ...intent, orderId }, now));
  await step('unconfirmed', (tx) => s.insertAttempt(tx, waiting, undefined));
  await step('beside unconfirmed', (tx) => s.insertAttempt(tx, attempt('pay_beside', { orderId }), undefined));
  await step('unconfirmed live', async () => [
    await s.liveAttempt(sql, orderId),
    await s.viewAttempt(sql, 'pay_waits'),
  ]);
  const said = { incrementable: true, capturableMaxMinor: big };
  await step('confirmed', (tx) =>
    s.saveAttempt(tx, { ...waiting, ...said, status: 'failed', provider: 'sandbox' }, undefined, 'request'),
  );
  await step('confirmed kept', async () => [
    await s.findAttempt(sql, 'pay_waits'),
    await s.historyOf(sql, 'pay_waits'),
  ]);
}

async function moneyOfPayment({ stores: { store: s }, sql, step }: Life): Promise<void> {
  await step('capture', (tx) => s.insertCapture(tx, capture, now));
  await step('captures due', () => s.takeDueCaptures(sql, now, now + 50, 5));
  await step('capture sums', (tx) => s.captureSums(tx, 'pay_1'));
  await step('capture due', () => s.setCaptureDue(sql, 'cap_1', now + 1));
  await step('capture saved', (tx) =>
    s.saveCapture(tx, { ...capture, status: 'succeeded', final: true, settledAtMs: now }, 'answer'),
  );
  await step('capture kept', async () => s.findCapture(sql, 'cap_1'));
  await step('final sums', (tx) => s.captureSums(tx, 'pay_1'));
  const release = { id: 'rel_1', orderId: 'ord_1', attemptId: 'pay_1', createdAtMs: now };
  await step('release', (tx) => s.insertRelease(tx, release, now));
  await step('release twice', (tx) => s.insertRelease(tx, { ...release, id: 'rel_2' }, now));
  await step('releases due', () => s.takeDueReleases(sql, now, now + 7, 5));
  await step('release done', () => s.setReleaseDue(sql, 'rel_1', undefined, now));
  await step('refunds', async (tx) => {
    const late = refund('rfd_late', { kind: 'late' });
    return [
      await s.insertRefund(tx, refund('rfd_1'), now),
      await s.insertRefund(tx, refund('rfd_2', { createdAtMs: now + 1 }), now + 9),
      await s.insertRefund(tx, late, now + 9),
      await s.insertRefund(tx, { ...late, id: 'rfd_late2' }, now + 9),
    ];
  });
  await step('refund of a known id', (tx) => s.insertRefund(tx, refund('rfd_1'), now));
  await step('refunds due', () => s.takeDueRefunds(sql, now, now + 70, 5));
  await step('sent', async () => [
    await s.markRefundSent(sql, 'rfd_1', now),
    await s.markRefundSent(sql, 'rfd_1', now + 5),
  ]);
  await step('reference', () => s.setRefundReference(sql, 'rfd_1', 'pr_1'));
  await step('refund found', async () => [
    await s.findRefund(sql, 'rfd_1'),
    await s.findRefundByReference(sql, 'sandbox', 'pr_1'),
  ]);
  await step('refund failed', (tx) =>
    s.saveRefund(tx, refund('rfd_2', { status: 'failed', failureCode: 'x', settledAtMs: now }), 'answer'),
  );
  await step('refund due', () => s.setRefundDue(sql, 'rfd_1', now + 3));
  await step('refunds of', () => s.refundsOfAttempt(sql, 'pay_1', 10));
  await step('dispute', (tx) => s.insertDispute(tx, dispute, now));
  await step('dispute twice', (tx) => s.insertDispute(tx, { ...dispute, id: 'dsp_2' }, now));
  await step('its next stage', (tx) =>
    s.insertDispute(tx, { ...dispute, id: 'dsp_3', stage: 'pre_arbitration', openedAtMs: now + 4 }, undefined),
  );
  await step('claimed', (tx) => s.claimed(tx, 'ord_1'));
  await step('disputes due', () => s.takeDueDisputes(sql, now, now + 30, 5));
  await step('dispute won', (tx) =>
    s.saveDispute(tx, { ...dispute, status: 'won', evidence: 'é', closedAtMs: now }, undefined, 'webhook', now),
  );
  await step('dispute same', (tx) =>
    s.saveDispute(tx, { ...dispute, status: 'won', closedAtMs: now }, now, 'webhook', now),
  );
  await step('dispute due', () => s.setDisputeDue(sql, 'dsp_3', now + 2));
  await step('disputes', async () => [
    await s.findDispute(sql, 'dsp_1'),
    await s.findDisputeByReference(sql, 'sandbox', 'pd_1', 'dispute'),
    await s.listDisputes(sql, {}, undefined, 1),
    await s.listDisputes(sql, { status: 'won', orderId: 'ord_1' }, undefined, 5),
    await s.listDisputes(sql, {}, { atMs: now + 4, id: 'dsp_3' }, 5),
    await s.historyOf(sql, 'dsp_1'),
  ]);
  await step('refunds', async () => [
    await s.listRefunds(sql, {}, undefined, 1),
    await s.listRefunds(sql, { status: 'failed' }, undefined, 5),
    await s.listRefunds(sql, { status: 'pending', orderId: 'ord_1' }, { atMs: now + 1, id: '' }, 5),
  ]);
  await step('claimed again', (tx) => s.claimed(tx, 'ord_1'));
  await step('views', async () => [
    await s.viewAttempt(sql, 'pay_1'),
    await s.viewAttempts(sql, 'ord_1', undefined, 1),
    await s.viewAttempts(sql, 'ord_1', { createdAtMs: now + 1, id: 'pay_3' }, 5),
  ]);
}

async function restOfPayments({ stores: { store: s }, sql, step }: Life): Promise<void> {
  const raised = {
    id: 'att_1',
    orderId: 'ord_1',
    attemptId: 'pay_1',
    subjectId: 'rfd_1',
    because: 'gave_up',
    sinceMs: now,
    closedBy: '',
    note: '',
  };
  await step('attention', (tx) => s.raiseAttention(tx, raised));
  await step('attention again', (tx) => s.raiseAttention(tx, { ...raised, id: 'att_2', sinceMs: now + 5 }));
  await step('attention listed', () => s.listAttention(sql, false, undefined, 5));
  await step('attention closed', () => s.closeAttention(sql, 'att_1', 'usr_f', 'seen', now + 6));
  await step('attention opened', (tx) => s.raiseAttention(tx, { ...raised, id: 'att_3', sinceMs: now + 9 }));
  await step('attentions', async () => [
    await s.listAttention(sql, true, undefined, 5),
    await s.listAttention(sql, false, { atMs: now, id: '' }, 5),
  ]);
  const webhook = { provider: 'sandbox', eventId: 'evt_1', body: Buffer.from([0, 255, 39]) };
  await step('webhook', async () => [await s.keepWebhook(sql, webhook, now), await s.keepWebhook(sql, webhook, now)]);
  await step('webhook due', (tx) => s.takeDueWebhook(tx, now));
  await step('webhook later', () => s.postponeWebhook(sql, { ...webhook, tries: 0 }, now + 10));
  await step('webhook not yet', (tx) => s.takeDueWebhook(tx, now));
  await step('next', () => s.nextDueMs(sql));
  await step('webhook closed', (tx) => s.closeWebhook(tx, { ...webhook, tries: 1 }, 'applied'));
  await step('webhooks pruned', async () => [
    await s.pruneWebhooks(sql, now, 5),
    await s.pruneWebhooks(sql, now + 1, 5),
  ]);
  const report = { name: '2026-01-01', format: 'settlement_csv', sizeBytes: 12, madeAtMs: now } as const;
  await step('report', async () => [
    await s.keepReport(sql, 'sandbox', report),
    await s.keepReport(sql, 'sandbox', report),
  ]);
  await step('reports', async () => [
    await s.lastReport(sql, 'sandbox'),
    await s.lastReport(sql, 'other'),
    await s.listReports(sql, 0n, 5),
    await s.findReport(sql, 1n),
  ]);
  await step('next of all', () => s.nextDueMs(sql));
}

const mandate: Mandate = {
  id: 'mnd_1',
  buyerId: 'usr_1',
  provider: 'sandbox',
  reference: '',
  method: 'upi',
  umn: '',
  currency: 'INR',
  amountMaxMinor: big,
  status: 'pending',
  failureCode: '',
  createdAtMs: now,
  movedAtMs: now,
};

async function mandatesRiskRouting({ stores: { mandates: m, risk: r, routing: o }, sql, step }: Life): Promise<void> {
  await step('mandate', (tx) => m.insert(tx, mandate, now));
  await step('mandate due', () => m.takeDue(sql, now, now + 5, 5));
  const active = {
    ...mandate,
    status: 'active',
    reference: 'pm_1',
    umn: 'x@y',
    action,
    pending: { kind: 'modify', amountMaxMinor: big },
  } as const;
  await step('mandate saved', (tx) => m.save(tx, active, now + 1, 'answer'));
  await step('mandates', async (tx) => [
    await m.lock(tx, 'mnd_1'),
    await m.find(sql, 'none'),
    await m.findByReference(sql, 'sandbox', 'pm_1'),
  ]);
  await step('mandates listed', async () => [
    await m.list(sql, 'usr_1', undefined, 5),
    await m.list(sql, 'usr_1', { atMs: now, id: 'mnd_1' }, 5),
    await m.countLive(sql, 'usr_1'),
  ]);
  await step('mandate not due', () => m.setDue(sql, 'mnd_1', undefined));
  await step('rules', () => r.rules(sql));
  const rule = {
    name: 'mine',
    enabled: true,
    dimension: 'device',
    counted: 'attempts',
    countMax: 1,
    windowSeconds: 5,
    amountAtLeastMinor: big,
    outcome: 'block',
  } as const;
  await step('rule put', async () => [await r.putRule(sql, rule), await r.putRule(sql, { ...rule, enabled: false })]);
  await step('rule gone', async () => [
    await r.rules(sql),
    await r.deleteRule(sql, 'mine'),
    await r.deleteRule(sql, 'mine'),
  ]);
  const block = {
    id: 'blk_1',
    dimension: 'customer',
    valueHash: 'h1',
    reason: 'x',
    createdAtMs: now,
    untilMs: now + 10,
  } as const;
  await step('blocks', async () => [
    await r.addBlock(sql, block),
    await r.listBlocks(sql, undefined, 5),
    await r.blocksOf(sql, { customer: 'h1', device: 'h2' }, now),
    await r.blocksOf(sql, { customer: 'h1' }, now + 11),
    await r.blocksOf(sql, {}, now),
    await r.removeBlock(sql, 'blk_1'),
  ]);
  const paid = { currency: 'INR', amountMinor: 9_007_199_254_740_993n };
  await step('signals', async (tx) => [
    await r.keepSignals(tx, 'pay_1', { customer: 'h1', address: 'h3' }, paid, now),
    await r.keepSignals(tx, 'pay_1', { customer: 'h9' }, paid, now),
    await r.counts(tx, [{ dimension: 'customer', valueHash: 'h1', counted: 'attempts', sinceMs: now }]),
    await r.counts(tx, [
      {
        ...{ dimension: 'customer', valueHash: 'h1', counted: 'attempts', sinceMs: now },
        distinct: { dimension: 'address', butHash: 'h4' },
      },
    ]),
    await r.amounts(tx, 'h1', 'INR', 5),
    await r.markFailed(tx, 'pay_1'),
    await r.counts(tx, [{ dimension: 'customer', valueHash: 'h1', counted: 'failures', sinceMs: now }]),
    await r.signalsOf(tx, 'pay_1'),
  ]);
  await step('signals pruned', async () => [await r.pruneSignals(sql, now, 5), await r.pruneSignals(sql, now + 1, 5)]);
  const finding = { rule: 'mine', dimension: 'customer', count: 3, outcome: 'block' } as const;
  await step('risk decided', () =>
    r.keepDecision(sql, {
      id: 'rsk_1',
      orderId: 'ord_1',
      attemptId: 'pay_1',
      outcome: 'block',
      findings: [finding],
      score: 7,
      scoringVersion: 1,
      contributions: [{ factor: 'f', key: 'amount INR', measured: '1', points: 7 }],
      atMs: now,
    }),
  );
  const scoring = { version: 1, factors: [], challengeFrom: 0, reviewFrom: 50, blockFrom: 90, setAtMs: now };
  await step('scoring', async () => [
    await r.scoring(sql),
    await r.putScoring(sql, scoring, 'usr_f'),
    await r.putScoring(sql, scoring, 'usr_g'),
    await r.scoring(sql),
    await r.judgements(sql, 5),
  ]);
  await step('risk decisions', async () => [
    await r.listDecisions(sql, {}, undefined, 5),
    await r.listDecisions(sql, { outcome: 'allow' }, undefined, 5),
    await r.listDecisions(sql, { orderId: 'ord_1' }, { atMs: now, id: 'rsk_1' }, 5),
  ]);
  const rules = {
    version: 1,
    rules: [],
    fallback: ['sandbox'],
    triesMax: 2,
    explorationPercent: 5,
    eliminationBelowPercent: 50,
    setAtMs: now,
  };
  await step('routing', async () => [
    await o.rules(sql),
    await o.putRules(sql, rules, 'usr_f'),
    await o.putRules(sql, rules, 'usr_f'),
    await o.rules(sql),
    await o.rates(sql, [{ provider: 'sandbox', method: 'card' }], now, 10),
  ]);
  await step('routed', () =>
    o.keepDecision(sql, {
      id: 'rtd_1',
      orderId: 'ord_1',
      attemptId: 'pay_1',
      tryNumber: 1,
      provider: 'sandbox',
      rule: 'r',
      because: 'fixed',
      candidates: ['sandbox'],
      rates: [{ provider: 'sandbox', succeeded: 1, failed: 2 }],
      leftOut: [],
      rulesVersion: 1,
      atMs: now,
    }),
  );
  await step('routings', async () => [
    await o.listDecisions(sql, undefined, undefined, 5),
    await o.listDecisions(sql, 'ord_1', { atMs: now, id: 'rtd_1' }, 5),
  ]);
}

const sandboxPayment: SandboxPayment = {
  id: 'pay_1',
  provider: 'sandbox',
  reference: 'pp_1',
  token: 'tok',
  method: 'card',
  currency: 'INR',
  amountMinor: big,
  capture: 'automatic',
  status: 'processing',
  failureCode: '',
  action,
  capturedMinor: 0n,
  deemed: true,
  settlesAtMs: now + 1,
  settlesTo: 'succeeded',
  disputesAtMs: now + 2,
  createdAtMs: now,
};

async function sandboxLife({ stores: { sandbox: x }, sql, step }: Life): Promise<void> {
  await step('sandbox pays', async (tx) => [
    await x.insertPayment(tx, sandboxPayment),
    await x.insertPayment(tx, sandboxPayment),
  ]);
  await step('sandbox due', async (tx) => [
    await x.takeSettling(tx, 'sandbox', now, 5),
    await x.takeSettling(tx, 'sandbox', now + 1, 5),
    await x.takeDisputing(tx, 'sandbox', now + 2, 5),
  ]);
  await step('sandbox saves', (tx) =>
    x.savePayment(tx, { ...sandboxPayment, status: 'succeeded', capturedMinor: big, action: undefined, deemed: false }),
  );
  await step('sandbox payment', async (tx) => [await x.lockPayment(tx, 'pay_1'), await x.findPayment(sql, 'none')]);
  await step('sandbox raises', async (tx) => [
    await x.insertIncrement(tx, { id: 'inc_1', paymentId: 'pay_1', toMinor: big, failureCode: '' }),
    await x.findIncrement(tx, 'inc_1'),
    await x.findIncrement(tx, 'none'),
  ]);
  await step('sandbox captures', async (tx) => [
    await x.insertCapture(tx, {
      id: 'cap_1',
      paymentId: 'pay_1',
      amountMinor: 5n,
      status: 'succeeded',
      failureCode: '',
    }),
    await x.findCapture(tx, 'cap_1'),
  ]);
  const back = {
    id: 'rfd_1',
    provider: 'sandbox',
    paymentId: 'pay_1',
    amountMinor: 7n,
    status: 'pending',
    failureCode: '',
    settlesAtMs: now,
    settlesTo: 'succeeded',
    told: false,
  } as const;
  await step('sandbox refunds', async (tx) => [
    await x.insertRefund(tx, back),
    await x.takeSettlingRefunds(tx, 'sandbox', now, 5),
    await x.saveRefund(tx, { ...back, status: 'succeeded', settlesAtMs: undefined }),
    await x.findRefund(tx, 'rfd_1'),
  ]);
  const open = {
    reference: 'pd_1',
    provider: 'sandbox',
    paymentId: 'pay_1',
    stage: 'dispute',
    currency: 'INR',
    amountMinor: 9n,
    feeMinor: 1n,
    reason: 'r',
    status: 'opened',
    evidence: '',
    evidenceDueAtMs: now,
    closesAtMs: now,
    closesTo: 'won',
  } as const;
  await step('sandbox disputes', async (tx) => [
    await x.insertDispute(tx, open),
    await x.takenMinor(tx, 'pay_1'),
    await x.takeClosingDisputes(tx, 'sandbox', now, 5),
    await x.saveDispute(tx, { ...open, status: 'challenged', evidence: 'e' }),
    await x.lockDispute(tx, 'pd_1'),
    await x.findDispute(tx, 'none'),
  ]);
  const allowed = {
    id: 'mnd_1',
    provider: 'sandbox',
    token: 't',
    method: 'upi',
    umn: 'u',
    currency: 'INR',
    amountMaxMinor: big,
    status: 'pending',
    action,
    settlesAtMs: now,
    createdAtMs: now,
  } as const;
  await step('sandbox mandates', async (tx) => [
    await x.insertMandate(tx, allowed),
    await x.insertMandate(tx, allowed),
    await x.takeSettlingMandates(tx, 'sandbox', now, 5),
    await x.saveMandate(tx, { ...allowed, status: 'active', action: undefined }),
    await x.lockMandate(tx, 'mnd_1'),
    await x.findMandate(tx, 'none'),
  ]);
  const notice = { paymentId: 'pay_9', mandateId: 'mnd_1', toldAtMs: now, chargeAtMs: now + 1 };
  await step('sandbox notices', async () => [
    await x.keepNotice(sql, notice),
    await x.keepNotice(sql, { ...notice, toldAtMs: now + 5 }),
    await x.findNotice(sql, 'pay_9'),
  ]);
  await step('sandbox tells', async (tx) => [
    await x.queueDelivery(tx, 'sandbox', 'evt_1', '{}', now),
    await x.queueDelivery(tx, 'sandbox', 'evt_2', '{"é":1}', now),
  ]);
  await step('sandbox delivers', () => x.takeDeliveries(sql, 'sandbox', now, now + 9, 5));
  await step('sandbox delivered', async () => [
    await x.dropDelivery(sql, 1n),
    await x.postponeDelivery(sql, 2n, now),
    await x.takeDeliveries(sql, 'sandbox', now, now + 9, 5),
    await x.takeDeliveries(sql, 'other', now, now + 9, 5),
  ]);
  const moved = {
    kind: 'capture',
    provider: 'sandbox',
    providerReference: 'm1',
    merchantReference: 'pay_1',
    currency: 'INR',
    grossMinor: -big,
    feeMinor: 1n,
    taxMinor: 2n,
    atMs: now,
  } as const;
  await step('sandbox moves', async (tx) => [
    await x.addMovement(tx, moved),
    await x.addMovement(tx, moved),
    await x.firstMovementMs(tx, 'sandbox'),
    await x.takeMovements(tx, 'sandbox', now + 1, 5),
  ]);
  await step('sandbox reports', async (tx) => [
    await x.setReported(tx, [1n], 'r1'),
    await x.setReported(tx, [], 'r2'),
    await x.insertReport(tx, { provider: 'sandbox', name: 'r1', content: 'é\n', madeAtMs: now }),
    await x.listReports(tx, 'sandbox', '', 5),
    await x.readReport(tx, 'sandbox', 'r1'),
    await x.readReport(tx, 'sandbox', 'r2'),
    await x.firstMovementMs(tx, 'sandbox'),
  ]);
  await step('sandbox next', async () => [await x.nextDueMs(sql, 'sandbox'), await x.nextDueMs(sql, 'other')]);
}

/** Lives the life on one engine; gives its answers and the methods that were called. */
async function liveOn(
  dialect: SqlDialect,
): Promise<{ answers: [string, unknown][]; called: Set<string>; all: string[] }> {
  const sql = await openTestSql(await freshDatabaseUrl(dialect));
  await prepareServiceDatabase(sql);
  await migrateService(sql, { name: 'payments', migrations: paymentsMigrations });
  const called = new Set<string>();
  const plain = paymentsStores(sql);
  const stores = Object.fromEntries(Object.entries(plain).map(([port, store]) => [port, noting(port, store, called)]));
  const answers: [string, unknown][] = [];
  const step: Life['step'] = async (name, work) => {
    const answer = await sql.transaction(work).catch((error: unknown) => {
      if (error instanceof SqlFault)
        return { fault: error.kind, message: ['unique'].includes(error.kind) ? '' : error.message };
      throw error;
    });
    answers.push([name, answer]);
  };
  const life: Life = { sql, stores: stores as unknown as PaymentsStores, called, step };
  const parts = [liveOfPayment, moneyOfPayment, raisesOfPayment, unconfirmedOfPayment];
  for (const part of [...parts, restOfPayments, mandatesRiskRouting, sandboxLife]) await part(life);
  await sql.close();
  const all = Object.entries(plain).flatMap(([port, store]) => Object.keys(store).map((method) => `${port}.${method}`));
  return { answers, called, all };
}

function noting<T extends object>(port: string, store: T, called: Set<string>): T {
  return new Proxy(store, {
    get: (target, method, receiver) => {
      called.add(`${port}.${String(method)}`);
      return Reflect.get(target, method, receiver);
    },
  });
}

it('lives one life of payments with the same answers on PostgreSQL and on MariaDB, every method of every port included', async () => {
  const [postgres, mysql] = [await liveOn('postgres'), await liveOn('mysql')];
  for (const [index, answer] of postgres.answers.entries()) expect(mysql.answers[index]).toEqual(answer);
  expect(mysql.all.filter((method) => !mysql.called.has(method))).toEqual([]);
  expect(mysql.all.toSorted()).toEqual(postgres.all.toSorted());
});
