/** The tables of risk rules, signals and decisions on PostgreSQL. */
import type { SqlRow } from '@suuupra/platform/sql/sql';
import { type Dimension, dimensions, type Finding, type RiskBlock, type RiskOutcome, type RiskRule } from './risk.ts';
import type { RiskStore } from './risk-store.ts';
import { timeOf } from './store-postgres-money.ts';

interface RuleRow extends SqlRow {
  name: string;
  enabled: boolean;
  dimension: Dimension;
  counted: RiskRule['counted'];
  count_max: number;
  window_seconds: number;
  amount_at_least_minor: bigint;
  outcome: RiskRule['outcome'];
}

interface BlockRow extends SqlRow {
  id: string;
  dimension: Dimension;
  value_hash: string;
  reason: string;
  created_at: Date;
  until: Date | null;
}

function blockFrom(row: BlockRow): RiskBlock {
  return {
    id: row.id,
    dimension: row.dimension,
    valueHash: row.value_hash,
    reason: row.reason,
    createdAtMs: row.created_at.getTime(),
    untilMs: row.until?.getTime(),
  };
}

interface DecisionRow extends SqlRow {
  id: string;
  order_id: string;
  attempt_id: string;
  outcome: RiskOutcome;
  findings: Finding[];
  at: Date;
}

const rulesAndBlocks: Pick<
  RiskStore,
  'rules' | 'putRule' | 'deleteRule' | 'addBlock' | 'removeBlock' | 'listBlocks' | 'blocksOf'
