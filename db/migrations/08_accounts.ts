/** How people sign in to the site: passwords and lock-out, identities of OpenID Connect, and sessions that survive a restart. */
import type { Knex } from 'knex';
import { createTable } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'accounts',
    'How a person signs in to the site; no row yet: not signed in so far.',
    {
      user_name: ['text primary key references users', 'Whose'],
      password_hash: ["text check (password_hash like '$argon2id$%')", 'Argon2id with its parameters and salt; empty: no password'],
      password_set_at: ['timestamptz', 'When the password was chosen'],
      failed_attempts: ['integer not null default 0', 'Wrong passwords in a row'],
      locked_until: ['timestamptz', 'After too many wrong ones nobody signs in by password before this'],
      oidc_issuer: ['text', 'The provider of OpenID Connect that vouches for them'],
      oidc_subject: ['text', 'Who they are for that provider: its sub, which never changes'],
      closed_at: ['timestamptz', 'When an admin closed the account'],
    },
    ['unique (oidc_issuer, oidc_subject)', 'check ((oidc_issuer is null) = (oidc_subject is null))'],
  );

  await createTable(db, 'sessions', 'Who is signed in to the site, by the hash of what their browser holds.', {
    id_hash: ["text primary key check (id_hash ~ '^[0-9a-f]{64}$')", 'SHA-256 of the session’s secret, which is in the browser alone'],
    user_name: ['text', 'Who is signed in; empty before that. In a rehearsal also a sample person, who is not in users'],
    data: ['jsonb not null', 'The secret of its forms, the notice to show next, where to go after signing in'],
    started_at: ['timestamptz not null', 'When it began'],
    last_seen_at: ['timestamptz not null', 'When it was last used'],
    ended_at: ['timestamptz', 'When it was ended; it never begins again'],
  });
  await db.raw('create index sessions_by_user on sessions (user_name)');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
