/**
 * The pulling of providers' settlement reports, on a schedule. Each settlement is written down as pulled in the transaction
 * that makes its file known, so that a kill at any step loses none and doubles none; the watermark only spares the provider
 * questions about what is long done.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ReportSourceSchema } from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Desk } from './desk.ts';
import { receiveFile } from './files.ts';
import { type ListedSettlement, type ReportSource, SourceFault } from './report-source.ts';

const hourMs = 60 * 60 * 1_000;
const dayMs = 24 * hourMs;
/** Settlements are made once a day; an hour keeps them fresh and the provider's limits far. */
export const pullEveryMs = hourMs;
const againAfterMs = 5 * 60 * 1_000;
/** Who died while pulling is followed by another after this time. */
const pullingMsMax = 15 * 60 * 1_000;
/** The first pull goes back so far: older settlements are uploaded by hand. */
const firstDaysMs = 35 * dayMs;
/** A list may show a settlement a while after it was made. */
const listedLateMs = dayMs;
/** A report that the gate refused is fetched again once a day, for the provider may put it right, and then left to people. */
const refusedAgainMs = dayMs;
const refusedForMs = 7 * dayMs;

/** Pulls what is due of each; one that fails keeps no other waiting. */
export async function pullProviders(desk: Desk, sources: readonly ReportSource[]): Promise<void> {
  for (const source of sources) {
    if (!(await claim(desk, source))) continue;
    try {
      await pullSource(desk, source);
    } catch (error) {
      // A fault of ours or of the database ends the round; the claim lapses and it is taken up again.
      if (!(error instanceof SourceFault)) throw error;
      desk.log.warn('a provider gives no settlement reports', { source: source.name, error });
      await desk.sql.execute('UPDATE report_sources SET failed_at = $2, failure = $3, due_at = $4 WHERE name = $1', [
        ...[source.name, new Date(desk.world.now()), error.message],
        new Date(desk.world.now() + againAfterMs),
      ]);
    }
  }
}

/** False when it is not due, or another process is at it. */
async function claim({ sql, world }: Desk, { name }: ReportSource): Promise<boolean> {
  const nowMs = world.now();
  await sql.execute(
    'INSERT INTO report_sources (name, watermark, due_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING',
    [name, new Date(nowMs - firstDaysMs), new Date(nowMs)],
  );
  const claimed = await sql.execute('UPDATE report_sources SET due_at = $3 WHERE name = $1 AND due_at <= $2', [
    ...[name, new Date(nowMs), new Date(nowMs + pullingMsMax)],
  ]);
  return claimed === 1;
}

async function pullSource(desk: Desk, source: ReportSource): Promise<void> {
  const { sql, world } = desk;
  const [row] = await sql.query<{ watermark: Date }>('SELECT watermark FROM report_sources WHERE name = $1', [
    source.name,
  ]);
  const sinceMs = row?.watermark.getTime() ?? 0;
  const askedAtMs = world.now();
  const settlements = await source.settlementsSince(sinceMs);
  // All before this one is done.
  let doneUntilMs = Math.max(sinceMs, askedAtMs - listedLateMs);
  for (const settlement of settlements)
    if (!(await isDone(desk, source, settlement))) doneUntilMs = Math.min(doneUntilMs, settlement.madeAtMs);
  await sql.execute(
    `UPDATE report_sources SET watermark = greatest(watermark, $2), succeeded_at = $3, failed_at = NULL, failure = '', due_at = $4
     WHERE name = $1`,
    [source.name, new Date(doneUntilMs), new Date(world.now()), new Date(world.now() + pullEveryMs)],
  );
}

/** Pulls the settlement when it is to be pulled. True when it need not be looked at again. */
async function isDone(desk: Desk, source: ReportSource, settlement: ListedSettlement): Promise<boolean> {
  if (settlement.state !== 'ready') return settlement.state === 'never';
  const before = await pulledBefore(desk.sql, source, settlement);
  const nowMs = desk.world.now();
  if (before !== undefined) {
    if (before.status !== 'failed' || nowMs - settlement.madeAtMs > refusedForMs) return true;
    if (nowMs - before.pulled_at.getTime() < refusedAgainMs) return false;
  }
  const content = await source.report(settlement);
  if (content === undefined) return false;
  const note = (executor: SqlExecutor, fileId: string | null) =>
    notePulled(executor, source, settlement, { fileId, atMs: nowMs });
  const received = await receiveFile(desk, {
    ...{ format: 'settlement_csv', source: 'provider', name: `${source.name}-${settlement.id}.csv`, by: source.name },
    ...{ simulated: source.simulated, body: once(content) },
    withIt: (tx: SqlTransaction, fileId: string) => note(tx, fileId),
  });
  if (!isRefusal(received)) return false;
  desk.log.warn('a pulled report is not taken', {
    source: source.name,
    settlement: settlement.id,
    code: received.code,
  });
  await note(desk.sql, null);
  return true;
}

async function pulledBefore(
  sql: SqlExecutor,
  { name }: ReportSource,
  { id }: ListedSettlement,
): Promise<{ status: string; pulled_at: Date } | undefined> {
  const [row] = await sql.query<{ status: string; pulled_at: Date }>(
    `SELECT coalesce(file.status, 'known') AS status, pulled_at FROM pulled_reports LEFT JOIN settlement_files AS file ON file.id = file_id
     WHERE pulled_reports.source = $1 AND report_id = $2`,
    [name, id],
  );
  return row;
}

async function notePulled(
  executor: SqlExecutor,
  { name }: ReportSource,
  { id }: ListedSettlement,
  pulled: { readonly fileId: string | null; readonly atMs: number },
): Promise<void> {
  await executor.execute(
    `INSERT INTO pulled_reports (source, report_id, file_id, pulled_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (source, report_id) DO UPDATE SET file_id = excluded.file_id, pulled_at = excluded.pulled_at`,
    [name, id, pulled.fileId, new Date(pulled.atMs)],
  );
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

interface SourceRow extends Record<string, unknown> {
  name: string;
  watermark: Date;
  succeeded_at: Date | null;
  failed_at: Date | null;
  failure: string;
  reports: bigint;
}

const known = ['razorpay', 'stripe'] as const;

/** Every provider there is an adapter for, with and without keys, by name. */
export async function listSources(
  sql: SqlExecutor,
  sources: readonly ReportSource[],
): Promise<MessageInitShape<typeof ReportSourceSchema>[]> {
  const rows = await sql.query<SourceRow>(
    `SELECT name, watermark, succeeded_at, failed_at, failure,
       (SELECT count(*) FROM pulled_reports WHERE source = report_sources.name AND file_id IS NOT NULL) AS reports
     FROM report_sources ORDER BY name`,
  );
  return known.map((name) => {
    const source = sources.find((each) => each.name === name);
    const row = rows.find((each) => each.name === name);
    return {
      ...{ name, hasKeys: source !== undefined, simulated: source?.simulated ?? false },
      ...(row === undefined ? {} : { completeUntil: timestampFromDate(row.watermark), reportsPulled: row.reports }),
      ...(row?.succeeded_at ? { succeededAt: timestampFromDate(row.succeeded_at) } : {}),
      ...(row?.failed_at ? { failedAt: timestampFromDate(row.failed_at), failure: row.failure } : {}),
    };
  });
}
