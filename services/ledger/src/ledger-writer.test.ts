import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { type Sql, SqlFault } from '@suuupra/platform/sql/sql';
import { openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BookOrder } from './command.ts';
import { apply, needsOf } from './ledger.ts';
import { createLedgerWriter, type LedgerWriter, type LedgerWriterOptions, type Submitted } from './ledger-writer.ts';
import { postgresLedger } from './store-postgres.ts';
import { verifyLedger } from './verify.ts';

const migrations = fileURLToPath(new URL('../migrations/', import.meta.url));

function pay(cause: string, amount = 10n, person = 'ann'): BookOrder {
  const transfers = [{ debit: '1000', credit: `2200:${person}`, amount }];
  return { type: 'book', kind: 'adjustment', cause, reference: 'test', description: '', currency: 'INR', transfers };
}

describe('the writer on PostgreSQL (a server without fsync: what is tested is what it does, not the disk)', () => {
  let url: string;
  let sql: Sql;
  let world: TestWorld;
  const others: { close(): Promise<unknown> }[] = [];
  beforeEach(async () => {
    url = await freshDatabaseUrl();
    sql = await openTestSql(url);
    await sql.migrate(migrations);
    world = testWorld();
  });
  afterEach(async () => {
    await Promise.all(others.splice(0).map((one) => one.close().catch(() => {})));
    await sql.close();
  });

  const writerOn = (on: Sql, options: LedgerWriterOptions = {}) =>
    createLedgerWriter(postgresLedger(on), world, options);
  const openAnother = async (at = url): Promise<Sql> => {
    const another = await openPostgres({ url: at, connectionsMax: 2 });
    others.push(another);
    return another;
  };
  async function ok(answer: ReturnType<LedgerWriter['submit']>): Promise<Submitted> {
    const value = await answer;
    if (isRefusal(value)) throw new Error(value.detail);
    return value;
  }
  const head = () => postgresLedger(sql).reading((reader) => reader.head());

  it('M8 shares commits among all that come while one is under way, and answers each after it', async () => {
    const writer = writerOn(sql);
    const first = ok(writer.submit([pay('first')]));
    const rest = Array.from({ length: 200 }, (_, index) => ok(writer.submit([pay(`p${index}`)])));
    const all = await Promise.all([first, ...rest]);
    expect(all.every(({ results }) => results[0]?.kind === 'posted')).toBe(true);
    expect(await head()).toMatchObject({ journalSequence: 201n });
    expect((await head()).batchSequence).toBeLessThanOrEqual(2n);
  });

  it('M35 refuses what is beyond its queue before any effect, and drops nothing that it took', async () => {
    const writer = writerOn(sql, { queueMax: 3 });
    const taken = [1, 2, 3].map((number) => writer.submit([pay(`p${number}`)]));
    const refused = await writer.submit([pay('p4')]);
    expect(refused).toMatchObject({ code: 'busy' });
    for (const one of taken) expect((await ok(one)).results[0]?.kind).toBe('posted');
    expect((await ok(writer.submit([pay('p4')]))).results[0]?.kind).toBe('posted');
  });

  it('M9 M10 names the fields that differ, and keeps a refusal for ever', async () => {
    const writer = writerOn(sql);
    const limit = { type: 'account', kind: 'account_limited', account: '2200:ann', floor: 0n } as const;
    const common = { reference: 'test', description: '', currency: 'INR' };
    const take = (cause: string, amount: bigint): BookOrder => ({
      ...pay(cause),
      transfers: [{ debit: '2200:ann', credit: '1000', amount }],
    });
    const { results } = await ok(writer.submit([{ ...common, ...limit, cause: 'limit' }, take('t', 5n)]));
    expect(results[1]).toMatchObject({ kind: 'rejected', reason: 'limit_exceeded' });
    await ok(writer.submit([pay('fund', 100n)]));
    const again = await ok(writerOn(await openAnother()).submit([take('t', 5n), take('t', 6n), pay('fund', 99n)]));
    expect(again.results[0]).toMatchObject({ kind: 'rejected', reason: 'limit_exceeded' });
    expect(again.results[1]).toMatchObject({ reason: 'id_reused', fields: ['transfers'] });
    expect(again.results[2]).toMatchObject({ reason: 'id_reused', fields: ['transfers'] });
    expect((await ok(writer.submit([pay('fund', 100n)]))).results[0]?.kind).toBe('duplicate');
    expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true });
  });

  it('M15 C3: a writer that was frozen while another took over commits nothing', async () => {
    const frozen = postgresLedger(await openAnother());
    const place = await frozen.takeOver();
    const commands = [pay('late')];
    const worked = apply({ ...(await frozen.load(needsOf(commands))), place }, [{ mode: 'continue', commands }], 1n);
    await ok(writerOn(sql).submit([pay('new')]));
    expect(await frozen.commit(place, worked)).toBe('fenced');
    expect(await head()).toMatchObject({ journalSequence: 1n, batchSequence: 1n });
    expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true, journals: 1n });
  });

  it('M15: two live writers take turns and remember nothing that the other has changed', async () => {
    const [one, two] = [writerOn(sql), writerOn(await openAnother())];
    const limit = { type: 'account', kind: 'account_limited', account: '2200:ann', floor: 0n } as const;
    await ok(one.submit([{ ...limit, cause: 'l', reference: '', description: '', currency: 'INR' }, pay('f', 100n)]));
    const take = (writer: LedgerWriter, cause: string) =>
      ok(writer.submit([{ ...pay(cause), transfers: [{ debit: '2200:ann', credit: '1000', amount: 30n }] }]));
    const taken = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => take(n % 2 === 0 ? one : two, `t${n}`)));
    expect(taken.filter(({ results }) => results[0]?.kind === 'posted')).toHaveLength(3);
    expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true });
  });

  it.each(['before', 'after'] as const)(
    'M16 C4: finds out what became of a commit whose answer was lost (%s it got in)',
    async (when) => {
      const proxy = await cuttingProxy(url, when);
      others.push(proxy);
      const seen: string[] = [];
      const writer = writerOn(await openAnother(proxy.url), { noticed: (what) => seen.push(what) });
      await ok(writer.submit([pay('warm')]));
      proxy.cutNextCommit();
      const { results } = await ok(writer.submit([pay('p')]));
      expect(results[0]).toMatchObject({ kind: 'posted', journal: { sequence: 2n } });
      expect(seen).toEqual(['commit_unknown']);
      expect((await ok(writer.submit([pay('p')]))).results[0]).toMatchObject({ kind: 'duplicate', sequence: 2n });
      expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true, journals: 2n });
    },
  );

  it('M15: a writer that comes second again and again lets the other go first, and then has its turn', async () => {
    const rival = writerOn(await openAnother());
    let turns = 0;
    let hasWaited = false;
    const failpoint = async (name: string) => {
      if (name !== 'applied' || hasWaited) return;
      turns += 1;
      await ok(rival.submit([pay(`rival${turns}`)]));
    };
    const pause = async () => {
      hasWaited = true;
    };
    const { results } = await ok(writerOn(sql, { failpoint, pause }).submit([pay('second')]));
    expect(results[0]?.kind).toBe('posted');
    expect(turns).toBe(2);
  });

  it('C7: sends the same batch again when the database broke a deadlock or a lock took too long', async () => {
    const store = postgresLedger(sql);
    let failures = 2;
    const breaking = {
      ...store,
      commit: (...given: Parameters<typeof store.commit>) => {
        failures -= 1;
        return failures >= 0 ? Promise.reject(new SqlFault('retryable', 'deadlock detected')) : store.commit(...given);
      },
    };
    const { results } = await ok(createLedgerWriter(breaking, world).submit([pay('p')]));
    expect(results[0]).toMatchObject({ kind: 'posted' });
    expect(await head()).toMatchObject({ journalSequence: 1n, batchSequence: 1n });
  });

  it('takes a batch apart when one of it cannot be written, and writes the others', async () => {
    const writer = writerOn(sql);
    const bad = { ...pay('bad'), description: 'a zero byte: \u0000' };
    const answers = await Promise.allSettled([pay('a'), bad, pay('b')].map((order) => ok(writer.submit([order]))));
    expect(answers.map((answer) => answer.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true, journals: 2n });
  });

  it('L19 says in a dry run what would be, and writes nothing', async () => {
    const writer = writerOn(sql);
    await ok(writer.submit([pay('a')]));
    const run = await writer.dryRun([pay('b', 5n)]);
    if (isRefusal(run)) throw new Error(run.detail);
    expect(run.results[0]?.kind).toBe('posted');
    expect(run.accounts.find(({ code }) => code === '2200:ann')?.after.credit).toBe(15n);
    expect(await head()).toMatchObject({ journalSequence: 1n });
  });

  it('L5 lets go a hold when its time has come, as a journal of its own', async () => {
    const writer = writerOn(sql);
    await ok(writer.submit([{ ...pay('h'), hold: { timeoutUs: 2_000_000n } }]));
    expect(await writer.expireDue()).toBe(world.now() + 2_001);
    world.advance(2_001);
    expect(await writer.expireDue()).toBeUndefined();
    expect(await head()).toMatchObject({ journalSequence: 2n });
    const post = { ...pay('x'), type: 'resolve', kind: 'post_pending', target: 'h', amount: 0n } as const;
    expect((await ok(writer.submit([post]))).results[0]).toMatchObject({ reason: 'expired' });
    expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true, journals: 2n });
  });

  it('M8 says what is wrong with a database that answers before the disk has it', async () => {
    expect(await postgresLedger(sql).durabilityGap()).toMatch(/answers before the disk has it/);
  });

  it('M11 the role that the writer writes as may only add to the book', async () => {
    for (const table of ['batches', 'journals', 'transfers', 'holds', 'rejections', 'total_snapshots', 'accounts'])
      await expectOnlyAdds(table);
  });

  async function expectOnlyAdds(table: string): Promise<void> {
    const [role] = await sql.query<{ usable: boolean }>(
      `SELECT has_table_privilege('suuupra_ledger_writer', $1, 'INSERT') AS usable`,
      [table],
    );
    expect(role?.usable).toBe(true);
    const column = { batches: 'sequence', journals: 'sequence', rejections: 'position', accounts: 'code' }[table];
    const written = column ?? 'journal_sequence';
    for (const statement of [
      `UPDATE ${table} SET ${written} = ${written}`,
      `DELETE FROM ${table}`,
      `TRUNCATE ${table} CASCADE`,
    ]) {
      const refused = await sql
        .transaction(async (tx) => {
          // Without the triggers: what refuses here is the privilege alone.
          await tx.execute('SET LOCAL session_replication_role = replica');
          await tx.execute('SET LOCAL ROLE suuupra_ledger_writer');
          await tx.execute(statement);
        })
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ kind: 'permission' });
      expect((refused as Error).message).toMatch(/permission denied/);
    }
  }

  it('M11 writes as that role', async () => {
    let role = '';
    const writer = writerOn(sql, {
      tell: async (tx) => {
        const [row] = await tx.query<{ role: string }>('SELECT current_user AS role');
        role = row?.role ?? '';
      },
    });
    await ok(writer.submit([pay('a')]));
    expect(role).toBe('suuupra_ledger_writer');
  });

  it.each([
    'queued',
    'prefetched',
    'applied',
    'after fence',
    'after accounts',
    'after journals',
    'after rejections',
    'after accounts changed',
    'before commit',
    'after commit',
    'before answer',
  ])('M7 M8 C1: killed at "%s" the book is whole, and the same ids again are in it once', async (point) => {
    // Never closed: what is dead gives nothing back.
    const dying = await openPostgres({ url, connectionsMax: 2 });
    const died = Promise.withResolvers<void>();
    const failpoint = async (name: string) => {
      if (name !== point) return;
      died.resolve();
      await new Promise(() => {});
    };
    const store = postgresLedger(dying, { failpoint });
    const orders = [pay('a'), pay('b', 0n), { ...pay('h'), hold: { timeoutUs: 0n } }];
    void createLedgerWriter(store, world, { failpoint }).submit(orders);
    await died.promise;
    // What the death of the process is to the database: its connections end.
    await sql.query(
      `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'`,
    );
    const { results } = await ok(writerOn(sql).submit(orders));
    expect(results.map((result) => (result.kind === 'duplicate' ? 'posted' : result.kind))).toEqual([
      'posted',
      'rejected',
      'posted',
    ]);
    expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true, journals: 2n, batches: 1n });
  });
});

/**
 * Passes everything on until it is told to cut: then the next COMMIT is either passed on and its answer kept back, or kept
 * back itself, and both connections end.
 */
async function cuttingProxy(target: string, when: 'before' | 'after') {
  const { port } = new URL(target);
  const sockets = new Set<net.Socket>();
  let isCutting = false;
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(port), '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    let isCommitting = false;
    client.on('data', (bytes) => {
      isCommitting = isCutting && bytes.includes('COMMIT');
      if (isCommitting) isCutting = false;
      if (isCommitting && when === 'before') return end();
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => (isCommitting ? end() : client.write(bytes)));
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.end());
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
  });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  const url = new URL(target);
  url.port = String((server.address() as net.AddressInfo).port);
  // Not by the server's socket, which its address may name as a host: by the proxy.
  url.hostname = '127.0.0.1';
  return {
    url: url.href,
    cutNextCommit: () => {
      isCutting = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
