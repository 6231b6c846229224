/** The general ledger as a download: streamed page by page, of one sequence, however large it is. */

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { sendProblem } from '@suuupra/platform/http/problem';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import { hasRole, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { accountKind } from './chart.ts';
import { csvHeader, csvRows } from './general-ledger.ts';
import {
  type AccountName,
  beforeRange,
  type ReportReading,
  type TransferRange,
  timeMaxUs,
  timeMinUs,
} from './reader.ts';

/** Transfers read at a time: bounds memory, and how long one reading holds its view. */
const transfersPerRead = 500;

export const exportRoute: RawRouteDeclaration = {
  method: 'GET',
  path: '/api/v1/ledger/general-ledger.csv',
  summary: 'The general ledger of a time as CSV: ?from=&to= by when it happened, ?account= one account code',
  access: { roles: ['finance'] },
  refusals: ['invalid_request', 'permission_denied', 'unauthenticated'],
  bodyBytesMax: 0,
  lasting: true,
};

export function generalLedgerRoute(store: ReportReading): RawRoute {
  return {
    ...exportRoute,
    handle: (_request, response, context) => sendGeneralLedger(store, response, context),
  };
}

interface Wanted {
  readonly fromUs: bigint;
  readonly untilUs: bigint;
  /** '' all. */
  readonly code: string;
}

async function sendGeneralLedger(store: ReportReading, response: ServerResponse, context: RawContext): Promise<void> {
  const wanted = readWanted(context);
  if (isRefusal(wanted)) return sendProblem(response, wanted, context);
  const { sequence, accounts } = await store.reading(async (reader) => ({
    sequence: (await reader.head()).journalSequence,
    accounts: wanted.code === '' ? [undefined] : await reader.totalsOf(wanted.code),
  }));
  response.writeHead(200, {
    'Content-Type': 'text/csv; charset=utf-8; header=present',
    'Content-Disposition': 'attachment; filename="general-ledger.csv"',
    'Cache-Control': 'no-store',
    'X-Ledger-Sequence': String(sequence),
  });
  response.write(csvHeader);
  for (const account of accounts) await sendTransfers(store, response, context, rangeOf(wanted, sequence, account));
  response.end();
}

/** Checked here too, and not only at the door: the books are for finance. */
function readWanted({ principal, query }: RawContext): Wanted | Refusal {
  if (!hasRole(principal, 'finance')) return refuse('permission_denied', 'This needs the role finance.');
  const from = readTime(query.get('from'));
  const to = readTime(query.get('to'));
  const code = query.get('account') ?? '';
  if (from === 'bad' || to === 'bad' || (from !== undefined && to !== undefined && from > to))
    return refuse('invalid_request', 'from and to are dates or RFC 3339 times, from before to.', [
      { field: from === 'bad' ? 'from' : 'to', code: 'bad_format', detail: '2026-04-01 or 2026-04-01T00:00:00Z' },
    ]);
  if (code !== '' && accountKind(code) === undefined)
    return refuse('invalid_request', 'account is a code of the chart, e.g. 1100.', [
      { field: 'account', code: 'bad_format', detail: 'a code as the trial balance lists it' },
    ]);
  return { fromUs: from ?? timeMinUs, untilUs: to ?? timeMaxUs, code };
}

/** From the beginning of a day (UTC) or a time on; `to` ends before it. */
function readTime(text: string | null): bigint | undefined | 'bad' {
  if (text === null || text === '') return undefined;
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z)?$/.test(text)) return 'bad';
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? 'bad' : BigInt(ms) * 1_000n;
}

function rangeOf({ fromUs, untilUs }: Wanted, untilSequence: bigint, account: AccountName | undefined): TransferRange {
  return { fromUs, untilUs, afterSequence: 0n, untilSequence, order: 'effective', ...(account && { account }) };
}

async function sendTransfers(
  store: ReportReading,
  response: ServerResponse,
  { signal }: RawContext,
  range: TransferRange,
): Promise<void> {
  for (let place = beforeRange(range); !signal.aborted && !response.destroyed; ) {
    const after = place;
    const found = await store.reading((reader) => reader.transfers(range, after, transfersPerRead));
    const isRoom = response.write(found.map((transfer) => csvRows(transfer, range.account?.code)).join(''));
    const last = found.at(-1);
    if (last === undefined || found.length < transfersPerRead) return;
    if (!isRoom) await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
    place = last;
  }
}
