import { EmailVerifiedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { granted, type IdentityUnderTest, linkToken, password, refusalOf, startIdentity } from './testing.ts';

const hourMs = 60 * 60_000;

describe('verification of an address', () => {
  let under: IdentityUnderTest;
  let email: string;
  let me: { principal: ReturnType<typeof userPrincipal> };
  let count = 0;

  beforeAll(async () => {
    under = await startIdentity();
  });
  afterAll(() => under.stop());
  beforeEach(async () => {
    await under.sql.execute('TRUNCATE outbox');
    count += 1;
    email = `asha${count}@example.org`;
    const { user } = granted(await under.client.createUser({ email, password, displayName: 'Asha' }));
    me = { principal: userPrincipal(user?.id ?? '') };
  });

  /** The token of the newest of so many mails. */
  const mailed = async (number: number) => {
    const mails = await under.mails(email);
    expect(mails).toHaveLength(number);
    return linkToken(mails);
  };
  const isVerified = async () => granted(await under.client.getMe({}, me)).user?.emailVerified;

  it('works by the link of the mail, once', async () => {
    const token = await mailed(1);
    expect(granted(await under.client.verifyEmail({ token })).verified).toBe(true);
    expect(await isVerified()).toBe(true);
    expect(refusalOf(await under.client.verifyEmail({ token }))).toBe('verification_invalid');
    expect(await under.published(EmailVerifiedSchema)).toHaveLength(1);
  });

  it('has one winner when the link is opened many times at once', async () => {
    const token = await mailed(1);
    await under.warm();
    const answers = await Promise.all(Array.from({ length: 6 }, () => under.client.verifyEmail({ token })));
    expect(answers.map(refusalOf).filter((code) => code === '')).toHaveLength(1);
    expect(await under.published(EmailVerifiedSchema)).toHaveLength(1);
  });

  it('is over after 24 hours, and not before', async () => {
    const token = await mailed(1);
    under.world.advance(24 * hourMs);
    expect(refusalOf(await under.client.verifyEmail({ token }))).toBe('verification_invalid');
    expect(await isVerified()).toBe(false);
    granted(await under.client.sendEmailVerification({}, me));
    const next = await mailed(2);
    under.world.advance(24 * hourMs - 1);
    expect(granted(await under.client.verifyEmail({ token: next })).verified).toBe(true);
  });

  it('refuses what was never a link, and changes nothing', async () => {
    for (const token of ['', 'x', `${await mailed(1)}x`]) {
      expect(refusalOf(await under.client.verifyEmail({ token }))).toBe('verification_invalid');
    }
    expect(await isVerified()).toBe(false);
  });

  it('sends at most one mail a minute and five a day, and says when to come back', async () => {
    const send = () => under.client.sendEmailVerification({}, me);
    const early = await send();
    expect(isRefusal(early) && [early.code, early.retryAfterSeconds]).toEqual(['too_many_requests', 60]);
    for (let n = 2; n <= 5; n += 1) {
      under.world.advance(60_000);
      granted(await send());
    }
    under.world.advance(60_000);
    const sixth = await send();
    // The first, of the sign-up, is five minutes old.
    expect(isRefusal(sixth) && [sixth.code, sixth.retryAfterSeconds]).toEqual(['too_many_requests', 24 * 3_600 - 300]);
    await mailed(5);
  });

  it('accepts an older link too, and then none of the others', async () => {
    const first = await mailed(1);
    under.world.advance(60_000);
    granted(await under.client.sendEmailVerification({}, me));
    const second = await mailed(2);
    expect(granted(await under.client.verifyEmail({ token: first })).verified).toBe(true);
    expect(refusalOf(await under.client.verifyEmail({ token: second }))).toBe('verification_invalid');
  });

  it('mails nothing to whom it has verified', async () => {
    granted(await under.client.verifyEmail({ token: await mailed(1) }));
    under.world.advance(hourMs);
    granted(await under.client.sendEmailVerification({}, me));
    await mailed(1);
  });
});
