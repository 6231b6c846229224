/** What other services read of the book: where it stands, and what moved which account up to a place in it. */
import type { LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type Handlers, isRefusal, refuse } from '@suuupra/platform/rpc/rpc';
import { lineIdsOf, lineOfTransfer } from './movement.ts';
import {
  type BookedTransfer,
  beforeRange,
  type Head,
  type ReportReading,
  type TransferRange,
  timeMaxUs,
  timeMinUs,
} from './reader.ts';
import { timestampOf } from './time.ts';

type Booking = Handlers<typeof LedgerBookingService>;

/** The methods that only read; booking.ts has the one that writes. */
export function bookingReads(
  store: ReportReading,
  position: () => Promise<Pick<Head, 'journalSequence' | 'recordedAtUs'>> = () =>
    store.reading((reader) => reader.head()),
): Omit<Booking, 'bookJournals'> {
  return {
    getPosition: async () => {
      const { journalSequence, recordedAtUs } = await position();
      return { sequence: journalSequence, recordedAt: timestampOf(recordedAtUs) };
    },
    listMovedAccounts: listMovedAccounts(store),
    listMovements: listMovements(store),
  };
}

function refuseRange({ afterSequence, untilSequence }: { afterSequence: bigint; untilSequence: bigint }) {
  return afterSequence < 0n || untilSequence < afterSequence
    ? refuse('invalid_request', 'A range goes from a sequence up to a later one.', [
        { field: 'untilSequence', code: 'out_of_range', detail: 'at least afterSequence' },
      ])
    : undefined;
}

function listMovedAccounts(store: ReportReading): Booking['listMovedAccounts'] {
  return async (request) => {
    const page = readPage(request, ['text', 'text']);
    if (isRefusal(page)) return page;
    const refused = refuseRange(request);
    if (refused !== undefined) return refused;
    const [code, currency] = page.after;
    const beyond = code === undefined || currency === undefined ? undefined : { code, currency };
    const range = { after: request.afterSequence, until: request.untilSequence };
    const found = await store.reading((reader) => reader.movedAccounts(request.parent, range, beyond, page.limit + 1));
    const given = found.slice(0, page.limit);
    const last = given.at(-1);
    return {
      accounts: given.map((name) => ({ account: name.code, currency: name.currency })),
      nextPageToken: found.length > page.limit && last !== undefined ? pageToken([last.code, last.currency]) : '',
    };
  };
}

/** A book that has not come so far is refused, never answered short: what follows would settle too little. */
function listMovements(store: ReportReading): Booking['listMovements'] {
  return async (request) => {
    const page = readPage(request, ['integer', 'integer']);
    if (isRefusal(page)) return page;
    const refused = refuseRange(request);
    if (refused !== undefined) return refused;
    const { account: code, currency, afterSequence, untilSequence } = request;
    const account = { code, currency };
    const times = { fromUs: timeMinUs, untilUs: timeMaxUs, order: 'recorded' } as const;
    const range: TransferRange = { account, afterSequence, untilSequence, ...times };
    const [sequence, position] = page.after;
    const place =
      sequence === undefined
        ? beforeRange(range)
        : { effectiveAtUs: 0n, sequence: BigInt(sequence), position: Number(position) };
    const read = await store.reading(async (reader) => {
      const { journalSequence } = await reader.head();
      if (untilSequence > journalSequence) return refuse('sequence_not_reached', `The book is at ${journalSequence}.`);
      const found = await reader.transfers(range, place, page.limit + 1);
      const journals = await reader.journals([...new Set(found.map((transfer) => transfer.sequence))]);
      const lines = await reader.lines([...new Set(journals.flatMap(lineIdsOf))]);
      return { found, journals, lines };
    });
    if (isRefusal(read)) return read;
    const journals = new Map(read.journals.map((journal) => [journal.sequence, journal]));
    const sold = new Map(read.lines.map((line) => [line.lineId, line]));
    const given = read.found.slice(0, page.limit);
    const last = given.at(-1);
    return {
      movements: given.map((transfer) => {
        const journal = journals.get(transfer.sequence);
        const line = journal && lineOfTransfer(transfer, code, journal, sold);
        return movementOf(transfer, code, line);
      }),
      nextPageToken:
        read.found.length > page.limit && last !== undefined
          ? pageToken([String(last.sequence), String(last.position)])
          : '',
    };
  };
}

function movementOf(transfer: BookedTransfer, code: string, line: ReturnType<typeof lineOfTransfer>) {
  const { sequence, journalId, kind, reference, description, effectiveAtUs, debit, amount } = transfer;
  return {
    ...{ sequence, journalId, kind, reference, description },
    effectiveAt: timestampOf(effectiveAtUs),
    debitMinor: debit === code ? amount : 0n,
    creditMinor: debit === code ? 0n : amount,
    ...(line !== undefined && {
      line: {
        lineId: line.lineId,
        orderId: line.orderId,
        courseId: line.courseId,
        courseTitle: line.courseTitle,
        grossMinor: line.gross,
        taxMinor: line.tax,
        feeMinor: line.fee,
        shareMinor: line.share,
      },
    }),
  };
}
