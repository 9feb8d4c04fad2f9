/** Bringing an archived file back: asked by one person, confirmed by another, and then an ordinary file again, kept through a date. */
import type { Knex } from 'knex';
import { addDays, longDate, type IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import { REQUEST_LAPSES_AFTER_DAYS, requestHasLapsed } from '../rules/workflow.ts';
import { samePerson } from '../rules/userNames.ts';
import { actAs } from './acting.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { bagsKeptApart } from './archivedReference.ts';
import { recordEvent } from './audit.ts';
import { bagFileName, verifyBag } from './bag.ts';
import type { BagRow } from './bagMoves.ts';
import { returnDocuments, takeBack, type BaggedDocument } from './documentReturn.ts';
import { determineFile, factsOf, putBackRows, type PeoplePutBack } from './restoredFile.ts';

export interface RestoreAsked {
  file_ref: string;
  keep_until: IsoDate;
  /** Last day on which another person may confirm. */
  lapses_after: IsoDate;
  /** Bags of other archived files that had this reference earlier; those are not what is asked for. */
  kept_apart: string[];
}

export interface Restored {
  file_ref: string;
  keep_until: IsoDate;
  documents: { written: number; already_there: number };
  people: PeoplePutBack;
}

export interface Restoring {
  schedule: Schedule;
  store: ArchiveStore;
  documentRoot: string;
  person: Person;
  asOf: IsoDate;
  /** The very request that the person was shown; without it whichever is open. */
  request?: string;
}

/** An ask that another person may confirm. */
export interface RestoreRequest {
  id: number;
  file_ref: string;
  keep_until: IsoDate;
  /** Free text. */
  reason: string;
  asked_by: string;
  asked_on: IsoDate;
}

/** Asks for an archived file to be brought back and kept through a date. A later ask replaces an earlier one. */
export async function askRestore(
  trx: Knex.Transaction,
  fileRef: string,
  { keepUntil, reason }: { keepUntil: IsoDate; reason: string },
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<RestoreAsked> {
  requirePermission(person, 'restore');
  const listId = await lockArchived(trx, fileRef);
  requireToCome(keepUntil, asOf, fileRef);
  if (reason.trim() === '') throw new Refusal('reason_missing', 'Say why the file is needed again with --reason "…".', { file: fileRef });
  await trx('restore_requests').where({ file_ref: fileRef, confirmed_by: null }).update({ replaced: true });
  await trx('restore_requests').insert({
    file_ref: fileRef,
    list_id: listId,
    keep_until: keepUntil,
    reason: reason.trim(),
    asked_by: person.name,
    asked_on: asOf,
  });
  await recordEvent(trx, person.name, 'restore.asked', { file: fileRef, keep_until: keepUntil });
  const kept_apart = await bagsKeptApart(trx, fileRef);
  return { file_ref: fileRef, keep_until: keepUntil, lapses_after: addDays(asOf, REQUEST_LAPSES_AFTER_DAYS), kept_apart };
}

/**
 * Brings the file back as another person asked: its documents first, for the register must not list what is not there, then
 * all its rows at once. When that fails, at the commit too, the documents are taken back. The caller moves the bag.
 */
export async function confirmRestore(db: Knex, fileRef: string, restoring: Restoring): Promise<Restored> {
  const written: BaggedDocument[] = [];
  try {
    return await actAs(db, restoring.person, (trx) => bringBack(trx, fileRef, restoring, written));
  } catch (error) {
    if (written.length > 0) await takeBackAfter(error, db, fileRef, restoring, written);
    throw error;
  }
}

async function bringBack(trx: Knex.Transaction, fileRef: string, restoring: Restoring, written: BaggedDocument[]): Promise<Restored> {
  const { store, documentRoot, person, asOf } = restoring;
  requirePermission(person, 'restore');
  const listId = await lockArchived(trx, fileRef);
  const request = await requireRequest(trx, fileRef, restoring);
  const row = (await trx<BagRow>('bags').where({ file_ref: fileRef, state: 'archived' }).first()) as BagRow;
  const bag = await verifyBag(store, row.location, row);
  await keepSourcesAndImportsAway(trx, fileRef);
  await returnDocuments(store, row.location, documentRoot, bag.documents, written);
  const people = await putBackRows(trx, factsOf(bag, fileRef), bag.documents, asOf);
  await determineFile(trx, restoring.schedule, asOf, fileRef);
  await deferRestored(trx, fileRef, request, asOf);
  await markRestored(trx, { fileRef, listId, bag: row, request }, restoring);
  await recordEvent(trx, person.name, 'file.restored', { file: fileRef, list: listId, bag: bag.sha256, asked_by: request.asked_by });
  const documents = { written: written.length, already_there: bag.documents.length - written.length };
  return { file_ref: fileRef, keep_until: request.keep_until, documents, people };
}

/** Not where the file is back after all: the answer to the commit may have been lost, or another person have confirmed since. */
async function takeBackAfter(
  error: unknown,
  db: Knex,
  fileRef: string,
  { documentRoot }: Restoring,
  written: readonly BaggedDocument[],
): Promise<void> {
  try {
    await db.transaction(async (trx) => {
      const archived = await trx('residual_records')
        .where({ file_ref: fileRef, restored_on: null, kept_apart_on: null })
        .forUpdate()
        .first<object | undefined>();
      if (archived) await takeBack(documentRoot, written);
    });
  } catch {
    throw new Error(
      `${fileRef} could not be brought back, and documents that were written for it may still lie under the document root. Put right what failed, and confirm again: what lies there unaltered is taken as it is.`,
      { cause: error },
    );
  }
}

/** What was asked for and may be confirmed today, the oldest first. */
export async function openRestoreRequests(db: Knex, asOf: IsoDate, limit: number): Promise<RestoreRequest[]> {
  return openRequests(db, asOf).orderBy('id').limit(limit).select<RestoreRequest[]>('*');
}

/** What was asked for of that file, and may be confirmed today; undefined when nothing. */
export async function openRestoreRequest(db: Knex, asOf: IsoDate, fileRef: string): Promise<RestoreRequest | undefined> {
  return openRequests(db, asOf).where({ file_ref: fileRef }).first<RestoreRequest | undefined>();
}

function openRequests(db: Knex, asOf: IsoDate): Knex.QueryBuilder {
  return db('restore_requests')
    .where({ confirmed_by: null, replaced: false })
    .where('asked_on', '>=', addDays(asOf, -REQUEST_LAPSES_AFTER_DAYS));
}

/** The list it was archived on. The record is locked, so that two people do not restore one file at once. */
async function lockArchived(trx: Knex.Transaction, fileRef: string): Promise<number> {
  const archived = await trx('residual_records')
    .where({ file_ref: fileRef, restored_on: null, kept_apart_on: null })
    .forUpdate()
    .first<{ list_id: number } | undefined>('list_id');
  const registered = await trx('case_files').where({ file_ref: fileRef }).first<object | undefined>('file_ref');
  if (archived && !registered) return archived.list_id;
  const apart = await bagsKeptApart(trx, fileRef);
  if (archived || apart.length > 0) throw referenceTaken(fileRef, archived ? null : apart);
  const stands = registered ? 'it is in the register' : 'there is no such file; the reference is written exactly as in files.csv';
  throw new Refusal('not_archived', `${fileRef} cannot be brought back from the archive: ${stands}.`, { file: fileRef });
}

/** Two files cannot stand in the register under one reference; `apart` is null where nobody has said which of them it is. */
function referenceTaken(fileRef: string, apart: readonly string[] | null): Refusal {
  const next = apart
    ? `What was archived is kept apart, whole, in the archive store: ${apart.join(', ')}. To read it, open that zip: its documents and facts are in the folder data. To work on it again, give the file a reference of its own at the source, put its documents under the document root, and let the extract name both; it is then a file like any other.`
    : `Say first which it is: retention reference ${fileRef} (--came-back | --another-file) --reason "…".`;
  return new Refusal(
    'reference_taken',
    `${fileRef} cannot be brought back from the archive: its reference is another file’s now, and the source knows it as that one’s alone. ${next}`,
    { file: fileRef },
  );
}

async function requireRequest(
  trx: Knex.Transaction,
  fileRef: string,
  { person, asOf, request: shown }: Restoring,
): Promise<RestoreRequest> {
  const request = await trx('restore_requests')
    .where({ file_ref: fileRef, confirmed_by: null, replaced: false })
    .forUpdate()
    .first<RestoreRequest | undefined>();
  const ask = `retention restore ${fileRef} --keep-until DAY --reason "…"`;
  if (!request)
    throw new Refusal('restore_not_asked', `Nobody has asked for ${fileRef}. One person asks (${ask}), another confirms.`, {
      file: fileRef,
    });
  if (shown !== undefined && String(request.id) !== shown)
    throw new Refusal('request_changed', `The request for ${fileRef} is another one than was shown.`, { file: fileRef });
  if (requestHasLapsed(request.asked_on, asOf)) {
    throw new Refusal(
      'request_lapsed',
      `The request for ${fileRef}, of ${longDate(request.asked_on)}, lapsed after ${REQUEST_LAPSES_AFTER_DAYS} days. Ask anew: ${ask}.`,
      { file: fileRef },
    );
  }
  if (samePerson(request.asked_by, person.name))
    throw new Refusal('own_request', `${person.name} asked for ${fileRef}, so another person must confirm it.`, { file: fileRef });
  requireToCome(request.keep_until, asOf, fileRef);
  return request;
}

function requireToCome(keepUntil: IsoDate, asOf: IsoDate, fileRef: string): void {
  if (keepUntil > asOf) return;
  throw new Refusal(
    'keep_until_past',
    `A file is brought back to be kept through a day to come; ${longDate(keepUntil)} is not after ${longDate(asOf)}. Ask with a later day.`,
    { file: fileRef },
  );
}

/**
 * Until this ends no import lands rows of the file, and no source of it is removed: neither one still to be removed, nor one
 * that another archived file shares, for its removal looks at the documents listed.
 */
async function keepSourcesAndImportsAway(trx: Knex.Transaction, fileRef: string): Promise<void> {
  await trx.raw("select pg_advisory_xact_lock_shared(hashtext('import'))");
  await trx('source_removals')
    .where({ file_ref: fileRef })
    .whereIn('outcome', ['to_remove', 'failed'])
    .update({ outcome: 'restored', path: null, error: null });
  await trx.raw('lock table documents in row exclusive mode');
}

async function deferRestored(trx: Knex.Transaction, fileRef: string, request: RestoreRequest, asOf: IsoDate): Promise<void> {
  await trx('deferrals').insert({
    file_ref: fileRef,
    keep_until: request.keep_until,
    reason_code: 'other',
    note: request.reason,
    decided_by: request.asked_by,
    decided_on: asOf,
  });
}

/** The record stays as history, the index answers no more, and the bag goes where the next one of this file does not find it. */
async function markRestored(
  trx: Knex.Transaction,
  { fileRef, listId, bag, request }: { fileRef: string; listId: number; bag: BagRow; request: RestoreRequest },
  { person, asOf }: Restoring,
): Promise<void> {
  await trx('restore_requests').where({ id: request.id }).update({ confirmed_by: person.name, confirmed_on: asOf });
  await trx('residual_records').where({ file_ref: fileRef, list_id: listId }).update({ restored_on: asOf });
  await trx('archive_index').where({ file_ref: fileRef, kept_apart_list: null }).delete();
  await trx('seen_again').where({ file_ref: fileRef }).delete();
  const place = `restored/list-${listId}/${bagFileName(fileRef)}`;
  await trx('bags').where({ id: bag.id }).update({ state: 'restored', move_to: place });
}
