/** Confirming what is doubted, by the commands: a date that became earlier, and a birth that can hardly be right. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addDays } from '../rules/dates.ts';
import { SHIPPED_SCHEDULE } from '../rules/schedule.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const TODAY = '2026-11-22';
const TOMORROW = addDays(TODAY, 1);
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('a date that became earlier', () => {
  it('G4: child_in_care disappears, 2074 becomes 2024: listed only once a records manager has confirmed with a reason', async () => {
    council.register.child(
      'CF-1',
      { categories: 'child_protection;child_in_care', closed_on: '2017-09-17' },
      { date_of_birth: '1999-09-17' },
    );
    await council.night(TODAY);
    council.register.change('CF-1', { categories: 'child_protection' });
    await council.night(TOMORROW);
    expect(await council.explain('CF-1', TOMORROW)).toMatchObject({ retain_until: '2024-09-17', blocks: ['shortened'] });
    await council.night(addDays(TODAY, 2));
    expect(await council.lists()).toEqual([]);

    expect((await confirm('CF-1', addDays(TODAY, 2))).json()).toEqual({
      file_ref: 'CF-1',
      confirmed: ['shortened'],
      eligible_from: '2024-09-18',
      blocks: [],
    });
    await council.night(addDays(TODAY, 3));
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'pending', retain_until: '2024-09-17' });
  });

  it('G5: the risk flag goes from yes to empty: no longer permanent, and listed only once confirmed', async () => {
    council.register.child('CF-1', {}, { poses_risk_to_children: 'yes' });
    await council.night(TODAY);
    expect(await council.explain('CF-1')).toMatchObject({ outcome: 'permanent', blocks: [] });
    council.register.change('CF-1-P', { poses_risk_to_children: '' });
    await council.night(TOMORROW);
    expect(await council.explain('CF-1', TOMORROW)).toMatchObject({ outcome: 'expires', blocks: ['shortened'] });
    expect(await council.lists()).toEqual([]);
    await confirm('CF-1', TOMORROW);
    await council.night(addDays(TODAY, 2));
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'pending' });
  });

  it('is doubted again only when it becomes earlier than what was confirmed', async () => {
    council.register.child('CF-1', {}, { date_of_birth: '2001-06-01' });
    const born = async (birth: string, asOf: string) => {
      council.register.change('CF-1-P', { date_of_birth: birth });
      await council.night(asOf);
      return (await council.explain('CF-1', asOf)).blocks;
    };
    await council.night(TODAY);
    expect(await born('2001-05-01', addDays(TODAY, 1))).toEqual(['shortened']);
    await confirm('CF-1', addDays(TODAY, 1));
    expect(await born('2001-05-20', addDays(TODAY, 2)), 'later').not.toContain('shortened');
    expect(await born('2001-05-20', addDays(TODAY, 3)), 'the same').not.toContain('shortened');
    expect(await born('2001-05-10', addDays(TODAY, 4)), 'earlier than the latest since').toEqual(['shortened']);
  });

  it('without a date: what ended permanent and cannot be determined is confirmed too, and has no date then', async () => {
    council.register.child('CF-1', {}, { poses_risk_to_children: 'yes' });
    await council.night(TODAY);
    council.register.change('CF-1-P', { poses_risk_to_children: 'no', date_of_birth: '' });
    await council.night(TOMORROW);
    expect(await council.explain('CF-1', TOMORROW)).toMatchObject({ outcome: 'undetermined', blocks: ['shortened'] });
    expect((await confirm('CF-1', TOMORROW)).json()).toMatchObject({ confirmed: ['shortened'], eligible_from: null, blocks: [] });
    expect(await council.db('determinations').first('shortened_on', 'guarded_from')).toEqual({ shortened_on: null, guarded_from: null });
  });
});

describe('a doubtful birth', () => {
  beforeEach(() => {
    const facts = { categories: 'child_in_care', opened_on: '2011-03-01', closed_on: '2012-03-01' };
    council.register.child('CF-1', facts, { date_of_birth: '1905-11-21' });
  });

  it('G11: born 1905 on a file opened in 2011: due since 1980, never listed until confirmed', async () => {
    await council.night(TODAY);
    expect(await council.explain('CF-1')).toMatchObject({ retain_until: '1980-11-21', blocks: ['doubtful_birth'] });
    await council.night(TOMORROW);
    expect(await council.lists()).toEqual([]);
    const confirmed = await council.done(['confirm', 'CF-1', '--reason', 'certificate seen'], by('m.jones', TOMORROW));
    expect(confirmed.stdout).toContain('You confirmed the birth of CF-1. It can be considered for disposal from 22 November 1980.');
    await council.night(addDays(TODAY, 2));
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'pending' });
  });

  it('G11: is doubted again when another birth, or another date of the case, makes it another question', async () => {
    await council.night(TODAY);
    await confirm('CF-1');
    expect((await council.explain('CF-1')).blocks).toEqual([]);
    council.register.change('CF-1-P', { date_of_birth: '1906-11-21' });
    await council.night(TOMORROW);
    expect((await council.explain('CF-1', TOMORROW)).blocks).toEqual(['doubtful_birth']);
    await confirm('CF-1', TOMORROW);
    council.register.change('CF-1', { opened_on: '2011-04-01' });
    await council.night(addDays(TODAY, 2));
    expect((await council.explain('CF-1', addDays(TODAY, 2))).blocks).toEqual(['doubtful_birth']);
    council.register.change('CF-1-P', { name: 'Another Spelling' });
    await confirm('CF-1', addDays(TODAY, 2));
    await council.night(addDays(TODAY, 3));
    expect((await council.explain('CF-1', addDays(TODAY, 3))).blocks, 'a name is no such fact').toEqual(['listed']);
  });

  it('and a date that became earlier are confirmed together', async () => {
    council.register.change('CF-1-P', { date_of_birth: '2005-11-21' });
    await council.night(TODAY);
    council.register.change('CF-1-P', { date_of_birth: '1905-11-21' });
    await council.night(TOMORROW);
    expect((await council.explain('CF-1', TOMORROW)).blocks).toEqual(['shortened', 'doubtful_birth']);
    expect((await confirm('CF-1', TOMORROW)).json()).toMatchObject({ confirmed: ['shortened', 'doubtful_birth'], blocks: [] });
  });

  it('that was confirmed leaves the other blocks, and says so', async () => {
    council.register.change('CF-1', { closed_on: '' });
    await council.night(TODAY);
    const confirmed = await council.done(['confirm', 'CF-1', '--reason', 'certificate seen'], by('m.jones'));
    expect(confirmed.stdout).toContain('Still in the way: The case is still open.');
  });
});

describe('a date that systems put in when they know none', () => {
  it('is never listed until confirmed, says which date and why, and is doubted again when another takes its place', async () => {
    const fostering = { categories: 'foster_carer', opened_on: '2015-01-01', closed_on: '2017-01-01', approval_ended_on: '1753-01-01' };
    council.register.child('CF-1', fostering, { date_of_birth: '1960-01-01' });
    await council.night(TODAY);
    expect(await council.lists()).toEqual([]);
    const { blocks, block_words } = await council.explain('CF-1');
    expect(blocks).toEqual(['doubtful_date']);
    expect(block_words).toEqual([
      'Fostering approval ended 01/01/1753 is a date that systems put in when they know none. A date on this file can hardly be right. Somebody must confirm it.',
    ]);
    const confirmed = await council.done(['confirm', 'CF-1', '--reason', 'the register says so'], by('m.jones'));
    expect(confirmed.stdout).toContain('You confirmed the doubtful date of CF-1.');
    expect((await council.explain('CF-1')).blocks).toEqual([]);
    council.register.change('CF-1', { approval_ended_on: '1900-01-01' });
    await council.night(TOMORROW);
    expect((await council.explain('CF-1', TOMORROW)).blocks).toEqual(['doubtful_date']);
  });

  it('is one of those the schedule in force names', async () => {
    council.register.child('CF-1', { categories: 'missing_person', opened_on: '2001-01-01', notified_on: '2001-01-02' });
    const shipped = await readFile(SHIPPED_SCHEDULE, 'utf8');
    const own = shipped
      .replace("version: '2023-06-09'", "version: '2026'")
      .replace("placeholders: ['0001-01-01'", "placeholders: ['2001-01-02'");
    await writeFile(path.join(council.folder, 'own.yaml'), own);
    await council.done(['schedule', 'adopt', path.join(council.folder, 'own.yaml'), '--from', TODAY], by('m.jones'));
    await council.night(TODAY);
    expect((await council.explain('CF-1')).blocks).toEqual(['doubtful_date']);
  });
});

describe('what was confirmed', () => {
  it('is doubted again when the one date known changes its place: opened becomes closed', async () => {
    council.register.child('CF-1', { opened_on: '1995-01-01', closed_on: '', subject_refs: 'CF-1-P;B' }, { date_of_birth: '1960-01-01' });
    council.register.people.set('B', { ...council.register.people.get('CF-1-P'), person_ref: 'B', date_of_birth: '2005-01-01' });
    await council.night(TODAY);
    await confirm('CF-1');
    council.register.change('CF-1', { opened_on: '', closed_on: '1995-01-01' });
    await council.night(TOMORROW);
    expect((await council.explain('CF-1', TOMORROW)).blocks).toContain('doubtful_birth');
  });

  it('is doubted again when one doubtful date becomes another: last entry instead of notification', async () => {
    const facts = { categories: 'missing_person;financial', notified_on: '1970-01-01', last_entry_on: '2009-05-05', opened_on: '' };
    council.register.child('CF-1', facts);
    await council.night(TODAY);
    await confirm('CF-1');
    expect((await council.explain('CF-1')).blocks).toEqual([]);
    council.register.change('CF-1', { notified_on: '2009-05-05', last_entry_on: '1970-01-01' });
    await council.night(TOMORROW);
    expect((await council.explain('CF-1', TOMORROW)).blocks).toContain('doubtful_date');
  });
});

describe('a confirmation', () => {
  it('is refused where nothing is doubted, without a reason, without the role, and for a file that is not there', async () => {
    council.register.child('CF-1').child('CF-2', {}, { date_of_birth: '1901-01-01' });
    await council.night(TODAY);
    await council.refused('confirm CF-1 --reason fine', by('m.jones'), 'nothing_to_confirm', /nothing to confirm about CF-1.*listed/);
    await council.refused(['confirm', 'CF-2', '--reason', ' '], by('m.jones'), 'reason_missing', /--reason/);
    await council.refused('confirm CF-9 --reason fine', by('m.jones'), 'no_such_file', /no file CF-9/);
    await council.done('users add c.law --role compliance');
    await council.refused('confirm CF-2 --reason fine', by('c.law'), 'not_permitted', /records_manager/);
    expect((await council.explain('CF-2')).blocks).toEqual(['doubtful_birth']);
    await confirm('CF-2');
    await council.refused('confirm CF-2 --reason again', by('m.jones'), 'nothing_to_confirm', /Nothing blocks it/);
  });

  it('is on record without its reason and without a birth', async () => {
    council.register.child('CF-1', {}, { date_of_birth: '1901-01-01' });
    await council.night(TODAY);
    await council.done(['confirm', 'CF-1', '--reason', 'Sylvia Plainword was born then'], by('m.jones'));
    const event = await council.db('audit_events').orderBy('seq', 'desc').first<object>('actor', 'event', 'details');
    expect(event).toEqual({ actor: 'm.jones', event: 'file.confirmed', details: '{"file":"CF-1","blocks":["doubtful_birth"]}' });
    expect(await council.db('confirmations').select('file_ref', 'block', 'confirmed_by', 'confirmed_on', 'reason')).toEqual([
      { file_ref: 'CF-1', block: 'doubtful_birth', confirmed_by: 'm.jones', confirmed_on: TODAY, reason: 'Sylvia Plainword was born then' },
    ]);
  });
});

async function confirm(file: string, asOf = TODAY): ReturnType<Council['done']> {
  return council.done(['confirm', file, '--reason', 'checked with the social worker', '--json'], by('m.jones', asOf));
}

function by(as: string, asOf = TODAY): { as: string; asOf: string } {
  return { as, asOf };
}
