import { useId, useState } from 'react';
import { FileTrigger } from 'react-aria-components/FileTrigger';
import { Button } from '../ui/button.tsx';

interface FilePickProps {
  label: string;
  hint: string;
  accept: string[];
  onPick: (file: File) => void;
}

export function FilePick({ label, hint, accept, onPick }: FilePickProps) {
  const [name, setName] = useState('');
  const id = useId();
  const pick = (files: FileList | null) => {
    const file = files?.[0];
    if (!file) return;
    setName(file.name);
    onPick(file);
  };
  return (
    <div className="field">
      <span className="field-label">{label}</span>
      <div className="file-row">
        <FileTrigger acceptedFileTypes={accept} onSelect={pick}>
          <Button aria-describedby={id}>Choose a file</Button>
        </FileTrigger>
        <span className="file-name">{name || 'None chosen'}</span>
      </div>
      <span id={id} className="field-hint">
        {hint}
      </span>
    </div>
  );
}
