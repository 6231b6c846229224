/**
 * Configuration of a process: command line over environment over defaults, read once, checked before anything starts.
 * What is wrong stops the start with one sentence that names the setting, what was given and what would do.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';

export interface Config {
  /** Names of the services this process runs; all of them with --all. */
  readonly services: readonly string[] | 'all';
  readonly port: number;
  readonly host: string;
  /** Absolute. */
  readonly dataFolder: string;
  /** '' until the port is known: http://127.0.0.1:<port>. */
  readonly publicUrl: string;
  readonly demo: boolean;
  readonly demoPassword: string;
  /** '' for the embedded server. */
  readonly postgresUrl: string;
  /** '' for the local mailbox. */
  readonly smtpUrl: string;
  readonly mailFrom: string;
  readonly logLevel: string;
  readonly traceShare: number;
  readonly otlpEndpoint: string;
  /** Proxies in front of the gateway whose X-Forwarded-For is believed. */
  readonly trustedHops: number;
}

/** A sentence for the operator; the process prints it and ends with 1. */
export class ConfigError extends Error {}

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'];

export function readConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Config {
  const { values, positionals } = parse(args);
  const text = (name: string, fallback: string) => env[name]?.trim() || fallback;
  const port = wholeNumber('SUUUPRA_PORT or --port', values.port ?? text('SUUUPRA_PORT', '3000'), 0, 65_535);
  const demoPassword = text('SUUUPRA_DEMO_PASSWORD', '');
  if (demoPassword !== '' && demoPassword.length < 8) {
    throw new ConfigError(
      'SUUUPRA_DEMO_PASSWORD is shorter than 8 characters; give a longer one, or none to have it made.',
    );
  }
  if (values.all !== true && positionals.length === 0) {
    throw new ConfigError(
      'Nothing to run: say --all, or name the services, e.g. "node apps/main.ts gateway identity".',
    );
  }
  return {
    services: values.all === true ? 'all' : positionals,
    port,
    host: text('SUUUPRA_HOST', '127.0.0.1'),
    dataFolder: path.resolve(values.data ?? text('SUUUPRA_DATA', 'data')),
    publicUrl: url('SUUUPRA_PUBLIC_URL', text('SUUUPRA_PUBLIC_URL', ''), ['http:', 'https:']),
    demo: values['no-demo'] !== true,
    demoPassword,
    postgresUrl: url('SUUUPRA_POSTGRES_URL', text('SUUUPRA_POSTGRES_URL', ''), ['postgres:', 'postgresql:']),
    smtpUrl: url('SUUUPRA_SMTP_URL', text('SUUUPRA_SMTP_URL', ''), ['smtp:', 'smtps:']),
    mailFrom: text('SUUUPRA_MAIL_FROM', 'Suuupra <no-reply@suuupra.test>'),
    logLevel: oneOf('SUUUPRA_LOG_LEVEL', text('SUUUPRA_LOG_LEVEL', 'warn'), logLevels),
    traceShare: share('SUUUPRA_TRACE_SHARE', text('SUUUPRA_TRACE_SHARE', '0.05')),
    otlpEndpoint: url('OTEL_EXPORTER_OTLP_ENDPOINT', text('OTEL_EXPORTER_OTLP_ENDPOINT', ''), ['http:', 'https:']),
    trustedHops: wholeNumber('SUUUPRA_TRUSTED_HOPS', text('SUUUPRA_TRUSTED_HOPS', '0'), 0, 10),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        all: { type: 'boolean' },
        port: { type: 'string' },
        data: { type: 'string' },
        'no-demo': { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new ConfigError(`${(error as Error).message} Known are --all, --port N, --data DIR and --no-demo.`, {
      cause: error,
    });
  }
}

function wholeNumber(name: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= least && value <= most) return value;
  throw new ConfigError(`${name} is "${given}"; it must be a whole number from ${least} to ${most}.`);
}

function share(name: string, given: string): number {
  const value = Number(given);
  if (given !== '' && value >= 0 && value <= 1) return value;
  throw new ConfigError(`${name} is "${given}"; it must be a number from 0 to 1.`);
}

function oneOf(name: string, given: string, allowed: readonly string[]): string {
  if (allowed.includes(given)) return given;
  throw new ConfigError(`${name} is "${given}"; it must be one of ${allowed.join(', ')}.`);
}

function url(name: string, given: string, protocols: readonly string[]): string {
  if (given === '') return '';
  const parsed = URL.parse(given);
  if (parsed === null || !protocols.includes(parsed.protocol)) {
    throw new ConfigError(
      `${name} is not an address; it must begin with ${protocols.map((p) => `${p}//`).join(' or ')}.`,
    );
  }
  return given.replace(/\/$/, '');
}
