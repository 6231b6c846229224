#!/usr/bin/env node
// Makes a fresh clone ready: installs the packages when the lock file and the installed tree differ, and builds the web
// bundle when its sources changed. Plain JavaScript for Node >= 20, because the Node that runs the rest is installed by
// this. When nothing is to be done it reads a few files and leaves npm alone.
//
//   node tools/ensure-installed.mjs          packages
//   node tools/ensure-installed.mjs --web    packages and web bundle
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** What of a package.json decides what is installed; a changed script installs nothing. */
const installing = [
  'workspaces',
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'overrides',
  'allowScripts',
];
const stamp = path.join(root, 'node_modules', '.suuupra-installed');
const [major] = process.versions.node.split('.').map(Number);

if (major < 20) stop(`Suuupra needs Node.js 20 or newer to start; this is ${process.version}.`);
installPackages();
if (process.argv.includes('--web')) await buildWeb();

function installPackages() {
  const wanted = packagesHash();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('Installing packages (npm ci); this happens when package-lock.json has changed …');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel', 'error'], 'The packages could not be installed');
  writeFileSync(stamp, wanted);
}

async function buildWeb() {
  const { isFresh } = await import(pathToFileURL(path.join(root, 'web', 'build-stamp.mjs')).href);
  if (isFresh()) return;
  console.log('Building the web app; this happens when its sources have changed …');
  run('npm', ['run', '--silent', 'build', '--workspace', 'web'], 'The web app could not be built');
}

/** Hash of the lock file and of what every package.json asks for. */
function packagesHash() {
  const manifests = ['package.json', ...workspaces().map((folder) => path.join(folder, 'package.json'))];
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  hash.update(readFileSync(path.join(root, 'package-lock.json')));
  for (const file of manifests) {
    const manifest = JSON.parse(readFileSync(path.join(root, file), 'utf8'));
    hash.update(file).update(JSON.stringify(installing.map((field) => manifest[field])));
  }
  return hash.digest('hex');
}

function workspaces() {
  const { workspaces: patterns } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return patterns
    .flatMap((pattern) => {
      if (!pattern.endsWith('/*')) return [pattern];
      const parent = pattern.slice(0, -2);
      return readdirSync(path.join(root, parent)).map((name) => `${parent}/${name}`);
    })
    .filter((folder) => existsSync(path.join(root, folder, 'package.json')))
    .sort();
}

function run(command, args, failed) {
  const shell = process.platform === 'win32';
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell });
  if (error !== undefined) stop(`${failed}: ${error.message}`);
  if (status !== 0) stop(`${failed} (${command} ${args.join(' ')} ended with ${status}).`);
}

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}
