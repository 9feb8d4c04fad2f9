/**
 * Bags that wait for paper or a receipt: the documents each holds, so that every night can compare them with the register, and the
 * state of one whose file was taken off its list and whose documents are not all found elsewhere.
 */
import type { Knex } from 'knex';
import { archivedFactsDigest, NO_DOCUMENTS } from '../archivedRows.ts';
import { createTable, oneOf } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'bag_documents',
    'Documents in a bag that waits, or is kept aside. Their names are personal data: they leave once the bag is archived or cleared.',
    {
      bag_id: ['bigint not null references bags', 'The bag'],
      path: ['text collate "C" not null', 'Relative to the document root, as it was listed and signed'],
      size: ['bigint not null', 'Bytes, as packed'],
      sha256: ['text not null', 'As packed'],
    },
  );
  await db.raw('create index bag_documents_by_bag on bag_documents (bag_id)');
  await db.raw(`create function forget_bag_documents() returns trigger language plpgsql as $$
    begin
      delete from bag_documents where bag_id = new.id;
      return null;
    end $$`);
  await db.raw(`create trigger bag_documents_leave after update of state on bags for each row
    when (new.state in ('archived', 'restored', 'cleared')) execute function forget_bag_documents()`);
  await db.raw(`insert into bag_documents (bag_id, path, size, sha256)
    select b.id, d.path, d.measured_size, coalesce(d.sha256, d.measured_sha256) from bags b join documents d on d.file_ref = b.file_ref
    where b.state = 'waiting' and d.measured_size is not null`);

  await db.raw('alter table bags drop constraint bags_state_check');
  await db.raw(
    `alter table bags add constraint bags_state_check ${oneOf('state', ['begun', 'waiting', 'archived', 'restored', 'kept', 'cleared'])}`,
  );
  await db.raw(
    `comment on column bags.state is 'begun: not yet part of the archive; waiting: durable, for a receipt or paper; archived; restored: evidence of a file brought back; kept: its file was taken off its list, and documents of it are found nowhere else; cleared: removed again'`,
  );

  await db.raw('alter table disposal_list_items add case_digest text');
  await db.raw(
    "comment on column disposal_list_items.case_digest is 'SHA-256 of the facts it was listed with, without its documents; emptied by archiving'",
  );
  await db.raw(`update disposal_list_items i set case_digest = ${archivedFactsDigest('people', NO_DOCUMENTS)}
    from case_files f where f.file_ref = i.file_ref and i.binding and i.facts_digest = ${archivedFactsDigest('people', 'documents')}`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
