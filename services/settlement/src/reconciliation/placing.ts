/**
 * Lines and expectations find their place: in a match or in a break. Everything here runs in the caller's transaction,
 * which locks what it places, so that nothing is placed twice.
 */
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import { hashId } from '../payouts/hash-id.ts';
import { exchangeDifferenceBooking, placedBookings } from './booking.ts';
import { writeBookings } from './bookings.ts';
import { leaveBreaks, openBreak, type Step, systemActor } from './breaks.ts';
import { realisedMinor } from './exchange.ts';
import { referenceKey, type Side } from './file-item.ts';
import { breakOf, type ExpectationToMatch, type LineToMatch, type Match, match } from './match.ts';
import type { Rule } from './rule.ts';

/** So many expectations or lines may compete for the lines of one chunk. */
const candidatesMax = 2_000;
const dayMs = 24 * 60 * 60 * 1_000;

interface LineRow extends Record<string, unknown> {
  id: string;
  kind: string;
  currency: string;
  amount_minor: bigint;
  fee_minor: bigint | null;
  day: number;
  keys: string[];
  description: string;
}

interface ExpectationRow extends Record<string, unknown> {
  id: string;
  kind: string;
  currency: string;
  amount_minor: bigint;
  fee_minor: bigint | null;
  day: number;
  keys: string[];
}

const lineColumns = `id, kind, currency, amount_minor, CASE WHEN settled_currency = '' THEN fee_minor END AS fee_minor, (value_date - DATE '1970-01-01')::int AS day, keys, description`;
const expectationColumns = `id, kind, currency, amount_minor, fee_minor,
  ((expected_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01')::int AS day, keys`;

function lineOf(row: LineRow): LineToMatch {
  const { id, kind, currency, amount_minor: amountMinor, day, keys, description } = row;
  const feeMinor = row.fee_minor ?? undefined;
  return { id, kind, currency, amountMinor, feeMinor, day, keys, text: referenceKey(description) };
}

function expectationOf(row: ExpectationRow): ExpectationToMatch {
  const { id, kind, currency, amount_minor: amountMinor, day, keys } = row;
  return { id, kind, currency, amountMinor, feeMinor: row.fee_minor ?? undefined, day, keys };
}

interface RuleRow extends Record<string, unknown> {
  id: string;
  priority: number;
  side: Side;
  shape: Rule['shape'];
  reference: Rule['reference'];
  amount_tolerance_minor: bigint;
  amount_tolerance_bps: number;
  days_apart_max: number;
  group_max: number;
  enabled: boolean;
}

export async function readRules(executor: SqlExecutor): Promise<Rule[]> {
  const rows = await executor.query<RuleRow>('SELECT * FROM match_rules ORDER BY side, priority, id');
  return rows.map((row) => ({
    ...{ id: row.id, priority: row.priority, side: row.side, shape: row.shape, reference: row.reference },
    ...{ amountToleranceMinor: row.amount_tolerance_minor, amountToleranceBps: row.amount_tolerance_bps },
    ...{ daysApartMax: row.days_apart_max, groupMax: row.group_max, enabled: row.enabled },
  }));
}

/** Places lines of one file that are in no place yet: by a rule, else in a break. */
export async function placeLines(
  tx: SqlTransaction,
  of: { readonly side: Side; readonly fileId: string; readonly lineIds: readonly string[]; readonly atMs: number },
): Promise<void> {
  const { side, fileId, lineIds, atMs } = of;
  const step: Step = { atMs, actor: systemActor, note: `file ${fileId}` };
  const own = (
    await tx.query<LineRow>(`SELECT ${lineColumns} FROM file_lines WHERE id = ANY($1) ORDER BY ordinal`, [lineIds])
  ).map(lineOf);
  const duplicates = await duplicatesOf(tx, lineIds);
  for (const { id } of own.filter((line) => duplicates.has(line.id)))
    await openBreak(tx, { type: 'duplicate', side, lineIds: [id], expectationIds: [], step });
  const lines = own.filter((line) => !duplicates.has(line.id));
  const rules = (await readRules(tx)).filter((rule) => rule.side === side);
  const expectations = await candidatesFor(tx, side, lines, rules);
  const earlier = await brokenLines(tx, side, [...keysOf(lines), ...keysOf(expectations)]);
  const { matches, lines: left, expectations: rest } = match([...lines, ...earlier], expectations, rules);
  for (const each of matches) await applyMatch(tx, { side, match: each, fileId, step });
  const isOwn = new Set(lineIds);
  const claimed = new Set<string>();
  for (const line of left.filter(({ id }) => isOwn.has(id))) {
    const { type, expectation } = breakOf(
      line,
      rest.filter(({ id }) => !claimed.has(id)),
    );
    if (expectation !== undefined) claimed.add(expectation.id);
    await openBreak(tx, {
      type,
      side,
      lineIds: [line.id],
      expectationIds: expectation === undefined ? [] : [expectation.id],
      step,
    });
  }
}

