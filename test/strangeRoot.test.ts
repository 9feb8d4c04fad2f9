/** Restoring with another document root than the bags were made from: what is not there must not be taken for removed. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Restored } from '../db/fromBackup.ts';
import { rehearsal, type Council, type Ended } from './setup/commands.ts';
import { emptyDatabase, type FreshDatabase } from './setup/database.ts';

const LISTED = '2026-11-22';
const ARCHIVED = '2026-11-30';
let council: Council;
let other: FreshDatabase;
let backup: string;

/** A backup, and after it CF-1 archived, its letter removed, and PA-1 waiting for its paper; CF-9 stays. */
beforeEach(async () => {
  council = await rehearsal();
  other = await emptyDatabase();
  backup = path.join(council.folder, 'backup.zip');
  council.register.child('CF-1').child('PA-1', { medium: 'both' }).child('CF-9', { closed_on: '' });
  for (const file of ['CF-1', 'PA-1', 'CF-9']) await council.document(file, `${file}/letter.txt`);
  await council.night(LISTED);
  for (const { id } of await council.lists()) await council.approveAndSign(id, LISTED);
  await council.done(['backup', backup]);
  await council.night(ARCHIVED);
});

afterEach(async () => {
  await council.close();
  await other.close();
});

it.each(['is not there', 'is empty', 'holds something else'])('is refused, with nothing changed, when that folder %s', async (what) => {
  const wrong = path.join(council.folder, 'elsewhere');
  if (what !== 'is not there') await mkdir(wrong);
  if (what === 'holds something else') await writeFile(path.join(wrong, 'letter.txt'), 'to somebody else');
  const before = await readdir(council.folder, { recursive: true });
  const refused = await restore({ DOCUMENT_ROOT: wrong });
  expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining(`the bags name is under ${wrong}`)]);
  expect(await readdir(council.folder, { recursive: true })).toEqual(before);

  const { taken_over } = await restored();
  expect(taken_over.map(({ file_ref, as, sources }) => [file_ref, as, sources.gone])).toEqual([
    ['CF-1', 'archived', 1],
    ['PA-1', 'waiting_for_paper', 0],
  ]);
});

it('goes on when somebody says that it is the right one', async () => {
  await rm(council.documentRoot, { recursive: true });
  expect((await restore()).exitCode).toBe(1);
  expect((await restored('--document-root-is-right')).taken_over).toHaveLength(2);
});

async function restore(settings: Record<string, string> = {}, ...options: string[]): Promise<Ended> {
  const into = { DATABASE_URL: other.url, DATABASE_OWNER_URL: other.ownerUrl };
  return council.retention(['restore-backup', backup, '--json', ...options], { ...into, ...settings });
}

async function restored(...options: string[]): Promise<Restored> {
  const result = await restore({}, ...options);
  expect([result.exitCode, result.stderr]).toEqual([3, '']);
  return result.json();
}
