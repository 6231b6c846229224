/** Renders a public page to text on the server, with data the server has already read. */
import { dehydrate } from '@tanstack/react-query';
import { createMemoryHistory } from '@tanstack/react-router';
import { renderToString } from 'react-dom/server';
import { courseQuery, coursesQuery, lessonQuery, outlineQuery } from './api/catalogue.ts';
import { meQuery } from './api/session.ts';
import { App, createQueryClient } from './app.tsx';
import type { RenderedPage, Seed } from './embedded-state.ts';
import { createAppRouter } from './routes.tsx';

export async function renderPage(href: string, seeds: readonly Seed[], signedIn: boolean): Promise<RenderedPage> {
  const queryClient = createQueryClient();
  for (const seed of seeds) queryClient.setQueryData(seed.queryKey, seed.data);
  const queries = dehydrate(queryClient);
  if (!signedIn) queryClient.setQueryData(meQuery.queryKey, null);
  const router = createAppRouter(queryClient, createMemoryHistory({ initialEntries: [href] }));
  await router.load();
  const html = renderToString(<App queryClient={queryClient} router={router} />);
  queryClient.clear();
  return { html, state: { signedIn, queries } };
}

/** The keys under which the pages look for their data: the server seeds exactly these. */
export const keys = {
  courses: (level: string | undefined, language: string | undefined) => coursesQuery({ level, language }).queryKey,
  course: (slug: string) => courseQuery(slug).queryKey,
  outline: (slug: string) => outlineQuery(slug).queryKey,
  lesson: (id: string) => lessonQuery(id).queryKey,
};
