/** Archived files that the source system still sends: counted, compared, named for removal, and confirmed when they are gone. */
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const listed = '2026-11-22';
const archived = '2026-11-30';
const digest = 'ab'.repeat(32);

interface Imported {
  exitCode: number;
  attention: string[];
  files: { read: number; archived: number; added: number; rejected: number };
  differ: string[];
  gone: string[];
}

let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('an archived file in the next extracts', () => {
  beforeEach(async () => {
    council.register.child('CF-1').child('CF-9', { closed_on: '' });
    await archive();
  });

  it('G17: unchanged it is counted and named for removal; changed a person is told, once; gone it is confirmed as removed', async () => {
    const night = await council.night('2026-12-01');
    expect(night.attention).toEqual([]);
    expect(night.steps['import']).toMatchObject({
      rows: { 'files.csv': { read: 2, archived: 1, unchanged: 1 }, 'people.csv': { archived: 1 } },
    });
    expect(await removals('2026-12-01')).toEqual(['CF-1,2026-11-30,2026-12-01,2026-12-01,no,yes']);
    expect([await council.db('case_files').pluck('file_ref'), await council.db('people').pluck('person_ref')]).toEqual([
      ['CF-9'],
      ['CF-9-P'],
    ]);

    council.register.change('CF-1-P', { date_of_birth: '2000-01-03' });
    const changed = await council.night('2026-12-02');
    expect(changed.attention).toEqual([
      expect.stringMatching(/^1 archived files came again with other facts.*CF-1\. Nothing of them was stored/),
    ]);
    expect(await removals('2026-12-02')).toEqual(['CF-1,2026-11-30,2026-12-01,2026-12-02,yes,yes']);
    expect((await council.night('2026-12-03')).attention).toEqual([]);
    council.register.change('CF-1-P', { date_of_birth: '2000-01-04' });
    expect((await council.night('2026-12-04')).attention).toHaveLength(1);
    expect(await council.db('people').pluck('person_ref')).toEqual(['CF-9-P']);

    council.register.files.delete('CF-1');
    council.register.people.delete('CF-1-P');
    expect((await council.night('2026-12-05')).attention).toEqual([]);
    expect(await removals('2026-12-05')).toEqual([]);
    expect(await council.db('seen_again').first()).toMatchObject({ file_ref: 'CF-1', gone_on: '2026-12-05' });
    expect(await events()).toEqual([
      ['archived.differs', { files: ['CF-1'] }],
      ['archived.differs', { files: ['CF-1'] }],
      ['archived.removed_at_source', { files: ['CF-1'] }],
    ]);
  });

  it('is not taken for gone while its row is rejected, or a row whose reference cannot be read', async () => {
    await arrives('2026-12-01');
    council.register.change('CF-1', { closed_on: 'last spring' });
    expect(await arrives('2026-12-02')).toMatchObject({ gone: [], differ: [], files: { archived: 0, rejected: 1 } });
    council.register.files.set('', { file_ref: '', categories: 'child_in_need' });
    council.register.files.delete('CF-1');
    expect(await arrives('2026-12-03')).toMatchObject({ gone: [] });
    council.register.files.delete('');
    expect(await arrives('2026-12-04')).toMatchObject({ gone: ['CF-1'] });
  });

  it('does not stop the import when it is there twice, or when its person’s row is malformed; neither can be compared', async () => {
    council.register.files.set('again', { ...council.register.files.get('CF-1'), opened_on: '2004-01-02' });
    expect(await arrives('2026-12-01')).toMatchObject({ differ: [], files: { read: 3, archived: 2 } });
    council.register.files.delete('again');
    council.register.change('CF-1-P', { date_of_birth: '02/01/00' });
    expect(await arrives('2026-12-02')).toMatchObject({ differ: [] });
    council.register.change('CF-1-P', { date_of_birth: '02/01/2000' });
    expect(await arrives('2026-12-03')).toMatchObject({ differ: [], attention: [] });
  });

  it('takes a column that is absent for no change, and notices a change again when the column is back', async () => {
    expect(await arrives('2026-12-01', ['opened_on'])).toMatchObject({ differ: [], files: { archived: 1 } });
    council.register.change('CF-1-P', { date_of_death: '2020-02-02' });
    expect(await arrives('2026-12-02', ['opened_on'])).toMatchObject({ differ: [] });
    expect(await arrives('2026-12-03')).toMatchObject({ differ: ['CF-1'] });
  });
});

