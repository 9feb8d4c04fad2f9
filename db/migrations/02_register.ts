/** The register: people, families, case files and documents as the latest extract has them, and how they came to be so. */
import type { Knex } from 'knex';
import { MEDIA } from '../../rules/facts.ts';
import { createTable, oneOf } from '../schema.ts';

const REF = 'text collate "C"';

export async function up(db: Knex): Promise<void> {
  await createTable(db, 'imports', 'Extracts that landed.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    run_id: ['bigint references runs', 'The run that imported it'],
    as_of: ['date not null', 'The business date'],
    exported_at: ['text', 'When the source system says it wrote the extract'],
    landed_at: ['timestamptz not null default now()', 'When it landed'],
    counts: ['jsonb not null', 'Read, added, changed, unchanged, archived and rejected rows, by file'],
    notices: ["jsonb not null default '[]'", 'Files and columns that were ignored or absent'],
  });

  await createTable(db, 'people', 'People the files are about. Personal data.', {
    person_ref: [`${REF} primary key`, 'Reference in the source system'],
    name: ['text', 'Name'],
    date_of_birth: ["text check (date_of_birth ~ '^\\d{4}(-\\d{2}){0,2}$')", 'yyyy, yyyy-mm or yyyy-mm-dd, as far as it is known'],
    date_of_death: ['date', 'Date of death'],
    known_to_adult_services: ['boolean', 'Known to Adult Services; null is not known, which is not no'],
    poses_risk_to_children: ['boolean', 'Flagged as posing a risk to children'],
    birth_earliest: [
      `date generated always as (case length(date_of_birth)
           when 4 then make_date(date_of_birth::int, 1, 1)
           when 7 then make_date(left(date_of_birth, 4)::int, right(date_of_birth, 2)::int, 1)
           when 10 then make_date(left(date_of_birth, 4)::int, substr(date_of_birth, 6, 2)::int, right(date_of_birth, 2)::int) end) stored`,
      'First possible day of birth',
    ],
    birth_latest: [
      `date generated always as (case length(date_of_birth)
           when 4 then make_date(date_of_birth::int, 12, 31)
           when 7 then (make_date(left(date_of_birth, 4)::int, right(date_of_birth, 2)::int, 1) + interval '1 month')::date - 1
           when 10 then make_date(left(date_of_birth, 4)::int, substr(date_of_birth, 6, 2)::int, right(date_of_birth, 2)::int) end) stored`,
      'Last possible day of birth: periods run from it',
    ],
  });

  await createTable(
    db,
    'families',
    'Children of a family, living or not.',
    {
      family_ref: [`${REF} not null`, 'Reference of the family'],
      child_ref: [`${REF} not null references people on delete cascade`, 'A child of the family'],
    },
    ['primary key (family_ref, child_ref)'],
  );
  await db.raw('create index families_by_child on families (child_ref)');

  await createTable(db, 'case_files', 'The register of case files: the unit of disposal.', {
    file_ref: [`${REF} primary key`, 'Reference in the source system'],
    categories: [`text[] collate "C" not null check (cardinality(categories) > 0)`, 'Classes of file, words of the schedule'],
    subject_refs: [`text[] collate "C" not null default '{}'`, 'People the file is about, in the order of the extract; each is in people'],
    family_ref: [REF, 'Family'],
    opened_on: ['date', 'Case opened'],
    closed_on: ['date', 'Case closed; empty while it is open'],
    adoption_order_on: ['date', 'Date of the adoption order'],
    approval_ended_on: ['date', 'When a foster carer’s approval (last) ended'],
    notified_on: ['date', '(Last) notification of a missing person'],
    last_entry_on: ['date', 'Last financial entry'],
    withdrawn_on: ['date', 'Adopters’ application withdrawn'],
    child_placed: ['boolean', 'Whether a child was placed with the adopters'],
    originals_held: ['boolean', 'Birth certificates, photographs, letters are on the file'],
    medium: [`text ${oneOf('medium', MEDIA)}`, 'Electronic, paper, or both'],
    location: ['text', 'Where the paper is'],
    missing_since: ['date', 'Business date of the first extract in a row without this file'],
    import_id: ['bigint not null references imports', 'The import that first brought it'],
  });
  await db.raw('create index case_files_by_subject on case_files using gin (subject_refs)');
  await db.raw('create index case_files_by_family on case_files (family_ref) where family_ref is not null');
  await db.raw(`
    create function require_subjects() returns trigger language plpgsql as $$
    declare
      lonely text;
    begin
      select file_ref into lonely
      from landed cross join lateral unnest(subject_refs) s left join people p on p.person_ref = s
      where p.person_ref is null limit 1;
      if lonely is not null then
        raise exception 'file % names a subject who is not in people', lonely
          using hint = 'A file is never determined without one of its subjects: import the person first.';
      end if;
      return null;
    end $$`);
  for (const event of ['insert', 'update']) {
    await db.raw(`create trigger subjects_are_known_on_${event} after ${event} on case_files referencing new table as landed
      for each statement execute function require_subjects()`);
  }

  await createTable(
    db,
    'documents',
    'Documents of the case files, under the document root.',
    {
      file_ref: [`${REF} not null references case_files on delete cascade`, 'The file it belongs to; one path may belong to several'],
      path: [`${REF} not null`, 'Relative to the document root'],
      sha256: ["text check (sha256 ~ '^[0-9a-f]{64}$')", 'As the extract gives it'],
      measured_size: ['bigint', 'Bytes, as measured when the file was listed'],
      measured_sha256: ['text', 'SHA-256, as measured when the file was listed'],
    },
    ['primary key (file_ref, path)'],
  );
  await db.raw('create index documents_by_path on documents (path)');

  await createTable(db, 'quarantine', 'Rows of the latest extract that could not be read or linked. Emptied by the next import.', {
    import_id: ['bigint not null references imports', 'The import that rejected it'],
    source: ['text not null', 'File of the extract'],
    line: ['integer not null', 'Line in it; 1 is the header'],
    ref: [REF, 'Reference of the row, where it could be read'],
    column_name: ['text', 'Column that is wrong'],
    reason: ['text not null', 'What is wrong, without the value'],
  });
  await db.raw('create index quarantine_by_ref on quarantine (ref, source)');

  await createTable(
    db,
    'fact_changes',
    'Every change of a fact after it was first recorded. Personal data; goes into the bag with its file.',
    {
      id: ['bigint generated always as identity primary key', 'Order'],
      import_id: ['bigint references imports', 'The import that brought it'],
      as_of: ['date not null', 'Business date'],
      kind: [`text not null ${oneOf('kind', ['person', 'family', 'file', 'document'])}`, 'What changed'],
      ref: [`${REF} not null`, 'Reference of the person, family or file'],
      field: ['text not null', 'Column of the extract'],
      old_value: ['text', 'Before'],
      new_value: ['text', 'After'],
    },
  );
  await db.raw('create index fact_changes_by_ref on fact_changes (ref, kind)');
  await db.raw(`create trigger fact_changes_are_not_rewritten before update on fact_changes for each row execute function refuse_change()`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
