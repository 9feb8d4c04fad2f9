/** A document is found by where it lies, also where its path is spelt in other letter case or with accents written otherwise. */
import type { Knex } from 'knex';

export async function up(db: Knex): Promise<void> {
  // A hash, for a path may be longer than an entry of a B-tree.
  await db.raw('create index documents_by_folded_path on documents using hash (lower(normalize(path, NFC) collate "C"))');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
