/** Lists of reconciliation, page by page, and its sums. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type * as proto from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlValue } from '@suuupra/platform/sql/sql';
import type { Desk } from './desk.ts';
import { referenceKey } from './file-item.ts';
import {
  type Age,
  ageDays,
  ageOf,
  ages,
  type BreakRow,
  breakViews,
  type ExpectationViewRow,
  expectationView,
  expectationViewColumns,
  type LineViewRow,
  lineView,
  lineViewColumns,
  readFiles,
} from './views.ts';

interface Paged {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** A piece of WHERE and its value; left out when the value is empty. */
type Condition = readonly [string, SqlValue];

function where(conditions: readonly Condition[]): { text: string; values: SqlValue[] } {
  const used = conditions.filter(([, value]) => value !== '' && value !== null);
  const text = used.map(([condition], index) => condition.replaceAll('?', `$${index + 1}`)).join(' AND ');
  return { text: text === '' ? '' : `WHERE ${text}`, values: used.map(([, value]) => value) };
}

/** Newest first by a time and an id. Every time here was written in milliseconds, so the token holds all of it. */
function newest(
  request: Paged,
  time: string,
  filter: readonly string[],
): { limit: number; after: readonly Condition[]; filter: readonly string[] } | Refusal {
  const page = readPage(request, ['time', 'text'], filter);
  if (isRefusal(page)) return page;
  const [at = '', id = ''] = page.after;
  return { limit: page.limit, filter, after: at === '' ? [] : [[`(${time}, id) < (?)`, [at, id]]] };
}

/** As `where`, for a keyset of two whose values are bound apart. */
function whereAfter(conditions: readonly Condition[], page: { after: readonly Condition[]; limit: number }) {
  const { text, values } = where(conditions);
  const [after] = page.after;
  if (after === undefined) return { text, values };
  const [condition, pair] = after;
  const bound = condition.replace('?', `$${values.length + 1}::timestamptz, $${values.length + 2}`);
  return {
    text: text === '' ? `WHERE ${bound}` : `${text} AND ${bound}`,
    values: [...values, ...(pair as SqlValue[])],
  };
}

function cut<T>(
  rows: readonly T[],
  { limit, filter }: { readonly limit: number; readonly filter: readonly string[] },
  token: (row: T) => readonly string[],
): { shown: readonly T[]; nextPageToken: string } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { shown, nextPageToken: rows.length > limit && last !== undefined ? pageToken(token(last), filter) : '' };
}

export async function listFiles(
  { sql }: Desk,
  request: proto.ListSettlementFilesRequest,
): Promise<MessageInitShape<typeof proto.ListSettlementFilesResponseSchema> | Refusal> {
  const page = newest(request, 'created_at', [request.status]);
  if (isRefusal(page)) return page;
  const { text, values } = whereAfter(
    [
      ['status = ?', request.status],
      ['status <> ?', 'receiving'],
    ],
    page,
  );
  const rows = await readFiles(sql, `${text} ORDER BY created_at DESC, id DESC LIMIT ${page.limit + 1}`, values);
  const { shown, nextPageToken } = cut(rows, page, ({ row }) => [row.createdAt.toISOString(), row.id]);
  return { files: shown.map(({ view }) => view), nextPageToken };
}

export async function listLines(
  { sql }: Desk,
  request: proto.ListFileLinesRequest,
): Promise<MessageInitShape<typeof proto.ListFileLinesResponseSchema> | Refusal> {
  const filter = [request.fileId];
  const read = readPage(request, ['integer'], filter);
  if (isRefusal(read)) return read;
  const page = { ...read, filter };
  const [file] = await sql.query('SELECT id FROM settlement_files WHERE id = $1', [request.fileId]);
  if (file === undefined) return refuse('not_found', 'There is no file of this id.');
  const rows = await sql.query<LineViewRow>(
    `SELECT ${lineViewColumns} FROM file_lines WHERE file_id = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3`,
    [request.fileId, BigInt(page.after[0] ?? '0'), page.limit + 1],
  );
  const { shown, nextPageToken } = cut(rows, page, ({ ordinal }) => [ordinal.toString()]);
  return { lines: shown.map(lineView), nextPageToken };
}

