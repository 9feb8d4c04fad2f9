/** The guards that need only facts: what an extract brings in, and what then stands in the way of a due file. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { statutoryMinimum } from '../rules/checks.ts';
import type { CaseFile, Subject } from '../rules/facts.ts';
import { shippedSchedule } from '../rules/schedule.ts';
import { candidacyOf, findCandidates, type Candidacy } from '../db/candidacy.ts';
import { loadCaseFiles } from '../db/caseFiles.ts';
import type { ImportResult } from '../db/import.ts';
import { freshDatabase, type FreshDatabase } from './setup/database.ts';
import { compute, enterSchedule, fileRow, importRows, personRow } from './setup/register.ts';

const asOf = '2026-11-22';
const schedule = shippedSchedule();
let database: FreshDatabase;

beforeEach(async () => {
  database = await freshDatabase();
  await enterSchedule(database.db, schedule);
});

afterEach(() => database.close());

describe('siblings A and B on one file, both births due', () => {
  const a = person('A', { dateOfBirth: '1940-01-01' });
  const b = person('B', { dateOfBirth: '1942-01-01' });
  const shared = file('F1', { subjects: [a, b], openedOn: '1945-01-01', closedOn: '1960-01-01' });
  const malformed = { ...personRow(b), date_of_birth: '01/01/42' };

  it('G1: with B malformed in the first extract the file is quarantined, never determined without B', async () => {
    const imported = await arrive([personRow(a), malformed], [fileRow(shared)]);
    expect(imported.rows['people.csv']).toMatchObject({ read: 2, added: 1, rejected: 1 });
    expect(imported.rows['files.csv']).toMatchObject({ read: 1, added: 0, rejected: 1 });
    expect(await rejects()).toEqual([
      { source: 'files.csv', line: 2, ref: 'F1', column_name: 'subject_refs' },
      { source: 'people.csv', line: 3, ref: 'B', column_name: 'date_of_birth' },
    ]);
    expect(await loadCaseFiles(database.db, ['F1'])).toEqual([]);
    expect(await findCandidates(database.db, schedule, asOf)).toEqual([]);
  });

  it('G2: with B malformed only today the old facts stay, and the file is blocked until a good row comes', async () => {
    await arrive([personRow(a), personRow(b)], [fileRow(shared)]);
    expect(await whatIsSaid('F1')).toMatchObject({ retain_until: '2017-01-01', blocks: [] });

    await arrive([personRow(a), malformed], [fileRow(shared)]);
    expect(await whatIsSaid('F1')).toMatchObject({ retain_until: '2017-01-01', blocks: ['quarantined'] });
    expect(await loadCaseFiles(database.db, ['F1'])).toEqual([shared]);

    await arrive([personRow(a), personRow(b)], [fileRow(shared)]);
    expect(await whatIsSaid('F1')).toMatchObject({ retain_until: '2017-01-01', blocks: [] });
  });
});

describe('a category that is no such word', () => {
  const child = person('P1', { dateOfBirth: '2000-09-17' });
  const known = file('F1', { categories: ['child_protection'], subjects: [child], openedOn: '2003-01-01', closedOn: '2004-01-01' });
  const wrong = { ...fileRow(known), categories: 'child_protection;lac' };

  it('G3: quarantines the row with column and word', async () => {
    await arrive([personRow(child)], [wrong]);
    expect(await rejects()).toEqual([{ source: 'files.csv', line: 2, ref: 'F1', column_name: 'categories' }]);
    expect(await database.db('quarantine').pluck('reason')).toEqual([expect.stringContaining('"lac"')]);
    expect(await loadCaseFiles(database.db, ['F1'])).toEqual([]);
  });

  it('G3: blocks a file that was known already, with its old categories', async () => {
    await arrive([personRow(child)], [fileRow(known)]);
    await arrive([personRow(child)], [wrong]);
    expect(await whatIsSaid('F1')).toMatchObject({ rule: 'child-protection', retain_until: '2025-09-17', blocks: ['quarantined'] });
  });
});

describe('what makes a date earlier', () => {
  const child = person('P1', { dateOfBirth: '1999-09-17' });
  const inCare = file('F1', {
    categories: ['child_protection', 'child_in_care'],
    subjects: [child],
    openedOn: '2003-01-01',
    closedOn: '2017-09-17',
  });

  it('G4: a lost category brings 2074 to 2024, and blocks the file night after night', async () => {
    await arrive([personRow(child)], [fileRow(inCare)]);
    expect(await whatIsSaid('F1')).toMatchObject({ rule: 'child-in-care', retain_until: '2074-09-17', blocks: [] });

    await arrive([personRow(child)], [{ ...fileRow(inCare), categories: 'child_protection' }]);
    expect(await whatIsSaid('F1')).toMatchObject({ rule: 'child-protection', retain_until: '2024-09-17', blocks: ['shortened'] });
    await compute(database.db, schedule, '2026-11-23');
    expect(await whatIsSaid('F1')).toMatchObject({ blocks: ['shortened'] });
  });

  it('G5: a risk flag that goes from yes to empty ends permanent, and blocks the file', async () => {
    const flagged = person('P1', { dateOfBirth: '1999-09-17', posesRiskToChildren: true });
    const protection = fileRow({ ...inCare, categories: ['child_protection'] });
    await arrive([personRow(flagged)], [protection]);
    expect(await whatIsSaid('F1')).toMatchObject({ outcome: 'permanent', rule: 'adult-posing-risk', blocks: [] });

    await arrive([{ ...personRow(flagged), poses_risk_to_children: '' }], [protection]);
    expect(await whatIsSaid('F1')).toMatchObject({ outcome: 'expires', retain_until: '2024-09-17', blocks: ['shortened'] });
  });

  it('a birth that becomes known and gives a date already past blocks the file; one that gives a date to come does not', async () => {
    const people = [person('P1', {}), person('P2', {})];
    const files = people.map((one, i) => fileRow({ ...inCare, fileRef: `F${i + 1}`, categories: ['child_protection'], subjects: [one] }));
    await arrive(people.map(personRow), files);
    expect(await whatIsSaid('F1')).toMatchObject({ outcome: 'undetermined', reason: 'birth_unknown', blocks: [] });

    const births = ['2001-11-21', '2001-11-22'];
    const born = people.map((one, i) => ({ ...personRow(one), date_of_birth: births[i] ?? '' }));
    await arrive(born, files);
    expect(await whatIsSaid('F1')).toMatchObject({ retain_until: '2026-11-21', blocks: ['shortened'] });
    expect(await whatIsSaid('F2')).toMatchObject({ retain_until: '2026-11-22', blocks: [] });
  });

  it('G6: a column that is absent leaves its facts as they were, and is reported', async () => {
    const flagged = person('P1', { dateOfBirth: '1999-09-17', posesRiskToChildren: true });
    await arrive([personRow(flagged)], [fileRow(inCare)]);
    const { poses_risk_to_children, ...withoutFlag } = personRow(flagged);
    expect(poses_risk_to_children).toBe('yes');
    const imported = await arrive([withoutFlag], [fileRow(inCare)]);
    expect(imported.notices).toContainEqual(expect.stringMatching(/people\.csv.*poses_risk_to_children.*absent/));
    expect(imported.rows['people.csv']).toMatchObject({ unchanged: 1, changed: 0 });
    expect(await whatIsSaid('F1')).toMatchObject({ outcome: 'permanent', blocks: [] });
  });
});

describe('due, and yet not to be listed', () => {
  it('G11: a birth of 1905 on a file opened in 2011, where 2005 was meant', async () => {
    const child = person('P1', { dateOfBirth: '1905-11-21' });
    await arrive([personRow(child)], [fileRow(file('F1', { subjects: [child], openedOn: '2011-03-01', closedOn: '2012-03-01' }))]);
    expect(await whatIsSaid('F1')).toMatchObject({ outcome: 'expires', eligible_from: '1980-11-22', blocks: ['doubtful_birth'] });
    expect(await findCandidates(database.db, schedule, asOf)).toEqual([]);
  });

  it('G12: an adoption order of 2006 whose adopted person died at 20: the statutory minimum runs to 01/03/2106', async () => {
    const adopted = person('P1', { dateOfBirth: '1990-01-05', dateOfDeath: '2010-06-01' });
    const adoption = file('F1', { categories: ['adoption'], subjects: [adopted], adoptionOrderOn: '2006-03-01', closedOn: '2006-05-01' });
    await arrive([personRow(adopted)], [fileRow(adoption)]);
    expect(await whatIsSaid('F1')).toMatchObject({
      rule: 'adoption-died-adult',
      retain_until: '2025-06-01',
      blocks: ['statutory_minimum'],
    });
    expect(statutoryMinimum(adoption, schedule)).toMatchObject({ until: '2106-03-01' });
  });

  it('G13: an order of 1932 whose 75 years ended in 2007 does not block; the death that shortens is a caution', async () => {
    const adopted = person('P1', { dateOfBirth: '1930-01-20', dateOfDeath: '2001-02-03' });
    const adoption = file('F1', { categories: ['adoption'], subjects: [adopted], adoptionOrderOn: '1932-04-18', closedOn: '1932-05-01' });
    await arrive([personRow(adopted)], [fileRow(adoption)]);
    expect(await whatIsSaid('F1')).toMatchObject({ retain_until: '2016-02-03', blocks: [], cautions: ['death_shortens'] });
    expect(statutoryMinimum(adoption, schedule)).toMatchObject({ until: '2007-04-18' });
  });

  it('counts 75 years from an order before 30 December 2005, and 100 from that day on', () => {
    const ordered = (on: string) => statutoryMinimum(file('F1', { categories: ['adoption'], adoptionOrderOn: on }), schedule)?.until;
    expect(ordered('2005-12-29')).toBe('2080-12-29');
    expect(ordered('2005-12-30')).toBe('2105-12-30');
  });

  it('G14: financial papers and child in need on one file whose case is open: any rule that requires closure blocks', async () => {
    const child = person('P1', { dateOfBirth: '1990-01-01' });
    const papers = file('F1', {
      categories: ['financial', 'child_in_need'],
      subjects: [child],
      openedOn: '1995-01-01',
      lastEntryOn: '2019-05-01',
    });
    await arrive([personRow(child)], [fileRow(papers)]);
    expect(await whatIsSaid('F1')).toMatchObject({ rule: 'financial', retain_until: '2026-03-31', blocks: ['open'] });
  });
});

/** One night: an extract comes, and every file is determined. */
async function arrive(people: Record<string, string>[], files: Record<string, string>[]): Promise<ImportResult> {
  const imported = await importRows(database.db, { people, files }, schedule, asOf);
  await compute(database.db, schedule, asOf);
  return imported;
}

async function whatIsSaid(fileRef: string): Promise<Candidacy | undefined> {
  return (await candidacyOf(database.db, schedule, asOf, [fileRef]))[0];
}

async function rejects(): Promise<unknown[]> {
  return database.db('quarantine').select('source', 'line', 'ref', 'column_name').orderBy(['source', 'line']);
}

function person(personRef: string, facts: Partial<Subject>): Subject {
  return {
    personRef,
    name: `Person ${personRef}`,
    dateOfBirth: null,
    dateOfDeath: null,
    knownToAdultServices: false,
    posesRiskToChildren: false,
    ...facts,
  };
}

function file(fileRef: string, facts: Partial<CaseFile>): CaseFile {
  const dates = {
    openedOn: null,
    closedOn: null,
    adoptionOrderOn: null,
    approvalEndedOn: null,
    notifiedOn: null,
    lastEntryOn: null,
    withdrawnOn: null,
  };
  const more = {
    familyRef: null,
    childPlaced: null,
    originalsHeld: null,
    medium: null,
    location: null,
    familyBirths: [],
    familyIncomplete: false,
  };
  return { fileRef, categories: ['child_in_care'], subjects: [], ...dates, ...more, ...facts };
}
