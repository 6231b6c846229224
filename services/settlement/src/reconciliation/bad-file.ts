/** Why a file is refused whole. No I/O. */

export type BadFileReason =
  | 'empty'
  | 'encoding'
  | 'malformed'
  | 'truncated'
  | 'document_type'
  | 'unknown_layout'
  | 'amount'
  | 'exponent'
  | 'currency'
  | 'exchange_rate'
  | 'date'
  | 'arithmetic'
  | 'count'
  | 'duplicate_page'
  | 'sequence_gap'
  | 'balance_gap'
  | 'other_batch'
  | 'unknown_payout'
  | 'contradiction'
  | 'limit';

/** Thrown by readers and gates, caught where the file is processed: `line` is counted from 1, 0 when it is the file as such. */
export class BadFile extends Error {
  readonly reason: BadFileReason;
  readonly line: number;
  constructor(reason: BadFileReason, line: number, detail: string) {
    super(detail);
    this.name = 'BadFile';
    this.reason = reason;
    this.line = line;
  }
}
