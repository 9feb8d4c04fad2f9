/** Files whose bag waits for paper or a receipt: looked at every night like any other, and what alters nothing that was signed lets them wait on. */
import { createHash } from 'node:crypto';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const listed = '2026-11-22';
const bagged = '2026-11-30';
const changed = '2026-12-01';
const later = '2026-12-14';
const adopted = '2026-12-15';
const SHIPPED = fileURLToPath(new URL('../rules/schedules/recording-policy-2023-06-09.yaml', import.meta.url));
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

it(
  'waits on where nothing that was signed was altered, and is taken off, with the reason and a person told, where anything was',
  { timeout: 240_000 },
  async () => {
    const waits = ['SIBLING', 'REVIEW', 'HASH', 'AWAY', 'ROW', 'HELD', 'BYTES', 'GONE'];
    const ends: Record<string, RegExp> = {
      RISK: /it has no date any more: permanent/,
      CATEGORY: /it is kept longer now/,
      DEATH: /facts or documents changed.*date_of_death/,
      FAMILY: /facts or documents changed.*family_ref/,
      MEDIUM: /facts or documents changed.*medium/,
      ORIGINALS: /facts or documents changed.*originals_held/,
      'NEW-SIBLING': /caution that nobody acknowledged: sibling live/,
      LATE: /a document came to it/,
      MOVED: /a document came to it/,
      'NEW-HASH': /a document of its bag was replaced/,
    };
    for (const ref of [...waits, ...Object.keys(ends)]) {
      council.register.child(ref, { medium: 'both' });
      await council.document(ref, `${ref}.txt`, ref);
    }
    council.register.change('SIBLING', { family_ref: 'FAM-S' }).child('S', { family_ref: 'FAM-S' }, { date_of_birth: '2001-12-10' });
    council.register.change('REVIEW', { categories: 'safeguarding_unit', opened_on: '1975-01-01', closed_on: '1980-01-01' });
    council.register.change('REVIEW-P', { date_of_birth: '1970-01-02' });
    council.register.change('ORIGINALS', { originals_held: 'yes' }).change('FAMILY', { family_ref: 'FAM-1' });
    council.register.change('NEW-SIBLING', { family_ref: 'FAM-N' });
    await council.night(listed);
    for (const { id } of await council.lists()) await council.approveAndSign(id, listed);
    await council.night(bagged);
    const { list } = await council.itemOf('MOVED');
    expect((await council.done('waiting --json')).json<unknown[]>()).toHaveLength(waits.length + Object.keys(ends).length);

    await council.done('review done REVIEW --note seen', { asOf: changed, as: 'm.jones' });
    await council.done(['hold', 'add', '--kind', 'police', '--scope', 'file:HELD', '--authority', 'x', '--review-on', '2027-05-01'], {
      asOf: changed,
      as: 'm.jones',
    });
    council.register
      .change('RISK-P', { poses_risk_to_children: 'yes' })
      .change('CATEGORY', { categories: 'child_in_need;privately_fostered_child' });
    council.register.change('DEATH-P', { date_of_death: '2026-11-29' }).change('FAMILY', { family_ref: 'FAM-2' });
    council.register.change('MEDIUM', { medium: 'electronic' }).change('ORIGINALS', { originals_held: 'no' });
    council.register.child('N', { family_ref: 'FAM-N', closed_on: '' });
    await council.document('LATE', 'late.txt');
    await rm(path.join(council.documentRoot, 'MOVED.txt'));
    withoutDocumentOf('MOVED');
    await council.document('MOVED', 'elsewhere/MOVED.txt', 'MOVED');
    gives('HASH', sha256('HASH'));
    gives('NEW-HASH', sha256('as a worker corrected it'));
    const [row, away] = [withoutDocumentOf('ROW'), withoutDocumentOf('AWAY')];
    const file = council.register.files.get('AWAY');
    council.register.files.delete('AWAY');
    const night = await council.night(changed);
    expect(night.attention).toEqual(
      expect.arrayContaining([expect.stringMatching(/^10 files that waited .*RISK \(list \d+\): it has no date any more: permanent/)]),
    );
    const { withdrawals } = night.steps['recheck'] as { withdrawals: { fileRef: string; reason: string }[] };
    expect(Object.fromEntries(withdrawals.map(({ fileRef, reason }) => [fileRef, reason]))).toEqual(
      Object.fromEntries(Object.entries(ends).map(([ref, words]) => [ref, expect.stringMatching(words) as unknown])),
    );
    expect(night.steps['archive']).toMatchObject({ bags: { cleared: 9, kept: 1 } });
    await approveAlone('MOVED', changed);
    await refusedToEnd('ROW', changed, /a document of its bag is not in the extract.*Record it again when that is over/s);
    await refusedToEnd('AWAY', changed, /it is blocked now: not in extract.*Record it again when that is over/s);

    // All of it back as it was; meanwhile the sibling's file falls due, and a version that says the same comes into force.
    council.register.documents.push(row, away);
    council.register.files.set('AWAY', file ?? {});
    expect((await council.night(later)).steps['recheck']).toMatchObject({ withdrawn: 0 });
    // The bag that holds the document where it lay gave up its place, and the file is bagged anew.
    expect(await council.itemOf('MOVED')).toMatchObject({ status: 'waiting_for_paper' });
    for (const bag of [`kept/list-${list}/MOVED.zip`, 'MOVED.zip'])
      await expect(access(path.join(council.archive, bag))).resolves.toBeUndefined();
    await adopt((text) => text.replace("version: '2023-06-09'", "version: '2026-12'"));
    await refusedToEnd('SIBLING', adopted, /since the last compute/);
    expect((await council.done('brake list --json')).json()).toEqual([]);
    const { withdrawals: others } = (await council.night(adopted)).steps['recheck'] as { withdrawals: { waited?: true }[] };
    expect(others.filter(({ waited }) => waited)).toEqual([]);

    await rm(path.join(council.documentRoot, 'GONE.txt'));
    for (const ref of ['SIBLING', 'REVIEW', 'HASH', 'AWAY', 'ROW', 'GONE', 'MOVED'])
      await council.done(paperDone(ref), { asOf: adopted, as: 'm.jones' });
    await refusedToEnd('HELD', adopted, /it is blocked now: hold.*Record it again when that is over/s);
    await writeFile(path.join(council.documentRoot, 'BYTES.txt'), 'bytes');
    const altered = await council.retention(paperDone('BYTES'), { asOf: adopted, as: 'm.jones' });
    expect([altered.exitCode, altered.stdout]).toEqual([
      1,
      expect.stringMatching(new RegExp(`came off list ${list}: a document of it was altered`)),
    ]);
    expect((await council.show(list)).items.find(({ file_ref }) => file_ref === 'BYTES')).toMatchObject({ status: 'withdrawn' });
    await expect(access(path.join(council.documentRoot, 'BYTES.txt'))).resolves.toBeUndefined();
    expect(await council.db('residual_records').pluck('file_ref').orderBy('file_ref')).toEqual([
      'AWAY',
      'GONE',
      'HASH',
      'MOVED',
      'REVIEW',
      'ROW',
      'SIBLING',
    ]);
    // What was signed stays as it was signed, whatever version is in force by now.
    const { records } = await verifyBag(openArchiveStore(council.archive), 'ROW.zip');
    expect([records['determination'], records['sign-off']]).toMatchObject([
      { schedule_version: '2023-06-09' },
      { item: { documents: [{ size: 3 }] } },
    ]);
    await council.night('2026-12-16');
    expect((await council.explain('BYTES', '2026-12-16')).blocks).toEqual([]);
    await council.expectAccounted();
  },
);

