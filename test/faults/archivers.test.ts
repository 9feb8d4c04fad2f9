/** Two that archive the same file, one of which fails: it clears its own bag, and never that of the other. */
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { archiveDue, type ArchiveCounts } from '../../db/archive.ts';
import { FolderStore } from '../../db/folderStore.ts';
import { scheduleInForce } from '../../db/schedules.ts';
import { rehearsal, until, type Council } from '../setup/commands.ts';
import { waitingForLocks } from '../setup/frozen.ts';
import { booksAfter, fileNo, PAST_COOLING_OFF, signOffFiles } from '../setup/raced.ts';

/** Waits before it removes anything, until the test lets it. */
class Hesitant extends FolderStore {
  asked = false;
  letGo: () => void = () => undefined;
  readonly #gate = new Promise<void>((resolve) => (this.letGo = resolve));

  override async delete(location: string): Promise<'deleted' | 'already_gone'> {
    this.asked = true;
    await this.#gate;
    return super.delete(location);
  }
}

let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

it('who fails a file clears no bag that another has begun since', async () => {
  await signOffFiles(council, 1);
  const page = path.join(council.documentRoot, fileNo(0), 'page.txt');
  await rename(page, `${page}.aside`);
  const store = new Hesitant(council.archive);
  const failing = archive(store);
  await until(() => store.asked, 'the first has failed, and is about to clear its bag');
  await rename(`${page}.aside`, page);
  const second = council.done('archive', { asOf: PAST_COOLING_OFF });
  await until(async () => (await waitingForLocks(council)) > 0, 'the second has the file, and waits until the bag of the first is cleared');
  store.letGo();
  expect(await failing).toMatchObject({ failed: 0, archived: 0 });
  await second;
  expect(await council.itemOf(fileNo(0))).toMatchObject({ status: 'archived' });
  expect(await council.db('bags').orderBy('id').pluck('state')).toEqual(['cleared', 'archived']);
  expect(await booksAfter(council, 1)).toEqual({ lost: 0, twice: 0 });
});

async function archive(store: FolderStore): Promise<ArchiveCounts> {
  const { db, documentRoot } = council;
  const asOf = PAST_COOLING_OFF;
  const schedule = await scheduleInForce(db, asOf);
  return archiveDue(db, { schedule, asOf, runId: 1, store, documentRoot, requireLock: () => Promise.resolve(), progress: () => undefined });
}
