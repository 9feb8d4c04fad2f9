/**
 * After a restore: bags in the archive store that the restored database does not know, because their files were archived
 * after the backup was made. Their files must not be disposed of again, nor stay in the register with documents that are gone.
 */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import { hasPaper } from '../rules/facts.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { BagDamaged, verifyBag } from './bag.ts';
import { KEPT_ASIDE } from './bagMoves.ts';
import { storyOf, type BagStory } from './bagStory.ts';
import { systemCode } from './fileIo.ts';
import { holdsOn } from './holds.ts';
import { settleList, withdrawItems, type ListRow } from './lists.ts';
import { enterArchived, enterList, enterWaiting } from './takenOverRows.ts';

export interface TakenOver {
  file_ref: string;
  bag: string;
  /** Or, of one that waits for a receipt or its paper, the day its bag was made. */
  archived_on: IsoDate;
  as: 'archived' | 'waiting_for_receipt' | 'waiting_for_paper';
  list: number;
  /** The backup did not have the signature: what is known of the list was read from its bags. */
  list_from_bags: boolean;
  was_registered: boolean;
  sources: { gone: number; still_there: number };
  /** Holds of the backup that cover the file: a person must find out how it was archived all the same. */
  holds: number[];
}

export interface TakeOver {
  taken_over: TakenOver[];
  /** Bags that nobody touched, and why. */
  left: { bag: string; why: string }[];
  /** Bags that the database names and the store does not have. */
  not_in_store: string[];
}

export interface TakingOver {
  asOf: IsoDate;
  store: ArchiveStore;
  documentRoot: string;
  /** Somebody says that it is the right one, though none of the documents is there. */
  rootIsRight: boolean;
}

/**
 * Takes over every bag that can be believed, in the transaction that restores. Throws a Refusal where the document root seems to be
 * another than the bags were made from: every source would be entered as gone, and nobody would ever remove it.
 */
export async function takeOverBags(trx: Knex.Transaction, taking: TakingOver): Promise<TakeOver> {
  const result: TakeOver = { taken_over: [], left: [], not_in_store: [] };
  const there = await bagsInStore(taking.store);
  const known = await knownBags(trx);
  result.not_in_store = known.filter(({ places }) => !places.some((place) => there.includes(place))).map(({ places }) => places[0] ?? '');
  const places = new Set(known.flatMap((bag) => bag.places));
  for (const location of there.filter((bag) => !places.has(bag))) {
    const taken = await takeOverBag(trx, taking, location);
    if (typeof taken !== 'string') result.taken_over.push(taken);
    else {
      result.left.push({ bag: location, why: taken });
      // A row that says `begun` would let the next archive step delete the bag.
      await trx('bags').where({ location, state: 'begun' }).update({ state: 'cleared' });
    }
  }
  if (!taking.rootIsRight) await refuseStrangeRoot(trx, taking.documentRoot, result.taken_over);
  await settleLists(trx, result.taken_over, taking.asOf);
  return result;
}

/** Everything the database counts on, where it is or is about to be moved. */
async function knownBags(trx: Knex): Promise<{ places: string[] }[]> {
  const result = await trx.raw<{ rows: { places: string[] }[] }>(
    `select array_remove(array[location, move_to], null) as places from bags where state not in ('begun', 'cleared') order by id`,
  );
  return result.rows;
}

/** The locations of all bags, in order, so that a restore tells the same story twice. */
export async function bagsInStore(store: ArchiveStore): Promise<string[]> {
  const there: string[] = [];
  for await (const location of store.list('')) if (location.endsWith('.zip')) there.push(location);
  return there.sort();
}

/** What was done with the bag; or, in words, why nothing was. */
async function takeOverBag(trx: Knex.Transaction, taking: TakingOver, location: string): Promise<TakenOver | string> {
  if (location.startsWith('restored/')) return 'it is the evidence of a file that was brought back after the backup was made';
  if (location.startsWith(KEPT_ASIDE)) return 'its file was taken off its list, and it holds documents that were nowhere else';
  const story = await readStory(taking.store, location);
  if (typeof story === 'string') return story;
  await skipNumber(trx, story.list.id);
  const list = await trx<ListRow>('disposal_lists').where({ id: story.list.id }).first();
  const why = (await whyUnknowable(trx, story)) ?? whyAnother(story, list);
  if (why) return why;
  const sources = await sourcesOf(taking.documentRoot, story);
  const waits = whatItWaitsFor(story, sources);
  const fromBags = !list || list.signed_by === null || list.from_bags_on !== null;
  if (waits !== null && fromBags) {
    return `it waits for ${waits} on list ${story.list.id}, whose signature this database does not have; its sources are untouched. Move it away, and its file is listed again`;
  }
  const { file_ref } = story.item;
  const holds = (await holdsOn(trx, file_ref)).map((hold) => hold.id);
  const wasRegistered = (await trx('case_files').where({ file_ref }).first<object | undefined>('file_ref')) !== undefined;
  if (fromBags) await enterList(trx, story, list, taking.asOf);
  if (waits !== null) await enterWaiting(trx, story, waits === 'a receipt' ? 'waiting_for_receipt' : 'waiting_for_paper', taking.asOf);
  else await enterArchived(trx, story, sources.gone, taking.asOf);
  return {
    file_ref,
    bag: location,
    archived_on: story.archivedOn,
    as: waits === null ? 'archived' : waits === 'a receipt' ? 'waiting_for_receipt' : 'waiting_for_paper',
    list: story.list.id,
    list_from_bags: fromBags,
    was_registered: wasRegistered,
    sources: { gone: sources.gone.size, still_there: story.documents.length - sources.gone.size },
    holds,
  };
}

