/** Blocks and cautions of every file by one set-based statement, and the candidates: due files that nothing blocks. */
import type { Knex } from 'knex';
import { BLOCKS, CAUTIONS, type Block, type Caution, type StandingCaution } from '../rules/checks.ts';
import type { IsoDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { actionSql } from './calculate.ts';
import { referenceReusedSql } from './archivedReference.ts';
import { byFileRef } from './caseFiles.ts';
import { isOfKindSql } from './categorySql.ts';
import { compileSchedule, RANK_CLASS } from './compile.ts';
import { heldSql, movedSql } from './holdMatching.ts';
import { askPrepared } from './prepared.ts';

export interface Candidacy {
  file_ref: string;
  outcome: string;
  rule: string | null;
  anchor_on: IsoDate | null;
  retain_until: IsoDate | null;
  eligible_from: IsoDate | null;
  action: string | null;
  review_on: IsoDate | null;
  reason: string | null;
  schedule_version: string;
  blocks: Block[];
  cautions: Caution[];
  /** The birth is doubtful by the facts, whether or not somebody has confirmed it. */
  birth_doubtful: boolean;
  /** The same of a date. */
  date_doubtful: boolean;
  /** The stored determination is what the schedule makes of the facts as they are now. */
  recalculated: boolean;
}

/** Names of the narrowings of `candidacySql`; each reads `f` (case_files) and `d` (determinations). */
export const EVERY_FILE = 'true';
export const DUE_FILES = "d.outcome = 'expires' and d.eligible_from <= cast(:asOf as date)";
export const NAMED_FILES = 'f.file_ref = any(cast(:fileRefs as text[]))';

/** A select of Candidacy rows; parameter :asOf. */
export function candidacySql(schedule: Schedule, where: string): string {
  const compiled = compileSchedule(schedule);
  const due = `(${DUE_FILES})`;
  const minimumStands = `(${due} and ${compiled.statutoryMinimum} >= cast(:asOf as date))`;
  const asCaution = schedule.statutory_minimum?.effect === 'caution';
  const blocks: Record<Block, string> = {
    open: compiled.open,
    hold: heldSql('f'),
    listed: 'exists (select from disposal_list_items i where i.file_ref = f.file_ref and i.binding)',
    deferred: 'exists (select from deferrals k where k.file_ref = f.file_ref and k.keep_until >= cast(:asOf as date))',
    referred: "(d.action = 'refer' or exists (select from referrals r where r.file_ref = f.file_ref and r.closed_on is null))",
    statutory_minimum: asCaution ? 'false' : minimumStands,
    // Questions that are each answered by an index, the last once for all files; one with an "or" would look at every quarantined row for every file.
    quarantined: `(exists (select from quarantine q where q.ref = f.file_ref and q.source in ('files.csv', 'documents.csv'))
      or exists (select from quarantine q where q.ref = any(f.subject_refs) and q.source = 'people.csv')
      or exists (select from quarantined_documents q where q.file_ref = f.file_ref)
      or exists (select from quarantine q where q.of_any_file))`,
    not_in_extract: 'f.missing_since is not null',
    shortened: 'd.shortened_on is not null',
    doubtful_birth: doubtStands('doubtful_birth'),
    doubtful_date: doubtStands('doubtful_date'),
    hold_moved: `exists (select ${movedSql('f')})`,
    reference_reused: referenceReusedSql('f'),
    disagreement: 'exists (select from disagreements g where g.file_ref = f.file_ref and g.settled_on is null)',
  };
  const cautions: Record<StandingCaution, string> = {
    interpretation: `d.rule = any(${unconfirmedReadings(schedule)})`,
    estimated_birth: 'x.estimated_birth',
    death_shortens: `(d.outcome = 'expires' and x.somebody_died
      and (rank_class(x.rank_had_nobody_died) <> ${RANK_CLASS.expires} or rank_retain_until(x.rank_had_nobody_died) > d.retain_until))`,
    adult_services_unknown: 'x.adult_services_unknown',
    originals_held: 'f.originals_held is true',
    sibling_live: `exists (select from case_files s left join determinations e on e.file_ref = s.file_ref
      where s.family_ref = f.family_ref and s.file_ref <> f.file_ref
        and (s.closed_on is null or e.outcome is distinct from 'expires' or e.eligible_from > cast(:asOf as date)))`,
    several_subjects: 'cardinality(f.subject_refs) > 1',
    child_placed: `(${isOfKindSql(schedule, 'f', 'adopters')} and f.child_placed is distinct from false)`,
    review_outstanding: `(d.review_on <= cast(:asOf as date)
      and not exists (select from reviews_done w where w.file_ref = f.file_ref and w.review_on >= d.review_on))`,
    paper: "coalesce(f.medium in ('paper', 'both'), false)",
    statutory_minimum: asCaution ? minimumStands : 'false',
  };
  return `
    select f.file_ref, d.outcome, d.rule, d.anchor_on, d.retain_until, d.eligible_from, d.action, d.review_on, d.reason, d.schedule_version,
      ${wordsThatHold(BLOCKS, blocks)} as blocks, ${wordsThatHold(CAUTIONS, cautions)} as cautions,
      coalesce(x.doubtful_birth, false) as birth_doubtful, coalesce(x.doubtful_date, false) as date_doubtful,
      (x.rank, ${actionSql(schedule, 'x.rank', 'x.clause', 'f')}) is not distinct from (d.rank, d.action) as recalculated
    from case_files f join determinations d on d.file_ref = f.file_ref
    cross join lateral (
      select bool_or(${compiled.estimatedBirth}) as estimated_birth, bool_or(${compiled.adultServicesUnknown}) as adult_services_unknown,
        max(${compiled.rank}) as rank, bool_or(${compiled.adultServicesClause}) as clause,
        bool_or(p.date_of_death is not null) as somebody_died, max(${compiled.rankHadNobodyDied}) as rank_had_nobody_died,
        bool_or(${compiled.doubtfulBirth}) as doubtful_birth, bool_or(${compiled.doubtfulDate}) as doubtful_date,
        ${DOUBTED_FACTS.doubtful_birth} as doubtful_birth_facts, ${DOUBTED_FACTS.doubtful_date} as doubtful_date_facts
      from (select) one left join people p on p.person_ref = any(f.subject_refs)) x
    where ${where}`;
}

/** Blocks and cautions of these files as they stand now. */
export async function candidacyOf(db: Knex, schedule: Schedule, asOf: IsoDate, fileRefs: readonly string[]): Promise<Candidacy[]> {
  return askPrepared<Candidacy>(db, candidacySql(schedule, NAMED_FILES), { asOf, fileRefs });
}

/** Files that may be listed, oldest first: due, and blocked by nothing. */
export async function findCandidates(db: Knex, schedule: Schedule, asOf: IsoDate): Promise<Candidacy[]> {
  const result = await db.raw<{ rows: Candidacy[] }>(
    `select * from (${candidacySql(schedule, DUE_FILES)}) c where blocks = '{}' order by eligible_from, file_ref`,
    { asOf },
  );
  return result.rows;
}

/** Those of the chosen that are candidates still, in their order, as they stand now. */
export async function stillCandidates(db: Knex, schedule: Schedule, asOf: IsoDate, chosen: readonly Candidacy[]): Promise<Candidacy[]> {
  const fileRefs = chosen.map(({ file_ref }) => file_ref);
  const now = byFileRef(await candidacyOf(db, schedule, asOf, fileRefs));
  return fileRefs.flatMap((fileRef) => {
    const candidacy = now.get(fileRef);
    return candidacy && isCandidate(candidacy, asOf) ? [candidacy] : [];
  });
}

/**
 * Digest of what was confirmed of a doubtful birth or date; reads `f` and groups over `p`. In JSON each fact keeps its place,
 * also where it is not known: joined as text, two dates that change places would leave the same words.
 */
export const DOUBTED_FACTS = {
  doubtful_birth: digestSql(['f.opened_on', 'f.closed_on', 'f.categories'], ['p.person_ref', 'p.date_of_birth']),
  doubtful_date: digestSql(
    [
      'f.opened_on',
      'f.closed_on',
      'f.adoption_order_on',
      'f.approval_ended_on',
      'f.notified_on',
      'f.last_entry_on',
      'f.withdrawn_on',
      'f.child_placed',
      'f.categories',
    ],
    ['p.person_ref', 'p.date_of_birth', 'p.date_of_death'],
  ),
};

function digestSql(ofFile: readonly string[], ofSubject: readonly string[]): string {
  const facts = [...ofFile, `jsonb_agg(jsonb_build_array(${ofSubject.join(', ')}) order by p.person_ref)`];
  return `encode(sha256(convert_to(jsonb_build_array(${facts.join(', ')})::text, 'UTF8')), 'hex')`;
}

/** Doubted by the facts, and not confirmed of these very facts. */
function doubtStands(block: keyof typeof DOUBTED_FACTS): string {
  return `(x.${block} and not exists (select from confirmations c where c.file_ref = f.file_ref and c.block = '${block}'
      and c.confirmed_facts = x.${block}_facts))`;
}

function isCandidate({ outcome, eligible_from, blocks }: Candidacy, asOf: IsoDate): boolean {
  return outcome === 'expires' && eligible_from !== null && eligible_from <= asOf && blocks.length === 0;
}

function wordsThatHold<Word extends string>(order: readonly Word[], conditions: Partial<Record<Word, string>>): string {
  const asked = order.flatMap((word) => (conditions[word] === undefined ? [] : [`case when ${conditions[word]} then '${word}' end`]));
  return `array_remove(array[${asked.join(',\n      ')}]::text[], null)`;
}

function unconfirmedReadings(schedule: Schedule): string {
  const ids = schedule.rules.filter((rule) => rule.interpretation?.confirmed === false).map((rule) => `'${rule.id}'`);
  return `array[${ids.join(', ')}]::text[]`;
}
