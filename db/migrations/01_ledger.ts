/** What happened: which installation this is, the audit chain, the run ledger, brakes, schedule versions. */
import type { Knex } from 'knex';
import { BRAKES } from '../../rules/workflow.ts';
import { appendOnly, createTable, oneOf } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    create function refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception '% is append-only: % is refused', tg_table_name, lower(tg_op)
        using hint = 'Correct a mistake by adding what is right, never by changing what was recorded.';
    end $$`);

  await createTable(db, 'installation', 'The one row that says which database this is.', {
    only_row: ['boolean primary key default true check (only_row)', 'Always true: there is one row'],
    id: ['uuid not null default gen_random_uuid()', 'Written into the document root and the archive store of a live database'],
    kind: [`text not null ${oneOf('kind', ['live', 'rehearsal'])}`, 'Fixed when the database is made'],
    created_at: ['timestamptz not null default now()', 'When it was made'],
  });
  await appendOnly(db, 'installation');

  await createTable(
    db,
    'claimed_roots',
    'Folders that bear the id of this live database. One that lost it is not the same folder: an unmounted share, perhaps.',
    {
      path: ['text primary key', 'The folder'],
      claimed_at: ['timestamptz not null default now()', 'When it was marked'],
    },
  );

  await createTable(
    db,
    'audit_events',
    'Everything done and refused, chained by hash. Holds references, never names, births or free text.',
    {
      seq: ['bigint primary key', 'Position in the chain, from 1, without gaps'],
      recorded_at: ['timestamptz not null', 'When, by the clock of the database'],
      actor: ["text not null check (actor !~ '[[:cntrl:]]')", 'Who: a user name, or "service"'],
      event: ["text not null check (event ~ '^[a-z_.]+$')", 'What, as a stable name: list.signed_off'],
      details: ["text not null check (details !~ '[[:cntrl:]]')", 'JSON, exactly as it was hashed'],
      previous_hash: ['text not null', 'Hash of the event before; 64 zeros for the first'],
      hash: ['text not null unique', 'SHA-256 of previous_hash, seq, recorded_at, actor, event, details, a line each'],
    },
  );
  await db.raw(`
    create function audit_line(e audit_events) returns text language sql stable as $$
      select concat_ws(E'\\n', e.previous_hash, e.seq, to_char(e.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                       e.actor, e.event, e.details)
    $$`);
  await db.raw(`
    create function chain_audit_event() returns trigger language plpgsql as $$
    declare
      last audit_events;
    begin
      perform pg_advisory_xact_lock(hashtext('audit_events'));
      select * into last from audit_events order by seq desc limit 1;
      new.seq := coalesce(last.seq, 0) + 1;
      new.previous_hash := coalesce(last.hash, repeat('0', 64));
      new.recorded_at := clock_timestamp();
      new.hash := encode(sha256(convert_to(audit_line(new), 'UTF8')), 'hex');
      return new;
    end $$`);
  await db.raw(`create trigger audit_events_are_chained before insert on audit_events for each row execute function chain_audit_event()`);
  await appendOnly(db, 'audit_events');

  await createTable(db, 'schedule_versions', 'Every version of the retention schedule that was ever in force here.', {
    version: ['text primary key', 'As printed in determinations and certificates'],
    in_force_from: ['date not null', 'First day this version decides'],
    adopted_at: ['timestamptz not null default now()', 'When it was taken over'],
    adopted_by: ['text not null', 'Who took it over'],
    content: ['text not null', 'The YAML, as adopted'],
  });
  await appendOnly(db, 'schedule_versions');

  await createTable(
    db,
    'runs',
    'The run ledger: one row for each run of a step or of the whole night.',
    {
      id: ['bigint generated always as identity primary key', 'Printed as runId on every log line'],
      kind: [
        `text not null ${oneOf('kind', ['nightly', 'import', 'compute', 'recheck', 'list', 'archive', 'report'])}`,
        'The whole night, or one step',
      ],
      as_of: ['date not null', 'The business date'],
      started_at: ['timestamptz not null default now()', 'When it began'],
      finished_at: ['timestamptz', 'When it ended; empty while it runs or after a crash'],
      outcome: [
        `text not null default 'running' ${oneOf('outcome', ['running', 'succeeded', 'repeated', 'failed', 'interrupted'])}`,
        'repeated: a night of a date that had succeeded already',
      ],
      counts: ["jsonb not null default '{}'", 'Counts by step; of a night, outcomes that add up to the number of files'],
      error: ['text', 'Why it failed, without personal data'],
    },
    ["check (outcome <> 'running' or finished_at is null)"],
  );
  await db.raw(`create unique index one_successful_night_a_date on runs (as_of) where kind = 'nightly' and outcome = 'succeeded'`);

  await createTable(db, 'brakes', 'What stopped listing and archiving, and who let it go on.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    name: [`text not null ${oneOf('name', BRAKES)}`, 'Which brake'],
    tripped_on: ['date not null', 'The business date'],
    tripped_at: ['timestamptz not null default now()', 'When'],
    run_id: ['bigint references runs', 'The run that tripped it'],
    details: ['jsonb not null', 'The counts that tripped it'],
    released_by: ['text', 'The authoriser who released it'],
    released_at: ['timestamptz', 'When it was released'],
    released_on: ['date', 'The business date of the release'],
    reason: ['text', 'Why it was safe to go on'],
  });
  await db.raw(`create unique index one_brake_of_a_name_is_on on brakes (name) where released_at is null`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: the audit is never rewritten. Restore a backup into a new database instead.'));
}
