import { describe, expect, it } from 'vitest';
import { writeStatement } from '../payouts/bank-statement.ts';
import { BadFile } from './bad-file.ts';
import { type FileFormat, referenceKey } from './file-item.ts';
import { continued, Gate } from './gate.ts';
import { readFile } from './read-file.ts';
import { bytesOf, camt053, csvHeader, mt940, settlementCsv } from './testing.ts';

async function check(format: FileFormat, content: string | Uint8Array) {
  const gate = new Gate();
  const lines = [];
  for await (const item of readFile(format, bytesOf(content))) {
    gate.take(item);
    if (item.type === 'line') lines.push(item);
  }
  gate.end();
  return { lines, statements: gate.statements };
}

/** The reason, the line, and the sentence. */
async function refusal(format: FileFormat, content: string | Uint8Array) {
  try {
    await check(format, content);
  } catch (error) {
    if (error instanceof BadFile) return { reason: error.reason, line: error.line, detail: error.message };
    throw error;
  }
  return 'accepted';
}

const csv = settlementCsv([
  { merchant: 'pay_1', gross: 50_000n, fee: 1_000n, tax: 180n },
  { type: 'refund', merchant: 'ref_1', gross: -20_000n },
]);
const entries = [
  { amount: 28_820n, reference: 'SIMUTRONE' },
  { amount: -10_000n, reference: 'pyt_1' },
];

describe('files that are in order', () => {
  it('reads a settlement in CSV, quotes and all', async () => {
    const quoted = csv.replace('pay_1', '"pay_1"').replaceAll('SIMUTRONE', '"SIM, ""one"""');
    const { lines, statements } = await check('settlement_csv', quoted);
    expect(lines.map(({ amountMinor, feeMinor, kind }) => [kind, amountMinor, feeMinor])).toEqual([
      ['payment', 50_000n, 1_180n],
      ['refund', -20_000n, 0n],
    ]);
    expect(lines[0]?.references).toEqual(['pay_1', 'ch_stl_1_0']);
    expect(statements).toMatchObject([{ closingMinor: 28_820n, reference: 'SIM, "one"', lines: 2, currency: 'INR' }]);
  });

  it('names a settlement by itself where its transfer has no reference yet', async () => {
    for (const none of ['', 'NOTPROVIDED']) {
      const { statements } = await check('settlement_csv', csv.replaceAll('SIMUTRONE', none));
      expect(statements).toMatchObject([{ reference: 'stl_1' }]);
    }
  });

  it('reads the same in TSV', async () => {
    const { statements } = await check('settlement_tsv', csv.replaceAll(',', '\t'));
    expect(statements[0]?.closingMinor).toBe(28_820n);
  });

  it('reads an NPCI-style file: paise, day first, a trailer that counts', async () => {
    const header = 'RECORD_TYPE,UPI_TXN_ID,RRN,ORDER_REF,AMOUNT_PAISE,SETTLEMENT_CYCLE,UTR,TXN_DATE,RECORD_COUNT';
    const rows = ['CR,u1,r1,pay_1,50000,C1,UTR1,20112026,', 'DR,u2,r2,ref_1,20000,C1,UTR1,20112026,'];
    const { lines, statements } = await check(
      'npci_csv',
      `${[header, ...rows, 'T,,,,30000,C1,UTR1,20112026,2'].join('\n')}\n`,
    );
    expect(lines.map(({ amountMinor }) => amountMinor)).toEqual([50_000n, -20_000n]);
    expect(statements).toMatchObject([{ closingMinor: 30_000n, lines: 2, date: '2026-11-20' }]);
  });

  it.each([
    ['camt053' as const, camt053(entries, { opening: 5n }, '08')],
    ['camt053' as const, camt053(entries, { opening: 5n }, '02')],
    ['mt940' as const, mt940(entries, { opening: 5n })],
  ])('reads a bank statement in %s', async (format, content) => {
    const { lines, statements } = await check(format, content);
    expect(lines.map(({ amountMinor, references }) => [amountMinor, references[0]])).toEqual([
      [28_820n, 'SIMUTRONE'],
      [-10_000n, 'pyt_1'],
    ]);
    expect(statements).toMatchObject([
      { account: 'ACCOUNT-ONE', sequence: 1, page: 1, openingMinor: 5n, closingMinor: 18_825n, isLastPage: true },
    ]);
  });

  it('keeps amounts above 2^53 to the last digit', async () => {
    const most = 9_007_199_254_740_993n;
    const { lines } = await check('camt053', camt053([{ amount: most, reference: 'x' }]));
    expect(lines[0]?.amountMinor).toBe(most);
  });

  it('takes MT940 in its blocks, with a reversal of a debit as a credit', async () => {
    const bare = mt940([{ amount: -10_000n, reference: 'p' }], { closing: 10_000n }).replace(
      ':61:2611201120D',
      ':61:2611201120RD',
    );
    const { lines } = await check('mt940', `{1:F01BANK}{2:O940}{4:\r\n${bare.replace(/-\r\n$/, '-}')}`);
    expect(lines[0]?.amountMinor).toBe(10_000n);
  });

  it('counts in the decimals of the currency', async () => {
    const yen = mt940([], { currency: 'JPY' }).replaceAll('0,00', '1500,');
    expect((await check('mt940', yen)).statements[0]?.closingMinor).toBe(1_500n);
  });
});

