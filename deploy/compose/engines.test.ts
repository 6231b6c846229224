import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { newEnvironment, secrets } from './env.ts';

interface Service {
  readonly image: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string }[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly retries?: number };
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly configs: Readonly<Record<string, { readonly file?: string }>>;
}

const text = readFileSync(path.join(import.meta.dirname, 'engines.yaml'), 'utf8');
const parsed = parseDocument(text, { merge: true, uniqueKeys: true });
const compose = parsed.toJS() as Compose;
const services = Object.entries(compose.services);
const environment = new Map(
  newEnvironment()
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
);

it('is YAML without faults, each image at a version of its own, each port on the loopback', () => {
  expect([...parsed.errors, ...parsed.warnings]).toEqual([]);
  expect(services.length).toBeGreaterThan(9);
  for (const [name, { image, ports }] of services) {
    expect(image, name).toMatch(/^[a-z0-9/-]+:(?!latest$).*\d+\.?\d.*$/);
    for (const port of ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:/);
  }
});

it('names every engine that the platform has a setting for', () => {
  const source = readFileSync(path.join(import.meta.dirname, '../../platform/src/config.ts'), 'utf8');
  const settings = [...source.matchAll(/'(?:engines\.\w+|telemetry\.otlpEndpoint)': '(\w+)'/g)].map(([, name]) => name);
  expect(settings.length).toBeGreaterThan(7);
  const named = services.flatMap(([, { labels }]) => labels?.['suuupra.setting'] ?? []);
  expect([...named].sort()).toEqual([...settings].sort());
  // The replica is started by a profile, and its address given by who starts it.
  for (const setting of settings) {
    if (setting !== 'SUUUPRA_POSTGRES_REPLICA_URLS') expect(environment.has(setting ?? ''), setting).toBe(true);
  }
});

it('checks the health of each engine, and keeps what it holds in a volume with a name', () => {
  for (const [name, { healthcheck, labels }] of services) {
    const isChecked = (healthcheck?.test?.length ?? 0) > 1 && (healthcheck?.retries ?? 0) > 0;
    expect(isChecked || labels?.['suuupra.health'] === 'none', name).toBe(true);
  }
  const used = services.flatMap(([, service]) => (service.volumes ?? []).map((volume) => volume.split(':')[0] ?? ''));
  expect(used.sort()).toEqual(Object.keys(compose.volumes).sort());
  const read = services.flatMap(([, service]) => (service.configs ?? []).map(({ source }) => source));
  expect(read.sort()).toEqual(Object.keys(compose.configs).sort());
  for (const [, service] of services) {
    for (const other of Object.keys(service.depends_on ?? {})) expect(compose.services).toHaveProperty(other);
  }
});

it('gives Prometheus every file of rules, and Grafana every dashboard', () => {
  const given = Object.values(compose.configs).flatMap(({ file }) => (file === undefined ? [] : [file]));
  const files = globSync('../observability/{rules,grafana}/*', { cwd: import.meta.dirname });
  expect(given.sort()).toEqual(files.filter((file) => !file.endsWith('.test.yml')).sort());
});

it('takes every password from .env, and has a default for none', () => {
  const wanted = new Set([...text.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name));
  expect([...wanted].sort()).toEqual([...secrets].sort());
  const defaulted = [...text.matchAll(/(?<!\$)\$\{(\w+):-/g)].map(([, name]) => name);
  for (const name of defaulted) expect(name).toMatch(/_PORT$/);
  for (const line of text.split('\n').filter((one) => /(PASSWORD|SECRET|_KEY)\w*: /.test(one))) {
    expect(line).toMatch(/\$\{\w+:\?/);
  }
  for (const name of secrets) expect(environment.get(name)?.length, name).toBeGreaterThan(20);
  expect(newEnvironment()).not.toBe(newEnvironment());
});

/** The engines of the tests that are those of the images; the others stand in for them, or are this machine's packages. */
const sameAs = { kafka: 'kafka.ts', opensearch: 'opensearch.ts', 'otel-collector': 'otel-collector.ts' };

it('has the versions that the tests run on, where those are the same programs', () => {
  for (const [service, file] of Object.entries(sameAs)) {
    const source = readFileSync(path.join(import.meta.dirname, '../../tools/engines', file), 'utf8');
    const [, version] = /^const version = 'v?([^']+)';$/m.exec(source) ?? [];
    expect(version, file).toBeDefined();
    expect(compose.services[service]?.image.split(':')[1], service).toBe(version);
  }
});

it('opens the port that the setting of each engine names', () => {
  const told = services.flatMap(([name, { labels, ports }]) => {
    const address = environment.get(labels?.['suuupra.setting'] ?? '');
    return address === undefined ? [] : [{ name, ports, port: new URL(address).port }];
  });
  expect(told.length).toBeGreaterThan(7);
  for (const { name, ports, port } of told) {
    expect(
      ports?.map((each) => /:\$\{\w+_PORT:-(\d+)\}:/.exec(each)?.[1]),
      name,
    ).toEqual([port]);
  }
});
