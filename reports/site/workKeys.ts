/** Where a page of waiting work begins, as its address says it: `?after=2026-11-22_CF-1`. */
import type { WorkKey } from '../../db/workPages.ts';
import { isIsoDate } from '../../rules/dates.ts';
import type { Fields } from './page.ts';

/** The key of the address; null on the first page, and where it is none. */
export function readWorkKey(query: Fields): WorkKey | null {
  const [day = '', ...ref] = query.one('after').split('_');
  return isIsoDate(day) && ref.length > 0 ? { day, ref: ref.join('_') } : null;
}

/** The same as a part of an address. */
export function workKeyText({ day, ref }: WorkKey): string {
  return new URLSearchParams({ after: `${day}_${ref}` }).toString();
}

/** A file as a part of an address: `ref=CF-1`. */
export function refText(ref: string): string {
  return new URLSearchParams({ ref }).toString();
}
