/** The finance desk with clicks: a dispute is answered, a bad file refused, a payout approved by a second person. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, pay, placeOrder } from '../../test/client.ts';
import { openDatabases } from '../../test/kill/databases.ts';
import {
  type DataFolder,
  demoPassword,
  makeDataFolder,
  type RunningPlatform,
  startPlatform,
} from '../../test/platform.ts';
import { get, paymentIs, put } from '../../test/scenarios/money-stage.ts';
import { courseAndBuyer, type Stage, setStage } from '../../test/scenarios/stage.ts';
import { browserPath, expectGood, keepPicture, openBrowser, type Visit, visit } from './browser.ts';

describe.skipIf(!browserPath)('the finance desk', () => {
  let data: DataFolder;
  let platform: RunningPlatform;
  let browser: Browser;
  let stage: Stage;
  beforeAll(async () => {
    data = makeDataFolder();
    platform = await startPlatform({ data, env: { SUUUPRA_SANDBOX_VERDICT_SECONDS: '1' } });
    browser = await openBrowser();
    stage = await setStage(platform.url, demoPassword);
    await instructorCanBePaid(data, stage);
    await isSold(stage, 'tok_ok');
    await isDisputed(stage, await isSold(stage, 'tok_chargeback'));
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.end('SIGTERM');
    await data?.remove();
  });

  test('answers a dispute, refuses a bad file, and pays with a second person', async () => {
    const maker = await visit(browser, platform.url, 1440);
    const approver = await visit(browser, platform.url, 390);
    const journey = async () => {
      await signsIn(maker.page, 'finance@suuupra.test');
      await signsIn(approver.page, 'admin@suuupra.test');
      await answersTheDispute(maker);
      await uploadsABadFile(maker);
      await writesOff(maker, approver);
      await paysOut(maker, approver);
    };
    await journey().catch(async (error: unknown) => {
      await keepPicture(maker.page, 'failed-maker');
      await keepPicture(approver.page, 'failed-approver');
      throw error;
    });
    await approver.close();
    await maker.close();
  });

  test('corrects the books with two people, and makes a coupon and a webhook', async () => {
    const maker = await visit(browser, platform.url, 1440);
    const approver = await visit(browser, platform.url, 390);
    const journey = async () => {
      await signsIn(maker.page, 'finance@suuupra.test');
      await signsIn(approver.page, 'admin@suuupra.test');
      await adjusts(maker, approver);
      await makesACoupon(maker);
      await addsAnAddress(maker);
    };
    await journey().catch(async (error: unknown) => {
      await keepPicture(maker.page, 'failed-maker');
      await keepPicture(approver.page, 'failed-approver');
      throw error;
    });
    await approver.close();
    await maker.close();
  });

  test('looks as it should in every room', async () => {
    const wide = await visit(browser, platform.url, 1440);
    const narrow = await visit(browser, platform.url, 390);
    for (const { page } of [wide, narrow]) await signsIn(page, 'finance@suuupra.test');
    for (const [path, title] of rooms) {
      for (const { page } of [wide, narrow]) {
        await page.goto(path);
        await page.getByRole('heading', { level: 1, name: title }).waitFor();
      }
      await expectGood(wide, title);
      await narrow.page.waitForLoadState('networkidle');
      expect
        .soft(await narrow.page.evaluate(sidewaysPixels), `pixels that ${title} is too wide`)
        .toBeLessThanOrEqual(0);
      expect.soft(narrow.complaints(), `errors logged on ${title}`).toEqual([]);
      await keepPicture(narrow.page, title);
    }
    await narrow.close();
    await wide.close();
  });
});

/** In the browser: how much of the page is beyond the edge. */
const sidewaysPixels = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;

const rooms = [
  ['/finance/disputes', 'Disputes'],
  ['/finance/attention', 'Waiting for a person'],
  ['/finance/risk', 'Risk'],
  ['/finance/reconciliation', 'Reconciliation'],
  ['/finance/files', 'Provider and bank files'],
  ['/finance/breaks', 'Breaks'],
  ['/finance/expectations', 'Expectations'],
  ['/finance/match-rules', 'Matching rules'],
  ['/finance/payouts', 'Payouts'],
  ['/finance/runs', 'Settlement runs'],
  ['/finance/accounts', 'Accounts'],
  ['/finance/accounts/1100/INR', 'Account statement'],
  ['/finance/adjustments', 'Adjustments'],
  ['/finance/periods', 'Periods'],
  ['/finance/invoices', 'Invoices of all buyers'],
  ['/finance/coupons', 'Coupons'],
  ['/finance/webhooks', 'Webhooks'],
] as const;

