/** A file of results: what was measured, by which command, on which day. */
import { writeFileSync } from 'node:fs';

const trust =
  'Trust the ratios to what was measured beside them in the same session; absolute figures belong to the machine they name.';

export interface Results {
  readonly title: string;
  readonly command: string;
  readonly file: string;
  readonly benches: readonly (() => Promise<string>)[];
}

/** Runs each bench alone, one after the other, prints its part, and writes the file when all are done. */
export async function writeResults({ title, command, file, benches }: Results): Promise<void> {
  const day = new Date().toISOString().slice(0, 10);
  const parts = [`# ${title}\n\nWritten by \`${command}\` on ${day}. ${trust}`];
  for (const bench of benches) {
    const part = await bench();
    console.log(`\n${part}`);
    parts.push(part);
  }
  writeFileSync(file, `${parts.join('\n\n')}\n`);
}
