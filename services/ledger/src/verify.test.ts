import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDiskObjects } from '@suuupra/platform/objects/objects-disk';
import type { Sql } from '@suuupra/platform/sql/sql';
import { openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { testWorld } from '@suuupra/platform/world';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Anchor, anchorEveryMs, readAnchors, writeAnchor } from './anchors.ts';
import type { LedgerCommand } from './ledger.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import { postgresReading } from './reader-postgres.ts';
import { postgresLedger } from './store-postgres.ts';
import { postgresDesk } from './store-postgres-desk.ts';
import { type Verdict, verifyLedger } from './verify.ts';
import { runVerify } from './verify-command.ts';

const migrations = fileURLToPath(new URL('../migrations/', import.meta.url));
const journals = 12;

function sale(number: number): LedgerCommand {
  const amounts = { tax: 180n, net: 1_000n, gross: 1_180n };
  const line = { lineId: `line_${number}`, courseId: 'crs_1', courseTitle: 'C', instructorId: 'usr_1', ...amounts };
  return {
    kind: 'order_paid',
    cause: `payment:${number}`,
    reference: `order:ord_${number}`,
    description: `Order ${number}`,
    currency: 'INR',
    effectiveAtUs: 1_767_225_600_000_000n + BigInt(number),
    orderId: `ord_${number}`,
    lines: [line],
  };
}

/** One journal in each batch, a refused command, a sealed period, and anchors along the way. */
/** As the fifth is, at another place. */
function journalAdded(sequence: number, batchSequence: string): string {
  return `INSERT INTO journals (sequence, id, batch_sequence, kind, cause, reference, description, currency, effective_at_us,
      recorded_at_us)
    SELECT ${sequence}, 'jnl_added', ${batchSequence}, kind, 'added', reference, description, currency, effective_at_us,
      recorded_at_us FROM journals WHERE sequence = 5`;
}

