/** Bytes of the first page as a browser loads it over the wire, by kind. Needs Chromium: SUUUPRA_CHROMIUM or /usr/bin/chromium. */
import { existsSync } from 'node:fs';
import { type CDPSession, chromium } from 'playwright-core';
import { makeDataFolder, startPlatform } from '../test/platform.ts';
import { machine, table } from './measure.ts';

const pages = [
  { name: 'catalogue', path: '/' },
  { name: 'a course', path: '/courses/follow-one-purchase' },
] as const;
const kinds = ['Document', 'Script', 'Stylesheet', 'Font', 'Image', 'Fetch', 'other'] as const;

interface Loaded {
  readonly kind: (typeof kinds)[number];
  readonly wireBytes: number;
  readonly bytes: number;
}

export async function benchFirstPage(): Promise<string> {
  const executablePath = process.env['SUUUPRA_CHROMIUM'] ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) return `## Bytes of the first page\n\nNot measured: there is no ${executablePath}.`;
  const data = makeDataFolder();
  try {
    const platform = await startPlatform({ data });
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    const measured: [string, readonly Loaded[]][] = [];
    for (const { name, path } of pages) {
      // A new context has an empty cache: each page is somebody's first.
      const page = await (await browser.newContext()).newPage();
      const session = await page.context().newCDPSession(page);
      const loaded = await record(session);
      await page.goto(`${platform.url}${path}`, { waitUntil: 'networkidle' });
      measured.push([name, loaded()]);
    }
    await browser.close();
    return report(measured);
  } finally {
    await data.remove();
  }
}

/** Counts what the network delivers, compressed as it came, headers included. */
async function record(session: CDPSession): Promise<() => Loaded[]> {
  const byId = new Map<string, { kind: Loaded['kind']; wireBytes: number; bytes: number }>();
  await session.send('Network.enable');
  session.on('Network.responseReceived', ({ requestId, type }) => {
    const kind = kinds.find((each) => each === type) ?? 'other';
    byId.set(requestId, { kind, wireBytes: 0, bytes: 0 });
  });
  session.on('Network.dataReceived', ({ requestId, dataLength }) => {
    const one = byId.get(requestId);
    if (one !== undefined) one.bytes += dataLength;
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const one = byId.get(requestId);
    if (one !== undefined) one.wireBytes = encodedDataLength;
  });
  return () => [...byId.values()];
}

function report(measured: readonly [string, readonly Loaded[]][]): string {
  const kilobytes = (bytes: number) => (bytes / 1_000).toFixed(1);
  const rows = measured.flatMap(([name, loaded]) => {
    const sum = (list: readonly Loaded[], of: 'wireBytes' | 'bytes') => list.reduce((total, one) => total + one[of], 0);
    const byKind = kinds
      .map((kind) => [kind, loaded.filter((one) => one.kind === kind)] as const)
      .filter(([, list]) => list.length > 0)
      .map(([kind, list]) => [
        name,
        kind,
        String(list.length),
        kilobytes(sum(list, 'wireBytes')),
        kilobytes(sum(list, 'bytes')),
      ]);
    return [
      ...byKind,
      [name, '**all**', String(loaded.length), kilobytes(sum(loaded, 'wireBytes')), kilobytes(sum(loaded, 'bytes'))],
    ];
  });
  return [
    '## Bytes of the first page',
    '',
    `${machine()}. Chromium with an empty cache; kB as they crossed the wire (compressed, headers included) and as they were after unpacking.`,
    '',
    table(['page', 'kind', 'requests', 'kB on the wire', 'kB unpacked'], rows),
  ].join('\n');
}

if (import.meta.main) console.log(await benchFirstPage());