/** An account is paid only two days after it was set; here it was set two days ago. */
async function instructorCanBePaid(data: DataFolder, { instructor }: Stage): Promise<void> {
  await put(instructor, '/instructors/me/payout-accounts/INR', {
    ...{ method: 'bank_in', holderName: 'Ida Instructor', accountNumber: '120000345', ifsc: 'HDFC0000001' },
  });
  const databases = await openDatabases(data);
  await databases.query('settlement', 'UPDATE payout_accounts SET payable_from = changed_at WHERE instructor_id = $1', [
    instructor.user.id,
  ]);
  await databases.close();
}

/** Gives the id of the order. */
async function isSold(stage: Stage, token: string): Promise<string> {
  const { course, buyer } = await courseAndBuyer(stage, `Sold with ${token}`);
  const order = await placeOrder(buyer, course.id);
  const payment = await pay(buyer, order.id, token);
  await paymentIs(buyer, payment.id, 'succeeded');
  return order.id;
}

async function isDisputed({ finance }: Stage, orderId: string): Promise<void> {
  await eventually(
    'the payer disputes it',
    () => get<{ disputes?: unknown[] }>(finance, `/disputes?orderId=${orderId}`),
    ({ disputes = [] }) => disputes.length > 0,
    { withinMs: 30_000, everyMs: 200 },
  );
}

async function signsIn(page: Page, email: string): Promise<void> {
  await page.goto('/sign-in');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(email);
  await page.getByLabel('Password').fill(demoPassword);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
}

async function goesTo(page: Page, room: string, door?: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Finance' }).getByRole('link', { name: room }).click();
  if (door) await page.getByRole('navigation', { name: room }).getByRole('link', { name: door }).click();
}

