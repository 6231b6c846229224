/**
 * The npm peer: Medusa 2 (github.com/medusajs/medusa), installed from npm into a temporary folder and run as its own
 * process on a database of the same PostgreSQL. Nothing of it is linked or committed here.
 *
 * An order is what its store API makes of it: cart with one digital line, payment collection, payment session with the
 * system provider, completion. That authorises and does not capture, writes no ledger and grants nothing, so it does
 * less than what it is compared with.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** The version the figures were taken with. */
const version = '2.21.2';
const readyMsMax = 120_000;

export interface Medusa {
  readonly version: string;
  readonly processId: number;
  /** One order from cart to completion: four requests. */
  order(number: number): Promise<void>;
  stop(): Promise<void>;
}

const configuration = `const { defineConfig } = require('@medusajs/framework/utils');
module.exports = defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    http: { storeCors: 'http://localhost', adminCors: 'http://localhost', authCors: 'http://localhost', jwtSecret: process.env.JWT_SECRET, cookieSecret: process.env.COOKIE_SECRET },
  },
  admin: { disable: true },
});
`;

/** A region, a digital course at 499 rupees that needs no stock, a sales channel and a key for the store API. */
const seed = `const flows = require('@medusajs/medusa/core-flows');
module.exports.default = async ({ container }) => {
  const run = async (flow, input) => (await flow(container).run({ input })).result;
  const [channel] = await run(flows.createSalesChannelsWorkflow, { salesChannelsData: [{ name: 'bench' }] });
  const [region] = await run(flows.createRegionsWorkflow, { regions: [{ name: 'India', currency_code: 'inr', countries: ['in'], payment_providers: ['pp_system_default'] }] });
  await run(flows.createTaxRegionsWorkflow, [{ country_code: 'in', provider_id: 'tp_system' }]);
  const variant = { title: 'course', manage_inventory: false, options: { Kind: 'course' }, prices: [{ amount: 499, currency_code: 'inr' }] };
  const [product] = await run(flows.createProductsWorkflow, { products: [{ title: 'Course', status: 'published', options: [{ title: 'Kind', values: ['course'] }], variants: [variant], sales_channels: [{ id: channel.id }] }] });
  const [key] = await run(flows.createApiKeysWorkflow, { api_keys: [{ title: 'bench', type: 'publishable', created_by: '' }] });
  await run(flows.linkSalesChannelsToApiKeyWorkflow, { id: key.id, add: [channel.id] });
  require('node:fs').writeFileSync('seeded.json', JSON.stringify({ region: region.id, variant: product.variants[0].id, key: key.token }));
};
`;

interface Seeded {
  readonly region: string;
  readonly variant: string;
  readonly key: string;
}

/** Installs, migrates, seeds and starts it on a new database of the server. Answers a sentence when it cannot be had. */
export async function startMedusa(serverUrl: string): Promise<Medusa | string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-bench-medusa-'));
  const files = { 'package.json': '{"private":true}', 'medusa-config.js': configuration, 'seed.js': seed };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  const databaseUrl = await freshDatabase(serverUrl);
  const port = await freePort();
  const env = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    PORT: String(port),
    JWT_SECRET: 'bench',
    COOKIE_SECRET: 'bench',
    NODE_ENV: 'production',
    MEDUSA_DISABLE_TELEMETRY: '1',
  };
  const run = (command: string, args: readonly string[]) =>
    ended(spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] }));
  const packages = ['medusa', 'framework', 'cli'].map((name) => `@medusajs/${name}@${version}`);
  const installed = await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages]);
  if (installed !== '') return giveUp(folder, `Medusa could not be installed from npm: ${installed}`);
  const medusa = path.join(folder, 'node_modules', '@medusajs', 'cli', 'cli.js');
  for (const args of [['db:migrate'], ['exec', './seed.js']]) {
    const problem = await run(process.execPath, [medusa, ...args]);
    if (problem !== '') return giveUp(folder, `Medusa's ${args[0]} failed: ${problem}`);
  }
  const seeded = JSON.parse(readFileSync(path.join(folder, 'seeded.json'), 'utf8')) as Seeded;
  const child = spawn(process.execPath, [medusa, 'start'], { cwd: folder, env, stdio: 'ignore' });
  const origin = `http://127.0.0.1:${port}`;
  if (!(await isReady(origin, child))) return giveUp(folder, 'Medusa did not start.');
  return {
    version,
    processId: child.pid ?? 0,
    order: (number) => order(origin, seeded, number),
    stop: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function order(origin: string, { region, variant, key }: Seeded, number: number): Promise<void> {
  const post = async (at: string, body: unknown): Promise<Record<string, { id: string }>> => {
    const headers = { 'content-type': 'application/json', 'x-publishable-api-key': key };
    const answer = await fetch(`${origin}${at}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`Medusa answered ${answer.status} to ${at}: ${await answer.text()}`);
    return (await answer.json()) as Record<string, { id: string }>;
  };
  const items = [{ variant_id: variant, quantity: 1 }];
  const { cart } = await post('/store/carts', { region_id: region, email: `buyer${number}@example.org`, items });
  const { payment_collection: collection } = await post('/store/payment-collections', { cart_id: cart?.id });
  await post(`/store/payment-collections/${collection?.id}/payment-sessions`, { provider_id: 'pp_system_default' });
  const { order: made } = await post(`/store/carts/${cart?.id}/complete`, {});
  if (made === undefined) throw new Error('Medusa completed the cart without an order');
}

async function freshDatabase(serverUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query('DROP DATABASE IF EXISTS bench_medusa');
  await client.query('CREATE DATABASE bench_medusa');
  await client.end();
  // By TCP: its ORM does not take the path of a socket for a host.
  const { username, password, port } = new URL(serverUrl);
  return `postgres://${username}:${password}@127.0.0.1:${port}/bench_medusa`;
}

async function isReady(origin: string, child: ChildProcess): Promise<boolean> {
  const untilMs = Date.now() + readyMsMax;
  while (Date.now() < untilMs && child.exitCode === null) {
    const answer = await fetch(`${origin}/health`).catch(() => undefined);
    if (answer?.ok === true) return true;
    await delay(250);
  }
  return false;
}

/** Empty when the command went well; else the end of what it said. */
async function ended(child: ChildProcess): Promise<string> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString('utf8')}`.slice(-400);
  });
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      said = error.message;
      resolve(1);
    });
    child.once('close', resolve);
  });
  return code === 0 ? '' : said || `it ended with ${code}`;
}

function giveUp(folder: string, sentence: string): string {
  rmSync(folder, { recursive: true, force: true });
  return sentence;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
