/** The brakes, by the commands: what puts each on, what it stops and what not, and that only an authoriser lets go. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { addDays } from '../rules/dates.ts';
import type { BrakeName } from '../rules/workflow.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const FIRST = '2026-11-22';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('volume', () => {
  it('goes on when far more files fall due than yesterday’s determinations foretold', async () => {
    children(60, { closed_on: '2010-01-01' }, { date_of_birth: '2010-05-05' });
    await nightOf(FIRST, 0);
    for (let i = 0; i < 51; i++) council.register.change(`CF-${i}-P`, { date_of_birth: '2000-05-05' });
    // So many changed births would put the brake "extract" on as well, so they come without the night's import.
    await council.writeExtract();
    await council.retention(['import', council.extract], { asOf: addDays(FIRST, 1) });
    await release('extract', addDays(FIRST, 1));
    const night = await nightWithoutImport(addDays(FIRST, 1), 3);
    await expectStopped(night, 'volume', { newly_due: 51, predicted: 0 });
    await expectAfterRelease('volume', addDays(FIRST, 2));
  });

  it('stays off for 50, and on a first night whatever falls due', async () => {
    children(200);
    expect((await nightOf(FIRST, 0)).stopped).toEqual([]);
    for (let i = 200; i < 250; i++) council.register.child(`CF-${i}`);
    expect((await nightOf(addDays(FIRST, 1), 0)).stopped).toEqual([]);
  });

  it.each([
    ['1 April, when financial papers of a whole year fall due', '2027-03-31', { categories: 'financial', last_entry_on: '2020-09-09' }, {}],
    ['1 January, when children born on a day nobody knows fall due', '2026-12-31', {}, { date_of_birth: '2001' }],
  ])('stays off on %s: they were foretold', async (_day, eve, facts, person) => {
    children(80, facts, person);
    expect((await nightOf(eve, 0)).steps['list']).toMatchObject({ candidates: 0 });
    const night = await nightOf(addDays(eve, 1), 0);
    expect([night.stopped, night.steps['compute']]).toEqual([[], expect.objectContaining({ newlyDue: 80, predicted: 80 })]);
    expect(night.steps['list']).toMatchObject({ listed: 80 });
  });
});

describe('extract', () => {
  it('goes on when an extract lost files, and they are withdrawn all the same', async () => {
    children(40);
    await nightOf(FIRST, 0);
    for (let i = 0; i < 20; i++) council.register.files.delete(`CF-${i}`);
    const night = await nightOf(addDays(FIRST, 1), 3);
    await expectStopped(night, 'extract', { filesBefore: 40, filesLost: 20 });
    expect(night.steps['recheck']).toMatchObject({ withdrawn: 20 });
    await expectAfterRelease('extract', addDays(FIRST, 2));
  });

  it('G19: twelve rows where many files were yesterday', async () => {
    children(200);
    await nightOf(FIRST, 0);
    for (let i = 12; i < 200; i++) council.register.files.delete(`CF-${i}`);
    await expectStopped(await nightOf(addDays(FIRST, 1), 3), 'extract', { filesLost: 188 });
  });

  it('goes on when an extract changed births', async () => {
    children(40);
    await nightOf(FIRST, 0);
    for (let i = 0; i < 20; i++) council.register.change(`CF-${i}-P`, { date_of_birth: '2000-01-03' });
    const night = await nightOf(addDays(FIRST, 1), 3);
    await expectStopped(night, 'extract', { birthsChanged: 20 });
  });

  it('stays off for fewer than 20', async () => {
    children(40);
    await nightOf(FIRST, 0);
    for (let i = 0; i < 19; i++) council.register.files.delete(`CF-${i}`);
    expect((await nightOf(addDays(FIRST, 1), 0)).stopped).toEqual([]);
  });
});

describe('stale', () => {
  it('goes on when the last good extract is older than MAX_AGE_DAYS', async () => {
    children(2);
    await nightOf(FIRST, 0);
    for (let day = 7; day <= 14; day += 7) expect((await nightWithoutImport(addDays(FIRST, day), 0)).stopped).toEqual([]);
    await expectStopped(await nightWithoutImport(addDays(FIRST, 15), 3), 'stale', { last_extract: FIRST });
    await expectAfterRelease('stale', addDays(FIRST, 15));
  });

  it('goes on before a list or an archive step by itself when the last good night is, though the extract is of today', async () => {
    children(2);
    await nightOf(FIRST, 0);
    await council.approveAndSign(1, FIRST);
    const late = addDays(FIRST, 15);
    await council.done(['import', council.extract], { asOf: late });
    await council.done('compute', { asOf: late });
    for (const [step, exitCode] of [
      ['archive', 3],
      ['list', 0],
    ] as const) {
      const result = await council.retention([step, '--json'], { asOf: late });
      expect([result.exitCode, result.json<NightResult>().stopped]).toEqual([
        exitCode,
        [expect.stringContaining('The brake "stale" is on')],
      ]);
    }
    await expectStopped(await nightOf(late, 0), 'stale', { last_extract: late, last_night: FIRST });
    await expectAfterRelease('stale', addDays(FIRST, 16));
    expect(await council.bags()).toEqual(['CF-0.zip', 'CF-1.zip']);
  });

  it('stays off in a whole night that catches up with an extract of today', async () => {
    children(2);
    await nightOf(FIRST, 0);
    expect((await nightOf(addDays(FIRST, 30), 0)).stopped).toEqual([]);
  });

  it('follows MAX_AGE_DAYS', async () => {
    children(2);
    await nightOf(FIRST, 0);
    const night = await nightWithoutImport(addDays(FIRST, 3), 3, { MAX_AGE_DAYS: '2' });
    await expectStopped(night, 'stale', { last_extract: FIRST });
  });
});

describe('disagreement', () => {
  it('goes on when the two calculations differ on a candidate; the file is blocked, and nothing else is listed that night', async () => {
    council.register.child('CF-0', { closed_on: '' }).child('CF-1', { closed_on: '' });
    await nightOf(FIRST, 0);
    await breakDetermination('CF-0', '2024-12-31');
    council.register.change('CF-0', { closed_on: '2010-01-01' }).change('CF-1', { closed_on: '2010-01-01' });
    const night = await nightOf(addDays(FIRST, 1), 3);
    expect([night.steps['list'], night.steps['archive']]).toEqual([expect.objectContaining({ listed: 0 }), undefined]);
    expect((await council.explain('CF-0')).blocks).toEqual(['disagreement']);
    await expectStopped(await nightOf(addDays(FIRST, 2), 0), 'disagreement', { files: 1 });

    await breakDetermination('CF-0', '2025-01-02');
    expect((await nightOf(addDays(FIRST, 3), 0)).steps['recheck']).toMatchObject({ settled: 1 });
    expect((await council.explain('CF-0')).blocks).toEqual([]);
    await expectAfterRelease('disagreement', addDays(FIRST, 4));
  });

  it('leaves a file that still disagrees blocked when the brake is released', async () => {
    council.register.child('CF-0', { closed_on: '' });
    await nightOf(FIRST, 0);
    await breakDetermination('CF-0', '2024-12-31');
    council.register.change('CF-0', { closed_on: '2010-01-01' }).child('CF-1');
    await nightOf(addDays(FIRST, 1), 3);
    await release('disagreement', addDays(FIRST, 1));
    expect((await nightOf(addDays(FIRST, 2), 0)).steps['list']).toMatchObject({ listed: 1 });
    await expect(council.itemOf('CF-0')).rejects.toThrow('is on no list');
  });

  it('does not go on for what was determined as of another day: that says to compute first', async () => {
    council.register.child('CF-0', { closed_on: addDays(FIRST, -1) });
    await council.writeExtract();
    await council.done(['import', council.extract], { asOf: FIRST });
    await council.done('compute', { asOf: FIRST });
    const early = await council.retention('list --json', { asOf: addDays(FIRST, -2) });
    const stopped = [expect.stringContaining('run "retention compute"')];
    expect([early.exitCode, early.json()]).toMatchObject([3, { steps: { list: { listed: 0 } }, stopped, attention: stopped }]);
    expect(await council.db('brakes')).toEqual([]);
    expect((await council.done('list --json', { asOf: FIRST })).json()).toMatchObject({ steps: { list: { listed: 1 } }, stopped: [] });
  });

  async function breakDetermination(fileRef: string, retainUntil: string): Promise<void> {
    await council.db('determinations').where({ file_ref: fileRef }).update({ retain_until: retainUntil });
  }
});

describe('any brake', () => {
  beforeEach(async () => {
    children(30);
    await nightOf(FIRST, 0);
    await council.approveAndSign(1, FIRST);
  });

  it('stops what was signed from being archived, by the night and by the step, until it is released', async () => {
    await council.db('brakes').insert({ name: 'restored', tripped_on: FIRST, details: '{}' });
    // Whoever put it on, nobody was told yet; the first run that ends does so.
    for (const [step, exitCode] of [
      ['list', 3],
      ['archive', 0],
    ] as const) {
      const ended = await council.retention([step, '--json'], { asOf: addDays(FIRST, 8) });
      const result = ended.json<NightResult>();
      expect([ended.exitCode, result.steps, result.stopped]).toEqual([
        exitCode,
        {},
        [expect.stringContaining('The brake "restored" is on')],
      ]);
    }
    await expectStopped(await nightOf(addDays(FIRST, 8), 0), 'restored', {});
    expect(await council.bags()).toEqual([]);
    await release('restored', addDays(FIRST, 8));
    expect((await nightOf(addDays(FIRST, 9), 0)).steps['archive']).toMatchObject({ archived: 30 });
  });

  it('is released by an authoriser with a reason, and by nobody else', async () => {
    for (const role of ['authoriser', 'records_manager', 'compliance', 'auditor', 'admin'])
      await council.done(`users add the.${role} --role ${role}`);
    await council.db('brakes').insert({ name: 'extract', tripped_on: FIRST, details: '{}' });
    const asked = ['brake', 'release', 'extract', '--reason'];
    for (const role of ['records_manager', 'compliance', 'auditor', 'admin']) {
      await council.refused([...asked, 'x'], { as: `the.${role}` }, 'not_permitted', /it takes the role authoriser/);
    }
    await council.refused([...asked, ' '], { as: 'the.authoriser' }, 'reason_missing', /Say why it is safe to go on/);
    expect((await council.retention('brake release extract', { as: 'the.authoriser' })).exitCode).toBe(2);
    expect((await council.retention([...asked.slice(0, 2), 'handbrake', '--reason', 'x'], { as: 'the.authoriser' })).exitCode).toBe(2);
    await council.refused(['brake', 'release', 'stale', '--reason', 'x'], { as: 'the.authoriser' }, 'brake_is_off', /is not on/);

    await council.done([...asked, 'the school merger; dates checked'], { as: 'the.authoriser' });
    const [brake] = (await council.done('brake list --json')).json<object[]>();
    expect(brake).toMatchObject({ name: 'extract', released_by: 'the.authoriser', reason: 'the school merger; dates checked' });
    const last = await council.db('audit_events').where({ event: 'brake.released' }).first<{ actor: string; details: string }>();
    expect(last).toMatchObject({ actor: 'the.authoriser', details: '{"brake":"extract"}' });
  });
});

/** Due files of one child each. */
function children(count: number, facts: Record<string, string> = {}, person: Record<string, string> = {}): void {
  for (let i = 0; i < count; i++) council.register.child(`CF-${i}`, facts, person);
}

