/** Files that join the person's file in Adult Services: waiting, received, refused, and a crash in between. */
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { confirmedDoubt, forgetTwentyFirstBirthdays, OPENED_AS_AN_ADULT } from './setup/disagreement.ts';

const listed = '2026-11-22';
const bagged = '2026-11-30';
const later = '2026-12-04';
const inCare = { categories: 'child_in_care', opened_on: '1950-01-01', closed_on: '1960-01-01' };
const adult = { date_of_birth: '1945-03-04', known_to_adult_services: 'yes' };

let council: Council;
let letter: string;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('a file of a person known to Adult Services', () => {
  beforeEach(() => waits());

  it('waits in transfer/ for a receipt, still in the register, and can be held', async () => {
    expect(await readdir(path.join(council.archive, 'transfer'))).toEqual(['CF-1.zip']);
    expect((await council.done('waiting --json')).json()).toEqual([
      { file_ref: 'CF-1', list: 1, waits_for: 'receipt', since: bagged, rule: 'child-in-care', adult_file_ref: null },
    ]);
    expect(await council.explain('CF-1', later)).toMatchObject({ blocks: ['listed'] });
    await expect(access(letter)).resolves.toBeUndefined();
    expect((await council.show(1)).state).toBe('in_progress');
  });

  it('leaves the register when it is received: bag in its place, source gone, adult’s reference in the residual record', async () => {
    const received = await council.done('transfer received CF-1 --as-file AS-77 --json', { asOf: later, as: 'm.jones' });
    expect(received.json()).toMatchObject({
      file_ref: 'CF-1',
      list: 1,
      status: 'transferred',
      list_state: 'complete',
      bags: { moved: 1, failed: 0 },
      sources: { removed: 1 },
    });
    await expect(access(letter)).rejects.toThrow('ENOENT');
    expect([await council.bags(), await readdir(path.join(council.archive, 'transfer'))]).toEqual([['CF-1.zip'], []]);
    const residual = await council.db('residual_records').where({ file_ref: 'CF-1' }).first<{ bag_sha256: string }>();
    expect(residual).toMatchObject({ adult_file_ref: 'AS-77', archived_on: later, action: 'transfer_to_adult_file' });
    expect((await verifyBag(openArchiveStore(council.archive), 'CF-1.zip')).sha256).toBe(residual.bag_sha256);
    expect(await council.db('archive_index').pluck('bag_location')).toEqual(['CF-1.zip']);
    expect((await council.done('waiting --json')).json()).toEqual([]);
    expect((await council.done('certificate show 1 --json')).json()).toMatchObject({
      certificate: { expected: 1, actual: { archived: 0, transferred: 1 }, files: [{ file_ref: 'CF-1', adult_file_ref: 'AS-77' }] },
    });
    await council.expectAccounted();
    await council.refused('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'm.jones' }, 'archived', /moved to the archive/);
  });

  it('G24: with a hold placed while it waits it stays, and "received" is refused with the reason', async () => {
    await council.done(
      ['hold', 'add', '--kind', 'police', '--scope', 'file:CF-1', '--authority', 'DI Archer', '--review-on', '2027-05-01'],
      {
        asOf: '2026-12-01',
        as: 'm.jones',
      },
    );
    const before = await everything();
    await council.refused('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'm.jones' }, 'not_free', /it is blocked now: hold/);
    expect(await everything()).toEqual(before);
    expect(await readdir(path.join(council.archive, 'transfer'))).toEqual(['CF-1.zip']);
    await expect(access(letter)).resolves.toBeUndefined();
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'waiting_for_receipt' });
  });

  it('stays when a fact changed while it waited', async () => {
    council.register.change('CF-1-P', { date_of_birth: '1945-03-05' });
    await council.done(['import', await extractWritten()], { asOf: '2026-12-01' });
    await council.done('compute', { asOf: '2026-12-01' });
    await council.refused(
      'transfer received CF-1 --as-file AS-77',
      { asOf: later, as: 'm.jones' },
      'not_free',
      /its date changed\. The next night/,
    );
    await council.night('2026-12-01');
    await council.refused(
      'transfer received CF-1 --as-file AS-77',
      { asOf: later, as: 'm.jones' },
      'not_waiting',
      /on no open list|on list 2/,
    );
  });

  it('stays where compute would determine it otherwise than is stored: no disagreement, and it goes once that is done', async () => {
    await council.db('determinations').where({ file_ref: 'CF-1' }).update({ review_on: '2090-01-01' });
    await council.refused('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'm.jones' }, 'compute_first', /"retention compute"/);
    expect(await council.db('brakes')).toEqual([]);
    await council.done('compute', { asOf: later });
    await council.done('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'm.jones' });
  });

  it('is not received while archiving is off, by somebody who may not, as a name, or from a damaged bag', async () => {
    await council.done('users add c.ward --role compliance');
    await council.refused('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'c.ward' }, 'not_permitted', /role records_manager/);
    const off = await council.retention('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'm.jones', ARCHIVING: 'off' });
    expect([off.exitCode, off.stderr]).toEqual([1, expect.stringContaining('ARCHIVING=off')]);
    await council.refused(
      ['transfer', 'received', 'CF-1', '--as-file', 'Rose Marlow'],
      { asOf: later, as: 'm.jones' },
      'reference_unusable',
      /not be a name/,
    );
    await council.refused('paper done CF-1 --moved-to attic', { asOf: later, as: 'm.jones' }, 'not_waiting', /does not wait for its paper/);
    await council.refused('transfer received CF-9 --as-file AS-77', { asOf: later, as: 'm.jones' }, 'no_such_file', /no file CF-9/);
    await writeFile(path.join(council.archive, 'transfer', 'CF-1.zip'), 'rubbish');
    const damaged = await council.retention('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'm.jones' });
    expect([damaged.exitCode, damaged.stderr]).toEqual([1, expect.stringContaining('is damaged')]);
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'waiting_for_receipt' });
  });

  it('taken off its list while it waits has its bag cleared by the next archive step, and can be archived anew', async () => {
    await council.done('withdraw 1 --files CF-1 --reason wrong', { asOf: '2026-12-01', as: 'm.jones' });
    const night = await council.night('2026-12-01');
    expect(night.steps['archive']).toMatchObject({ bags: { cleared: 1, kept: 0 } });
    expect(await readdir(path.join(council.archive, 'transfer'))).toEqual([]);
    await council.approveAndSign(2, '2026-12-01');
    await council.night('2026-12-09');
    expect(await readdir(path.join(council.archive, 'transfer'))).toEqual(['CF-1.zip']);
  });

  it.each([
    ['is nowhere else', () => rm(letter)],
    ['has other bytes, as many as before', () => writeFile(letter, 'Dear CHILD')],
  ])('taken off its list keeps its bag when a document of it %s; a person is told once', async (_how, harm) => {
    await council.done('withdraw 1 --files CF-1 --reason wrong', { asOf: '2026-12-01', as: 'm.jones' });
    await harm();
    expect((await council.night('2026-12-01')).attention).toEqual([expect.stringContaining('1 bags need a look')]);
    expect((await council.night('2026-12-02')).attention).toEqual([]);
    expect([await readdir(path.join(council.archive, 'transfer')), await readdir(path.join(council.archive, 'kept/list-1'))]).toEqual([
      [],
      ['CF-1.zip'],
    ]);
  });
});

describe('the bag on its way to its place', () => {
  beforeEach(() => waits());

  it('is moved by the next archive step when the machine died before, or after, moving it', async () => {
    await cannotBeMoved();
    const received = await council.retention('transfer received CF-1 --as-file AS-77 --json', { asOf: later, as: 'm.jones' });
    expect([received.exitCode, received.json()]).toMatchObject([3, { status: 'transferred', bags: { moved: 0, failed: 1 } }]);
    expect(await council.db('archive_index').pluck('bag_location')).toEqual(['transfer/CF-1.zip']);
    await rm(path.join(council.archive, 'CF-1.zip'), { recursive: true });
    // As if it had been moved, and the machine had died before that was written down.
    await rename(path.join(council.archive, 'transfer/CF-1.zip'), path.join(council.archive, 'CF-1.zip'));
    council.register.files.delete('CF-1');
    expect((await council.night('2026-12-05')).steps['archive']).toMatchObject({ bags: { moved: 1, failed: 0 } });
    expect(await council.db('archive_index').pluck('bag_location')).toEqual(['CF-1.zip']);
  });

  it('stays known, and is told of once, while something else lies in its place', async () => {
    await cannotBeMoved();
    await council.retention('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'm.jones' });
    expect((await council.night('2026-12-05')).steps['archive']).toMatchObject({ bags: { failed: 1 } });
    await rm(path.join(council.archive, 'CF-1.zip'), { recursive: true });
    expect((await council.night('2026-12-06')).steps['archive']).toMatchObject({ bags: { moved: 1, failed: 0 } });
    expect(await council.bags()).toEqual(['CF-1.zip']);
  });
});

it('a file of which the two calculations differ stays, is blocked and puts the brake on', async () => {
  await waits(OPENED_AS_AN_ADULT);
  await forgetTwentyFirstBirthdays(council);
  const stopped = await council.retention('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'm.jones' });
  expect([stopped.exitCode, stopped.stdout]).toEqual([1, expect.stringContaining('brake "disagreement" is on')]);
  expect(await council.itemOf('CF-1')).toMatchObject({ status: 'waiting_for_receipt' });
  expect(await council.db('transfer_receipts')).toEqual([]);
  expect(await council.explain('CF-1', later)).toMatchObject({ blocks: ['listed', 'disagreement'] });
  await council.refused('transfer received CF-1 --as-file AS-77', { asOf: later, as: 'm.jones' }, 'brake_on', /"disagreement" is on/);
});

it('a file that is on paper too waits for its paper after the receipt', async () => {
  await waits({ medium: 'both' });
  const received = await council.done('transfer received CF-1 --as-file AS-77 --json', { asOf: later, as: 'm.jones' });
  expect(received.json()).toMatchObject({ status: 'waiting_for_paper', list_state: 'in_progress', sources: { removed: 0 } });
  expect((await council.done('waiting --json')).json()).toMatchObject([{ waits_for: 'paper', since: later, adult_file_ref: 'AS-77' }]);
  expect(await council.bags()).toEqual(['CF-1.zip']);
  await expect(access(letter)).resolves.toBeUndefined();
  const done = await council.done(['paper', 'done', 'CF-1', '--moved-to', 'Adult Services, with AS-77', '--json'], {
    asOf: later,
    as: 'm.jones',
  });
  expect(done.json()).toMatchObject({ status: 'transferred', list_state: 'complete', sources: { removed: 1 } });
  expect(await council.db('residual_records').first()).toMatchObject({ adult_file_ref: 'AS-77' });
});

/** CF-1 with a letter, approved, signed and bagged. */
async function waits(facts: Record<string, string> = {}): Promise<void> {
  council.register.child('CF-1', { ...inCare, ...facts }, adult);
  letter = await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
  // Of a child who is young yet: this document stays, so that the root is plainly there.
  council.register.child('CF-young', {}, { date_of_birth: '2020-01-02' });
  await council.document('CF-young', 'CF-young/letter.txt');
  await council.night(listed);
  if (facts === OPENED_AS_AN_ADULT) await confirmedDoubt(council, 'CF-1', listed);
  await council.approveAndSign(1, listed);
  const night = await council.night(bagged);
  expect(night.steps['archive']).toMatchObject({ waiting: 1, archived: 0, sources: { removed: 0 } });
}

async function extractWritten(): Promise<string> {
  await council.writeExtract();
  return council.extract;
}

async function cannotBeMoved(): Promise<void> {
  await mkdir(path.join(council.archive, 'CF-1.zip'));
}

/** What a refusal must leave as it was; the audit has the refusal itself. */
async function everything(): Promise<unknown> {
  const tables = [
    'case_files',
    'people',
    'documents',
    'determinations',
    'bags',
    'disposal_list_items',
    'transfer_receipts',
    'residual_records',
  ];
  return Promise.all(tables.map((table) => council.db(table)));
}