const bomb = `<?xml version="1.0"?>\n<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>\n${camt053(entries).split('\n').slice(1).join('\n')}`;
const outside = camt053(entries).replace('<Document', '<!DOCTYPE d SYSTEM "file:///etc/passwd">\n<Document');

describe('bad files are refused with their line and reason', () => {
  it.each<[string, FileFormat, string | Uint8Array, { reason: string; line: number }]>([
    ['an empty file', 'settlement_csv', '', { reason: 'empty', line: 0 }],
    ['a header alone', 'settlement_csv', `${csvHeader}\r\n`, { reason: 'empty', line: 1 }],
    ['another layout', 'settlement_csv', 'a,b\n1,2\n', { reason: 'unknown_layout', line: 1 }],
    [
      'a CSV cut in a row',
      'settlement_csv',
      csv.slice(0, csv.indexOf('refund') + 20),
      { reason: 'truncated', line: 3 },
    ],
    [
      'a CSV cut before its total',
      'settlement_csv',
      csv.slice(0, csv.indexOf('payout')),
      { reason: 'truncated', line: 3 },
    ],
    [
      'a CSV that has a column twice',
      'settlement_csv',
      csv.replaceAll(/(?<=[^\r])(?=\r)/g, ',1.00').replace('utr,1.00', 'utr,gross'),
      { reason: 'malformed', line: 1 },
    ],
    ['a CSV without its last line end', 'settlement_csv', csv.trimEnd(), { reason: 'truncated', line: 4 }],
    ['a CSV with an open quote', 'settlement_csv', csv.replace('pay_1', '"pay_1'), { reason: 'truncated', line: 2 }],
    [
      'a CSV with a wrong total',
      'settlement_csv',
      csv.replaceAll('288.20', '288.21'),
      { reason: 'arithmetic', line: 4 },
    ],
    ['a CSV with a wrong net', 'settlement_csv', csv.replace('488.20', '488.10'), { reason: 'arithmetic', line: 2 }],
    [
      'a CSV with its rows twice',
      'settlement_csv',
      csv + csv.slice(csv.indexOf('capture')),
      { reason: 'duplicate_page', line: 5 },
    ],
    ['a CSV with a third decimal', 'settlement_csv', csv.replace('500.00', '500.000'), { reason: 'exponent', line: 2 }],
    ['a CSV with a float', 'settlement_csv', csv.replace('500.00', '5e2'), { reason: 'amount', line: 2 }],
    [
      'a CSV with another currency inside',
      'settlement_csv',
      csv.replace('-200.00,INR', '-200.00,USD'),
      { reason: 'currency', line: 3 },
    ],
    [
      'a CSV that is not UTF-8',
      'settlement_csv',
      Buffer.from(csv.replace('ref_1', 'r\u00e9f'), 'latin1'),
      { reason: 'encoding', line: 3 },
    ],
    [
      'paise with decimals',
      'npci_csv',
      'RECORD_TYPE,UPI_TXN_ID,RRN,ORDER_REF,AMOUNT_PAISE,SETTLEMENT_CYCLE,UTR,TXN_DATE,RECORD_COUNT\nCR,u,r,p,500.00,C,U,20112026,\n',
      { reason: 'exponent', line: 2 },
    ],
    ['a CAMT.053 cut in the middle', 'camt053', camt053(entries).slice(0, 900), { reason: 'truncated', line: 9 }],
    ['a CAMT.053 of wrong sums', 'camt053', camt053(entries, { closing: 1n }), { reason: 'arithmetic', line: 10 }],
    [
      'a CAMT.053 with a third decimal',
      'camt053',
      camt053(entries).replace('288.20', '288.200'),
      { reason: 'exponent', line: 8 },
    ],
    ['yen with decimals', 'camt053', camt053([], { currency: 'JPY' }), { reason: 'exponent', line: 6 }],
    ['a CAMT.053 with entities', 'camt053', bomb, { reason: 'document_type', line: 2 }],
    ['a CAMT.053 with an outside entity', 'camt053', outside, { reason: 'document_type', line: 2 }],
    ['another XML', 'camt053', '<Document xmlns="urn:x"/>', { reason: 'unknown_layout', line: 1 }],
    [
      'a CAMT.053 said to be Latin-1',
      'camt053',
      camt053(entries).replace('UTF-8', 'ISO-8859-1'),
      { reason: 'encoding', line: 1 },
    ],
    [
      'a CAMT.053 that is not UTF-8',
      'camt053',
      Buffer.from(camt053([{ amount: 1n, reference: '\u00e9' }]), 'latin1'),
      { reason: 'encoding', line: 8 },
    ],
    [
      'an MT940 without closing balance',
      'mt940',
      mt940(entries).replace(/:62F:.*\r\n/, ''),
      { reason: 'truncated', line: 9 },
    ],
    ['an MT940 cut in the middle', 'mt940', mt940(entries).slice(0, 120), { reason: 'truncated', line: 6 }],
    ['an MT940 of wrong sums', 'mt940', mt940(entries, { closing: 1n }), { reason: 'arithmetic', line: 9 }],
    [
      'an MT940 with a third decimal',
      'mt940',
      mt940(entries).replace('288,20', '288,200'),
      { reason: 'exponent', line: 5 },
    ],
    [
      'an MT940 with a sign outside the x set',
      'mt940',
      mt940(entries).replace('NONREF', 'NON\u00a3EF'),
      { reason: 'encoding', line: 5 },
    ],
    [
      'an MT940 with control characters',
      'mt940',
      mt940(entries).replace('paid', 'pa\u0007id'),
      { reason: 'encoding', line: 6 },
    ],
  ])('%s', async (_, format, content, { reason, line }) => {
    const latin = format === 'mt940' && typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
    expect(await refusal(format, latin)).toMatchObject({ reason, line, detail: expect.stringMatching(/\.$|:/) });
  });
});

