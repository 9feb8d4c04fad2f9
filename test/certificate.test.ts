/** Certificates: what they say, that they add up, and that a changed one is found out without a database. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalJson, sha256 } from '../rules/digest.ts';
import { rehearsal, type Council } from './setup/commands.ts';

interface Exported {
  digest: string;
  certificate: { expected: number; statement: string; files: { decided_by: string; archived_on: string }[] };
}

const listed = '2026-11-22';
let council: Council;
let file: string;

beforeEach(async () => {
  council = await rehearsal();
  for (const ref of ['CF-1', 'CF-2', 'CF-3', 'CF-4', 'CF-5']) council.register.child(ref);
  await council.document('CF-1', 'CF-1/a.txt');
  await council.document('CF-1', 'CF-1/b.txt');
  await council.night(listed);
  await council.done('decide 1 --keep-until 2027-05-01 --reason person_asked --files CF-3', { asOf: listed, as: 'm.jones' });
  await council.done(['decide', '1', '--refer', '--note', 'to the adoption team', '--files', 'CF-4'], { asOf: listed, as: 'm.jones' });
  await council.approveAndSign(1, listed);
  await council.done('withdraw 1 --files CF-5 --reason twin', { asOf: listed, as: 'm.jones' });
  await council.night('2026-11-30');
  file = path.join(council.folder, 'certificate.json');
  await council.done(['certificate', 'show', '1', '--out', file]);
});

afterEach(() => council.close());

it('says what was moved, expected against actual, that it is not destroyed, and what it does not cover', async () => {
  const shown = (await council.done('certificate show 1 --json')).json();
  expect(shown).toMatchObject({
    certificate: {
      certificate: 1,
      rehearsal: true,
      issued_on: '2026-11-30',
      statement: expect.stringMatching(/not destroyed.*remain personal data.*must be searched/) as string,
      list: { signed_by: 'a.khan', signed_on: listed, rule: 'child-in-need' },
      items: 5,
      expected: 3,
      actual: { archived: 2, transferred: 0, restored: 0, withdrawn: 1 },
      documents: { expected: 2, packed: 2 },
      not_covered: { kept: 1, referred: 1, withdrawn: 1 },
      files: [
        { file_ref: 'CF-1', decided_by: 'm.jones', archived_on: '2026-11-30', documents: { expected: 2, packed: 2 } },
        { file_ref: 'CF-2', documents: { expected: 0, packed: 0 } },
      ],
    },
    sources: { removed: 2, already_gone: 0, waiting: 0, restored: 0 },
    restored_since: [],
  });
  const words = (await council.done('certificate show 1')).stdout;
  for (const part of ['REHEARSAL', 'not destroyed', 'It does not cover', 'kept', 'CF-1', '2 of 2']) expect(words).toContain(part);
});

it('counts a file that was brought back before the list was complete', async () => {
  // CF-5, withdrawn, is listed anew; until that list is decided no other of its rule is made.
  await council.approveAndSign(2, '2026-11-30');
  council.register.child('CF-6').child('CF-7', { medium: 'paper' });
  await council.night('2026-12-01');
  const { list } = await council.itemOf('CF-6');
  await council.approveAndSign(list, '2026-12-01');
  await council.night('2026-12-09');
  await council.done('restore CF-6 --keep-until 2028-01-01 --reason claim', { asOf: '2026-12-09', as: 'm.jones' });
  await council.done('restore CF-6 --confirm', { asOf: '2026-12-09', as: 'a.khan' });
  await council.done('paper done CF-7 --moved-to attic', { asOf: '2026-12-09', as: 'm.jones' });
  const out = path.join(council.folder, 'second.json');
  await council.done(['certificate', 'show', String(list), '--out', out]);
  const exported = JSON.parse(await readFile(out, 'utf8')) as unknown;
  expect(exported).toMatchObject({ certificate: { actual: { archived: expect.any(Number) as number, restored: 1 } } });
  expect((await council.retention(['certificate', 'verify', out])).exitCode).toBe(0);
});

it('is issued of a list that is cancelled after some of it was archived, and names what was', async () => {
  await council.approveAndSign(2, '2026-11-30');
  council.register.child('CF-6').child('CF-7', { medium: 'paper' });
  await council.night('2026-12-01');
  const { list } = await council.itemOf('CF-6');
  await council.approveAndSign(list, '2026-12-01');
  await council.night('2026-12-09');
  await council.done(['cancel', String(list), '--reason', 'we start again'], { asOf: '2026-12-10', as: 'a.khan' });
  const out = path.join(council.folder, 'cancelled.json');
  await council.done(['certificate', 'show', String(list), '--out', out]);
  expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject({
    certificate: {
      issued_on: '2026-12-10',
      expected: 2,
      actual: { archived: 1, withdrawn: 1 },
      files: [{ file_ref: 'CF-6' }],
      does_not_cover: expect.arrayContaining([expect.stringContaining('when it was cancelled')]) as unknown,
    },
  });
  expect((await council.retention(['certificate', 'verify', out])).exitCode).toBe(0);
});

describe('verify, without a database,', () => {
  const away = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };

  it('proves a certificate as it was issued, whose digest the audit names', async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const verified = await council.done(['certificate', 'verify', file, '--json'], away);
    const { digest } = JSON.parse(await readFile(file, 'utf8')) as Exported;
    expect(verified.json()).toEqual({ list: 1, digest, rehearsal: true, faults: [] });
    const event = await council.db('audit_events').where({ event: 'certificate.issued' }).first<{ details: string }>('details');
    expect(JSON.parse(event.details)).toEqual({ list: 1, digest });
  });

  it('finds out a certificate that was changed, and one whose digest was made to fit but does not add up', async () => {
    expect(await faults((exported) => (exported.certificate.expected = 4))).toEqual([
      expect.stringMatching(/was changed/),
      'files approved, and what became of them do not add up: 4 and 3',
    ]);
    expect(await faults((exported) => fit(exported, () => exported.certificate.files.pop()))).toContain(
      'files moved, and files named do not add up: 2 and 1',
    );
    expect(
      await faults((exported) => fit(exported, () => exported.certificate.files.forEach((one) => (one.decided_by = 'a.khan')))),
    ).toContain('CF-1: decided and signed by the same person');
    expect(await faults((exported) => fit(exported, () => (exported.certificate.statement = 'Destroyed.')))).toEqual([
      'its statement is not the one every certificate makes',
    ]);
  });

  it('refuses what is no certificate', async () => {
    for (const text of ['', '{}', '[1]', '{"certificate":{},"digest":"x"}']) {
      await writeFile(file, text);
      expect((await council.retention(['certificate', 'verify', file], away)).exitCode).toBe(2);
    }
    expect((await council.retention(['certificate', 'verify', 'nowhere.json'], away)).exitCode).toBe(2);
    expect((await council.retention(['certificate', 'show', '1', '--out', file])).exitCode).toBe(2);
  });

  async function faults(change: (exported: Exported) => unknown): Promise<string[]> {
    const exported = JSON.parse(await readFile(file, 'utf8')) as Exported;
    change(exported);
    const changed = path.join(council.folder, 'changed.json');
    await writeFile(changed, JSON.stringify(exported));
    const verified = await council.retention(['certificate', 'verify', changed, '--json'], away);
    expect(verified.exitCode).toBe(1);
    return verified.json<{ faults: string[] }>().faults;
  }

  function fit(exported: Exported, change: () => unknown): void {
    change();
    exported.digest = sha256(canonicalJson(exported.certificate));
  }
});

it('is refused for a list that has none, with the reason', async () => {
  expect((await council.retention('certificate show 9')).stderr).toContain('there is no disposal list 9');
  council.register.child('CF-8');
  await council.night('2026-12-01');
  expect((await council.retention('certificate show 2')).stderr).toContain('it is for decision');
});
