/** Checks the sold lines against the journals: what each order was split into, and what of it went back. */
import { feeRevenue, instructorAccount, instructorPayable } from './chart.ts';
import type { LedgerReader, SoldOrder } from './reader.ts';
import type { Difference } from './verify.ts';

const ordersPerRead = 200;

/** Tax, fee and each instructor's share of an order, as sold and as gone back. */
type Parts = Map<string, bigint>;

/** `sales`: how many journals of sales the book has. */
export async function verifySoldLines(
  reader: LedgerReader,
  { counts, sales }: { readonly counts: { soldLines: bigint }; readonly sales: bigint },
): Promise<Difference | undefined> {
  let seen = 0n;
  for (let after = ''; ; ) {
    const orders = await reader.soldOrders(after, ordersPerRead);
    for (const order of orders) {
      counts.soldLines += BigInt(order.lines.length);
      seen += BigInt(order.journals.filter(({ kind }) => kind === 'order_paid').length);
      const wrong = compareOrder(order);
      if (wrong !== undefined) return wrong;
    }
    const last = orders.at(-1);
    if (last === undefined) break;
    after = last.orderId;
  }
  return seen === sales ? undefined : { place: 'sold lines', found: `those of ${seen} sales`, expected: `${sales}` };
}

function compareOrder(order: SoldOrder): Difference | undefined {
  const booked = bookedParts(order);
  const kept = keptParts(order);
  for (const key of new Set([...booked.keys(), ...kept.keys()])) {
    const [found, expected] = [kept.get(key) ?? 0n, booked.get(key) ?? 0n];
    if (found !== expected)
      return { place: `sold lines of order ${order.orderId}`, found: `${key} of ${found}`, expected: `${expected}` };
  }
  return undefined;
}

function bookedParts({ journals }: SoldOrder): Parts {
  const parts: Parts = new Map();
  for (const { kind, transfers } of journals)
    for (const { debit, credit, amount } of transfers)
      add(parts, kind === 'order_paid' ? `sold ${partOf(credit)}` : `refunded ${partOf(debit)}`, amount);
  return parts;
}

/** All of 2100 to 2130 is tax of the line. */
function partOf(code: string): string {
  if (code === feeRevenue) return 'fee';
  return code.startsWith(`${instructorPayable}:`) ? `share of ${code}` : 'tax';
}

function keptParts({ lines }: SoldOrder): Parts {
  const parts: Parts = new Map();
  for (const { tax, fee, share, instructorId, refunded } of lines) {
    const payable = `share of ${instructorAccount(instructorId)}`;
    for (const [key, amount] of [
      ['sold tax', tax],
      ['sold fee', fee],
      [`sold ${payable}`, share],
      ['refunded tax', refunded.tax],
      ['refunded fee', refunded.fee],
      [`refunded ${payable}`, refunded.share],
    ] as const)
      add(parts, key, amount);
  }
  return parts;
}

function add(parts: Parts, key: string, amount: bigint): void {
  parts.set(key, (parts.get(key) ?? 0n) + amount);
}
