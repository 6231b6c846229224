/** Payouts for tests: real PostgreSQL, a clock that tests move, a book and a payment provider as small as they can be. */
import { fileURLToPath } from 'node:url';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type BookJournalsRequestSchema,
  BookJournalsResponseSchema,
  GetPositionResponseSchema,
  type LedgerBookingService,
  ListMovedAccountsResponseSchema,
  ListMovementsResponseSchema,
  type MovementLineSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import {
  ListProviderReportsResponseSchema,
  ReadProviderReportResponseSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { textSeal } from '@suuupra/platform/mail/sealed-text';
import type { Handlers } from '@suuupra/platform/rpc/rpc';
import { prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql } from '@suuupra/platform/sql/sql';
import { outboxPublisher } from '@suuupra/platform/stream/outbox';
import { openTestSql } from '@suuupra/platform/testing';
import type { World } from '@suuupra/platform/world';
import type { Destination } from './bank.ts';
import { openSandboxBank, type SandboxBank } from './bank-sandbox.ts';
import { maskedAccount } from './payout-account.ts';
import { accountSealedFor } from './payout-batches.ts';
import { creditsAfter } from './provider-credits.ts';
import { payoutRound } from './round.ts';
import type { PayoutSurroundings } from './surroundings.ts';

type Line = MessageInitShape<typeof MovementLineSchema>;

interface BookedTransfer {
  readonly sequence: bigint;
  readonly kind: string;
  readonly currency: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount: bigint;
  readonly atMs: number;
  readonly reference: string;
  readonly line?: Line;
}

/** A book that remembers transfers, and books each id once for its kind. */
export class SmallBook {
  readonly transfers: BookedTransfer[] = [];
  readonly ids: string[] = [];
  sequence = 0n;
  /** Rows on a page, so that paging is tested with few. */
  readonly pageRows = 7;
  private readonly nowMs: () => number;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  balance(account: string, currency: string): bigint {
    return this.transfers
      .filter((transfer) => transfer.currency === currency)
      .reduce(
        (sum, { debit, credit, amount }) =>
          sum + (credit === account ? amount : 0n) - (debit === account ? amount : 0n),
        0n,
      );
  }

  /** A sold line in a journal of its own: gross = tax + fee + share. */
  sell(instructorId: string, currency: string, parts: { tax: bigint; fee: bigint; share: bigint }): void {
    this.post('order_paid', instructorId, currency, parts, 1n);
  }

  refund(instructorId: string, currency: string, parts: { tax: bigint; fee: bigint; share: bigint }): void {
    this.post('order_refunded', instructorId, currency, parts, -1n);
  }

  private post(
    kind: string,
    instructorId: string,
    currency: string,
    { tax, fee, share }: { tax: bigint; fee: bigint; share: bigint },
    sign: 1n | -1n,
  ): void {
    this.sequence += 1n;
    const account = `2200:${instructorId}`;
    const line = {
      lineId: `lin_${this.sequence}`,
      orderId: `ord_${this.sequence}`,
      courseId: 'crs_1',
      courseTitle: 'Ledgers, "quoted" and all',
      grossMinor: sign * (tax + fee + share),
      taxMinor: sign * tax,
      feeMinor: sign * fee,
      shareMinor: sign * share,
    };
    const sides = sign > 0n ? { debit: '1100', credit: account } : { debit: account, credit: '1100' };
    const rest = { kind, currency, amount: share, atMs: this.nowMs(), reference: `order:${line.orderId}` };
    this.transfers.push({ sequence: this.sequence, ...sides, ...rest, line });
  }

  book(request: MessageInitShape<typeof BookJournalsRequestSchema>) {
    const results = (request.journals ?? []).map((journal) => {
      const id = `${journal.kind}/${journal.id}`;
      const known = this.ids.indexOf(id);
      if (known >= 0) return { id: journal.id ?? '', outcome: 'duplicate', journalId: `jnl-${known}`, sequence: 1n };
      this.ids.push(id);
      this.sequence += 1n;
      for (const { debit = '', credit = '', amountMinor = 0n } of journal.transfers ?? [])
        this.transfers.push({
          sequence: this.sequence,
          kind: journal.kind ?? '',
          currency: journal.currency ?? '',
          debit,
          credit,
          amount: amountMinor,
          atMs: this.nowMs(),
          reference: journal.reference ?? '',
        });
      const journalId = `jnl-${this.ids.length - 1}`;
      return { id: journal.id ?? '', outcome: 'posted', journalId, sequence: this.sequence };
    });
    return create(BookJournalsResponseSchema, { results, sequence: this.sequence });
  }

  /** The book as a service answers for it. */
  handlers(): Pick<
    Handlers<typeof LedgerBookingService>,
    'bookJournals' | 'getPosition' | 'listMovedAccounts' | 'listMovements'
  > {
    return {
      bookJournals: async (request) => this.book(request),
      getPosition: async () =>
        create(GetPositionResponseSchema, { sequence: this.sequence, recordedAt: timestampFromMs(this.nowMs()) }),
      listMovedAccounts: async ({ parent, afterSequence, untilSequence, pageToken }) => {
        const moved = this.transfers
          .filter(({ sequence }) => sequence > afterSequence && sequence <= untilSequence)
          .flatMap(({ debit, credit, currency }) => [debit, credit].map((account) => `${account} ${currency}`))
          .filter((key) => key.startsWith(`${parent}:`));
        const { rows, nextPageToken } = this.page([...new Set(moved)].sort(), pageToken);
        const accounts = rows.map((key) => {
          const [account = '', currency = ''] = key.split(' ');
          return { account, currency };
        });
        return create(ListMovedAccountsResponseSchema, { accounts, nextPageToken });
      },
      listMovements: async ({ account, currency, afterSequence, untilSequence, pageToken }) => {
        const moved = this.transfers.filter(
          (each) =>
            each.currency === currency &&
            each.sequence > afterSequence &&
            each.sequence <= untilSequence &&
            (each.debit === account || each.credit === account),
        );
        const { rows, nextPageToken } = this.page(moved, pageToken);
        const movements = rows.map(({ sequence, kind, reference, atMs, amount, debit, line }) => ({
          sequence,
          journalId: `jnl_${sequence}`,
          kind,
          reference,
          description: `${kind} of ${reference}`,
          effectiveAt: timestampFromMs(atMs),
          debitMinor: debit === account ? amount : 0n,
          creditMinor: debit === account ? 0n : amount,
          ...(line === undefined ? {} : { line }),
        }));
        return create(ListMovementsResponseSchema, { movements, nextPageToken });
      },
    };
  }

  private page<T>(rows: readonly T[], pageToken: string): { rows: readonly T[]; nextPageToken: string } {
    const from = Number(pageToken === '' ? '0' : pageToken);
    const until = from + this.pageRows;
    return { rows: rows.slice(from, until), nextPageToken: until < rows.length ? `${until}` : '' };
  }
}

/** The settlement reports that the provider has made, by their order. */
export function reportHandlers(reports: readonly string[]) {
  return {
    listProviderReports: async ({ afterId = '' }: { afterId?: string }) => {
      const next = Number(afterId === '' ? '0' : afterId) + 1;
      const report = { id: `${next}`, provider: 'sandbox', format: 'settlement_csv', fileName: `report-${next}.csv` };
      return create(ListProviderReportsResponseSchema, { reports: next > reports.length ? [] : [report] });
    },
    readProviderReport: async ({ id = '', offset = 0n }: { id?: string; offset?: bigint }) => {
      const content = Buffer.from(reports[Number(id) - 1] ?? '').subarray(Number(offset), Number(offset) + 100);
      return create(ReadProviderReportResponseSchema, { content });
    },
  };
}

export interface Counter {
  readonly surroundings: PayoutSurroundings;
  readonly bank: SandboxBank;
  readonly book: SmallBook;
  readonly logged: string[];
  /** Works until nothing is left to do now. */
  settleDown(): Promise<void>;
}

/** Payouts over this database; `dying` may stand before it. */
export function openCounter(options: {
  readonly sql: Sql;
  readonly world: World;
  readonly book: SmallBook;
  readonly reports?: readonly string[];
}): Counter {
  const { sql, world, book, reports = [] } = options;
  const logged: string[] = [];
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const ledger = book.handlers() as unknown as PayoutSurroundings['ledger'];
  const payments = reportHandlers(reports) as unknown as PayoutSurroundings['payments'];
  const bank = openSandboxBank({ sql, world, creditsAfter: (id) => creditsAfter(payments, id), nudge: () => {} });
  const surroundings: PayoutSurroundings = {
    sql,
    ledger,
    payments,
    world,
    bank,
    log: { debug: log, info: log, warn: log, error: log },
    publishIn: (tx) => outboxPublisher(tx, { owner: 'settlement', world, notify: () => {} }),
    seal: textSeal(Buffer.alloc(32, 7)),
    nudge: () => {},
  };
  return {
    surroundings,
    bank,
    book,
    logged,
    settleDown: async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        await payoutRound(surroundings);
        await bank.round();
      }
      await payoutRound(surroundings);
    },
  };
}

