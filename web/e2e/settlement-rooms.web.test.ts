/** The settlement rooms with clicks: a bank of two people, a file by hand, its answers, money between instructors. */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pay, placeOrder } from '../../test/client.ts';
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

describe.skipIf(!browserPath)('the settlement rooms', () => {
  let data: DataFolder;
  let platform: RunningPlatform;
  let browser: Browser;
  let stage: Stage;
  /** By finance on a wide screen, and by an administrator on a narrow one. */
  let maker: Visit;
  let approver: Visit;
  beforeAll(async () => {
    data = makeDataFolder();
    platform = await startPlatform({ data });
    browser = await openBrowser();
    stage = await setStage(platform.url, demoPassword);
    await instructorCanBePaid(data, stage);
    await isSold(stage);
    maker = await visit(browser, platform.url, 1440);
    approver = await visit(browser, platform.url, 390);
    await signsIn(maker.page, 'finance@suuupra.test');
    await signsIn(approver.page, 'admin@suuupra.test');
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.end('SIGTERM');
    await data?.remove();
  });

  const journey = (story: () => Promise<void>) => async () => {
    await story().catch(async (error: unknown) => {
      await keepPicture(maker.page, 'failed-settlement-maker');
      await keepPicture(approver.page, 'failed-settlement-approver');
      throw error;
    });
  };

  test(
    'an instructor is paid at their own wish, once a day',
    journey(async () => {
      const wide = await visit(browser, platform.url, 1440);
      const narrow = await visit(browser, platform.url, 390);
      await isPaidNow(wide);
      await isRefusedMore(narrow);
      for (const seen of [wide, narrow]) await seen.close();
      await isSold(stage);
    }),
  );

  test(
    'a bank is asked for by one and approved by another, who is named',
    journey(async () => {
      await asksForABank(maker);
      await approvesTheBank(approver);
      await maker.page.reload();
      const banks = maker.page.getByRole('table', { name: 'Payout banks' });
      await banks.getByText('Active', { exact: true }).waitFor();
      await banks.getByText('Ada Admin').waitFor();
      await expectGood(maker, 'payout banks');
    }),
  );

  test(
    'a file is handed over by its hash, and the bank answers, wrongly first',
    journey(async () => {
      await makesABatch(maker);
      await approver.page.goto(maker.page.url());
      await handsOver(approver);
      await answers(maker, stage);
    }),
  );

  test(
    'money goes from one instructor to another, and back',
    journey(async () => {
      await asksForATransfer(maker, stage);
      await decides(approver, 'Approve: Half of the course was hers', 'Approve and book');
      await reverses(maker);
      await decides(approver, 'Turn down: It was a third', 'Turn it down');
      await approver.page.getByRole('table').getByText('Rejected', { exact: true }).waitFor();
    }),
  );

  test(
    'a rate of tax is asked for from a day on, and approved by another',
    journey(async () => {
      await asksForARate(maker);
      await approvesTheRate(approver);
      await maker.page.reload();
      await maker.page.getByRole('heading', { name: 'In force: version 2' }).waitFor();
      const rates = maker.page.getByRole('table', { name: 'Rates in force' });
      await rates.getByText('0.25 %, 20 % without a PAN').waitFor();
      await expectGood(maker, 'rates of tax in force');
    }),
  );

  test(
    'says where the reports of providers come from',
    journey(async () => {
      for (const seen of [maker, approver]) {
        await seen.page.goto('/finance/files');
        const sources = seen.page.getByRole('table', { name: 'Sources of reports' });
        await sources.getByText('Stripe').waitFor();
        await sources.getByText('Razorpay').waitFor();
        expect(await sources.getByText('Not set up', { exact: true }).count()).toBe(2);
        await expectGood(seen, 'report sources');
      }
    }),
  );
});

/** An account is paid only two days after it was set; here it was set two days ago. */
async function instructorCanBePaid(data: DataFolder, { instructor }: Stage): Promise<void> {
  await put(instructor, '/instructors/me/payout-accounts/INR', {
    ...{ method: 'bank_in', holderName: 'Ida Instructor', accountNumber: '120000345', ifsc: 'HDFC0000001' },
  });
  await put(instructor, '/instructors/me/payout-accounts/USD', {
    ...{ method: 'iban', holderName: 'Ida Instructor', accountNumber: 'DE89370400440532013000', bic: 'COBADEFF' },
  });
  const databases = await openDatabases(data);
  await databases.query('settlement', 'UPDATE payout_accounts SET payable_from = changed_at WHERE instructor_id = $1', [
    instructor.user.id,
  ]);
  await databases.close();
}

