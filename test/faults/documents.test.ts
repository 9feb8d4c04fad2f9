/** Documents removed, altered, replaced or closed off after they were listed: the file fails, untouched, until they are put back. */
import { chmod, lstat, mkdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { measureDocument } from '../../db/documentRoot.ts';
import type { Council } from '../setup/commands.ts';
import { frozenAt } from '../setup/killed.ts';
import { times } from '../setup/tally.ts';
import { eveOfTheNight, harmOf, nightly, ref, Tries, WITHDRAWN, type Eve } from '../setup/undisturbed.ts';

const NEXT_NIGHT = '2026-12-01';
const asRoot = process.getuid?.() === 0;
const councils: Council[] = [];

afterEach(() => Promise.all(councils.splice(0).map((council) => council.close())));

interface Deed {
  what: string;
  /** Does it to the document, and returns how to undo it. */
  does: (file: string) => Promise<() => Promise<void>>;
}

const DEEDS: Deed[] = [
  { what: 'removed', does: setAside },
  { what: 'altered, its size and time the same', does: (file) => rewritten(file, (was) => Buffer.alloc(was.length, 255)) },
  { what: 'altered by one byte', does: (file) => rewritten(file, (was) => Buffer.concat([was.subarray(0, -1), Buffer.from([77])])) },
  { what: 'grown', does: (file) => rewritten(file, (was) => Buffer.concat([was, Buffer.from('more')])) },
  { what: 'truncated', does: (file) => rewritten(file, (was) => was.subarray(0, 100)) },
  { what: 'emptied', does: (file) => rewritten(file, () => Buffer.alloc(0)) },
  { what: 'replaced by a folder', does: (file) => replaced(file, () => mkdir(file)) },
  { what: 'replaced by a link out of the root', does: (file) => replaced(file, () => symlink('/etc/hostname', file)) },
  { what: 'gone with its whole folder', does: (file) => setAside(path.dirname(file)) },
  // Nothing is closed to root.
  asRoot
    ? { what: 'replaced by a link to itself', does: (file) => replaced(file, () => symlink(file, file)) }
    : { what: 'closed to the account', does: closed },
];

describe('documents changed', () => {
  it(
    'between listing and archiving fail their file, and are archived the night after they are put back',
    { timeout: 600_000 },
    async () => {
      const eve = await anEve(DEEDS.length + WITHDRAWN + 2);
      const { council } = eve;
      const tries = new Tries('documents removed or altered between listing and archiving');
      const undo = await Promise.all(DEEDS.map(({ does }, i) => does(documentOf(council, i))));
      expect(await council.retention(nightly(council))).toMatchObject({ exitCode: 3 });
      for (const [i, { what }] of DEEDS.entries()) await expectFailed(council, ref(i), what);
      for (const each of undo) await each();
      for (const i of DEEDS.keys()) {
        await expectUntouched(eve, ref(i));
        await tries.check(eve);
      }
      await council.night(NEXT_NIGHT);
      await tries.check(eve);
      await expectAllArchived(eve);
      tries.tell();
    },
  );

  it('between the early re-check and packing do too', { timeout: 900_000 }, async () => {
    const tries = new Tries('documents removed or altered between the early re-check and packing');
    for (const { what, does } of DEEDS.slice(0, times(1, DEEDS.length))) {
      const eve = await anEve(WITHDRAWN + 2);
      const { council } = eve;
      const { started, thaw } = await frozenAt(council, nightly(council), ['lock table bags in share mode']);
      const undo = await does(documentOf(council, 0));
      await thaw();
      expect(await started.exit, what).toMatchObject({ exitCode: 3 });
      await expectFailed(council, ref(0), what);
      await undo();
      await expectUntouched(eve, ref(0));
      await tries.check(eve);
      await council.night(NEXT_NIGHT);
      await expectAllArchived(eve);
    }
    tries.tell();
  });
});

async function expectFailed(council: Council, fileRef: string, what: string): Promise<void> {
  expect(await council.itemOf(fileRef), what).toMatchObject({
    status: 'failed',
    status_reason: expect.stringMatching(/document/i) as string,
  });
  expect(await council.bags(), what).not.toContain(`${fileRef}.zip`);
}

/** Every document of the file lies there as it was signed. */
async function expectUntouched({ council, originals }: Eve, fileRef: string): Promise<void> {
  for (const [name, sha256] of originals) {
    if (name.startsWith(`${fileRef}/`)) expect(await measureDocument(council.documentRoot, name)).toMatchObject({ sha256 });
  }
}

async function expectAllArchived(eve: Eve): Promise<void> {
  expect(await eve.council.db('residual_records').orderBy('file_ref').pluck('file_ref')).toEqual(eve.archivable);
  expect(await harmOf(eve)).toEqual({ lost: [], early: [], twice: [], leaked: [] });
}

async function anEve(files: number): Promise<Eve> {
  const eve = await eveOfTheNight(files);
  councils.push(eve.council);
  return eve;
}

function documentOf(council: Council, i: number): string {
  return path.join(council.documentRoot, ref(i), 'page 1.bin');
}

async function setAside(file: string): Promise<() => Promise<void>> {
  await rename(file, `${file}.aside`);
  return () => rename(`${file}.aside`, file);
}

/** Other bytes, and the time of the document as it was: neither its size nor its time must be trusted. */
async function rewritten(file: string, change: (was: Buffer) => Buffer): Promise<() => Promise<void>> {
  const [was, { atime, mtime }] = await Promise.all([readFile(file), lstat(file)]);
  await writeFile(file, change(was));
  await utimes(file, atime, mtime);
  return () => writeFile(file, was);
}

async function replaced(file: string, by: () => Promise<unknown>): Promise<() => Promise<void>> {
  const was = await readFile(file);
  await rm(file);
  await by();
  return async () => {
    await rm(file, { recursive: true });
    await writeFile(file, was);
  };
}

async function closed(file: string): Promise<() => Promise<void>> {
  await chmod(file, 0o000);
  return () => chmod(file, 0o600);
}
