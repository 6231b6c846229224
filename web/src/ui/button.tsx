import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, ReactNode, Ref } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components/Button';

export type Look = 'primary' | 'secondary' | 'quiet' | 'danger';

export interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'children' | 'style'> {
  look?: Look;
  small?: boolean;
  wide?: boolean;
  /** For buttons that show only an icon; they also need an aria-label. */
  iconOnly?: boolean;
  children: ReactNode;
}

/** A button; while `isPending` it stays where it is, says so, and cannot be pressed twice. */
export function Button({ look = 'secondary', small, wide, iconOnly, children, ...rest }: ButtonProps) {
  return (
    <AriaButton {...rest} className={classes(look, { small, wide, iconOnly })}>
      {rest.isPending ? <span className="spinner" aria-hidden="true" /> : null}
      {children}
    </AriaButton>
  );
}

interface LinkLook {
  look?: Look;
  small?: boolean | undefined;
  wide?: boolean | undefined;
}

interface AnchorProps extends AnchorHTMLAttributes<HTMLAnchorElement>, LinkLook {
  ref?: Ref<HTMLAnchorElement>;
}

function Anchor({ look = 'secondary', small, wide, ...rest }: AnchorProps) {
  return <a {...rest} className={classes(look, { small, wide })} />;
}

/** A link of the router that looks like a button. */
export const ButtonLink = createLink(Anchor);

function classes(look: Look, flags: Record<string, boolean | undefined>): string {
  const on = Object.keys(flags).filter((flag) => flags[flag]);
  return ['button', `button-${look}`, ...on.map((flag) => `button-${flag}`)].join(' ');
}