/** Pressed twice, as impatient people do; the payout shows up by itself. */
async function isPaidNow(seen: Visit): Promise<void> {
  const { page } = seen;
  await signsIn(page, 'instructor@suuupra.test');
  await page.goto('/teach/payouts');
  await page.getByRole('button', { name: 'Pay out INR now' }).waitFor();
  await expectGood(seen, 'payouts before a wish');
  await page.getByRole('button', { name: 'Pay out INR now' }).dblclick();
  await page
    .getByText(/owed to you is being settled/)
    .first()
    .waitFor();
  const paid = page.getByRole('region', { name: 'Paid to you' }).getByRole('listitem');
  await paid.getByText('Simulated', { exact: true }).waitFor({ timeout: 45_000 });
  expect(await paid.count()).toBe(1);
  await paid.getByRole('link').click();
  await page.getByText('It adds up').waitFor();
  await expectGood(seen, 'statement of a wish');
}

/** Again on the same day, and where nothing is owed. */
async function isRefusedMore(seen: Visit): Promise<void> {
  const { page } = seen;
  await signsIn(page, 'instructor@suuupra.test');
  await page.goto('/teach/payouts');
  await page.getByRole('button', { name: 'Pay out INR now' }).press('Enter');
  await page.getByText(/You were paid at your wish within the last day/).waitFor();
  await page.getByRole('button', { name: 'Pay out USD now' }).press('Enter');
  await page.getByText('USD 0.00 is owed to you; below USD 10.00 nothing is paid.').waitFor();
  await expectGood(seen, 'no second wish');
}

async function isSold(stage: Stage): Promise<void> {
  const { course, buyer } = await courseAndBuyer(stage, 'Sold for a payout');
  const order = await placeOrder(buyer, course.id);
  const payment = await pay(buyer, order.id, 'tok_ok');
  await paymentIs(buyer, payment.id, 'succeeded');
}

async function signsIn(page: Page, email: string): Promise<void> {
  await page.goto('/sign-in');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(email);
  await page.getByLabel('Password').fill(demoPassword);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
}

/** From the first day on which it may begin; settled days are refused at the field. */
async function asksForARate(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/withholding');
  await page.getByRole('heading', { name: 'In force: version 1' }).waitFor();
  await page.getByRole('button', { name: /^Change the rate: TDS, Income-tax Act 2025/ }).press('Enter');
  const dialog = page.getByRole('dialog');
  const first = dialog.getByLabel('First day, in India');
  const soonest = await first.inputValue();
  const fill = (name: string, text: string) => dialog.getByRole('textbox', { name }).fill(text);
  await first.fill('2026-04-02');
  await fill('Rate in percent', 'a lot');
  await fill('Rate without a PAN in percent', '20');
  await fill('The law', 'Finance Act 2027, for a test');
  await fill('Why', 'The rate has changed');
  await dialog.getByRole('button', { name: 'Ask for it' }).press('Enter');
  await dialog.getByText('A percentage from 0 to 100, with at most four decimals.').waitFor();
  await fill('Rate in percent', '0.25');
  await dialog.getByRole('button', { name: 'Ask for it' }).press('Enter');
  await dialog.getByText(/up to then everybody is settled/).waitFor();
  await expectGood(seen, 'a rate from a settled day');
  await first.fill(soonest);
  await dialog.getByRole('button', { name: 'Ask for it' }).press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('You asked for it, so somebody else approves it.').waitFor();
  await expectGood(seen, 'a rate that waits');
}

async function approvesTheRate(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/withholding');
  await page.getByText('0.25 %, 20 % without a PAN').first().waitFor();
  await expectGood(seen, 'a rate to be approved');
  await page.getByRole('button', { name: 'Approve these rates' }).press('Enter');
  await page.getByRole('dialog').getByRole('button', { name: 'Put it in force' }).press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('heading', { name: 'In force: version 2' }).waitFor();
}

