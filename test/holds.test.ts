/** Holds by the commands: two people to release one, thousands placed from a file, and what a release makes eligible. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addDays } from '../rules/dates.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const TODAY = '2026-11-22';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('the release of a hold', () => {
  beforeEach(async () => {
    council.register.child('CF-1');
    await council.night(TODAY);
    await place('file:CF-1');
  });

  it('is asked by one person and confirmed by another; until then the hold is in force', async () => {
    await ask('m.jones');
    expect(await holds()).toMatchObject([{ id: 1, state: 'release_asked', release_asked_by: 'm.jones' }]);
    expect((await council.explain('CF-1')).blocks).toContain('hold');
    const released = (await council.done('hold release 1 --confirm --json', by('a.khan'))).json();
    expect(released).toMatchObject({ hold: { state: 'released', released_by: 'a.khan', released_on: TODAY }, covered: 1 });
    expect((await council.explain('CF-1')).blocks).not.toContain('hold');
  });

  it('is not confirmed by the person who asked, and a second ask replaces the first', async () => {
    await council.refused('hold release 1 --confirm', by('a.khan'), 'release_not_asked', /Nobody has asked.*--reason/);
    await ask('m.jones');
    await council.refused('hold release 1 --confirm', by('m.jones'), 'own_request', /another person must confirm/);
    await ask('a.khan');
    await council.refused('hold release 1 --confirm', by('a.khan'), 'own_request', /a\.khan asked/);
    await council.done('hold release 1 --confirm', by('m.jones'));
  });

  it('can be confirmed on the 30th day; on the 31st the ask has lapsed and must be made anew', async () => {
    await ask('m.jones');
    const late = addDays(TODAY, 31);
    await council.refused('hold release 1 --confirm', by('a.khan', late), 'request_lapsed', /lapsed after 30 days.*anew/);
    expect(await holds(late)).toMatchObject([{ state: 'release_lapsed' }]);
    await ask('m.jones', addDays(TODAY, 31));
    await council.done('hold release 1 --confirm', by('a.khan', addDays(TODAY, 61)));
  });

  it('is final: a released hold is neither asked for nor confirmed again, and no such hold is no hold', async () => {
    await ask('m.jones');
    await council.done('hold release 1 --confirm', by('a.khan'));
    await council.refused('hold release 1 --confirm', by('h.grant'), 'hold_released', /place a new hold/);
    await council.refused('hold release 1 --reason again', by('h.grant'), 'hold_released', /was released on 22 November 2026/);
    await council.refused('hold release 7 --reason why', by('h.grant'), 'no_such_hold', /hold list/);
    await council.refused(['hold', 'release', '7', '--confirm'], by('h.grant'), 'no_such_hold', /There is no hold 7/);
  });

  it('needs a reason, one of its two options, and the role', async () => {
    await council.refused(['hold', 'release', '1', '--reason', ' '], by('m.jones'), 'reason_missing', /--reason/);
    expect((await council.retention('hold release 1 --as m.jones')).exitCode).toBe(2);
    expect((await council.retention('hold release 1 --reason x --confirm --as m.jones')).exitCode).toBe(2);
    await council.done('users add an.auditor --role auditor');
    await council.refused('hold release 1 --reason x', by('an.auditor'), 'not_permitted', /records_manager or compliance/);
    await council.refused('hold release 1 --confirm', by('an.auditor'), 'not_permitted', /records_manager or compliance/);
  });

  it('is on record without its reason', async () => {
    await council.done(['hold', 'release', '1', '--reason', 'Sylvia Plainword withdrew'], by('m.jones'));
    await council.done('hold release 1 --confirm', by('a.khan'));
    const events = await council.db('audit_events').whereLike('event', 'hold.%').orderBy('seq').select('actor', 'event', 'details');
    expect(events.slice(1)).toEqual([
      { actor: 'm.jones', event: 'hold.release_asked', details: '{"hold":1}' },
      { actor: 'a.khan', event: 'hold.released', details: '{"hold":1,"asked_by":"m.jones"}' },
    ]);
    expect(JSON.stringify(events)).not.toContain('Plainword');
  });

  it('takes two people in the database too, and no other way ends a hold', async () => {
    const hold = () => council.db('holds').where({ id: 1 });
    await expect(hold().delete()).rejects.toThrow('cannot be deleted');
    await expect(hold().update({ scope_ref: 'CF-2' })).rejects.toThrow('what was ordered never changes');
    await expect(hold().update({ released_by: 'm.jones', released_on: TODAY })).rejects.toThrow('release_takes_two_people');
    await ask('m.jones');
    await expect(hold().update({ released_by: 'm.jones', released_on: TODAY })).rejects.toThrow('release_takes_two_people');
    await council.done('hold release 1 --confirm', by('a.khan'));
    await expect(hold().update({ released_by: null, released_on: null })).rejects.toThrow('was released and never changes');
  });
});

describe('a release and the lists', () => {
  it.each([
    ['the file', 'file:CF-1'],
    ['its category', 'category:child_in_need'],
    ['a sibling’s family', 'family:FAM-1'],
    ['everything', 'everything'],
  ])('G9: a hold placed after sign-off on %s takes it off; released, it is listed anew and says why', async (_what, scope) => {
    council.register.child('CF-1', { family_ref: 'FAM-1' });
    await council.night(TODAY);
    await council.approveAndSign(1, TODAY);
    await place(scope);
    await council.night(addDays(TODAY, 8));
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 1, status: 'withdrawn', status_reason: 'it is blocked now: hold' });
    expect(await council.bags()).toEqual([]);

    await release(1, addDays(TODAY, 9));
    await council.night(addDays(TODAY, 10));
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, status: 'pending', released_holds: [1] });
    expect((await council.done('show 2')).stdout.replace(/\s*│\s*/g, ' ')).toContain('newly eligible because hold 1 was released');
  });

  it('mark a file once, and only for holds that covered it while it was due', async () => {
    council.register.child('CF-1').child('CF-2', {}, { date_of_birth: '2001-11-30' });
    await place('file:CF-1');
    await place('person:CF-1-P');
    await place('file:CF-2');
    await place('file:CF-9');
    for (const hold of [1, 2, 3, 4]) await release(hold, TODAY);
    await council.night(TODAY);
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 1, released_holds: [1, 2] });

    await council.done(['withdraw', '1', '--files', 'CF-1', '--reason', 'wrong child'], by('m.jones'));
    await council.night(addDays(TODAY, 9));
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, released_holds: [] });
    // Due from 1 December 2026 on: the hold was released before.
    expect(await council.itemOf('CF-2')).toMatchObject({ list: 2, released_holds: [] });
  });

  it('are in list.csv too', async () => {
    council.register.child('CF-1');
    await place('file:CF-1');
    await release(1, TODAY);
    await council.night(TODAY);
    const file = path.join(council.folder, 'home', 'reports', TODAY, 'lists', 'list-1.csv');
    expect(parse(await readFile(file, 'utf8'), { columns: true })).toMatchObject([{ file_ref: 'CF-1', released_holds: '1' }]);
  });
});

