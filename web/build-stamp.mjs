// When is the built web app stale? Plain JavaScript, so that any Node can ask before anything is installed.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = dirname(fileURLToPath(import.meta.url));
const stampFile = join(web, 'dist', '.stamp');
const inputs = [
  'src',
  'public',
  'package.json',
  'vite.config.ts',
  'build.ts',
  'build-stamp.mjs',
  '../package-lock.json',
];

/** @param {string} path @returns {string[]} every file at or below `path`, tests left out */
function filesOf(path) {
  if (!existsSync(path)) return [];
  const entries = readdirSync(dirname(path), { withFileTypes: true });
  const entry = entries.find((candidate) => join(dirname(path), candidate.name) === path);
  if (entry?.isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && !/\.test\.tsx?$/.test(file.name))
    .map((file) => join(file.parentPath ?? file.path, file.name));
}

/** SHA-256 over the names and bytes of everything the bundle is made from. */
export function inputsHash() {
  const hash = createHash('sha256');
  const files = inputs.flatMap((input) => filesOf(join(web, input))).sort();
  for (const file of files)
    hash
      .update(`${relative(web, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex');
}

/** True when web/dist was built from exactly these inputs. */
export function isFresh() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8').trim() === inputsHash();
}

/** @param {string} hash taken before the build began, so that a change made during it counts as stale */
export function writeStamp(hash) {
  writeFileSync(stampFile, `${hash}\n`);
}
