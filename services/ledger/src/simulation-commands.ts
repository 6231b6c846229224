/** Commands of all kinds over a few accounts, so that they meet: holds on the same money, limits, the same ids again. Pure. */
import type { LedgerCommand, TransferOrder } from './command.ts';
import { history, one } from './simulation-facts.ts';

const people = ['ann', 'bob', 'eve'];

/** One to four commands; `number` makes their ids, which now and then are those of earlier ones. */
export function randomCommands(random: () => number, number: number, nowUs: bigint): LedgerCommand[] {
  const count = 1 + Math.floor(random() * 4);
  return Array.from({ length: count }, (_, index) => randomCommand(random, number, index, nowUs));
}

function randomCommand(random: () => number, number: number, index: number, nowUs: bigint): LedgerCommand {
  const person = one(random, people);
  const cause = random() < 0.03 ? `c${Math.floor(random() * (number + 1))}_${index}` : `c${number}_${index}`;
  const earlier = () => `c${Math.floor(random() * (number + 1))}_${Math.floor(random() * 4)}`;
  const common = { cause, reference: `user:${person}`, description: '', currency: random() < 0.9 ? 'INR' : 'USD' };
  const amount = BigInt(1 + Math.floor(random() * 400));
  const choice = random();
  const book = (kind: string, transfers: readonly TransferOrder[]): LedgerCommand => ({
    ...common,
    type: 'book',
    kind,
    transfers,
  });
  const [payable, reserve, transit] = [`2200:${person}`, `2250:${person}`, `2260:${person}`];
  if (choice < 0.14) return history(random, number, index, nowUs);
  if (choice < 0.26) return book('adjustment', [{ debit: '1000', credit: payable, amount }]);
  if (choice < 0.36)
    return book('payout_prepared', [
      { debit: payable, credit: transit, amount, upTo: random() < 0.5 },
      { debit: payable, credit: reserve, amount: amount / 10n + 1n, upTo: random() < 0.5 },
    ]);
  if (choice < 0.42) return book('payout_paid', [{ debit: transit, credit: '1000', amount, upTo: random() < 0.7 }]);
  if (choice < 0.45) return book('provider_settled', [{ debit: '4100', credit: '1000', amount }]);
  if (choice < 0.6) {
    const timeoutUs = random() < 0.7 ? BigInt(Math.floor(random() * 3_000_000)) : 0n;
    const transfers = [{ debit: payable, credit: transit, amount, upTo: random() < 0.2 }];
    return { ...common, type: 'book', kind: 'payout_prepared', transfers, hold: { timeoutUs } };
  }
  if (choice < 0.75) {
    const kind = random() < 0.7 ? 'post_pending' : 'void_pending';
    return { ...common, type: 'resolve', kind, target: earlier(), amount: random() < 0.5 ? 0n : amount };
  }
  if (choice < 0.83) {
    const transfers = random() < 0.5 ? [] : [{ debit: payable, credit: '1000', amount }];
    return { ...common, type: 'reverse', kind: 'reversal', target: earlier(), transfers };
  }
  if (choice < 0.87) {
    const to = { account: '1000', currency: 'USD', amount: amount / 80n + 1n };
    const from = { account: '1000', amount };
    return { ...common, type: 'exchange', kind: 'exchange_sold', from, to, rate: '0.0125', source: 'test' };
  }
  if (choice < 0.93) {
    const floor = random() < 0.7 ? -BigInt(Math.floor(random() * 200)) : undefined;
    const ceiling = random() < 0.2 ? 2_000n : undefined;
    return { ...common, type: 'account', kind: 'account_limited', account: payable, floor, ceiling };
  }
  if (choice < 0.96) {
    const kind = one(random, ['account_frozen', 'account_closed', 'account_reopened', 'account_reopened'] as const);
    return { ...common, type: 'account', kind, account: one(random, [payable, transit]) };
  }
  const direction = random() < 0.5 ? 'above' : 'below';
  const watched = { account: payable, monitorId: `m${person}`, direction, threshold: 500n, hysteresis: 50n } as const;
  return { ...common, type: 'monitor', kind: random() < 0.8 ? 'monitor_set' : 'monitor_removed', ...watched };
}