async function readStory(store: ArchiveStore, location: string): Promise<BagStory | string> {
  try {
    return storyOf(await verifyBag(store, location), location);
  } catch (error) {
    if (error instanceof BagDamaged) return `it is damaged: ${error.fault}`;
    throw error;
  }
}

async function whyUnknowable(trx: Knex, { item, list }: BagStory): Promise<string | null> {
  if (
    await trx('residual_records')
      .where({ file_ref: item.file_ref })
      .whereNull('restored_on')
      .whereNull('kept_apart_on')
      .first<object | undefined>('file_ref')
  )
    return 'its file is archived with another bag';
  if (await trx('bags').where({ file_ref: item.file_ref }).whereIn('state', ['waiting', 'archived']).first<object | undefined>('id'))
    return 'its file waits with another bag';
  if (await trx('schedule_versions').where({ version: list.schedule_version }).first<object | undefined>('version')) return null;
  return `it was archived under version ${list.schedule_version} of the schedule, which this database does not have`;
}

/** Lists are numbered without gaps that are filled again, so one number is one list; unless two databases wrote into one store. */
function whyAnother({ list: signed }: BagStory, list: ListRow | undefined): string | null {
  if (!list) return null;
  const same = list.rule === signed.rule && list.action === signed.action && list.listed_on === signed.listed_on;
  const open = list.state === 'for_decision' || list.state === 'for_sign_off';
  if (same && (list.signed_by === null ? open : list.signed_digest === signed.signed_digest && list.state !== 'cancelled')) return null;
  return `list ${signed.id} of this database is not the one its bag was signed on`;
}

/** A bag in transfer/ was never received; and the sources of a file whose paper waits are not removed before its paper is gone. */
function whatItWaitsFor({ location, facts }: BagStory, { gone }: { gone: ReadonlySet<string> }): 'a receipt' | 'its paper' | null {
  if (location.startsWith('transfer/')) return 'a receipt';
  return hasPaper(facts) && gone.size === 0 ? 'its paper' : null;
}

async function sourcesOf(documentRoot: string, { documents }: BagStory): Promise<{ gone: Set<string> }> {
  const gone = new Set<string>();
  for (const { path } of documents) if (!(await isThere(documentRoot, path))) gone.add(path);
  return { gone };
}

/** Sources are removed one by one, so where some are gone, others or documents of the register are there; unless the root is another. */
async function refuseStrangeRoot(trx: Knex, documentRoot: string, taken: readonly TakenOver[]): Promise<void> {
  if (taken.every(({ sources }) => sources.gone === 0) || taken.some(({ sources }) => sources.still_there > 0)) return;
  for (const path of await trx('documents').orderBy('path').limit(1000).pluck<string[]>('path')) {
    if (await isThere(documentRoot, path)) return;
  }
  throw new Refusal(
    'documents_not_there',
    `None of the documents that the backup and the bags name is under ${documentRoot}, so of ${taken.length} files the sources would be taken for removed. Nothing was changed. Set DOCUMENT_ROOT to the folder with the documents; if it is that one and they are truly gone, add --document-root-is-right.`,
  );
}

async function isThere(documentRoot: string, path: string): Promise<boolean> {
  try {
    await lstat(join(documentRoot, path));
    return true;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw error;
    return false;
  }
}

/** A number that was printed on a list somewhere is never given to another one. */
async function skipNumber(trx: Knex, number: number): Promise<void> {
  await trx.raw(
    `select setval(s.name, :number) from (select pg_get_serial_sequence('disposal_lists', 'id') as name) s
     where :number > coalesce((select last_value from pg_sequences where format('%I.%I', schemaname, sequencename) = s.name), 0)`,
    { number },
  );
}

/** Of a list known from its bags, what was not archived is free again; every list goes to the state its items give it. */
async function settleLists(trx: Knex.Transaction, taken: readonly TakenOver[], asOf: IsoDate): Promise<void> {
  for (const id of new Set(taken.map(({ list }) => list))) {
    if (taken.some(({ list, list_from_bags }) => list === id && list_from_bags)) await withdrawRest(trx, id, asOf);
    await settleList(trx, id, asOf);
  }
}

async function withdrawRest(trx: Knex.Transaction, listId: number, asOf: IsoDate): Promise<void> {
  const rest = await trx('disposal_list_items').where({ list_id: listId, binding: true }).pluck<string[]>('file_ref');
  const reason = 'the list was signed after the backup that this database was restored from, and there is no bag of this file';
  await withdrawItems(
    trx,
    listId,
    rest.map((fileRef) => ({ fileRef, reason })),
    { asOf, actor: 'service' },
  );
}
