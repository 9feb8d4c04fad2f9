/** Listing takes its time, for documents are measured in it; what people do meanwhile counts, and ends nobody's night. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { SHIPPED_SCHEDULE } from '../rules/schedule.ts';
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

it('by itself after an import that nobody computed stops and says so, and no brake goes on', async () => {
  council.register.child('CF-1').child('CF-2');
  await council.night('2026-11-20');
  await council.done('cancel 1 --reason again', { asOf: '2026-11-20', as: 's.lee' });
  council.register.change('CF-1-P', { date_of_birth: '2000-01-01' });
  await council.writeExtract();
  await council.done(['import', council.extract], { asOf: TODAY });
  const words = expect.stringMatching(/^Facts or schedule changed since the last compute, .*run "retention compute"/) as string;
  const stopped = await council.retention('list --json', { asOf: TODAY });
  expect([stopped.exitCode, stopped.json()]).toEqual([3, expect.objectContaining({ steps: {}, stopped: [words], attention: [words] })]);
  expect(await council.db('brakes')).toEqual([]);
  for (const next of ['compute', 'recheck', 'list']) await council.done(next, { asOf: TODAY });
});

it('stops, and so does archiving, when another version of the schedule came into force', async () => {
  council.register.child('CF-1');
  await council.night(TODAY);
  const next = path.join(council.folder, 'next.yaml');
  await writeFile(next, (await readFile(SHIPPED_SCHEDULE, 'utf8')).replace(/^version: .*$/m, 'version: next'));
  await council.done(['schedule', 'adopt', next, '--from', '2026-11-23'], { asOf: TODAY, as: 'm.jones' });
  expect((await council.done('archive', { asOf: TODAY })).stdout).not.toContain('Stopped');
  const stopped = await council.retention('archive', { asOf: '2026-11-23' });
  expect([stopped.exitCode, stopped.stdout]).toEqual([
    3,
    expect.stringContaining('Stopped: Facts or schedule changed since the last compute'),
  ]);
});
