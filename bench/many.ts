/**
 * What it costs to be many: the same purchases on one process and on many, both on the same kind of PostgreSQL server; and
 * what a stateless service gains by instances, each held to the same slice of a core so that the machine's few cores are
 * not what is measured.
 */
import { spawn, spawnSync } from 'node:child_process';
import { openStage } from '../test/faults/stage.ts';
import { familyOf, makeDataFolder, startPlatform } from '../test/platform.ts';
import { raiseEngines } from '../tools/engines/raise.ts';
import { machine, median, spread, table } from './measure.ts';
import { generateLoad } from './processes.ts';
import { purchaseRounds, type Round } from './purchase.ts';

const rounds = 3;
/** Percent of a core for each instance. */
const slice = 20;
const instancesMax = 3;
const loadSeconds = 5;
const quiet = () => {};

export async function benchMany(): Promise<string> {
  const one = await onOneProcess();
  const many = await onManyProcesses();
  const gain = await gatewayGain();
  return [
    '## One process and many',
    '',
    `${machine()}. The same purchases (see above) on one process and on 15, both on a Debian PostgreSQL that is synced on every commit; ${rounds} rounds after a warm-up, median (least–most). On two cores fifteen processes compete with each other and with PostgreSQL: what is compared is the cost.`,
    '',
    table(
      ['', 'one process', 'many', 'ratio'],
      [
        compared('CPU a purchase, platform, ms', one, many, (round) => round.nodeCpuMsPerPurchase, 1),
        compared('CPU a purchase, PostgreSQL, ms', one, many, (round) => round.postgresCpuMsPerPurchase, 1),
        compared('p50 of a request, ms', one, many, (round) => percentile(round.requestMs, 0.5)),
        compared('p99 of a request, ms', one, many, (round) => percentile(round.requestMs, 0.99)),
        compared('whole purchases/s', one, many, (round) => round.purchasesPerSecond),
      ],
    ),
    '',
    gain,
  ].join('\n');
}

async function onOneProcess(): Promise<readonly Round[]> {
  const engines = await raiseEngines(['postgres'], { mayInstall: false, durable: true, say: quiet });
  const data = makeDataFolder();
  try {
    const platform = await startPlatform({ data, env: engines.settings });
    const counted = { platform: [platform.processId], postgres: [engines.running.get('postgres')?.processId ?? 0] };
    return await purchaseRounds(platform.url, counted, rounds);
  } finally {
    await data.remove();
    await engines.stop();
  }
}

async function onManyProcesses(): Promise<readonly Round[]> {
  const stage = await openStage({ engines: ['postgres'], say: quiet });
  try {
    const counted = {
      platform: stage.many.members.map(({ processId }) => processId),
      postgres: [stage.engines.running.get('postgres')?.processId ?? 0],
    };
    return await purchaseRounds(stage.many.url, counted, rounds);
  } finally {
    await stage.close();
  }
}

async function gatewayGain(): Promise<string> {
  if (spawnSync('cpulimit', ['--version']).error !== undefined) {
    return 'Gain by instances: not measured, as this machine has no cpulimit (Debian: apt-get install cpulimit).';
  }
  const stage = await openStage({ engines: ['postgres'], instances: { gateway: instancesMax }, say: quiet });
  try {
    const gateways = stage.many.members.filter(({ service }) => service === 'gateway');
    const seen: number[] = [];
    for (let count = instancesMax; count >= 1; count -= 1) {
      const running = gateways.slice(0, count);
      for (const gone of gateways.slice(count)) await gone.end('SIGTERM');
      seen.unshift(
        await throughput(
          stage.many.url,
          running.map(({ processId }) => processId),
        ),
      );
    }
    const [first = 1] = seen;
    return [
      `Gain by instances: requests/s of GET /api/v1/courses through 1, 2 and 3 gateways at one port, each held to ${slice} % of a core: ` +
        `${seen.map((each) => each.toFixed(0)).join(', ')}, that is ${seen.map((each) => `${(each / first).toFixed(2)} ×`).join(', ')}.`,
    ].join('\n');
  } finally {
    await stage.close();
  }
}

async function throughput(origin: string, processIds: readonly number[]): Promise<number> {
  const limiters = processIds.map((id) =>
    spawn('cpulimit', ['-l', String(slice), '-p', String(id)], { stdio: 'ignore' }),
  );
  try {
    const rates: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const load = {
        origin,
        path: '/api/v1/courses',
        headers: {},
        connections: 48,
        seconds: loadSeconds,
        manyAddresses: true,
      };
      const { requests } = await generateLoad(load);
      if (round > 0) rates.push(requests / loadSeconds);
    }
    return median(rates);
  } finally {
    for (const limiter of limiters) limiter.kill('SIGKILL');
    // A process that its limiter had stopped stays stopped without it.
    for (const id of processIds.flatMap((each) => familyOf(each))) process.kill(id, 'SIGCONT');
  }
}

function compared(
  what: string,
  one: readonly Round[],
  many: readonly Round[],
  of: (round: Round) => number,
  digits = 0,
): readonly string[] {
  const [a, b] = [one.map(of), many.map(of)];
  return [what, spread(a, digits), spread(b, digits), `${(median(b) / median(a)).toFixed(2)} ×`];
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

if (import.meta.main) console.log(await benchMany());
