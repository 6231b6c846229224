/** The best few of many, without sorting the many: a heap whose root is the worst that is kept. */
export class Best<T> {
  readonly #max: number;
  readonly #isBefore: (a: T, b: T) => boolean;
  readonly #heap: T[] = [];

  constructor(max: number, isBefore: (a: T, b: T) => boolean) {
    this.#max = max;
    this.#isBefore = isBefore;
  }

  offer(item: T): void {
    const heap = this.#heap;
    if (heap.length < this.#max) {
      heap.push(item);
      this.#rise(heap.length - 1);
      return;
    }
    const [worst] = heap;
    if (worst === undefined || !this.#isBefore(item, worst)) return;
    heap[0] = item;
    this.#sink(0);
  }

  /** Best first. */
  sorted(): T[] {
    return [...this.#heap].sort((a, b) => (this.#isBefore(a, b) ? -1 : 1));
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBetter(parent, at)) return;
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#isBetter(worst, child)) worst = child;
      }
      if (worst === at) return;
      this.#swapIfBetter(at, worst);
      at = worst;
    }
  }

  #isBetter(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a], this.#heap[b]];
    return first !== undefined && second !== undefined && this.#isBefore(first, second);
  }

  /** Puts the worse one nearer to the root. */
  #swapIfBetter(parent: number, child: number): boolean {
    if (!this.#isBetter(parent, child)) return false;
    const [first, second] = [this.#heap[parent], this.#heap[child]];
    if (first === undefined || second === undefined) return false;
    this.#heap[parent] = second;
    this.#heap[child] = first;
    return true;
  }
}
