/**
 * A cart with clicks: added on the page of a course, taken out, added again, and checked out to the page that takes the
 * payment; kept for a stranger until they sign in; and gifts that say who gets them wherever they stand.
 */
import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
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
      await asks(width, buysFromTheCart);
    },
    storyMsMax,
  );

  test.each([1440, 390])(
    'of a stranger is kept, and goes into their own when they sign up, at %i pixels',
    async (width) => {
      await asks(width, fillsItAsAStranger);
    },
    storyMsMax,
  );

  test(
    'says of each thing merged why it cannot be ordered',
    () => asks(390, (seen) => mergesWhatIsRefused(seen, platform.demoPassword)),
    storyMsMax,
  );

  test('that is full leaves the rest in the browser until there is room', () => asks(1440, hasNoRoom), storyMsMax);

  test(
    'holds gifts that name who gets them, and so do the order and its invoices',
    () => asks(1440, givesTwo),
    storyMsMax,
  );

  async function asks(width: number, story: (seen: Visit) => Promise<void>): Promise<void> {
    const seen = await visit(browser, platform.url, width);
    try {
      await story(seen);
    } catch (error) {
      await keepPicture(seen.page, 'failed-cart');
      throw error;
    }
    await seen.close();
  }
});

async function signsUp({ page }: Visit): Promise<void> {
  await page.goto('/sign-up?return=/cart');
  await fillsSignUp(page);
}

async function fillsSignUp(page: Page): Promise<void> {
  await page.getByRole('textbox', { name: 'Your name' }).fill('Asha Rao');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(`asha-${randomUUID()}@example.test`);
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-up'));
}

async function buysFromTheCart(seen: Visit): Promise<void> {
  const { page } = seen;
  await signsUp(seen);
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
  await page.getByRole('button', { name: 'Add to cart', disabled: false }).press('Enter');
  await page.getByRole('link', { name: 'In your cart, see it' }).press('Enter');
  await page.waitForURL(/\/cart$/);
  const line = page.getByRole('list', { name: 'In the cart' }).getByRole('listitem');
  await line.getByRole('link', { name: course }).waitFor();
  expect(await line.count()).toBe(1);
}

const inTheCart = (page: Page) => page.getByRole('list', { name: 'In the cart' }).getByRole('listitem');
const cartLink = (page: Page, name: string) => page.getByRole('banner').getByRole('link', { name, exact: true });
const keptHere = (page: Page) => page.evaluate(() => localStorage.getItem('suuupra.cart'));

async function choosesAsAStranger(page: Page, slug: string): Promise<void> {
  await page.goto(`/courses/${slug}`);
  await page.getByRole('button', { name: 'Add to cart', disabled: false }).press('Enter');
  await page.getByRole('link', { name: 'In your cart, see it' }).waitFor();
}

async function fillsItAsAStranger(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/cart');
  await page.getByText('kept in this browser until you sign in').waitFor();
  await expectGood(seen, 'cart-stranger-empty');
  await choosesAsAStranger(page, 'double-entry-for-engineers');
  await cartLink(page, 'Cart, 1 item').waitFor();
  await choosesAsAStranger(page, 'event-sourcing-by-example');
  await expectGood(seen, 'course-in-cart');
  await cartLink(page, 'Cart, 2 items').press('Enter');
  await page.getByText('₹999.00').waitFor();
  expect(await inTheCart(page).count()).toBe(2);
  await expectGood(seen, 'cart-stranger');
  await page.reload();
  await inTheCart(page).getByRole('link', { name: course }).waitFor();
  await page.getByRole('main').getByRole('link', { name: 'Sign up' }).press('Enter');
  await fillsSignUp(page);
  await page.waitForURL(/\/cart$/);
  await page.getByText('2 courses from before you signed in: now in your cart.').waitFor();
  await page.getByRole('button', { name: 'Check out' }).waitFor();
  await cartLink(page, 'Cart, 2 items').waitFor();
  await expectGood(seen, 'cart-merged');
  expect(await keptHere(page)).toBe(null);
  await page.reload();
  await page.getByRole('button', { name: 'Check out' }).waitFor();
  expect(await inTheCart(page).count()).toBe(2);
}

