import {
  UserRegisteredSchema,
  UserRolesChangedSchema,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { anonymous, isRefusal } from '@suuupra/platform/rpc/rpc';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { IdentityParts } from './parts.ts';
import { openPasswords } from './passwords.ts';
import { granted, type IdentityUnderTest, password, refusalOf, startIdentity } from './testing.ts';
import { createUser } from './users.ts';

const signUp = (email: string, displayName = 'Asha Rao') => ({ email, password, displayName });

describe('users', () => {
  let under: IdentityUnderTest;
  beforeAll(async () => {
    under = await startIdentity();
  });
  afterAll(() => under.stop());
  beforeEach(async () => {
    await under.sql.execute('TRUNCATE users, sessions, email_verifications, mail_queue, outbox');
  });

  describe('sign up', () => {
    it('makes a learner, tells the others without personal data, and mails a link', async () => {
      const { user } = granted(await under.client.createUser(signUp('asha@example.org')));
      expect(user).toMatchObject({ email: 'asha@example.org', displayName: 'Asha Rao', roles: ['learner'] });
      expect(user?.emailVerified).toBe(false);
      expect(await under.published(UserRegisteredSchema)).toMatchObject([{ userId: user?.id }]);
      const [mail, ...more] = await under.mails('asha@example.org');
      expect(more).toEqual([]);
      expect(mail?.text).toContain('You get this mail because');
      // The address may be a stranger's: what the other person typed is not sent to them.
      expect(mail?.text).not.toContain('Asha');
    });

    it('answers a taken address like a free one, does the same work, and changes nothing of the account', async () => {
      let hashes = 0;
      const real = await openPasswords(new Uint8Array(32));
      const statements: number[] = [];
      const enqueued: string[] = [];
      const parts: IdentityParts = {
        sql: under.sql,
        world: under.world,
        publicUrl: 'http://here',
        publishIn: () => async () => {},
        mails: { enqueue: async (_, mail) => void enqueued.push(mail.subject) },
        passwords: {
          ...real,
          hash: (text) => {
            hashes += 1;
            return real.hash(text);
          },
        },
      };
      const context = { userAgent: '' } as Parameters<typeof createUser>[2];
      const free = granted(await createUser(parts, signUp('asha@example.org'), context));
      statements.push(hashes);
      const before = await under.sql.query('SELECT id, email, display_name, password_hash, roles FROM users');
      const taken = granted(await createUser(parts, signUp('ASHA@Example.org', 'Mallory'), context));
      statements.push(hashes);

      expect(statements).toEqual([1, 2]);
      expect(enqueued).toEqual(['Confirm your e-mail address', 'You already have an account']);
      expect(Object.keys(taken.user).sort()).toEqual(Object.keys(free.user).sort());
      expect(taken.user).toMatchObject({ email: 'ASHA@Example.org', displayName: 'Mallory', roles: ['learner'] });
      expect(taken.user.id).toMatch(/^usr_[0-9a-z]{26}$/);
      expect(taken.user.id).not.toBe(free.user.id);
      expect(await under.sql.query('SELECT id, email, display_name, password_hash, roles FROM users')).toEqual(before);
    });

    it('tells the owner of a taken address at the address they gave, at most once an hour', async () => {
      const owner = 'Asha@example.org';
      granted(await under.client.createUser(signUp(owner)));
      const told = async () => (await under.mails(owner)).filter((mail) => mail.subject.includes('already')).length;
      const before = await told();
      granted(await under.client.createUser(signUp('asha@EXAMPLE.org')));
      granted(await under.client.createUser(signUp('asha@example.org')));
      expect(await told()).toBe(before + 1);
      under.world.advance(60 * 60_000);
      granted(await under.client.createUser(signUp('asha@example.org')));
      expect(await told()).toBe(before + 2);
      expect(await under.mails('asha@EXAMPLE.org')).toEqual([]);
    });

    it('gives one account to concurrent sign-ups of one address', async () => {
      await under.warm();
      const spellings = ['asha@example.org', 'Asha@example.org', 'ASHA@EXAMPLE.ORG', 'asha@Example.org'];
      const answers = await Promise.all(spellings.map((email) => under.client.createUser(signUp(email))));
      expect(answers.map(refusalOf)).toEqual(['', '', '', '']);
      expect(await under.sql.query('SELECT id FROM users')).toHaveLength(1);
      expect(await under.published(UserRegisteredSchema)).toHaveLength(1);
    });

    it('refuses a name that nobody can see, and stores nothing', async () => {
      const answer = await under.client.createUser(signUp('asha@example.org', '\u200b \u202e'));
      expect(isRefusal(answer) && answer.errors[0]?.field).toBe('displayName');
      expect(await under.sql.query('SELECT 1 FROM users')).toEqual([]);
    });
  });

  it('the seed finds the account it made before, as it is', async () => {
    const id = await under.userWith('meera@example.org', 'instructor');
    const again = granted(
      await under.as('operator').ensureUser({ ...signUp('MEERA@example.org', 'Other'), roles: ['admin'] }),
    );
    expect(again).toMatchObject({ created: false, user: { id, roles: ['instructor'], emailVerified: true } });
    expect(refusalOf(await under.client.ensureUser(signUp('x@example.org')))).toBe('permission_denied');
  });

  it('shows and renames me', async () => {
    const id = await under.userWith('asha@example.org', 'learner');
    const me = { principal: userPrincipal(id) };
    expect(granted(await under.client.getMe({}, me)).user?.email).toBe('asha@example.org');
    expect(granted(await under.client.updateMe({ displayName: ' Asha R ' }, me)).user?.displayName).toBe('Asha R');
    const answer = await under.client.updateMe({ displayName: '  ' }, me);
    expect(isRefusal(answer) && answer.errors[0]?.field).toBe('displayName');
    expect(granted(await under.client.getMe({}, me)).user?.displayName).toBe('Asha R');
    const stranger = { principal: userPrincipal('usr_nobody') };
    expect(refusalOf(await under.client.getMe({}, stranger))).toBe('unauthenticated');
    expect(refusalOf(await under.client.getMe({}))).toBe('unauthenticated');
  });

  it('gives names by id to the services that may ask, and at most 100', async () => {
    const id = await under.userWith('asha@example.org', 'learner');
    const { users } = granted(await under.as('content').getUsers({ ids: [id, 'usr_nobody'] }));
    expect(users.map((user) => user.email)).toEqual(['asha@example.org']);
    const many = await under.as('content').getUsers({ ids: Array.from({ length: 101 }, () => id) });
    expect(isRefusal(many) && many.errors[0]?.field).toBe('ids');
    expect(refusalOf(await under.client.getUsers({ ids: [id] }))).toBe('permission_denied');
  });

  describe('people by their ids', () => {
    const finance = { principal: userPrincipal('usr_finance', 'finance') };
    const admin = { principal: userPrincipal('usr_admin', 'admin') };

    it('are named to finance and administrators, and unknown ids are left out', async () => {
      const [learner, teacher] = [
        await under.userWith('asha@example.org', 'learner'),
        await under.userWith('ida@example.org', 'learner', 'instructor'),
      ];
      const ask = async (as: typeof finance) => {
        const { people } = granted(
          await under.client.batchGetPeople({ ids: [learner, teacher, 'usr_nobody', learner] }, as),
        );
        return people.map(({ id, displayName, email }) => [id, displayName, email]).sort();
      };
      const named = (email: string) => [
        [learner, 'asha@example.org', email],
        [teacher, 'ida@example.org', 'ida@example.org'],
      ];
      expect(await ask(finance)).toEqual(named('').sort());
      expect(await ask(admin)).toEqual(named('asha@example.org').sort());
    });

    it.each([
      ['a learner', userPrincipal('usr_1', 'learner')],
      ['an instructor', userPrincipal('usr_1', 'instructor')],
      ['nobody', anonymous],
    ])('are not named to %s', async (_, principal) => {
      const id = await under.userWith('asha@example.org', 'learner');
      const code = refusalOf(await under.client.batchGetPeople({ ids: [id] }, { principal }));
      expect(code).toBe(principal.kind === 'anonymous' ? 'unauthenticated' : 'permission_denied');
    });

    it('are at most 100', async () => {
      const ids = (count: number) => Array.from({ length: count }, (_, n) => `usr_${n}`);
      const fieldOf = (answer: unknown) => isRefusal(answer) && answer.errors[0]?.field;
      expect(fieldOf(await under.client.batchGetPeople({ ids: ids(101) }, finance))).toBe('ids');
      expect(granted(await under.client.batchGetPeople({ ids: ids(100) }, finance)).people).toEqual([]);
    });
  });

  it('finds an account by its address once the address is verified, for orders only', async () => {
    const id = await under.userWith('asha@example.org', 'learner');
    const find = () => under.as('orders').findUserByEmail({ email: ' Asha@Example.org ' });
    await under.sql.execute('UPDATE users SET email_verified_at = NULL WHERE id = $1', [id]);
    expect(granted(await find()).user).toBeUndefined();
    await under.sql.execute('UPDATE users SET email_verified_at = now() WHERE id = $1', [id]);
    expect(granted(await find()).user?.id).toBe(id);
    expect(granted(await under.as('orders').findUserByEmail({ email: 'nobody@example.org' })).user).toBeUndefined();
    expect(refusalOf(await under.as('content').findUserByEmail({ email: 'asha@example.org' }))).toBe(
      'permission_denied',
    );
  });

  describe('the list for administrators', () => {
    const admin = { principal: userPrincipal('usr_admin', 'admin') };
    const insert = (n: number, name = `Person ${n}`) =>
      under.sql.execute(
        `INSERT INTO users (id, email_key, email, display_name, name_key, password_hash, roles, created_at)
         VALUES ($1, $2, $2, $3, lower($3), '-', '{learner}', $4)`,
        [`usr_${n}`, `p${n}@example.org`, name, new Date(Date.UTC(2026, 0, 1, 0, 0, Math.floor(n / 2)))],
      );

    it('shows everybody once, newest first, while others sign up', async () => {
      for (let n = 0; n < 7; n += 1) await insert(n);
      const seen: string[] = [];
      let token = '';
      do {
        const page = granted(await under.client.listUsers({ pageSize: 3, pageToken: token }, admin));
        seen.push(...page.users.map((user) => user.id));
        token = page.nextPageToken;
        await insert(100 + seen.length);
      } while (token !== '');
      expect(seen).toEqual(['usr_6', 'usr_5', 'usr_4', 'usr_3', 'usr_2', 'usr_1', 'usr_0']);
    });

    it('finds by the beginning of the address or of a word of the name, and takes % and _ for themselves', async () => {
      await insert(1, 'Asha Rao');
      await insert(2, 'Éloi 100%');
      await under.sql.execute("UPDATE users SET name_key = 'éloi 100%' WHERE id = 'usr_2'");
      const find = async (query: string) =>
        granted(await under.client.listUsers({ query }, admin)).users.map((user) => user.id);
      expect(await find('rA')).toEqual(['usr_1']);
      expect(await find('ÉLO')).toEqual(['usr_2']);
      expect(await find('P2@')).toEqual(['usr_2']);
      expect(await find('100%')).toEqual(['usr_2']);
      expect(await find('%')).toEqual([]);
      expect(await find('_')).toEqual([]);
      expect(await find('ao')).toEqual([]);
    });

    it('is for administrators only, and refuses a page it never gave', async () => {
      const learner = { principal: userPrincipal('usr_1', 'learner') };
      expect(refusalOf(await under.client.listUsers({}, learner))).toBe('permission_denied');
      const bad = await under.client.listUsers({ pageToken: 'made-up' }, admin);
      expect(isRefusal(bad) && bad.errors[0]?.field).toBe('pageToken');
    });
  });

  describe('roles', () => {
    it('are set by an administrator, told, and seen by sessions at once', async () => {
      const adminId = await under.userWith('admin@example.org', 'admin');
      const id = await under.userWith('asha@example.org', 'learner');
      const { token } = await under.signIn('asha@example.org');
      const admin = { principal: userPrincipal(adminId, 'admin') };
      const wanted = ['instructor', 'learner', 'instructor'];
      const { user } = granted(await under.client.setUserRoles({ id, roles: wanted }, admin));
      expect(user?.roles).toEqual(['learner', 'instructor']);
      const checked = granted(await under.client.checkSession({ token }));
      expect(checked.session?.roles).toEqual(['learner', 'instructor']);
      expect(await under.published(UserRolesChangedSchema)).toMatchObject([
        { userId: id, roles: ['learner', 'instructor'] },
      ]);
    });

    it('are refused when unknown, for nobody, and to whoever is no administrator', async () => {
      const adminId = await under.userWith('admin@example.org', 'admin');
      const admin = { principal: userPrincipal(adminId, 'admin') };
      const set = (id: string, roles: string[], as = admin) => under.client.setUserRoles({ id, roles }, as);
      expect(refusalOf(await set(adminId, ['root']))).toBe('invalid_request');
      expect(refusalOf(await set('usr_nobody', ['learner']))).toBe('not_found');
      const learner = { principal: userPrincipal(adminId, 'learner') };
      expect(refusalOf(await set(adminId, ['admin'], learner))).toBe('permission_denied');
    });

    it('an administrator cannot take their own', async () => {
      const adminId = await under.userWith('admin@example.org', 'admin');
      const admin = { principal: userPrincipal(adminId, 'admin') };
      const answer = await under.client.setUserRoles({ id: adminId, roles: ['learner'] }, admin);
      expect(isRefusal(answer) && answer.errors[0]?.field).toBe('roles');
      expect(granted(await under.client.getMe({}, admin)).user?.roles).toEqual(['admin']);
    });

    it('leave one administrator, however many remove each other at once', async () => {
      const emails = ['a@example.org', 'b@example.org', 'c@example.org'];
      const ids = await Promise.all(emails.map((email) => under.userWith(email, 'admin')));
      await under.warm();
      await Promise.all(
        ids.flatMap((id) =>
          ids
            .filter((other) => other !== id)
            .map((other) =>
              under.client.setUserRoles({ id: other, roles: ['learner'] }, { principal: userPrincipal(id, 'admin') }),
            ),
        ),
      );
      const left = await under.sql.query("SELECT id FROM users WHERE 'admin' = ANY (roles)");
      expect(left).toHaveLength(1);
    });
  });
});
