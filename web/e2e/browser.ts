/** The browser of the machine, a page that fails the test when it logs an error, and what axe thinks of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { expect } from 'vitest';

const candidates = [
  process.env['SUUUPRA_BROWSER'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/microsoft-edge',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Path of a Chromium-like browser; undefined where there is none. */
export const browserPath = candidates.find((path) => path !== '' && existsSync(path));

if (!browserPath) {
  console.warn(
    'No Chromium, Chrome or Edge was found, so the browser journeys do not run. Set SUUUPRA_BROWSER to one.',
  );
}

export async function openBrowser(): Promise<Browser> {
  if (!browserPath) throw new Error('There is no browser.');
  return chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
}

/** How many times slower than it is the browser's processor is made: what moves late on a poor phone, moves late here. */
const slowness = Number(process.env['SUUUPRA_BROWSER_SLOWNESS'] ?? '1');

export interface Visit {
  readonly page: Page;
  /** Everything the page complained about since the last look, refusals of the platform left out. */
  complaints(): string[];
  close(): Promise<void>;
}

export async function visit(browser: Browser, baseURL: string, width: number): Promise<Visit> {
  const context = await browser.newContext({
    baseURL,
    viewport: { width, height: width < 600 ? 844 : 900 },
    reducedMotion: 'reduce',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  if (slowness > 1) {
    const devtools = await context.newCDPSession(page);
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: slowness });
  }
  const heard: string[] = [];
  page.on('pageerror', (error) => heard.push(String(error)));
  page.on('console', (message) => {
    // A refused request is an answer the page shows; the browser logs it by itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) heard.push(message.text());
  });
  return { page, complaints: () => heard.splice(0), close: () => context.close() };
}

/** No serious finding in light or dark, no sideways scrolling, no complaints of the page. */
export async function expectGood(seen: Visit, name: string): Promise<void> {
  const { page } = seen;
  await page.waitForLoadState('networkidle');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.waitForFunction(isPainted, colorScheme);
    const axe = new AxeBuilder({ page });
    // What is not a colour is the same in both themes, and looking once is enough.
    if (colorScheme === 'dark') axe.withRules(['color-contrast', 'link-in-text-block']);
    const report = await axe.analyze();
    const serious = report.violations.filter((one) => one.impact === 'serious' || one.impact === 'critical');
    const findings = serious.map(
      (one) =>
        `${one.id}: ${one.nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary?.slice(0, 240)}`).join(' | ')}`,
    );
    expect.soft(findings, `axe on ${name}, ${colorScheme}`).toEqual([]);
    await keepPicture(page, `${name}-${colorScheme}`);
  }
  const tooWide = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect.soft(tooWide, `pixels that ${name} is wider than the screen`).toBeLessThanOrEqual(0);
  expect.soft(seen.complaints(), `errors logged on ${name}`).toEqual([]);
}

/** In the browser: the theme has changed, and no colour is still on its way. */
function isPainted(theme: string): boolean {
  const moving = document.getAnimations().some((one) => one instanceof CSSTransition && one.playState === 'running');
  return document.documentElement.dataset['theme'] === theme && !moving;
}

/** With SUUUPRA_PICTURES set to a folder, each page seen is kept there for people to look at. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  const folder = process.env['SUUUPRA_PICTURES'];
  if (!folder) return;
  const width = page.viewportSize()?.width ?? 0;
  await page.screenshot({ path: join(folder, `${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${width}.png`), fullPage: true });
}

const tabsMax = 120;

/** Reaches a control by the Tab key alone, as people without a mouse do. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor();
  for (let tabs = 0; tabs < tabsMax; tabs += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${tabsMax} tabs did not reach ${target}.`);
}
