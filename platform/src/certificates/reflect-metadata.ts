/**
 * What @peculiar/x509 wants of the environment before it is loaded: the container inside it looks up constructor
 * parameters through the Reflect metadata proposal, which Node does not have. Keeps what is already there.
 */
const store = new WeakMap<object, Map<unknown, unknown>>();

function metadataOf(key: unknown, target: object): unknown {
  return store.get(target)?.get(key);
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const own = store.get(target) ?? new Map<unknown, unknown>();
  store.set(target, own.set(key, value));
}

if (!('getMetadata' in Reflect)) {
  Object.assign(Reflect, { getMetadata: metadataOf, getOwnMetadata: metadataOf, defineMetadata });
}
