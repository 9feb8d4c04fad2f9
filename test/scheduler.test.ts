/** The scheduler as a real process: it runs nights, catches up, outlives a failing one, and stops cleanly in the middle of one. */
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { todayInLondon } from '../jobs/clock.ts';
import { readSettings } from '../jobs/settings.ts';
import { addDays } from '../rules/dates.ts';
import { rehearsal, until, type Council, type Spawned } from './setup/commands.ts';
import { clockAt } from './setup/shiftedClock.ts';

/** Every second, but for the hour in which no night may be. */
const OFTEN = '* * 0,2-23 * * *';

/** What the machine's clock says when the scheduler starts: no test may depend on when in the day it is run. */
const TODAY = '2026-11-22';
const NOON = clockAt(`${TODAY}T12:00:00Z`);
const UNREACHABLE = 'postgres://nobody@127.0.0.1:1/none';
let council: Council;

describe('the scheduler', { timeout: 120_000 }, () => {
  beforeEach(async () => {
    council = await rehearsal();
    council.register.child('CF-1');
    await council.writeExtract();
  });

  afterEach(() => council.close());

  it('runs a night when NIGHT says, and stops with 0 on SIGTERM', async () => {
    const scheduler = start(OFTEN);
    await nightThat('succeeded');
    expect(await council.lists()).toEqual([expect.objectContaining({ id: 1, rule: 'child-in-need', items: 1 })]);
    await stopped(scheduler);
    await council.expectAccounted();
  });

  it('told to stop during a night, ends that night first and begins no other', async () => {
    await council.done('lists');
    const blocker = await council.db.transaction();
    await blocker.raw('lock table case_files in access exclusive mode');
    const scheduler = start(OFTEN);
    await nightThat('running');
    scheduler.child.kill('SIGTERM');
    await until(() => scheduler.said.stderr.includes('scheduler.stopping'), 'it has heard');
    expect(scheduler.child.exitCode).toBeNull();
    await blocker.rollback();
    expect((await scheduler.exit).exitCode).toBe(0);
    expect(await council.db('runs').pluck('outcome')).toEqual(['succeeded']);
  });

  it('catches up by one night for today when nights were missed, and by none at the next start', async () => {
    await council.night(addDays(TODAY, -3));
    const scheduler = start('30 2 * * *');
    await until(
      () => council.db('runs').where({ kind: 'nightly', as_of: TODAY, outcome: 'succeeded' }).first<object | undefined>(),
      'the night of today',
    );
    await stopped(scheduler);

    await stopped(start('30 2 * * *'));
    expect(await council.db('runs').orderBy('id').select('as_of', 'outcome')).toEqual([
      { as_of: addDays(TODAY, -3), outcome: 'succeeded' },
      { as_of: TODAY, outcome: 'succeeded' },
    ]);
  });

  it('waits for its time on a first start', async () => {
    const scheduler = start('30 2 * * *');
    await stopped(scheduler);
    expect(await council.db('runs')).toEqual([]);
  });

  it('outlives a night that fails, and the next one succeeds', async () => {
    const reports = path.join(council.folder, 'home');
    await writeFile(reports, 'a file where a folder should be');
    const scheduler = start(OFTEN);
    await nightThat('failed');
    await until(() => scheduler.said.stderr.includes('night.failed'), 'the failure is in the log');
    await rm(reports);
    await nightThat('succeeded');
    await stopped(scheduler);
  });

  it('outlives a night without an extract, and imports it once it is there', async () => {
    const incoming = path.join(council.folder, 'incoming');
    const scheduler = start(OFTEN, incoming);
    await nightThat('failed');
    expect(await council.db('imports')).toEqual([]);
    await rename(council.extract, incoming);
    await nightThat('succeeded');
    await stopped(scheduler);
  });

  it('goes on when the database is not up at its start, and stops with 0 on the first SIGTERM', { timeout: 30_000 }, async () => {
    const scheduler = start('30 2 * * *', council.extract, { DATABASE_URL: UNREACHABLE });
    await until(() => scheduler.said.stderr.includes('ECONNREFUSED'), 'it has asked for the last night');
    await stopped(scheduler);
    expect(scheduler.said.stderr).toContain('catching_up.failed');
  });

  it('ends with 2 at once when NIGHT falls between 1 and 2, where clocks change', async () => {
    const { exitCode, stderr } = await start('15 1 * * *').exit;
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/NIGHT must not fall between 1 and 2/)]);
  });
});

