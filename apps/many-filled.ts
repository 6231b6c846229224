/** Many processes with certificates, and with the demo school where the data is new. */
import { setTimeout as delay } from 'node:timers/promises';
import { ensureCertificates } from '@suuupra/platform/certificates/certificate-files';
import { type Config, readConfig } from '@suuupra/platform/config';
import { type Many, type ManyOptions, startMany } from './many.ts';
import { openOperator } from './operator.ts';
import { isFresh, seed } from './seed.ts';
import { allServices } from './services.ts';
import { gatewayName, operatorName } from './topology.ts';

export interface ManyFilledOptions extends Omit<ManyOptions, 'dataFolder' | 'port'> {
  readonly config: Config;
}

const foundMsMax = 60_000;
const lookAgainMs = 200;

export async function startManyFilled({
  config,
  ...options
}: ManyFilledOptions): Promise<{ readonly many: Many; readonly logins: string | undefined }> {
  const fresh = isFresh(config);
  const names = [...allServices.map(({ name }) => name), gatewayName, operatorName];
  await ensureCertificates(config.mesh.certificates, names);
  const many = await startMany({ ...options, dataFolder: config.dataFolder, port: config.port });
  try {
    return { many, logins: config.demo ? await fill(many, config, fresh) : undefined };
  } catch (error) {
    await many.stop();
    throw error;
  }
}

/** As in one process; over when what is published is found by its words. */
async function fill(many: Many, config: Config, fresh: boolean): Promise<string | undefined> {
  const { addresses } = readConfig(['--all'], many.addresses).mesh;
  const operator = await openOperator({ ...config, mesh: { ...config.mesh, addresses } });
  try {
    return await seed({ url: many.url, client: operator.client, settled: () => allFound(many.url) }, config, fresh);
  } finally {
    await operator.close();
  }
}

async function allFound(url: string): Promise<void> {
  const { courses } = (await read(`${url}/api/v1/courses?pageSize=100`)) as { courses: { title: string }[] };
  const untilMs = Date.now() + foundMsMax;
  for (const { title } of courses) {
    const address = `${url}/api/v1/search?q=${encodeURIComponent(title)}`;
    while (!JSON.stringify(await read(address)).includes(JSON.stringify(title))) {
      if (Date.now() > untilMs) throw new Error(`the course "${title}" was not found within ${foundMsMax / 1_000} s`);
      await delay(lookAgainMs);
    }
  }
}

async function read(address: string): Promise<unknown> {
  const answer = await fetch(address, { signal: AbortSignal.timeout(10_000) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${address} answered ${answer.status} ${text}`);
  return JSON.parse(text);
}
