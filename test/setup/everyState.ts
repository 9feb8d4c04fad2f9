/** A rehearsal in which every state a page can show exists: the sample council, decided, signed, archived, held and braked in parts. */
import { tripBrake } from '../../db/brakes.ts';
import { writeCouncil, writeNextExtract } from '../../jobs/demo/council.ts';
import { addDays } from '../../rules/dates.ts';
import path from 'node:path';
import { expect } from 'vitest';
import { rehearsal, type Council } from './commands.ts';

/** Makes it, as it is on the ninth day. */
export async function everyState(): Promise<Council> {
  const council = await rehearsal({ LIST_SIZE: '60' });
  const first = council.today;
  const invented = await writeCouncil(council.extract, council.documentRoot, { asOf: first, files: 250 });
  await nightly(council, council.extract, first);
  const waiting = await council.lists('for_decision');
  const list = (rule: string) => waiting.find((one) => one.rule === rule)?.id ?? expect.fail(`The sample council has no list of ${rule}.`);
  // Of these some files wait for paper, some for a receipt, and one list is done.
  const signedFirst = waiting.filter(({ rule }) => ['child-in-need', 'privately-fostered-child', 'missing-person'].includes(rule));
  for (const { id } of signedFirst) await council.approveAndSign(id, first);
  await keepOne(council, list('safeguarding-unit'));
  await council.done(['cancel', String(list('child-in-care')), '--reason', 'Listed by a rule that is under review'], { as: 'm.jones' });
  await holds(council);
  const later = addDays(first, 8);
  await writeNextExtract(council.extract, path.join(council.folder, 'next'), { asOf: later, edits: invented.edits });
  await nightly(council, path.join(council.folder, 'next'), later);
  council.today = later;
  await council.approveAndSign(list('foster-carer'), later);
  await approve(council, list('adopters'));
  const archived = await council.db('residual_records').orderBy('file_ref').first<{ file_ref: string }>('file_ref');
  const comesBack = ['restore', archived.file_ref, '--keep-until', '2030-03-31', '--reason', 'Asked for by whom it is about'];
  await council.done(comesBack, { as: 'a.khan', asOf: later });
  await council.done('users add r.patel --role compliance');
  await tripBrake(council.db, 'volume', { newly_due: 4120, predicted: 31, allowed: 50, files: 52_000 }, { asOf: later, runId: null });
  return council;
}

async function nightly(council: Council, extract: string, asOf: string): Promise<void> {
  const night = await council.retention(['nightly', '--import', extract, '--json'], { asOf });
  expect([0, 3], night.stderr).toContain(night.exitCode);
}

async function approve(council: Council, list: number): Promise<void> {
  const files = (await council.show(list)).items.filter((item) => item.status === 'pending').map((item) => item.file_ref);
  await council.done(['decide', String(list), '--approve', '--acknowledge-cautions', '--files', ...files], { as: 'm.jones' });
}

async function keepOne(council: Council, list: number): Promise<void> {
  const file = (await council.show(list)).items[0]?.file_ref ?? '';
  const why = ['--keep-until', '2030-03-31', '--reason', 'other', '--note', 'Asked for by the county archive'];
  await council.done(['decide', String(list), ...why, '--files', file], { as: 'm.jones' });
}

async function holds(council: Council): Promise<void> {
  const review = ['--authority', 'Letter of 3 October 2026', '--review-on', '2026-11-25'];
  for (const scope of ['category:adoption', 'everything'])
    await council.done(['hold', 'add', '--kind', 'inquiry', '--scope', scope, ...review], { as: 'm.jones' });
  await council.done(['hold', 'release', '2', '--reason', 'The inquiry has ended'], { as: 'm.jones' });
  await council.done(['hold', 'release', '2', '--confirm'], { as: 'a.khan' });
  await council.done(['hold', 'add', '--kind', 'police', '--scope', 'category:financial', ...review], { as: 'm.jones' });
  await council.done(['hold', 'release', '3', '--reason', 'The police have finished'], { as: 'm.jones' });
}
