/**
 * Processes that do the same work at once, or undo one another's: nights, four that archive, and archiving and who stops
 * it. Nothing is lost, nothing done twice, and the one who came too late is told why.
 */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { addDays } from '../../rules/dates.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { contend, expectPlainWords, meet } from '../setup/frozen.ts';
import { AUDIT, booksAfter, fileNo, listFiles, LOCKING_HOLDS, PAST_COOLING_OFF, SIGNED_ON, signOffFiles } from '../setup/raced.ts';
import { tally, times } from '../setup/tally.ts';

const SLOW = { timeout: times(240_000, 7_200_000) };

const councils: Council[] = [];
afterEach(() => Promise.all(councils.splice(0).map((council) => council.close())));

describe('archiving', () => {
  it('by four processes at once: each file once, each source once', SLOW, async () => {
    const [rounds, files] = [times(1, 30), times(12, 40)];
    const sum = { tried: 0, lost: 0, twice: 0 };
    for (let round = 0; round < rounds; round++) {
      const council = await register();
      await signOffFiles(council, files);
      const four = Array.from({ length: 4 }, () => contend(council, ['archive'], { asOf: PAST_COOLING_OFF, process: true }));
      for (const { exit } of four) expect((await exit).exitCode, (await exit).stderr).toBe(0);
      expect((await council.show(1)).state).toBe('complete');
      expect(await council.db('people')).toEqual([]);
      const { lost, twice } = await booksAfter(council, files);
      sum.tried++;
      sum.lost += lost;
      sum.twice += twice;
      await close(council);
    }
    tally({ what: `four processes archive ${files} files at once`, ...sum });
  });

  it('and whoever stops it, or corrects a fact, at each moment of it', SLOW, async () => {
    const moments = ['lock table runs in share row exclusive mode', LOCKING_HOLDS, AUDIT];
    const council = await register({ LIST_SIZE: '3', MAX_AGE_DAYS: '365' });
    const stops = [
      (list: number) => ['cancel', String(list), '--reason', 'wrong rule'],
      (_list: number, files: string[]) => ['withdraw', String(_list), '--files', ...files.slice(0, 2), '--reason', 'wrong child'],
      () => ['import', council.extract],
    ];
    const ways = stops.flatMap((stop, s) =>
      moments.flatMap((moment, m) =>
        [false, true].slice(...(times(0, 1) === 1 ? [0] : [(s + m) % 2, ((s + m) % 2) + 1])).map((first) => ({ stop, moment, first })),
      ),
    );
    await listFiles(council, ways.length * 3);
    const sum = { tried: 0, early: 0, twice: 0, lost: 0 };
    for (const [at, { stop, moment, first }] of ways.entries()) {
      const [list, signedOn] = [at + 1, addDays(SIGNED_ON, at)];
      await council.approveAndSign(list, signedOn);
      const files = (await council.show(list)).items.map((item) => item.file_ref);
      const [command] = stop(list, files);
      if (command === 'import') {
        council.register.change(files[0] ?? '', { closed_on: '2010-01-02' });
        await council.writeExtract();
      }
      const asOf = addDays(signedOn, 8);
      const archive = () => contend(council, ['archive'], { asOf, process: false });
      const stopping = () =>
        contend(council, stop(list, files), { asOf, process: false, ...(command === 'import' ? {} : { as: 's.lee' }) });
      const ends = await meet(council, moment, first ? [stopping, archive] : [archive, stopping]);
      const [archived, stopped] = first ? [ends[1], ends[0]] : [ends[0], ends[1]];
      ends.forEach(expectPlainWords);
      for (const end of [archived, stopped])
        if (end?.exitCode === 1) expect(end.stderr).toMatch(/Another night|cannot be (cancelled|withdrawn any more|changed)/);
      // What waited for the loser is archived by the next run, as every night does; what was stopped stays stopped.
      await council.done('archive', { asOf });
      const items = (await council.show(list)).items;
      const gone = items.filter((item) => item.status === 'archived').map((item) => item.file_ref);
      const off = items.filter((item) => item.status === 'withdrawn').map((item) => item.file_ref);
      expect([...gone, ...off].sort()).toEqual(files.sort());
      const spared = stopped?.exitCode !== 0 ? [] : command === 'cancel' ? off : files.slice(0, command === 'import' ? 1 : 2);
      sum.early += spared.filter((fileRef) => gone.includes(fileRef)).length;
      sum.tried++;
    }
    const { lost, twice } = await booksAfter(council, (await council.db('residual_records').pluck('file_ref')).length);
    tally({ what: 'archiving meets cancel, withdraw and a corrected fact', ...sum, lost, twice });
  });

  it('that fails a file and whoever takes it off meanwhile: it is off, and the rest is archived', SLOW, async () => {
    const council = await register();
    await signOffFiles(council, 3);
    const page = path.join(council.documentRoot, fileNo(0), 'page.txt');
    await rm(page);
    const archive = () => contend(council, ['archive'], { asOf: PAST_COOLING_OFF, process: false });
    const withdraw = () =>
      contend(council, ['withdraw', '1', '--files', fileNo(0), '--reason', 'wrong child'], {
        asOf: PAST_COOLING_OFF,
        as: 's.lee',
        process: false,
      });
    const ends = await meet(council, 'lock table bags in share row exclusive mode', [archive, withdraw]);
    // Who comes first after the rollback is PostgreSQL's to say: then the file has failed, which a person is told, and is taken off.
    expect([0, 3], ends[0]?.stderr).toContain(ends[0]?.exitCode);
    expect(ends[1]?.exitCode, ends[1]?.stderr).toBe(0);
    // Whoever takes one off holds all files of the list for that moment; archiving leaves held ones to its next run.
    await council.done('archive', { asOf: PAST_COOLING_OFF });
    expect((await council.show(1)).items.map((item) => item.status)).toEqual(['withdrawn', 'archived', 'archived']);
    await writeFile(page, 'found again');
    tally({ what: 'a document that is gone meets a withdrawal', tried: 1, ...(await booksAfter(council, 2)) });
  });
});

