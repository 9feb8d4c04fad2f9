/** Answers "is there a file about me?": which files, registered and archived, are about a person. Each look-up is an event of the audit. */
import type { Knex } from 'knex';
import type { IsoDate, PartialDate } from '../rules/dates.ts';
import type { Category } from '../rules/facts.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { recordEvent } from './audit.ts';

/** At least one of them. */
export interface LookedFor {
  name: string | null;
  /** As far as it is known. */
  born: PartialDate | null;
}

/** One person of one file. */
export interface FoundFile {
  file_ref: string;
  where: 'register' | 'archive';
  person_ref: string;
  name: string | null;
  date_of_birth: PartialDate | null;
  /** Of a registered file; those of an archived one are in its bag alone. */
  categories: Category[] | null;
  /** The rest is of archived files only. The rule that decided. */
  rule: string | null;
  archived_on: IsoDate | null;
  /** The file of Adult Services that received it. */
  adult_file_ref: string | null;
  bag_location: string | null;
  paper_moved_to: string | null;
}

/**
 * Every file about a person of whose name each word given is a part, whatever the letter case, accents and order, and whose
 * birth may be the one given. Somebody of that name whose birth nobody recorded is found too: better one too many, for who
 * asks about themselves must not be told no.
 */
export async function findFiles(trx: Knex.Transaction, wanted: LookedFor, person: Person): Promise<FoundFile[]> {
  requirePermission(person, 'find');
  const words = wanted.name?.trim().split(/\s+/u) ?? [];
  const found = await trx.raw<{ rows: FoundFile[] }>(
    `select f.file_ref, 'register' as "where", p.person_ref, p.name, p.date_of_birth, f.categories, null as rule, null as archived_on,
       null as adult_file_ref, null as bag_location, null as paper_moved_to
     from people p join case_files f on f.subject_refs @> array[p.person_ref] where ${mayBe('p')}
     union all
     select i.file_ref, 'archive', i.person_ref, i.name, i.date_of_birth, null, r.rule, r.archived_on, r.adult_file_ref, i.bag_location, m.moved_to
     from archive_index i join residual_records r on r.file_ref = i.file_ref and r.restored_on is null
     left join paper_moves m on m.list_id = r.list_id and m.file_ref = r.file_ref where ${mayBe('i')}
     order by name, person_ref, file_ref`,
    { words, born: wanted.born },
  );
  const given = [...(words.length > 0 ? ['name'] : []), ...(wanted.born === null ? [] : ['born'])];
  const files = new Set(found.rows.map((row) => row.file_ref)).size;
  await recordEvent(trx, person.name, 'person.looked_for', { by: given, files });
  return found.rows;
}

/** A birth known in part, or given in part, may be every day it stands for. */
function mayBe(alias: string): string {
  const birth = `${alias}.date_of_birth`;
  return `not exists (select from unnest(cast(:words as text[])) w where position(plain_letters(w) in coalesce(plain_letters(${alias}.name), '')) = 0)
    and (cast(:born as text) is null or starts_with(${birth}, :born) or starts_with(:born, ${birth})
      or (${birth} is null and cardinality(cast(:words as text[])) > 0))`;
}
