/** What every adapter of the `mail` port must do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Mail, MailMessage } from './mail.ts';

export interface MailUnderTest {
  readonly mail: Mail;
  /** What has arrived, as the receiver sees it, oldest first. */
  arrived(): Promise<Omit<MailMessage, 'id'>[]>;
  /** Makes the next hop refuse, or the disk fail, until the returned function is called. */
  refuse(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const message = (id: string, rest: Partial<MailMessage> = {}): MailMessage => ({
  id,
  to: 'asha@example.org',
  subject: 'Your receipt',
  text: 'Thank you.',
  ...rest,
});

export function mailContract(name: string, open: () => Promise<MailUnderTest>): void {
  describe(`mail contract: ${name}`, () => {
    let under: MailUnderTest;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under.close());

    const arrivedWith = async (subject: string) => (await under.arrived()).filter((mail) => mail.subject === subject);

    it('delivers subject and text as they are, in any script', async () => {
      const text = 'नमस्ते Asha,\n\n.a line that begins with a dot\n₹499.00 €5 — done 🎓\n';
      await under.mail.send(message('mail_1', { subject: 'रसीद № 7 🎓', text }));
      const [mail] = await arrivedWith('रसीद № 7 🎓');
      expect(mail).toMatchObject({ to: 'asha@example.org', subject: 'रसीद № 7 🎓' });
      expect(mail?.text.replaceAll('\r\n', '\n').trimEnd()).toBe(text.trimEnd());
    });

    it('delivers an id once, also when it is sent twice at the same moment', async () => {
      const twice = message('mail_2', { subject: 'once' });
      await Promise.all([under.mail.send(twice), under.mail.send(twice)]);
      await under.mail.send(twice);
      expect(await arrivedWith('once')).toHaveLength(1);
    });

    it('throws when nobody took the mail, and delivers it when it is sent again', async () => {
      const restore = await under.refuse();
      await expect(under.mail.send(message('mail_3', { subject: 'later' }))).rejects.toThrow();
      await restore();
      expect(await arrivedWith('later')).toHaveLength(0);
      await under.mail.send(message('mail_3', { subject: 'later' }));
      expect(await arrivedWith('later')).toHaveLength(1);
    });

    it('lets no subject add a header or a recipient', async () => {
      await under.mail.send(message('mail_4', { subject: 'two\r\nBcc: eve@example.org\r\nX-Evil: 1' }));
      const last = (await under.arrived()).at(-1);
      expect(last?.to).toBe('asha@example.org');
      expect(last?.subject).toContain('two');
      expect(await under.mail.ping()).toBeGreaterThanOrEqual(0);
    });
  });
}
