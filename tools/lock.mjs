#!/usr/bin/env node
// Makes package-lock.json from the package.json files alone, in an empty folder. npm, run where node_modules exists,
// forgets the packages of other platforms (https://github.com/npm/cli/issues/4828), and the lock is then refused by
// `npm ci` elsewhere. Run after each change of a dependency: npm run lock
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
const scratch = mkdtempSync(path.join(os.tmpdir(), 'suuupra-lock-'));
try {
  const { workspaces } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const manifests = [
    'package.json',
    ...workspaces.flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root })),
  ];
  for (const file of manifests) {
    mkdirSync(path.dirname(path.join(scratch, file)), { recursive: true });
    copyFileSync(path.join(root, file), path.join(scratch, file));
  }
  const args = ['install', '--package-lock-only', '--no-audit', '--no-fund', '--loglevel', 'error'];
  const { status } = spawnSync('npm', args, { cwd: scratch, stdio: 'inherit', shell: process.platform === 'win32' });
  const made = path.join(scratch, 'package-lock.json');
  if (status !== 0 || !existsSync(made)) process.exit(status || 1);
  cpSync(made, path.join(root, 'package-lock.json'));
  console.log(`package-lock.json is made from ${manifests.length} package.json files.`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
