/** Rules as finance sets them, and what they would do. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type * as proto from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Desk } from './desk.ts';
import type { Side } from './file-item.ts';
import { match } from './match.ts';
import { readRules, unplaced } from './placing.ts';
import { needsSecondPerson, type ReferenceTest, type Rule, ruleFault, type Shape, sameRule } from './rule.ts';
import {
  type ExpectationViewRow,
  expectationView,
  expectationViewColumns,
  type LineViewRow,
  lineView,
  lineViewColumns,
  ruleView,
} from './views.ts';

const rulesMax = 100;
/** A dry run shows so many matches. */
const matchesShown = 100;

type RuleMessage = proto.MatchRule;

function ruleOf(message: RuleMessage, id: string): Rule | Refusal {
  const rule: Rule = {
    ...{ id, priority: message.priority, side: message.side as Side, shape: message.shape as Shape },
    ...{ reference: message.reference as ReferenceTest, amountToleranceMinor: message.amountToleranceMinor },
    ...{ amountToleranceBps: message.amountToleranceBps, daysApartMax: message.daysApartMax },
    ...{ groupMax: message.groupMax, enabled: message.enabled },
  };
  const fault = ruleFault(rule);
  if (fault === undefined) return rule;
  const error = { field: `rule.${fault.field}`, code: 'not_allowed', detail: fault.detail };
  return refuse('match_rule_invalid', `The rule's ${fault.field} is not valid: ${fault.detail}.`, [error]);
}

export async function listRules({ sql }: Desk): Promise<MessageInitShape<typeof proto.ListMatchRulesResponseSchema>> {
  const asked = await readAsked(sql);
  return {
    rules: (await readRules(sql)).map(ruleView),
    requested: asked.map(({ rule, by, at }) => ({
      ...{ rule: ruleView(rule), requestedBy: by, requestedAt: timestampFromDate(at) },
    })),
  };
}

/** A rule that writes off by itself is kept as asked for, until another person than `actor` did sets the same. */
export async function setRule(
  { sql, world }: Desk,
  request: proto.SetMatchRuleRequest,
  actor: string,
): Promise<MessageInitShape<typeof proto.SetMatchRuleResponseSchema> | Refusal> {
  if (request.rule === undefined) return refuse('match_rule_invalid', 'A rule is needed.');
  const rule = ruleOf(request.rule, request.id);
  if (isRefusal(rule)) return rule;
  return sql.transaction(async (tx) => {
    // One change after the other: who comes second sees what the first asked for.
    await tx.query("SELECT pg_advisory_xact_lock(hashtext('settlement.match_rules'))");
    const [known, asked] = [await readRules(tx), await readAsked(tx)];
    const ids = new Set([...known.map(({ id }) => id), ...asked.map((each) => each.rule.id)]);
    if (ids.size >= rulesMax && !ids.has(rule.id))
      return refuse('limit_reached', `There are at most ${rulesMax} rules.`);
    const inForce = known.find(({ id }) => id === rule.id);
    const before = asked.find((each) => sameRule(each.rule, rule));
    if (needsSecondPerson(rule, inForce) && (before === undefined || before.by === actor)) {
      if (before === undefined) await keepAsked(tx, rule, actor, new Date(world.now()));
      return { rule: ruleView(rule), requestedBy: actor };
    }
    await tx.execute('DELETE FROM match_rule_requests WHERE id = $1', [rule.id]);
    await putInForce(tx, rule);
    return { rule: ruleView(rule) };
  });
}

interface AskedRule {
  readonly rule: Rule;
  readonly by: string;
  readonly at: Date;
}

/** JSON has no number of 64 bits. */
type KeptRule = Omit<Rule, 'amountToleranceMinor'> & { readonly amountToleranceMinor: string };

async function readAsked(executor: SqlExecutor): Promise<AskedRule[]> {
  const rows = await executor.query<{ rule: KeptRule; requested_by: string; requested_at: Date }>(
    'SELECT rule, requested_by, requested_at FROM match_rule_requests ORDER BY id',
  );
  return rows.map(({ rule, requested_by: by, requested_at: at }) => ({
    ...{ by, at, rule: { ...rule, amountToleranceMinor: BigInt(rule.amountToleranceMinor) } },
  }));
}

