import { expect, test } from 'vitest';
import { isWithin, reachesBefore } from './asked-within.ts';

const at = (createdAt: string) => ({ createdAt });
const span = { from: '2026-04-01T00:00:00+05:30', until: '2026-04-02T00:00:00+05:30' };

test('the first instant is within a time and the last is not, whatever the zone', () => {
  expect(isWithin(at('2026-03-31T18:30:00Z'), span)).toBe(true);
  expect(isWithin(at('2026-03-31T18:29:59.999Z'), span)).toBe(false);
  expect(isWithin(at('2026-04-01T18:29:59.999Z'), span)).toBe(true);
  expect(isWithin(at('2026-04-01T18:30:00Z'), span)).toBe(false);
});

test('a time without ends holds everything', () => {
  expect(isWithin(at('2026-03-31T18:30:00Z'), {})).toBe(true);
});

test('reading ends with the first that is older', () => {
  expect(reachesBefore([at('2026-04-03T00:00:00Z'), at('2026-03-31T18:30:00Z')], span.from)).toBe(false);
  expect(reachesBefore([at('2026-03-31T18:29:59Z')], span.from)).toBe(true);
  expect(reachesBefore([at('2026-03-31T18:29:59Z')], undefined)).toBe(false);
  expect(reachesBefore([], span.from)).toBe(false);
});
