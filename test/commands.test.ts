/** What every command promises: its exit code, one JSON value, help with an example, and nothing personal in the log. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { rehearsal, type Council } from './setup/commands.ts';

let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('exit codes', () => {
  it('0 when done and nothing new needs a person; 3 when newly quarantined rows do, once', async () => {
    council.register.child('CF-1').child('CF-2', { categories: 'lac' });
    await council.writeExtract();
    const codes = [];
    for (const asOf of ['2026-11-22', '2026-11-23'])
      codes.push((await council.retention(['nightly', '--import', council.extract], { asOf })).exitCode);
    expect(codes).toEqual([3, 0]);
  });

  it('1 when the extract cannot be read; compute and report go on, and nothing is listed', async () => {
    council.register.child('CF-1');
    await council.writeExtract();
    await council.done(['import', council.extract]);
    const night = await council.retention(['nightly', '--import', path.join(council.folder, 'nowhere'), '--json']);
    expect(night.exitCode).toBe(1);
    const result = night.json<NightResult>();
    expect([result.outcome, Object.keys(result.steps), result.error]).toEqual([
      'failed',
      ['compute', 'recheck', 'report'],
      expect.stringContaining('nowhere'),
    ]);
    expect(await council.lists()).toEqual([]);
  });
});

describe('exit code 2', () => {
  it('is for wrong use: nothing on standard output, and what to do on standard error', async () => {
    const wrong = [
      'no-such-command',
      'nightly --as-of 2026-02-30',
      'nightly --as-of yesterday',
      'nightly --unknown',
      'import',
      'decide 1 --approve --as m.jones',
      'decide one --approve --all --as m.jones',
      'decide 1 --approve --refer --all --as m.jones',
      'decide 1 --approve --all',
      'sign-off 1 --as a.khan',
      'lists --state signed',
      'hold add --kind police --scope planet:X --authority DI --review-on 2027-05-22 --as m.jones',
    ];
    for (const command of wrong) {
      const { exitCode, stdout, stderr } = await council.retention(command);
      expect({ command, exitCode, stdout, stderr }).toEqual({
        command,
        exitCode: 2,
        stdout: '',
        stderr: expect.stringMatching(/\w/) as string,
      });
    }
  });

  it('is for settings that cannot be, each named', async () => {
    for (const [name, value] of Object.entries({ NIGHT: '15 1 * * *', LIST_SIZE: 'many', ARCHIVING: 'maybe', COOLING_OFF_DAYS: '-1' })) {
      const { exitCode, stderr } = await council.retention('lists', { [name]: value });
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(name)]);
    }
  });
});

describe('standard output', () => {
  it('carries one JSON value and nothing else with --json, logs going to standard error', async () => {
    council.register.child('CF-1');
    await council.writeExtract();
    const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf: '2026-11-22', LOG_LEVEL: 'info' });
    expect(night.json()).toMatchObject({ as_of: '2026-11-22' });
    expect(night.stderr).toContain('run.finished');
    for (const command of ['lists', 'show 1', 'explain CF-1', 'runs', 'schedule show', 'brake list', 'hold list', 'audit verify']) {
      expect((await council.done(`${command} --json`)).json(), command).toBeDefined();
    }
  });

  it('says in words that it is a rehearsal', async () => {
    expect((await council.done('lists')).stdout).toContain('REHEARSAL');
  });

  it('holds no name and no birth in the log of a night', async () => {
    council.register.child('CF-1').child('CF-2', {}, { date_of_birth: '31/31/1999' });
    await council.document('CF-1', 'CF-1/of Invented.txt');
    await council.writeExtract();
    const { stderr } = await council.retention(['nightly', '--import', council.extract, '--json'], {
      asOf: '2026-11-22',
      LOG_LEVEL: 'trace',
    });
    for (const personal of ['Invented', '2000-01-02', '31/31/1999']) expect(stderr).not.toContain(personal);
  });
});

describe('help', () => {
  it('of every command tells what it does, with an example', async () => {
    const without: string[] = [];
    const groups: string[][] = [[]];
    for (const group of groups) {
      for (const name of commandsIn((await council.done([...group, '--help'])).stdout)) {
        const { stdout } = await council.done([...group, name, '--help']);
        if (commandsIn(stdout).length > 0) groups.push([...group, name]);
        else if (!stdout.includes('Example:')) without.push([...group, name].join(' '));
      }
    }
    expect(groups.length).toBeGreaterThan(4);
    expect(without).toEqual(['settings']);
  });

  it('of the settings names every one', async () => {
    const { stdout } = await council.done('settings');
    for (const name of Object.keys(council.env).filter((name) => name !== 'LOG_LEVEL')) expect(stdout).toContain(name);
  });

  it('is what the real command prints too', async () => {
    const { exitCode, stdout } = await council.spawn(['nightly', '--help']).exit;
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('Example:')]);
    expect(await readFile(new URL('../jobs/retention.mjs', import.meta.url), 'utf8')).toMatch(/^#!/);
  });
});

/** The commands that a help text lists. */
function commandsIn(help: string): string[] {
  const listed = help.split('Commands:')[1] ?? '';
  return [...listed.matchAll(/^ {2}([a-z-]+)/gm)].map((match) => match[1] ?? '').filter((name) => name !== 'help');
}
