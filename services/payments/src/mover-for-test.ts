/**
 * A process that moves a shard and kills itself before a step, for shard-move-crash-postgres.kill.test.ts. Arguments: the
 * payments' own database, the server of the places, the prefix of the shards' databases, their number, the shard, the place
 * that it is moved to, and the step.
 */
import { openShardDatabase } from '@suuupra/platform/shards/database';
import { openGate } from '@suuupra/platform/shards/gate-sql';
import { type MoveStep, moveShard } from '@suuupra/platform/shards/move';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { realWorld } from '@suuupra/platform/world';
import { endCopying, paymentsShardCopy } from './shard-copy.ts';
import { migrateShard, openDirectory } from './shards.ts';

async function moveUntilKilled(args: readonly string[]): Promise<void> {
  const [url = '', server = '', names = '', count = '', number = '', to = '', killedAt = ''] = args;
  const world = realWorld();
  const own = await openSql({ url, connectionsMax: 2 });
  const settings = { count: Number(count), names, places: new Map(['a', 'b', 'c'].map((place) => [place, server])) };
  const directory = await openDirectory(own, settings, world.now());
  const shard = Number(number);
  const { place: from } = await directory.find(shard);
  const open = (place: string) => openShardDatabase({ own, settings, migrate: migrateShard }, shard, place);
  const [{ sql: source }, { sql: target }] = [await open(from), await open(to)];
  const killedBefore = (step: MoveStep | 'tidy') => {
    if (step === killedAt) process.kill(process.pid, 'SIGKILL');
  };
  await moveShard({
    ...{ directory, shard, from, to, world },
    source: await openGate(source),
    target: await openGate(target),
    copy: paymentsShardCopy(source, target),
    at: async (step) => killedBefore(step),
  });
  killedBefore('tidy');
  await endCopying(source);
}

if (import.meta.main) await moveUntilKilled(process.argv.slice(2));
