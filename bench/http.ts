/** Requests a second and CPU a request of GET /api/v1/courses, against bare node:http with the same bytes. */
import { anonymousClient, signIn } from '../test/client.ts';
import { demoPassword, makeDataFolder, startPlatform } from '../test/platform.ts';
import { cpuMs, machine, median, spread, table } from './measure.ts';
import { generateLoad, startBareServer } from './processes.ts';

const rounds = 5;
const secondsPerRound = 3;
const connections = 32;
const path = '/api/v1/courses';

interface Subject {
  readonly name: string;
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly processIds: readonly number[];
  readonly requestsPerSecond: number[];
  readonly cpuUsPerRequest: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
}

export async function benchHttp(): Promise<string> {
  const data = makeDataFolder();
  try {
    const platform = await startPlatform({ data });
    const visitor = anonymousClient(platform.url);
    const { text: body } = await visitor.call('GET', '/courses');
    const learner = await signIn(visitor, 'learner@suuupra.test', demoPassword);
    const bare = await startBareServer(body);
    const processIds = [platform.processId, data.postgresId() ?? 0];
    const subjects = [
      subject('bare node:http, same bytes', bare.origin, {}, [bare.processId]),
      subject('GET /api/v1/courses, anybody', platform.url, {}, processIds),
      subject('GET /api/v1/courses, signed in', platform.url, { authorization: `Bearer ${learner.token}` }, processIds),
      subject('GET /api/v1/courses, brotli', platform.url, { 'accept-encoding': 'br' }, processIds),
      subject(
        'GET /api/v1/users/me, signed in',
        platform.url,
        { authorization: `Bearer ${learner.token}` },
        processIds,
      ),
    ];
    for (let round = 0; round <= rounds; round += 1) {
      // The order turns, so that no subject always runs on the warmest or the coolest machine; round 0 warms up.
      for (const each of turned(subjects, round)) await measure(each, round > 0);
    }
    await bare.stop();
    return report(body, subjects);
  } finally {
    await data.remove();
  }
}

function subject(name: string, origin: string, headers: Subject['headers'], processIds: readonly number[]): Subject {
  return { name, origin, headers, processIds, requestsPerSecond: [], cpuUsPerRequest: [], p50Ms: [], p99Ms: [] };
}

function turned<T>(list: readonly T[], by: number): T[] {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

async function measure(each: Subject, counts: boolean): Promise<void> {
  const cpuBefore = each.processIds.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const seen = await generateLoad({
    origin: each.origin,
    path: each.name.includes('/users/me') ? '/api/v1/users/me' : path,
    headers: { accept: 'application/json', ...each.headers },
    connections,
    seconds: secondsPerRound,
    manyAddresses: true,
  });
  const cpuAfter = each.processIds.reduce((sum, pid) => sum + cpuMs(pid), 0);
  if (seen.failures > 0)
    throw new Error(`${each.name}: ${seen.failures} of ${seen.requests} were not answered with 200`);
  if (!counts) return;
  each.requestsPerSecond.push(seen.requests / seen.seconds);
  each.cpuUsPerRequest.push(((cpuAfter - cpuBefore) * 1_000) / seen.requests);
  each.p50Ms.push(seen.p50Ms);
  each.p99Ms.push(seen.p99Ms);
}

function report(body: string, subjects: readonly Subject[]): string {
  const [bare] = subjects;
  const cpuOfBare = median(bare?.cpuUsPerRequest ?? []);
  const rows = subjects.map((each) => [
    each.name,
    spread(each.requestsPerSecond),
    spread(each.cpuUsPerRequest),
    `${(median(each.cpuUsPerRequest) / cpuOfBare).toFixed(1)} ×`,
    median(each.p50Ms).toFixed(1),
    median(each.p99Ms).toFixed(1),
  ]);
  return [
    '## Reading the catalogue over HTTP',
    '',
    `${machine()}. ${Buffer.byteLength(body)} bytes of JSON, ${connections} keep-alive connections, the load generator on the same machine in its own process; ${rounds} alternating rounds of ${secondsPerRound} s, median (least–most). CPU is that of all serving processes, PostgreSQL included.`,
    '',
    table(['answer', 'requests/s', 'CPU µs a request', 'against bare', 'p50 ms', 'p99 ms'], rows),
  ].join('\n');
}

if (import.meta.main) console.log(await benchHttp());
