import { expect, test } from 'vitest';
import { moved } from './reorder.ts';

test.each([
  [['c'], 'a', false, 'cab'],
  [['a'], 'c', true, 'bca'],
  [['a'], 'b', true, 'bac'],
  [['a'], 'a', true, 'abc'],
  [['a'], 'x', true, 'abc'],
])('%j put at %s (after: %s) gives %s', (keys, target, after, expected) => {
  expect(moved(['a', 'b', 'c'], keys, target, after).join('')).toBe(expected);
});
