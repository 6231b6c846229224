/** Reads what each service has written about money, for the check that holds them against each other. Only reads. */
import type { ShardSettings } from '@suuupra/platform/shards/places';
import type { Sql, SqlExecutor } from '@suuupra/platform/sql/sql';
import type { Stream } from '@suuupra/platform/stream/stream';
import { readEachBook, wholeBook } from './money-books.ts';

/** A database of each service that has a part of the story. */
export const moneyDatabases = ['payments', 'orders', 'ledger', 'learning', 'settlement'] as const;
export type MoneyDatabase = (typeof moneyDatabases)[number];

export interface Intent {
  readonly orderId: string;
  readonly currency: string;
  readonly status: string;
  readonly paymentId: string;
  readonly capturedMinor: bigint;
  /** Attempts that succeeded and the sum of what they took; the intent has one of them or none. */
  readonly succeeded: readonly { readonly paymentId: string; readonly capturedMinor: bigint }[];
}

export interface PaymentsRefund {
  readonly id: string;
  readonly paymentId: string;
  readonly isLate: boolean;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly status: string;
}

export interface PaymentsDispute {
  readonly id: string;
  readonly orderId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly feeMinor: bigint;
  readonly isClosed: boolean;
  readonly isWon: boolean;
}

export interface OrderFacts {
  readonly id: string;
  readonly status: string;
  readonly currency: string;
  readonly totalMinor: bigint;
  readonly refundedMinor: bigint;
  readonly paymentId: string;
  /** What lines of another order gave towards this one. */
  readonly credit: { readonly exchangeId: string; readonly amountMinor: bigint } | undefined;
  readonly lines: readonly {
    readonly id: string;
    readonly kind: string;
    readonly totalMinor: bigint;
    readonly refundedMinor: bigint;
  }[];
  readonly refunds: readonly { readonly id: string; readonly state: string; readonly amountMinor: bigint }[];
  readonly disputes: readonly { readonly id: string; readonly state: string; readonly amountMinor: bigint }[];
}

export interface InvoiceFacts {
  readonly number: string;
  readonly kind: string;
  readonly series: string;
  readonly sequence: number;
  /** The order, or the refund. */
  readonly subject: string;
  readonly totalMinor: bigint;
}

export interface Journal {
  readonly id: string;
  readonly kind: string;
  readonly cause: string;
  readonly reference: string;
  readonly currency: string;
  readonly totalMinor: bigint;
  /** What it adds to 1100. */
  readonly receivableMinor: bigint;
}

export interface Expectation {
  readonly id: string;
  readonly kind: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** The most telling of its references. */
  readonly about: string;
}

export interface MoneyFacts {
  readonly intents: readonly Intent[];
  readonly refunds: readonly PaymentsRefund[];
  readonly disputes: readonly PaymentsDispute[];
  readonly orders: readonly OrderFacts[];
  readonly invoices: readonly InvoiceFacts[];
  /** The last number given of each series. */
  readonly series: ReadonlyMap<string, number>;
  readonly entitlements: readonly { readonly id: string; readonly orderId: string; readonly isEnded: boolean }[];
  readonly journals: readonly Journal[];
  /** Balances of payouts in transit, as they stand on the credit side: account and currency, amount. */
  readonly inTransit: ReadonlyMap<string, bigint>;
  /** Order lines and entitlements that learning was told to open and to close. */
  readonly access: { readonly granted: ReadonlySet<string>; readonly ended: ReadonlySet<string> };
  readonly expectations: readonly Expectation[];
  /** Lines of processed files that are in no match and no break. */
  readonly homelessLines: readonly string[];
  /** Matches whose lines and expectations do not differ by what the match says. */
  readonly crookedMatches: readonly string[];
  /** Journals of settlement: booked with the id of the journal, or refused. */
  readonly bookings: readonly { readonly id: string; readonly state: string; readonly journalId: string }[];
  readonly payouts: readonly {
    readonly id: string;
    readonly account: string;
    readonly status: string;
    readonly amountMinor: bigint;
    readonly settledMinor: bigint;
  }[];
  /** Settlement batches whose lines do not add up to their closing balance. */
  readonly crookedStatements: readonly string[];
  readonly deadLetters: readonly string[];
}