describe('the integrity checker', () => {
  let origin: string;
  let folder: string;
  let anchors: Anchor[];
  const open: Sql[] = [];

  beforeAll(async () => {
    origin = await freshDatabaseUrl();
    folder = await mkdtemp(path.join(os.tmpdir(), 'suuupra-anchors-'));
    const sql = await openTestSql(origin);
    await sql.migrate(migrations);
    const world = testWorld();
    const objects = await openDiskObjects({ folder, world });
    const store = postgresLedger(sql, { snapshotEvery: 5n });
    const writer = createLedgerWriter(store, world);
    const desk = postgresDesk(sql);
    let anchored = 0n;
    const startMs = world.now();
    for (let number = 1; number <= journals; number += 1) {
      await writer.submit([sale(number)]);
      if (number % 5 === 0 || number === journals) {
        world.advance(anchorEveryMs);
        anchored = await writeAnchor({ objects, store }, world.now(), anchored);
      }
      if (number === 8)
        await sql.transaction(async (tx) => {
          const head = await desk.lockBook(tx);
          const { journalSequence: sequence, batchSequence, hash } = head;
          const until = { fromUs: 0n, untilUs: 1_767_225_600_000_006n, sealedAtUs: BigInt(world.now()) * 1_000n };
          await desk.seal(tx, { number: 1n, ...until, sealedBy: 'usr_f', note: '', sequence, batchSequence, hash });
        });
    }
    await writer.stop();
    anchors = await readAnchors(objects, startMs, world.now());
    await sql.close();
  });
  afterAll(async () => {
    await Promise.all(open.map((sql) => sql.close()));
    await rm(folder, { recursive: true, force: true });
  });

  /** A copy of the database, changed past all refusals as somebody with the keys to the engine could. */
  async function copied(...statements: string[]): Promise<{ sql: Sql; url: string }> {
    const url = new URL(await freshDatabaseUrl());
    const name = url.pathname.slice(1);
    const admin = await openPostgres({ url: new URL('/postgres', url).href, connectionsMax: 1 });
    await admin.execute(`DROP DATABASE ${name}`);
    await admin.execute(`CREATE DATABASE ${name} TEMPLATE ${new URL(origin).pathname.slice(1)}`);
    await admin.close();
    const sql = await openPostgres({ url: url.href, connectionsMax: 2 });
    open.push(sql);
    await sql.transaction(async (tx) => {
      await tx.execute('SET LOCAL session_replication_role = replica');
      for (const statement of statements) await tx.execute(statement);
    });
    return { sql, url: url.href };
  }
  let copy: Sql;
  /** The verdict on the copy with these changes, which are taken back after it. */
  async function verdictOf(statements: readonly string[], known = anchors): Promise<Verdict> {
    copy ??= (await copied()).sql;
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    const changed = copy.transaction(async (tx) => {
      await tx.execute('SET LOCAL session_replication_role = replica');
      for (const statement of statements) await tx.execute(statement);
      resolve(await verifyLedger(postgresReading({ ...copy, transaction: (work) => work(tx) }), known));
      throw new Error('taken back');
    });
    await expect(changed).rejects.toThrow('taken back');
    return promise;
  }

  it('C16, M13: finds an untouched copy to be what a replay from zero gives, and says what it saw', async () => {
    expect(anchors.map((anchor) => anchor.batchSequence)).toEqual([1n, 5n, 10n, 12n]);
    expect(await verdictOf([])).toMatchObject({
      intact: true,
      batches: 12n,
      journals: 12n,
      transfers: 36n,
      snapshots: 2n,
      periods: 1n,
      anchors: 4n,
      soldLines: 12n,
    });
  });

  it('C16, M12: names the first bad sequence for any flipped bit of any journal', async () => {
    const columns = ['description', 'kind', 'cause', 'reference', 'id'] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: journals }),
        fc.constantFrom(...columns, 'amount', 'effective', 'hash'),
        fc.integer({ min: 0, max: 5 }),
        async (sequence, what, bit) => {
          const verdict = await verdictOf([statementOf(sequence, what, bit)]);
          expect(verdict).toMatchObject({ intact: false, difference: { firstBadSequence: BigInt(sequence) } });
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each([
    ['a deleted transfer', 4n, ['DELETE FROM transfers WHERE journal_sequence = 4 AND position = 2']],
    [
      'a deleted journal with all its rows',
      7n,
      [
        'DELETE FROM transfers WHERE journal_sequence = 7',
        'DELETE FROM journals WHERE sequence = 7',
        'DELETE FROM batches WHERE sequence = 7',
      ],
    ],
    [
      'two journals changed over',
      2n,
      [
        'UPDATE journals SET sequence = -sequence WHERE sequence IN (2, 3)',
        'UPDATE journals SET sequence = 5 + sequence WHERE sequence < 0',
      ],
    ],
    ['a journal added at the end to a batch that is there', 13n, [journalAdded(13, 'batch_sequence')]],
    ['a journal added far beyond the end, of no batch', 13n, [journalAdded(99, '500')]],
    ['a journal added before the first', -4n, [journalAdded(-4, '1')]],
    [
      'a tail cut off',
      11n,
      [
        'DELETE FROM transfers WHERE journal_sequence > 10',
        'DELETE FROM journals WHERE sequence > 10',
        'DELETE FROM batches WHERE sequence > 10',
      ],
    ],
    [
      'a tail cut off with all that knew of it',
      11n,
      [
        'DELETE FROM transfers WHERE journal_sequence > 10',
        'DELETE FROM journals WHERE sequence > 10',
        'DELETE FROM batches WHERE sequence > 10',
        "DELETE FROM sold_lines WHERE order_id IN ('ord_11', 'ord_12')",
        `UPDATE ledger_writer SET batch_sequence = 10, journal_sequence = 10,
           hash = (SELECT hash FROM batches WHERE sequence = 10)`,
        `UPDATE account_totals SET debit_minor = debit_minor * 10 / 12, credit_minor = credit_minor * 10 / 12`,
      ],
    ],
  ])('C16, M12: names the first bad sequence of %s', async (_what, firstBadSequence, statements) => {
    expect(await verdictOf(statements)).toMatchObject({ intact: false, difference: { firstBadSequence } });
  });

  it('needs the anchors to find a tail that was cut off with all that knew of it', async () => {
    const cut = [
      'DELETE FROM transfers WHERE journal_sequence > 10',
      'DELETE FROM journals WHERE sequence > 10',
      'DELETE FROM batches WHERE sequence > 10',
      "DELETE FROM sold_lines WHERE order_id IN ('ord_11', 'ord_12')",
      `UPDATE ledger_writer SET batch_sequence = 10, journal_sequence = 10,
         hash = (SELECT hash FROM batches WHERE sequence = 10)`,
      'UPDATE account_totals SET debit_minor = debit_minor * 10 / 12, credit_minor = credit_minor * 10 / 12',
    ];
    expect(await verdictOf(cut, [])).toMatchObject({ intact: true, journals: 10n });
    expect(await verdictOf(cut)).toMatchObject({ intact: false });
  });

  it.each([
    [
      'sold line',
      "UPDATE sold_lines SET fee_minor = 199, share_minor = 801 WHERE line_id = 'line_3'",
      'sold lines of order ord_3',
    ],
    ['refund', "UPDATE sold_lines SET refunded_tax_minor = 1 WHERE line_id = 'line_3'", 'sold lines of order ord_3'],
    [
      "period's balance",
      'UPDATE period_balances SET debit_minor = debit_minor + 1 WHERE debit_minor > 0',
      'period 1, account',
    ],
    [
      "period's place",
      'UPDATE periods SET batch_sequence = 0, hash = set_byte(hash, 0, get_byte(hash, 0) # 1)',
      'period 1',
    ],
    ['period less', 'DELETE FROM period_balances; DELETE FROM periods', 'the periods'],
    ["period's place, beyond the end", 'UPDATE periods SET batch_sequence = 99', 'period 1'],
    ['order, all of whose sold lines are gone,', "DELETE FROM sold_lines WHERE order_id = 'ord_3'", 'sold lines'],
    ["period's head", 'UPDATE periods SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1)', 'period 1'],
    ['held amount', 'UPDATE account_totals SET pending_debit_minor = 1 WHERE account_id = 1', 'account '],
    ['hold', 'INSERT INTO open_holds VALUES (3, 0)', 'hold of journal 3'],
    ['refused command', "INSERT INTO rejections VALUES (3, 1, 'k', 'c', 'r', 'x', 'd', '', true)", 'batch 3'],
  ])('finds a changed %s', async (_what, statement, place) => {
    const verdict = await verdictOf([statement]);
    expect(verdict).toMatchObject({ intact: false, difference: { place: expect.stringContaining(place) } });
  });

  const everything = [
    ...[
      'transfers',
      'journals',
      'batches',
      'rejections',
      'sold_lines',
      'total_snapshots',
      'period_balances',
      'periods',
    ],
  ].map((table) => `DELETE FROM ${table}`);
  const noTotals = 'UPDATE account_totals SET debit_minor = 0, credit_minor = 0';
  const asNew = `UPDATE ledger_writer SET batch_sequence = 0, journal_sequence = 0, recorded_at_us = 0, sealed_until_us = 0,
    hash = decode(repeat('00', 32), 'hex')`;

  it('M12: finds that a book was emptied, or written anew since, by an anchor whose name needs no time', async () => {
    const lines: string[] = [];
    const run = (...args: string[]) => runVerify(args, (line) => lines.push(line));
    const emptied = await copied(...everything, noTotals, asNew);
    expect(await run('--url', emptied.url)).toBe(0);
    expect(await run('--url', emptied.url, '--objects', folder)).toBe(1);
    const world = testWorld(Date.now());
    const writer = createLedgerWriter(postgresLedger(emptied.sql), world);
    await writer.submit([sale(1)]);
    await writer.stop();
    expect(await run('--url', emptied.url)).toBe(0);
    expect(await run('--url', emptied.url, '--objects', folder)).toBe(1);
    expect(lines.at(-1)).toContain('At batch 1: ');
  });

  it('is a command that prints what it saw and ends with 0, 1 or 2', async () => {
    const lines: string[] = [];
    const run = (...args: string[]) => runVerify(args, (line) => lines.push(line));
    const { url } = await copied();
    expect(await run('--url', url)).toBe(0);
    expect(lines.join('\n')).toContain('batches 12, journals 12, transfers 36');
    const bad = await copied('UPDATE transfers SET amount_minor = 1 WHERE journal_sequence = 9 AND position = 1');
    expect(await run('--url', bad.url)).toBe(1);
    expect(lines.at(-1)).toBe('First bad sequence: 9.');
    const metrics = path.join(folder, 'ledger.prom');
    const sample = async (name: string) =>
      new RegExp(`^suuupra_ledger_verify_${name}\\{shard="3"\\} (.*)$`, 'm').exec(await readFile(metrics, 'utf8'))?.[1];
    const startedMs = Date.now();
    expect(await run('--url', url, '--shard', '3', '--metrics', metrics)).toBe(0);
    expect([await sample('intact'), await sample('journals')]).toEqual(['1', '12']);
    expect(Number(await sample('timestamp_seconds')) * 1_000).toBeGreaterThanOrEqual(startedMs);
    expect(Number(await sample('seconds'))).toBeGreaterThan(0);
    expect(await run('--url', bad.url, '--shard', '3', '--metrics', metrics)).toBe(1);
    expect(await sample('intact')).toBe('0');
    const before = await readFile(metrics, 'utf8');
    expect(await run('--url', 'postgres://nobody@127.0.0.1:1/none', '--metrics', metrics)).toBe(2);
    expect(await readFile(metrics, 'utf8')).toBe(before);
    expect(await run('--url', url, '--metrics', `${metrics}.txt`)).toBe(2);
    expect(await run('--data', path.join(os.tmpdir(), 'suuupra-nothing-here'))).toBe(2);
    expect(lines.at(-1)).toContain('no embedded database');
  });
});

function statementOf(sequence: number, what: string, bit: number): string {
  if (what === 'amount')
    return `UPDATE transfers SET amount_minor = (amount_minor # ${1 << bit}) WHERE journal_sequence = ${sequence} AND position = 1`;
  if (what === 'effective')
    return `UPDATE journals SET effective_at_us = effective_at_us # ${1 << bit} WHERE sequence = ${sequence}`;
  if (what === 'hash')
    return `UPDATE batches SET hash = set_byte(hash, ${bit}, get_byte(hash, ${bit}) # ${1 << bit}) WHERE sequence = ${sequence}`;
  return `UPDATE journals SET ${what} = overlay(${what} placing chr(ascii(substr(${what}, 2, 1)) # ${bit === 5 ? 1 : 1 << bit}) from 2) WHERE sequence = ${sequence}`;
}
