/** What the build made for the server: the renderer, and the addresses of the browser's files. */
import { readFile } from 'node:fs/promises';
import type { RenderedPage, Seed } from '../src/embedded-state.ts';
import type { PagePattern } from '../src/route-patterns.ts';
import type { BuiltFiles } from './document.ts';
import type { SeedKeys } from './public-pages.ts';

export interface Renderer {
  renderPage(href: string, seeds: readonly Seed[], signedIn: boolean): Promise<RenderedPage>;
  readonly keys: SeedKeys;
  /** Files of the document of a page, its own module preloaded. */
  filesOf(pattern: PagePattern | undefined): BuiltFiles;
}

interface Chunk {
  readonly file: string;
  readonly css?: readonly string[];
  readonly imports?: readonly string[];
}

export type Manifest = Readonly<Record<string, Chunk>>;

const dist = new URL('../dist/', import.meta.url);
export const clientFolder = new URL('client/', dist);

/** Undefined when the web app is not built. */
export async function openRenderer(): Promise<Renderer | undefined> {
  const text = await readFile(new URL('.vite/manifest.json', clientFolder), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const manifest = JSON.parse(text) as Manifest;
  const built = (await import(new URL('server/entry-server.js', dist).href)) as Pick<Renderer, 'renderPage' | 'keys'>;
  return { renderPage: built.renderPage, keys: built.keys, filesOf: (pattern) => filesOf(manifest, pattern) };
}

const modules: Partial<Record<PagePattern, string>> = {
  '/': 'src/pages/catalogue.tsx',
  '/courses': 'src/pages/catalogue.tsx',
  '/courses/$slug': 'src/pages/course.tsx',
  '/lessons/$lessonId': 'src/pages/lesson.tsx',
};

/** The first screen's faces: the interface's, and the reading face of titles. */
const firstFonts = [/geist-latin-wght-normal/, /source-serif-4-latin-wght-normal/];

export function filesOf(manifest: Manifest, pattern: PagePattern | undefined): BuiltFiles {
  const address = (file: string) => `/${file}`;
  const main = manifest['src/main.tsx'];
  const theme = manifest['src/theme-boot.ts'];
  const style = manifest['style.css'];
  if (!main || !theme) throw new Error('web/dist/client/.vite/manifest.json does not name the entries of the app.');
  const page = pattern === undefined ? undefined : modules[pattern];
  const needed = [...withImports(manifest, 'src/main.tsx'), ...(page ? withImports(manifest, page) : [])];
  const assets = Object.values(manifest).map((chunk) => chunk.file);
  return {
    scripts: [address(main.file)],
    styles: [...(main.css ?? []), ...(style ? [style.file] : [])].map(address),
    themeScript: address(theme.file),
    preloads: [...new Set(needed.filter((file) => file !== main.file))].map(address),
    fonts: firstFonts.flatMap((font) => assets.filter((file) => font.test(file))).map(address),
  };
}

/** A module's file and those it cannot start without. */
export function withImports(manifest: Manifest, name: string, seen = new Set<string>()): string[] {
  const chunk = manifest[name];
  if (!chunk || seen.has(name)) return [];
  seen.add(name);
  return [chunk.file, ...(chunk.imports ?? []).flatMap((other) => withImports(manifest, other, seen))];
}