/** What a book of the ledger, or all of them together, say. */
export type BookFacts = Pick<MoneyFacts, 'journals' | 'inTransit'>;

/**
 * Each database, and each shard of the ledger and of payments (`shards`: undefined when there is one), on one consistent
 * view of its own.
 * Everything is held in memory: about a kilobyte an order.
 */
export async function readMoney(
  sqlOf: (database: MoneyDatabase) => Sql,
  readDeadLetters: () => Promise<readonly string[]>,
  shards?: ShardSettings,
  paymentsShards?: ShardSettings,
): Promise<MoneyFacts> {
  const view = <T>(database: MoneyDatabase, read: (executor: SqlExecutor) => Promise<T>) =>
    viewOf(sqlOf(database), read);
  return {
    ...(await readEachPayments(sqlOf('payments'), paymentsShards)),
    ...(await view('orders', readOrders)),
    ...(await readBook(sqlOf('ledger'), shards)),
    ...(await view('learning', readLearning)),
    ...(await view('settlement', readSettlement)),
    deadLetters: await readDeadLetters(),
  };
}

function viewOf<T>(sql: Sql, read: (executor: SqlExecutor) => Promise<T>): Promise<T> {
  return sql.transaction(read, { isolation: 'repeatable read', readOnly: true });
}

/** The ledger's book, of whichever number of shards; `own` is the service's database. */
export async function readBook(own: Sql, shards?: ShardSettings): Promise<BookFacts> {
  return wholeBook(await readEachBook(own, shards, (book) => viewOf(book, readLedger)));
}

type PaymentsFacts = Pick<MoneyFacts, 'intents' | 'refunds' | 'disputes'>;

/** An order is in one shard, and so is all that is of it. */
async function readEachPayments(own: Sql, shards?: ShardSettings): Promise<PaymentsFacts> {
  const read = await readEachBook(own, shards, (sql) => viewOf(sql, readPayments), 'payments');
  return {
    intents: read.flatMap(({ intents }) => intents),
    refunds: read.flatMap(({ refunds }) => refunds),
    disputes: read.flatMap(({ disputes }) => disputes),
  };
}

type Row = Record<string, unknown>;
const text = (value: unknown) => String(value ?? '');
/** Sums arrive as text with or without decimals of nothing. */
const amount = (value: unknown) => BigInt(text(value).split('.')[0] || '0');

async function readPayments(sql: SqlExecutor): Promise<PaymentsFacts> {
  const attempts = await sql.query<Row>("SELECT id, order_id, captured_minor FROM attempts WHERE status = 'succeeded'");
  const succeeded = Map.groupBy(
    attempts.map((row) => ({
      orderId: text(row['order_id']),
      paymentId: text(row['id']),
      capturedMinor: amount(row['captured_minor']),
    })),
    ({ orderId }) => orderId,
  );
  const intents = await sql.query<Row>(
    'SELECT order_id, currency, status, captured_attempt_id, captured_minor FROM intents',
  );
  const refunds = await sql.query<Row>('SELECT id, attempt_id, kind, currency, amount_minor, status FROM refunds');
  const disputes = await sql.query<Row>(
    `SELECT id, order_id, currency, amount_minor, fee_minor, status, closed_at FROM disputes WHERE stage <> 'pre_dispute'`,
  );
  return {
    intents: intents.map((row) => ({
      orderId: text(row['order_id']),
      currency: text(row['currency']),
      status: text(row['status']),
      paymentId: text(row['captured_attempt_id']),
      capturedMinor: amount(row['captured_minor']),
      succeeded: succeeded.get(text(row['order_id'])) ?? [],
    })),
    refunds: refunds.map((row) => ({
      id: text(row['id']),
      paymentId: text(row['attempt_id']),
      isLate: row['kind'] === 'late',
      currency: text(row['currency']),
      amountMinor: amount(row['amount_minor']),
      status: text(row['status']),
    })),
    disputes: disputes.map((row) => ({
      id: text(row['id']),
      orderId: text(row['order_id']),
      currency: text(row['currency']),
      amountMinor: amount(row['amount_minor']),
      feeMinor: amount(row['fee_minor']),
      isClosed: row['closed_at'] !== null,
      isWon: row['status'] === 'won',
    })),
  };
}

