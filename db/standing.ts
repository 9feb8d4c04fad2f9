/** What stands in the way of files on lists as of this second: read where people look, decide and sign, never from the night before. */
import type { Knex } from 'knex';
import type { Block } from '../rules/checks.ts';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import type { HoldKind } from '../rules/workflow.ts';
import { candidacyOf } from './candidacy.ts';
import { holdsOnFileSql, movedSql } from './holdMatching.ts';

/** The blocks of one file but that it is listed, and the holds behind them. Who ordered a hold is not for everybody, and not here. */
export interface Standing {
  blocks: Block[];
  holds: { id: number; kind: HoldKind }[];
}

/** By file reference; a file of which nothing stands in the way is not in it. */
export async function whatStands(db: Knex, schedule: Schedule, asOf: IsoDate, fileRefs: readonly string[]): Promise<Map<string, Standing>> {
  const standing = new Map<string, Standing>();
  for (const { file_ref, blocks } of await candidacyOf(db, schedule, asOf, fileRefs)) {
    const others = blocks.filter((block) => block !== 'listed');
    if (others.length > 0) standing.set(file_ref, { blocks: others, holds: [] });
  }
  for (const { file_ref, holds } of await holdsBehind(db, [...standing.keys()])) {
    const found = standing.get(file_ref);
    if (found) found.holds = holds;
  }
  return standing;
}

/** Throws a Refusal that names the files in whose way something stands, each with its holds by number and kind. */
export async function refuseBlocked(
  db: Knex,
  schedule: Schedule,
  asOf: IsoDate,
  { list, fileRefs, so, next }: { list: number; fileRefs: readonly string[]; so: string; next: string },
): Promise<void> {
  const standing = [...(await whatStands(db, schedule, asOf, fileRefs))].sort(([a], [b]) => (a < b ? -1 : 1));
  if (standing.length === 0) return;
  const most = 20;
  const shown = standing.slice(0, most).map(([fileRef, found]) => `${fileRef}: ${standingWords(found)}`);
  const more = standing.length > most ? [`and ${standing.length - most} more files`] : [];
  throw new Refusal('items_blocked', `${so}, for something stands in the way of disposal: ${[...shown, ...more].join('; ')}. ${next}`, {
    list,
    files: standing.map(([fileRef]) => fileRef),
  });
}

/** "hold 3 (litigation), hold 5 (police), deferred". */
export function standingWords({ blocks, holds }: Standing): string {
  return blocks
    .flatMap((block) => {
      const behind = holds.map(({ id, kind }) => `hold ${id} (${kind.replaceAll('_', ' ')})`);
      if (block === 'hold') return behind;
      if (block === 'hold_moved') return blocks.includes('hold') ? ['hold moved'] : [`no longer covered by ${behind.join(', ')}`];
      return [block.replaceAll('_', ' ')];
    })
    .join(', ');
}

async function holdsBehind(db: Knex, fileRefs: readonly string[]): Promise<{ file_ref: string; holds: Standing['holds'] }[]> {
  if (fileRefs.length === 0) return [];
  const result = await db.raw<{ rows: { file_ref: string; holds: Standing['holds'] }[] }>(
    `select f.file_ref, jsonb_agg(jsonb_build_object('id', h.id, 'kind', h.kind) order by h.id) as holds
     from case_files f cross join lateral (
       select o.id, o.kind from (${holdsOnFileSql('f')}) o union select h.id, h.kind ${movedSql('f')}) h
     where f.file_ref = any(cast(:fileRefs as text[])) group by f.file_ref`,
    { fileRefs },
  );
  return result.rows;
}
