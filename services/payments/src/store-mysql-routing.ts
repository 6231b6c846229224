/** The routing tables on MariaDB or MySQL. */
import type { Rate, RoutingRules } from './routing.ts';
import type { RoutingDecision, RoutingStore } from './routing-store.ts';
import { timeOf } from './store-mysql-money.ts';

type KeptRules = Omit<RoutingRules, 'version' | 'setAtMs'>;
type KeptInputs = Pick<RoutingDecision, 'candidates' | 'rates' | 'leftOut' | 'rulesVersion'>;

export const mysqlRoutingStore: RoutingStore = {
  rules: async (executor) => {
    const [row] = await executor.query<{ version: number; rules: string; set_at: Date }>(
      'SELECT version, rules, set_at FROM routing_rules ORDER BY version DESC LIMIT 1',
    );
    return row === undefined
      ? undefined
      : { ...(JSON.parse(row.rules) as KeptRules), version: row.version, setAtMs: row.set_at.getTime() };
  },
  putRules: async (executor, { version, setAtMs, ...rules }, by) => {
    const inserted = await executor.execute(
      'INSERT INTO routing_rules (version, rules, set_by, set_at) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE version = VALUES(version)',
      [version, JSON.stringify(rules), by, new Date(setAtMs)],
    );
    return inserted === 1;
  },
  rates: (executor, wanted, sinceMs, window) =>
    Promise.all(
      wanted.map(async ({ provider, method }): Promise<Rate> => {
        const [row] = await executor.query<{ succeeded: bigint; failed: bigint }>(
          `SELECT COUNT(CASE WHEN status = 'succeeded' THEN 1 END) AS succeeded, COUNT(CASE WHEN status = 'failed' THEN 1 END) AS failed
           FROM (SELECT status FROM attempts
                 WHERE provider = ? AND method = ? AND status IN ('succeeded', 'failed') AND moved_at >= ?
                 ORDER BY moved_at DESC LIMIT ?) AS recent`,
          [provider, method, new Date(sinceMs), window],
        );
        return { provider, succeeded: Number(row?.succeeded ?? 0n), failed: Number(row?.failed ?? 0n) };
      }),
    ),
  keepDecision: async (executor, decision) => {
    const { candidates, rates, leftOut, rulesVersion } = decision;
    const inputs: KeptInputs = { candidates, rates, leftOut, rulesVersion };
    await executor.execute(
      `INSERT INTO routing_decisions (id, order_id, attempt_id, try_number, provider, rule, because, inputs, at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        decision.id,
        decision.orderId,
        decision.attemptId,
        decision.tryNumber,
        decision.provider,
        decision.rule,
        decision.because,
        JSON.stringify(inputs),
        new Date(decision.atMs),
      ],
    );
  },
  listDecisions: async (executor, orderId, after, limit) => {
    const rows = await executor.query<{
      id: string;
      order_id: string;
      attempt_id: string;
      try_number: number;
      provider: string;
      rule: string;
      because: string;
      inputs: string;
      at: Date;
    }>(
      `SELECT id, order_id, attempt_id, try_number, provider, rule, because, inputs, at FROM routing_decisions
       WHERE (? = '' OR order_id = ?)
         AND (? IS NULL OR (at, id) < (?, ?))
       ORDER BY at DESC, id DESC LIMIT ?`,
      [orderId ?? '', orderId ?? '', timeOf(after?.atMs), timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map((row) => ({
      id: row.id,
      orderId: row.order_id,
      attemptId: row.attempt_id,
      tryNumber: row.try_number,
      provider: row.provider,
      rule: row.rule,
      because: row.because,
      ...(JSON.parse(row.inputs) as KeptInputs),
      atMs: row.at.getTime(),
    }));
  },
};
