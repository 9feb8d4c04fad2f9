/** The guards of the register, each as a story told by the commands: what an extract or a hold brings, and the one right end. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rehearsal, type Council } from './setup/commands.ts';

const TODAY = '2026-11-22';
const AFTER = '2026-11-30';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('siblings A and B on one file, both births due', () => {
  beforeEach(() => {
    council.register.child('CF-1', { subject_refs: 'A;B' }).people.delete('CF-1-P');
    for (const ref of ['A', 'B'])
      council.register.people.set(ref, { person_ref: ref, date_of_birth: '2000-01-02', known_to_adult_services: 'no' });
  });

  it('G1: B malformed in the first extract: the file is quarantined, never determined without one of its subjects', async () => {
    council.register.change('B', { date_of_birth: '02/01/00' });
    const night = await council.night(TODAY);
    expect(night.attention).toEqual([expect.stringContaining('2 rows of the extract are newly in quarantine')]);
    expect(await council.lists()).toEqual([]);
    expect((await council.retention('explain CF-1')).exitCode).toBe(1);
  });

  it.each(['listed', 'signed'])(
    'G2: B malformed after the file was %s: withdrawn; the old facts stay until a good row comes',
    async (when) => {
      await council.night(TODAY);
      if (when === 'signed') await council.approveAndSign(1, TODAY);
      council.register.change('B', { date_of_birth: '02/01/00' });
      await council.night(AFTER);
      expect(await council.itemOf('CF-1')).toMatchObject({ status: 'withdrawn', status_reason: 'it is blocked now: quarantined' });
      expect(await council.explain('CF-1', AFTER)).toMatchObject({ retain_until: '2025-01-02', blocks: ['quarantined'] });
      expect(await council.bags()).toEqual([]);

      council.register.change('B', { date_of_birth: '2000-01-02' });
      await council.night('2026-12-01');
      expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, status: 'pending' });
    },
  );
});

describe('facts that change', () => {
  it('G3: a category that is no such word: the row is quarantined with column and word; a file already known is blocked', async () => {
    council.register.child('CF-1');
    await council.night(TODAY);
    council.register.change('CF-1', { categories: 'child_protection;lac' }).child('CF-2', { categories: 'child_protection;lac' });
    await council.night(AFTER);
    const { blocks, block_words } = await council.explain('CF-1', AFTER);
    expect([blocks, block_words]).toEqual([['quarantined'], [expect.stringMatching(/files\.csv line 2, categories: .*"lac"/)]]);
    expect((await council.retention('explain CF-2')).exitCode).toBe(1);
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'withdrawn' });
  });

  it('G4: child_in_care disappears: 2074 becomes 2024, and the file is blocked until a person confirms', async () => {
    council.register.child('CF-1', { categories: 'child_protection;child_in_care' }, { date_of_birth: '1999-09-17' });
    await council.night(TODAY);
    expect((await council.explain('CF-1')).retain_until).toBe('2074-09-17');
    council.register.change('CF-1', { categories: 'child_protection' });
    for (const asOf of ['2026-11-23', '2026-11-24']) {
      await council.night(asOf);
      expect(await council.explain('CF-1', asOf)).toMatchObject({ retain_until: '2024-09-17', blocks: ['shortened'] });
    }
    expect(await council.lists()).toEqual([]);
  });

  it('G5: the risk flag goes from yes to empty: no longer permanent, and blocked until a person confirms', async () => {
    council.register.child('CF-1', {}, { poses_risk_to_children: 'yes' });
    await council.night(TODAY);
    expect(await council.explain('CF-1')).toMatchObject({ outcome: 'permanent', rule: 'adult-posing-risk' });
    council.register.change('CF-1-P', { poses_risk_to_children: '' });
    await council.night('2026-11-23');
    expect(await council.explain('CF-1', '2026-11-23')).toMatchObject({ outcome: 'expires', blocks: ['shortened'] });
    expect(await council.lists()).toEqual([]);
  });

  it('G6: the column poses_risk_to_children is absent from a later extract: facts stay as they were; reported, and the brake is on', async () => {
    council.register.child('CF-1', {}, { poses_risk_to_children: 'yes' });
    await council.night(TODAY);
    await council.writeExtract(['poses_risk_to_children']);
    const ended = await council.retention(['import', council.extract, '--json']);
    expect(ended.exitCode, 'the brake "extract" is new').toBe(3);
    const imported = ended.json<{ steps: { import: { notices: string[] } } }>();
    expect(imported.steps.import.notices).toEqual([expect.stringMatching(/column poses_risk_to_children is absent/)]);
    await council.done('compute');
    expect(await council.explain('CF-1')).toMatchObject({ outcome: 'permanent', blocks: [] });
  });

  it.each(['listed', 'signed off'])(
    'G7: a subject is flagged as posing a risk after the file was %s: withdrawn with the reason; permanent',
    async (when) => {
      council.register.child('CF-1');
      await council.night(TODAY);
      if (when === 'signed off') await council.approveAndSign(1, TODAY);
      council.register.change('CF-1-P', { poses_risk_to_children: 'yes' });
      await council.night(AFTER);
      expect(await council.itemOf('CF-1')).toMatchObject({
        status: 'withdrawn',
        status_reason: expect.stringMatching(/permanent/) as string,
      });
      expect(await council.explain('CF-1', AFTER)).toMatchObject({ outcome: 'permanent', rule: 'adult-posing-risk' });
      expect([await council.bags(), (await council.lists()).length]).toEqual([[], 1]);
    },
  );

  it('G8: a case is re-opened after sign-off, then closed again: withdrawn at the first night; listed anew; the old sign-off is worth nothing', async () => {
    council.register.child('CF-1');
    await council.night(TODAY);
    await council.approveAndSign(1, TODAY);
    council.register.change('CF-1', { closed_on: '' });
    await council.night('2026-11-23');
    expect(await council.itemOf('CF-1')).toMatchObject({
      list: 1,
      status: 'withdrawn',
      status_reason: expect.stringContaining('open') as string,
    });
    council.register.change('CF-1', { closed_on: '2010-01-01' });
    await council.night('2026-11-24');
    await council.night(AFTER);
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, status: 'pending' });
    expect([await council.bags(), (await council.show(1)).state]).toEqual([[], 'complete']);
  });

  it('G14: financial papers and child in need on one file, case open: any rule that requires closure blocks', async () => {
    council.register.child('CF-1', { categories: 'financial;child_in_need', closed_on: '', last_entry_on: '2019-05-01' });
    await council.night(TODAY);
    expect(await council.explain('CF-1')).toMatchObject({ rule: 'financial', retain_until: '2026-03-31', blocks: ['open'] });
    expect(await council.lists()).toEqual([]);
  });

  it('G12: adoption order 01/03/2006, died at 20: the policy says 2025, the statutory minimum blocks until 2106', async () => {
    adopted({ date_of_birth: '1990-05-05', date_of_death: '2010-06-01' }, '2006-03-01');
    await council.night(TODAY);
    const story = await council.explain('CF-1');
    expect(story).toMatchObject({ rule: 'adoption-died-adult', retain_until: '2025-06-01', blocks: ['statutory_minimum'] });
    expect((await council.retention('explain CF-1')).stdout).toContain('1 March 2106');
    expect(await council.lists()).toEqual([]);
  });

  it('G13: adoption order 18/04/1932, died in 2001: the minimum ended in 2007, so it is listed, with a caution', async () => {
    adopted({ date_of_birth: '1930-01-20', date_of_death: '2001-02-03' }, '1932-04-18');
    await council.night(TODAY);
    expect(await council.explain('CF-1')).toMatchObject({ retain_until: '2016-02-03', blocks: ['listed'], cautions: ['death_shortens'] });
    expect(await council.lists()).toMatchObject([{ rule: 'adoption-died-adult', items: 1 }]);
  });

  function adopted(person: Record<string, string>, order: string): void {
    council.register.child('CF-1', { categories: 'adoption', opened_on: order, closed_on: order, adoption_order_on: order });
    council.register.change('CF-1-P', person);
  }
});

describe('holds', () => {
  it.each([
    ['the file', 'file:CF-1', 'file CF-1'],
    ['its category', 'category:child_in_need', 'category child_in_need'],
    ["a sibling's family", 'family:FAM-1', 'family FAM-1'],
    ['its subject', 'person:CF-1-P', 'person CF-1-P'],
    ['everything', 'everything', 'everything'],
  ])('G9: a police hold is placed after sign-off, on %s: not archived; withdrawn; each match explained', async (_what, scope, words) => {
    council.register.child('CF-1').child('MP-2', { categories: 'missing_person', notified_on: '2020-05-05' });
    council.register.families.push({ family_ref: 'FAM-1', child_ref: 'CF-1-P' });
    await council.night(TODAY);
    for (const { id } of await council.lists()) await council.approveAndSign(id, TODAY);
    await place(scope, AFTER);
    const night = await council.night(AFTER);
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'withdrawn', status_reason: 'it is blocked now: hold' });
    expect(await council.bags()).toEqual(scope === 'everything' ? [] : ['MP-2.zip']);
    expect(night.steps['archive']).toMatchObject({ failed: 0 });
    expect((await council.explain('CF-1', AFTER)).block_words).toEqual([
      expect.stringContaining(`police (${words}), ordered by DI Archer`),
    ]);
  });

  it('G9: a hold placed after the night re-checked still stops the archive step', async () => {
    council.register.child('CF-1');
    await council.night(TODAY);
    await council.approveAndSign(1, TODAY);
    await council.done('recheck', { asOf: AFTER });
    await place('file:CF-1', AFTER);
    await council.done('archive', { asOf: AFTER });
    expect([await council.bags(), (await council.itemOf('CF-1')).status]).toEqual([[], 'withdrawn']);
  });

  it('G10: a hold on a person before any file of that person exists: accepted, exit 3, says it matches nothing yet; covers tomorrow’s file', async () => {
    const placed = await place('person:CF-1-P', TODAY);
    expect([placed.exitCode, placed.stdout]).toEqual([3, expect.stringContaining('matches nothing yet')]);
    council.register.child('CF-1').child('CF-2');
    await council.night('2026-11-23');
    expect((await council.explain('CF-1', '2026-11-23')).blocks).toEqual(['hold']);
    expect((await council.show(1)).items.map((item) => item.file_ref)).toEqual(['CF-2']);
  });

  it('need an authority, and a review on a day to come', async () => {
    const refused = (more: string[]) =>
      council.retention(['hold', 'add', '--kind', 'police', '--scope', 'everything', ...more], { asOf: TODAY, as: 'm.jones' });
    expect((await refused(['--authority', ' ', '--review-on', '2027-01-01'])).exitCode).toBe(1);
    expect((await refused(['--authority', 'DI', '--review-on', TODAY])).exitCode).toBe(1);
    expect((await refused(['--authority', 'DI'])).exitCode).toBe(2);
  });

  function place(scope: string, asOf: string) {
    const hold = ['hold', 'add', '--kind', 'police', '--scope', scope, '--authority', 'DI Archer', '--review-on', '2027-11-22'];
    return council.retention(hold, { asOf, as: 'm.jones' });
  }
});

describe('extracts', () => {
  it('G18: a file is missing from an extract, due and signed off: block not_in_extract; withdrawn', async () => {
    council.register.child('CF-1').child('CF-2');
    await council.night(TODAY);
    await council.approveAndSign(1, TODAY);
    council.register.files.delete('CF-1');
    await council.night(AFTER);
    expect((await council.explain('CF-1', AFTER)).blocks).toEqual(['not_in_extract']);
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'withdrawn', status_reason: 'it is blocked now: not in extract' });
    expect(await council.bags()).toEqual(['CF-2.zip']);
  });

  it('G20: extract.json says 2,000 rows and has 1,999: refused whole; exit 1; that night nothing is listed or archived', async () => {
    council.register.child('CF-1');
    await council.night(TODAY);
    await council.approveAndSign(1, TODAY);
    council.register.child('CF-2');
    await council.writeExtract();
    await council.says({ 'files.csv': 3 });
    const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf: AFTER });
    expect(night.exitCode).toBe(1);
    expect(night.json()).toMatchObject({ outcome: 'failed', error: expect.stringMatching(/extract\.json.*does not match/) as string });
    expect([await council.bags(), (await council.lists()).length]).toEqual([[], 1]);
    expect((await council.retention('explain CF-2')).exitCode).toBe(1);
    expect((await council.retention(['import', council.extract], { asOf: AFTER })).exitCode).toBe(1);

    await council.says({ 'files.csv': 2, 'people.csv': 2 });
    await council.done(['nightly', '--import', council.extract], { asOf: AFTER });
    expect(await council.bags()).toEqual(['CF-1.zip']);
  });
});
