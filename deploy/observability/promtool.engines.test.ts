/** The configuration of Prometheus, its rules and the unit tests of the alerts, by Prometheus' own tool. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { expect, it } from 'vitest';

const command = process.env['SUUUPRA_TEST_PROMTOOL'] ?? 'promtool';

function promtool(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: import.meta.dirname, encoding: 'utf8' });
  const said = `${stdout}${stderr}`;
  if (status !== 0) throw new Error(said);
  return said;
}

it('takes the scrape configuration and its rule files', () => {
  expect(promtool('check', 'config', 'prometheus.yml')).toMatch(/SUCCESS: .*prometheus.yml is valid/);
});

it('takes the rules, none of them twice', () => {
  expect(promtool('check', 'rules', '--lint-fatal', 'rules/service-levels.yml', 'rules/parts.yml')).toMatch(/SUCCESS/);
});

it.each(globSync('rules/*.test.yml', { cwd: import.meta.dirname }))('passes %s', (file) => {
  expect(promtool('test', 'rules', file)).toMatch(/SUCCESS/);
});
