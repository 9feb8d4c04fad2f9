/** A live database by its public commands: who may do what, only today, and folders that are nobody else's. */
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildProgram } from '../jobs/cli/program.ts';
import { systemClock, todayInLondon } from '../jobs/clock.ts';
import { addDays, longDate } from '../rules/dates.ts';
import { SHIPPED_SCHEDULE } from '../rules/schedule.ts';
import { mayDo, PERMISSIONS, type Permission, type Role } from '../rules/workflow.ts';
import { rehearsal, type Council, type Ended } from './setup/commands.ts';
import { pastGuards } from './setup/database.ts';

/** By the clock of the database, which nobody here can set: what a live database takes for today is never later. */
const TODAY = todayInLondon(systemClock);
const TEAM = {
  'm.jones': 'records_manager',
  'n.patel': 'records_manager',
  'a.khan': 'authoriser',
  'c.bell': 'compliance',
  'v.orr': 'auditor',
} as const;
type Name = keyof typeof TEAM | 's.lee';

let council: Council;
const tokens = new Map<Name, string>();

beforeEach(async () => {
  council = await rehearsal({ RETENTION_REHEARSAL: '' });
  council.today = TODAY;
  tokens.clear();
});

afterEach(() => council.close());

describe('the first day', () => {
  it('begins with an admin, and with nobody else', async () => {
    await expectRefusal(council.retention('users add m.jones --role records_manager'), /The first person of a live database is an admin/);
    await expectRefusal(council.retention('users add s.lee --role admin authoriser'), /the role admin goes with no other/);
    expect(await council.db('users')).toEqual([]);
    const { code } = (await council.done('users add s.lee --role admin --json')).json<{ code: string }>();

    const second = await council.retention('users add n.patel --role admin');
    expect([second.exitCode, second.stderr]).toEqual([2, expect.stringContaining('Set RETENTION_TOKEN to your own token')]);
    const token = await enrolWith(code);
    await council.done('users add m.jones --role records_manager', { RETENTION_TOKEN: token });
    expect(await council.db('users').orderBy('name').select('name', 'roles', 'added_by')).toEqual([
      { name: 'm.jones', roles: ['records_manager'], added_by: 's.lee' },
      { name: 's.lee', roles: ['admin'], added_by: 'service' },
    ]);
  });

  it('takes a one-time code from standard input, where no list of processes shows it', async () => {
    const { code } = (await council.done('users add s.lee --role admin --json')).json<{ code: string }>();
    const typing = council.spawn(['users', 'enrol', '--json']);
    typing.child.stdin?.end(`${code}\n`);
    const enrolled = await typing.exit;
    expect([enrolled.exitCode, enrolled.stderr]).toEqual([0, 'One-time code: ']);
    const { token } = enrolled.json<{ token: string }>();
    await council.done('users add m.jones --role records_manager', { RETENTION_TOKEN: token });
  });

  it('knows people by their own tokens: not by one that is unknown, expired, replaced or used up', async () => {
    await addTeam();
    const brake = 'brake release volume --reason checked';
    await expectRefusal(council.retention(brake, { RETENTION_TOKEN: 'made-up' }), /This token is unknown, has expired or was taken back/);
    await expectRefusal(council.retention(brake, { RETENTION_TOKEN: tokens.get('a.khan') }), /The brake volume is not on/);

    const { code } = (await council.done('users add a.khan --role authoriser --json', as('s.lee'))).json<{ code: string }>();
    await expectRefusal(council.retention(brake, { RETENTION_TOKEN: tokens.get('a.khan') }), /The brake volume is not on/);
    await expectRefusal(council.retention(brake, { RETENTION_TOKEN: code }), /This token is unknown/);
    await expectRefusal(council.retention(['users', 'enrol', code]), /takes a second admin to confirm it/);
    await expectRefusal(council.retention(['users', 'enrol', code], as('m.jones')), /takes a second admin to confirm it/);
    const renewed = (await council.done(['users', 'enrol', code, '--json'], as('a.khan'))).json<{ token: string }>().token;
    await expectRefusal(council.retention(brake, { RETENTION_TOKEN: tokens.get('a.khan') }), /This token is unknown/);
    await expectRefusal(council.retention(`users enrol ${code}`), /was used already/);
    await expectRefusal(council.retention(brake, { RETENTION_TOKEN: renewed }), /The brake volume is not on/);

    // Time passes for the database: its owner alone can say so.
    await council.db('user_secrets').update({ expires_at: council.db.fn.now() });
    await expectRefusal(council.retention(brake, { RETENTION_TOKEN: renewed }), /This token is unknown, has expired/);
    for (const secret of [...tokens.values(), code, renewed])
      expect(JSON.stringify(await council.db('user_secrets'))).not.toContain(secret);
  });

  it('takes nobody at a name: --as is wrong use', async () => {
    await addTeam();
    const result = await council.retention('hold add --kind police --scope everything --authority DI --review-on 2030-01-01', {
      as: 'm.jones',
    });
    expect([result.exitCode, result.stderr]).toEqual([2, expect.stringContaining('--as is for rehearsals')]);
    expect(await council.db('holds')).toEqual([]);
  });

  it('refuses a cooling-off of no days, whatever writes', async () => {
    const result = await council.retention('compute', { COOLING_OFF_DAYS: '0' });
    expect([result.exitCode, result.stderr]).toEqual([
      2,
      expect.stringContaining('COOLING_OFF_DAYS must be at least 1 in a live database'),
    ]);
    expect(await council.db('runs')).toEqual([]);
  });

  it('can never become a rehearsal', async () => {
    await council.done('compute');
    for (const command of ['compute', 'lists']) {
      await expectRefusal(
        council.retention(command, { RETENTION_REHEARSAL: '1' }),
        /this is a live database, and what a database is never changes/,
      );
    }
  });
});

