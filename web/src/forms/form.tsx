import type { FormEvent, ReactNode } from 'react';
import { useEffect, useRef } from 'react';
import { asProblem } from '../api/problem.ts';
import { Notice } from '../ui/bits.tsx';

interface FormProps {
  onSubmit: (values: Readonly<Record<string, string>>) => void;
  /** What the last submission was refused with. */
  error: unknown;
  /** Fields that show their own error; what names others is said at the top. */
  fields: readonly string[];
  children: ReactNode;
  label: string;
}

/**
 * A form whose refusals stay in place: an error of a field is shown by the field, everything else at the top. After a
 * refusal the focus goes to the first field that is wrong.
 */
export function Form({ onSubmit, error, fields, children, label }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [error]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (event.currentTarget.querySelector('[data-pending]')) return;
    onSubmit(valuesOf(event.currentTarget));
  };
  return (
    <form ref={form} className="form" noValidate onSubmit={submit} aria-label={label}>
      <FormError error={error} fields={fields} />
      {children}
    </form>
  );
}

function FormError({ error, fields }: { error: unknown; fields: readonly string[] }) {
  if (!error) return null;
  const problem = asProblem(error);
  const elsewhere = problem.errors.filter((one) => !fields.includes(one.field));
  if (problem.errors.length > 0 && elsewhere.length === 0) return null;
  return (
    <Notice tone="danger" title={problem.title} live>
      {problem.detail && problem.detail !== problem.title && <p>{problem.detail}</p>}
      {elsewhere.map((one) => (
        <p key={one.field}>{one.detail}</p>
      ))}
    </Notice>
  );
}

function valuesOf(form: HTMLFormElement): Readonly<Record<string, string>> {
  const pairs = [...new FormData(form)].filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return Object.fromEntries(pairs);
}

/** The error of one field of a failed submission, if there is one. */
export function fieldError(error: unknown, field: string): string | undefined {
  return error ? asProblem(error).fields()[field] : undefined;
}
