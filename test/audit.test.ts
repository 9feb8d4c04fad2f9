/** The audit: nothing recorded is ever changed, and whoever tries past the database is found out by the chain. */
import { readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../db/audit.ts';
import { withHash } from './setup/auditForgeries.ts';
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
    expect(verified.json()).toEqual({ events: exported.length, head: eventAt(-1).hash, faults: [], heads: [] });
  });

  it.each<[what: string, spoil: (events: AuditEvent[]) => AuditEvent[], fault: RegExp]>([
    ['a changed actor', change(4, { actor: 'nobody' }), /event 4 was changed/],
    ['a changed instant', change(4, { recorded_at: '2026-01-01T00:00:00.000000Z' }), /event 4 was changed/],
    ['changed details', change(4, { details: '{}' }), /event 4 was changed/],
    ['a changed event with a hash of its own', change(4, { actor: 'nobody' }, 'rehashed'), /event 5 does not follow/],
    ['a deleted event', (events) => events.toSpliced(3, 1), /event 5 stands where event 4 should/],
    ['a deleted first event', (events) => events.slice(1), /event 2 stands where event 1 should/],
    ['events cut out in the middle', (events) => events.toSpliced(3, 4), /event 8 stands where event 4 should/],
    [
      'an inserted event',
      (events) => events.toSpliced(3, 0, withHash({ ...eventAt(3), actor: 'nobody' })),
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

  it('is never written over another', async () => {
    const again = await council.retention(['audit', 'export', file('whole.jsonl')]);
    expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining('Name a file that is not there yet')]);
    expect((await readFile(file('whole.jsonl'), 'utf8')).trimEnd().split('\n')).toEqual(exported);
  });
});

describe('each night’s report notes the head', () => {
  it('on the page, in a file for machines, in the result, in the log', async () => {
    const asOf = '2026-12-01';
    await council.writeExtract();
    const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf, LOG_LEVEL: 'info' });
    const { audit } = night.json<{ steps: { report: { audit: { events: number; head: string } } } }>().steps.report;
    expect(await council.db('audit_events').where({ seq: audit.events }).pluck('hash')).toEqual([audit.head]);
    expect(audit.events).toBeGreaterThan(exported.length);
    const folder = path.join(council.folder, 'home', 'reports', asOf);
    const of = await council.db('installation').first<{ id: string; system_identifier: string; database_oid: number }>();
    expect(JSON.parse(await readFile(path.join(folder, 'audit-head.json'), 'utf8'))).toEqual({
      as_of: asOf,
      ...audit,
      rehearsal: true,
      installation: of.id,
      database: `${of.system_identifier}/${of.database_oid}`,
    });
    const page = await readFile(path.join(folder, 'retention-report.html'), 'utf8');
    expect(page).toContain(`${audit.events} events. Hash of the last: <code>${audit.head}</code>`);
    expect(night.stderr.split('\n').filter((line) => line.includes('report.finished') && line.includes(audit.head))).toHaveLength(1);
    expect((await council.done('nightly', { asOf })).stdout).toMatch(/audit: \d+ events, head [0-9a-f]{64}/);
  });
});

describe('what is no export', () => {
  const whole = () => exported.map((line) => `${line}\n`).join('');
  it.each<[what: string, content: () => string | Buffer, says: RegExp]>([
    ['is empty', () => '', /is empty, and an audit never is/],
    ['is cut off in the middle of a line', () => whole().slice(0, -40), /line \d+, has no end: the file was cut off there/],
    ['lost its last line feed', () => whole().slice(0, -1), /line \d+, has no end/],
    ['holds a NUL', () => whole().replace('service', 'serv\0ice'), /line 1, is not an event/],
    ['begins with a byte order mark', () => `\uFEFF${whole()}`, /line 1, begins with a byte order mark/],
    ['has the line ends of Windows', () => whole().replaceAll('\n', '\r\n'), /line 1, ends with a carriage return/],
    ['is no UTF-8', () => Buffer.concat([Buffer.from(whole()), Buffer.from([0xff, 0xfe, 0x0a])]), /line \d+, is not an event/],
    ['holds null', () => 'null\n', /line 1, is not an event/],
    ['holds a number of another kind', () => whole().replace('"seq":2,', '"seq":"2",'), /line 2, is not an event/],
    ['says an actor twice', () => whole().replace('"actor":', '"actor":"nobody","actor":'), /line 1, is not an event/],
    ['says more of an event', () => whole().replace('{"seq"', '{"approved_by":"nobody","seq"'), /line 1, is not an event/],
    ['is written with other spaces', () => whole().replace('"seq":1,', '"seq": 1,'), /line 1, is not an event/],
    ['escapes a letter', () => whole().replace('"service"', '"\\u0073ervice"'), /line 1, is not an event/],
    ['is a table', () => 'file_ref,outcome\nCF-1,expires\n', /line 1, is not an event/],
    ['is a picture', () => Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), /line 1, /],
  ])('%s: said in a sentence', async (what, content, says) => {
    await writeFile(file(what), content());
    await refusedInASentence(['audit', 'verify', file(what)], says);
  });

  it('is one line of 100 MB, a folder, or not there: said in a sentence', async () => {
    await writeFile(file('endless'), '{"seq":');
    await truncate(file('endless'), 100 * 1024 * 1024);
    await refusedInASentence(['audit', 'verify', file('endless')], /has a line of more than 16 MB/);
    await refusedInASentence(['audit', 'verify', council.folder], /cannot be read \(EISDIR\)/);
    await refusedInASentence(['audit', 'verify', file('nowhere')], /cannot be read \(ENOENT\)/);
    await refusedInASentence(['audit', 'export', path.join(file('nowhere'), 'x')], /cannot be written \(ENOENT\)/);
  });

  it('or no noted head: said in a sentence', async () => {
    await writeFile(file('no head.json'), '{"head":"abc"}');
    for (const [argv, says] of [
      [['--report', file('nowhere')], /cannot be read \(ENOENT\)/],
      [['--report', council.extract], /There is no audit-head.json in/],
      [['--report', file('no head.json')], /is not the head that a night's report wrote/],
      [['--head', 'abc'], /64 hexadecimal digits/],
    ] as const)
      await refusedInASentence(['audit', 'verify', file('whole.jsonl'), ...argv], says);
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
  return (all) => all.map((event) => (event.seq !== seq ? event : rehashed ? withHash({ ...event, ...cells }) : { ...event, ...cells }));
}

function file(name: string): string {
  return path.join(council.folder, name);
}

async function refusedInASentence(argv: string[], says: RegExp): Promise<void> {
  const { exitCode, stdout, stderr } = await council.retention(argv);
  expect([exitCode, stdout, stderr.trimEnd().split('\n').length]).toEqual([2, '', 1]);
  expect(stderr).toMatch(says);
}
