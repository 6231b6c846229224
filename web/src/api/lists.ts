/** A list of the platform, read page after page. */
import { infiniteQueryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';

interface Page {
  readonly nextPageToken?: string;
}

/** `path` without a query; `asked` narrows the list and is the same on every page. */
export const listQuery = <T extends Page>(
  queryKey: readonly unknown[],
  path: string,
  asked: Readonly<Record<string, string | number | boolean | undefined>> = {},
) =>
  infiniteQueryOptions({
    queryKey,
    queryFn: ({ signal, pageParam }) =>
      call<T>('GET', `${path}${query({ ...asked, pageToken: pageParam })}`, { signal }),
    initialPageParam: '',
    getNextPageParam: (last: T) => last.nextPageToken || undefined,
  });
