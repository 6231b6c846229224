/**
 * What the book can be told to do. Pure.
 *
 * A command happens once: kind and cause are its identity for ever. The same identity with other contents is refused with
 * the fields that differ. Facts are what events tell: they have happened, and one that cannot be booked yet may be told
 * again. Everything else is an order to the book: once it is refused for what it asks, its id stays refused.
 */
import type { Journal, RejectedCommand } from './chain.ts';
import type { DisputeOutcome, LineRefund, SaleLine } from './journals.ts';
import { type Revaluation, revaluationText } from './revaluation.ts';

interface Common {
  /** What caused it, e.g. `payment:pay_…`, or the id that the caller gave. One for each kind. */
  readonly cause: string;
  /** What it is about, e.g. `order:ord_…`. */
  readonly reference: string;
  /** For people. */
  readonly description: string;
  readonly currency: string;
  readonly effectiveAtUs: bigint;
}

export type Fact =
  | (Common & {
      readonly type?: undefined;
      readonly kind: 'order_paid';
      readonly orderId: string;
      readonly lines: readonly SaleLine[];
    })
  | (Common & {
      readonly type?: undefined;
      readonly kind: 'order_refunded';
      readonly orderId: string;
      readonly lines: readonly LineRefund[];
    })
  | (Common & {
      readonly type?: undefined;
      readonly kind: 'dispute_opened' | 'late_payment_received' | 'late_payment_returned';
      readonly amount: bigint;
    })
  | (Common & {
      readonly type?: undefined;
      readonly kind: 'dispute_closed';
      readonly outcome: DisputeOutcome;
      readonly amount: bigint;
      readonly fee: bigint;
    });

/** Of an order to the book: when nothing is said it happened when it is recorded. */
interface Order extends Omit<Common, 'effectiveAtUs'> {
  readonly effectiveAtUs?: bigint | undefined;
}

export interface TransferOrder {
  readonly debit: string;
  readonly credit: string;
  readonly amount: bigint;
  /** At most the amount, and no more than both accounts allow. What it came to is kept under the command's id. */
  readonly upTo?: boolean | undefined;
}

/** Books transfers of a kind that the chart knows, or holds them. */
export interface BookOrder extends Order {
  readonly type: 'book';
  readonly kind: string;
  readonly transfers: readonly TransferOrder[];
  /** Held, not moved. timeoutUs 0: never expires. */
  readonly hold?: { readonly timeoutUs: bigint } | undefined;
  /** Of the part that is held here of a journal that goes on in another shard: the whole of it (shard-route.ts). */
  readonly crossing?: Crossing | undefined;
}

/** What of a journal is booked in the other shard before what is held here moves. */
export interface Crossing {
  readonly to: number;
  readonly transfers: readonly TransferOrder[];
}

/** Posts a hold, in whole (amount 0) or in part, or gives it up. What is not posted of it is free again. */
export interface ResolveOrder extends Order {
  readonly type: 'resolve';
  readonly kind: 'post_pending' | 'void_pending';
  /** The cause (the command's id) or the journal id of the journal that holds. */
  readonly target: string;
  readonly amount: bigint;
}

/** The other way round: all that is left of a journal, or the named transfers of it in part. Never more than it moved. */
export interface ReversalOrder extends Order {
  readonly type: 'reverse';
  readonly kind: 'reversal';
  readonly target: string;
  /** As they are to be booked: the target's, turned round. Empty: all that is left. */
  readonly transfers: readonly TransferOrder[];
}

/** Changes money from one currency into another, through the liquidity account of each. `currency` is the sold one. */
export interface ExchangeOrder extends Order {
  readonly type: 'exchange';
  readonly kind: 'exchange_sold';
  readonly from: { readonly account: string; readonly amount: bigint };
  readonly to: { readonly account: string; readonly currency: string; readonly amount: bigint };
  /** How many of the bought for one of the sold, as the source quoted it, and whose quote it is. */
  readonly rate: string;
  readonly source: string;
}

/**
 * Values account 1800 at the end of a period: books the difference at `effectiveAtUs`, the period's last moment, and takes
 * it back a microsecond later, in the next. `currency` is what it is valued in.
 */
export interface RevaluationOrder extends Order {
  readonly type: 'revaluation';
  readonly kind: 'revaluation';
  readonly effectiveAtUs: bigint;
  readonly revaluation: Revaluation;
}

