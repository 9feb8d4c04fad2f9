/** Disks that are full or read-only, real ones: the night stops with what to do, and the next one ends as if nothing had been. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { Connection, EmbeddedServer } from '../../db/embedded.ts';
import { OWNER } from '../../db/embeddedCluster.ts';
import { until, type Council, type Ended } from '../setup/commands.ts';
import { noticed } from '../setup/killed.ts';
import { ownServer, type OwnServer } from '../setup/ownServer.ts';
import { canMount, limitedFiles, smallDisk, type MountedDisk, type SmallDisk } from '../setup/smallDisk.ts';
import { times } from '../setup/tally.ts';
import {
  anHourPasses,
  archived,
  endState,
  eveOfTheNight,
  finishTheNight,
  nightly,
  partials,
  Tries,
  undisturbed,
  type Eve,
} from '../setup/undisturbed.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RETENTION = path.join(ROOT, 'jobs', 'retention.mjs');
const HOLDER = path.join(ROOT, 'test', 'fixtures', 'embeddedHolder.mjs');
const FILES = 10;
const mounts = await canMount();
const after: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of after.splice(0).reverse()) await end();
});

describe('the disk of the archive', () => {
  it('is full: nothing is half-visible, and with room again the night ends as an undisturbed one', { timeout: 600_000 }, async () => {
    const eve = await anEve();
    const disk = mounts ? await mounted(eve.council.archive) : limitedFiles(eve.council.archive);
    const tries = new Tries(`the disk of the archive is full (${disk.how})`);
    // Room for no bag, for a part of one, and for a few bags.
    for (const free of [0, 70_000, 300_000, 500_000].slice(0, times(2, 4))) {
      await disk.leave(free);
      const night = await within(eve.council, disk, nightly(eve.council));
      // Where nothing can be mounted a limit on the size of a file stands for the disk, and that is the fault of each file by itself.
      if (mounts)
        expect(night).toMatchObject({
          exitCode: 1,
          stderr: expect.stringMatching(/disk of the archive store .*full.*then run again/i) as string,
        });
      else expect(night.exitCode).toBe(3);
      expect(night.stderr).not.toMatch(/^\s+at /m);
      expect(await partials(disk.outside)).toEqual([]);
      await tries.check(eve, disk.outside);
    }
    await endsAsUndisturbed(eve, disk);
    tries.tell();
  });

  it.runIf(mounts)(
    'is read-only: nothing is archived, and writable again the night ends as an undisturbed one',
    { timeout: 600_000 },
    async () => {
      const eve = await anEve();
      const disk = await mounted(eve.council.archive);
      const tries = new Tries('the archive is read-only');
      for (let i = 0; i < times(1, 3); i++) {
        await disk.readOnly(true);
        const night = await within(eve.council, disk, nightly(eve.council));
        expect(night).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/read-only.*then run again/i) as string });
        expect(await archived(eve.council)).toBe(0);
        await tries.check(eve, disk.outside);
        await disk.readOnly(false);
      }
      await endsAsUndisturbed(eve, disk);
      tries.tell();
    },
  );
});

describe.runIf(mounts)('the disk of the database', () => {
  it('is full, for data and for its journal: with room again the night ends as an undisturbed one', { timeout: 900_000 }, async () => {
    const { eve, disk, server } = await databaseOnSmallDisk();
    const tries = new Tries('the disk of the database is full');
    for (const stop of [fullBeforeTheNight, fullInTheMiddle].slice(0, times(1, 2))) {
      const night = await stop(eve, disk);
      expect([night.exitCode, night.stdout], night.stderr).toEqual([1, '']);
      expect(night.stderr).toMatch(/^retention: .*database.*then run again/im);
      await disk.makeRoom();
      await server.again();
      await noticed(eve.council);
      await tries.check(eve);
    }
    await anHourPasses(eve.council.archive);
    await finishTheNight(eve);
    expect(await endState(eve.council)).toEqual(await undisturbed(FILES));
    tries.tell();
  });
});

async function fullBeforeTheNight({ council }: Eve, disk: SmallDisk): Promise<Ended<number | null>> {
  await disk.leave(0);
  return council.spawn(nightly(council)).exit;
}

/** The server gives up altogether when it can begin no new file of its journal. */
async function fullInTheMiddle({ council }: Eve, disk: SmallDisk): Promise<Ended<number | null>> {
  const { child, exit } = council.spawn(nightly(council));
  await until(async () => (await council.bags()).length >= 2, 'two files are bagged');
  await disk.leave(0);
  await until(
    () =>
      council.db.raw('select pg_switch_wal()').then(
        () => child.exitCode !== null,
        () => true,
      ),
    'the server has given up',
  );
  return exit;
}

async function databaseOnSmallDisk(): Promise<{ eve: Eve; disk: SmallDisk; server: OwnServer }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'retention disk '));
  after.push(() => rm(folder, { recursive: true }));
  const disk = await mounted(path.join(folder, 'home'));
  const server = await ownServer(() => startOn(disk, path.join(folder, 'home')));
  after.push(() => server.close());
  return { disk, server, eve: await eveOfTheNight(FILES, () => Promise.resolve(server.council)) };
}

/** The embedded server, started and held by a process that has the disk mounted. */
async function startOn(disk: SmallDisk, home: string): Promise<Pick<EmbeddedServer, 'connection' | 'owner' | 'release'>> {
  const [file, args] = disk.inside(process.execPath, [HOLDER, home]);
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const connection = JSON.parse(line) as Connection;
  const password = await readFile(path.join(disk.outside, 'postgres', 'cluster', 'password'), 'utf8');
  const release = async () => {
    const ended = child.exitCode === null ? once(child, 'close') : null;
    child.stdin.end();
    await ended;
  };
  return { connection, owner: { ...connection, user: OWNER, password }, release };
}

async function anEve(): Promise<Eve> {
  const eve = await eveOfTheNight(FILES);
  after.push(() => eve.council.close());
  return eve;
}

async function mounted(folder: string): Promise<MountedDisk> {
  const disk = await smallDisk(folder);
  after.push(() => disk.release());
  return disk;
}

async function endsAsUndisturbed(eve: Eve, disk: SmallDisk): Promise<void> {
  await disk.makeRoom();
  await anHourPasses(disk.outside);
  for (let i = 0; i < 2; i++) {
    const night = await within(eve.council, disk, nightly(eve.council));
    expect([0, 3], night.stderr).toContain(night.exitCode);
  }
  expect(await endState(eve.council, disk.outside)).toEqual(await undisturbed(FILES));
}

/** Runs a command as a process that has the disk mounted. */
async function within(
  council: Council,
  disk: SmallDisk,
  argv: string[],
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const [file, args] = disk.inside(process.execPath, [RETENTION, ...argv]);
  const child = spawn(file, args, { cwd: path.parse(council.folder).root, env: { PATH: process.env['PATH'], ...council.env } });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, stdout, stderr };
}
