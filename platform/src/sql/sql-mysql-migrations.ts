/**
 * Migrations where DDL commits by itself. A file is applied statement by statement, and each that is done is recorded; a
 * run that stopped goes on at the first statement that is not. Between a DDL statement and its record the process may
 * die, so the statement may come twice: write `CREATE TABLE IF NOT EXISTS`, `CREATE TRIGGER IF NOT EXISTS`, indexes inside
 * their tables. Other statements commit together with their record and come once.
 *
 * The promise that is weaker than PostgreSQL's: of a file that fails, the statements before the failure stay.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type SqlExecutor, SqlFault } from './sql.ts';

const stepsTable = `CREATE TABLE IF NOT EXISTS migration_steps (
  name varchar(200) NOT NULL,
  step int NOT NULL,
  sha256 char(64) NOT NULL,
  at datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (name, step)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;

/** On one connection that holds the migrations' lock. Throws SqlFault `invalid`, naming the file. */
export async function applyMigrations(connection: SqlExecutor, folder: string): Promise<void> {
  // Looked for first: an account that may only add to a book may not make tables, and need not once all is applied.
  if (!(await hasTables(connection, ['migration_steps']))) await connection.execute(stepsTable);
  const names = (await readdir(folder)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort();
  for (const name of names) await applyFile(connection, name, await readFile(path.join(folder, name), 'utf8'));
}

/** Whether the database has all of these tables. */
export async function hasTables(executor: SqlExecutor, names: readonly string[]): Promise<boolean> {
  const rows = await executor.query(
    'SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN (?)',
    [names],
  );
  return rows.length === names.length;
}

async function applyFile(connection: SqlExecutor, name: string, text: string): Promise<void> {
  const statements = statementsOf(text).map((statement) => ({
    statement,
    sha256: createHash('sha256').update(statement).digest('hex'),
  }));
  const done = await connection.query<{ sha256: string }>(
    'SELECT sha256 FROM migration_steps WHERE name = ? ORDER BY step',
    [name],
  );
  if (done.some(({ sha256 }, step) => sha256 !== statements[step]?.sha256))
    throw new SqlFault('invalid', `the migration ${name} was changed after it was applied; add a new one instead`);
  for (const [offset, { statement, sha256 }] of statements.slice(done.length).entries()) {
    try {
      await applyStatement(connection, statement, [name, done.length + offset, sha256]);
    } catch (error) {
      throw new SqlFault(
        'invalid',
        `the migration ${name} stopped at its statement ${done.length + offset + 1}: ${(error as Error).message}`,
        '',
        { cause: error },
      );
    }
  }
}

async function applyStatement(
  connection: SqlExecutor,
  statement: string,
  [name, step, sha256]: readonly [string, number, string],
): Promise<void> {
  await connection.execute('START TRANSACTION');
  try {
    await connection.execute(statement);
    await connection.execute('INSERT INTO migration_steps (name, step, sha256) VALUES (?, ?, ?)', [name, step, sha256]);
    await connection.execute('COMMIT');
  } catch (error) {
    await connection.execute('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** Quoted text, comments, and what ends a statement. A trigger is one statement without BEGIN … END. */
const pieces =
  /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;|[^'"`;\-/]+|[-/]/g;

/** The statements of a file, without comments. */
export function statementsOf(text: string): string[] {
  const statements: string[] = [];
  let statement = '';
  for (const [piece] of text.matchAll(pieces)) {
    if (piece === ';') {
      statements.push(statement.trim());
      statement = '';
    } else if (!piece.startsWith('--') && !piece.startsWith('/*')) statement += piece;
  }
  return [...statements, statement.trim()].filter((one) => one !== '');
}