describe('two nights at once', () => {
  it('do the work of one, and the second is told that the first is running', SLOW, async () => {
    const rounds = times(2, 30);
    const sum = { tried: 0, lost: 0, twice: 0 };
    let refused = 0;
    for (let round = 0; round < rounds; round++) {
      const council = await register();
      await signOffFiles(council, 2);
      council.register.child('CF-new');
      await council.writeExtract();
      const night = () => contend(council, ['nightly', '--import', council.extract], { asOf: PAST_COOLING_OFF, process: round % 2 === 1 });
      const ends = round % 2 === 0 ? await meet(council, LOCKING_HOLDS, [night, night]) : await Promise.all([night().exit, night().exit]);
      ends.forEach(expectPlainWords);
      const second = ends.filter(({ exitCode }) => exitCode === 1);
      if (round % 2 === 0) expect(second).toHaveLength(1);
      for (const { stderr } of second)
        expect(stderr).toContain('Another night, or a step of one, is running on this database. Nothing was done');
      refused += second.length;
      expect(await council.db('disposal_list_items').where({ file_ref: 'CF-new' }).count()).toEqual([{ count: 1 }]);
      expect(await council.db('imports').count()).toEqual([{ count: 1 + ends.length - second.length }]);
      const { lost, twice } = await booksAfter(council, 2);
      sum.tried++;
      sum.lost += lost;
      sum.twice += twice;
      await close(council);
    }
    expect(refused).toBeGreaterThan(0);
    tally({ what: 'two nights at once', ...sum });
  });
});

async function register(settings: Record<string, string> = {}): Promise<Council> {
  const council = await rehearsal({ OPEN_ITEMS: '10000', ...settings });
  councils.push(council);
  return council;
}

async function close(council: Council): Promise<void> {
  councils.splice(councils.indexOf(council), 1);
  await council.close();
  await rm(council.folder, { recursive: true, force: true });
}
