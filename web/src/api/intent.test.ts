import { beforeEach, describe, expect, test } from 'vitest';
import { type KeyStore, withIntent } from './intent.ts';
import { offline, readProblem } from './problem.ts';

function memory(): KeyStore {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

describe('one intent has one Idempotency-Key', () => {
  let store: KeyStore;
  let keys: string[];
  beforeEach(() => {
    store = memory();
    keys = [];
  });
  const attempt = (answer: () => unknown, name = 'pay.1') =>
    withIntent(
      name,
      async (key) => {
        keys.push(key);
        return answer();
      },
      store,
    ).catch(() => undefined);
  const fail = (error: Error) => () => {
    throw error;
  };

  test('while no answer came, and while the platform is in trouble', async () => {
    await attempt(fail(offline()));
    await attempt(fail(readProblem(503, '{}', { get: () => null })));
    await attempt(fail(new Error('the page itself failed')));
    await attempt(() => 'paid');
    expect(new Set(keys).size).toBe(1);
  });

  test('also for a double click', async () => {
    await Promise.all([attempt(() => 'paid'), attempt(() => 'paid')]);
    expect(new Set(keys).size).toBe(1);
  });

  test('and the next intent has another: after success, and after a refusal', async () => {
    await attempt(() => 'paid');
    await attempt(fail(readProblem(409, '{"code":"order_not_payable"}', { get: () => null })));
    await attempt(() => 'paid');
    expect(new Set(keys).size).toBe(3);
  });

  test('other things that are meant do not share it', async () => {
    await attempt(fail(offline()), 'pay.1');
    await attempt(fail(offline()), 'pay.2');
    expect(new Set(keys).size).toBe(2);
  });
});
