import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, ReactNode, Ref } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components/Button';

export type Look = 'primary' | 'secondary' | 'quiet' | 'danger';

export interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'children' | 'style' | 'isPending'> {
  look?: Look;
  small?: boolean;
  wide?: boolean;
  /** For buttons that show only an icon; they also need an aria-label. */
  iconOnly?: boolean;
  /** What it started is under way: it keeps the focus, says so, and cannot be pressed again. */
  isPending?: boolean;
  children: ReactNode;
}

export function Button({
  look = 'secondary',
  small,
  wide,
  iconOnly,
  isPending = false,
  children,
  ...rest
}: ButtonProps) {
  // The library's own pending state leaves an image without a name in its live region, so it is not used.
  const whilePending = isPending ? ({ 'data-pending': true, type: 'button', onPress: undefined } as const) : {};
  return (
    <AriaButton
      {...(rest as AriaButtonProps)}
      {...(whilePending as AriaButtonProps)}
      className={classes(look, { small, wide, iconOnly })}
    >
      {isPending && <span className="spinner" aria-hidden="true" />}
      {children}
      {isPending && <span className="visually-hidden">, under way</span>}
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

function Anchor({ look = 'secondary', small, wide, className = '', ...rest }: AnchorProps) {
  return <a {...rest} className={`${classes(look, { small, wide })} ${className}`} />;
}

/** A link of the router that looks like a button. */
export const ButtonLink = createLink(Anchor);

function classes(look: Look, flags: Record<string, boolean | undefined>): string {
  const on = Object.keys(flags).filter((flag) => flags[flag]);
  return ['button', `button-${look}`, ...on.map((flag) => `button-${flag}`)].join(' ');
}
