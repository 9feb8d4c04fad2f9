/** The audit under attack: whatever is changed, removed, added, swapped, cut off or made anew in it is found. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Knex } from 'knex';
import { readEvents, verifyChain, type AuditEvent, type NotedHead } from '../../db/audit.ts';
import { FIELDS, forgedAt, lineOf, pairs, rehashed, sample, swapped, withCharacter } from '../setup/auditForgeries.ts';
import { rehearsal, type Council, type Ended } from '../setup/commands.ts';
import { tally, times } from '../setup/tally.ts';

const LAST_REPORT = '2026-12-01';
let council: Council;
/** The whole life of a few files, as exported. */
let events: AuditEvent[];
let head: string;
/** The folder with the reports of all nights, and what the last of them noted. */
let reports: string;
let noted: { events: number; head: string };

beforeAll(async () => {
  council = await rehearsal();
  reports = path.join(council.folder, 'home', 'reports');
  await wholeLife();
  const exported = await council.done(['audit', 'export', file('whole.jsonl')]);
  events = linesOf(await readFile(file('whole.jsonl'), 'utf8')).map((line) => JSON.parse(line) as AuditEvent);
  head = events.at(-1)?.hash ?? '';
  expect(exported.stdout).toBe(`Written to ${file('whole.jsonl')}: ${events.length} events. Head: ${head}\n`);
  noted = await notedOn(LAST_REPORT);
}, 120_000);

afterAll(() => council.close());

