/** The audit: nothing recorded is ever changed, and whoever tries past the database is found out by the chain. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../db/audit.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const TODAY = '2026-11-22';
let council: Council;
let exported: string[];

beforeAll(async () => {
  council = await rehearsal();
  council.register.child('CF-1').child('CF-2');
  await council.night(TODAY);
  await council.approveAndSign(1, TODAY);
  await council.refused('decide 1 --approve --all', { as: 'm.jones', asOf: TODAY }, 'wrong_state', /cooling off/);
  await council.night('2026-11-30');
  await council.done(['audit', 'export', file('whole.jsonl')]);
  exported = (await readFile(file('whole.jsonl'), 'utf8')).trimEnd().split('\n');
});

afterAll(() => council.close());

describe('every act is an event', () => {
  it('imports, nights, lists, decisions, sign-offs, refusals, archiving, certificates', () => {
    const kinds = new Set(exported.map((line) => (JSON.parse(line) as AuditEvent).event));
    const acts = [
      'schedule.adopted',
      'extract.imported',
      'list.made',
      'run.succeeded',
      'list.decided',
      'list.signed_off',
      'refused',
      'item.archived',
      'certificate.issued',
    ];
    expect(acts.filter((act) => !kinds.has(act))).toEqual([]);
  });

  it('holds references and no names, births or free text', () => {
    for (const personal of ['Invented', '2000-01-02']) expect(exported.join('\n')).not.toContain(personal);
  });
});

describe('the database', () => {
  it.each([
    ["update audit_events set actor = 'nobody' where seq = 2", 'update'],
    ['delete from audit_events where seq = 2', 'delete'],
    ['truncate audit_events', 'truncate'],
  ])('refuses %s', async (statement, verb) => {
    await expect(council.db.raw(statement)).rejects.toThrow(new RegExp(`append-only: ${verb} is refused`));
  });

  it('gives an event its place, instant and hash itself, whatever an insert says', async () => {
    const forged = { seq: 1, recorded_at: '2001-01-01', actor: 'nobody', event: 'forged', details: '{}', previous_hash: '', hash: 'x' };
    const given = (await council.db('audit_events').insert(forged).returning<AuditEvent[]>('*'))[0];
    expect(given?.seq).toBeGreaterThan(exported.length);
    expect((await council.retention('audit verify')).exitCode).toBe(0);
  });
});

describe('an exported file', () => {
  it('is whole as it was exported, and needs no database to prove it', async () => {
    const verified = await council.done(['audit', 'verify', file('whole.jsonl'), '--json'], {
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    });
    expect(verified.json()).toEqual({ events: exported.length, head: eventAt(-1).hash, faults: [] });
  });

  it.each<[what: string, spoil: (events: AuditEvent[]) => AuditEvent[], fault: RegExp]>([
    ['a changed actor', change(4, { actor: 'h.grant' }), /event 4 was changed/],
    ['a changed instant', change(4, { recorded_at: '2026-01-01T00:00:00.000000Z' }), /event 4 was changed/],
    ['changed details', change(4, { details: '{}' }), /event 4 was changed/],
    ['a changed event with a hash of its own', change(4, { actor: 'h.grant' }, 'rehashed'), /event 5 does not follow/],
    ['a deleted event', (events) => events.toSpliced(3, 1), /event 5 stands where event 4 should/],
    ['a deleted first event', (events) => events.slice(1), /event 2 stands where event 1 should/],
    ['events cut out in the middle', (events) => events.toSpliced(3, 4), /event 8 stands where event 4 should/],
    [
      'an inserted event',
      (events) => events.toSpliced(3, 0, rehash({ ...eventAt(3), actor: 'h.grant' })),
      /event 4 stands where event 5 should/,
    ],
    ['a repeated event', (events) => events.toSpliced(3, 0, eventAt(3)), /event 4 stands where event 5 should/],
    ['two events swapped', (events) => events.toSpliced(3, 2, eventAt(4), eventAt(3)), /event 5 stands where event 4 should/],
    [
      'two events renumbered and swapped',
      (events) => events.toSpliced(3, 2, { ...eventAt(4), seq: 4 }, { ...eventAt(3), seq: 5 }),
      /event 4 does not follow/,
    ],
  ])('with %s is found out', async (what, spoil, fault) => {
    const spoiled = file(`${what}.jsonl`);
    await writeFile(
      spoiled,
      spoil(events())
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(''),
    );
    const verified = await council.retention(['audit', 'verify', spoiled]);
    expect([verified.exitCode, verified.stdout]).toEqual([1, expect.stringMatching(fault)]);
  });

  it('cut off within an event cannot be read, and says at which line', async () => {
    await writeFile(file('cut.jsonl'), exported.join('\n').slice(0, -20));
    const verified = await council.retention(['audit', 'verify', file('cut.jsonl')]);
    expect([verified.exitCode, verified.stderr]).toEqual([2, expect.stringContaining(`line ${exported.length}`)]);
  });

  it('cut off between events is seen by its head, which is not the one that was noted elsewhere', async () => {
    await writeFile(file('short.jsonl'), `${exported.slice(0, -2).join('\n')}\n`);
    const verified = await council.done(['audit', 'verify', file('short.jsonl'), '--json']);
    expect(verified.json()).toMatchObject({ events: exported.length - 2, head: eventAt(-3).hash });
  });

  it('is never written over another', async () => {
    const again = await council.retention(['audit', 'export', file('whole.jsonl')]);
    expect(again.exitCode).toBe(1);
    expect((await readFile(file('whole.jsonl'), 'utf8')).trimEnd().split('\n')).toEqual(exported);
  });
});

describe('the chain in the database', () => {
  it('is broken for whoever looks, when the owner got past the refusal', async () => {
    await council.db.raw('alter table audit_events disable trigger user');
    await council.db('audit_events').where({ seq: 3 }).update({ actor: 'nobody' });
    await council.db.raw('alter table audit_events enable trigger user');
    const verified = await council.retention('audit verify --json');
    expect([verified.exitCode, verified.json()]).toEqual([
      1,
      expect.objectContaining({ faults: ['event 3 was changed after it was recorded'] }),
    ]);
  });
});

function events(): AuditEvent[] {
  return exported.map((line) => JSON.parse(line) as AuditEvent);
}

function eventAt(index: number): AuditEvent {
  return events().at(index) as AuditEvent;
}

/** Changes the event of that number. */
function change(seq: number, cells: Partial<AuditEvent>, rehashed?: 'rehashed'): (events: AuditEvent[]) => AuditEvent[] {
  return (all) => all.map((event) => (event.seq !== seq ? event : rehashed ? rehash({ ...event, ...cells }) : { ...event, ...cells }));
}

/** As somebody would who knows how the hash is made. */
function rehash(event: AuditEvent): AuditEvent {
  const { previous_hash, seq, recorded_at, actor, details } = event;
  const line = [previous_hash, seq, recorded_at, actor, event.event, details].join('\n');
  return { ...event, hash: createHash('sha256').update(line).digest('hex') };
}

function file(name: string): string {
  return path.join(council.folder, name);
}
