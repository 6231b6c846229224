/**
 * The rates of tax withheld as versions of all rules: one person asks for one, another approves it, and runs that start from
 * then on are made with it. What is settled already is never reckoned anew.
 */
import type { FieldError } from '@suuupra/contracts/errors';
import type { Page } from '@suuupra/platform/rpc/paging';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import { type Listed, listed } from './lists.ts';
import type { PayoutSurroundings } from './surroundings.ts';
import { dayInIndia, firstRules, type WithholdingRule } from './withholding.ts';
import { faultsOfPast, faultsTogether, readTerms, type WithholdingTerms } from './withholding-rules.ts';

interface StoredRule extends Omit<WithholdingRule, 'thresholdMinor'> {
  /** As text: JSON's numbers would lose digits. */
  readonly thresholdMinor: string;
}

export interface WithholdingVersionRow extends Record<string, unknown> {
  version: bigint;
  id: string;
  status: 'requested' | 'active' | 'replaced' | 'rejected';
  rules: readonly StoredRule[];
  reason: string;
  based_on: bigint;
  requested_by: string;
  decided_by: string;
  requested_at: Date | null;
  decided_at: Date | null;
}

/** The version that came with the platform. Its rules never change: other rates are a version of finance. */
export const firstVersion = 1n;

const stored = (rules: readonly WithholdingRule[]): StoredRule[] =>
  rules.map((rule) => ({ ...rule, thresholdMinor: `${rule.thresholdMinor}` }));

export const rulesOf = ({ rules }: Pick<WithholdingVersionRow, 'rules'>): WithholdingRule[] =>
  rules.map((rule) => ({ ...rule, thresholdMinor: BigInt(rule.thresholdMinor) }));

/** Rows of all versions, the first among them. Takes the stored first rules as `$1`. */
const allVersions = `SELECT version, id, status, rules, reason, based_on, requested_by, decided_by, requested_at, decided_at
  FROM withholding_versions
  UNION ALL SELECT ${firstVersion}, 'whv_1',
    CASE WHEN EXISTS (SELECT FROM withholding_versions WHERE status = 'active') THEN 'replaced' ELSE 'active' END,
    $1::jsonb, '', 0, '', '', NULL, NULL`;

const firstStored = JSON.stringify(stored(firstRules));

export async function listVersions(
  sql: Pick<SqlExecutor, 'query'>,
  page: Page,
): Promise<Listed<WithholdingVersionRow>> {
  const rows = await sql.query<WithholdingVersionRow>(
    `SELECT * FROM (${allVersions}) AS each WHERE version < $2 ORDER BY version DESC LIMIT $3`,
    [firstStored, BigInt(page.after[0] ?? '999999999999999999'), page.limit + 1],
  );
  return listed(rows, page, (row) => [row.version.toString()]);
}

/** The version in force. */
export async function activeVersion(sql: Pick<SqlExecutor, 'query'>): Promise<WithholdingVersionRow> {
  const [row] = await sql.query<WithholdingVersionRow>(
    `SELECT * FROM (${allVersions}) AS each WHERE status = 'active'`,
    [firstStored],
  );
  if (row === undefined) throw new Error('no version of the withholding rules is in force');
  return row;
}

export async function rulesOfVersion(sql: Pick<SqlExecutor, 'query'>, version: bigint): Promise<WithholdingRule[]> {
  const [row] = await sql.query<WithholdingVersionRow>(`SELECT * FROM (${allVersions}) AS each WHERE version = $2`, [
    firstStored,
    version,
  ]);
  if (row === undefined) throw new Error(`there is no version ${version} of the withholding rules`);
  return rulesOf(row);
}

const lockName = 'settlement.withholding_versions';

/** Requests and decisions come one after the other, and while one is made no run is started. */
async function lockVersions(tx: SqlTransaction): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock(hashtext($1))', [lockName]);
}

/** The version in force for a run that this transaction starts: no other is approved before it ends. */
export async function versionForRun(tx: SqlTransaction): Promise<bigint> {
  await tx.query('SELECT pg_advisory_xact_lock_shared(hashtext($1))', [lockName]);
  return (await activeVersion(tx)).version;
}

/** The last day in India up to which somebody was settled; '' before the first run. */
export async function settledUntil(sql: Pick<SqlExecutor, 'query'>): Promise<string> {
  const [row] = await sql.query<{ at: Date | null }>('SELECT max(cutoff_at) AS at FROM settlement_runs');
  return row?.at ? dayInIndia(row.at.getTime()) : '';
}

