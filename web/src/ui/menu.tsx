import type { ReactNode } from 'react';
import {
  Menu as AriaMenu,
  MenuItem as AriaMenuItem,
  type MenuItemProps,
  MenuTrigger,
} from 'react-aria-components/Menu';
import { Popover } from 'react-aria-components/Popover';
import { Icon, type IconName } from './icons.tsx';

export function Menu({ trigger, label, children }: { trigger: ReactNode; label: string; children: ReactNode }) {
  return (
    <MenuTrigger>
      {trigger}
      <Popover className="popover" placement="bottom end">
        <AriaMenu className="menu" aria-label={label}>
          {children}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}

interface ItemProps extends Omit<MenuItemProps, 'className' | 'children' | 'style'> {
  icon?: IconName;
  hint?: string;
  children: string;
}

export function MenuItem({ icon, hint, children, ...rest }: ItemProps) {
  return (
    <AriaMenuItem {...rest} textValue={children} className="menu-item">
      {icon && <Icon name={icon} size={18} />}
      <span className="menu-item-text">{children}</span>
      {hint && <span className="menu-item-hint">{hint}</span>}
    </AriaMenuItem>
  );
}
