/** One item that may not be archived, for the database's guards or because its sign-off lapsed, keeps no other from being archived. */
import { access } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tripBrake } from '../db/brakes.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { pastGuards } from './setup/database.ts';
import { contend, freeze } from './setup/frozen.ts';
import { LOCKING_HOLDS } from './setup/raced.ts';

const listed = '2026-11-22';
const signedLater = '2027-01-10';
const pastCoolingOff = '2027-01-18';
const lapsed = '2027-02-21';

let council: Council;
let letter: string;

beforeEach(async () => {
  council = await rehearsal({ LIST_SIZE: '1', MAX_AGE_DAYS: '365' });
  council.register.child('CF-1').child('CF-2');
  letter = await council.document('CF-1', 'CF-1/letter.txt');
  await council.night(listed);
  await council.approveAndSign(1, listed);
  await council.approveAndSign(2, signedLater);
});

afterEach(() => council.close());

it('archiving by itself withdraws what was signed more than 90 days ago, and archives the rest', async () => {
  await council.done('archive', { asOf: lapsed });
  expect(await council.itemOf('CF-1')).toMatchObject({
    status: 'withdrawn',
    status_reason: 'the sign-off of 22/11/2026 lapsed: nothing was archived for 90 days',
  });
  expect(await council.bags()).toEqual(['CF-2.zip']);
  await access(letter);
});

it('what a guard refuses fails its item, in the words of the guard, and the rest is archived', async () => {
  await pastGuards(council.db, 'disposal_list_items', (trx) =>
    trx('disposal_list_items').where({ file_ref: 'CF-1' }).update({ facts_digest: 'of other facts' }),
  );
  const ended = await council.retention('archive --json', { asOf: pastCoolingOff });
  expect([ended.exitCode, ended.json()]).toMatchObject([3, { steps: { archive: { archived: 1, failed: 1 } } }]);
  expect(await council.itemOf('CF-1')).toMatchObject({
    status: 'failed',
    attempts: 1,
    status_reason: expect.stringMatching(/^file CF-1 is not as it was signed: .*\. The re-check takes off what changed;/) as string,
  });
  expect(await council.bags()).toEqual(['CF-2.zip']);
  expect(await council.db('bags').orderBy('file_ref').pluck('state')).toEqual(['cleared', 'archived']);
  await access(letter);
  await council.expectAccounted();
});

it('a brake that goes on meanwhile fails no item: it ends the run, which says so', async () => {
  const frozen = await freeze(council, LOCKING_HOLDS);
  const archiving = contend(council, ['archive'], { asOf: pastCoolingOff, process: false });
  await frozen.reached([archiving]);
  await tripBrake(council.db, 'volume', {}, { asOf: pastCoolingOff, runId: null });
  await frozen.letGo();
  expect(await archiving.exit).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('the brake "volume" is on') as string });
  expect(await council.itemOf('CF-1')).toMatchObject({ status: 'approved', attempts: 0 });
  await access(letter);
});
