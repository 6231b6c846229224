/** Whether what was thrown is a store that is away, or a race that was lost too often: nobody's mistake, worth another try. */
import { DocumentFault } from '../documents/documents.ts';
import { ObjectFault } from '../objects/objects.ts';
import { SearchFault } from '../search/search.ts';
import { SqlFault } from '../sql/sql.ts';

const passing = ['unavailable', 'commit_unknown', 'retryable'];

export function isOutage(error: unknown): boolean {
  const isOfStore =
    error instanceof SqlFault ||
    error instanceof DocumentFault ||
    error instanceof ObjectFault ||
    error instanceof SearchFault;
  return isOfStore && passing.includes(error.kind);
}
