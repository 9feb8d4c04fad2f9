/** Items whose bag waits for paper or a receipt: what of them was signed, and what alters it for good, or only for some nights. */
import type { Knex } from 'knex';
import { addDays, shortDate, type IsoDate } from '../rules/dates.ts';
import type { ListedDocument } from '../rules/digest.ts';
import { ROW_MAY_BE_AWAY_DAYS, type ItemStatus } from '../rules/workflow.ts';
import type { Block } from '../rules/checks.ts';
import type { ItemRow } from './items.ts';

export const WAITING_STATUSES = ['waiting_for_receipt', 'waiting_for_paper'] as const satisfies readonly ItemStatus[];

/**
 * Blocks that alter nothing of what was signed: the wait cannot end while one stands, and goes on when it is over. A hold, and
 * a row of the extract that is away or cannot be read.
 */
const PASSING_BLOCKS: readonly Block[] = ['hold', 'not_in_extract', 'quarantined'];

/** What the bag of a waiting item holds, against what the register lists for its file. */
export interface Wait {
  /** The documents as they were signed, in the order of their paths. */
  signed: ListedDocument[];
  /** Why it may not go on, in words; null when nothing was altered for good. */
  altered: string | null;
  /** Why it cannot end yet though nothing was altered; null when it can. */
  away: string | null;
}

export function isWaiting({ status }: ItemRow): boolean {
  return status === 'waiting_for_receipt' || status === 'waiting_for_paper';
}

/** Those of these blocks that end a wait. */
export function lastingBlocks(blocks: readonly Block[]): Block[] {
  return blocks.filter((block) => block !== 'listed' && !PASSING_BLOCKS.includes(block));
}

export function blockedWords(blocks: readonly Block[]): string {
  return `it is blocked now: ${blocks.join(', ').replaceAll('_', ' ')}`;
}

interface WaitRow {
  file_ref: string;
  signed: ListedDocument[];
  missing_since: IsoDate | null;
  came: boolean;
  replaced: boolean;
  away: boolean;
  taken_off: boolean;
}

/** The waits of those of these items that wait, by file reference; none for one whose bag is not on record or whose file is gone. */
export async function readWaits(db: Knex, items: readonly ItemRow[], asOf: IsoDate): Promise<Map<string, Wait>> {
  const fileRefs = items.filter(isWaiting).map((item) => item.file_ref);
  if (fileRefs.length === 0) return new Map();
  const result = await db.raw<{ rows: WaitRow[] }>(
    `select i.file_ref, f.missing_since,
       coalesce(jsonb_agg(jsonb_build_object('path', w.path, 'size', w.size, 'sha256', w.sha256) order by w.path) filter (where w.path is not null), '[]') as signed,
       exists (select from documents d where d.file_ref = i.file_ref
         and not exists (select from bag_documents o where o.bag_id = b.id and o.path = d.path)) as came,
       coalesce(bool_or(d.sha256 <> w.sha256), false) as replaced,
       coalesce(bool_or(w.path is not null and d.path is null), false) as away,
       coalesce(bool_or(w.path is not null and d.path is null and not exists (select from fact_changes c where c.ref = i.file_ref
         and c.kind = 'document' and c.field = 'path' and c.old_value = w.path and c.as_of > :lately)), false) as taken_off
     from disposal_list_items i join case_files f on f.file_ref = i.file_ref
     join bags b on b.file_ref = i.file_ref and b.list_id = i.list_id and b.state = 'waiting'
     left join bag_documents w on w.bag_id = b.id left join documents d on d.file_ref = i.file_ref and d.path = w.path
     where i.binding and i.file_ref = any(cast(:fileRefs as text[]))
     group by i.file_ref, f.missing_since, b.id`,
    { fileRefs, lately: addDays(asOf, -ROW_MAY_BE_AWAY_DAYS) },
  );
  return new Map(result.rows.map((row) => [row.file_ref, waitOf(row, asOf)]));
}

function waitOf(row: WaitRow, asOf: IsoDate): Wait {
  const away = row.away ? 'a document of its bag is not in the extract' : null;
  return { signed: row.signed, altered: alteredWords(row, asOf), away };
}

function alteredWords({ missing_since, came, replaced, taken_off }: WaitRow, asOf: IsoDate): string | null {
  if (missing_since !== null && missing_since <= addDays(asOf, -ROW_MAY_BE_AWAY_DAYS))
    return `it has been in no extract since ${shortDate(missing_since)}`;
  if (replaced) return 'a document of its bag was replaced: the extract gives another SHA-256';
  if (came) return 'a document came to it that its bag does not hold';
  return taken_off ? 'a document of its bag was taken off the file' : null;
}
