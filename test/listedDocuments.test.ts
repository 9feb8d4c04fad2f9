/** What lies under the document root when files are listed: people see what cannot be read, and nothing is decided on an empty folder. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rehearsal, type Council } from './setup/commands.ts';

const listed = '2026-11-22';
let council: Council;

beforeEach(async () => {
  council = await rehearsal({ COOLING_OFF_DAYS: '1' });
});
afterEach(() => council.close());

describe('a document root whose share is away', () => {
  it('stops listing, is told once and by the doctor, and all goes on when it is back', async () => {
    council.register.child('CF-1').child('CF-2');
    for (const file of ['CF-1', 'CF-2']) await council.document(file, `${file}/letter.txt`);
    await rename(council.documentRoot, `${council.documentRoot} away`);
    await mkdir(council.documentRoot);
    const first = await council.night(listed);
    expect([first.stopped, first.attention]).toEqual([[expect.stringContaining('DOCUMENT_ROOT')], first.stopped]);
    const second = await council.night('2026-11-23');
    expect([second.stopped, second.attention]).toEqual([first.stopped, []]);
    expect((await council.retention('doctor')).stdout).toMatch(/fault +folders: Of 2 documents of due files looked for/);
    expect(await council.lists()).toEqual([]);
    await rm(council.documentRoot, { recursive: true });
    await rename(`${council.documentRoot} away`, council.documentRoot);
    expect(await council.night('2026-11-24')).toMatchObject({ stopped: [], steps: { list: { listed: 2 } } });
  });

  it('is not one where something is there', async () => {
    council.register.child('CF-1');
    for (const name of ['a', 'b', 'c']) await council.document('CF-1', `CF-1/${name}.txt`);
    for (const name of ['a', 'b']) await rm(path.join(council.documentRoot, `CF-1/${name}.txt`));
    council.register.child('CF-2');
    council.register.child('CF-3', { medium: '' });
    expect(await council.night(listed)).toMatchObject({ stopped: [], steps: { list: { listed: 3 } } });
    expect((await council.show(1)).items.map((item) => item.cautions)).toEqual([['document_unread'], ['no_documents'], ['no_documents']]);
    expect((await council.done('show 1')).stdout).toMatch(/document_unread \(documents 1, 2 of 3\)/);
    expect((await council.explain('CF-1')).cautions).toEqual([]);
    await council.refused('decide 1 --approve --all', { as: 'm.jones', asOf: listed }, 'cautions_open', /CF-1/);
    await council.approveAndSign(1, listed);
    await council.night('2026-11-24');
    expect(await council.itemOf('CF-1')).toMatchObject({
      status: 'failed',
      status_reason: expect.stringMatching(/^When the file was listed documents 1, 2 of 3 could not be read/) as string,
    });
    expect(await council.bags()).toEqual(['CF-2.zip', 'CF-3.zip']);
  });
});

it('a document altered for good is measured anew when its file is listed anew, and archived as it is now', async () => {
  council.register.child('CF-1');
  const letter = await council.document('CF-1', 'CF-1/letter.txt', 'as listed');
  await council.night(listed);
  await writeFile(letter, 'corrected for good');
  await council.approveAndSign(1, listed);
  await council.night('2026-11-24');
  expect(await council.itemOf('CF-1')).toMatchObject({
    list: 1,
    status: 'failed',
    status_reason: expect.stringContaining('was altered') as string,
  });
  await council.done(['withdraw', '1', '--files', 'CF-1', '--reason', 'corrected by its worker'], { asOf: '2026-11-24', as: 'm.jones' });
  await council.done('list', { asOf: '2026-11-24' });
  await council.approveAndSign(2, '2026-11-24');
  expect(await council.night('2026-11-26')).toMatchObject({ steps: { archive: { archived: 1, sources: { removed: 1 } } } });
});

it('archiving by itself after an import says what listing says: compute first', async () => {
  council.register.child('CF-1').child('CF-2');
  await council.night(listed);
  await council.approveAndSign(1, listed);
  council.register.change('CF-2-P', { date_of_birth: '2004-01-02' });
  await council.writeExtract();
  await council.retention(['import', council.extract], { asOf: '2026-11-24' });
  const archived = await council.retention('archive', { asOf: '2026-11-24' });
  expect([archived.exitCode, archived.stdout]).toEqual([3, expect.stringMatching(/run "retention compute" and "retention recheck" first/)]);
  expect((await council.retention('brake list --json')).json()).toEqual([]);
  expect(await council.bags()).toEqual([]);
  await council.done('compute', { asOf: '2026-11-24' });
  await council.done('recheck', { asOf: '2026-11-24' });
  await council.done('archive', { asOf: '2026-11-24' });
  expect(await council.bags()).toEqual(['CF-1.zip']);
});
