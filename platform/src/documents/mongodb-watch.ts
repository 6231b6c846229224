/**
 * Mends a client of MongoDB whose look after its server never ends.
 *
 * The driver (7.9.0, lib/cmap/connection.js) waits for `drain` when a write did not go out at once; on a socket that was
 * closed a moment before there is none, and no error. Of an operation that costs one connection; of the monitor it costs all
 * of them, for as long as the process lives: the server stays unknown. It happens in half of the restarts of a server that
 * is reached through a proxy. Closed and connected anew the client is well again, and its collections stay of use.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { MongoClient } from 'mongodb';
import type { Log } from '../telemetry/telemetry.ts';

type Beating = Pick<MongoClient, 'on' | 'close' | 'connect'>;

export interface WatchLimits {
  /** How long the driver gives a look that asks at once, and the look that the server answers when something changes. */
  readonly lookMsMax: number;
  readonly awaitedMsMax: number;
}

const againMs = 1_000;

/** Watches until stopped. What is under way while it is mended fails as if the server were away. */
export function mendWhenStuck(client: Beating, limits: WatchLimits, log: Log): () => void {
  const looks = new Map<string, NodeJS.Timeout>();
  let mending = false;
  let stopped = false;
  const ended = ({ connectionId }: { readonly connectionId: string }) => {
    clearTimeout(looks.get(connectionId));
    looks.delete(connectionId);
  };
  const mend = async () => {
    if (mending || stopped) return;
    mending = true;
    for (const connectionId of [...looks.keys()]) ended({ connectionId });
    log.warn('the driver of MongoDB has hung; it is connected anew', {});
    // A client that was closed and is not connected again stays closed, so it is tried until it is.
    while (!stopped && !(await reconnect())) await delay(againMs, undefined, { ref: false });
    mending = false;
  };
  const reconnect = async () => {
    try {
      await client.close();
      if (!stopped) await client.connect();
      return true;
    } catch (error) {
      log.warn('MongoDB does not answer', { error });
      return false;
    }
  };
  client.on('serverHeartbeatStarted', (look) => {
    ended(look);
    const timer = setTimeout(() => void mend(), look.awaited ? limits.awaitedMsMax : limits.lookMsMax);
    timer.unref();
    looks.set(look.connectionId, timer);
  });
  client.on('serverHeartbeatSucceeded', ended);
  client.on('serverHeartbeatFailed', ended);
  return () => {
    stopped = true;
    for (const connectionId of [...looks.keys()]) ended({ connectionId });
  };
}
