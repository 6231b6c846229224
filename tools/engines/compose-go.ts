/**
 * compose-go (github.com/compose-spec/compose-go, Apache-2.0), the reader of Compose files that `docker compose` is built
 * on: it holds deploy/compose/engines.yaml against the Compose specification. No server, so a "restart" of it is nothing.
 * Built from the Go module proxy into a cache folder.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Engine, engineCache, installGoProgram, type RunningEngine } from './engine.ts';

const version = 'v2.16.2';
const module = `github.com/compose-spec/compose-go/v2/cmd@${version}`;

export const composeGo: Engine = {
  name: 'compose-go',
  start: async ({ mayInstall }) => findComposeGo(mayInstall),
  testSetting: 'SUUUPRA_TEST_COMPOSE_GO',
  tests: { include: ['deploy/compose/*.engines.test.ts'] },
};

function findComposeGo(mayInstall: boolean): RunningEngine | string {
  const none = (why: string) => `No compose-go: ${why}.`;
  const folder = engineCache(`compose-go-${version}`);
  const program = path.join(folder, 'cmd');
  if (!existsSync(program)) {
    const problem = mayInstall ? installGoProgram(module, folder) : `it is not built (go install ${module})`;
    if (problem !== undefined) return none(problem);
  }
  const nothing = async () => {};
  return {
    name: 'compose-go',
    version,
    url: program,
    processId: process.pid,
    crash: nothing,
    restart: nothing,
    stop: nothing,
  };
}
