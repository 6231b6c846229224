/**
 * Many pieces of a page each ask for one thing by its id; together they ask once.
 *
 * The ids asked for within one task go into as few calls as `sizeMax` allows. Gives undefined for what the answer leaves
 * out, and fails for all of a call when it fails. Nothing is kept: that is for the cache around it.
 */
export function batched<Value>(
  ask: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
  sizeMax: number,
): (id: string) => Promise<Value | undefined> {
  let waiting: Map<string, PromiseWithResolvers<Value | undefined>> | undefined;
  const send = async (asked: ReadonlyMap<string, PromiseWithResolvers<Value | undefined>>) => {
    try {
      const found = await ask([...asked.keys()]);
      for (const [id, one] of asked) one.resolve(found.get(id));
    } catch (error) {
      for (const one of asked.values()) one.reject(error);
    }
  };
  const flush = () => {
    const all = [...(waiting ?? [])];
    waiting = undefined;
    for (let start = 0; start < all.length; start += sizeMax) void send(new Map(all.slice(start, start + sizeMax)));
  };
  return (id) => {
    if (!waiting) {
      waiting = new Map();
      setTimeout(flush, 0);
    }
    const known = waiting.get(id) ?? Promise.withResolvers<Value | undefined>();
    waiting.set(id, known);
    return known.promise;
  };
}
