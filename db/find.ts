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

/** Narrows a look-up: to one person, or to so many rows, whichever they are. */
export interface Narrowed {
  personRef?: string;
  atMost?: number;
}

/**
 * Every file about a person of whose name each word given is a part, whatever the letter case, accents and order, and whose
 * birth may be the one given. Somebody of that name whose birth nobody recorded is found too: better one too many, for who
 * asks about themselves must not be told no.
 */
export async function findFiles(
  trx: Knex.Transaction,
  wanted: LookedFor,
  person: Person,
  { personRef, atMost }: Narrowed = {},
): Promise<FoundFile[]> {
  requirePermission(person, 'find');
  const words = wanted.name?.trim().split(/\s+/u) ?? [];
  const borne = await wordsBorne(trx, words);
  const mayBe = (alias: string) =>
    `${conditionOf(alias, wanted, borne)}${personRef === undefined ? '' : ` and ${alias}.person_ref = :personRef`}`;
  const kept = wanted.born === null ? 'not materialized' : 'materialized';
  const found = await trx.raw<{ rows: FoundFile[] }>(
    // Births are few among many people, but the planner, told to find some rows soon, would look at everybody in turn.
    `with p as ${kept} (select * from people p where ${mayBe('p')}), i as ${kept} (select * from archive_index i where ${mayBe('i')})
     select * from (
       select f.file_ref, 'register' as "where", p.person_ref, p.name, p.date_of_birth, f.categories, null as rule, null as archived_on,
         null as adult_file_ref, null as bag_location, null as paper_moved_to
       from p join case_files f on f.subject_refs @> array[p.person_ref]
       union all
       select i.file_ref, 'archive', i.person_ref, i.name, i.date_of_birth, null, r.rule, r.archived_on, r.adult_file_ref, i.bag_location, m.moved_to
       from i join residual_records r on r.file_ref = i.file_ref and r.restored_on is null
       left join paper_moves m on m.list_id = r.list_id and m.file_ref = r.file_ref
       ${atMost === undefined ? '' : 'limit :atMost'}) found
     order by name, person_ref, file_ref`,
    {
      ...(words.length > 0 ? { words } : {}),
      ...Object.fromEntries(borne.map((some, i) => [`borne${i}`, some])),
      ...(wanted.born === null ? {} : { born: wanted.born, parts: partsOf(wanted.born) }),
      ...(personRef === undefined ? {} : { personRef }),
      ...(atMost === undefined ? {} : { atMost }),
    },
  );
  const given = [...(words.length > 0 ? ['name'] : []), ...(wanted.born === null ? [] : ['born'])];
  const files = new Set(found.rows.map((row) => row.file_ref)).size;
  await recordEvent(trx, person.name, 'person.looked_for', { by: given, files });
  return found.rows;
}

/** A part of so many words is in so many names that looking each of them up takes longer than looking at the names. */
const MANY_WORDS = 1000;

/** For each word given, the words of names of which it is a part: each is in the name of who is found. Too many are left out. */
async function wordsBorne(trx: Knex.Transaction, words: readonly string[]): Promise<string[][]> {
  if (words.length === 0) return [];
  const { rows } = await trx.raw<{ rows: { borne: string[] }[] }>(
    // A letter may have become two words: each of them is a part of a word then.
    `select array(select word from name_words where position(part in word) > 0 limit :most) as borne
     from unnest(cast(:words as text[])) w, unnest(words_of_name(w)) part where part <> ''`,
    { words, most: MANY_WORDS + 1 },
  );
  return rows.map(({ borne }) => borne).filter((borne) => borne.length <= MANY_WORDS);
}

/** A birth known in part, or given in part, may be every day it stands for. */
function conditionOf(alias: string, { born, name }: LookedFor, borne: readonly string[][]): string {
  const birth = `${alias}.date_of_birth`;
  const byName =
    name === null
      ? []
      : [
          `not exists (select from unnest(cast(:words as text[])) w where position(plain_letters(w) in coalesce(plain_letters(${alias}.name), '')) = 0)`,
          ...borne.map((_, i) => `words_of_name(${alias}.name) && cast(:borne${i} as text[])`),
        ];
  const byBirth =
    born === null
      ? []
      : [`(${birth} like :born || '%' or ${birth} = any(cast(:parts as text[]))${name === null ? '' : ` or ${birth} is null`})`];
  return [...byName, ...byBirth].join(' and ');
}

/** The year, and the month, of a birth: what may be recorded of somebody who was born on that day. */
function partsOf(born: PartialDate): string[] {
  return [4, 7].filter((length) => length < born.length).map((length) => born.slice(0, length));
}
