/** Documents whose names some system or tool does not take: bagged under names that all of them take, and brought back under their own. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { remakeBag } from './setup/remadeBag.ts';

const run = promisify(execFile);
const NAMES = [
  'col:on.txt',
  'q?.txt',
  // What the one before it becomes.
  'q_.txt',
  'star*.txt',
  'pipe|.txt',
  'lt<gt>.txt',
  'quo"te.txt',
  'attendance 100%.txt',
  'attendance 100%25.txt',
  'what: when?/plan %.txt',
  `${'a folder with a long name/'.repeat(12)}letter.txt`,
  'A/scan.pdf',
  'a/Scan.PDF',
  'caf\u00e9',
  'cafe\u0301',
];

let council: Council;

beforeEach(async () => {
  council = await rehearsal({ COOLING_OFF_DAYS: '1' });
  council.register.child('CF-1');
  for (const name of NAMES) await council.document('CF-1', name);
  await council.night('2026-11-22');
  await council.approveAndSign(1, '2026-11-22');
  await council.night('2026-11-24');
  expect(await council.bags()).toEqual(['CF-1.zip']);
});
afterEach(() => council.close());

it('unzip and sha256sum take them, no two are one where letter case does not count, and a restore gives each its own path back', async () => {
  const bag = path.join(council.archive, 'CF-1.zip');
  const unpacked = await mkdtemp(path.join(council.folder, 'unpacked '));
  await run('unzip', ['-q', bag, '-d', unpacked]);
  const top = path.join(unpacked, 'CF-1');
  await run('sha256sum', ['-c', 'manifest-sha256.txt', 'tagmanifest-sha256.txt'], { cwd: top });
  const names = (await readdir(top, { recursive: true })).map((name) => name.normalize('NFC'));
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
  for (const name of names) expect([name, name.length < 220 && /^[^<>:"|?*\\%\p{Cc}]+$/u.test(name)]).toEqual([name, true]);
  expect((await verifyBag(openArchiveStore(council.archive), 'CF-1.zip')).documents.map((document) => document.path).sort()).toEqual(
    [...NAMES].sort(),
  );

  await council.done(['restore', 'CF-1', '--keep-until', '2027-05-01', '--reason', 'asked for'], { asOf: '2026-11-25', as: 'm.jones' });
  await council.done('restore CF-1 --confirm', { asOf: '2026-11-25', as: 'a.khan' });
  for (const name of NAMES) expect([name, await readFile(path.join(council.documentRoot, name), 'utf8')]).toEqual([name, `CF-1 ${name}`]);
});

it('a bag of before, with the names as they are, is read as ever; a record of paths that lies is found out', async () => {
  const bag = path.join(council.archive, 'CF-1.zip');
  const store = openArchiveStore(council.archive);
  const before = await verifyBag(store, 'CF-1.zip');
  await remakeBag(bag, (files) => {
    const paths = JSON.parse(String(files.get('data/paths.json'))) as Record<string, string>;
    files.delete('data/paths.json');
    for (const [name, own] of Object.entries(paths)) {
      const content = files.get(name) as Buffer;
      files.delete(name);
      files.set(`${/^data\/documents[^/]*\//.exec(name)?.[0] ?? ''}${own}`, content);
    }
  });
  const sorted = (documents: typeof before.documents) => [...documents].sort((one, other) => (one.path < other.path ? -1 : 1));
  expect(sorted((await verifyBag(store, 'CF-1.zip')).documents)).toEqual(sorted(before.documents));
  await remakeBag(bag, (files) =>
    files.set('data/paths.json', Buffer.from(JSON.stringify({ 'data/documents/q?.txt': '../../etc/passwd' }))),
  );
  await expect(verifyBag(store, 'CF-1.zip')).rejects.toThrow(/neither a record nor a document/);
});
