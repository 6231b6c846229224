/** The routing tables on PostgreSQL. */
import type { RoutingRules } from './routing.ts';
import type { RoutingDecision, RoutingStore } from './routing-store.ts';
import { timeOf } from './store-postgres-money.ts';

type KeptRules = Omit<RoutingRules, 'version' | 'setAtMs'>;
type KeptInputs = Pick<RoutingDecision, 'candidates' | 'rates' | 'leftOut' | 'rulesVersion'>;

export const postgresRoutingStore: RoutingStore = {
  rules: async (executor) => {
    const [row] = await executor.query<{ version: number; rules: KeptRules; set_at: Date }>(
      'SELECT version, rules, set_at FROM routing_rules ORDER BY version DESC LIMIT 1',
    );
    return row === undefined ? undefined : { ...row.rules, version: row.version, setAtMs: row.set_at.getTime() };
  },
  putRules: async (executor, { version, setAtMs, ...rules }, by) => {
    const inserted = await executor.execute(
      'INSERT INTO routing_rules (version, rules, set_by, set_at) VALUES ($1, $2::jsonb, $3, $4) ON CONFLICT DO NOTHING',
      [version, JSON.stringify(rules), by, new Date(setAtMs)],
    );
    return inserted === 1;
  },
  rates: async (executor, wanted, sinceMs, window) => {
    const rows = await executor.query<{ provider: string; succeeded: bigint; failed: bigint }>(
      `SELECT wanted.provider, recent.succeeded, recent.failed
       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (provider, method, place),
         LATERAL (SELECT count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
                         count(*) FILTER (WHERE status = 'failed') AS failed
                  FROM (SELECT status FROM attempts
                        WHERE attempts.provider = wanted.provider AND attempts.method = wanted.method
                          AND status IN ('succeeded', 'failed') AND moved_at >= $3
                        ORDER BY moved_at DESC LIMIT $4) AS newest) AS recent
       ORDER BY place`,
      [wanted.map(({ provider }) => provider), wanted.map(({ method }) => method), new Date(sinceMs), window],
    );
    return rows.map((row) => ({ ...row, succeeded: Number(row.succeeded), failed: Number(row.failed) }));
  },
  keepDecision: async (executor, decision) => {
    const { candidates, rates, leftOut, rulesVersion } = decision;
    const inputs: KeptInputs = { candidates, rates, leftOut, rulesVersion };
    await executor.execute(
      `INSERT INTO routing_decisions (id, order_id, attempt_id, try_number, provider, rule, because, inputs, at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9)`,
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
      inputs: KeptInputs;
      at: Date;
    }>(
      `SELECT id, order_id, attempt_id, try_number, provider, rule, because, inputs, at FROM routing_decisions
       WHERE ($1::text = '' OR order_id = $1::text)
         AND ($2::timestamptz IS NULL OR (at, id) < ($2::timestamptz, $3::text))
       ORDER BY at DESC, id DESC LIMIT $4`,
      [orderId ?? '', timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map((row) => ({
      id: row.id,
      orderId: row.order_id,
      attemptId: row.attempt_id,
      tryNumber: row.try_number,
      provider: row.provider,
      rule: row.rule,
      because: row.because,
      ...row.inputs,
      atMs: row.at.getTime(),
    }));
  },
};