/** Opens, shuts or limits an account. A floor or ceiling that is left out is taken away by `limit`. */
export interface AccountOrder extends Order {
  readonly type: 'account';
  readonly kind: 'account_frozen' | 'account_closed' | 'account_reopened' | 'account_limited';
  readonly account: string;
  readonly floor?: bigint | undefined;
  readonly ceiling?: bigint | undefined;
}

/** Watches an account's balance, or stops to. */
export interface MonitorOrder extends Order {
  readonly type: 'monitor';
  readonly kind: 'monitor_set' | 'monitor_removed';
  readonly account: string;
  readonly monitorId: string;
  readonly direction: 'above' | 'below';
  readonly threshold: bigint;
  readonly hysteresis: bigint;
}

/** The writer's own: the time of a hold has come. */
export interface ExpireOrder extends Order {
  readonly type: 'expire';
  readonly kind: 'hold_expired';
  readonly target: string;
}

export type LedgerOrder =
  | BookOrder
  | ResolveOrder
  | ReversalOrder
  | ExchangeOrder
  | RevaluationOrder
  | AccountOrder
  | MonitorOrder
  | ExpireOrder;

export type LedgerCommand = Fact | LedgerOrder;

/** Why a command was refused. These are codes of the ledger's own, part of what callers may rely on. */
export type Rejection =
  | 'unknown_line'
  | 'refund_exceeds_line'
  | 'amounts_differ'
  | 'overflow'
  | 'invalid_amount'
  | 'invalid_rate'
  | 'pair_not_allowed'
  | 'unknown_account'
  | 'account_frozen'
  | 'account_closed'
  | 'account_has_holds'
  | 'account_not_empty'
  | 'limit_exceeded'
  | 'limit_already_crossed'
  | 'too_many_monitors'
  | 'unknown_target'
  | 'target_ambiguous'
  | 'not_a_hold'
  | 'already_posted'
  | 'already_voided'
  | 'expired'
  | 'not_expired'
  | 'exceeds_pending_amount'
  | 'partial_of_many'
  | 'not_reversible'
  | 'already_reversed'
  | 'exceeds_original'
  | 'period_sealed'
  /** Several shards: what is asked needs one row of an account that is the sum of many. */
  | 'account_sharded'
  /** Several shards: more than one transaction between two of them can do. */
  | 'crosses_shards'
  /** The id was used with other contents; not recorded, the id keeps its first answer. */
  | 'id_reused';

export function accountKey(code: string, currency: string): string {
  return `${code} ${currency}`;
}

export function identity(kind: string, cause: string): string {
  return `${kind} ${cause}`;
}

/** A journal as it stands, with what became of it. */
export interface KnownJournal extends Journal {
  readonly recordedAtUs: bigint;
  /** Of one that holds. */
  readonly resolvedAs?: 'already_posted' | 'already_voided' | 'expired' | undefined;
  /** What was already taken back of each pair, by pairKey of the original transfer. */
  readonly reversed: ReadonlyMap<string, bigint>;
}

export function pairKey(debit: string, credit: string): string {
  return `${debit} ${credit}`;
}

/** What is known under an identity. */
export type Known =
  | { readonly kind: 'journal'; readonly journal: KnownJournal }
  | { readonly kind: 'rejection'; readonly rejection: RejectedCommand };

/** What of the book a batch of commands needs to be looked up. */
export interface Needs {
  /** [kind, cause] */
  readonly identities: readonly (readonly [string, string])[];
  /** [code, currency] */
  readonly accounts: readonly (readonly [string, string])[];
  readonly lineIds: readonly string[];
  /** Causes or journal ids. */
  readonly targets: readonly string[];
}

/** What it needs as far as the commands themselves say; lines and targets may name further accounts. */
export function needs(commands: readonly LedgerCommand[], accountsOf: (command: LedgerCommand) => Accounts): Needs {
  const accounts = new Map<string, readonly [string, string]>();
  for (const command of commands)
    for (const account of accountsOf(command)) accounts.set(accountKey(account[0], account[1]), account);
  return {
    identities: commands.flatMap((command) => identitiesOf(command)),
    accounts: [...accounts.values()],
    lineIds: commands.flatMap((command) => ('lines' in command ? command.lines.map((line) => line.lineId) : [])),
    targets: commands.flatMap((command) => ('target' in command ? [command.target] : [])),
  };
}

export type Accounts = readonly (readonly [string, string])[];

