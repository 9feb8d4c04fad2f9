/** What needs a person, and whether people have been told of it: exit 3 means that something is new, and this alone says what is. */
import type { Knex } from 'knex';
import { ARCHIVED_OF_REFERENCE } from './archivedReference.ts';
import { BAG_PROBLEMS } from './bagMoves.ts';
import { UNCONFIRMED } from './lostCover.ts';

/** SQL: the key of a row of the quarantine, or of a row like it, whatever its line. */
export const QUARANTINE_KEY = 'md5(jsonb_build_array(source, ref, column_name, reason)::text)';

/** What the database itself shows to need a person: of each kind a key that stays as long as the need is the same, and what it is about. */
const STANDING = {
  interrupted: "select id::text as key, id::text as about from runs where outcome = 'interrupted'",
  quarantine: `select ${QUARANTINE_KEY} as key, null as about from quarantine`,
  archived_differs: "select file_ref || ' ' || digest as key, file_ref as about from seen_again where differs",
  reference_reused: `select f.file_ref || ' ' || r.list_id as key, f.file_ref as about from residual_records r join case_files f using (file_ref)
    where ${ARCHIVED_OF_REFERENCE}`,
  brake: 'select id::text as key, id::text as about from brakes where released_at is null',
  item: `select list_id || ' ' || file_ref || ' ' || md5(status_reason) as key, file_ref as about from disposal_list_items
    where status = 'failed' or (status = 'withdrawn' and status_reason like 'archiving failed %')`,
  bag: `select b.id::text as key, b.file_ref as about from bags b where ${BAG_PROBLEMS}`,
  source: "select id || ' ' || md5(coalesce(error, '')) as key, file_ref as about from source_removals where outcome = 'failed'",
  hold_moved: `select k.file_ref || ' ' || h.id as key, k.file_ref || ' (hold ' || h.id || ')' as about ${UNCONFIRMED}`,
  hold_emptied:
    'select h.id::text as key, h.id::text as about from emptied_holds e join holds h on h.id = e.hold_id where h.released_on is null',
  source_again: 'select file_ref as key, file_ref as about from source_removals where back_on is not null group by file_ref',
} as const satisfies Record<string, string>;

/** What only a step of a run sees: rows that may be any file's, waits that it ended, a list that was refused, an audit that is not whole. Its words are its key. */
export const SEEN_BY_STEPS = ['any_file', 'waited', 'listing', 'audit'] as const;

type StandingKind = keyof typeof STANDING;
export type NeedKind = StandingKind | (typeof SEEN_BY_STEPS)[number];

/** What a step saw, in words without anything personal. */
export interface SeenByStep {
  kind: (typeof SEEN_BY_STEPS)[number];
  words: string;
}

/** What there is of one kind. */
export interface Needs {
  kind: NeedKind;
  all: number;
  /** Of which nobody has been told. */
  fresh: number;
  /** What the first of those are about: references or numbers, or the words of a step. */
  about: string[];
}

/**
 * Everything that needs a person now. `seen` is what the steps of this run saw, and `asked` the kinds that they would have seen.
 * With `note` it is noted as told, in the same moment: call it so when a run has come to its end, and nobody is told twice.
 */
export async function readNeeds(
  db: Knex,
  { seen, asked, note }: { seen: readonly SeenByStep[]; asked: readonly SeenByStep['kind'][]; note: boolean },
): Promise<Needs[]> {
  const standing = Object.entries(STANDING).map(([kind, select]) => `select '${kind}' as kind, key, about from (${select}) ${kind}`);
  const result = await db.raw<{ rows: Needs[] }>(
    `with needs as (
       ${standing.join('\n union all ')}
       union all select kind, md5(words), words from jsonb_to_recordset(cast(:seen as jsonb)) as s (kind text, words text)),
     judged as (
       select n.kind, n.key, n.about, not exists (select from told t where t.kind = n.kind and t.key = n.key collate "C") as fresh from needs n),
     gone as (
       delete from told t where :note and t.kind = any(cast(:kinds as text[]))
         and not exists (select from needs n where n.kind = t.kind and n.key collate "C" = t.key)),
     noted as (
       insert into told (kind, key) select distinct kind, key from judged where fresh and :note on conflict do nothing)
     select kind, count(*)::int as "all", (count(*) filter (where fresh))::int as fresh,
       coalesce((array_agg(about order by key) filter (where fresh and about is not null))[1:10], '{}') as about
     from judged group by kind`,
    { seen: JSON.stringify(seen), note, kinds: [...Object.keys(STANDING), ...asked] },
  );
  const order: string[] = [...Object.keys(STANDING), ...SEEN_BY_STEPS];
  return result.rows.sort((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
}

/** Notes that the brakes that are on were told, by a command that ends with 3 because of them. */
export async function noteBrakesTold(trx: Knex): Promise<void> {
  await trx.raw(`insert into told (kind, key) select 'brake', key from (${STANDING.brake}) b on conflict do nothing`);
}

/** SQL: whether nobody has been told of the need with that key. */
export function untold(kind: StandingKind, key: string): string {
  return `not exists (select from told t where t.kind = '${kind}' and t.key = (${key}) collate "C")`;
}
