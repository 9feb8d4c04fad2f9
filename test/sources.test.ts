/** Sources of archived files go only while their bag is known to be there, and only from the folder that is the document root. */
import { access, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderStore } from '../db/folderStore.ts';
import { openInstallation } from '../db/installation.ts';
import { claimRoots } from '../db/roots.ts';
import { removeSources } from '../db/sources.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { pastGuards } from './setup/database.ts';
import { killFrozenAt } from './setup/killed.ts';

const listed = '2026-11-22';
const archivedOn = '2026-11-30';
const nextNight = '2026-12-01';

let council: Council;
let letter: string;
afterEach(() => council.close());

describe('a source whose removal a crash left to the next night', () => {
  let bag: string;

  beforeEach(async () => {
    council = await rehearsal();
    council.register.child('CF-1');
    letter = await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
    await council.night(listed);
    await council.approveAndSign(1, listed);
    await killFrozenAt(council, ['archive', '--as-of', archivedOn], ['lock table documents in row exclusive mode']);
    council.register.files.delete('CF-1');
    council.register.documents.length = 0;
    bag = path.join(council.archive, 'CF-1.zip');
    expect(await council.db('source_removals').pluck('outcome')).toEqual(['to_remove']);
  });

  it('stays when the bag has one other byte, a person is told why, and goes when the bag is back', async () => {
    const whole = await readFile(bag);
    await flipped();
    const night = await council.night(nextNight);
    expect(night.steps['archive']).toMatchObject({ sources: { removed: 0, failed: 1 } });
    // The run that was killed is told of beside it.
    expect(night.attention).toHaveLength(2);
    for (const told of [/CF-1\.zip is damaged/, /interrupted/]) expect(night.attention).toContainEqual(expect.stringMatching(told));
    await access(letter);
    await writeFile(bag, whole);
    expect((await council.night('2026-12-02')).steps['archive']).toMatchObject({ sources: { removed: 1, failed: 0 } });
    await expect(access(letter)).rejects.toThrow('ENOENT');
  });

  it('stays on the very day too when the bag is gone or cut short', async () => {
    const whole = await readFile(bag);
    for (const harm of [() => rm(bag), () => writeFile(bag, whole.subarray(0, 100))]) {
      await harm();
      expect(await remove(archivedOn)).toMatchObject({ removed: 0, failed: 1 });
      await access(letter);
    }
    await writeFile(bag, whole);
    expect(await remove(archivedOn)).toMatchObject({ removed: 1, failed: 0 });
  });

  it('is not taken for gone where the share of a live database is no longer mounted', async () => {
    await pastGuards(council.db, 'installation', (trx) => trx('installation').update({ kind: 'live' }));
    const installation = await openInstallation(council.db, false);
    await claimRoots(council.db, installation, { documentRoot: council.documentRoot, archiveRoot: council.archive }, council.folder);
    await rename(council.documentRoot, `${council.documentRoot} away`);
    await mkdir(council.documentRoot);
    await expect(remove(archivedOn)).rejects.toThrow(/perhaps the share is not mounted/);
    expect(await council.db('source_removals').pluck('outcome')).toEqual(['to_remove']);
    await rm(council.documentRoot, { recursive: true });
    await rename(`${council.documentRoot} away`, council.documentRoot);
    expect(await remove(archivedOn)).toMatchObject({ removed: 1, alreadyGone: 0 });
  });

  async function flipped(): Promise<void> {
    const bytes = await readFile(bag);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    await writeFile(bag, bytes);
  }
});

it('the source of a document stays while a file that is not archived may need it, though no good row says so, and not longer', async () => {
  council = await rehearsal();
  council.register.child('CF-1');
  const shared: Record<string, string> = {};
  const shares = (fileRef: string, cells: Record<string, string> = {}) => {
    council.register.child(fileRef, { closed_on: '' });
    council.register.documents.push({ file_ref: fileRef, path: `${fileRef}.txt`, sha256: '', ...cells });
  };
  for (const other of ['TWICE', 'DIGEST', 'AWAY', 'ROW-AWAY', 'BLOCKED', 'LET-GO', 'ELSEWHERE', 'NOBODY', 'CF-1'])
    shared[other] = await council.document('CF-1', `${other}.txt`);
  shares('TWICE');
  shares('TWICE');
  shares('DIGEST', { sha256: 'abc' });
  shares('ELSEWHERE', { path: 'another.txt', sha256: 'abc' });
  for (const other of ['AWAY', 'ROW-AWAY', 'BLOCKED', 'LET-GO']) shares(other);
  await council.night(listed);
  await council.approveAndSign(1, listed);

  // Their rows are away for good, by what extracts have said for long; one of these files is rejected itself tonight.
  withoutDocumentsOf('BLOCKED', 'LET-GO');
  await council.night('2026-11-23');
  withoutDocumentsOf('AWAY', 'ROW-AWAY');
  council.register.files.delete('AWAY');
  council.register.change('BLOCKED', { closed_on: 'last spring' });
  await council.night('2027-01-10');
  const stay = await Promise.all(Object.entries(shared).map(async ([name, file]) => ((await isThere(file)) ? [name] : [])));
  expect(stay.flat()).toEqual(['TWICE', 'DIGEST', 'AWAY', 'ROW-AWAY', 'BLOCKED']);
});

it('go many in one transaction, and each comes to its own end', async () => {
  council = await rehearsal();
  council.register.child('CF-1').child('CF-2', { closed_on: '' });
  const files: string[] = [];
  for (let i = 0; i < 120; i++) files.push(await council.document('CF-1', `CF-1/${i % 3}/${i}.txt`));
  council.register.documents.push({ file_ref: 'CF-2', path: 'CF-1/0/60.txt', sha256: '' });
  await symlink('0/30.txt', path.join(council.documentRoot, 'CF-1/link.txt'));
  council.register.documents.push({ file_ref: 'CF-1', path: 'CF-1/link.txt', sha256: '' });
  await council.night(listed);
  await council.approveAndSign(1, listed);
  const { steps } = await council.night(archivedOn);
  expect(steps['archive']).toMatchObject({ sources: { removed: 119, alreadyGone: 0, failed: 1, shared: 1 } });
  const stay = await Promise.all(files.map(async (file) => ((await isThere(file)) ? [path.basename(file)] : [])));
  expect(stay.flat()).toEqual(['60.txt']);
  const ends = await council
    .db('source_removals')
    .select('outcome', council.db.raw('count(path)::int as named'))
    .count('* as n')
    .groupBy('outcome');
  expect(ends.sort((a, b) => (String(a['outcome']) < String(b['outcome']) ? -1 : 1))).toEqual([
    { outcome: 'failed', named: 1, n: 1 },
    { outcome: 'removed', named: 0, n: 119 },
    { outcome: 'to_remove', named: 1, n: 1 },
  ]);
  const told = await council
    .db('audit_events')
    .where({ event: 'source.removed' })
    .select(council.db.raw('count(*) as events, count(distinct cast(xmin as text)) as transactions'));
  expect(told).toEqual([{ events: 119, transactions: 2 }]);
});

function withoutDocumentsOf(...fileRefs: string[]): void {
  const rows = council.register.documents;
  rows.splice(0, Infinity, ...rows.filter((row) => !fileRefs.includes(row['file_ref'] ?? '')));
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function remove(asOf: string): ReturnType<typeof removeSources> {
  return removeSources(council.db, { store: new FolderStore(council.archive), documentRoot: council.documentRoot, asOf });
}
