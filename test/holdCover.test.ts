/** A hold keeps what it covered: a reference that changes, or a link that goes, frees no file until a person confirms it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addDays } from '../rules/dates.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const TODAY = '2026-11-22';
const TOMORROW = addDays(TODAY, 1);
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

interface ListedHold {
  id: number;
  emptied_on: string | null;
  files_lost: number;
}

describe('a file leaves the cover of a hold', () => {
  it('when its person is merged, its family renamed, or it is renumbered itself: each is blocked, told once, and the hold named', async () => {
    council.register.child('F1').child('F2', { family_ref: 'M2' }).child('F3');
    await imported(TODAY);
    await place('person:F1-P', 'family:M2', 'file:F3');
    await council.night(TODAY);
    const renamed = { ...council.register.people.get('F1-P'), person_ref: 'P9' };
    council.register.people.delete('F1-P');
    council.register.people.set('P9', renamed);
    council.register.change('F1', { subject_refs: 'P9' }).change('F2', { family_ref: 'M9' });
    renumber('F3', 'CF-3');
    const night = await council.night(TOMORROW);
    expect(night.attention).toEqual([
      expect.stringMatching(/^Files that a hold .* went: 3, among them CF-3 \(hold 3\), F1 \(hold 1\), F2 \(hold 2\)\. They are blocked/),
      expect.stringMatching(/^Holds in force cover nothing any more that the extract has: 3, among them 1, 2, 3\./),
    ]);
    expect(await council.lists()).toEqual([]);
    for (const file of ['F1', 'F2', 'CF-3']) expect((await council.explain(file, TOMORROW)).blocks, file).toEqual(['hold_moved']);
    expect((await council.explain('CF-3', TOMORROW)).block_words[0]).toMatch(/^Hold 3: litigation \(file F3\), .* about the same person/);
    expect(await holds()).toEqual([3, 2, 1].map((id) => ({ id, emptied_on: TOMORROW, files_lost: 1 })));
    expect((await council.done('hold list')).stdout).toContain('COVERS NOTHING ANY MORE');
    expect((await council.retention('doctor', { asOf: TOMORROW })).stdout).toMatch(
      /warning +holds: Holds in force that lost files .*: 3\./,
    );
    const after = await council.night(addDays(TODAY, 2));
    expect([after.attention, await council.lists()]).toEqual([[], []]);
  });

  it('when files, people and families are all renamed in one night, told only by the name and the birth', async () => {
    council.register.child('F1').child('F2', { family_ref: 'M2' }, { date_of_birth: '2000-03' }).child('F3').child('F4', {}, { name: '' });
    council.register.child('free');
    await imported(TODAY);
    await place('person:F1-P', 'family:M2', 'file:F3', 'person:F4-P');
    const old = [...council.register.files.keys()];
    for (const file of old) {
      const [person, facts] = [council.register.people.get(`${file}-P`), council.register.files.get(file)];
      council.register.people.delete(`${file}-P`);
      council.register.files.delete(file);
      council.register.people.set(`new-${file}-P`, {
        ...person,
        person_ref: `new-${file}-P`,
        name: (person?.['name'] ?? '').toUpperCase(),
      });
      const family = facts?.['family_ref'] ? { family_ref: 'N2' } : {};
      council.register.files.set(`new-${file}`, { ...facts, file_ref: `new-${file}`, subject_refs: `new-${file}-P`, ...family });
    }
    await council.night(TOMORROW);
    const blocks = await Promise.all(old.map(async (file) => (await council.explain(`new-${file}`, TOMORROW)).blocks));
    expect(blocks).toEqual([['hold_moved'], ['hold_moved'], ['hold_moved'], ['hold_moved'], ['listed']]);
  });

  it('when the row of families.csv through which it was held is away, and is free of the block when it is back', async () => {
    council.register.child('F1').child('F2');
    council.register.families.push({ family_ref: 'M1', child_ref: 'F1-P' });
    await imported(TODAY);
    await place('family:M1');
    council.register.families.length = 0;
    await council.night(TOMORROW);
    expect((await council.explain('F1', TOMORROW)).blocks).toEqual(['hold_moved']);
    expect((await council.lists()).map(({ id }) => id)).toEqual([1]);
    council.register.families.push({ family_ref: 'M1', child_ref: 'F1-P' });
    await council.night(addDays(TODAY, 2));
    expect((await council.explain('F1', addDays(TODAY, 2))).blocks).toEqual(['hold']);
    expect(await holds()).toEqual([{ id: 1, emptied_on: null, files_lost: 0 }]);
  });

  it('when numbers are shifted, so that its own now stands for somebody else', async () => {
    council.register.child('F1').child('F2');
    await imported(TODAY);
    await place('file:F1');
    council.register.change('F1', { subject_refs: 'F2-P' }).change('F2', { subject_refs: 'F1-P' });
    await council.night(TOMORROW);
    expect([(await council.explain('F1', TOMORROW)).blocks, (await council.explain('F2', TOMORROW)).blocks]).toEqual([
      ['hold'],
      ['hold_moved'],
    ]);
  });

  it('when it was renumbered before the old one went, or before the hold on the old number was placed', async () => {
    council.register.child('F1').child('F2');
    await imported(TODAY);
    await place('file:F1');
    council.register.files.set('CF-1', { ...council.register.files.get('F1'), file_ref: 'CF-1' });
    renumber('F2', 'CF-2');
    await imported(TOMORROW);
    council.register.files.delete('F1');
    await council.night(addDays(TODAY, 2));
    await place('file:F2');
    expect((await council.explain('CF-1', addDays(TODAY, 2))).blocks).toEqual(['hold_moved']);
    expect((await council.explain('CF-2', addDays(TODAY, 2))).blocks).toEqual(['listed', 'hold_moved']);
  });

  it('about nobody: known by its categories and dates', async () => {
    council.register.child('F1', { categories: 'financial', subject_refs: '', last_entry_on: '2010-05-05' });
    council.register.child('F2', { categories: 'financial', subject_refs: '', last_entry_on: '2011-05-05' });
    await imported(TODAY);
    await place('file:F1');
    renumber('F1', 'CF-1');
    renumber('F2', 'CF-2');
    await council.night(TOMORROW);
    expect([(await council.explain('CF-1', TOMORROW)).blocks, (await council.explain('CF-2', TOMORROW)).blocks]).toEqual([
      ['hold_moved'],
      ['listed'],
    ]);
  });

  it('after it was signed off: it is taken off, and the database archives it for nobody', async () => {
    council.register.child('F1', { family_ref: 'M1' }).child('F2');
    await imported(TODAY);
    await place('person:F1-P');
    await release(1);
    await council.night(TODAY);
    await council.approveAndSign(1, TODAY);
    await place('family:M1');
    council.register.change('F1', { family_ref: '' });
    await council.night(addDays(TODAY, 8));
    expect(await council.itemOf('F1')).toMatchObject({ status: 'withdrawn', status_reason: 'it is blocked now: hold moved' });
    expect(await council.bags()).toEqual(['F2.zip']);
  });
});

describe('a file that left the cover of a hold', () => {
  beforeEach(async () => {
    council.register.child('F1', { family_ref: 'M1' });
    await imported(TODAY);
    await place('family:M1');
    council.register.change('F1', { family_ref: 'M9' });
    await council.night(TOMORROW);
  });

  it('goes on once a records manager confirms it with a reason, which the audit holds by its hold; lost anew, it is asked anew', async () => {
    await council.refused(['confirm', 'F1', '--reason', ' '], { asOf: TOMORROW, as: 'm.jones' }, 'reason_missing', /--reason/);
    const confirmed = await council.done(['confirm', 'F1', '--reason', 'M1 was never its family'], { asOf: TOMORROW, as: 'm.jones' });
    expect(confirmed.stdout).toContain('You confirmed the loss of its hold of F1.');
    const event = await council.db('audit_events').orderBy('seq', 'desc').first<{ details: string }>('details');
    expect(event.details).toBe('{"file":"F1","blocks":["hold_moved"],"holds":[1]}');
    expect((await council.explain('F1', TOMORROW)).blocks).toEqual([]);
    await council.night(addDays(TODAY, 2));
    expect((await council.explain('F1', addDays(TODAY, 2))).blocks).toEqual(['listed']);
    council.register.change('F1', { family_ref: 'M1' });
    await council.night(addDays(TODAY, 3));
    council.register.change('F1', { family_ref: 'M9' });
    await council.night(addDays(TODAY, 4));
    expect((await council.explain('F1', addDays(TODAY, 4))).blocks).toEqual(['hold_moved']);
  });

  it('is free when the hold is released by two people, and by nobody at a prompt', async () => {
    const cover = () => council.db('hold_covers').where({ file_ref: 'F1' });
    await expect(cover().delete()).rejects.toThrow('stays known');
    await expect(cover().update({ hold_id: 1, likeness: 'facts' })).rejects.toThrow('never rewritten');
    council.register.child('F9', {}, { date_of_birth: '1900-01-01' });
    await council.night(addDays(TODAY, 2));
    await council.done('confirm F9 --reason seen', { asOf: addDays(TODAY, 2), as: 'm.jones' });
    await expect(cover().update({ confirmation_id: 1 })).rejects.toThrow('only a person’s confirmation ends that');
    await release(1);
    expect((await council.explain('F1', addDays(TODAY, 2))).blocks).toEqual([]);
    expect((await council.retention('doctor', { asOf: addDays(TODAY, 2) })).stdout).not.toContain('Holds in force that lost');
  });
});

async function imported(asOf: string): Promise<void> {
  await council.writeExtract();
  await council.done(['import', council.extract], { asOf });
}

async function place(...scopes: string[]): Promise<void> {
  for (const scope of scopes) {
    const order = ['--kind', 'litigation', '--authority', 'Legal, L/1', '--review-on', '2027-05-01'];
    await council.done(['hold', 'add', '--scope', scope, ...order], { asOf: TODAY, as: 'm.jones' });
  }
}

async function release(hold: number): Promise<void> {
  await council.done(`hold release ${hold} --reason settled`, { asOf: TODAY, as: 'm.jones' });
  await council.done(`hold release ${hold} --confirm`, { asOf: TODAY, as: 'a.khan' });
}

async function holds(): Promise<ListedHold[]> {
  const listed = (await council.done('hold list --json')).json<ListedHold[]>();
  return listed.map(({ id, emptied_on, files_lost }) => ({ id, emptied_on, files_lost }));
}

/** The same file under another number. */
function renumber(from: string, to: string): void {
  council.register.files.set(to, { ...council.register.files.get(from), file_ref: to });
  council.register.files.delete(from);
}
