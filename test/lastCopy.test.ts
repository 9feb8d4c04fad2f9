/** No bag is deleted before everything in it was found elsewhere, however much the database has forgotten of it. */
import { access, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { pastGuards } from './setup/database.ts';
import { contend, freeze } from './setup/frozen.ts';
import { LOCKING_HOLDS } from './setup/raced.ts';
import { remakeBag } from './setup/remadeBag.ts';

const listed = '2026-11-22';
const archivedOn = '2026-11-30';
const nextNight = '2026-12-01';

let council: Council;
let letter: string;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('CF-1');
  letter = await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
  await council.night(listed);
  await council.approveAndSign(1, listed);
});

afterEach(() => council.close());

describe('a bag whose archiving the database has forgotten, with its sources gone', () => {
  beforeEach(async () => {
    await endedBeforeTheCommit();
    expect(await council.db('bags').pluck('state')).toEqual(['begun']);
    await rm(letter);
  });

  it.each(['begun', 'in no row'])('%s: it stays, the item fails once and says so, and the next archive step takes it over', async (how) => {
    if (how !== 'begun') await pastGuards(council.db, 'bags', (trx) => trx('bags').delete());
    const bag = await readFile(bagFile());
    const failed = await council.retention('archive --json', { asOf: archivedOn });
    expect([failed.exitCode, failed.json()]).toMatchObject([3, { steps: { archive: { failed: 1, archived: 0 } } }]);
    const { status, status_reason } = await council.itemOf('CF-1');
    expect([status, status_reason]).toEqual([
      'failed',
      expect.stringMatching(/documents that are nowhere else; it stays, and the next archive step takes it over/),
    ]);
    expect(status_reason).not.toMatch(/delete|Put the document back/);
    expect(await council.night(nextNight)).toMatchObject({
      attention: [],
      steps: { archive: { archived: 1, sources: { alreadyGone: 1 } } },
    });
    expect(await readFile(bagFile())).toEqual(bag);
    expect((await council.show(1)).state).toBe('complete');
    await council.expectAccounted();
  });

  it('with a name corrected since: it is written anew from itself, and is gone only then', async () => {
    await council.retention('archive', { asOf: archivedOn });
    council.register.change('CF-1-P', { name: 'Ann Corrected' });
    expect(await council.night(nextNight)).toMatchObject({ steps: { archive: { archived: 1 } } });
    await council.night('2026-12-02');
    const { documents, records } = await verifyBag(openArchiveStore(council.archive), 'CF-1.zip');
    expect([documents.length, JSON.stringify(records['facts'])]).toEqual([1, expect.stringContaining('Ann Corrected')]);
    expect(await council.db('bags').orderBy('id').pluck('state')).toEqual(['cleared', 'archived']);
  });

  it('and held meanwhile: it stays night after night, and goes when its documents are back', async () => {
    await council.done(['hold', 'add', '--kind', 'police', '--scope', 'file:CF-1', '--authority', 'PC 1', '--review-on', '2027-05-01'], {
      asOf: archivedOn,
      as: 'm.jones',
    });
    for (const night of [archivedOn, nextNight])
      expect(await council.night(night)).toMatchObject({ steps: { archive: { bags: { kept: 1 } } } });
    expect((await council.itemOf('CF-1')).status).toBe('withdrawn');
    await access(bagFile());
    await writeFile(letter, 'Dear child');
    expect(await council.night('2026-12-02')).toMatchObject({ steps: { archive: { bags: { cleared: 1, kept: 0 } } } });
    expect(await council.bags()).toEqual([]);
  });

  it('is not taken over, nor deleted, where somebody made it anew', async () => {
    await remakeBag(bagFile(), (files) => files.set('data/documents/CF-1/letter.txt', Buffer.from('another')));
    for (const night of [archivedOn, nextNight]) await council.night(night);
    const { status, status_reason } = await council.itemOf('CF-1');
    expect([status, status_reason]).toEqual(['failed', expect.stringMatching(/0 are missing and 1 are others.* it stays/)]);
    await access(bagFile());
  });

  it('is not taken over, nor deleted, where it is damaged', async () => {
    const whole = await readFile(bagFile());
    await writeFile(bagFile(), whole.subarray(0, whole.length - 30));
    for (const night of [archivedOn, nextNight]) {
      await council.night(night);
      expect(await council.itemOf('CF-1')).toMatchObject({
        status: 'failed',
        status_reason: expect.stringMatching(/CF-1\.zip .* damaged.* it stays/) as string,
      });
    }
    await access(bagFile());
  });
});

it('what a crash left with its sources in place is cleared, and the file is packed anew without a word', async () => {
  await endedBeforeTheCommit();
  expect(await council.night(nextNight)).toMatchObject({ attention: [], steps: { archive: { archived: 1, sources: { removed: 1 } } } });
});

it('a document that is lost while something is recorded about its file stays in the bag that was packed', async () => {
  const frozen = await freeze(council, LOCKING_HOLDS);
  const archiving = contend(council, ['archive'], { asOf: archivedOn, process: false });
  await frozen.reached([archiving]);
  await pastGuards(council.db, 'people', (trx) => trx('people').update({ name: 'Ann Corrected' }));
  await rm(letter);
  await frozen.letGo();
  expect(await archiving.exit).toMatchObject({ exitCode: 3 });
  const { documents } = await verifyBag(openArchiveStore(council.archive), 'CF-1.zip');
  expect(documents).toMatchObject([{ path: 'CF-1/letter.txt' }]);
});

it('a whole bag under its staged name alone stays while its sources are nowhere else', async () => {
  await council.done('archive', { asOf: archivedOn });
  const staged = path.join(council.archive, '.partial', 'b0b');
  await writeFile(staged, await readFile(bagFile()));
  await writeFile(path.join(council.archive, '.partial', 'half'), (await readFile(bagFile())).subarray(0, 900));
  for (const name of [staged, path.join(council.archive, '.partial', 'half')]) await utimes(name, 1, 1);
  await rm(bagFile());
  await council.retention('archive', { asOf: nextNight });
  await access(staged);
  await expect(access(path.join(council.archive, '.partial', 'half'))).rejects.toThrow('ENOENT');
  await writeFile(bagFile(), await readFile(staged));
  await council.retention('archive', { asOf: nextNight });
  await expect(access(staged)).rejects.toThrow('ENOENT');
});

/** The bag is in its place, and the transaction that makes it count never commits. */
async function endedBeforeTheCommit(): Promise<void> {
  const frozen = await freeze(council, LOCKING_HOLDS);
  const archiving = contend(council, ['archive'], { asOf: archivedOn, process: false });
  await frozen.reached([archiving]);
  await council.db.raw(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  expect((await archiving.exit).exitCode).toBe(1);
  await frozen.letGo();
}

function bagFile(): string {
  return path.join(council.archive, 'CF-1.zip');
}
