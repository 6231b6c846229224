/** `npm run bench`: writes bench/results.md; what the README quotes comes from there. */
import path from 'node:path';
import { benchFirstPage } from './first-page.ts';
import { benchHttp } from './http.ts';
import { benchPurchase } from './purchase.ts';
import { benchStartup } from './startup.ts';
import { writeResults } from './write-results.ts';

await writeResults({
  title: 'Measured',
  command: 'npm run bench',
  file: path.join(import.meta.dirname, 'results.md'),
  benches: [benchStartup, benchHttp, benchPurchase, benchFirstPage],
});
