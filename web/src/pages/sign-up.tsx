import { useMutation, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { setMe, signIn, signUp } from '../api/session.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { safeReturn } from '../lib/return-path.ts';
import { useTitle } from '../lib/use-title.ts';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { toast } from '../ui/toast.tsx';

const route = getRouteApi('/sign-up');

/** Signs up, and in. */
async function join(values: { email: string; password: string; displayName: string }) {
  await signUp(values);
  return signIn({ email: values.email, password: values.password });
}

export function SignUpPage() {
  useTitle('Sign up');
  const asked = route.useSearch();
  const client = useQueryClient();
  const navigate = useNavigate();
  const enter = useMutation({
    mutationFn: join,
    onSuccess: ({ user }) => {
      setMe(client, user);
      toast('Welcome. We sent a mail to verify your address.');
      return navigate({ href: asked.return ? safeReturn(asked.return) : '/courses' });
    },
  });
  const submit = (values: Readonly<Record<string, string>>) =>
    enter.mutate({
      email: (values.email ?? '').trim(),
      password: values.password ?? '',
      displayName: (values.displayName ?? '').trim(),
    });
  return (
    <div className="page page-form">
      <h1 className="page-title">Sign up</h1>
      <Form label="Sign up" onSubmit={submit} error={enter.error} fields={['email', 'password', 'displayName']}>
        <TextField
          label="Your name"
          name="displayName"
          autoComplete="name"
          isRequired
          autoFocus
          maxLength={80}
          error={fieldError(enter.error, 'displayName')}
        />
        <TextField
          label="E-mail address"
          name="email"
          type="email"
          autoComplete="username"
          isRequired
          error={fieldError(enter.error, 'email')}
        />
        <TextField
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          isRequired
          hint="At least 8 characters. Several words are easy to remember and hard to guess."
          error={fieldError(enter.error, 'password')}
        />
        <Button type="submit" look="primary" wide isPending={enter.isPending}>
          Sign up
        </Button>
      </Form>
      <p className="form-foot">
        Already here?{' '}
        <Link to="/sign-in" search={asked}>
          Sign in
        </Link>
      </p>
    </div>
  );
}