const placeOf: Readonly<Record<string, string>> = {
  '': '',
  open: 'match_id IS NULL AND break_id IS NULL',
  matched: 'match_id IS NOT NULL',
  break: 'break_id IS NOT NULL',
};

export async function listExpectations(
  { sql }: Desk,
  request: proto.ListExpectationsRequest,
): Promise<MessageInitShape<typeof proto.ListExpectationsResponseSchema> | Refusal> {
  const page = newest(request, 'expected_at', [request.state, request.side, request.reference]);
  if (isRefusal(page)) return page;
  const place = placeOf[request.state];
  if (place === undefined) return badFilter('state', 'open, matched, break');
  const key = referenceKey(request.reference);
  const conditions: Condition[] = [
    ['side = ?', request.side],
    ['keys && ?', key === '' ? '' : [key]],
  ];
  const { text, values } = whereAfter(conditions, page);
  const placed = place === '' ? text : text === '' ? `WHERE ${place}` : `${text} AND ${place}`;
  const rows = await sql.query<ExpectationViewRow>(
    `SELECT ${expectationViewColumns} FROM expectations ${placed} ORDER BY expected_at DESC, id DESC LIMIT ${page.limit + 1}`,
    values,
  );
  const { shown, nextPageToken } = cut(rows, page, (row) => [row.expected_at.toISOString(), row.id]);
  return { expectations: shown.map(expectationView), nextPageToken };
}

const dayMs = 24 * 60 * 60 * 1_000;

export async function listBreaks(
  { sql, world }: Desk,
  request: proto.ListBreaksRequest,
): Promise<MessageInitShape<typeof proto.ListBreaksResponseSchema> | Refusal> {
  const page = newest(request, 'opened_at', [request.status, request.type, request.ownerId, request.age]);
  if (isRefusal(page)) return page;
  if (request.age !== '' && !isAge(request.age)) return badFilter('age', ages.join(', '));
  const nowMs = world.now();
  const [from, until] = isAge(request.age) ? ageDays[request.age] : [0, 0];
  const conditions: Condition[] = [
    ['status = ?', request.status],
    ['type = ?', request.type],
    ['owner_id = ?', request.ownerId],
    // As each says of itself: a closed one's age stands still.
    [
      `opened_at <= coalesce(closed_at - make_interval(secs => ${from * 86_400}), ?)`,
      isAge(request.age) ? new Date(nowMs - from * dayMs) : null,
    ],
    [
      `opened_at > coalesce(closed_at - make_interval(secs => ${until * 86_400}), ?)`,
      isAge(request.age) ? new Date(nowMs - until * dayMs) : null,
    ],
  ];
  const { text, values } = whereAfter(conditions, page);
  const rows = await sql.query<BreakRow>(
    `SELECT * FROM breaks ${text} ORDER BY opened_at DESC, id DESC LIMIT ${page.limit + 1}`,
    values,
  );
  const { shown, nextPageToken } = cut(rows, page, (row) => [row.opened_at.toISOString(), row.id]);
  return { breaks: await breakViews(sql, shown, nowMs), nextPageToken };
}

function isAge(text: string): text is Age {
  return (ages as readonly string[]).includes(text);
}

function badFilter(field: string, detail: string): Refusal {
  return refuse('invalid_request', `${field} is one of ${detail}.`, [{ field, code: 'not_allowed', detail }]);
}

interface SumRow extends Record<string, unknown> {
  side: string;
  currency: string;
  total: string;
  matched: string;
  broken: string;
  neither: string;
}

/** Sums by side and currency of one kind of item; numeric, so that nothing wraps on the way. */
function sumsOf(table: string): string {
  return `SELECT side, currency, sum(amount_minor)::text AS total,
    coalesce(sum(amount_minor) FILTER (WHERE match_id IS NOT NULL), 0)::text AS matched,
    coalesce(sum(amount_minor) FILTER (WHERE break_id IS NOT NULL), 0)::text AS broken,
    coalesce(sum(amount_minor) FILTER (WHERE match_id IS NULL AND break_id IS NULL), 0)::text AS neither
    FROM ${table} GROUP BY side, currency`;
}

