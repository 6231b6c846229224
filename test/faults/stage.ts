/** What the fault run plays on: real engines, and the platform as many processes, with bad network where it is wanted. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureCertificates } from '@suuupra/platform/certificates/certificate-files';
import { readConfig } from '@suuupra/platform/config';
import type { Many, ManyOptions } from '../../apps/many.ts';
import { startManyFilled } from '../../apps/many-filled.ts';
import { freePort } from '../../tools/engines/engine.ts';
import { EngineMissing, type RaisedEngines, raiseEngines } from '../../tools/engines/raise.ts';
import { demoPassword } from '../platform.ts';
import { openStretch, type Stretch } from './network.ts';

export interface Stage {
  readonly many: Many;
  readonly engines: RaisedEngines;
  /** Between the platform and an engine, by the engine's name. */
  readonly stretches: ReadonlyMap<string, Stretch>;
  /** Where certificates, keys and files of this run are. */
  readonly folder: string;
  /** What the processes have printed as warnings and errors, the newest last. */
  printed(): readonly string[];
  close(): Promise<void>;
}

export interface StageOptions {
  readonly engines: readonly string[];
  /** Engines that are reached through a stretch of network that can be made bad. */
  readonly behindStretch?: readonly string[];
  /** What one member is told beside what all are. */
  readonly settingsOf?: ManyOptions['settingsOf'];
  /** Where the data of an engine is, when not in a folder of its own. */
  folderOf?(engine: string): string | undefined;
  readonly instances?: Readonly<Record<string, number>>;
  say(line: string): void;
}

const printedMax = 4_000;

/** The stage, or why there is none: outside CI a machine need not have every engine. */
export async function openStageOrSay(options: StageOptions): Promise<Stage | string> {
  try {
    return await openStage(options);
  } catch (error) {
    if (error instanceof EngineMissing && process.env['CI'] !== 'true') return error.message;
    throw error;
  }
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const folder = mkdtempSync(path.join(realpathSync(os.tmpdir()), 'suuupra-many-'));
  const closing: (() => Promise<void>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const one of closing.splice(0).reverse()) await one();
  };
  const printed: string[] = [];
  try {
    const engines = await raiseEngines(options.engines, {
      mayInstall: process.env['CI'] === 'true',
      durable: true,
      ...(options.folderOf === undefined ? {} : { folderOf: options.folderOf }),
      say: options.say,
    });
    closing.push(() => engines.stop());
    const { settings, stretches } = await withStretches(engines, options.behindStretch ?? [], closing);
    const { many } = await startManyFilled({
      config: readConfig(['--all', '--data', folder, '--port', String(await freePort())], {
        ...settings,
        SUUUPRA_DEMO_PASSWORD: demoPassword,
      }),
      settings: {
        ...settings,
        SUUUPRA_DEMO_PASSWORD: demoPassword,
        SUUUPRA_TRUSTED_HOPS: '1',
        SUUUPRA_LOG_LEVEL: 'warn',
      },
      ...(options.instances === undefined ? {} : { instances: options.instances }),
      ...(options.settingsOf === undefined ? {} : { settingsOf: options.settingsOf }),
      heard: (member, line) => {
        printed.push(`${new Date().toISOString().slice(11, 23)} [${member}] ${line}`);
        if (printed.length > printedMax) printed.splice(0, printed.length - printedMax);
      },
    });
    closing.push(() => many.stop());
    return { many, engines, stretches, folder, printed: () => printed, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function withStretches(
  engines: RaisedEngines,
  names: readonly string[],
  closing: (() => Promise<void>)[],
): Promise<{ settings: Record<string, string>; stretches: ReadonlyMap<string, Stretch> }> {
  const settings: Record<string, string> = { ...engines.settings };
  const stretches = new Map<string, Stretch>();
  for (const name of names) {
    const url = engines.running.get(name)?.url ?? '';
    const setting = Object.entries(settings).find(([, value]) => value === url)?.[0];
    if (setting === undefined) throw new Error(`${name} is no engine of this stage that the platform is put on`);
    const parsed = new URL(url);
    const server = { host: parsed.hostname, port: Number(parsed.port) };
    const stretch = await openStretch(() => server);
    closing.push(() => stretch.close());
    stretches.set(name, stretch);
    parsed.port = String(stretch.port);
    settings[setting] = parsed.href;
  }
  return { settings, stretches };
}

/** The folder of the certificates of this stage. */
export function certificatesOf({ folder }: Stage): string {
  return path.join(folder, 'certs');
}

/** Puts a good certificate of this name back. */
export async function renewCertificate(stage: Stage, name: string): Promise<void> {
  await ensureCertificates(certificatesOf(stage), [name], { renew: 'all' });
}
