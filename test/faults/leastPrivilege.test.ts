/** Least privilege: what is made is for its owner's eyes alone, and the embedded server lets nobody else in. */
import { spawnSync } from 'node:child_process';
import { chmod, readdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmbedded, type EmbeddedServer } from '../../db/embedded.ts';
import { writeCouncil } from '../../jobs/demo/council.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { listensOn } from '../setup/processes.ts';
import { lookAt, lookWhile, type Looked } from '../setup/rights.ts';
import { tally } from '../setup/tally.ts';
import { plainClient } from '../setup/plainClient.ts';

const TODAY = '2026-11-22';
const ARCHIVED_ON = '2026-11-30';
const STRANGER = 12_345;
const usual = process.umask(0o022);
process.umask(usual);
const councils: Council[] = [];

afterAll(async () => {
  process.umask(usual);
  for (const council of councils) await council.close();
});

describe.each([
  ['that takes nothing away', 0o000],
  ['that is usual', 0o022],
])('under a umask %s', (_, umask) => {
  it(
    'every file is readable by its owner alone, and every folder open to its owner alone, at any moment',
    { timeout: 120_000 },
    async () => {
      const council = await embedded();
      const looked: Looked = { seen: new Set(), open: new Map() };
      const server = await under(umask, () => startEmbedded(home(council)));
      try {
        const folders = [council.folder, await realpath(path.join(home(council), 'postgres'))];
        await lookWhile(folders, () => everythingThatWrites(council, umask), looked);
      } finally {
        await server.release();
      }
      expect([...looked.open]).toEqual([]);
      const made = [...looked.seen].map((name) => path.relative(council.folder, name)).filter((name) => !name.includes('postgres'));
      for (const expected of EXPECTED) expect(made).toContainEqual(expect.stringMatching(expected));
      report(`least privilege: files and folders of an installation, umask ${octal(umask)}`, looked.seen.size, looked.open.size);
    },
  );

  it('so are the marks of a live database, and the files of the demo', { timeout: 60_000 }, async () => {
    const council = await rehearsal({ RETENTION_REHEARSAL: '' });
    councils.push(council);
    await under(umask, async () => {
      await council.done('lists');
      await council.done('compute');
      await writeCouncil(path.join(council.folder, 'demo'), path.join(council.folder, 'demo documents'), { asOf: TODAY, files: 60 });
    });
    const looked = await lookAt(council.folder);
    expect([...looked.open]).toEqual([]);
    for (const expected of ['documents/.retention', 'archive/.retention', 'demo/people.csv', 'demo/extract.json'])
      expect(looked.seen).toContain(path.join(council.folder, expected));
    report(`least privilege: marks of a live database, files of the demo, umask ${octal(umask)}`, looked.seen.size, looked.open.size);
  });

  it('a file that was open to all is replaced by a closed one, or left as it is', { timeout: 60_000 }, async () => {
    const council = await rehearsal();
    councils.push(council);
    council.register.child('CF-1');
    await council.night(TODAY);
    const reports = path.join(home(council), 'reports', TODAY);
    const replaced = [at(council, 'every file.csv'), ...(await filesIn(reports))];
    await writeFile(at(council, 'every file.csv'), 'old');
    for (const file of replaced) await chmod(file, 0o666);
    await under(umask, async () => {
      await council.done(['determinations', '--out', at(council, 'every file.csv')]);
      await council.done('report', { asOf: TODAY });
    });
    const wide = [];
    for (const file of replaced) if (((await stat(file)).mode & 0o077) !== 0) wide.push(file);
    expect(wide).toEqual([]);

    const refused = [['audit', 'export'], ['backup'], ['certificate', 'show', '1', '--out']];
    let written = 0;
    for (const command of refused) {
      const file = at(council, `${command[0] ?? ''} before`);
      await writeFile(file, 'old', { mode: 0o666 });
      const ended = await under(umask, () => council.retention([...command, file]));
      if (ended.exitCode === 0 || (await readFile(file, 'utf8')) !== 'old') written++;
    }
    report(`least privilege: over files open to all, umask ${octal(umask)}`, replaced.length + refused.length, wide.length + written);
  });
});

describe('what is written to no file', () => {
  it('goes where it was to go: a device and a pipe stay what they are', async () => {
    const council = await rehearsal();
    councils.push(council);
    await council.done('determinations --out /dev/null');
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
    const pipe = at(council, 'pipe');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    const [piped] = await Promise.all([readFile(pipe, 'utf8'), council.done(['determinations', '--out', pipe])]);
    expect(piped).toContain('file_ref,outcome,rule');
    expect((await stat(pipe)).isFIFO()).toBe(true);
  });
});

