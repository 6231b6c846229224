/** What the forms of the offers have in common: choosing courses, and a price in their currency. */
import type { UseMutationResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { asProblem } from '../api/problem.ts';
import type { Course, Money } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { parseAmount } from '../lib/money.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Checkbox } from '../ui/fields.tsx';

interface ChoiceProps {
  courses: readonly Course[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
  error: unknown;
}

export function CourseChoice({ courses, chosen, onChange, error }: ChoiceProps) {
  const wrong = error ? asProblem(error).errors.find((one) => one.field.startsWith('course')) : undefined;
  return (
    <fieldset className="buy-fields">
      <legend className="field-label">Courses</legend>
      {courses.map((course) => (
        <Checkbox
          key={course.id}
          isSelected={chosen.includes(course.id)}
          onChange={(on) => onChange(on ? [...chosen, course.id] : chosen.filter((id) => id !== course.id))}
        >
          {course.title}
        </Checkbox>
      ))}
      {wrong && <p className="field-error">{wrong.detail}</p>}
    </fieldset>
  );
}

/** The currency of the first of these courses: offers are made in one. */
export function currencyOf(courses: readonly Course[], chosen: readonly string[]): string {
  const first = courses.find((course) => chosen.includes(course.id)) ?? courses[0];
  return first?.price?.currency ?? 'INR';
}

/** What was typed as money of a currency; undefined when it is none, or nothing. */
export function moneyOf(text: string | undefined, currency: string): Money | undefined {
  const minor = parseAmount(text ?? '', currency);
  return minor === undefined || minor === 0n ? undefined : { currency, amountMinor: minor.toString() };
}

interface OfferDialogProps {
  title: string;
  submitLabel: string;
  mutation: Pick<UseMutationResult<unknown, Error, never>, 'isPending' | 'error'>;
  fields: readonly string[];
  isReady?: boolean;
  onSubmit: (values: Readonly<Record<string, string>>) => void;
  onClose: () => void;
  children: ReactNode;
}

export function OfferDialog({
  title,
  submitLabel,
  mutation,
  fields,
  isReady = true,
  onSubmit,
  onClose,
  children,
}: OfferDialogProps) {
  return (
    <Dialog title={title} isOpen onClose={onClose} busy={mutation.isPending}>
      <Form label={title} onSubmit={onSubmit} error={mutation.error} fields={fields}>
        {children}
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={mutation.isPending}>
            Leave it
          </Button>
          <Button type="submit" look="primary" isPending={mutation.isPending} isDisabled={!isReady}>
            {submitLabel}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
