/** Money as people meet it: a coupon and an invoice, a gift, a subscription; an instructor's offers and payouts. */
import { randomUUID } from 'node:crypto';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserPath, expectGood, keepPicture, openBrowser, type Visit, visit } from './browser.ts';
import { type RunningPlatform, startPlatform } from './platform.ts';

const password = 'correct horse battery';
/** Many pages, each looked at in both themes, on a machine that may be busy. */
const storyMsMax = 400_000;
const course = 'Double-entry for engineers';
const coursePath = '/courses/double-entry-for-engineers';

interface Scene {
  readonly platform: RunningPlatform;
  readonly code: string;
  readonly plan: string;
  /** A new visitor at the width that is looked at. */
  opens(): Promise<Visit>;
}

describe.skipIf(!browserPath)('people and money, with clicks', () => {
  let platform: RunningPlatform;
  let browser: Browser;
  beforeAll(async () => {
    platform = await startPlatform();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.stop();
  });

  test.each([1440, 390])(
    'a coupon, an invoice, a gift, a subscription and a payout at %i pixels',
    async (width) => {
      const visits: Visit[] = [];
      const opens = async () => {
        const seen = await visit(browser, platform.url, width);
        visits.push(seen);
        return seen;
      };
      try {
        await storyOf({ platform, code: `SPRING-${width}`, plan: `Everything, ${width}`, opens });
      } catch (error) {
        for (const [index, seen] of visits.entries()) await keepPicture(seen.page, `failed-people-${index}`);
        throw error;
      }
      for (const seen of visits) await seen.close();
    },
    storyMsMax,
  );
});

async function storyOf(scene: Scene): Promise<void> {
  const teacher = await scene.opens();
  await signsIn(teacher.page, 'instructor@suuupra.test', scene.platform.demoPassword);
  await offers(teacher, scene);
  const learner = await scene.opens();
  await signsUp(learner.page, 'Asha Rao', `asha-${randomUUID()}@example.test`);
  await buysWithACoupon(learner, scene.code);
  await opensTheInvoice(learner);
  await givesAGift(scene, learner);
  await subscribesAndCancels(learner, scene.plan);
  await isSettled(scene, teacher);
}

async function signsUp(page: Page, name: string, email: string): Promise<void> {
  await page.goto('/sign-up');
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-up'));
}

async function signsIn(page: Page, email: string, secret: string): Promise<void> {
  await page.goto('/sign-in');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(email);
  await page.getByLabel('Password').fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
}

/** What follows a payment by a moment is looked for again until it is there. */
async function untilThere(page: Page, target: Locator): Promise<void> {
  await expect
    .poll(
      async () => {
        await page.reload();
        return target
          .first()
          .waitFor({ timeout: 1_500 })
          .then(() => true)
          .catch(() => false);
      },
      { timeout: 30_000, interval: 500 },
    )
    .toBe(true);
}

async function offers(seen: Visit, { code, plan }: Scene): Promise<void> {
  const { page } = seen;
  await page.goto('/teach/offers');
  await page.getByRole('button', { name: 'New coupon' }).click();
  await page.getByRole('textbox', { name: 'Code', exact: true }).fill(code);
  await page.getByRole('textbox', { name: 'Percent off' }).fill('25');
  await expectGood(seen, 'new coupon');
  await page.getByRole('button', { name: 'Make the coupon' }).click();
  await page.getByRole('cell', { name: code, exact: true }).waitFor();
  await expectGood(seen, 'coupons');
  await page.getByRole('tab', { name: 'Plans' }).click();
  await page.getByRole('button', { name: 'New plan' }).click();
  await page.getByRole('textbox', { name: 'Title' }).fill(plan);
  await page.getByText(course, { exact: true }).click();
  await page.getByRole('textbox', { name: 'Price in INR' }).fill('499');
  await page.getByRole('textbox', { name: 'Days free at the start' }).fill('14');
  await page.getByRole('button', { name: 'Put it on sale' }).click();
  await page.getByRole('button', { name: `Take off sale: ${plan}` }).waitFor();
  await expectGood(seen, 'plans of an instructor');
}

