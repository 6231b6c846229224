/** The tables of risk rules, signals and decisions on MariaDB or MySQL. */
import type { SqlRow } from '@suuupra/platform/sql/sql';
import { type Dimension, dimensions, type Finding, type RiskBlock, type RiskOutcome, type RiskRule } from './risk.ts';
import type { Contribution, RiskScoring } from './risk-score.ts';
import { countedMax, type RiskStore } from './risk-store.ts';
import { timeOf } from './store-mysql-money.ts';
import { parsed } from './store-mysql-rows.ts';

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
  findings: string;
  score: number | null;
  scoring_version: number | null;
  contributions: string | null;
  at: Date;
}

/** Decisions from before there was a score have none. */
function judgementFrom(row: Pick<DecisionRow, 'outcome' | 'findings' | 'score' | 'scoring_version' | 'contributions'>) {
  return {
    outcome: row.outcome,
    findings: parsed<Finding[]>(row.findings) ?? [],
    score: row.score ?? 0,
    scoringVersion: row.scoring_version ?? 0,
    contributions: parsed<Contribution[]>(row.contributions) ?? [],
  };
}

const rulesAndBlocks: Pick<
  RiskStore,
  'rules' | 'putRule' | 'deleteRule' | 'addBlock' | 'removeBlock' | 'listBlocks' | 'blocksOf'