async function asksForABank(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/payout-banks');
  await page.getByRole('heading', { name: 'No bank is set' }).waitFor();
  await expectGood(seen, 'no payout bank');
  await page.getByRole('button', { name: 'Ask for a bank' }).press('Enter');
  const dialog = page.getByRole('dialog');
  const fill = (name: string, text: string) => dialog.getByRole('textbox', { name }).fill(text);
  await fill('Name of the bank', 'Example Bank');
  await fill('Holder of the account', 'Suuupra Learning (P) Ltd');
  await fill('Account number', '12');
  await fill('Code of the bank', 'HDFC0000009');
  await fill('Legal entity that pays', 'suuupra-in');
  await dialog.getByRole('button', { name: 'Ask for it' }).press('Enter');
  await dialog.getByText('9 to 18 digits.').waitFor();
  await expectGood(seen, 'bank refused');
  await fill('Account number', '000111222333');
  await dialog.getByRole('button', { name: 'Ask for it' }).press('Enter');
  await page.getByText('Waits for a second person.', { exact: true }).waitFor();
  expect(await page.getByRole('button', { name: /^Approve/ }).count()).toBe(0);
  expect(await page.getByText('000111222333').count()).toBe(0);
}

async function approvesTheBank(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/payout-banks');
  await page.getByRole('table').getByText('Farah Finance').waitFor();
  await page.getByRole('button', { name: 'Approve Example Bank for INR' }).press('Enter');
  await expectGood(seen, 'bank approval');
  await page.getByRole('dialog').getByRole('button', { name: 'Approve this bank' }).press('Enter');
  await page.getByRole('table').getByText('Active', { exact: true }).waitFor();
}

async function makesABatch({ page }: Visit): Promise<void> {
  await page.goto('/finance/payouts');
  await page.getByRole('button', { name: 'Settle with everybody now' }).click();
  const batches = page.getByRole('table', { name: 'Payout batches' });
  await batches.getByRole('row').filter({ hasText: 'Created' }).getByRole('link').click({ timeout: 45_000 });
  await page.getByText('A second person is needed').waitFor();
  await page.getByText('Example Bank').first().waitFor();
}

async function handsOver(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.getByRole('button', { name: 'Approve', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Approve', exact: true }).click();
  await page.getByText('Example Bank takes files').waitFor();
  await expectGood(seen, 'before the hand-over');
  await page.getByRole('button', { name: 'Hand over to the bank' }).press('Enter');
  const dialog = page.getByRole('dialog');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    dialog.getByRole('link', { name: /^Download .*\.xml$/ }).click(),
  ]);
  const file = await download.path();
  await picks(page, 'Choose a file', 'other.xml', `${await readFile(file, 'utf8')} `, 'dialog');
  await dialog.getByText('This is another file than the one chosen above.').waitFor();
  expect(await dialog.getByRole('button', { name: 'The bank has it' }).isDisabled()).toBe(true);
  await picks(page, 'Choose a file', 'same.xml', await readFile(file, 'utf8'), 'dialog');
  await dialog.getByText('It is this file, byte for byte.').waitFor();
  await expectGood(seen, 'hand-over');
  await dialog.getByRole('button', { name: 'The bank has it' }).press('Enter');
  await page.getByText('This one was given to the bank.').waitFor();
  await page.getByRole('heading', { name: 'The bank has not answered yet' }).waitFor();
  await expectGood(seen, 'handed over');
}

async function picks(page: Page, button: string, name: string, text: string, role: 'dialog' | 'main'): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole(role).getByRole('button', { name: button }).click();
  await (await chooser).setFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
}

interface PayoutJson {
  readonly id: string;
  readonly amount: { readonly amountMinor: string };
}