describe('today only', () => {
  it('G27: another day is wrong use of every command that writes, and fine for what reads', async () => {
    await addTeam();
    const wrong: string[] = [];
    const before = await council.db('audit_events').count();
    for (const { name, example, writes } of commandsWithAsOf()) {
      for (const day of [addDays(TODAY, 1), addDays(TODAY, -1)]) {
        const { exitCode, stderr } = await council.retention(example, { asOf: day, ...as('m.jones') });
        const refused = exitCode === 2 && stderr.includes('This is a live database: whatever writes runs as of today');
        if (refused !== writes) wrong.push(`${name} as of ${day}: ${exitCode} ${stderr}`);
      }
    }
    expect(wrong).toEqual([]);
    const refusals = await council.db('audit_events').where({ event: 'refused' }).count();
    expect(Number((await council.db('audit_events').count())[0]?.['count']) - Number(refusals[0]?.['count'])).toBe(
      Number(before[0]?.['count']),
    );
  });

  it('takes today itself when it is named', async () => {
    await council.done('compute', { asOf: TODAY });
  });

  it('refuses a machine whose clock is ahead of the database’s', async () => {
    for (const day of [addDays(TODAY, 2), addDays(TODAY, 365)]) {
      council.today = day;
      await expectRefusal(council.retention('nightly'), new RegExp(`This machine says it is ${longDate(day)}, but for the database it is`));
    }
    expect(await council.db('runs')).toEqual([]);
  });
});

