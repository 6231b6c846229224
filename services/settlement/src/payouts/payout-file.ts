/**
 * The files of a payout batch: pain.001 (ISO 20022), a NACH-style CSV for Indian banks, and a plain CSV for people. The
 * same batch gives the same bytes. No I/O.
 */
import { decimalText } from '@suuupra/platform/money';
import type { BankInstruction, Destination } from './bank.ts';
import type { Payer } from './payout-bank.ts';
import { csvCell } from './statement.ts';

export type PayoutFileFormat = 'pain_001' | 'nach_csv' | 'csv';

export interface PayoutFileInput {
  /** The payout batch; the file's message id. */
  readonly batchId: string;
  readonly currency: string;
  /** When the settlement was cut off, not when the file was made. */
  readonly createdAtMs: number;
  readonly instructions: readonly BankInstruction[];
  /** Absent: the sandbox, whose files say that they are simulated. */
  readonly payer?: Payer;
}

export interface PayoutFileContent {
  readonly format: PayoutFileFormat;
  readonly name: string;
  readonly mediaType: string;
  readonly content: string;
}

/** Rupee batches also get the CSV that NACH sponsors take. */
export function payoutFiles(input: PayoutFileInput): PayoutFileContent[] {
  const name = `suuupra-payouts-${input.batchId}`;
  const files: PayoutFileContent[] = [
    { format: 'pain_001', name: `${name}.xml`, mediaType: 'application/xml', content: pain001(input) },
    { format: 'csv', name: `${name}.csv`, mediaType: 'text/csv; charset=utf-8', content: plainCsv(input) },
  ];
  if (input.currency === 'INR')
    files.push({
      format: 'nach_csv',
      name: `${name}-nach.csv`,
      mediaType: 'text/csv; charset=utf-8',
      content: nachCsv(input),
    });
  return files;
}

const sandboxDebtor = 'Suuupra (sandbox, simulated)';
/** ISO 20022 `Max35Text`: identifications have at most 35 signs. Ours have 30. */
export const bankReferenceCharsMax = 35;

/** Customer Credit Transfer Initiation, pain.001.001.09: one payment information for the batch, one transfer a payout. */
export function pain001(input: PayoutFileInput): string {
  const total = decimalText(input.currency, totalOf(input));
  const count = input.instructions.length;
  const debtorName = xml(input.payer?.debtorName ?? sandboxDebtor);
  const createdAt = new Date(input.createdAtMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">',
    '  <CstmrCdtTrfInitn>',
    '    <GrpHdr>',
    `      <MsgId>${xml(input.batchId)}</MsgId>`,
    `      <CreDtTm>${createdAt}</CreDtTm>`,
    `      <NbOfTxs>${count}</NbOfTxs>`,
    `      <CtrlSum>${total}</CtrlSum>`,
    `      <InitgPty><Nm>${debtorName}</Nm></InitgPty>`,
    '    </GrpHdr>',
    '    <PmtInf>',
    `      <PmtInfId>${xml(input.batchId)}</PmtInfId>`,
    '      <PmtMtd>TRF</PmtMtd>',
    '      <BtchBookg>false</BtchBookg>',
    `      <NbOfTxs>${count}</NbOfTxs>`,
    `      <CtrlSum>${total}</CtrlSum>`,
    `      <ReqdExctnDt><Dt>${createdAt.slice(0, 10)}</Dt></ReqdExctnDt>`,
    `      <Dbtr><Nm>${debtorName}</Nm></Dbtr>`,
    `      <DbtrAcct><Id>${debtorAccount(input)}</Id><Ccy>${input.currency}</Ccy></DbtrAcct>`,
    `      <DbtrAgt><FinInstnId>${debtorAgent(input)}</FinInstnId></DbtrAgt>`,
    '      <ChrgBr>SLEV</ChrgBr>',
    ...input.instructions.flatMap(transfer),
    '    </PmtInf>',
    '  </CstmrCdtTrfInitn>',
    '</Document>',
    '',
  ].join('\n');
}

function debtorAccount({ payer, currency }: PayoutFileInput): string {
  if (payer?.account.kind === 'iban') return `<IBAN>${payer.account.number}</IBAN>`;
  return `<Othr><Id>${payer?.account.number ?? `SANDBOX-${currency}`}</Id></Othr>`;
}