it(
  'is taken off where the version in force has another clause for it, and no brake goes on before the night has determined it',
  { timeout: 120_000 },
  async () => {
    const inCare = { categories: 'child_in_care', opened_on: '1950-01-01', closed_on: '1960-01-01' };
    council.register
      .child('CF-1', inCare, { date_of_birth: '1945-03-04', known_to_adult_services: 'yes' })
      .child('CF-2', { medium: 'paper' });
    await council.document('CF-1', 'CF-1.txt');
    await council.night(listed);
    for (const { id } of await council.lists()) await council.approveAndSign(id, listed);
    await council.night(bagged);
    // Nor does the database let go of what a bag holds, or of its place, while its file waits for it.
    await expect(council.db('bag_documents').delete()).rejects.toThrow(/never changed or forgotten/);
    await expect(council.db('bags').update({ state: 'kept' })).rejects.toThrow(/not cleared or put aside while its file waits/);
    await adopt((text) =>
      text.replace("version: '2023-06-09'", "version: '2026-12'").replace('75 years after DOB', '75 years from the day of birth'),
    );
    const receipt = ['transfer', 'received', 'CF-1', '--as-file', 'AS-77'];
    await council.refused(receipt, { asOf: adopted, as: 'm.jones' }, 'compute_first', /run "retention compute"/);
    expect((await council.done('brake list --json')).json()).toEqual([]);
    const night = await council.night(adopted);
    expect(night.steps['recheck']).toMatchObject({
      withdrawals: [{ fileRef: 'CF-1', reason: 'version 2026-12 of the schedule words its clause otherwise', waited: true }],
    });
    await council.done(paperDone('CF-2'), { asOf: adopted, as: 'm.jones' });
    expect((await council.show((await council.itemOf('CF-1')).list)).state).toBe('for_decision');
  },
);

function gives(fileRef: string, digest: string): void {
  const rows = council.register.documents;
  const at = rows.findIndex((row) => row['file_ref'] === fileRef);
  rows[at] = { ...rows[at], sha256: digest };
}

function withoutDocumentOf(fileRef: string): Record<string, string> {
  const rows = council.register.documents;
  const [row] = rows.splice(
    rows.findIndex((one) => one['file_ref'] === fileRef),
    1,
  );
  return row ?? {};
}

/** Of what is undecided on the list of the file, it alone is approved. */
async function approveAlone(fileRef: string, asOf: string): Promise<void> {
  const { list } = await council.itemOf(fileRef);
  const rest = (await council.show(list)).items.filter((item) => item.file_ref !== fileRef && item.status === 'pending');
  const keep = ['decide', String(list), '--keep-until', '2027-05-01', '--reason', 'person_asked', '--files'];
  await council.done([...keep, ...rest.map((item) => item.file_ref)], { asOf, as: 'm.jones' });
  await council.approveAndSign(list, asOf);
}

function paperDone(fileRef: string): string[] {
  return ['paper', 'done', fileRef, '--moved-to', 'county record office, box 1'];
}

async function refusedToEnd(fileRef: string, asOf: string, words: RegExp): Promise<void> {
  const refused = await council.retention(paperDone(fileRef), { asOf, as: 'm.jones' });
  expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringMatching(words)]);
}

/** As the owner of the tables, which installs the guards of the version. */
async function adopt(change: (text: string) => string): Promise<void> {
  const draft = path.join(council.folder, 'draft.yaml');
  await writeFile(draft, change(await readFile(SHIPPED, 'utf8')));
  await council.done(['schedule', 'adopt', draft, '--from', adopted], { asOf: later, as: 'm.jones', DATABASE_OWNER_URL: council.ownerUrl });
  await council.done('migrate', { DATABASE_OWNER_URL: council.ownerUrl });
}
