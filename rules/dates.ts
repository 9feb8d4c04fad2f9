/** Civil dates of the retention calculation: anniversaries that are never early, births known in part, financial years. */
import { DateTime } from 'luxon';

/** A civil date `yyyy-mm-dd` with no zone; two of them compare as strings. */
export type IsoDate = string;

/** A birth as recorded: `yyyy`, `yyyy-mm` or `yyyy-mm-dd`. */
export type PartialDate = string;

/** Both ends included. */
export interface DateSpan {
  earliest: IsoDate;
  latest: IsoDate;
}

const PARTIAL_DATE = /^\d{4}(-\d{2}(-\d{2})?)?$/;
const DAY_FIRST_DATE = /^(\d{2})\/(\d{2})\/(\d{4})$/;

/**
 * The same day and month `years` on, added in one step; 29 February becomes 1 March in a common year,
 * because 28 February would be a day early.
 */
export function anniversary(date: IsoDate, years: number): IsoDate {
  const start = civil(date);
  const reached = start.plus({ years });
  return iso(reached.day === start.day ? reached : reached.plus({ days: 1 }));
}

/** The following day: `eligibleFrom` is the day after `retainUntil`. */
export function dayAfter(date: IsoDate): IsoDate {
  return addDays(date, 1);
}

/** `days` later, or earlier when negative. */
export function addDays(date: IsoDate, days: number): IsoDate {
  return iso(civil(date).plus({ days }));
}

/** Days from the one to the other; negative when the other is earlier. */
export function daysBetween(from: IsoDate, to: IsoDate): number {
  return civil(to).diff(civil(from), 'days').days;
}

/** The 31 March on or after `date`: the end of the financial year (1 April to 31 March) it belongs to. */
export function financialYearEnd(date: IsoDate): IsoDate {
  const year = Number(date.slice(0, 4));
  return date.slice(5) <= '03-31' ? `${date.slice(0, 4)}-03-31` : `${String(year + 1).padStart(4, '0')}-03-31`;
}

/** First and last possible day of a birth of which only the year or the month may be known. */
export function possibleDays(birth: PartialDate): DateSpan {
  if (birth.length === 10) return { earliest: birth, latest: birth };
  if (birth.length === 7) return { earliest: `${birth}-01`, latest: iso(civil(`${birth}-01`).endOf('month')) };
  return { earliest: `${birth}-01-01`, latest: `${birth}-12-31` };
}

/**
 * First and last day the birthday of that age can fall on. For a birth on 29 February it lies between 28 February and
 * 1 March of a common year, for the law does not settle it.
 */
export function birthdaySpan(birth: PartialDate, age: number): DateSpan {
  const { earliest, latest } = possibleDays(birth);
  return { earliest: iso(civil(earliest).plus({ years: age })), latest: anniversary(latest, age) };
}

/** True for a real civil date written `yyyy-mm-dd`. */
export function isIsoDate(text: string): boolean {
  return text.length === 10 && PARTIAL_DATE.test(text) && text >= '0001' && civil(text).isValid;
}

/** The date written `yyyy-mm-dd` or `dd/mm/yyyy`, as ISO; null when it is neither or not a real day. */
export function readDate(text: string): IsoDate | null {
  const dayFirst = DAY_FIRST_DATE.exec(text);
  const isoText = dayFirst ? `${dayFirst[3]}-${dayFirst[2]}-${dayFirst[1]}` : text;
  return isIsoDate(isoText) ? isoText : null;
}

/** As `readDate`, and `yyyy` or `yyyy-mm` too. */
export function readPartialDate(text: string): PartialDate | null {
  if (/^\d{4}$/.test(text)) return text >= '0001' ? text : null;
  if (/^\d{4}-\d{2}$/.test(text)) return isIsoDate(`${text}-01`) ? text : null;
  return readDate(text);
}

/** `21/11/2026`, for tables; a birth known in part as `11/2026` or `2026`. */
export function shortDate(date: PartialDate): string {
  return date.split('-').reverse().join('/');
}

/** `21 November 2026`, for running text; a birth known in part as `November 2026` or `2026`. */
export function longDate(date: PartialDate): string {
  if (date.length === 4) return date;
  if (date.length === 7) return civil(`${date}-01`).setLocale('en-GB').toFormat('LLLL yyyy');
  return civil(date).setLocale('en-GB').toFormat('d LLLL yyyy');
}

function civil(date: IsoDate): DateTime {
  return DateTime.fromISO(date, { zone: 'utc' });
}

function iso(date: DateTime): IsoDate {
  return date.toFormat('yyyy-MM-dd');
}