interface StoredLine {
  readonly id: string;
  readonly kind: string;
  readonly totalMinor: unknown;
  readonly refundedMinor: unknown;
}

interface StoredPart {
  readonly id: string;
  readonly state: string;
  readonly amountMinor: unknown;
}

interface StoredDetails {
  readonly credit?: { readonly exchangeId: string; readonly amountMinor: unknown };
  readonly disputes?: readonly StoredPart[];
}

async function readOrders(
  sql: SqlExecutor,
): Promise<Pick<MoneyFacts, 'orders' | 'invoices' | 'series' | 'entitlements'>> {
  const orders = await sql.query<Row>(
    'SELECT id, status, currency, total_minor, refunded_minor, payment_id, lines, refunds, details FROM orders',
  );
  const invoices = await sql.query<Row>(
    `SELECT number, kind, entity || ' ' || series || ' ' || financial_year AS series, sequence, subject,
       contents ->> 'totalMinor' AS total FROM invoices`,
  );
  const series = await sql.query<Row>(
    "SELECT entity || ' ' || series || ' ' || financial_year AS series, last FROM invoice_series",
  );
  const entitlements = await sql.query<Row>('SELECT id, order_id, ended_at FROM entitlements');
  return {
    orders: orders.map(orderOf),
    invoices: invoices.map((row) => ({
      number: text(row['number']),
      kind: text(row['kind']),
      series: text(row['series']),
      sequence: Number(row['sequence']),
      subject: text(row['subject']),
      totalMinor: amount(row['total']),
    })),
    series: new Map(series.map((row) => [text(row['series']), Number(row['last'])])),
    entitlements: entitlements.map((row) => ({
      id: text(row['id']),
      orderId: text(row['order_id']),
      isEnded: row['ended_at'] !== null,
    })),
  };
}

function orderOf(row: Row): OrderFacts {
  const part = ({ id, state, amountMinor }: StoredPart) => ({ id, state, amountMinor: amount(amountMinor) });
  const { credit, disputes = [] } = row['details'] as StoredDetails;
  return {
    id: text(row['id']),
    status: text(row['status']),
    currency: text(row['currency']),
    totalMinor: amount(row['total_minor']),
    refundedMinor: amount(row['refunded_minor']),
    paymentId: text(row['payment_id']),
    credit:
      credit === undefined ? undefined : { exchangeId: credit.exchangeId, amountMinor: amount(credit.amountMinor) },
    lines: (row['lines'] as StoredLine[]).map(({ id, kind, totalMinor, refundedMinor }) => ({
      ...{ id, kind: kind ?? 'course' },
      ...{ totalMinor: amount(totalMinor), refundedMinor: amount(refundedMinor) },
    })),
    refunds: (row['refunds'] as StoredPart[]).map(part),
    disputes: disputes.map(part),
  };
}

/** Journals without transfers are none here: what only holds money, also what a crossing between shards holds, has moved none. */
async function readLedger(sql: SqlExecutor): Promise<BookFacts> {
  const journals = await sql.query<Row>(
    `SELECT j.sequence, j.id, j.kind, j.cause, j.reference, j.currency, sum(t.amount_minor) AS total,
       sum(CASE WHEN d.code = '1100' THEN t.amount_minor WHEN c.code = '1100' THEN -t.amount_minor ELSE 0 END) AS receivable
     FROM journals j JOIN transfers t ON t.journal_sequence = j.sequence
       JOIN accounts d ON d.id = t.debit_account_id JOIN accounts c ON c.id = t.credit_account_id
     GROUP BY j.sequence, j.id, j.kind, j.cause, j.reference, j.currency`,
  );
  const inTransit = await sql.query<Row>(
    `SELECT a.code, a.currency, s.credit_minor - s.debit_minor AS balance FROM account_totals s
       JOIN accounts a ON a.id = s.account_id WHERE a.code LIKE '2260:%'`,
  );
  return {
    journals: journals.map((row) => ({
      id: text(row['id']),
      kind: text(row['kind']),
      cause: text(row['cause']),
      reference: text(row['reference']),
      currency: text(row['currency']),
      totalMinor: amount(row['total']),
      receivableMinor: amount(row['receivable']),
    })),
    inTransit: new Map(
      inTransit.map((row) => [`${text(row['code'])} ${text(row['currency'])}`, amount(row['balance'])]),
    ),
  };
}

