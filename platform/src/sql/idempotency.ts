/**
 * Idempotency-Key, kept in the database of the service that does the work.
 *
 * `begin` in the operation's first transaction claims the key; `finish` in its last stores the answer. An operation of
 * one transaction calls both in it. A key is scoped to the caller and the method, and kept for 30 days.
 *
 * Source: draft-ietf-httpapi-idempotency-key-header; Stripe's API for the replay of the first answer.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { equals, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import type { FieldError } from '@suuupra/contracts/errors';
import { type CallContext, type Refusal, refuse } from '../rpc/rpc.ts';
import type { SqlDialect, SqlExecutor, SqlTransaction } from './sql.ts';

export interface IdempotentCall<I extends DescMessage, O extends DescMessage> {
  /** Who the key belongs to, e.g. the user id. */
  readonly scope: string;
  /** The method's name. */
  readonly method: string;
  readonly key: string;
  readonly input: I;
  readonly request: MessageShape<I>;
  readonly output: O;
  /** Changes with each start of a process, so that a claim left by a dead one is known as such. */
  readonly claimant: string;
}

/** What a key stands for when a call arrives with it. */
export type Claim<O extends DescMessage> =
  | { readonly kind: 'new' }
  /** The work was begun by a process that is gone; `progress` is what `note` left. Take it up. */
  | { readonly kind: 'abandoned'; readonly progress: string }
  | { readonly kind: 'answered'; readonly answer: MessageShape<O> }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

interface KeyRow extends Record<string, unknown> {
  request: Buffer;
  response: Buffer | null;
  claimant: string;
  progress: string;
}

/** The table each service with idempotent operations has; part of the platform's own migrations. */
export const idempotencyTable: Readonly<Record<SqlDialect, string>> = {
  postgres: `
CREATE TABLE IF NOT EXISTS idempotency_keys (
  scope text NOT NULL,
  method text NOT NULL,
  key text NOT NULL,
  request bytea NOT NULL,
  response bytea,
  claimant text NOT NULL,
  progress text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (scope, method, key)
)`,
  mysql: `
CREATE TABLE IF NOT EXISTS idempotency_keys (
  scope varchar(200) NOT NULL,
  method varchar(100) NOT NULL,
  \`key\` varbinary(255) NOT NULL,
  request mediumblob NOT NULL,
  response mediumblob,
  claimant varchar(200) NOT NULL,
  progress varchar(2000) NOT NULL DEFAULT '',
  -- How often the key came: tells an insert from a key that was there, under its lock either way.
  asked int NOT NULL DEFAULT 1,
  created_at datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (scope, method, \`key\`),
  KEY idempotency_keys_created_at (created_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
};

/** One statement in each dialect; the values come in the order of the text. */
const statements = {
  postgres: {
    claim: `INSERT INTO idempotency_keys (scope, method, key, request, claimant) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT DO NOTHING`,
    find: 'SELECT request, response, claimant, progress FROM idempotency_keys WHERE scope = $1 AND method = $2 AND key = $3',
    takeUp: 'UPDATE idempotency_keys SET claimant = $1 WHERE scope = $2 AND method = $3 AND key = $4',
    note: 'UPDATE idempotency_keys SET progress = $1 WHERE scope = $2 AND method = $3 AND key = $4',
    answer: 'UPDATE idempotency_keys SET response = $1 WHERE scope = $2 AND method = $3 AND key = $4',
    release: 'DELETE FROM idempotency_keys WHERE scope = $1 AND method = $2 AND key = $3 AND response IS NULL',
  },
  mysql: {
    claim: `INSERT INTO idempotency_keys (scope, method, \`key\`, request, claimant) VALUES (?, ?, ?, ?, ?)
     ON DUPLICATE KEY UPDATE asked = asked + 1`,
    find: 'SELECT request, response, claimant, progress FROM idempotency_keys WHERE scope = ? AND method = ? AND `key` = ?',
    takeUp: 'UPDATE idempotency_keys SET claimant = ? WHERE scope = ? AND method = ? AND `key` = ?',
    note: 'UPDATE idempotency_keys SET progress = ? WHERE scope = ? AND method = ? AND `key` = ?',
    answer: 'UPDATE idempotency_keys SET response = ? WHERE scope = ? AND method = ? AND `key` = ?',
    release: 'DELETE FROM idempotency_keys WHERE scope = ? AND method = ? AND `key` = ? AND response IS NULL',
  },
} as const satisfies Record<SqlDialect, Record<string, string>>;

