/** A batch for a bank that takes files: the file goes by a person's hand, and the bank's answers come back so. */
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answerFormats, handOverBatch, payoutAnswersQuery, uploadAnswer } from '../api/payout-banks.ts';
import { asProblem, type Problem } from '../api/problem.ts';
import { payoutFilePath } from '../api/settlement.ts';
import type { PayoutAnswer, PayoutBatch, PayoutFile } from '../api/types.ts';
import { FilePick } from '../forms/file-pick.tsx';
import { Form } from '../forms/form.tsx';
import { sha256Of } from '../lib/file-hash.ts';
import { plural, sentence } from '../lib/words.ts';
import { Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Select } from '../ui/select.tsx';
import type { Column } from '../ui/table.tsx';
import { Hash, ListPart, Part, StateBadge, useAct, Who } from './finance-desk.tsx';

export const fileWords: Readonly<Record<string, string>> = { pain_001: 'pain.001', nach_csv: 'NACH CSV', csv: 'CSV' };

interface HandOverProps {
  batch: PayoutBatch;
  onClose: () => void;
}

/** One chooses the format that the bank takes, gives it the file, and says that it was given, by its hash. */
export function HandOverDialog({ batch, onClose }: HandOverProps) {
  const [format, setFormat] = useState('pain_001');
  const [given, setGiven] = useState<{ readonly hash: string | undefined }>();
  const file = batch.files.find((one) => one.format === format);
  const differs = given?.hash !== undefined && given.hash !== file?.sha256;
  const handOver = useAct(
    (one: PayoutFile) => handOverBatch(batch.id, one.format, given?.hash ?? one.sha256),
    `The file is noted as given to ${batch.bank}.`,
    onClose,
  );
  return (
    <Dialog title={`Hand over to ${batch.bank}`} isOpen onClose={onClose} busy={handOver.isPending}>
      <Form
        label={`Hand over to ${batch.bank}`}
        onSubmit={() => file && !differs && handOver.mutate(file)}
        error={handOver.error}
        fields={[]}
      >
        <p>
          Download the file, give it to the bank, and then say so here. The payouts then wait for the bank’s answers.
          Given again, the bank pays each id once.
        </p>
        <Select
          label="The file that the bank takes"
          value={format}
          onChange={setFormat}
          options={batch.files.map((one) => ({ value: one.format, label: fileWords[one.format] ?? one.format }))}
        />
        {file && <ChosenFile batchId={batch.id} file={file} />}
        <FilePick
          label="Check the file you gave (optional)"
          hint="It is not sent anywhere: its hash is worked out here and compared."
          accept={['.xml', '.csv', '.txt']}
          onPick={(picked) => void sha256Of(picked).then((hash) => setGiven({ hash }))}
        />
        {given && <Compared hash={given.hash} differs={differs} />}
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={handOver.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={handOver.isPending} isDisabled={!file || differs}>
            The bank has it
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function ChosenFile({ batchId, file }: { batchId: string; file: PayoutFile }) {
  return (
    <p className="breaking">
      <a href={payoutFilePath(batchId, file.format)} download={file.fileName}>
        Download {file.fileName}
      </a>
      <span className="list-note list-note-below">
        SHA-256 <code>{file.sha256}</code>
      </span>
    </p>
  );
}

function Compared({ hash, differs }: { hash: string | undefined; differs: boolean }) {
  if (hash === undefined) {
    return (
      <Notice tone="warn" live>
        <p>This browser works out no hashes on this connection. Compare the hash by other means.</p>
      </Notice>
    );
  }
  return (
    <Notice tone={differs ? 'danger' : 'good'} live>
      <p>
        {differs ? 'This is another file than the one chosen above.' : 'It is this file, byte for byte.'}{' '}
        <code className="breaking">{hash}</code>
      </p>
    </Notice>
  );
}

const answerWords: Readonly<Record<string, string>> = {
  pain_002: 'pain.002 (ISO 20022)',
  nach_return: 'NACH return',
  csv: 'CSV',
};

/** What the bank said, and the upload of what it says next; a file that is refused names its line. */
export function BankAnswers({ batch }: { batch: PayoutBatch }) {
  const query = useInfiniteQuery(payoutAnswersQuery(batch.id));
  return (
    <>
      {(batch.status === 'submitted' || batch.status === 'closed') && (
        <Part title="Upload an answer of the bank">
          <UploadAnswer batch={batch} />
        </Part>
      )}
      <Part title="Answers of the bank">
        <ListPart
          query={query}
          rowsOf={(page) => page.answers}
          caption="Answers of the bank"
          columns={answerColumns}
          rowKey={(answer) => answer.id}
          icon="text"
          nothing="The bank has not answered yet"
        />
      </Part>
    </>
  );
}

function UploadAnswer({ batch }: { batch: PayoutBatch }) {
  const [format, setFormat] = useState<string>(answerFormats[0]);
  const [file, setFile] = useState<File>();
  const [isMissing, setMissing] = useState(false);
  const upload = useAct(
    (chosen: File) => uploadAnswer(batch.id, chosen, format),
    'The answer is taken.',
    () => setFile(undefined),
  );
  const client = useQueryClient();
  // An answer that was refused is kept as well, and stands in the list.
  const listAgain = () => client.invalidateQueries({ queryKey: payoutAnswersQuery(batch.id).queryKey });
  const submit = () => {
    setMissing(!file);
    if (file) upload.mutate(file, { onError: () => void listAgain() });
  };
  return (
    <div className="panel panel-form">
      <Form label="Upload an answer of the bank" onSubmit={submit} error={undefined} fields={[]}>
        {upload.error && <Refused problem={asProblem(upload.error)} />}
        <Select
          label="Format"
          value={format}
          onChange={setFormat}
          options={answerFormats.map((value) => ({ value, label: answerWords[value] ?? value }))}
        />
        <FilePick
          key={upload.data?.answer.id}
          label="File"
          hint={
            isMissing && !file
              ? 'Choose a file first.'
              : 'As the bank made it, unchanged. It is taken whole, or refused whole with the line that is wrong.'
          }
          accept={['.xml', '.csv', '.txt']}
          onPick={setFile}
        />
        <div className="button-row">
          <Button type="submit" look="primary" isPending={upload.isPending}>
            Upload the answer
          </Button>
        </div>
      </Form>
    </div>
  );
}

/** The sentence names the line, so the line's own entry would say it again. */
function Refused({ problem }: { problem: Problem }) {
  return (
    <Notice tone="danger" title={problem.title} live>
      <p>{problem.detail}</p>
    </Notice>
  );
}

const answerColumns: readonly Column<PayoutAnswer>[] = [
  { name: 'File', render: (answer) => answer.fileName || answer.id },
  { name: 'Format', render: (answer) => answerWords[answer.format] ?? answer.format },
  { name: 'Uploaded', render: (answer) => <Time at={answer.createdAt} /> },
  { name: 'By', render: (answer) => <Who id={answer.uploadedBy} /> },
  {
    name: 'State',
    render: (answer) => (
      <>
        <StateBadge state={answer.status} />
        <span className="list-note list-note-below">{outcomeOf(answer)}</span>
      </>
    ),
  },
  { name: 'SHA-256', render: (answer) => <Hash value={answer.sha256} /> },
];

/** What an applied answer did, or where and why one was refused. */
function outcomeOf(answer: PayoutAnswer): string {
  if (answer.status === 'refused') {
    const line = answer.reasonLine === '0' ? '' : `, line ${answer.reasonLine}`;
    return `${sentence(answer.reason)}${line}: ${answer.reasonDetail}`;
  }
  const counts = [
    [answer.paid, 'paid'],
    [answer.failed, 'failed'],
    [answer.returned, 'returned'],
    [answer.unchanged, 'unchanged'],
  ] as const;
  const said = counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return said.length > 0 ? said.join(', ') : plural(0, 'payout');
}
