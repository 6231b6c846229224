/** Further rooms of the finance desk with clicks: refunds, exchanges and accounts, bulk journals, routing, the seller. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { confirm, eventually, pay, placeOrder } from '../../test/client.ts';
import {
  type DataFolder,
  demoPassword,
  makeDataFolder,
  type RunningPlatform,
  startPlatform,
} from '../../test/platform.ts';
import { get, paymentIs, post, put } from '../../test/scenarios/money-stage.ts';
import { courseAndBuyer, rupees, type Stage, setStage } from '../../test/scenarios/stage.ts';
import { browserPath, expectGood, keepPicture, openBrowser, tabTo, type Visit, visit } from './browser.ts';

describe.skipIf(!browserPath)('the further rooms of the finance desk', () => {
  let data: DataFolder;
  let platform: RunningPlatform;
  let browser: Browser;
  let stage: Stage;
  beforeAll(async () => {
    data = makeDataFolder();
    platform = await startPlatform({ data });
    browser = await openBrowser();
    stage = await setStage(platform.url, demoPassword);
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.end('SIGTERM');
    await data?.remove();
  });

  /** What two people do at once: one of finance at a desk, another with a telephone. */
  async function played(journey: (maker: Visit, approver: Visit) => Promise<void>): Promise<void> {
    const maker = await visit(browser, platform.url, 1440);
    const approver = await visit(browser, platform.url, 390);
    const both = async () => {
      await signsIn(maker.page, 'finance@suuupra.test');
      await signsIn(approver.page, 'admin@suuupra.test');
      await journey(maker, approver);
    };
    await both().catch(async (error: unknown) => {
      await keepPicture(maker.page, 'failed-maker');
      await keepPicture(approver.page, 'failed-approver');
      throw error;
    });
    await approver.close();
    await maker.close();
  }

  /** One of finance alone, at a screen of this width. */
  async function visited(width: number, places: typeof rooms | typeof filledRooms, before = ''): Promise<void> {
    const seen = await visit(browser, platform.url, width);
    await signsIn(seen.page, 'finance@suuupra.test');
    for (const [path, title] of places) {
      await seen.page.goto(path);
      await seen.page.getByRole('heading', { level: 1, name: title }).waitFor();
      await expectGood(seen, `${before}${title}`);
    }
    await seen.close();
  }

  test.each([1440, 390])('looks as it should in every empty room, %i pixels wide', async (width) => {
    await visited(width, rooms, 'empty ');
  });

  test('refunds an order, sees the provider refuse it, and refunds it again', async () => {
    const orderId = await isSold(stage, 'tok_refund_fails');
    await played(async (maker) => {
      await refundsAPart(maker.page, orderId);
      await refundHasFailed(stage, orderId);
      await seesWhatFailed(maker);
    });
  });

  test('refunds one course of two, and finds it by its day', async () => {
    const orderId = await twoAreSold(stage);
    await played(async (maker) => {
      await refundsOneOfTwo(maker, orderId);
      await findsItByItsDay(maker.page, orderId);
    });
  });

  test('proposes an exchange and a valuation of what is left, which a second person books', async () => {
    await played(async (maker, approver) => {
      await proposesAnExchange(maker);
      await approvesIt(approver);
      await maker.page.goto('/finance/accounts/1000/INR');
      await maker.page.getByRole('table', { name: 'Lines of the statement' }).getByText('₹8,312.50').first().waitFor();
      await maker.page.getByText('$100.00 became ₹8,312.50 at 83.125, bank:quote-7').waitFor();
      await proposesAValuation(maker);
      await approver.page.goto('/finance/adjustments');
      await approver.page.getByRole('button', { name: 'Approve: The month has ended' }).click();
      const dialog = approver.page.getByRole('dialog');
      await dialog.getByText('$100.00 at 84 INR for 1 USD, rbi:month-end: ₹8,400.00').waitFor();
      await expectGood(approver, 'approve a valuation');
      await dialog.getByRole('button', { name: 'Approve and book' }).click();
      await dialog.waitFor({ state: 'detached' });
      await approver.page.goto('/finance/accounts/1800/INR');
      const lines = approver.page.getByRole('table', { name: 'Lines of the statement' });
      // Booked, and taken back in the next moment.
      await lines.getByText('₹87.50').nth(1).waitFor();
    });
  });

  test('limits, freezes, thaws, closes and reopens an account', async () => {
    await played(async (maker, approver) => {
      await opensAnAccount(maker);
      await limitsIt(maker);
      await freezesIt(maker.page);
      await approver.page.goto(maker.page.url());
      await approver.page.getByRole('button', { name: 'Thaw' }).click();
      await approver.page.getByRole('dialog').getByRole('textbox', { name: 'Why' }).fill('It was looked into');
      await expectGood(approver, 'thaw');
      await approver.page.getByRole('dialog').getByRole('button', { name: 'Thaw' }).click();
      await closesAndReopensIt(approver.page);
    });
  });

  test('watches an account, and tries and books a file of journals', async () => {
    await played(async (maker) => {
      await watchesAnAccount(maker);
      await booksAFile(maker);
    });
  });

  test('shares payments among providers, and overwrites nobody’s rules', async () => {
    await isSold(stage, 'tok_ok');
    await played(async (maker, approver) => {
      await approver.page.goto('/finance/routing');
      await approver.page.getByRole('button', { name: 'Change the rules' }).click();
      await draftsARule(maker);
      await isSold(stage, 'tok_ok');
      await maker.page.reload();
      await maker.page
        .getByRole('table', { name: 'Routing decisions' })
        .getByText('rule every-card, version 1')
        .first()
        .waitFor();
      await isTooLate(approver);
    });
  });

  test('a matching rule that tolerates a difference is asked for by one and put in force by another', async () => {
    await played(async (maker, approver) => {
      await asksForARule(maker, 'paise-apart', '5');
      const waiting = maker.page.getByRole('table', { name: 'Rules that are asked for' });
      await waiting.getByText('You').waitFor();
      expect(await waiting.getByRole('button', { name: 'Put the rule paise-apart in force' }).count()).toBe(0);
      await approver.page.goto('/finance/match-rules');
      await approver.page.getByRole('button', { name: 'Put the rule paise-apart in force' }).click();
      await approver.page.getByRole('dialog').getByText('written off').waitFor();
      await expectGood(approver, 'match-rule-approve');
      await approver.page.getByRole('button', { name: 'Put it in force' }).click();
      const inForce = approver.page.getByRole('table', { name: 'Matching rules' });
      await inForce.getByText('paise-apart').waitFor();
      // Wider again: what is in force stays so when it is turned down.
      await maker.page.reload();
      await maker.page.getByRole('button', { name: 'Change the rule paise-apart' }).click();
      await maker.page.getByRole('dialog').getByLabel('Amounts apart, in minor units').fill('500');
      await maker.page.getByRole('button', { name: 'Save the rule' }).click();
      await approver.page.reload();
      await approver.page.getByRole('button', { name: 'Turn down the rule paise-apart' }).click();
      await approver.page.getByRole('button', { name: 'Turn it down' }).click();
      await approver.page.getByText('Waits for a second person').waitFor({ state: 'detached' });
      await inForce.getByText('5 minor units', { exact: true }).waitFor();
      await approver.page.getByRole('button', { name: 'Remove the rule paise-apart' }).click();
      await approver.page.getByRole('dialog').getByRole('button', { name: 'Remove the rule' }).click();
      await inForce.getByText('paise-apart').waitFor({ state: 'detached' });
    });
  });

  test('tries a draft of the score on what was paid, and puts it in force', async () => {
    await isSold(stage, 'tok_ok');
    await played(async (maker) => await changesTheScore(maker));
  });

  test('holds more for an order that has become dearer, and captures it', async () => {
    const orderId = await isHeldAndDearer(stage);
    await played(async (maker, approver) => {
      await holdsMore(maker, orderId);
      await capturesIt(approver, orderId);
    });
  });

  test.each([1440, 390])('lets a buyer confirm a payment later, or cancel it, %i pixels wide', async (width) => {
    const { course, buyer } = await courseAndBuyer(stage, `Confirmed later at ${width}`);
    const order = await placeOrder(buyer, course.id);
    const seen = await visit(browser, platform.url, width);
    await signsIn(seen.page, buyer.email, buyer.password);
    const paysLater = confirmsLater(seen, order.id);
    await paysLater.catch(async (error: unknown) => {
      await keepPicture(seen.page, 'failed-buyer');
      throw error;
    });
    await seen.close();
  });

  test('sets the seller and its codes', async () => {
    await played(async (maker) => await setsTheSeller(maker));
  });

  test.each([1440, 390])('looks as it should in every room, %i pixels wide', async (width) => {
    await visited(width, filledRooms);
  });
});

