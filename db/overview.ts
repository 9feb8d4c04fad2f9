/** What the register holds today as tables of files: over-retained, permanent, a random sample; and what left it. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { Outcome } from '../rules/determine.ts';
import type { Schedule } from '../rules/schedule.ts';
import { candidacyOf, candidacySql, DUE_FILES, type Candidacy } from './candidacy.ts';
import { byFileRef } from './caseFiles.ts';
import type { FileKey } from './otherDay.ts';
import { pageOf, type Page } from './page.ts';

/** Days by which files are over their dates, where one band of a report ends and the next begins. */
export const OVERDUE_BORDERS = [30, 90, 365, 730, 1825] as const;

/** Over-retained files of a rule, by the place of the band of days they are in. */
export interface OverRetainedFigures {
  rule: string;
  band: number;
  files: number;
  /** Of these, files that nothing blocks; the night lists them. */
  candidates: number;
}

/** Due files on no open list, by rule and by how many days ago they were last to be kept: band 0 is up to the first of `bands`. */
export async function overRetained(db: Knex, schedule: Schedule, asOf: IsoDate, bands: readonly number[]): Promise<OverRetainedFigures[]> {
  const result = await db.raw<{ rows: OverRetainedFigures[] }>(
    `select rule, width_bucket(cast(:asOf as date) - retain_until, cast(:from as int[])) as band, count(*)::int as files,
       count(*) filter (where blocks = '{}')::int as candidates
     from (select rule, retain_until, blocks from (${candidacySql(schedule, DUE_FILES)}) c offset 0) due
     where not 'listed' = any(blocks) group by 1, 2 order by 1, 2`,
    { asOf, from: bands.map((days) => days + 1) },
  );
  return result.rows;
}

/** Days a file is over its date: more than `over` (none: any), at most `upTo`. */
export interface OverdueDays {
  over: number;
  upTo: number | null;
}

export type OverRetainedFile = Candidacy & { overdue_days: number; closed_on: IsoDate | null };

/** Over-retained files, the longest overdue first, with what stands in the way. */
export async function overRetainedFiles(
  db: Knex,
  schedule: Schedule,
  asOf: IsoDate,
  { days, rule, after }: { days?: OverdueDays | undefined; rule?: string | undefined; after?: FileKey | undefined },
  limit: number,
): Promise<Page<OverRetainedFile>> {
  const result = await db.raw<{ rows: { file_ref: string; overdue_days: number; closed_on: IsoDate | null }[] }>(
    // By the columns of the index alone, for the oldest files are on lists: eligible_from is the day after retain_until.
    `select d.file_ref, cast(:asOf as date) - d.eligible_from + 1 as overdue_days, f.closed_on
     from determinations d join case_files f on f.file_ref = d.file_ref
     where d.outcome = 'expires' and d.eligible_from <= cast(:asOf as date) - cast(:over as int)
       and (cast(:upTo as int) is null or d.eligible_from > cast(:asOf as date) - cast(:upTo as int))
       and not exists (select from disposal_list_items i where i.file_ref = d.file_ref and i.binding)
       and (cast(:rule as text) is null or d.rule = :rule)
       and (d.eligible_from, d.file_ref) > (cast(:after as date) + 1, :afterRef)
     order by d.eligible_from, d.file_ref limit :limit`,
    {
      asOf,
      rule: rule ?? null,
      over: days?.over ?? 0,
      upTo: days?.upTo ?? null,
      after: after?.retainUntil ?? '-infinity',
      afterRef: after?.fileRef ?? '',
      limit: limit + 1,
    },
  );
  const { rows, more } = pageOf(result.rows, limit);
  return { rows: await withCandidacy(db, schedule, asOf, rows), more };
}

/** Files that are kept permanently, by the rule that says so. */
export async function permanentByRule(db: Knex): Promise<{ rule: string; files: number }[]> {
  const result = await db.raw<{ rows: { rule: string; files: number }[] }>(
    `select rule, count(*)::int as files from determinations where outcome = 'permanent' group by rule order by rule`,
  );
  return result.rows;
}

export interface PermanentFile {
  file_ref: string;
  rule: string;
  categories: string[];
  opened_on: IsoDate | null;
  closed_on: IsoDate | null;
}

/** Files that are kept permanently, by reference. */
export async function permanentFiles(db: Knex, after: string | null, limit: number): Promise<Page<PermanentFile>> {
  const rows = await db('determinations as d')
    .join('case_files as f', 'f.file_ref', 'd.file_ref')
    .where('d.outcome', 'permanent')
    .modify((query) => {
      if (after !== null) void query.where('d.file_ref', '>', after);
    })
    .orderBy('d.file_ref')
    .limit(limit + 1)
    .select<PermanentFile[]>('d.file_ref', 'd.rule', 'f.categories', 'f.opened_on', 'f.closed_on');
  return pageOf(rows, limit);
}

export type SampledFile = Candidacy & { outcome: Outcome; categories: string[]; opened_on: IsoDate | null; closed_on: IsoDate | null };

