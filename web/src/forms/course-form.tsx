import { useState } from 'react';
import type { CourseFields } from '../api/authoring.ts';
import type { Course } from '../api/types.ts';
import { decimalText, parseAmount } from '../lib/money.ts';
import { languageName, levelWords } from '../lib/words.ts';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { Select, type SelectOption } from '../ui/select.tsx';
import { Form, fieldError } from './form.tsx';

interface CourseFormProps {
  course?: Course;
  submitLabel: string;
  isPending: boolean;
  error: unknown;
  onSubmit: (fields: CourseFields) => void;
}

const languages: readonly SelectOption[] = ['en', 'hi', 'bn', 'ta', 'te', 'mr', 'de', 'es', 'fr', 'pt'].map(
  (value) => ({ value, label: languageName(value) }),
);
const levels: readonly SelectOption[] = Object.entries(levelWords).map(([value, label]) => ({ value, label }));
const currencies: readonly SelectOption[] = ['INR', 'USD', 'EUR'].map((value) => ({ value, label: value }));
const ownFields = [
  'title',
  'summary',
  'description',
  'language',
  'level',
  'price',
  'price.amountMinor',
  'price.currency',
];

export function CourseForm({ course, submitLabel, isPending, error, onSubmit }: CourseFormProps) {
  const [language, setLanguage] = useState(course?.language || 'en');
  const [level, setLevel] = useState<string>(course?.level ?? 'beginner');
  const [currency, setCurrency] = useState(course?.price?.currency ?? 'INR');
  const [price, setPrice] = useState(
    course?.price ? decimalText(BigInt(course.price.amountMinor), course.price.currency) : '0.00',
  );
  const amount = parseAmount(price, currency);
  const submit = (values: Readonly<Record<string, string>>) => {
    if (amount === undefined) return;
    onSubmit({
      title: (values.title ?? '').trim(),
      summary: (values.summary ?? '').trim(),
      description: values.description ?? '',
      language,
      level,
      price: { currency, amountMinor: amount.toString() },
    });
  };
  const priceError =
    amount === undefined
      ? `Write an amount such as ${currency === 'INR' ? '499.00' : '9.00'}, or 0 for a free course.`
      : undefined;
  return (
    <Form label="Course" onSubmit={submit} error={error} fields={ownFields}>
      <TextField
        label="Title"
        name="title"
        defaultValue={course?.title ?? ''}
        isRequired
        maxLength={120}
        error={fieldError(error, 'title')}
      />
      <TextField
        label="Summary"
        name="summary"
        defaultValue={course?.summary ?? ''}
        rows={2}
        maxLength={300}
        hint="One or two sentences for the catalogue."
        error={fieldError(error, 'summary')}
      />
      <TextField
        label="Description"
        name="description"
        defaultValue={course?.description ?? ''}
        rows={6}
        hint="Markdown. Shown on the course’s page."
        error={fieldError(error, 'description')}
      />
      <div className="field-row">
        <Select label="Language" value={language} options={withOwn(languages, language)} onChange={setLanguage} />
        <Select label="Level" value={level} options={levels} onChange={setLevel} />
      </div>
      <div className="field-row">
        <TextField
          label="Price, tax included"
          value={price}
          onChange={setPrice}
          inputMode="decimal"
          error={priceError ?? fieldError(error, 'price.amountMinor') ?? fieldError(error, 'price')}
          hint="0 makes it free."
        />
        <Select label="Currency" value={currency} options={withOwn(currencies, currency)} onChange={setCurrency} />
      </div>
      <div className="button-row button-row-end">
        <Button type="submit" look="primary" isPending={isPending}>
          {submitLabel}
        </Button>
      </div>
    </Form>
  );
}

/** A value from elsewhere stays choosable. */
function withOwn(options: readonly SelectOption[], value: string): readonly SelectOption[] {
  return options.some((option) => option.value === value) ? options : [...options, { value, label: value }];
}
