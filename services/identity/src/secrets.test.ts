/** A copy of the database, or of the log, signs nobody in. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { granted, type IdentityUnderTest, password, startIdentity } from './testing.ts';

describe('secrets', () => {
  let under: IdentityUnderTest;
  const email = 'asha@example.org';
  const wrong = 'wrong horse battery';
  const changed = 'changed horse battery';
  const tokens: string[] = [];

  beforeAll(async () => {
    under = await startIdentity();
    // Every mail stays queued, as on a server that lost its mail.
    await under.sql.execute(
      `CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN NEW.due_at := '2100-01-01'; RETURN NEW; END $$`,
    );
    await under.sql.execute('CREATE TRIGGER hold BEFORE INSERT ON mail_queue FOR EACH ROW EXECUTE FUNCTION hold()');
    granted(await under.client.createUser({ email, password, displayName: 'Asha' }));
    await under.client.createSession({ email, password: wrong });
    const { token, options } = await under.signIn(email);
    granted(await under.client.changePassword({ currentPassword: password, newPassword: changed }, options));
    tokens.push(token);
  });
  afterAll(() => under.stop());

  async function everyValue(): Promise<{ where: string; value: string }[]> {
    const columns = await under.sql.query<{ table_name: string; column_name: string }>(
      "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'",
    );
    const found: { where: string; value: string }[] = [];
    for (const { table_name, column_name } of columns) {
      const rows = await under.sql.query<{ value: string | null }>(
        `SELECT "${column_name}"::text AS value FROM "${table_name}"`,
      );
      for (const { value } of rows) found.push({ where: `${table_name}.${column_name}`, value: value ?? '' });
    }
    return found;
  }

  it('are in no table, plain or encoded', async () => {
    const values = await everyValue();
    expect(new Set(values.map(({ where }) => where.split('.')[0]))).toContain('mail_queue');
    const [token = ''] = tokens;
    const raw = Buffer.from(token.slice('sst_'.length), 'base64url');
    const secrets = [password, wrong, changed, token, token.slice(4), raw.toString('hex'), raw.toString('base64')];
    const encoded = secrets.flatMap((one) => [one, Buffer.from(one).toString('hex')]);
    const leaks = values.filter(({ value }) => encoded.some((one) => value.includes(one)) || /token=/.test(value));
    expect(leaks).toEqual([]);
  });

  it('cannot be made of what is in the tables', async () => {
    const values = await everyValue();
    const tried = values.flatMap(({ value }) => [value, `sst_${value}`, value.replace(/^\\x/, '')]);
    expect(tried.length).toBeGreaterThan(50);
    for (const token of tried) expect(granted(await under.client.checkSession({ token })).session).toBeUndefined();
    expect(granted(await under.client.checkSession({ token: tokens[0] ?? '' })).session).toBeDefined();
  });

  it('are not in the log, nor is an address', () => {
    const log = JSON.stringify(under.logged);
    for (const secret of [password, wrong, changed, email, ...tokens]) expect(log).not.toContain(secret);
  });
});
