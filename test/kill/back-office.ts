/**
 * What finance does while buyers buy and the process is killed: files of a provider are uploaded, everybody is settled
 * with, payout batches are approved by a second person and paid by the sandbox bank.
 */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { anonymousClient, moved, type Person, type Problem, signIn, signUp, success } from '../client.ts';
import { type DataFolder, demoPassword } from '../platform.ts';
import { openDatabases } from './databases.ts';
import { insist, type Street } from './shopper.ts';

export interface Desk {
  readonly couponCode: string;
  readonly approver: Person;
}

/** What was acknowledged at the desk. */
export interface BackOffice {
  readonly runs: readonly string[];
  readonly approvedBatches: readonly string[];
  /** SHA-256 of the bytes of each uploaded file. */
  readonly files: readonly string[];
}

/** Between two of a kind: the purchases are the load, this goes on beside them. */
const pauseMs = 4_000;
const waitMsMax = 90_000;
const linesOfFile = 250;

/** Before the first purchase: a coupon, a second person of finance, and an account that may be paid at once. */
export async function openDesk(
  url: string,
  data: DataFolder,
  { finance, instructor }: { readonly finance: Person; readonly instructor: Person },
): Promise<Desk> {
  const visitor = anonymousClient(url);
  const couponCode = `KILL-${randomUUID().slice(0, 8)}`.toUpperCase();
  const coupon = { code: couponCode, percentBasisPoints: 2_000, scope: 'all' };
  success(await finance.call('POST', '/coupons', { key: randomUUID(), body: coupon }), 201, 'coupon');
  const admin = await signIn(visitor, 'admin@suuupra.test', demoPassword);
  const second = await signUp(visitor, 'Second');
  const roles = { body: { roles: ['learner', 'finance'] } };
  success(await admin.call('PUT', `/users/${second.user.id}/roles`, roles), 200, 'roles');
  const account = { method: 'bank_in', holderName: 'Ida', accountNumber: '120000345', ifsc: 'HDFC0000001' };
  const set = await instructor.call('PUT', '/instructors/me/payout-accounts/INR', { body: account });
  success(set, 200, 'payout account');
  // Two days pass for the new account.
  const databases = await openDatabases(data);
  await databases.query('settlement', 'UPDATE payout_accounts SET payable_from = changed_at');
  await databases.close();
  return { couponCode, approver: await signIn(visitor, second.email, second.password) };
}

/** Uploads and settles in turn until there is nothing more to sell; what is begun is finished. */
export async function workAtDesk(street: Street, desk: Desk, ended: AbortSignal): Promise<BackOffice> {
  const [files, settled] = await Promise.all([uploadAll(street, ended), settleAll(street, desk, ended)]);
  return { files, ...settled };
}

async function uploadAll(street: Street, ended: AbortSignal): Promise<readonly string[]> {
  const files: string[] = [];
  while (!ended.aborted) {
    files.push(await upload(street, files.length));
    await delay(pauseMs, undefined, { signal: ended }).catch(() => {});
  }
  return files;
}

/** A file that is sent again after its answer was lost is known by its bytes. */
async function upload(street: Street, number: number): Promise<string> {
  const rawBody = reportOfNobody(number);
  const name = `nobody-${number}.csv`;
  const path = `/settlement/files?format=settlement_csv&name=${name}`;
  const answer = await insist(street, street.finance, 'POST', path, { rawBody, contentType: 'text/csv' });
  const isKnown = (answer.json as Problem).code === 'settlement_file_known';
  assert(answer.status === 201 || isKnown, `upload of ${name}: ${answer.status} ${answer.text}`);
  return createHash('sha256').update(rawBody).digest('hex');
}

/** A report of payments that we never made: each line is a break, and nothing of it is booked. */
function reportOfNobody(number: number): string {
  const settlement = `nobody_${number}`;
  const end = ['INR', settlement, '2026-01-05', `SIMNOBODY${number}`];
  const rows = Array.from({ length: linesOfFile }, (_, index) =>
    ['capture', `nob_${number}_${index}`, `nobody_${number}_${index}`, '1.00', '0.00', '0.00', '1.00', ...end].join(
      ',',
    ),
  );
  const sum = `${linesOfFile}.00`;
  return [
    'type,provider_reference,merchant_reference,gross,fee,tax,net,currency,settlement_id,settlement_date,utr',
    ...rows,
    ['payout', settlement, '', sum, '0.00', '0.00', sum, ...end].join(','),
    '',
  ].join('\r\n');
}

