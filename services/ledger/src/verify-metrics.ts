/**
 * What a check of the book found, for Prometheus: a file that node_exporter's textfile collector reads (its text format).
 * https://github.com/prometheus/node_exporter#textfile-collector
 */
import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import type { Verdict } from './verify.ts';

/** A check that came to its end; one that could not look leaves the file of the last one that did, which grows old. */
export interface CheckedBook {
  readonly verdict: Pick<Verdict, 'intact' | 'batches' | 'journals' | 'anchors'>;
  readonly shard: number;
  readonly endedAtMs: number;
  readonly tookMs: number;
}

/** Pure. */
export function verifyMetrics({ verdict, shard, endedAtMs, tookMs }: CheckedBook): string {
  const gauge = (name: string, help: string, value: number | bigint) =>
    `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name}{shard="${shard}"} ${value}\n`;
  return [
    gauge(
      'suuupra_ledger_verify_intact',
      '1 when the last check found the book intact, else 0',
      verdict.intact ? 1 : 0,
    ),
    gauge('suuupra_ledger_verify_timestamp_seconds', 'When the last check came to its end', endedAtMs / 1_000),
    gauge('suuupra_ledger_verify_seconds', 'How long the last check took', tookMs / 1_000),
    gauge('suuupra_ledger_verify_batches', 'Batches that the last check looked at', verdict.batches),
    gauge('suuupra_ledger_verify_journals', 'Journals that the last check looked at', verdict.journals),
    gauge('suuupra_ledger_verify_anchors', 'Anchors that the last check knew', verdict.anchors),
  ].join('');
}

/** Replaces the file in one step: whoever reads it sees the last check or this one. */
export async function writeVerifyMetrics(file: string, checked: CheckedBook): Promise<void> {
  const beside = `${file}.${randomUUID()}`;
  try {
    await writeFile(beside, verifyMetrics(checked), { mode: 0o644 });
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
