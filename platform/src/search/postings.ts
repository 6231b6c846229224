/** Which documents hold a word, and how often in each field: two growing typed arrays in the order of documents. */
import { grown } from './dictionary.ts';

/** Field frequencies share one 32-bit number, eight bits each. */
export const fieldsMax = 4;
const frequencyMax = 255;

export class Postings {
  documents = new Uint32Array(2);
  /** Byte f is how often field f holds the word, at most 255. */
  frequencies = new Uint32Array(2);
  length = 0;

  /** Counts one more occurrence; documents must come in rising order. */
  count(document: number, field: number): void {
    if (this.length === 0 || this.documents[this.length - 1] !== document) this.#append(document);
    const last = this.length - 1;
    const packed = this.frequencies[last] ?? 0;
    if (frequencyOf(packed, field) < frequencyMax) this.frequencies[last] = packed + (1 << (field * 8));
  }

  #append(document: number): void {
    if (this.length === this.documents.length) {
      this.documents = grown(this.documents, this.length + 1);
      this.frequencies = grown(this.frequencies, this.length + 1);
    }
    this.documents[this.length] = document;
    this.frequencies[this.length] = 0;
    this.length += 1;
  }

  /** Renumbers the documents, dropping those whose new number is `gone`. */
  renumber(numbers: Uint32Array, gone: number): void {
    let kept = 0;
    for (let at = 0; at < this.length; at += 1) {
      const number = numbers[this.documents[at] ?? 0] ?? gone;
      if (number === gone) continue;
      this.documents[kept] = number;
      this.frequencies[kept] = this.frequencies[at] ?? 0;
      kept += 1;
    }
    this.length = kept;
  }
}

export function frequencyOf(packed: number, field: number): number {
  return (packed >>> (field * 8)) & 0xff;
}
