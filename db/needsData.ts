/** What keeps files without a date: facts that contradict each other or are missing, and rows of the latest extract that could not be read. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { CONTRADICTIONS, GAPS, type Contradiction, type Gap } from '../rules/determine.ts';
import { pageOf, type Page } from './page.ts';

export type MissingReason = Contradiction | Gap;

/** A file that cannot be determined, for its weightiest reason. */
export interface UndeterminedFile {
  file_ref: string;
  categories: string[];
  reason: MissingReason;
  /** Business date on which this was first so. */
  since: IsoDate;
}

/** A row of the latest extract that could not be read or linked, with everything that is wrong with it. */
export interface RejectedLine {
  source: string;
  line: number;
  /** The reference of the row, where it could be read. */
  ref: string | null;
  faults: { column: string | null; reason: string }[];
}

/** How many files each reason leaves without a date, in the order of the law; only reasons that some file has. */
export async function undeterminedByReason(db: Knex): Promise<{ reason: MissingReason; files: number }[]> {
  const { rows } = await db.raw<{ rows: { reason: MissingReason; files: number }[] }>(
    "select reason, count(*)::int as files from determinations where outcome = 'undetermined' group by reason",
  );
  return [...CONTRADICTIONS, ...GAPS].flatMap((reason) => rows.filter((row) => row.reason === reason));
}

/** Files that cannot be determined, by reference, after the one given. */
export async function undeterminedFiles(
  db: Knex,
  { reason = null, after = null }: { reason?: MissingReason | null | undefined; after?: string | null | undefined },
  limit: number,
): Promise<Page<UndeterminedFile>> {
  const { rows } = await db.raw<{ rows: UndeterminedFile[] }>(
    `select d.file_ref, f.categories, d.reason, d.determined_on as since
     from determinations d join case_files f on f.file_ref = d.file_ref
     where d.outcome = 'undetermined' and (cast(:reason as text) is null or d.reason = :reason)
       and d.file_ref > cast(:after as text) collate "C"
     order by d.file_ref limit :limit`,
    { reason, after: after ?? '', limit: limit + 1 },
  );
  return pageOf(rows, limit);
}

/** How many rows of each file of the latest extract were rejected; a row with several mistakes counts once. */
export async function rejectedBySource(db: Knex): Promise<{ source: string; lines: number }[]> {
  const { rows } = await db.raw<{ rows: { source: string; lines: number }[] }>(
    'select source, count(distinct line)::int as lines from quarantine group by source order by source',
  );
  return rows;
}

/** Rejected rows by file and line, after the one given. */
export async function rejectedLines(
  db: Knex,
  { source = null, after = null }: { source?: string | null | undefined; after?: { source: string; line: number } | null | undefined },
  limit: number,
): Promise<Page<RejectedLine>> {
  const { rows } = await db.raw<{ rows: RejectedLine[] }>(
    `select source, line, max(ref) as ref,
       json_agg(json_build_object('column', column_name, 'reason', reason) order by column_name, reason) as faults
     from quarantine
     where (cast(:source as text) is null or source = :source)
       and (source, line) > (cast(:afterSource as text), cast(:afterLine as integer))
     group by source, line order by source, line limit :limit`,
    { source, afterSource: after?.source ?? '', afterLine: after?.line ?? 0, limit: limit + 1 },
  );
  return pageOf(rows, limit);
}
