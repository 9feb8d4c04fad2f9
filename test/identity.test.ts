/** A copy of a database, however it was made, lists and archives nothing until a person has said that it is the one that goes on. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { access } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { emptyDatabase, type FreshDatabase } from './setup/database.ts';
import { liveCouncil, liveNight, markIn, signedAndDue, type LiveCouncil } from './setup/liveCouncil.ts';

const run = promisify(execFile);
let copy: FreshDatabase;

beforeEach(async () => {
  copy = await emptyDatabase();
});

afterEach(() => copy.close());

describe('a live database with a signed list', () => {
  let live: LiveCouncil;
  let council: Council;
  let letter: string;

  beforeEach(async () => {
    live = await liveCouncil();
    council = live.council;
    council.register.child('CF-1').child('CF-2');
    letter = await council.document('CF-1', 'letter.txt');
    await signedAndDue(live);
  });

  afterEach(() => council.close());

  it('restored beside itself is stopped by its own knowledge, told once, and never works on the folders of the other', async () => {
    await restoreInto(copy, await dumped(council));
    await council.done('hold add --kind litigation --scope everything --authority Court --review-on 2030-01-01', live.jones);
    const at = { DATABASE_URL: copy.url };
    const night = await liveNight(council, at);
    expect([night.exitCode, night.json()]).toMatchObject([
      3,
      { stopped: [expect.stringMatching(/The brake "restored" is on \(differs: .* on its server, and this one has/)] },
    ]);
    expect((await liveNight(council, at)).exitCode).toBe(0);
    expect(await council.bags()).toEqual([]);
    await access(letter);
    const doctor = await council.retention('doctor', at);
    expect([doctor.exitCode, doctor.stdout]).toEqual([
      1,
      expect.stringMatching(/fault +identity: This database is a copy, or comes from before/),
    ]);
    // The one that is no copy goes on, under its hold.
    expect((await liveNight(council)).json()).toMatchObject({ stopped: [], steps: { archive: { archived: 0 } } });

    await council.done(['brake', 'release', 'restored', '--reason', 'the old server is gone'], { ...at, ...live.khan });
    expect((await liveNight(council, at)).json()).toMatchObject({ stopped: [], steps: { archive: { archived: 2 } } });
    const other = (await liveNight(council)).json<NightResult>();
    expect(other.stopped).toEqual([expect.stringContaining('the database that the archive was last worked on by')]);
    expect(other.attention).toHaveLength(1);
  });

  it('that comes back from before in its own place is known by the end of its audit, which its folders and its report saw', async () => {
    const before = await dumped(council);
    await council.done('hold add --kind litigation --scope everything --authority Court --review-on 2030-01-01', live.jones);
    await restoreOver(council, before);
    expect(await council.db('holds')).toEqual([]);
    const night = await liveNight(council);
    expect([night.exitCode, night.json()]).toMatchObject([
      3,
      { stopped: [expect.stringMatching(/the archive saw \d+ events of the audit, and the last of them is not in this database/)] },
    ]);
    expect(await council.bags()).toEqual([]);
    await access(letter);

    await council.done(['brake', 'release', 'restored', '--reason', 'holds placed again'], live.khan);
    expect((await liveNight(council)).json()).toMatchObject({ stopped: [], steps: { archive: { archived: 2, sources: { removed: 1 } } } });
    expect(await markIn(council.archive)).toEqual([
      expect.stringMatching(/^[0-9a-f-]{36}$/),
      'root archive',
      expect.stringMatching(/^system \d+$/),
      expect.stringMatching(/^database \d+$/),
      expect.stringMatching(/^audit \d+ [0-9a-f]{64}$/),
    ]);
  });

  it('that forgot what it archived removes no source, though the list says so', async () => {
    const before = await dumped(council);
    await liveNight(council);
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
    await restoreOver(council, before);
    expect((await council.retention('archive --json')).json()).toMatchObject({
      steps: {},
      stopped: [expect.stringContaining('"restored"')],
    });
    const recorded = await council.retention(['paper', 'done', 'CF-1', '--moved-to', 'store 4'], live.jones);
    expect([recorded.exitCode, recorded.stderr]).toEqual([1, expect.stringContaining('The brake "restored" is on')]);
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
  });
});

it('a rehearsal knows its copies too, though it marks no folder', async () => {
  const council = await rehearsal();
  council.register.child('CF-1');
  await council.night('2026-11-22');
  await council.approveAndSign(1, '2026-11-22');
  await restoreInto(copy, await dumped(council));
  const at = { DATABASE_URL: copy.url };
  const night = await council.retention(['nightly', '--import', council.extract, '--json'], { ...at, asOf: '2026-11-30' });
  expect([night.exitCode, night.json()]).toMatchObject([3, { stopped: [expect.stringContaining('"restored"')] }]);
  await council.done(['brake', 'release', 'restored', '--reason', 'tried out'], { ...at, as: 'h.grant', asOf: '2026-11-30' });
  await council.done(['nightly', '--import', council.extract], { ...at, asOf: '2026-11-30' });
  expect(await council.bags()).toEqual(['CF-1.zip']);
  await council.close();
});

async function dumped(council: Council): Promise<string> {
  const file = path.join(council.folder, 'dump');
  await run('pg_dump', ['--format=custom', `--file=${file}`, council.ownerUrl]);
  return file;
}

async function restoreInto({ ownerUrl }: FreshDatabase, file: string): Promise<void> {
  await run('pg_restore', [`--dbname=${ownerUrl}`, file]);
}

/** As a point in time does: the same server, the same number, and what came after is gone. */
async function restoreOver(council: Council, file: string): Promise<void> {
  await run('pg_restore', ['--clean', `--dbname=${council.ownerUrl}`, file]);
}
