/** Journals that other services and finance give to the book, as its commands; and what became of them. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type BookedJournalSchema,
  BulkMode,
  type ExchangeToBook,
  type JournalToBook,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { journalId } from './chain.ts';
import type { LedgerOrder, TransferOrder } from './command.ts';
import { movedBy } from './draw.ts';
import type { CommandResult, GroupMode } from './ledger.ts';
import { microsecondsOf } from './time.ts';

const modes: Partial<Record<BulkMode, GroupMode>> = {
  [BulkMode.ATOMIC]: 'atomic',
  [BulkMode.CONTINUE]: 'continue',
  [BulkMode.STOP]: 'stop',
};

/** What happens when one of many is refused is never taken for granted. Refuses `invalid_request`. */
export function modeOf(mode: BulkMode): GroupMode | Refusal {
  return (
    modes[mode] ??
    refuse('invalid_request', 'Say what happens when one is refused: atomic, continue or stop.', [
      { field: 'mode', code: 'required', detail: 'atomic, continue, stop' },
    ])
  );
}

/** Both amounts of an exchange are said or none of it is asked for. Refuses `invalid_request`. */
export function ordersOf(journals: readonly JournalToBook[]): readonly LedgerOrder[] | Refusal {
  const wrong = journals.findIndex(({ kind, exchange }) => (kind === 'exchange_sold') !== (exchange !== undefined));
  if (wrong < 0) return journals.map(orderOf);
  return refuse('invalid_request', 'An exchange is of the kind exchange_sold and says both its amounts.', [
    {
      field: `journals[${wrong}].exchange`,
      code: 'not_allowed',
      detail: 'with the kind exchange_sold, and only with it',
    },
  ]);
}

/** The command of a journal; the kind says whether it books, resolves a hold or reverses. */
function orderOf(journal: JournalToBook): LedgerOrder {
  const { id: cause, kind, reference, description, currency, targetId: target } = journal;
  const effectiveAtUs = journal.effectiveAt === undefined ? undefined : microsecondsOf(journal.effectiveAt);
  const common = { cause, reference, description, currency, effectiveAtUs };
  const transfers = journal.transfers.map(
    ({ debit, credit, amountMinor, upTo }): TransferOrder => ({ debit, credit, amount: amountMinor, upTo }),
  );
  if (kind === 'post_pending' || kind === 'void_pending')
    return { ...common, type: 'resolve', kind, target, amount: journal.postAmountMinor };
  if (kind === 'reversal') return { ...common, type: 'reverse', kind, target, transfers };
  if (journal.exchange !== undefined) return { ...common, ...exchangeOrder(journal.exchange) };
  const hold = journal.pending ? { timeoutUs: journal.timeoutSeconds * 1_000_000n } : undefined;
  return { ...common, type: 'book', kind, transfers, hold };
}

/** The exchange of a command, without what names it. */
export function exchangeOrder(exchange: ExchangeToBook) {
  const { fromAccount, fromMinor, toAccount, toCurrency, toMinor, rate, source } = exchange;
  return {
    type: 'exchange',
    kind: 'exchange_sold',
    from: { account: fromAccount, amount: fromMinor },
    to: { account: toAccount, currency: toCurrency, amount: toMinor },
    rate,
    source,
  } as const;
}

/** What became of a journal, as its caller is told. */
export type BookedOutcome = MessageInitShape<typeof BookedJournalSchema> & {
  readonly outcome: 'posted' | 'duplicate' | 'rejected' | 'skipped';
};

export function bookedOf(id: string, result: CommandResult | undefined): BookedOutcome {
  switch (result?.kind) {
    case 'posted':
    case 'duplicate': {
      const { journal } = result;
      return {
        id,
        outcome: result.kind,
        journalId: journal.id,
        sequence: journal.sequence,
        resolvedMinor: movedBy(journal),
        ...(journal.kind === 'exchange_sold' && { boughtJournalId: journalId('exchange_bought', journal.cause) }),
      };
    }
    case 'rejected':
      return { id, outcome: 'rejected', reason: result.reason, detail: result.detail };
    case 'nothing':
      return { id, outcome: 'rejected', reason: 'invalid_amount', detail: 'there is no money in it' };
    default:
      return { id, outcome: 'skipped' };
  }
}
