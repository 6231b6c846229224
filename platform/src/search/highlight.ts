/** The piece of a text that shows why it was found: escaped HTML with <mark> around what matched. */
import { type Word, wordsOf } from './words.ts';

const snippetWords = 30;

/** Whether a folded word of the text is one that the query asked for. */
export type Matches = (folded: string) => boolean;

/** The best snippet; undefined when nothing in the text matched. `whole` keeps the full text, for titles. */
export function highlight(text: string, matches: Matches, whole: boolean): string | undefined {
  const words = wordsOf(text);
  const hits = words.map((word) => matches(word.folded));
  if (!hits.includes(true)) return undefined;
  const first = whole ? 0 : bestStart(words, hits);
  const last = whole ? words.length : Math.min(words.length, first + snippetWords);
  const from = first === 0 ? 0 : (words[first]?.start ?? 0);
  const to = last === words.length ? text.length : (words[last - 1]?.end ?? text.length);
  let html = from > 0 ? '… ' : '';
  let at = from;
  for (let index = first; index < last; index += 1) {
    const word = words[index];
    if (word === undefined || !hits[index]) continue;
    html += `${escapeHtml(text.slice(at, word.start))}<mark>${escapeHtml(text.slice(word.start, word.end))}</mark>`;
    at = word.end;
  }
  return `${html}${escapeHtml(text.slice(at, to))}${to < text.length ? ' …' : ''}`.replace(/\s+/g, ' ');
}

/** The window with the most different matching words, the earliest of equals, with a little before its first match. */
function bestStart(words: readonly Word[], hits: readonly boolean[]): number {
  let best = { start: 0, score: -1 };
  for (let start = 0; start < words.length; start += 1) {
    if (!hits[start]) continue;
    const inside = words.slice(start, start + snippetWords).filter((_, offset) => hits[start + offset]);
    const score = new Set(inside.map((word) => word.folded)).size;
    if (score > best.score) best = { start, score };
  }
  const lead = 4;
  return Math.max(0, best.start - lead);
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
