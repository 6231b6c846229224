/** Bytes as lines of text, a chunk at a time. No I/O of its own. */
import { BadFile } from './bad-file.ts';

export interface TextLine {
  readonly number: number;
  readonly text: string;
  /** False of a last line without a line end. */
  readonly isEnded: boolean;
}

/** A line longer than this is no line of a bank or provider. */
const lineCharsMax = 64 * 1024;

/** Text in UTF-8, a byte order mark taken off; a byte that is not UTF-8, or is NUL, refuses the file and names its line. */
export async function* utf8Text(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for await (const chunk of bytes) {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch {
      throw new BadFile('encoding', line + lineEndsBeforeFault(chunk), 'The text is not UTF-8.');
    }
    // UTF-8 has it, PostgreSQL's text does not.
    const nul = text.indexOf('\0');
    if (nul >= 0)
      throw new BadFile('encoding', line + text.slice(0, nul).split('\n').length - 1, 'The text holds a NUL.');
    line += text.split('\n').length - 1;
    yield text;
  }
  try {
    yield decoder.decode();
  } catch {
    throw new BadFile('truncated', line, 'The file ends inside a character of UTF-8.');
  }
}

/** Line ends before the first byte that is not UTF-8; a character cut by the chunk's start is let pass. */
function lineEndsBeforeFault(chunk: Uint8Array): number {
  const loose = new TextDecoder('utf-8').decode(chunk);
  const fault = loose.indexOf('\uFFFD', 1);
  return loose.slice(0, fault < 0 ? undefined : fault).split('\n').length - 1;
}

/** ISO 8859-1, where each byte is its character; control characters other than line ends and tabs refuse the file. */
export async function* latin1Text(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let line = 1;
  for await (const chunk of bytes) {
    const text = Buffer.from(chunk).toString('latin1');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
    const fault = text.search(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/);
    const before = text.slice(0, fault < 0 ? undefined : fault);
    line += before.split('\n').length - 1;
    if (fault >= 0)
      throw new BadFile('encoding', line, 'The text holds characters that SWIFT and ISO 8859-1 do not have.');
    yield text;
  }
}

/** Lines without their ends (LF or CRLF). */
export async function* textLines(texts: AsyncIterable<string>): AsyncGenerator<TextLine> {
  let rest = '';
  let number = 1;
  for await (const text of texts) {
    const pieces = (rest + text).split('\n');
    rest = pieces.pop() ?? '';
    for (const piece of pieces) {
      yield { number, text: piece.endsWith('\r') ? piece.slice(0, -1) : piece, isEnded: true };
      number += 1;
    }
    if (rest.length > lineCharsMax)
      throw new BadFile('limit', number, `A line has at most ${lineCharsMax} characters.`);
  }
  if (rest !== '') yield { number, text: rest, isEnded: false };
}
