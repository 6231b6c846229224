/** Builds what the browser loads, what the server renders with, and the compressed forms; then stamps the result. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build } from 'vite';
import { inputsHash, writeStamp } from './build-stamp.mjs';

const compressible = /\.(js|css|svg|json|map)$/;

const hash = inputsHash();
const common = { configFile: join(import.meta.dirname, 'vite.config.ts'), logLevel: 'warn' } as const;
await build(common);
await build({ ...common, build: { ssr: 'src/entry-server.tsx' } });
await compressAll(join(import.meta.dirname, 'dist/client'));
writeStamp(hash);

async function compressAll(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && compressible.test(entry.name));
  await Promise.all(files.map((file) => compress(join(file.parentPath, file.name))));
}

async function compress(file: string): Promise<void> {
  const bytes = await readFile(file);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  await Promise.all([
    promisify(brotliCompress)(bytes, { params }).then((small) => writeFile(`${file}.br`, small)),
    promisify(gzip)(bytes, { level: 9 }).then((small) => writeFile(`${file}.gz`, small)),
  ]);
}