/**
 * Files drawn by a seed, in the order drawn: the same seed draws the same files while the register holds them. Any rule, or one.
 * Each file has a lot that only its reference gives, a digest; the seed's own digest says at which lot drawing begins, so that
 * nobody who chooses references can choose the files.
 */
export async function sampleFiles(
  db: Knex,
  schedule: Schedule,
  asOf: IsoDate,
  { seed, rule, files }: { seed: string; rule?: string | undefined; files: number },
): Promise<SampledFile[]> {
  // As many of each rule as are wanted in all, by the index; then those whose lots come first.
  const result = await db.raw<{ rows: { file_ref: string; categories: string[]; opened_on: IsoDate | null; closed_on: IsoDate | null }[] }>(
    `with drawn as materialized (
       select d.* from unnest(cast(:rules as text[])) r (rule) cross join lateral (${drawnBy('d.rule = r.rule')}) d
       union all select d.* from (${drawnBy('d.rule is null')}) d where cast(:anyRule as boolean))
     select f.file_ref, f.categories, f.opened_on, f.closed_on
     from (select * from drawn order by round, lot, file_ref limit :files) d join case_files f on f.file_ref = d.file_ref
     order by md5(:seed || ' ' || f.file_ref), f.file_ref`,
    { seed, files, anyRule: rule === undefined, rules: rule === undefined ? await rulesDetermining(db) : [rule] },
  );
  return (await withCandidacy(db, schedule, asOf, result.rows)) as SampledFile[];
}

/** From the seed's lot on, and from the first lot again where the last is passed; in the whole order of the index, or files without a rule would all be sorted. */
function drawnBy(condition: string): string {
  const from = (round: number, comparison: string) =>
    `(select d.file_ref, lot_of(d.file_ref) as lot, ${round} as round from determinations d
      where ${condition} and lot_of(d.file_ref) ${comparison} lot_of(:seed) order by d.rule, lot_of(d.file_ref) limit :files)`;
  return `${from(0, '>=')} union all ${from(1, '<')}`;
}

/** The rules that decide files now, found one after another by the index: there are few of them, and many files. */
async function rulesDetermining(db: Knex): Promise<string[]> {
  const result = await db.raw<{ rows: { rule: string }[] }>(
    `with recursive found as (
       (select rule from determinations where rule is not null order by rule limit 1)
       union all
       select (select d.rule from determinations d where d.rule > f.rule order by d.rule limit 1) from found f where f.rule is not null)
     select rule from found where rule is not null`,
  );
  return result.rows.map(({ rule }) => rule);
}

/** Files that left the register in a year under a rule; `restored` of them were brought back since. */
export interface DisposalFigures {
  year: number;
  rule: string;
  clause: string;
  archived: number;
  transferred: number;
  restored: number;
}

/** Everything that was ever archived or transferred, latest year first; without those restored it is the register's `archived`. */
export async function disposalsByYear(db: Knex): Promise<DisposalFigures[]> {
  const result = await db.raw<{ rows: DisposalFigures[] }>(
    `select extract(year from archived_on)::int as year, rule, max(clause) as clause,
       count(*) filter (where adult_file_ref is null)::int as archived, count(*) filter (where adult_file_ref is not null)::int as transferred,
       count(restored_on)::int as restored
     from residual_records group by 1, 2 order by 1 desc, 2`,
  );
  return result.rows;
}

/** A certificate in one line. */
export interface CertificateLine {
  list: number;
  issued_on: IsoDate;
  rule: string;
  clause: string;
  files: number;
  signed_by: string;
  signed_on: IsoDate;
  digest: string;
}

/** Certificates, those of the newest lists first. */
export async function certificatePage(db: Knex, before: number | null, limit: number): Promise<Page<CertificateLine>> {
  const result = await db.raw<{ rows: CertificateLine[] }>(
    `select list_id as list, issued_on, c -> 'list' ->> 'rule' as rule, c ->> 'clause' as clause, jsonb_array_length(c -> 'files') as files,
       c -> 'list' ->> 'signed_by' as signed_by, c -> 'list' ->> 'signed_on' as signed_on, digest
     from (select list_id, issued_on, digest, cast(content as jsonb) as c from disposal_certificates
           where cast(:before as bigint) is null or list_id < :before order by list_id desc limit :limit) issued
     order by list_id desc`,
    { before, limit: limit + 1 },
  );
  return pageOf(result.rows, limit);
}

/** Rows with what the set-based calculation says of their files now, in their order; a file that left meanwhile is left out. */
async function withCandidacy<Row extends { file_ref: string }>(
  db: Knex,
  schedule: Schedule,
  asOf: IsoDate,
  rows: readonly Row[],
): Promise<(Candidacy & Row)[]> {
  const found = await candidacyOf(
    db,
    schedule,
    asOf,
    rows.map((row) => row.file_ref),
  );
  const byRef = byFileRef(found);
  return rows.flatMap((row) => {
    const candidacy = byRef.get(row.file_ref);
    return candidacy ? [{ ...candidacy, ...row }] : [];
  });
}
