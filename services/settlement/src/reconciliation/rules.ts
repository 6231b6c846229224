/** Rules as finance sets them, and what they would do. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type * as proto from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { Desk } from './desk.ts';
import type { Side } from './file-item.ts';
import { match } from './match.ts';
import { readRules, unplaced } from './placing.ts';
import { type ReferenceTest, type Rule, ruleFault, type Shape } from './rule.ts';
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
  return { rules: (await readRules(sql)).map(ruleView) };
}

export async function setRule(
  { sql }: Desk,
  request: proto.SetMatchRuleRequest,
): Promise<MessageInitShape<typeof proto.SetMatchRuleResponseSchema> | Refusal> {
  if (request.rule === undefined) return refuse('match_rule_invalid', 'A rule is needed.');
  const rule = ruleOf(request.rule, request.id);
  if (isRefusal(rule)) return rule;
  const known = await readRules(sql);
  if (known.length >= rulesMax && !known.some(({ id }) => id === rule.id))
    return refuse('limit_reached', `There are at most ${rulesMax} rules.`);
  await sql.execute(
    `INSERT INTO match_rules (id, priority, side, shape, reference, amount_tolerance_minor, amount_tolerance_bps, days_apart_max, group_max, enabled)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (id) DO UPDATE SET priority = $2, side = $3, shape = $4, reference = $5, amount_tolerance_minor = $6,
       amount_tolerance_bps = $7, days_apart_max = $8, group_max = $9, enabled = $10`,
    [
      ...[rule.id, rule.priority, rule.side, rule.shape, rule.reference, rule.amountToleranceMinor],
      ...[rule.amountToleranceBps, rule.daysApartMax, rule.groupMax, rule.enabled],
    ],
  );
  return { rule: ruleView(rule) };
}

export async function deleteRule(
  { sql }: Desk,
  { id }: proto.DeleteMatchRuleRequest,
): Promise<MessageInitShape<typeof proto.DeleteMatchRuleResponseSchema> | Refusal> {
  const deleted = await sql.execute('DELETE FROM match_rules WHERE id = $1', [id]);
  return deleted === 1 ? {} : refuse('not_found', 'There is no rule of this id.');
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
