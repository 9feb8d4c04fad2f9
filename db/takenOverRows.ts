/**
 * Writes the rows of a file whose archiving is known from its bag alone: the same that archiving would have written. A restore does
 * so before the guards are installed, for they hold writers to the steps of the workflow, and these were taken before.
 */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { sha256 as digestOf } from '../rules/digest.ts';
import { emptyItems, removeFromRegister } from './archiveItem.ts';
import { archivedFactsDigest, NO_DOCUMENTS } from './archivedRows.ts';
import { recordEvent } from './audit.ts';
import type { BagStory } from './bagStory.ts';
import { settleList, withdrawItems, type ListRow } from './lists.ts';
import { noteBagDocuments } from './packing.ts';

/**
 * Enters the signature that the backup did not have, from the bag: on the list that was still open in the backup, or on a
 * new row of that number. A row that says `from_bags_on` is known no further than its bags.
 */
export async function enterList(trx: Knex.Transaction, story: BagStory, open: ListRow | undefined, asOf: IsoDate): Promise<void> {
  const { id, signed_by, signed_on, signed_digest, cooling_off_days, ...listed } = story.list;
  if (open?.from_bags_on) return;
  const signed = { state: 'in_progress', signed_by, signed_on, signed_digest, digest: signed_digest, cooling_off_days, from_bags_on: asOf };
  if (open) await trx('disposal_lists').where({ id }).update(signed);
  else {
    const row = { id, ...listed, ...signed };
    const columns = Object.keys(row);
    await trx.raw(
      `insert into disposal_lists (${columns.join(', ')}) overriding system value values (${columns.map((column) => `:${column}`).join(', ')})`,
      row,
    );
  }
  await recordEvent(trx, 'service', 'list.from_bags', { list: id, signed_by, signed_on, digest: signed_digest });
}

/** Moves the file out of the register, as archived on the day its bag says. `gone` are the sources that are there no more. */
export async function enterArchived(trx: Knex.Transaction, story: BagStory, gone: ReadonlySet<string>, asOf: IsoDate): Promise<void> {
  const { file_ref } = story.item;
  await leaveOtherLists(trx, story, asOf);
  await enterItem(trx, story, story.item.action === 'transfer_to_adult_file' ? 'transferred' : 'archived', false);
  await enterBag(trx, story, 'archived');
  await enterResidualRecord(trx, story);
  await enterIndex(trx, story);
  await enterSources(trx, story, gone, asOf);
  await emptyItems(trx, file_ref);
  await removeFromRegister(trx, file_ref);
  await recordEvent(trx, 'service', 'file.taken_over', { file: file_ref, list: story.list.id, bag: story.sha256, sources_gone: gone.size });
}

/** Lets the file wait again for what its bag waits for. */
export async function enterWaiting(
  trx: Knex.Transaction,
  story: BagStory,
  status: 'waiting_for_receipt' | 'waiting_for_paper',
  asOf: IsoDate,
): Promise<void> {
  await leaveOtherLists(trx, story, asOf);
  await enterItem(trx, story, status, true);
  await enterBag(trx, story, 'waiting');
  await recordEvent(trx, 'service', `item.${status}`, { list: story.list.id, file: story.item.file_ref, bag: story.sha256 });
}

/** The file went by another list than those that still have it. */
async function leaveOtherLists(trx: Knex.Transaction, { item, list }: BagStory, asOf: IsoDate): Promise<void> {
  const others = await trx('disposal_list_items')
    .where({ file_ref: item.file_ref, binding: true })
    .whereNot({ list_id: list.id })
    .pluck<number[]>('list_id');
  for (const other of others) {
    const reason = `archived on list ${list.id} after the backup that this database was restored from`;
    await withdrawItems(trx, other, [{ fileRef: item.file_ref, reason }], { asOf, actor: 'service' });
    await settleList(trx, other, asOf);
  }
}

