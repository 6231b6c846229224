/** What the walk through the platform shows and says, scene by scene. */
import type { Page } from 'playwright-core';

export interface Scene {
  /** Spoken while the scene is seen; its captions and the transcript are made of it. */
  readonly says: string;
  /** Brings the page to what is said. */
  show(page: Page, stage: Stage): Promise<void>;
}

/** What earlier scenes leave for later ones. */
export interface Stage {
  readonly url: string;
  readonly password: string;
  orderId: string;
}

const slug = 'event-sourcing-by-example';

async function signIn(page: Page, { url, password }: Stage, email: string): Promise<void> {
  await page.goto(`${url}/sign-in`);
  await page.getByLabel(/e-mail/i).fill(email);
  await page.getByLabel(/^password/i).fill(password);
  await page.keyboard.press('Enter');
  await page.waitForURL((at) => !at.pathname.startsWith('/sign-in'));
}

async function scrollGently(page: Page, pixels: number): Promise<void> {
  const steps = 30;
  for (let step = 0; step < steps; step += 1) {
    await page.mouse.wheel(0, pixels / steps);
    await page.waitForTimeout(40);
  }
}

export const scenes: readonly Scene[] = [
  {
    says: 'This is the Suuupra demo school. The pages, the services behind them, and the database all run in one process tree on one machine, started by one command.',
    show: async (page, { url }) => {
      await page.goto(`${url}/`);
      await page.waitForTimeout(1_500);
      await scrollGently(page, 400);
    },
  },
  {
    says: 'A course page is rendered on the server, so it can be read without JavaScript. The price on it is the server’s. A price sent by a browser is refused.',
    show: async (page, { url }) => {
      await page.goto(`${url}/courses/${slug}`);
      await page.waitForTimeout(1_500);
      await scrollGently(page, 700);
    },
  },
  {
    says: 'Leela signs in and buys the course. The payment provider is simulated, and the page says so: no real money moves. This test card asks for three D secure.',
    show: async (page, stage) => {
      await signIn(page, stage, 'learner@suuupra.test');
      await page.goto(`${stage.url}/courses/${slug}`);
      await page.getByRole('button', { name: /buy/i }).first().click();
      await page.waitForURL(/\/checkout\//);
      stage.orderId = page.url().split('/').at(-1) ?? '';
      await page.waitForTimeout(1_200);
      await page.getByText('Asks you to approve').click();
      await page.waitForTimeout(1_200);
    },
  },
  {
    says: 'The attempt now requires an action, so her bank, also simulated, asks whether it is really her. She approves.',
    show: async (page) => {
      await page.getByRole('button', { name: /^pay/i }).click();
      await page.waitForURL(/\/sandbox\/3ds\//);
      await page.waitForTimeout(2_500);
      await page.getByRole('button', { name: /approve/i }).click();
      await page.waitForURL(/\/(checkout|orders)\//);
    },
  },
  {
    says: 'The order is paid. One intent, one captured attempt, one event, and everything else follows from that event.',
    show: async (page, { url, orderId }) => {
      await page.goto(`${url}/orders/${orderId}`);
      await page.waitForTimeout(1_200);
      await scrollGently(page, 300);
    },
  },
  {
    says: 'Learning heard it and opened the lessons. Access is a fold over money events, so it can always explain itself.',
    show: async (page, { url }) => {
      await page.goto(`${url}/learn`);
      await page.waitForTimeout(1_500);
      const answer = await page.request.get(`${url}/api/v1/courses/${slug}/outline`);
      const { sections } = (await answer.json()) as { sections: { lessons: { id: string }[] }[] };
      await page.goto(`${url}/lessons/${sections[0]?.lessons[1]?.id}`);
      await page.waitForTimeout(1_000);
      await scrollGently(page, 600);
    },
  },
  {
    says: 'The ledger heard it too. Finance sees where every paisa went: the tax, the platform’s fee, and the instructor’s share. Debits equal credits, because half an entry cannot be written.',
    show: async (page, stage) => {
      await page.context().clearCookies();
      await signIn(page, stage, 'finance@suuupra.test');
      await page.goto(`${stage.url}/finance/orders/${stage.orderId}`);
      await page.waitForTimeout(3_500);
      await page.goto(`${stage.url}/finance`);
    },
  },
  {
    says: 'Stop the process at any of these steps, as rudely as you like. What was acknowledged stays true, and what was not is found again. The lessons of this course show how.',
    show: async (page, { url }) => {
      await page.goto(`${url}/courses/follow-one-purchase`);
      await page.waitForTimeout(1_500);
      await scrollGently(page, 600);
    },
  },
];
