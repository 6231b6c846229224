/**
 * The contracts are in order: buf lints them, the generated code is what they generate, and nothing that was published
 * is broken (contracts/published.binpb holds what outside programs and stored events were promised).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
const buf = path.join(root, 'node_modules', '.bin', 'buf');

function run(args: readonly string[]): void {
  execFileSync(buf, args, { cwd: root, stdio: 'inherit' });
}

function filesBelow(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [path.relative(folder, file), readFileSync(file, 'utf8')];
    }),
  );
}

function checkFresh(): number {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'suuupra-contracts-'));
  try {
    const template = readFileSync(path.join(root, 'buf.gen.yaml'), 'utf8').replace(
      'out: contracts/gen',
      `out: ${scratch}/gen`,
    );
    writeFileSync(path.join(scratch, 'buf.gen.yaml'), template);
    run(['generate', '--template', path.join(scratch, 'buf.gen.yaml')]);
    const made = filesBelow(path.join(scratch, 'gen'));
    const committed = filesBelow(path.join(root, 'contracts', 'gen'));
    const stale = [...new Set([...made.keys(), ...committed.keys()])].filter(
      (file) => made.get(file) !== committed.get(file),
    );
    if (stale.length > 0) {
      throw new Error(
        `contracts/gen is not what the contracts generate (${stale.join(', ')}); run "npm run contracts".`,
      );
    }
    return made.size;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

try {
  run(['lint']);
  run(['breaking', '--exclude-imports', '--against', 'contracts/published.binpb']);
  execFileSync(process.execPath, [path.join(root, 'tools', 'generate-api-types.ts'), '--check'], {
    cwd: root,
    stdio: 'inherit',
  });
  const count = checkFresh();
  if (count < 15) throw new Error(`Only ${count} generated files were seen; something is not read.`);
  console.log(`Contracts: linted, nothing published is broken, ${count} generated files are fresh.`);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
