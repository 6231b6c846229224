/** `npm run bench:many`: writes bench/many-results.md: what it costs to be many processes. Needs Debian's cpulimit. */
import path from 'node:path';
import { benchMany } from './many.ts';
import { benchRpc } from './rpc.ts';
import { benchTelemetry } from './telemetry.ts';
import { writeResults } from './write-results.ts';

await writeResults({
  title: 'Many processes, measured',
  command: 'npm run bench:many',
  file: path.join(import.meta.dirname, 'many-results.md'),
  benches: [benchMany, benchRpc, benchTelemetry],
});
