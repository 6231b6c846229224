/** The main job with clicks: find, sign up, pay, learn, pass, be refunded; and the money as finance sees it. */
import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserPath, expectGood, keepPicture, openBrowser, type Visit, visit } from './browser.ts';
import { type RunningPlatform, startPlatform } from './platform.ts';

const password = 'correct horse battery';

describe.skipIf(!browserPath)('a learner, with clicks', () => {
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

  test.each([1440, 390])('buys, learns, passes and is refunded at %i pixels', async (width) => {
    const seen = await visit(browser, platform.url, width);
    const number = await journeyOf(seen).catch(async (error: unknown) => {
      await keepPicture(seen.page, 'failed');
      throw error;
    });
    await seen.close();
    await financeSees(await visit(browser, platform.url, width), number);
  });

  async function financeSees(seen: Visit, number: string): Promise<void> {
    const { page } = seen;
    await signsIn(page, 'finance@suuupra.test', platform.demoPassword);
    await page.goto('/finance');
    await page.getByText('In balance').first().waitFor();
    await expectGood(seen, 'trial balance');
    await page.getByRole('link', { name: 'Journals' }).click();
    await page.getByText('Order refunded').first().waitFor();
    await expectGood(seen, 'journals');
    await page.getByRole('navigation', { name: 'Finance' }).getByRole('link', { name: 'Orders' }).click();
    await page.getByRole('link', { name: number }).click();
    await page
      .getByRole('img', { name: /^Debited: / })
      .first()
      .waitFor();
    await page.getByRole('heading', { name: 'Order refunded' }).waitFor();
    await expectGood(seen, 'order money');
    await seen.close();
  }
});

/** Gives the number of the order. */
async function journeyOf(seen: Visit): Promise<string> {
  const course = await findsACourse(seen);
  await signsUp(seen, course);
  await buys(seen, course);
  await learns(seen);
  await passesTheQuiz(seen);
  await looksAround(seen);
  return isRefunded(seen, course);
}

async function findsACourse(seen: Visit): Promise<string> {
  const { page } = seen;
  await page.goto('/');
  const card = page.getByRole('article').filter({ hasText: '₹' }).first();
  const title = ((await card.getByRole('heading').textContent()) ?? '').trim();
  await expectGood(seen, 'catalogue');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await page
    .getByRole('searchbox')
    .or(page.getByRole('textbox', { name: /Search courses/ }))
    .fill(title.split(' ')[0] ?? title);
  await page.getByRole('menuitem', { name: /All results/ }).click();
  await page.getByRole('heading', { name: title }).getByRole('link').first().waitFor();
  await expectGood(seen, 'search');
  await page.getByRole('heading', { name: title }).getByRole('link').first().click();
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
  await expectGood(seen, 'course');
  return title;
}

