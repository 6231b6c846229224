/** What every bench shares: the machine's description, CPU time of processes, medians and Markdown. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { familyOf } from '../test/platform.ts';

/** CPU model, cores, memory and Node version; nothing that names the machine. */
export function machine(): string {
  const cpus = os.cpus();
  const model = cpus[0]?.model.trim() ?? 'unknown CPU';
  const gibibytes = Math.round(os.totalmem() / 1_024 ** 3);
  return `${model}, ${cpus.length} cores, ${gibibytes} GiB, ${os.type()} ${os.release().split('-')[0]}, Node ${process.versions.node}`;
}

/** Clock ticks of /proc are hundredths of a second on every Linux that Node runs on (man 5 proc, USER_HZ). */
const ticksPerSecond = 100;

/** CPU milliseconds so far of a process and its descendants, those that have ended included. */
export function cpuMs(processId: number): number {
  const ticks = familyOf(processId).map((pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      // utime, stime, cutime, cstime: fields 14 to 17, of which 2 stand before the cut.
      return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    } catch {
      return 0;
    }
  });
  return (ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond) * 1_000;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** The median and, in brackets, the least and the most. */
export function spread(values: readonly number[], digits = 0): string {
  const text = (value: number) => value.toLocaleString('en', { maximumFractionDigits: digits });
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