describe('holds on what is not there yet', () => {
  it('G10: a hold on a person before any file of theirs is accepted, exit 3; it covers the file that arrives tomorrow, until released', async () => {
    const early = await council.retention(adding('person:CF-1-P'), by('m.jones'));
    expect(early).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('matches nothing yet') as string });
    council.register.child('CF-1');
    await council.night(addDays(TODAY, 1));
    expect(await council.explain('CF-1')).toMatchObject({ blocks: ['hold'], block_words: [expect.stringContaining('Hold 1: police')] });
    expect(await council.lists()).toEqual([]);

    await release(1, addDays(TODAY, 1));
    await council.night(addDays(TODAY, 2));
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'pending', released_holds: [1] });
  });
});

describe('holds due for review', () => {
  it('are marked from their day on, and only while in force', async () => {
    await place('file:CF-1', '2026-12-01');
    await place('file:CF-2', '2027-12-01');
    await place('file:CF-3', '2026-12-01');
    await release(3, TODAY);
    const dueOn = async (asOf: string) => (await holds(asOf, '--due')).map((hold) => hold.id);
    expect([await dueOn('2026-11-30'), await dueOn('2026-12-01'), await dueOn('2027-12-01')]).toEqual([[], [1], [1, 2]]);
    expect((await holds('2026-12-01')).map((hold) => hold.review_due)).toEqual([false, false, true]);
    expect((await council.done('hold list --as-of 2026-12-01')).stdout.match(/DUE/g)).toHaveLength(1);
    expect((await council.done('hold list --due --as-of 2026-11-30')).stdout).toContain('No hold is due for review.');
  });
});

