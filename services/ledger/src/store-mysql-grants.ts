/**
 * What the account that runs the ledger may do in MariaDB or MySQL: add to the book and never change it. Migrations run under
 * the owner's account; the triggers of migrations-mysql/ refuse even there, except TRUNCATE, which only privileges keep out.
 */

const added = ['batches', 'journals', 'transfers', 'holds', 'rejections', 'total_snapshots', 'accounts'];
const decided = [
  ...['periods', 'period_balances', 'adjustment_transfers', 'adjustment_exchanges'],
  ...['adjustment_revaluations', 'adjustment_closing_rates'],
];

/** Statements for the owner to run after the first migration, and again after one that makes tables. `account` is written as 'name'@'host'. */
export function ledgerGrants(database: string, account: string): string[] {
  const name = (table: string) => `\`${database.replaceAll('`', '``')}\`.${table}`;
  const grant = (rights: string, tables: readonly string[]) =>
    tables.map((table) => `GRANT ${rights} ON ${name(table)} TO ${account}`);
  return [
    ...grant('SELECT, INSERT', [...added, ...decided]),
    ...grant('SELECT, INSERT, UPDATE', ['account_totals', 'sold_lines', 'adjustments', 'revaluation_points']),
    ...grant('SELECT, UPDATE', ['ledger_writer']),
    ...grant('SELECT, INSERT, DELETE', ['open_holds', 'outbox']),
    ...grant('SELECT, INSERT, UPDATE, DELETE', ['inbox', 'idempotency_keys']),
    ...grant('SELECT', ['migration_steps']),
  ];
}
