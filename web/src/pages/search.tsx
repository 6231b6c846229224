import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { type SearchAnswer, type SearchAsked, searchQuery } from '../api/catalogue.ts';
import type { SearchResult } from '../api/types.ts';
import { piecesOf } from '../lib/highlight.ts';
import { useTitle } from '../lib/use-title.ts';
import { languageName, levelWords, plural } from '../lib/words.ts';
import { Badge } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';

const route = getRouteApi('/search');
const typingPauseMs = 200;

export function SearchPage() {
  const asked = route.useSearch();
  useTitle(asked.q ? `Search: ${asked.q}` : 'Search');
  const q = asked.q ?? '';
  const query = useInfiniteQuery(searchQuery({ ...asked, q }));
  return (
    <div className="page page-search">
      <header className="page-head">
        <h1 className="page-title">Search</h1>
        <SearchField q={q} />
      </header>
      {q.trim() === '' ? (
        <EmptyState icon="search" title="What would you like to learn?">
          <p>Search looks in every course and in the text of every lesson.</p>
        </EmptyState>
      ) : (
        <QueryView query={query}>
          {(data) => (
            <>
              <Results q={q} asked={{ ...asked, q }} pages={data.pages} />
              {query.hasNextPage && (
                <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
                  Show more
                </Button>
              )}
            </>
          )}
        </QueryView>
      )}
    </div>
  );
}

function SearchField({ q }: { q: string }) {
  const navigate = useNavigate();
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  useEffect(() => {
    if (text === q) return undefined;
    const timer = setTimeout(() => {
      void navigate({ to: '/search', search: (old) => ({ ...old, q: text || undefined }), replace: true });
    }, typingPauseMs);
    return () => clearTimeout(timer);
  }, [text, q, navigate]);
  return (
    <search>
      <TextField
        label="Courses and lessons"
        type="search"
        name="q"
        value={text}
        onChange={setText}
        autoFocus
        maxLength={200}
      />
    </search>
  );
}

function Results({ q, asked, pages }: { q: string; asked: SearchAsked; pages: readonly SearchAnswer[] }) {
  const first = pages[0];
  const results = pages.flatMap((page) => page.results);
  if (!first) return null;
  return (
    <div className="results">
      <Facets asked={asked} facets={first.facets} />
      <div>
        <p className="results-count" role="status">
          {first.correctedQuery && (
            <>
              Showing results for <strong>{first.correctedQuery}</strong>.{' '}
            </>
          )}
          {plural(first.total || results.length, 'result')} in {first.tookMs.toFixed(1)} ms
        </p>
        {results.length === 0 ? (
          <EmptyState icon="search" title={`Nothing found for “${q}”`}>
            <p>Try another word, or fewer filters.</p>
          </EmptyState>
        ) : (
          <ol className="result-list">
            {results.map((result) => (
              <li key={`${result.kind}-${result.id}`} className="result">
                <Result result={result} />
              </li>
            ))}
          </ol>
        )}
      </div>
    </div>
  );
}

function Result({ result }: { result: SearchResult }) {
  const title = <Marked text={result.titleHighlight || result.title} />;
  return (
    <article>
      <h2 className="result-title">
        {result.kind === 'course' ? (
          <Link to="/courses/$slug" params={{ slug: result.courseSlug || result.id }}>
            {title}
          </Link>
        ) : (
          <Link to="/lessons/$lessonId" params={{ lessonId: result.id }}>
            {title}
          </Link>
        )}
        <Badge>{result.kind === 'course' ? 'Course' : 'Lesson'}</Badge>
      </h2>
      {result.kind !== 'course' && result.courseTitle && <p className="result-course">in {result.courseTitle}</p>}
      {result.highlight && (
        <p className="result-text">
          <Marked text={result.highlight} />
        </p>
      )}
    </article>
  );
}

function Marked({ text }: { text: string }) {
  return piecesOf(text).map((piece, index) => {
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text have no other identity.
    return piece.marked ? <mark key={index}>{piece.text}</mark> : <span key={index}>{piece.text}</span>;
  });
}

const facetNames: readonly ['kind' | 'level' | 'language', string][] = [
  ['kind', 'Kind'],
  ['level', 'Level'],
  ['language', 'Language'],
];

function facetWord(name: string, value: string): string {
  if (name === 'language') return languageName(value);
  if (name === 'level') return levelWords[value] ?? value;
  return value === 'course' ? 'Courses' : value === 'lesson' ? 'Lessons' : value;
}

function Facets({ asked, facets }: { asked: SearchAsked; facets: SearchAnswer['facets'] }) {
  const shown = facetNames.filter(([name]) => asked[name] || (facets[name]?.values.length ?? 0) > 0);
  if (shown.length === 0) return null;
  return (
    <nav className="facets" aria-label="Narrow the results">
      {shown.map(([name, label]) => (
        <div key={name} className="facet">
          <h2 className="facet-title">{label}</h2>
          <ul className="chips">
            {(facets[name]?.values ?? []).map((one) => {
              const on = asked[name] === one.value;
              return (
                <li key={one.value}>
                  <Link
                    to="/search"
                    search={{ ...asked, [name]: on ? undefined : one.value }}
                    className={on ? 'chip chip-on' : 'chip'}
                    aria-current={on ? 'true' : undefined}
                  >
                    {facetWord(name, one.value)} <span className="chip-count">{one.count}</span>
                  </Link>
                </li>
              );
            })}
          </ul>
        </div>
      ))}
    </nav>
  );
}
