/** G13: a session that ends at one gateway ends at all of them. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { startGatewayForTest } from './gateway-for-test.ts';

describe('two gateways', () => {
  test('a session that ends at one is refused by the other within five seconds, under traffic', async () => {
    // A fast machine asks more often in these seconds than one address may.
    const limits = { requests: { name: 'client', limit: 1_000_000, periodMs: 10_000 } };
    const [here, there] = [await startGatewayForTest({ limits }), await startGatewayForTest({ limits })];
    onTestFinished(async () => {
      await Promise.all([here.close(), there.close()]);
    });
    const headers = { authorization: 'Bearer token-learner' };
    const ask = async (url: string) => (await fetch(`${url}/api/v1/users/me`, { headers })).status;
    // Both have an answer of identity in hand, the other as fresh as it can be.
    expect(await ask(here.url)).toBe(200);
    expect(await ask(there.url)).toBe(200);
    const ended = await fetch(`${here.url}/api/v1/sessions/current`, { method: 'DELETE', headers });
    expect(ended.ok).toBe(true);
    const endedAtMs = performance.now();
    expect(await ask(here.url)).toBe(401);
    // Without a pause: an answer that is used does not become younger.
    let status = 200;
    while (status !== 401 && performance.now() - endedAtMs < 6_000) status = await ask(there.url);
    expect(status).toBe(401);
    expect(performance.now() - endedAtMs).toBeLessThan(5_000);
    expect(await ask(there.url)).toBe(401);
  });
});