async function buysWithACoupon(seen: Visit, code: string): Promise<void> {
  const { page } = seen;
  await page.goto(coursePath);
  await page.getByRole('link', { name: 'Use a coupon' }).click();
  await page.getByText('₹999.00').first().waitFor();
  const coupon = page.getByRole('textbox', { name: 'Coupon code' });
  await coupon.fill('NO-SUCH-CODE');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('There is no coupon with this code.').waitFor();
  await expectGood(seen, 'checkout with a wrong coupon');
  await coupon.fill(code.toLowerCase());
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText(`${code} takes ₹249.75 off. You pay ₹749.25.`).waitFor();
  await page.getByText('Add billing details for the invoice').click();
  await page.getByRole('textbox', { name: 'Name on the invoice' }).fill('Asha Rao');
  await page.getByRole('textbox', { name: 'GSTIN' }).fill('29ABCDE1234F1Z0');
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  await page.getByText(/GSTIN: its form, state or check character is wrong/).waitFor();
  await page.getByRole('textbox', { name: 'GSTIN' }).fill('');
  await page.getByRole('button', { name: /State$/ }).click();
  await page.getByRole('option', { name: 'Kerala (32)' }).click();
  await page.getByText('IGST 18 %').waitFor();
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  await page.getByText('Simulated payment: no money moves').waitFor();
  await page.getByText('UPI', { exact: true }).click();
  await page.getByText('Ask by UPI address').click();
  await page.getByRole('textbox', { name: 'UPI address' }).waitFor();
  await expectGood(seen, 'checkout by UPI address');
  await page.getByRole('button', { name: /^Pay ₹749\.25/ }).click();
  await page.getByRole('heading', { name: 'Paid. Thank you.' }).waitFor();
}

async function opensTheInvoice(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.getByRole('link', { name: 'See the receipt' }).click();
  await page.getByText('Asha Rao, Kerala').waitFor();
  const link = page.getByRole('region', { name: 'Invoices' }).getByRole('link');
  await link.waitFor();
  await expectGood(seen, 'receipt with an invoice');
  const answer = await page.request.get((await link.getAttribute('href')) ?? '');
  expect(answer.headers()['content-type']).toBe('application/pdf');
  expect((await answer.body()).subarray(0, 4).toString('latin1')).toBe('%PDF');
  await page.goto('/invoices');
  await page.getByRole('cell', { name: '32 Kerala' }).waitFor();
  await expectGood(seen, 'invoices');
}

async function givesAGift(scene: Scene, giver: Visit): Promise<void> {
  const email = `ravi-${randomUUID()}@example.test`;
  const { page } = giver;
  await page.goto(coursePath);
  await page.getByRole('link', { name: 'Give it as a gift' }).click();
  await page.getByRole('textbox', { name: 'E-mail address of who gets it' }).fill(email);
  await page.getByRole('textbox', { name: 'Their name' }).fill('Ravi');
  await page.getByRole('textbox', { name: 'A message to them' }).fill('Happy birthday!');
  await page.getByText('A gift', { exact: true }).waitFor();
  await expectGood(giver, 'giving a course');
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  await page.getByRole('button', { name: /^Pay / }).click();
  await page.getByRole('link', { name: 'See your gifts' }).click();
  await untilThere(page, page.getByText('Not redeemed yet'));
  await expectGood(giver, 'gifts');

  const taker = await scene.opens();
  await signsUp(taker.page, 'Ravi', email);
  await taker.page.goto('/mailbox');
  await untilThere(taker.page, taker.page.getByText('A course for you on Suuupra'));
  await taker.page.getByText('A course for you on Suuupra').click();
  const link = await taker.page.locator('.mail-text a[href*="/gifts/"]').getAttribute('href');
  await taker.page.goto(new URL(link ?? '').pathname);
  await taker.page.getByText('Happy birthday!').waitFor();
  await expectGood(taker, 'a gift');
  await taker.page.getByRole('button', { name: 'Take the gift' }).click();
  await taker.page.getByRole('heading', { name: 'The course is yours' }).waitFor();
  await taker.page.getByRole('link', { name: 'Start learning' }).click();
  await untilThere(taker.page, taker.page.getByText('This course is yours'));
  await untilThere(page, page.getByText('Redeemed', { exact: true }));
}

