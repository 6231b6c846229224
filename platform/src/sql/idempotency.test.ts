/** M9 on the engine of the run: PostgreSQL, or MariaDB when tools/engines says so. */
import { create } from '@bufbuild/protobuf';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestSql } from '../testing.ts';
import {
  beginIdempotent,
  finishIdempotent,
  type IdempotentCall,
  lookIdempotent,
  noteProgress,
  releaseIdempotent,
} from './idempotency.ts';
import { prepareServiceDatabase } from './service-tables.ts';
import { retrying, type Sql } from './sql.ts';

type Call = IdempotentCall<typeof EnvelopeSchema, typeof EnvelopeSchema>;

let sql: Sql;
beforeAll(async () => {
  sql = await openTestSql();
  await Promise.all([prepareServiceDatabase(sql), prepareServiceDatabase(sql)]);
});
afterAll(() => sql.close());

const call = (key: string, change: Partial<Call> & { readonly body?: string } = {}): Call => ({
  scope: 'user:usr_1',
  method: 'pay',
  key,
  input: EnvelopeSchema,
  request: create(EnvelopeSchema, { id: change.body ?? 'one', data: Buffer.from([0, 39, 92, 255]) }),
  output: EnvelopeSchema,
  claimant: 'process_1',
  ...change,
});
const begin = (one: Call) => retrying(() => sql.transaction((tx) => beginIdempotent(tx, one)));
const answer = create(EnvelopeSchema, { id: 'answer', data: Buffer.from([1, 0, 2]) });

describe('an idempotency key (M9)', () => {
  it('is new for one of many that come at once; the others are told that it is under way', async () => {
    const claims = await Promise.all(Array.from({ length: 8 }, () => begin(call('at-once'))));
    expect(claims.filter(({ kind }) => kind === 'new')).toHaveLength(1);
    const told = claims.filter((claim) => claim.kind === 'refused');
    expect(told).toHaveLength(7);
    expect(told.every(({ refusal }) => refusal.code === 'idempotency_in_progress')).toBe(true);
  });

  it('has the first answer for ever, byte by byte', async () => {
    await sql.transaction(async (tx) => {
      expect(await beginIdempotent(tx, call('answered'))).toEqual({ kind: 'new' });
      await finishIdempotent(tx, call('answered'), answer);
    });
    for (const claim of [await begin(call('answered')), await lookIdempotent(sql, call('answered'))])
      expect(claim).toEqual({ kind: 'answered', answer });
  });

  it('is refused for another request, with the fields that differ, and is another key in another case', async () => {
    await begin(call('reused'));
    const claim = await begin(call('reused', { body: 'two' }));
    expect(claim).toMatchObject({ kind: 'refused', refusal: { code: 'idempotency_key_reused' } });
    expect(claim.kind === 'refused' && claim.refusal.errors.map(({ field }) => field)).toEqual(['id']);
    expect(await begin(call('REUSED', { body: 'two' }))).toEqual({ kind: 'new' });
    expect(await begin(call('reused', { body: 'two', scope: 'user:usr_2' }))).toEqual({ kind: 'new' });
  });

  it('is taken up after the process that held it, with the progress it noted', async () => {
    await begin(call('left'));
    await noteProgress(sql, call('left'), 'pay_1');
    expect(await begin(call('left', { claimant: 'process_2' }))).toEqual({ kind: 'abandoned', progress: 'pay_1' });
    expect(await begin(call('left'))).toMatchObject({ kind: 'abandoned' });
  });

  it('is free again after a refusal before any effect, and not after an answer', async () => {
    await begin(call('freed'));
    await releaseIdempotent(sql, call('freed'));
    expect(await begin(call('freed', { body: 'mended' }))).toEqual({ kind: 'new' });
    await finishIdempotent(sql, call('freed'), answer);
    await releaseIdempotent(sql, call('freed'));
    expect(await begin(call('freed', { body: 'mended' }))).toMatchObject({ kind: 'answered' });
  });

  it('is forgotten with a transaction that is rolled back', async () => {
    const failing = sql.transaction(async (tx) => {
      await beginIdempotent(tx, call('rolled-back'));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await begin(call('rolled-back'))).toEqual({ kind: 'new' });
  });
});