it('counts what a CAMT.053 counts, also entries that are not booked yet', async () => {
  const summary = (count: number) => `<TxsSummry><TtlNtries><NbOfNtries>${count}</NbOfNtries></TtlNtries></TxsSummry>`;
  const pending = camt053(entries, { closing: 28_820n }).replace(/BOOK(?!.*BOOK)/s, 'PDNG');
  const { statements } = await check('camt053', pending.replace('<Ntry>', `${summary(2)}<Ntry>`));
  expect(statements).toMatchObject([{ lines: 1, closingMinor: 28_820n }]);
  for (const count of [1, 3])
    expect(await refusal('camt053', pending.replace('<Ntry>', `${summary(count)}<Ntry>`))).toMatchObject({
      reason: 'count',
    });
});

describe('S2: statements of an account follow each other', () => {
  const after = async (...contents: string[]) => {
    let known = new Map();
    for (const content of contents)
      known = new Map([...known, ...continued(known, (await check('mt940', content)).statements)]);
    return [...known.values()];
  };
  const first = mt940(entries);
  const reason = (reason: string) => expect.objectContaining({ reason });

  it('takes the next statement, the next page, and number 1 in a new year', async () => {
    const pages = [
      mt940([], { opening: 18_820n, sequence: 2, lastPage: false }),
      mt940([{ amount: 1n, reference: 'x' }], { opening: 18_820n, sequence: 2, page: 2 }),
      mt940([], { opening: 18_821n, sequence: 1, date: '2027-01-02' }),
    ];
    expect(await after(first, ...pages)).toMatchObject([{ sequence: 1, page: 1, closingMinor: 18_821n }]);
  });

  it('refuses a page that is there already', async () => {
    await expect(after(first, first)).rejects.toEqual(reason('duplicate_page'));
    const page = mt940([], { opening: 18_820n, sequence: 2, lastPage: false });
    await expect(after(first, page, page)).rejects.toEqual(reason('duplicate_page'));
  });

  it('refuses to go on after a missing statement or page', async () => {
    await expect(after(first, mt940([], { opening: 18_820n, sequence: 3 }))).rejects.toEqual(reason('sequence_gap'));
    const cut = mt940([], { opening: 18_820n, sequence: 2, lastPage: false });
    const third = mt940([], { opening: 18_820n, sequence: 2, page: 3 });
    await expect(after(first, cut, third)).rejects.toEqual(reason('sequence_gap'));
    await expect(after(mt940([], { page: 2 }))).rejects.toEqual(reason('sequence_gap'));
  });

  it('refuses a statement that does not open with what the one before closed with', async () => {
    await expect(after(first, mt940([], { opening: 18_819n, sequence: 2 }))).rejects.toEqual(reason('balance_gap'));
  });
});

