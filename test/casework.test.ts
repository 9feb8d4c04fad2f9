/** What people record about a file after its bag was packed is in the bag that is archived: nothing of it is lost. */
import { access, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { contend, freeze } from './setup/frozen.ts';
import { LOCKING_HOLDS } from './setup/raced.ts';

const listed = '2026-11-22';
const bagged = '2026-11-30';
const meanwhile = '2026-12-02';
const later = '2026-12-04';
const returned = ['originals', 'returned', 'CF-1', '--to', 'Rose Marlow, by hand'];
const paperDone = ['paper', 'done', 'CF-1', '--moved-to', 'record office'];
const inCare = { categories: 'child_in_care', opened_on: '1950-01-01', closed_on: '1960-01-01' };
const adult = { date_of_birth: '1945-03-04', known_to_adult_services: 'yes' };

let council: Council;
let letter: string;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('originals returned', () => {
  it('while the file waits for its paper are in its bag', async () => {
    await signed({ medium: 'both' });
    await waitsIn('CF-1.zip');
    await council.done(returned, { asOf: meanwhile, as: 'm.jones' });
    const done = await council.done([...paperDone, '--json'], { asOf: later, as: 's.lee' });
    expect(done.json()).toMatchObject({ bags: { moved: 1, failed: 0, cleared: 1, kept: 0 }, sources: { removed: 1 } });
    await expectArchivedWithOriginals('cleared', 'archived');
    expect(await council.db('audit_events').where({ event: 'bag.renewed' }).pluck('actor')).toEqual(['service']);
  });

  it('while the file waits for a receipt are in its bag', async () => {
    await signed(inCare, adult);
    await waitsIn('transfer/CF-1.zip');
    await council.done(returned, { asOf: meanwhile, as: 'm.jones' });
    await council.done('transfer received CF-1 --as-file AS-77', { asOf: later, as: 's.lee' });
    await expectArchivedWithOriginals('cleared', 'archived');
    expect(await readdir(path.join(council.archive, 'transfer'))).toEqual([]);
  });

  it('while the bag is being packed are in it', async () => {
    await signed();
    const frozen = await freeze(council, LOCKING_HOLDS);
    const archiving = contend(council, ['archive'], { asOf: bagged, process: false });
    await frozen.reached([archiving]);
    expect(await council.bags()).toEqual(['CF-1.zip']);
    await council.done(returned, { asOf: bagged, as: 'm.jones' });
    await frozen.letGo();
    expect((await archiving.exit).exitCode).toBe(0);
    // The bag was packed before the locks: what was recorded meanwhile is not in it, so it is packed anew.
    await expectArchivedWithOriginals('cleared', 'archived');
  });
});

describe('a bag written anew', () => {
  beforeEach(async () => {
    await signed({ medium: 'both' });
    await waitsIn('CF-1.zip');
    await council.done(returned, { asOf: meanwhile, as: 'm.jones' });
  });

  it('has its documents from the bag that waited: that may hold the last copy', async () => {
    await rm(letter);
    await council.done(paperDone, { asOf: later, as: 's.lee' });
    await expectArchivedWithOriginals('cleared', 'archived');
  });

  it('is cleared by the next archive step when nothing was recorded after all; then it can be recorded', async () => {
    await council.db.raw("alter table paper_moves add constraint nowhere check (moved_to <> 'record office')");
    expect((await council.retention(paperDone, { asOf: later, as: 's.lee' })).exitCode).toBe(1);
    expect(await everyBag()).toEqual(['CF-1.zip', 'renewed/CF-1.zip']);
    await council.done('archive', { asOf: later });
    expect(await everyBag()).toEqual(['CF-1.zip']);
    await council.db.raw('alter table paper_moves drop constraint nowhere');
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'waiting_for_paper' });
    await council.done(paperDone, { asOf: later, as: 's.lee' });
    await expectArchivedWithOriginals('cleared', 'cleared', 'archived');
  });
});

it('the name of a child corrected while the file waits is in its bag, with the history', async () => {
  await signed({ medium: 'both' });
  await waitsIn('CF-1.zip');
  council.register.change('CF-1-P', { name: 'Rose Marlow' });
  await council.night(meanwhile);
  await council.done(paperDone, { asOf: later, as: 's.lee' });
  const { facts } = (await bag()).records as { facts: { subjects: { name: string }[]; changes: object[] } };
  expect(facts.subjects).toMatchObject([{ name: 'Rose Marlow' }]);
  expect(facts.changes).toMatchObject([{ field: 'name', new_value: 'Rose Marlow' }]);
});

/** CF-1 with a letter and originals, approved and signed. */
async function signed(facts: Record<string, string> = {}, person: Record<string, string> = {}): Promise<void> {
  council.register.child('CF-1', { originals_held: 'yes', ...facts }, person);
  letter = await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
  await council.night(listed);
  await council.approveAndSign(1, listed);
}

async function waitsIn(location: string): Promise<void> {
  expect((await council.night(bagged)).steps['archive']).toMatchObject({ waiting: 1 });
  expect(await everyBag()).toEqual([location]);
}

/** One bag, in its place, whole, with the letter and what was recorded; its rows have these states. */
async function expectArchivedWithOriginals(...states: string[]): Promise<void> {
  expect(await everyBag()).toEqual(['CF-1.zip']);
  expect(await council.db('bags').orderBy('id').pluck('state')).toEqual(states);
  const { records, documents } = await bag();
  expect(records['casework']).toMatchObject({ originals: [{ outcome: 'returned', handed_to: 'Rose Marlow, by hand' }] });
  expect(documents).toMatchObject([{ path: 'CF-1/letter.txt' }]);
  await expect(access(letter)).rejects.toThrow('ENOENT');
  await council.expectAccounted();
}

async function bag(): ReturnType<typeof verifyBag> {
  const row = await council.db('bags').where({ state: 'archived' }).first<{ location: string; sha256: string; size: number }>();
  return verifyBag(openArchiveStore(council.archive), row.location, row);
}

async function everyBag(): Promise<string[]> {
  const found: string[] = [];
  for await (const location of openArchiveStore(council.archive).list('')) found.push(location);
  return found.sort();
}
