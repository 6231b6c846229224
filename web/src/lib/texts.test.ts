import { describe, expect, test } from 'vitest';
import { coverOf } from './cover.ts';
import { piecesOf } from './highlight.ts';
import { framed } from './prose.ts';
import { safeReturn } from './return-path.ts';
import { formatAgo, formatDuration, formatLeft, formatPosition } from './time.ts';

describe('search highlights', () => {
  test('only what is marked is marked; every other tag stays text', () => {
    expect(piecesOf('a <mark>led&amp;ger</mark> &lt;img onerror=x&gt;')).toEqual([
      { text: 'a ', marked: false },
      { text: 'led&ger', marked: true },
      { text: ' <img onerror=x>', marked: false },
    ]);
  });
  test('an entity is read once', () => {
    expect(piecesOf('&amp;lt;')).toEqual([{ text: '&lt;', marked: false }]);
  });
});

describe('the way back after signing in', () => {
  test.each([
    ['/courses/x?a=1', '/courses/x?a=1'],
    ['//evil.example', '/learn'],
    ['/\\evil.example', '/learn'],
    ['https://evil.example', '/learn'],
    ['javascript:alert(1)', '/learn'],
    ['/sign-in', '/learn'],
    [undefined, '/learn'],
  ])('%s leads to %s', (given, expected) => {
    expect(safeReturn(given)).toBe(expected);
  });
});

describe('times', () => {
  test.each([
    [0, ''],
    [45, '45 s'],
    [125, '2 min'],
    [3600, '1 h'],
    [3900, '1 h 5 min'],
  ])('%i seconds last %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
  test.each([
    [0, '0:00'],
    [67.9, '1:07'],
    [3723, '1:02:03'],
    [Number.NaN, '0:00'],
  ])('%d seconds in is %s', (seconds, text) => expect(formatPosition(seconds)).toBe(text));
  test('a moment ago, hours ago, and a date', () => {
    const now = new Date('2026-03-10T12:00:00Z');
    expect(formatAgo(new Date('2026-03-10T11:59:40Z'), now)).toBe('just now');
    expect(formatAgo(new Date('2026-03-10T09:00:00Z'), now)).toBe('3 hours ago');
    expect(formatAgo(new Date('2026-01-01T09:00:00Z'), now)).toBe('1 Jan 2026');
  });

  test('a deadline is told by what is left of it', () => {
    const now = new Date('2026-03-10T12:00:00Z');
    expect(formatLeft(new Date('2026-03-16T13:00:00Z'), now)).toBe('in 6 days');
    expect(formatLeft(new Date('2026-03-10T12:00:40Z'), now)).toBe('in less than a minute');
    expect(formatLeft(now, now)).toBe('passed');
  });
});

test('a cover is always the same for a slug, and uses what the token file has', () => {
  expect(coverOf('follow-one-purchase')).toEqual(coverOf('follow-one-purchase'));
  for (const slug of ['', 'a', 'b', 'ü', 'x'.repeat(200)]) {
    expect(coverOf(slug).palette).toBeGreaterThanOrEqual(1);
    expect(coverOf(slug).palette).toBeLessThanOrEqual(6);
  }
});

test('every table of an author gets a frame to scroll in', () => {
  expect(framed('<p>&lt;table&gt;</p><table><tr></tr></table>')).toBe(
    '<p>&lt;table&gt;</p><div class="prose-frame"><table><tr></tr></table></div>',
  );
});
