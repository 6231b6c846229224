/** S7: a bank that takes files: who may do what, what its answers do, and what is refused whole. */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Sql } from '@suuupra/platform/sql/sql';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answerRoute } from './answer-route.ts';
import { takeAnswer } from './payout-answers.ts';
import { approveBank, requestBank } from './payout-banks.ts';
import { approveBatch, endToEndIdOf, handOverBatch, resubmitBatch, withdrawPayouts } from './payout-batches.ts';
import { type AnswerFormat, readAnswer } from './read-answer.ts';
import { insertRun, readCutOff } from './runs.ts';
import {
  type Counter,
  givePayableAccount,
  indianAccount,
  openCounter,
  openSettlementSql,
  SmallBook,
  wipe,
} from './testing.ts';

let sql: Sql;
let world: TestWorld;
let place: Counter;
let batchId: string;
/** Three payouts of the batch by their ids, in this order. */
let payouts: { id: string; instructor_id: string; amount_minor: bigint }[];

const bank = {
  ...{ legalEntity: 'suuupra-in', currency: 'INR', name: 'Example Bank', debtorName: 'Suuupra Learning (P) Ltd' },
  ...{ accountNumber: '000111222333', bankCode: 'HDFC0000009' },
};
const cause = { traceparent: '' } as never;

beforeAll(async () => {
  sql = await openSettlementSql();
});
afterAll(() => sql.close());

const inTransaction = <T>(work: Parameters<typeof sql.transaction<T>>[0]) => sql.transaction(work);

async function useBank() {
  const asked = await inTransaction((tx) => requestBank(place.surroundings, tx, bank, 'usr_maker'));
  if (isRefusal(asked)) throw new Error(asked.detail);
  return inTransaction((tx) => approveBank(place.surroundings, tx, { id: asked.id, approverId: 'usr_approver' }));
}

async function makeBatch() {
  const cutOff = await readCutOff(place.surroundings);
  await inTransaction((tx) => insertRun(place.surroundings, tx, cutOff, 'usr_maker'));
  await place.settleDown();
  const [batch] = await sql.query<{ id: string }>('SELECT id FROM payout_batches ORDER BY number DESC LIMIT 1');
  return batch?.id ?? expect.fail('there is no batch');
}

async function fileOf(format: string) {
  const [file] = await sql.query<{ sha256: string; sealed_content: string }>(
    'SELECT sha256, sealed_content FROM payout_files WHERE payout_batch_id = $1 AND format = $2',
    [batchId, format],
  );
  return {
    sha256: file?.sha256 ?? '',
    text: place.surroundings.seal.open(file?.sealed_content ?? '', `${batchId}/${format}`),
  };
}

const approve = (approverId = 'usr_approver') =>
  inTransaction((tx) => approveBatch(place.surroundings, tx, { id: batchId, fileSha256: '', approverId }));

async function handOver(by = 'usr_approver', fileSha256?: string) {
  const hash = fileSha256 ?? (await fileOf('pain_001')).sha256;
  return inTransaction((tx) =>
    handOverBatch(place.surroundings, tx, { id: batchId, format: 'pain_001', fileSha256: hash, by }),
  );
}

const answer = (format: AnswerFormat, content: string | Uint8Array, surroundings = place.surroundings) =>
  takeAnswer(surroundings, {
    ...{ batchId, format, name: 'answer', by: 'usr_finance', cause },
    content: typeof content === 'string' ? Buffer.from(content) : content,
  });

const statuses = async () =>
  (
    await sql.query<{ status: string }>('SELECT status FROM payouts WHERE payout_batch_id = $1 ORDER BY id', [batchId])
  ).map(({ status }) => status);
const batchStatus = async () =>
  (await sql.query<{ status: string }>('SELECT status FROM payout_batches WHERE id = $1', [batchId]))[0]?.status;

const rupees = (minor: bigint) => `${minor / 100n}.${String(minor % 100n).padStart(2, '0')}`;
type Said = readonly [index: number, status: string, reason?: string];

