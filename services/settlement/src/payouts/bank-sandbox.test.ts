import type { Sql } from '@suuupra/platform/sql/sql';
import { testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BankStatement, StatementFormat } from './bank.ts';
import { executeAfterMs, openSandboxBank, returnAfterMs } from './bank-sandbox.ts';
import { readCredits } from './provider-credits.ts';
import { indianAccount, openSettlementSql, wipe } from './testing.ts';

/** As services/payments writes it. */
const report = [
  'type,provider_reference,merchant_reference,gross,fee,tax,net,currency,settlement_id,settlement_date,utr',
  'payment,sbx_1,pay_1,1000.00,20.00,3.60,976.40,INR,sandbox_stl_1,2026-11-22,UTR001',
  'refund,sbx_2,rfd_1,-100.00,0.00,0.00,-100.00,INR,sandbox_stl_1,2026-11-22,UTR001',
  'payout,sandbox_stl_1,,876.40,0.00,0.00,876.40,INR,sandbox_stl_1,2026-11-22,UTR001',
  '',
].join('\r\n');

let sql: Sql;
beforeAll(async () => {
  sql = await openSettlementSql();
});
beforeEach(() => wipe(sql));
afterAll(() => sql.close());

function openBank(reports: readonly string[] = []) {
  const world = testWorld(Date.UTC(2026, 10, 22, 12));
  const bank = openSandboxBank({
    sql,
    world,
    nudge: () => {},
    creditsAfter: async (id) => {
      const next = Number(id === '' ? '0' : id);
      const text = reports[next];
      return text === undefined
        ? { reportId: '', credits: [] }
        : { reportId: `${next + 1}`, credits: readCredits(text) };
    },
  });
  const send = (endToEndId: string, accountNumber: string, amountMinor: bigint, currency = 'INR') =>
    bank.submit({
      id: 'pbt_1',
      instructions: [{ endToEndId, currency, amountMinor, destination: indianAccount(accountNumber) }],
    });
  const pass = async (ms: number) => {
    world.advance(ms);
    await bank.round();
  };
  return { world, bank, send, pass };
}

function text(statement: BankStatement | undefined, format: StatementFormat): string {
  const file = statement?.files.find((each) => each.format === format);
  return Buffer.from(file?.content ?? []).toString('utf8');
}

describe('the sandbox bank', () => {
  it('executes each instruction once after its delay, and rejects or returns by the documented endings', async () => {
    const { bank, send, pass } = openBank();
    await send('pyt-1', '123456780001', 100n);
    await send('pyt-1', '123456780001', 100n);
    await send('pyt-2', '123456780090', 200n);
    await send('pyt-3', '123456780091', 300n);
    await pass(executeAfterMs - 1);
    expect(await bank.outcomesAfter('', 10)).toEqual([]);
    await pass(1);
    const first = await bank.outcomesAfter('', 10);
    expect(first.map(({ endToEndId, status }) => [endToEndId, status])).toEqual([
      ['pyt-1', 'paid'],
      ['pyt-2', 'rejected'],
      ['pyt-3', 'paid'],
    ]);
    await pass(returnAfterMs);
    expect(await bank.outcomesAfter(first.at(-1)?.position ?? '', 10)).toMatchObject([
      { endToEndId: 'pyt-3', status: 'returned', reason: 'account_closed' },
    ]);
  });

  it('states credits of the provider and payouts with their references; balances and sequences go on', async () => {
    const { bank, send, pass } = openBank([report]);
    await bank.round();
    await send('pyt-1', '123456780091', 50_000n);
    await pass(executeAfterMs);
    expect(await bank.makeStatements()).toBe(1);
    expect(await bank.makeStatements()).toBe(0);
    await pass(returnAfterMs);
    await pass(24 * 60 * 60 * 1_000);
    const statements = await bank.statementsAfter('', 10);
    expect(statements.map(({ sequence, businessDate }) => [sequence, businessDate])).toEqual([
      [1, '2026-11-22'],
      [2, '2026-11-22'],
    ]);
    const [first, second] = statements;
    for (const format of ['camt053_02', 'camt053_08', 'mt940'] as const) {
      expect(text(first, format)).toContain('UTR001');
      expect(text(first, format)).toContain('pyt-1');
    }
    const balances = (statement?: BankStatement) =>
      [
        ...text(statement, 'camt053_08').matchAll(/<Cd>(OPBD|CLBD)<.*?<Amt Ccy="INR">([\d.]+)<.*?Ind>(CRDT|DBIT)</g),
      ].map(([, code, amount, side]) => [code, amount, side]);
    expect(balances(first)).toEqual([
      ['OPBD', '0.00', 'CRDT'],
      ['CLBD', '376.40', 'CRDT'],
    ]);
    expect(balances(second)).toEqual([
      ['OPBD', '376.40', 'CRDT'],
      ['CLBD', '876.40', 'CRDT'],
    ]);
    expect(text(first, 'mt940').split('\r\n')).toMatchObject([
      ':20:SBXINR1',
      ':25:SANDBOX-INR',
      ':28C:1/1',
      ':60F:C261122INR0,00',
      expect.stringMatching(/^:61:2611221122C876,40NTRFNONREF\/\/SBX[0-9A-F]{13}$/),
      expect.stringMatching(/^:86:\/EREF\/UTR001\/NAME\//),
      expect.anything(),
      expect.stringMatching(/^:61:2611221122D500,00NTRF/),
      expect.stringMatching(/^:86:\/EREF\/pyt-1\/NAME\//),
      expect.anything(),
      ':62F:C261122INR376,40',
      '-',
      '',
    ]);
    expect(text(second, 'mt940')).toContain('RD500,00NRTI');
    expect(await bank.statementsAfter(first?.id ?? '', 10)).toHaveLength(1);
  });

  it('reads a report once, and one that takes money back is a debit', async () => {
    const back = report.replaceAll('UTR001', 'UTR002').replace('976.40', '10.00');
    const { bank } = openBank([report, back]);
    await bank.round();
    await bank.round();
    const rows = await sql.query<{ amount_minor: bigint }>('SELECT amount_minor FROM sandbox_bank.entries ORDER BY id');
    expect(rows.map((row) => row.amount_minor)).toEqual([87_640n, -9_000n]);
  });

  it.each([
    ['JPY', ':60F:C261122JPY0,', 'D261122JPY1500,'],
    ['KWD', ':60F:C261122KWD0,000', 'D261122KWD1,500'],
  ])('writes %s with its decimals', async (currency, opening, closing) => {
    const { bank, send, pass } = openBank();
    await send('pyt-1', '123456780001', 1_500n, currency);
    await pass(executeAfterMs);
    await bank.makeStatements();
    const [statement] = await bank.statementsAfter('', 1);
    expect(text(statement, 'mt940')).toContain(`${opening}\r\n`);
    expect(text(statement, 'mt940')).toContain(`:62F:${closing}\r\n`);
  });
});
