/** What finance tells the book: accounts opened, limited, frozen and closed, monitors, and journals in bulk. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import {
  BookJournalsInBulkRequestSchema,
  BookJournalsInBulkResponseSchema,
  CloseAccountRequestSchema,
  CloseAccountResponseSchema,
  CreateMonitorRequestSchema,
  CreateMonitorResponseSchema,
  FreezeAccountRequestSchema,
  FreezeAccountResponseSchema,
  type LedgerReportsService,
  LimitAccountRequestSchema,
  LimitAccountResponseSchema,
  MonitorDirection,
  OpenAccountRequestSchema,
  OpenAccountResponseSchema,
  ThawAccountRequestSchema,
  ThawAccountResponseSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { type CallContext, type Handlers, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { idempotencyScope } from '@suuupra/platform/sql/idempotency';
import { balanceOf } from './account.ts';
import { accountKind } from './chart.ts';
import type { AccountOrder, LedgerOrder, MonitorOrder } from './command.ts';
import { once } from './desk-once.ts';
import { exchangeKinds } from './exchange.ts';
import { bookedOf, modeOf, ordersOf } from './journal-orders.ts';
import type { AccountChange, CommandResult } from './ledger.ts';
import type { Desk } from './periods.ts';
import type { AccountName } from './reader.ts';
import { standing } from './reading-at.ts';
import { accountOf, monitorsOn } from './report.ts';
import { revaluationKinds } from './revaluation.ts';

type Reports = Handlers<typeof LedgerReportsService>;
type CommandHandlers = Pick<
  Reports,
  | 'openAccount'
  | 'limitAccount'
  | 'freezeAccount'
  | 'thawAccount'
  | 'closeAccount'
  | 'bookJournalsInBulk'
  | 'createMonitor'
>;

export function commandHandlers(desk: Desk): CommandHandlers {
  return {
    openAccount: (request, context) => changeAccount(desk, open, request, 'account_reopened', context),
    limitAccount: (request, context) =>
      changeAccount(desk, limit, request, 'account_limited', context, {
        floor: request.balanceMinMinor,
        ceiling: request.balanceMaxMinor,
      }),
    freezeAccount: (request, context) => changeAccount(desk, freeze, request, 'account_frozen', context),
    thawAccount: (request, context) => changeAccount(desk, thaw, request, 'account_reopened', context),
    closeAccount: (request, context) => changeAccount(desk, close, request, 'account_closed', context),
    bookJournalsInBulk: bookInBulk(desk),
    createMonitor: createMonitor(desk),
  };
}

/** The caller's key names the command: told again it is the same one. */
function causeOf(method: string, context: CallContext): string {
  return `${method}:${idempotencyScope(context)}:${context.idempotencyKey}`;
}

/** An account's change as it is called, and what it is answered with. */
interface Change<I extends DescMessage, O extends DescMessage> {
  readonly method: string;
  readonly input: I;
  readonly output: O;
}

const open = { method: 'OpenAccount', input: OpenAccountRequestSchema, output: OpenAccountResponseSchema } as const;
const limit = { method: 'LimitAccount', input: LimitAccountRequestSchema, output: LimitAccountResponseSchema } as const;
const freeze = {
  method: 'FreezeAccount',
  input: FreezeAccountRequestSchema,
  output: FreezeAccountResponseSchema,
} as const;
const thaw = { method: 'ThawAccount', input: ThawAccountRequestSchema, output: ThawAccountResponseSchema } as const;
const close = { method: 'CloseAccount', input: CloseAccountRequestSchema, output: CloseAccountResponseSchema } as const;

async function changeAccount<I extends DescMessage, O extends DescMessage>(
  desk: Desk,
  change: Change<I, O>,
  request: MessageShape<I> & AccountName & { readonly reason: string },
  kind: AccountOrder['kind'],
  context: CallContext,
  limits: Pick<AccountOrder, 'floor' | 'ceiling'> = {},
): Promise<MessageShape<O> | Refusal> {
  const { code, currency, reason } = request;
  if (accountKind(code) === undefined) return refuse('not_found', 'There is no such account in the chart.');
  return once(desk, { ...change, request }, context, async () => {
    const order: AccountOrder = {
      type: 'account',
      kind,
      cause: causeOf(change.method, context),
      reference: referenceOf(context),
      description: reason,
      currency,
      account: code,
      ...limits,
    };
    const sequence = await bookOne(desk, order);
    if (isRefusal(sequence)) return sequence;
    const account = await desk.store.reading((reader) => standing(reader, { code, currency }));
    if (isRefusal(account)) return account;
    return create(change.output, { account: accountOf(account), sequence } as unknown as MessageInitShape<O>);
  });
}

