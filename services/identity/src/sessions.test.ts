import { SessionEndedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pruneExpired, sessionsMax } from './sessions.ts';
import { granted, type IdentityUnderTest, password, refusalOf, startIdentity } from './testing.ts';
import { sessionAgeMsMax, sessionIdleMs } from './user.ts';

const email = 'asha@example.org';
const newPassword = 'another horse battery';

describe('sessions', () => {
  let under: IdentityUnderTest;
  let userId: string;
  beforeAll(async () => {
    under = await startIdentity();
    userId = await under.userWith(email, 'learner');
  });
  afterAll(() => under.stop());
  beforeEach(async () => {
    await under.sql.execute('TRUNCATE sessions, outbox');
  });

  const sessionOf = async (token: string) => granted(await under.client.checkSession({ token })).session;
  const works = async (token: string) => (await sessionOf(token)) !== undefined;
  const endedIds = async () => (await under.published(SessionEndedSchema)).map((event) => event.sessionId);

  describe('sign in', () => {
    it('gives a token that stands for the user, in any spelling of the address', async () => {
      const answer = granted(await under.client.createSession({ email: ' ASHA@Example.org ', password }));
      expect(answer.user).toMatchObject({ id: userId, email });
      expect(answer.expiresInSeconds).toBe(12 * 3_600);
      expect(answer.accessToken).toMatch(/^sst_[\w-]{43}$/);
      expect(await sessionOf(answer.accessToken)).toMatchObject({ userId, roles: ['learner'] });
    });

    it('refuses a wrong password and an unknown address alike', async () => {
      const wrong = await under.client.createSession({ email, password: 'wrong horse battery' });
      const unknown = await under.client.createSession({ email: 'nobody@example.org', password });
      expect(refusalOf(wrong)).toBe('invalid_credentials');
      expect(unknown).toEqual(wrong);
      expect(await under.sql.query('SELECT 1 FROM sessions')).toEqual([]);
    });

    it('is refused as busy with a time to come back when too many sign in at once, and works again after', async () => {
      const storm = Array.from({ length: 110 }, (_, n) =>
        under.client.createSession({ email: `nobody${n}@example.org`, password }, { timeoutMs: 20_000 }),
      );
      const answers = await Promise.all(storm);
      const busy = answers.filter((answer) => isRefusal(answer) && answer.code === 'busy');
      expect(busy.length).toBeGreaterThan(0);
      expect(busy.every((answer) => isRefusal(answer) && answer.retryAfterSeconds > 0)).toBe(true);
      expect(new Set(answers.map(refusalOf))).toEqual(new Set(['busy', 'invalid_credentials']));
      granted(await under.client.createSession({ email, password }));
    });

    it('keeps at most 50 sessions; the one unused for longest gives way and is told', async () => {
      const { token, principal } = await under.signIn(email);
      const { token: kept } = await under.signIn(email);
      for (let n = 2; n < sessionsMax; n += 1) {
        await under.sql.execute(
          `INSERT INTO sessions (token_hash, id, user_id, created_at, last_seen_at, user_agent)
           VALUES (sha256($1::bytea), $2, $3, $4, $4, '')`,
          [Buffer.from(`t${n}`), `ses_${n}`, userId, new Date(under.world.now() + n)],
        );
      }
      await under.sql.execute("UPDATE sessions SET last_seen_at = last_seen_at - interval '1 hour' WHERE id = $1", [
        principal.sessionId,
      ]);
      const { token: newest } = await under.signIn(email);
      expect(await works(token)).toBe(false);
      expect([await works(kept), await works(newest)]).toEqual([true, true]);
      expect(await endedIds()).toEqual([principal.sessionId]);
    });
  });

  describe('a session', () => {
    it('is over 12 hours after its last use', async () => {
      const { token } = await under.signIn(email);
      under.world.advance(sessionIdleMs - 1);
      expect(await works(token)).toBe(true);
      under.world.advance(sessionIdleMs - 1);
      expect(await works(token)).toBe(true);
      under.world.advance(sessionIdleMs);
      expect(await works(token)).toBe(false);
    });

    it('is over 30 days after it began, also when it is used all the time', async () => {
      const { token } = await under.signIn(email);
      const stepMs = sessionIdleMs / 2;
      for (let age = stepMs; age < sessionAgeMsMax; age += stepMs) {
        under.world.advance(stepMs);
        expect(await works(token)).toBe(true);
      }
      under.world.advance(stepMs);
      expect(await works(token)).toBe(false);
    });

    it('is unknown for any text that is no token', async () => {
      const { token } = await under.signIn(email);
      for (const text of ['', 'sst_', `${token}x`, token.slice(4), token.toUpperCase()]) {
        expect(await works(text)).toBe(false);
      }
    });

    it('ends with the sign-out, at once, and is told once', async () => {
      const { token, principal, options } = await under.signIn(email);
      const other = await under.signIn(email);
      granted(await under.client.deleteCurrentSession({}, options));
      expect(await works(token)).toBe(false);
      expect(await works(other.token)).toBe(true);
      granted(await under.client.deleteCurrentSession({}, options));
      expect(await endedIds()).toEqual([principal.sessionId]);
    });

    it("is ended by its owner from elsewhere, and is nobody else's business", async () => {
      const mine = await under.signIn(email);
      const other = await under.signIn(email);
      const id = other.principal.sessionId;
      const stranger = { principal: userPrincipal('usr_stranger') };
      expect(refusalOf(await under.client.deleteSession({ id }, stranger))).toBe('not_found');
      expect(await works(other.token)).toBe(true);
      granted(await under.client.deleteSession({ id }, mine.options));
      expect(await works(other.token)).toBe(false);
      expect(refusalOf(await under.client.deleteSession({ id }, mine.options))).toBe('not_found');
    });
  });

  it('lists my sessions that still work, newest first, page by page', async () => {
    await under.signIn(email);
    under.world.advance(sessionIdleMs);
    const [first, second, third] = [await under.signIn(email), await under.signIn(email), await under.signIn(email)];
    const page = granted(await under.client.listSessions({ pageSize: 2 }, second.options));
    expect(page.sessions.map(({ id, current }) => [id, current])).toEqual([
      [third.principal.sessionId, false],
      [second.principal.sessionId, true],
    ]);
    const rest = granted(
      await under.client.listSessions({ pageSize: 2, pageToken: page.nextPageToken }, second.options),
    );
    expect(rest.sessions.map((session) => session.id)).toEqual([first.principal.sessionId]);
    expect(rest.nextPageToken).toBe('');
    const tooMany = await under.client.listSessions({ pageSize: 101 }, second.options);
    expect(isRefusal(tooMany) && tooMany.errors[0]?.field).toBe('pageSize');
  });

  describe('a change of password', () => {
    const change = (from: string, to: string, options: object) =>
      under.client.changePassword({ currentPassword: from, newPassword: to }, options);

    it('ends every other session, tells the owner, and only the new password signs in', async () => {
      const mine = await under.signIn(email);
      const other = await under.signIn(email);
      granted(await change(password, newPassword, mine.options));
      expect([await works(mine.token), await works(other.token)]).toEqual([true, false]);
      expect(await endedIds()).toEqual([other.principal.sessionId]);
      expect(refusalOf(await under.client.createSession({ email, password }))).toBe('invalid_credentials');
      granted(await under.client.createSession({ email, password: newPassword }));
      expect((await under.mails(email)).map((mail) => mail.subject)).toEqual(['Your password was changed']);
      granted(await change(newPassword, password, mine.options));
    });

    it('needs the current password', async () => {
      const mine = await under.signIn(email);
      const other = await under.signIn(email);
      const answer = await change('wrong horse battery', newPassword, mine.options);
      expect(isRefusal(answer) && [answer.code, answer.errors[0]?.field]).toEqual([
        'invalid_credentials',
        'currentPassword',
      ]);
      expect(await works(other.token)).toBe(true);
    });

    it('has one winner of two at once', async () => {
      const mine = await under.signIn(email);
      await under.warm();
      const tries = ['first horse battery', 'second horse battery'];
      const answers = await Promise.all(tries.map((to) => change(password, to, mine.options)));
      expect(answers.map(refusalOf).sort()).toEqual(['', 'invalid_credentials']);
      const winner = tries[answers.findIndex((answer) => !isRefusal(answer))] ?? '';
      granted(await change(winner, password, mine.options));
    });

    it('leaves no session that began with the old one, however the two race', async () => {
      const mine = await under.signIn(email);
      await under.warm();
      const signIns = Array.from({ length: 6 }, () => under.client.createSession({ email, password }));
      const [changed, ...racing] = await Promise.all([change(password, newPassword, mine.options), ...signIns]);
      expect(refusalOf(changed)).toBe('');
      for (const answer of racing) {
        if (!isRefusal(answer)) expect(await works(answer.accessToken)).toBe(false);
      }
      expect(await under.sql.query('SELECT id FROM sessions')).toEqual([{ id: mine.principal.sessionId }]);
      granted(await change(newPassword, password, mine.options));
    });
  });

  it('prunes all that is over, in any number, and nothing else', async () => {
    const { token } = await under.signIn(email);
    const insert = `INSERT INTO sessions (token_hash, id, user_id, created_at, last_seen_at, user_agent)
      SELECT sha256(n::text::bytea), 'old_' || n, $1, $2, $2, '' FROM generate_series(1, 2500) n`;
    await under.sql.execute(insert, [userId, new Date(under.world.now() - sessionIdleMs)]);
    await under.sql.execute('INSERT INTO email_verifications VALUES ($1, $2, $3), ($4, $2, $5)', [
      Buffer.from('old'),
      userId,
      new Date(under.world.now()),
      Buffer.from('fresh'),
      new Date(under.world.now() + 1),
    ]);
    expect(await pruneExpired(under)).toBe(2_501);
    expect(await works(token)).toBe(true);
    expect(await under.sql.query('SELECT 1 FROM email_verifications')).toHaveLength(1);
    expect(await pruneExpired(under)).toBe(0);
  });
});
