/** Finds the route of a request, over find-my-way: declared paths first, then the pages that take the rest. */
import findMyWay, { type HTTPMethod } from 'find-my-way';
import type { Route } from './route.ts';

export interface Match {
  readonly route: Route;
  /** By the names of the declared path, decoded. */
  readonly params: Readonly<Record<string, string>>;
}

export interface Router {
  /** `allow` lists the methods of a path that is known by others than the one asked for. */
  find(verb: string, path: string): Match | { readonly allow: readonly string[] } | undefined;
}

const paramCharsMax = 256;
const rest = /^\/\{([a-z_]+)\*\}$/i;
/** Below this nothing is left to pages: an unknown route is a problem, never a page. */
const apiPrefix = '/api/';

/** Throws when two routes claim the same method and path. */
export function createRouter(routes: readonly Route[]): Router {
  const declared = findMyWay({ maxParamLength: paramCharsMax, caseSensitive: true });
  const pages = new Map<string, Route>();
  for (const route of routes) {
    if (!rest.test(route.template)) declared.on(route.verb as HTTPMethod, patternOf(route), () => undefined, route);
    else if (pages.has(route.verb)) throw new Error(`Two routes take what is left: ${route.verb} ${route.template}.`);
    else pages.set(route.verb, route);
  }
  const verbs = [...new Set(routes.map((route) => route.verb))];
  const lookUp = (verb: string, path: string) => findDeclared(declared, verb, path);
  return {
    find: (verb, path) => {
      const found = lookUp(verb, path) ?? (verb === 'HEAD' ? lookUp('GET', path) : undefined);
      if (found !== undefined) return found;
      const allow = verbs.filter((other) => lookUp(other, path) !== undefined);
      if (allow.length > 0) return { allow: allow.includes('GET') ? [...new Set([...allow, 'HEAD'])] : allow };
      const page = path.startsWith(apiPrefix) ? undefined : pages.get(verb === 'HEAD' ? 'GET' : verb);
      return page === undefined ? undefined : { route: page, params: { [restName(page)]: path.slice(1) } };
    },
  };
}

function restName(route: Route): string {
  return rest.exec(route.template)?.[1] ?? 'rest';
}

function findDeclared(declared: ReturnType<typeof findMyWay>, verb: string, path: string): Match | undefined {
  const found = declared.find(verb as HTTPMethod, path);
  if (found === null) return undefined;
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(found.params)) {
    if (value === undefined || (value === '' && name !== '*')) return undefined;
    params[name] = value;
  }
  const route = found.store as Route;
  const tail = /\{([a-z_]+)\*\}$/i.exec(route.template)?.[1];
  if (tail !== undefined) params[tail] = params['*'] ?? '';
  return { route, params };
}

/**
 * `/a/{id}:verb` as find-my-way writes it. A parameter of a contract never holds a colon, so that an unknown verb is an
 * unknown route and not a strange id.
 */
function patternOf(route: Route): string {
  const parameter = route.kind === 'method' ? ':$1(^[^:]+)' : ':$1';
  return route.template
    .replaceAll(':', '::')
    .replace(/\{[a-z_]+\*\}$/i, '*')
    .replaceAll(/\{([a-z_]+)\}(?=\/)/gi, ':$1')
    .replaceAll(/\{([a-z_]+)\}$/gi, route.kind === 'method' ? ':$1(^[^:]+$)' : parameter)
    .replaceAll(/\{([a-z_]+)\}(?=::)/gi, parameter);
}
