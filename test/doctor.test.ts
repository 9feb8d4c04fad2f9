/** The doctor: silent when all is well, and each thing that can be wrong said with what to do next. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, todayInLondon } from '../jobs/clock.ts';
import type { ServerHealth, ServiceHealth } from '../db/health.ts';
import { clockFindings, safetyFindings, serverFindings, type Finding } from '../jobs/doctor/findings.ts';
import { folderFindings } from '../jobs/doctor/folders.ts';
import { peopleFindings } from '../jobs/doctor/serviceFindings.ts';
import { WAITS } from '../db/waits.ts';
import { addDays } from '../rules/dates.ts';
import { emptyDatabase, pastGuards } from './setup/database.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { remakeBag } from './setup/remadeBag.ts';

/** Clocks are compared, so these rehearsals are played today. */
const TODAY = todayInLondon(systemClock);
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
  council.today = TODAY;
  council.clock = systemClock;
});

afterEach(() => council.close());

describe('an installation', () => {
  it('in which all is well: every line ok, exit 0, and nothing written', async () => {
    await archiveSome();
    const before = await council.db('audit_events').count();
    const result = await council.retention('doctor --bags');
    expect([result.exitCode, result.stdout.split('\n').filter((line) => !line.startsWith('ok'))]).toEqual([
      0,
      ['REHEARSAL: nothing here is the real register.', ''],
    ]);
    expect(result.stdout).toMatch(/ok +both calculations: They agree on a sample of 2 files/);
    expect(result.stdout).toMatch(/ok +bags: 2 bags are read back and verified/);
    expect(await council.db('audit_events').count()).toEqual(before);
  });

  it('reviews, originals and paper that wait, and lists nobody decides on, as home has them', async () => {
    const reviewed = { categories: 'safeguarding_unit', closed_on: '' };
    council.register.child('CF-1', reviewed).child('CF-2', { originals_held: 'yes' }).child('CF-3', { medium: 'paper' });
    council.register.child('CF-4', {}, { date_of_birth: '1999-01-01' });
    const then = addDays(TODAY, -40);
    await council.night(then);
    await council.done('withdraw 1 --files CF-2 CF-4 --reason later', { asOf: then, as: 'm.jones' });
    await council.approveAndSign(1, then);
    await council.night(addDays(TODAY, -31));
    await council.night(TODAY);
    const said = (await council.retention('doctor --json')).json<Finding[]>().filter((finding) => finding.level !== 'ok');
    expect(said.map((finding) => finding.says)).toEqual([
      'Safeguarding Unit reviews that are due: 1.',
      'Files with originals that should be back with the person: 1.',
      'Files that have waited more than 30 days for their paper: 1.',
      'Disposal lists that have been undecided for more than 30 days: 1.',
    ]);
    expect((await council.retention('doctor')).stdout).not.toContain('Nothing waits longer');
  });

  it('that nobody has used yet: made nothing by asking', async () => {
    const empty = await emptyDatabase();
    const result = await council.retention('doctor --json', { DATABASE_URL: empty.url });
    expect([result.exitCode, wrong(result.json())]).toEqual([3, [['migrations', 'warning']]]);
    expect(await empty.db('pg_tables').where({ schemaname: 'public' })).toEqual([]);
    await empty.close();
    const unused = await council.retention('doctor --json');
    expect([unused.exitCode, wrong(unused.json()), await council.db('installation')]).toEqual([3, [['installation', 'warning']], []]);
  });

  it('that cannot be examined: settings or database', async () => {
    const settings = await council.retention('doctor --json', { KEEP_DAYS: 'ninety', NIGHT: '30 1 * * *' });
    expect([settings.exitCode, wrong(settings.json())]).toEqual([
      1,
      [
        ['settings', 'fault'],
        ['settings', 'fault'],
      ],
    ]);
    const database = await council.retention('doctor --json', { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' });
    expect([database.exitCode, wrong(database.json())]).toEqual([1, [['database', 'fault']]]);
  });

  it('that is live, and reached as the owner or superuser: warned of', async () => {
    const live = await rehearsal({ RETENTION_REHEARSAL: '' });
    [live.today, live.clock] = [TODAY, systemClock];
    live.register.child('CF-1');
    await live.writeExtract();
    await live.done(['nightly', '--import', live.extract]);
    expect((await live.retention('doctor')).stdout).not.toContain('too much power');
    const result = await live.retention('doctor', { DATABASE_URL: live.ownerUrl });
    expect([result.exitCode, result.stdout]).toEqual([
      3,
      expect.stringMatching(/warning +installation: This live database is reached with too much power: \w+ is a superuser/),
    ]);
    const other = await live.retention('doctor --json', { DOCUMENT_ROOT: path.join(live.folder, 'elsewhere') });
    expect(wrong(other.json())).not.toContainEqual(['folders', 'fault']);
    await rm(path.join(live.documentRoot, '.retention'));
    const lost = await live.retention('doctor');
    expect([lost.exitCode, lost.stdout]).toEqual([1, expect.stringContaining("has lost this database's mark")]);
    const rehearsing = await live.retention('doctor', { RETENTION_REHEARSAL: '1' });
    expect([rehearsing.exitCode, rehearsing.stdout]).toEqual([1, expect.stringContaining('but this is a live database')]);
    const strange = await council.retention('compute');
    expect(strange.exitCode).toBe(0);
    const overLive = await council.retention('doctor', { ARCHIVE_URL: live.archive });
    expect([overLive.exitCode, overLive.stdout]).toEqual([1, expect.stringContaining('bears the mark of another, live database')]);
    await live.close();
  });
});

describe('what is wrong is said:', () => {
  beforeEach(archiveSome);

  const cases: [string, () => Promise<unknown>, check: string, level: string, says: RegExp, next: RegExp][] = [
    [
      'a bag that is gone',
      () => rm(path.join(council.archive, 'CF-1.zip')),
      'bags',
      'fault',
      /Not in the archive store: CF-1\.zip/,
      /bring them back/,
    ],
    ['a bag that is damaged', () => truncate(path.join(council.archive, 'CF-2.zip'), 200), 'bags', 'fault', /Damaged: CF-2\.zip/, /--bags/],
    [
      'a bag made anew, whose digest is the recorded one',
      async () => {
        const bag = path.join(council.archive, 'CF-2.zip');
        await remakeBag(bag, (files) => files.set('data/documents/CF-2/more.txt', Buffer.from('nobody signed this')));
        const bytes = await readFile(bag);
        const recorded = { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
        await pastGuards(council.db, 'bags', (trx) => trx('bags').where({ location: 'CF-2.zip' }).update(recorded));
      },
      'bags',
      'fault',
      /Not what was signed: CF-2\.zip \(of the \d+ documents that were signed, 0 are missing and 0 are others, and 1 that nobody/,
      /Keep them/,
    ],
    [
      'a bag nobody knows',
      () => writeFile(path.join(council.archive, 'CF-77.zip'), 'x'),
      'bags',
      'warning',
      /unknown to the database: CF-77\.zip/,
      /never deleted unread/,
    ],
    [
      'a brake',
      () => council.db('brakes').insert({ name: 'volume', tripped_on: TODAY, details: '{"newly_due":99,"predicted":1}' }),
      'brakes',
      'warning',
      /"volume" is on \(newly due: 99/,
      /brake release volume/,
    ],
    [
      'a file without determination',
      () => asOwner('determinations', "delete from determinations where file_ref = 'CF-3'"),
      'determinations',
      'fault',
      /1 of 2 files have no determination/,
      /compute/,
    ],
    [
      'a date that one calculation does not find',
      () => council.db('determinations').where({ file_ref: 'CF-3' }).update({ retain_until: '2020-01-01' }),
      'both calculations',
      'fault',
      /differ on 1 of 2 files: CF-3/,
      /hold on everything/,
    ],
    [
      'an audit that was rewritten',
      () => asOwner('audit_events', "update audit_events set actor = 'nobody' where seq = 2"),
      'audit',
      'fault',
      /event 2 was changed/,
      /Keep this database as it is/,
    ],
    [
      'a subject who is not there',
      () => asOwner('people', "delete from people where person_ref = 'CF-3-P'"),
      'subjects',
      'fault',
      /1 files name a person/,
      /Import a complete extract/,
    ],
    [
      'a run that was left',
      () => council.db('runs').insert({ kind: 'compute', as_of: TODAY }),
      'runs',
      'warning',
      /are entered as running, but their process is gone/,
      /next run/,
    ],
    [
      'a night that failed',
      () =>
        council.db('runs').insert({ kind: 'nightly', as_of: TODAY, outcome: 'failed', error: 'the disk is full', finished_at: new Date() }),
      'last night',
      'fault',
      /failed: the disk is full/,
      /nightly/,
    ],
    [
      'a source that stays',
      () => asOwner('source_removals', "update source_removals set outcome = 'failed', path = 'x'"),
      'sources',
      'warning',
      /1 source documents .* could not be removed/,
      /Each night tries again/,
    ],
    [
      'a hold to review',
      () =>
        council.done(['hold', 'add', '--kind', 'police', '--scope', 'file:CF-3', '--authority', 'DI', '--review-on', TODAY], {
          asOf: addDays(TODAY, -1),
          as: 'm.jones',
        }),
      'holds',
      'warning',
      /Holds due for review: 1\./,
      /hold list/,
    ],
    [
      'a guard that somebody switched off',
      () => council.db.raw('alter table holds disable trigger holds_are_guarded'),
      'guards',
      'fault',
      /switched off .*: trigger holds\.holds_are_guarded/,
      /retention migrate/,
    ],
    [
      'a schedule that came since',
      () => council.db('schedule_versions').insert({ version: 'x', in_force_from: TODAY, adopted_by: 'x', content: 'rules: [' }),
      'schedule',
      'fault',
      /cannot be read/,
      /schedule adopt/,
    ],
  ];

  it.each(cases)('%s', async (_what, damage, check, level, says, next) => {
    await damage();
    const result = await council.retention('doctor --bags --json');
    // A version that came since the guards were installed has none of its own yet, which the doctor says too.
    const found = result
      .json<Finding[]>()
      .filter((finding) => finding.level !== 'ok' && (finding.check !== 'guards' || check === 'guards'));
    expect(found[0]).toEqual({ check, level, says: expect.stringMatching(says) as string, next: expect.stringMatching(next) as string });
    expect(found.slice(1)).toEqual([]);
    expect(result.exitCode).toBe(level === 'fault' ? 1 : 3);
  });

  it('extracts and nights that stopped coming', async () => {
    const late = await council.retention('doctor --json', { asOf: addDays(TODAY, 3) });
    expect([late.exitCode, wrong(late.json())]).toEqual([
      3,
      [
        ['extract', 'warning'],
        ['night', 'warning'],
      ],
    ]);
    const stale = await council.retention('doctor --json', { asOf: addDays(TODAY, 15) });
    expect([stale.exitCode, wrong(stale.json())]).toEqual([
      1,
      [
        ['extract', 'fault'],
        ['night', 'fault'],
      ],
    ]);
  });

  it('folders that lie in each other, or are gone', async () => {
    const nested = await council.retention('doctor --json', { ARCHIVE_URL: path.join(council.documentRoot, 'archive') });
    expect(wrong(nested.json())).toContainEqual(['folders', 'fault']);
    await mkdir(path.join(council.folder, 'empty'));
    const gone = await council.retention('doctor', { ARCHIVE_URL: path.join(council.folder, 'nowhere') });
    expect([gone.exitCode, gone.stdout]).toEqual([1, expect.stringMatching(/ARCHIVE_URL .* is not there\.\n +-> Mount the share/)]);
  });
});

describe('by figures alone:', () => {
  const at = { asOf: TODAY, maxAgeDays: 14, coolingOffDays: 7, embedded: false, asRoot: false, machineNow: 0, machineToday: TODAY };
  const day = 24 * 60 * 60 * 1000;
  const waits = Object.fromEntries(WAITS.map((wait) => [wait, { files: 1, overdue: 0 }])) as ServiceHealth['waits'];
  const service = { secrets: [], waits, names: { alike: [], unusable: [] } } as unknown as ServiceHealth;

  it('everything that waits too long, each in a sentence of its own; what only waits is nothing wrong', () => {
    const said = (overdue: number) => {
      const late = Object.fromEntries(WAITS.map((wait) => [wait, { files: 1, overdue }])) as ServiceHealth['waits'];
      return peopleFindings({ id: '', kind: 'rehearsal' }, { ...service, waits: late }, 0).map((finding) => finding.says);
    };
    expect(said(0)).toEqual(['Nothing waits longer than it should.']);
    expect(new Set(said(7)).size, 'a disagreement is said of the register, a request and a referral are never overdue').toBe(
      WAITS.length - 3,
    );
  });

  it('tokens that are missing, expired or expire within two weeks; in a rehearsal nobody needs one', () => {
    const secrets = [null, new Date(0), new Date(13 * day), new Date(15 * day)].map((expires_at, i) => ({ user: `u${i}`, expires_at }));
    const said = (kind: 'live' | 'rehearsal') =>
      peopleFindings({ id: '', kind }, { ...service, secrets }, 1).map((finding) => finding.says);
    expect(said('live')).toEqual(['Without a token in force: u0, u1.', 'Their token expires within two weeks: u2.']);
    expect(said('rehearsal')).toEqual([expect.stringContaining('Nothing waits')]);
  });

  it('a live database that is embedded, run as root, without a cooling-off, over a server that forgets', () => {
    const server = { powers: ['is a superuser'], user: 'x', forgets: [] as string[] } as unknown as ServerHealth;
    const said = safetyFindings({ id: '', kind: 'live' }, server, { ...at, embedded: true, asRoot: true, coolingOffDays: 0 });
    expect(wrong(said)).toEqual([
      ['installation', 'warning'],
      ['installation', 'warning'],
      ['settings', 'fault'],
    ]);
    expect(wrong(safetyFindings({ id: '', kind: 'live' }, { ...server, powers: [] }, at))).toEqual([]);
    const forgetful = safetyFindings({ id: '', kind: 'live' }, { ...server, powers: [], forgets: ['fsync'] }, at);
    expect(forgetful).toMatchObject([{ level: 'warning', says: expect.stringContaining('fsync off') as string }]);
  });

  it('clocks apart by more than a minute, and a disk with less than 5 % free', () => {
    const clocks = (kind: 'live' | 'rehearsal', now: number, today: string) =>
      wrong(clockFindings({ id: '', kind }, { now, today } as ServerHealth, at));
    expect([clocks('live', 60_000, TODAY), clocks('live', 61_000, TODAY), clocks('live', day, addDays(TODAY, 1))]).toEqual([
      [],
      [['clocks', 'warning']],
      [['clocks', 'fault']],
    ]);
    const folder = (free: number) =>
      ({ setting: 'ARCHIVE_URL', path: '/a', exists: true, writable: true, mark: null, claimed: false, needed: true, free }) as const;
    const disk = (free: number) => wrong(folderFindings({ id: '', kind: 'rehearsal' }, [folder(free)]));
    expect([disk(0.05), disk(0.049)]).toEqual([[], [['disk', 'warning']]]);
  });

  it('a database that a later release has changed', () => {
    const migrations = { missing: [], unknown: ['99_later.ts'], none: false };
    expect(wrong(serverFindings({ version: '18', migrations } as unknown as ServerHealth))).toEqual([['migrations', 'fault']]);
  });
});

/** Two files archived, one not due, one open. */
async function archiveSome(): Promise<void> {
  council.register.child('CF-1').child('CF-2').child('CF-3', {}, { date_of_birth: '2015-01-01' }).child('CF-4', { closed_on: '' });
  await council.document('CF-1', 'CF-1/letter.txt');
  await council.night(addDays(TODAY, -10));
  await council.approveAndSign(1, addDays(TODAY, -10));
  await council.night(addDays(TODAY, -1));
  council.register.files.delete('CF-1');
  council.register.files.delete('CF-2');
  await council.night(TODAY);
}

function wrong(findings: Finding[]): [string, string][] {
  return findings.filter((finding) => finding.level !== 'ok').map(({ check, level }) => [check, level]);
}

/** What only who owns the database can do: past its triggers. */
async function asOwner(table: string, statement: string): Promise<void> {
  await pastGuards(council.db, table, (trx) => trx.raw(statement));
}
