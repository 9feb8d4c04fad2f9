/** How pages are drawn: templates, what every one of them knows, and the navigation by what the person may do. */
import type { Environment } from 'nunjucks';
import { longDate, shortDate } from '../../rules/dates.ts';
import { mayDo, type Permission } from '../../rules/workflow.ts';
import type { SitePerson } from './page.ts';
import { counted, sentence, moment } from './words.ts';

interface NavigationLink {
  text: string;
  href: string;
  needs: Permission | 'signed_in';
}

/** The pages of the navigation, each with what it takes to see it. A page that belongs there adds its line. */
export const NAVIGATION: readonly NavigationLink[] = [
  { text: 'Home', href: '/', needs: 'signed_in' },
  { text: 'Lists', href: '/lists', needs: 'read' },
  { text: 'Why this date', href: '/files', needs: 'read' },
  { text: 'Find', href: '/find', needs: 'find' },
  { text: 'Needs data', href: '/needs-data', needs: 'read' },
  { text: 'Reports', href: '/reports', needs: 'read' },
  { text: 'What if', href: '/what-if', needs: 'read' },
  { text: 'Holds', href: '/holds', needs: 'read' },
  { text: 'Reviews', href: '/reviews', needs: 'read' },
  { text: 'Referred', href: '/referrals', needs: 'read' },
  { text: 'To do outside', href: '/outside', needs: 'read' },
  { text: 'Bring back', href: '/restore', needs: 'restore' },
  { text: 'Audit', href: '/audit', needs: 'read' },
  { text: 'Runs', href: '/runs', needs: 'read' },
  { text: 'People', href: '/people', needs: 'manage_people' },
];

/** The navigation as the macro takes it, for somebody on the page of that path. */
export function navigationFor(person: SitePerson | null, path: string): { text: string; href: string; active: boolean }[] {
  if (person === null) return [];
  return NAVIGATION.filter(({ needs }) => needs === 'signed_in' || mayDo(person.roles, needs)).map(({ text, href }) => ({
    text,
    href,
    active: href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`) || path.startsWith(`${href}?`),
  }));
}

/** Gives templates the words and forms they use. */
export function prepareTemplates(environment: Environment): void {
  environment
    .addFilter('longDate', (date: string | null) => (date === null ? '' : longDate(date)))
    .addFilter('shortDate', (date: string | null) => (date === null ? '' : shortDate(date)))
    // The timeline of the Ministry of Justice asks for a filter of this name.
    // The timeline of the design system asks it for its day, and hands on the time of day as the format.
    .addFilter('date', (date: string, time: string) => `${longDate(date)}${time === '' ? '' : ` at ${time}`}`)
    .addFilter('moment', (at: Date | null) => (at === null ? '' : moment(at)))
    .addFilter('number', (count: number) => count.toLocaleString('en-GB'))
    .addFilter('sentence', (words: string | null) => sentence(words ?? ''))
    .addFilter('words', (word: string | null) => (word ?? '').replaceAll('_', ' '))
    .addFilter('files', (count: number) => counted(count, 'file'));
}
