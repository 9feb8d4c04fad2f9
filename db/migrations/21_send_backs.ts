/** Why a list was sent back stays, however often it is decided again; and what is told of a file finds its place in the audit by an index. */
import type { Knex } from 'knex';
import { EVENTS_BY, indexedBy } from '../auditPlaces.ts';
import { appendOnly, createTable } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await createTable(db, 'list_send_backs', 'Every time a list was sent back to those who decide, and why. Free text.', {
    id: ['bigint generated always as identity primary key', 'Order'],
    list_id: ['bigint not null references disposal_lists', 'The list'],
    sent_back_by: ['text not null', 'Who sent it back'],
    sent_back_on: ['date not null', 'Business date'],
    reason: ["text not null check (reason <> '')", 'Why'],
  });
  await db.raw('create index list_send_backs_by_list on list_send_backs (list_id)');
  await appendOnly(db, 'list_send_backs');

  const keyed = (key: keyof typeof EVENTS_BY) =>
    db.raw(`create index audit_events_by_${key} on audit_events ((cast(details as jsonb) ->> '${key}')) where ${indexedBy(key)}`);
  await keyed('file');
  await keyed('list');
  await keyed('hold');
  await keyed('import');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
