import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { mendWhenStuck } from './mongodb-watch.ts';

const limits = { lookMsMax: 50, awaitedMsMax: 10_000 };
const look = { connectionId: 'db:27017', awaited: false };

function watched() {
  const events = new EventEmitter();
  const done: string[] = [];
  const client = Object.assign(events, {
    close: async () => void done.push('closed'),
    connect: async () => {
      done.push('connected');
      if (done.length === 2) throw new Error('it is still away');
    },
  });
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const stop = mendWhenStuck(client as never, limits, log as never);
  return { events, done, stop };
}

test('a look that never ends has the client connected anew, until it is', async () => {
  const { events, done, stop } = watched();
  events.emit('serverHeartbeatStarted', look);
  events.emit('serverHeartbeatStarted', { ...look, connectionId: 'other:27017' });
  await expect.poll(() => done, { timeout: 5_000 }).toEqual([...['closed', 'connected'], ...['closed', 'connected']]);
  stop();
});

test('a look that ends, or may take its time, has not', () => {
  vi.useFakeTimers();
  const { events, done, stop } = watched();
  for (const end of ['serverHeartbeatSucceeded', 'serverHeartbeatFailed']) {
    events.emit('serverHeartbeatStarted', look);
    vi.advanceTimersByTime(49);
    events.emit(end, look);
  }
  events.emit('serverHeartbeatStarted', { ...look, awaited: true });
  vi.advanceTimersByTime(9_000);
  stop();
  vi.advanceTimersByTime(60_000);
  vi.useRealTimers();
  expect(done).toEqual([]);
});
