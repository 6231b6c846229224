/** What we expect of providers and the bank: written when a fact is heard, discharged by a line, a break when it is late. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
  PaymentSucceededSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import type { Applied, EventHandler } from '@suuupra/platform/service';
import { on } from '@suuupra/platform/service';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { hashId } from '../payouts/hash-id.ts';
import type { Desk } from './desk.ts';
import { referenceKey, references, type Side } from './file-item.ts';

export interface ExpectationToWrite {
  readonly side: Side;
  readonly kind: string;
  readonly currency: string;
  /** Positive when it is money to us. */
  readonly amountMinor: bigint;
  /** What the provider said it will keep; undefined when it has not. */
  readonly feeMinor?: bigint | undefined;
  /** The most telling first: it is also what makes the expectation one and the same. */
  readonly references: readonly string[];
  /** The payment that it is of, where it is of one. */
  readonly paymentId?: string;
  readonly expectedAtMs: number;
}

const dayMs = 24 * 60 * 60 * 1_000;
/** Providers settle within a few working days, banks show a transfer within two. */
const dueAfterDays: Readonly<Record<Side, number>> = { provider: 5, bank: 3 };

/** Expects money, once for each side, kind and first reference. Call `nudge` after the commit. */
export async function expectMoney(tx: SqlTransaction, expectation: ExpectationToWrite): Promise<void> {
  const refs = references(...expectation.references);
  const [first = ''] = refs;
  if (expectation.amountMinor === 0n) return;
  await tx.execute(
    `INSERT INTO expectations (id, side, kind, currency, amount_minor, fee_minor, refs, keys, expected_at, due_at, payment_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING`,
    [
      hashId('exp', expectation.side, expectation.kind, expectation.currency, first),
      ...[expectation.side, expectation.kind, expectation.currency, expectation.amountMinor],
      ...[expectation.feeMinor ?? null, refs, refs.map(referenceKey).filter((key) => key !== '')],
      new Date(expectation.expectedAtMs),
      new Date(expectation.expectedAtMs + dueAfterDays[expectation.side] * dayMs),
      expectation.paymentId ?? '',
    ],
  );
}

interface Sum {
  readonly currency: string;
  readonly amountMinor: bigint;
}

/** The handlers of payments' facts. */
export function expectationHandlers(desk: Desk): EventHandler[] {
  const expect = async (
    { tx, envelope }: Pick<Applied<typeof PaymentSucceededSchema>, 'tx' | 'envelope'>,
    amount: Sum | undefined,
    rest: Omit<ExpectationToWrite, 'side' | 'currency' | 'amountMinor' | 'expectedAtMs'> & {
      sign: 1n | -1n;
      at?: Date | undefined;
    },
  ) => {
    if (amount === undefined) return;
    const { sign, at, ...given } = rest;
    const expectedAtMs = at?.getTime() ?? (envelope.time === undefined ? desk.world.now() : timestampMs(envelope.time));
    const { currency, amountMinor } = amount;
    await expectMoney(tx, { ...given, side: 'provider', currency, amountMinor: sign * amountMinor, expectedAtMs });
    tx.afterCommit(() => desk.nudge());
  };
  const dateOf = (at: Parameters<typeof timestampMs>[0] | undefined) =>
    at === undefined ? undefined : new Date(timestampMs(at));
  return [
    on(PaymentSucceededSchema, (applied) => {
      const { paymentId, orderId, amount, providerFee, succeededAt } = applied.event;
      const references = [paymentId, orderId];
      return expect(applied, amount, {
        kind: 'payment',
        references,
        paymentId,
        feeMinor: providerFee?.currency === amount?.currency ? providerFee?.amountMinor : undefined,
        sign: 1n,
        at: dateOf(succeededAt),
      });
    }),
    on(RefundSucceededSchema, (applied) => {
      const { refundId, paymentId, orderId, amount, succeededAt } = applied.event;
      return expect(applied, amount, {
        kind: 'refund',
        references: [refundId, paymentId, orderId],
        paymentId,
        sign: -1n,
        at: dateOf(succeededAt),
      });
    }),
    on(LatePaymentReceivedSchema, (applied) => {
      const { paymentId, orderId, amount } = applied.event;
      return expect(applied, amount, { kind: 'late_payment', references: [paymentId, orderId], paymentId, sign: 1n });
    }),
    on(LatePaymentReturnedSchema, (applied) => {
      const { paymentId, orderId, amount } = applied.event;
      const references = [paymentId, orderId];
      return expect(applied, amount, { kind: 'late_payment_return', references, paymentId, sign: -1n });
    }),
    on(DisputeOpenedSchema, (applied) => {
      const { disputeId, paymentId, amount, openedAt } = applied.event;
      const references = [disputeId === '' ? `dispute:${paymentId}` : disputeId, paymentId];
      return expect(applied, amount, { kind: 'dispute', references, paymentId, sign: -1n, at: dateOf(openedAt) });
    }),
    on(DisputeClosedSchema, async (applied) => {
      const { disputeId, paymentId, amount, fee, outcome, closedAt } = applied.event;
      const rest = { references: [disputeId, paymentId], paymentId, at: dateOf(closedAt) };
      if (outcome === 'won') await expect(applied, amount, { ...rest, kind: 'dispute_reversal', sign: 1n });
      await expect(applied, fee, { ...rest, kind: 'dispute_fee', sign: -1n });
    }),
  ];
}
