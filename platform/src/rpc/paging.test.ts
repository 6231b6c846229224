import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Page, pageToken, readPage } from './paging.ts';
import { isRefusal } from './rpc.ts';

describe('a page', () => {
  test('has 20 rows unless asked otherwise, and at most 100', () => {
    expect(readPage({ pageSize: 0, pageToken: '' })).toEqual({ limit: 20, after: [] });
    expect(readPage({ pageSize: 100, pageToken: '' })).toEqual({ limit: 100, after: [] });
    for (const pageSize of [101, -1, 2 ** 31 - 1]) {
      expect(readPage({ pageSize, pageToken: '' })).toMatchObject({
        code: 'invalid_request',
        errors: [{ field: 'pageSize' }],
      });
    }
  });

  test('goes on after the sort key that its token was made of', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 8 }), (parts) => {
        const wellFormed = parts.map((part) => part.replaceAll('\0', '').slice(0, 40));
        expect((readPage({ pageSize: 5, pageToken: pageToken(wellFormed) }) as Page).after).toEqual(wellFormed);
      }),
    );
  });

  test('refuses a token that was changed, cut or made up', () => {
    const token = pageToken(['2026-01-01T00:00:00.000Z', 'crs_1']);
    const broken = [token.slice(0, -2), `${token}AA`, `A${token.slice(1)}`, 'x', '%', "' OR 1=1", 'a'.repeat(5_000)];
    for (const pageToken of broken) {
      expect(readPage({ pageSize: 0, pageToken }), pageToken).toMatchObject({
        code: 'invalid_request',
        errors: [{ field: 'pageToken', code: 'bad_format' }],
      });
    }
  });

  test('refuses the token of a list that was narrowed otherwise, and goes on with the same filter', () => {
    const token = pageToken(['7'], ['open', '']);
    const read = (filter?: readonly string[]) => readPage({ pageSize: 0, pageToken: token }, ['integer'], filter);
    expect(read(['open', ''])).toEqual({ limit: 20, after: ['7'], filter: ['open', ''] });
    for (const other of [undefined, [], ['', 'open'], ['closed', ''], ['open', '', 'x']])
      expect(read(other), JSON.stringify(other)).toMatchObject({
        errors: [{ field: 'pageToken', code: 'bad_format' }],
      });
    expect(readPage({ pageSize: 0, pageToken: pageToken(['7']) }, ['integer'], ['', ''])).toMatchObject({
      after: ['7'],
    });
  });

  test('refuses the token of a list that is sorted otherwise', () => {
    const token = pageToken(['2026-01-01T00:00:00.000Z', 'crs_1']);
    expect(isRefusal(readPage({ pageSize: 0, pageToken: token }, ['time', 'text']))).toBe(false);
    expect(isRefusal(readPage({ pageSize: 0, pageToken: token }, ['integer', 'text']))).toBe(true);
    expect(isRefusal(readPage({ pageSize: 0, pageToken: token }, ['time']))).toBe(true);
    expect(isRefusal(readPage({ pageSize: 0, pageToken: pageToken(['9'.repeat(30)]) }, ['integer']))).toBe(true);
  });
});
