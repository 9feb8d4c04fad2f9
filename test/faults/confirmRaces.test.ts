/** Two people who confirm one thing at the same moment: it is done once, and the other is told that it was. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { rehearsal, type Council, type Ended } from '../setup/commands.ts';
import { contend, expectPlainWords, meet, type Contender } from '../setup/frozen.ts';
import { AUDIT, booksAfter, fileNo, PAST_COOLING_OFF, SIGNED_ON, signOffFiles } from '../setup/raced.ts';
import { tally, times } from '../setup/tally.ts';

const SLOW = { timeout: times(240_000, 7_200_000) };

let council: Council;
afterEach(() => council.close());

describe('two people who confirm one thing at once', () => {
  const rounds = times(1, 30);

  it('a hold is released once; the other is told that it was', SLOW, async () => {
    council = await rehearsal();
    council.register.child('CF-0');
    await council.night(SIGNED_ON);
    const add = ['hold', 'add', '--kind', 'police', '--scope', 'file:CF-0', '--authority', 'DI Archer', '--review-on', '2028-01-01'];
    let tried = 0;
    for (const lock of rowsOrAudit('select from holds for update', rounds)) {
      const hold = (await council.done([...add, '--json'], { asOf: SIGNED_ON, as: 'm.jones' })).json<{ hold: { id: number } }>().hold.id;
      await council.done(`hold release ${hold} --reason over`, { asOf: SIGNED_ON, as: 'm.jones' });
      await expectOneDone(await atOnce(lock, ['hold', 'release', String(hold), '--confirm']), /was released on .* and stays so/);
      tried++;
    }
    tally({ what: 'two people confirm the release of one hold', tried, twice: (await happened('hold.released')) - tried });
  });

  it('a file is brought back once; the other is told that it is in the register', SLOW, async () => {
    const locks = rowsOrAudit('select from residual_records for update', rounds);
    council = await rehearsal();
    await signOffFiles(council, locks.length);
    await council.night(PAST_COOLING_OFF);
    for (const [at, lock] of locks.entries()) {
      const ask = ['restore', fileNo(at), '--keep-until', '2028-01-01', '--reason', 'claim'];
      await council.done(ask, { asOf: PAST_COOLING_OFF, as: 'm.jones' });
      await expectOneDone(await atOnce(lock, ['restore', fileNo(at), '--confirm']), /cannot be brought back .* it is in the register/);
      expect(
        await council
          .db('documents')
          .where({ file_ref: fileNo(at) })
          .count(),
      ).toEqual([{ count: 2 }]);
      await access(path.join(council.documentRoot, fileNo(at), 'page.txt'));
    }
    await council.expectAccounted();
    const twice = (await happened('file.restored')) - locks.length;
    tally({ what: 'two people confirm the return of one file', tried: locks.length, twice });
  });

  it('a paper file is archived once; the other is told when it was', SLOW, async () => {
    const locks = rowsOrAudit('select from disposal_list_items for update', rounds);
    council = await rehearsal();
    await signOffFiles(council, locks.length, { medium: 'both' });
    await council.night(PAST_COOLING_OFF);
    for (const [at, lock] of locks.entries()) {
      await expectOneDone(
        await atOnce(lock, ['paper', 'done', fileNo(at), '--moved-to', 'the basement']),
        /was moved to the archive on 30 November 2026/,
      );
    }
    const { lost, twice } = await booksAfter(council, locks.length);
    tally({ what: 'two people record the paper of one file', tried: locks.length, lost, twice });
  });

  /** Both a.khan and s.lee, frozen at this lock, or as processes let loose. */
  async function atOnce(lock: string | null, argv: string[]): Promise<Ended<number | null>[]> {
    const starts = ['a.khan', 's.lee'].map(
      (as) => (): Contender => contend(council, argv, { asOf: PAST_COOLING_OFF, as, process: lock === null }),
    );
    return lock === null ? Promise.all(starts.map((start) => start().exit)) : meet(council, lock, starts);
  }

  async function expectOneDone(ends: Ended<number | null>[], words: RegExp): Promise<void> {
    ends.forEach(expectPlainWords);
    expect(ends.map(({ exitCode }) => exitCode).sort(), ends.map(({ stderr }) => stderr).join()).toEqual([0, 1]);
    expect(ends.find(({ exitCode }) => exitCode === 1)?.stderr).toMatch(words);
    return Promise.resolve();
  }

  async function happened(event: string): Promise<number> {
    return (await council.db('audit_events').where({ event })).length;
  }

  function rowsOrAudit(rows: string, count: number): (string | null)[] {
    return Array.from({ length: count }, (_, round) => [rows, AUDIT, null][round % 3] ?? null);
  }
});
