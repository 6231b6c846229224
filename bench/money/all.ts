/** `npm run bench:money`: writes bench/money/results.md. */
import path from 'node:path';
import { writeResults } from '../write-results.ts';
import { benchColdStart } from './cold-start.ts';
import { benchFeatures } from './features.ts';
import { benchLedger } from './ledger.ts';
import { benchPayment } from './payment.ts';

await writeResults({
  title: 'Money, measured',
  command: 'npm run bench:money',
  file: path.join(import.meta.dirname, 'results.md'),
  benches: [benchLedger, benchFeatures, benchColdStart, benchPayment],
});
