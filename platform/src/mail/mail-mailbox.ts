/**
 * `mail` that goes nowhere: one file a mail in a folder of this machine, for the mailbox page. Bounded to the newest.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { KeptMail, Mail } from './mail.ts';

const keptMax = 2_000;

interface StoredMail extends Omit<KeptMail, 'sentAt'> {
  readonly sentAt: string;
}

export async function openMailbox({ folder }: { readonly folder: string }): Promise<Mail> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const kept = new Map<string, KeptMail>();
  for (const mail of await readMails(folder)) kept.set(mail.id, mail);
  const newestFirst = () =>
    [...kept.values()].sort((a, b) => b.sentAt.getTime() - a.sentAt.getTime() || (a.id < b.id ? 1 : -1));
  return {
    send: async (message) => {
      if (kept.has(message.id)) return;
      const mail: KeptMail = {
        id: message.id,
        to: message.to,
        subject: message.subject,
        text: message.text,
        sentAt: new Date(),
      };
      await writeMail(folder, mail);
      kept.set(mail.id, mail);
      for (const old of newestFirst().slice(keptMax)) {
        kept.delete(old.id);
        await rm(fileOf(folder, old.id), { force: true });
      }
    },
    mailbox: {
      list: async (to, limit, afterId) => {
        const mine = newestFirst().filter((mail) => to === undefined || sameAddress(mail.to, to));
        const from = afterId === undefined ? 0 : mine.findIndex((mail) => mail.id === afterId) + 1;
        return mine.slice(from, from + limit);
      },
    },
    ping: async () => 0,
  };
}

function sameAddress(left: string, right: string): boolean {
  return left.trim().toLowerCase() === right.trim().toLowerCase();
}

function fileOf(folder: string, id: string): string {
  return path.join(folder, `${createHash('sha256').update(id).digest('hex').slice(0, 40)}.json`);
}

async function readMails(folder: string): Promise<KeptMail[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  return await Promise.all(
    names.map(async (name) => {
      const stored = JSON.parse(await readFile(path.join(folder, name), 'utf8')) as StoredMail;
      return { ...stored, sentAt: new Date(stored.sentAt) };
    }),
  );
}

async function writeMail(folder: string, mail: KeptMail): Promise<void> {
  const file = fileOf(folder, mail.id);
  const beside = `${file}.${randomBytes(6).toString('hex')}.new`;
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify(mail));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}