> = {
  rules: async (executor) => {
    const rows =
      await executor.query<RuleRow>(`SELECT name, enabled, dimension, counted, count_max, window_seconds, amount_at_least_minor, outcome
       FROM risk_rules ORDER BY name`);
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
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE enabled = VALUES(enabled), dimension = VALUES(dimension),
         counted = VALUES(counted), count_max = VALUES(count_max), window_seconds = VALUES(window_seconds),
         amount_at_least_minor = VALUES(amount_at_least_minor), outcome = VALUES(outcome)`,
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
  deleteRule: async (executor, name) => (await executor.execute('DELETE FROM risk_rules WHERE name = ?', [name])) === 1,
  addBlock: async (executor, block) => {
    await executor.execute(
      'INSERT INTO risk_blocks (id, dimension, value_hash, reason, created_at, until) VALUES (?, ?, ?, ?, ?, ?)',
      [block.id, block.dimension, block.valueHash, block.reason, new Date(block.createdAtMs), timeOf(block.untilMs)],
    );
  },
  removeBlock: async (executor, id) => (await executor.execute('DELETE FROM risk_blocks WHERE id = ?', [id])) === 1,
  listBlocks: async (executor, after, limit) => {
    const rows = await executor.query<BlockRow>(
      `SELECT id, dimension, value_hash, reason, created_at, until FROM risk_blocks
       WHERE ? IS NULL OR (created_at, id) < (?, ?)
       ORDER BY created_at DESC, id DESC LIMIT ?`,
      [timeOf(after?.atMs), timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map(blockFrom);
  },
  blocksOf: async (executor, signals, nowMs) => {
    const known = dimensions.filter((dimension) => signals[dimension] !== undefined);
    if (known.length === 0) return [];
    const rows = await executor.query<BlockRow>(
      `SELECT id, dimension, value_hash, reason, created_at, until FROM risk_blocks
       WHERE (until IS NULL OR until > ?) AND (dimension, value_hash) IN (?) LIMIT 20`,
      [new Date(nowMs), known.map((dimension) => [dimension, signals[dimension] ?? ''])],
    );
    return rows.map(blockFrom);
  },
};

const scorings: Pick<RiskStore, 'scoring' | 'putScoring'> = {
  scoring: async (executor) => {
    const [row] = await executor.query<{ version: number; scoring: string; set_at: Date }>(
      'SELECT version, scoring, set_at FROM risk_scorings ORDER BY version DESC LIMIT 1',
    );
    return row === undefined
      ? undefined
      : { ...(JSON.parse(row.scoring) as KeptScoring), version: row.version, setAtMs: row.set_at.getTime() };
  },
  putScoring: async (executor, { version, setAtMs, ...scoring }, by) => {
    const inserted = await executor.execute(
      `INSERT INTO risk_scorings (version, scoring, set_by, set_at) VALUES (?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE version = VALUES(version)`,
      [version, JSON.stringify(scoring), by, new Date(setAtMs)],
    );
    return inserted === 1;
  },
};

const signals: Pick<RiskStore, 'counts' | 'amounts' | 'keepSignals' | 'markFailed' | 'signalsOf' | 'pruneSignals'> = {
  counts: (executor, wanted) =>
    Promise.all(
      wanted.map(async ({ dimension, valueHash, counted, sinceMs, distinct }) => {
        const found = [dimension, valueHash, new Date(sinceMs), counted === 'failures', countedMax];
        const [row] =
          distinct === undefined
            ? await executor.query<{ n: bigint }>(
                `SELECT count(*) AS n FROM (SELECT 1 FROM risk_signals
                 WHERE dimension = ? AND value_hash = ? AND at >= ? AND (failed OR NOT ?) LIMIT ?) AS found`,
                found,
              )
            : await executor.query<{ n: bigint }>(
                `SELECT count(DISTINCT beside.value_hash) AS n FROM (SELECT attempt_id FROM risk_signals
                 WHERE dimension = ? AND value_hash = ? AND at >= ? AND (failed OR NOT ?)
                 ORDER BY at DESC LIMIT ?) AS found
                 JOIN risk_signals AS beside ON beside.attempt_id = found.attempt_id
                 WHERE beside.dimension = ? AND beside.value_hash <> ?`,
                [...found, distinct.dimension, distinct.butHash],
              );
        return Number(row?.n ?? 0n);
      }),
    ),
  amounts: async (executor, customerHash, currency, limit) => {
    const rows = await executor.query<{ amount_minor: bigint }>(
      `SELECT amount_minor FROM risk_signals
       WHERE dimension = 'customer' AND value_hash = ? AND currency = ? AND NOT failed ORDER BY at DESC LIMIT ?`,
      [customerHash, currency, limit],
    );
    return rows.map(({ amount_minor }) => amount_minor);
  },
  keepSignals: async (tx, attemptId, known, { currency, amountMinor }, atMs) => {
    const found = dimensions.filter((dimension) => known[dimension] !== undefined);
    if (found.length === 0) return;
    await tx.execute(
      `INSERT INTO risk_signals (attempt_id, dimension, value_hash, at, currency, amount_minor) VALUES ?
       ON DUPLICATE KEY UPDATE attempt_id = VALUES(attempt_id)`,
      [found.map((dimension) => [attemptId, dimension, known[dimension] ?? '', new Date(atMs), currency, amountMinor])],
    );
  },
  markFailed: async (tx, attemptId) => {
    await tx.execute('UPDATE risk_signals SET failed = true WHERE attempt_id = ?', [attemptId]);
  },
  signalsOf: async (executor, attemptId) => {
    const rows = await executor.query<{ dimension: Dimension; value_hash: string }>(
      'SELECT dimension, value_hash FROM risk_signals WHERE attempt_id = ?',
      [attemptId],
    );
    return Object.fromEntries(rows.map((row) => [row.dimension, row.value_hash]));
  },
  pruneSignals: (executor, beforeMs, limit) =>
    executor.execute(`DELETE FROM risk_signals WHERE at < ? LIMIT ?`, [new Date(beforeMs), limit]),
};

const decisions: Pick<RiskStore, 'keepDecision' | 'judgements' | 'listDecisions'> = {
  keepDecision: async (executor, decision) => {
    await executor.execute(
      `INSERT INTO risk_decisions (id, order_id, attempt_id, outcome, findings, score, scoring_version, contributions, at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
         WHERE score IS NOT NULL ORDER BY at DESC, id DESC LIMIT ?) AS newest
       LEFT JOIN attempts ON attempts.id = newest.attempt_id ORDER BY newest.at DESC, newest.id DESC`,
      [limit],
    );
    return rows.map((row) => ({ ...judgementFrom(row), status: row.status ?? '' }));
  },
  listDecisions: async (executor, { orderId, outcome }, after, limit) => {
    const rows = await executor.query<DecisionRow>(
      `SELECT id, order_id, attempt_id, outcome, findings, score, scoring_version, contributions, at FROM risk_decisions
       WHERE (? = '' OR order_id = ?) AND (? = '' OR outcome = ?)
         AND (? IS NULL OR (at, id) < (?, ?))
       ORDER BY at DESC, id DESC LIMIT ?`,
      [
        orderId ?? '',
        orderId ?? '',
        outcome ?? '',
        outcome ?? '',
        timeOf(after?.atMs),
        timeOf(after?.atMs),
        after?.id ?? '',
        limit,
      ],
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

export const mysqlRiskStore: RiskStore = { ...rulesAndBlocks, ...scorings, ...signals, ...decisions };
