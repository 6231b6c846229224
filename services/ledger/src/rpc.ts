/** What the ledger answers: the trial balance, the entries, an instructor's earnings. It is read only from outside. */
import {
  EarningStatus,
  type GetTrialBalanceRequest,
  LedgerService,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import {
  type Handlers,
  type Implementation,
  implement,
  isRefusal,
  type Refusal,
  refuse,
} from '@suuupra/platform/rpc/rpc';
import type { World } from '@suuupra/platform/world';
import {
  accountKind,
  balanceOn,
  currencyByDefault,
  instructorAccount,
  instructorPayable,
  type Side as NormalSide,
} from './chart.ts';
import { exchangeOf } from './exchange.ts';
import type { SoldLine } from './journals.ts';
import type { AccountTotals, Head, RecordedJournal, ReportReader, ReportReading } from './reader.ts';
import { readingAt } from './reading-at.ts';
import { currencyBalances, exchangeShown, revaluationShown } from './report.ts';
import { revaluationOf } from './revaluation.ts';
import { microsecondsOf, timestampOf } from './time.ts';

type LedgerHandlers = Handlers<typeof LedgerService>;

export function ledgerRpc(store: ReportReading, world: World): Implementation {
  return implement(LedgerService, {
    getTrialBalance: getTrialBalance(store, world),
    listEntries: listEntries(store),
    getMyEarnings: getMyEarnings(store),
  });
}

/** A time to come is answered as of now, and the answer says so. */
function getTrialBalance(store: ReportReading, world: World): LedgerHandlers['getTrialBalance'] {
  return async (request) => {
    const refused = refusePoints(request);
    if (refused !== undefined) return refused;
    const nowUs = BigInt(world.now()) * 1_000n;
    const answered = await readingAt(store, request.atLeast, (reader, head) => totalsAt(reader, head, request, nowUs));
    if (isRefusal(answered)) return answered;
    const { sequence, totals, atUs } = answered;
    return { at: timestampOf(atUs), sequence, currencies: currencyBalances(totals) };
  };
}

function refusePoints(request: GetTrialBalanceRequest): Refusal | undefined {
  const points = [request.at, request.effectiveAt, request.sequence === 0n ? undefined : request.sequence];
  if (request.sequence >= 0n && points.filter((point) => point !== undefined).length < 2) return undefined;
  return refuse('invalid_request', 'Give one of at, effectiveAt and sequence, or none.', [
    {
      field: 'at',
      code: 'not_allowed',
      detail: 'one point of the book, by when it was recorded, happened or numbered',
    },
  ]);
}

interface TotalsAt {
  readonly sequence: bigint;
  readonly totals: readonly AccountTotals[];
  readonly atUs: bigint;
}

async function totalsAt(
  reader: ReportReader,
  head: Head,
  { at, effectiveAt, sequence }: GetTrialBalanceRequest,
  nowUs: bigint,
): Promise<TotalsAt | Refusal> {
  if (effectiveAt !== undefined) {
    const atUs = microsecondsOf(effectiveAt);
    const totals = await reader.totalsBefore(atUs + 1n, head.journalSequence);
    return { sequence: head.journalSequence, totals, atUs };
  }
  if (sequence > 0n) {
    if (sequence > head.journalSequence)
      return refuse('sequence_not_reached', `The book is at ${head.journalSequence}.`);
    return { sequence, totals: await reader.totalsAfter(sequence), atUs: nowUs };
  }
  const atUs = at === undefined ? nowUs : microsecondsOf(at);
  if (at === undefined || atUs >= nowUs)
    return { sequence: head.journalSequence, totals: await reader.totals(), atUs: nowUs };
  const found = await reader.sequenceAt(atUs);
  return { sequence: found, totals: await reader.totalsAfter(found), atUs };
}

const newestOfAll = 9_223_372_036_854_775_807n;

function listEntries(store: ReportReading): LedgerHandlers['listEntries'] {
  return async (request) => {
    const page = readPage(request, ['integer']);
    if (isRefusal(page)) return page;
    const { reference, account } = request;
    if (account !== '' && account !== instructorPayable && accountKind(account) === undefined)
      return refuse('invalid_request', 'account is a code of the chart, e.g. 1100.', [
        { field: 'account', code: 'bad_format', detail: 'a code as the trial balance lists it' },
      ]);
    const before = page.after[0] === undefined ? newestOfAll : BigInt(page.after[0]);
    const found = await readingAt(store, request.atLeast, (reader) =>
      reader.entries({ reference, account }, before, page.limit + 1),
    );
    if (isRefusal(found)) return found;
    const given = found.slice(0, page.limit);
    const last = given.at(-1);
    return {
      entries: given.map(entryOf),
      nextPageToken: found.length > page.limit && last !== undefined ? pageToken([String(last.sequence)]) : '',
    };
  };
}

function entryOf(journal: RecordedJournal) {
  const { id, kind, cause, reference, description, sequence } = journal;
  const exchange = exchangeOf(kind, journal.details ?? '');
  const revaluation = revaluationOf(kind, journal.details ?? '');
  return {
    id,
    kind,
    cause,
    reference,
    description,
    sequence,
    at: timestampOf(journal.recordedAtUs),
    effectiveAt: timestampOf(journal.effectiveAtUs),
    legs: legsOf(journal),
    ...(exchange !== undefined && { exchange: exchangeShown(exchange) }),
    ...(revaluation !== undefined && { revaluation: revaluationShown(revaluation) }),
  };
}

/** One leg for each account and side, debits first, in the order of the transfers. */
function legsOf({ transfers, currency }: RecordedJournal) {
  const sums = { debit: new Map<string, bigint>(), credit: new Map<string, bigint>() };
  for (const transfer of transfers) {
    for (const side of ['debit', 'credit'] as const)
      sums[side].set(transfer[side], (sums[side].get(transfer[side]) ?? 0n) + transfer.amount);
  }
  const leg = (side: NormalSide) =>
    [...sums[side]].map(([account, amountMinor]) => ({
      account,
      accountName: accountKind(account)?.name ?? '',
      [side]: { currency, amountMinor },
    }));
  return [...leg('debit'), ...leg('credit')];
}

function getMyEarnings(store: ReportReading): LedgerHandlers['getMyEarnings'] {
  return async (request, { principal }) => {
    const page = readPage(request, ['integer', 'text']);
    if (isRefusal(page)) return page;
    if (principal.kind !== 'user') return refuse('permission_denied', 'Only an instructor has earnings.');
    const [soldBy, lineId] = page.after;
    const after = soldBy === undefined || lineId === undefined ? undefined : { soldBy: BigInt(soldBy), lineId };
    const read = await readingAt(store, request.atLeast, async (reader) => ({
      lines: await reader.soldLines(principal.userId, after, page.limit + 1),
      currencies: await reader.currenciesOf(principal.userId),
      payables: await reader.totalsOf(instructorAccount(principal.userId)),
    }));
    if (isRefusal(read)) return read;
    const { lines, currencies, payables } = read;
    const given = lines.slice(0, page.limit);
    const last = given.at(-1);
    const balances = currencies.map((currency) => {
      const payable = payables.find((account) => account.currency === currency);
      return { currency, amountMinor: payable === undefined ? 0n : balanceOn('credit', payable) };
    });
    return {
      earnings: given.map(earningOf),
      balance: balances[0] ?? { currency: currencyByDefault, amountMinor: 0n },
      balances,
      nextPageToken:
        lines.length > page.limit && last !== undefined ? pageToken([String(last.soldBy), last.lineId]) : '',
    };
  };
}

function earningOf(line: SoldLine) {
  const { orderId, courseId, courseTitle, currency, gross, tax, fee, share, refunded } = line;
  const money = (amountMinor: bigint) => ({ currency, amountMinor });
  return {
    orderId,
    courseId,
    courseTitle,
    gross: money(gross),
    tax: money(tax),
    platformFee: money(fee),
    share: money(share),
    refundedShare: money(refunded.share),
    status: statusOf(line),
    at: timestampOf(line.soldAtUs),
  };
}

function statusOf({ net, tax, refunded }: SoldLine): EarningStatus {
  if (refunded.net === net && refunded.tax === tax) return EarningStatus.REFUNDED;
  return refunded.net + refunded.tax > 0n ? EarningStatus.PARTIALLY_REFUNDED : EarningStatus.EARNED;
}
