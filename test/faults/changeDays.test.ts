/**
 * London's change days, and machines and database servers in other zones: the business date is London's each time, to the second,
 * and the scheduler keeps to London time.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { todayInLondon } from '../../jobs/clock.ts';
import type { NightResult } from '../../jobs/night.ts';
import { addDays } from '../../rules/dates.ts';
import { until, type Council } from '../setup/commands.ts';
import { forgetConnections } from '../setup/keptConnections.ts';
import { determinationsCsv, nightAt, Rehearsals } from '../setup/machineNights.ts';
import { clockAt } from '../setup/shiftedClock.ts';
import { tally, times } from '../setup/tally.ts';

const SLOW = { timeout: times(240_000, 7_200_000) };
const rehearsals = new Rehearsals();
afterEach(() => rehearsals.close());

/** The last instant of a day in London and the first of the next, about the days on which its clocks change. */
const MIDNIGHTS = [
  { last: '2026-10-24T22:59:59Z', first: '2026-10-24T23:00:00Z', day: '2026-10-25', what: 'the day clocks go back begins' },
  { last: '2026-10-25T23:59:59Z', first: '2026-10-26T00:00:00Z', day: '2026-10-26', what: 'the day clocks go back ends, an hour late' },
  { last: '2027-03-27T23:59:59Z', first: '2027-03-28T00:00:00Z', day: '2027-03-28', what: 'the day clocks go forward begins' },
  { last: '2027-03-28T22:59:59Z', first: '2027-03-28T23:00:00Z', day: '2027-03-29', what: 'the day clocks go forward ends, an hour early' },
  { last: '2028-02-28T23:59:59Z', first: '2028-02-29T00:00:00Z', day: '2028-02-29', what: 'a 29 February begins' },
];

/** Instants between one and two, when an hour is missing or comes twice. */
const HOURS: [instant: string, day: string][] = [
  ['2026-10-25T00:30:00Z', '2026-10-25'],
  ['2026-10-25T01:30:00Z', '2026-10-25'],
  ['2027-03-28T00:59:59Z', '2027-03-28'],
  ['2027-03-28T01:00:00Z', '2027-03-28'],
];

describe('the business date', () => {
  it('about London’s change days: what is archived from a day on is archived at its first instant, not one before', SLOW, async () => {
    let early = 0;
    const midnights = MIDNIGHTS.filter((_, i) => i % 3 === 0 || times(0, 1) === 1);
    for (const { last, first, day, what } of midnights) {
      const council = await rehearsals.signed(addDays(day, -8));
      council.register.child('CF-due', {}, { date_of_birth: `${Number(day.slice(0, 4)) - 25}-${addDays(day, -1).slice(5)}` });
      await council.writeExtract();
      const before = await nightAt(council, last);
      expect([before.as_of, await council.bags()], what).toEqual([addDays(day, -1), []]);
      early += (await listedOf(council, 'CF-due')) + (await council.bags()).length;
      const after = await nightAt(council, first);
      expect([after.as_of, await council.bags(), await listedOf(council, 'CF-due')], what).toEqual([day, ['CF-1.zip'], 1]);
      await council.expectAccounted();
    }
    const council = await rehearsals.begin();
    for (const [instant, day] of HOURS) {
      council.clock = () => new Date(instant);
      expect((await council.done('compute --json')).json<{ as_of: string }>().as_of, instant).toBe(day);
    }
    tally({ what: 'nights about London’s change days', tried: 2 * midnights.length + HOURS.length, early });
  });

  it('on a machine and a database server in other zones is London’s, and every date the same', SLOW, async () => {
    const zones = ['Pacific/Auckland', 'America/Los_Angeles', 'Etc/GMT-14', 'Etc/GMT+12', 'Asia/Kathmandu'];
    const instants = ['2026-10-24T23:00:01Z', '2026-10-25T23:59:50Z', '2027-03-28T01:00:01Z', '2027-03-28T23:00:01Z'];
    let tried = 0;
    for (const instant of instants.slice(0, times(1, instants.length))) {
      const london = await inZone('Europe/London', 'UTC', instant);
      expect(london.asOf).toBe(todayInLondon(() => new Date(instant)));
      for (const zone of zones.slice(0, times(1, zones.length))) {
        expect(await inZone(zone, zone, instant), `${instant} in ${zone}`).toEqual(london);
        tried++;
      }
    }
    tally({ what: 'machine and database in another zone', tried });
  });
});

