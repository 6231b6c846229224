/** The people behind ids, for finance and administrators. */
import { queryOptions } from '@tanstack/react-query';
import { batched } from '../lib/batched.ts';
import { call } from './client.ts';
import type { BatchGetPeopleResponse, Person } from './types.ts';

/** As many as the platform names in one answer. */
const askedMax = 100;
/** Names change rarely, and a page of the desk is looked at for minutes. */
const staleMs = 5 * 60_000;

const load = batched(async (ids) => {
  const asked = ids.map((id) => `ids=${encodeURIComponent(id)}`).join('&');
  const { people } = await call<BatchGetPeopleResponse>('GET', `/users:batch?${asked}`);
  return new Map(people.map((person) => [person.id, person]));
}, askedMax);

/** `null`: there is nobody with this id. */
export const personQuery = (id: string) =>
  queryOptions({
    queryKey: ['person', id],
    queryFn: async (): Promise<Person | null> => (await load(id)) ?? null,
    staleTime: staleMs,
  });
