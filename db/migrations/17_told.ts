/** The one place that keeps what people have been told: what a run that was killed did not tell, the next one tells; what was told is no news. */
import type { Knex } from 'knex';
import { createTable } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'told',
    'What needs a person, and was told by a run that came to its end. A row goes when the need does, so that it is told again if it comes back.',
    {
      kind: ['text not null', 'What kind of need, a word of db/told.ts'],
      key: ['text collate "C" not null', 'The same as long as it is the same need: a number, a reference, a digest'],
      told_at: ['timestamptz not null default now()', 'When it was told'],
    },
    ['primary key (kind, key)'],
  );
  // Of what stood before this release everybody has been told, by a run of that release.
  await db.raw(`
    insert into told (kind, key)
    select 'quarantine', md5(jsonb_build_array(source, ref, column_name, reason)::text) from quarantine where told
    union select 'archived_differs', file_ref || ' ' || digest from seen_again where differs and told
    union select 'brake', id::text from brakes where released_at is null
    union select 'interrupted', id::text from runs where outcome = 'interrupted'
    union select 'item', list_id || ' ' || file_ref || ' ' || md5(status_reason) from disposal_list_items
      where status = 'failed' or (status = 'withdrawn' and status_reason like 'archiving failed %')
    union select 'bag', id::text from bags where problem_on is not null
    union select 'source', id || ' ' || md5(coalesce(error, '')) from source_removals where outcome = 'failed'`);
  await db.raw('alter table quarantine drop column told');
  await db.raw('alter table seen_again drop column told');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
