/**
 * A bank's statement in the forms that banks send: CAMT.053 in its versions 001.02 and 001.08, and MT940. All three say
 * the same. No I/O.
 */
import { decimalText } from '@suuupra/platform/money';
import type { StatementFormat } from './bank.ts';
import { xml } from './payout-file.ts';

export interface StatedEntry {
  /** Above zero for what came in. */
  readonly amountMinor: bigint;
  readonly bookedAtMs: number;
  readonly kind: 'provider_settlement' | 'payout' | 'payout_return';
  /** The bank's own. */
  readonly bankReference: string;
  /** Of a payout our id of it; of a provider's credit the provider's reference. */
  readonly endToEndId: string;
  readonly counterparty: string;
  readonly information: string;
}

export interface StatementToWrite {
  readonly id: string;
  readonly account: string;
  readonly currency: string;
  readonly sequence: number;
  readonly businessDate: string;
  readonly madeAtMs: number;
  readonly openingMinor: bigint;
  readonly closingMinor: bigint;
  readonly entries: readonly StatedEntry[];
}

export function writeStatement(statement: StatementToWrite, format: StatementFormat): string {
  if (format === 'mt940') return mt940(statement);
  return camt053(statement, format === 'camt053_02' ? '02' : '08');
}

export function statementFileName(statement: StatementToWrite, format: StatementFormat): string {
  const end = format === 'mt940' ? 'mt940.sta' : `${format.replace('_', '-')}.xml`;
  return `sandbox-bank-${statement.currency}-${String(statement.sequence).padStart(5, '0')}-${end}`;
}

function camt053(statement: StatementToWrite, version: '02' | '08'): string {
  const madeAt = instant(statement.madeAtMs);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.${version}">`,
    '  <BkToCstmrStmt>',
    `    <GrpHdr><MsgId>${xml(statement.id)}</MsgId><CreDtTm>${madeAt}</CreDtTm><AddtlInf>simulated</AddtlInf></GrpHdr>`,
    '    <Stmt>',
    `      <Id>${xml(statement.id)}</Id>`,
    `      <ElctrncSeqNb>${statement.sequence}</ElctrncSeqNb>`,
    `      <LglSeqNb>${statement.sequence}</LglSeqNb>`,
    `      <CreDtTm>${madeAt}</CreDtTm>`,
    `      <Acct><Id><Othr><Id>${xml(statement.account)}</Id></Othr></Id><Ccy>${statement.currency}</Ccy><Svcr><FinInstnId><Nm>Sandbox bank (simulated)</Nm></FinInstnId></Svcr></Acct>`,
    balance('OPBD', statement, statement.openingMinor),
    balance('CLBD', statement, statement.closingMinor),
    ...statement.entries.flatMap((entry) => camtEntry(statement, entry, version)),
    '    </Stmt>',
    '  </BkToCstmrStmt>',
    '</Document>',
    '',
  ].join('\n');
}

function balance(code: 'OPBD' | 'CLBD', { currency, businessDate }: StatementToWrite, minor: bigint): string {
  return `      <Bal><Tp><CdOrPrtry><Cd>${code}</Cd></CdOrPrtry></Tp><Amt Ccy="${currency}">${unsigned(currency, minor)}</Amt><CdtDbtInd>${indicator(minor)}</CdtDbtInd><Dt><Dt>${businessDate}</Dt></Dt></Bal>`;
}

/** Domain, family and sub-family of ISO's external bank transaction codes. */
const transactionCodes: Readonly<Record<StatedEntry['kind'], readonly [string, string]>> = {
  provider_settlement: ['RCDT', 'ESCT'],
  payout: ['ICDT', 'ESCT'],
  payout_return: ['ICDT', 'RRTN'],
};

