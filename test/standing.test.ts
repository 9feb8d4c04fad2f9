/** What stands in the way is read as of this second where people decide and sign, and what they wrote goes with the file. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addDays } from '../rules/dates.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { siteOf } from './site/browsing.ts';

const TODAY = '2026-11-22';
const AUTHORITY = 'DI Archer, ref 77/26';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('CF-1').child('CF-2').child('CF-3');
  await council.document('CF-2', 'letter.txt');
  await council.night(TODAY);
});

afterEach(() => council.close());

describe('a hold placed after a file was listed', () => {
  it('is shown on the list, keeps the file from being approved, and leaves it to be kept or referred', async () => {
    await hold('police', 'file:CF-1');
    await hold('litigation', 'person:CF-1-P');
    expect((await council.show(1)).items).toMatchObject([
      {
        file_ref: 'CF-1',
        blocks: ['hold'],
        holds: [
          { id: 1, kind: 'police' },
          { id: 2, kind: 'litigation' },
        ],
      },
      { file_ref: 'CF-2', blocks: [], holds: [] },
      { file_ref: 'CF-3', blocks: [] },
    ]);
    expect((await council.done('show 1')).stdout).toContain('CANNOT GO NOW: hold 1 (police), hold 2');
    await council.refused(
      'decide 1 --approve --all',
      by('m.jones'),
      'items_blocked',
      /Nothing was approved.*: CF-1: hold 1 \(police\), hold 2 \(litigation\)\. Keep or refer/,
    );
    expect((await council.retention('decide 1 --approve --all', by('m.jones'))).stderr).not.toContain('Archer');
    await council.done('decide 1 --refer --note legal --files CF-1', by('m.jones'));
    await council.done('decide 1 --approve --all', by('m.jones'));
    await council.sign(1, TODAY);
  });

  it('or approved keeps the list from being signed, by the command and in the database, as what came since otherwise', async () => {
    await council.done('decide 1 --approve --all', by('m.jones'));
    const signing = `sign-off 1 --digest ${(await council.show(1)).digest}`;
    await hold('police', 'everything');
    await council.refused(
      signing,
      by('a.khan'),
      'items_blocked',
      /List 1 cannot be signed.*CF-1: hold 1 \(police\); CF-2: hold 1 \(police\).*Nothing was signed/,
    );
    await council.done('hold release 1 --reason over', by('m.jones'));
    await council.done('hold release 1 --confirm', by('a.khan'));
    council.register.files.delete('CF-3');
    await council.writeExtract();
    await council.done(['import', council.extract], { asOf: addDays(TODAY, 1) });
    await council.refused(signing, by('a.khan'), 'items_blocked', /: CF-3: not in extract\. Nothing/);
    const { digest } = await council.show(1);
    const signature = { state: 'cooling_off', signed_by: 'a.khan', signed_on: TODAY, signed_digest: digest, cooling_off_days: 7 };
    await expect(council.db('disposal_lists').where({ id: 1 }).update(signature)).rejects.toThrow('file CF-3 is blocked: not_in_extract');
    await council.done('withdraw 1 --files CF-3 --reason gone', by('m.jones'));
    await council.done(signing, by('a.khan'));
  });

  it('is said on every page where somebody decides or signs', async () => {
    const site = await siteOf(council);
    try {
      const jones = await site.as('m.jones');
      await council.done('decide 1 --approve --files CF-1 CF-2', by('m.jones'));
      await hold('police', 'file:CF-1');
      for (const page of ['/lists/1', '/lists/1/print'])
        expect((await jones.open(page)).text, page).toContain('Cannot be disposed of Hold 1 suspends disposal: Police investigation');
      const file = await jones.open('/lists/1/files/1');
      expect(file.html).toMatch(/<input[^>]*value="approved"[^>]*disabled/);
      const forced = await jones.submit('/lists/1/files/1', { decision: 'approved' });
      expect([forced.status, forced.text]).toEqual([422, expect.stringContaining('CF-1: hold 1 (police)')]);
      await council.done('decide 1 --approve --files CF-3', by('m.jones'));
      const khan = await site.as('a.khan');
      const signing = await khan.open('/lists/1/sign-off');
      expect(signing.text).toContain('You cannot sign this list: something stands in the way of 1 file approved on it.');
      expect([signing.html.includes('action="/lists/1/sign-off"'), signing.text.includes('I authorise')]).toEqual([false, false]);
    } finally {
      await site.close();
    }
  });
});

describe('a note', () => {
  const NOTE = 'The mother agreed by telephone on 3 May';

  it('on an approved file is part of what is signed, is shown to who signs, and goes into the bag', async () => {
    await council.done(['decide', '1', '--approve', '--all'], by('m.jones'));
    const without = (await council.show(1)).digest;
    await council.done(['decide', '1', '--approve', '--files', 'CF-2', '--note', ` ${NOTE} `], by('m.jones'));
    const shown = await council.show(1);
    expect([shown.digest === without, shown.items]).toEqual([
      false,
      [{ note: null }, { note: NOTE }, { note: null }].map((item) => expect.objectContaining(item) as object),
    ]);
    expect((await council.done('show 1')).stdout).toContain('The mother agreed');
    const site = await siteOf(council);
    try {
      const khan = await site.as('a.khan');
      for (const page of ['/lists/1', '/lists/1/print', '/lists/1/sign-off', '/lists/1/files/2'])
        expect((await khan.open(page)).text, page).toContain(NOTE);
      const auditor = await site.as('s.lee');
      for (const page of ['/lists/1', '/lists/1/print']) expect((await auditor.open(page)).text, page).not.toContain(NOTE);
    } finally {
      await site.close();
    }
    await council.sign(1, TODAY);
    await council.night(addDays(TODAY, 8));
    expect(await recordOf('CF-2', 'sign-off')).toMatchObject({ item: { decision: { decision: 'approved', note: NOTE } } });
  });

  it('of a list the file was taken off goes into its bag too, and why a list was sent back stays after it was decided again', async () => {
    await council.done(['decide', '1', '--approve', '--all', '--note', NOTE], by('m.jones'));
    await council.done(['send-back', '1', '--reason', 'which mother?'], by('a.khan'));
    await council.done('decide 1 --keep-until 2026-11-25 --reason claim --files CF-1', by('m.jones'));
    expect(await council.show(1)).toMatchObject({ sent_back_by: null, send_backs: [{ sent_back_by: 'a.khan', reason: 'which mother?' }] });
    await council.done(['withdraw', '1', '--files', 'CF-2', '--reason', 'asked the wrong one'], by('m.jones'));
    await council.done('cancel 1 --reason again', by('a.khan'));
    await council.night(addDays(TODAY, 1));
    await council.approveAndSign(2, addDays(TODAY, 1));
    await council.night(addDays(TODAY, 9));
    expect(await recordOf('CF-2', 'casework')).toMatchObject({
      other_lists: [
        { list_id: 1, decision: 'approved', note: NOTE, decided_by: 'm.jones', status: 'withdrawn', status_reason: 'asked the wrong one' },
      ],
    });
  });
});

async function recordOf(file: string, record: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)('unzip', ['-p', path.join(council.archive, `${file}.zip`), `${file}/data/${record}.json`]);
  return JSON.parse(stdout) as unknown;
}

async function hold(kind: string, scope: string): Promise<void> {
  await council.done(
    ['hold', 'add', '--kind', kind, '--scope', scope, '--authority', AUTHORITY, '--review-on', '2027-05-01'],
    by('m.jones'),
  );
}

function by(as: string, asOf = TODAY): { as: string; asOf: string } {
  return { as, asOf };
}