async function settleAll(street: Street, desk: Desk, ended: AbortSignal): Promise<Omit<BackOffice, 'files'>> {
  const runs: string[] = [];
  const approvedBatches: string[] = [];
  while (!ended.aborted) {
    const runId = await settle(street);
    if (runId !== undefined) {
      runs.push(runId);
      approvedBatches.push(...(await approve(street, desk, runId)));
    }
    await delay(pauseMs, undefined, { signal: ended }).catch(() => {});
  }
  return { runs, approvedBatches };
}

/** Starts a run and waits for its end. Undefined while another is under way. */
async function settle(street: Street): Promise<string | undefined> {
  const { finance } = street;
  const [path, key, body] = ['/settlement/runs', randomUUID(), {}];
  const answer = await insist<{ run: { id: string } }>(street, finance, 'POST', path, { key, body });
  if (answer.status === 409) return undefined;
  const { run } = success(answer, 201, 'settlement run');
  street.acknowledge({ purchase: -1, by: finance, path, body, key, status: 201, text: answer.text });
  await until<{ run: { status: string } }>(street, `${path}/${run.id}`, (seen) => seen.run.status === 'done');
  return run.id;
}

interface Batch {
  readonly id: string;
  readonly runId: string;
  readonly status: string;
}

async function approve(street: Street, { approver }: Desk, runId: string): Promise<readonly string[]> {
  const path = '/settlement/payout-batches';
  const { payoutBatches = [] } = await until<{ payoutBatches?: Batch[] }>(street, `${path}?pageSize=100`, () => true);
  const mine = payoutBatches.filter((batch) => batch.runId === runId);
  for (const { id } of mine) {
    const options = { key: randomUUID(), body: {} };
    success(await insist(street, approver, 'POST', `${path}/${id}:approve`, options), 200, `approve ${id}`);
  }
  return mine.map(({ id }) => id);
}

async function until<T>(street: Street, path: string, so: (answer: T) => boolean): Promise<T> {
  const untilMs = Date.now() + waitMsMax;
  for (;;) {
    const answer = success(await insist<T>(street, street.finance, 'GET', path), 200, `GET ${path}`);
    if (so(answer)) return answer;
    if (Date.now() > untilMs) assert.fail(`${path} stays ${JSON.stringify(answer)}`);
    await delay(200);
  }
}

interface Listed {
  readonly nextPageToken?: string;
}

async function listAll<T>(finance: Person, path: string, name: string): Promise<readonly T[]> {
  const items: T[] = [];
  for (let token = ''; ; ) {
    const answer = await finance.call<Listed & Record<string, unknown>>(
      'GET',
      `${path}?pageSize=100&pageToken=${encodeURIComponent(token)}`,
    );
    const page = success(answer, 200, path);
    items.push(...((page[name] ?? []) as T[]));
    token = page.nextPageToken ?? '';
    if (token === '') return items;
  }
}

/** What of the desk's work has not come to its end yet: batches that are not paid, files that are not read. */
export async function unfinishedAtDesk(finance: Person, { files }: BackOffice): Promise<readonly string[]> {
  const payouts = await listAll<{ id: string; status: string }>(finance, '/settlement/payouts', 'payouts');
  const kept = await listAll<{ sha256: string; status: string }>(finance, '/settlement/files', 'files');
  return [
    ...payouts.filter(({ status }) => status !== 'paid').map(({ id, status }) => `payout ${id} is ${status}`),
    ...files
      .filter((sha256) => !kept.some((file) => file.sha256 === sha256 && file.status === 'processed'))
      .map((sha256) => `file ${sha256.slice(0, 8)} is not processed`),
  ];
}

/** Every acknowledged run, approval and file is there, and once. */
export async function assertDesk(url: string, person: Person, office: BackOffice): Promise<void> {
  const finance = moved(person, url);
  const runs = await listAll<{ id: string; status: string }>(finance, '/settlement/runs', 'runs');
  for (const id of office.runs) assert.equal(runs.find((run) => run.id === id)?.status, 'done', `run ${id}`);
  const batches = await listAll<Batch>(finance, '/settlement/payout-batches', 'payoutBatches');
  for (const id of office.approvedBatches)
    assert.equal(batches.find((batch) => batch.id === id)?.status, 'closed', `payout batch ${id}`);
  const kept = await listAll<{ sha256: string; status: string }>(finance, '/settlement/files', 'files');
  for (const sha256 of office.files) {
    const processed = kept.filter((file) => file.sha256 === sha256 && file.status === 'processed');
    assert.equal(processed.length, 1, `file ${sha256} is there once`);
  }
}
