/**
 * What holds have covered. A hold matches by reference, so a file would leave its cover when the source system renames the file,
 * a person or a family, or loses a link; what was covered is kept here, and is blocked (`hold_moved`) until a person confirms.
 */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { holdCoversSql } from './holdMatching.ts';

/** What a file has in common with one that a hold covered and that went from its reference; the plainest first. */
const LIKENESSES = ['subject', 'person', 'family', 'facts'] as const;
export type Likeness = (typeof LIKENESSES)[number];

/**
 * Enters what holds in force cover, those of these numbers or all. An import calls it before it changes any fact. A hold on
 * everything or a category needs no entry: no reference decides what it covers.
 */
export async function rememberCovered(trx: Knex.Transaction, holds: readonly number[] | null): Promise<void> {
  // A join for each scope, each answered by an index; one with an "or" would read the whole register for each hold.
  const covered = [
    `h.scope = 'file' and f.file_ref = h.scope_ref`,
    `h.scope = 'person' and f.subject_refs @> array[h.scope_ref]`,
    `h.scope = 'family' and f.family_ref = h.scope_ref`,
  ].map((by) => `select h.id, f.file_ref, f.subject_refs, f.family_ref from asked h join case_files f on ${by}`);
  const throughChildren = `select h.id, f.file_ref, f.subject_refs, f.family_ref from asked h
    join families c on h.scope = 'family' and c.family_ref = h.scope_ref join case_files f on f.subject_refs @> array[c.child_ref]`;
  await trx.raw(
    `with asked as (select id, scope, scope_ref from holds
       where released_on is null and (cast(:holds as bigint[]) is null or id = any(cast(:holds as bigint[]))))
     insert into hold_covers (hold_id, file_ref, subject_refs, family_ref)
     ${[...covered, throughChildren].join('\n union ')}
     on conflict (file_ref, hold_id) do update set subject_refs = excluded.subject_refs, family_ref = excluded.family_ref
       where (hold_covers.subject_refs, hold_covers.family_ref) is distinct from (excluded.subject_refs, excluded.family_ref)`,
    { holds },
  );
}

/**
 * Finds what left the cover of holds in force, and what came back under it. Call it when facts have changed, and in compute once
 * more: a hold may have been placed while an import was under way.
 */
export async function followCovered(trx: Knex.Transaction, asOf: IsoDate): Promise<void> {
  await enterLikenesses(trx, asOf, null);
  await trx.raw(
    `update hold_covers k set moved_on = case when x.covered then null else cast(:asOf as date) end,
       confirmation_id = case when not x.covered then k.confirmation_id end
     from (select k.hold_id, k.file_ref, ${holdCoversSql('f')} is true as covered
           from hold_covers k join holds h on h.id = k.hold_id and h.released_on is null join case_files f on f.file_ref = k.file_ref) x
     where k.hold_id = x.hold_id and k.file_ref = x.file_ref and x.covered = (k.moved_on is not null)`,
    { asOf },
  );
  await findEmptied(trx, asOf);
}

/** The same for a hold that is being placed: its file may have been renamed before. */
export async function coverPlaced(trx: Knex.Transaction, holds: readonly number[], asOf: IsoDate): Promise<void> {
  await rememberCovered(trx, holds);
  await enterLikenesses(trx, asOf, holds);
}

/** The covers `k` of a hold `h` in force whose file `m` is not in the extract, or whose reference is now about other people. */
const GONE = `hold_covers k join holds h on h.id = k.hold_id and h.released_on is null join case_files m on m.file_ref = k.file_ref
  where k.confirmation_id is null and (cast(:holds as bigint[]) is null or h.id = any(cast(:holds as bigint[])))
    and (m.missing_since is not null or (k.subject_refs <> '{}' and not m.subject_refs && k.subject_refs))`;

const FACTS_ALIKE = [
  'categories',
  'opened_on',
  'closed_on',
  'adoption_order_on',
  'approval_ended_on',
  'notified_on',
  'last_entry_on',
  'withdrawn_on',
] as const;

