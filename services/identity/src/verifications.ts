/** How an address is shown to be somebody's own: a link by mail that works once. */
import { EmailVerifiedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { type CallContext, Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { IdentityParts, UserRow } from './parts.ts';
import { hashToken, newToken } from './token.ts';

const linkHours = 24;
const linkMs = linkHours * 60 * 60 * 1_000;
const pauseMs = 60_000;
/** In the life of a link: whoever signed up with a stranger's address cannot fill their mailbox. */
const mailsMax = 5;

/**
 * Queues the mail with a new link. It says nothing that the person who signed up chose, not even their name: the address
 * may be a stranger's, and the mail would carry somebody's words to them in our name.
 */
export async function enqueueVerification(
  parts: Pick<IdentityParts, 'mails' | 'world' | 'publicUrl'>,
  tx: SqlTransaction,
  user: Pick<UserRow, 'id' | 'email'>,
): Promise<void> {
  const token = newToken(parts.world, '');
  await tx.execute('INSERT INTO email_verifications (token_hash, user_id, expires_at) VALUES ($1, $2, $3)', [
    hashToken(token),
    user.id,
    new Date(parts.world.now() + linkMs),
  ]);
  await parts.mails.enqueue(tx, {
    id: parts.world.id('mail'),
    to: user.email,
    subject: 'Confirm your e-mail address',
    text: [
      'Hello,',
      'please confirm that this address is yours by opening:',
      `${parts.publicUrl}/verify-email?token=${token}`,
      `The link works for ${linkHours} hours.`,
      `You get this mail because somebody signed up with this address at ${parts.publicUrl}. If it was not you, ignore it.`,
    ].join('\n\n'),
  });
}

/**
 * Sends one more link; older ones work on until they expire. Refuses `too_many_requests` within a minute of the last and
 * after five mails in a day. Nothing to do once verified.
 */
export async function sendVerification(parts: IdentityParts, userId: string): Promise<Record<string, never> | Refusal> {
  return await refusableTransaction(parts.sql, async (tx) => {
    const [user] = await tx.query<UserRow>('SELECT * FROM users WHERE id = $1 FOR UPDATE', [userId]);
    if (user === undefined || user.email_verified_at !== null) return {};
    const nowMs = parts.world.now();
    const links = await tx.query<{ expires_at: Date }>(
      'SELECT expires_at FROM email_verifications WHERE user_id = $1 AND expires_at > $2 ORDER BY expires_at',
      [userId, new Date(nowMs)],
    );
    const sentAtMs = links.map((link) => link.expires_at.getTime() - linkMs);
    const [firstMs = 0] = sentAtMs;
    const lastMs = sentAtMs.at(-1) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - lastMs < pauseMs) return tooMany('A mail was sent less than a minute ago', lastMs + pauseMs - nowMs);
    if (links.length >= mailsMax) return tooMany(`${mailsMax} mails were sent today`, firstMs + linkMs - nowMs);
    await enqueueVerification(parts, tx, user);
    return {};
  });
}

function tooMany(sentence: string, waitMs: number): Refusal {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new Refusal('too_many_requests', `${sentence}; look for it first, also among the spam.`, [], seconds);
}

/** Uses up every link of the user. `verification_invalid` for a link that is unknown, used or too old. */
export async function verifyEmail(
  parts: IdentityParts,
  token: string,
  context: CallContext,
): Promise<{ verified: boolean } | Refusal> {
  return await refusableTransaction(parts.sql, async (tx) => {
    const now = new Date(parts.world.now());
    const [link] = await tx.query<{ user_id: string }>(
      'SELECT user_id FROM email_verifications WHERE token_hash = $1 AND expires_at > $2',
      [hashToken(token), now],
    );
    if (link === undefined) return invalid();
    // The user's lock first, so that two links of one user do not wait for each other.
    await tx.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [link.user_id]);
    const used = await tx.execute('DELETE FROM email_verifications WHERE user_id = $1', [link.user_id]);
    if (used === 0) return invalid();
    const verified = await tx.execute(
      'UPDATE users SET email_verified_at = $2 WHERE id = $1 AND email_verified_at IS NULL',
      [link.user_id, now],
    );
    if (verified === 1) await parts.publishIn(tx)(EmailVerifiedSchema, { userId: link.user_id }, context);
    return { verified: true };
  });
}

function invalid(): Refusal {
  return refuse('verification_invalid', 'This link was used already or is too old; sign in and ask for a new one.');
}
