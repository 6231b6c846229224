/**
 * `npm run certs`: makes the authority of this installation, if there is none, and a new certificate for each service, for
 * the gateway and for the operator's tools. Running processes take them within seconds.
 *
 *   npm run certs -- [--out DIR] [--days N] [--host NAME]...
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { certificateDaysDefault, ensureCertificates } from '@suuupra/platform/certificates/certificate-files';
import { ConfigError } from '@suuupra/platform/config';
import { allServices } from '../apps/services.ts';

/** Longer would outlive the habit of changing them. */
const daysMax = 825;

try {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'data/certs' },
      days: { type: 'string', default: String(certificateDaysDefault) },
      host: { type: 'string', multiple: true, default: [] },
    },
  });
  const folder = path.resolve(values.out);
  const names = [...new Set([...allServices.map((service) => service.name), 'gateway', 'operator'])];
  const made = await ensureCertificates(folder, names, {
    days: daysOf(values.days),
    hosts: values.host.map(hostOf),
    renew: 'all',
  });
  console.log(
    `${made.newAuthority ? 'Made an authority and' : 'Kept the authority; made'} ${made.issued.length} certificates for ${values.days} days in ${folder}.`,
  );
} catch (error) {
  const isOurs = error instanceof ConfigError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  if (isOurs !== true) throw error;
  console.error((error as Error).message);
  process.exitCode = 1;
}

function daysOf(given: string): number {
  const days = Number(given);
  if (/^\d+$/.test(given) && days >= 1 && days <= daysMax) return days;
  throw new ConfigError(`--days is "${given}"; it must be a whole number from 1 to ${daysMax}.`);
}

function hostOf(given: string): string {
  if (/^[A-Za-z0-9.:-]{1,253}$/.test(given)) return given;
  throw new ConfigError(`--host is "${given}"; it must be a DNS name or an IP address.`);
}
