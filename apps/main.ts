/**
 * The program: `node apps/main.ts --all [--port N] [--data DIR] [--no-demo]`.
 *
 * Starts the platform, fills an empty data folder with the demo school, says where it is, and runs until it is told to
 * stop: SIGTERM and SIGINT drain what is under way and end with 0.
 */
import { ConfigError, readConfig } from '@suuupra/platform/config';
import { compose, type Platform } from './compose.ts';
import { isFresh, seed } from './seed.ts';
import { allServices } from './services.ts';

const stopMsMax = 25_000;

async function main(): Promise<void> {
  const startedMs = performance.now();
  const config = readConfig(process.argv.slice(2), process.env);
  const known = allServices.map((service) => service.name);
  if (config.services !== 'all') {
    const unknown = config.services.find((name) => !known.includes(name));
    throw new ConfigError(
      unknown === undefined
        ? 'Running some of the services apart from the others is not built yet; say --all.'
        : `There is no service "${unknown}"; there are ${known.join(', ')}.`,
    );
  }
  const fresh = isFresh(config);
  const platform = await compose(allServices, config);
  stopOnSignals(platform);
  const logins = config.demo ? await seed(platform, config, fresh) : undefined;
  platform.open();
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(`Suuupra is ready at ${platform.url} (after ${seconds} s).`);
  if (logins !== undefined) console.log(logins);
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

main().catch((error: unknown) => {
  if (error instanceof ConfigError) console.error(error.message);
  else console.error('Suuupra could not start:', error);
  process.exit(1);
});
