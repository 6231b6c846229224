/** Ctrl or Cmd K: courses and lessons by what they say, places by name. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useDeferredValue, useState } from 'react';
import { Autocomplete } from 'react-aria-components/Autocomplete';
import { Dialog } from 'react-aria-components/Dialog';
import { Input } from 'react-aria-components/Input';
import { Menu, MenuItem } from 'react-aria-components/Menu';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { TextField } from 'react-aria-components/TextField';
import { searchQuery } from '../api/catalogue.ts';
import { useMe } from '../lib/use-me.ts';
import { kindWords } from '../lib/words.ts';
import { Icon, type IconName } from '../ui/icons.tsx';
import { places } from './person-menus.tsx';

interface Command {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly icon: IconName;
  readonly go: () => void;
}

export function CommandMenu({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const commands = useCommands(text.trim(), onClose);
  return (
    <ModalOverlay className="overlay overlay-top" isOpen isDismissable onOpenChange={(open) => !open && onClose()}>
      <Modal className="modal modal-command">
        <Dialog className="command" aria-label="Search and commands">
          <Autocomplete inputValue={text} onInputChange={setText}>
            <TextField aria-label="Search courses, lessons and places" className="command-field" autoFocus>
              <Icon name="search" />
              <Input className="command-input" placeholder="Search courses, lessons, places" maxLength={200} />
              <span className="key" aria-hidden="true">
                Esc
              </span>
            </TextField>
            <Menu
              className="menu command-list"
              aria-label="Results"
              items={commands}
              renderEmptyState={() => <p className="command-empty">Nothing matches.</p>}
            >
              {(command) => (
                <MenuItem id={command.id} textValue={command.label} className="menu-item" onAction={command.go}>
                  <Icon name={command.icon} size={18} />
                  <span className="menu-item-text">{command.label}</span>
                  <span className="menu-item-hint">{command.hint}</span>
                </MenuItem>
              )}
            </Menu>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function useCommands(text: string, onClose: () => void): Command[] {
  const me = useMe();
  const navigate = useNavigate();
  const asked = useDeferredValue(text);
  const { data } = useInfiniteQuery(searchQuery({ q: asked }));
  const run = (go: () => Promise<void>) => () => {
    onClose();
    void go();
  };
  const open: Command[] = [
    { id: 'courses', label: 'All courses', hint: 'Go to', icon: 'book', go: run(() => navigate({ to: '/courses' })) },
    ...places
      .filter((place) => me.user && (!place.role || me.has(place.role)))
      .map((place) => ({
        id: place.to,
        label: place.label,
        hint: 'Go to',
        icon: place.icon,
        go: run(() => navigate({ to: place.to })),
      })),
  ];
  if (text === '') return open;
  const named = open.filter((place) => place.label.toLowerCase().includes(text.toLowerCase()));
  const found = (data?.pages[0]?.results ?? []).slice(0, 8).map((result): Command => {
    const isCourse = result.kind === 'course';
    const go = isCourse
      ? () => navigate({ to: '/courses/$slug', params: { slug: result.courseSlug || result.id } })
      : () => navigate({ to: '/lessons/$lessonId', params: { lessonId: result.id } });
    const hint = isCourse ? 'Course' : result.courseTitle || (kindWords[result.kind] ?? 'Lesson');
    return { id: result.id, label: result.title, hint, icon: isCourse ? 'book' : 'text', go: run(go) };
  });
  const all = { id: 'all', label: `Search for “${text}”`, hint: 'All results', icon: 'search' as const };
  return [...named, ...found, { ...all, go: run(() => navigate({ to: '/search', search: { q: text } })) }];
}
