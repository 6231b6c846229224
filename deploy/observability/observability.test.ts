/** Dashboards and alerts ask for what the code exports, and every alert says what to do. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const root = path.join(import.meta.dirname, '../..');

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: { readonly runbook?: string; readonly summary?: string };
}

const rules = globSync('rules/*.yml', { cwd: import.meta.dirname })
  .filter((file) => !file.endsWith('.test.yml'))
  .flatMap((file) => {
    const { groups } = parse(readFileSync(path.join(import.meta.dirname, file), 'utf8')) as {
      groups: { rules: Rule[] }[];
    };
    return groups.flatMap((group) => group.rules);
  });

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly { readonly id: number; readonly targets: readonly { readonly expr: string }[] }[];
}

const dashboards = globSync('grafana/*.json', { cwd: import.meta.dirname }).map(
  (file) => JSON.parse(readFileSync(path.join(import.meta.dirname, file), 'utf8')) as Dashboard,
);

const queries = [
  ...rules.map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr })),
  ...dashboards.flatMap(({ uid, panels }) =>
    panels.flatMap(({ id, targets }) => targets.map(({ expr }) => ({ where: `${uid} ${id}`, expr }))),
  ),
];

/** Names of what is exported: made in the code by their names, and those of the Node process as it tells them. */
const exported = new Set<string>(['up']);

beforeAll(async () => {
  const made = /\b(counter|gauge|histogram|durations)\(\s*'(suuupra_[a-z0-9_]+)'/g;
  const files = globSync('{platform,services/*}/src/**/*.ts', { cwd: root }).filter(
    (file) => !file.endsWith('.test.ts'),
  );
  for (const file of files) {
    for (const [, kind, name] of readFileSync(path.join(root, file), 'utf8').matchAll(made)) {
      for (const one of seriesOf(kind ?? '', name ?? '')) exported.add(one);
    }
  }
  const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' });
  for (const [, name, kind] of (await telemetry.metricsText()).matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    for (const one of seriesOf(kind ?? '', name ?? '')) exported.add(one);
  }
  await telemetry.close();
});

function seriesOf(kind: string, name: string): string[] {
  return kind === 'histogram' || kind === 'durations' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
}

describe('what is watched', () => {
  it('is enough to mean it', () => {
    expect(rules.length).toBeGreaterThan(50);
    expect(dashboards.map(({ uid }) => uid).sort()).toEqual([
      'suuupra-business',
      'suuupra-gateway',
      'suuupra-money',
      'suuupra-overview',
      'suuupra-stream',
    ]);
    expect(exported.size).toBeGreaterThan(40);
  });

  it('asks only for metrics that the platform exports', () => {
    const unknown = queries.flatMap(({ where, expr }) =>
      [...expr.matchAll(/\b(?:suuupra_[a-z0-9_]+|up)\b/g)]
        .map(([name]) => name)
        .filter((name) => !exported.has(name))
        .map((name) => `${where}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('asks only for recorded figures that a rule records', () => {
    const recorded = new Set(rules.map((rule) => rule.record));
    const unknown = queries.flatMap(({ where, expr }) =>
      [...expr.matchAll(/\bslo:[a-z_:0-9]+/g)]
        .filter(([name]) => !recorded.has(name))
        .map(([name]) => `${where}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('bounds latencies where a histogram has a bucket', () => {
    const bounds = new Set(
      queries.flatMap(({ expr }) => [...expr.matchAll(/le="([^"]+)"/g)].map(([, bound]) => bound)),
    );
    expect([...bounds].sort()).toEqual(['0.15', '0.2', '0.3', '0.5']);
  });

  it('tells for every alert what to do, in a page of its own', () => {
    const alerts = rules.flatMap(({ alert, annotations }) => (alert === undefined ? [] : [{ alert, annotations }]));
    for (const { alert, annotations } of alerts) {
      const page = `docs/runbooks/${alert}.md`;
      expect(annotations?.runbook, alert).toBe(page);
      expect(annotations?.summary, alert).toBeTruthy();
      expect(readFileSync(path.join(root, page), 'utf8')).toMatch(/^# \w+\n\n.+\n\n## Look first\n[\s\S]+\n## Do\n/);
    }
  });
});
