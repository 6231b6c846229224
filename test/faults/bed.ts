/**
 * The stage of the fault run with all that can go wrong on it: a small disk below MariaDB and Kafka, a clock of their own for two
 * processes, bad network between orders and payments and before five engines.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { defaultInstances } from '../../apps/many.ts';
import { openStretch, type Stretch } from './network.ts';
import { openStageOrSay, type Stage } from './stage.ts';

export interface Bed extends Stage {
  /** The small disk. */
  readonly disk: string;
  /** What the clock of `orders-2` and `payments-2` is off by, as libfaketime reads it. */
  readonly clockFile: string;
  readonly betweenOrdersAndPayments: readonly Stretch[];
}

const engines = ['postgres', 'mariadb', 'kafka', 'redis', 'mongodb', 'opensearch', 's3'];
const onSmallDisk = ['mariadb', 'kafka'];
/** Small, so that it is soon full; large enough for the data of a run. */
const diskMebibytes = 900;
const clockLibrary = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

/** Or why there is none: outside CI a machine need not have all it takes. */
export async function makeBed(say: (line: string) => void): Promise<Bed | string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-faults-'));
  // Engines run under an account of their own and must get to their folders.
  chmodSync(folder, 0o755);
  const disk = path.join(folder, 'disk');
  const clockFile = path.join(folder, 'clock');
  const problem = prepare(disk, clockFile);
  const stretches: Stretch[] = [];
  const close = async () => {
    for (const stretch of stretches) await stretch.close();
    spawnSync('umount', [disk]);
    rmSync(folder, { recursive: true, force: true });
  };
  if (problem !== undefined) {
    await close();
    assert(process.env['CI'] !== 'true', `CI needs the fault run: ${problem}`);
    return problem;
  }
  let addresses: Readonly<Record<string, string>> = {};
  for (let index = 0; index < (defaultInstances['payments'] ?? 1); index += 1) {
    stretches.push(await openStretch(() => paymentsAt(addresses, index)));
  }
  const stage = await openStageOrSay({
    engines,
    behindStretch: ['mariadb', 'redis', 'mongodb', 'opensearch', 's3'],
    folderOf: (engine) => (onSmallDisk.includes(engine) ? path.join(disk, engine) : undefined),
    settingsOf: (service, index, known) => {
      addresses = known;
      return {
        ...(service === 'orders' ? { SUUUPRA_ADDRESS_PAYMENTS: stretches.map(addressOf).join(',') } : {}),
        ...(index === 2 && ['orders', 'payments'].includes(service) ? clockOf(clockFile) : {}),
      };
    },
    say,
  }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  if (typeof stage === 'string') {
    await close();
    return stage;
  }
  return {
    ...stage,
    disk,
    clockFile,
    betweenOrdersAndPayments: stretches,
    close: async () => {
      await stage.close();
      await close();
    },
  };
}

/** Why the disk or the clock cannot be had; undefined when both are there. */
function prepare(disk: string, clockFile: string): string | undefined {
  writeFileSync(clockFile, '+0');
  mkdirSync(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMebibytes}m`, 'tmpfs', disk], {
    encoding: 'utf8',
  });
  if (mounted.status !== 0) return `a small disk cannot be mounted (${mounted.stderr.trim()}); it takes root`;
  if (existsSync(clockLibrary)) return undefined;
  if (process.env['CI'] === 'true') {
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'faketime']);
  }
  return existsSync(clockLibrary) ? undefined : 'there is no libfaketime (Debian: apt-get install faketime)';
}

function clockOf(clockFile: string): Record<string, string> {
  return {
    LD_PRELOAD: clockLibrary,
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
}

function paymentsAt(addresses: Readonly<Record<string, string>>, index: number): { host: string; port: number } {
  const address = addresses['SUUUPRA_ADDRESS_PAYMENTS']?.split(',')[index] ?? '';
  const [host = '', port = ''] = address.split(':');
  return { host, port: Number(port) };
}

function addressOf({ host, port }: Stretch): string {
  return `${host}:${port}`;
}