function csv(...said: Said[]): string {
  const of = (index: number) => payouts[index] ?? expect.fail('no such payout');
  const rows = said.map(([index, status, reason = '']) =>
    [endToEndIdOf(of(index).id), batchId, status, 'INR', rupees(of(index).amount_minor), reason, `UTR${index}`].join(
      ',',
    ),
  );
  const sum = said.reduce((total, [index]) => total + of(index).amount_minor, 0n);
  const total = `total,${batchId},${said.length},INR,${rupees(sum)},,`;
  return `${['payout,batch,status,currency,amount,reason,bank_reference', ...rows, total].join('\r\n')}\r\n`;
}

function nach(...said: readonly (readonly [index: number, flag: 0 | 1, reason?: string])[]): string {
  const of = (index: number) => payouts[index] ?? expect.fail('no such payout');
  const rows = said.map(([index, flag, reason = '']) =>
    ['23', endToEndIdOf(of(index).id), batchId, of(index).amount_minor, flag, reason, `UTR${index}`].join(','),
  );
  const sum = said.reduce((total, [index]) => total + of(index).amount_minor, 0n);
  const header = 'ach_code,transaction_reference,user_reference,amount_paise,flag,reason_code,utr';
  return `${[header, ...rows, `T,${said.length},${batchId},${sum},,,`].join('\n')}\n`;
}