async function nightOf(asOf: string, exitCode: 0 | 3): Promise<NightResult> {
  await council.writeExtract();
  return night(['nightly', '--import', council.extract, '--json'], asOf, exitCode);
}

async function nightWithoutImport(asOf: string, exitCode: 0 | 3, settings: Record<string, string> = {}): Promise<NightResult> {
  return night(['nightly', '--json'], asOf, exitCode, settings);
}

/** 3 says that something is new; what was on before is no news. */
async function night(command: string[], asOf: string, exitCode: 0 | 3, settings: Record<string, string> = {}): Promise<NightResult> {
  council.today = asOf;
  const ended = await council.retention(command, { asOf, ...settings });
  expect([ended.exitCode, ended.stderr]).toEqual([exitCode, expect.not.stringContaining('retention:')]);
  await council.expectAccounted();
  return ended.json();
}

/** The night went on without listing and archiving, and says so in its result, in the ledger's brake and in the report. */
async function expectStopped(result: NightResult, name: BrakeName, details: object): Promise<void> {
  expect([result.steps['list'], result.steps['archive']]).toEqual([undefined, undefined]);
  expect(Object.keys(result.steps)).toEqual(expect.arrayContaining(['compute', 'recheck', 'report']));
  expect(result.stopped).toEqual([expect.stringContaining(`The brake "${name}" is on`)]);
  const brake = await council.db('brakes').where({ name }).orderBy('id', 'desc').first<object>();
  expect(brake).toMatchObject({ released_at: null, details });
  const report = await readFile(path.join(council.env['RETENTION_HOME'] ?? '', 'reports', result.as_of, 'retention-report.html'), 'utf8');
  expect(report).toContain(`brake “${name}”`);
  const [run] = (await council.done('runs --json')).json<{ id: number; counts: { stopped?: string[] } }[]>();
  expect([run?.id, run?.counts.stopped]).toEqual([result.run, result.stopped]);
}

async function release(name: BrakeName, asOf: string): Promise<void> {
  await council.done(['brake', 'release', name, '--reason', 'checked with the service'], { asOf, as: 'h.grant' });
}

/** Released, the next night lists and archives again, and the brake does not come back by itself. */
async function expectAfterRelease(name: BrakeName, asOf: string): Promise<void> {
  await release(name, asOf);
  const { steps, stopped } = await nightOf(asOf, 0);
  expect([Object.keys(steps), stopped]).toEqual([['import', 'compute', 'recheck', 'list', 'archive', 'report'], []]);
}
