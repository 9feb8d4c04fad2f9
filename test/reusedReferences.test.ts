/** A reference of an archived file that the source gives to other people's file, by the commands: blocked, named, and settled by a person. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const LISTED = '2026-11-22';
const ARCHIVED_ON = '2026-11-30';
const [DAY, NEXT, LATER] = ['2026-12-02', '2026-12-03', '2026-12-04'] as const;
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('A', {}, { name: 'Ann Old' }).child('B', { closed_on: '' });
  await council.document('A', 'a.pdf');
  await nightly(LISTED);
  await council.approveAndSign(1, LISTED);
  await nightly(ARCHIVED_ON);
  expect(await council.bags()).toEqual(['A.zip']);
});

afterEach(() => council.close());

describe('a file of other people under the reference', () => {
  it.each([
    ['of a person of its own', 'N', false],
    ['of a person whose reference was reused as well', 'A-P', false],
    ['while the archived one was still at the source the night before', 'N', true],
  ])('%s is registered and found, blocked and named every night, and never asked to be removed', async (_which, person, straightOn) => {
    if (!straightOn) {
      goneFromSource();
      await nightly('2026-12-01');
    }
    await another(person);
    const first = await nightly(DAY);
    expect(first.attention).toContainEqual(
      expect.stringMatching(/^1 files have the reference of an archived one and are about other people: A\./),
    );
    const second = await nightly(NEXT);
    expect([second.attention, second.known]).toEqual([
      [],
      [expect.stringMatching(/about other people: A\. Each is in the register, blocked/)],
    ]);
    expect(await council.explain('A', NEXT)).toMatchObject({ outcome: 'expires', blocks: ['reference_reused'] });
    expect(await removals(NEXT)).toEqual([]);
    expect(await found('Ruby')).toEqual(['A register']);
    expect(await found('Ann')).toEqual(['A archive']);
    const held = await council.retention(
      ['hold', 'add', '--kind', 'litigation', '--scope', 'file:A', '--authority', 'court', '--review-on', '2030-01-01'],
      { asOf: NEXT, as: 'm.jones' },
    );
    expect(held.exitCode).toBe(0);
    await council.refused(
      ['restore', 'A', '--keep-until', '2030-01-01', '--reason', 'x'],
      { asOf: NEXT, as: 'm.jones' },
      'reference_taken',
      /Say first which it is/,
    );
  });

  it('is a file of its own once a person says so: archived in its turn, with both records, both bags and both found', async () => {
    await another('N');
    await nightly(DAY);
    await settle('--another-file', DAY);
    const restore = ['restore', 'A', '--keep-until', '2030-01-01', '--reason', 'x'];
    const whatToDo = /kept apart, whole.*: apart\/list-1\/A\.zip\. To read it, open that zip.*a reference of its own at the source/;
    await council.refused(restore, { asOf: DAY, as: 'm.jones' }, 'reference_taken', whatToDo);
    await nightly(NEXT);
    const { list } = await council.itemOf('A');
    await council.approveAndSign(list, NEXT);
    const night = await nightly('2026-12-11');
    expect(night.steps['archive']).toMatchObject({ archived: 1, failed: 0 });
    expect([await council.bags(), await found('Ann'), await found('Ruby')]).toEqual([['A.zip'], ['A archive'], ['A archive']]);
    const index = await council.db('archive_index').orderBy('id').pluck('bag_location');
    expect(index).toEqual(['apart/list-1/A.zip', 'A.zip']);
    expect(await council.db('residual_records').pluck('list_id').orderBy('list_id')).toEqual(['1', String(list)].map(Number));
    expect((await nightly('2026-12-12')).steps['import']).toMatchObject({ reusedReferences: [], rows: { 'files.csv': { archived: 1 } } });
    expect(await removals('2026-12-12')).toHaveLength(1);
    // From the archive comes the later file, and who asks is told that it is not the earlier one.
    const asked = await council.done(restore, { asOf: '2026-12-12', as: 'm.jones' });
    expect(asked.stdout).toContain('kept apart (apart/list-1/A.zip) and does not come back');
    await council.done('restore A --confirm', { asOf: '2026-12-12', as: 'a.khan' });
    expect([await found('Ann'), await found('Ruby')]).toEqual([['A archive'], ['A register']]);
  });

  it('leaves the register when a person says that it is the archived one, and is not asked about again unless with others', async () => {
    await another('N');
    await nightly(DAY);
    await settle('--came-back', DAY);
    expect((await nightly(NEXT)).steps['import']).toMatchObject({ reusedReferences: [], rows: { 'files.csv': { archived: 1 } } });
    expect([await council.db('case_files').pluck('file_ref'), await removals(NEXT)]).toEqual([['B'], [expect.stringMatching(/^A,/)]]);
    await another('M');
    expect((await nightly(LATER)).steps['import']).toMatchObject({ newlyReused: ['A'] });
  });

  it('that cannot be linked stops no import: it is set aside with its documents, and asked about when it can', async () => {
    await another('N');
    council.register.people.delete('N');
    expect((await nightly(DAY)).steps['import']).toMatchObject({
      newlyReused: [],
      rows: { 'files.csv': { rejected: 1 }, 'documents.csv': { rejected: 1 } },
    });
    await another('N');
    expect((await nightly(NEXT)).steps['import']).toMatchObject({ newlyReused: ['A'] });
  });

  it('is settled by a records manager with a reason, and only where there is something to settle', async () => {
    await another('N');
    await nightly(DAY);
    await council.done('users add c.ward --role compliance');
    await council.done('users add m.jones --role records_manager');
    const settling = ['reference', 'A', '--another-file', '--reason'];
    await council.refused([...settling, 'x'], { asOf: DAY, as: 'c.ward' }, 'not_permitted', /records_manager/);
    await council.refused([...settling, ' '], { asOf: DAY, as: 'm.jones' }, 'reason_missing', /how you know/);
    expect((await council.retention(['reference', 'A', '--reason', 'x'], { asOf: DAY, as: 'm.jones' })).exitCode).toBe(2);
    await council.refused(
      ['reference', 'B', '--came-back', '--reason', 'x'],
      { asOf: DAY, as: 'm.jones' },
      'reference_not_reused',
      /No archived file has the reference B/,
    );
    await expect(council.db('case_files').where({ file_ref: 'A' }).delete()).rejects.toThrow(/leaves the register by the archive alone/);
  });
});

it('the same people under the reference are the archived file: one of several, another spelling, a birth put right', async () => {
  for (const person of [{ name: 'Ann New' }, { date_of_birth: '2000-01-03' }, { name: '', date_of_birth: '1999' }]) {
    council.register.change('A-P', { name: 'Ann Old', date_of_birth: '2000-01-02', ...person });
    expect((await nightly(DAY)).steps['import']).toMatchObject({ newlyReused: [], rows: { 'files.csv': { archived: 1 } } });
  }
  council.register.child('X').change('A', { subject_refs: 'X-P;A-P' });
  expect((await nightly(NEXT)).steps['import']).toMatchObject({ newlyReused: [] });
});

function goneFromSource(): void {
  council.register.files.delete('A');
  council.register.people.delete('A-P');
  council.register.documents.length = 0;
}

async function another(person: string): Promise<void> {
  goneFromSource();
  council.register.child('A', { subject_refs: person }, { person_ref: person, name: 'Ruby Other', date_of_birth: '2001-05-05' });
  const row = council.register.people.get('A-P') ?? {};
  council.register.people.delete('A-P');
  council.register.people.set(person, row);
  await council.document('A', 'new.pdf');
}

async function settle(verdict: string, asOf: string): Promise<void> {
  await council.done(['reference', 'A', verdict, '--reason', 'both files seen'], { asOf, as: 'm.jones' });
}

async function nightly(asOf: string): Promise<NightResult> {
  council.today = asOf;
  return council.night(asOf);
}

async function found(name: string): Promise<string[]> {
  const files = (await council.done(['find', '--name', name, '--json'], { as: 'c.ward' })).json<{ file_ref: string; where: string }[]>();
  return files.map((file) => `${file.file_ref} ${file.where}`);
}

async function removals(asOf: string): Promise<string[]> {
  const text = await readFile(path.join(council.folder, 'home/reports', asOf, 'removals.csv'), 'utf8');
  return text.trim().split('\n').slice(1);
}
