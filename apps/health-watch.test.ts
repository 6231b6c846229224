import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchHealth } from './health-watch.ts';

const { log } = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched() {
  const state = { check: async () => 1 as number };
  const watch = watchHealth([{ name: 'database', check: () => state.check() }], log);
  return { state, watch };
}

test('a database that refuses is told to callers within a second, and so is its coming back', async () => {
  const { state, watch } = watched();
  state.check = () => Promise.reject(new Error('refused'));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(watch.isHealthy()).toBe(false);
  state.check = async () => 1;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(watch.isHealthy()).toBe(true);
  watch.stop();
});

test('a database that falls silent is told to callers within three seconds, and so is its coming back', async () => {
  const { state, watch } = watched();
  state.check = () => new Promise(() => {});
  await vi.advanceTimersByTimeAsync(3_000);
  expect(watch.isHealthy()).toBe(false);
  state.check = async () => 1;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(watch.isHealthy()).toBe(true);
  watch.stop();
});
