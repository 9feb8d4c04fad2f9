/** An extract against the one before it, by the commands: older ones, spellings, cells that no index holds, and what goes missing. */
import { access, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXTRACT_FILES, EXTRACT_SPEC } from '../db/extractColumns.ts';
import type { ImportResult } from '../db/import.ts';
import type { NightResult } from '../jobs/night.ts';
import { addDays } from '../rules/dates.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const FIRST = '2026-11-22';
const SECOND = '2026-11-23';
const THIRD = '2026-11-24';
const ARCHIVED_ON = '2026-11-30';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('when it was exported', () => {
  beforeEach(async () => {
    council.register.child('CF-1');
    await council.writeExtract();
    expect((await imports(SECOND, '2026-11-23T01:00:00Z')).exitCode).toBe(0);
    council.register.change('CF-1', { closed_on: '' });
    await council.writeExtract();
  });

  it.each([
    ['an earlier one', '2026-11-22T23:00:00Z', /is not later than 2026-11-23T01:00:00\.000Z/],
    ['one that only looks later, for its zone is another', '2026-11-23T02:30:00+02:00', /is not later than/],
    ['one of the same instant, though it holds something else', '2026-11-23T02:00:00+01:00', /already imported, which was not the same/],
    ['one after the business date', '2026-11-25T00:00:00Z', /is in the future/],
    ['one of tomorrow in London', '2027-07-01T23:30:00Z', /is in the future/],
  ])('%s is refused whole', async (_what, exportedAt, words) => {
    const asOf = exportedAt.startsWith('2027') ? '2027-07-01' : THIRD;
    const { exitCode, stderr } = await imports(asOf, exportedAt);
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(words)]);
    expect(stderr).toMatch(/^retention: extract\.json: exported_at, /m);
    expect(await council.db('case_files').pluck('closed_on')).toEqual(['2010-01-01']);
  });

  it('a later one lands, the very same again changes nothing, and then the first is refused', async () => {
    expect((await imports(THIRD, '2026-11-23T01:00:00.001Z')).exitCode).toBe(0);
    const again = await imports(THIRD, null);
    expect([again.exitCode, again.result.rows['files.csv']]).toEqual([0, expect.objectContaining({ unchanged: 1, changed: 0 })]);
    council.register.change('CF-1', { closed_on: '2010-01-01' });
    await council.writeExtract();
    expect((await imports(THIRD, '2026-11-23T01:00:00Z')).exitCode).toBe(1);
    expect(await council.db('case_files').pluck('closed_on')).toEqual([null]);
  });

  it('is compared over extracts that did not say it, and one that no longer says it puts the brake on', async () => {
    const silent = await imports(THIRD, null);
    expect(silent.attention).toEqual([expect.stringMatching(/lacks extract\.json, which the one before had/)]);
    expect((await imports(THIRD, '2026-11-22T23:00:00Z')).exitCode).toBe(1);
  });
});

it('in a live database what is in the future is told by the clock of the database', async () => {
  await council.close();
  council = await rehearsal({ RETENTION_REHEARSAL: '' });
  council.register.child('CF-1');
  await council.writeExtract();
  const [{ now, soon }] = (
    await council.db.raw<{ rows: [{ now: string; soon: string }] }>(
      `select to_json(clock_timestamp()) #>> '{}' as now, to_json(clock_timestamp() + interval '10 minutes') #>> '{}' as soon`,
    )
  ).rows;
  await writeFile(path.join(council.extract, 'extract.json'), JSON.stringify({ exported_at: soon.replace(/\.\d+/, '') }));
  expect((await council.retention(['import', council.extract])).stderr).toMatch(/is in the future/);
  await writeFile(path.join(council.extract, 'extract.json'), JSON.stringify({ exported_at: now.replace(/\.\d+/, '') }));
  await council.done(['import', council.extract]);
});

