/** How long a first and a second start take, and what is resident afterwards. */
import { anonymousClient, listCourses } from '../test/client.ts';
import { familyOf, makeDataFolder, type RunningPlatform, residentMebibytes, startPlatform } from '../test/platform.ts';
import { machine, spread, table } from './measure.ts';

const rounds = 3;

export async function benchStartup(): Promise<string> {
  const seconds = { empty: [] as number[], demo: [] as number[], second: [] as number[] };
  const memory = { node: [] as number[], postgres: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const bare = makeDataFolder();
    const data = makeDataFolder();
    try {
      seconds.empty.push(await secondsToReady(() => startPlatform({ data: bare, demo: false })));
      await bare.remove();
      seconds.demo.push(await secondsToReady(() => startPlatform({ data })));
      let platform: RunningPlatform | undefined;
      seconds.second.push(
        await secondsToReady(async () => {
          platform = await startPlatform({ data });
          return platform;
        }, false),
      );
      if (platform === undefined) throw new Error('the platform did not start');
      await listCourses(anonymousClient(platform.url));
      memory.node.push(residentMebibytes([platform.processId]));
      memory.postgres.push(residentMebibytes(familyOf(data.postgresId() ?? 0)));
    } finally {
      await bare.remove();
      await data.remove();
    }
  }
  return report(seconds, memory);
}

/** From the start of the process to its ready line, then stops it unless told not to. */
async function secondsToReady(start: () => Promise<RunningPlatform>, stops = true): Promise<number> {
  const startedMs = performance.now();
  const platform = await start();
  const seconds = (performance.now() - startedMs) / 1_000;
  if (stops) await platform.end('SIGTERM');
  return seconds;
}

function report(
  seconds: { empty: number[]; demo: number[]; second: number[] },
  memory: { node: number[]; postgres: number[] },
): string {
  const whole = memory.node.map((node, index) => node + (memory.postgres[index] ?? 0));
  return [
    '## Start and memory',
    '',
    `${machine()}. ${rounds} rounds, median (least–most); seconds from the start of the process to its ready line. Memory is PSS: pages that PostgreSQL's processes share are counted once.`,
    '',
    table(
      ['what', 'figure'],
      [
        ['first start, no demo school, s', spread(seconds.empty, 1)],
        ['first start with the demo school, s', spread(seconds.demo, 1)],
        ['second start on the same data, s', spread(seconds.second, 1)],
        ['Node, MiB', spread(memory.node)],
        ['PostgreSQL, MiB', spread(memory.postgres)],
        ['all, MiB', spread(whole)],
      ],
    ),
  ].join('\n');
}

if (import.meta.main) console.log(await benchStartup());
