import { describe, expect, it } from 'vitest';
import { SqlFault, type SqlRow } from './sql.ts';
import { openStaleReads } from './stale-reads.ts';

/** A primary and a replica whose places in the log, and a clock that the test moves. */
function staged() {
  const stage = { nowMs: 0, written: 0n, replayed: 0n as bigint | undefined, fault: undefined as SqlFault | undefined };
  const answering = (name: string, fault: () => SqlFault | undefined) => ({
    dialect: 'postgres' as const,
    query: async <Row extends SqlRow>() => {
      const failed = fault();
      if (failed !== undefined) throw failed;
      return [{ name }] as unknown as Row[];
    },
    execute: async () => 0,
  });
  const reads = openStaleReads({
    primary: answering('primary', () => undefined),
    written: async () => stage.written,
    replicas: [{ sql: answering('replica', () => stage.fault), replayed: async () => stage.replayed }],
    clock: () => stage.nowMs,
  });
  /** Who answers, after a measurement that the read itself set off. */
  const ask = async (lagMsMax: number) => {
    await reads.reader(lagMsMax).query('SELECT 1');
    await new Promise((resolve) => setImmediate(resolve));
    return (await reads.reader(lagMsMax).query<{ name: string }>('SELECT 1'))[0]?.name;
  };
  return { stage, ask };
}

describe('a stale read', () => {
  it('is answered by a replica that has replayed what was written within the bound', async () => {
    const { stage, ask } = staged();
    Object.assign(stage, { nowMs: 1_000, written: 100n, replayed: 100n });
    expect(await ask(500)).toBe('replica');
    Object.assign(stage, { nowMs: 1_400, written: 200n });
    expect(await ask(500)).toBe('replica');
    Object.assign(stage, { nowMs: 1_900, written: 300n });
    expect(await ask(500)).toBe('primary');
    expect(await ask(1_000)).toBe('replica');
    Object.assign(stage, { nowMs: 2_200, replayed: 200n });
    expect(await ask(1_000)).toBe('replica');
  });

  it('does not take the word of a replica that is cut off and has replayed all that it got', async () => {
    const { stage, ask } = staged();
    Object.assign(stage, { nowMs: 1_000, written: 100n, replayed: 50n });
    expect(await ask(60_000)).toBe('primary');
  });

  it('is not for a server that was promoted: its log is another', async () => {
    const { stage, ask } = staged();
    Object.assign(stage, { nowMs: 1_000, written: 100n, replayed: undefined });
    expect(await ask(60_000)).toBe('primary');
  });

  it('has the primary’s answer when the replica fails', async () => {
    const { stage, ask } = staged();
    Object.assign(stage, { nowMs: 1_000, written: 100n, replayed: 100n });
    stage.fault = new SqlFault('retryable', 'canceling statement due to conflict with recovery');
    expect(await ask(500)).toBe('primary');
    stage.fault = undefined;
    expect(await ask(500)).toBe('replica');
    stage.fault = new SqlFault('unavailable', 'gone');
    expect(await ask(500)).toBe('primary');
    stage.fault = undefined;
    expect(await ask(500)).toBe('primary');
  });
});
