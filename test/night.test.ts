/** The night from end to end, by its commands: an extract comes in, lists come out, people sign, files are archived. */
import { access } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, until, type Council } from './setup/commands.ts';

let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('a file from extract to archive', () => {
  let letter: string;
  let scan: string;

  beforeEach(async () => {
    council.register.child('CF-1').child('CF-2').child('CF-9', { closed_on: '' }, { date_of_birth: '2012-03-04' });
    letter = await council.document('CF-1', 'CF-1/a letter.txt', 'Dear child');
    scan = await council.document('CF-1', 'CF-1/scan.bin', Buffer.alloc(200_000, 7));
    await council.night('2026-11-22');
    await council.approveAndSign(1, '2026-11-22');
  });

  it('is archived on the first day after the cooling-off, and not one day earlier', async () => {
    const before = await council.night('2026-11-29');
    expect(before.steps['archive']).toMatchObject({ archived: 0 });
    expect([await council.bags(), (await council.show(1)).state]).toEqual([[], 'cooling_off']);

    const after = await council.night('2026-11-30');
    expect(after.steps['archive']).toMatchObject({ archived: 2, failed: 0, withdrawn: 0, sources: { removed: 2 } });
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
    expect(await council.show(1)).toMatchObject({
      state: 'complete',
      items: [{ status: 'archived', retain_until: null }, { status: 'archived' }],
    });
  });

  it('lies in a bag with its documents, facts, explanation and sign-off', async () => {
    await council.night('2026-11-30');
    const bag = await verifyBag(openArchiveStore(council.archive), 'CF-1.zip');
    expect(bag.documents.map((document) => [document.path, document.size])).toEqual([
      ['CF-1/a letter.txt', 10],
      ['CF-1/scan.bin', 200_000],
    ]);
    expect(bag.records).toMatchObject({
      facts: { fileRef: 'CF-1', subjects: [{ dateOfBirth: '2000-01-02', name: 'Invented CF-1' }] },
      determination: { rule: 'child-in-need', retain_until: '2025-01-02', blocks: ['listed'] },
      'sign-off': { list: { id: 1, signed_by: 'a.khan', signed_on: '2026-11-22' }, item: { decision: { decided_by: 'm.jones' } } },
    });
    expect((await council.db('residual_records').where({ file_ref: 'CF-1' }).first<{ bag_sha256: string }>()).bag_sha256).toBe(bag.sha256);
  });

  it('leaves nothing behind but references: sources gone, register and audit without a name or a birth', async () => {
    await council.night('2026-11-30');
    for (const file of [letter, scan]) await expect(access(file)).rejects.toThrow('ENOENT');
    const people = ['case_files', 'people', 'documents', 'determinations', 'determination_changes', 'fact_changes'];
    for (const table of [
      ...people,
      'residual_records',
      'disposal_list_items',
      'source_removals',
      'audit_events',
      'runs',
      'disposal_certificates',
    ]) {
      const text = JSON.stringify(await council.db(table));
      for (const personal of ['Invented CF-1', '2000-01-02', 'a letter.txt'])
        expect(text.includes(personal), `${table} has ${personal}`).toBe(false);
      if (people.includes(table)) expect(text.includes('CF-1'), table).toBe(false);
    }
    expect(await council.db('residual_records').where({ file_ref: 'CF-1' }).first()).toMatchObject({
      rule: 'child-in-need',
      anchor_year: 2000,
      retain_year: 2025,
      decided_by: 'm.jones',
      signed_by: 'a.khan',
      archived_on: '2026-11-30',
    });
    const explained = await council.retention('explain CF-1');
    expect([explained.exitCode, explained.stderr]).toEqual([1, expect.stringContaining('archive on 30 November 2026')]);
  });

  it('is remembered in the restricted index, and its certificate says that it is not destroyed', async () => {
    await council.night('2026-11-30');
    expect(await council.db('archive_index').where({ file_ref: 'CF-1' }).first()).toMatchObject({
      name: 'Invented CF-1',
      bag_location: 'CF-1.zip',
    });
    const { content } = await council.db('disposal_certificates').first<{ content: string }>('content');
    expect(JSON.parse(content)).toMatchObject({
      statement: expect.stringContaining('not destroyed') as string,
      expected: 2,
      actual: { archived: 2 },
    });
  });

  it('is done once: every step and the whole night again change nothing', async () => {
    await council.night('2026-11-30');
    const before = await everything();
    for (const step of ['compute', 'recheck', 'list', 'archive']) await council.done(step, { asOf: '2026-11-30' });
    await council.done(['import', council.extract], { asOf: '2026-11-30' });
    await council.night('2026-11-30');
    expect(await everything()).toEqual(before);
    expect(await council.db('runs').where({ kind: 'nightly', as_of: '2026-11-30' }).orderBy('id').pluck('outcome')).toEqual([
      'succeeded',
      'repeated',
    ]);
  });

  it('waits while ARCHIVING=off, and the night says so', async () => {
    const night = await council.night('2026-11-30', { ARCHIVING: 'off' });
    expect([night.stopped, await council.bags()]).toEqual([['Archiving is switched off (ARCHIVING=off).'], []]);
    await council.retention('archive', { asOf: '2026-11-30', ARCHIVING: 'off' });
    expect(await council.bags()).toEqual([]);
    await council.done('archive', { asOf: '2026-11-30' });
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
  });

  it('keeps the cooling-off that was fixed when it was signed', async () => {
    await council.night('2026-11-24', { COOLING_OFF_DAYS: '1' });
    expect(await council.bags()).toEqual([]);
  });

  async function everything(): Promise<unknown> {
    const tables = [
      'case_files',
      'people',
      'determinations',
      'disposal_lists',
      'disposal_list_items',
      'bags',
      'residual_records',
      'source_removals',
      'disposal_certificates',
    ];
    return { bags: await council.bags(), rows: await Promise.all(tables.map((table) => council.db(table).orderByRaw('1, 2'))) };
  }
});