describe('an import of holds', () => {
  const REVIEW = '2027-11-22';

  it('places what can be placed, and names every other row with line, column and reason, for its owner alone', async () => {
    council.register.child('CF-1');
    await council.night(TODAY);
    const file = await csv([
      ['police', 'file:CF-1', 'DI Archer, ref 77/26', '22/11/2027'],
      ['polis', 'file:CF-1', 'DI Archer', REVIEW],
      ['inquiry', 'category:lac', '', '22/11/27'],
      ['inquiry', 'everything:CF-1', 'the inquiry', TODAY],
      ['inquiry', 'family:FAM-9', 'the inquiry', TODAY],
      ['inquiry', 'everything'],
      ['inquiry', 'person:P-77', 'the "inquiry"', REVIEW],
    ]);
    const imported = await council.retention(['hold', 'import', file, '--json'], by('m.jones'));
    expect(imported.exitCode).toBe(3);
    const rejects = [
      { line: 3, column: 'kind', reason: expect.stringContaining('"polis": no such kind; known are inquiry') as string },
      { line: 4, column: 'scope', reason: expect.stringContaining('"lac": no such category') as string },
      { line: 4, column: 'authority', reason: 'empty: every row needs it' },
      { line: 4, column: 'review_on', reason: expect.stringContaining('four digits') as string },
      { line: 5, column: 'scope', reason: expect.stringContaining('write everything, category:X') as string },
      { line: 6, column: 'review_on', reason: 'a hold is reviewed on a day to come' },
      { line: 7, column: null, reason: expect.stringContaining('the row has 2 cells and the header 4') as string },
    ];
    expect(imported.json()).toEqual({
      read: 7,
      placed: 2,
      already_in_force: 0,
      rejected: 5,
      rejects,
      matching_nothing: [{ hold: 2, scope: 'person:P-77' }],
      ignored_columns: [],
      rejects_file: file.replace('.csv', '.rejects.csv'),
    });
    const written = file.replace('.csv', '.rejects.csv');
    expect((await stat(written)).mode & 0o777).toBe(0o600);
    expect((await readFile(written, 'utf8')).split('\n').slice(0, 2)).toEqual([
      'line,column,reason',
      expect.stringMatching(/^3,kind,"""polis""/),
    ]);
    expect(await holds()).toMatchObject([
      { kind: 'inquiry', scope: 'person', scope_ref: 'P-77', authority: 'the "inquiry"', review_on: REVIEW },
      { kind: 'police', scope: 'file', scope_ref: 'CF-1', authority: 'DI Archer, ref 77/26', review_on: REVIEW, placed_by: 'm.jones' },
    ]);
    expect((await council.explain('CF-1')).blocks).toContain('hold');
  });

  it('places nothing twice: not the same file again, nor a row that is in it twice', async () => {
    const rows = [
      ['police', 'file:CF-1', 'DI Archer', REVIEW],
      ['police', 'everything', 'DI Archer', REVIEW],
    ];
    const file = await csv([...rows, ...rows]);
    expect(await imports(file)).toMatchObject({ read: 4, placed: 2, already_in_force: 2, rejected: 0 });
    expect(await imports(file)).toMatchObject({ read: 4, placed: 0, already_in_force: 4, rejected: 0 });
    expect(await imports(file, addDays(REVIEW, 1)), 'long after its review').toMatchObject({ placed: 0, already_in_force: 4, rejected: 0 });
    await release(1, TODAY);
    expect(await imports(file), 'a released hold is not in force').toMatchObject({ placed: 1, already_in_force: 3 });
    expect(await imports(await csv([['police', 'file:CF-1', 'DI Bell', REVIEW]])), 'another authority').toMatchObject({ placed: 1 });
  });

  it('loses no row to a quote that is never closed, a byte-order mark, CRLF, empty lines or columns it does not know', async () => {
    const file = path.join(council.folder, 'by hand.csv');
    await mkdir(path.dirname(file), { recursive: true });
    const lines = [
      'authority,note,kind,review_on,scope',
      `"DI Archer,,police,${REVIEW},file:CF-1`,
      '',
      `DI Bell,x,police,${REVIEW},file:CF-2`,
    ];
    await writeFile(file, `\uFEFF${lines.join('\r\n')}\r\n`);
    const imported = await council.retention(['hold', 'import', file, '--json'], by('m.jones'));
    expect(imported.json()).toMatchObject({
      read: 2,
      placed: 1,
      rejects: [{ line: 2, column: null, reason: expect.stringContaining('quotes') as string }],
      ignored_columns: ['note'],
    });
    expect(await holds()).toMatchObject([{ scope_ref: 'CF-2', authority: 'DI Bell' }]);
  });

  it('is refused whole where the file is none, or lacks a column', async () => {
    const importing = (file: string) => ['hold', 'import', file];
    await council.refused(importing('nowhere.csv'), by('m.jones'), 'hold_file_unusable', /cannot be read \(ENOENT\)/);
    await council.refused(
      importing(await csv([], ['kind', 'scope', 'authority'])),
      by('m.jones'),
      'hold_file_unusable',
      /no column "review_on"/,
    );
    await council.done('users add an.auditor --role auditor');
    await council.refused(importing(await csv([['police', 'everything', 'x', REVIEW]])), by('an.auditor'), 'not_permitted', /compliance/);
    expect(await holds()).toEqual([]);
  });

  it('knows its columns as an export writes them', async () => {
    council.register.child('CF-1');
    await council.night(TODAY);
    const file = path.join(council.folder, 'exported.csv');
    await writeFile(file, `Kind,SCOPE,authority,Review-On\ninquiry,file:CF-1,the inquiry,${REVIEW}\n`);
    expect((await council.done(['hold', 'import', file, '--json'], by('m.jones'))).json()).toMatchObject({
      placed: 1,
      ignored_columns: [],
    });
  });

  it('takes thousands at once: each on record, each scope matched as the night matches it', async () => {
    council.register.child('CF-1', { family_ref: 'FAM-1' }).child('CF-2').child('CF-3');
    council.register.families.push({ family_ref: 'FAM-2', child_ref: 'CF-2-P' });
    await council.night(TODAY);
    const scopes = ['everything', 'category:child_in_need', 'file:CF-1', 'person:CF-3-P', 'family:FAM-1', 'family:FAM-2'];
    const nothing = [
      'category:adoption',
      'file:CF-3-P',
      'person:CF-1',
      'family:CF-1',
      ...Array.from({ length: 5000 }, (_, i) => `family:F-${i}`),
    ];
    const file = await csv([...scopes, ...nothing].map((scope) => ['inquiry', scope, 'the inquiry', REVIEW]));
    const imported = (await council.retention(['hold', 'import', file, '--json'], by('m.jones'))).json<{
      placed: number;
      matching_nothing: { hold: number; scope: string }[];
    }>();
    expect(imported.placed).toBe(scopes.length + nothing.length);
    expect(imported.matching_nothing.map((unmatched) => unmatched.scope)).toEqual(nothing);
    const placed = await council.db('audit_events').where({ event: 'hold.placed' }).pluck<string[]>('details').orderBy('seq');
    expect(placed).toHaveLength(imported.placed);
    expect(JSON.parse(placed[2] ?? '')).toEqual({ hold: 3, kind: 'inquiry', scope: 'file', scope_ref: 'CF-1', review_on: REVIEW });
    await council.expectAccounted();
    // Else each of thousands of look-ups goes through all that an import has just written.
    const found = await council.db('pg_class').where({ relname: 'case_files_by_subject' }).pluck<string[][]>('reloptions');
    expect(found).toEqual([['fastupdate=off']]);

    const words = await Promise.all(['CF-1', 'CF-2', 'CF-3'].map(async (file) => (await council.explain(file)).block_words.join(' ')));
    expect(words.map((said) => [...said.matchAll(/Hold (\d+):/g)].map((match) => Number(match[1])))).toEqual([
      [1, 2, 3, 5],
      [1, 2, 6],
      [1, 2, 4],
    ]);
  });

  async function imports(file: string, asOf = TODAY): Promise<unknown> {
    return (await council.retention(['hold', 'import', file, '--json'], by('m.jones', asOf))).json();
  }

  async function csv(rows: string[][], header = ['kind', 'scope', 'authority', 'review_on']): Promise<string> {
    const file = path.join(council.folder, 'holds.csv');
    await writeFile(file, stringify([header, ...rows]));
    return file;
  }
});

interface ListedHold {
  id: number;
  state: string;
  review_due: boolean;
}

async function holds(asOf = TODAY, ...options: string[]): Promise<ListedHold[]> {
  return (await council.done(['hold', 'list', '--json', ...options], { asOf })).json();
}

function adding(scope: string, reviewOn = '2027-05-22'): string[] {
  return ['hold', 'add', '--kind', 'police', '--scope', scope, '--authority', 'DI Archer, ref 77/26', '--review-on', reviewOn];
}

async function place(scope: string, reviewOn?: string): Promise<void> {
  const placed = await council.retention(adding(scope, reviewOn), by('m.jones'));
  expect([0, 3], placed.stderr).toContain(placed.exitCode);
}

async function ask(person: string, asOf = TODAY): Promise<void> {
  await council.done(['hold', 'release', '1', '--reason', 'the case is closed'], by(person, asOf));
}

async function release(hold: number, asOf: string): Promise<void> {
  await council.done(['hold', 'release', String(hold), '--reason', 'the case is closed'], by('m.jones', asOf));
  await council.done(['hold', 'release', String(hold), '--confirm'], by('a.khan', asOf));
}

function by(as: string, asOf = TODAY): { as: string; asOf: string } {
  return { as, asOf };
}
