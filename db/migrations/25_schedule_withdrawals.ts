/** A version of the schedule that was taken over by mistake is withdrawn by two people; what it says stays on record. */
import type { Knex } from 'knex';
import { createTable } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'schedule_withdrawals',
    'Versions of the schedule that decide no more: one person asks with a reason, another confirms.',
    {
      version: ['text primary key references schedule_versions', 'The version'],
      asked_by: ['text not null', 'Who asked'],
      asked_on: ['date not null', 'Business date of the request'],
      reason: ["text not null check (reason <> '')", 'Why it must not decide'],
      confirmed_by: ['text', 'Who confirmed; empty: it decides still'],
      confirmed_on: ['date', 'Business date of the confirmation'],
    },
    ['constraint withdrawal_takes_two_people check (confirmed_by <> asked_by)', 'check ((confirmed_by is null) = (confirmed_on is null))'],
  );
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
