/**
 * Clocks set back or ahead, missed nights and a day that comes once in four years: nothing early, nothing twice, and what was
 * missed is caught up once.
 */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock, todayInLondon } from '../../jobs/clock.ts';
import { addDays, longDate } from '../../rules/dates.ts';
import type { Council } from '../setup/commands.ts';
import { determinationsCsv, nightAt, Rehearsals } from '../setup/machineNights.ts';
import { tally, times } from '../setup/tally.ts';

const SLOW = { timeout: times(240_000, 7_200_000) };
const rehearsals = new Rehearsals();
afterEach(() => rehearsals.close());

describe('a clock set back', () => {
  it(
    'by hours, a day or a year after a night: nothing twice, nothing early, no cooling-off shorter, and no night of an earlier day',
    SLOW,
    async () => {
      const council = await rehearsals.begin();
      council.register.child('CF-1');
      // Falling due on the days of a year, more of them than the brake lets pass where they were not foretold.
      for (let i = 0; i < 60; i++) {
        council.register.child(`CF-y${i}`, { categories: 'child_protection' }, { date_of_birth: addDays('2000-12-01', i * 5) });
      }
      await council.night('2026-11-22');
      const [signedFirst] = (await council.lists()).sort((one, other) => one.rule.localeCompare(other.rule)).map(({ id }) => id);
      await council.approveAndSign(signedFirst ?? 0, '2026-11-22');
      council.register.child('CF-2');
      await council.night('2026-11-30');
      const { list } = await council.itemOf('CF-2');
      await council.approveAndSign(list, '2026-11-30');
      const before = await standsAs(council);
      expect(before.bags).toEqual(['CF-1.zip']);

      const back = ['2026-11-29T12:00:00Z', '2026-11-25T12:00:00Z', '2025-11-30T12:00:00Z'];
      expect((await nightAt(council, '2026-11-30T00:10:00Z')).stopped).toEqual([]);
      for (const instant of back) {
        council.clock = () => new Date(instant);
        const { exitCode, stderr } = await council.retention(['nightly', '--import', council.extract]);
        expect([exitCode, stderr]).toEqual([1, expect.stringContaining('The night of 30 November 2026 has succeeded')]);
        expect(await standsAs(council), instant).toEqual(before);
      }
      expect((await nightAt(council, '2026-12-01T12:00:00Z')).stopped).toEqual([]);
      await nightAt(council, '2026-12-07T12:00:00Z');
      const early = (await council.bags()).length - 1;
      await nightAt(council, '2026-12-08T12:00:00Z');
      expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
      const events = await council.db('audit_events').where({ event: 'item.archived' }).pluck<string[]>('details');
      await council.expectAccounted();
      tally({ what: 'a clock set back by hours, days, a year', tried: back.length, early, twice: events.length - 2 });
    },
  );
});

describe('a clock ahead of the database’s', () => {
  it('by a day or a year: whatever writes is refused in these words, and not a byte is written', SLOW, async () => {
    const today = todayInLondon(systemClock);
    const council = await rehearsals.begin({ RETENTION_REHEARSAL: '' });
    council.today = today;
    council.register.child('CF-1', {}, { date_of_birth: `${Number(today.slice(0, 4)) - 25}-06-15` });
    await council.document('CF-1', 'CF-1.txt');
    await council.writeExtract();
    await council.done(['nightly', '--import', council.extract]);
    const before = await everything(council);
    const writing = [
      ...['nightly', 'compute', 'list', 'archive', 'report', 'cancel 1 --reason x', 'confirm CF-1 --reason x', 'referral close CF-1'],
      ...['decide 1 --approve --all', 'sign-off 1 --digest x', 'send-back 1 --reason x', 'withdraw 1 --files CF-1 --reason x'],
      ...['hold release 1 --confirm', 'restore CF-1 --confirm', 'paper done CF-1 --moved-to x', 'transfer received CF-1 --as-file A-1'],
      ...['originals returned CF-1 --to x', 'review done CF-1 --note x', 'brake release volume --reason x'],
      'hold add --kind police --scope everything --authority x --review-on 2040-01-01',
    ];
    const commands = [...writing.map((words) => words.split(' ')), ['nightly', '--import', council.extract], ['import', council.extract]];
    const days = [addDays(today, 1), addDays(today, 2), addDays(today, 365)];
    const notRefused: unknown[] = [];
    for (const day of days) {
      council.today = day;
      for (const command of commands) {
        const { exitCode, stdout, stderr } = await council.retention(command);
        const said = `retention: This machine says it is ${longDate(day)}, but for the database it is ${longDate(today)}. Nothing was done; set the clocks right.\n`;
        // A day may begin in London while this runs.
        const refused = exitCode === 1 && stdout === '' && stderr === said;
        if (todayInLondon(systemClock) === today && !refused) notRefused.push([day, command, exitCode, stdout, stderr]);
      }
    }
    expect(notRefused).toEqual([]);
    expect(await everything(council)).toEqual(before);
    tally({ what: 'a clock ahead of the database’s', tried: days.length * commands.length, early: notRefused.length });
  });
});

