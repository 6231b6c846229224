/** What other services give to the book: journals in bulk, or what would become of them. */
import { LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { type Handlers, type Implementation, implement, isRefusal } from '@suuupra/platform/rpc/rpc';
import { availableOf, balanceOf } from './account.ts';
import { bookedOf, modeOf, ordersOf } from './journal-orders.ts';
import type { AccountChange } from './ledger.ts';
import type { LedgerWriter, Submitted } from './ledger-writer.ts';

type Booking = Handlers<typeof LedgerBookingService>;

/** `reads` are the methods that only read. */
export function ledgerBookingRpc(writer: LedgerWriter, reads: Omit<Booking, 'bookJournals'>): Implementation {
  return implement(LedgerBookingService, { ...reads, bookJournals: bookJournals(writer) });
}

/**
 * Each journal's id is its command's: the same id is booked once, and a refused one stays refused. Answers when what was
 * booked is on disk. `busy` when the queue is full: nothing was begun.
 */
function bookJournals(writer: LedgerWriter): Booking['bookJournals'] {
  return async (request, { requestId, traceparent }) => {
    const mode = modeOf(request.mode);
    if (isRefusal(mode)) return mode;
    const commands = ordersOf(request.journals);
    if (isRefusal(commands)) return commands;
    const options = { mode, cause: { requestId, traceparent } };
    const answer = ({ results, sequence }: Submitted) => ({
      results: request.journals.map((journal, index) => bookedOf(journal.id, results[index])),
      sequence,
    });
    if (!request.dryRun) {
      const submitted = await writer.submit(commands, options);
      return isRefusal(submitted) ? submitted : answer(submitted);
    }
    const run = await writer.dryRun(commands, options);
    return isRefusal(run) ? run : { ...answer(run), balances: run.accounts.map(balanceAfter) };
  };
}

function balanceAfter({ code, currency, after }: AccountChange) {
  return {
    account: code,
    currency,
    balanceMinor: balanceOf(code, after),
    availableMinor: availableOf(code, after),
  };
}
