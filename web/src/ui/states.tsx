/** What a page shows while it waits, when there is nothing, and when it may or can not show more. */
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { asProblem, type Problem } from '../api/problem.ts';
import { Button, ButtonLink } from './button.tsx';
import { Icon, type IconName } from './icons.tsx';

/** Grey shapes that appear only when waiting lasts longer than 200 ms. */
export function Skeleton({ lines = 3, label = 'Loading' }: { lines?: number; label?: string }) {
  return (
    <div className="skeleton" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, line) => line).map((line) => (
        <div key={line} className={`skeleton-line skeleton-line-${line % 3}`} />
      ))}
    </div>
  );
}

interface StateProps {
  icon: IconName;
  title: string;
  /** Good news instead of nothing. */
  good?: boolean;
  children?: ReactNode;
  action?: ReactNode;
}

export function EmptyState({ icon, title, good, children, action }: StateProps) {
  return (
    <div className="state">
      <span className={good ? 'state-icon state-icon-good' : 'state-icon'}>
        <Icon name={icon} size={26} />
      </span>
      <h2 className="state-title">{title}</h2>
      {children && <div className="state-text">{children}</div>}
      {action}
    </div>
  );
}

export function ErrorState({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  const said = sayProblem(problem);
  return (
    <div role="alert">
      <EmptyState
        icon={said.icon}
        title={said.title}
        action={said.retry && onRetry ? <Button onPress={onRetry}>Try again</Button> : said.action}
      >
        <p>{said.text}</p>
        {problem.traceId && problem.status >= 500 && (
          <p className="state-trace">
            Reference <code>{problem.traceId}</code>
          </p>
        )}
      </EmptyState>
    </div>
  );
}

interface Said {
  readonly icon: IconName;
  readonly title: string;
  readonly text: string;
  readonly retry?: boolean;
  readonly action?: ReactNode;
}

function sayProblem(problem: Problem): Said {
  if (problem.status === 0) return { icon: 'offline', title: 'No connection', text: problem.detail, retry: true };
  if (problem.status === 401) {
    const action = (
      <ButtonLink to="/sign-in" look="primary" search={{ return: currentPath() }}>
        Sign in
      </ButtonLink>
    );
    return {
      icon: 'lock',
      title: 'Sign in to see this',
      text: 'Your session has ended, or you are not signed in.',
      action,
    };
  }
  const home = <ButtonLink to="/courses">See all courses</ButtonLink>;
  if (problem.status === 403) return { icon: 'lock', title: problem.title, text: problem.detail, action: home };
  if (problem.status === 404) {
    return {
      icon: 'search',
      title: 'Nothing here',
      text: 'It does not exist, or it is not yours to see.',
      action: home,
    };
  }
  return { icon: 'warning', title: problem.title, text: problem.detail, retry: true };
}

function currentPath(): string {
  return typeof location === 'undefined' ? '/' : location.pathname + location.search;
}

interface QueryViewProps<T> {
  query: Pick<UseQueryResult<T>, 'data' | 'error' | 'isPending' | 'refetch'>;
  skeleton?: ReactNode;
  children: (data: T) => ReactNode;
}

/** Shows what a query has: waiting, wrong, or its data (also while a refetch fails). */
export function QueryView<T>({ query, skeleton, children }: QueryViewProps<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />;
  return skeleton ?? <Skeleton lines={5} />;
}
