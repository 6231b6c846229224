/**
 * engines.yaml as `docker compose` would read it: by compose-go, the module that does its reading. What its parts name of
 * each other engines.test.ts looks at; what the images make of it is not looked at anywhere.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { newEnvironment } from './env.ts';

const command = process.env['SUUUPRA_TEST_COMPOSE_GO'] ?? '';
const text = readFileSync(path.join(import.meta.dirname, 'engines.yaml'), 'utf8');
const environment = new Map(
  newEnvironment()
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
);

interface Model {
  readonly name: string;
  readonly services: Readonly<Record<string, { readonly entrypoint?: readonly string[]; readonly ports?: object[] }>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
}

/** The module's command reads no environment: what has to be given is put in before. */
function filled(compose: string): string {
  return compose.replaceAll(/\$\{(\w+):\?[^}]*\}/g, (whole, name: string) => environment.get(name) ?? whole);
}

function read(compose: string): { readonly said: string; readonly model: Model | undefined } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-compose-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'engines.yaml');
  writeFileSync(file, compose);
  const { status, stdout, stderr, error } = spawnSync(command, ['-format', 'json', file], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { said: stderr, model: status === 0 ? (JSON.parse(stdout) as Model) : undefined };
}

it('is taken, with its variables in their places and what is for the shell left to the shell', () => {
  const { said, model } = read(filled(text));
  expect(said).toBe('');
  expect(model?.name).toBe('suuupra-engines');
  expect(Object.keys(model?.services ?? {})).toContain('kafka');
  expect(model?.services['redis']?.ports).toMatchObject([{ host_ip: '127.0.0.1', target: 6379, published: '6379' }]);
  expect(model?.configs['postgres-replication']?.content).toContain('"$PGDATA/pg_hba.conf"');
  expect(model?.services['mongodb']?.entrypoint?.at(-1)).toContain('--port 27017');
});

it('is refused without its passwords', () => {
  expect(read(text).said).toContain('required variable POSTGRES_PASSWORD is missing a value: run make-env.ts');
});

it.each([
  ['a setting that there is not', 'retries: 30', 'retrys: 30', /retrys/],
  ['a port that is none', ':-6379}:6379', ':-x}:6379', /invalid hostPort/i],
  ['a list where one value belongs', 'interval: 5s', 'interval: [5s]', /interval must be a string/],
])('would be refused with %s', (_what, from, to, reason) => {
  const wrong = filled(text).replace(from, to);
  expect(wrong).not.toBe(filled(text));
  expect(read(wrong)).toMatchObject({ said: expect.stringMatching(reason), model: undefined });
});
