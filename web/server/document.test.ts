import { describe, expect, test } from 'vitest';
import type { Course } from '../src/api/types.ts';
import { courseHead } from '../src/lib/page-head.ts';
import { htmlDocument, scriptJson } from './document.ts';

const hostile = `</title></script><script>alert("1")</script><img src=x onerror='x'>&\u2028`;

const course: Course = {
  id: 'crs_1',
  slug: 'a-course',
  title: hostile,
  summary: hostile,
  level: 'beginner',
  language: 'en',
  price: { currency: 'INR', amountMinor: '49900' },
  instructor: { id: 'usr_1', displayName: hostile },
  release: 1,
  descriptionHtml: '',
  description: '',
  lessonCount: 3,
  durationSeconds: 600,
};

const files = { scripts: ['/assets/main.js'], styles: [], themeScript: '/assets/theme.js', preloads: [], fonts: [] };
const publicUrl = 'https://school.example';

function page(indexed: boolean) {
  const state = { signedIn: false, queries: { mutations: [], queries: [] }, note: hostile };
  return htmlDocument({ head: courseHead(course, publicUrl), publicUrl, body: '<p>body</p>', state, files, indexed });
}

describe('the document around a page', () => {
  test('lets no text of a course become markup', () => {
    const html = page(true);
    expect(html).not.toMatch(/<script>alert|<img|<\/title><\/script>/);
    expect(html.match(/<script/g)).toHaveLength(4);
    expect(html.match(/<title>/g)).toHaveLength(1);
  });

  test('runs no inline script and carries no inline style', () => {
    const inline = [...page(true).matchAll(/<script(?![^>]*\bsrc=)([^>]*)>/g)].map((match) => match[1]);
    expect(inline.every((attributes) => /type="application\/(ld\+)?json"/.test(attributes ?? ''))).toBe(true);
    expect(page(true)).not.toMatch(/ style=|<style|onload=/);
  });

  test('describes the course to machines, and the data survives its escaping', () => {
    const data = JSON.parse(/ld\+json">(.*?)<\/script>/s.exec(page(true))?.[1] ?? '');
    expect(data).toMatchObject({
      '@type': 'Course',
      name: hostile,
      url: 'https://school.example/courses/a-course',
      offers: { price: '499.00', priceCurrency: 'INR' },
    });
    expect(page(true)).toContain('<link rel="canonical" href="https://school.example/courses/a-course">');
  });

  test('keeps pages that are not public out of search engines', () => {
    expect(page(false)).toContain('<meta name="robots" content="noindex">');
    expect(page(false)).not.toContain('canonical');
  });

  test('embedded JSON reads back as it was', () => {
    const value = { text: `${hostile}\u2029` };
    expect(scriptJson(value)).not.toMatch(/[<>&\u2028\u2029]/);
    expect(JSON.parse(scriptJson(value))).toEqual(value);
  });
});