async function keepAsked(tx: SqlTransaction, rule: Rule, by: string, at: Date): Promise<void> {
  await tx.execute(
    `INSERT INTO match_rule_requests (id, rule, requested_by, requested_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (id) DO UPDATE SET rule = excluded.rule, requested_by = excluded.requested_by,
       requested_at = excluded.requested_at`,
    [rule.id, JSON.stringify({ ...rule, amountToleranceMinor: `${rule.amountToleranceMinor}` }), by, at],
  );
}

async function putInForce(tx: SqlTransaction, rule: Rule): Promise<void> {
  await tx.execute(
    `INSERT INTO match_rules (id, priority, side, shape, reference, amount_tolerance_minor, amount_tolerance_bps, days_apart_max, group_max, enabled)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (id) DO UPDATE SET priority = $2, side = $3, shape = $4, reference = $5, amount_tolerance_minor = $6,
       amount_tolerance_bps = $7, days_apart_max = $8, group_max = $9, enabled = $10`,
    [
      ...[rule.id, rule.priority, rule.side, rule.shape, rule.reference, rule.amountToleranceMinor],
      ...[rule.amountToleranceBps, rule.daysApartMax, rule.groupMax, rule.enabled],
    ],
  );
}

/** Also one that is only asked for. */
export async function deleteRule(
  { sql }: Desk,
  { id }: proto.DeleteMatchRuleRequest,
): Promise<MessageInitShape<typeof proto.DeleteMatchRuleResponseSchema> | Refusal> {
  const deleted = await sql.transaction(async (tx) => {
    const asked = await tx.execute('DELETE FROM match_rule_requests WHERE id = $1', [id]);
    return asked + (await tx.execute('DELETE FROM match_rules WHERE id = $1', [id]));
  });
  return deleted > 0 ? {} : refuse('not_found', 'There is no rule of this id.');
}

/** Runs the rules over what is in no match, in memory; reads only. */
export async function tryRules(
  { sql }: Desk,
  request: proto.TryMatchRulesRequest,
): Promise<MessageInitShape<typeof proto.TryMatchRulesResponseSchema> | Refusal> {
  if (request.side !== 'bank' && request.side !== 'provider')
    return refuse('invalid_request', 'side is bank or provider.', [
      { field: 'side', code: 'not_allowed', detail: 'bank, provider' },
    ]);
  const given = request.rules.map((rule) => ruleOf(rule, rule.id));
  const refused = given.find(isRefusal);
  if (refused !== undefined) return refused;
  const tried = given.flatMap((rule) => (isRefusal(rule) ? [] : [rule]));
  const rules = tried.length > 0 ? tried : await readRules(sql);
  const side: Side = request.side;
  const { lines, expectations } = await unplaced(sql, side);
  const found = match(
    lines,
    expectations,
    rules.filter((rule) => rule.side === side),
  );
  const shown = found.matches.slice(0, matchesShown);
  const rowsOf = async <T extends { id: string } & Record<string, unknown>>(
    columns: string,
    table: string,
    ids: string[],
  ) =>
    new Map(
      (await sql.query<T>(`SELECT ${columns} FROM ${table} WHERE id = ANY($1)`, [ids])).map((row) => [row.id, row]),
    );
  const lineRows = await rowsOf<LineViewRow>(
    lineViewColumns,
    'file_lines',
    shown.flatMap((each) => each.lines.map(({ id }) => id)),
  );
  const expectationRows = await rowsOf<ExpectationViewRow>(
    ...([
      expectationViewColumns,
      'expectations',
      shown.flatMap((each) => each.expectations.map(({ id }) => id)),
    ] as const),
  );
  return {
    matches: shown.map((each) => ({
      ruleId: each.ruleId,
      lines: each.lines.flatMap(({ id }) => lineRows.get(id) ?? []).map(lineView),
      expectations: each.expectations.flatMap(({ id }) => expectationRows.get(id) ?? []).map(expectationView),
      difference: { currency: each.lines[0]?.currency ?? '', amountMinor: each.differenceMinor },
    })),
    linesLeft: BigInt(found.lines.length),
    expectationsLeft: BigInt(found.expectations.length),
  };
}
