/**
 * `npm run engines -- up [name …] [--data DIR] [--install]`: starts real servers of this machine, without Docker, on free
 * ports, with their data under one folder that stays, and holds them until Ctrl-C or `npm run engines -- down`.
 * `npm run engines -- list` says which there are, `status` which run and under which settings of the platform.
 */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { engines } from './engines.ts';
import { platformEngines, raiseEngines, readState, removeState, writeState } from './raise.ts';

const downMsMax = 90_000;
const usage = 'Say "up [name …] [--install]", "down", "status" or "list", with --data DIR for another folder.';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { data: { type: 'string', default: 'data/engines' }, install: { type: 'boolean', default: false } },
});
const folder = path.resolve(values.data);
const [verb = '', ...names] = positionals;

switch (verb) {
  case 'up':
    await up();
    break;
  case 'down':
    await down();
    break;
  case 'status':
    status();
    break;
  case 'list':
    for (const { name, platformSetting } of engines) console.log(`${name}: ${platformSetting ?? 'for tests alone'}`);
    break;
  default:
    console.error(usage);
    process.exitCode = 2;
}

async function up(): Promise<void> {
  if (readState(folder) !== undefined) {
    console.error(`Engines of ${folder} run already; say "npm run engines -- down" first.`);
    process.exitCode = 1;
    return;
  }
  const over = Promise.withResolvers<void>();
  process.on('SIGINT', () => over.resolve());
  process.on('SIGTERM', () => over.resolve());
  try {
    const raised = await raiseEngines(names.length > 0 ? names : platformEngines.map(({ name }) => name), {
      folder,
      mayInstall: values.install || process.env['CI'] === 'true',
      durable: true,
      say: (line) => console.log(line),
    });
    writeState(folder, { processId: process.pid, settings: raised.settings });
    console.log(`Ready: ${path.join(folder, 'running.json')} says where. Ctrl-C stops them.`);
    // A pending promise keeps no process alive.
    const held = setInterval(() => {}, 1 << 30);
    await over.promise;
    clearInterval(held);
    console.log('Stopping the engines …');
    await raised.stop();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error('With --install, what is missing is installed where this process may.');
    process.exitCode = 1;
  } finally {
    removeState(folder);
  }
}

async function down(): Promise<void> {
  const state = readState(folder);
  if (state === undefined) {
    console.log(`No engines of ${folder} run.`);
    return;
  }
  process.kill(state.processId, 'SIGTERM');
  const untilMs = Date.now() + downMsMax;
  while (readState(folder) !== undefined) {
    if (Date.now() > untilMs) {
      console.error(`The engines did not stop within ${downMsMax / 1_000} s; process ${state.processId} holds them.`);
      process.exitCode = 1;
      return;
    }
    await delay(100);
  }
  console.log('The engines have stopped.');
}

function status(): void {
  const state = readState(folder);
  if (state === undefined) {
    console.log(`No engines of ${folder} run.`);
    process.exitCode = 1;
    return;
  }
  // The addresses carry passwords: the file has them, a terminal need not.
  for (const [setting, url] of Object.entries(state.settings)) console.log(`${setting} ${withoutPassword(url)}`);
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/([^:@/]*):[^@/]*@/, '//$1:…@');
}