describe('an exported chain', () => {
  it('is whole as it was exported, contains the head of every report, and needs no database to prove it', async () => {
    const argv = ['audit', 'verify', file('whole.jsonl'), '--report', reports, '--head', head];
    const verified = await council.done(argv, { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    expect(verified.stdout).toContain(`The chain is whole: ${events.length} events. Head: ${head}`);
    for (const day of ['22 November 2026', '30 November 2026', '1 December 2026'])
      expect(verified.stdout).toContain(`It contains the report of ${day}, event `);
    expect(events.length).toBeGreaterThan(40);
  });

  it('shows a change of any character of any field', async () => {
    const changes = events.flatMap((event, at) =>
      FIELDS.flatMap((field) => placesIn(String(event[field])).map((place) => events.with(at, withCharacter(event, field, place)))),
    );
    await allFound('a character of an event changed', changes);
  });

  it('shows a change of any byte of the file', async () => {
    const whole = await readFile(file('whole.jsonl'));
    let [tried, lost] = [0, 0];
    for (const [turn, place] of placesIn(whole.toString('latin1'), times(200, 4000)).entries()) {
      const [before, after] = [whole.subarray(0, place), whole.subarray(place + 1)];
      const byte = whole[place] ?? 0;
      const instead = [[byte ^ (1 << (turn % 8))], [], [byte, 0x20], [byte, 0x00], [byte, 0x0a]][turn % 5] ?? [];
      tried++;
      if (!(await isFound(Buffer.concat([before, Buffer.from(instead), after])))) lost++;
    }
    report('audit: a byte of the file changed, removed or added', tried, lost);
  });

  it('shows events that were removed, wherever they were', async () => {
    const ranges = pairs(events.length).filter(([, to]) => to < events.length);
    await allFound(
      'events removed',
      ranges.map(([from, to]) => events.toSpliced(from, to - from)),
    );
  });

  it('shows events that were added: copies and forged ones that follow the one before', async () => {
    const places = events.slice(0, -1).map((_, at) => at);
    await allFound('an event added', [
      ...places.flatMap((at) => sample(events, times(1, 10)).map((copy) => events.toSpliced(at, 0, copy))),
      ...places.flatMap((at) => [events.toSpliced(at, 0, forged(at)), [...events.slice(0, at), forged(at), ...events.slice(at + 1)]]),
    ]);
    const longer = await verify([...events, forged(events.length)], '--head', head, '--json');
    expect(longer.json()).toMatchObject({ events: events.length + 1, head: forged(events.length).hash });
  });

  it('shows events that changed places, with their numbers and without', async () => {
    const swaps = [...events.slice(1).map((_, at): [number, number] => [at, at + 1]), ...sample(pairs(events.length - 1), times(60, 1000))];
    await allFound('events swapped', [
      ...swaps.flatMap(([one, other]) => [swap(one, other, 'as they are'), swap(one, other, 'renumbered')]),
      events.toReversed(),
      [...events, ...events],
    ]);
  });

  it('that was cut off at its end is whole in itself, and is not what was noted', async () => {
    const cut = events.slice(1).map((_, at) => events.slice(0, at + 1));
    await allFound('the end cut off, head noted', cut, '--head', head);
    const belowReport = cut.filter((shorter) => shorter.length < noted.events);
    await allFound('the end cut off, night’s report', belowReport, '--report', reports);
    expect((await verify(belowReport.at(-1) ?? [])).exitCode).toBe(0);
    expect((await verify(belowReport.at(-1) ?? [], '--report', reports)).stdout).toContain(
      `the report of 1 December 2026 had ${noted.events} events and this chain has ${noted.events - 1}: its end was cut off`,
    );
  });

  it('that was made anew from an event on is whole in itself, and is not what was noted', async () => {
    const places = events.slice(0, noted.events).map((_, at) => at);
    const forgeries = places.flatMap((at) => [
      rehashed(events.with(at, { ...eventAt(at), actor: 'nobody' })),
      rehashed(events.with(at, { ...eventAt(at), recorded_at: '2026-01-01T00:00:00.000000Z' })),
      rehashed(events.toSpliced(at, 1)),
      rehashed(events.toSpliced(at, 0, forged(at))),
      at === 0 ? rehashed(events.toReversed()) : rehashed(swap(at - 1, at, 'as they are')),
    ]);
    expect((await verify(forgeries[0] ?? [])).exitCode).toBe(0);
    await allFound('made anew with right hashes, night’s report', forgeries, '--report', path.join(reports, LAST_REPORT));
    await allFound('made anew with right hashes, head noted', forgeries, '--head', head);
    expect((await verify(forgeries[0] ?? [], '--report', reports)).stdout).toMatch(
      /the report of 1 December 2026 had another hash at event \d+: that event or one before it was changed/,
    );
  });
});

describe('the chain in the database', () => {
  it('shows what its owner did to it past every refusal', async () => {
    const heads: NotedHead[] = [{ where: 'the last report', ...noted }];
    let [tried, lost] = [0, 0];
    for (const attack of attacksOnRows()) {
      tried++;
      if ((await faultsAfter(attack, heads)).length === 0) lost++;
    }
    report('audit: the database’s own rows rewritten by its owner', tried, lost);
    expect(await faultsAfter(() => Promise.resolve(), heads)).toEqual([]);
  });

  it('is proved against the reports by the command as well', async () => {
    const whole = await council.done(['audit', 'verify', '--report', reports]);
    expect(whole.stdout).toContain(`It contains the report of 1 December 2026, event ${noted.events}.`);
    const other = file('a report of more');
    await mkdir(other);
    await writeFile(
      path.join(other, 'audit-head.json'),
      JSON.stringify({ as_of: '2026-12-02', events: 9000, head: 'f'.repeat(64), rehearsal: true }),
    );
    const cut = await council.retention(['audit', 'verify', '--report', other, '--json']);
    expect([cut.exitCode, cut.json()]).toEqual([1, expect.objectContaining({ faults: [expect.stringContaining('its end was cut off')] })]);
  });
});

/** Imported, listed, held, released, decided three ways, refused, signed, archived, asked back and restored; three nights. */
async function wholeLife(): Promise<void> {
  const [asOf, later] = ['2026-11-22', '2026-11-30'];
  for (let n = 1; n <= 14; n++) council.register.child(`CF-${n}`);
  await council.document('CF-1', 'CF-1/chronology.txt');
  await council.night(asOf);
  const hold = ['hold', 'add', '--kind', 'police', '--scope', 'file:CF-8', '--authority', 'DI-77/26', '--review-on', '2027-06-01'];
  await council.done(hold, { asOf, as: 'm.jones' });
  await council.done(['hold', 'release', '1', '--reason', 'The police have closed it.'], { asOf, as: 'm.jones' });
  await council.done('hold release 1 --confirm', { asOf, as: 'a.khan' });
  await council.done('decide 1 --keep-until 2027-11-22 --reason person_asked --files CF-2', { asOf, as: 'm.jones' });
  await council.done('decide 1 --refer --files CF-3', { asOf, as: 'm.jones' });
  for (const n of [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    await council.done(['decide', '1', '--approve', '--acknowledge-cautions', '--files', `CF-${n}`], { asOf, as: 's.lee' });
  await council.refused(['sign-off', '1', '--digest', '0'.repeat(64)], { asOf, as: 'a.khan' }, 'digest_moved', /./);
  await council.refused(['sign-off', '1', '--digest', (await council.show(1)).digest], { asOf, as: 's.lee' }, 'own_decision', /./);
  await council.sign(1, asOf);
  await council.night(later);
  const back = ['restore', 'CF-1', '--keep-until', '2027-11-30', '--reason', 'A claim.'];
  await council.done(back, { asOf: later, as: 'm.jones' });
  await council.done('restore CF-1 --confirm', { asOf: later, as: 'a.khan' });
  await council.night(LAST_REPORT);
  await council.retention('decide 1 --approve --all', { asOf: LAST_REPORT, as: 'm.jones' });
}

/** Tries each tampering by the command and adds the line to the table. */
async function allFound(what: string, tamperings: AuditEvent[][], ...options: string[]): Promise<void> {
  const chosen = sample(tamperings, times(250, tamperings.length));
  let lost = 0;
  for (const tampering of chosen) if (!(await isFound(tampering.map(lineOf).join(''), ...options))) lost++;
  report(`audit: ${what}`, chosen.length, lost);
}

function report(what: string, tried: number, lost: number): void {
  tally({ what, tried, lost });
}

async function isFound(content: string | Buffer, ...options: string[]): Promise<boolean> {
  const verified = await verifyContent(content, ...options);
  expect(verified.stderr).not.toMatch(/^\s+at /m);
  return (
    (verified.exitCode === 1 && verified.stdout.startsWith('The chain is broken:\n')) ||
    (verified.exitCode === 2 && verified.stderr.startsWith('retention: '))
  );
}

function verify(tampered: AuditEvent[], ...options: string[]): Promise<Ended> {
  return verifyContent(tampered.map(lineOf).join(''), ...options);
}

async function verifyContent(content: string | Buffer, ...options: string[]): Promise<Ended> {
  await writeFile(file('tampered.jsonl'), content);
  return council.retention(['audit', 'verify', file('tampered.jsonl'), ...options]);
}

type Attack = (trx: Knex.Transaction) => Promise<unknown>;

/** Every column of every row, every row gone or twice, forged rows before the first, the end cut off, all made anew. */
function attacksOnRows(): Attack[] {
  const rows = (trx: Knex, seq: number) => trx('audit_events').where({ seq });
  const perEvent = events.slice(0, noted.events).flatMap(({ seq, hash }): Attack[] => [
    (trx) => rows(trx, seq).update({ actor: 'nobody' }),
    (trx) => rows(trx, seq).update({ event: 'list.forged' }),
    (trx) => rows(trx, seq).update({ details: '{"list":99}' }),
    (trx) => rows(trx, seq).update({ recorded_at: trx.raw("recorded_at + interval '1 microsecond'") }),
    (trx) => rows(trx, seq).update({ previous_hash: hash }),
    (trx) => rows(trx, seq).update({ hash: hash.toUpperCase() }),
    (trx) => rows(trx, seq).update({ seq: seq + 1_000_000 }),
    (trx) => rows(trx, seq).delete(),
    (trx) => trx('audit_events').where('seq', '>=', seq).delete(),
    async (trx) => {
      for (const row of rehashed(events.with(seq - 1, { ...eventAt(seq - 1), actor: 'nobody' })).slice(seq - 1)) {
        await rows(trx, row.seq).update({ actor: row.actor, previous_hash: row.previous_hash, hash: row.hash });
      }
    },
  ]);
  const outside = [0, -1, -1_000_000].map(
    (seq): Attack =>
      (trx) =>
        trx('audit_events').insert({ ...forged(0), seq }),
  );
  return [...sample(perEvent, times(100, perEvent.length)), ...outside];
}

/** What verifying finds after an attack by the owner of the tables, which is then undone. */
async function faultsAfter(attack: Attack, heads: NotedHead[]): Promise<string[]> {
  const trx = await council.db.transaction();
  try {
    await trx.raw('alter table audit_events disable trigger user');
    await attack(trx);
    return (await verifyChain(readEvents(trx), heads)).faults;
  } finally {
    await trx.rollback();
  }
}

/** Some places in a text, all of them in full. */
function placesIn(text: string, most = times(1, text.length)): number[] {
  return sample(
    Array.from(text, (_, place) => place),
    most,
  );
}

function swap(one: number, other: number, how: 'as they are' | 'renumbered'): AuditEvent[] {
  return swapped(events, one, other, how);
}

function forged(at: number): AuditEvent {
  return forgedAt(events, at);
}

function eventAt(at: number): AuditEvent {
  return events[at] as AuditEvent;
}

async function notedOn(asOf: string): Promise<{ events: number; head: string }> {
  return JSON.parse(await readFile(path.join(reports, asOf, 'audit-head.json'), 'utf8')) as { events: number; head: string };
}

function linesOf(text: string): string[] {
  return text.trimEnd().split('\n');
}

function file(name: string): string {
  return path.join(council.folder, name);
}
