import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { testWorld } from '../world.ts';
import { mailContract } from './mail.contract.ts';
import { mailsMax, openMailbox } from './mail-mailbox.ts';

const root = mkdtempSync(path.join(os.tmpdir(), 'suuupra-mail-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

mailContract('the mailbox', async () => {
  const folder = path.join(root, 'contract');
  const world = testWorld();
  const ticking = () => {
    world.advance(1);
    return world.now();
  };
  const mail = await openMailbox({ folder, world: { now: ticking } });
  return {
    mail,
    arrived: async () => (await mail.mailbox?.list(undefined, 1_000))?.toReversed() ?? [],
    refuse: async () => {
      renameSync(folder, `${folder}.away`);
      return async () => renameSync(`${folder}.away`, folder);
    },
    close: async () => {},
  };
});

describe('the mailbox', () => {
  const mail = (n: number, to = 'a@example.org') => ({ id: `mail_${n}`, to, subject: `subject ${n}`, text: 'text' });

  it('lists newest first, by recipient, page by page', async () => {
    const world = testWorld();
    const { send, mailbox } = await openMailbox({ folder: path.join(root, 'pages'), world });
    for (let n = 1; n <= 6; n += 1) {
      world.advance(1);
      await send(mail(n, n % 2 === 0 ? 'even@example.org' : 'odd@example.org'));
    }
    const ids = async (...args: Parameters<NonNullable<typeof mailbox>['list']>) =>
      (await mailbox?.list(...args))?.map((one) => one.id);
    expect(await ids(undefined, 2)).toEqual(['mail_6', 'mail_5']);
    expect(await ids(undefined, 2, 'mail_5')).toEqual(['mail_4', 'mail_3']);
    expect(await ids('odd@example.org', 10)).toEqual(['mail_5', 'mail_3', 'mail_1']);
    expect(await ids('odd@example.org', 10, 'mail_3')).toEqual(['mail_1']);
    expect(await ids('nobody@example.org', 10)).toEqual([]);
    expect(await ids(undefined, 10, 'mail_unknown')).toEqual([]);
  });

  it('keeps the mails, for its owner only, and shows those of another process', async () => {
    const folder = path.join(root, 'kept');
    const world = testWorld();
    const one = await openMailbox({ folder, world });
    const two = await openMailbox({ folder, world });
    await one.send(mail(1));
    await two.send(mail(1));
    world.advance(5);
    await two.send(mail(2));
    const listed = await one.mailbox?.list(undefined, 10);
    expect(listed).toEqual([
      { ...mail(2), sentAt: new Date(world.now()) },
      { ...mail(1), sentAt: new Date(world.now() - 5) },
    ]);
    expect(await (await openMailbox({ folder, world })).mailbox?.list(undefined, 10)).toEqual(listed);
    const [file] = readdirSync(folder);
    expect(statSync(path.join(folder, file ?? '')).mode & 0o077).toBe(0);
    expect(statSync(folder).mode & 0o077).toBe(0);
  });

  it('holds the newest 2,000 and no more', async () => {
    const folder = path.join(root, 'bounded');
    const world = testWorld();
    await openMailbox({ folder, world });
    for (let n = 0; n < mailsMax; n += 1) {
      const text = JSON.stringify({ ...mail(n), sentAt: new Date(world.now() + n) });
      writeFileSync(path.join(folder, `${n}.json`), text);
    }
    const box = await openMailbox({ folder, world });
    world.advance(10_000);
    await box.send({ ...mail(0), id: 'mail_newest' });
    const all = (await box.mailbox?.list(undefined, 1_000)) ?? [];
    expect(all[0]?.id).toBe('mail_newest');
    const rest = (await box.mailbox?.list(undefined, 1_000, all.at(-1)?.id)) ?? [];
    expect(all.length + rest.length).toBe(mailsMax);
    expect(rest.at(-1)?.id).toBe('mail_1');
  });
});
