/** Who uses the system, and how they prove it: roles, one-time codes and personal tokens. */
import type { Knex } from 'knex';
import { createTable } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'users',
    'People who use the system.',
    {
      name: ["text primary key check (name ~ '^[[:alnum:]._@-]{1,100}$')", 'User name'],
      roles: ['text[] not null check (cardinality(roles) > 0)', 'Roles; admin excludes every other'],
      added_by: ['text not null', 'Who added them'],
      added_at: ['timestamptz not null default now()', 'When'],
    },
    [
      "constraint known_roles check (roles <@ array['records_manager', 'authoriser', 'compliance', 'auditor', 'admin'])",
      "constraint admin_sees_no_files check (not 'admin' = any(roles) or cardinality(roles) = 1)",
    ],
  );

  await createTable(db, 'user_secrets', 'One-time codes and personal tokens, hashed: the secrets themselves are nowhere.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    user_name: ['text not null references users', 'Whose'],
    kind: ["text not null check (kind in ('code', 'token'))", 'code: exchanged once for a token; token: who acts'],
    hash: ['text not null unique', 'SHA-256 of the secret'],
    expires_at: ['timestamptz not null', 'Of no use from then on'],
    ended_at: ['timestamptz', 'When it was used up or taken back'],
  });
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
