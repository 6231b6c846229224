/** The finance desk of the ledger as it is called: accounts, statements, periods, adjustments, bulk journals, monitors. */
import {
  type GetBalanceRequest,
  LedgerReportsService,
  TimeBasis,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import {
  type Handlers,
  type Implementation,
  implement,
  isRefusal,
  type Refusal,
  refuse,
} from '@suuupra/platform/rpc/rpc';
import { adjustmentHandlers } from './adjustments.ts';
import { accountKind, balanceOn } from './chart.ts';
import { commandHandlers } from './desk-commands.ts';
import { closePeriod, type Desk } from './periods.ts';
import type { AccountName, AccountTotals, Head, ReportReader, ReportReading } from './reader.ts';
import { readingAt, standing } from './reading-at.ts';
import { accountOf, currencyBalances, exchangeShown, monitorsOn, periodOf } from './report.ts';
import { readStatement, type StatementLine, type StatementPlace } from './statements.ts';
import { microsecondsOf, timestampOf } from './time.ts';

type Reports = Handlers<typeof LedgerReportsService>;

export function ledgerReportsRpc(desk: Desk): Implementation {
  const { store } = desk;
  return implement(LedgerReportsService, {
    listAccounts: listAccounts(store),
    getAccount: getAccount(store),
    getBalance: getBalance(store),
    getStatement: getStatement(store),
    listPeriods: listPeriods(store),
    getPeriod: getPeriod(store),
    closePeriod: (request, context) => closePeriod(desk, request, context),
    listMonitors: listMonitors(store),
    ...adjustmentHandlers(desk),
    ...commandHandlers(desk),
  });
}

function listAccounts(store: ReportReading): Reports['listAccounts'] {
  return async (request) => {
    const page = readPage(request, ['text', 'text']);
    if (isRefusal(page)) return page;
    const { parent, currency } = request;
    const read = await readingAt(store, request.atLeast, async (reader, head) => ({
      head,
      found: await reader.accounts({ parent, currency }, nameOf(page.after), page.limit + 1),
    }));
    if (isRefusal(read)) return read;
    const given = read.found.slice(0, page.limit);
    return {
      accounts: given.map(accountOf),
      nextPageToken: read.found.length > page.limit ? tokenAfter(given) : '',
      sequence: read.head.journalSequence,
    };
  };
}

function nameOf([code, currency]: readonly string[]): AccountName | undefined {
  return code === undefined || currency === undefined ? undefined : { code, currency };
}

function tokenAfter(given: readonly AccountName[]): string {
  const last = given.at(-1);
  return last === undefined ? '' : pageToken([last.code, last.currency]);
}

function getAccount(store: ReportReading): Reports['getAccount'] {
  return async (request) => {
    const read = await readingAt(store, request.atLeast, async (reader, head) => ({
      head,
      account: await standing(reader, request),
    }));
    if (isRefusal(read)) return read;
    return isRefusal(read.account)
      ? read.account
      : { account: accountOf(read.account), sequence: read.head.journalSequence };
  };
}

function getBalance(store: ReportReading): Reports['getBalance'] {
  return async (request) => {
    const { code, currency } = request;
    const kind = accountKind(code);
    if (kind === undefined) return refuse('not_found', 'There is no such account in the chart.');
    const points = [request.at, request.effectiveAt, request.sequence === 0n ? undefined : request.sequence];
    if (request.sequence < 0n || points.filter((point) => point !== undefined).length > 1)
      return refuse('invalid_request', 'Give one of at, effectiveAt and sequence, or none for now.', [
        { field: 'at', code: 'not_allowed', detail: 'one point of the book' },
      ]);
    const read = await readingAt(store, request.atLeast, (reader, head) =>
      balanceAt(reader, head, request, { code, currency }),
    );
    if (isRefusal(read)) return read;
    const { debit, credit } = read.totals[0] ?? { debit: 0n, credit: 0n };
    return {
      debitMinor: debit,
      creditMinor: credit,
      balanceMinor: balanceOn(kind.normalSide, { debit, credit }),
      sequence: read.sequence,
    };
  };
}

async function balanceAt(
  reader: ReportReader,
  head: Head,
  { at, effectiveAt, sequence }: GetBalanceRequest,
  name: AccountName,
): Promise<{ totals: readonly AccountTotals[]; sequence: bigint } | Refusal> {
  if (effectiveAt !== undefined) {
    const totals = await reader.totalsBefore(microsecondsOf(effectiveAt) + 1n, head.journalSequence, name);
    return { totals, sequence: head.journalSequence };
  }
  if (sequence > head.journalSequence) return refuse('sequence_not_reached', `The book is at ${head.journalSequence}.`);
  const asked = at === undefined ? sequence : await reader.sequenceAt(microsecondsOf(at));
  const after = at === undefined && sequence === 0n ? head.journalSequence : asked;
  return { totals: await reader.totalsAfter(after, name), sequence: after };
}

function getStatement(store: ReportReading): Reports['getStatement'] {
  return async (request) => {
    const page = readPage(request, ['integer', 'integer', 'integer', 'integer', 'integer']);
    if (isRefusal(page)) return page;
    const fromUs = request.from === undefined ? undefined : microsecondsOf(request.from);
    const untilUs = request.until === undefined ? undefined : microsecondsOf(request.until);
    if (fromUs !== undefined && untilUs !== undefined && fromUs > untilUs)
      return refuse('invalid_request', 'A statement ends after it begins.', [
        { field: 'until', code: 'out_of_range', detail: 'a time after from' },
      ]);
    const basis = request.basis === TimeBasis.EFFECTIVE ? 'effective' : 'recorded';
    const [sequence, place] = placeOf(page.after);
    const read = await readingAt(store, request.atLeast, async (reader, head) => {
      const account = await standing(reader, request);
      if (isRefusal(account)) return account;
      const of = { account, basis, fromUs, untilUs, sequence: sequence ?? head.journalSequence } as const;
      return { account, of, statement: await readStatement(reader, of, place, page.limit) };
    });
    if (isRefusal(read)) return read;
    const { account, of, statement } = read;
    if (statement === undefined) return refuse('not_found', 'There is no such account in the chart.');
    const { next } = statement;
    return {
      account: accountOf(account),
      openingMinor: statement.opening,
      closingMinor: statement.closing,
      debitsMinor: statement.debits,
      creditsMinor: statement.credits,
      lines: statement.lines.map(lineOf),
      sequence: of.sequence,
      nextPageToken: next === undefined ? '' : pageToken(tokenOf(of.sequence, next)),
    };
  };
}

/** The sequence that the first page fixed, the last line, and the balance after it. */
function tokenOf(sequence: bigint, place: StatementPlace): string[] {
  return [sequence, place.effectiveAtUs, place.sequence, place.position, place.balance].map(String);
}

function placeOf(after: readonly string[]): [bigint | undefined, StatementPlace | undefined] {
  const [fixed, effectiveAtUs, sequence, position, balance] = after.map(BigInt);
  if (fixed === undefined || effectiveAtUs === undefined || sequence === undefined) return [undefined, undefined];
  return [fixed, { effectiveAtUs, sequence, position: Number(position), balance: balance ?? 0n }];
}

function lineOf(line: StatementLine) {
  const { sequence, position, journalId, kind, reference, description, counterpart } = line;
  return {
    ...{ sequence, position, journalId, kind, reference, description, counterpart },
    recordedAt: timestampOf(line.recordedAtUs),
    effectiveAt: timestampOf(line.effectiveAtUs),
    debitMinor: line.debited,
    creditMinor: line.credited,
    balanceMinor: line.balance,
    ...(line.exchange !== undefined && { exchange: exchangeShown(line.exchange) }),
  };
}

const newestOfAll = 9_223_372_036_854_775_807n;

function listPeriods(store: ReportReading): Reports['listPeriods'] {
  return async (request) => {
    const page = readPage(request, ['integer']);
    if (isRefusal(page)) return page;
    const before = page.after[0] === undefined ? newestOfAll : BigInt(page.after[0]);
    const found = await readingAt(store, request.atLeast, (reader) => reader.periods(before, page.limit + 1));
    if (isRefusal(found)) return found;
    const given = found.slice(0, page.limit);
    const last = given.at(-1);
    return {
      periods: given.map(periodOf),
      nextPageToken: found.length > page.limit && last !== undefined ? pageToken([String(last.number)]) : '',
    };
  };
}

function getPeriod(store: ReportReading): Reports['getPeriod'] {
  return (request) =>
    store.reading(async (reader) => {
      const [period] = request.number < newestOfAll ? await reader.periods(request.number + 1n, 1) : [];
      if (period?.number !== request.number) return refuse('not_found', 'There is no such period.');
      return { period: periodOf(period), currencies: currencyBalances(await reader.periodTotals(period.number)) };
    });
}

function listMonitors(store: ReportReading): Reports['listMonitors'] {
  return async (request) => {
    const page = readPage(request, ['text', 'text']);
    if (isRefusal(page)) return page;
    const found = await readingAt(store, request.atLeast, (reader) =>
      reader.watchedAccounts(nameOf(page.after), page.limit + 1),
    );
    if (isRefusal(found)) return found;
    const given = found.slice(0, page.limit);
    return {
      monitors: given.flatMap(monitorsOn),
      nextPageToken: found.length > page.limit ? tokenAfter(given) : '',
    };
  };
}
