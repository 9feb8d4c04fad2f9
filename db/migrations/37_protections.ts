/** A version of the schedule that gives up a protection takes two people, and a category keeps its holds under another name. */
import type { Knex } from 'knex';
import { createTable } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'schedule_requests',
    'Versions of the schedule that give up what the one before protects: one person asks, another confirms.',
    {
      version: ['text primary key', 'The version'],
      content: ['text not null', 'The file: whoever confirms takes over this text and no other'],
      in_force_from: ['date not null', 'First day it is to decide'],
      gives_up: ["text[] not null check (gives_up <> '{}')", 'What it gives up, as its file says'],
      asked_by: ['text not null', 'Who asked'],
      asked_on: ['date not null', 'Business date of the request; it lapses after 30 days'],
      confirmed_by: ['text', 'Who confirmed; empty: it decides nothing'],
      confirmed_on: ['date', 'Business date of the confirmation'],
    },
    ['constraint request_takes_two_people check (confirmed_by <> asked_by)', 'check ((confirmed_by is null) = (confirmed_on is null))'],
  );
  await createTable(
    db,
    'category_names',
    'Names of one category in different versions of the schedule: a hold on one of them covers files that have another.',
    {
      name: ['text collate "C" not null', 'A name'],
      also: ['text collate "C" not null', 'Another name of the same category'],
    },
    ['primary key (name, also)'],
  );
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
