/**
 * The program: `node apps/main.ts --all [--port N] [--data DIR] [--config FILE] [--no-demo]`, or, to run some services apart
 * from the others, `node apps/main.ts gateway identity …`.
 *
 * Only this file is read before Node keeps what it compiles: stripping the types of all the others takes a third of the
 * time until a start can say that an option is wrong. Where the folder cannot be written, nothing is kept.
 */
import { enableCompileCache } from 'node:module';
import path from 'node:path';

enableCompileCache(path.join(import.meta.dirname, '..', 'node_modules', '.cache', 'compiled'));
const { run } = await import('./run.ts');
await run();
