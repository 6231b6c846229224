/** Dashboards and alerts ask for what the code exports, and every alert says what to do. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { dashboards, queries, rules } from './queries.ts';

const root = path.join(import.meta.dirname, '../..');

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

describe('what ships the logs', () => {
  const logs = (file: string) => readFileSync(path.join(import.meta.dirname, 'logs', file), 'utf8');

  it('is written in the languages of those that read it', () => {
    const filebeat = parseDocument(logs('filebeat.yml'), { uniqueKeys: true });
    expect([...filebeat.errors, ...filebeat.warnings]).toEqual([]);
    const inputs = (filebeat.toJS() as { 'filebeat.inputs': { type: string; parsers: object[] }[] })['filebeat.inputs'];
    expect(inputs).toMatchObject([{ type: 'filestream', parsers: [{ ndjson: { target: '', expand_keys: true } }] }]);
    expect(JSON.parse(logs('index-template.json'))).toMatchObject({ index_patterns: ['logs-suuupra-*'] });
    for (const line of logs('kibana-saved-objects.ndjson').trim().split('\n')) {
      expect(JSON.parse(line)).toHaveProperty('type');
    }
  });

  it('names what is inside of a field as Logstash does, in brackets', () => {
    const [, removed = ''] = /remove_field => \[(.+)\] \}/.exec(logs('logstash.conf')) ?? [];
    const fields = [...removed.matchAll(/"([^"]+)"/g)].map(([, field]) => field);
    expect(fields).toContain('[log][file]');
    for (const field of fields) expect(field).toMatch(/^(\w+|(\[\w+\])+)$/);
  });

  it('puts lines where the index template waits for them', () => {
    const [, index = ''] = /index => "([^"]+)"/.exec(logs('logstash.conf')) ?? [];
    const { index_patterns: patterns } = JSON.parse(logs('index-template.json')) as { index_patterns: string[] };
    expect(patterns.some((pattern) => index.startsWith(pattern.replace(/\*$/, '')))).toBe(true);
  });
});
