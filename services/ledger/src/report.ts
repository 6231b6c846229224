/** The book's values as the messages of the contract show them. Pure. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ExchangeToBookSchema } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import {
  type CurrencyBalanceSchema,
  type ExchangeSchema,
  type RevaluationSchema,
  Side,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import {
  type AccountSchema,
  AccountStatus,
  type AdjustmentSchema,
  AdjustmentStatus,
  MonitorDirection,
  type MonitorSchema,
  type PeriodSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { balancesOf } from './account-balances.ts';
import type { Adjustment, AdjustmentExchange } from './adjustment.ts';
import type { Side as NormalSide } from './chart.ts';
import type { Exchange } from './exchange.ts';
import type { AccountStanding, AccountTotals, SealedPeriod } from './reader.ts';
import type { Revaluation } from './revaluation.ts';
import { timestampOf } from './time.ts';
import { trialBalances } from './trial-balance.ts';

export const sides: Record<NormalSide, Side> = { debit: Side.DEBIT, credit: Side.CREDIT };

const statuses = { open: AccountStatus.OPEN, frozen: AccountStatus.FROZEN, closed: AccountStatus.CLOSED };
const adjustmentStatuses = {
  proposed: AdjustmentStatus.PROPOSED,
  booked: AdjustmentStatus.BOOKED,
  rejected: AdjustmentStatus.REJECTED,
};

export function currencyBalances(totals: readonly AccountTotals[]): MessageInitShape<typeof CurrencyBalanceSchema>[] {
  return trialBalances(totals).map(({ currency, debit, credit, accounts }) => ({
    currency,
    debitMinor: debit,
    creditMinor: credit,
    accounts: accounts.map(({ code, name, type, normalSide, balance }) => ({
      code,
      name,
      type,
      normalSide: sides[normalSide],
      balanceMinor: balance,
    })),
  }));
}

export function accountOf(account: AccountStanding): MessageInitShape<typeof AccountSchema> {
  const { code, currency, name, type, normalSide, status, debit, credit, pendingDebit, pendingCredit } = account;
  const { balance, available, min, max } = balancesOf(account);
  return {
    ...{ code, currency, name, type },
    normalSide: sides[normalSide],
    status: statuses[status],
    debitMinor: debit,
    creditMinor: credit,
    balanceMinor: balance,
    pendingDebitMinor: pendingDebit,
    pendingCreditMinor: pendingCredit,
    availableMinor: available,
    ...(min !== undefined && { balanceMinMinor: min }),
    ...(max !== undefined && { balanceMaxMinor: max }),
  };
}

export function periodOf(period: SealedPeriod): MessageInitShape<typeof PeriodSchema> {
  const { number, sealedBy, note, sequence } = period;
  return {
    ...{ number, sealedBy, note, sequence },
    from: timestampOf(period.fromUs),
    until: timestampOf(period.untilUs),
    sealedAt: timestampOf(period.sealedAtUs),
    chainHead: Buffer.from(period.hash).toString('hex'),
  };
}

export function adjustmentOf(adjustment: Adjustment): MessageInitShape<typeof AdjustmentSchema> {
  const { id, status, currency, reference, reason, effectiveAtUs, transfers, reversesJournalId, decision } = adjustment;
  const { exchange, revaluation } = adjustment;
  return {
    ...{ id, currency, reference, reason, reversesJournalId },
    status: adjustmentStatuses[status],
    kind: kindOf(adjustment),
    ...(effectiveAtUs !== undefined && { effectiveAt: timestampOf(effectiveAtUs) }),
    transfers: transfers.map(({ debit, credit, amount }) => ({ debit, credit, amountMinor: amount })),
    proposedBy: adjustment.proposedBy,
    proposedAt: timestampOf(adjustment.proposedAtUs),
    ...(exchange !== undefined && { exchange: exchangeAsked(exchange) }),
    ...(revaluation !== undefined && { revaluation: revaluationShown(revaluation) }),
    ...(decision !== undefined && {
      decidedBy: decision.by,
      decidedAt: timestampOf(decision.atUs),
      decisionNote: decision.note,
      journalId: decision.booked?.journalId ?? '',
      sequence: decision.booked?.sequence ?? 0n,
    }),
  };
}

function kindOf({ reversesJournalId, exchange, revaluation }: Adjustment): string {
  if (exchange !== undefined) return 'exchange_sold';
  if (revaluation !== undefined) return 'revaluation';
  return reversesJournalId === '' ? 'adjustment' : 'reversal';
}

function exchangeAsked({ from, to, rate, source }: AdjustmentExchange): MessageInitShape<typeof ExchangeToBookSchema> {
  return {
    fromAccount: from.account,
    fromMinor: from.amount,
    toAccount: to.account,
    toCurrency: to.currency,
    toMinor: to.amount,
    rate,
    source,
  };
}

/** Of an exchange's journals, for whoever reads them. */
export function exchangeShown(exchange: Exchange): MessageInitShape<typeof ExchangeSchema> {
  const { sold, bought, rate, source } = exchange;
  return {
    soldCurrency: sold.currency,
    soldMinor: sold.amount,
    boughtCurrency: bought.currency,
    boughtMinor: bought.amount,
    rate,
    source,
  };
}

/** Of a valuation's journals, and of what is proposed. */
export function revaluationShown(revaluation: Revaluation): MessageInitShape<typeof RevaluationSchema> {
  const { balances, ownMinor, differenceMinor } = revaluation;
  return {
    balances: balances.map(({ minor, ...rest }) => ({ ...rest, balanceMinor: minor })),
    ownMinor,
    differenceMinor,
  };
}

export function monitorsOn(account: AccountStanding): MessageInitShape<typeof MonitorSchema>[] {
  return account.monitors.map(({ id, direction, threshold, hysteresis, isBeyond }) => ({
    id,
    account: account.code,
    currency: account.currency,
    direction: direction === 'above' ? MonitorDirection.ABOVE : MonitorDirection.BELOW,
    thresholdMinor: threshold,
    hysteresisMinor: hysteresis,
    crossed: isBeyond,
  }));
}
