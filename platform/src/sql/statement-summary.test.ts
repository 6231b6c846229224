import { expect, test } from 'vitest';
import { summaryOf } from './statement-summary.ts';

test.each([
  ['SELECT id FROM orders WHERE id = $1 FOR UPDATE', 'SELECT orders'],
  ['  insert into payments (id) SELECT id FROM other', 'INSERT payments'],
  ['INSERT INTO inbox (a) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING', 'INSERT inbox'],
  ['SELECT place FROM unnest($1::text[]) AS t JOIN seats s ON s.id = t', 'SELECT seats'],
  ['UPDATE `attempts` SET state = ?', 'UPDATE attempts'],
  ['DELETE FROM ONLY public.outbox', 'DELETE public.outbox'],
  ['WITH done AS (UPDATE jobs SET at = now() RETURNING id) SELECT id FROM done', 'WITH jobs'],
  ["SELECT pg_notify($1, 'secret')", 'SELECT'],
  ["SELECT 'x' FROM 'secret'", 'SELECT'],
  ['', 'OTHER'],
])('%s is %s', (text, summary) => {
  expect(summaryOf(text).summary).toBe(summary);
});