const rooms = [
  ['/finance/refunds', 'Refunds'],
  ['/finance/routing', 'Routing'],
  ['/finance/adjustments', 'Adjustments'],
  ['/finance/bulk', 'Journals in bulk'],
  ['/finance/monitors', 'Balance monitors'],
  ['/finance/seller', 'Seller'],
] as const;

/** The last ones have something to show only after money has moved. */
const filledRooms = [
  ...rooms,
  ['/finance/risk', 'Risk'],
  ['/finance/accounts', 'Accounts'],
  ['/finance/accounts/1000/USD', 'Account statement'],
  ['/finance/journals?account=1800', 'Journals'],
] as const;

/** Gives the id of the order. */
async function isSold(stage: Stage, token: string): Promise<string> {
  const { course, buyer } = await courseAndBuyer(stage, `Sold with ${token}`);
  const order = await placeOrder(buyer, course.id);
  const payment = await pay(buyer, order.id, token);
  await paymentIs(buyer, payment.id, 'succeeded');
  return order.id;
}

async function twoAreSold(stage: Stage): Promise<string> {
  const { course, buyer } = await courseAndBuyer(stage, 'The one of two');
  const other = await courseAndBuyer(stage, 'The other of two');
  const order = await placeOrder(buyer, course.id, other.course.id);
  const payment = await pay(buyer, order.id, 'tok_ok');
  await paymentIs(buyer, payment.id, 'succeeded');
  return order.id;
}

