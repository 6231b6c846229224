import { useMutation, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { asProblem } from '../api/problem.ts';
import { setMe, signIn } from '../api/session.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { safeReturn } from '../lib/return-path.ts';
import { useTitle } from '../lib/use-title.ts';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';

const route = getRouteApi('/sign-in');

export function SignInPage() {
  useTitle('Sign in');
  const asked = route.useSearch();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [needsCode, setNeedsCode] = useState(false);
  const enter = useMutation({
    mutationFn: signIn,
    onSuccess: ({ user }) => {
      setMe(client, user);
      return navigate({ href: safeReturn(asked.return) });
    },
    onError: (error) => {
      if (asProblem(error).code === 'second_factor_required') setNeedsCode(true);
    },
  });
  const submit = (values: Readonly<Record<string, string>>) =>
    enter.mutate({
      email: (values.email ?? '').trim(),
      password: values.password ?? '',
      ...(values.totp && { totp: values.totp.trim() }),
    });
  return (
    <div className="page page-form">
      <h1 className="page-title">Sign in</h1>
      <Form label="Sign in" onSubmit={submit} error={enter.error} fields={['email', 'password', 'totp']}>
        <TextField
          label="E-mail address"
          name="email"
          type="email"
          autoComplete="username"
          isRequired
          autoFocus
          error={fieldError(enter.error, 'email')}
        />
        <TextField
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          isRequired
          error={fieldError(enter.error, 'password')}
        />
        {needsCode && (
          <TextField
            label="Six-digit code"
            name="totp"
            inputMode="numeric"
            autoComplete="one-time-code"
            autoFocus
            error={fieldError(enter.error, 'totp')}
          />
        )}
        <Button type="submit" look="primary" wide isPending={enter.isPending}>
          Sign in
        </Button>
      </Form>
      <p className="form-foot">
        New here?{' '}
        <Link to="/sign-up" search={asked}>
          Sign up
        </Link>
      </p>
    </div>
  );
}
