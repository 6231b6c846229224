/**
 * The `sql` port with spans (telemetry/client-spans.ts): one for each statement by itself, one for each transaction, which
 * names its statements and counts them. A transaction that was begun outside of any trace, such as one that applies a batch
 * of events of many traces, has none; its statements are spans of whatever they are run for.
 */
import type { CallScope } from '../telemetry/call-scope.ts';
import { beginClientSpan, keptScope, kindOf, spanning } from '../telemetry/client-spans.ts';
import { span as names } from '../telemetry/semantic-names.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type Sql, type SqlExecutor, SqlFault, type SqlRow, type SqlTransaction } from './sql.ts';
import { summaryOf } from './statement-summary.ts';

export interface SqlSpansOptions {
  readonly telemetry: Pick<Telemetry, 'span'>;
  /** `db.system.name` of the conventions. */
  readonly system: 'postgresql' | 'mysql' | 'mariadb';
  /** The name of the database. */
  readonly database: string;
}

/** The conventions' own limit for `db.query.summary`. */
const summaryCharsMax = 255;

export function withSqlSpans(sql: Sql, options: SqlSpansOptions): Sql {
  return {
    ...sql,
    ...spannedExecutor(sql, options),
    staleReader: (lagMsMax) => {
      const reader = sql.staleReader(lagMsMax);
      return { dialect: reader.dialect, query: spannedQuery(reader, options) };
    },
    transaction: (work, transactionOptions) => {
      const scope = keptScope();
      if (scope !== undefined) {
        return inSpan(options, scope, (seen) => sql.transaction((tx) => work(seen(tx)), transactionOptions));
      }
      return sql.transaction((tx) => work({ ...tx, ...spannedExecutor(tx, options) }), transactionOptions);
    },
  };
}

function spannedExecutor(executor: SqlExecutor, options: SqlSpansOptions): Pick<SqlExecutor, 'query' | 'execute'> {
  return {
    query: spannedQuery(executor, options),
    execute: (text, values) => {
      const scope = keptScope();
      if (scope === undefined) return executor.execute(text, values);
      return spanning(statementSpan(options, scope, text), () => executor.execute(text, values));
    },
  };
}

function spannedQuery(executor: Pick<SqlExecutor, 'query'>, options: SqlSpansOptions): SqlExecutor['query'] {
  return <Row extends SqlRow>(text: string, values?: Parameters<SqlExecutor['query']>[1]) => {
    const scope = keptScope();
    if (scope === undefined) return executor.query<Row>(text, values);
    return spanning(statementSpan(options, scope, text), () => executor.query<Row>(text, values));
  };
}

function statementSpan({ telemetry, system, database }: SqlSpansOptions, scope: CallScope, text: string) {
  const { operation, summary } = summaryOf(text);
  return beginClientSpan(telemetry, scope, summary, {
    [names.dbSystem]: system,
    [names.dbNamespace]: database,
    [names.dbOperation]: operation,
    [names.dbSummary]: summary,
  });
}

type Seen = (tx: SqlTransaction) => SqlTransaction;

async function inSpan<T>(options: SqlSpansOptions, scope: CallScope, run: (seen: Seen) => Promise<T>): Promise<T> {
  const { telemetry, system, database } = options;
  const span = beginClientSpan(telemetry, scope, 'transaction', {
    [names.dbSystem]: system,
    [names.dbNamespace]: database,
    [names.dbOperation]: 'transaction',
  });
  if (span === undefined) return run((tx) => tx);
  const seen: Statements = { count: 0, kinds: new Set() };
  try {
    const result = await run((tx) => noting(tx, seen));
    span.set(names.dbOutcome, 'committed');
    return result;
  } catch (error) {
    // What the work itself throws rolls back and is no failure of the database.
    span.set(names.dbOutcome, 'rolled back');
    if (error instanceof SqlFault) span.fail(kindOf(error));
    throw error;
  } finally {
    span.set(names.dbStatements, seen.count);
    if (seen.kinds.size > 0) span.set(names.dbSummary, [...seen.kinds].join(' ').slice(0, summaryCharsMax));
    span.end();
  }
}

/** Each kind once, in the order in which they came. */
interface Statements {
  count: number;
  readonly kinds: Set<string>;
}

function noting(tx: SqlTransaction, seen: Statements): SqlTransaction {
  const note = (text: string) => {
    seen.count += 1;
    seen.kinds.add(summaryOf(text).summary);
  };
  return {
    ...tx,
    query: (text, values) => {
      note(text);
      return tx.query(text, values);
    },
    execute: (text, values) => {
      note(text);
      return tx.execute(text, values);
    },
    withCommit: (statements) =>
      tx.withCommit(() => {
        const last = statements();
        for (const { text } of last) note(text);
        return last;
      }),
  };
}
