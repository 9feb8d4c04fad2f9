/**
 * A bag that lies already where the bag of an item belongs, or was begun for it: a crash left it, or the database came back
 * from a moment before the bag counted. Then its sources may be gone, and it is taken over rather than written again.
 */
import type { Knex } from 'knex';
import { shortDate } from '../rules/dates.ts';
import type { Archiving } from './archiveItem.ts';
import { recordEvent } from './audit.ts';
import { BagDamaged, verifyBag } from './bag.ts';
import { clearBag, type BagRow, type SettlingBags } from './bagMoves.ts';
import { storyOf } from './bagStory.ts';
import { systemCode } from './fileIo.ts';
import type { WaitingBag } from './waitingBag.ts';

/** Why an item cannot be archived because of a bag that is there already. The message may be logged. */
export class BagInTheWay extends Error {
  override readonly name = 'BagInTheWay';
}

/**
 * Clears what earlier attempts at the item left and may be cleared, and returns the bag to take over; null when the place at
 * `location` is free. Throws BagInTheWay, with nothing touched, for one that is not what was signed; and, once, for one that
 * will be taken over by the next archive step: a person should know that the database had forgotten it.
 */
export async function findBag(db: Knex, settling: SettlingBags, archiving: Archiving, location: string): Promise<WaitingBag | null> {
  const row = await bagLeft(db, settling, archiving, location);
  if (row === null) return null;
  const verified = await believed(settling, archiving, row.location);
  if (row.state === 'begun' && row.problem_on === null) {
    await db('bags').where({ id: row.id }).update({ problem_on: settling.asOf });
    throw new BagInTheWay(
      `The archive store has the bag of this file already, ${row.location}, and this database does not know that it was archived: it came back from an earlier moment. The bag holds what was signed, and documents that are nowhere else; it stays, and the next archive step takes it over. Find out what else was recorded since that moment.`,
    );
  }
  if (row.state === 'begun') {
    const { sha256, size } = verified;
    await db('bags').where({ id: row.id, state: 'begun' }).update({ state: 'waiting', sha256, size, problem_on: null });
    await recordEvent(db, 'service', 'bag.taken_over', { list: row.list_id, file: row.file_ref, bag: sha256 });
  }
  return { row: { ...row, state: 'waiting', sha256: verified.sha256, size: verified.size }, verified };
}

type FoundRow = BagRow & { problem_on: string | null };

/** The row of a bag that stays; one that no row names gets one when it is what was signed. */
async function bagLeft(db: Knex, settling: SettlingBags, archiving: Archiving, location: string): Promise<FoundRow | null> {
  const { item, asOf } = archiving;
  const left = await db<FoundRow>('bags').where({ file_ref: item.file_ref }).whereIn('state', ['begun', 'waiting']).orderBy('id');
  for (const row of left) if ((await clearBag(db, settling, row.id)) === 'kept') return row;
  if (!(await settling.store.exists(location))) return null;
  await believed(settling, archiving, location);
  const rows = await db('bags')
    .insert({ file_ref: item.file_ref, list_id: item.list_id, location, begun_on: asOf })
    .returning<FoundRow[]>('*');
  return rows[0] as FoundRow;
}

/** What the bag holds, when it is what was signed for this very item. */
async function believed({ store }: SettlingBags, { item, list }: Archiving, location: string): Promise<WaitingBag['verified']> {
  const verified = await verifyBag(store, location).catch((error: unknown) => {
    if (error instanceof BagDamaged) throw inTheWay(location, `it is damaged: ${error.fault}`);
    const code = systemCode(error);
    throw code === undefined ? error : inTheWay(location, `it cannot be read (${code})`);
  });
  const story = storyOf(verified, location);
  if (typeof story === 'string') throw inTheWay(location, story);
  const same = story.list.id === item.list_id && story.itemDigest === item.item_digest && story.list.signed_digest === list.signed_digest;
  if (!same)
    throw inTheWay(location, `it was made for another item: on list ${story.list.id}, signed on ${shortDate(story.list.signed_on)}`);
  return verified;
}

function inTheWay(location: string, why: string): BagInTheWay {
  return new BagInTheWay(
    `${location} lies in the archive store already, and is not the bag that would be written now: ${why}. It may hold what is nowhere else, so it stays. Find out whose it is ("retention doctor --bags"), and move it to another folder of the store; the file is then archived anew.`,
  );
}
