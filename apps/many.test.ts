import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureCertificates } from '@suuupra/platform/certificates/certificate-files';
import { freshDatabaseUrl } from '@suuupra/platform/testing';
import { expect, onTestFinished, test } from 'vitest';
import { type ManyOptions, startMany } from './many.ts';
import { allServices } from './services.ts';
import { gatewayName } from './topology.ts';

/** Identity calls nobody, so that it may be alone. */
const alone = Object.fromEntries([...allServices.map(({ name }) => [name, 0]), [gatewayName, 0], ['identity', 1]]);

test('a process that ended by itself and is started by hand meanwhile is there once', {
  timeout: 120_000,
}, async () => {
  const dataFolder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-many-'));
  await ensureCertificates(path.join(dataFolder, 'certs'), ['identity']);
  const ended = Promise.withResolvers<void>();
  const heard: ManyOptions['heard'] = (_name, line) => {
    if (line.startsWith('ended by itself')) ended.resolve();
  };
  const settings = { SUUUPRA_POSTGRES_URL: await freshDatabaseUrl() };
  const many = await startMany({ dataFolder, port: 0, settings, instances: alone, heard });
  onTestFinished(async () => {
    await many.stop();
    rmSync(dataFolder, { recursive: true, force: true });
  });
  const [member] = many.members;
  if (member === undefined) throw new Error('nothing was started');
  process.kill(member.processId, 'SIGKILL');
  await ended.promise;
  // In the pause before it would be started again.
  await member.end('SIGKILL');
  const starting = member.start();
  const { processId } = member;
  await starting;
  expect(member.processId).toBe(processId);
});
