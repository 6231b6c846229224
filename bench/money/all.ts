/** `npm run bench:money`: writes bench/money/results.md. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { benchLedger } from './ledger.ts';
import { benchPayment } from './payment.ts';

const head = `# Money, measured

Written by \`npm run bench:money\` on ${new Date().toISOString().slice(0, 10)}. Trust the ratios to what was measured beside them in the same session; absolute figures belong to the machine they name.
`;

const parts: string[] = [head];
for (const bench of [benchLedger, benchPayment]) {
  const part = await bench();
  console.log(`\n${part}`);
  parts.push(part);
}
writeFileSync(path.join(import.meta.dirname, 'results.md'), `${parts.join('\n\n')}\n`);
