/**
 * A process that moves shard 0 from place a to place b and kills itself before a step, for shard-move-crash-postgres.kill.test.ts.
 * Arguments: the databases of the directory, of a and of b, and the step.
 */
import { openShardDirectory } from '@suuupra/platform/shards/directory-sql';
import { type MoveStep, moveShard } from '@suuupra/platform/shards/move';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { realWorld } from '@suuupra/platform/world';
import { bookGate } from './shard-book.ts';
import { shardCopy } from './shard-copy.ts';
import { migrateBook } from './shards.ts';

async function moveUntilKilled(urls: readonly string[], killedAt: MoveStep): Promise<void> {
  const [own, source, target] = await Promise.all(urls.map((url) => openSql({ url, connectionsMax: 2 })));
  if (own === undefined || source === undefined || target === undefined) throw new Error('give three databases');
  const directory = await openShardDirectory(own, { shards: 1, placeOf: () => 'a', pinned: async () => [] });
  await moveShard({
    ...{ directory, shard: 0, from: 'a', to: 'b', world: realWorld() },
    source: bookGate(source),
    target: bookGate(target),
    copy: shardCopy({ source, target, migrate: migrateBook }),
    at: async (step) => {
      if (step === killedAt) process.kill(process.pid, 'SIGKILL');
    },
  });
}

if (import.meta.main) await moveUntilKilled(process.argv.slice(2, 5), process.argv[5] as MoveStep);
