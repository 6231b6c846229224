/** What MariaDB and MySQL have in common: the tests that run on them, the account, the greeting. */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { Engine } from './engine.ts';

/** Where tests of the dialect find the server of this run, whichever of the two it is. */
export const mysqlTestSetting = 'SUUUPRA_TEST_MYSQL';

export const mysqlTests: Engine['tests'] = {
  include: [
    'platform/src/sql/{idempotency.test,*.engines.test}.ts',
    'platform/src/shards/*.engines.test.ts',
    'tools/engines/{mariadb,payments}-*.engines.test.ts',
    'platform/src/stream/{inbox,outbox}.test.ts',
    'services/{ledger,payments}/src/**/*.test.ts',
  ],
  // Kafka's; and PostgreSQL's alone: its adapters, a check that copies databases by its templates, the role of the writer.
  exclude: [
    '**/*-postgres*.test.ts',
    'services/ledger/src/{verify,ledger-writer}.test.ts',
    'services/payments/src/provider-*.engines.test.ts',
    'tools/engines/kafka-*.engines.test.ts',
  ],
  env: { SUUUPRA_TEST_ENGINE: 'mysql' },
  // A fresh database with all its tables costs MariaDB a good part of a second.
  testMsMax: 120_000,
  // The stream stays on PostgreSQL.
  needs: ['postgres'],
};

/** The statements that make our account when the server starts: `accounts.sql` in its folder, for `--init-file`. */
export function writeAccount(folder: string, password: string): void {
  writeFileSync(
    path.join(folder, 'accounts.sql'),
    `CREATE USER IF NOT EXISTS suuupra@'127.0.0.1' IDENTIFIED BY '${password}';
GRANT ALL PRIVILEGES ON *.* TO suuupra@'127.0.0.1' WITH GRANT OPTION;
`,
  );
}

/** A server that is ready speaks first: it sends its greeting. */
export function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.once('data', () => answer(true));
    socket.once('error', () => answer(false));
    socket.setTimeout(1_000, () => answer(false));
  });
}
