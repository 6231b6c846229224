import { describe, expect, it } from 'vitest';
import { localCartMax, openLocalCart, readLocalCart } from './local-cart.ts';

/** The storage of a browser, which outlives its pages. */
function browserStorage(): Storage {
  const values = new Map<string, string>();
  return {
    getItem: (name: string) => values.get(name) ?? null,
    setItem: (name: string, text: string) => void values.set(name, text),
    removeItem: (name: string) => void values.delete(name),
  } as Storage;
}

const forbidden = (): never => {
  throw new DOMException('no', 'SecurityError');
};
const forbiddenStorage = { getItem: forbidden, setItem: forbidden, removeItem: forbidden };

describe('a cart before sign-in', () => {
  it('is there again on the next page, each course once, in its order', () => {
    const storage = browserStorage();
    const cart = openLocalCart(storage);
    for (const id of ['crs_b', 'crs_a', 'crs_b']) expect(cart.add(id)).toBe(true);
    expect(openLocalCart(storage).courseIds()).toEqual(['crs_b', 'crs_a']);
  });

  it('loses what was merged and keeps what came in meanwhile', () => {
    const cart = openLocalCart(browserStorage());
    cart.add('crs_a');
    const sent = cart.courseIds();
    cart.add('crs_b');
    cart.remove(sent);
    expect(cart.courseIds()).toEqual(['crs_b']);
  });

  it('refuses more than a cart of the platform holds', () => {
    const cart = openLocalCart(browserStorage());
    for (let n = 0; n < localCartMax; n += 1) expect(cart.add(`crs_${n}`)).toBe(true);
    expect(cart.add('crs_more')).toBe(false);
    expect(cart.add('crs_0')).toBe(true);
    expect(cart.courseIds()).toHaveLength(localCartMax);
  });

  it('tells of changes here and in other tabs, and gives the same array until there is one', () => {
    const storage = browserStorage();
    const tabs = new EventTarget();
    const cart = openLocalCart(storage, tabs);
    let heard = 0;
    const off = cart.subscribe(() => {
      heard += 1;
    });
    cart.add('crs_a');
    expect(cart.courseIds()).toBe(cart.courseIds());
    openLocalCart(storage).add('crs_b');
    tabs.dispatchEvent(new Event('storage'));
    expect([heard, cart.courseIds()]).toEqual([2, ['crs_a', 'crs_b']]);
    off();
    cart.add('crs_c');
    expect(heard).toBe(2);
  });

  it.each([
    ['forbids it', forbiddenStorage],
    ['has none', undefined],
  ])('is kept for the page where the browser %s', (_, storage) => {
    const cart = openLocalCart(storage);
    cart.add('crs_a');
    cart.add('crs_b');
    cart.remove(['crs_a']);
    expect(cart.courseIds()).toEqual(['crs_b']);
    cart.remove(['crs_b']);
    expect(cart.courseIds()).toEqual([]);
  });

  it('reads each id once and no more than fit, whoever wrote them', () => {
    const many = Array.from({ length: 50 }, (_, n) => `crs_${n}`);
    expect(readLocalCart(JSON.stringify(['crs_1', 'crs_1', ...many]))).toHaveLength(localCartMax);
    expect(readLocalCart('["crs_1", "crs_1"]')).toEqual(['crs_1']);
  });

  it.each(['', 'null', '{}', '"crs_a"', '[', '[1, null, {"id": 1}, "", "../x", "a b"]'])(
    'is empty where %j was kept',
    (text) => {
      expect(readLocalCart(text)).toEqual([]);
    },
  );
});
