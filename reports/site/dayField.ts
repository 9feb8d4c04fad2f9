/** A day that is typed into three fields: NAME_day, NAME_month and NAME_year. */
import { readDate, type IsoDate } from '../../rules/dates.ts';
import type { Fields } from './page.ts';

/** What was typed, kept whatever is wrong with it. */
export function typedDay(body: Fields, name: string): Record<string, string> {
  return Object.fromEntries(['day', 'month', 'year'].map((part) => [`${name}_${part}`, body.one(`${name}_${part}`)]));
}

/** The day, or null when there is no such day. */
export function readDayField(body: Fields, name: string): IsoDate | null {
  const part = (of: string, length: number) => body.one(`${name}_${of}`).trim().padStart(length, '0');
  return readDate(`${part('year', 4)}-${part('month', 2)}-${part('day', 2)}`);
}
