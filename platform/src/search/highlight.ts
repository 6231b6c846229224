/** The passage of a text that answers best, as escaped HTML with the matching words marked. */

import { type Token, tokenize } from './analysis.ts';
import { bitCount } from './dictionary.ts';

/** About three lines; a text up to this length is shown whole. */
const snippetCharsMax = 240;
/** Words shown before the first match, for the sense of it. */
const wordsBefore = 4;

/**
 * Undefined when no word matches. `groupsOf` says which words of the query a word of the text stands for, as bits; the
 * passage holds as many different ones as fit, then as many as fit, then comes first. Offsets are those of `text`.
 */
export function highlight(text: string, groupsOf: (word: string) => number): string | undefined {
  const tokens = tokenize(text);
  const groups = tokens.map((token) => groupsOf(token.word));
  if (!groups.some((bits) => bits !== 0)) return undefined;
  if (text.length <= snippetCharsMax) return marked(text, 0, text.length, tokens, groups);
  const first = bestStart(tokens, groups);
  const from = Math.max(0, first - wordsBefore);
  const start = from === 0 ? 0 : (tokens[from]?.start ?? 0);
  const end = endOf(tokens, from, start + snippetCharsMax, text.length);
  const shown = marked(text, start, end, tokens, groups);
  return `${start > 0 ? '… ' : ''}${shown}${end < text.length ? ' …' : ''}`;
}

/** Token with which the best window of snippetCharsMax characters begins; a match. */
function bestStart(tokens: readonly Token[], groups: readonly number[]): number {
  const matches = groups.flatMap((bits, index) => (bits === 0 ? [] : [index]));
  let best = { index: matches[0] ?? 0, different: 0, count: 0 };
  for (let at = 0; at < matches.length; at += 1) {
    const index = matches[at] ?? 0;
    const limit = (tokens[index]?.start ?? 0) + snippetCharsMax / 2;
    let bits = 0;
    let count = 0;
    for (let next = at; next < matches.length; next += 1) {
      const other = matches[next] ?? 0;
      if ((tokens[other]?.end ?? 0) > limit) break;
      bits |= groups[other] ?? 0;
      count += 1;
    }
    const different = bitCount(bits);
    if (different > best.different || (different === best.different && count > best.count)) {
      best = { index, different, count };
    }
  }
  return best.index;
}

/** End of the last word that ends before `limit`, but of one word at least. */
function endOf(tokens: readonly Token[], from: number, limit: number, textLength: number): number {
  if (limit >= textLength) return textLength;
  let end = tokens[from]?.end ?? textLength;
  for (let at = from + 1; at < tokens.length; at += 1) {
    const next = tokens[at]?.end ?? 0;
    if (next > limit) return end;
    end = next;
  }
  return textLength;
}

function marked(text: string, start: number, end: number, tokens: readonly Token[], groups: readonly number[]): string {
  const parts: string[] = [];
  let at = start;
  tokens.forEach((token, index) => {
    if (groups[index] === 0 || token.start < start || token.end > end) return;
    parts.push(
      escapeMarkup(text.slice(at, token.start)),
      '<mark>',
      escapeMarkup(text.slice(token.start, token.end)),
      '</mark>',
    );
    at = token.end;
  });
  parts.push(escapeMarkup(text.slice(at, end)));
  return parts.join('');
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML text or attribute value. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? '');
}
