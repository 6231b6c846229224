/** The data folder: made when it is not there, and, on embedded engines, held against a second process. */
import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Config, ConfigError } from '@suuupra/platform/config';
import { type Sql, SqlFault } from '@suuupra/platform/sql/sql';
import type { Log } from '@suuupra/platform/telemetry/telemetry';

/** How long a start waits for an earlier process on the same data to let go of it. */
const takeOverMs = 10_000;

export function makeDataFolder({ dataFolder }: Config): void {
  try {
    mkdirSync(dataFolder, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(`The data folder ${dataFolder} cannot be made (${code}); give another one with --data.`, {
      cause: error,
    });
  }
}

/** Whether this process has the data folder to itself. */
export interface Hold {
  mine: boolean;
}

/**
 * One process to a data folder: a second one would race the first for files that no database guards. The lock goes with
 * its connection, so it is taken again when the database was restarted.
 */
export async function holdAlone(
  sql: Sql,
  config: Config,
  hold: Hold,
  log: Log,
  closing: (() => Promise<void>)[],
): Promise<void> {
  let held = await takeHold(sql, config);
  let stopping = false;
  hold.mine = true;
  const keep = () => {
    held.lost.addEventListener('abort', () => {
      if (stopping) return;
      takeHold(sql, config).then(
        (again) => {
          held = again;
          keep();
        },
        (error: unknown) => {
          log.error('the data folder is not held any more; stopping', { error });
          process.kill(process.pid, 'SIGTERM');
        },
      );
    });
  };
  keep();
  closing.push(async () => {
    stopping = true;
    await held.release();
  });
}

type Held = NonNullable<Awaited<ReturnType<Sql['tryLock']>>>;

async function takeHold(sql: Sql, config: Config): Promise<Held> {
  const untilMs = Date.now() + takeOverMs;
  for (;;) {
    const held = await sql.tryLock('suuupra:this-data').catch((error: unknown) => {
      // A database that is being restarted; one that stays away is a fault.
      if (!(error instanceof SqlFault) || error.kind !== 'unavailable' || Date.now() > untilMs) throw error;
      return undefined;
    });
    if (held !== undefined) return held;
    if (Date.now() > untilMs) {
      throw new ConfigError(
        `Another Suuupra runs on the data in ${config.dataFolder}; stop it, or give another folder with --data.`,
      );
    }
    await delay(50);
  }
}
