/** Where to go after signing in: only ever a path of this site. */
export function safeReturn(path: string | undefined): string {
  if (!path?.startsWith('/') || path.startsWith('//') || path.includes('\\')) return '/learn';
  return path.startsWith('/sign-') ? '/learn' : path;
}