export async function beginIdempotent<I extends DescMessage, O extends DescMessage>(
  tx: SqlTransaction,
  call: IdempotentCall<I, O>,
): Promise<Claim<O>> {
  const request = Buffer.from(toBinary(call.input, call.request));
  const claimed = await tx.execute(statements[tx.dialect].claim, [
    call.scope,
    call.method,
    call.key,
    request,
    call.claimant,
  ]);
  if (claimed === 1) return { kind: 'new' };
  const [row] = await tx.query<KeyRow>(`${statements[tx.dialect].find} FOR UPDATE`, [
    call.scope,
    call.method,
    call.key,
  ]);
  if (row === undefined) return { kind: 'new' };
  const first = fromBinary(call.input, row.request);
  if (!equals(call.input, first, call.request))
    return { kind: 'refused', refusal: reused(call.input, first, call.request) };
  if (row.response !== null) return { kind: 'answered', answer: fromBinary(call.output, row.response) };
  if (row.claimant === call.claimant) return { kind: 'refused', refusal: inProgress() };
  await tx.execute(statements[tx.dialect].takeUp, [call.claimant, call.scope, call.method, call.key]);
  return { kind: 'abandoned', progress: row.progress };
}

/**
 * What the key stands for so far, without claiming it: a look before work that a stored answer makes needless. `new` says
 * only that nobody had claimed it yet. A claim under way comes as `abandoned` with its progress; `beginIdempotent` decides.
 */
export async function lookIdempotent<I extends DescMessage, O extends DescMessage>(
  executor: SqlExecutor,
  call: IdempotentCall<I, O>,
): Promise<Claim<O>> {
  const [row] = await executor.query<KeyRow>(statements[executor.dialect].find, [call.scope, call.method, call.key]);
  if (row === undefined) return { kind: 'new' };
  const first = fromBinary(call.input, row.request);
  if (!equals(call.input, first, call.request))
    return { kind: 'refused', refusal: reused(call.input, first, call.request) };
  if (row.response !== null) return { kind: 'answered', answer: fromBinary(call.output, row.response) };
  return { kind: 'abandoned', progress: row.progress };
}

/** Notes how far the work has come (e.g. the id of what was made), for whoever takes up an abandoned claim. */
export async function noteProgress(
  tx: SqlExecutor,
  call: Pick<IdempotentCall<DescMessage, DescMessage>, 'scope' | 'method' | 'key'>,
  progress: string,
): Promise<void> {
  await tx.execute(statements[tx.dialect].note, [progress, call.scope, call.method, call.key]);
}

/** Stores the answer; in a transaction as one of its last statements, sent with its COMMIT. */
export async function finishIdempotent<I extends DescMessage, O extends DescMessage>(
  tx: SqlExecutor | SqlTransaction,
  call: Pick<IdempotentCall<I, O>, 'scope' | 'method' | 'key' | 'output'>,
  answer: MessageShape<O>,
): Promise<void> {
  const { answer: text } = statements[tx.dialect];
  const values = [Buffer.from(toBinary(call.output, answer)), call.scope, call.method, call.key];
  if ('withCommit' in tx) tx.withCommit(() => [{ text, values }]);
  else await tx.execute(text, values);
}

/** Frees the key after a refusal that came before any effect, so that a mended request may use it again. */
export async function releaseIdempotent(
  tx: SqlExecutor,
  call: Pick<IdempotentCall<DescMessage, DescMessage>, 'scope' | 'method' | 'key'>,
): Promise<void> {
  await tx.execute(statements[tx.dialect].release, [call.scope, call.method, call.key]);
}

/** Who a key belongs to: the user, or the service that calls. */
export function idempotencyScope(context: CallContext): string {
  const { principal } = context;
  if (principal.kind === 'user') return `user:${principal.userId}`;
  return principal.kind === 'service' ? `service:${principal.name}` : 'anonymous';
}

function inProgress(): Refusal {
  return refuse('idempotency_in_progress', 'The first request with this key has not finished; ask again in a moment.');
}

function reused<I extends DescMessage>(schema: I, first: MessageShape<I>, second: MessageShape<I>): Refusal {
  const fields = differingFields(toJson(schema, first), toJson(schema, second), '');
  return refuse(
    'idempotency_key_reused',
    'This Idempotency-Key was already used with another request; send a new key for a new request.',
    fields,
  );
}

/** The paths at which two JSON values differ, at most 20. */
export function differingFields(first: unknown, second: unknown, path: string): FieldError[] {
  if (JSON.stringify(first) === JSON.stringify(second)) return [];
  if (!isRecordOrArray(first) || !isRecordOrArray(second) || Array.isArray(first) !== Array.isArray(second)) {
    return [
      { field: path === '' ? 'body' : path, code: 'differs', detail: 'differs from the first request with this key' },
    ];
  }
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  const found = [...names].flatMap((name) => {
    const inner = Array.isArray(first) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
    return differingFields((first as Record<string, unknown>)[name], (second as Record<string, unknown>)[name], inner);
  });
  return found.slice(0, 20);
}

function isRecordOrArray(value: unknown): value is Record<string, unknown> | unknown[] {
  return typeof value === 'object' && value !== null;
}
