/** The `search` port on a node of its own that is killed, started again, and stopped in its tracks. */
import { randomBytes } from 'node:crypto';
import type { SearchIndex } from '@suuupra/platform/search/search';
import { document, idsFor, query } from '@suuupra/platform/search/search.contract';
import { type OpenSearchOptions, openOpenSearch } from '@suuupra/platform/search/search-opensearch';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { afterEach, describe, expect, it } from 'vitest';
import type { RunningEngine } from './engine.ts';
import { startOpensearch } from './opensearch.ts';

describe('an OpenSearch server that is away', () => {
  const ended: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ended.splice(0).reverse()) await end();
  });

  async function open(given: Pick<OpenSearchOptions, 'url' | 'searchMsMax' | 'writeMsMax'>): Promise<SearchIndex> {
    const telemetry = openTelemetry({ logLevel: 'error', traceShare: 0, otlpEndpoint: '' });
    const name = `test-${randomBytes(6).toString('hex')}`;
    const index = await openOpenSearch({ ...given, name, telemetry: telemetry.forService('search') });
    ended.push(async () => {
      await index.close();
      await telemetry.close();
    });
    return index;
  }

  it('loses nothing acknowledged when it is killed under load, refuses at once, and serves again by itself', async () => {
    const engine = await startOpensearch({ mayInstall: true, durable: true });
    if (typeof engine === 'string') throw new Error(engine);
    ended.push(() => engine.stop());
    const index = await open({ url: engine.url, searchMsMax: 2_000, writeMsMax: 5_000 });
    const acknowledged = new Set<string>();
    const refusals = new Set<string>();
    let slowestMs = 0;
    let isOver = false;
    const guarded = async (run: () => Promise<unknown>) => {
      const startedMs = performance.now();
      try {
        await run();
      } catch (error) {
        const { name, kind } = error as { name: string; kind: string };
        refusals.add(`${name} ${kind}`);
        slowestMs = Math.max(slowestMs, performance.now() - startedMs);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const putting = (async () => {
      for (let at = 0; !isOver; at += 1) {
        await guarded(async () => {
          await index.put([document(`k${at}`, { title: 'ledger' })]);
          acknowledged.add(`k${at}`);
        });
      }
    })();
    const searching = (async () => {
      for (; !isOver; ) await guarded(() => index.search(query('ledger')));
    })();
    await reached(() => acknowledged.size >= 30);
    await killAndRestart(engine);
    const atRestart = acknowledged.size;
    await reached(() => acknowledged.size >= atRestart + 10);
    isOver = true;
    await Promise.all([putting, searching]);
    expect([...refusals]).toEqual(['SearchFault unavailable']);
    expect(slowestMs).toBeLessThan(7_000);
    const { total } = await index.search(query('ledger'));
    expect(total).toBeGreaterThanOrEqual(acknowledged.size);
    const found = new Set<string>();
    for (let offset = 0; offset < Math.min(total, 1_000); offset += 100) {
      for (const id of await idsFor(index, 'ledger', { offset, limit: 100 })) found.add(id);
    }
    expect([...acknowledged].slice(0, 900).filter((id) => !found.has(id))).toEqual([]);
  });

  it('is given up on in time when it is silent', async () => {
    const engine = await startOpensearch({ mayInstall: true, durable: false });
    if (typeof engine === 'string') throw new Error(engine);
    ended.push(() => engine.stop());
    const index = await open({ url: engine.url, searchMsMax: 500, writeMsMax: 700 });
    process.kill(engine.processId, 'SIGSTOP');
    ended.push(async () => process.kill(engine.processId, 'SIGCONT'));
    for (const run of [
      () => index.search(query('ledger')),
      () => index.put([document('a', { title: 'ledger' })]),
      () => index.ping(),
    ]) {
      const startedMs = performance.now();
      await expect(run()).rejects.toMatchObject({ name: 'SearchFault', kind: 'unavailable' });
      expect(performance.now() - startedMs).toBeLessThan(3_000);
    }
  });

  async function killAndRestart(engine: RunningEngine): Promise<void> {
    await engine.crash();
    await engine.restart();
  }

  async function reached(isReached: () => boolean): Promise<void> {
    const untilMs = performance.now() + 60_000;
    while (!isReached()) {
      if (performance.now() > untilMs) throw new Error('the load does not go on');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
});