/** Lines that an earlier one has already said: the same movement of the sender with the same amount. */
async function duplicatesOf(tx: SqlTransaction, lineIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx.query<{ id: string }>(
    `SELECT id FROM file_lines AS line WHERE id = ANY($1) AND duplicate_key <> '' AND EXISTS (
       SELECT 1 FROM file_lines AS earlier WHERE earlier.duplicate_key = line.duplicate_key AND earlier.arrival < line.arrival)`,
    [lineIds],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Unmatched expectations that the lines may be of, locked: by a shared reference; by time too, where a rule looks into texts. */
async function candidatesFor(
  tx: SqlTransaction,
  side: Side,
  lines: readonly LineToMatch[],
  rules: readonly Rule[],
): Promise<ExpectationToMatch[]> {
  const loose = rules.filter((rule) => rule.enabled && rule.reference !== 'equals').map((rule) => rule.daysApartMax);
  const days = lines.map(({ day }) => day);
  const window = loose.length === 0 || days.length === 0 ? undefined : Math.max(...loose);
  const at = (day: number) => new Date(day * dayMs);
  const rows = await tx.query<ExpectationRow>(
    `SELECT ${expectationColumns} FROM expectations
     WHERE side = $1 AND match_id IS NULL
       AND (keys && $2 OR ($3::timestamptz IS NOT NULL AND currency = ANY($5) AND expected_at BETWEEN $3 AND $4))
     ORDER BY expected_at, id LIMIT $6 FOR UPDATE`,
    [
      ...[side, keysOf(lines)],
      window === undefined ? null : at(Math.min(...days) - window),
      window === undefined ? null : at(Math.max(...days) + window + 1),
      ...[[...new Set(lines.map(({ currency }) => currency))], candidatesMax],
    ],
  );
  return rows.map(expectationOf);
}

/** Lines in breaks that may belong with these after all; one that is a duplicate waits for people. */
async function brokenLines(tx: SqlTransaction, side: Side, keys: readonly string[]): Promise<LineToMatch[]> {
  const rows = await tx.query<LineRow>(
    `SELECT ${lineColumns} FROM file_lines
     WHERE side = $1 AND keys && $2 AND break_id IN (SELECT id FROM breaks WHERE type <> 'duplicate')
     ORDER BY arrival LIMIT $3 FOR UPDATE`,
    [side, [...new Set(keys)], candidatesMax],
  );
  return rows.map(lineOf);
}

function keysOf(items: readonly { readonly keys: readonly string[] }[]): string[] {
  return [...new Set(items.flatMap(({ keys }) => keys))];
}

export interface MatchToApply {
  readonly side: Side;
  readonly match: Match;
  readonly fileId?: string | undefined;
  readonly step: Step;
}

/** Puts the match into effect: its items leave their breaks, and the book hears of it. Gives the match's id. */
export async function applyMatch(tx: SqlTransaction, apply: MatchToApply): Promise<string> {
  const { side, match: found, fileId, step } = apply;
  const lineIds = found.lines.map(({ id }) => id);
  const expectationIds = found.expectations.map(({ id }) => id);
  const id = hashId('mat', ...lineIds.toSorted(), ...expectationIds.toSorted());
  const left = await tx.query<{ break_id: string }>(
    `SELECT break_id FROM file_lines WHERE id = ANY($1) AND break_id IS NOT NULL
     UNION SELECT break_id FROM expectations WHERE id = ANY($2) AND break_id IS NOT NULL ORDER BY break_id`,
    [lineIds, expectationIds],
  );
  await tx.execute(
    `INSERT INTO matches (id, rule_id, side, currency, difference_minor, actor, note, matched_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      ...[id, found.ruleId, side, found.lines[0]?.currency ?? '', found.differenceMinor],
      ...[step.actor, step.note, new Date(step.atMs)],
    ],
  );
  await tx.execute('UPDATE file_lines SET match_id = $2, break_id = NULL WHERE id = ANY($1)', [lineIds, id]);
  await tx.execute('UPDATE expectations SET match_id = $2, break_id = NULL WHERE id = ANY($1)', [expectationIds, id]);
  await leaveBreaks(
    tx,
    left.map((row) => row.break_id),
    id,
    step,
  );
  const effectiveAtMs = Math.max(...found.lines.map(({ day }) => day)) * dayMs;
  const placed = { side, lines: found.lines, expectations: found.expectations };
  const bookings = placedBookings(placed, { parts: [id], reference: `match:${id}`, atMs: effectiveAtMs });
  await writeBookings(tx, bookings, { fileId });
  if (side === 'provider') await realise(tx, { matchId: id, lineIds, expectationIds, fileId, atMs: effectiveAtMs });
  return id;
}

/**
 * Lines that were settled in another currency are now those of a payment: what its exchanges have gained is worked out
 * from all of them, and what that is more than was booked is booked. Lines of several payments stay as they were changed.
 */
async function realise(
  tx: SqlTransaction,
  of: {
    readonly matchId: string;
    readonly lineIds: readonly string[];
    readonly expectationIds: readonly string[];
    readonly fileId: string | undefined;
    readonly atMs: number;
  },
): Promise<void> {
  const { matchId, lineIds, expectationIds, fileId, atMs } = of;
  const owners = await tx.query<{ payment_id: string }>(
    'SELECT DISTINCT payment_id FROM expectations WHERE id = ANY($1) LIMIT 2',
    [expectationIds],
  );
  const paymentId = owners[0]?.payment_id ?? '';
  if (owners.length !== 1 || paymentId === '') return;
  const changed = await tx.query<{ currency: string; settled_currency: string }>(
    `WITH ours AS (UPDATE file_lines SET payment_id = $2 WHERE id = ANY($1) AND settled_currency <> '' RETURNING currency, settled_currency)
     SELECT DISTINCT currency, settled_currency FROM ours ORDER BY 1, 2`,
    [lineIds, paymentId],
  );
  for (const { currency, settled_currency: settledCurrency } of changed) {
    const key = [paymentId, currency, settledCurrency];
    await tx.execute(
      'INSERT INTO exchange_results (payment_id, currency, settled_currency) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
      key,
    );
    const [before] = await tx.query<{ realised_minor: bigint }>(
      'SELECT realised_minor FROM exchange_results WHERE payment_id = $1 AND currency = $2 AND settled_currency = $3 FOR UPDATE',
      key,
    );
    const lines = await tx.query<{ amount_minor: bigint; settled_minor: bigint }>(
      'SELECT amount_minor, settled_minor FROM file_lines WHERE payment_id = $1 AND currency = $2 AND settled_currency = $3',
      key,
    );
    const gained = realisedMinor(
      lines.map(({ amount_minor: amountMinor, settled_minor: settledMinor }) => ({ amountMinor, settledMinor })),
    );
    const parts = [matchId, ...key];
    const booked = { parts, reference: `payment:${paymentId}`, currency: settledCurrency, atMs };
    await writeBookings(tx, exchangeDifferenceBooking(booked, gained - (before?.realised_minor ?? 0n)), { fileId });
    await tx.execute(
      'UPDATE exchange_results SET realised_minor = $4 WHERE payment_id = $1 AND currency = $2 AND settled_currency = $3',
      [...key, gained],
    );
  }
}

const expectationsInRound = 200;

/** Expectations that came after their lines: looks for them among the lines in breaks. True when there may be more. */
export async function placeNewExpectations(tx: SqlTransaction, atMs: number): Promise<boolean> {
  const rows = await tx.query<ExpectationRow & { side: Side; match_id: string | null }>(
    `SELECT ${expectationColumns}, side, match_id FROM expectations WHERE is_new ORDER BY id LIMIT $1 FOR UPDATE`,
    [expectationsInRound],
  );
  const step: Step = { atMs, actor: systemActor, note: 'expected after the line came' };
  const rules = await readRules(tx);
  for (const side of ['bank', 'provider'] as const) {
    const expectations = rows.filter((row) => row.side === side && row.match_id === null).map(expectationOf);
    const lines = await brokenLines(tx, side, keysOf(expectations));
    const found = match(
      lines,
      expectations,
      rules.filter((rule) => rule.side === side),
    );
    for (const each of found.matches) await applyMatch(tx, { side, match: each, step });
    await joinBreaks(tx, side, found, step);
  }
  await tx.execute('UPDATE expectations SET is_new = false WHERE id = ANY($1)', [rows.map(({ id }) => id)]);
  return rows.length === expectationsInRound;
}

/** A line that nothing was known of may speak of one of these, only not as expected. */
async function joinBreaks(
  tx: SqlTransaction,
  side: Side,
  rest: { readonly lines: readonly LineToMatch[]; readonly expectations: readonly ExpectationToMatch[] },
  step: Step,
): Promise<void> {
  const free = await tx.query<{ id: string }>(
    `SELECT line.id FROM file_lines AS line JOIN breaks ON breaks.id = line.break_id
     WHERE line.id = ANY($1) AND breaks.type = 'missing_here' ORDER BY line.arrival`,
    [rest.lines.map(({ id }) => id)],
  );
  const claimed = new Set<string>();
  for (const { id } of free) {
    const line = rest.lines.find((each) => each.id === id);
    if (line === undefined) continue;
    const { type, expectation } = breakOf(
      line,
      rest.expectations.filter((each) => !claimed.has(each.id)),
    );
    if (expectation === undefined) continue;
    claimed.add(expectation.id);
    await openBreak(tx, { type, side, lineIds: [line.id], expectationIds: [expectation.id], step });
  }
}

const lateInRound = 200;

/**
 * Breaks expectations whose time is over: `missing_there` when lines of a later day have come from that side in that
 * currency, `late` when the sender may be late as such. True when there may be more.
 */
export async function breakLate(tx: SqlTransaction, atMs: number): Promise<boolean> {
  const rows = await tx.query<{ id: string; side: Side; is_passed: boolean }>(
    `SELECT id, side, EXISTS (
       SELECT 1 FROM file_statements AS statement
       WHERE statement.side = expectation.side AND statement.currency = expectation.currency
         AND statement.date > (expectation.due_at AT TIME ZONE 'UTC')::date)
       OR (side = 'provider' AND EXISTS (
         SELECT 1 FROM file_lines AS line WHERE line.settled_currency <> '' AND line.currency = expectation.currency
           AND line.value_date > (expectation.due_at AT TIME ZONE 'UTC')::date)) AS is_passed
     FROM expectations AS expectation
     WHERE due_at <= $1 AND match_id IS NULL AND break_id IS NULL ORDER BY due_at, id LIMIT $2 FOR UPDATE`,
    [new Date(atMs), lateInRound],
  );
  for (const { id, side, is_passed: isPassed } of rows) {
    const step: Step = { atMs, actor: systemActor, note: 'it was due' };
    await openBreak(tx, { type: isPassed ? 'missing_there' : 'late', side, lineIds: [], expectationIds: [id], step });
  }
  return rows.length === lateInRound;
}

/** What is in no match, for a dry run: the oldest first, as many as may compete. */
export async function unplaced(
  executor: SqlExecutor,
  side: Side,
): Promise<{ lines: LineToMatch[]; expectations: ExpectationToMatch[] }> {
  const lines = await executor.query<LineRow>(
    `SELECT ${lineColumns} FROM file_lines WHERE side = $1 AND break_id IN (SELECT id FROM breaks WHERE type <> 'duplicate')
     ORDER BY arrival LIMIT $2`,
    [side, candidatesMax],
  );
  const expectations = await executor.query<ExpectationRow>(
    `SELECT ${expectationColumns} FROM expectations WHERE side = $1 AND match_id IS NULL ORDER BY expected_at, id LIMIT $2`,
    [side, candidatesMax],
  );
  return { lines: lines.map(lineOf), expectations: expectations.map(expectationOf) };
}
