/** Runs every bench and writes bench/results.md: what the README quotes comes from there. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { benchFirstPage } from './first-page.ts';
import { benchHttp } from './http.ts';
import { benchPurchase } from './purchase.ts';
import { benchStartup } from './startup.ts';

const head = `# Measured

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. Trust the ratios to what was measured beside them in the same session; absolute figures belong to the machine they name.
`;

const parts: string[] = [head];
for (const bench of [benchStartup, benchHttp, benchPurchase, benchFirstPage]) {
  const part = await bench();
  console.log(`\n${part}`);
  parts.push(part);
}
writeFileSync(path.join(import.meta.dirname, 'results.md'), `${parts.join('\n\n')}\n`);