/** How a file `n` may be what a file `g` was, by the likeness that tells so. */
const ALIKE: Record<Likeness, string> = {
  subject: 'select g.hold_id, g.file_ref as gone_ref, n.file_ref from gone g join case_files n on n.subject_refs && g.subject_refs',
  // By the name, or by the birth of two without one: each is an index.
  person: `select g.hold_id, g.file_ref, n.file_ref from gone g cross join lateral unnest(g.subject_refs) s join people p on p.person_ref = s
    cross join lateral (
      select q.person_ref from people q where plain_letters(q.name) = plain_letters(p.name)
        and (q.date_of_birth is null or p.date_of_birth is null or starts_with(q.date_of_birth, p.date_of_birth) or starts_with(p.date_of_birth, q.date_of_birth))
      union
      select q.person_ref from people q where q.date_of_birth = p.date_of_birth and length(p.date_of_birth) = 10 and q.name is null and p.name is null) q
    join case_files n on n.subject_refs @> array[q.person_ref]`,
  family: `select g.hold_id, g.file_ref, n.file_ref from gone g join case_files n on n.family_ref = g.family_ref
    union select g.hold_id, g.file_ref, n.file_ref from gone g join families c on c.child_ref = any(g.subject_refs) join case_files n on n.family_ref = c.family_ref`,
  // Where one of the two names nobody, only the case itself can tell.
  facts: `select g.hold_id, g.file_ref, n.file_ref from gone g join case_files n
    on (${FACTS_ALIKE.map((fact) => `n.${fact}`).join(', ')}) is not distinct from (${FACTS_ALIKE.map((fact) => `g.${fact}`).join(', ')})
      and n.opened_on = g.opened_on and (n.subject_refs = '{}' or g.subject_refs = '{}')`,
};

/**
 * A file under a new reference that may be one the hold covered until that went from the extract. Only a file that came to the
 * register after it, or came to be about other people since, can be; of doubt it is kept.
 */
async function enterLikenesses(trx: Knex.Transaction, asOf: IsoDate, holds: readonly number[] | null): Promise<void> {
  const gone = await trx.raw<{ rows: { any: boolean }[] }>(`select exists (select from ${GONE}) as any`, { holds });
  if (!gone.rows[0]?.any) return;
  await trx.raw(
    `with gone as materialized (
       select k.hold_id, k.file_ref, k.subject_refs, k.family_ref, m.import_id, ${FACTS_ALIKE.map((fact) => `m.${fact}`).join(', ')} from ${GONE}),
     alike as (${LIKENESSES.map((likeness) => `select a.*, '${likeness}' as likeness from (${ALIKE[likeness]}) a`).join('\n union all ')})
     insert into hold_covers (hold_id, file_ref, subject_refs, family_ref, likeness, moved_on)
     select distinct on (h.id, f.file_ref) h.id, f.file_ref, f.subject_refs, f.family_ref, a.likeness, cast(:asOf as date)
     from alike a join gone g on g.hold_id = a.hold_id and g.file_ref = a.gone_ref join holds h on h.id = a.hold_id
     join case_files f on f.file_ref = a.file_ref
     where f.missing_since is null and f.file_ref <> g.file_ref and ${holdCoversSql('f')} is not true
       and (f.import_id > g.import_id or exists (select from fact_changes c where c.ref = f.file_ref and c.kind = 'file'
         and c.field in ('subject_refs', 'family_ref') and c.import_id > g.import_id))
     order by h.id, f.file_ref, array_position(cast(:likenesses as text[]), a.likeness)
     on conflict (file_ref, hold_id) do nothing`,
    { asOf, holds, likenesses: [...LIKENESSES] },
  );
}

/** Only what the latest extract has counts: a hold on a file that the source has under another reference covers nothing. */
async function findEmptied(trx: Knex.Transaction, asOf: IsoDate): Promise<void> {
  await trx.raw(
    `create temp table emptied on commit drop as
     select h.id from holds h
     where h.released_on is null and exists (select from hold_covers k where k.hold_id = h.id)
       and (select count(*) from hold_covers k join case_files f on f.file_ref = k.file_ref
            where k.hold_id = h.id and f.missing_since is null and ${holdCoversSql('f')}) = 0
       and case h.scope
         when 'file' then not exists (select from case_files f where f.file_ref = h.scope_ref and f.missing_since is null)
         when 'person' then (select count(*) from case_files f where f.subject_refs @> array[h.scope_ref] and f.missing_since is null) = 0
         else not exists (select from case_files f where f.family_ref = h.scope_ref and f.missing_since is null)
           and (select count(*) from families c join case_files f on f.subject_refs @> array[c.child_ref] and f.missing_since is null
                where c.family_ref = h.scope_ref) = 0 end`,
  );
  await trx.raw('delete from emptied_holds e where not exists (select from emptied n where n.id = e.hold_id)');
  await trx.raw('insert into emptied_holds (hold_id, emptied_on) select id, :asOf from emptied on conflict (hold_id) do nothing', { asOf });
  await trx.raw('drop table emptied');
}