/** The item as it was signed; its days stay only while it waits. */
async function enterItem(trx: Knex.Transaction, story: BagStory, status: string, binding: boolean): Promise<void> {
  const { item, list, itemDigest, archivedOn } = story;
  const { decision, decided_by, decided_on, note } = item.decision;
  const key = { list_id: list.id, file_ref: item.file_ref };
  const row = {
    rule: item.rule,
    schedule_version: item.schedule_version,
    action: item.action,
    anchor_on: item.anchor_on,
    retain_until: item.retain_until,
    anchor_year: Number(item.anchor_on.slice(0, 4)),
    retain_year: Number(item.retain_until.slice(0, 4)),
    cautions: JSON.stringify(item.cautions),
    decision,
    decided_by,
    decided_on,
    note,
    keep_until: null,
    reason_code: null,
    status,
    status_reason: null,
    status_on: archivedOn,
    binding,
    item_digest: itemDigest,
    case_digest: trx.raw(`(select ${archivedFactsDigest('people', NO_DOCUMENTS)} from case_files f where f.file_ref = ?)`, [item.file_ref]),
    facts_digest: trx.raw(`(select ${archivedFactsDigest('people', 'documents')} from case_files f where f.file_ref = ?)`, [item.file_ref]),
  };
  const updated = await trx('disposal_list_items').where(key).update(row);
  if (updated === 0) {
    const last = await trx('disposal_list_items')
      .where({ list_id: list.id })
      .max('position as position')
      .first<{ position: number | null }>();
    await trx('disposal_list_items').insert({ ...key, ...row, position: (last.position ?? 0) + 1 });
  }
  const decided = { ...key, decision, decided_by, decided_on };
  if (!(await trx('item_decisions').where(decided).first<object | undefined>('id'))) await trx('item_decisions').insert(decided);
}

async function enterBag(trx: Knex.Transaction, story: BagStory, state: 'waiting' | 'archived'): Promise<void> {
  const { file_ref } = story.item;
  await trx('bags').where({ file_ref, state: 'begun' }).update({ state: 'cleared' });
  const { location, sha256, size, archivedOn: begun_on } = story;
  const [bag] = await trx('bags')
    .insert({ file_ref, list_id: story.list.id, location, sha256, size, state, begun_on })
    .returning<{ id: number }[]>('id');
  if (bag && state === 'waiting') await noteBagDocuments(trx, bag.id, story.documents);
}

/** The digest is of the facts in the bag: those of the backup may be older. */
async function enterResidualRecord(
  trx: Knex.Transaction,
  { facts, item, list, clause, sha256, archivedOn, documents }: BagStory,
): Promise<void> {
  await trx.raw(
    `with f as (select * from json_populate_record(cast(null as case_files), cast(:file as json))),
       bagged_people as (select * from json_populate_recordset(cast(null as people), cast(:people as json))),
       bagged_documents as (select * from json_populate_recordset(cast(null as documents), cast(:documents as json)))
     insert into residual_records (file_ref, list_id, rule, clause, schedule_version, anchor_year, retain_year, action, decided_by, signed_by, signed_on,
       archived_on, bag_sha256, documents_expected, documents_packed, facts_digest)
     select f.file_ref, :list, :rule, :clause, :version, :anchorYear, :retainYear, :action, :decidedBy, :signedBy, :signedOn,
       :archivedOn, :sha256, :expected, :packed, ${archivedFactsDigest('bagged_people', 'bagged_documents')} from f`,
    {
      file: JSON.stringify({ ...inColumns(facts), subject_refs: facts.subjects.map((subject) => subject.personRef) }),
      people: JSON.stringify(facts.subjects.map(inColumns)),
      documents: JSON.stringify(
        (facts.documents ?? documents).map(({ path, sha256: digest }) => ({ file_ref: item.file_ref, path, sha256: digest })),
      ),
      list: list.id,
      rule: item.rule,
      clause,
      version: item.schedule_version,
      anchorYear: Number(item.anchor_on.slice(0, 4)),
      retainYear: Number(item.retain_until.slice(0, 4)),
      action: item.action,
      decidedBy: item.decision.decided_by,
      signedBy: list.signed_by,
      signedOn: list.signed_on,
      archivedOn,
      sha256,
      expected: item.documents.length,
      packed: documents.length,
    },
  );
}

async function enterIndex(trx: Knex.Transaction, { facts, location }: BagStory): Promise<void> {
  const rows = facts.subjects.map(({ personRef, name, dateOfBirth }) => ({ person_ref: personRef, name, date_of_birth: dateOfBirth }));
  const all = rows.length > 0 ? rows : [{}];
  await trx('archive_index').insert(
    all.map((row) => ({ file_ref: facts.fileRef, categories: facts.categories, bag_location: location, ...row })),
  );
}

async function enterSources(
  trx: Knex.Transaction,
  { item, list, documents }: BagStory,
  gone: ReadonlySet<string>,
  asOf: IsoDate,
): Promise<void> {
  const rows = documents.map(({ path, size, sha256 }) => {
    const isGone = gone.has(path);
    const became = {
      path: isGone ? null : path,
      path_sha256: isGone ? digestOf(path) : null,
      outcome: isGone ? 'already_gone' : 'to_remove',
      removed_on: isGone ? asOf : null,
    };
    return { file_ref: item.file_ref, list_id: list.id, size, sha256, ...became };
  });
  if (rows.length > 0) await trx.batchInsert('source_removals', rows, 500);
}

/** Names of facts as the columns of the register have them: `dateOfBirth` is `date_of_birth`. */
function inColumns(facts: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`), value]),
  );
}
