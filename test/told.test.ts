/** Exit 3 means that something is new: what was told is no news, and what a night could not tell the next one tells. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { pastGuards } from './setup/database.ts';
import { killFrozenAt } from './setup/killed.ts';

let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

it('a brake whose night failed at its end is told by the next, once', async () => {
  for (let i = 0; i < 40; i++) council.register.child(`CF-${i}`);
  await council.night('2026-11-22');
  const reports = path.join(council.folder, 'home', 'reports');
  await rename(reports, `${reports} away`);
  await writeFile(reports, 'in the way');
  for (let i = 0; i < 20; i++) council.register.files.delete(`CF-${i}`);
  await council.writeExtract();
  expect((await nightly('2026-11-23')).exitCode).toBe(1);
  await rm(reports);
  await rename(`${reports} away`, reports);
  const told = await nightly('2026-11-24');
  expect([told.exitCode, told.stdout]).toEqual([3, expect.stringContaining('Needs a person: The brake "extract" is on')]);
  const after = await nightly('2026-11-25');
  expect([after.exitCode, after.stdout]).toEqual([0, expect.stringContaining('Stopped: The brake "extract" is on')]);
});

it('a source that cannot be removed is told on the first night and when the reason changes; in between the line stays and the exit is 0', async () => {
  council.register.child('CF-1');
  await council.document('CF-1', 'letter.txt');
  await council.night('2026-11-22');
  await council.approveAndSign(1, '2026-11-22');
  await killFrozenAt(council, ['archive', '--as-of', '2026-11-30'], ['lock table documents in row exclusive mode']);
  const bag = path.join(council.archive, 'CF-1.zip');
  await writeFile(bag, (await readFile(bag)).subarray(0, 300));
  council.register.files.delete('CF-1');
  council.register.documents.length = 0;
  await council.writeExtract();
  const line = /Needs a person: 1 source documents of archived files could not be removed/;
  for (const [day, exitCode] of [
    ['2026-12-01', 3],
    ['2026-12-02', 0],
    ['2026-12-03', 0],
  ] as const) {
    const night = await nightly(day);
    expect([day, night.exitCode, night.stdout]).toEqual([day, exitCode, expect.stringMatching(line)]);
  }
  await rm(bag);
  const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf: '2026-12-04' });
  expect([night.exitCode, night.json()]).toMatchObject([3, { attention: [expect.stringContaining('could not be removed')], known: [] }]);
  expect((await council.retention('archive --json', { asOf: '2026-12-05' })).json<NightResult>().attention).toEqual([]);
});

it('a night that was killed is told by the next that ends, as is an audit that is not whole: each once', async () => {
  council.register.child('CF-1');
  await council.writeExtract();
  await council.night('2026-11-22');
  await council.db('runs').insert({ kind: 'nightly', as_of: '2026-11-23' });
  await pastGuards(council.db, 'audit_events', (trx) => trx('audit_events').where({ seq: 1 }).update({ details: '{"changed":true}' }));
  const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf: '2026-11-24' });
  expect([night.exitCode, night.json()]).toMatchObject([
    3,
    { attention: [expect.stringContaining('interrupted before they could tell'), expect.stringContaining('The audit is not whole')] },
  ]);
  expect((await nightly('2026-11-25')).exitCode).toBe(0);
});

function nightly(asOf: string): ReturnType<Council['retention']> {
  return council.retention(['nightly', '--import', council.extract], { asOf });
}
