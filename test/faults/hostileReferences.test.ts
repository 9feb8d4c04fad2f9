/** References that would be something else to a file system, a shell or a database, from the extract to the bag and back. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openArchiveStore } from '../../db/archiveStore.ts';
import { verifyBag } from '../../db/bag.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { approveOnly, nightOf } from '../setup/hostileNights.ts';
import { REFERENCES } from '../setup/hostileWords.ts';
import { fc } from '../setup/seed.ts';
import { tally, times } from '../setup/tally.ts';

const listed = '2026-11-22';
const archived = '2026-11-30';
const later = '2026-12-10';
const LONGEST = 30 * 60 * 1000;

let council: Council;

beforeEach(async () => {
  council = await rehearsal({ LIST_SIZE: '5000', OPEN_ITEMS: '5000' });
});

afterEach(() => council.close());

it(
  'an odd reference names a bag at one level of the archive, and is found, vouched for and brought back by it',
  { timeout: LONGEST },
  async () => {
    const drawn = fc.sample(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), times(10, 2000));
    for (const ref of new Set([...REFERENCES, ...drawn])) {
      council.register.child(ref);
      await council.document(ref, `papers/${council.register.files.size}.txt`, `about ${ref}`);
    }
    const wanted = council.register.files.size;
    const night = await nightOf(council, listed);
    const refs = await council.db('case_files').orderBy('file_ref').pluck<string[]>('file_ref');
    const rejected = await council.db('quarantine').where({ source: 'files.csv' }).countDistinct<{ count: number }[]>('line as count');
    expect(night.steps['import']).toMatchObject({
      rows: { 'files.csv': { read: wanted, added: refs.length, rejected: rejected[0]?.count } },
    });
    expect(refs.length).toBeGreaterThan(REFERENCES.length / 2);

    const due = (await council.show(1)).items.map((item) => item.file_ref);
    await approveOnly(council, 1, due, listed);
    expect((await nightOf(council, archived)).steps['archive']).toMatchObject({
      archived: due.length,
      failed: 0,
      sources: { removed: due.length },
    });
    expect(due.length).toBeGreaterThan(refs.length * 0.9);
    await expectOneLevel(due.length);

    const certificate = path.join(council.folder, 'certificate.json');
    await council.done(['certificate', 'show', '1', '--out', certificate]);
    await council.done(['certificate', 'verify', certificate]);
    const { files } = (JSON.parse(await readFile(certificate, 'utf8')) as { certificate: { files: { file_ref: string }[] } }).certificate;
    expect(files.map((file) => file.file_ref).sort()).toEqual([...due].sort());

    await council.done('users add c.ward --role compliance');
    const found = (await council.done(['find', '--born', '2000-01-02', '--json'], { as: 'c.ward' })).json<FoundFile[]>();
    const bagOf = new Map(found.map((file) => [file.file_ref, file.bag_location]));
    const store = openArchiveStore(council.archive);
    for (const ref of due) expect((await verifyBag(store, bagOf.get(ref) ?? '')).info['External-Identifier'], ref).toBeDefined();

    const back = due.filter((_, i) => i % Math.ceil(due.length / times(6, 60)) === 0);
    for (const ref of [...back, '..', '-rf', '%2e%2e%2f'].filter((one, i, all) => due.includes(one) && all.indexOf(one) === i)) {
      await council.done([
        'restore',
        '--keep-until',
        '2030-01-01',
        '--reason',
        'asked for',
        '--as-of',
        later,
        '--as',
        'm.jones',
        '--',
        ref,
      ]);
      await council.done(['restore', '--confirm', '--as-of', later, '--as', 'a.khan', '--', ref]);
      expect(await council.db('case_files').where({ file_ref: ref }), ref).toHaveLength(1);
      const [document] = await council.db('documents').where({ file_ref: ref }).pluck<string[]>('path');
      const content = await readFile(path.join(council.documentRoot, document ?? ''), 'utf8');
      // What stands around a reference in its cell is none of it.
      expect(content.slice('about '.length).trim(), ref).toBe(ref);
    }
    const unseen = due.filter((ref) => bagOf.get(ref) === undefined).length;
    tally({ what: 'odd file references archived, found and brought back', tried: wanted, lost: unseen });
  },
);

interface FoundFile {
  file_ref: string;
  bag_location: string | undefined;
}

/** Every bag is a plain file right in the archive, under a name that every system takes, and no two share one. */
async function expectOneLevel(bags: number): Promise<void> {
  const entries = await readdir(council.archive, { withFileTypes: true, recursive: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(council.archive, path.join(entry.parentPath, entry.name)));
  expect(names).toHaveLength(bags);
  expect(new Set(names).size).toBe(bags);
  for (const name of names) {
    expect(name).toMatch(/^(?![ .])[!-~][ -~]*[^ .]\.zip$|^[!-~]\.zip$/);
    expect(name).not.toMatch(/[/\\:*?"<>|]|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
  }
  expect(entries.filter((entry) => entry.isSymbolicLink())).toEqual([]);
}
