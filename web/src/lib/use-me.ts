import { useQuery } from '@tanstack/react-query';
import { meQuery } from '../api/session.ts';
import type { User } from '../api/types.ts';

export interface Me {
  /** `unknown` while the platform has not said yet, or cannot. */
  readonly state: 'unknown' | 'anonymous' | 'user';
  readonly user: User | undefined;
  has(role: string): boolean;
}

/** Who is here. An administrator holds every role, as on the server. */
export function useMe(): Me {
  const { data } = useQuery(meQuery);
  const user = data?.user;
  return {
    state: data === undefined ? 'unknown' : data === null ? 'anonymous' : 'user',
    user,
    has: (role) => user !== undefined && (user.roles.includes(role) || user.roles.includes('admin')),
  };
}