function pain002(group: string, ...said: Said[]): string {
  const rows = said.map(([index, status, reason = '']) => {
    const { id, amount_minor: amount } = payouts[index] ?? expect.fail('no such payout');
    const why = reason === '' ? '' : `<StsRsnInf><Rsn><Cd>${reason}</Cd></Rsn></StsRsnInf>`;
    const original = `<OrgnlTxRef><Amt><InstdAmt Ccy="INR">${rupees(amount)}</InstdAmt></Amt></OrgnlTxRef>`;
    return `<TxInfAndSts><OrgnlEndToEndId>${endToEndIdOf(id)}</OrgnlEndToEndId><TxSts>${status}</TxSts>${why}${original}</TxInfAndSts>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>',
    '<GrpHdr><MsgId>answer-1</MsgId><CreDtTm>2026-11-23T09:00:00Z</CreDtTm></GrpHdr>',
    `<OrgnlGrpInfAndSts><OrgnlMsgId>${batchId}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>`,
    group === '' ? '' : `<GrpSts>${group}</GrpSts>`,
    '</OrgnlGrpInfAndSts>',
    `<OrgnlPmtInfAndSts><OrgnlPmtInfId>${batchId}</OrgnlPmtInfId>`,
    ...rows,
    '</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>',
    '',
  ].join('\n');
}

beforeEach(async () => {
  await wipe(sql);
  world = testWorld(Date.UTC(2026, 10, 22, 12));
  const book = new SmallBook(world.now);
  place = openCounter({ sql, world, book });
  await useBank();
  for (const [index, who] of ['usr_a', 'usr_b', 'usr_c'].entries()) {
    book.sell(who, 'INR', { tax: 18_000n, fee: 20_000n, share: 80_000n + BigInt(index) });
    await givePayableAccount(place.surroundings, who, 'INR', indianAccount('123456780001'));
  }
  batchId = await makeBatch();
  payouts = await sql.query(
    'SELECT id, instructor_id, amount_minor FROM payouts WHERE payout_batch_id = $1 ORDER BY id',
    [batchId],
  );
  expect(payouts).toHaveLength(3);
});

describe('S7: a batch for a bank that takes files', () => {
  it('names the bank and payer that two people chose, and is sent by nobody else', async () => {
    const { text } = await fileOf('pain_001');
    expect(text).toContain('<Nm>Suuupra Learning (P) Ltd</Nm>');
    expect(text).toContain('<Id>000111222333</Id>');
    expect(text).not.toMatch(/simulated|SANDBOX/);
    await approve();
    await place.settleDown();
    expect(await batchStatus()).toBe('approved');
    expect(await sql.query('SELECT 1 FROM sandbox_bank.instructions')).toEqual([]);
  });

  it('is approved, and handed over with its hash, by somebody who did not make it', async () => {
    expect(await handOver()).toMatchObject({ code: 'payout_batch_state' });
    expect(await approve('usr_maker')).toMatchObject({ code: 'own_payout_batch' });
    await approve();
    expect(await handOver('usr_maker')).toMatchObject({ code: 'own_payout_batch' });
    expect(await handOver('usr_approver', '0'.repeat(64))).toMatchObject({ code: 'payout_file_differs' });
    const { sha256, text } = await fileOf('pain_001');
    expect(await handOver()).toMatchObject({ status: 'submitted', handed_over_sha256: sha256, submissions: 1 });
    expect(await handOver()).toMatchObject({ status: 'submitted', submissions: 2 });
    expect((await fileOf('pain_001')).text).toBe(text);
    expect(await statuses()).toEqual(['submitted', 'submitted', 'submitted']);
    const again = await inTransaction((tx) => resubmitBatch(place.surroundings, tx, { id: batchId }));
    expect(again).toMatchObject({ code: 'payout_batch_state' });
  });

  it('the bank itself is chosen by two people', async () => {
    const asked = await inTransaction((tx) => requestBank(place.surroundings, tx, { ...bank, name: 'Other' }, 'usr_x'));
    const id = isRefusal(asked) ? '' : asked.id;
    const approveAs = (approverId: string) =>
      inTransaction((tx) => approveBank(place.surroundings, tx, { id, approverId }));
    expect(await approveAs('usr_x')).toMatchObject({ code: 'second_person_required' });
    await expect(
      sql.execute('UPDATE payout_banks SET approved_by = requested_by WHERE id = $1', [id]),
    ).rejects.toThrow();
    expect(await approveAs('usr_y')).toMatchObject({ status: 'active' });
    const active = await sql.query("SELECT name FROM payout_banks WHERE status = 'active'");
    expect(active).toEqual([{ name: 'Other' }]);
    const bad = await inTransaction((tx) =>
      requestBank(place.surroundings, tx, { ...bank, accountNumber: '12', bankCode: 'X' }, 'usr_x'),
    );
    expect(isRefusal(bad) && bad.errors?.map(({ field }) => field)).toEqual(['accountNumber', 'bankCode']);
  });
});

describe("S7: the bank's answer", () => {
  beforeEach(async () => {
    await approve();
    await handOver();
  });

  it.each(['csv', 'pain_002', 'nach_return'] as const)(
    '%s pays and fails, in parts, and the rest waits',
    async (format) => {
      const first = {
        csv: csv([0, 'paid'], [1, 'failed', 'AC01']),
        pain_002: pain002('PART', [0, 'ACSC'], [1, 'RJCT', 'AC01']),
        nach_return: nach([0, 1], [1, 0, 'AC01']),
      };
      expect(await answer(format, first[format])).toMatchObject({
        status: 'applied',
        paid: 1,
        failed: 1,
        unchanged: 0,
      });
      expect(await statuses()).toEqual(['paid', 'failed', 'submitted']);
      expect(await batchStatus()).toBe('submitted');
      const second = { csv: csv([2, 'paid']), pain_002: pain002('PART', [2, 'ACSC']), nach_return: nach([2, 1]) };
      expect(await answer(format, second[format])).toMatchObject({ status: 'applied', paid: 1 });
      expect(await batchStatus()).toBe('closed');
      const [failed] = await sql.query('SELECT reason, bank_name, simulated FROM payouts WHERE status = $1', [
        'failed',
      ]);
      expect(failed).toEqual({ reason: 'AC01', bank_name: 'Example Bank', simulated: false });
    },
  );

  it('a return reopens what is owed, and the next settlement pays it again', async () => {
    await answer('csv', csv([0, 'paid'], [1, 'paid'], [2, 'paid']));
    expect(await answer('nach_return', nach([1, 0, 'R03']))).toMatchObject({ status: 'applied', returned: 1 });
    expect(await statuses()).toEqual(['paid', 'returned', 'paid']);
    await place.settleDown();
    const { instructor_id: who, amount_minor: amount } = payouts[1] ?? expect.fail();
    expect(place.book.balance(`2200:${who}`, 'INR')).toBe(amount);
    expect(await makeBatch()).not.toBe(batchId);
    const [again] = await sql.query(
      "SELECT amount_minor FROM payouts WHERE status = 'created' AND instructor_id = $1",
      [who],
    );
    expect(again).toEqual({ amount_minor: amount });
  });

  it('what came back before it was told paid is told as both', async () => {
    expect(await answer('csv', csv([0, 'returned', 'AC04']))).toMatchObject({ returned: 1 });
    const kinds = await sql.query('SELECT kind FROM payout_journals WHERE id = $1 ORDER BY position', [
      payouts[0]?.id ?? '',
    ]);
    expect(kinds).toEqual([{ kind: 'payout_paid' }, { kind: 'payout_returned' }]);
  });

  it('a word for the whole group goes for all of it', async () => {
    expect(await answer('pain_002', pain002('ACCP'))).toMatchObject({ paid: 0, unchanged: 0 });
    expect(await answer('pain_002', pain002('RJCT'))).toMatchObject({ failed: 3 });
    expect(await batchStatus()).toBe('closed');
  });

  it('a word for the whole group must be of as many payouts and as much money as the batch', async () => {
    const total = payouts.reduce((sum, { amount_minor: amount }) => sum + amount, 0n);
    const of = (count: number, sum: bigint) =>
      pain002('ACSC').replace(
        '<GrpSts>',
        `<OrgnlNbOfTxs>${count}</OrgnlNbOfTxs><OrgnlCtrlSum>${rupees(sum)}</OrgnlCtrlSum><GrpSts>`,
      );
    expect(await answer('pain_002', of(2, total))).toMatchObject({ status: 'refused', reason: 'count' });
    expect(await answer('pain_002', of(3, total - 1n))).toMatchObject({ status: 'refused', reason: 'arithmetic' });
    expect(await statuses()).toEqual(['submitted', 'submitted', 'submitted']);
    expect(await answer('pain_002', of(3, total))).toMatchObject({ status: 'applied', paid: 3 });
  });

  it('the same bytes are applied once; the same words in other bytes change nothing', async () => {
    const said = csv([0, 'paid']);
    await answer('csv', said);
    expect(await answer('csv', said)).toMatchObject({ code: 'settlement_file_known' });
    expect(await answer('csv', csv([0, 'paid'], [1, 'pending']))).toMatchObject({ paid: 0, unchanged: 2 });
    expect(await sql.query("SELECT 1 FROM payout_journals WHERE kind = 'payout_paid'")).toHaveLength(1);
  });

  it('of two at once with the same bytes one is applied', async () => {
    const said = csv([0, 'paid'], [1, 'failed', 'AC01']);
    const both = await Promise.all([answer('csv', said), answer('csv', said)]);
    expect(both.filter((each) => !isRefusal(each))).toHaveLength(1);
    expect(
      await sql.query("SELECT 1 FROM payout_journals WHERE kind IN ('payout_paid', 'payout_returned')"),
    ).toHaveLength(2);
  });

  const other = 'pbt_00000000000000000000000000';
  it.each<[string, AnswerFormat, () => string | Uint8Array, string, bigint]>([
    ['an empty file', 'csv', () => '', 'empty', 0n],
    ['another header', 'csv', () => 'a,b\r\n', 'unknown_layout', 1n],
    ['a CSV without its total', 'csv', () => csv([0, 'paid'], [1, 'paid']).replace(/total.*\r\n/, ''), 'truncated', 3n],
    ['a CSV cut in a row', 'csv', () => csv([0, 'paid'], [1, 'paid']).slice(0, 150), 'truncated', 3n],
    [
      'a CSV that is not UTF-8',
      'csv',
      () => Buffer.from(csv([0, 'paid']).replace('UTR0', 'ÜTR0'), 'latin1'),
      'encoding',
      2n,
    ],
    ['a wrong count', 'csv', () => csv([0, 'paid']).replace(',1,INR', ',2,INR'), 'count', 3n],
    ['another batch', 'csv', () => csv([0, 'paid']).replaceAll(batchId, other), 'other_batch', 2n],
    ['a payout of nobody', 'csv', () => csv([0, 'paid']).replace('pyt-', 'pyt-x'), 'unknown_payout', 2n],
    ['another currency', 'csv', () => csv([0, 'paid']).replace(',INR,', ',USD,'), 'currency', 2n],
    ['a status nobody knows', 'csv', () => csv([0, 'lost']), 'malformed', 2n],
    ['a payout twice', 'csv', () => csv([0, 'paid'], [0, 'failed', 'x']), 'duplicate_page', 3n],
    ['a third decimal', 'csv', () => csv([0, 'paid']).replace(/(\.\d\d),,UTR0/, '$10,,UTR0'), 'exponent', 2n],
    ['a row after the total', 'csv', () => `${csv([0, 'paid'])}x,,,,,,\r\n`, 'malformed', 4n],
    ['a NACH file without its trailer', 'nach_return', () => nach([0, 1]).replace(/T,.*\n/, ''), 'truncated', 2n],
    ['a NACH flag', 'nach_return', () => nach([0, 1]).replace(',1,,UTR0', ',2,,UTR0'), 'malformed', 2n],
    ['a NACH sum', 'nach_return', () => nach([0, 1]).replace(/(T,1,[^,]*,)\d+/, '$11'), 'arithmetic', 3n],
    ['an XML cut in the middle', 'pain_002', () => pain002('', [0, 'ACSC']).slice(0, -60), 'truncated', 8n],
    [
      'an XML of another batch',
      'pain_002',
      () => pain002('', [0, 'ACSC']).replace(`<OrgnlMsgId>${batchId}`, `<OrgnlMsgId>${other}`),
      'other_batch',
      4n,
    ],
    ['an XML with a doctype', 'pain_002', () => '<!DOCTYPE a [<!ENTITY b "c">]><Document/>', 'document_type', 1n],
    ['another XML', 'pain_002', () => '<Document xmlns="urn:x"/>', 'unknown_layout', 1n],
    ['an unknown status of ISO 20022', 'pain_002', () => pain002('', [0, 'ZZZZ']), 'malformed', 8n],
    ['another amount', 'pain_002', () => pain002('', [0, 'ACSC']).replace(/(Ccy="INR">)\d+/, '$11'), 'amount', 8n],
  ])('refuses %s whole', async (_, format, content, reason, line) => {
    expect(await answer(format, content())).toMatchObject({ status: 'refused', reason, reason_line: line });
    expect(await statuses()).toEqual(['submitted', 'submitted', 'submitted']);
    expect(await sql.query("SELECT 1 FROM payout_journals WHERE kind <> 'payout_prepared'")).toEqual([]);
  });

  it('refuses whole what contradicts an earlier answer', async () => {
    await answer('csv', csv([0, 'failed', 'AC01']));
    const refused = await answer('csv', csv([1, 'paid'], [0, 'paid']));
    expect(refused).toMatchObject({ status: 'refused', reason: 'contradiction', reason_line: 3n });
    expect(await statuses()).toEqual(['failed', 'submitted', 'submitted']);
  });

  it('C14: killed at any step, the answer is there whole or not at all, and sent again once', {
    timeout: 60_000,
  }, async () => {
    const said = csv([0, 'paid'], [1, 'failed', 'AC01'], [2, 'returned', 'AC04']);
    let killed = 0;
    for (let point = 1; ; point += 1) {
      const dying = dyingAt(point, 'before');
      const ended = await Promise.race([
        answer('csv', said, { ...place.surroundings, sql: dying.database(sql) }),
        dying.dead,
      ]);
      if (ended !== 'dead') break;
      killed += 1;
      expect(await statuses()).toEqual(['submitted', 'submitted', 'submitted']);
    }
    expect(killed).toBeGreaterThan(2);
    expect(await statuses()).toEqual(['paid', 'failed', 'returned']);
    expect(await answer('csv', said)).toMatchObject({ code: 'settlement_file_known' });
  });
});

it('a word for the whole group is of what the file had, not of a payout that was withdrawn before', async () => {
  const { instructor_id: instructorId = '' } = payouts[1] ?? {};
  const account = { instructorId, currency: 'INR' };
  await inTransaction((tx) => withdrawPayouts(place.surroundings, tx, account));
  world.advance(1_000);
  await place.settleDown();
  await approve();
  await handOver();
  expect(await answer('pain_002', pain002('ACSC'))).toMatchObject({ status: 'applied', paid: 2 });
  expect(await statuses()).toEqual(['paid', 'failed', 'paid']);
  expect(await batchStatus()).toBe('closed');
});

it('a NACH answer, which is in paise, is refused for a batch in another currency', async () => {
  const dollars = { id: batchId, currency: 'USD' };
  await expect(readAnswer('nach_return', Buffer.from(nach([0, 1])), dollars)).rejects.toMatchObject({
    reason: 'currency',
  });
});

it('an answer before the batch was handed over is refused', async () => {
  await approve();
  expect(await answer('csv', csv([0, 'paid']))).toMatchObject({ code: 'payout_batch_state' });
});

it("account numbers of ours are sealed, and the bank's answers too", async () => {
  await approve();
  await handOver();
  await answer('csv', csv([0, 'paid']));
  for (const table of ['payout_banks', 'payout_files', 'payout_answers']) {
    const rows = await sql.query<{ text: string }>(`SELECT t::text AS text FROM ${table} AS t`);
    expect(rows.some(({ text }) => text.includes(bank.accountNumber) || text.includes('123456780001'))).toBe(false);
  }
});

describe('the upload of an answer', () => {
  /** Calls the raw route with this body; gives the status, and how many bytes it took before it answered. */
  async function send(body: AsyncIterable<Buffer>, query = 'format=csv', headers: Record<string, string> = {}) {
    const sent = { status: 0 };
    const response = {
      setHeader: () => {},
      removeHeader: () => {},
      writeHead: (status: number) => {
        sent.status = status;
        return response;
      },
      end: () => {},
    };
    const request = Object.assign(body, { headers });
    const principal = { kind: 'user', userId: 'usr_finance', roles: ['finance'] };
    const context = {
      params: { id: batchId },
      query: new URLSearchParams(query),
      principal,
      requestId: 'r',
      traceparent: '',
    };
    await answerRoute(place.surroundings).handle(request as never, response as never, context as never);
    return sent.status;
  }

  async function* pieces(count: number) {
    for (let sent = 0; sent < count; sent += 1) {
      taken += 1;
      yield Buffer.alloc(1_000_000, 'x');
    }
  }
  let taken = 0;

  it('takes one in order, and refuses a bad one with its line', async () => {
    await approve();
    await handOver();
    async function* of(text: string) {
      yield Buffer.from(text);
    }
    expect(await send(of(csv([0, 'lost'])))).toBe(422);
    expect(await send(of(csv([0, 'paid'])))).toBe(201);
    expect(await send(of(csv([0, 'paid'])))).toBe(409);
    expect(await send(of(''), 'format=pdf')).toBe(400);
    const kept = await sql.query('SELECT status, reason, reason_line FROM payout_answers ORDER BY number');
    expect(kept).toEqual([
      { status: 'refused', reason: 'malformed', reason_line: 2n },
      { status: 'applied', reason: '', reason_line: 0n },
    ]);
  });

  it('refuses 100 MB by what it says it is, and by what it is', async () => {
    taken = 0;
    expect(await send(pieces(100), 'format=csv', { 'content-length': '100000000' })).toBe(413);
    expect(taken).toBe(0);
    expect(await send(pieces(100))).toBe(413);
    expect(taken).toBe(5);
    expect(await sql.query('SELECT 1 FROM payout_answers')).toEqual([]);
  });
});
