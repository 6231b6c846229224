/**
 * `npm run start:many [-- --port N --data DIR --no-demo]`: every service as its own process on this machine, two of those
 * that a user feels first, on the engines that run here (`npm run engines -- up`) or that the settings name. Ctrl-C stops
 * all of them.
 */
import path from 'node:path';
import { ConfigError, readConfig, type Settings } from '@suuupra/platform/config';
import { readState } from '../tools/engines/raise.ts';
import { startManyFilled } from './many-filled.ts';

const enginesFolder = path.resolve('data/engines');
const stopMsMax = 60_000;

async function main(): Promise<void> {
  const startedMs = performance.now();
  // What is set goes before what runs here: a school has servers of its own.
  const settings = { ...readState(enginesFolder)?.settings, ...given(process.env) };
  const config = readConfig(['--all', '--data', 'data/many', ...process.argv.slice(2)], settings);
  if (config.engines.postgresUrl === '') {
    throw new ConfigError(
      'Processes share their databases: start engines with "npm run engines -- up", or set SUUUPRA_POSTGRES_URL.',
    );
  }
  const { many, logins } = await startManyFilled({
    config,
    settings,
    heard: (member, line) => console.log(`[${member}] ${line}`),
  });
  stopOnSignals(many.stop);
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(`Suuupra is ready at ${many.url} (after ${seconds} s), as ${many.members.length} processes.`);
  if (logins !== undefined) console.log(logins);
}

function given(env: Settings): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      /^(SUUUPRA_|OTEL_)/.test(name) && value !== undefined ? [[name, value]] : [],
    ),
  );
}

function stopOnSignals(stop: () => Promise<void>): void {
  let stopping = false;
  const end = () => {
    if (stopping) process.exit(130);
    stopping = true;
    console.log('Stopping all processes: requests under way may finish …');
    setTimeout(() => process.exit(1), stopMsMax).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error('Not all processes stopped cleanly:', error);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) console.error(error.message);
  else console.error('Suuupra could not start as many processes:', error);
  process.exit(1);
});
