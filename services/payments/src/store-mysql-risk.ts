/** The tables of risk rules, signals and decisions on MariaDB or MySQL. */
import type { SqlRow } from '@suuupra/platform/sql/sql';
import { type Dimension, dimensions, type Finding, type RiskBlock, type RiskOutcome, type RiskRule } from './risk.ts';
import type { RiskStore } from './risk-store.ts';
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

interface DecisionRow extends SqlRow {
  id: string;
  order_id: string;
  attempt_id: string;
  outcome: RiskOutcome;
  findings: string;
  at: Date;
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

const signalsAndDecisions: Pick<
  RiskStore,
  'counts' | 'keepSignals' | 'markFailed' | 'signalsOf' | 'pruneSignals' | 'keepDecision' | 'listDecisions'
> = {
  counts: (executor, wanted) =>
    Promise.all(
      wanted.map(async ({ dimension, valueHash, counted, sinceMs }) => {
        const [row] = await executor.query<{ n: bigint }>(
          `SELECT count(*) AS n FROM risk_signals
           WHERE dimension = ? AND value_hash = ? AND at >= ? AND (failed OR NOT ?)`,
          [dimension, valueHash, new Date(sinceMs), counted === 'failures'],
        );
        return Number(row?.n ?? 0n);
      }),
    ),
  keepSignals: async (tx, attemptId, signals, atMs) => {
    const known = dimensions.filter((dimension) => signals[dimension] !== undefined);
    if (known.length === 0) return;
    await tx.execute(
      `INSERT INTO risk_signals (attempt_id, dimension, value_hash, at) VALUES ? ON DUPLICATE KEY UPDATE attempt_id = VALUES(attempt_id)`,
      [known.map((dimension) => [attemptId, dimension, signals[dimension] ?? '', new Date(atMs)])],
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
  keepDecision: async (executor, decision) => {
    await executor.execute(
      `INSERT INTO risk_decisions (id, order_id, attempt_id, outcome, findings, at) VALUES (?, ?, ?, ?, ?, ?)`,
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
      outcome: row.outcome,
      findings: parsed<Finding[]>(row.findings) ?? [],
      atMs: row.at.getTime(),
    }));
  },
};

export const mysqlRiskStore: RiskStore = { ...rulesAndBlocks, ...signalsAndDecisions };