async function readLearning(sql: SqlExecutor): Promise<Pick<MoneyFacts, 'access'>> {
  const rows = await sql.query<Row>('SELECT line_id, kind FROM access_facts');
  const of = (kind: string) => new Set(rows.filter((row) => row['kind'] === kind).map((row) => text(row['line_id'])));
  return { access: { granted: of('granted'), ended: of('ended') } };
}

type SettlementFacts = Pick<
  MoneyFacts,
  'expectations' | 'homelessLines' | 'crookedMatches' | 'bookings' | 'payouts' | 'crookedStatements'
>;

async function readSettlement(sql: SqlExecutor): Promise<SettlementFacts> {
  const expectations = await sql.query<Row>(
    "SELECT id, kind, currency, amount_minor, refs[1] AS about FROM expectations WHERE side = 'provider'",
  );
  const homeless = await sql.query<Row>(
    `SELECT l.id FROM file_lines l JOIN settlement_files f ON f.id = l.file_id
     WHERE f.status = 'processed' AND l.match_id IS NULL AND l.break_id IS NULL`,
  );
  const crookedMatches = await sql.query<Row>(
    `SELECT m.id FROM matches m
     WHERE m.difference_minor <> coalesce((SELECT sum(l.amount_minor) FROM file_lines l WHERE l.match_id = m.id), 0)
       - coalesce((SELECT sum(e.amount_minor) FROM expectations e WHERE e.match_id = m.id), 0)`,
  );
  const bookings = await sql.query<Row>(
    `SELECT id, state, journal_id FROM bookings UNION ALL
     SELECT kind || ' ' || id, CASE state WHEN 'rejected' THEN 'refused' ELSE state END, journal_id FROM payout_journals`,
  );
  const payouts = await sql.query<Row>(
    `SELECT p.id, '2260:' || p.instructor_id || ' ' || p.currency AS account, p.status, p.amount_minor, b.payout_minor
     FROM payouts p JOIN settlement_batches b ON b.id = p.settlement_batch_id`,
  );
  const crookedStatements = await sql.query<Row>(
    `SELECT b.id FROM settlement_batches b
     WHERE b.opening_minor + coalesce((SELECT sum(l.amount_minor) FROM statement_lines l WHERE l.batch_id = b.id), 0)
       <> b.closing_minor`,
  );
  return {
    expectations: expectations.map((row) => ({
      id: text(row['id']),
      kind: text(row['kind']),
      currency: text(row['currency']),
      amountMinor: amount(row['amount_minor']),
      about: text(row['about']),
    })),
    homelessLines: homeless.map((row) => text(row['id'])),
    crookedMatches: crookedMatches.map((row) => text(row['id'])),
    bookings: bookings.map((row) => ({
      id: text(row['id']),
      state: text(row['state']),
      journalId: text(row['journal_id']),
    })),
    payouts: payouts.map((row) => ({
      id: text(row['id']),
      account: text(row['account']),
      status: text(row['status']),
      amountMinor: amount(row['amount_minor']),
      settledMinor: amount(row['payout_minor']),
    })),
    crookedStatements: crookedStatements.map((row) => text(row['id'])),
  };
}

/** Events that a service set aside, of the stream in this database. */
export async function deadLettersIn(sql: SqlExecutor): Promise<readonly string[]> {
  const rows = await sql.query<Row>('SELECT group_name, topic, partition, position FROM stream_dead_letters');
  return rows.map(
    (row) => `${text(row['group_name'])} ${text(row['topic'])}/${text(row['partition'])}@${text(row['position'])}`,
  );
}

const deadLettersMax = 100;

/** The same of a stream of whichever kind: the newest, which are enough to say that there are some. */
export async function deadLettersOf(stream: Pick<Stream, 'deadLetters'>): Promise<readonly string[]> {
  const letters = await stream.deadLetters(deadLettersMax);
  return letters.map(({ group, topic, partition, position }) => `${group} ${topic}/${partition}@${position}`);
}
