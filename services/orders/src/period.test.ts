import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addDaysMs, type Calendar, isTimeZone, periodIndexAt, periodStartMs } from './period.ts';

function calendar(first: string, unit: 'month' | 'year', count = 1, timeZone = 'UTC'): Calendar {
  return { anchorMs: Date.parse(first), interval: { unit, count }, timeZone };
}

function starts(given: Calendar, number: number): string[] {
  return Array.from({ length: number }, (_, index) => new Date(periodStartMs(given, index)).toISOString().slice(0, 16));
}

describe('periods', () => {
  it('that began on the 31st end with each month, and come back to the 31st', () => {
    expect(starts(calendar('2026-01-31T10:00:00Z', 'month'), 5)).toEqual([
      '2026-01-31T10:00',
      '2026-02-28T10:00',
      '2026-03-31T10:00',
      '2026-04-30T10:00',
      '2026-05-31T10:00',
    ]);
  });

  it('that began on 29 February are due on the 28th in other years, and on the 29th in the next leap year', () => {
    expect(starts(calendar('2024-02-29T00:00:00Z', 'year'), 5).map((text) => text.slice(0, 10))).toEqual([
      '2024-02-29',
      '2025-02-28',
      '2026-02-28',
      '2027-02-28',
      '2028-02-29',
    ]);
    expect(starts(calendar('2027-11-30T00:00:00Z', 'month', 3), 3).map((text) => text.slice(0, 10))).toEqual([
      '2027-11-30',
      '2028-02-29',
      '2028-05-30',
    ]);
  });

  it('keep the local hour of their zone over summer time, and UTC knows none', () => {
    expect(starts(calendar('2026-03-15T08:00:00Z', 'month', 1, 'Europe/Berlin'), 2)).toEqual([
      '2026-03-15T08:00',
      '2026-04-15T07:00',
    ]);
    expect(starts(calendar('2026-03-15T08:00:00Z', 'month'), 2)[1]).toBe('2026-04-15T08:00');
    // 02:30 does not exist on 29 March 2026 in Berlin, and is there twice on 25 October.
    expect(starts(calendar('2026-02-28T23:00:00Z', 'month', 1, 'Asia/Kolkata'), 2)[1]).toBe('2026-03-31T23:00');
    const gap = calendar('2026-01-29T01:30:00Z', 'month', 2, 'Europe/Berlin');
    expect(starts(gap, 2)[1]).toBe('2026-03-29T01:30');
    const twice = calendar('2026-09-25T00:30:00Z', 'month', 1, 'Europe/Berlin');
    expect(starts(twice, 2)[1]).toBe('2026-10-25T00:30');
    expect(new Date(addDaysMs(Date.parse('2026-03-28T12:00:00Z'), 7, 'Europe/Berlin')).toISOString()).toBe(
      '2026-04-04T11:00:00.000Z',
    );
  });

  it('follow each other without a gap, and each instant is in one of them', () => {
    fc.assert(
      fc.property(
        fc.record({
          anchorMs: fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2032, 0) }),
          interval: fc.record({
            unit: fc.constantFrom('month', 'year') as fc.Arbitrary<'month' | 'year'>,
            count: fc.integer({ min: 1, max: 12 }),
          }),
          timeZone: fc.constantFrom('UTC', 'Asia/Kolkata', 'Europe/Berlin', 'America/New_York', 'Pacific/Apia'),
        }),
        fc.integer({ min: 0, max: 6 * 365 * 24 * 3_600_000 }),
        (given, laterMs) => {
          const atMs = given.anchorMs + laterMs;
          const index = periodIndexAt(given, atMs);
          expect(periodStartMs(given, 0)).toBe(given.anchorMs);
          expect(periodStartMs(given, index)).toBeLessThanOrEqual(atMs);
          expect(periodStartMs(given, index + 1)).toBeGreaterThan(atMs);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are of zones that there are', () => {
    expect(['UTC', 'Asia/Kolkata', 'Mars/Base', '', '+05:30'].map(isTimeZone)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
