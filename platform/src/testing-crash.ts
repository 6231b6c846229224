/** A process that dies at a chosen point, as a test can have it: from there on its database never answers it again. */
import type { Sql, SqlLockSession } from './sql/sql.ts';

export interface DyingProcess {
  /** What the process gets for its database. */
  database(sql: Sql): Sql;
  /** Resolves when it has died. */
  readonly dead: Promise<'dead'>;
}

/**
 * Dies before or after its statement or transaction number `point`, counted from 1. A transaction is one step: it commits
 * whole or not at all, whatever happens inside. After: it has committed, and nobody hears of it.
 */
export function dyingAt(point: number, when: 'before' | 'after'): DyingProcess {
  const { promise: dead, resolve } = Promise.withResolvers<'dead'>();
  let step = 0;
  let isDead = false;
  const sessions: SqlLockSession[] = [];
  const never = () => {
    isDead = true;
    // Its locks end with it, before anybody takes up what it left.
    void Promise.all(sessions.map((session) => session.close())).then(() => resolve('dead'));
    return new Promise<never>(() => {});
  };
  const at = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isDead) return never();
    step += 1;
    const isLast = step === point;
    if (isLast && when === 'before') return never();
    const result = await work();
    return isLast ? never() : result;
  };
  return {
    dead,
    database: (sql) => ({
      ...sql,
      query: (text, values) => at(() => sql.query(text, values)),
      execute: (text, values) => at(() => sql.execute(text, values)),
      transaction: (work, options) => at(() => sql.transaction(work, options)),
      openLockSession: async () => {
        const session = await sql.openLockSession();
        sessions.push(session);
        return session;
      },
    }),
  };
}
