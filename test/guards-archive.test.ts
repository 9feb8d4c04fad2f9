/** The guards between a sign-off and the archive, as stories told by the commands: documents that changed, signatures that lapse. */
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeHold } from '../db/holds.ts';
import type { NightResult } from '../jobs/night.ts';
import { addDays } from '../rules/dates.ts';
import { rehearsal, until, type Council } from './setup/commands.ts';

const SIGNED_ON = '2026-11-22';
const AFTER = '2026-11-30';
let council: Council;
let letter: string;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('CF-1').child('CF-2');
  letter = await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
  await council.document('CF-2', 'CF-2/letter.txt', 'Dear child');
});

afterEach(() => council.close());

describe('G16: between listing and archiving', () => {
  beforeEach(async () => {
    await council.night(SIGNED_ON);
    await council.approveAndSign(1, SIGNED_ON);
  });

  it('a document is altered: the item fails with the reason; nothing is removed; the rest of the list goes on', async () => {
    await writeFile(letter, 'Dear CHILD');
    const night = await council.night(AFTER);
    expect(night.steps['archive']).toMatchObject({ archived: 1, failed: 1 });
    expect(night.attention).toEqual([expect.stringContaining('1 files could not be archived')]);
    await expectOnlyTheOtherArchived(/changed|altered|not the one/i);
  });

  it('a document goes missing: the same, and put back it is archived the next night', async () => {
    await rm(letter);
    await council.night(AFTER);
    await expectOnlyTheOtherArchived(/not under the document root/, 'no letter');
    await writeFile(letter, 'Dear child');
    await council.night('2026-12-01');
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
    expect((await council.show(1)).state).toBe('complete');
  });

  it('the extract gives a document another digest, or another document: the item is withdrawn with the reason', async () => {
    const text = await readFile(letter);
    await council.document('CF-1', 'CF-1/second letter.txt');
    const night = await council.night(AFTER);
    expect(night.steps['archive']).toMatchObject({ archived: 1, failed: 0 });
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, status: 'pending' });
    expect((await council.show(1)).items[0]).toMatchObject({
      status: 'withdrawn',
      status_reason: expect.stringMatching(/changed after it was listed: document/) as string,
    });
    expect(await readFile(letter)).toEqual(text);
  });

  it('failing five nights takes it off the list; a night run twice counts once', async () => {
    await rm(letter);
    for (const asOf of [AFTER, AFTER, '2026-12-01', '2026-12-02', '2026-12-03']) await council.night(asOf);
    expect((await council.show(1)).items[0]).toMatchObject({ status: 'failed', attempts: 4 });
    await council.night('2026-12-04');
    expect((await council.show(1)).items[0]).toMatchObject({
      status: 'withdrawn',
      status_reason: expect.stringContaining('archiving failed 5 nights') as string,
    });
    expect((await council.show(1)).state).toBe('complete');
  });

  async function expectOnlyTheOtherArchived(reason: RegExp, there?: 'no letter'): Promise<void> {
    expect(await council.bags()).toEqual(['CF-2.zip']);
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'failed', status_reason: expect.stringMatching(reason) as string });
    expect((await council.show(1)).state).toBe('in_progress');
    if (!there) await access(letter);
    await expect(access(path.join(council.documentRoot, 'CF-2/letter.txt'))).rejects.toThrow('ENOENT');
    expect((await council.explain('CF-1', AFTER)).outcome).toBe('expires');
  }
});

describe('a hold that is being placed while its file is being archived', () => {
  it('G9: wins until the very transaction that archives: the item is withdrawn, and its bag is no more', async () => {
    await council.night(SIGNED_ON);
    await council.approveAndSign(1, SIGNED_ON);
    const placing = await council.db.transaction();
    const hold = { kind: 'police', scope: 'file', scopeRef: 'CF-1', authority: 'DI Archer', reviewOn: '2027-11-22' } as const;
    await placeHold(placing, hold, { person: { name: 'm.jones', roles: null }, asOf: AFTER });
    const archiving = council.retention('archive', { asOf: AFTER });
    await until(async () => (await council.bags()).includes('CF-1.zip'), 'the bag lies there, and the archive waits for the hold');
    await placing.commit();

    expect((await archiving).exitCode).toBe(0);
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'withdrawn', status_reason: 'it is blocked now: hold' });
    expect(await council.bags()).toEqual(['CF-2.zip']);
    await access(letter);
    expect(await council.db('residual_records').pluck('file_ref')).toEqual(['CF-2']);
  });
});

describe('a document that cannot be read when its file is listed', () => {
  it('fails the item: nobody saw what it holds', async () => {
    await rm(letter);
    await council.night(SIGNED_ON);
    await council.approveAndSign(1, SIGNED_ON);
    await writeFile(letter, 'Put there later');
    await council.night(AFTER);
    expect(await council.bags()).toEqual(['CF-2.zip']);
    expect(await council.itemOf('CF-1')).toMatchObject({
      list: 1,
      status: 'failed',
      status_reason: expect.stringContaining('When the file was listed document 1 of 1 could not be read') as string,
    });
  });
});

describe('a bag of that name lies in the archive already', () => {
  it('the item fails, and that bag is not touched', async () => {
    await council.night(SIGNED_ON);
    await council.approveAndSign(1, SIGNED_ON);
    await mkdir(council.archive, { recursive: true });
    await writeFile(path.join(council.archive, 'CF-1.zip'), 'of another database');
    await council.night(AFTER);
    expect(await readFile(path.join(council.archive, 'CF-1.zip'), 'utf8')).toBe('of another database');
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'failed' });
    await access(letter);
  });
});

describe('a sign-off', () => {
  it('G25: with ARCHIVING=off for 91 days it lapses: withdrawn, and a candidate again', async () => {
    await council.night(SIGNED_ON);
    await council.approveAndSign(1, SIGNED_ON);
    let last: NightResult | undefined;
    for (const days of [13, 26, 39, 52, 65, 78, 90]) last = await council.night(addDays(SIGNED_ON, days), { ARCHIVING: 'off' });
    expect([last?.stopped, (await council.show(1)).state]).toEqual([['Archiving is switched off (ARCHIVING=off).'], 'cooling_off']);

    await council.night(addDays(SIGNED_ON, 91), { ARCHIVING: 'off' });
    expect(await council.show(1)).toMatchObject({
      state: 'complete',
      items: [
        { status: 'withdrawn', status_reason: expect.stringContaining('the sign-off of 22/11/2026 lapsed') as string },
        { status: 'withdrawn' },
      ],
    });
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, status: 'pending' });
    await council.night(addDays(SIGNED_ON, 92));
    expect(await council.bags()).toEqual([]);
  });

  it('on its 90th day still archives', async () => {
    await council.night(SIGNED_ON);
    await council.approveAndSign(1, SIGNED_ON);
    for (const days of [13, 26, 39, 52, 65, 78]) await council.night(addDays(SIGNED_ON, days), { ARCHIVING: 'off' });
    await council.night(addDays(SIGNED_ON, 90));
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
  });
});
