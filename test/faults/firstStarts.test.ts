/** First starts at the same moment, of a new embedded database and of a live one with its folders: all end well, as one. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock, todayInLondon } from '../../jobs/clock.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { contend, expectPlainWords, meet, type Contender } from '../setup/frozen.ts';
import { tally, times } from '../setup/tally.ts';

const SLOW = { timeout: times(240_000, 7_200_000) };
let council: Council;
afterEach(() => council.close());

describe('first starts at once', () => {
  it('of the embedded database: everybody’s hold is placed, by one installation with one schedule', SLOW, async () => {
    council = await rehearsal();
    const rounds = times(1, 6);
    let twice = 0;
    for (let round = 0; round < rounds; round++) {
      const home = await mkdtemp(path.join(tmpdir(), 'retention first start '));
      const env = { DATABASE_URL: '', RETENTION_HOME: path.join(home, 'home') };
      const starters = round % 2 === 0 ? 2 : 4;
      const order = ['--kind', 'police', '--authority', 'DI Archer', '--review-on', '2040-01-01', '--as', 'm.jones'];
      const all = Array.from({ length: starters }, (_, i) => council.spawn(['hold', 'add', '--scope', `file:CF-${i}`, ...order], env).exit);
      for (const ended of await Promise.all(all)) {
        expectPlainWords(ended);
        expect(ended.exitCode, ended.stderr).toBe(3);
      }
      const holds = (await council.done('hold list --json', env)).json<{ scope_ref: string }[]>();
      expect(holds.map(({ scope_ref }) => scope_ref).sort()).toEqual(Array.from({ length: starters }, (_, i) => `CF-${i}`));
      const exported = path.join(home, 'audit.jsonl');
      await council.done(['audit', 'export', exported], env);
      const events = await readFile(exported, 'utf8');
      twice += events.split('schedule.adopted').length - 2;
      expect((await council.done('audit verify --json', env)).json()).toMatchObject({ faults: [] });
      await council.retention('stop', env);
      await rm(home, { recursive: true, force: true });
    }
    tally({ what: 'two and four first starts of the embedded database', tried: rounds, twice });
  });

  it('of a live database and its folders: marked once; nobody takes them for another’s', SLOW, async () => {
    const locks = ['lock table installation in access exclusive mode', 'lock table claimed_roots in access exclusive mode', null];
    const rounds = times(locks.length, 30);
    let twice = 0;
    for (let round = 0; round < rounds; round++) {
      council = await rehearsal({ RETENTION_REHEARSAL: '' });
      council.today = todayInLondon(systemClock);
      const lock = locks[round % locks.length] ?? null;
      const start = (): Contender => contend(council, ['compute'], { asOf: council.today, process: false });
      const ends = lock === null ? await Promise.all([start().exit, start().exit]) : await meet(council, lock, [start, start]);
      ends.forEach(expectPlainWords);
      // Both were let in; of the work itself there is one at a time.
      for (const { stderr } of ends.filter(({ exitCode }) => exitCode === 1))
        expect(stderr).toMatch(/Another night, or a step of one, is running/);
      expect(ends.map(({ exitCode }) => exitCode)).toContain(0);
      const { id } = await council.db('installation').first<{ id: string }>('id');
      for (const root of [council.documentRoot, council.archive])
        expect(await readFile(path.join(root, '.retention'), 'utf8')).toBe(`${id}\n`);
      const marked = await council.db('claimed_roots').pluck<string[]>('path').orderBy('path');
      expect(new Set(marked)).toEqual(new Set([council.archive, council.documentRoot]));
      twice += marked.length - 2;
      if (round < rounds - 1) await council.close();
    }
    tally({ what: 'two first starts of a live database', tried: rounds, twice });
  });
});
