/**
 * The `mail` port for a platform that has no mail server: every mail is kept in a folder, one JSON file each, for the
 * mailbox page. Simulated delivery, and called so wherever it shows. Several processes may share the folder.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, writeDurably } from '../objects/durable-file.ts';
import type { World } from '../world.ts';
import type { KeptMail, Mail, MailMessage } from './mail.ts';

export interface MailboxOptions {
  /** Absolute. Made when it does not exist, for its owner only. */
  readonly folder: string;
  readonly world: Pick<World, 'now'>;
}

/** The oldest beyond this are removed; their ids are then forgotten, too. */
export const mailsMax = 2_000;
const listMax = 1_000;

export async function openMailbox(options: MailboxOptions): Promise<Mail> {
  const { folder, world } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // A file never changes once it is there, so each is read once.
  const known = new Map<string, KeptMail>();
  const newestFirst = async () => {
    await readNew(folder, known);
    return [...known.values()].sort((a, b) => b.sentAt.getTime() - a.sentAt.getTime() || (a.id < b.id ? 1 : -1));
  };
  await newestFirst();
  return {
    async send(message) {
      const { id, to, subject, text } = message;
      const mail: KeptMail = { id, to, subject, text, sentAt: new Date(world.now()) };
      const isNew = await writeDurably(path.join(folder, fileOf(id)), JSON.stringify(mail), { exclusive: true });
      if (!isNew) return;
      known.set(fileOf(id), mail);
      if (known.size > mailsMax) {
        for (const old of (await newestFirst()).slice(mailsMax)) await forget(folder, known, old);
      }
    },
    mailbox: {
      async list(to, limit, afterId) {
        const mails = (await newestFirst()).filter((mail) => to === undefined || mail.to === to);
        const from = afterId === undefined ? 0 : mails.findIndex((mail) => mail.id === afterId) + 1;
        // A mail that was removed meanwhile was the oldest: nothing comes after it.
        if (afterId !== undefined && from === 0) return [];
        return mails.slice(from, from + Math.min(limit, listMax));
      },
    },
    async ping() {
      const startedMs = performance.now();
      await stat(folder);
      return performance.now() - startedMs;
    },
  };
}

function fileOf(id: MailMessage['id']): string {
  return `${createHash('sha256').update(id).digest('hex')}.json`;
}

/** Takes in what others have written, and lets go of what they have removed. */
async function readNew(folder: string, known: Map<string, KeptMail>): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  for (const name of names) {
    if (known.has(name)) continue;
    const mail = await readMail(path.join(folder, name));
    if (mail !== undefined) known.set(name, mail);
  }
  const there = new Set(names);
  for (const name of known.keys()) if (!there.has(name)) known.delete(name);
}

async function readMail(file: string): Promise<KeptMail | undefined> {
  try {
    const mail = JSON.parse(await readFile(file, 'utf8')) as Omit<KeptMail, 'sentAt'> & { sentAt: string };
    return { ...mail, sentAt: new Date(mail.sentAt) };
  } catch (error) {
    // Removed by another process in between.
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function forget(folder: string, known: Map<string, KeptMail>, mail: KeptMail): Promise<void> {
  await rm(path.join(folder, fileOf(mail.id)), { force: true });
  known.delete(fileOf(mail.id));
}
