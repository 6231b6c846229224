import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { asProblem } from '../api/problem.ts';
import { joinCodeQuery, joinSeatPool } from '../api/seats.ts';
import type { LookAtJoinLinkResponse } from '../api/types.ts';
import { useMe } from '../lib/use-me.ts';
import { useTitle } from '../lib/use-title.ts';
import { Notice } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView, Skeleton } from '../ui/states.tsx';

const route = getRouteApi('/join/$code');

export function JoinSeatsPage() {
  useTitle('Take a seat');
  const { code } = route.useParams();
  const query = useQuery(joinCodeQuery(code));
  return (
    <div className="page page-narrow">
      {query.error && asProblem(query.error).status === 404 ? (
        <EmptyState icon="user" title="This link gives out no seats">
          <p>Ask who sent it to you for another one.</p>
        </EmptyState>
      ) : (
        <QueryView query={query} skeleton={<Skeleton lines={5} label="Looking at the link" />}>
          {(link) => <Join link={link} code={code} />}
        </QueryView>
      )}
    </div>
  );
}

function Join({ link, code }: { link: LookAtJoinLinkResponse; code: string }) {
  const me = useMe();
  const client = useQueryClient();
  const join = useMutation({
    mutationFn: () => joinSeatPool(code),
    onSuccess: async () => {
      for (const key of ['access', 'enrolments']) await client.invalidateQueries({ queryKey: [key] });
    },
  });
  const toCourse = (
    <ButtonLink to="/courses/$slug" params={{ slug: link.courseSlug || link.courseId }} look="primary">
      Go to the course
    </ButtonLink>
  );
  if (join.data) {
    return (
      <EmptyState icon="check" good title="You have a seat" action={toCourse}>
        <p>{link.courseTitle}</p>
      </EmptyState>
    );
  }
  if (!link.open) {
    return (
      <EmptyState icon="user" title="This link gives out no more seats">
        <p>It has run out or was stopped. Ask who sent it to you.</p>
      </EmptyState>
    );
  }
  return (
    <section className="panel" aria-labelledby="join-title">
      <h1 id="join-title" className="page-title">
        A seat for you
      </h1>
      <p className="page-lead">{link.courseTitle}</p>
      <p>Somebody has bought seats in this course for their team. Taking one costs you nothing.</p>
      {join.error && (
        <Notice tone="danger" title={asProblem(join.error).title} live>
          <p>{asProblem(join.error).detail}</p>
        </Notice>
      )}
      {me.state === 'anonymous' ? (
        <ButtonLink to="/sign-in" search={{ return: `/join/${code}` }} look="primary" wide>
          Sign in to take a seat
        </ButtonLink>
      ) : (
        <Button
          look="primary"
          wide
          isDisabled={me.state !== 'user'}
          isPending={join.isPending}
          onPress={() => join.mutate()}
        >
          Take a seat
        </Button>
      )}
    </section>
  );
}