describe('the embedded server', () => {
  let council: Council;
  let server: EmbeddedServer;
  let cluster: string;
  beforeAll(async () => {
    council = await embedded();
    server = await startEmbedded(home(council));
    cluster = await realpath(path.join(home(council), 'postgres', 'cluster'));
  }, 60_000);
  afterAll(() => server.release());

  it('listens on loopback alone, and on no socket in a folder', async () => {
    const [pid] = (await readFile(path.join(cluster, 'data', 'postmaster.pid'), 'utf8')).split('\n');
    const places = await listensOn(Number(pid));
    expect(places).toEqual([`127.0.0.1:${server.connection.port}`]);
    report('least privilege: places where the embedded server listens', places.length, 0);
  });

  it('lets nobody in without the password, by any name, to any database', async () => {
    const { user, database } = server.connection;
    const passwords = [undefined, '', user, 'postgres', server.connection.password.slice(1), `${server.connection.password} `];
    let [tried, entered] = [0, 0];
    for (const password of passwords) {
      for (const name of [user, 'retention', 'postgres', 'root', 'nobody']) {
        for (const place of [database, 'postgres', 'template1']) {
          tried++;
          if (await entersAs({ ...server.connection, user: name, password, database: place })) entered++;
        }
      }
    }
    report('least privilege: ways in without the password', tried, entered);
    expect(await entersAs(server.connection)).toBe(true);
  });

  it('trusts no line of its own rules', async () => {
    const rules = (await readFile(path.join(cluster, 'data', 'pg_hba.conf'), 'utf8'))
      .split('\n')
      .filter((line) => /^\s*(local|host)/.test(line));
    const lax = rules.filter((line) => !line.trim().endsWith('scram-sha-256'));
    expect(lax).toEqual([]);
    report('least privilege: rules of who may enter', rules.length, lax.length);
  });

  it('keeps its passwords and its data from every other account', async () => {
    const files = (await readdir(cluster)).filter((name) => name.includes('password')).map((name) => path.join(cluster, name));
    const kept = [
      ...files,
      path.join(cluster, 'data', 'PG_VERSION'),
      path.join(cluster, 'data', 'pg_hba.conf'),
      path.join(cluster, '..', 'server.log'),
    ];
    let read = 0;
    for (const file of kept) if (((await stat(file)).mode & 0o077) !== 0 || strangerReads(file)) read++;
    report('least privilege: files of the cluster that another account tries to read', kept.length, read);
  });
});

const EXPECTED = [
  /^home\/reports\/2026-11-22\/retention-report\.html$/,
  /^home\/reports\/2026-11-30\/audit-head\.json$/,
  /^home\/reports\/2026-11-22\/rejects\.csv$/,
  /^home\/reports\/2026-11-22\/lists\/list-1\.csv$/,
  /^home\/backups\/a\.zip$/,
  /^archive\/CF-1\.zip$/,
  /^archive\/\.partial$/,
  /^documents\/CF-1\/page\.txt$/,
  /^reports elsewhere\/lists$/,
  /^every file\.csv$/,
  /^audit\.jsonl$/,
  /^certificate\.json$/,
];

/** Two nights and every command that writes a file; what the test itself arranges is closed already. */
async function everythingThatWrites(council: Council, umask: number): Promise<void> {
  const [asOf, later] = [TODAY, ARCHIVED_ON];
  process.umask(0o077);
  council.register.child('CF-1').child('CF-2').child('CF-3', { closed_on: '31/02/2010' });
  await council.document('CF-1', 'CF-1/page.txt');
  await council.writeExtract();
  const document = path.join(council.documentRoot, 'CF-1', 'page.txt');
  await under(umask, async () => {
    const night = ['nightly', '--import', council.extract];
    expect((await council.retention(night, { asOf })).exitCode).toBe(3);
    await council.approveAndSign(1, asOf);
    expect((await council.retention(night, { asOf: later })).exitCode).toBe(0);
    await expect(stat(document)).rejects.toThrow('ENOENT');
    await council.done(['restore', 'CF-1', '--keep-until', '2027-11-30', '--reason', 'claim'], { asOf: later, as: 'm.jones' });
    await council.done('restore CF-1 --confirm', { asOf: later, as: 'a.khan' });
    await council.done(['backup', path.join(home(council), 'backups', 'a.zip')]);
    await council.done(['report', '--out', at(council, 'reports elsewhere')], { asOf: later });
    await council.done(['determinations', '--out', at(council, 'every file.csv')], { asOf: later });
    await council.done(['audit', 'export', at(council, 'audit.jsonl')]);
    await council.done(['certificate', 'show', '1', '--out', at(council, 'certificate.json')]);
  });
}

/** An installation with the embedded server instead of the tests' own. */
async function embedded(settings: Record<string, string> = {}): Promise<Council> {
  const council = await rehearsal({ DATABASE_URL: '', ...settings });
  councils.push(council);
  return council;
}

async function under<T>(umask: number, work: () => Promise<T>): Promise<T> {
  process.umask(umask);
  try {
    return await work();
  } finally {
    process.umask(usual);
  }
}

type Attempt = Omit<EmbeddedServer['connection'], 'password'> & { password: string | undefined };

async function entersAs({ password, ...connection }: Attempt): Promise<boolean> {
  const client = plainClient({ ...connection, ...(password === undefined ? {} : { password }) });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

/** Only root can try as another account; for everybody else the modes must do. */
function strangerReads(file: string): boolean {
  if (process.getuid?.() !== 0) return false;
  return spawnSync('/bin/cat', [file], { uid: STRANGER, gid: STRANGER }).status === 0;
}

function report(what: string, tried: number, leaked: number): void {
  tally({ what, tried, leaked });
}

function home(council: Council): string {
  return path.join(council.folder, 'home');
}

function at(council: Council, name: string): string {
  return path.join(council.folder, name);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

function octal(umask: number): string {
  return umask.toString(8).padStart(3, '0');
}