async function answers(seen: Visit, { finance }: Stage): Promise<void> {
  const { page } = seen;
  await page.reload();
  const batchId = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  const { payouts } = await get<{ payouts: PayoutJson[] }>(finance, `/settlement/payouts?payoutBatchId=${batchId}`);
  const said = csvOf(batchId, payouts);
  const answers = page.getByRole('table', { name: 'Answers of the bank' });
  await chooses(page, 'Format', 'CSV');
  await picks(page, 'Choose a file', 'wrong.csv', said.replace(',paid,', ',lost,'), 'main');
  await page.getByRole('button', { name: 'Upload the answer' }).press('Enter');
  await page
    .getByRole('alert')
    .getByText(/^Line 2: /)
    .waitFor();
  await answers.getByText(/^Malformed, line 2: /).waitFor();
  await expectGood(seen, 'answer refused');
  await picks(page, 'Choose a file', 'right.csv', said, 'main');
  await page.getByRole('button', { name: 'Upload the answer' }).press('Enter');
  await answers.getByText(`${payouts.length} paid`).waitFor();
  await page.getByRole('table', { name: 'Payouts of the batch' }).getByText('Paid', { exact: true }).first().waitFor();
  await page.getByText('Closed', { exact: true }).waitFor();
  await expectGood(seen, 'answer applied');
}

function csvOf(batchId: string, payouts: readonly PayoutJson[]): string {
  const rupees = (minor: bigint) => `${minor / 100n}.${String(minor % 100n).padStart(2, '0')}`;
  const rows = payouts.map(({ id, amount }, n) =>
    [id.replaceAll('_', '-'), batchId, 'paid', 'INR', rupees(BigInt(amount.amountMinor)), '', `UTR${n}`].join(','),
  );
  const sum = payouts.reduce((total, { amount }) => total + BigInt(amount.amountMinor), 0n);
  const header = 'payout,batch,status,currency,amount,reason,bank_reference';
  return [header, ...rows, `total,${batchId},${rows.length},INR,${rupees(sum)},,`, ''].join('\r\n');
}

async function chooses(page: Page, label: string, option: string): Promise<void> {
  await page.getByLabel(label, { exact: true }).press('Enter');
  await page.getByRole('option', { name: option }).press('Enter');
}

async function asksForATransfer(seen: Visit, { instructor, finance }: Stage): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/transfers');
  await page.getByRole('heading', { name: 'No transfers here' }).waitFor();
  await page.getByRole('button', { name: 'Ask for a transfer' }).press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Ask for it' }).press('Enter');
  await dialog.getByText('Choose an instructor.').first().waitFor();
  await chooses(page, 'From', instructor.user.displayName);
  await chooses(page, 'To', 'Somebody else, by their id');
  const id = dialog.getByRole('textbox', { name: 'Id of the instructor (to)' });
  await id.fill('usr_nobody');
  await dialog.getByText('Nobody has this id.').waitFor();
  await id.fill(finance.user.id);
  await dialog.getByText('This is Farah Finance.').waitFor();
  await dialog.getByRole('textbox', { name: 'Amount' }).fill('12.50');
  await dialog.getByRole('textbox', { name: 'Why' }).fill('Half of the course was hers');
  await expectGood(seen, 'transfer dialog');
  await dialog.getByRole('button', { name: 'Ask for it' }).press('Enter');
  await page.getByText('Waits for a second person.', { exact: true }).waitFor();
  expect(await page.getByRole('button', { name: /^Approve/ }).count()).toBe(0);
}

async function decides(seen: Visit, button: string, confirm: string): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/transfers');
  await page.getByRole('button', { name: button }).press('Enter');
  await expectGood(seen, confirm);
  await page.getByRole('dialog').getByRole('button', { name: confirm }).press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

async function reverses(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/transfers');
  await page.getByText('Booked', { exact: true }).waitFor({ timeout: 30_000 });
  await page.getByRole('button', { name: 'Reverse: Half of the course was hers' }).press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Amount in INR' }).fill('99.00');
  await dialog.getByRole('textbox', { name: 'Why' }).fill('It was a third');
  await dialog.getByRole('button', { name: 'Ask for the reversal' }).press('Enter');
  await dialog.getByText('More would go back than was transferred').waitFor();
  await expectGood(seen, 'reversal refused');
  await dialog.getByRole('textbox', { name: 'Amount in INR' }).fill('4.00');
  await dialog.getByRole('button', { name: 'Ask for the reversal' }).press('Enter');
  await page.getByText('Reversal', { exact: true }).waitFor();
  await expectGood(seen, 'transfers');
}
