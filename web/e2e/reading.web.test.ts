/** Without a mouse, and without JavaScript. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserPath, openBrowser, tabTo, visit } from './browser.ts';
import { type RunningPlatform, startPlatform } from './platform.ts';

describe.skipIf(!browserPath)('the app', () => {
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

  test('a course can be read without JavaScript', async () => {
    const context = await browser.newContext({ baseURL: platform.url, javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto('/');
    const link = page.getByRole('article').filter({ hasText: 'Free' }).getByRole('link').first();
    const title = (await link.textContent()) ?? '';
    await link.click();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(title);
    expect(await page.title()).toContain(title);
    expect(await page.getByText('Free', { exact: true }).isVisible()).toBe(true);
    expect(await page.locator('.outline-lesson').count()).toBeGreaterThan(3);
    const data = JSON.parse((await page.locator('script[type="application/ld+json"]').textContent()) ?? '{}');
    expect(data).toMatchObject({ '@type': 'Course', name: title, offers: { price: '0.00' } });
    await page
      .getByRole('link', { name: /Preview/ })
      .first()
      .click();
    expect((await page.getByRole('heading', { level: 1 }).textContent())?.length).toBeGreaterThan(3);
    await context.close();
  });

  test.each([1440, 390])('nothing moves when the platform has said who is here, at %i pixels', async (width) => {
    const seen = await visit(browser, platform.url, width);
    const { page } = seen;
    await page.goto('/sign-in?return=%2Fcourses');
    await page.getByRole('textbox', { name: 'E-mail address' }).fill('learner@suuupra.test');
    await page.getByLabel('Password').fill(platform.demoPassword);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/courses$/);
    let said = Promise.withResolvers<void>();
    await page.route('**/api/v1/users/me', async (route) => {
      await said.promise;
      await route.continue();
    });
    await page.goto('/courses');
    const course = page.getByRole('article').last();
    await course.waitFor();
    const stands = await course.boundingBox();
    said.resolve();
    await page.getByRole('region', { name: 'Continue learning' }).waitFor();
    expect(await course.boundingBox()).toEqual(stands);
    said = Promise.withResolvers<void>();
    await page.goto('/courses/double-entry-for-engineers');
    const buy = page.getByRole('button', { name: 'Buy this course' });
    await buy.waitFor();
    expect(await buy.isDisabled()).toBe(true);
    const coupon = page.getByRole('link', { name: 'Use a coupon' });
    const before = await coupon.boundingBox();
    said.resolve();
    await expect.poll(() => buy.isEnabled()).toBe(true);
    expect(await coupon.boundingBox()).toEqual(before);
    expect(await page.getByRole('link', { name: 'Sign in to buy' }).count()).toBe(0);
    await seen.close();
  });

  test('a free course is taken with the keyboard alone', async () => {
    const seen = await visit(browser, platform.url, 1440);
    const { page } = seen;
    await page.goto('/sign-in?return=%2Fcourses');
    await tabTo(page, page.getByRole('textbox', { name: 'E-mail address' }));
    await page.keyboard.type('learner@suuupra.test');
    await page.keyboard.press('Tab');
    await page.keyboard.type(platform.demoPassword);
    await page.keyboard.press('Enter');
    const card = page.getByRole('article').filter({ hasText: 'Free' }).getByRole('link').first();
    await tabTo(page, card);
    await page.keyboard.press('Enter');
    const enrol = page.getByRole('button', { name: 'Enrol for free' });
    await tabTo(page, enrol);
    await page.keyboard.press('Enter');
    const start = page.getByRole('link', { name: 'Start the first lesson' });
    await tabTo(page, start);
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/lessons\//);
    const done = page.getByRole('button', { name: 'Mark as done and go on' });
    await tabTo(page, done);
    const before = page.url();
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.href !== before);
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').getByRole('searchbox').or(page.getByRole('dialog').getByRole('textbox')).waitFor();
    await page.keyboard.type('orders');
    await page.locator('.menu-item[data-focused]').filter({ hasText: 'Orders and receipts' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Orders and receipts' }).waitFor();
    expect(seen.complaints()).toEqual([]);
    await seen.close();
  });
});