/** Held for finance to look at, and then edited to cost a tenth more. Gives the id of the order. */
async function isHeldAndDearer(stage: Stage): Promise<string> {
  const { course, buyer } = await courseAndBuyer(stage, 'Held for a look', rupees(12_345));
  const more = await courseAndBuyer(stage, 'Added to what is held', rupees(1_234));
  await put(stage.finance, '/risk/rules/held-for-a-look', {
    ...{ enabled: true, dimension: 'customer', counted: 'attempts', countMax: 0, windowSeconds: 60 },
    ...{ amountAtLeastMinor: '1234500', outcome: 'review' },
  });
  const order = await placeOrder(buyer, course.id);
  const payment = await pay(buyer, order.id, 'tok_requires_3ds');
  await confirm(buyer, payment.id, 'approve');
  await paymentIs(buyer, payment.id, 'requires_capture');
  // The order is changed by hearing of it: an edit is of what it is from then on.
  const heard = await eventually(
    'the order has heard that it is authorized',
    () => get<{ order: { version: number } }>(buyer, `/orders/${order.id}`),
    (answer) => answer.order.version > 1,
  );
  const edit = { expectedVersion: heard.order.version, addItems: [{ courseId: more.course.id }] };
  await post(buyer, `/orders/${order.id}:edit`, edit, 200);
  return order.id;
}

