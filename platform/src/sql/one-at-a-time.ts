/**
 * Work of one name at a time, in all processes of a service: for calls that are made again while they are under way.
 *
 * The locks are of one session with the service's database, opened when first needed. They end with the process, however
 * it ends, so nobody waits for one that died; and when the connection breaks, so the work must be safe when it is done
 * twice: this only spares others the wait, and callers an answer that comes too early.
 */
import type { Sql, SqlLockSession } from './sql.ts';

export interface OneAtATime {
  /** Gives what the work gives; undefined at once when work of this name is under way, here or in another process. */
  run<T>(name: string, work: () => Promise<T>): Promise<{ readonly done: T } | undefined>;
  /** Gives the session back. What is under way goes on. */
  close(): Promise<void>;
}

export function openOneAtATime(sql: Pick<Sql, 'openLockSession'>): OneAtATime {
  // A session gives its own lock again and again; within the process the names are what counts.
  const underWay = new Set<string>();
  let session: Promise<SqlLockSession> | undefined;
  /** One for all who ask at once; another when it could not be opened, or is lost. */
  const open = (): Promise<SqlLockSession> => {
    session ??= sql.openLockSession().then(
      (opened) => {
        opened.lost.addEventListener('abort', forget, { once: true });
        return opened;
      },
      (error: unknown) => {
        forget();
        throw error;
      },
    );
    return session;
  };
  const forget = () => {
    session = undefined;
  };
  const holding = async <T>(name: string, work: () => Promise<T>) => {
    const held = await open();
    if (!(await held.tryLock(name))) return undefined;
    try {
      return { done: await work() };
    } finally {
      // A session that cannot give a lock back is given up, and all of its locks with it.
      await held.unlock(name).catch(() => held.close());
    }
  };
  return {
    run: async (name, work) => {
      if (underWay.has(name)) return undefined;
      underWay.add(name);
      try {
        return await holding(name, work);
      } finally {
        underWay.delete(name);
      }
    },
    close: async () => {
      const last = session;
      forget();
      await last?.then((opened) => opened.close());
    },
  };
}
