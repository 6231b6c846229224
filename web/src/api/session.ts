/** Who is here. */
import { infiniteQueryOptions, type QueryClient, queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import type { Mail, Notification, Session, User } from './types.ts';

/** `null` data means: nobody is signed in. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }): Promise<{ user: User } | null> => {
    try {
      return await call<{ user: User }>('GET', '/users/me', { signal });
    } catch (error) {
      if (isSignedOut(error)) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

/** Says who is here, after signing in or out; what belonged to whoever was here before is forgotten. */
export function setMe(client: QueryClient, user: User | null): void {
  client.clear();
  client.setQueryData<{ user: User } | null>(['me'], user && { user });
}

function isSignedOut(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'status' in error && error.status === 401;
}

export const signUp = (body: { email: string; password: string; displayName: string }) =>
  call<{ user: User }>('POST', '/users', { body });

export const signIn = (body: { email: string; password: string; totp?: string }) =>
  call<{ user: User }>('POST', '/sessions', { body });

export const signOut = () => call<unknown>('DELETE', '/sessions/current');

export const updateMe = (displayName: string) => call<{ user: User }>('PATCH', '/users/me', { body: { displayName } });

export const changePassword = (body: { currentPassword: string; newPassword: string }) =>
  call<unknown>('PUT', '/users/me/password', { body });

export const sendVerification = () => call<unknown>('POST', '/users/me/email-verification');

export const verifyEmail = (token: string) =>
  call<{ verified: boolean }>('POST', '/email-verifications', { body: { token } });

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: ({ signal }) => call<{ sessions: Session[] }>('GET', '/sessions?pageSize=100', { signal }),
  select: (answer) => answer.sessions,
});

export const endSession = (id: string) => call<unknown>('DELETE', `/sessions/${encodeURIComponent(id)}`);

export interface NotificationsPage {
  readonly notifications: Notification[];
  readonly nextPageToken?: string;
  readonly unreadCount: number;
}

export const notificationsQuery = infiniteQueryOptions({
  queryKey: ['notifications'],
  queryFn: ({ signal, pageParam }) =>
    call<NotificationsPage>('GET', `/notifications${query({ pageSize: 20, pageToken: pageParam })}`, { signal }),
  initialPageParam: '',
  getNextPageParam: (last: NotificationsPage) => last.nextPageToken || undefined,
  staleTime: 30_000,
});

/** No ids: all of them. */
export const markRead = (ids: string[]) =>
  call<{ unreadCount: number }>('POST', '/notifications:markRead', { body: { ids } });

export interface MailPage {
  readonly mails: Mail[];
  readonly nextPageToken?: string;
}

export const mailQuery = (all: boolean) =>
  infiniteQueryOptions({
    queryKey: ['mailbox', all],
    queryFn: ({ signal, pageParam }) =>
      call<MailPage>('GET', `/mailbox${query({ all, pageToken: pageParam })}`, { signal }),
    initialPageParam: '',
    getNextPageParam: (last: MailPage) => last.nextPageToken || undefined,
    refetchInterval: 5_000,
  });

export interface UsersPage {
  readonly users: User[];
  readonly nextPageToken?: string;
}

export const usersQuery = (text: string) =>
  infiniteQueryOptions({
    queryKey: ['users', text],
    queryFn: ({ signal, pageParam }) =>
      call<UsersPage>('GET', `/users${query({ query: text, pageSize: 50, pageToken: pageParam })}`, { signal }),
    initialPageParam: '',
    getNextPageParam: (last: UsersPage) => last.nextPageToken || undefined,
  });

export const setRoles = (id: string, roles: string[]) =>
  call<{ user: User }>('PUT', `/users/${encodeURIComponent(id)}/roles`, { body: { roles } });
