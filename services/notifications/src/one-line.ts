/** Text by others inside a text of ours. No I/O. */

const charsMax = 200;
/** Marks that turn the reading direction of what follows: a title could swallow the amount beside it. */
const directionMarks = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** One line of at most 200 characters without control characters, so that it cannot pretend to be a line of ours. */
export function oneLine(text: string): string {
  const line = text
    .replaceAll(directionMarks, '')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  const chars = [...line];
  return chars.length <= charsMax ? line : `${chars.slice(0, charsMax - 1).join('')}…`;
}