describe('what was archived is compared', () => {
  const changes: [ref: string, column: string, value: string][] = [
    ['CF-1', 'categories', 'child_in_need'],
    ['CF-1', 'subject_refs', 'CF-1-P'],
    ['CF-1', 'family_ref', 'FAM-2'],
    ['CF-1', 'opened_on', '2004-01-02'],
    ['CF-1', 'closed_on', ''],
    ['CF-1', 'adoption_order_on', ''],
    ['CF-1', 'approval_ended_on', '2009-01-02'],
    ['CF-1', 'notified_on', '2009-02-03'],
    ['CF-1', 'last_entry_on', ''],
    ['CF-1', 'withdrawn_on', '2009-04-05'],
    ['CF-1', 'child_placed', 'no'],
    ['CF-1', 'originals_held', ''],
    ['CF-1', 'medium', 'both'],
    ['B', 'date_of_birth', '2001-05'],
    ['B', 'date_of_death', '2019-01-02'],
    ['B', 'known_to_adult_services', ''],
    ['CF-1-P', 'poses_risk_to_children', 'yes'],
  ];

  beforeEach(async () => {
    everyColumn();
    await council.document('CF-1', 'CF-1/letter.txt');
    await council.document('CF-1', 'CF-1/scan.pdf');
    await archive();
  });

  it('column by column; what is only written otherwise is the same', async () => {
    expect(await arrives('2026-12-01')).toMatchObject({ differ: [], files: { archived: 1 } });
    council.register.change('CF-1', { categories: 'child_protection; child_in_need', subject_refs: 'B;CF-1-P', opened_on: '01/01/2004' });
    council.register.change('CF-1', { location: 'another shelf' }).change('B', { name: 'Another Name' });
    council.register.documents.reverse();
    expect(await arrives('2026-12-02')).toMatchObject({ differ: [] });
    let day = 3;
    for (const [ref, column, value] of changes) {
      const before = (council.register.files.get(ref) ?? council.register.people.get(ref))?.[column] ?? '';
      council.register.change(ref, { [column]: value });
      expect(await arrives(`2026-12-${String(day++).padStart(2, '0')}`), column).toMatchObject({ differ: ['CF-1'] });
      council.register.change(ref, { [column]: before });
      expect(await arrives(`2026-12-${String(day++).padStart(2, '0')}`), column).toMatchObject({ differ: [] });
      if (day > 29) day = 3;
    }
  });

  it('and documents: one more, one less, one with another digest', async () => {
    const [first] = council.register.documents;
    council.register.documents.push({ file_ref: 'CF-1', path: 'CF-1/new.txt', sha256: '' });
    expect(await arrives('2026-12-01')).toMatchObject({ differ: ['CF-1'] });
    council.register.documents.splice(1);
    expect(await arrives('2026-12-02')).toMatchObject({ differ: ['CF-1'] });
    council.register.documents.push({ file_ref: 'CF-1', path: 'CF-1/scan.pdf', sha256: '' });
    expect(await arrives('2026-12-03')).toMatchObject({ differ: [] });
    if (first) first['sha256'] = digest;
    expect(await arrives('2026-12-04')).toMatchObject({ differ: ['CF-1'] });
    expect(await arrives('2026-12-05', ['documents.csv'])).toMatchObject({ differ: [] });
    expect(await arrives('2026-12-06', ['sha256'])).toMatchObject({ differ: [] });
    expect(await arrives('2026-12-07', ['families.csv', 'name', 'location'])).toMatchObject({ differ: [] });
  });

  /** A file with something in every cell, about two people. */
  function everyColumn(): void {
    const dates = {
      adoption_order_on: '2008-03-04',
      approval_ended_on: '2009-01-01',
      notified_on: '2009-02-02',
      last_entry_on: '2009-03-03',
      withdrawn_on: '2009-04-04',
    };
    const words = { child_placed: 'yes', originals_held: 'no', family_ref: 'FAM-1', location: 'a shelf' };
    council.register
      .child('CF-1', { categories: 'child_in_need;child_protection', subject_refs: 'CF-1-P;B', ...dates, ...words })
      .people.set('B', {
        person_ref: 'B',
        name: 'B Invented',
        date_of_birth: '2001-04',
        date_of_death: '2019-01-01',
        known_to_adult_services: 'no',
        poses_risk_to_children: 'no',
      });
    council.register.families.push({ family_ref: 'FAM-1', child_ref: 'CF-1-P' }, { family_ref: 'FAM-1', child_ref: 'B' });
  }
});

