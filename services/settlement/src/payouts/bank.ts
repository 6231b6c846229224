/**
 * The port to the bank: where payouts are sent, and whose statements say what became of our money.
 *
 * Adapter: bank-sandbox.ts, a bank that moves no money and says so.
 */

/** One payment that the bank is to make. */
export interface BankInstruction {
  /** Ours, and on the bank's statement: the payout's id. The bank executes each id once, however often it is sent. */
  readonly endToEndId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly destination: Destination;
}

/** Where a payment goes. Personal: never logged, shown masked, stored sealed. */
export type Destination =
  | { readonly method: 'bank_in'; readonly holder: string; readonly accountNumber: string; readonly ifsc: string }
  | { readonly method: 'upi'; readonly holder: string; readonly vpa: string }
  | { readonly method: 'iban'; readonly holder: string; readonly accountNumber: string; readonly bic: string };

export interface BankOrder {
  /** The payout batch: sent again under the same id, nothing happens twice. */
  readonly id: string;
  readonly instructions: readonly BankInstruction[];
}

/** Something that became of an instruction. */
export interface BankOutcome {
  /** Grows with each outcome; give it to `outcomesAfter` to go on. */
  readonly position: string;
  readonly endToEndId: string;
  /** `rejected` never left the account; `returned` was paid and came back. */
  readonly status: 'paid' | 'rejected' | 'returned';
  readonly reason: string;
  readonly bankReference: string;
  readonly atMs: number;
}

export type StatementFormat = 'camt053_02' | 'camt053_08' | 'mt940';

/** One statement of one account. Its files all say the same: read one of them. */
export interface BankStatement {
  /** Grows with each statement; give it to `statementsAfter` to go on. */
  readonly id: string;
  readonly account: string;
  readonly currency: string;
  /** Continuous from 1 for each account. */
  readonly sequence: number;
  /** yyyy-mm-dd */
  readonly businessDate: string;
  readonly files: readonly BankStatementFile[];
}

export interface BankStatementFile {
  readonly format: StatementFormat;
  readonly name: string;
  readonly content: Uint8Array;
}

export interface Bank {
  readonly name: string;
  /** True when no real money moves; shown wherever its work shows. */
  readonly simulated: boolean;
  /** Hands instructions over. May be repeated with the same ids. */
  submit(order: BankOrder): Promise<void>;
  /** What became of instructions after this position, oldest first, at most `limit`; '' from the first. */
  outcomesAfter(position: string, limit: number): Promise<readonly BankOutcome[]>;
  /** Statements after this id, oldest first, at most `limit`; '' from the first. */
  statementsAfter(id: string, limit: number): Promise<readonly BankStatement[]>;
}
