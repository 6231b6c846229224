/** What moved an account, with the sold line each part was of. Pure. */
import { balanceOn, instructorAccount } from './chart.ts';
import type { SoldLine } from './journals.ts';
import type { BookedTransfer, RecordedJournal } from './reader.ts';

/** How a line's amount was split in one journal: positive for a sale, negative for what went back. */
export interface LineParts {
  readonly lineId: string;
  readonly orderId: string;
  readonly courseId: string;
  readonly courseTitle: string;
  readonly gross: bigint;
  readonly tax: bigint;
  readonly fee: bigint;
  readonly share: bigint;
}

/** A journal of a sale or refund keeps its lines in its details, amounts as decimal strings. */
interface KeptLine {
  readonly lineId: string;
  readonly tax: string;
  readonly fee: string;
  readonly share: string;
}

/**
 * The line of a transfer on an instructor's payable: the transfers of the journal on that account stand in the order of
 * its lines with a share. Undefined for what is of no line.
 */
export function lineOfTransfer(
  transfer: BookedTransfer,
  account: string,
  journal: Pick<RecordedJournal, 'transfers' | 'details'>,
  sold: ReadonlyMap<string, SoldLine>,
): LineParts | undefined {
  const { lines = [] } = journal.details ? (JSON.parse(journal.details) as { lines?: readonly KeptLine[] }) : {};
  const own = lines.filter(({ lineId, share }) => {
    const line = sold.get(lineId);
    return line !== undefined && instructorAccount(line.instructorId) === account && BigInt(share) !== 0n;
  });
  const place = journal.transfers
    .slice(0, transfer.position - 1)
    .filter(({ debit, credit }) => debit === account || credit === account).length;
  const kept = own[place];
  const line = kept && sold.get(kept.lineId);
  if (kept === undefined || line === undefined) return undefined;
  const [tax, fee, share] = [BigInt(kept.tax), BigInt(kept.fee), BigInt(kept.share)];
  const moved = balanceOn('credit', {
    debit: transfer.debit === account ? transfer.amount : 0n,
    credit: transfer.credit === account ? transfer.amount : 0n,
  });
  if (share !== moved) return undefined;
  const { lineId, orderId, courseId, courseTitle } = line;
  return { lineId, orderId, courseId, courseTitle, gross: tax + fee + share, tax, fee, share };
}

/** The ids of the lines that a journal names. */
export function lineIdsOf({ details }: Pick<RecordedJournal, 'details'>): string[] {
  const { lines = [] } = details ? (JSON.parse(details) as { lines?: readonly KeptLine[] }) : {};
  return lines.map(({ lineId }) => lineId);
}
