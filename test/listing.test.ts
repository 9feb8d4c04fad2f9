/** Listing takes its time, for documents are measured in it; what people do meanwhile counts, and ends nobody's night. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { contend, meet } from './setup/frozen.ts';

const TODAY = '2026-11-22';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

it('leaves out a file on which a hold is placed while documents are measured, and the night goes on', async () => {
  for (const file of ['CF-1', 'CF-2']) {
    council.register.child(file);
    await council.document(file, `${file}.txt`);
  }
  await council.writeExtract();
  const hold = ['hold', 'add', '--kind', 'police', '--scope', 'file:CF-1', '--authority', 'DI Archer', '--review-on', '2028-01-01'];
  await council.done(['import', council.extract], { asOf: TODAY });
  const [night, placed] = await meet(council, 'lock table documents in share mode', [
    () => contend(council, ['nightly', '--json'], { asOf: TODAY, process: false }),
    () => contend(council, hold, { as: 'm.jones', asOf: TODAY, process: false }),
  ]);
  expect([night?.exitCode, placed?.exitCode], night?.stderr).toEqual([0, 0]);
  expect(night?.json<NightResult>().steps).toMatchObject({ list: { candidates: 2, listed: 1 }, archive: {}, report: {} });
  expect((await council.show(1)).items.map((item) => item.file_ref)).toEqual(['CF-2']);
  expect((await council.explain('CF-1', TODAY)).blocks).toEqual(['hold']);
});
