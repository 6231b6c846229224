/** People by name where the platform gives an id. */
import { usePerson } from '../lib/use-person.ts';

/** The id itself where it has no name, or the reader may not see names. */
export function PersonName({ id }: { id: string }) {
  const { person, isAsking } = usePerson(id);
  if (person) return <span title={person.email ? `${person.email}, ${id}` : id}>{person.displayName}</span>;
  return isAsking ? '…' : <code>{id}</code>;
}

/** Somebody whom a page is about: their name, and below it the address as far as the reader may see it. */
export function PersonCell({ id }: { id: string }) {
  const { person } = usePerson(id);
  if (id === '') return '–';
  return (
    <>
      <PersonName id={id} />
      {person?.email && <span className="list-note list-note-below">{person.email}</span>}
    </>
  );
}
