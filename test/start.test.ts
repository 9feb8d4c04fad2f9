/** What a command runs is compiled beside it: nothing from a shared folder, nothing of other sources, and the package has all of it. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { rehearsal } from './setup/commands.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PRODUCT = ['package.json', 'tsconfig.json', '.build', 'rules', 'db', 'reports', 'jobs'];
const folder = mkdtempSync(path.join(tmpdir(), 'retention start '));

/** Root may write anywhere. */
const account = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a command', () => {
  it('runs no code that somebody planted in the folder for temporary files, and leaves nothing there', () => {
    const shared = made('shared');
    const env = { ...process.env, TMPDIR: shared };
    const at = (file: string) => JSON.stringify(pathToFileURL(path.join(ROOT, file)).href);
    const tsx = at('node_modules/tsx/dist/esm/api/index.mjs');
    const script = `import { register } from ${tsx}; register(); await import(${at('rules/refusal.ts')});`;
    // What the development tool keeps there is where an attacker finds the names to plant under.
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: folder, env });
    const names = readdirSync(shared, { recursive: true, encoding: 'utf8' });
    const planted = `;globalThis.process?.stdout.write('PLANTED');`;
    const kept = names.map((name) => path.join(shared, name)).filter((file) => statSync(file).isFile());
    for (const file of kept) writeFileSync(file, JSON.stringify({ code: planted, map: null }));
    expect(kept.length).toBeGreaterThan(0);

    const { status, stdout } = retention(ROOT, ['settings'], env);
    expect([status, stdout]).toEqual([0, expect.not.stringContaining('PLANTED')]);
    expect(readdirSync(shared, { recursive: true, encoding: 'utf8' })).toEqual(names);
  });

  it('works where there is no folder for temporary files, or none that it may write to', () => {
    for (const TMPDIR of ['/proc/self', path.join(folder, 'nowhere')])
      expect(retention(ROOT, ['settings'], { ...process.env, TMPDIR }).status).toBe(0);
  });
});

describe('a command that cannot do its work names the setting and what to do', () => {
  it('where it may open fewer files than it has modules', () => {
    const few = spawnSync('sh', ['-c', 'ulimit -n 60 && exec "$0" jobs/retention.mjs settings', process.execPath], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect([few.status, few.stdout]).toEqual([1, '']);
    expect(few.stderr).toMatch(/^retention: This process may open only 60 files at once.*Raise the limit to 256 or more \(ulimit -n.*\n$/);
  });

  it.skipIf(!isReadBy(account))('where its folder takes no writes', () => {
    const closed = made('closed');
    chmodSync(folder, 0o755);
    chmodSync(closed, 0o555);
    const env = { PATH: process.env['PATH'], RETENTION_HOME: closed, RETENTION_REHEARSAL: '1' };
    const { status, stderr } = spawnSync(process.execPath, [path.join(ROOT, 'jobs/retention.mjs'), 'compute'], {
      cwd: '/',
      encoding: 'utf8',
      env,
      ...account,
    });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/closed to this account.*EACCES.*RETENTION_HOME is .*set it to a folder/)]);
  });
});

describe('in a checkout', () => {
  it('a changed source is compiled before it is run', () => {
    const checkout = copied('changed', ['node_modules']);
    changeWords(checkout, 'compiled anew');
    expect(retention(checkout, ['--help']).stdout).toContain('compiled anew');
    expect(readdirSync(checkout).filter((name) => name.startsWith('.build'))).toEqual(['.build']);
  });

  it('code of other sources is not run where it cannot be compiled, and the command says what to do', () => {
    const checkout = copied('without compiler', []);
    const same = retention(checkout, ['--help']);
    // Nothing but its packages is missing: a copy has other times and the same text.
    expect(same.stderr).toContain('ERR_MODULE_NOT_FOUND');
    changeWords(checkout, 'compiled anew');
    expect(retention(checkout, ['--help'])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('run "npm ci"') as string,
    });
    rmSync(path.join(checkout, 'jobs', 'clock.ts'));
    expect(retention(checkout, ['--help'])).toMatchObject({ status: 1, stderr: expect.stringContaining('other sources') as string });
    rmSync(path.join(checkout, '.build'), { recursive: true });
    expect(retention(checkout, ['--help'])).toMatchObject({ status: 1, stderr: expect.stringContaining('not compiled yet') as string });
  });
});

it('the package has all that a night needs, and no sources', async () => {
  const packed = made('package');
  const run = promisify(execFile);
  await run('npm', ['pack', '--pack-destination', packed], { cwd: ROOT });
  const [tarball = ''] = readdirSync(packed);
  await run('tar', ['xzf', tarball], { cwd: packed });
  const installed = path.join(packed, 'package');
  expect(readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))).toEqual([]);
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(installed, 'node_modules'));

  const council = await rehearsal();
  council.register.child('CF-1');
  await council.writeExtract();
  const night = retention(installed, ['nightly', '--import', council.extract, '--as-of', '2026-11-22', '--json'], {
    PATH: process.env['PATH'],
    ...council.env,
  });
  expect([night.status, night.stdout], night.stderr).toEqual([0, expect.stringContaining('"succeeded"')]);
  await council.close();
});

/** False for root's own checkout below a folder that is closed to everybody else. */
function isReadBy(other: { uid?: number; gid?: number }): boolean {
  return spawnSync('test', ['-r', path.join(ROOT, 'jobs/retention.mjs')], other).status === 0;
}

function made(name: string): string {
  const made = path.join(folder, name);
  mkdirSync(made);
  return made;
}

/** A copy of the product, with what else is named linked into it. */
function copied(name: string, linked: string[]): string {
  const copy = made(name);
  for (const part of PRODUCT) cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true });
  for (const part of linked) symlinkSync(path.join(ROOT, part), path.join(copy, part));
  return copy;
}

function changeWords(checkout: string, words: string): void {
  const source = path.join(checkout, 'jobs', 'cli', 'program.ts');
  const text = readFileSync(source, 'utf8');
  const changed = text.replace(/(\.description\(\s*')/, `$1${words} `);
  expect(changed).not.toBe(text);
  writeFileSync(source, changed);
}

function retention(where: string, argv: string[], env: NodeJS.ProcessEnv = process.env) {
  return spawnSync(process.execPath, [path.join(where, 'jobs', 'retention.mjs'), ...argv], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 50_000,
  });
}
