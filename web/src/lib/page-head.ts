/** What a page says about itself to browsers, search engines and chats: pure, used by the server and the browser. */
import type { Course, Lesson } from '../api/types.ts';
import { decimalText } from './money.ts';

export interface PageHead {
  readonly title: string;
  readonly description: string;
  /** The one address of this page, as a path. */
  readonly canonicalPath: string;
  readonly type: 'website' | 'article';
  /** schema.org data; undefined for pages that are not public documents. */
  readonly jsonLd?: Readonly<Record<string, unknown>>;
}

export const siteName = 'Suuupra';
export const siteDescription =
  'Courses you read, watch and practise, with prices, progress and payments you can follow to the last paisa.';

export function titled(title: string): string {
  return title === '' ? siteName : `${title} · ${siteName}`;
}

export function catalogueHead(path: string): PageHead {
  return { title: titled('Courses'), description: siteDescription, canonicalPath: path, type: 'website' };
}

export function courseHead(course: Course, publicUrl: string): PageHead {
  const canonicalPath = `/courses/${course.slug}`;
  return {
    title: titled(course.title),
    description: course.summary,
    canonicalPath,
    type: 'article',
    jsonLd: {
      '@context': 'https://schema.org',
      '@type': 'Course',
      name: course.title,
      description: course.summary,
      url: publicUrl + canonicalPath,
      inLanguage: course.language,
      educationalLevel: course.level,
      provider: { '@type': 'Organization', name: siteName, url: publicUrl },
      ...(course.instructor && { author: { '@type': 'Person', name: course.instructor.displayName } }),
      ...(course.price && { offers: offerOf(course, publicUrl + canonicalPath) }),
      ...(course.durationSeconds > 0 && {
        hasCourseInstance: {
          '@type': 'CourseInstance',
          courseMode: 'online',
          courseWorkload: `PT${Math.max(1, Math.round(course.durationSeconds / 60))}M`,
        },
      }),
    },
  };
}

export function lessonHead(lesson: Lesson, course: Course): PageHead {
  return {
    title: titled(`${lesson.title} · ${course.title}`),
    description: `A lesson of ${course.title}. ${course.summary}`.slice(0, 300),
    canonicalPath: `/lessons/${lesson.id}`,
    type: 'article',
  };
}

function offerOf(course: Course, url: string): Readonly<Record<string, unknown>> {
  const { currency = 'INR', amountMinor = '0' } = course.price ?? {};
  return {
    '@type': 'Offer',
    category: amountMinor === '0' ? 'Free' : 'Paid',
    price: decimalText(BigInt(amountMinor), currency),
    priceCurrency: currency,
    url,
    availability: 'https://schema.org/InStock',
  };
}
