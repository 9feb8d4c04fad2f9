/** Cells that a spreadsheet would run, and paths that lead out of the document root, from the extract to the report and the bag. */
import { lstat, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rehearsal, type Council } from '../setup/commands.ts';
import { approveOnly, nightOf } from '../setup/hostileNights.ts';
import { FORMULAS, OUTSIDE, PATHS, runnableCells } from '../setup/hostileWords.ts';
import { filesUnder, OutsideRoots } from '../setup/outsideRoots.ts';
import { tally } from '../setup/tally.ts';

const listed = '2026-11-22';
const archived = '2026-11-30';
const later = '2026-12-10';
const LONGEST = 5 * 60 * 1000;

let council: Council;

beforeEach(async () => {
  council = await rehearsal({ LIST_SIZE: '5000', OPEN_ITEMS: '5000' });
});

afterEach(() => council.close());

it('no cell of any file that is written runs in a spreadsheet, wherever a formula came from', { timeout: LONGEST }, async () => {
  const { register } = council;
  FORMULAS.forEach((formula, i) => {
    register.child(formula, { location: formula }, { name: formula });
    register.child(`CF-${i}`, { medium: formula, family_ref: formula }, { known_to_adult_services: formula });
    register.documents.push({ file_ref: `CF-${i}`, path: formula, sha256: formula });
  });
  await nightOf(council, listed);
  const gone = ['+44 20 7946 0000', '-2+3', '@', '@SUM(A1:A9)', '＝1+1'];
  await approveOnly(council, 1, gone, listed);
  await nightOf(council, archived);
  await nightOf(council, later);

  const determinations = path.join(council.folder, 'home', 'determinations.csv');
  await council.done(['determinations', '--out', determinations]);
  const holds = path.join(council.folder, 'home', 'holds.csv');
  const rows = FORMULAS.map((formula) => [formula, `file:${formula}`, formula, formula]);
  await writeFile(holds, stringify([['kind', 'scope', 'authority', 'review_on'], ...rows]));
  expect((await council.retention(['hold', 'import', holds], { asOf: later, as: 'm.jones' })).exitCode).not.toBe(0);
  await rm(holds);

  const written = (await filesUnder(path.join(council.folder, 'home'))).filter((file) => file.endsWith('.csv'));
  const names = new Set(written.map((file) => path.basename(file)));
  for (const name of ['determinations.csv', 'rejects.csv', 'removals.csv', 'retention-report.csv', 'list-1.csv', 'holds.rejects.csv'])
    expect([...names]).toContain(name);
  const cells = await Promise.all(written.map(async (file) => runnableCells(await readFile(file, 'utf8'))));
  expect(cells.flat()).toEqual([]);
  // Inert is not gone: whoever reads it still knows which file it is.
  const all = parse(await readFile(determinations, 'utf8'), {}).map(([ref]) => ref);
  for (const ref of ["'=cmd|' /C calc'!A0", "'-", "'＋1"]) expect(all).toContain(ref);
  const removals = parse(await readFile(path.join(council.folder, 'home', 'reports', later, 'removals.csv'), 'utf8'), {});
  expect(removals.map(([ref]) => ref)).toEqual(['file_ref', ...gone.map((ref) => `'${ref}`)]);
  tally({
    what: 'formulas in cells: files that run one',
    tried: FORMULAS.length * 9,
    leaked: cells.flat().length,
  });
});

it(
  'no document is read, packed or removed outside the document root, though its link is swapped after it was listed',
  { timeout: LONGEST },
  async () => {
    const outside = await OutsideRoots.beside(council);
    const { register, documentRoot } = council;
    const paths = PATHS.map((wanted) => wanted.replace(OUTSIDE, outside.folder));
    paths.forEach((wanted, i) => register.child(`CF-${i}`).documents.push({ file_ref: `CF-${i}`, path: wanted, sha256: '' }));
    // Listed as they should be; then links take their place, to files outside with the very same bytes.
    const same = await readFile(path.join(outside.folder, 'canary.txt'));
    for (const ref of ['swapped file', 'swapped folder', 'untouched']) {
      register.child(ref);
      await council.document(ref, `${ref}/canary.txt`, same);
    }
    await outside.forget();
    await nightOf(council, listed);
    expect(await outside.touched()).toEqual([]);

    for (const { id } of await council.lists('for_decision')) {
      const files = (await council.show(id)).items.map((item) => item.file_ref);
      await approveOnly(council, id, files, listed);
    }
    await rm(path.join(documentRoot, 'swapped file', 'canary.txt'));
    await symlink(path.join(outside.folder, 'canary.txt'), path.join(documentRoot, 'swapped file', 'canary.txt'));
    await rename(path.join(documentRoot, 'swapped folder'), path.join(documentRoot, 'was there'));
    await symlink(outside.folder, path.join(documentRoot, 'swapped folder'));
    const night = await nightOf(council, archived);
    expect(night.steps['archive']).toMatchObject({ sources: { failed: 0 } });

    expect(await outside.touched()).toEqual([]);
    const status = new Map((await council.show(1)).items.map((item) => [item.file_ref, item.status]));
    expect([status.get('swapped file'), status.get('swapped folder'), status.get('untouched')]).toEqual(['failed', 'failed', 'archived']);
    const holding = await outside.repeated();
    expect(holding.map((file) => path.basename(file))).toEqual(['untouched.zip']);
    for (const planted of ['out', 'leads out.txt', 'round', 'pipe.txt', 'swapped folder', 'swapped file/canary.txt'])
      await expect(lstat(path.join(documentRoot, planted)), planted).resolves.toBeDefined();
    tally({
      what: 'document paths and links that leave the root',
      tried: paths.length + 2,
      leaked: holding.length - 1,
    });
  },
);
