/** The words of an index under numbers, found whole, by their beginning, or by what they were meant to be. */

interface NearWord {
  readonly id: number;
  readonly distance: number;
}

/** Words that are not in the sorted part yet; looked at one by one until it is worth sorting. */
const unsortedMax = 2_000;

export class Dictionary {
  readonly words: string[] = [];
  readonly #ids = new Map<string, number>();
  /** Which letters a word has, one bit each (letters share bits): an edit changes at most two. */
  #letters = new Int32Array(1_024);
  #sorted = new Uint32Array(0);

  add(word: string): number {
    const known = this.#ids.get(word);
    if (known !== undefined) return known;
    const id = this.words.length;
    this.words.push(word);
    this.#ids.set(word, id);
    if (id >= this.#letters.length) this.#letters = grown(this.#letters, id + 1);
    this.#letters[id] = lettersOf(word);
    if (this.words.length - this.#sorted.length > unsortedMax) this.#sort();
    return id;
  }

  find(word: string): number | undefined {
    return this.#ids.get(word);
  }

  /** Every word that begins with `prefix`, in no order. */
  withPrefix(prefix: string): number[] {
    const found: number[] = [];
    for (let at = this.#firstNotBefore(prefix); at < this.#sorted.length; at += 1) {
      const id = this.#sorted[at] ?? 0;
      if (!this.words[id]?.startsWith(prefix)) break;
      found.push(id);
    }
    for (let id = this.#sorted.length; id < this.words.length; id += 1) {
      if (this.words[id]?.startsWith(prefix)) found.push(id);
    }
    return found;
  }

  /** Every other word that at most `distanceMax` edits (insert, delete, replace, swap neighbours) lead to. */
  near(word: string, distanceMax: number): NearWord[] {
    const letters = lettersOf(word);
    const found: NearWord[] = [];
    for (let id = 0; id < this.words.length; id += 1) {
      if (bitCount((this.#letters[id] ?? 0) ^ letters) > 2 * distanceMax) continue;
      const other = this.words[id] ?? '';
      if (Math.abs(other.length - word.length) > distanceMax) continue;
      const distance = editDistance(word, other, distanceMax);
      if (distance > 0 && distance <= distanceMax) found.push({ id, distance });
    }
    return found;
  }

  #sort(): void {
    const ids = Uint32Array.from(this.words.keys());
    const { words } = this;
    this.#sorted = ids.sort((a, b) => ((words[a] ?? '') < (words[b] ?? '') ? -1 : 1));
  }

  #firstNotBefore(prefix: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.words[this.#sorted[middle] ?? 0] ?? '') < prefix) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A copy with room for at least `size`, at least twice the present one. */
export function grown<A extends Int32Array | Uint32Array | Uint8Array>(array: A, size: number): A {
  const larger = new (array.constructor as new (length: number) => A)(Math.max(size, array.length * 2));
  larger.set(array);
  return larger;
}

function lettersOf(word: string): number {
  let letters = 0;
  for (let at = 0; at < word.length; at += 1) letters |= 1 << (word.charCodeAt(at) & 31);
  return letters;
}

export function bitCount(bits: number): number {
  let n = bits - ((bits >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return (((n + (n >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/** Damerau's distance where no part is edited twice ("optimal string alignment"); anything above `max` is `max + 1`. */
export function editDistance(a: string, b: string, max: number): number {
  let before = new Array<number>(b.length + 1).fill(0);
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = new Array<number>(b.length + 1).fill(i);
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      }
      next[j] = cost;
      least = Math.min(least, cost);
    }
    if (least > max) return max + 1;
    before = row;
    row = next;
  }
  return Math.min(row[b.length] ?? 0, max + 1);
}
