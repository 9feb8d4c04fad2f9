/** A mistyped or missing setting is never taken for the archive or the document root of a live database. */
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { namesIn, rehearsal, type Ended } from './setup/commands.ts';
import { liveCouncil, liveNight, signedAndDue, type LiveCouncil } from './setup/liveCouncil.ts';

let live: LiveCouncil;

beforeEach(async () => {
  live = await liveCouncil();
  live.council.register.child('CF-1');
});

afterEach(() => live.council.close());

it('a night without ARCHIVE_URL, with a mistyped one or with both settings swapped does nothing, and makes nothing', async () => {
  const { council } = live;
  const letter = await council.document('CF-1', 'letter.txt');
  await signedAndDue(live);
  const copied = path.join(council.folder, 'elsewhere');
  await mkdir(copied);
  for (const settings of [{ ARCHIVE_URL: '' }, { DOCUMENT_ROOT: '' }, { ARCHIVE_URL: `${council.archive}s` }, { ARCHIVE_URL: copied }]) {
    const setting = Object.keys(settings)[0] ?? '';
    await expectRefusal(liveNight(council, settings), new RegExp(`and ${setting} names .*, which does not bear its mark`));
  }
  await expectRefusal(
    liveNight(council, { ARCHIVE_URL: council.documentRoot, DOCUMENT_ROOT: council.archive }),
    /is the archive of this database, and DOCUMENT_ROOT names it/,
  );
  expect([await namesIn(copied), await namesIn(path.join(council.folder, 'home'))]).toEqual([[], ['reports']]);
  await access(letter);

  expect((await liveNight(council)).json()).toMatchObject({ steps: { archive: { archived: 1, sources: { removed: 1 } } } });
});

it('a source that waits to be removed is not taken for gone in a folder that is another', async () => {
  const { council } = live;
  await council.document('CF-1', 'letter.txt');
  await signedAndDue(live);
  await liveNight(council, { ARCHIVING: 'off' });
  await liveNight(council);
  expect(await council.db('source_removals').pluck('outcome')).toEqual(['removed']);
});

it('an archive that moved with its mark is known by it; one without it takes the word of an authoriser or admin, which is kept', async () => {
  const { council, khan } = live;
  await liveNight(council);
  const moved = path.join(council.folder, 'moved');
  await rename(council.archive, moved);
  expect((await liveNight(council, { ARCHIVE_URL: moved })).exitCode).toBe(0);

  const made = path.join(council.folder, 'new');
  const claim = ['roots', 'claim', 'archive', '--reason', 'the old disk failed'];
  await expectRefusal(council.retention(claim, { ARCHIVE_URL: made, ...khan }), /names .*new, which is not there/);
  await mkdir(made);
  await expectRefusal(
    council.retention([...claim.slice(0, 4), ' '], { ARCHIVE_URL: made, ...khan }),
    /Say why this folder is the right one/,
  );
  await council.done(claim, { ARCHIVE_URL: made, ...khan });
  expect((await liveNight(council, { ARCHIVE_URL: made })).exitCode).toBe(0);
  const listed = (await council.done('roots list --json')).json<
    { kind: string; path: string; claimed_by: string | null; reason: string | null }[]
  >();
  expect(listed.map(({ kind, path: folder, claimed_by, reason }) => [kind, folder, claimed_by, reason])).toEqual([
    ['archive', made, 'a.khan', 'the old disk failed'],
    ['archive', moved, null, null],
    ['archive', council.archive, null, null],
    ['documents', council.documentRoot, null, null],
  ]);
  const events = await council.db('audit_events').where('event', 'like', 'root.%').orderBy('seq').select('actor', 'event');
  expect(events.slice(2)).toEqual([
    { actor: 'service', event: 'root.moved' },
    { actor: 'a.khan', event: 'root.claimed' },
  ]);
});

it('a database without a folder yet takes no folder of foreign bags, none beside nothing, and says aloud which it made', async () => {
  const { council, khan } = live;
  await writeFile(path.join(council.archive, 'CF-77.zip'), 'another council’s');
  await expectRefusal(council.retention('compute'), /which holds 1 bags that this database does not know/);
  await council.done(['roots', 'claim', 'archive', '--reason', 'brought over from the old system'], khan);
  await council.done('compute');

  const first = await rehearsal({ RETENTION_REHEARSAL: '' });
  await expectRefusal(
    first.retention('compute', { ARCHIVE_URL: path.join(first.folder, 'no share', 'archive') }),
    /which is not there. Nothing was done/,
  );
  await rm(first.documentRoot, { recursive: true, force: true });
  expect((await first.done('compute')).stderr).toContain(`ARCHIVE_URL names ${first.archive}, which was not there. It was made`);
  await first.close();
});

it('a mark of an earlier release, the id alone, is read as before', async () => {
  const { council } = live;
  await council.done('compute');
  const marks = [council.documentRoot, council.archive].map((root) => path.join(root, '.retention'));
  for (const mark of marks) await writeFile(mark, `${(await readFile(mark, 'utf8')).split('\n')[0]}\n`);
  await council.done('compute');
  for (const mark of marks) expect(await readFile(mark, 'utf8')).toMatch(/\naudit \d+ [0-9a-f]{64}\n$/);
});

async function expectRefusal(command: Promise<Ended>, words: RegExp): Promise<void> {
  const { exitCode, stdout, stderr } = await command;
  expect([exitCode, stderr, stdout]).toEqual([1, expect.stringMatching(words), '']);
}
