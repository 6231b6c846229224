/** The drawing on a course's cover: the same slug always draws the same picture. */
export interface Cover {
  /** 1 to 6: which family of colours of the token file. */
  readonly palette: number;
  readonly motif: 'arcs' | 'grid' | 'waves' | 'strata' | 'orbits';
  /** Numbers between 0 and 1 that the motif draws with. */
  readonly numbers: readonly number[];
}

const motifs = ['arcs', 'grid', 'waves', 'strata', 'orbits'] as const;

/** The number in the seed is the version of the drawing: raise it, and every cover is drawn anew. */
export function coverOf(slug: string): Cover {
  const next = generator(`v5:${slug}`);
  return {
    palette: 1 + Math.floor(next() * 6),
    motif: motifs[Math.floor(next() * motifs.length)] ?? 'arcs',
    numbers: Array.from({ length: 24 }, () => Math.round(next() * 1000) / 1000),
  };
}

/** FNV-1a to seed, mulberry32 to draw: small, and the same everywhere. */
function generator(text: string): () => number {
  let state = 2166136261;
  for (let i = 0; i < text.length; i += 1) state = Math.imul(state ^ text.charCodeAt(i), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