async function subscribesAndCancels(seen: Visit, plan: string): Promise<void> {
  const { page } = seen;
  await page.goto('/plans');
  await page.getByRole('link', { name: plan }).waitFor();
  await expectGood(seen, 'plans');
  await page.getByRole('link', { name: plan }).click();
  await page.getByText('A new card that asks you to approve').click();
  await expectGood(seen, 'plan');
  await page.getByRole('button', { name: 'Use this' }).click();
  await page.getByRole('heading', { name: 'Allow later charges?' }).waitFor();
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('button', { name: 'Start the free trial' }).waitFor();
  await page.getByRole('button', { name: 'Start the free trial' }).click();
  await page.getByText('Free trial', { exact: true }).waitFor();
  await page.getByText(/^Next charge/).waitFor();
  await expectGood(seen, 'subscription');
  await page.getByRole('button', { name: 'Cancel it' }).click();
  await page.getByRole('dialog').getByText('This is what will happen:').waitFor();
  await expectGood(seen, 'cancelling');
  await page.getByRole('button', { name: 'Cancel the subscription' }).click();
  await page.getByText(/The courses stay open until .* Nothing more is charged/).waitFor();
  await page.getByRole('button', { name: 'Go on with it' }).click();
  await page.getByText('Free trial', { exact: true }).waitFor();
  await page.goto('/subscriptions');
  await page.getByRole('link', { name: plan }).waitFor();
  await expectGood(seen, 'subscriptions');
}

async function isSettled(scene: Scene, teacher: Visit): Promise<void> {
  const { page } = teacher;
  await page.goto('/teach/payouts');
  const change = page.getByRole('button', { name: 'Change or add an account' });
  await change
    .or(page.getByRole('button', { name: 'Save the account' }))
    .first()
    .waitFor();
  if (await change.isVisible()) await change.click();
  await page.getByRole('button', { name: /Kind of account$/ }).click();
  await page.getByRole('option', { name: 'UPI address (INR)' }).click();
  await page.getByRole('textbox', { name: /Name of the holder/ }).fill('Meera Iyer');
  await page.getByRole('textbox', { name: 'UPI address' }).fill('meera');
  await page.getByRole('button', { name: 'Save the account' }).click();
  await page.locator('.field-error').first().waitFor();
  await page.getByRole('textbox', { name: 'UPI address' }).fill('meera@sandbox');
  await page.getByRole('button', { name: 'Save the account' }).click();
  await page.getByText('m•••@sandbox').waitFor();
  await page.goto('/teach/earnings');
  await untilThere(page, page.getByRole('cell', { name: '₹749.25' }));
  await expectGood(teacher, 'earnings');
  await settles(scene);
  await page.goto('/teach/payouts');
  const statement = page.getByRole('table', { name: 'Your statements' }).getByRole('link').first();
  await untilThere(page, statement);
  await expectGood(teacher, 'payouts');
  await statement.click();
  await page.getByText('It adds up').waitFor();
  await expectGood(teacher, 'statement');
  const csv = await page.request.get(
    (await page.getByRole('link', { name: 'Download as CSV' }).getAttribute('href')) ?? '',
  );
  expect(csv.headers()['content-type']).toContain('text/csv');
  expect((await csv.text()).split('\n').length).toBeGreaterThan(2);
}

/** Finance has everybody settled now instead of at the end of the week. */
async function settles(scene: Scene): Promise<void> {
  const { page } = await scene.opens();
  await signsIn(page, 'finance@suuupra.test', scene.platform.demoPassword);
  const token = (await page.context().cookies()).find((cookie) => cookie.name === 'suuupra_csrf')?.value ?? '';
  const answer = await page.request.post('/api/v1/settlement/runs', {
    headers: { 'Idempotency-Key': randomUUID(), 'X-CSRF-Token': token, Origin: scene.platform.url },
    data: {},
  });
  expect(answer.status()).toBe(201);
}