describe('names spelt otherwise', () => {
  beforeEach(async () => {
    council.register.child('CF-1').child('CF-2', {}, { poses_risk_to_children: 'yes' });
    await council.document('CF-1', 'letter.txt');
    council.register.families.push({ family_ref: 'FAM-1', child_ref: 'CF-1-P' });
    await council.night(FIRST);
  });

  it('are taken: a flag stays a flag under another heading, and a file under another name', async () => {
    await council.writeExtract();
    await respell('people.csv', 'poses_risk_to_children', 'Poses Risk-To_Children');
    await rename(path.join(council.extract, 'families.csv'), path.join(council.extract, 'Families.CSV'));
    const { attention, change } = await imports(SECOND);
    expect([attention, change]).toEqual([[], expect.objectContaining({ riskFlagsLost: 0, lacks: [] })]);
    expect((await council.explain('CF-2', SECOND)).outcome).toBe('permanent');
  });

  it('a column or file that the last extract had and this one lacks puts the brake on, by name, until an authoriser says so', async () => {
    await council.writeExtract(['sha256', 'poses_risk_to_children', 'families.csv']);
    const { exitCode, attention, change } = await imports(SECOND);
    expect([exitCode, change.lacks.toSorted()]).toEqual([
      3,
      ['families.csv', 'poses_risk_to_children of people.csv', 'sha256 of documents.csv'],
    ]);
    expect(attention).toEqual([expect.stringMatching(/^The brake "extract" is on \(lacks .*families\.csv.*which the one before had\)/)]);
    expect(await council.db('people').where({ poses_risk_to_children: true }).pluck('person_ref')).toEqual(['CF-2-P']);
    expect(await council.db('families').pluck('child_ref')).toEqual(['CF-1-P']);
    expect((await imports(THIRD)).attention).toEqual([]);
    await expectBrake(true);
    await release(THIRD);
    expect((await imports(addDays(THIRD, 1))).exitCode).toBe(0);
    await expectBrake(false);
  });

  it('what is none of ours is told once, and again where it is another', async () => {
    await council.writeExtract();
    await respell('people.csv', 'name', 'surname_at_birth');
    await writeFile(path.join(council.extract, 'readme.txt'), 'x');
    expect((await imports(SECOND)).result.notices).toEqual([
      'readme.txt is not part of an extract and was ignored.',
      'people.csv: the column "surname_at_birth" is unknown and was ignored.',
      'people.csv: the column name is absent: its facts stay as they were.',
    ]);
    await writeFile(path.join(council.extract, 'second.txt'), 'x');
    expect((await imports(THIRD)).result.notices).toEqual([
      'second.txt is not part of an extract and was ignored.',
      'people.csv: the column name is absent: its facts stay as they were.',
    ]);
  });

  async function respell(file: string, column: string, heading: string): Promise<void> {
    const place = path.join(council.extract, file);
    await writeFile(place, (await readFile(place, 'utf8')).replace(column, heading));
  }
});

describe('a cell that no index would hold', () => {
  /** Random letters of four bytes each, so that nothing about them can be compressed. */
  const odd = (letters: number) =>
    Array.from({ length: letters }, () => String.fromCodePoint(0x20000 + Math.floor(Math.random() * 0xa000))).join('');
  const columns = EXTRACT_FILES.flatMap((file) => EXTRACT_SPEC[file].columns.map(({ name, kind }) => ({ file, name, kind })));

  it('is set aside with its limit, whatever its column, and the register lands', async () => {
    for (const [i, { file, name }] of columns.entries()) oddRow(i, file, name, odd(12_000));
    council.register.child('good');
    await council.document('good', 'letter.txt');
    await council.writeExtract();
    const { exitCode, result } = await imports(FIRST);
    expect(exitCode).toBe(3);
    expect(result.rows['files.csv']).toMatchObject({ added: 1 + columns.filter(({ file }) => file !== 'files.csv').length });
    const reasons = await council.db('quarantine').select<{ column_name: string; reason: string }[]>('column_name', 'reason');
    for (const column of ['person_ref', 'name', 'file_ref', 'family_ref', 'child_ref', 'subject_refs', 'path', 'location'])
      expect(reasons.find(({ column_name }) => column_name === column)?.reason, column).toMatch(/at most \d|longer than \d/);
  });

  it('lands up to its limit, all of them at once', async () => {
    const [ref, other, family] = [odd(200), odd(200), odd(200)];
    const segments = `${Array.from({ length: 7 }, () => odd(62)).join('/')}/${odd(11)}`;
    expect(Buffer.byteLength(segments)).toBe(1787);
    council.register.child('good', { file_ref: ref, subject_refs: `${other};good-P`, family_ref: family, location: odd(10_000 / 2) });
    council.register.people.set(other, { person_ref: other, name: odd(500), date_of_birth: '2000-01-02' });
    council.register.families.push({ family_ref: family, child_ref: other });
    council.register.documents.push({ file_ref: ref, path: segments, sha256: '' });
    await council.writeExtract();
    expect(await imports(FIRST)).toMatchObject({
      exitCode: 0,
      result: { rows: { 'documents.csv': { added: 1 }, 'people.csv': { added: 2 } } },
    });
  });

  function oddRow(i: number, file: string, column: string, cell: string): void {
    council.register.child(`CF-${i}`);
    if (file === 'people.csv') council.register.people.set(`odd ${i}`, { person_ref: `odd ${i}`, [column]: cell });
    if (file === 'files.csv') council.register.change(`CF-${i}`, { [column]: cell });
    if (file === 'families.csv') council.register.families.push({ family_ref: 'FAM-1', child_ref: 'good-P', [column]: cell });
    if (file === 'documents.csv') council.register.documents.push({ file_ref: `CF-${i}`, path: `${i}.txt`, [column]: cell });
  }
});

