import { QueryClient } from '@tanstack/react-query';
import { createMemoryHistory } from '@tanstack/react-router';
import { expect, test } from 'vitest';
import { matchPage, pagePatterns } from './route-patterns.ts';
import { createAppRouter } from './routes.tsx';

test('the server and the router know the same pages', () => {
  const router = createAppRouter(new QueryClient(), createMemoryHistory({ initialEntries: ['/'] }));
  expect(Object.keys(router.routesByPath).sort()).toEqual([...pagePatterns].sort());
});

test.each([
  ['/', '/', {}],
  ['/courses/', '/courses', {}],
  ['/courses/a%20b', '/courses/$slug', { slug: 'a b' }],
  ['/teach/earnings', '/teach/earnings', {}],
  ['/lessons/les_1', '/lessons/$lessonId', { lessonId: 'les_1' }],
])('%s is the page %s', (path, pattern, params) => {
  expect(matchPage(path)).toEqual({ pattern, params });
});

test.each(['/nope', '/courses/a/b', '/lessons/', '//courses', '/.env', '/courses/../finance', ''])(
  '%j is no page',
  (path) => {
    expect(matchPage(path)).toBeUndefined();
  },
);

test('a broken escape is taken as it stands', () => {
  expect(matchPage('/courses/%E0%A4%A')?.params).toEqual({ slug: '%E0%A4%A' });
});
