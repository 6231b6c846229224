/**
 * stripe-mock (github.com/stripe/stripe-mock, MIT), Stripe's own server for tests: it holds requests against Stripe's
 * description of its API. Built from the Go module proxy into a cache folder; nothing of it is committed.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Engine, engineCache, freePort, installGoProgram, type RunningEngine } from './engine.ts';
import { startServer } from './server-process.ts';

const version = 'v0.203.0';
const module = `github.com/stripe/stripe-mock@${version}`;
const startMsMax = 30_000;

export const stripeMock: Engine = {
  name: 'stripe-mock',
  start: ({ mayInstall }) => startStripeMock(mayInstall),
  testSetting: 'SUUUPRA_TEST_STRIPE_MOCK',
  tests: {
    include: [
      'services/payments/src/provider-stripe.engines.test.ts',
      'services/settlement/src/reconciliation/report-source-stripe.engines.test.ts',
    ],
  },
};

async function startStripeMock(mayInstall: boolean): Promise<RunningEngine | string> {
  const none = (why: string) => `No stripe-mock: ${why}.`;
  const folder = engineCache(`stripe-mock-${version}`);
  const program = path.join(folder, 'stripe-mock');
  if (!existsSync(program)) {
    const problem = mayInstall ? installGoProgram(module, folder) : `it is not built (go install ${module})`;
    if (problem !== undefined) return none(problem);
  }
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startServer({
    command: program,
    args: ['-http-addr', `127.0.0.1:${port}`],
    answers: async () => (await fetch(url).catch(() => undefined)) !== undefined,
    startMsMax,
    asOurselves: true,
  });
  if (typeof server === 'string') return none(server);
  return {
    name: 'stripe-mock',
    version,
    url,
    get processId() {
      return server.processId;
    },
    crash: server.crash,
    restart: server.restart,
    stop: server.end,
  };
}