describe('three missed nights', () => {
  it('are caught up by one: it ends where a night each day would have', SLOW, async () => {
    const start = '2027-03-25';
    const [missed, punctual] = [await fallingDue(start), await fallingDue(start)];
    for (let day = 1; day <= 3; day++) await punctual.night(addDays(start, day));
    const last = addDays(start, 4);
    const nights = [await missed.night(last), await punctual.night(last)];
    expect(nights.map(({ stopped }) => stopped)).toEqual([[], []]);
    for (const council of [missed, punctual]) expect(await council.bags()).toEqual(['CF-1.zip']);
    expect(await missed.db('runs').where({ kind: 'nightly' }).orderBy('id').pluck('as_of')).toEqual([addDays(start, -5), start, last]);
    expect((await determinationsCsv(missed)).replaceAll(',listed,', ',"",')).toBe(
      (await determinationsCsv(punctual)).replaceAll(',listed,', ',"",'),
    );
    const due = async (council: Council) =>
      council.db('disposal_list_items').where({ status: 'pending' }).orderBy('file_ref').pluck<string[]>('file_ref');
    expect(await due(missed)).toEqual(['CF-d1', 'CF-d2', 'CF-d3', 'CF-d4']);
    // A list is made of a rule only when the one before has been decided, so each day's night would have waited.
    expect(await due(punctual)).toEqual(['CF-d1']);
    tally({ what: 'three missed nights', tried: 1 });
  });
});

describe('29 February', () => {
  it('as a birth is kept through 1 March of a common year, and as a day is a day like any other', SLOW, async () => {
    const council = await rehearsals.begin();
    council.register
      .child('CF-leap', {}, { date_of_birth: '2004-02-29' })
      .child('CF-28', {}, { date_of_birth: '2003-02-28' })
      .child('CF-1mar', {}, { date_of_birth: '2003-03-01' });
    const expected = { 'CF-leap': '2029-03-01', 'CF-28': '2028-02-28', 'CF-1mar': '2028-03-01' };
    const firstListed: Record<string, string> = {};
    const days = ['2028-02-28', '2028-02-29', '2028-03-01', '2028-03-02', '2029-02-28', '2029-03-01', '2029-03-02'];
    for (const day of days) {
      if (day.endsWith('02-28')) await council.night(day, { MAX_AGE_DAYS: '365' });
      for (const step of ['compute', 'list']) await council.done(step, { asOf: day });
      for (const { id } of await council.lists('for_decision')) {
        for (const { file_ref } of (await council.show(id)).items) firstListed[file_ref] ??= day;
        await council.done(`cancel ${id} --reason over`, { asOf: day, as: 'm.jones' });
      }
    }
    const early = Object.entries(expected).filter(([fileRef, day]) => (firstListed[fileRef] ?? '') <= day).length;
    for (const [fileRef, day] of Object.entries(expected)) {
      expect([fileRef, (await council.explain(fileRef, '2029-03-02')).retain_until, firstListed[fileRef]]).toEqual([
        fileRef,
        day,
        addDays(day, 1),
      ]);
    }
    for (const [signedOn, kept, gone] of [
      ['2028-02-22', '2028-02-29', '2028-03-01'],
      ['2027-02-22', '2027-03-01', '2027-03-02'],
    ] as const) {
      const other = await rehearsals.signed(signedOn);
      await other.done('archive', { asOf: kept });
      expect(await other.bags()).toEqual([]);
      await other.done('archive', { asOf: gone });
      expect(await other.bags()).toEqual(['CF-1.zip']);
    }
    const keep = ['--reason', 'claim', '--files', 'CF-1'];
    const other = await rehearsals.begin();
    other.register.child('CF-1');
    await other.night('2028-02-20');
    for (const day of ['2027-02-29', '2029-02-29']) {
      expect((await other.retention(['decide', '1', '--keep-until', day, ...keep], { asOf: '2028-02-20', as: 'm.jones' })).exitCode).toBe(
        2,
      );
    }
    await other.done(['decide', '1', '--keep-until', '2028-02-29', ...keep], { asOf: '2028-02-20', as: 'm.jones' });
    await other.sign(1, '2028-02-20');
    const listedOn = async (asOf: string) => (await other.done('list --json', { asOf })).json<{ steps: object }>().steps;
    expect(await listedOn('2028-02-29')).toMatchObject({ list: { listed: 0 } });
    expect(await listedOn('2028-03-01')).toMatchObject({ list: { listed: 1 } });
    tally({ what: '29 February', tried: days.length + 7, early });
  });
});

/** A file past its cooling-off in three days, and one more falling due on each of the next four. */
async function fallingDue(start: string): Promise<Council> {
  const council = await rehearsals.signed(addDays(start, -5));
  for (let day = 1; day <= 4; day++) {
    council.register.child(`CF-d${day}`, {}, { date_of_birth: `2002-${addDays(start, day - 1).slice(5)}` });
  }
  await council.night(start);
  return council;
}

/** What a night must not change when it runs again, whatever the day it thinks it is. */
async function standsAs(council: Council) {
  const items = await council
    .db('disposal_list_items')
    .orderBy(['list_id', 'position'])
    .select<{ list_id: number; file_ref: string; status: string; item_digest: string }[]>('list_id', 'file_ref', 'status', 'item_digest');
  return { bags: await council.bags(), files: await council.db('case_files').orderBy('file_ref').pluck<string[]>('file_ref'), items };
}

/** A digest of every row of every table. */
async function everything(council: Council): Promise<Record<string, string>> {
  const tables = await council.db('pg_tables').where({ schemaname: 'public' }).orderBy('tablename').pluck<string[]>('tablename');
  const digests: Record<string, string> = {};
  for (const table of tables) {
    const rows = (await council.db(table).select<object[]>()).map((row) => JSON.stringify(row)).sort();
    digests[table] = createHash('sha256').update(rows.join('\n')).digest('hex');
  }
  return digests;
}
