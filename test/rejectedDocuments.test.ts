/** Rejected rows of documents.csv, by the commands: no file that one may be about is listed, and it keeps its documents. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const FIRST = '2026-11-22';
const SECOND = '2026-11-23';
const THIRD = '2026-11-24';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('A').child('B').child('C');
  await council.document('A', 'a.pdf');
  await council.document('B', 'shared.pdf');
});

afterEach(() => council.close());

describe('a row whose reference cannot be read', () => {
  it.each([
    ['its path holds a comma that nobody quoted', 'path,file_ref', 'letter, final.pdf,A'],
    ['its quotes are broken', 'path,file_ref', 'the "last" letter.pdf,A'],
    ['its reference is empty', 'file_ref,path', ',letter.pdf'],
    ['its reference is too long', 'file_ref,path', `${'x'.repeat(201)},letter.pdf`],
    ['what stands first is the rest of a path with a line break, and no reference', 'file_ref,path', 'final.pdf'],
  ])('blocks every file where %s, and the night says so', async (_why, header, row) => {
    await withDocuments(header, 'a.pdf', row);
    const night = await nightOf(FIRST);
    expect(night.attention).toEqual([
      expect.stringMatching(/^1 rows of the extract are newly in quarantine/),
      expect.stringMatching(/^1 rejected rows of documents\.csv may be any file's.*nothing is listed or archived/),
    ]);
    expect(night.steps['list']).toMatchObject({ candidates: 0 });
    expect(await blocks()).toEqual({ A: ['quarantined'], B: ['quarantined'], C: ['quarantined'] });
    expect((await council.explain('C', FIRST)).block_words.join(' ')).toMatch(/documents\.csv line 3/);
    expect((await nightOf(SECOND)).attention).toEqual([]);

    await withDocuments(header, 'a.pdf');
    expect((await nightOf(THIRD)).steps['list']).toMatchObject({ candidates: 3, listed: 3 });
  });

  it('blocks the file alone that has its document, which keeps it, and takes signed files off their list', async () => {
    await council.night(FIRST);
    await council.approveAndSign(1, FIRST);
    const [, shared] = council.register.documents;
    if (shared) shared['file_ref'] = '';
    await council.night('2026-11-30');
    expect(await blocks()).toEqual({ B: ['quarantined'] });
    expect([await council.bags(), (await council.itemOf('B')).status]).toEqual([['A.zip', 'C.zip'], 'withdrawn']);
    expect(await documentsOf('B')).toEqual(['shared.pdf']);
  });
});

describe('a row under a reference that no file has', () => {
  it('blocks every file that has its document, and they keep it; others are listed', async () => {
    council.register.documents.push({ file_ref: 'C', path: 'shared.pdf', sha256: '' });
    await nightly(FIRST);
    for (const row of council.register.documents) if (row['path'] === 'shared.pdf') row['file_ref'] = 'b';
    council.register.documents.pop();
    const night = await nightly(SECOND);
    expect(await blocks()).toEqual({ A: ['listed'], B: ['quarantined'], C: ['quarantined'] });
    expect([await documentsOf('B'), await documentsOf('C'), night.steps['recheck']]).toEqual([
      ['shared.pdf'],
      ['shared.pdf'],
      expect.objectContaining({ withdrawn: 2 }),
    ]);
    expect((await council.explain('B', SECOND)).block_words.join(' ')).toMatch(
      /documents\.csv line 3, file_ref: names a file that is not in/,
    );
  });

  it('blocks nobody where no file has the document, and stays blocked while it is malformed as well', async () => {
    await nightly(FIRST);
    council.register.documents.push({ file_ref: 'gone', path: 'nobody.pdf', sha256: '' });
    const [own] = council.register.documents;
    Object.assign(own ?? {}, { file_ref: 'CF-A', sha256: 'abc' });
    await nightly(SECOND);
    expect(await blocks()).toEqual({ A: ['quarantined'], B: ['listed'], C: ['listed'] });
  });

  it('is no document of its path for anybody to read: it stands in no report and no explanation', async () => {
    await nightly(FIRST);
    const [own] = council.register.documents;
    if (own) own['file_ref'] = 'a';
    const night = await nightly(SECOND);
    expect(JSON.stringify([night, await council.explain('A', SECOND)])).not.toContain('a.pdf');
  });
});

describe('a rejected row of files.csv', () => {
  it('hides no file that is not in the extract: not with its reference, nor with one that cannot be read', async () => {
    council.register.documents.length = 0;
    await nightly(FIRST);
    council.register.change('A', { opened_on: 'long ago' });
    council.register.files.delete('B');
    await nightly(SECOND);
    expect(await blocks()).toEqual({ A: ['quarantined'], B: ['not_in_extract'], C: ['listed'] });
    council.register.change('A', { file_ref: '' });
    await nightly(THIRD);
    expect(await blocks()).toEqual({ A: ['not_in_extract'], B: ['not_in_extract'], C: ['listed'] });
  });
});

/** documents.csv written by hand: a good row of A, then these. */
async function withDocuments(header: string, good: string, ...rows: string[]): Promise<void> {
  await council.writeExtract(['documents.csv']);
  const first = header.startsWith('path') ? `${good},A` : `A,${good}`;
  await writeFile(path.join(council.extract, 'documents.csv'), [header, first, ...rows, ''].join('\n'));
}

async function nightly(asOf: string): Promise<NightResult> {
  await council.writeExtract();
  return nightOf(asOf);
}

async function nightOf(asOf: string): Promise<NightResult> {
  council.today = asOf;
  return (await council.retention(['nightly', '--import', council.extract, '--json'], { asOf })).json<NightResult>();
}

/** The blocks of each file that has some. */
async function blocks(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const fileRef of await council.db('case_files').pluck<string[]>('file_ref').orderBy('file_ref'))
    found[fileRef] = (await council.explain(fileRef)).blocks;
  return Object.fromEntries(Object.entries(found).filter(([, words]) => words.length > 0));
}

async function documentsOf(fileRef: string): Promise<string[]> {
  return council.db('documents').where({ file_ref: fileRef }).pluck<string[]>('path');
}