describe('an extract that loses', () => {
  it.each(['document rows', 'family links', 'recorded deaths', 'closures', 'risk flags'])(
    '%s puts the brake on, which names them',
    async (kind) => {
      whole(30);
      await council.writeExtract();
      await imports(FIRST);
      lose(kind, 20);
      await council.writeExtract();
      const { attention } = await imports(SECOND);
      expect(attention).toEqual([expect.stringMatching(new RegExp(`^The brake "extract" is on \\(lost 20 of \\d+ ${kind}`))]);
    },
  );

  it('all of ten document rows puts it on, and all of nine does not, nor 19 of many', async () => {
    whole(10);
    await council.writeExtract();
    await imports(FIRST);
    lose('family links', 9);
    lose('document rows', 10);
    await council.writeExtract();
    expect((await imports(SECOND)).attention).toEqual([expect.stringMatching(/lost 10 of 10 document rows, 9 of 10 family links/)]);
  });

  it('fewer puts none on: 19 of 30 of each kind', async () => {
    whole(30);
    await council.writeExtract();
    await imports(FIRST);
    for (const kind of ['document rows', 'family links', 'recorded deaths', 'closures', 'risk flags']) lose(kind, 19);
    await council.writeExtract();
    const { attention, change } = await imports(SECOND);
    expect(attention).toEqual([]);
    expect(change).toMatchObject({ documentsLost: 19, familyLinksLost: 19, deathsLost: 19, closuresLost: 19, riskFlagsLost: 19 });
  });

  it('what was archived counts for nothing', async () => {
    for (let i = 0; i < 25; i++) {
      council.register.child(`CF-${i}`, { family_ref: `FAM-${i}` }, { date_of_death: '2024-01-01' });
      council.register.families.push({ family_ref: `FAM-${i}`, child_ref: `CF-${i}-P` });
      await council.document(`CF-${i}`, `${i}.txt`);
    }
    council.register.child('CF-99', { closed_on: '' });
    await council.night(FIRST);
    await council.approveAndSign(1, FIRST);
    expect((await council.night(ARCHIVED_ON)).steps['archive']).toMatchObject({ archived: 25 });
    for (const name of ['families', 'documents'] as const) council.register[name].length = 0;
    for (let i = 0; i < 25; i++) {
      council.register.files.delete(`CF-${i}`);
      council.register.people.delete(`CF-${i}-P`);
    }
    expect((await council.night(addDays(ARCHIVED_ON, 1))).attention).toEqual([]);
    await expectBrake(false);
  });

  /** Files whose every fact can be lost. */
  function whole(count: number): void {
    for (let i = 0; i < count; i++) {
      council.register.child(`CF-${i}`, {}, { date_of_death: '2024-01-01', poses_risk_to_children: 'yes' });
      council.register.families.push({ family_ref: 'FAM-1', child_ref: `CF-${i}-P` });
      council.register.documents.push({ file_ref: `CF-${i}`, path: `${i}.txt`, sha256: '' });
    }
  }

  function lose(kind: string, count: number): void {
    if (kind === 'document rows') council.register.documents.splice(0, count);
    if (kind === 'family links') council.register.families.splice(0, count);
    for (let i = 0; i < count; i++) {
      if (kind === 'recorded deaths') council.register.change(`CF-${i}-P`, { date_of_death: '' });
      if (kind === 'risk flags') council.register.change(`CF-${i}-P`, { poses_risk_to_children: 'no' });
      if (kind === 'closures') council.register.change(`CF-${i}`, { closed_on: '' });
    }
  }
});

