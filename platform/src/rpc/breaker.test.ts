import { expect, test } from 'vitest';
import { createBreaker } from './breaker.ts';

const limits = { faultsMax: 3, openMs: 100, openMsMax: 300 };

function openedAt(nowMs: number) {
  const breaker = createBreaker(limits);
  for (let fault = 0; fault < limits.faultsMax; fault += 1) breaker.failed(nowMs);
  return breaker;
}

test('faults in a row open it, and an answer between them starts the count again', () => {
  const breaker = createBreaker(limits);
  breaker.failed(0);
  breaker.failed(0);
  breaker.answered();
  breaker.failed(0);
  breaker.failed(0);
  expect(breaker.admits(0)).toBe(true);
  breaker.failed(0);
  expect([breaker.state(99), breaker.admits(99)]).toEqual(['open', false]);
});

test('after its time one call tries, and only one', () => {
  const breaker = openedAt(0);
  expect([breaker.state(100), breaker.admits(100)]).toEqual(['half_open', true]);
  breaker.begin(100);
  expect(breaker.admits(100)).toBe(false);
  breaker.answered();
  expect([breaker.state(100), breaker.admits(100)]).toEqual(['closed', true]);
});

test('a try that fails opens it for twice as long, up to the most', () => {
  const breaker = openedAt(0);
  breaker.begin(100);
  breaker.failed(100);
  expect([breaker.state(299), breaker.state(300)]).toEqual(['open', 'half_open']);
  breaker.begin(300);
  breaker.failed(300);
  expect([breaker.state(599), breaker.state(600)]).toEqual(['open', 'half_open']);
});

test('a try that fails while the clock was set back lets another try when its time has come', () => {
  const breaker = openedAt(0);
  breaker.begin(100);
  breaker.failed(40);
  expect([breaker.admits(99), breaker.admits(100)]).toEqual([false, true]);
});

test('a try whose caller left lets another try', () => {
  const breaker = openedAt(0);
  breaker.begin(100);
  breaker.left();
  expect(breaker.admits(100)).toBe(true);
});

test('faults of calls that began before it opened do not lengthen it', () => {
  const breaker = openedAt(0);
  breaker.failed(50);
  expect(breaker.state(100)).toBe('half_open');
});
