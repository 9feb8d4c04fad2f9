/** What a restore brought back: whose it is until the source has it again, how its time ends, and sources that come back by themselves. */
import { access, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const listed = '2026-11-22';
const archived = '2026-11-30';
const back = '2026-12-02';
const keptUntil = '2027-03-01';
const free = '2027-03-02';
const again = '2027-03-10';

let council: Council;
let letter: string;
let joint: string;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('CF-1', { family_ref: 'FAM-1' }).child('CF-9', { closed_on: '' });
  council.register.families.push({ family_ref: 'FAM-1', child_ref: 'CF-1-P' });
  letter = await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
  joint = await council.document('CF-1', 'shared/joint.txt', 'about both');
  await council.night(listed);
  await council.approveAndSign(1, listed);
  await council.night(archived);
  await expect(access(letter)).rejects.toThrow('ENOENT');
});

afterEach(() => council.close());

describe('brought back after the source deleted it', () => {
  beforeEach(async () => {
    sourceHasNothingOfIt();
    await council.night('2026-12-01');
    await restore('CF-1', keptUntil, back);
  });

  it('keeps its documents, facts and family through the nights, and can be listed and archived with all of them in the end', async () => {
    await council.night('2026-12-03');
    expect(await council.db('documents').pluck('path').orderBy('path')).toEqual(['CF-1/letter.txt', 'shared/joint.txt']);
    expect(await council.db('families').where({ family_ref: 'FAM-1' }).pluck('child_ref')).toEqual(['CF-1-P']);
    expect((await council.explain('CF-1', '2026-12-03')).blocks).toEqual(['deferred']);
    await archiveAgain();
    for (const file of [letter, joint]) await expect(access(file)).rejects.toThrow('ENOENT');
    expect(await council.db('case_files').pluck('file_ref')).toEqual(['CF-9']);
  });

  it('takes all it wrote along in the end, though the source has the file again with its document elsewhere, and another shared one went', async () => {
    council.register.child('CF-2');
    council.register.documents.push({ file_ref: 'CF-2', path: 'shared/joint.txt', sha256: '' });
    council.register.child('CF-1', { family_ref: 'FAM-1' });
    const moved = await council.document('CF-1', 'elsewhere/letter.txt', 'Dear child');
    await council.night('2026-12-03');
    const { list } = await council.itemOf('CF-2');
    await council.approveAndSign(list, '2026-12-03');
    expect((await council.night('2026-12-11')).steps['archive']).toMatchObject({ archived: 1, sources: { removed: 0, shared: 1 } });
    await expect(access(joint)).resolves.toBeUndefined();
    await archiveAgain(3);
    for (const file of [letter, joint, moved]) await expect(access(file)).rejects.toThrow('ENOENT');
  });

  it('is missed like any other once the source has had it again, with the documents it then lists', async () => {
    council.register.child('CF-1', { family_ref: 'FAM-1' });
    council.register.documents.push({ file_ref: 'CF-1', path: 'CF-1/letter.txt', sha256: '' });
    await council.night('2026-12-03');
    council.register.documents.length = 0;
    await council.night('2026-12-04');
    expect(await council.db('documents').pluck('path')).toEqual(['shared/joint.txt']);
    sourceHasNothingOfIt();
    await council.night('2026-12-05');
    expect((await council.explain('CF-1', '2026-12-05')).blocks).toEqual(['deferred', 'not_in_extract']);
  });

  /** Listed, signed and archived when its time is over, with the documents expected. */
  async function archiveAgain(documents = 2): Promise<void> {
    await council.night(free);
    const { list } = await council.itemOf('CF-1');
    await council.approveAndSign(list, free);
    await council.night(again);
    expect((await verifyBag(openArchiveStore(council.archive), 'CF-1.zip')).documents).toHaveLength(documents);
    expect((await council.done(`certificate show ${list} --json`)).json()).toMatchObject({
      certificate: { documents: { expected: documents, packed: documents } },
      sources: { waiting: 0 },
    });
  }
});

describe('a removed source that lies under the root again', () => {
  it('is named, as new once, and stays in report, doctor and certificate, whether the extract still lists it or not', async () => {
    expect((await council.night('2026-12-01')).attention).toEqual([]);
    const rows = [...council.register.documents];
    await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
    await council.document('CF-1', 'shared/joint.txt', 'another document of the same name');
    council.register.documents.splice(0, Infinity, ...rows);
    expect((await council.night('2026-12-02')).attention).toEqual([
      expect.stringMatching(/1 archived files .* lie under the document root again: CF-1/),
    ]);

    sourceHasNothingOfIt();
    expect((await council.night('2026-12-03')).attention).toEqual([]);
    const report = await readFile(path.join(council.folder, 'home/reports/2026-12-03/sources-again.csv'), 'utf8');
    expect(report.split('\n')[1]).toBe('CF-1,1,2026-12-02,yes');
    const doctor = await council.retention('doctor');
    expect(doctor.stdout).toMatch(/1 source documents of CF-1 were removed and lie under the document root again/);
    expect((await council.done('certificate show 1')).stdout).toMatch(
      /1 of the source documents removed lie under the document root again/,
    );

    await rm(letter);
    expect((await council.night('2026-12-04')).attention).toEqual([]);
    expect((await council.done('certificate show 1')).stdout).not.toMatch(/again/);
  });

  it('is none where its file was brought back, or where a file lists the document', async () => {
    council.register.child('CF-8', { closed_on: '' });
    await council.document('CF-8', 'shared/joint.txt', 'about both');
    await restore('CF-1', keptUntil, back);
    expect((await council.night('2026-12-03')).attention).toEqual([]);
  });
});

function sourceHasNothingOfIt(): void {
  council.register.files.delete('CF-1');
  council.register.people.delete('CF-1-P');
  for (const rows of [council.register.documents, council.register.families]) {
    rows.splice(0, Infinity, ...rows.filter((row) => row['file_ref'] !== 'CF-1' && row['family_ref'] !== 'FAM-1'));
  }
}

async function restore(fileRef: string, until: string, asOf: string): Promise<void> {
  await council.done(['restore', fileRef, '--keep-until', until, '--reason', 'she asked'], { asOf, as: 'm.jones' });
  await council.done(['restore', fileRef, '--confirm'], { asOf, as: 'a.khan' });
}
