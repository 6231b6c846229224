import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

describe('configuration', () => {
  it('prefers the command line over the environment over the default', () => {
    expect(readConfig(['--all', '--port', '8080'], { SUUUPRA_PORT: '9000' }).port).toBe(8080);
    expect(readConfig(['--all'], { SUUUPRA_PORT: '9000' }).port).toBe(9000);
    expect(readConfig(['--all'], {}).port).toBe(3000);
  });

  it.each([
    [['--all', '--port', '80a'], {}, 'SUUUPRA_PORT or --port is "80a"; it must be a whole number from 0 to 65535.'],
    [['--all'], { SUUUPRA_DEMO_PASSWORD: 'short' }, 'SUUUPRA_DEMO_PASSWORD is shorter than 8 characters'],
    [
      ['--all'],
      { SUUUPRA_SMTP_URL: 'mail.example' },
      'SUUUPRA_SMTP_URL is not an address; it must begin with smtp:// or smtps://.',
    ],
    [['--all'], { SUUUPRA_LOG_LEVEL: 'loud' }, 'SUUUPRA_LOG_LEVEL is "loud"; it must be one of'],
    [['--everything'], {}, 'Known are --all'],
    [[], {}, 'Nothing to run'],
    [['--all', 'orders'], {}, 'Say --all, or name services (orders), not both.'],
    [['--all'], { SUUUPRA_ADDRESS_ORDERS: 'orders' }, 'SUUUPRA_ADDRESS_ORDERS names "orders"; an address is host:port'],
    [['--all'], { SUUUPRA_ADDRESS_ORDERS: 'orders:70000' }, 'an address is host:port'],
    [
      ['--all'],
      { SUUUPRA_MESH_PORT: '65535' },
      'SUUUPRA_MESH_PORT is "65535"; it must be a whole number from 0 to 65534.',
    ],
    [
      ['--all'],
      { SUUUPRA_MYSQL_URL: 'postgres://x' },
      'SUUUPRA_MYSQL_URL is not an address; it must begin with mysql://',
    ],
    [['--all', '--config', '/nowhere/platform.yaml'], {}, '/nowhere/platform.yaml cannot be read (ENOENT).'],
  ])('says in a sentence what is wrong with %j %j', (args, env, sentence) => {
    expect(() => readConfig(args, env)).toThrow(ConfigError);
    expect(() => readConfig(args, env)).toThrow(sentence);
  });
});

describe('the configuration file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-config-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const read = (text: string, env: Record<string, string> = {}) => {
    const file = path.join(folder, 'platform.yaml');
    writeFileSync(file, text);
    return readConfig(['orders', '--config', file], env);
  };

  it('sets what the environment does not, engines and addresses among it', () => {
    const config = read(
      `publicUrl: https://learn.example
engines:
  postgres: postgres://db/
  kafka: kafka://k1:9092,k2:9092
services:
  payments: [10.0.0.5:7100, "[::1]:7100"]
  ledger: ledger.suuupra:7100
mesh: { port: 7100 }
`,
      { SUUUPRA_MESH_PORT: '7200', SUUUPRA_HOST: '' },
    );
    expect(config.publicUrl).toBe('https://learn.example');
    expect(config.host).toBe('127.0.0.1');
    expect(config.engines).toMatchObject({ postgresUrl: 'postgres://db', kafkaUrl: 'kafka://k1:9092,k2:9092' });
    expect(config.mesh.port).toBe(7200);
    expect(Object.fromEntries(config.mesh.addresses)).toEqual({
      payments: ['10.0.0.5:7100', '[::1]:7100'],
      ledger: ['ledger.suuupra:7100'],
    });
  });

  it.each([
    ['engine: { postgres: x }', 'sets "engine.postgres", which is no setting; there are services.<name>, port'],
    ['port: [1, [2]]', 'gives "port" neither a value nor a list of values.'],
    ['port: 1\nport: 2', 'is not YAML'],
    ['- port', 'is not a list of settings'],
    ['port: many', 'SUUUPRA_PORT or --port is "many"'],
  ])('says in a sentence what is wrong with %j', (text, sentence) => {
    expect(() => read(text)).toThrow(ConfigError);
    expect(() => read(text)).toThrow(sentence);
  });
});
