/** Decides whether a bag may hold the last copy of a document: the one question that is asked before any bag is deleted. */
import type { Knex } from 'knex';
import type { ArchiveStore } from './archiveStore.ts';
import { BagDamaged, inspectBag, verifyBag, type VerifiedBag } from './bag.ts';
import type { BagRow } from './bagMoves.ts';
import { wholeBagName } from './bagReader.ts';
import { DocumentProblem, measureDocument, refuseAltered } from './documentRoot.ts';
import { systemCode } from './fileIo.ts';
import { StoreProblem } from './storeProblem.ts';

/** Where the documents of a bag may be beside the bag itself. */
export interface Elsewhere {
  store: ArchiveStore;
  documentRoot: string;
}

/**
 * Whether every document of the bag, as packed, was found under the document root or in another bag of its file that stays.
 * False where the bag cannot be read, for then nobody knows what it holds.
 */
export async function isElsewhere(db: Knex, elsewhere: Elsewhere, bag: BagRow): Promise<boolean> {
  return answered(async () => {
    const { documents } = await verifyBag(elsewhere.store, bag.location, bag.state === 'begun' ? undefined : bag);
    return areElsewhere(db, elsewhere, documents, bag);
  });
}

/**
 * The same of what lies staged. What was only half written holds nothing that is not at its source, for a source goes only
 * after its bag is in its place; yet a disk that loses a name may leave a bag whole under its staged name alone.
 */
export async function isStagedElsewhere(db: Knex, elsewhere: Elsewhere, location: string): Promise<boolean> {
  const name = await wholeBagName(elsewhere.store, location);
  if (name === null) return true;
  return answered(async () => {
    const { documents, records } = await inspectBag(elsewhere.store, location, name);
    const fileRef = (records['facts'] as { fileRef?: string } | undefined)?.fileRef;
    return fileRef !== undefined && (await areElsewhere(db, elsewhere, documents, { id: null, file_ref: fileRef }));
  });
}

async function areElsewhere(
  db: Knex,
  { store, documentRoot }: Elsewhere,
  documents: VerifiedBag['documents'],
  { id, file_ref }: { id: number | null; file_ref: string },
): Promise<boolean> {
  const others = db<BagRow>('bags').where({ file_ref }).whereIn('state', ['waiting', 'archived', 'restored', 'apart']).orderBy('id');
  const kept = new Set<string>();
  for (const other of await (id === null ? others : others.whereNot({ id }))) {
    for (const document of await documentsIn(store, other)) kept.add(keyOf(document));
  }
  for (const document of documents) {
    if (!kept.has(keyOf(document))) refuseAltered(document.path, document, await measureDocument(documentRoot, document.path));
  }
  return true;
}

/** None where it cannot be read: then it keeps nothing. */
async function documentsIn(store: ArchiveStore, bag: BagRow): Promise<VerifiedBag['documents']> {
  const moved = bag.move_to !== null && !(await store.exists(bag.location));
  try {
    return (await verifyBag(store, moved && bag.move_to !== null ? bag.move_to : bag.location, bag)).documents;
  } catch (error) {
    if (isUnreadable(error)) return [];
    throw error;
  }
}

function isUnreadable(error: unknown): boolean {
  return error instanceof StoreProblem || error instanceof BagDamaged || systemCode(error) !== undefined;
}

function keyOf({ path, size, sha256 }: VerifiedBag['documents'][number]): string {
  return `${sha256} ${size} ${path}`;
}

async function answered(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (isUnreadable(error) || error instanceof DocumentProblem) return false;
    throw error;
  }
}
