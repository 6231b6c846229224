/**
 * Makes demo/media/walk.mp4, its captions and its poster: records the real platform in Chromium, scene by scene, with
 * a synthetic voice that reads what each scene says. Run by hand when the pages have changed; needs chromium, ffmpeg and
 * espeak-ng on the PATH.
 *
 *   node tools/demo-video/make.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readConfig } from '@suuupra/platform/config';
import { type Browser, chromium, type Page } from 'playwright-core';
import { compose } from '../../apps/compose.ts';
import { isFresh, seed } from '../../apps/seed.ts';
import { allServices } from '../../apps/services.ts';
import { type Scene, type Stage, scenes } from './scenes.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const media = path.join(root, 'demo', 'media');
const size = { width: 1280, height: 720 };
const framesPerSecond = 12;
const pauseSeconds = 0.6;
const bytesMax = 4 * 1024 * 1024;
const password = 'walk-through-Passw0rd';

interface Filmed {
  readonly scene: Scene;
  readonly seconds: number;
  /** Image files with the time from the start of the scene at which each was seen. */
  readonly frames: readonly { readonly file: string; readonly at: number }[];
  readonly voice: string;
}

function findChromium(): string {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // The next name.
    }
  }
  throw new Error('There is no chromium on the PATH.');
}

function speak(text: string, file: string): number {
  execFileSync('espeak-ng', ['-v', 'en-gb', '-s', '158', '-p', '42', '-w', file, text]);
  const seconds = execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', file], {
    encoding: 'utf8',
  });
  return Number(seconds);
}

/** Films one scene: takes what Chromium paints while `show` runs, and holds the last picture until the voice has ended. */
async function film(page: Page, scene: Scene, stage: Stage, folder: string, index: number): Promise<Filmed> {
  const voice = path.join(folder, `voice-${index}.wav`);
  const spoken = speak(scene.says, voice);
  const session = await page.context().newCDPSession(page);
  const frames: { file: string; at: number }[] = [];
  const startedMs = performance.now();
  session.on('Page.screencastFrame', ({ data, sessionId }) => {
    const file = path.join(folder, `frame-${index}-${String(frames.length).padStart(5, '0')}.jpg`);
    writeFileSync(file, Buffer.from(data, 'base64'));
    frames.push({ file, at: (performance.now() - startedMs) / 1_000 });
    session.send('Page.screencastFrameAck', { sessionId }).catch(() => {});
  });
  await session.send('Page.startScreencast', {
    format: 'jpeg',
    quality: 90,
    everyNthFrame: 1,
    maxWidth: size.width,
    maxHeight: size.height,
  });
  await scene.show(page, stage);
  const shown = (performance.now() - startedMs) / 1_000;
  if (shown < spoken) await page.waitForTimeout((spoken - shown) * 1_000);
  await session.send('Page.stopScreencast');
  await session.detach();
  const seconds = Math.max(spoken, (performance.now() - startedMs) / 1_000) + pauseSeconds;
  console.log(`scene ${index + 1}: ${frames.length} pictures, ${seconds.toFixed(1)} s`);
  return { scene, seconds, frames, voice };
}

/** Joins the pictures at their times and the voices at the starts of their scenes. */
function join(filmed: readonly Filmed[], folder: string): void {
  const pictures: string[] = [];
  const voices: string[] = [];
  for (const [index, { frames, seconds, voice }] of filmed.entries()) {
    for (const [at, frame] of frames.entries()) {
      const from = at === 0 ? 0 : frame.at;
      const to = frames[at + 1]?.at ?? seconds;
      pictures.push(`file '${frame.file}'`, `duration ${Math.max(0.001, to - from).toFixed(4)}`);
    }
    const padded = path.join(folder, `padded-${index}.wav`);
    execFileSync('ffmpeg', [
      '-y',
      '-loglevel',
      'error',
      '-i',
      voice,
      '-af',
      `apad=whole_dur=${seconds.toFixed(4)}`,
      '-ar',
      '22050',
      '-ac',
      '1',
      padded,
    ]);
    voices.push(`file '${padded}'`);
  }
  const last = filmed.at(-1)?.frames.at(-1);
  if (last !== undefined) pictures.push(`file '${last.file}'`);
  writeFileSync(path.join(folder, 'pictures.txt'), pictures.join('\n'));
  writeFileSync(path.join(folder, 'voices.txt'), voices.join('\n'));
  execFileSync('ffmpeg', [
    ...['-y', '-loglevel', 'error', '-f', 'concat', '-safe', '0', '-i', path.join(folder, 'pictures.txt')],
    ...['-f', 'concat', '-safe', '0', '-i', path.join(folder, 'voices.txt')],
    ...['-vf', `fps=${framesPerSecond},scale=${size.width}:${size.height}:flags=lanczos,format=yuv420p`],
    ...['-c:v', 'libx264', '-profile:v', 'main', '-preset', 'slow', '-crf', '27', '-g', String(framesPerSecond * 5)],
    ...['-c:a', 'aac', '-b:a', '48k', '-ac', '1', '-movflags', '+faststart', '-shortest', path.join(media, 'walk.mp4')],
  ]);
}

