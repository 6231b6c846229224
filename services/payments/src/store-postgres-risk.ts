/** The tables of risk rules, signals and decisions on PostgreSQL. */
import type { SqlRow } from '@suuupra/platform/sql/sql';
import { type Dimension, dimensions, type Finding, type RiskBlock, type RiskOutcome, type RiskRule } from './risk.ts';
import type { Contribution, RiskScoring } from './risk-score.ts';
import { countedMax, type RiskStore } from './risk-store.ts';
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

type KeptScoring = Omit<RiskScoring, 'version' | 'setAtMs'>;

interface DecisionRow extends SqlRow {
  id: string;
  order_id: string;
  attempt_id: string;
  outcome: RiskOutcome;
  findings: Finding[];
  score: number | null;
  scoring_version: number | null;
  contributions: Contribution[] | null;
  at: Date;
}

/** Decisions from before there was a score have none. */
function judgementFrom(row: Pick<DecisionRow, 'outcome' | 'findings' | 'score' | 'scoring_version' | 'contributions'>) {
  return {
    outcome: row.outcome,
    findings: row.findings,
    score: row.score ?? 0,
    scoringVersion: row.scoring_version ?? 0,
    contributions: row.contributions ?? [],
  };
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

const scorings: Pick<RiskStore, 'scoring' | 'putScoring'> = {
  scoring: async (executor) => {
    const [row] = await executor.query<{ version: number; scoring: KeptScoring; set_at: Date }>(
      'SELECT version, scoring, set_at FROM risk_scorings ORDER BY version DESC LIMIT 1',
    );
    return row === undefined ? undefined : { ...row.scoring, version: row.version, setAtMs: row.set_at.getTime() };
  },
  putScoring: async (executor, { version, setAtMs, ...scoring }, by) => {
    const inserted = await executor.execute(
      'INSERT INTO risk_scorings (version, scoring, set_by, set_at) VALUES ($1, $2::jsonb, $3, $4) ON CONFLICT DO NOTHING',
      [version, JSON.stringify(scoring), by, new Date(setAtMs)],
    );
    return inserted === 1;
  },
};

const signals: Pick<RiskStore, 'counts' | 'amounts' | 'keepSignals' | 'markFailed' | 'signalsOf' | 'pruneSignals'> = {
  counts: async (executor, wanted) => {
    if (wanted.length === 0) return [];
    const rows = await executor.query<{ n: bigint }>(
      `SELECT CASE WHEN wanted.other = '' THEN
           (SELECT count(*) FROM (SELECT 1 FROM risk_signals
              WHERE dimension = wanted.dimension AND value_hash = wanted.value_hash AND at >= wanted.since
                AND (failed OR NOT wanted.only_failed) LIMIT $7) AS found)
         ELSE
           (SELECT count(DISTINCT beside.value_hash) FROM (SELECT attempt_id FROM risk_signals
              WHERE dimension = wanted.dimension AND value_hash = wanted.value_hash AND at >= wanted.since
                AND (failed OR NOT wanted.only_failed) ORDER BY at DESC LIMIT $7) AS found
            JOIN risk_signals AS beside USING (attempt_id)
            WHERE beside.dimension = wanted.other AND beside.value_hash <> wanted.but)
         END AS n
       FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::boolean[], $5::text[], $6::text[]) WITH ORDINALITY
         AS wanted (dimension, value_hash, since, only_failed, other, but, place)
       ORDER BY place`,
      [
        wanted.map(({ dimension }) => dimension),
        wanted.map(({ valueHash }) => valueHash),
        wanted.map(({ sinceMs }) => new Date(sinceMs)),
        wanted.map(({ counted }) => counted === 'failures'),
        wanted.map(({ distinct }) => distinct?.dimension ?? ''),
        wanted.map(({ distinct }) => distinct?.butHash ?? ''),
        countedMax,
      ],
    );
    return rows.map(({ n }) => Number(n));
  },
  amounts: async (executor, customerHash, currency, limit) => {
    const rows = await executor.query<{ amount_minor: bigint }>(
      `SELECT amount_minor FROM risk_signals
       WHERE dimension = 'customer' AND value_hash = $1 AND currency = $2 AND NOT failed ORDER BY at DESC LIMIT $3`,
      [customerHash, currency, limit],
    );
    return rows.map(({ amount_minor }) => amount_minor);
  },
  keepSignals: async (tx, attemptId, known, { currency, amountMinor }, atMs) => {
    const found = dimensions.filter((dimension) => known[dimension] !== undefined);
    if (found.length === 0) return;
    await tx.execute(
      `INSERT INTO risk_signals (attempt_id, dimension, value_hash, at, currency, amount_minor)
       SELECT $1::text, dimension, value_hash, $4::timestamptz, $5::text, $6::bigint
       FROM unnest($2::text[], $3::text[]) AS signal (dimension, value_hash)
       ON CONFLICT DO NOTHING`,
      [attemptId, found, found.map((dimension) => known[dimension] ?? ''), new Date(atMs), currency, amountMinor],
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
};

const decisions: Pick<RiskStore, 'keepDecision' | 'judgements' | 'listDecisions'> = {
  keepDecision: async (executor, decision) => {
    await executor.execute(
      `INSERT INTO risk_decisions (id, order_id, attempt_id, outcome, findings, score, scoring_version, contributions, at)
       VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8::jsonb, $9)`,
      [
        decision.id,
        decision.orderId,
        decision.attemptId,
        decision.outcome,
        JSON.stringify(decision.findings),
        decision.score,
        decision.scoringVersion,
        JSON.stringify(decision.contributions),
        new Date(decision.atMs),
      ],
    );
  },
  judgements: async (executor, limit) => {
    const rows = await executor.query<DecisionRow & { status: string | null }>(
      `SELECT newest.*, attempts.status FROM (
         SELECT attempt_id, outcome, findings, score, scoring_version, contributions, at, id FROM risk_decisions
         WHERE score IS NOT NULL ORDER BY at DESC, id DESC LIMIT $1) AS newest
       LEFT JOIN attempts ON attempts.id = newest.attempt_id ORDER BY newest.at DESC, newest.id DESC`,
      [limit],
    );
    return rows.map((row) => ({ ...judgementFrom(row), status: row.status ?? '' }));
  },
  listDecisions: async (executor, { orderId, outcome }, after, limit) => {
    const rows = await executor.query<DecisionRow>(
      `SELECT id, order_id, attempt_id, outcome, findings, score, scoring_version, contributions, at FROM risk_decisions
       WHERE ($1::text = '' OR order_id = $1::text) AND ($2::text = '' OR outcome = $2::text)
         AND ($3::timestamptz IS NULL OR (at, id) < ($3::timestamptz, $4::text))
       ORDER BY at DESC, id DESC LIMIT $5`,
      [orderId ?? '', outcome ?? '', timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map((row) => ({
      id: row.id,
      orderId: row.order_id,
      attemptId: row.attempt_id,
      ...judgementFrom(row),
      atMs: row.at.getTime(),
    }));
  },
};

export const postgresRiskStore: RiskStore = { ...rulesAndBlocks, ...scorings, ...signals, ...decisions };
