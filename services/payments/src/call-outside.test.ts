/** No provider is called inside a database transaction, and what it is called for is written before (M22). */
import { AsyncLocalStorage } from 'node:async_hooks';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Sql } from '@suuupra/platform/sql/sql';
import { expect, it } from 'vitest';
import { captureAttempt, voidAttempt } from './captures.ts';
import type { Provider } from './provider.ts';
import { contextOf, openBench, paymentOf } from './testing.ts';

/** Names every call that comes from within a transaction, and every call. */
function watched() {
  const inside = new AsyncLocalStorage<boolean>();
  const calls: string[] = [];
  const wrong: string[] = [];
  const unwritten: string[] = [];
  const database = (sql: Sql): Sql =>
    new Proxy(sql, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        if (name !== 'transaction') return value.bind(target);
        const transaction: Sql['transaction'] = (work, ...rest) =>
          target.transaction((tx) => inside.run(true, () => work(tx)), ...rest);
        return transaction;
      },
    });
  const between = (plain: () => Sql) => (sandbox: Provider) =>
    new Proxy(sandbox, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]) => {
          calls.push(String(name));
          if (inside.getStore() === true) wrong.push(String(name));
          const id = (given[0] as { attemptId?: string } | undefined)?.attemptId ?? '';
          const table = `SELECT 1 FROM attempts WHERE id = '${id}'`;
          if (id !== '' && (await plain().query(table)).length === 0) unwritten.push(String(name));
          return inside.run(false, () => value.apply(target, given));
        };
      },
    });
  return { calls, wrong, unwritten, database, between };
}

it('M22: over the life of payments every call is outside a transaction and after its attempt is written', async () => {
  const watch = watched();
  const synchronous = ['verifyWebhook', 'readEvent'];
  const base = await openBench();
  const own = await openBench({
    beside: base,
    database: watch.database,
    between: (sandbox) => {
      const seen = watch.between(() => base.sql)(sandbox);
      return { ...seen, ...Object.fromEntries(Object.keys(sandbox).map((name) => [name, pick(seen, sandbox, name)])) };
    },
  });
  function pick(seen: Provider, sandbox: Provider, name: string): unknown {
    return Reflect.get(synchronous.includes(name) ? sandbox : seen, name);
  }
  await own.pay('ord_ok', 'tok_ok');
  const { id } = paymentOf(await own.pay('ord_3ds', 'tok_requires_3ds'));
  await own.confirm(id, 'approve');
  await own.pay('ord_slow', 'tok_processing');
  await own.pay('ord_lost', 'tok_timeout_then_succeeded');
  expect(await own.refund('rfd_1', 'ord_ok', 100n)).toBe('succeeded');
  const held = paymentOf(await own.pay('ord_held_1', 'tok_ok')).id;
  const wish = { captureId: 'cap_1', attemptId: held, amount: undefined, final: true };
  expect(isRefusal(await captureAttempt(own.surroundings, wish, contextOf('', '')))).toBe(false);
  const released = paymentOf(await own.pay('ord_held_2', 'tok_ok')).id;
  expect(isRefusal(await voidAttempt(own.surroundings, released))).toBe(false);
  for (let minute = 0; minute < 3; minute += 1) {
    own.advance(60_000);
    await own.settle();
  }
  expect(watch.calls).toEqual(
    expect.arrayContaining(['create', 'confirm', 'status', 'refund', 'capture', 'void', 'inspect']),
  );
  expect(watch.wrong).toEqual([]);
  expect(watch.unwritten).toEqual([]);
  await own.close();
  await base.close();
});
