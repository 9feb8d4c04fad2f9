/** What the archive store does not take of one file is the fault of that file: the others are archived, and it comes off its list. */
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rehearsal, type Council } from './setup/commands.ts';

const run = promisify(execFile);
const RETENTION = fileURLToPath(new URL('../jobs/retention.mjs', import.meta.url));
const listed = '2026-11-22';
let council: Council;

beforeEach(async () => {
  council = await rehearsal({ COOLING_OFF_DAYS: '1' });
  council.register.child('CF-1').child('CF-2');
  await council.document('CF-1', 'CF-1/scan.pdf', Buffer.alloc(3_000_000, 'scan'));
  await council.document('CF-2', 'CF-2/letter.txt');
  await council.night(listed);
  await council.approveAndSign(1, listed);
});
afterEach(() => council.close());

it('a bag larger than a file may be fails its item by name, and the rest of the list is archived', async () => {
  const limited = ['-c', 'ulimit -f 2048 && exec "$@"', 'sh', process.execPath, RETENTION, 'archive', '--as-of', '2026-11-24'];
  const ended = await run('sh', limited, { cwd: council.folder, env: { PATH: process.env['PATH'], ...council.env } }).catch(
    (error: unknown) => error,
  );
  expect(ended).toMatchObject({ code: 3 });
  expect(await council.itemOf('CF-1')).toMatchObject({
    status: 'failed',
    status_reason: expect.stringMatching(/larger than one file may be .*EFBIG/) as string,
  });
  expect([await council.bags(), await readdir(path.join(council.archive, '.partial'))]).toEqual([['CF-2.zip'], []]);
});

it('what nobody can read lies where its bag belongs: that item fails, five nights, and is taken off', async () => {
  await mkdir(path.join(council.archive, 'CF-1.zip'), { recursive: true });
  for (const night of ['24', '25', '26', '27', '28'])
    expect(await council.night(`2026-11-${night}`)).toMatchObject({ outcome: 'succeeded' });
  expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
  expect(await council.itemOf('CF-1')).toMatchObject({
    status: 'withdrawn',
    status_reason: expect.stringMatching(/^archiving failed 5 nights: CF-1\.zip .*cannot be read/) as string,
  });
});
