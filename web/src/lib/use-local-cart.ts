import { useSyncExternalStore } from 'react';
import { type LocalCart, openLocalCart } from './local-cart.ts';

/** Reading the property may be refused already. */
function storageOf(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

const isBrowser = typeof window !== 'undefined';

/** The cart of before sign-in of this browser; on the server nobody's, and always empty. */
export const localCart: LocalCart = openLocalCart(isBrowser ? storageOf() : undefined, isBrowser ? window : undefined);

const none: readonly string[] = [];

export function useLocalCart(): readonly string[] {
  return useSyncExternalStore(localCart.subscribe, localCart.courseIds, () => none);
}