describe('lists', () => {
  const days = ['2000-01-09', '2000-01-03', '2000-01-07', '2000-01-05', '2000-01-01'];

  it('hold one rule and action each, oldest first, LIST_SIZE at most', async () => {
    days.forEach((born, i) => council.register.child(`CN-${i}`, {}, { date_of_birth: born }));
    council.register
      .child('CP-1', { categories: 'child_protection' })
      .child('MP-1', { categories: 'missing_person', notified_on: '2020-05-05' });
    council.register.child(
      'CC-1',
      { categories: 'child_in_care', opened_on: '1945-01-01' },
      { date_of_birth: '1940-01-01', known_to_adult_services: 'yes' },
    );
    await council.night('2026-11-22', { LIST_SIZE: '3' });
    const made = await Promise.all((await council.lists()).map(({ id }) => council.show(id)));
    expect(made.map((list) => [list.rule, list.action, list.items.map((item) => item.file_ref)]).sort()).toEqual([
      ['child-in-care', 'transfer_to_adult_file', ['CC-1']],
      ['child-in-need', 'archive', ['CN-2', 'CN-0']],
      ['child-in-need', 'archive', ['CN-4', 'CN-1', 'CN-3']],
      ['child-protection', 'archive', ['CP-1']],
      ['missing-person', 'archive', ['MP-1']],
    ]);
  });

  it('are opened only up to OPEN_ITEMS undecided files, the oldest of all rules first', async () => {
    days.forEach((born, i) => council.register.child(`CN-${i}`, {}, { date_of_birth: born }));
    council.register.child('MP-1', { categories: 'missing_person', opened_on: '1990-05-05', notified_on: '1990-05-05' });
    await council.night('2026-11-22', { OPEN_ITEMS: '3' });
    expect(await listedFiles()).toEqual(['CN-1', 'CN-4', 'MP-1']);
  });

  it('are made of a rule and action only when none of that pair is for decision', async () => {
    council.register.child('CN-1');
    await council.night('2026-11-22');
    council.register.child('CN-2').child('CP-1', { categories: 'child_protection' });
    await council.night('2026-11-23');
    expect(await listedFiles()).toEqual(['CN-1', 'CP-1']);

    await council.done('decide 1 --approve --all', { asOf: '2026-11-23', as: 'm.jones' });
    await council.night('2026-11-24');
    expect(await listedFiles()).toEqual(['CN-1', 'CN-2', 'CP-1']);
  });

  it('have a file from its first eligible day on, and not on the last day it must be kept', async () => {
    council.register.child('CN-1', {}, { date_of_birth: '2001-11-22' });
    await council.night('2026-11-22');
    expect(await council.lists()).toEqual([]);
    await council.night('2026-11-23');
    expect(await listedFiles()).toEqual(['CN-1']);
  });

  async function listedFiles(): Promise<string[]> {
    return council.db('disposal_list_items').orderBy('file_ref').pluck('file_ref');
  }
});

