/** The operator with clicks: all parts are up, a purchase is one trace, and its facts are in the log without addresses. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pay, placeOrder } from '../../test/client.ts';
import {
  type DataFolder,
  demoPassword,
  makeDataFolder,
  type RunningPlatform,
  startPlatform,
} from '../../test/platform.ts';
import { paymentIs } from '../../test/scenarios/money-stage.ts';
import { courseAndBuyer, setStage } from '../../test/scenarios/stage.ts';
import { browserPath, expectGood, keepPicture, openBrowser, type Visit, visit } from './browser.ts';

describe.skipIf(!browserPath)('the operator', () => {
  let data: DataFolder;
  let platform: RunningPlatform;
  let browser: Browser;
  beforeAll(async () => {
    data = makeDataFolder();
    platform = await startPlatform({ data, env: { SUUUPRA_TRACE_SHARE: '1' } });
    browser = await openBrowser();
    const stage = await setStage(platform.url, demoPassword);
    const { course, buyer } = await courseAndBuyer(stage, 'Watched by the operator');
    const payment = await pay(buyer, (await placeOrder(buyer, course.id)).id, 'tok_ok');
    await paymentIs(buyer, payment.id, 'succeeded');
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.end('SIGTERM');
    await data?.remove();
  });

  for (const width of [1440, 390]) {
    test(`sees the parts, a purchase as one trace, and its facts, ${width} px wide`, async () => {
      const seen = await visit(browser, platform.url, width);
      const journey = async () => {
        await signsIn(seen.page);
        await seesTheParts(seen);
        await opensATrace(seen);
        await readsTheLog(seen);
      };
      await journey().catch(async (error: unknown) => {
        await keepPicture(seen.page, 'failed-operations');
        throw error;
      });
      await seen.close();
    });
  }

  test('is an administrator', async () => {
    const { page, close } = await visit(browser, platform.url, 1440);
    await signsIn(page, 'finance@suuupra.test');
    await page.goto('/operations');
    await page.getByRole('heading', { name: 'This room is not open to you' }).waitFor();
    await close();
  });
});

async function signsIn(page: Page, email = 'admin@suuupra.test'): Promise<void> {
  await page.goto('/sign-in');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(email);
  await page.getByLabel('Password').fill(demoPassword);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
}

async function seesTheParts(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/operations');
  await page.getByText('All up').waitFor();
  for (const part of ['orders', 'payments', 'stream']) {
    await page.getByRole('table', { name: 'Parts' }).getByRole('cell', { name: part, exact: true }).waitFor();
  }
  await page.getByRole('table', { name: 'What waits' }).getByRole('cell', { name: 'ledger', exact: true }).waitFor();
  await page.getByText('No consumer gave up on an event').waitFor();
  await expectGood(seen, 'operations');
}

async function opensATrace(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.getByRole('navigation', { name: 'Operations' }).getByRole('link', { name: 'Traces' }).click();
  await page.getByRole('searchbox').fill('payments');
  await expectGood(seen, 'traces');
  await page
    .getByRole('table', { name: 'Traces' })
    .getByRole('link', { name: 'POST /api/v1/orders/{order_id}/payments', exact: true })
    .first()
    .click();
  const steps = page.getByRole('table', { name: 'Steps of the trace' });
  for (const step of [
    'send PaymentSucceeded',
    'process PaymentSucceeded',
    'process OrderPaid',
    'process EnrolmentGranted',
  ]) {
    await steps.getByRole('button', { name: step }).first().waitFor();
  }
  await steps.getByRole('button', { name: 'process OrderPaid' }).first().click();
  await steps.getByText('messaging.consumer.group.name').waitFor();
  await expectGood(seen, 'trace');
}

async function readsTheLog(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.getByRole('navigation', { name: 'Operations' }).getByRole('link', { name: 'Events' }).click();
  await page.getByRole('searchbox').fill('OrderPaid');
  await expectGood(seen, 'events');
  await page
    .getByRole('button', { name: /^Show OrderPaid of / })
    .first()
    .click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('"amountMinor"').first().waitFor();
  expect(await dialog.innerText()).not.toContain('@');
  await expectGood(seen, 'event');
  await dialog.getByRole('button', { name: 'Close' }).last().click();
}