export interface VersionRequest {
  readonly rules: readonly WithholdingTerms[];
  readonly reason: string;
  readonly basedOn: bigint;
  readonly requestedBy: string;
}

const invalid = (errors: readonly FieldError[]) =>
  refuse('withholding_rules_invalid', 'The rates are not valid; see the fields.', [...errors]);

const otherInForce = (version: bigint) =>
  refuse('withholding_rules_changed', `Version ${version} is in force by now. Look at it and ask again.`);

/** Takes the place of what was asked for before and not decided. */
export async function requestVersion(
  { world }: PayoutSurroundings,
  tx: SqlTransaction,
  request: VersionRequest,
): Promise<WithholdingVersionRow | Refusal> {
  const read = request.rules.map((terms, index) => readTerms(terms, `rules[${index}]`));
  const unread = read.flatMap((rule) => ('id' in rule ? [] : rule));
  if (unread.length > 0) return invalid(unread);
  const rules = read.filter((rule): rule is WithholdingRule => 'id' in rule);
  await lockVersions(tx);
  const active = await activeVersion(tx);
  if (active.version !== request.basedOn) return otherInForce(active.version);
  const errors = [...faultsTogether(rules), ...faultsOfPast(rulesOf(active), rules, await settledUntil(tx))];
  if (errors.length > 0) return invalid(errors);
  await tx.execute("UPDATE withholding_versions SET status = 'replaced' WHERE status = 'requested'", []);
  const [row] = await tx.query<WithholdingVersionRow>(
    `INSERT INTO withholding_versions (version, id, status, rules, reason, based_on, requested_by, requested_at)
     SELECT next, 'whv_' || next, 'requested', $1::jsonb, $2, $3, $4, $5
     FROM (SELECT coalesce(max(version), ${firstVersion}) + 1 AS next FROM withholding_versions) AS latest RETURNING *`,
    [JSON.stringify(stored(rules)), request.reason, active.version, request.requestedBy, new Date(world.now())],
  );
  if (row === undefined) throw new Error('a version of the withholding rules was not written');
  return row;
}

interface Decision {
  readonly id: string;
  readonly by: string;
}

/** Puts the version in force for runs that start from now on. */
export async function approveVersion(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  { id, by }: Decision,
): Promise<WithholdingVersionRow | Refusal> {
  const asked = await lockAsked(tx, id);
  if (asked === undefined) return noSuchVersion();
  if (asked.requested_by === by)
    return refuse('second_person_required', 'You asked for these rates; another finance person approves them.');
  if (asked.status === 'active') return asked;
  if (asked.status !== 'requested') return refuse('already_decided', 'These rates are turned down or replaced.');
  const active = await activeVersion(tx);
  if (active.version !== asked.based_on) return otherInForce(active.version);
  // A run may have settled more days since it was asked for.
  const errors = faultsOfPast(rulesOf(active), rulesOf(asked), await settledUntil(tx));
  if (errors.length > 0) return invalid(errors);
  await tx.execute("UPDATE withholding_versions SET status = 'replaced' WHERE status = 'active'", []);
  return decided(surroundings, tx, { id, by, status: 'active' });
}

export async function rejectVersion(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  { id, by }: Decision,
): Promise<WithholdingVersionRow | Refusal> {
  const asked = await lockAsked(tx, id);
  if (asked === undefined) return noSuchVersion();
  if (asked.status === 'rejected') return asked;
  if (asked.status !== 'requested') return refuse('already_decided', 'These rates are in force or were replaced.');
  return decided(surroundings, tx, { id, by, status: 'rejected' });
}

const noSuchVersion = () => refuse('not_found', 'There is no such version that was asked for.');

async function lockAsked(tx: SqlTransaction, id: string): Promise<WithholdingVersionRow | undefined> {
  await lockVersions(tx);
  const [row] = await tx.query<WithholdingVersionRow>('SELECT * FROM withholding_versions WHERE id = $1', [id]);
  return row;
}

async function decided(
  { world }: PayoutSurroundings,
  tx: SqlTransaction,
  { id, by, status }: Decision & { readonly status: 'active' | 'rejected' },
): Promise<WithholdingVersionRow> {
  const [row] = await tx.query<WithholdingVersionRow>(
    'UPDATE withholding_versions SET status = $2, decided_by = $3, decided_at = $4 WHERE id = $1 RETURNING *',
    [id, status, by, new Date(world.now())],
  );
  if (row === undefined) throw new Error(`the version ${id} of the withholding rules is gone`);
  return row;
}