function referenceOf({ principal }: CallContext): string {
  return principal.kind === 'user' ? `user:${principal.userId}` : 'user:';
}

async function bookOne({ writer }: Desk, order: LedgerOrder): Promise<bigint | Refusal> {
  const submitted = await writer.submit([order]);
  if (isRefusal(submitted)) return submitted;
  const { results, sequence } = submitted;
  const [result] = results;
  return result?.kind === 'rejected'
    ? refuse('journal_rejected', `The book refuses it: ${result.detail}.`, [
        { field: 'code', code: 'not_allowed', detail: result.reason },
      ])
    : sequence;
}

/** Below and above are told at or past the threshold; a monitor is on one account. */
function createMonitor(desk: Desk): Reports['createMonitor'] {
  return async (request, context) => {
    const { account, currency } = request;
    if (accountKind(account) === undefined)
      return refuse('invalid_request', 'account is a code of the chart, e.g. 1100.', [
        { field: 'account', code: 'bad_format', detail: 'a code as the trial balance lists it' },
      ]);
    const call = { method: 'CreateMonitor', input: CreateMonitorRequestSchema, request } as const;
    return once(desk, { ...call, output: CreateMonitorResponseSchema }, context, async () => {
      const cause = causeOf('CreateMonitor', context);
      const order: MonitorOrder = {
        type: 'monitor',
        kind: 'monitor_set',
        cause,
        reference: referenceOf(context),
        description: `Watch ${account} ${currency}`,
        currency,
        account,
        monitorId: `mon:${context.idempotencyKey}`,
        direction: request.direction === MonitorDirection.ABOVE ? 'above' : 'below',
        threshold: request.thresholdMinor,
        hysteresis: request.hysteresisMinor,
      };
      const sequence = await bookOne(desk, order);
      if (isRefusal(sequence)) return sequence;
      const watched = await desk.store.reading((reader) => reader.account({ code: account, currency }));
      const monitor = watched && monitorsOn(watched).find((one) => one.id === order.monitorId);
      return create(CreateMonitorResponseSchema, { ...(monitor && { monitor }), sequence });
    });
  };
}

/**
 * What is made by two people, and not here: corrections, what is changed at a rate that somebody typed, what becomes a loss
 * or a gain of ours, and what is owed to a person. Services book some of these by name after two people decided there.
 */
export const kindsOfTwoPeople: ReadonlySet<string> = new Set([
  ...['adjustment', 'reversal', ...exchangeKinds, 'exchange_difference', ...revaluationKinds],
  ...['break_written_off', 'instructor_debt_written_off', 'instructor_debt_moved'],
  ...['payout_prepared', 'reserve_released', 'payout_paid', 'payout_returned'],
]);

/** A dry run is not remembered under its key: it changed nothing, and asked again it tells of the book as it is then. */
function bookInBulk(desk: Desk): Reports['bookJournalsInBulk'] {
  return async (request, context) => {
    const mode = modeOf(request.mode);
    if (isRefusal(mode)) return mode;
    const field = request.journals.findIndex((journal) => kindsOfTwoPeople.has(journal.kind));
    if (field >= 0)
      return refuse('invalid_request', 'This needs a second person: propose an adjustment or an exchange.', [
        { field: `journals[${field}].kind`, code: 'not_allowed', detail: 'POST /api/v1/ledger/adjustments' },
      ]);
    const commands = ordersOf(request.journals);
    if (isRefusal(commands)) return commands;
    const resultsOf = (results: readonly CommandResult[]) =>
      request.journals.map((journal, index) => bookedOf(journal.id, results[index]));
    if (request.dryRun) {
      const run = await desk.writer.dryRun(commands, { mode });
      if (isRefusal(run)) return run;
      return { results: resultsOf(run.results), sequence: run.sequence, balances: run.accounts.map(balanceAfter) };
    }
    const call = { method: 'BookJournalsInBulk', input: BookJournalsInBulkRequestSchema, request } as const;
    return once(desk, { ...call, output: BookJournalsInBulkResponseSchema }, context, async () => {
      const submitted = await desk.writer.submit(commands, { mode });
      if (isRefusal(submitted)) return submitted;
      const { results, sequence } = submitted;
      return create(BookJournalsInBulkResponseSchema, { results: resultsOf(results), sequence });
    });
  };
}

function balanceAfter({ code, currency, after }: AccountChange) {
  return { account: code, currency, balanceMinor: balanceOf(code, after) };
}
