/**
 * Which shard books what. Pure.
 *
 * The key is the merchant: the instructor whose money it is. All accounts of a person are in one shard; accounts of the
 * platform have a row in each, so that a sale of one instructor is one journal in one shard. A sale of several has a part for
 * each shard, whole in itself: the parts have the cause, and so the id, of the whole. Two people's accounts meet only in an
 * adjustment; where they are of two shards, it goes by way of the account between shards (crossings.ts).
 */
import { betweenShards, isOfPerson } from './chart.ts';
import type { BookOrder, Crossing, Fact, LedgerCommand, Rejection, TransferOrder } from './command.ts';

export interface ShardMap {
  readonly count: number;
  /** The shard of a merchant. */
  ofMerchant(id: string): number;
  /** The shard of what is no merchant's, by its command's id. */
  ofCause(cause: string): number;
}

export type Route =
  | { readonly kind: 'one'; readonly shard: number }
  /** Each part is booked by itself. */
  | { readonly kind: 'parts'; readonly parts: readonly Part[] }
  /** `held` in the one shard, `booked` in the other, then what is held moves. */
  | {
      readonly kind: 'crossing';
      readonly from: number;
      readonly held: BookOrder;
      readonly to: number;
      readonly booked: BookOrder;
    }
  /** The shard that has the command, its target or its lines, and if none has, `otherwise`. */
  | { readonly kind: 'wherever'; readonly otherwise: number }
  | { readonly kind: 'refused'; readonly reason: Rejection; readonly detail: string };

export interface Part {
  readonly shard: number;
  readonly command: LedgerCommand;
}

export function routeOf(command: LedgerCommand, map: ShardMap): Route {
  switch (command.type) {
    case undefined:
      return routeFact(command, map);
    case 'book':
      return routeBook(command, map);
    case 'resolve':
    case 'reverse':
    case 'expire':
      return { kind: 'wherever', otherwise: map.ofCause(command.cause) };
    case 'exchange':
    case 'revaluation':
      return { kind: 'one', shard: map.ofCause(command.cause) };
    case 'account':
    case 'monitor': {
      const shard = shardOfAccount(command.account, map);
      if (shard !== undefined) return { kind: 'one', shard };
      return {
        kind: 'refused',
        reason: 'account_sharded',
        detail: `${command.account} is the sum of ${map.count} shards: it has no limit, state or monitor of its own`,
      };
    }
  }
}

/** Undefined for an account of the platform, which is in all of them. */
export function shardOfAccount(code: string, map: ShardMap): number | undefined {
  return isOfPerson(code) ? map.ofMerchant(code.slice(5)) : undefined;
}

function routeFact(fact: Fact, map: ShardMap): Route {
  if (!('lines' in fact) || fact.lines.length === 0) return { kind: 'one', shard: map.ofCause(fact.cause) };
  const owners = fact.lines.map((line) => line.instructorId ?? '');
  // Refunds from before they said whose lines they are of.
  if (owners.includes('')) return { kind: 'wherever', otherwise: map.ofCause(fact.cause) };
  const shards = [...new Set(owners.map((id) => map.ofMerchant(id)))];
  const [first = 0] = shards;
  if (shards.length === 1) return { kind: 'one', shard: first };
  return { kind: 'parts', parts: shards.map((shard) => ({ shard, command: partOf(fact, shard, map) })) };
}

function partOf(fact: Fact & { readonly lines: unknown }, shard: number, map: ShardMap): LedgerCommand {
  const mine = (line: { readonly instructorId?: string | undefined }) =>
    map.ofMerchant(line.instructorId ?? '') === shard;
  if (fact.kind === 'order_paid') return { ...fact, lines: fact.lines.filter(mine) };
  if (fact.kind === 'order_refunded') return { ...fact, lines: fact.lines.filter(mine) };
  throw new Error('only sales and refunds have lines');
}

function routeBook(order: BookOrder, map: ShardMap): Route {
  const codes = order.transfers.flatMap(({ debit, credit }) => [debit, credit]);
  const shards = [...new Set(codes.flatMap((code) => shardOfAccount(code, map) ?? []))];
  if (codes.includes(betweenShards))
    return { kind: 'refused', reason: 'pair_not_allowed', detail: `${betweenShards} is moved by crossings alone` };
  const sharded = order.transfers.find(
    ({ upTo, debit, credit }) => upTo === true && ![debit, credit].every(isOfPerson),
  );
  if (sharded !== undefined && map.count > 1)
    return {
      kind: 'refused',
      reason: 'account_sharded',
      detail: `up to what stands on ${isOfPerson(sharded.debit) ? sharded.credit : sharded.debit} cannot be said: it is the sum of ${map.count} shards`,
    };
  const [from = map.ofCause(order.cause), to] = shards;
  if (to === undefined) return { kind: 'one', shard: from };
  if (shards.length > 2 || order.hold !== undefined || sharded !== undefined)
    return {
      kind: 'refused',
      reason: 'crosses_shards',
      detail: 'one journal moves between at most two shards, and holds nothing there: make several',
    };
  return crossing(order, from, to, map);
}

/** A transfer from one shard to the other has a leg in each, with the account between shards on the other side. */
function crossing(order: BookOrder, from: number, to: number, map: ShardMap): Route {
  const here: TransferOrder[] = [];
  const there: TransferOrder[] = [];
  for (const transfer of order.transfers) {
    const [debit, credit] = [shardOfAccount(transfer.debit, map), shardOfAccount(transfer.credit, map)];
    const sideOf = (shard: number) => (shard === to ? there : here);
    if ((debit ?? credit ?? from) === (credit ?? debit ?? from)) sideOf(debit ?? credit ?? from).push(transfer);
    else {
      sideOf(debit ?? from).push({ ...transfer, credit: betweenShards });
      sideOf(credit ?? from).push({ ...transfer, debit: betweenShards });
    }
  }
  const whole: Crossing = { to, transfers: there };
  const held = { ...order, transfers: here, hold: { timeoutUs: 0n }, crossing: whole };
  return { kind: 'crossing', from, held, to, booked: { ...order, transfers: there } };
}