function debtorAgent({ payer }: PayoutFileInput): string {
  if (payer === undefined) return '<Nm>Sandbox bank (simulated)</Nm>';
  const { kind, code } = payer.agent;
  if (kind === 'bic') return `<BICFI>${code}</BICFI>`;
  return `<ClrSysMmbId><ClrSysId><Cd>INFSC</Cd></ClrSysId><MmbId>${code}</MmbId></ClrSysMmbId>`;
}

function transfer({ endToEndId, currency, amountMinor, destination }: BankInstruction): string[] {
  return [
    '      <CdtTrfTxInf>',
    `        <PmtId><InstrId>${xml(endToEndId)}</InstrId><EndToEndId>${xml(endToEndId)}</EndToEndId></PmtId>`,
    `        <Amt><InstdAmt Ccy="${currency}">${decimalText(currency, amountMinor)}</InstdAmt></Amt>`,
    ...agent(destination),
    `        <Cdtr><Nm>${xml(destination.holder)}</Nm></Cdtr>`,
    `        <CdtrAcct>${accountId(destination)}</CdtrAcct>`,
    `        <RmtInf><Ustrd>Suuupra payout ${xml(endToEndId)}</Ustrd></RmtInf>`,
    '      </CdtTrfTxInf>',
  ];
}

function agent(destination: Destination): string[] {
  const open = '        <CdtrAgt><FinInstnId>';
  const close = '</FinInstnId></CdtrAgt>';
  switch (destination.method) {
    case 'bank_in':
      return [
        `${open}<ClrSysMmbId><ClrSysId><Cd>INFSC</Cd></ClrSysId><MmbId>${destination.ifsc}</MmbId></ClrSysMmbId>${close}`,
      ];
    case 'iban':
      return [`${open}<BICFI>${destination.bic}</BICFI>${close}`];
    case 'upi':
      return [];
  }
}

/** A VPA is a proxy for an account; its scheme is named as proprietary, for ISO's list of proxies has none for it. */
function accountId(destination: Destination): string {
  switch (destination.method) {
    case 'iban':
      return `<Id><IBAN>${destination.accountNumber}</IBAN></Id>`;
    case 'bank_in':
      return `<Id><Othr><Id>${destination.accountNumber}</Id></Othr></Id>`;
    case 'upi':
      return `<Prxy><Tp><Prtry>UPI</Prtry></Tp><Id>${xml(destination.vpa)}</Id></Prxy>`;
  }
}

/** One row a credit in the order of NPCI's ACH credit input: sponsors differ in details, so the columns are named. */
function nachCsv(input: PayoutFileInput): string {
  const rows = input.instructions.map(({ endToEndId, amountMinor, destination }) => [
    '23',
    destination.method === 'bank_in' ? destination.ifsc : '',
    destination.method === 'upi' ? '' : destination.accountNumber,
    destination.method === 'upi' ? destination.vpa : '',
    destination.holder,
    amountMinor.toString(),
    endToEndId,
    input.batchId,
  ]);
  return csv(['ach_code,ifsc,account,vpa,beneficiary,amount_paise,transaction_reference,user_reference'], rows);
}

function plainCsv(input: PayoutFileInput): string {
  const rows = input.instructions.map(({ endToEndId, currency, amountMinor, destination }) => [
    endToEndId,
    currency,
    decimalText(currency, amountMinor),
    destination.method,
    destination.holder,
    destination.method === 'upi' ? destination.vpa : destination.accountNumber,
    destination.method === 'bank_in' ? destination.ifsc : destination.method === 'iban' ? destination.bic : '',
  ]);
  rows.push(['total', input.currency, decimalText(input.currency, totalOf(input)), '', '', '', '']);
  return csv(['payout,currency,amount,method,holder,account,bank'], rows);
}

function csv(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${[...head, ...rows.map((row) => row.map(csvCell).join(','))].join('\r\n')}\r\n`;
}

function totalOf({ instructions }: PayoutFileInput): bigint {
  return instructions.reduce((total, { amountMinor }) => total + amountMinor, 0n);
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

export function xml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}