> = {
  rules: async (executor) => {
    const rows = await executor.query<RuleRow>(
      `SELECT name, enabled, dimension, counted, count_max, window_seconds, amount_at_least_minor, outcome
       FROM risk_rules ORDER BY name`,
    );
    return rows.map((row) => ({
      name: row.name,
      enabled: row.enabled,
      dimension: row.dimension,
      counted: row.counted,
      countMax: row.count_max,
      windowSeconds: row.window_seconds,
      amountAtLeastMinor: row.amount_at_least_minor,
      outcome: row.outcome,
    }));
  },
  putRule: async (executor, rule) => {
    await executor.execute(
      `INSERT INTO risk_rules (name, enabled, dimension, counted, count_max, window_seconds, amount_at_least_minor, outcome)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (name) DO UPDATE SET enabled = excluded.enabled, dimension = excluded.dimension,
         counted = excluded.counted, count_max = excluded.count_max, window_seconds = excluded.window_seconds,
         amount_at_least_minor = excluded.amount_at_least_minor, outcome = excluded.outcome`,
      [
        rule.name,
        rule.enabled,
        rule.dimension,
        rule.counted,
        rule.countMax,
        rule.windowSeconds,
        rule.amountAtLeastMinor,
        rule.outcome,
      ],
    );
  },
  deleteRule: async (executor, name) =>
    (await executor.execute('DELETE FROM risk_rules WHERE name = $1', [name])) === 1,
  addBlock: async (executor, block) => {
    await executor.execute(
      'INSERT INTO risk_blocks (id, dimension, value_hash, reason, created_at, until) VALUES ($1, $2, $3, $4, $5, $6)',
      [block.id, block.dimension, block.valueHash, block.reason, new Date(block.createdAtMs), timeOf(block.untilMs)],
    );
  },
  removeBlock: async (executor, id) => (await executor.execute('DELETE FROM risk_blocks WHERE id = $1', [id])) === 1,
  listBlocks: async (executor, after, limit) => {
    const rows = await executor.query<BlockRow>(
      `SELECT id, dimension, value_hash, reason, created_at, until FROM risk_blocks
       WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1::timestamptz, $2::text)
       ORDER BY created_at DESC, id DESC LIMIT $3`,
      [timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map(blockFrom);
  },
  blocksOf: async (executor, signals, nowMs) => {
    const known = dimensions.filter((dimension) => signals[dimension] !== undefined);
    if (known.length === 0) return [];
    const pairs = known.map((_, index) => `($${2 * index + 2}, $${2 * index + 3})`).join(', ');
    const rows = await executor.query<BlockRow>(
      `SELECT id, dimension, value_hash, reason, created_at, until FROM risk_blocks
       WHERE (until IS NULL OR until > $1) AND (dimension, value_hash) IN (${pairs}) LIMIT 20`,
      [new Date(nowMs), ...known.flatMap((dimension) => [dimension, signals[dimension] ?? ''])],
    );
    return rows.map(blockFrom);
  },
};

const signalsAndDecisions: Pick<
  RiskStore,
  'counts' | 'keepSignals' | 'markFailed' | 'signalsOf' | 'pruneSignals' | 'keepDecision' | 'listDecisions'
> = {
  counts: async (executor, wanted) => {
    if (wanted.length === 0) return [];
    const rows = await executor.query<{ n: bigint }>(
      `SELECT (SELECT count(*) FROM risk_signals
               WHERE dimension = wanted.dimension AND value_hash = wanted.value_hash AND at >= wanted.since
                 AND (failed OR NOT wanted.only_failed)) AS n
       FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::boolean[]) WITH ORDINALITY
         AS wanted (dimension, value_hash, since, only_failed, place)
       ORDER BY place`,
      [
        wanted.map(({ dimension }) => dimension),
        wanted.map(({ valueHash }) => valueHash),
        wanted.map(({ sinceMs }) => new Date(sinceMs)),
        wanted.map(({ counted }) => counted === 'failures'),
      ],
    );
    return rows.map(({ n }) => Number(n));
  },
  keepSignals: async (tx, attemptId, signals, atMs) => {
    const known = dimensions.filter((dimension) => signals[dimension] !== undefined);
    if (known.length === 0) return;
    await tx.execute(
      `INSERT INTO risk_signals (attempt_id, dimension, value_hash, at)
       SELECT $1::text, dimension, value_hash, $4::timestamptz FROM unnest($2::text[], $3::text[]) AS signal (dimension, value_hash)
       ON CONFLICT DO NOTHING`,
      [attemptId, known, known.map((dimension) => signals[dimension] ?? ''), new Date(atMs)],
    );
  },
  markFailed: async (tx, attemptId) => {
    await tx.execute('UPDATE risk_signals SET failed = true WHERE attempt_id = $1', [attemptId]);
  },
  signalsOf: async (executor, attemptId) => {
    const rows = await executor.query<{ dimension: Dimension; value_hash: string }>(
      'SELECT dimension, value_hash FROM risk_signals WHERE attempt_id = $1',
      [attemptId],
    );
    return Object.fromEntries(rows.map((row) => [row.dimension, row.value_hash]));
  },
  pruneSignals: (executor, beforeMs, limit) =>
    executor.execute(
      `DELETE FROM risk_signals WHERE ctid = ANY (ARRAY(SELECT ctid FROM risk_signals WHERE at < $1 LIMIT $2))`,
      [new Date(beforeMs), limit],
    ),
  keepDecision: async (executor, decision) => {
    await executor.execute(
      `INSERT INTO risk_decisions (id, order_id, attempt_id, outcome, findings, at) VALUES ($1, $2, $3, $4, $5::jsonb, $6)`,
      [
        decision.id,
        decision.orderId,
        decision.attemptId,
        decision.outcome,
        JSON.stringify(decision.findings),
        new Date(decision.atMs),
      ],
    );
  },
  listDecisions: async (executor, { orderId, outcome }, after, limit) => {
    const rows = await executor.query<DecisionRow>(
      `SELECT id, order_id, attempt_id, outcome, findings, at FROM risk_decisions
       WHERE ($1::text = '' OR order_id = $1::text) AND ($2::text = '' OR outcome = $2::text)
         AND ($3::timestamptz IS NULL OR (at, id) < ($3::timestamptz, $4::text))
       ORDER BY at DESC, id DESC LIMIT $5`,
      [orderId ?? '', outcome ?? '', timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map((row) => ({
      id: row.id,
      orderId: row.order_id,
      attemptId: row.attempt_id,
      outcome: row.outcome,
      findings: row.findings,
      atMs: row.at.getTime(),
    }));
  },
};

export const postgresRiskStore: RiskStore = { ...rulesAndBlocks, ...signalsAndDecisions };
