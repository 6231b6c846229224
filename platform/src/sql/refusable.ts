/** A transaction that may end in a documented no. */
import { isRefusal, type Refusal } from '../rpc/rpc.ts';
import { retrying, type Sql, type SqlTransaction } from './sql.ts';

/**
 * Runs `work` in a transaction that commits unless `work` answers a refusal: then everything is rolled back, the claim of
 * an idempotency key included, because a refusal promises that nothing was changed. Lost races (deadlocks) are repeated.
 */
export async function refusableTransaction<T>(
  sql: Sql,
  work: (tx: SqlTransaction) => Promise<T | Refusal>,
): Promise<T | Refusal> {
  let refused: Refusal | undefined;
  try {
    return await retrying(() =>
      sql.transaction(async (tx) => {
        const result = await work(tx);
        if (!isRefusal(result)) return result;
        refused = result;
        throw new RolledBack();
      }),
    );
  } catch (error) {
    if (error instanceof RolledBack && refused !== undefined) return refused;
    throw error;
  }
}

class RolledBack extends Error {}