describe('the scheduler', () => {
  const CASES: { what: string; at: string; NIGHT: string; last: string; asOf: string; noSoonerThan: string }[] = [
    {
      what: 'half past two, where the hour from one to two is missing',
      at: '2027-03-28T01:29:50Z',
      NIGHT: '30 2 * * *',
      last: '2027-03-27',
      asOf: '2027-03-28',
      noSoonerThan: '2027-03-28T01:30:00Z',
    },
    {
      what: 'the night before was missed, and today’s is still to come, on the day after clocks went forward',
      at: '2027-03-28T23:15:00Z',
      NIGHT: '30 2 * * *',
      last: '2027-03-27',
      asOf: '2027-03-29',
      noSoonerThan: '2027-03-28T23:15:00Z',
    },
    {
      what: 'two o’clock, after the second of two hours from one to two',
      at: '2026-10-25T01:59:50Z',
      NIGHT: '0 2 * * *',
      last: '2026-10-24',
      asOf: '2026-10-25',
      noSoonerThan: '2026-10-25T02:00:00Z',
    },
    {
      what: 'five to midnight of the long day, and none of yesterday was missed',
      at: '2026-10-25T23:54:50Z',
      NIGHT: '55 23 * * *',
      last: '2026-10-24',
      asOf: '2026-10-25',
      noSoonerThan: '2026-10-25T23:55:00Z',
    },
  ];

  it('restarted before tonight’s time waits for it, when yesterday’s night was not missed', SLOW, async () => {
    const restarts = [
      { at: '2027-03-28T00:30:00Z', NIGHT: '30 2 * * *', last: '2027-03-27' },
      { at: '2026-10-25T23:00:00Z', NIGHT: '55 23 * * *', last: '2026-10-24' },
    ];
    let early = 0;
    for (const { at, NIGHT, last } of restarts) {
      const council = await rehearsals.begin();
      await council.night(last);
      const scheduler = council.spawn(['scheduler', '--import', council.extract], { NIGHT, LOG_LEVEL: 'info', ...clockAt(at) });
      await until(() => scheduler.said.stderr.includes('scheduler.started'), 'it has started');
      scheduler.child.kill('SIGTERM');
      expect((await scheduler.exit).exitCode).toBe(0);
      const nights = await council.db('runs').pluck<string[]>('as_of');
      early += nights.length - 1;
      expect(nights, at).toEqual([last]);
    }
    tally({ what: 'a scheduler restarted before tonight’s time', tried: restarts.length, early });
  });

  it('keeps to London time on change days, wherever it runs', SLOW, async () => {
    const cases = CASES.slice(0, times(1, CASES.length));
    let [early, twice] = [0, 0];
    for (const { what, at, NIGHT, last, asOf, noSoonerThan } of cases) {
      const council = await rehearsals.begin();
      await council.night(last);
      const scheduler = council.spawn(['scheduler', '--import', council.extract], {
        NIGHT,
        LOG_LEVEL: 'info',
        TZ: 'Asia/Kathmandu',
        ...clockAt(at),
      });
      const nights = () =>
        council.db('runs').where({ kind: 'nightly', outcome: 'succeeded' }).whereNot({ as_of: last }).pluck<string[]>('as_of');
      await until(async () => (await nights()).length > 0, `the night has run: ${what}`);
      scheduler.child.kill('SIGTERM');
      expect((await scheduler.exit).exitCode).toBe(0);
      expect(await nights(), what).toEqual([asOf]);
      const begins = scheduler.said.stderr.split('\n').filter((line) => line.includes('night.begins'));
      const times = begins.map((line) => (JSON.parse(line) as { time: string }).time);
      early += times.filter((time) => Date.parse(time) < Date.parse(noSoonerThan)).length;
      twice += times.length - 1;
      expect(times, what).toEqual([expect.any(String)]);
    }
    tally({ what: 'the scheduler on change days', tried: cases.length, early, twice });
  });
});

async function listedOf(council: Council, fileRef: string): Promise<number> {
  return (await council.db('disposal_list_items').where({ file_ref: fileRef })).length;
}

/** A night by a process in this zone at this instant, over a database server of that zone: its date, and all it determined. */
async function inZone(machine: string, server: string, instant: string): Promise<{ asOf: string; listed: object; dates: string }> {
  const council = await rehearsals.begin();
  const births = ['2000-01-02', '2001-10-24', '2001-10-25', '2002-03-27', '2002-03-28', '2004-02-29', '1970', '1999-12'];
  births.forEach((date_of_birth, i) => council.register.child(`CF-${i}`, {}, { date_of_birth }));
  council.register.child('CF-money', { categories: 'financial', closed_on: '2020-03-31' });
  await council.writeExtract();
  await council.db.raw(`do $$ begin execute format('alter database %I set timezone to %L', current_database(), '${server}'); end $$`);
  await forgetConnections();
  const { exitCode, stderr, stdout } = await council.spawn(['nightly', '--import', council.extract, '--json'], {
    TZ: machine,
    PGTZ: server,
    ...clockAt(instant),
  }).exit;
  expect([0, 3], stderr).toContain(exitCode);
  council.clock = () => new Date(instant);
  const listed = await council.db('disposal_list_items').orderBy('file_ref').select('file_ref', 'anchor_on', 'retain_until', 'item_digest');
  return { asOf: (JSON.parse(stdout) as NightResult).as_of, listed, dates: await determinationsCsv(council) };
}
