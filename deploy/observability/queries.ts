/** What the rules and dashboards ask Prometheus for. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

const folder = import.meta.dirname;

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: { readonly runbook?: string; readonly summary?: string };
}

export interface Dashboard {
  readonly uid: string;
  readonly panels: readonly { readonly id: number; readonly targets: readonly { readonly expr: string }[] }[];
}

export const rules: readonly Rule[] = globSync('rules/*.yml', { cwd: folder })
  .filter((file) => !file.endsWith('.test.yml'))
  .flatMap((file) => {
    const { groups } = parse(readFileSync(path.join(folder, file), 'utf8')) as {
      groups: { rules: Rule[] }[];
    };
    return groups.flatMap((group) => group.rules);
  });

export const dashboards: readonly Dashboard[] = globSync('grafana/*.json', { cwd: folder }).map(
  (file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Dashboard,
);

export const queries: readonly { readonly where: string; readonly expr: string }[] = [
  ...rules.map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr })),
  ...dashboards.flatMap(({ uid, panels }) =>
    panels.flatMap(({ id, targets }) => targets.map(({ expr }) => ({ where: `${uid} ${id}`, expr }))),
  ),
];

/** The series of our own that a query names. */
export function seriesIn(expr: string): string[] {
  return [...expr.matchAll(/\bsuuupra_[a-z0-9_]+/g)].map(([name]) => name);
}
