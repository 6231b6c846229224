/**
 * What the program does: starts the platform, fills an empty data folder with the demo school, says where it is, and runs
 * until it is told to stop. SIGTERM and SIGINT drain what is under way and end with 0.
 */
import { flushCompileCache } from 'node:module';
import { ConfigError, readConfig } from '@suuupra/platform/config';
import { compose, type Platform } from './compose.ts';
import { isFresh, seed } from './seed.ts';
import { allServices } from './services.ts';

const stopMsMax = 25_000;

async function start(): Promise<void> {
  const startedMs = performance.now();
  const config = readConfig(process.argv.slice(2), process.env);
  const fresh = isFresh(config);
  const platform = await compose(allServices, config);
  stopOnSignals(platform);
  // Apart, whoever starts the processes fills the school when all are up (many.ts).
  const logins = config.demo && config.services === 'all' ? await seed(platform, config, fresh) : undefined;
  platform.open();
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  const what = config.services === 'all' ? 'Suuupra' : `Suuupra (${config.services.join(', ')})`;
  const where = platform.url === '' ? `its doors ${config.mesh.host}:${config.mesh.port}` : platform.url;
  console.log(`${what} is ready at ${where} (after ${seconds} s).`);
  if (logins !== undefined) console.log(logins);
  // A process that is killed would leave nothing for the next start.
  flushCompileCache();
}

function stopOnSignals(platform: Platform): void {
  let stopping = false;
  const stop = () => {
    // A second Ctrl-C means now.
    if (stopping) process.exit(130);
    stopping = true;
    console.log('Stopping: requests under way may finish …');
    setTimeout(() => {
      console.error(`Suuupra did not stop within ${stopMsMax / 1_000} s; ending it.`);
      process.exit(1);
    }, stopMsMax).unref();
    platform.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error('Suuupra did not stop cleanly:', error);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

export async function run(): Promise<void> {
  await start().catch((error: unknown) => {
    if (error instanceof ConfigError) console.error(error.message);
    else console.error('Suuupra could not start:', error);
    process.exit(1);
  });
}
