/** `ids` with `keys` taken out and put before or after `target`; unchanged when the target is not there. */
export function moved(ids: readonly string[], keys: readonly string[], target: string, after: boolean): string[] {
  const rest = ids.filter((id) => !keys.includes(id));
  const at = rest.indexOf(target);
  if (at < 0) return [...ids];
  const place = after ? at + 1 : at;
  return [...rest.slice(0, place), ...keys, ...rest.slice(place)];
}