describe('NIGHT', () => {
  const read = (NIGHT: string) => readSettings({ NIGHT }, '/nowhere').night;

  it.each(['30 2 * * *', '0 0 * * *', '0 */2 * * 1-5', '15 30 2 * * *', OFTEN, '0 22 * * *', '0 10-15 * * *', '@daily'])(
    'may be "%s"',
    (night) => {
      expect(read(night)).toBe(night);
    },
  );

  it.each([
    '15 1 * * *',
    '0 0-3 * * *',
    '0 1,2 * * *',
    '* * * * *',
    '0 */1 * * *',
    '* * * * * *',
    '0 0 1 * * *',
    '0 1-23/6 * * *',
    '0 22-2 * * *',
    '0 01 * * *',
    '@hourly',
  ])('may not be "%s", which falls between 1 and 2', (night) => {
    expect(() => read(night)).toThrow(/NIGHT must not fall between 1 and 2/);
  });

  it.each(['', 'nightly', '61 2 * * *', '30 24 * * *', '30 2 * *'])(
    'that is no cron expression is refused, or the default: "%s"',
    (night) => {
      if (night === '') expect(read(night)).toBe('30 2 * * *');
      else expect(() => read(night)).toThrow(/^NIGHT is not a cron expression [^\n]*$/);
    },
  );
});

describe('today is the day in London', () => {
  const zone = process.env['TZ'];

  afterAll(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  describe.each(['Europe/London', 'UTC', 'Pacific/Auckland', 'America/Los_Angeles'])('on a machine in %s', (machine) => {
    beforeEach(() => {
      process.env['TZ'] = machine;
    });

    it.each([
      ['2026-03-28T23:59:59Z', '2026-03-28', 'the last second before the day clocks go forward'],
      ['2026-03-29T00:00:00Z', '2026-03-29', 'midnight of that day, still GMT'],
      ['2026-03-29T00:59:59Z', '2026-03-29', 'the last second of GMT'],
      ['2026-03-29T01:00:00Z', '2026-03-29', 'the first second of BST'],
      ['2026-03-29T22:59:59Z', '2026-03-29', 'the last second of that day, an hour short'],
      ['2026-03-29T23:00:00Z', '2026-03-30', 'midnight by BST'],
      ['2026-06-30T22:59:59Z', '2026-06-30', 'a summer evening'],
      ['2026-06-30T23:00:00Z', '2026-07-01', 'a summer midnight'],
      ['2026-10-24T23:00:00Z', '2026-10-25', 'midnight of the day clocks go back, still BST'],
      ['2026-10-25T00:30:00Z', '2026-10-25', 'half past one for the first time'],
      ['2026-10-25T01:30:00Z', '2026-10-25', 'half past one for the second time'],
      ['2026-10-25T23:59:59Z', '2026-10-25', 'the last second of that day, an hour long'],
      ['2026-10-26T00:00:00Z', '2026-10-26', 'midnight by GMT'],
      ['2026-12-31T23:59:59Z', '2026-12-31', 'the last second of a year'],
    ])('%s is %s: %s', (instant, day) => {
      expect(todayInLondon(() => new Date(instant))).toBe(day);
    });
  });
});

function start(night: string, importFrom = council.extract, settings: Record<string, string> = {}): Spawned {
  return council.spawn(['scheduler', '--import', importFrom], { NIGHT: night, LOG_LEVEL: 'info', ...NOON, ...settings });
}

async function nightThat(outcome: string): Promise<void> {
  await until(
    () =>
      council
        .db('runs')
        .where({ kind: 'nightly', outcome })
        .first<object | undefined>()
        .catch(() => undefined),
    `a night has ${outcome}`,
  );
}

/** Told to stop once it listens, it ends with 0. */
async function stopped(scheduler: Spawned): Promise<void> {
  await until(() => scheduler.said.stderr.includes('scheduler.started'), 'it has started');
  scheduler.child.kill('SIGTERM');
  expect(await scheduler.exit).toMatchObject({ exitCode: 0 });
  expect(scheduler.said.stderr).toContain('scheduler.stopped');
}
