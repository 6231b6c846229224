/**
 * promtool, which comes with Prometheus (Debian package `prometheus`): checks the scrape configuration and the rules, and
 * runs the unit tests of the alerts. No server, so a "restart" of it is nothing.
 */
import { spawnSync } from 'node:child_process';
import { type Engine, installPackage, type RunningEngine } from './engine.ts';

export const promtool: Engine = {
  name: 'promtool',
  start: async ({ mayInstall }) => startPromtool(mayInstall),
  testSetting: 'SUUUPRA_TEST_PROMTOOL',
  tests: { include: ['deploy/observability/*.engines.test.ts'], testMsMax: 180_000 },
};

function versionOf(): string | undefined {
  const { status, stdout, stderr } = spawnSync('promtool', ['--version'], { encoding: 'utf8' });
  return status === 0 ? /version ([\d.]+)/.exec(`${stdout}${stderr}`)?.[1] : undefined;
}

function startPromtool(mayInstall: boolean): RunningEngine | string {
  const none = (why: string) => `No promtool: ${why}.`;
  if (versionOf() === undefined) {
    const problem = mayInstall ? installPackage('prometheus') : 'it is not installed (apt-get install prometheus)';
    if (problem !== undefined) return none(problem);
  }
  const version = versionOf();
  if (version === undefined) return none('it was installed and does not answer');
  const nothing = async () => {};
  return {
    name: 'promtool',
    version,
    url: 'promtool',
    processId: process.pid,
    crash: nothing,
    restart: nothing,
    stop: nothing,
  };
}
