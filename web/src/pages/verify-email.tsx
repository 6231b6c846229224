import { useMutation, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect } from 'react';
import { asProblem } from '../api/problem.ts';
import { meQuery, verifyEmail } from '../api/session.ts';
import { useTitle } from '../lib/use-title.ts';
import { ButtonLink } from '../ui/button.tsx';
import { EmptyState, ErrorState, Skeleton } from '../ui/states.tsx';

const route = getRouteApi('/verify-email');

export function VerifyEmailPage() {
  useTitle('Verify your address');
  const { token } = route.useSearch();
  const client = useQueryClient();
  const { mutate, ...verify } = useMutation({
    mutationFn: verifyEmail,
    onSuccess: () => client.invalidateQueries({ queryKey: meQuery.queryKey }),
  });
  useEffect(() => {
    if (token) mutate(token);
  }, [token, mutate]);
  return <div className="page page-narrow">{token ? <Outcome verify={verify} /> : <NoToken />}</div>;
}

function NoToken() {
  return (
    <EmptyState
      icon="mail"
      title="Open the link in the mail"
      action={<ButtonLink to="/account">Go to your account</ButtonLink>}
    >
      <p>
        The mail we sent when you signed up carries a link that verifies your address. You can have it sent again from
        your account.
      </p>
    </EmptyState>
  );
}

function Outcome({ verify }: { verify: { isSuccess: boolean; error: unknown } }) {
  if (verify.isSuccess) {
    return (
      <EmptyState
        icon="check"
        good
        title="Your address is verified"
        action={
          <ButtonLink to="/courses" look="primary">
            See the courses
          </ButtonLink>
        }
      >
        <p>Receipts and notices will reach you there.</p>
      </EmptyState>
    );
  }
  if (!verify.error) return <Skeleton label="Verifying your address" />;
  const problem = asProblem(verify.error);
  if (problem.code !== 'verification_invalid') return <ErrorState problem={problem} />;
  return (
    <EmptyState
      icon="warning"
      title="This link is not valid any more"
      action={<ButtonLink to="/account">Have a new one sent</ButtonLink>}
    >
      <p>It was used already, or a newer one was sent.</p>
    </EmptyState>
  );
}
