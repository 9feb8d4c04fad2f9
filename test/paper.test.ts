/** Files on paper: the bag is written, and the file waits until a person says where its paper went. */
import { access } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { contend, freeze, type Frozen } from './setup/frozen.ts';

const listed = '2026-11-22';
const bagged = '2026-11-30';
const later = '2026-12-04';
const place = 'County record office, box 12/881, key with Rose Marlow';

let council: Council;
let scan: string;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('CF-1', { medium: 'both', originals_held: 'yes' }).child('CF-2');
  scan = await council.document('CF-1', 'CF-1/scan.pdf');
  await council.night(listed);
});

afterEach(() => council.close());

describe('paper and electronic, with an original birth certificate', () => {
  it('G23: cautions acknowledged, bag written, waits until a person says where the paper went, then the list is complete', async () => {
    expect((await council.itemOf('CF-1')).cautions).toEqual(expect.arrayContaining(['originals_held', 'paper']));
    await council.refused('decide 1 --approve --all', { asOf: listed, as: 'm.jones' }, 'cautions_open', /CF-1/);
    await council.approveAndSign(1, listed);

    expect((await council.night(bagged)).steps['archive']).toMatchObject({ archived: 1, waiting: 1 });
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
    expect([await council.itemOf('CF-1'), (await council.show(1)).state]).toMatchObject([{ status: 'waiting_for_paper' }, 'in_progress']);
    await expect(access(scan)).resolves.toBeUndefined();
    expect((await council.done('waiting --json')).json()).toMatchObject([{ file_ref: 'CF-1', waits_for: 'paper', since: bagged }]);
    expect((await council.retention('certificate show 1')).stderr).toContain('no certificate: it is in progress');

    const done = await council.done(['paper', 'done', 'CF-1', '--moved-to', place, '--json'], { asOf: later, as: 'm.jones' });
    expect(done.json()).toMatchObject({
      status: 'archived',
      list_state: 'complete',
      sources: { removed: 1 },
      bags: { moved: 0, failed: 0 },
    });
    await expect(access(scan)).rejects.toThrow('ENOENT');
    expect((await council.done('waiting --json')).json()).toEqual([]);
    expect((await council.done('certificate show 1 --json')).json()).toMatchObject({
      certificate: { issued_on: later, expected: 2, actual: { archived: 2 }, documents: { expected: 1, packed: 1 } },
      sources: { removed: 1, waiting: 0 },
    });
    await council.expectAccounted();
  });

  it('keeps where the paper went in a table of its own, and nowhere else', async () => {
    await council.approveAndSign(1, listed);
    await council.night(bagged);
    await council.done(['paper', 'done', 'CF-1', '--moved-to', place], { asOf: later, as: 'm.jones' });
    const tables = await council
      .db('information_schema.tables')
      .where({ table_schema: 'public', table_type: 'BASE TABLE' })
      .pluck<string[]>('table_name');
    const holding: string[] = [];
    for (const table of tables) if (JSON.stringify(await council.db(table)).includes('Rose Marlow')) holding.push(table);
    expect(holding).toEqual(['paper_moves']);
  });

  it('is not archived while a hold covers it, and is when the hold is released', async () => {
    await council.approveAndSign(1, listed);
    await council.night(bagged);
    await council.done(['hold', 'add', ...holdArguments], { asOf: '2026-12-01', as: 'm.jones' });
    await council.refused('paper done CF-1 --moved-to attic', { asOf: later, as: 'm.jones' }, 'not_free', /blocked now: hold/);
    expect(await council.db('paper_moves')).toEqual([]);
    await council.done('hold release 1 --reason over', { asOf: '2026-12-02', as: 'm.jones' });
    await council.done('hold release 1 --confirm', { asOf: '2026-12-02', as: 'c.ward' });
    await council.done('paper done CF-1 --moved-to attic', { asOf: later, as: 'm.jones' });
    expect((await council.show(1)).state).toBe('complete');
  });

  it('needs a place, and a file that waits for its paper', async () => {
    await council.approveAndSign(1, listed);
    await council.refused('paper done CF-1 --moved-to attic', { asOf: later, as: 'm.jones' }, 'not_waiting', /it is approved on list 1/);
    await council.night(bagged);
    await council.refused(['paper', 'done', 'CF-1', '--moved-to', ' '], { asOf: later, as: 'm.jones' }, 'place_missing', /--moved-to/);
    await council.refused('paper done CF-2 --moved-to attic', { asOf: later, as: 'm.jones' }, 'archived', /moved to the archive/);
    expect((await council.retention('paper done CF-1', { asOf: later, as: 'm.jones' })).exitCode).toBe(2);
  });
});

describe('with its bag being packed anew, for its person has another name by now', () => {
  let packing: Frozen;
  beforeEach(async () => {
    await council.approveAndSign(1, listed);
    await council.night(bagged);
    council.register.change('CF-1-P', { name: 'Invented Renamed' });
    await council.night('2026-12-03');
    // Where the row of the bag that is packed now would be written.
    packing = await freeze(council, 'lock table bags in share mode');
  });

  const done = () => contend(council, ['paper', 'done', 'CF-1', '--moved-to', place], { as: 'm.jones', asOf: later, process: false });

  it('lets a hold be placed at once, which stops it, and leaves nothing of the new bag', async () => {
    const moved = done();
    await packing.reached([moved]);
    const hold = contend(council, ['hold', 'add', ...holdArguments], { as: 'c.ward', asOf: later, process: false });
    await packing.reached([moved, hold]);
    expect([hold.ended?.exitCode, moved.ended]).toEqual([0, null]);
    await packing.letGo();
    expect(await moved.exit).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/nothing was recorded: it is blocked now: hold/) as string,
    });
    expect([await council.bags(), await council.db('paper_moves')]).toEqual([['CF-1.zip', 'CF-2.zip'], []]);
  });

  it('packs once more what was recorded meanwhile', async () => {
    const moved = done();
    await packing.reached([moved]);
    await council.done('originals returned CF-1 --to M.Marlow', { asOf: later, as: 'c.ward' });
    await packing.letGo();
    expect((await moved.exit).exitCode).toBe(0);
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
    const { records } = await verifyBag(openArchiveStore(council.archive), 'CF-1.zip');
    expect(JSON.stringify(records['casework'])).toContain('M.Marlow');
  });

  it('waits for compute where an extract came meanwhile', async () => {
    const moved = done();
    await packing.reached([moved]);
    council.register.change('CF-1-P', { name: 'Invented Again' });
    await council.writeExtract();
    await council.done(['import', council.extract], { asOf: later });
    await packing.letGo();
    expect(await moved.exit).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/retention compute/) as string });
    await council.done('compute', { asOf: later });
    expect((await done().exit).exitCode).toBe(0);
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
  });
});

const holdArguments = ['--kind', 'litigation', '--scope', 'everything', '--authority', 'Legal', '--review-on', '2027-05-01'];
