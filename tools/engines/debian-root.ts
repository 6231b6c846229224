/**
 * Programs of another suite of Debian than this machine's, without touching the machine's own packages: apt, with lists and
 * a cache of its own, fetches them with everything they need, checked against Debian's keys, and they are unpacked into
 * one folder, where the C library of that suite starts them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const fetchMsMax = 300_000;
const unpackMsMax = 60_000;

/** Fills `root` with the package and what it needs; answers a sentence when it could not, and leaves nothing then. */
export function installDebianRoot(suite: string, packageName: string, root: string): string | undefined {
  if (spawnSync('apt-get', ['--version']).status !== 0) return 'there is no apt-get on this machine';
  if (!existsSync(keyring)) return `there are no keys of Debian's archive (${keyring})`;
  mkdirSync(path.dirname(root), { recursive: true });
  const made = mkdtempSync(`${root}-`);
  try {
    const problem = fill(suite, packageName, made);
    if (problem === undefined) renameSync(path.join(made, 'root'), root);
    return problem;
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function fill(suite: string, packageName: string, folder: string): string | undefined {
  for (const each of ['lists/partial', 'cache/archives/partial', 'root'])
    mkdirSync(path.join(folder, each), { recursive: true });
  const archive = machinesArchive();
  if (archive === undefined) return 'apt of this machine names no archive of Debian';
  const sources = path.join(folder, 'sources.list');
  writeFileSync(sources, `deb [signed-by=${keyring}] ${archive} ${suite} main\n`);
  // No package counts as installed, so all that is needed comes, the C library too.
  writeFileSync(path.join(folder, 'status'), '');
  const apart = [
    `Dir::Etc::SourceList=${sources}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${path.join(folder, 'lists')}`,
    `Dir::State::status=${path.join(folder, 'status')}`,
    `Dir::Cache=${path.join(folder, 'cache')}`,
    // apt would give up root for an account that may not write here.
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', '--download-only', packageName]]) {
    const run = spawnSync('apt-get', [...apart, ...args], { encoding: 'utf8', timeout: fetchMsMax });
    if (run.status !== 0) return `apt-get ${args[0]} for Debian ${suite} failed: ${run.stderr.trim().slice(-300)}`;
  }
  const archives = path.join(folder, 'cache', 'archives');
  for (const name of readdirSync(archives).filter((each) => each.endsWith('.deb'))) {
    const args = ['-x', path.join(archives, name), path.join(folder, 'root')];
    const run = spawnSync('dpkg-deb', args, { encoding: 'utf8', timeout: unpackMsMax });
    if (run.status !== 0) return `dpkg-deb could not unpack ${name}: ${run.stderr.trim().slice(-300)}`;
  }
  return undefined;
}

/** The mirror that this machine takes its own packages from: it has the other suites too. */
function machinesArchive(): string | undefined {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  return stdout.split('\n').find((address) => /\/debian\/?$/.test(address));
}

/** What starts a program of `root`: its own loader with its own libraries, then the program. */
export function inDebianRoot(root: string, program: string): readonly [string, ...string[]] {
  const libraries = ['usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'usr/lib']
    .map((each) => path.join(root, each))
    .filter((each) => existsSync(each));
  const loader = ['usr/lib64/ld-linux-x86-64.so.2', 'usr/lib/ld-linux-aarch64.so.1']
    .map((each) => path.join(root, each))
    .find((each) => existsSync(each));
  if (loader === undefined) throw new Error(`${root} has no loader of programs`);
  return [loader, '--library-path', libraries.join(path.delimiter), path.join(root, program)];
}
