/** Faults of MySQL and MariaDB as a caller can act on them (MariaDB: "Error Codes"; MySQL 8.0: "Server Error Reference"). */
import { SqlFault, type SqlFaultKind } from './sql.ts';

/** Server error numbers. What is not here is `other`. */
const kinds: Readonly<Record<number, SqlFaultKind>> = {
  // 1062 duplicate entry, 1586 the same by key name.
  1062: 'unique',
  1586: 'unique',
  1216: 'foreign_key',
  1217: 'foreign_key',
  1451: 'foreign_key',
  1452: 'foreign_key',
  // 4025 MariaDB, 3819 MySQL: CHECK; 1048, 1364: NOT NULL.
  4025: 'check',
  3819: 'check',
  1048: 'check',
  1364: 'check',
  1044: 'permission',
  1142: 'permission',
  1143: 'permission',
  1227: 'permission',
  1370: 'permission',
  // 1205 lock wait, 1213 deadlock, 1020 changed since last read (innodb_snapshot_isolation), 3572 NOWAIT.
  1205: 'retryable',
  1213: 'retryable',
  1020: 'retryable',
  3572: 'retryable',
  1153: 'invalid',
  1264: 'invalid',
  1292: 'invalid',
  1366: 'invalid',
  1367: 'invalid',
  1406: 'invalid',
  1690: 'invalid',
  // 1040, 1203 too many connections; 1053 stopping; 1927 killed; 1290, 1792, 1836 a replica or a server made read-only.
  // 3, 1021, 1026, 1114: no room is left on the disk.
  3: 'unavailable',
  1021: 'unavailable',
  1026: 'unavailable',
  1114: 'unavailable',
  1040: 'unavailable',
  1053: 'unavailable',
  1152: 'unavailable',
  1203: 'unavailable',
  1290: 'unavailable',
  1792: 'unavailable',
  1836: 'unavailable',
  1927: 'unavailable',
  4031: 'unavailable',
};

interface DriverError {
  readonly errno?: number;
  readonly code?: string;
  readonly sqlState?: string;
  readonly sqlMessage?: string;
  readonly message?: string;
}

/**
 * A driver's error without a server's number comes from the connection. What the driver keeps of the statement and its
 * values stays behind: faults are logged, values are other people's.
 */
export function asFault(error: unknown): SqlFault {
  if (error instanceof SqlFault) return error;
  const driver = error as DriverError;
  const constraint = constraintOf(driver.sqlMessage ?? '');
  const kind = faultKind(driver);
  const message = withoutValues(driver.sqlMessage ?? driver.message ?? String(error));
  const { code, errno, sqlState } = driver;
  const cause = Object.assign(new Error(message), { code, errno, sqlState });
  return new SqlFault(kind, message, constraint, { cause });
}

/** "Duplicate entry 'x' for key 'name'", "Incorrect integer value: 'x' for column 'name'": without the x. */
function withoutValues(message: string): string {
  return message.replace(/'.*'(?= for (?:key|column) )/s, '…');
}

function faultKind({ errno = 0, sqlState = '', sqlMessage }: DriverError): SqlFaultKind {
  if (sqlMessage === undefined) return 'unavailable';
  // What our own triggers signal.
  if (sqlState === '42501') return 'permission';
  return kinds[errno] ?? 'other';
}

/** Whether the connection was dead before the statement reached the server, or was ended under it. */
export function wasCut({ cause }: SqlFault): boolean {
  const { code = '', errno = 0, message = '' } = (cause ?? {}) as DriverError;
  return (
    ['PROTOCOL_CONNECTION_LOST', 'ECONNRESET', 'EPIPE'].includes(code) ||
    [1927, 4031].includes(errno) ||
    /closed state|connection is closed|Connection lost/i.test(message)
  );
}

/** The key or constraint that the server names: `key 'name'`, `key 'table.name'`, CONSTRAINT `name`, constraint 'name'. */
function constraintOf(message: string): string {
  const [, name = ''] =
    /for key '([^']+)'$/.exec(message) ??
    /CONSTRAINT `([^`]+)`/.exec(message) ??
    /Check constraint '([^']+)'/.exec(message) ??
    [];
  return name.slice(name.indexOf('.') + 1);
}
