/**
 * Dates that can hardly be right are confirmed as births are. What was confirmed before is asked again once: its digest was
 * of joined text, in which two dates that had changed places since looked the same.
 */
import type { Knex } from 'knex';
import { CONFIRMABLE } from '../confirm.ts';
import { oneOf } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await db.raw('alter table confirmations drop constraint confirmations_block_check');
  await db.raw(`alter table confirmations add constraint confirmations_block_check ${oneOf('block', CONFIRMABLE)}`);
  await db.raw("comment on table confirmations is 'A records manager’s confirmation of a shortened date, or of a doubtful birth or date.'");
  await db.raw(
    "comment on column confirmations.confirmed_facts is 'SHA-256 of the facts that were confirmed: others are doubted again; empty for a shortened date'",
  );
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