/**
 * M33: each line of a processed file and each expectation is in one place, and the sums agree. An expectation that is not
 * yet due is in a third one, open; so is a line while its file is processed, which `isWhole` leaves out.
 */
export async function reconciliationSums(
  executor: SqlExecutor,
): Promise<{ sums: MessageInitShape<typeof proto.ReconciliationSumSchema>[]; holds: boolean }> {
  const lines = await executor.query<SumRow>(sumsOf('file_lines'));
  const expectations = await executor.query<SumRow>(sumsOf('expectations'));
  const [astray] = await executor.query<{ lines: bigint }>(
    `SELECT count(*) AS lines FROM file_lines JOIN settlement_files AS file ON file.id = file_id
     WHERE match_id IS NULL AND break_id IS NULL AND file.status = 'processed'`,
  );
  const keys = [...new Set([...lines, ...expectations].map(({ side, currency }) => `${side} ${currency}`))].sort();
  const sums = keys.map((key) => {
    const of = (rows: readonly SumRow[]) => rows.find(({ side, currency }) => `${side} ${currency}` === key);
    const [side = '', currency = ''] = key.split(' ');
    const [ours, theirs] = [of(lines), of(expectations)];
    return {
      ...{ side, currency, linesMinor: BigInt(ours?.total ?? 0), linesMatchedMinor: BigInt(ours?.matched ?? 0) },
      ...{ linesInBreaksMinor: BigInt(ours?.broken ?? 0), expectedMinor: BigInt(theirs?.total ?? 0) },
      ...{ expectedMatchedMinor: BigInt(theirs?.matched ?? 0), expectedInBreaksMinor: BigInt(theirs?.broken ?? 0) },
      ...{ expectedOpenMinor: BigInt(theirs?.neither ?? 0) },
    };
  });
  const agree = sums.every(
    (each) =>
      each.expectedMinor === each.expectedMatchedMinor + each.expectedInBreaksMinor + each.expectedOpenMinor &&
      each.linesMinor ===
        each.linesMatchedMinor +
          each.linesInBreaksMinor +
          BigInt(lines.find((row) => `${row.side} ${row.currency}` === `${each.side} ${each.currency}`)?.neither ?? 0),
  );
  return { sums, holds: agree && (astray?.lines ?? 0n) === 0n };
}

export async function getReconciliation({
  sql,
  world,
}: Desk): Promise<MessageInitShape<typeof proto.GetReconciliationResponseSchema>> {
  const { sums, holds } = await reconciliationSums(sql);
  const nowMs = world.now();
  // By whole days since each was opened and not by calendar days, as one break says of itself.
  const open = await sql.query<{ type: string; days: number; breaks: bigint }>(
    `SELECT type, greatest(floor(extract(epoch FROM ($1::timestamptz - opened_at)) / 86400), 0)::int AS days, count(*) AS breaks
     FROM breaks WHERE closed_at IS NULL GROUP BY 1, 2`,
    [new Date(nowMs)],
  );
  const counts = new Map<string, bigint>();
  for (const { type, days, breaks } of open) {
    const key = `${type} ${ageOf(nowMs - days * dayMs, nowMs)}`;
    counts.set(key, (counts.get(key) ?? 0n) + breaks);
  }
  const [journals] = await sql.query<{ waiting: bigint; refused: bigint }>(
    "SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'refused') AS refused FROM bookings WHERE state <> 'booked'",
  );
  return {
    sums,
    partitionHolds: holds,
    breaks: [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, breaks]) => {
        const [type = '', age = ''] = key.split(' ');
        return { type, age, breaks };
      }),
    ...{ journalsWaiting: journals?.waiting ?? 0n, journalsRefused: journals?.refused ?? 0n },
  };
}