function camtEntry({ currency }: StatementToWrite, entry: StatedEntry, version: '02' | '08'): string[] {
  const [family, subFamily] = transactionCodes[entry.kind];
  const name = `<Nm>${xml(entry.counterparty)}</Nm>`;
  const party = version === '02' ? name : `<Pty>${name}</Pty>`;
  // The one who is not us: who paid us, or whom we paid; a return keeps the roles of the payment that comes back.
  const role = entry.kind === 'provider_settlement' ? 'Dbtr' : 'Cdtr';
  const isReversal = entry.kind === 'payout_return' ? '        <RvslInd>true</RvslInd>' : '';
  const returned = entry.kind === 'payout_return' ? '          <RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>' : '';
  return [
    '      <Ntry>',
    `        <Amt Ccy="${currency}">${unsigned(currency, entry.amountMinor)}</Amt>`,
    `        <CdtDbtInd>${indicator(entry.amountMinor)}</CdtDbtInd>`,
    isReversal,
    `        <Sts>${version === '02' ? 'BOOK' : '<Cd>BOOK</Cd>'}</Sts>`,
    `        <BookgDt><Dt>${day(entry.bookedAtMs)}</Dt></BookgDt>`,
    `        <ValDt><Dt>${day(entry.bookedAtMs)}</Dt></ValDt>`,
    `        <AcctSvcrRef>${xml(entry.bankReference)}</AcctSvcrRef>`,
    `        <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>${family}</Cd><SubFmlyCd>${subFamily}</SubFmlyCd></Fmly></Domn></BkTxCd>`,
    '        <NtryDtls><TxDtls>',
    `          <Refs><AcctSvcrRef>${xml(entry.bankReference)}</AcctSvcrRef><EndToEndId>${xml(entry.endToEndId)}</EndToEndId></Refs>`,
    version === '08'
      ? `          <Amt Ccy="${currency}">${unsigned(currency, entry.amountMinor)}</Amt><CdtDbtInd>${indicator(entry.amountMinor)}</CdtDbtInd>`
      : `          <AmtDtls><TxAmt><Amt Ccy="${currency}">${unsigned(currency, entry.amountMinor)}</Amt></TxAmt></AmtDtls>`,
    `          <RltdPties><${role}>${party}</${role}></RltdPties>`,
    `          <RmtInf><Ustrd>${xml(entry.information)}</Ustrd></RmtInf>`,
    returned,
    '        </TxDtls></NtryDtls>',
    '      </Ntry>',
  ].filter((line) => line !== '');
}

/**
 * SWIFT MT940, text block only. The owner's reference of field 61 has 16 signs at most, so it says NONREF and field 86
 * carries the whole one after /EREF/.
 */
function mt940(statement: StatementToWrite): string {
  const { currency } = statement;
  const date = shortDay(statement.businessDate);
  const balanceOf = (tag: string, minor: bigint) => `:${tag}:${mark(minor)}${date}${currency}${comma(currency, minor)}`;
  return `${[
    `:20:${`SBX${currency}${statement.sequence}`.slice(0, 16)}`,
    `:25:${statement.account}`,
    `:28C:${statement.sequence}/1`,
    balanceOf('60F', statement.openingMinor),
    ...statement.entries.flatMap((entry) => {
      const booked = shortDay(day(entry.bookedAtMs));
      const sign = entry.kind === 'payout_return' ? 'RD' : mark(entry.amountMinor);
      const type = entry.kind === 'payout_return' ? 'NRTI' : 'NTRF';
      return [
        `:61:${booked}${booked.slice(2)}${sign}${comma(currency, entry.amountMinor)}${type}NONREF//${entry.bankReference}`,
        ...information(`/EREF/${entry.endToEndId}/NAME/${entry.counterparty}/REMI/${entry.information}`),
      ];
    }),
    balanceOf('62F', statement.closingMinor),
    '-',
  ].join('\r\n')}\r\n`;
}

const lineCharsMax = 65;
const linesMax = 6;

/** Field 86: at most six lines of 65 signs of SWIFT's x set, which has no underscore: a hyphen stands for it. */
function information(text: string): string[] {
  const allowed = `:86:${text.replaceAll('_', '-').replace(/[^A-Za-z0-9/\-?:().,'+ ]/g, '.')}`;
  const lines: string[] = [];
  for (let at = 0; at < allowed.length && lines.length < linesMax; ) {
    // A line that begins with a colon or a hyphen would be read as a field or as the end: the line before ends earlier.
    let end = Math.min(at + lineCharsMax, allowed.length);
    while (end < allowed.length && /[:-]/.test(allowed[end] ?? '')) end -= 1;
    lines.push(allowed.slice(at, end));
    at = end;
  }
  return lines;
}

function comma(currency: string, minor: bigint): string {
  const text = unsigned(currency, minor);
  return text.includes('.') ? text.replace('.', ',') : `${text},`;
}

function unsigned(currency: string, minor: bigint): string {
  return decimalText(currency, minor < 0n ? -minor : minor);
}

function indicator(minor: bigint): 'CRDT' | 'DBIT' {
  return minor < 0n ? 'DBIT' : 'CRDT';
}

function mark(minor: bigint): 'C' | 'D' {
  return minor < 0n ? 'D' : 'C';
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

function shortDay(date: string): string {
  return date.slice(2).replaceAll('-', '');
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
