/** Items of disposal lists: their rows, and the digest of what each one puts before a person. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { itemDigest, itemFacts, listDigest, type ItemCaution, type ItemContent, type ListedDocument } from '../rules/digest.ts';
import type { CaseFile } from '../rules/facts.ts';
import type { Decision, ItemStatus, ReasonCode } from '../rules/workflow.ts';
import { loadCaseFiles } from './caseFiles.ts';

/** A row of disposal_list_items. */
export interface ItemRow {
  list_id: number;
  position: number;
  file_ref: string;
  rule: string;
  schedule_version: string;
  action: string;
  anchor_on: IsoDate | null;
  retain_until: IsoDate | null;
  anchor_year: number;
  retain_year: number;
  cautions: ItemCaution[];
  decision: Decision | null;
  keep_until: IsoDate | null;
  reason_code: ReasonCode | null;
  note: string | null;
  decided_by: string | null;
  decided_on: IsoDate | null;
  status: ItemStatus;
  status_reason: string | null;
  status_on: IsoDate;
  attempts: number;
  binding: boolean;
  /** Holds whose release made the file eligible. */
  released_holds: number[];
  item_digest: string;
}

/** What of an item row its digest covers. */
export type DigestedItem = Pick<
  ItemRow,
  | 'list_id'
  | 'file_ref'
  | 'rule'
  | 'schedule_version'
  | 'action'
  | 'anchor_on'
  | 'retain_until'
  | 'cautions'
  | 'decision'
  | 'keep_until'
  | 'reason_code'
  | 'note'
  | 'decided_by'
  | 'decided_on'
>;

/**
 * Items of a list in order; locked against change until the transaction ends. Whoever changes a list locks its items before
 * the list itself, as archiving does, so that no two wait for one another for ever.
 */
export async function lockItems(trx: Knex.Transaction, listId: number): Promise<ItemRow[]> {
  return trx<ItemRow>('disposal_list_items').where({ list_id: listId }).orderBy('position').forUpdate();
}

/**
 * The digest of each item from the facts and documents as they are now, by file reference; none for a file that is gone. The
 * documents of a file that `packed` has are those of its bag.
 */
export async function digestItems(
  db: Knex,
  items: readonly DigestedItem[],
  packed: ReadonlyMap<string, ListedDocument[]> = new Map(),
): Promise<Map<string, string>> {
  const fileRefs = items.map((item) => item.file_ref);
  const files = new Map((await loadCaseFiles(db, fileRefs)).map((caseFile) => [caseFile.fileRef, caseFile]));
  const documents = new Map([...(await listedDocuments(db, fileRefs)), ...packed]);
  const digests = new Map<string, string>();
  for (const item of items) {
    const caseFile = files.get(item.file_ref);
    if (caseFile) digests.set(item.file_ref, itemDigest(itemContent(item, caseFile, documents.get(item.file_ref) ?? [])));
  }
  return digests;
}

/** Everything that is decided and signed about one item. */
export function itemContent(item: DigestedItem, caseFile: CaseFile, documents: ListedDocument[]): ItemContent {
  if (!item.anchor_on || !item.retain_until) throw new Error(`Item ${item.file_ref} of disposal list ${item.list_id} is already archived.`);
  const { decision, keep_until, reason_code, note, decided_by, decided_on } = item;
  return {
    list: item.list_id,
    file_ref: item.file_ref,
    rule: item.rule,
    schedule_version: item.schedule_version,
    anchor_on: item.anchor_on,
    retain_until: item.retain_until,
    action: item.action,
    cautions: item.cautions,
    decision: decision && decided_by && decided_on ? { decision, keep_until, reason_code, note, decided_by, decided_on } : null,
    documents,
    facts: itemFacts(caseFile),
  };
}

/** Documents of these files as they were listed, by file reference, in the order of their paths. */
export async function listedDocuments(db: Knex, fileRefs: readonly string[]): Promise<Map<string, ListedDocument[]>> {
  const rows = await db('documents')
    .whereIn('file_ref', fileRefs)
    .orderBy(['file_ref', 'path'])
    .select<{ file_ref: string; path: string; sha256: string | null; measured_sha256: string | null; measured_size: number | null }[]>();
  const byFile = new Map<string, ListedDocument[]>();
  for (const row of rows) {
    const documents = byFile.get(row.file_ref) ?? [];
    documents.push({ path: row.path, size: row.measured_size, sha256: row.sha256 ?? row.measured_sha256 });
    byFile.set(row.file_ref, documents);
  }
  return byFile;
}

/** Recomputes and stores the digest of a list over its items in order. Returns it. */
export async function updateListDigest(trx: Knex.Transaction, listId: number): Promise<string> {
  const items = await trx<ItemRow>('disposal_list_items').where({ list_id: listId }).orderBy('position').select('item_digest');
  const digest = listDigest(items.map((item) => item.item_digest));
  await trx('disposal_lists').where({ id: listId }).update({ digest });
  return digest;
}
