/**
 * Card numbers sent to every place of the payment routes of the real program, and then looked for in all that it has
 * written: the whole data folder (tables, log of events, write-ahead log, objects), what it printed, kept traces, metrics,
 * and its answers (M24).
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answer, anonymousClient, type Client, listCourses, placeOrder, signIn, signUp } from './client.ts';
import { type DataFolder, demoPassword, makeDataFolder, type RunningPlatform, startPlatform } from './platform.ts';

/** Published test numbers; nothing else on the disk holds these digits by chance. */
const numbers = ['4111111111111111', '5555555555554444', '378282246310005'];

let data: DataFolder;
let platform: RunningPlatform;
beforeAll(async () => {
  data = makeDataFolder();
  platform = await startPlatform({ data });
}, 150_000);
afterAll(() => data?.remove(), 60_000);

it('a card number sent to any route of payments is refused and kept nowhere', async () => {
  const buyer = await signUp(anonymousClient(platform.url));
  const finance = await signIn(anonymousClient(platform.url), 'finance@suuupra.test', demoPassword);
  const course = (await listCourses(buyer)).find(({ price }) => price.amountMinor !== '0');
  const order = await placeOrder(buyer, course?.id ?? '');
  const answers: Answer[] = [];
  for (const number of numbers) {
    for (const answer of await sendEverywhere(buyer, finance, order.id, number)) {
      expect({ status: answer.status, text: answer.text }).toMatchObject({
        status: 400,
        text: expect.stringContaining('card_data_refused'),
      });
      answers.push(answer);
    }
  }
  const metrics = await (await fetch(`${platform.url}/metrics`)).text();
  const traces = (await finance.call('GET', '/operations/traces?page_size=100')).text;
  const told = JSON.stringify(answers.map(({ text, headers }) => [text, [...headers]])) + metrics + traces;
  for (const number of numbers) {
    expect(told).not.toContain(number);
    expect(platform.output()).not.toContain(number);
  }
  // A stop writes out what memory still holds.
  await platform.end('SIGTERM');
  expect(await filesThatHold(data.folder, [order.id])).not.toEqual([]);
  expect(await filesThatHold(data.folder, numbers)).toEqual([]);
}, 150_000);

async function sendEverywhere(buyer: Client, finance: Client, orderId: string, number: string): Promise<Answer[]> {
  const pay = { method: { type: 'card', token: 'tok_ok' } };
  const spaced = number.replaceAll(/(\d{4})(?=\d)/g, '$1 ');
  const key = () => ({ key: randomUUID() });
  return [
    await buyer.call('POST', `/orders/${orderId}/payments`, {
      ...key(),
      body: { method: { type: 'card', token: number } },
    }),
    await buyer.call('POST', `/orders/${orderId}/payments`, { ...key(), body: { ...pay, note: `card ${spaced}` } }),
    await buyer.call('POST', `/orders/${orderId}/payments`, { ...key(), body: { ...pay, [number]: 1 } }),
    await buyer.call('POST', `/orders/${orderId}/payments?number=${number}`, { ...key(), body: pay }),
    await buyer.call('POST', `/orders/${number}/payments`, { ...key(), body: pay }),
    await buyer.call('POST', `/orders/${orderId}/payments`, { key: number, body: pay }),
    await buyer.call('GET', `/orders/${orderId}/payments?page_token=${number}`),
    await buyer.call('GET', `/payments/${number}`),
    await buyer.call('POST', `/payments/${number}:confirm`, { body: {} }),
    await buyer.call('POST', '/payments/pay_none:confirm', { body: { challengeResponse: spaced } }),
    await buyer.call('POST', '/mandates', { ...key(), body: { method: { type: 'card', token: number } } }),
    await finance.call('POST', `/payments/pay_none:capture?q=${encodeURIComponent(spaced)}`, { ...key(), body: {} }),
    await finance.call('POST', `/payments/webhooks/sandbox?pan=${number}`, { body: {} }),
  ];
}

/** Names of files below the folder in which one of the texts is found as it is. */
async function filesThatHold(folder: string, texts: readonly string[]): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile() && (await holdsOneOf(file, texts))) found.push(file);
  }
  return found;
}

async function holdsOneOf(file: string, texts: readonly string[]): Promise<boolean> {
  let tail = '';
  for await (const chunk of createReadStream(file, { encoding: 'latin1' })) {
    const text = tail + String(chunk);
    if (texts.some((each) => text.includes(each))) return true;
    tail = text.slice(-64);
  }
  return false;
}