function writeCaptions(filmed: readonly Filmed[]): void {
  const cues: string[] = [];
  let start = 0;
  for (const { scene, seconds } of filmed) {
    const sentences = scene.says.match(/[^.]+\./g) ?? [scene.says];
    const letters = scene.says.length;
    let at = start;
    for (const sentence of sentences) {
      const to = at + ((seconds - pauseSeconds) * sentence.length) / letters;
      cues.push(`${stamp(at)} --> ${stamp(to)}\n${sentence.trim()}`);
      at = to;
    }
    start += seconds;
  }
  writeFileSync(path.join(media, 'walk.vtt'), `WEBVTT\n\n${cues.join('\n\n')}\n`);
}

function stamp(seconds: number): string {
  const ms = Math.round(seconds * 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(ms / 3_600_000))}:${two(Math.floor(ms / 60_000) % 60)}:${two(Math.floor(ms / 1_000) % 60)}.${String(ms % 1_000).padStart(3, '0')}`;
}

/** Keeps the lesson's file in step with the film. */
function writeLesson(filmed: readonly Filmed[]): void {
  const file = path.join(
    root,
    'demo',
    'courses',
    'follow-one-purchase',
    'lessons',
    '00-a-walk-through-the-platform.video.json',
  );
  const lesson = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const durationSeconds = Math.round(filmed.reduce((sum, { seconds }) => sum + seconds, 0));
  const transcript = filmed.map(({ scene }) => scene.says).join('\n\n');
  const next = { ...lesson, file: 'walk.mp4', captions: 'walk.vtt', poster: 'walk.jpg', durationSeconds, transcript };
  writeFileSync(file, `${JSON.stringify(next, null, 2)}\n`);
}

async function record(browser: Browser, url: string, folder: string): Promise<Filmed[]> {
  const context = await browser.newContext({ viewport: size, colorScheme: 'light', deviceScaleFactor: 1 });
  const page = await context.newPage();
  const stage: Stage = { url, password, orderId: '' };
  const filmed: Filmed[] = [];
  for (const [index, scene] of scenes.entries()) filmed.push(await film(page, scene, stage, folder, index));
  await context.close();
  return filmed;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-walk-'));
mkdirSync(media, { recursive: true });
const config = readConfig(['--all', '--port', '0', '--data', path.join(folder, 'data')], {
  SUUUPRA_DEMO_PASSWORD: password,
});
const fresh = isFresh(config);
const platform = await compose(allServices, config);
const browser = await chromium.launch({
  executablePath: findChromium(),
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--disable-background-networking', '--disable-quic'],
});
try {
  await seed(platform, config, fresh);
  platform.open();
  const filmed = await record(browser, platform.url, folder);
  join(filmed, folder);
  writeCaptions(filmed);
  writeLesson(filmed);
  execFileSync('ffmpeg', [
    '-y',
    '-loglevel',
    'error',
    '-ss',
    '6',
    '-i',
    path.join(media, 'walk.mp4'),
    '-frames:v',
    '1',
    '-q:v',
    '4',
    path.join(media, 'walk.jpg'),
  ]);
  const { size: bytes } = statSync(path.join(media, 'walk.mp4'));
  console.log(`demo/media/walk.mp4: ${(bytes / 1024 / 1024).toFixed(2)} MB`);
  if (bytes > bytesMax) throw new Error('The film is larger than 4 MB; raise -crf.');
} finally {
  await browser.close();
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
}
