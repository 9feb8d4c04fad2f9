/** Answers "is there a file about me?": which files, registered and archived, are about a person. Each look-up is an event of the audit. */
import type { Knex } from 'knex';
import type { IsoDate, PartialDate } from '../rules/dates.ts';
import type { Category } from '../rules/facts.ts';
import { partsOfName } from '../rules/letters.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { RECORD_OF_INDEX } from './archivedReference.ts';
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
  /** Null for a file that was archived by a release whose index did not keep them. */
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
 * Every file about a person of whose name each word given is a part, whatever the letter case, accents and order, and whatever
 * apostrophes, hyphens and blanks stand in either, and whose birth may be the one given. Somebody of that name whose birth nobody recorded is found too: better one too many, for who
 * asks about themselves must not be told no.
 */
export async function findFiles(
  trx: Knex.Transaction,
  wanted: LookedFor,
  person: Person,
  { personRef, atMost }: Narrowed = {},
): Promise<FoundFile[]> {
  requirePermission(person, 'find');
  const parts = wanted.name === null ? [] : requireParts(wanted.name);
  const borne = await wordsBorne(trx, parts);
  const mayBe = (alias: string) =>
    `${conditionOf(alias, wanted, parts, borne)}${personRef === undefined ? '' : ` and ${alias}.person_ref = :personRef`}`;
  const kept = wanted.born === null ? 'not materialized' : 'materialized';
  const found = await trx.raw<{ rows: FoundFile[] }>(
    // Births are few among many people, but the planner, told to find some rows soon, would look at everybody in turn.
    `with p as ${kept} (select * from people p where ${mayBe('p')}), i as ${kept} (select * from archive_index i where ${mayBe('i')})
     select * from (
       select f.file_ref, 'register' as "where", p.person_ref, p.name, p.date_of_birth, f.categories, null as rule, null as archived_on,
         null as adult_file_ref, null as bag_location, null as paper_moved_to
       from p join case_files f on f.subject_refs @> array[p.person_ref]
       union all
       select i.file_ref, 'archive', i.person_ref, i.name, i.date_of_birth, i.categories, r.rule, r.archived_on, r.adult_file_ref, i.bag_location, m.moved_to
       from i join residual_records r on ${RECORD_OF_INDEX}
       left join paper_moves m on m.list_id = r.list_id and m.file_ref = r.file_ref
       ${atMost === undefined ? '' : 'limit :atMost'}) found
     order by name, person_ref, file_ref`,
    {
      ...Object.fromEntries(parts.map((part, i) => [`part${i}`, part])),
      ...Object.fromEntries(borne.map((some, i) => [`borne${i}`, some])),
      ...(wanted.born === null ? {} : { born: wanted.born, knownAs: knownInPart(wanted.born) }),
      ...(personRef === undefined ? {} : { personRef }),
      ...(atMost === undefined ? {} : { atMost }),
    },
  );
  const given = [...(parts.length > 0 ? ['name'] : []), ...(wanted.born === null ? [] : ['born'])];
  const files = new Set(found.rows.map((row) => row.file_ref)).size;
  await recordEvent(trx, person.name, 'person.looked_for', { by: given, files });
  return found.rows;
}

/** Throws a Refusal for a name without a letter. */
function requireParts(name: string): string[] {
  const parts = partsOfName(name);
  if (parts.length > 0) return parts;
  throw new Refusal('no_letters', 'Nothing was looked for: the name has no letter. Type a part of the name, or the birth alone.');
}

/** A part of so many words is in so many names that looking each of them up takes longer than looking at the names. */
const MANY_WORDS = 1000;

/**
 * For each part the words of which each bearer has one: words that hold the part, and words with which it begins while the rest of
 * it begins the next one, or the next one begins the rest (annemarie: Anne Marie). Too many are left out.
 */
async function wordsBorne(trx: Knex.Transaction, parts: readonly string[]): Promise<string[][]> {
  if (parts.length === 0) return [];
  const { rows } = await trx.raw<{ rows: { borne: string[] }[] }>(
    `select array(
       select word from name_words where position(part in word) > 0
       union
       select head.word from generate_series(1, length(part) - 1) k
         join name_words head on head.word = left(part, k)
         cross join lateral (select substr(part, k + 1) as tail) t
       where exists (select from name_words next where next.word >= t.tail and next.word < t.tail || chr(1114111))
         or exists (select from generate_series(1, length(t.tail)) n join name_words next on next.word = left(t.tail, n))
       limit :most) as borne
     from unnest(cast(:parts as text[])) with ordinality p (part, place) order by place`,
    { parts, most: MANY_WORDS + 1 },
  );
  return rows.map(({ borne }) => borne).filter((borne) => borne.length <= MANY_WORDS);
}

/** A birth known in part, or given in part, may be every day it stands for. */
function conditionOf(alias: string, { born, name }: LookedFor, parts: readonly string[], borne: readonly string[][]): string {
  const birth = `${alias}.date_of_birth`;
  const byName = [
    ...parts.flatMap((_, i) => hasPart(alias, `:part${i}`)),
    ...borne.map((_, i) => `words_of_name(${alias}.name) && cast(:borne${i} as text[])`),
  ];
  const byBirth =
    born === null
      ? []
      : [`(${birth} like :born || '%' or ${birth} = any(cast(:knownAs as text[]))${name === null ? '' : ` or ${birth} is null`})`];
  return [...byName, ...byBirth].join(' and ');
}

/** Two conditions, the first of which is asked of everybody where there is no better index; the words are worked out for few. */
function hasPart(alias: string, part: string): string[] {
  return [
    `position(${part} in replace(${alias}.plain_name, ' ', '')) > 0`,
    `(position(${part} in ${alias}.plain_name) > 0 or name_has(words_of_name(${alias}.name), array[${part}]))`,
  ];
}

/** The year, and the month, of a birth: what may be recorded of somebody who was born on that day. */
function knownInPart(born: PartialDate): string[] {
  return [4, 7].filter((length) => length < born.length).map((length) => born.slice(0, length));
}
