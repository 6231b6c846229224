/** A cart with clicks: added on the page of a course, taken out, added again, and checked out to the page that takes the payment. */
import { randomUUID } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserPath, expectGood, keepPicture, openBrowser, type Visit, visit } from './browser.ts';
import { type RunningPlatform, startPlatform } from './platform.ts';

const course = 'Double-entry for engineers';
const storyMsMax = 120_000;

describe.skipIf(!browserPath)('the cart', () => {
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
    'is filled, emptied, filled again and checked out at %i pixels',
    async (width) => {
      const seen = await visit(browser, platform.url, width);
      try {
        await buysFromTheCart(seen);
      } catch (error) {
        await keepPicture(seen.page, 'failed-cart');
        throw error;
      }
      await seen.close();
    },
    storyMsMax,
  );
});

async function buysFromTheCart(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/sign-up?return=/cart');
  await page.getByRole('textbox', { name: 'Your name' }).fill('Asha Rao');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(`asha-${randomUUID()}@example.test`);
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-up'));
  await addsTheCourse(seen);
  await page.getByRole('button', { name: `Remove ${course}` }).press('Enter');
  await page.getByRole('heading', { name: 'Your cart is empty' }).waitFor();
  await expectGood(seen, 'cart-empty');
  await addsTheCourse(seen);
  await expectGood(seen, 'cart');
  await page.getByRole('button', { name: 'Check out' }).press('Enter');
  await page.waitForURL(/\/checkout\//);
  await page.goto('/cart');
  await page.getByRole('heading', { name: 'Your cart is empty' }).waitFor();
}

async function addsTheCourse({ page }: Visit): Promise<void> {
  await page.goto('/courses/double-entry-for-engineers');
  await page.getByRole('button', { name: 'Add to cart' }).press('Enter');
  await page.getByRole('link', { name: 'In your cart, see it' }).press('Enter');
  await page.waitForURL(/\/cart$/);
  const line = page.getByRole('list', { name: 'In the cart' }).getByRole('listitem');
  await line.getByRole('link', { name: course }).waitFor();
  expect(await line.count()).toBe(1);
}