describe('documents that two files list', () => {
  const COUNT = 20;
  beforeEach(async () => {
    for (let i = 0; i < COUNT; i++) {
      council.register.child(`A-${i}`).child(`B-${i}`, { closed_on: '' });
      await council.document(`A-${i}`, `${i}.txt`, `both rest on this ${i}`);
      council.register.documents.push({ file_ref: `B-${i}`, path: `${i}.txt`, sha256: '' });
    }
    await council.night(FIRST);
    await council.approveAndSign(1, FIRST);
  });

  it('stay on their files and at the source while rows are away, and go when an extract lacks them with the brake off', async () => {
    expect((await council.night(ARCHIVED_ON)).steps['archive']).toMatchObject({ archived: COUNT, sources: { shared: COUNT } });
    const all = council.register.documents.splice(0);
    const lost = await council.night(addDays(ARCHIVED_ON, 1));
    expect(lost.attention).toContainEqual(expect.stringMatching(/lost 20 of 20 document rows/));
    expect(lost.steps['archive']).toBeUndefined();
    expect(await listed()).toBe(COUNT);
    await release(addDays(ARCHIVED_ON, 1));
    // Nothing came since that could have said so: what another step would remove is still listed.
    await council.done(['archive'], { asOf: addDays(ARCHIVED_ON, 1) });
    expect(await sourcesLeft()).toBe(COUNT);

    council.register.documents.push(...all.filter(({ file_ref }) => file_ref !== 'B-0' && file_ref !== 'A-0'));
    await council.night(addDays(ARCHIVED_ON, 2));
    // A row may be away by mistake, so its source stays for some weeks more.
    expect([await listed(), await sourcesLeft()]).toEqual([COUNT - 1, COUNT]);
    await council.night(addDays(ARCHIVED_ON, 40));
    expect(await sourcesLeft()).toBe(COUNT - 1);
  });

  it('are not archived without when the brake goes on that very night', async () => {
    council.register.documents.splice(0, COUNT * 2, ...council.register.documents.filter(({ file_ref }) => file_ref?.startsWith('A')));
    const night = await council.night(ARCHIVED_ON);
    expect([night.steps['archive'], night.stopped]).toEqual([undefined, [expect.stringContaining('lost 20 of 40 document rows')]]);
    expect(await council.bags()).toEqual([]);
  });

  it('stand while their file is not in the extract, or its own row was rejected', async () => {
    const row = council.register.files.get('B-0') ?? {};
    council.register.files.delete('B-0');
    council.register.documents.splice(
      council.register.documents.findIndex(({ file_ref }) => file_ref === 'B-0'),
      1,
    );
    await council.writeExtract();
    await imports(SECOND);
    expect(await listed()).toBe(COUNT);
    council.register.files.set('B-0', { ...row, opened_on: 'long ago' });
    await council.writeExtract();
    await imports(THIRD);
    expect(await listed()).toBe(COUNT);
    council.register.files.set('B-0', row);
    await council.writeExtract();
    await imports(ARCHIVED_ON);
    expect(await listed()).toBe(COUNT - 1);
  });

  async function listed(): Promise<number> {
    return (await council.db('documents').whereLike('file_ref', 'B-%').pluck('path')).length;
  }

  async function sourcesLeft(): Promise<number> {
    const left = await Promise.allSettled(Array.from({ length: COUNT }, (_, i) => access(path.join(council.documentRoot, `${i}.txt`))));
    return left.filter(({ status }) => status === 'fulfilled').length;
  }
});

interface Imported {
  exitCode: number;
  stderr: string;
  attention: string[];
  result: ImportResult;
  change: ImportResult['change'];
}

/** One import of the extract as it lies there, with this instant in extract.json; null leaves it as it is. */
async function imports(asOf: string, exportedAt: string | null = null): Promise<Imported> {
  const note = path.join(council.extract, 'extract.json');
  if (exportedAt !== null) await writeFile(note, JSON.stringify({ exported_at: exportedAt }));
  const ended = await council.retention(['import', council.extract, '--json'], { asOf });
  if (ended.exitCode === 1) return { exitCode: 1, stderr: ended.stderr } as Imported;
  const { attention, steps } = ended.json<NightResult>();
  const result = steps['import'] as ImportResult;
  return { exitCode: ended.exitCode, stderr: ended.stderr, attention, result, change: result.change };
}

async function expectBrake(on: boolean): Promise<void> {
  expect(await council.db('brakes').where({ name: 'extract' }).whereNull('released_at').pluck('name')).toEqual(on ? ['extract'] : []);
}

async function release(asOf: string): Promise<void> {
  await council.done(['brake', 'release', 'extract', '--reason', 'checked with the service'], { asOf, as: 'h.grant' });
}
