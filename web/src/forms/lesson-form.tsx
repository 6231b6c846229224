import { useState } from 'react';
import { type LessonFields, uploadFile } from '../api/authoring.ts';
import { asProblem } from '../api/problem.ts';
import type { Lesson, LessonContent, LessonContentInput, LessonKind, QuestionInput } from '../api/types.ts';
import { Notice } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Checkbox, Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import { FilePick } from './file-pick.tsx';
import { Form, fieldError } from './form.tsx';
import { newQuestion, QuizEditor, sendable } from './quiz-editor.tsx';

interface LessonFormProps {
  lesson?: Lesson;
  submitLabel: string;
  isPending: boolean;
  error: unknown;
  onSubmit: (fields: LessonFields) => void;
}

type WritableKind = 'text' | 'video' | 'quiz';

export function LessonForm({ lesson, submitLabel, isPending, error, onSubmit }: LessonFormProps) {
  const [kind, setKind] = useState<WritableKind>((lesson?.kind as WritableKind | undefined) ?? 'text');
  const [preview, setPreview] = useState(lesson?.preview ?? false);
  const [video, setVideo] = useState<{ file?: File; captions?: File }>({});
  const [questions, setQuestions] = useState<QuestionInput[]>(
    () => lesson?.content?.quiz?.questions.map(sendable) ?? [newQuestion('single')],
  );
  const [uploading, setUploading] = useState(false);
  const [uploadError, setUploadError] = useState<unknown>();
  const submit = async (values: Readonly<Record<string, string>>) => {
    setUploadError(undefined);
    try {
      setUploading(true);
      const content = await contentOf(kind, values, { video, questions, before: lesson?.content });
      onSubmit({ title: (values.title ?? '').trim(), kind: kind as LessonKind, preview, content });
    } catch (problem) {
      setUploadError(problem);
    } finally {
      setUploading(false);
    }
  };
  return (
    <Form
      label="Lesson"
      onSubmit={(values) => void submit(values)}
      error={error}
      fields={['title', 'content.markdown']}
    >
      {uploadError !== undefined && (
        <Notice tone="danger" title="The upload did not work" live>
          <p>{asProblem(uploadError).detail}</p>
        </Notice>
      )}
      <TextField
        label="Title"
        name="title"
        defaultValue={lesson?.title ?? ''}
        isRequired
        maxLength={160}
        error={fieldError(error, 'title')}
      />
      {!lesson && (
        <RadioGroup
          label="Kind"
          value={kind}
          onChange={(value) => setKind(value as WritableKind)}
          orientation="horizontal"
        >
          <Radio value="text">Reading</Radio>
          <Radio value="video">Video</Radio>
          <Radio value="quiz">Quiz</Radio>
        </RadioGroup>
      )}
      {kind === 'text' && (
        <TextField
          label="Text"
          name="markdown"
          defaultValue={lesson?.content?.markdown ?? ''}
          rows={16}
          code
          isRequired
          hint="Markdown: headings, lists, tables, code."
          error={fieldError(error, 'content.markdown') ?? fieldError(error, 'content')}
        />
      )}
      {kind === 'video' && (
        <VideoFields lesson={lesson} onPick={(picked) => setVideo((old) => ({ ...old, ...picked }))} />
      )}
      {kind === 'quiz' && (
        <QuizEditor
          questions={questions}
          onChange={setQuestions}
          passPercent={Math.round((lesson?.content?.quiz?.passFraction ?? 0.7) * 100)}
        />
      )}
      <Checkbox isSelected={preview} onChange={setPreview}>
        Open to everybody as a preview
      </Checkbox>
      <div className="button-row button-row-end">
        <Button type="submit" look="primary" isPending={isPending || uploading}>
          {uploading && kind === 'video' ? 'Uploading' : submitLabel}
        </Button>
      </div>
    </Form>
  );
}

function VideoFields({
  lesson,
  onPick,
}: {
  lesson: Lesson | undefined;
  onPick: (picked: { file?: File; captions?: File }) => void;
}) {
  const video = lesson?.content?.video;
  return (
    <>
      <FilePick
        label={video?.fileId ? 'Replace the video' : 'Video file'}
        accept={['video/mp4']}
        hint="MP4 with H.264 and AAC, which plays everywhere."
        onPick={(file) => onPick({ file })}
      />
      <FilePick
        label={video?.captionsFileId ? 'Replace the captions' : 'Captions'}
        accept={['text/vtt', '.vtt']}
        hint="WebVTT. People who cannot hear depend on them."
        onPick={(captions) => onPick({ captions })}
      />
      <TextField
        label="Transcript"
        name="transcript"
        rows={6}
        defaultValue={video?.transcript ?? ''}
        hint="What is said, as text: for reading, for search."
      />
    </>
  );
}

interface Parts {
  video: { file?: File; captions?: File };
  questions: QuestionInput[];
  before: LessonContent | undefined;
}

async function contentOf(
  kind: WritableKind,
  values: Readonly<Record<string, string>>,
  parts: Parts,
): Promise<LessonContentInput> {
  if (kind === 'text') return { markdown: values.markdown ?? '' };
  if (kind === 'quiz')
    return { quiz: { questions: parts.questions, passFraction: Number(values.passPercent ?? '70') / 100 } };
  const before = parts.before?.video;
  const fileId = parts.video.file ? (await uploadFile(parts.video.file)).id : (before?.fileId ?? '');
  const captionsFileId = parts.video.captions ? (await uploadFile(parts.video.captions)).id : before?.captionsFileId;
  return {
    video: {
      fileId,
      ...(captionsFileId && { captionsFileId }),
      ...(before?.posterFileId && { posterFileId: before.posterFileId }),
      transcript: values.transcript ?? '',
    },
  };
}