async function signsUp(seen: Visit, course: string): Promise<void> {
  const { page } = seen;
  await page.getByRole('link', { name: 'Sign in to buy' }).click();
  await page.getByRole('main').getByRole('link', { name: 'Sign up' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sign up' }).waitFor();
  await page.getByRole('textbox', { name: 'Your name' }).fill('Asha Rao');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(`asha-${randomUUID()}@example.test`);
  await page.getByLabel('Password').fill('short');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.locator('.field-error').first().waitFor();
  await expectGood(seen, 'sign up with an error');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.getByRole('heading', { level: 1, name: course }).waitFor();
}

async function signsIn(page: Page, email: string, secret: string): Promise<void> {
  await page.goto('/sign-in');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(email);
  await page.getByLabel('Password').fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
}

async function buys(seen: Visit, course: string): Promise<void> {
  const { page } = seen;
  await page.getByRole('button', { name: 'Buy this course' }).click();
  await page.getByRole('heading', { level: 1, name: 'Checkout' }).waitFor();
  await page.getByText('Simulated payment: no money moves').waitFor();
  await expectGood(seen, 'checkout');
  await page.getByText('Declined', { exact: true }).click();
  await page.getByRole('button', { name: /^Pay / }).click();
  await page.getByText('The payment did not go through').waitFor();
  await expectGood(seen, 'checkout after a decline');
  await page.getByText('UPI', { exact: true }).click();
  await page.getByRole('button', { name: /^Pay / }).click();
  await page.getByRole('img', { name: 'QR code of the UPI payment' }).waitFor();
  await expectGood(seen, 'upi');
  await page.getByRole('button', { name: 'Reject' }).click();
  await page.getByText('The payment did not go through').waitFor();
  await page.getByText('Card', { exact: true }).click();
  await page.getByText('Asks you to approve', { exact: true }).click();
  await page.getByRole('button', { name: /^Pay / }).click();
  await page.getByRole('heading', { name: 'Approve this payment?' }).waitFor();
  await expectGood(seen, 'bank');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('heading', { name: 'Paid. Thank you.' }).waitFor();
  await expectGood(seen, 'paid');
  await page.getByRole('link', { name: 'Start learning' }).click();
  await page.getByRole('heading', { level: 1, name: course }).waitFor();
}

async function learns(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.getByRole('link', { name: /Start the first lesson|Continue/ }).click();
  await page.getByRole('button', { name: 'Mark as done and go on' }).waitFor();
  const first = page.url();
  await expectGood(seen, 'lesson');
  await page.getByRole('button', { name: 'Mark as done and go on' }).click();
  await page.waitForURL((url) => url.href !== first);
  await page.goto('/learn');
  await page.getByText(/^1 of \d+ lessons/).waitFor();
  await expectGood(seen, 'my learning');
  await page.getByRole('link', { name: /^Continue/ }).click();
  await page.waitForURL(/\/lessons\//);
}

async function passesTheQuiz(seen: Visit): Promise<void> {
  const { page } = seen;
  const lessons = page.getByRole('navigation', { name: 'Lessons of this course' });
  await lessons.getByRole('link').first().click();
  await page.getByRole('heading', { name: 'What is in it' }).waitFor();
  await page
    .getByRole('link', { name: /Quiz, / })
    .first()
    .click();
  await page.getByRole('button', { name: 'Start the quiz' }).click();
  await page.getByRole('button', { name: 'Submit' }).waitFor();
  await answersSomething(page);
  await page
    .getByRole('status')
    .filter({ hasText: /^Saved$/ })
    .waitFor();
  await expectGood(seen, 'quiz');
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  const asked = page.getByRole('button', { name: 'Submit now' });
  const result = page.getByRole('region', { name: 'Result' });
  await asked.or(result).first().waitFor();
  if (await asked.isVisible()) await asked.click();
  await result.waitFor();
  await expectGood(seen, 'quiz result');
  await page.getByRole('button', { name: 'Try again' }).waitFor();
}

/** Gives every kind of answer there is; whether it is right is the quiz's business. */
async function answersSomething(page: Page): Promise<void> {
  for (const question of await page
    .getByRole('listitem')
    .filter({ has: page.locator('.question-box') })
    .all()) {
    const choice = question.locator('.choice').first();
    const number = question.getByRole('textbox').first();
    const down = question.getByRole('button', { name: /^Move .* down$/ }).first();
    if (await choice.isVisible()) await choice.click();
    else if (await number.isVisible()) await number.fill('12');
    else if (await down.isVisible()) await down.click();
  }
}

async function looksAround(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.getByRole('link', { name: /^Notifications/ }).click();
  await page.getByRole('heading', { level: 1, name: 'Notifications' }).waitFor();
  await page.locator('.note').first().waitFor();
  await expectGood(seen, 'notifications');
  await page.goto('/mailbox');
  await page.locator('.mail').first().waitFor();
  await expectGood(seen, 'mailbox');
  await page.goto('/account');
  await page.getByText('This one').waitFor();
  await expectGood(seen, 'account');
  const lost = await page.goto('/no-such-page');
  expect(lost?.status()).toBe(404);
  await page.getByRole('heading', { name: 'There is no page at this address' }).waitFor();
  await expectGood(seen, 'not found');
}

async function isRefunded(seen: Visit, course: string): Promise<string> {
  const { page } = seen;
  await page.goto('/orders');
  await expectGood(seen, 'orders');
  await page.getByRole('link', { name: course }).click();
  const heading = page.getByRole('heading', { level: 1, name: /^Receipt / });
  await heading.waitFor();
  await expectGood(seen, 'receipt');
  await page.getByRole('button', { name: 'Request a refund' }).click();
  await page.getByRole('dialog').getByText('This is what will happen:').waitFor();
  await expectGood(seen, 'refund dialog');
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Refund / })
    .click();
  await page.getByText('Refunded', { exact: true }).first().waitFor();
  await expectGood(seen, 'refunded order');
  return ((await heading.textContent()) ?? '').replace('Receipt ', '').trim();
}