describe('folders', () => {
  it('are marked with the id of the database', async () => {
    await council.done('compute');
    const { id } = await council.db('installation').first<{ id: string }>();
    for (const root of [council.documentRoot, council.archive])
      expect(await readFile(path.join(root, '.retention'), 'utf8')).toMatch(new RegExp(`^${id}\n`));
  });

  it('G28: a rehearsal over them is refused before anything is read', async () => {
    council.register.child('CF-1');
    const letter = await council.document('CF-1', 'letter.txt');
    await council.writeExtract();
    await council.done(['import', council.extract]);
    const other = await rehearsal({ DOCUMENT_ROOT: council.documentRoot, ARCHIVE_URL: council.archive });
    for (const roots of [{}, { DOCUMENT_ROOT: other.documentRoot }, { ARCHIVE_URL: other.archive }]) {
      for (const command of ['nightly --import', 'import']) {
        const result = await other.retention([...command.split(' '), council.extract], { asOf: '2030-01-01', ...roots });
        expect([result.exitCode, result.stderr]).toEqual([
          1,
          expect.stringMatching(/belongs to another, live database .* Nothing was read/),
        ]);
      }
    }
    expect([await other.db('runs'), await other.db('people')]).toEqual([[], []]);
    await other.close();
    await access(letter);
  });

  it('that lost their mark are not the same folders: an unmounted share is refused, a mounted one is not', async () => {
    await council.done('compute');
    const marker = path.join(council.documentRoot, '.retention');
    const mark = await readFile(marker);
    await rm(council.documentRoot, { recursive: true });
    await mkdir(council.documentRoot);
    await expectRefusal(council.retention('compute'), /was marked as this database's, and .* is gone: perhaps the share is not mounted/);
    await writeFile(marker, mark);
    await council.done('compute');
  });

  it('may not lie one in the other', async () => {
    const inner = path.join(council.documentRoot, 'archive');
    await expectRefusal(council.retention('compute', { ARCHIVE_URL: inner }), /lie one inside the other/);
    await expect(access(inner)).rejects.toThrow('ENOENT');
  });
});

describe('from extract to archive', () => {
  beforeEach(async () => {
    await addTeam();
    council.register.child('CF-1').child('CF-2');
    await council.document('CF-1', 'letter.txt');
    await liveNight();
    await council.done('decide 1 --approve --all', as('m.jones'));
  });

  it('takes two people, each by their token', async () => {
    const { digest } = await council.show(1);
    await expectRefusal(council.retention(`sign-off 1 --digest ${digest}`, as('m.jones')), /m\.jones/);
    await council.done(`sign-off 1 --digest ${digest}`, as('n.patel'));
    expect(await council.show(1)).toMatchObject({ state: 'cooling_off', signed_by: 'n.patel', cooling_off_days: 7 });
  });

  it('is not shortened by a machine that was slow when the list was signed: the database’s clock counts as well', async () => {
    await signAsAuthoriser();
    await signedEarlier({ signed_on: 9 });
    expect((await liveNight()).steps).toMatchObject({ archive: { archived: 0 } });
    expect(await council.bags()).toEqual([]);
  });

  it('archives when the cooling-off has passed by both clocks', async () => {
    await signAsAuthoriser();
    await signedEarlier({ signed_on: 7, signed_at: 7 });
    expect((await liveNight()).steps).toMatchObject({ archive: { archived: 0 } });
    await signedEarlier({ signed_on: 1, signed_at: 1 });
    expect((await liveNight()).steps).toMatchObject({ archive: { archived: 2, sources: { removed: 1 } } });
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
    expect(await council.show(1)).toMatchObject({ state: 'complete' });
    expect((await council.done('audit verify')).stdout).toContain('The chain is whole');
  });

  async function signAsAuthoriser(): Promise<void> {
    await council.done(`sign-off 1 --digest ${(await council.show(1)).digest}`, as('a.khan'));
  }
});

/** A person without the permission, by a command that needs it; the permissions are those of rules/workflow.ts. */
const NEEDS: Record<Permission, string> = {
  read: 'lists',
  find: 'find --name Nobody --born 2000-01-01',
  decide: 'decide 1 --approve --all',
  withdraw: 'withdraw 1 --files CF-1 --reason x',
  close_referral: 'referral close CF-1',
  confirm: 'confirm CF-1 --reason x',
  sign_off: `sign-off 1 --digest ${'0'.repeat(64)}`,
  send_back: 'send-back 1 --reason x',
  cancel: 'cancel 1 --reason x',
  record_outside: 'originals returned CF-1 --to x',
  hold: 'hold add --kind police --scope everything --authority x --review-on 2030-01-01',
  restore: 'restore CF-1 --keep-until 2030-01-01 --reason x',
  release_brake: 'brake release volume --reason x',
  claim_root: 'roots claim archive --reason x',
  change_schedule: `schedule adopt ${path.relative(process.cwd(), SHIPPED_SCHEDULE)} --from 2030-01-01`,
  manage_people: 'users add x.y --role auditor',
};

describe('each permission', () => {
  it('is refused to everybody without it, who is told which role it takes', async () => {
    await addTeam();
    council.register.child('CF-1');
    await liveNight();
    const wrong: string[] = [];
    for (const [permission, command] of Object.entries(NEEDS) as [Permission, string][]) {
      const without = Object.entries({ ...TEAM, 's.lee': 'admin' }).filter(([, role]) => !mayDo([role as Role], permission)) as [
        Name,
        Role,
      ][];
      expect(without.length).toBeGreaterThan(0);
      for (const [name, role] of without) {
        const words = `${name} may not do this: it takes the role ${PERMISSIONS[permission].join(' or ')}, and ${name} has ${role}`;
        const { exitCode, stdout, stderr } = await council.retention(command, as(name));
        if (exitCode !== 1 || stdout !== '' || !stderr.includes(words)) wrong.push(`${permission}, ${name}: ${exitCode} ${stderr}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

function as(name: Name): { RETENTION_TOKEN: string } {
  return { RETENTION_TOKEN: tokens.get(name) ?? '' };
}

/** s.lee, the admin, and everybody else, each with a token of their own. */
async function addTeam(): Promise<void> {
  tokens.set('s.lee', await addAndEnrol('s.lee', 'admin'));
  for (const [name, role] of Object.entries(TEAM) as [Name, Role][]) tokens.set(name, await addAndEnrol(name, role));
}

async function addAndEnrol(name: Name, role: Role): Promise<string> {
  const { code } = (await council.done(`users add ${name} --role ${role} --json`, as('s.lee'))).json<{ code: string }>();
  return enrolWith(code);
}

async function enrolWith(code: string): Promise<string> {
  return (await council.done(['users', 'enrol', code, '--json'])).json<{ token: string }>().token;
}

async function liveNight(): Promise<{ steps: Record<string, object> }> {
  await council.writeExtract();
  return (await council.done(['nightly', '--import', council.extract, '--json'])).json();
}

/** Days cannot be waited for in a test, and the database's clock not be set; its owner can take the guard off for a moment. */
async function signedEarlier(days: { signed_on: number; signed_at?: number }): Promise<void> {
  await pastGuards(council.db, 'disposal_lists', (trx) =>
    trx.raw(
      `update disposal_lists set signed_on = signed_on - cast(:signed_on as int), signed_at = signed_at - make_interval(days => :signed_at)`,
      { signed_at: 0, ...days },
    ),
  );
}

async function expectRefusal(command: Promise<Ended>, words: RegExp): Promise<void> {
  const { exitCode, stdout, stderr } = await command;
  expect([exitCode, stderr, stdout]).toEqual([1, expect.stringMatching(words), '']);
}

const STEPS = ['nightly', 'import', 'compute', 'recheck', 'list', 'archive', 'report', 'serve'];

/** Every command with --as-of, and the example of its help without who acts. Those of the night and the site write, and what a person does. */
function commandsWithAsOf(): { name: string; example: string[]; writes: boolean }[] {
  const around = { env: {}, cwd: '.', stdout: new PassThrough(), stderr: new PassThrough(), clock: systemClock };
  const leaves = (command: Command, prefix: string): [string, Command][] =>
    command.commands.flatMap((child) =>
      child.commands.length > 0 ? leaves(child, `${prefix}${child.name()} `) : [[`${prefix}${child.name()}`, child]],
    );
  return leaves(
    buildProgram(around, () => undefined),
    '',
  )
    .filter(([, command]) => command.options.some((option) => option.long === '--as-of'))
    .map(([name, command]) => {
      command.outputHelp();
      const help = String(around.stdout.read());
      const line = help.slice(help.lastIndexOf('$ retention ') + '$ retention '.length).split('\n')[0] ?? '';
      const words = [...line.replace(/ --(as|as-of|out) \S+/g, '').matchAll(/"([^"]*)"|(\S+)/g)];
      const writes = STEPS.includes(name) || (command.options.some((option) => option.long === '--as') && name !== 'find');
      return { name, example: words.map((word) => word[1] ?? word[2] ?? ''), writes };
    });
}