it("reads the sandbox bank's own statements, the same in each format", async () => {
  const entry = {
    bookedAtMs: Date.UTC(2026, 10, 20, 9),
    counterparty: 'Ünal & Sons',
    information: 'a <payout>, simulated',
  };
  const statement = {
    ...{ id: 's1', account: 'SANDBOX-INR', currency: 'INR', sequence: 7, businessDate: '2026-11-20', madeAtMs: 0 },
    ...{ openingMinor: 100n, closingMinor: 28_920n },
    entries: [
      {
        ...entry,
        kind: 'provider_settlement' as const,
        amountMinor: 38_820n,
        bankReference: 'SBX1',
        endToEndId: 'SIMUTR',
      },
      { ...entry, kind: 'payout' as const, amountMinor: -20_000n, bankReference: 'SBX2', endToEndId: 'pyt_01abc_def' },
      {
        ...entry,
        kind: 'payout_return' as const,
        amountMinor: 10_000n,
        bankReference: 'SBX3',
        endToEndId: 'pyt_01abc_deg',
      },
    ],
  };
  const seen = [];
  for (const format of ['camt053_02', 'camt053_08', 'mt940'] as const) {
    const { lines, statements } = await check(
      format === 'mt940' ? 'mt940' : 'camt053',
      writeStatement(statement, format),
    );
    expect(statements).toMatchObject([
      { account: 'SANDBOX-INR', sequence: 7, openingMinor: 100n, closingMinor: 28_920n },
    ]);
    seen.push(
      lines.map((line) => [
        line.amountMinor,
        referenceKey(line.references[0] ?? ''),
        line.ownReference,
        line.valueDate,
      ]),
    );
  }
  expect(seen[0]).toEqual([
    [38_820n, 'simutr', 'SBX1', '2026-11-20'],
    [-20_000n, 'pyt01abcdef', 'SBX2', '2026-11-20'],
    [10_000n, 'pyt01abcdeg', 'SBX3', '2026-11-20'],
  ]);
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[2]).toEqual(seen[0]);
});
