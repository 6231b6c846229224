import { UserRolesChangedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { granted, type IdentityUnderTest, linkToken, password, refusalOf, startIdentity } from './testing.ts';

describe('the first administrator', () => {
  let under: IdentityUnderTest;
  beforeEach(async () => {
    under = await startIdentity();
  });
  afterEach(() => under.stop());

  const make = (email: string, more: { password?: string; another?: boolean } = {}) =>
    under.as('operator').makeAdministrator({ email, password, displayName: 'Asha', another: false, ...more });
  const fieldOf = (answer: unknown) => (isRefusal(answer) ? answer.errors[0] : undefined);

  it('is made with a password and can sign in', async () => {
    expect(fieldOf(await make('asha@example.org', { password: '' }))).toMatchObject({
      field: 'password',
      code: 'required',
    });
    const { user, created } = granted(await make('asha@example.org'));
    expect(created).toBe(true);
    expect(user).toMatchObject({ roles: ['learner', 'admin'], emailVerified: true });
    expect((await under.signIn('asha@example.org')).principal.roles).toEqual(['learner', 'admin']);
    expect(await under.published(UserRolesChangedSchema)).toMatchObject([{ roles: ['learner', 'admin'] }]);
  });

  it('may be an account that is there, once its address is proved, and keeps its password', async () => {
    await under.client.createUser({ email: 'asha@example.org', password, displayName: 'Asha' });
    expect(refusalOf(await make('asha@example.org', { password: '' }))).toBe('address_not_verified');
    granted(await under.client.verifyEmail({ token: linkToken(await under.mails('asha@example.org')) }));
    const made = granted(await make('Asha@Example.org', { password: 'another password' }));
    expect(made).toMatchObject({ created: false, user: { roles: ['learner', 'admin'] } });
    expect((await under.signIn('asha@example.org')).principal.roles).toContain('admin');
    // Asked again it is as it was.
    expect(granted(await make('asha@example.org')).created).toBe(false);
    expect(await under.published(UserRolesChangedSchema)).toHaveLength(1);
  });

  it('is one, unless another is said', async () => {
    granted(await make('asha@example.org'));
    expect(refusalOf(await make('ben@example.org', { password: '' }))).toBe('administrator_exists');
    expect(refusalOf(await make('ben@example.org'))).toBe('administrator_exists');
    expect(granted(await make('ben@example.org', { another: true })).created).toBe(true);
  });

  it('is one, however many ask at once', async () => {
    await under.warm();
    const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => make(`a${n}@example.org`)));
    expect(answers.map(refusalOf).sort()).toEqual(['', ...Array(5).fill('administrator_exists')]);
  });

  it('needs an address and a password that are fit to be ones', async () => {
    expect(fieldOf(await make('asha'))).toMatchObject({ field: 'email' });
    expect(fieldOf(await make('asha@example.org', { password: 'short' }))).toMatchObject({ field: 'password' });
    expect(refusalOf(await under.as('orders').makeAdministrator({ email: 'a@example.org' }))).toBe('permission_denied');
  });
});