it('G15: a document listed under two files is in the bag of the one archived, and its source stays while the other lists it', async () => {
  council.register.child('CF-1').child('CF-2', { closed_on: '' });
  const joint = await council.document('CF-1', 'shared/joint report.txt', 'about both');
  council.register.documents.push({ file_ref: 'CF-2', path: 'shared/joint report.txt', sha256: '' });
  await archive();
  const bag = await verifyBag(openArchiveStore(council.archive), 'CF-1.zip');
  expect(bag.documents.map((document) => document.path)).toEqual(['shared/joint report.txt']);
  await expect(access(joint)).resolves.toBeUndefined();
  expect((await council.done('certificate show 1 --json')).json()).toMatchObject({ sources: { removed: 0, waiting: 1 } });

  council.register.change('CF-2', { closed_on: '2010-01-01' });
  await council.night('2026-12-01');
  await council.approveAndSign(2, '2026-12-01');
  await council.night('2026-12-09');
  expect((await verifyBag(openArchiveStore(council.archive), 'CF-2.zip')).documents).toEqual(bag.documents);
  await expect(access(joint)).rejects.toThrow('ENOENT');
});

describe('a family of which one child’s file is archived', () => {
  const review = {
    categories: 'safeguarding_unit',
    family_ref: 'FAM-1',
    subject_refs: 'CF-2-P',
    opened_on: '1980-01-01',
    closed_on: '1985-01-01',
  };

  it('keeps that child among its children for the review, whether the family’s file was there before or comes later', async () => {
    family();
    await archive();
    council.register.child('CF-2', review, { date_of_birth: '1975-05-05' });
    await arrives('2026-12-01');
    await council.retention('compute', { asOf: '2026-12-01' });
    expect(await council.db('determinations').where({ file_ref: 'CF-2' }).first()).toMatchObject({ review_on: '2018-01-02' });
    await council.expectAccounted();
  });

  it('lets go of that child when the family’s last file is archived', async () => {
    family();
    council.register.child('CF-2', review, { date_of_birth: '1975-05-05' });
    await archive('CF-1');
    expect(await council.db('people').pluck('person_ref').orderBy('person_ref')).toEqual(['CF-1-P', 'CF-2-P']);
    const other = (await council.lists()).find((list) => list.rule === 'safeguarding-unit');
    await council.approveAndSign(other?.id ?? 0, archived);
    await council.night('2026-12-08');
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
    expect(await council.db('people')).toEqual([]);
    expect((await council.night('2026-12-09')).steps['import']).toMatchObject({
      rows: { 'people.csv': { archived: 2 }, 'families.csv': { archived: 1 } },
    });
    expect([await council.db('people'), await council.db('families')]).toEqual([[], []]);
  });

  function family(): void {
    council.register.child('CF-1', { family_ref: 'FAM-1' });
    council.register.families.push({ family_ref: 'FAM-1', child_ref: 'CF-1-P' });
  }
});

/** Lists, signs and archives what is due; with `only`, the list of that file alone. */
async function archive(only?: string): Promise<void> {
  await council.night(listed);
  const lists = only ? [(await council.itemOf(only)).list] : (await council.lists('for_decision')).map((list) => list.id);
  for (const list of lists) await council.approveAndSign(list, listed);
  await council.night(archived);
  expect(await council.bags()).toContain('CF-1.zip');
}

/** One import of the register as it stands, `without` some columns or files. */
async function arrives(asOf: string, without: string[] = []): Promise<Imported> {
  await council.writeExtract(without);
  const ended = await council.retention(['import', council.extract, '--json'], { asOf });
  expect([0, 3], ended.stderr).toContain(ended.exitCode);
  const { attention, steps } = ended.json<{
    attention: string[];
    steps: { import: { rows: Record<string, Imported['files']>; differFromArchived: string[]; removedAtSource: string[] } };
  }>();
  const { rows, differFromArchived, removedAtSource } = steps.import;
  return {
    exitCode: ended.exitCode,
    attention,
    files: rows['files.csv'] as Imported['files'],
    differ: differFromArchived,
    gone: removedAtSource,
  };
}

async function removals(asOf: string): Promise<string[]> {
  const text = await readFile(path.join(council.folder, 'home/reports', asOf, 'removals.csv'), 'utf8');
  return text.trim().split('\n').slice(1);
}

async function events(): Promise<unknown[]> {
  const rows = await council
    .db('audit_events')
    .whereLike('event', 'archived.%')
    .orderBy('seq')
    .select<{ event: string; details: string }[]>('event', 'details');
  return rows.map(({ event, details }) => [event, JSON.parse(details) as unknown]);
}
