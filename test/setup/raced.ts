/** Files ready to be archived by several at once, and what the books must say when they were. */
import { expect } from 'vitest';
import { openArchiveStore } from '../../db/archiveStore.ts';
import { verifyBag } from '../../db/bag.ts';
import type { Council } from './commands.ts';
import { sourcesGone } from './undisturbed.ts';

/** The day on which the files are listed and signed, and the first on which they may be archived. */
export const SIGNED_ON = '2026-11-22';
export const PAST_COOLING_OFF = '2026-11-30';

/** Freezes whoever writes to the audit: archiving about to commit, a decision or a hold just made. */
export const AUDIT = "select pg_advisory_xact_lock(hashtext('audit_events'))";

/** Freezes archiving where its bag is written and it asks for its locks. */
export const LOCKING_HOLDS = 'lock table holds in row exclusive mode';

/** Puts so many files on lists, each with two documents. */
export async function listFiles(council: Council, files: number, facts: Record<string, string> = {}): Promise<void> {
  for (let i = 0; i < files; i++) {
    council.register.child(fileNo(i), facts);
    for (const name of ['page.txt', 'letter.txt']) await council.document(fileNo(i), `${fileNo(i)}/${name}`);
  }
  await council.night(SIGNED_ON);
}

/** The same on one list, signed. */
export async function signOffFiles(council: Council, files: number, facts: Record<string, string> = {}): Promise<void> {
  await listFiles(council, files, facts);
  await council.approveAndSign(1, SIGNED_ON);
}

/** What files and documents were lost, and what was archived twice, when so many files went; expects bags and sources to match. */
export async function booksAfter(council: Council, archived: number): Promise<{ lost: number; twice: number }> {
  await council.expectAccounted();
  const store = openArchiveStore(council.archive);
  const records = await council.db('residual_records').select<{ file_ref: string; bag_sha256: string }[]>('file_ref', 'bag_sha256');
  const packed: string[] = [];
  for (const { file_ref, bag_sha256 } of records) {
    const bag = await verifyBag(store, `${file_ref}.zip`);
    expect(bag.sha256).toBe(bag_sha256);
    packed.push(...bag.documents.map((document) => document.path));
  }
  expect(await council.bags()).toEqual(records.map(({ file_ref }) => `${file_ref}.zip`).sort());
  const events = await council.db('audit_events').where({ event: 'item.archived' }).pluck<string[]>('details');
  const removed = await council.db('audit_events').where({ event: 'source.removed' }).pluck<string[]>('details');
  expect([records.length, removed.length]).toEqual([archived, packed.length]);
  const names = council.register.documents.map((row) => row['path'] ?? '').filter((name) => !packed.includes(name));
  return { lost: (await sourcesGone(council, names)).length, twice: events.length - records.length };
}

/** The reference of the file of that number. */
export function fileNo(i: number): string {
  return `CF-${String(i).padStart(4, '0')}`;
}
