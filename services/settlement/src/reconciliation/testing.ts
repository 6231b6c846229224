/** Reconciliation for tests: real PostgreSQL, a clock that tests move, files made here, a book as small as it can be. */
import { fileURLToPath } from 'node:url';
import type { DescService } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import {
  type BookJournalsRequest,
  BookJournalsResponseSchema,
  type JournalToBook,
  LedgerBookingService,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import type { ProviderReport } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import {
  ListProviderReportsResponseSchema,
  PaymentsChargingService,
  ReadProviderReportResponseSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { createClient } from '@suuupra/platform/rpc/client';
import { serve } from '@suuupra/platform/rpc/dispatch';
import type { Client } from '@suuupra/platform/rpc/rpc';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import { prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql } from '@suuupra/platform/sql/sql';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { openTestSql } from '@suuupra/platform/testing';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import type { Desk } from './desk.ts';
import type { FileFormat } from './file-item.ts';
import { type ReceivedFile, receiveFile } from './files.ts';

export const startMs = Date.UTC(2026, 10, 20);

/** A book that remembers journals and books each id once for its kind. */
export class SmallBook {
  readonly journals: JournalToBook[] = [];

  book(request: BookJournalsRequest) {
    const results = request.journals.map((journal) => {
      const known = this.journals.findIndex(({ id, kind }) => id === journal.id && kind === journal.kind);
      if (known < 0) this.journals.push(journal);
      const number = known < 0 ? this.journals.length : known + 1;
      const outcome = known < 0 ? 'posted' : 'duplicate';
      return { id: journal.id, outcome, journalId: `jnl_${number}`, sequence: BigInt(number) };
    });
    return create(BookJournalsResponseSchema, { results, sequence: BigInt(this.journals.length) });
  }

  /** Debit less credit of an account; reversals of earlier journals taken into account. */
  balance(account: string, currency = 'INR'): bigint {
    return this.journals.reduce((sum, journal) => {
      const target = this.journals.find(({ id }) => id === journal.targetId);
      const sign = journal.kind === 'reversal' ? -1n : 1n;
      const moved = movements(target ?? journal)
        .filter((movement) => movement.currency === currency)
        .reduce(
          (total, { debit, credit, amountMinor }) =>
            total + (debit === account ? amountMinor : 0n) - (credit === account ? amountMinor : 0n),
          0n,
        );
      return sum + sign * moved;
    }, 0n);
  }
}

/** What a journal moves; an exchange moves in two currencies, through the account between them. */
function movements({ currency, transfers, exchange }: JournalToBook) {
  if (exchange === undefined) return transfers.map((transfer) => ({ currency, ...transfer }));
  const { fromAccount, fromMinor, toAccount, toCurrency, toMinor } = exchange;
  return [
    { currency, debit: '1800', credit: fromAccount, amountMinor: fromMinor },
    { currency: toCurrency, debit: toAccount, credit: '1800', amountMinor: toMinor },
  ];
}

export interface ReconciliationUnderTest {
  readonly desk: Desk;
  readonly sql: Sql;
  readonly world: TestWorld;
  readonly book: SmallBook;
  readonly reports: { report: Partial<ProviderReport> & { id: string }; content: Uint8Array }[];
  upload(format: FileFormat, content: string | Uint8Array): Promise<ReceivedFile>;
  /** Takes everything away but the rules. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** In one statement, so that their references to each other do not matter; much faster than TRUNCATE on small tables. */
const ownTables = [
  ...[
    'pulled_reports',
    'report_sources',
    'provider_settlements',
    'settlement_file_parts',
    'bookings',
    'break_events',
    'file_lines',
    'expectations',
    'exchange_results',
    'matches',
    'breaks',
  ],
  ...['file_statements', 'account_positions', 'settlement_pulls', 'settlement_files', 'idempotency_keys'],
];

export async function openReconciliation(linesInChunk = 200): Promise<ReconciliationUnderTest> {
  const world = testWorld(startMs);
  const sql = await openTestSql();
  await prepareServiceDatabase(sql);
  await sql.migrate(fileURLToPath(new URL('../../migrations/', import.meta.url)));
  const telemetry = openTelemetry({ logLevel: 'error', traceShare: 0, otlpEndpoint: '', logTo: { write: () => {} } });
  const book = new SmallBook();
  const reports: ReconciliationUnderTest['reports'] = [];
  const clientOf = <S extends DescService>(service: S, handlers: Record<string, unknown>): Client<S> => {
    const served = serve([{ service, handlers: handlers as never }], { world });
    return createClient(
      service,
      localTransport(() => served),
      { caller: 'settlement', world },
    );
  };
  const refuseAll = Object.fromEntries(
    [...LedgerBookingService.methods, ...PaymentsChargingService.methods].map((method) => [
      method.localName,
      () => Promise.reject(new Error(`not given: ${method.localName}`)),
    ]),
  );
  const desk: Desk = {
    ...{ sql, world, linesInChunk, reportSources: [], log: telemetry.forService('settlement').log },
    ledger: clientOf(LedgerBookingService, {
      ...refuseAll,
      bookJournals: async (request: BookJournalsRequest) => book.book(request),
    }),
    payments: clientOf(PaymentsChargingService, {
      ...refuseAll,
      listProviderReports: async ({ afterId }: { afterId: string }) => {
        const at = reports.findIndex(({ report }) => report.id === afterId);
        return create(ListProviderReportsResponseSchema, {
          reports: reports.slice(at + 1).map(({ report }) => report as ProviderReport),
        });
      },
      readProviderReport: async ({ id, offset }: { id: string; offset: bigint }) => {
        const content = reports.find(({ report }) => report.id === id)?.content ?? new Uint8Array();
        return create(ReadProviderReportResponseSchema, {
          content: content.subarray(Number(offset), Number(offset) + 100),
        });
      },
    }),
    nudge: () => {},
    nudgeBooking: () => {},
  };
  return {
    ...{ desk, sql, world, book, reports },
    upload: async (format, content) => {
      const received = await receiveFile(desk, {
        ...{ format, source: 'upload', name: 'a file', by: 'usr_finance', simulated: false, body: bytesOf(content) },
      });
      if (isRefusal(received)) throw new Error(received.code);
      return received;
    },
    clear: async () => {
      const deletes = ownTables.map((table, index) => `t${index} AS (DELETE FROM ${table})`);
      await sql.execute(`WITH ${deletes.join(', ')} SELECT 1`);
      book.journals.length = 0;
      reports.length = 0;
    },
    close: async () => {
      await sql.close();
      await telemetry.close();
    },
  };
}

/** Bytes in small pieces, so that every reader meets a border inside its text. */
export async function* bytesOf(content: string | Uint8Array, pieceBytes = 61): AsyncGenerator<Uint8Array> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

export interface CsvRow {
  readonly type?: string;
  readonly provider?: string;
  readonly merchant: string;
  /** In hundredths. */
  readonly gross: bigint;
  readonly fee?: bigint;
  readonly tax?: bigint;
}

/** A settlement of the sandbox provider in rupees, with its total. */
export function settlementCsv(
  rows: readonly CsvRow[],
  { settlement = 'stl_1', utr = 'SIMUTRONE', date = '2026-11-20', currency = 'INR' } = {},
): string {
  const net = (row: CsvRow) => row.gross - (row.fee ?? 0n) - (row.tax ?? 0n);
  const end = `${currency},${settlement},${date},${utr}`;
  const lines = rows.map((row, index) => {
    const amounts = [row.gross, row.fee ?? 0n, row.tax ?? 0n, net(row)].map(rupees);
    return [row.type ?? 'capture', row.provider ?? `ch_${settlement}_${index}`, row.merchant, ...amounts, end].join(
      ',',
    );
  });
  const total = rupees(rows.reduce((sum, row) => sum + net(row), 0n));
  return `${[csvHeader, ...lines, `payout,${settlement},,${total},0.00,0.00,${total},${end}`].join('\r\n')}\r\n`;
}

export const csvHeader =
  'type,provider_reference,merchant_reference,gross,fee,tax,net,currency,settlement_id,settlement_date,utr';

export function rupees(minor: bigint): string {
  const digits = (minor < 0n ? -minor : minor).toString().padStart(3, '0');
  return `${minor < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

export interface Entry {
  readonly amount: bigint;
  readonly reference: string;
  readonly bank?: string;
}

export interface StatementShape {
  readonly sequence?: number;
  readonly page?: number;
  readonly lastPage?: boolean;
  readonly opening?: bigint;
  readonly closing?: bigint;
  readonly date?: string;
  readonly currency?: string;
}

function shape(entries: readonly Entry[], given: StatementShape) {
  const opening = given.opening ?? 0n;
  const closing = given.closing ?? entries.reduce((sum, { amount }) => sum + amount, opening);
  return { sequence: 1, page: 1, lastPage: true, date: '2026-11-20', currency: 'INR', ...given, opening, closing };
}

export function camt053(entries: readonly Entry[], given: StatementShape = {}, version: '02' | '08' = '08'): string {
  const { sequence, page, lastPage, opening, closing, date, currency } = shape(entries, given);
  const amount = (minor: bigint) =>
    `<Amt Ccy="${currency}">${rupees(minor < 0n ? -minor : minor)}</Amt><CdtDbtInd>${minor < 0n ? 'DBIT' : 'CRDT'}</CdtDbtInd>`;
  const balance = (code: string, minor: bigint) =>
    `<Bal><Tp><CdOrPrtry><Cd>${code}</Cd></CdOrPrtry></Tp>${amount(minor)}<Dt><Dt>${date}</Dt></Dt></Bal>`;
  const pages = `<PgNb>${page}</PgNb><LastPgInd>${lastPage}</LastPgInd>`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.${version}"><BkToCstmrStmt>`,
    `<GrpHdr><MsgId>m</MsgId>${version === '02' ? `<MsgPgntn>${pages}</MsgPgntn>` : ''}</GrpHdr>`,
    `<Stmt><Id>s${sequence}</Id>${version === '08' ? `<StmtPgntn>${pages}</StmtPgntn>` : ''}<ElctrncSeqNb>${sequence}</ElctrncSeqNb>`,
    `<Acct><Id><Othr><Id>ACCOUNT-ONE</Id></Othr></Id><Ccy>${currency}</Ccy></Acct>`,
    balance(page === 1 ? 'OPBD' : 'ITBD', opening),
    balance(lastPage ? 'CLBD' : 'ITBD', closing),
    ...entries.map(
      (entry, index) =>
        `<Ntry>${amount(entry.amount)}<Sts>${version === '02' ? 'BOOK' : '<Cd>BOOK</Cd>'}</Sts><BookgDt><Dt>${date}</Dt></BookgDt>` +
        `<AcctSvcrRef>${entry.bank ?? `B${sequence}x${page}x${index}`}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>${entry.reference}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>`,
    ),
    '</Stmt></BkToCstmrStmt></Document>',
    '',
  ].join('\n');
}

export function mt940(entries: readonly Entry[], given: StatementShape = {}): string {
  const { sequence, page, lastPage, opening, closing, date, currency } = shape(entries, given);
  const day = date.slice(2).replaceAll('-', '');
  const comma = (minor: bigint) => rupees(minor < 0n ? -minor : minor).replace('.', ',');
  const mark = (minor: bigint) => (minor < 0n ? 'D' : 'C');
  const balance = (tag: string, minor: bigint) => `:${tag}:${mark(minor)}${day}${currency}${comma(minor)}`;
  return `${[
    ':20:STATEMENT',
    ':25:ACCOUNT-ONE',
    `:28C:${sequence}/${page}`,
    balance(page === 1 ? '60F' : '60M', opening),
    ...entries.flatMap((entry, index) => [
      `:61:${day}${day.slice(2)}${mark(entry.amount)}${comma(entry.amount)}NTRFNONREF//${entry.bank ?? `B${sequence}x${page}x${index}`}`,
      `:86:/EREF/${entry.reference}/REMI/paid`,
    ]),
    balance(lastPage ? '62F' : '62M', closing),
    '-',
  ].join('\r\n')}\r\n`;
}
