import type { ReactNode } from 'react';
import { Checkbox as AriaCheckbox, type CheckboxProps } from 'react-aria-components/Checkbox';
import { FieldError } from 'react-aria-components/FieldError';
import { Input } from 'react-aria-components/Input';
import { Label } from 'react-aria-components/Label';
import {
  Radio as AriaRadio,
  RadioGroup as AriaRadioGroup,
  type RadioGroupProps,
} from 'react-aria-components/RadioGroup';
import { Text } from 'react-aria-components/Text';
import { TextArea } from 'react-aria-components/TextArea';
import { type TextFieldProps as AriaProps, TextField as AriaTextField } from 'react-aria-components/TextField';
import { Icon } from './icons.tsx';

interface FieldProps extends Omit<AriaProps, 'className' | 'style' | 'children'> {
  label: string;
  hint?: string | undefined;
  /** What is wrong with it, said beneath it and tied to it. */
  error?: string | undefined;
  placeholder?: string;
  rows?: number;
  code?: boolean;
}

export function TextField({ label, hint, error, placeholder, rows, code, ...rest }: FieldProps) {
  return (
    <AriaTextField {...rest} isInvalid={error !== undefined} validationBehavior="aria" className="field">
      <Label className="field-label">{label}</Label>
      {rows === undefined ? (
        <Input className="input" {...(placeholder && { placeholder })} />
      ) : (
        <TextArea className={code ? 'input input-code' : 'input'} rows={rows} {...(placeholder && { placeholder })} />
      )}
      {hint && (
        <Text slot="description" className="field-hint">
          {hint}
        </Text>
      )}
      <FieldError className="field-error">{error}</FieldError>
    </AriaTextField>
  );
}

export function Checkbox({
  children,
  ...rest
}: Omit<CheckboxProps, 'className' | 'children' | 'style'> & { children: ReactNode }) {
  return (
    <AriaCheckbox {...rest} className="choice">
      <span className="choice-box" aria-hidden="true">
        <Icon name="check" size={14} />
      </span>
      <span className="choice-text">{children}</span>
    </AriaCheckbox>
  );
}

interface ChoicesProps extends Omit<RadioGroupProps, 'className' | 'children' | 'style'> {
  label: string;
  hideLabel?: boolean;
  children: ReactNode;
}

export function RadioGroup({ label, hideLabel, children, ...rest }: ChoicesProps) {
  return (
    <AriaRadioGroup {...rest} className="choices">
      <Label className={hideLabel ? 'visually-hidden' : 'field-label'}>{label}</Label>
      {children}
    </AriaRadioGroup>
  );
}

export function Radio({ value, hint, children }: { value: string; hint?: string | undefined; children: ReactNode }) {
  return (
    <AriaRadio value={value} className="choice">
      <span className="choice-dot" aria-hidden="true" />
      <span className="choice-text">
        <span>{children}</span>
        {hint && <span className="choice-hint">{hint}</span>}
      </span>
    </AriaRadio>
  );
}