async function answersTheDispute(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance');
  await goesTo(page, 'Payments');
  await page.getByRole('table').getByText('Opened', { exact: true }).last().waitFor();
  await page.getByRole('table').getByRole('link').first().click();
  await page.getByRole('region', { name: 'The payment' }).getByText('Succeeded').waitFor();
  await expectGood(seen, 'dispute');
  await page.getByRole('button', { name: 'Send evidence' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Send the evidence' }).click();
  await dialog.getByText('Fill this in.').waitFor();
  await dialog.getByRole('textbox').fill('Access log: winning_evidence');
  await expectGood(seen, 'evidence');
  await dialog.getByRole('button', { name: 'Send the evidence' }).click();
  await page.getByRole('region', { name: 'Evidence that was sent' }).getByText('winning_evidence').waitFor();
  await page.getByRole('table', { name: 'History of the dispute' }).getByText('Won').waitFor();
  await page.getByRole('region', { name: 'The order' }).getByRole('link').click();
  await page.getByRole('table', { name: 'Payments' }).getByText('Succeeded').waitFor();
  await page.getByRole('table', { name: 'Disputes' }).getByText('Won').waitFor();
  await expectGood(seen, 'disputed order');
}

const header =
  'type,provider_reference,merchant_reference,gross,fee,tax,net,currency,settlement_id,settlement_date,utr';
const end = 'INR,desk_1,2026-01-05,SIMDESK1';
const line = `capture,desk_pay_1,desk_order_1,10.00,0.00,0.00,10.00,${end}`;
const total = `payout,desk_1,,10.00,0.00,0.00,10.00,${end}`;
const good = [header, line, total, ''].join('\r\n');

async function uploads(page: Page, name: string, text: string): Promise<void> {
  await goesTo(page, 'Reconciliation', 'Files');
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Choose a file' }).click();
  await (await chooser).setFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.getByRole('heading', { level: 1, name: 'One file' }).waitFor();
}

async function uploadsABadFile(seen: Visit): Promise<void> {
  const { page } = seen;
  await uploads(page, 'bad.csv', good.replace('0.00,10.00,INR', '0.00,9.00,INR'));
  await page.getByText('The whole file was refused').waitFor({ timeout: 30_000 });
  await page.getByText(/^Arithmetic, line 2: /).waitFor();
  await expectGood(seen, 'refused file');
}

/** What nobody expected is asked to be written off by one, and approved by another. */
async function writesOff(maker: Visit, approver: Visit): Promise<void> {
  const { page } = maker;
  await uploads(page, 'nobody.csv', good);
  await page.getByRole('link', { name: 'In a break' }).click({ timeout: 30_000 });
  await page.getByRole('button', { name: 'Make it mine' }).click();
  await page.getByRole('button', { name: 'Give it back' }).waitFor();
  await page.getByRole('button', { name: 'Ask for a write-off' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('A test of the provider.');
  await page.getByRole('dialog').getByRole('button', { name: 'Ask for a write-off' }).click();
  await page.getByText('A second person is needed').waitFor();
  expect(await page.getByRole('button', { name: 'Approve the write-off' }).count()).toBe(0);
  await expectGood(maker, 'break');
  await approver.page.goto(page.url());
  await approver.page.getByRole('button', { name: 'Approve the write-off' }).click();
  await approver.page.getByRole('dialog').getByRole('button', { name: 'Approve the write-off' }).click();
  await approver.page.getByRole('table', { name: 'History' }).getByText('Written off').waitFor();
  await expectGood(approver, 'break written off');
}

async function paysOut(maker: Visit, approver: Visit): Promise<void> {
  const { page } = maker;
  await goesTo(page, 'Payouts');
  await page.getByRole('button', { name: 'Settle with everybody now' }).click();
  await page.getByRole('table', { name: 'Payout batches' }).getByRole('link').first().click({ timeout: 45_000 });
  await page.getByText('A second person is needed').waitFor();
  await page.getByRole('link', { name: /\.xml$/ }).waitFor();
  expect(await page.getByRole('button', { name: 'Approve and send' }).count()).toBe(0);
  await approver.page.goto(page.url());
  await approver.page.getByRole('button', { name: 'Approve and send' }).click();
  await expectGood(approver, 'approval');
  await approver.page.getByRole('dialog').getByRole('button', { name: 'Approve and send' }).click();
  const payouts = page.getByRole('table', { name: 'Payouts of the batch' });
  await payouts.getByText('Paid', { exact: true }).last().waitFor({ timeout: 60_000 });
  await expectGood(maker, 'payout batch');
  await page.getByRole('link', { name: 'What everybody was settled with' }).click();
  await page.getByRole('table', { name: 'Settlements of the run' }).waitFor();
  await expectGood(maker, 'run');
}

async function adjusts(maker: Visit, approver: Visit): Promise<void> {
  const { page } = maker;
  await page.goto('/finance/adjustments');
  await page.getByRole('button', { name: 'Propose an adjustment' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Account to debit' }).fill('5300');
  await dialog.getByRole('textbox', { name: 'Account to credit' }).fill('1000');
  await dialog.getByRole('textbox', { name: 'Amount' }).fill('1.50');
  await dialog.getByRole('textbox', { name: 'Why' }).fill('A charge of the bank');
  await expectGood(maker, 'adjustment dialog');
  await dialog.getByRole('button', { name: 'Propose' }).click();
  await page.getByRole('table').getByText('Waits for a second person.').waitFor();
  await approver.page.goto('/finance/adjustments');
  await approver.page.getByRole('button', { name: 'Approve: A charge of the bank' }).click();
  await approver.page.getByRole('dialog').getByRole('button', { name: 'Approve and book' }).click();
  await approver.page.getByRole('table').getByText('Booked', { exact: true }).waitFor();
  await page.goto('/finance/accounts/5300/INR');
  await page.getByRole('table', { name: 'Lines of the statement' }).getByText('₹1.50').first().waitFor();
}

async function makesACoupon(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/coupons');
  await page.getByRole('button', { name: 'Make a coupon' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Code' }).fill('DESK-25');
  await dialog.getByRole('textbox', { name: 'Percent' }).fill('25');
  await dialog.getByRole('button', { name: 'Make the coupon' }).click();
  await page.getByRole('button', { name: 'End the coupon DESK-25' }).waitFor();
  await expectGood(seen, 'coupons');
  await page.getByRole('button', { name: 'End the coupon DESK-25' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End the coupon' }).click();
  await page.getByRole('table').getByText('Ended', { exact: true }).waitFor();
}

/** A name that is never found (RFC 2606): what is sent to it fails, and stays to be sent again. */
async function addsAnAddress(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/webhooks');
  await page.getByRole('button', { name: 'Add an address' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Address' }).fill('http://127.0.0.1/');
  await dialog.getByRole('button', { name: 'Add the address' }).click();
  await dialog.getByRole('alert').or(dialog.locator('.field-error')).first().waitFor();
  await expectGood(seen, 'webhook refused');
  await dialog.getByRole('textbox', { name: 'Address' }).fill('https://hooks.suuupra.invalid/in');
  await dialog.getByRole('button', { name: 'Add the address' }).click();
  await page.getByRole('textbox', { name: 'Secret' }).waitFor();
  expect(await page.getByRole('textbox', { name: 'Secret' }).inputValue()).toMatch(/^whsec_/);
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await page.getByRole('link', { name: 'https://hooks.suuupra.invalid/in' }).click();
  await page.getByRole('button', { name: 'Send a test event' }).click();
  await page.getByRole('button', { name: /^Show webhook\.test/ }).click();
  await page.getByRole('dialog').getByText('"webhook.test"').waitFor();
  await expectGood(seen, 'delivery');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Switch it off' }).click();
  await page.getByRole('button', { name: 'Switch it on' }).waitFor();
  await expectGood(seen, 'webhook');
}
