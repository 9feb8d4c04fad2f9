/** Decides whether a file that is not archived may need a source document, under whichever of its spellings. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { ROW_MAY_BE_AWAY_DAYS } from '../rules/workflow.ts';
import { otherSpellings, readSpellings } from './documentSpellings.ts';

/** Each with its path and every other one under which what lies there is listed, or may be. */
export async function withSpellings<Source extends { path: string }>(
  db: Knex,
  documentRoot: string,
  sources: readonly Source[],
): Promise<(Source & { spellings: string[] })[]> {
  if (sources.length === 0) return [];
  const paths = [...new Set(sources.map(({ path }) => path))];
  const others = await otherSpellings(db, await readSpellings(db, documentRoot), paths);
  return sources.map((source) => ({ ...source, spellings: [source.path, ...(others.get(source.path) ?? [])] }));
}

/** Those that a file which is not archived may need, and the rest. */
export async function byNeed<Source extends { spellings: readonly string[] }>(
  db: Knex,
  sources: readonly Source[],
  asOf: IsoDate,
): Promise<{ shared: Source[]; free: Source[] }> {
  const needed = await neededPaths(db, [...new Set(sources.flatMap(({ spellings }) => spellings))], asOf);
  const isShared = ({ spellings }: Source) => spellings.some((path) => needed.has(path));
  return { shared: sources.filter(isShared), free: sources.filter((source) => !isShared(source)) };
}

/**
 * The paths of documents that a file which is not archived lists; or once did, and is rejected or missing now or lost the row so
 * lately that it may be a mistake; or that a row in quarantine lists for it.
 */
async function neededPaths(db: Knex, paths: readonly string[], asOf: IsoDate): Promise<Set<string>> {
  const inQuarantine = (which: string) => `exists (select from quarantine q where q.source = 'documents.csv' and ${which}
    and not (exists (select from residual_records r where r.file_ref = q.ref and r.restored_on is null)
      and not exists (select from case_files f where f.file_ref = q.ref)))`;
  const result = await db.raw<{ rows: { path: string }[] }>(
    // Two questions of the quarantine: the first is asked once for all paths.
    `select p.path from unnest(cast(:paths as text[])) p (path)
     where exists (select from documents d where d.path = p.path)
       or exists (select from fact_changes c join case_files f on f.file_ref = c.ref
         where c.kind = 'document' and c.field = 'path' and md5(c.old_value) = md5(p.path) and c.old_value = p.path
           and (f.missing_since is not null or c.as_of > cast(:asOf as date) - ${ROW_MAY_BE_AWAY_DAYS}
             or exists (select from quarantine q where q.ref = f.file_ref or q.ref = any(f.subject_refs))))
       or ${inQuarantine('q.path is null')}
       or ${inQuarantine('q.path = p.path')}`,
    { paths, asOf },
  );
  return new Set(result.rows.map(({ path }) => path));
}