/** Whoever teaches a course cannot buy it, and of one that is gone there is nothing to buy. */
async function mergesWhatIsRefused(seen: Visit, password: string): Promise<void> {
  const { page } = seen;
  await choosesAsAStranger(page, 'double-entry-for-engineers');
  await page.evaluate(() => {
    const ids = JSON.parse(localStorage.getItem('suuupra.cart') ?? '[]') as string[];
    localStorage.setItem('suuupra.cart', JSON.stringify([...ids, 'crs_gone']));
  });
  await page.goto('/cart');
  await page.getByText('It is not for sale any more.').waitFor();
  await expectGood(seen, 'cart-stranger-gone');
  await page.getByRole('link', { name: 'Sign in to check out' }).press('Enter');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill('instructor@suuupra.test');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).press('Enter');
  await page.waitForURL(/\/cart$/);
  await inTheCart(page).first().getByText(course).waitFor();
  const problems = page.locator('.list-note-problem');
  await problems.getByText(/teach/).waitFor();
  await problems.getByText(/not on sale/).waitFor();
  await expectGood(seen, 'cart-refusals');
  expect(await page.getByRole('button', { name: 'Check out' }).isDisabled()).toBe(true);
  await page.getByRole('button', { name: /^Remove An offer/ }).press('Enter');
  await problems.getByText(/teach/).waitFor();
  await page.getByRole('button', { name: `Remove ${course}` }).press('Enter');
  await page.getByRole('heading', { name: 'Your cart is empty' }).waitFor();
}

/** Twenty gifts fill a cart: each is for somebody else. */
async function hasNoRoom(seen: Visit): Promise<void> {
  const { page } = seen;
  await signsUp(seen);
  await addsTheCourse(seen);
  await page.evaluate(fillsUp);
  await page.evaluate(() => localStorage.setItem('suuupra.cart', JSON.stringify(['crs_one_too_many'])));
  await page.goto('/cart');
  await page.getByText('is not in your cart yet').waitFor();
  await page.getByText(/^A cart holds at most 20 items/).waitFor();
  await expectGood(seen, 'cart-full');
  expect(await keptHere(page)).toBe('["crs_one_too_many"]');
  await page.getByRole('button', { name: `Remove ${course}` }).press('Enter');
  await cartLink(page, 'Cart, 19 items').waitFor();
  await page.getByRole('button', { name: 'Try again' }).press('Enter');
  await cartLink(page, 'Cart, 20 items').waitFor();
  await page.getByText('is not in your cart yet').waitFor({ state: 'detached' });
  expect(await keptHere(page)).toBe(null);
}

/** In the browser: fills the cart with gifts of what is in it. */
async function fillsUp(): Promise<void> {
  const { cart } = (await (await fetch('/api/v1/cart')).json()) as {
    cart: { items: { item: { courseId: string } }[] };
  };
  const courseId = cart.items[0]?.item.courseId ?? '';
  const token = document.cookie.match(/suuupra_csrf=([^;]+)/)?.[1] ?? '';
  const items = Array.from({ length: 19 }, (_, n) => ({ courseId, gift: { recipientEmail: `g${n}@example.test` } }));
  const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': decodeURIComponent(token) };
  const answer = await fetch('/api/v1/cart:merge', { method: 'POST', headers, body: JSON.stringify({ items }) });
  if (!answer.ok) throw new Error(await answer.text());
}

async function givesTwo(seen: Visit): Promise<void> {
  const { page } = seen;
  await signsUp(seen);
  const names = ['Meera', 'Ravi'];
  const words = names.map((name) => `A gift for ${name}, ${name.toLowerCase()}@example.test`);
  for (const name of names) {
    await page.goto('/courses/double-entry-for-engineers');
    await page.getByRole('link', { name: 'Give it as a gift' }).press('Enter');
    await page
      .getByRole('textbox', { name: 'E-mail address of who gets it' })
      .fill(`${name.toLowerCase()}@example.test`);
    await page.getByRole('textbox', { name: 'Their name' }).fill(name);
    await page.getByRole('button', { name: 'Add to cart', disabled: false }).press('Enter');
    await page.waitForURL(/\/cart$/);
    await inTheCart(page).getByText(`A gift for ${name}`).waitFor();
  }
  const summary = page.getByRole('region', { name: 'Order summary' });
  for (const text of words) {
    await inTheCart(page).getByText(text).waitFor();
    await summary.getByText(text).waitFor();
  }
  await expectGood(seen, 'cart-gifts');
  await page.getByRole('button', { name: 'Check out' }).press('Enter');
  await page.waitForURL(/\/checkout\//);
  await page.getByRole('button', { name: /^Pay / }).press('Enter');
  await page.getByRole('heading', { name: 'Paid. Thank you.' }).waitFor();
  await page.goto('/orders');
  await page.getByRole('main').getByRole('link').first().click();
  for (const text of words) await summary.getByText(text).waitFor();
  await page
    .getByRole('region', { name: 'Invoices' })
    .getByText(/for Meera, meera@example\.test$/)
    .waitFor();
  await expectGood(seen, 'order-gifts');
  await page.goto('/invoices');
  for (const name of names) await page.getByRole('table').getByText(`for ${name}, `).waitFor();
  await expectGood(seen, 'invoices-gifts');
}
