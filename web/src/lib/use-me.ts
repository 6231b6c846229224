import { useQuery } from '@tanstack/react-query';
import { meQuery } from '../api/session.ts';
import type { User } from '../api/types.ts';
import { useInBrowser } from '../ui/bits.tsx';

export interface Me {
  /** `unknown` while the platform has not said yet, or cannot. */
  readonly state: 'unknown' | 'anonymous' | 'user';
  /** The platform is being asked; false once it has said who is here, or could not. */
  readonly isPending: boolean;
  readonly user: User | undefined;
  has(role: string): boolean;
}

/**
 * Who is here. While a page takes over from the server's rendering, nobody is known whom the server did not know: a part
 * that takes over late must find what it rendered, although the answer may have come by then. An administrator holds
 * every role, as on the server.
 */
export function useMe(): Me {
  const query = useQuery(meQuery);
  const inBrowser = useInBrowser();
  const data = inBrowser || query.data === null ? query.data : undefined;
  const user = data?.user;
  return {
    state: data === undefined ? 'unknown' : data === null ? 'anonymous' : 'user',
    isPending: data === undefined && !(inBrowser && query.isError),
    user,
    has: (role) => user !== undefined && (user.roles.includes(role) || user.roles.includes('admin')),
  };
}
