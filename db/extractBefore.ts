/** Compares an extract with the one imported before it: whether it is later, and which files and columns it lacks. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { Extract } from './extract.ts';
import { EXTRACT_FILES, shown } from './extractColumns.ts';
import { NOTE } from './extractNames.ts';
import { ExtractRefused } from './extractRefused.ts';

/** What an extract had, by the names of the contract, and what of it was ignored, in words. */
export interface ExtractShape {
  files: Record<string, readonly string[]>;
  ignored: readonly string[];
}

/** The shape of an extract, to be kept for the next one. */
export function shapeOf(extract: Extract): ExtractShape {
  const files = EXTRACT_FILES.map((name) => extract.files[name]).filter((file) => file.present);
  return {
    files: {
      ...Object.fromEntries(files.map(({ name, columns }) => [name, columns])),
      ...(extract.noteSays === null ? {} : { [NOTE]: extract.noteSays }),
    },
    ignored: ignoredOf(extract),
  };
}

/** The shape of the extract imported last; undefined before the first, and where it landed before shapes were kept. */
export async function shapeBefore(trx: Knex.Transaction): Promise<ExtractShape | undefined> {
  const row = await trx('imports').orderBy('id', 'desc').first<{ shape: ExtractShape | null } | undefined>('shape');
  return row?.shape ?? undefined;
}

/** Files and columns that the extract before had and this one lacks, in the order of the contract. */
export function lackedSince(before: ExtractShape | undefined, now: ExtractShape): string[] {
  return Object.entries(before?.files ?? {}).flatMap(([name, columns]) => {
    const there = now.files[name];
    if (there === undefined) return [name];
    return columns.filter((column) => !there.includes(column)).map((column) => `${column} of ${name}`);
  });
}

/**
 * Throws ExtractRefused where the extract says that it was written no later than one already imported, unless it is that very
 * one, or in the future: by the database's clock, and in a rehearsal by the business date.
 */
export async function refuseOlder(trx: Knex.Transaction, { exportedAt, digest }: Extract, asOf: IsoDate): Promise<void> {
  if (exportedAt === null) return;
  const result = await trx.raw<{ rows: { future: boolean; latest: string | null; earlier: boolean; same: boolean | null }[] }>(
    `select case (select kind from installation) when 'live' then cast(:exportedAt as timestamptz) > clock_timestamp()
         else cast(cast(:exportedAt as timestamptz) at time zone 'Europe/London' as date) > cast(:asOf as date) end as future,
       latest.exported_at as latest, coalesce(cast(:exportedAt as timestamptz) <= cast(latest.exported_at as timestamptz), false) as earlier,
       (select i.digest = :digest from imports i order by i.id desc limit 1) as same
     from (select) one left join lateral (
       select i.exported_at from imports i where i.exported_at is not null order by cast(i.exported_at as timestamptz) desc limit 1) latest on true`,
    { exportedAt, asOf, digest },
  );
  const [found] = result.rows;
  if (found?.future) throw refused(`exported_at, ${exportedAt}, is in the future`, 'Put the clock of the source system right, or this one');
  if (found?.earlier && found.same !== true) {
    const how =
      exportedAt === found.latest
        ? 'is that of an extract already imported, which was not the same'
        : `is not later than ${String(found.latest)}, that of an extract already imported`;
    throw refused(
      `exported_at, ${exportedAt}, ${how}`,
      'Nothing was imported, for an older extract would undo a newer one; import the latest export',
    );
  }
}

function refused(problem: string, next: string): ExtractRefused {
  return new ExtractRefused(NOTE, problem, next);
}

function ignoredOf(extract: Extract): string[] {
  const { ignoredFiles, ignoredKeys, files } = extract;
  return [
    ...ignoredFiles.map((file) => `${shown(file)} is not part of an extract and was ignored.`),
    ...ignoredKeys.map((key) => `${NOTE}: "${key}" is unknown and was ignored.`),
    ...EXTRACT_FILES.flatMap((name) =>
      files[name].ignoredColumns.map((column) => `${name}: the column "${column}" is unknown and was ignored.`),
    ),
  ];
}
