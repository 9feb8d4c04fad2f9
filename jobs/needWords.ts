/** What needs a person, in sentences: what happened, and what to do. */
import type { Knex } from 'knex';
import { brakesOn } from '../db/brakes.ts';
import { reusedReferences } from '../db/reusedReferences.ts';
import { whyNotRemoved } from '../db/sources.ts';
import type { NeedKind, Needs } from '../db/told.ts';
import { brakeWords } from './brakeWords.ts';

type Words = (needs: Needs, db: Knex) => string[] | Promise<string[]>;

const WORDS: Record<NeedKind, Words> = {
  interrupted: ({ about }) => [
    `Runs that were interrupted before they could tell what they had done: ${about.join(', ')} ("retention runs" shows them). What they left is finished or cleared by the next night; see that the machine and the database stay up.`,
  ],
  quarantine: ({ fresh }) => [
    `${fresh} rows of the extract are newly in quarantine: rejects.csv of the report says what is wrong with each.`,
  ],
  archived_differs: ({ fresh, about }) => [
    `${fresh} archived files came again with other facts or documents than were archived: ${about.join(', ')}. Nothing of them was stored. Find out why; to work on one again, bring it back: retention restore.`,
  ],
  reference_reused: async ({ all }, db) => [
    `${all} files have the reference of an archived one and are about other people: ${(await reusedReferences(db)).slice(0, 10).join(', ')}. Each is in the register, blocked, until a records manager says which file it is: retention reference FILE_REF (--came-back | --another-file) --reason "…".`,
  ],
  brake: async ({ about }, db) =>
    (await brakesOn(db)).filter(({ id }) => about.includes(String(id))).map(({ name, details }) => brakeWords(name, details)),
  item: ({ all }) => [`${all} files could not be archived; "retention show LIST" says why. Nothing of them was removed.`],
  bag: ({ all }) => [
    `${all} bags need a look: they could not be moved to their place in the archive store, or hold documents of withdrawn files that are not, as they were packed, under the document root. These are kept, under kept/ of the store where the file is free to be bagged anew. Put the store or the documents right; it is tried again each night.`,
  ],
  source: async ({ all }, db) => [
    `${all} source documents of archived files could not be removed; they are tried again each night. ${(await whyNotRemoved(db)).join(' ')}`,
  ],
  hold_moved: ({ fresh, about }) => [
    `Files that a hold in force covered are covered no more, only because a reference changed or a link went: ${fresh}, among them ${about.join(', ')}. They are blocked. Where the hold should keep one, place a hold on the new reference; then confirm it with a reason: retention confirm FILE_REF --reason "…".`,
  ],
  hold_emptied: ({ fresh, about }) => [
    `Holds in force cover nothing any more that the extract has: ${fresh}, among them ${about.join(', ')}. Find out what became of the files; place a hold on the new reference, and ask for the release of the old one ("retention hold list").`,
  ],
  source_again: ({ fresh, about }) => [
    `Source documents of ${fresh} archived files were removed and lie under the document root again: ${about.join(', ')}. They are in the bags; find out what brought them back, and remove them. sources-again.csv of the report names every file.`,
  ],
  any_file: ({ about }) => about,
  waited: ({ about }) => about,
  listing: ({ about }) => about,
  audit: ({ about }) => about,
};

/** Kinds that stay to be seen in every night's words until they are put right; the others have a place of their own. */
const SAID_AGAIN: readonly NeedKind[] = ['reference_reused', 'item', 'bag', 'source'];

/** Sentences of what is new, and of what was told before and is so still. */
export async function needWords(db: Knex, needs: readonly Needs[]): Promise<{ attention: string[]; known: string[] }> {
  const attention: string[] = [];
  const known: string[] = [];
  for (const one of needs) {
    if (one.fresh > 0) attention.push(...(await WORDS[one.kind](one, db)));
    else if (SAID_AGAIN.includes(one.kind)) known.push(...(await WORDS[one.kind](one, db)));
  }
  return { attention, known };
}