/** A fresh database with the service's tables. */
export async function openSettlementSql(): Promise<Sql> {
  const sql = await openTestSql();
  await prepareServiceDatabase(sql);
  await sql.migrate(fileURLToPath(new URL('../../migrations/', import.meta.url)));
  return sql;
}

/** As fresh as a new database, and sooner there. */
export async function wipe(sql: Sql): Promise<void> {
  const tables = await sql.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname IN ('public', 'sandbox_bank') AND tablename <> 'migrations'`,
  );
  await sql.execute(`TRUNCATE ${tables.map(({ name }) => name).join(', ')} RESTART IDENTITY CASCADE`);
  await sql.execute('INSERT INTO payout_progress DEFAULT VALUES');
  await sql.execute('INSERT INTO sandbox_bank.desk DEFAULT VALUES');
}

/** An account that may be paid at once, as if it had been set long ago. */
export async function givePayableAccount(
  { sql, seal, world }: PayoutSurroundings,
  instructorId: string,
  currency: string,
  destination: Destination,
): Promise<void> {
  const longAgo = new Date(world.now() - 90 * 24 * 60 * 60 * 1_000);
  await sql.execute(
    `INSERT INTO payout_accounts (instructor_id, currency, method, masked_account, sealed_account, changed_at, payable_from)
     VALUES ($1, $2, $3, $4, $5, $6, $6)`,
    [
      instructorId,
      currency,
      destination.method,
      maskedAccount(destination),
      seal.seal(JSON.stringify(destination), accountSealedFor(instructorId, currency)),
      longAgo,
    ],
  );
}

export function indianAccount(accountNumber: string): Destination {
  return { method: 'bank_in', holder: 'Asha Rao', accountNumber, ifsc: 'HDFC0000001' };
}

export const germanAccount: Destination = {
  method: 'iban',
  holder: 'Kiran Mehta',
  accountNumber: 'DE89370400440532013000',
  bic: 'COBADEFF',
};
