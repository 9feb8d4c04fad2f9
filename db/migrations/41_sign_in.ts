/** What signing in needs by OWASP ASVS 5.0, level 2: who guesses is slowed, a second factor, sessions and tokens that people can tell apart. */
import type { Knex } from 'knex';
import { addColumns, createTable } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'guesses',
    'Wrong passwords and codes of late: who guesses waits, and nobody else.',
    {
      user_name: ['text not null references users', 'At whose secret'],
      kind: ["text not null check (kind in ('password', 'factor'))", 'What was guessed at'],
      address: ['text not null', 'From which network; empty for a second factor, which is guessed at by whoever knows the password'],
      wrong: ['integer not null', 'How many in a row, the one under way included'],
      wait_until: ['timestamptz not null', 'The next is looked at from then on'],
      last_at: ['timestamptz not null', 'When the last was looked at'],
    },
    ['primary key (user_name, kind, address)'],
  );
  await db.raw('alter table accounts drop column failed_attempts, drop column locked_until');
  await addColumns(db, 'accounts', {
    signed_in_at: ['timestamptz', 'Last sign-in on the site: by OpenID Connect it says which roles they have'],
    factor_secret: ['text', 'Key of their authenticator app (TOTP), in base32; empty: they have no second factor'],
    factor_since: ['timestamptz', 'When a code of the app first proved that they have it'],
    factor_step: ['bigint', 'The step of 30 seconds whose code was used last: none is good twice'],
  });
  await db.raw('alter table accounts add check ((factor_secret is null) = (factor_since is null))');
  await addColumns(db, 'sessions', {
    address: ['text', 'Where the person signed in from, as the proxy on this machine says'],
    proved_at: ['timestamptz', 'When they last proved who they are'],
  });
  await db.raw('alter table user_secrets drop constraint user_secrets_kind_check');
  await db.raw("alter table user_secrets add constraint user_secrets_kind_check check (kind in ('code', 'token', 'recovery'))");
  await addColumns(db, 'user_secrets', {
    made_at: ['timestamptz not null default now()', 'When it was made; of one from before this column, when the column was'],
    made_by: ['text', 'Who made it; empty for the person'],
    seconded_by: ['text', 'The second admin, where it takes two to reset an account'],
    takes_two: ['boolean not null default false', 'True for a code that resets the account of somebody who may sign or manages people'],
    used_at: ['timestamptz', 'When it was last used'],
    used_from: ['text', 'From which address, as the database sees it for a token'],
    told_at: ['timestamptz', 'When the person was last told of this code'],
  });
  await db.raw('alter table user_secrets add check (seconded_by is null or not same_person(seconded_by, made_by))');
  for (const [table, column, words] of [
    [
      'user_secrets',
      'kind',
      'code: exchanged once for a token or password; token: who acts; recovery: in place of the second factor, once',
    ],
    [
      'user_secrets',
      'ended_at',
      'When it was used up or taken back; a token also by a sign-out everywhere, another password or a lost role',
    ],
  ] as const)
    await db.raw(`comment on column ${table}.${column} is '${words}'`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
