import { expect, test } from 'vitest';
import { readBooked, readJournals, triedMax, unbooked } from './journal-file.ts';

test('a file is its lines, empty ones left out', () => {
  expect(readJournals('{"id":"a"}\r\n\n{"id":"b"}\n')).toEqual({ journals: [{ id: 'a' }, { id: 'b' }] });
});

test('a line that is no journal is named as an editor counts', () => {
  expect(readJournals('{"id":"a"}\n\n[1]\n')).toEqual({ wrong: 'Line 3 is no JSON object.' });
  expect(readJournals('{"id":"a"\n')).toEqual({ wrong: 'Line 1 is no JSON object.' });
  expect(readJournals(' \n')).toEqual({ wrong: 'There are no journals in it.' });
});

test('as many are tried as one request takes', () => {
  expect(readJournals('{}\n'.repeat(triedMax))).toHaveProperty('journals.length', triedMax);
  expect(readJournals('{}\n'.repeat(triedMax + 1))).toHaveProperty('wrong');
});

const posted = { id: 'a', outcome: 'posted', journalId: 'j' };
const rejected = { id: 'b', outcome: 'rejected', reason: 'unknown_account' };
const end = { posted: 1, duplicate: 0, rejected: 1, skipped: 0, sequence: '9' };
const lines = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

test('an answer is its results and the sums of its last line', () => {
  const booked = readBooked(lines(posted, rejected, { end }));
  expect(booked).toEqual({ results: [posted, rejected], totals: end });
  expect(unbooked(booked.results)).toEqual([rejected]);
});

test('an answer without its last line, or with half of it, broke off', () => {
  expect(readBooked(lines(posted, { end: { posted: 1 } }))).toEqual({ results: [posted] });
  expect(readBooked(lines(posted))).toEqual({ results: [posted] });
  expect(readBooked(lines(posted, { end }).slice(0, -4))).toEqual({ results: [posted] });
});
