import type { ErrorComponentProps } from '@tanstack/react-router';
import { asProblem } from '../api/problem.ts';
import { useTitle } from '../lib/use-title.ts';
import { ButtonLink } from '../ui/button.tsx';
import { EmptyState, ErrorState } from '../ui/states.tsx';

export function NotFoundPage() {
  useTitle('Page not found');
  return (
    <div className="page page-narrow">
      <EmptyState
        icon="search"
        title="There is no page at this address"
        action={<ButtonLink to="/courses">See all courses</ButtonLink>}
      >
        <p>The link may be old, or mistyped.</p>
      </EmptyState>
    </div>
  );
}

export function PageError({ error, reset }: ErrorComponentProps) {
  return (
    <div className="page page-narrow">
      <ErrorState problem={asProblem(error)} onRetry={reset} />
    </div>
  );
}