export function identitiesOf(command: LedgerCommand): (readonly [string, string])[] {
  const own = [command.kind, command.cause] as const;
  const second = secondKind(command);
  return second === undefined ? [own] : [own, [second, command.cause]];
}

/** Of a command that makes two journals, both or neither: the kind of the second. */
export function secondKind(command: LedgerCommand): string | undefined {
  if (command.type === 'exchange') return 'exchange_bought';
  return command.type === 'revaluation' ? 'revaluation_reversed' : undefined;
}

/** A command's contents by field, as text: what two commands with one id are compared by. */
export type Request = Readonly<Record<string, string>>;

export function requestOf(command: LedgerCommand): Request {
  const { reference, currency } = command;
  if (command.type === undefined) return { reference, currency, ...factRequest(command) };
  const effectiveAt = command.effectiveAtUs === undefined ? '' : String(command.effectiveAtUs);
  return { reference, currency, description: command.description, effectiveAt, ...orderRequest(command) };
}

/** When a fact was heard and how it is described may differ from one telling to the next; what it says may not. */
function factRequest(fact: Fact): Request {
  if ('lines' in fact) return { amount: String(fact.lines.reduce((sum, line) => sum + line.gross, 0n)) };
  return { amount: String(fact.kind === 'dispute_closed' ? fact.amount + fact.fee : fact.amount) };
}

/** The request that a journal was made of, in the terms of the one that now comes with its id. */
export function requestOfJournal(journal: KnownJournal, now: Request): Request {
  const { reference, description, currency, transfers, holds = [], details = '' } = journal;
  const kept = details === '' ? undefined : (JSON.parse(details) as { request?: Request }).request;
  if (kept !== undefined) return kept;
  const sum = transfers.reduce((total, transfer) => total + transfer.amount, 0n);
  if (now['amount'] !== undefined) return { reference, currency, amount: String(sum) };
  const isWhenRecorded = journal.effectiveAtUs === journal.recordedAtUs && now['effectiveAt'] === '';
  const expiresAtUs = journal.expiresAtUs ?? 0n;
  return {
    reference,
    currency,
    description,
    effectiveAt: isWhenRecorded ? '' : String(journal.effectiveAtUs),
    transfers: transfersText(holds.length > 0 ? holds : transfers),
    pending: String(holds.length > 0),
    timeout: String(expiresAtUs === 0n ? 0n : expiresAtUs - journal.recordedAtUs),
  };
}

function orderRequest(order: LedgerOrder): Request {
  switch (order.type) {
    case 'book':
      return {
        transfers: transfersText(order.transfers),
        pending: String(order.hold !== undefined),
        timeout: String(order.hold?.timeoutUs ?? 0n),
        ...(order.crossing && { crossing: `${order.crossing.to}: ${transfersText(order.crossing.transfers)}` }),
      };
    case 'resolve':
      return { target: order.target, amount: String(order.amount) };
    case 'reverse':
      return { target: order.target, transfers: transfersText(order.transfers) };
    case 'exchange':
      return {
        from: `${order.from.account} ${order.from.amount}`,
        to: `${order.to.account} ${order.to.amount} ${order.to.currency}`,
        rate: order.rate,
        source: order.source,
      };
    case 'revaluation':
      return revaluationText(order.revaluation);
    case 'account':
      return { account: order.account, floor: String(order.floor ?? ''), ceiling: String(order.ceiling ?? '') };
    case 'monitor': {
      const { account, monitorId, direction, threshold, hysteresis } = order;
      return { account, monitorId, direction, threshold: String(threshold), hysteresis: String(hysteresis) };
    }
    case 'expire':
      return { target: order.target };
  }
}

export function transfersText(transfers: readonly TransferOrder[]): string {
  return transfers
    .map(({ debit, credit, amount, upTo }) => `${debit} to ${credit} ${upTo === true ? 'up to ' : ''}${amount}`)
    .join(', ');
}

/** The names of the fields in which two requests differ, in alphabetical order. */
export function differingFields(first: Request, second: Request): string[] {
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return [...names].filter((name) => first[name] !== second[name]).sort();
}

/** JSON with sorted names, so that the same contents are the same bytes; empty text for no contents. */
export function detailsText(details: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(details).sort();
  return names.length === 0 ? '' : JSON.stringify(Object.fromEntries(names.map((name) => [name, details[name]])));
}
