/**
 * What somebody who is not signed in means to buy: ids of courses, in this browser alone, until they sign in. No price and
 * nothing of a person is kept. It holds as many as a cart of the platform; a browser that keeps nothing keeps it for the page.
 */
export const localCartMax = 20;

const key = 'suuupra.cart';

export interface LocalCart {
  /** In the order they were put in; the same array until something changes. */
  courseIds(): readonly string[];
  /** False when it is full. What is there already stays where it is. */
  add(courseId: string): boolean;
  remove(courseIds: readonly string[]): void;
  /** Hears of changes in this and in every other tab, until it is called off. */
  subscribe(listener: () => void): () => void;
}

type Kept = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** `tabs` tells of changes by other tabs, as a window does. */
export function openLocalCart(storage: Kept | undefined, tabs?: Pick<EventTarget, 'addEventListener'>): LocalCart {
  const kept = forgiving(storage);
  const listeners = new Set<() => void>();
  let seen: { readonly text: string | null; readonly ids: readonly string[] } = { text: null, ids: [] };
  const courseIds = () => {
    const text = kept.getItem(key);
    if (text !== seen.text) seen = { text, ids: readLocalCart(text) };
    return seen.ids;
  };
  const tell = () => {
    for (const listener of listeners) listener();
  };
  const write = (ids: readonly string[]) => {
    if (ids.length === 0) kept.removeItem(key);
    else kept.setItem(key, JSON.stringify(ids));
    tell();
  };
  tabs?.addEventListener('storage', tell);
  return {
    courseIds,
    add: (courseId) => {
      const ids = courseIds();
      if (ids.includes(courseId)) return true;
      if (ids.length >= localCartMax) return false;
      write([...ids, courseId]);
      return true;
    },
    remove: (gone) => write(courseIds().filter((id) => !gone.includes(id))),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The ids in what was kept, each once; none where it is not what we write. */
export function readLocalCart(text: string | null): readonly string[] {
  const ids = parsed(text).filter((id): id is string => typeof id === 'string' && /^\w{1,100}$/.test(id));
  return [...new Set(ids)].slice(0, localCartMax);
}

function parsed(text: string | null): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** A browser may forbid its storage, or have no room: what is written is then kept here until the page goes. */
function forgiving(storage: Kept | undefined): Kept {
  let own: { readonly text: string | null } | undefined;
  const getItem = (name: string) => {
    if (own) return own.text;
    try {
      return storage?.getItem(name) ?? null;
    } catch {
      return null;
    }
  };
  const tried = (text: string | null, act: (one: Kept) => void) => {
    try {
      if (!storage) throw new Error('there is no storage');
      act(storage);
      own = undefined;
    } catch {
      own = { text };
    }
  };
  return {
    getItem,
    setItem: (name, text) => tried(text, (one) => one.setItem(name, text)),
    removeItem: (name) => tried(null, (one) => one.removeItem(name)),
  };
}
