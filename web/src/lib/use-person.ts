/** People by name on pages that are given ids. */
import { useQueries, useQuery } from '@tanstack/react-query';
import { personQuery } from '../api/people.ts';
import type { Person } from '../api/types.ts';
import { useMe } from './use-me.ts';

export interface PersonKnown {
  /** Absent: not known yet, nobody, or not for the reader to know. */
  readonly person: Person | undefined;
  readonly isAsking: boolean;
}

/** Whoever this id stands for; all that a page shows are asked for together and kept for five minutes. */
export function usePerson(id: string): PersonKnown {
  const { data, isLoading } = useQuery({ ...personQuery(id), enabled: useMe().has('finance') && id !== '' });
  return { person: data ?? undefined, isAsking: isLoading };
}

/** Those of them who are known by now, in the order of the ids. */
export function usePeople(ids: readonly string[]): readonly Person[] {
  const enabled = useMe().has('finance');
  return useQueries({
    queries: ids.map((id) => ({ ...personQuery(id), enabled })),
    combine: (results) => results.flatMap(({ data }) => data ?? []),
  });
}
