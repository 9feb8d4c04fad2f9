/** The only clock: which day it is in London, and what time, for those who need it. */
import { DateTime } from 'luxon';
import type { IsoDate } from '../rules/dates.ts';

export const LONDON = 'Europe/London';

export type Clock = () => Date;

export const systemClock: Clock = () => new Date();

/** The date in London at this moment, wherever the machine stands. */
export function todayInLondon(clock: Clock): IsoDate {
  return DateTime.fromJSDate(clock(), { zone: LONDON }).toFormat('yyyy-MM-dd');
}
