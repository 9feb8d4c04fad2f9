/** Dates of every wrong kind in every column: none makes a file due before its day, and both calculations say the same of each. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkFiles } from '../../db/crossCheck.ts';
import { scheduleInForce } from '../../db/schedules.ts';
import type { NightResult } from '../../jobs/night.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { DATES } from '../setup/hostileWords.ts';
import { tally } from '../setup/tally.ts';

const today = '2026-11-22';

/** Columns, with a category whose files they decide, and how many years those are kept from that date at the least. */
const DECIDES: [column: string, categories: string, years: number][] = [
  ['date_of_birth', 'child_in_need', 25],
  ['date_of_birth', 'child_in_care', 75],
  ['date_of_birth', 'privately_fostered_child', 100],
  ['date_of_death', 'child_in_care', 15],
  ['closed_on', 'adopters', 10],
  ['closed_on', 'safeguarding_unit', 35],
  ['closed_on', 'child_in_need', 0],
  ['opened_on', 'child_in_need', 0],
  ['adoption_order_on', 'adoption', 100],
  ['approval_ended_on', 'foster_carer', 10],
  ['notified_on', 'missing_person', 1],
  ['last_entry_on', 'financial', 6],
];

let council: Council;

beforeEach(async () => {
  council = await rehearsal({ LIST_SIZE: '5000', OPEN_ITEMS: '5000' });
});

afterEach(() => council.close());

it(
  'is in quarantine, or decides its file by both calculations alike, and none is listed before its day',
  { timeout: 5 * 60 * 1000 },
  async () => {
    const lastDays = new Map<string, string | null>();
    DATES.forEach((date, i) =>
      DECIDES.forEach(([column, categories, years], j) => {
        const fileRef = `CF-${i}-${j}`;
        lastDays.set(fileRef, lastDay(date, years, column === 'date_of_birth'));
        if (column.startsWith('date_of_')) council.register.child(fileRef, { categories }, { [column]: date });
        else council.register.child(fileRef, { categories, [column]: date });
      }),
    );
    await council.writeExtract();
    const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf: today });
    expect(night.exitCode, night.stderr).toBe(3);
    const { steps, stopped } = night.json<NightResult>();
    expect(stopped).toEqual([]);

    const refs = await council.db('case_files').pluck<string[]>('file_ref');
    expect(
      refs.filter((ref) => lastDays.get(ref) === null),
      'files with a date that is none',
    ).toEqual([]);
    expect(steps['import']).toMatchObject({ rows: { 'files.csv': { read: lastDays.size, added: refs.length } } });
    const checked = await checkFiles(council.db, await scheduleInForce(council.db, today), today, refs);
    expect(checked.filter((file) => file.verdict !== 'agree')).toEqual([]);

    const items = (await Promise.all((await council.lists()).map(({ id }) => council.show(id)))).flatMap((list) => list.items);
    expect(items.length).toBeGreaterThan(10);
    const early = items.filter(({ file_ref }) => (lastDays.get(file_ref) ?? '9999') >= today);
    expect(early.map(({ file_ref }) => file_ref)).toEqual([]);
    tally({ what: 'dates of every wrong kind, in every column', tried: lastDays.size, early: early.length });
  },
);

/** The last day of keeping, years on from the latest day that a date can mean, by arithmetic of this test; null where it is no date. */
function lastDay(text: string, years: number, mayBePartial: boolean): string | null {
  const [, day, month, year] = /^(\d\d)\/(\d\d)\/(\d{4})$/.exec(text) ?? [];
  const whole = year === undefined ? text : `${year}-${month ?? ''}-${day ?? ''}`;
  const partial = mayBePartial && /^\d{4}(-\d\d)?$/.test(whole) ? `${whole}${whole.length === 4 ? '-12-31' : '-28'}` : whole;
  if (!/^\d{4}-\d\d-\d\d$/.test(partial)) return null;
  const date = new Date(`${partial}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== partial || partial < '0001') return null;
  return `${String(date.getUTCFullYear() + years).padStart(4, '0')}${partial.slice(4)}`;
}