describe('the accounts of a night', () => {
  it('count every row of the extract and every file by outcome', async () => {
    council.register.child('CF-1').child('CF-2', {}, { date_of_birth: '02/01/00' }).child('CF-3', {}, { date_of_birth: '' });
    council.register.child('CF-4', {}, { poses_risk_to_children: 'yes' }).child('CF-5', { categories: 'adopters', closed_on: '' });
    const night = await council.night('2026-11-22');
    expect(night.steps['import']).toMatchObject({
      rows: {
        'people.csv': { read: 5, added: 4, changed: 0, unchanged: 0, archived: 0, rejected: 1 },
        'files.csv': { read: 5, added: 4, rejected: 1 },
      },
    });
    expect(night.steps['compute']).toMatchObject({ files: 4, outcomes: { expires: 1, undetermined: 1, permanent: 1, awaiting: 1 } });

    await council.approveAndSign(1, '2026-11-22');
    await council.night('2026-11-30');
    const again = await council.night('2026-12-01');
    expect(again.steps['import']).toMatchObject({
      rows: {
        'files.csv': { read: 5, added: 0, changed: 0, unchanged: 3, archived: 1, rejected: 1 },
        'people.csv': { read: 5, unchanged: 3, archived: 1, rejected: 1 },
      },
    });
    expect(again.steps['compute']).toMatchObject({ files: 3 });
  });
});

describe('a second process', () => {
  it('is refused while a night runs, and the night goes on', async () => {
    council.register.child('CF-1');
    await council.writeExtract();
    await council.done('lists');
    const blocker = await council.db.transaction();
    await blocker.raw('lock table case_files in access exclusive mode');
    const night = council.spawn(['nightly', '--import', council.extract, '--as-of', '2026-11-22', '--json']);
    await until(() => council.db('runs').where({ outcome: 'running' }).first<object | undefined>(), 'the night runs');

    const second = await council.retention('nightly', { asOf: '2026-11-22' });
    expect([second.exitCode, second.stderr]).toEqual([1, expect.stringContaining('Another night')]);
    expect((await council.retention('archive', { asOf: '2026-11-22' })).exitCode).toBe(1);
    await blocker.rollback();

    const first = await night.exit;
    expect([first.exitCode, first.json()]).toEqual([0, expect.objectContaining({ outcome: 'succeeded' })]);
    expect(await council.db('runs').pluck('outcome')).toEqual(['succeeded']);
  });
});

describe('a run as of a day before the last successful night', () => {
  it('is refused with both days named and changes nothing, be it a night or a step of one; reading looks at any day', async () => {
    council.register.child('CF-1', {}, { date_of_birth: '2001-11-24' }).child('CF-2', { closed_on: '2026-11-25' });
    await council.night('2026-11-25');
    for (const { id } of await council.lists()) await council.approveAndSign(id, '2026-11-25');
    const before = await council.db('disposal_list_items').orderBy('file_ref');
    const commands = [
      ['nightly', '--import', council.extract],
      ['import', council.extract],
      ['compute'],
      ['recheck'],
      ['list'],
      ['archive'],
    ];
    for (const command of commands) {
      const { exitCode, stderr } = await council.retention(command, { asOf: '2026-11-24' });
      expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/night of 25 November 2026 has succeeded.*as of 24 November 2026/)]);
    }
    expect([await council.db('disposal_list_items').orderBy('file_ref'), await council.db('runs').count()]).toEqual([
      before,
      [{ count: 1 }],
    ]);
    await council.done('explain CF-1', { asOf: '2026-11-24' });
    await council.done('determinations', { asOf: '2026-11-24' });
    await council.done(['report', '--out', `${council.folder}/earlier`], { asOf: '2026-11-24' });
    expect(await council.db('night_figures').pluck('as_of')).toEqual(['2026-11-25']);
    expect(await council.night('2026-11-26')).toMatchObject({ steps: { recheck: { withdrawn: 0 } } });
  });
});
