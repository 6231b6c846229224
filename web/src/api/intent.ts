/**
 * What a person means to do once: one Idempotency-Key for it, kept while the outcome is not known.
 *
 * A double click, a retry after a lost answer and a reload therefore never pay twice. The key is dropped when the
 * platform has answered, yes or no; only then is the next click a new intent.
 */
import { Problem } from './problem.ts';

export interface KeyStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const prefix = 'suuupra.intent.';

/** Runs `act` with the key of the intent called `name`. */
export async function withIntent<T>(
  name: string,
  act: (key: string) => Promise<T>,
  store = sessionStore(),
): Promise<T> {
  const kept = store.getItem(prefix + name);
  const key = kept ?? crypto.randomUUID();
  if (!kept) store.setItem(prefix + name, key);
  try {
    const answer = await act(key);
    store.removeItem(prefix + name);
    return answer;
  } catch (error) {
    if (isDecided(error)) store.removeItem(prefix + name);
    throw error;
  }
}

/** The platform said no for good: trying again is a new intent. Without an answer, or with a passing one, it is not. */
function isDecided(error: unknown): boolean {
  return error instanceof Problem && !error.passing;
}

function sessionStore(): KeyStore {
  return globalThis.sessionStorage;
}
