/** The faults of the fault run: each is struck, lasts a while, and is over when `strike` resolves. */
import assert from 'node:assert/strict';
import { statfsSync, writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { issueCertificate } from '@suuupra/platform/certificates/authority';
import { ensureCertificates } from '@suuupra/platform/certificates/certificate-files';
import { createClient } from 'redis';
import { allReady, type Member } from '../../apps/many.ts';
import type { RunningEngine } from '../../tools/engines/engine.ts';
import type { Bed } from './bed.ts';
import { certificatesOf, type Stage } from './stage.ts';

export interface Fault {
  readonly name: string;
  /** What the platform's /readyz must name as down while it lasts; nothing where others stand in. */
  readonly down?: string;
  /** Strikes, waits as long as the fault lasts, and ends it. `lasting` is called while it holds. */
  strike(stage: Bed, lasting: () => Promise<void>): Promise<void>;
}

const lastsMs = 4_000;
/** Longer than the deadline of any call between services. */
const lostMs = 12_000;
const slowMs = 2_000;
const mendMsMax = 90_000;
const lookMs = 1_000;

/** kill -9 of one process of a service, which stays away for a while. */
export function killOf(service: string, isAlone: boolean): Fault {
  return {
    name: `kill -9 of ${service}${isAlone ? '' : ' (one of two)'}`,
    ...(isAlone ? { down: service } : {}),
    strike: async (stage, lasting) => {
      const member = memberOf(stage, service);
      await member.end('SIGKILL');
      await lasting();
      await member.start();
    },
  };
}

/** kill -9 of an engine, which stays away for a while and is then started on the same data. */
export function crashOf(engine: string, down?: string): Fault {
  return {
    name: `kill -9 of ${engine}`,
    ...(down === undefined ? {} : { down }),
    strike: async ({ engines }, lasting) => {
      const server = engineOf(engines, engine);
      await server.crash();
      await lasting();
      await delay(lastsMs);
      await server.restart();
    },
  };
}

/** Everything between two parts is lost and nobody is told. */
export function partitionOf(name: string): Fault {
  return {
    name: `partition: ${name}`,
    strike: async (stage, lasting) => {
      for (const stretch of stage.betweenOrdersAndPayments) stretch.set({ kind: 'lost' });
      await lasting();
      await delay(lostMs);
      for (const stretch of stage.betweenOrdersAndPayments) stretch.set({ kind: 'fine' });
    },
  };
}

export function slownessOf(engine: string): Fault {
  return {
    name: `${slowMs / 1_000} s of latency: ${engine}`,
    strike: async ({ stretches }, lasting) => {
      const stretch = stretches.get(engine);
      if (stretch === undefined) throw new Error(`${engine} is not behind a stretch of network on this stage`);
      stretch.set({ kind: 'slow', ms: slowMs });
      await lasting();
      await delay(lostMs);
      stretch.set({ kind: 'fine' });
    },
  };
}

/** A cache that forgets everything once a second: what it held must be nobody's only knowledge. */
export function forgettingOf(engine: 'redis'): Fault {
  return {
    name: `flushed each second: ${engine}`,
    strike: async ({ engines }, lasting) => {
      const redis = createClient({ url: engineOf(engines, engine).url, socket: { reconnectStrategy: false } });
      await redis.connect();
      const over = new AbortController();
      const flushing = flushEachSecond(redis, over.signal);
      try {
        await Promise.race([lasting().then(() => delay(lostMs)), flushing]);
      } finally {
        over.abort();
        const flushes = await flushing.finally(() => redis.destroy());
        assert(flushes >= lostMs / flushEveryMs / 2, `it was flushed ${flushes} times only`);
      }
    },
  };
}

const flushEveryMs = 1_000;

/** Gives how often; throws when it could not. */
async function flushEachSecond(redis: { flushAll(): Promise<unknown> }, over: AbortSignal): Promise<number> {
  for (let flushes = 0; ; flushes += 1) {
    if (over.aborted) return flushes;
    await redis.flushAll();
    await delay(flushEveryMs, undefined, { signal: over }).catch(() => {});
  }
}

function engineOf(engines: Stage['engines'], name: string): RunningEngine {
  const server = engines.running.get(name);
  if (server === undefined) throw new Error(`there is no ${name} on this stage`);
  return server;
}

/** Not a byte is free on the file system of these engines, until the ballast is thrown out. */
export function fullDiskOf(names: readonly string[], down: string): Fault {
  return {
    name: `full disk: ${names.join(' and ')}`,
    down,
    strike: async (stage, lasting) => {
      const { disk } = stage;
      const ballast = path.join(disk, 'ballast');
      fill(disk, ballast);
      await lasting();
      await delay(lastsMs);
      await rm(ballast);
      await mend(stage, names);
    },
  };
}

/**
 * The clock of some processes goes wrong, forward and then back: by far more than clocks drift, and by less than
 * buyers here wait for what a wrong clock may rightly delay.
 */
export function clockStep(): Fault {
  return {
    name: 'clock step: half a minute ahead and back',
    strike: async ({ clockFile }, lasting) => {
      await writeFile(clockFile, '+30');
      await lasting();
      await delay(lastsMs);
      await writeFile(clockFile, '-30');
      await delay(lastsMs);
      await writeFile(clockFile, '+0');
    },
  };
}

/** A service's certificate has run out; it is started again with it, so that it has to make its connections with it. */
export function expiryOf(service: string): Fault {
  return {
    name: `expired certificate of ${service}`,
    down: service,
    strike: async (stage, lasting) => {
      const folder = certificatesOf(stage);
      await expire(folder, service);
      const member = memberOf(stage, service);
      await member.end('SIGKILL');
      await member.start();
      await lasting();
      await delay(lastsMs);
      await ensureCertificates(folder, [service], { renew: 'all' });
    },
  };
}

/** Some servers end when they have no room, at once or a while later: each is started again, as its operator would. */
async function mend({ engines, many }: Stage, names: readonly string[]): Promise<void> {
  const untilMs = Date.now() + mendMsMax;
  for (let isWhole = false; !isWhole; ) {
    for (const name of names) {
      const server = engines.running.get(name);
      if (server !== undefined && !isAlive(server.processId)) await server.restart();
    }
    isWhole = await allReady(many, lookMs).then(
      () => true,
      () => false,
    );
    if (Date.now() > untilMs) throw new Error(`not whole ${mendMsMax / 1_000} s after there was room again`);
  }
}

export function memberOf({ many }: Stage, service: string): Member {
  const member = many.members.find((each) => each.service === service);
  if (member === undefined) throw new Error(`there is no ${service} on this stage`);
  return member;
}

const dayMs = 24 * 60 * 60_000;

async function expire(folder: string, service: string): Promise<void> {
  const authority = {
    key: await readFile(path.join(folder, 'authority', 'tls.key'), 'utf8'),
    certificate: await readFile(path.join(folder, 'authority', 'tls.crt'), 'utf8'),
  };
  const notBefore = new Date(Date.now() - 2 * dayMs);
  const notAfter = new Date(Date.now() - dayMs);
  const spent = await issueCertificate(authority, { name: service, notBefore, notAfter });
  await writeFile(path.join(folder, service, 'tls.key'), spent.key, { mode: 0o600 });
  await writeFile(path.join(folder, service, 'tls.crt'), spent.certificate);
}

const blockBytes = 1 << 20;

function fill(folder: string, ballast: string): void {
  const { bavail, bsize } = statfsSync(folder);
  const blocks = Math.floor((bavail * bsize) / blockBytes);
  writeFileSync(ballast, '');
  const block = Buffer.alloc(blockBytes);
  for (let count = 0; count < blocks; count += 1) writeFileSync(ballast, block, { flag: 'a' });
  try {
    for (let bytes = blockBytes; bytes >= 512; bytes /= 2)
      writeFileSync(ballast, block.subarray(0, bytes), { flag: 'a' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
