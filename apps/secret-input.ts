/** A secret from the person at the terminal, unseen, or from a pipe: never from the command line, which everybody reads. */
import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import { ConfigError } from '@suuupra/platform/config';

export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly output: Writable;
}

/** More than any password; what comes beyond was meant for somebody else. */
const bytesMax = 4_096;

/** Asks twice at a terminal; takes the first line of a pipe. Throws ConfigError when the two differ or none came. */
export async function readSecret(what: string, { input, output }: Terminal): Promise<string> {
  if (input.isTTY !== true) return firstLine(what, input);
  const first = await ask(`${what}: `, { input, output });
  const again = await ask(`${what}, again: `, { input, output });
  if (first !== again) throw new ConfigError('The two are not the same; nothing was changed.');
  return first;
}

async function firstLine(what: string, input: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(Buffer.from(chunk));
    bytes += chunks.at(-1)?.byteLength ?? 0;
    if (bytes > bytesMax) throw new ConfigError(`${what}: more than ${bytesMax} bytes came; give one line.`);
    if (chunks.at(-1)?.includes('\n')) break;
  }
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split(/\r?\n/);
  if (line === '')
    throw new ConfigError(`${what}: nothing came; type it at a terminal, or give it as a line on standard input.`);
  return line;
}

/** The terminal repeats nothing of what is typed. */
async function ask(question: string, { input, output }: Terminal): Promise<string> {
  output.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input, output: silent, terminal: true });
  const left = new Promise<never>((_resolve, reject) => {
    reader.once('close', () => reject(new ConfigError('Nothing was given; nothing was changed.')));
  });
  try {
    return await Promise.race([reader.question(''), left]);
  } finally {
    reader.close();
    output.write('\n');
  }
}
