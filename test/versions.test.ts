/** Versions of the schedule as input: what may be taken over, what comes back, and what happens while one cannot be read. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { SHIPPED_SCHEDULE } from '../rules/schedule.ts';
import { rehearsal, until, type Council } from './setup/commands.ts';
import { contend, freeze, waitingForLocks } from './setup/frozen.ts';

const TODAY = '2026-11-22';
const jones = { as: 'm.jones', asOf: TODAY };
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('taking a version over', () => {
  it('is refused from a day before that of the version in force, which is named: it would never decide', async () => {
    await council.done(await adopt('2026-a', '2026-09-01'), jones);
    await council.refused(await adopt('2026-b', '2026-06-01'), jones, 'would_never_decide', /version 2026-a .* 1 September 2026/);
    await council.done(await adopt('2026-c', '2026-09-01'), jones);
    expect(await states()).toEqual({ '2026-c': 'in force', '2026-a': 'was in force', '2023-06-09': 'was in force' });
  });

  it('names those that follow it; one that waits is taken back by two people, and never decides', async () => {
    await council.done(await adopt('2029-wrong', '2029-01-01'), jones);
    const right = await council.done(await adopt('2027-right', '2027-01-01'), jones);
    expect(right.stdout).toContain(
      'compared with version 2023-06-09, in force from 09/06/2023, and with the register as of 1 January 2027.',
    );
    expect(right.stdout).toContain('Version 2029-wrong follows it on 01/01/2029');
    expect(right.stdout).toContain('The file itself says in_force_from: 2023-06-09; the day of --from decides, and is shown.');
    await council.refused('schedule withdraw 2023-06-09 --reason slip', jones, 'version_decides', /has decided since 9 June 2023/);
    await council.refused('schedule withdraw 2029-wrong --confirm', jones, 'withdrawal_not_asked', /--reason/);
    await council.done('schedule withdraw 2029-wrong --reason slip', jones);
    await council.refused('schedule withdraw 2029-wrong --confirm', jones, 'own_request', /Another person/);
    expect(await states()).toMatchObject({ '2029-wrong': 'waits', '2027-right': 'waits' });
    await council.done('schedule withdraw 2029-wrong --confirm', { ...jones, as: 'a.khan' });
    expect(await states('2029-01-01')).toMatchObject({ '2029-wrong': 'withdrawn', '2027-right': 'in force' });
    expect((await council.done('schedule show --json', { asOf: '2029-01-01' })).json()).toMatchObject({
      version: '2027-right',
      in_force_from: '2027-01-01',
    });
  });

  it('is taken back only within 30 days of the request, only before its day, and with what decides instead said', async () => {
    await council.done(await adopt('2027-first', '2027-01-01'), jones);
    await council.done(await adopt('2027-over-it', '2027-01-10'), jones);
    const asked = await council.done('schedule withdraw 2027-over-it --reason slip', jones);
    expect(asked.stdout).toMatch(/10 January 2027 version 2027-first, in force from 01\/01\/2027, decides instead.*by 22 December 2026/);
    const late = { as: 'a.khan', asOf: '2026-12-23' };
    await council.refused('schedule withdraw 2027-over-it --confirm', late, 'request_lapsed', /22 November 2026, lapsed .* ask anew/);
    await council.done('schedule withdraw 2027-over-it --reason slip', { ...jones, asOf: '2026-12-23' });
    const itsDay = { as: 'a.khan', asOf: '2027-01-10' };
    await council.refused('schedule withdraw 2027-over-it --confirm', itsDay, 'version_decides', /decided since 10 January 2027/);
    const confirmed = await council.done('schedule withdraw 2027-over-it --confirm --json', { ...late, asOf: '2027-01-09' });
    const instead = { on: '2027-01-10', version: '2027-first', from: '2027-01-01' };
    expect(confirmed.json()).toEqual({ version: '2027-over-it', withdrawn: true, lapses_after: null, instead });
  });

  it('lets nobody decide or sign a list of the version before: each says to wait for the night', async () => {
    council.register.child('CF-1').child('CF-2', { categories: 'child_protection' });
    await council.night(TODAY);
    const lists = (await council.done('lists --json')).json<{ id: number; rule: string }[]>();
    const [renamed, same] = ['child-in-need', 'child-protection'].map((rule) => lists.find((one) => one.rule === rule)?.id);
    await council.done(`decide ${same} --approve --all --acknowledge-cautions`, jones);
    await council.done(await adopt('2026-a', TODAY, (text) => text.replace('id: child-in-need\n', 'id: children-in-need\n')), jones);
    const waits = /version 2026-a is in force by now.*Wait for the night/s;
    for (const which of ['--all', '--files CF-1'])
      await council.refused(`decide ${renamed} --approve ${which}`, jones, 'other_version', waits);
    const { digest } = (await council.done(`show ${same} --json`)).json<{ digest: string }>();
    await council.refused(`sign-off ${same} --digest ${digest}`, { ...jones, as: 'a.khan' }, 'other_version', waits);
  });

  it('is refused whole, with the files named, when they have a category that it does not know', async () => {
    council.register.child('CF-1', { categories: 'privately_fostered_child;child_in_need' }).child('CF-2');
    await council.night(TODAY);
    const without = (text: string) =>
      text.replace(/ {2}privately_fostered_child: \{.*\}\n/, '').replace(/ {2}- id: privately-fostered-child\n(.+\n)+\n/, '');
    await council.refused(
      await adopt('2027', '2027-01-01', without),
      jones,
      'categories_unknown',
      /privately_fostered_child \(1 files: CF-1\)/,
    );
    expect(Object.keys(await states())).toEqual(['2023-06-09']);
  });

  it('installs its guard in the same transaction where the owner does it, and the next night lists under it', async () => {
    council.register.child('CF-1');
    await council.done(await adopt('2026-a', TODAY), { ...jones, DATABASE_URL: council.ownerUrl });
    expect((await council.night(TODAY)).steps['list']).toMatchObject({ listed: 1 });
  });
});

describe('a stored version that cannot be read', () => {
  it.each([
    ['as an empty condition, which earlier releases took', (text: string) => text.replace('when: { died: after_18 }', 'when: {}')],
    ['as text that is no schedule', () => 'rules: ['],
  ])('%s, stops listing and archiving alone; a correction is taken over, or two people take it back', async (_what, change) => {
    council.register.child('CF-1').child('CF-2');
    await council.writeExtract();
    const shipped = (await readFile(SHIPPED_SCHEDULE, 'utf8')).replace("version: '2023-06-09'", "version: 'bad'");
    await council.db('schedule_versions').insert({ version: 'bad', in_force_from: TODAY, adopted_by: 'm.jones', content: change(shipped) });
    await council.done('migrate', { DATABASE_OWNER_URL: council.ownerUrl });
    const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf: TODAY });
    const said = expect.stringMatching(/^The brake "schedule" is on \(version: bad\)/) as string;
    expect([night.exitCode, night.json<NightResult>().stopped]).toEqual([3, [said]]);
    expect(await council.explain('CF-1')).toMatchObject({ outcome: 'expires', schedule_version: '2023-06-09' });
    expect((await council.retention('doctor', { asOf: TODAY })).stdout).toContain('version bad, cannot be read');
    expect(await states()).toMatchObject({ bad: 'in force' });

    await council.done('schedule withdraw bad --reason broken', jones);
    await council.done('schedule withdraw bad --confirm', { ...jones, as: 'a.khan' });
    await council.done('brake release schedule --reason corrected', { ...jones, as: 'h.grant' });
    const after = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf: '2026-11-23' });
    expect(after.json<NightResult>().steps['list']).toMatchObject({ listed: 2 });
    await council.done(await adopt('good', '2026-11-23'), { ...jones, asOf: '2026-11-23' });
  });
});

describe('a version taken over while files are archived', () => {
  const ARCHIVED_ON = '2026-11-30';
  const longer = (text: string) => text.replace(/(id: child-in-need\n(?:.*\n)*? {4}keep_years:) 25/, '$1 60');

  it('waits for the file that is just being archived, and decides from then on: no other goes by the old one', async () => {
    for (const fileRef of ['CF-1', 'CF-2']) {
      council.register.child(fileRef);
      await council.document(fileRef, `${fileRef}/letter.txt`);
    }
    await council.night(TODAY);
    await council.approveAndSign(1, TODAY);
    await council.done(['import', council.extract], { asOf: ARCHIVED_ON });
    await council.done('compute', { asOf: ARCHIVED_ON });
    // Somebody records something about the first file meanwhile, which its archiving waits for.
    const frozen = await freeze(council, "select from case_files where file_ref = 'CF-1' for update");
    const archiving = contend(council, ['archive', '--json'], { asOf: ARCHIVED_ON, process: false });
    await frozen.reached([archiving]);
    // As the owner, who replaces the guards of that version's tables too.
    const byOwner = { ...jones, asOf: ARCHIVED_ON, DATABASE_URL: council.ownerUrl };
    const adopting = council.done(await adopt('2026-longer', ARCHIVED_ON, longer), byOwner);
    await until(async () => (await waitingForLocks(council)) === 2, 'the version waits for that file');
    await frozen.letGo();
    await adopting;
    const archived = await archiving.exit;
    expect([archived.exitCode, archived.json<NightResult>()]).toMatchObject([
      3,
      { steps: { archive: { archived: 1, outdated: true } }, stopped: [expect.stringContaining('run "retention compute"')] },
    ]);
    expect(await council.bags()).toEqual(['CF-1.zip']);

    // A night of that day determines the other by it, and takes it off.
    await council.night(ARCHIVED_ON);
    expect(await council.explain('CF-2', ARCHIVED_ON)).toMatchObject({ schedule_version: '2026-longer', retain_until: '2060-01-02' });
    expect(await council.itemOf('CF-2')).toMatchObject({ status: 'withdrawn' });
    await council.expectAccounted();
  });
});

/** The command that takes over the shipped table as another version, changed. */
async function adopt(version: string, from: string, change: (text: string) => string = (text) => text): Promise<string[]> {
  const file = path.join(council.folder, `${version}.yaml`);
  const shipped = await readFile(SHIPPED_SCHEDULE, 'utf8');
  await writeFile(file, change(shipped.replace("version: '2023-06-09'", `version: '${version}'`)));
  return ['schedule', 'adopt', file, '--from', from];
}

async function states(asOf = TODAY): Promise<Record<string, string>> {
  const versions = (await council.done('schedule versions --json', { asOf })).json<{ version: string; state: string }[]>();
  return Object.fromEntries(versions.map(({ version, state }) => [version, state]));
}
