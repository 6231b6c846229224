/** Adds a payout statement up again from its lines, as an instructor would: pure, exact. */
import type { PayoutStatementLine, SettlementBatch } from '../api/types.ts';

/**
 * The first thing that does not add up, as a sentence; undefined when all does. Every line's own sum (gross = tax + fee +
 * share), the running balance after each line, and the closing balance are reckoned from the opening one.
 */
export function whatDiffers(
  statement: Pick<SettlementBatch, 'openingMinor' | 'closingMinor'>,
  lines: readonly PayoutStatementLine[],
): string | undefined {
  let balance = BigInt(statement.openingMinor);
  for (const line of lines) {
    const parts = BigInt(line.taxMinor) + BigInt(line.feeMinor) + BigInt(line.shareMinor);
    if (BigInt(line.grossMinor) !== parts) return `Line ${line.number}: tax, fee and share are not its gross.`;
    balance += BigInt(line.amountMinor);
    if (balance !== BigInt(line.balanceMinor)) return `Line ${line.number}: the balance is not what the lines come to.`;
  }
  return balance === BigInt(statement.closingMinor) ? undefined : 'The lines do not come to the closing balance.';
}
