/**
 * Metrics as text, in the format that the reader asks for: Prometheus' own, or OpenMetrics 1.0, which alone can say beside
 * a bucket which trace fell into it. Written here, because prom-client writes one of the two per registry and renames its
 * counters while it writes the second.
 */
import { type OpenMetricsContentType, Registry } from 'prom-client';

export interface MetricsText {
  readonly type: string;
  readonly text: string;
}

export type MetricsFormat = OpenMetricsContentType;

/** `accept` is the reader's Accept header, '' for none. */
export async function metricsAs(registry: Registry<MetricsFormat>, accept: string): Promise<MetricsText> {
  const metrics = registry.getMetricsAsArray() as unknown as readonly { get(): Promise<Family> }[];
  const families = await Promise.all(metrics.map((metric) => metric.get()));
  if (!asksForOpenMetrics(accept)) {
    return { type: Registry.PROMETHEUS_CONTENT_TYPE, text: families.map(prometheusText).join('') };
  }
  return { type: Registry.OPENMETRICS_CONTENT_TYPE, text: `${families.map(openMetricsText).join('')}# EOF\n` };
}

/** Prometheus lists what it takes with weights; a weight of 0 is a no (RFC 9110, 12.4.2). */
function asksForOpenMetrics(accept: string): boolean {
  return accept.split(',').some((one) => {
    const [type, ...params] = one.split(';').map((part) => part.trim().toLowerCase());
    return type === 'application/openmetrics-text' && !params.some((param) => /^q=0(?:\.0*)?$/.test(param));
  });
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
}

interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
  readonly exemplar?: {
    readonly labelSet: Readonly<Record<string, string>>;
    readonly value: number;
    readonly timestamp: number;
  } | null;
}

function prometheusText({ name, help, type, values }: Family): string {
  const lines = values.map(
    (one) => `${one.metricName ?? name}${labelsText(one.labels, String)} ${numberText(one.value)}`,
  );
  return `${headText(name, help, type)}${lines.map((line) => `${line}\n`).join('')}`;
}

/** A counter's family has no `_total`, its sample does. */
function openMetricsText({ name, help, type, values }: Family): string {
  const isCounter = type === 'counter';
  const family = isCounter ? name.replace(/_total$/, '') : name;
  const lines = values.map((one) => {
    const metric = isCounter ? `${family}_total` : (one.metricName ?? name);
    return `${metric}${labelsText(one.labels, floatText)} ${numberText(one.value)}${exemplarText(one)}\n`;
  });
  return `${headText(family, help, type)}${lines.join('')}`;
}

function headText(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
}

function exemplarText({ exemplar }: Sample): string {
  if (exemplar === undefined || exemplar === null) return '';
  return ` # ${labelsText(exemplar.labelSet)} ${numberText(exemplar.value)} ${exemplar.timestamp}`;
}

type Bound = (bound: string | number) => string;

function labelsText(labels: Sample['labels'] = {}, bound: Bound = String): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    const text = name === 'le' || name === 'quantile' ? bound(value) : String(value);
    return `${name}="${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
  });
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** Bounds are floats there: 1 is written 1.0. */
function floatText(bound: string | number): string {
  return Number.isInteger(Number(bound)) ? `${Number(bound)}.0` : String(bound);
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value);
}
