import { useEffect, useState } from 'react';
import { ToggleButton } from 'react-aria-components/ToggleButton';
import { ToggleButtonGroup } from 'react-aria-components/ToggleButtonGroup';
import { chooseTheme, chosenTheme, type Theme } from '../lib/theme.ts';
import { Icon, type IconName } from '../ui/icons.tsx';

const themes: readonly { id: Theme; label: string; icon: IconName }[] = [
  { id: 'system', label: 'As the system', icon: 'screen' },
  { id: 'light', label: 'Light', icon: 'sun' },
  { id: 'dark', label: 'Dark', icon: 'moon' },
];

export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>('system');
  useEffect(() => setTheme(chosenTheme()), []);
  const choose = (keys: Iterable<string | number>) => {
    const next = [...keys][0] as Theme | undefined;
    if (!next) return;
    chooseTheme(next);
    setTheme(next);
  };
  return (
    <ToggleButtonGroup
      className="theme-switch"
      aria-label="Theme"
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[theme]}
      onSelectionChange={choose}
    >
      {themes.map((one) => (
        <ToggleButton key={one.id} id={one.id} className="theme-choice" aria-label={one.label}>
          <Icon name={one.icon} size={18} />
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}
