/**
 * A hold placed at each moment of archiving, at every scope: either it came first and the file stays, source and all, or the file
 * went first and the hold says that it covers nothing of it. Never both.
 */
import { access, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { addDays } from '../../rules/dates.ts';
import { rehearsal, until, type Council, type Ended } from '../setup/commands.ts';
import { contend, expectPlainWords, meet, type Contender } from '../setup/frozen.ts';
import { AUDIT } from '../setup/raced.ts';
import { tally, times } from '../setup/tally.ts';

const TODAY = '2026-11-22';
const SLOW = { timeout: times(240_000, 7_200_000) };

const SCOPES = [
  () => 'everything',
  () => 'category:child_in_need',
  (fileRef: string) => `family:${fileRef}-F`,
  (fileRef: string) => `person:${fileRef}-P`,
  (fileRef: string) => `file:${fileRef}`,
];

/** Where archiving, or the hold, is frozen while the other comes; and which of them came first then. */
const MOMENTS: { when: string; lock: (fileRef: string) => string; holdStarts: 'first' | 'second'; file: 'stays' | 'goes' }[] = [
  { when: 'before a file is claimed', lock: () => 'lock table runs in share row exclusive mode', holdStarts: 'second', file: 'stays' },
  { when: 'the bag is about to begin', lock: () => 'lock table bags in share row exclusive mode', holdStarts: 'second', file: 'stays' },
  { when: 'the bag is begun', lock: () => 'lock table originals in access exclusive mode', holdStarts: 'second', file: 'stays' },
  { when: 'the bag is written, the hold not yet committed', lock: () => AUDIT, holdStarts: 'first', file: 'stays' },
  { when: 'archiving waits to lock the holds', lock: () => 'lock table holds in row exclusive mode', holdStarts: 'second', file: 'goes' },
  {
    when: 'archiving has locked the holds',
    lock: (fileRef) => `select from case_files where file_ref = '${fileRef}' for update`,
    holdStarts: 'second',
    file: 'goes',
  },
  { when: 'archiving is about to commit', lock: () => AUDIT, holdStarts: 'second', file: 'goes' },
  { when: 'archiving removes the source', lock: () => 'lock table documents in row exclusive mode', holdStarts: 'second', file: 'goes' },
];

let council: Council;
afterEach(() => council.close());

describe('a hold', () => {
  it('placed at each moment of archiving, at every scope, comes first or too late, never both', SLOW, async () => {
    // Every moment with every scope; in every test run each moment with one scope, in turn, and the others unfrozen.
    const ways = MOMENTS.flatMap((moment, m) => SCOPES.map((scope, s) => ({ moment, scope, chosen: s === m % SCOPES.length })));
    const frozen = ways.filter(({ chosen }) => times(Number(chosen), 1) === 1);
    const rounds = times(1, 30);
    await lists(frozen.length + rounds);
    let early = 0;
    for (const [at, { moment, scope }] of frozen.entries()) {
      const trial = await signed(at);
      const starts = [() => archive(trial, false), () => place(trial, scope(trial.fileRef), false)];
      const ends = await meet(council, moment.lock(trial.fileRef), moment.holdStarts === 'first' ? starts.reverse() : starts);
      const [archived, held] = moment.holdStarts === 'first' ? ends.reverse() : ends;
      const { file, broken } = await whatHappened(trial, archived as Ended, held as Ended);
      expect(file, `${moment.when}, ${scope(trial.fileRef)}`).toBe(moment.file);
      early += broken;
    }
    for (let round = 0; round < rounds; round++) {
      const trial = await signed(frozen.length + round);
      const scope = SCOPES[round % SCOPES.length] as (typeof SCOPES)[0];
      const [archiving, holding] = [archive(trial, true), place(trial, scope(trial.fileRef), true)];
      early += (await whatHappened(trial, await archiving.exit, await holding.exit)).broken;
    }
    await council.expectAccounted();
    const events = await council.db('audit_events').where({ event: 'item.archived' }).pluck<string[]>('details');
    const gone = await council.db('residual_records').pluck<string[]>('file_ref');
    const left = await council.db('case_files').pluck<string[]>('file_ref');
    tally({
      what: `a hold at ${MOMENTS.length} moments of archiving, at ${SCOPES.length} scopes`,
      tried: frozen.length + rounds,
      lost: frozen.length + rounds - gone.length - left.length,
      early,
      twice: events.length - gone.length,
    });
  });

  it('placed while the bytes of the bag are being written comes first', SLOW, async () => {
    const trials = times(1, SCOPES.length);
    await lists(trials, { large: Buffer.alloc(48 << 20, 7) });
    let early = 0;
    for (const [at, scope] of SCOPES.slice(0, trials).entries()) {
      const trial = await signed(at);
      const archiving = council.spawn(['archive', '--as-of', trial.asOf]);
      await until(() => isBeingWritten(), 'some bytes of the bag are there');
      archiving.child.kill('SIGSTOP');
      expect([archiving.child.exitCode, await council.bags()]).toEqual([null, []]);
      const held = await place(trial, scope(trial.fileRef), false).exit;
      archiving.child.kill('SIGCONT');
      const { file, broken } = await whatHappened(trial, await archiving.exit, held);
      expect(file).toBe('stays');
      early += broken;
    }
    tally({ what: 'a hold while the bytes of a bag are written', tried: trials, early });
  });

  it('and the person who records the paper of a file: one comes first, the other is told', SLOW, async () => {
    const scopes = SCOPES.slice(0, times(1, SCOPES.length));
    await lists(scopes.length * 2, { facts: { medium: 'both' } });
    let early = 0;
    for (const [at, [scope, first]] of scopes.flatMap((one) => [[one, 'hold'] as const, [one, 'paper'] as const]).entries()) {
      const trial = await signed(at);
      await council.done('archive', { asOf: trial.asOf });
      const paper = () =>
        contend(council, ['paper', 'done', trial.fileRef, '--moved-to', 'the basement'], { asOf: trial.asOf, as: 's.lee', process: false });
      const hold = () => place(trial, scope(trial.fileRef), false);
      const ends = await meet(council, AUDIT, first === 'hold' ? [hold, paper] : [paper, hold]);
      const [held, recorded] = first === 'hold' ? ends : ends.reverse();
      ends.forEach(expectPlainWords);
      const gone = (await council.db('residual_records').where({ file_ref: trial.fileRef })).length === 1;
      expect(gone).toBe(first === 'paper');
      expect(recorded?.exitCode).toBe(first === 'paper' ? 0 : 1);
      if (!gone) expect(recorded?.stderr).toMatch(/stays where it is, and nothing was recorded: it is blocked now: hold/);
      early += gone && (await placedBefore(trial.fileRef, held as Ended)) ? 1 : 0;
      await release(held as Ended, trial.asOf);
    }
    await council.expectAccounted();
    tally({ what: 'a hold meets the recording of paper', tried: scopes.length * 2, early });
  });
});

/** The file of one list, past its cooling-off on `asOf`. */
interface Trial {
  fileRef: string;
  list: number;
  asOf: string;
}

/** So many lists of one file each, of a family and with a document. */
async function lists(count: number, { facts = {}, large }: { facts?: Record<string, string>; large?: Buffer } = {}): Promise<void> {
  council = await rehearsal({ LIST_SIZE: '1', MAX_AGE_DAYS: '365' });
  for (let i = 0; i < count; i++) {
    council.register.child(ref(i), { family_ref: `${ref(i)}-F`, ...facts });
    await council.document(ref(i), `${ref(i)}.bin`, large ?? `${ref(i)} letter`);
  }
  await council.night(TODAY);
}

/** Signed on a day of its own, so that it is the only list past its cooling-off that was not archived before. */
async function signed(at: number): Promise<Trial> {
  const [list, signedOn] = [at + 1, addDays(TODAY, at)];
  await council.approveAndSign(list, signedOn);
  return { fileRef: ref(at), list, asOf: addDays(signedOn, 8) };
}

function archive({ asOf }: Trial, process: boolean): Contender {
  return contend(council, ['archive'], { asOf, process });
}

function place({ asOf }: Trial, scope: string, process: boolean): Contender {
  const order = ['--kind', 'police', '--authority', 'DI Archer', '--review-on', '2029-01-01'];
  return contend(council, ['hold', 'add', '--scope', scope, ...order, '--json'], { asOf, as: 's.lee', process });
}

/** Whether the file went, with everything as it must be then; `broken` is 1 when it went though the hold was there before. */
async function whatHappened(
  { fileRef, list, asOf }: Trial,
  archived: Ended<number | null>,
  held: Ended<number | null>,
): Promise<{ file: 'stays' | 'goes'; broken: number }> {
  expectPlainWords(archived);
  expectPlainWords(held);
  expect(archived.exitCode).toBe(0);
  const [item] = (await council.show(list)).items;
  const bags = await council.bags();
  const source = await access(path.join(council.documentRoot, `${fileRef}.bin`)).then(
    () => 'there',
    () => 'gone',
  );
  const { hold, covers } = held.json<{ hold: { id: number; scope: string }; covers: number }>();
  const registered = await council.db('case_files').pluck<string[]>('file_ref');
  const wide = ['everything', 'category'].includes(hold.scope);
  const goes = item?.status === 'archived';
  if (goes) {
    expect([registered.includes(fileRef), bags.includes(`${fileRef}.zip`), source]).toEqual([false, true, 'gone']);
    expect([covers, held.exitCode]).toEqual(wide && registered.length > 0 ? [registered.length, 0] : [0, 3]);
  } else {
    expect(item).toMatchObject({ status: 'withdrawn', status_reason: 'it is blocked now: hold' });
    expect([registered.includes(fileRef), bags.includes(`${fileRef}.zip`), source]).toEqual([true, false, 'there']);
    expect([covers, held.exitCode]).toEqual([wide ? registered.length : 1, 0]);
    expect((await council.explain(fileRef, asOf)).blocks).toContain('hold');
  }
  const broken = goes && (await placedBefore(fileRef, held)) ? 1 : 0;
  await release(held, asOf);
  return { file: goes ? 'goes' : 'stays', broken };
}

/** The chain of the audit says what came first. */
async function placedBefore(fileRef: string, held: Ended<number | null>): Promise<boolean> {
  const { hold } = held.json<{ hold: { id: number } }>();
  const events = await council
    .db('audit_events')
    .whereIn('event', ['hold.placed', 'item.archived'])
    .orderBy('seq')
    .select<{ event: string; details: string }[]>('event', 'details');
  const told = events.map(({ event, details }) => ({ event, ...(JSON.parse(details) as { hold?: number; file?: string }) }));
  const placed = told.findIndex((event) => event.event === 'hold.placed' && event.hold === hold.id);
  const went = told.findIndex((event) => event.event === 'item.archived' && event.file === fileRef);
  return placed < went;
}

async function release(held: Ended<number | null>, asOf: string): Promise<void> {
  const { hold } = held.json<{ hold: { id: number } }>();
  await council.done(`hold release ${hold.id} --reason over`, { asOf, as: 'm.jones' });
  await council.done(`hold release ${hold.id} --confirm`, { asOf, as: 'a.khan' });
}

async function isBeingWritten(): Promise<boolean> {
  const folder = path.join(council.archive, '.partial');
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(path.join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.some((size) => size > 0);
}

function ref(i: number): string {
  return `CF-${String(i).padStart(3, '0')}`;
}