async function holdsMore(seen: Visit, orderId: string): Promise<void> {
  const { page } = seen;
  await page.goto(`/finance/orders/${orderId}`);
  await page.getByRole('button', { name: 'Hold more' }).click();
  const dialog = page.getByRole('dialog');
  const amount = dialog.getByRole('textbox', { name: 'To hold in all, in INR' });
  await dialog.getByText('₹12,345.00').waitFor();
  expect(await amount.inputValue()).toBe('13579.00');
  await amount.fill('much');
  await dialog.getByRole('button', { name: 'Hold more' }).click();
  await dialog.getByText('Give an amount in INR.').waitFor();
  await amount.fill('13579.01');
  await dialog.getByRole('button', { name: 'Hold more' }).click();
  await dialog.getByText('The order costs INR 13579.00: no more is held for it.').waitFor();
  expect(await amount.getAttribute('aria-invalid')).toBe('true');
  await expectGood(seen, 'hold more refused');
  await amount.fill('13579');
  await dialog.getByRole('button', { name: 'Hold more' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('table', { name: 'Payments' }).getByText('₹13,579.00').nth(1).waitFor();
}

async function capturesIt(seen: Visit, orderId: string): Promise<void> {
  const { page } = seen;
  await page.goto(`/finance/orders/${orderId}`);
  const payments = page.getByRole('table', { name: 'Payments' });
  await page.getByRole('button', { name: 'Hold more' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The whole price is held').waitFor();
  await expectGood(seen, 'hold more');
  await dialog.getByRole('button', { name: 'Not now' }).click();
  await page.getByRole('button', { name: 'Capture' }).click();
  await dialog.getByText('₹13,579.00').waitFor();
  await dialog.getByRole('button', { name: 'Capture' }).click();
  await payments.getByText('Succeeded').waitFor();
}

async function confirmsLater(seen: Visit, orderId: string): Promise<void> {
  const { page } = seen;
  await page.goto(`/checkout/${orderId}`);
  await page.getByRole('button', { name: 'Confirm later' }).click();
  await page.getByText('This payment waits for you to confirm it').waitFor();
  await expectGood(seen, 'checkout to confirm');
  await page.getByRole('button', { name: 'Cancel the payment' }).click();
  await cancelsAtTheBank(seen);
  await page.getByRole('button', { name: 'Confirm later' }).click();
  await page.getByRole('button', { name: 'Confirm the payment' }).waitFor();
  await page.goto(`/orders/${orderId}`);
  const payments = page.getByRole('region', { name: 'Payments' });
  await payments.getByText('Requires confirmation').waitFor();
  await expectGood(seen, 'order to confirm');
  await page.getByRole('button', { name: 'Cancel the payment' }).click();
  await payments.getByText('Cancelled', { exact: true }).nth(2).waitFor();
  expect(await page.getByRole('button', { name: 'Confirm the payment' }).count()).toBe(0);
  await page.getByRole('link', { name: 'Pay now' }).click();
  await page.getByRole('button', { name: 'Confirm later' }).click();
  await page.getByRole('button', { name: 'Confirm the payment' }).waitFor();
  await page.goto(`/orders/${orderId}`);
  await tabTo(page, page.getByRole('button', { name: 'Confirm the payment' }));
  await page.keyboard.press('Enter');
  await page.getByText('Paid. Thank you.').waitFor();
}

/** Sent to the bank's page, and back to choose another way to pay. */
async function cancelsAtTheBank(seen: Visit): Promise<void> {
  const { page } = seen;
  const checkout = page.url();
  await page.getByRole('radio', { name: /^Asks you to approve/ }).press('Space');
  await page.getByRole('button', { name: /^Pay / }).click();
  await page.waitForURL(/\/sandbox\/3ds\//);
  await page.goto(checkout);
  await page.getByText('Your bank wants you to approve this payment').waitFor();
  await expectGood(seen, 'checkout at the bank');
  await page.getByRole('button', { name: 'Cancel the payment' }).click();
  await page.getByRole('button', { name: 'Confirm later' }).waitFor();
}

async function signsIn(page: Page, email: string, password = demoPassword): Promise<void> {
  await page.goto('/sign-in');
  await page.getByRole('textbox', { name: 'E-mail address' }).fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
}

async function chooses(page: Page, label: string, option: string): Promise<void> {
  await page.getByRole('button', { name: label }).click();
  await page.getByRole('option', { name: option }).click();
}

async function refundsAPart(page: Page, orderId: string): Promise<void> {
  await page.goto(`/finance/orders/${orderId}`);
  await page.getByRole('button', { name: 'Refund', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Amount in INR' }).fill('120.50');
  await dialog.getByRole('button', { name: 'Refund ₹120.50' }).click();
  await page.getByRole('link', { name: 'At the provider' }).click();
  await page.getByRole('table', { name: 'Refunds' }).getByText('₹120.50').waitFor();
}

async function refundsOneOfTwo(seen: Visit, orderId: string): Promise<void> {
  const { page } = seen;
  await page.goto(`/finance/orders/${orderId}`);
  await page.getByRole('button', { name: 'Refund', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: 'Some of the courses, whole' }).press('Space');
  await dialog.getByText('Choose what is given back.').waitFor();
  await dialog.getByRole('checkbox', { name: /^The other of two/ }).press('Space');
  await dialog.getByText('Access to The other of two ends as soon as the refund succeeds.').waitFor();
  await expectGood(seen, 'refund of a course');
  await dialog.getByRole('button', { name: 'Refund ₹499.00' }).click();
  await page.getByRole('table', { name: 'Refunds' }).getByText('Succeeded').waitFor();
  await page.getByText('Partly refunded').first().waitFor();
}

async function findsItByItsDay(page: Page, orderId: string): Promise<void> {
  await page.goto(`/finance/refunds?order=${orderId}`);
  const shown = page.getByRole('table', { name: 'Refunds' }).getByText('₹499.00');
  for (const [field, day, isFound] of [
    ['Asked from', '2020-01-01', true],
    ['And before', '2020-01-02', false],
    ['And before', '2199-01-01', true],
    ['Asked from', '2198-12-31', false],
  ] as const) {
    await page.getByLabel(field).fill(day);
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await (isFound ? shown : page.getByText('No refunds here')).waitFor();
  }
  await page.getByRole('link', { name: 'Show all' }).click();
  await shown.waitFor();
}

async function refundHasFailed({ finance }: Stage, orderId: string): Promise<void> {
  await eventually(
    'the provider refuses the refund',
    () => get<{ refunds?: unknown[] }>(finance, `/refunds?status=failed&orderId=${orderId}`),
    ({ refunds = [] }) => refunds.length === 1,
    { withinMs: 30_000, everyMs: 200 },
  );
}

async function seesWhatFailed(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance');
  await page.getByRole('navigation', { name: 'Finance' }).getByRole('link', { name: 'Payments' }).click();
  await page.getByRole('navigation', { name: 'Payments' }).getByRole('link', { name: 'Refunds' }).click();
  await page.getByRole('navigation', { name: 'Filter refunds by state' }).getByRole('link', { name: 'Failed' }).click();
  await page.getByRole('button', { name: /^Show the refund / }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Requested by customer').waitFor();
  await dialog.getByText('The payer has not got this money.').waitFor();
  await expectGood(seen, 'failed refund');
  await dialog.getByRole('button', { name: 'Refund again' }).click();
  await dialog.getByRole('button', { name: 'Refund ₹120.50' }).click();
  await page.getByRole('navigation', { name: 'Filter refunds by state' }).getByRole('link', { name: 'All' }).click();
  await page.getByRole('table', { name: 'Refunds' }).getByText('₹120.50').nth(1).waitFor();
}

async function proposesAnExchange(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/adjustments');
  await page.getByRole('button', { name: 'Propose an exchange' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Propose' }).click();
  await dialog.getByText('Give the rate as a decimal above zero.').waitFor();
  await dialog.getByRole('textbox', { name: 'Sold' }).fill('100');
  await dialog.getByRole('textbox', { name: 'Bought' }).fill('8213.50');
  await dialog.getByText('The amounts make 82.135000 INR for 1 USD.').waitFor();
  await dialog.getByRole('textbox', { name: 'Rate as quoted' }).fill('83.125');
  await dialog.getByText('At 83.125 INR for 1 USD it is ₹8,312.50.').waitFor();
  await expectGood(seen, 'exchange that does not follow');
  await dialog.getByRole('textbox', { name: 'Whose quote' }).fill('bank:quote-7');
  await dialog.getByRole('textbox', { name: 'Why' }).fill('Dollars of the first quarter');
  await dialog.getByRole('button', { name: 'Propose' }).click();
  await dialog
    .getByRole('alert')
    .getByText(/The book refuses it/)
    .waitFor();
  await dialog.getByRole('textbox', { name: 'Bought' }).fill('8312.50');
  await dialog.getByText('The amounts follow from the rate').waitFor();
  await dialog.getByRole('button', { name: 'Propose' }).click();
  const table = page.getByRole('table', { name: 'Adjustments' });
  await table.getByText('at 83.125 INR for 1 USD, bank:quote-7').waitFor();
  expect(await page.getByRole('button', { name: 'Approve: Dollars of the first quarter' }).count()).toBe(0);
}

async function proposesAValuation(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/adjustments');
  await page.getByRole('button', { name: 'Propose a valuation' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('The period’s end').fill('2020-01-01T00:00');
  await dialog.getByLabel('Closing rate of USD').fill('84');
  await dialog.getByLabel('Whose quote of USD').fill('rbi:month-end');
  await dialog.getByLabel('Why').fill('The month has ended');
  await expectGood(seen, 'valuation');
  // Nothing was left then.
  await dialog.getByRole('button', { name: 'Propose' }).click();
  await dialog.getByRole('alert').waitFor();
  const now = await page.evaluate(() => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString());
  await dialog.getByLabel('The period’s end').fill(now.slice(0, 19));
  await dialog.getByRole('button', { name: 'Propose' }).click();
  await page.getByRole('table', { name: 'Adjustments' }).getByText('₹87.50 unrealised loss on').waitFor();
}

async function approvesIt({ page }: Visit): Promise<void> {
  await page.goto('/finance/adjustments');
  await page.getByRole('button', { name: 'Approve: Dollars of the first quarter' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Approve and book' }).click();
  await page.getByRole('table', { name: 'Adjustments' }).getByText('Booked', { exact: true }).waitFor();
}

async function opensAnAccount({ page }: Visit): Promise<void> {
  await page.goto('/finance/accounts');
  await page.getByRole('button', { name: 'Open an account' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Code' }).fill('1000');
  await dialog.getByRole('textbox', { name: 'Currency' }).fill('eur');
  await dialog.getByRole('textbox', { name: 'Why' }).fill('The school has an account in euros');
  await dialog.getByRole('button', { name: 'Open the account' }).click();
  await page.getByRole('heading', { level: 2, name: 'Cash at bank (1000)' }).waitFor();
}

async function limitsIt(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.getByRole('button', { name: 'Limits' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Not below, in EUR' }).fill('10');
  await dialog.getByRole('textbox', { name: 'Not above, in EUR' }).fill('9.99');
  await dialog.getByRole('textbox', { name: 'Why' }).fill('The bank asks for it');
  await dialog.getByRole('button', { name: 'Set the limits' }).click();
  await dialog.getByText('It must be at least the lower limit.').waitFor();
  await expectGood(seen, 'limits');
  await dialog.getByRole('textbox', { name: 'Not below, in EUR' }).fill('-500');
  await dialog.getByRole('button', { name: 'Set the limits' }).click();
  await page.getByText('-€500.00').waitFor();
}

/** With the keyboard alone. */
async function freezesIt(page: Page): Promise<void> {
  await tabTo(page, page.getByRole('button', { name: 'Freeze' }));
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await tabTo(page, page.getByRole('textbox', { name: 'Why' }));
  await page.keyboard.type('Somebody else may be at it');
  await tabTo(page, page.getByRole('dialog').getByRole('button', { name: 'Freeze' }));
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Thaw' }).waitFor();
}

async function closesAndReopensIt(page: Page): Promise<void> {
  for (const [act, then] of [
    ['Close', 'Reopen'],
    ['Reopen', 'Freeze'],
  ] as const) {
    await page.getByRole('button', { name: act, exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('form').getByRole('button', { name: act }).click();
    await dialog.getByText('Fill this in.').waitFor();
    await dialog.getByRole('textbox', { name: 'Why' }).fill('The bank moved it');
    await dialog.locator('form').getByRole('button', { name: act }).click();
    await page.getByRole('button', { name: then, exact: true }).waitFor();
  }
}

async function watchesAnAccount(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/monitors');
  await page.getByRole('button', { name: 'Watch an account' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Account' }).fill('1000');
  await dialog.getByRole('textbox', { name: 'Threshold' }).fill('much');
  await dialog.getByRole('button', { name: 'Watch it' }).click();
  await dialog.getByText('Give an amount in INR.').waitFor();
  await dialog.getByRole('textbox', { name: 'Threshold' }).fill('-2500');
  await expectGood(seen, 'monitor dialog');
  await dialog.getByRole('button', { name: 'Watch it' }).click();
  await page.getByRole('table', { name: 'Balance monitors' }).getByText('-₹2,500.00').waitFor();
}

const journal = (id: string, debit: string) =>
  JSON.stringify({
    ...{ id, kind: 'provider_fee', reference: 'bank:line-1', description: 'A fee of the provider', currency: 'INR' },
    transfers: [{ debit, credit: '1100', amountMinor: '1250' }],
  });

async function picks(page: Page, text: string): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Choose a file' }).click();
  await (await chooser).setFiles({ name: 'fees.ndjson', mimeType: '', buffer: Buffer.from(text) });
}

async function booksAFile(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/bulk');
  await picks(page, `${journal('fee-1', '5100')}\nnot a journal\n`);
  await page.getByRole('button', { name: 'Try it, book nothing' }).click();
  await page.getByText('Line 2 is no JSON object.').waitFor();
  await picks(page, `${journal('fee-1', '5100')}\n${journal('fee-2', '2100')}\n`);
  await chooses(page, 'When one is refused', 'Book the others');
  await page.getByRole('button', { name: 'Try it, book nothing' }).click();
  await page.getByText('1 journal would be booked').waitFor();
  await page.getByRole('table', { name: 'Journals not booked' }).getByText('fee-2').waitFor();
  await page.getByRole('table', { name: 'Balances as they would be' }).getByText('5100').waitFor();
  await expectGood(seen, 'bulk tried');
  for (const said of ['1 journal is booked', '0 journals are booked']) {
    await page.getByRole('button', { name: 'Book it' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Book them' }).click();
    await page.getByText(said).waitFor();
  }
  const kept = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download the results' }).click();
  expect((await kept).suggestedFilename()).toBe('journal-results.ndjson');
}

async function asksForARule(maker: Visit, name: string, minorApart: string): Promise<void> {
  const { page } = maker;
  await page.goto('/finance/match-rules');
  await page.getByRole('button', { name: 'Add a rule' }).click();
  await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('dialog').getByLabel('Amounts apart, in minor units').fill(minorApart);
  await expectGood(maker, 'match-rule');
  await page.getByRole('button', { name: 'Save the rule' }).click();
}

async function draftsARule(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/routing');
  await page.getByRole('table', { name: 'Providers' }).getByText('Sandbox').first().waitFor();
  await page.getByRole('button', { name: 'Change the rules' }).click();
  await page.getByRole('button', { name: 'Add a rule' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('every-card');
  await dialog.getByRole('button', { name: 'Keep in the draft' }).click();
  await dialog.getByText('Choose a provider.').waitFor();
  await chooses(page, 'Paid with', 'Card');
  await chooses(page, 'How they take turns', 'Shared by percent');
  await dialog.getByRole('checkbox', { name: 'Sandbox', exact: true }).press('Space');
  await dialog.getByRole('textbox', { name: 'Percent of Sandbox' }).fill('90');
  await dialog.getByRole('button', { name: 'Keep in the draft' }).click();
  await dialog.getByText('The shares are 90 % in all; they must be 100.').waitFor();
  await expectGood(seen, 'routing rule');
  await dialog.getByRole('textbox', { name: 'Percent of Sandbox' }).fill('100');
  await dialog.getByRole('button', { name: 'Keep in the draft' }).click();
  await page
    .getByRole('table', { name: /^Draft of the rules/ })
    .getByText('every-card')
    .waitFor();
  await page.getByRole('textbox', { name: 'Attempts for one request' }).fill('9');
  await page.getByRole('button', { name: 'Put in force' }).click();
  await page.getByText('Give a whole number from 1 to 5.').waitFor();
  await page.getByRole('textbox', { name: 'Attempts for one request' }).fill('3');
  await expectGood(seen, 'routing draft');
  await page.getByRole('button', { name: 'Put in force' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Put in force' }).click();
  await page.getByRole('table', { name: 'Routing rules' }).getByText('Sandbox 100 %').waitFor();
}

/** Began from the rules before: nothing of what is in force now is lost. */
async function isTooLate(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.getByRole('textbox', { name: 'Attempts for one request' }).fill('1');
  await page.getByRole('button', { name: 'Put in force' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Put in force' }).click();
  await page
    .getByRole('dialog')
    .getByRole('alert')
    .getByText(/version 1 now/)
    .waitFor();
  await expectGood(seen, 'routing too late');
  await page.getByRole('dialog').getByRole('button', { name: 'Not now' }).click();
  await page.getByRole('button', { name: 'Leave the rules as they are' }).click();
  await page.getByRole('table', { name: 'Routing rules' }).getByText('every-card').waitFor();
}

async function changesTheScore(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/risk');
  await page.getByRole('button', { name: 'Change the score' }).click();
  await page.getByRole('textbox', { name: 'Points of a-new-card' }).fill('101');
  await page.getByRole('button', { name: 'Try the draft' }).click();
  await page.getByText('Give a whole number from -100 to 100.').waitFor();
  await page.getByRole('textbox', { name: 'Points of a-new-card' }).fill('7');
  await page.getByRole('textbox', { name: 'Refused from' }).fill('100');
  await page.getByRole('button', { name: 'Remove the factor a-new-device' }).click();
  await addsAFactor(seen);
  await expectGood(seen, 'score draft');
  await page.getByRole('button', { name: 'Try the draft' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('It would have turned away no payment that succeeded.').waitFor();
  await dialog.getByText('Not measured yet: customers-of-the-device.').waitFor();
  await expectGood(seen, 'score tried');
  await dialog.getByRole('button', { name: 'Put in force' }).click();
  await page.getByText('Version 1', { exact: true }).waitFor();
  const factors = page.getByRole('table', { name: 'Factors of the score' });
  await factors.getByText('+7', { exact: true }).waitFor();
  await factors.getByText('More than 2 customers with one device within 2 days').waitFor();
  await factors.getByText('+9 for each more', { exact: true }).waitFor();
  expect(await factors.getByText('a-new-device').count()).toBe(0);
}

async function addsAFactor(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.getByRole('button', { name: 'Add a factor' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('cards-of-the-customer');
  await chooses(page, 'Measures', 'How many different values come together');
  await dialog.getByRole('textbox', { name: 'Adds from more than' }).fill('2');
  await dialog.getByRole('textbox', { name: 'Points for each more' }).fill('9');
  await dialog.getByRole('button', { name: 'Keep in the draft' }).click();
  await dialog.getByText('Another factor has this name.').waitFor();
  await dialog.getByText('cards-of-the-customer measures the same; change its points instead.').waitFor();
  await expectGood(seen, 'score factor');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('customers-of-the-device');
  await chooses(page, 'Counts different values of', 'Customer');
  await chooses(page, 'Of the same', 'Device');
  await dialog.getByRole('textbox', { name: 'Within' }).fill('2');
  await chooses(page, 'Unit', 'Days');
  await dialog.getByRole('button', { name: 'Keep in the draft' }).click();
  await page.getByRole('textbox', { name: 'Points of customers-of-the-device' }).waitFor();
}

async function setsTheSeller(seen: Visit): Promise<void> {
  const { page } = seen;
  await page.goto('/finance/seller');
  await page.getByText('Nobody’s real business yet').waitFor();
  await page.getByRole('button', { name: 'Change' }).click();
  await page.getByRole('textbox', { name: 'Legal name' }).fill('Suuupra Learning Private Limited');
  await page.getByRole('textbox', { name: 'GSTIN' }).fill('27AAPFU0939F1ZA');
  await page.getByRole('button', { name: 'Add a code' }).click();
  await page.getByRole('textbox', { name: 'Code' }).fill('999294');
  await page.getByLabel('From the day').fill('2026-04-01');
  await page.getByRole('button', { name: 'Set the seller' }).click();
  await page.getByText(/its form, state or check character is wrong/).waitFor();
  await expectGood(seen, 'seller refused');
  await page.getByRole('textbox', { name: 'GSTIN' }).fill('27aapfu0939f1zv');
  await page.getByRole('button', { name: 'Set the seller' }).click();
  await page.getByText('Maharashtra (27)').waitFor();
  await page.getByRole('table', { name: 'Service Accounting Codes' }).getByText('999294').waitFor();
  expect(await page.getByText('Nobody’s real business yet').count()).toBe(0);
}
