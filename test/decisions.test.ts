/** Deciding and signing by the commands: what is refused and why, what each decision leads to, and that refusals are on record. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROLES } from '../rules/workflow.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const TODAY = '2026-11-22';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('two people', () => {
  beforeEach(() => listed('CF-1', 'CF-2', 'CF-3'));

  it('are needed: nobody signs a list of which they decided a file', async () => {
    await decide('--approve --all');
    await council.refused(await signing(), by('m.jones'), 'own_decision', /m\.jones cannot sign list 1, having decided 3 of its files/);
    await council.sign(1, TODAY);
    expect(await council.show(1)).toMatchObject({ state: 'cooling_off', signed_by: 'a.khan' });
  });

  it('G26: are needed when one decides file 3, another the rest, and the first signs: they decided file 3', async () => {
    await decide('--approve --files CF-3', 'b.osei');
    await decide('--approve --files CF-1 CF-2');
    await council.refused(await signing(), by('b.osei'), 'own_decision', /b\.osei cannot sign list 1, having decided 1/);
  });

  it('are needed even when another person has decided the same file anew', async () => {
    await decide('--approve --files CF-1', 'b.osei');
    await decide('--approve --files CF-1 CF-2 CF-3');
    await council.refused(await signing(), by('b.osei'), 'own_decision', /having decided 1/);
  });

  it('G21: a sign-off with the digest that was shown is refused when one decision changed since', async () => {
    await decide('--approve --all');
    const shown = await signing();
    await decide('--keep-until 2027-05-01 --reason police --files CF-2');
    await council.refused(shown, by('a.khan'), 'digest_moved', /changed after it was shown.*retention show 1/s);
    expect(await council.show(1)).toMatchObject({ state: 'for_sign_off', signed_by: null });
    await council.sign(1, TODAY);
  });

  it('leave a list as it was signed: no decision, send-back or second signature afterwards', async () => {
    await decide('--approve --all');
    await council.sign(1, TODAY);
    await council.refused('decide 1 --approve --all', by('m.jones'), 'wrong_state', /cannot be decided on: it is cooling off/);
    await council.refused(await signing(), by('h.grant'), 'wrong_state', /cannot be signed off/);
    await council.refused('send-back 1 --reason late', by('h.grant'), 'wrong_state', /cannot be sent back/);
  });
});

describe('a list', () => {
  beforeEach(() => listed('CF-1', 'CF-2'));

  it('goes for sign-off by itself when nothing is pending, and cannot be signed before', async () => {
    await decide('--approve --files CF-1');
    expect((await council.show(1)).state).toBe('for_decision');
    await council.refused(await signing(), by('a.khan'), 'wrong_state', /cannot be signed off: it is for decision/);
    await decide('--refer --files CF-2');
    expect((await council.show(1)).state).toBe('for_sign_off');
  });

  it('that is sent back keeps its decisions; the next one puts it up for sign-off again, with another digest', async () => {
    await decide('--approve --all');
    const { digest } = await council.show(1);
    await council.refused(['send-back', '1', '--reason', ' '], by('a.khan'), 'reason_missing', /--reason/);
    await council.done(['send-back', '1', '--reason', 'a sibling is still open'], by('a.khan'));
    expect(await council.show(1)).toMatchObject({ state: 'for_decision', items: [{ decision: 'approved' }, { decision: 'approved' }] });
    await decide('--keep-until 2027-01-01 --reason sibling_live --files CF-1');
    const after = await council.show(1);
    expect(after.state).toBe('for_sign_off');
    expect(after.digest).not.toBe(digest);
  });

  it('that is cancelled ends, and its decisions never take effect: its files are candidates again', async () => {
    await decide('--keep-until 2030-01-01 --reason police --files CF-1');
    await decide('--approve --files CF-2');
    await council.done(['cancel', '1', '--reason', 'listed too soon'], by('a.khan'));
    expect(await council.show(1)).toMatchObject({ state: 'cancelled', items: [{ status: 'withdrawn' }, { status: 'withdrawn' }] });
    await council.refused('cancel 1 --reason again', by('a.khan'), 'wrong_state', /it is cancelled/);
    await council.night('2026-11-23');
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, status: 'pending' });
    expect(await council.itemOf('CF-2')).toMatchObject({ list: 2, status: 'pending' });
  });

  it('that is cancelled after sign-off archives nothing', async () => {
    await council.approveAndSign(1, TODAY);
    await council.done(['cancel', '1', '--reason', 'wrong rule'], by('h.grant'));
    await council.night('2026-11-30');
    expect(await council.bags()).toEqual([]);
  });

  it('from which a file is withdrawn goes on without it, signed or not', async () => {
    await council.approveAndSign(1, TODAY);
    await council.done(['withdraw', '1', '--files', 'CF-1', '--reason', 'wrong child'], by('m.jones'));
    await council.night('2026-11-30');
    expect(await council.bags()).toEqual(['CF-2.zip']);
    expect(await council.show(1)).toMatchObject({
      state: 'complete',
      items: [{ status: 'withdrawn', status_reason: 'wrong child' }, { status: 'archived' }],
    });
    await council.refused('withdraw 1 --files CF-2 --reason late', by('m.jones'), 'wrong_state', /it is complete/);
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, status: 'pending' });
  });

  it('with nothing approved is complete at sign-off and gets no certificate', async () => {
    await decide('--keep-until 2027-05-01 --reason person_asked --files CF-1');
    await decide('--refer --files CF-2');
    await council.sign(1, TODAY);
    expect((await council.show(1)).state).toBe('complete');
    expect(await council.db('disposal_certificates')).toEqual([]);
  });
});

describe('a decision', () => {
  it('G22: kept through 01/05/2027 because the person asked: deferred on that day, candidate on the next', async () => {
    await listed('CF-1');
    await decide('--keep-until 2027-05-01 --reason person_asked --files CF-1');
    expect((await council.explain('CF-1')).blocks).toEqual(['listed']);
    await council.sign(1, TODAY);
    expect((await council.explain('CF-1', '2027-05-01')).blocks).toEqual(['deferred']);
    expect((await council.explain('CF-1', '2027-05-02')).blocks).toEqual([]);

    for (const [asOf, lists] of [
      ['2027-04-30', 1],
      ['2027-05-01', 1],
      ['2027-05-02', 2],
    ] as const) {
      await council.night(asOf);
      await council.retention(['brake', 'release', 'stale', '--reason', 'a rehearsal of months to come'], { asOf, as: 'h.grant' });
      await council.done('list', { asOf });
      expect(await council.lists(), asOf).toHaveLength(lists);
    }
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, status: 'pending' });
  });

  it('to refer a file blocks it until the referral is closed', async () => {
    await listed('CF-1');
    await council.done(['decide', '1', '--refer', '--note', 'ask Adult Services', '--all'], by('m.jones'));
    await council.sign(1, TODAY);
    expect((await council.explain('CF-1', '2036-11-22')).blocks).toEqual(['referred']);
    await council.night('2026-11-23');
    expect(await council.lists()).toHaveLength(1);
  });

  it('to approve needs the cautions acknowledged, and then shows who did', async () => {
    await listed();
    council.register.child('CF-1', { medium: 'paper', originals_held: 'yes' });
    await council.night(TODAY);
    await council.refused('decide 1 --approve --all', by('m.jones'), 'cautions_open', /carry cautions.*CF-1.*--acknowledge-cautions/s);
    expect(await council.show(1)).toMatchObject({ items: [{ status: 'pending', cautions: ['originals_held', 'paper'] }] });
    await decide('--keep-until 2027-01-01 --reason archival_interest --all');
    await decide('--approve --acknowledge-cautions --files CF-1');
    expect(await council.show(1)).toMatchObject({ items: [{ status: 'approved', acknowledged: ['originals_held', 'paper'] }] });
  });

  it('on a rule that asks for one-by-one appraisal takes the files by name', async () => {
    council.register.child(
      'CC-1',
      { categories: 'child_in_care', opened_on: '1945-01-01', closed_on: '1956-01-01' },
      { date_of_birth: '1940-01-01' },
    );
    await council.night(TODAY);
    await council.refused('decide 1 --approve --all', by('m.jones'), 'appraise_individually', /appraised by itself.*--files/s);
    await decide('--approve --files CC-1');
    expect((await council.show(1)).state).toBe('for_sign_off');
  });

  it('is refused for a list, a file, a day or a reason that cannot be', async () => {
    await listed('CF-1');
    await council.refused('decide 7 --approve --all', by('m.jones'), 'no_such_list', /no disposal list 7/);
    await council.refused('decide 1 --approve --files CF-7', by('m.jones'), 'not_on_list', /CF-7 is not on list 1/);
    const keep = (until: string, reason: string) => `decide 1 --all --keep-until ${until} --reason ${reason}`;
    await council.refused(keep('2026-11-21', 'police'), by('m.jones'), 'keep_until_past', /21\/11\/2026 is not after 22\/11\/2026/);
    await council.refused(keep(TODAY, 'police'), by('m.jones'), 'keep_until_past', /a day to come/);
    await council.refused(keep('2027-01-01', 'other'), by('m.jones'), 'note_missing', /--note/);
    expect((await council.retention(keep('2027-01-01', 'because'), by('m.jones'))).exitCode).toBe(2);
    expect((await council.retention(keep('01/05/27', 'police'), by('m.jones'))).exitCode).toBe(2);
    expect(await council.show(1)).toMatchObject({ state: 'for_decision', items: [{ status: 'pending' }] });
  });

  it('is taken on all the files named or on none', async () => {
    await listed('CF-1', 'CF-2');
    await council.refused('decide 1 --approve --files CF-1 CF-7', by('m.jones'), 'not_on_list', /CF-7/);
    expect(await council.show(1)).toMatchObject({ items: [{ status: 'pending' }, { status: 'pending' }] });
  });

  it('is refused when facts changed after the list was made, and the night takes the file off', async () => {
    await listed('CF-1', 'CF-2');
    council.register.change('CF-1', { closed_on: '2010-06-01' });
    await council.writeExtract();
    await council.done(['import', council.extract], { asOf: TODAY });
    await council.refused('decide 1 --approve --all', by('m.jones'), 'facts_changed', /facts or documents of CF-1 changed/);
    await decide('--approve --files CF-2');
    await council.night('2026-11-23');
    expect(await council.show(1)).toMatchObject({
      state: 'for_sign_off',
      items: [{ status: 'withdrawn', status_reason: expect.stringContaining('closed_on') as string }, { status: 'approved' }],
    });
    await council.refused('decide 1 --approve --files CF-1', by('m.jones'), 'item_withdrawn', /was taken off list 1/);
  });
});

describe('roles', () => {
  beforeEach(async () => {
    await listed('CF-1');
    const users = ROLES.map((role) => ({ name: `the.${role}`, roles: [role], added_by: 'service' }));
    await council.db('users').insert(users);
  });

  it.each([
    ['decide 1 --approve --all', ['records_manager']],
    ['withdraw 1 --files CF-1 --reason error', ['records_manager']],
    ['cancel 1 --reason error', ['records_manager', 'authoriser']],
    ['hold add --kind police --scope everything --authority DI --review-on 2027-05-22', ['records_manager', 'compliance']],
  ])('let do "%s" only those with the role of %s', async (command, allowed) => {
    for (const role of ROLES.filter((name) => !allowed.includes(name))) {
      await council.refused(
        command,
        by(`the.${role}`),
        'not_permitted',
        new RegExp(`the.${role} may not do this: it takes the role ${allowed.join(' or ')}`),
      );
    }
    await council.done(command, by(`the.${allowed.at(-1)}`));
  });

  it.each([
    ['sign-off', ['records_manager', 'authoriser']],
    ['send-back', ['records_manager', 'authoriser']],
  ])('let %s only those with the role of %s', async (command, allowed) => {
    await decide('--approve --all', 'm.jones');
    const argv = command === 'sign-off' ? await signing() : 'send-back 1 --reason error';
    for (const role of ['compliance', 'auditor', 'admin'])
      await council.refused(argv, by(`the.${role}`), 'not_permitted', /may not do this/);
    await council.done(argv, by(`the.${allowed.at(-1)}`));
  });

  it('let only an authoriser release a brake', async () => {
    await council.refused('brake release volume --reason checked', by('the.records_manager'), 'not_permitted', /authoriser/);
    await council.refused('brake release volume --reason checked', by('the.authoriser'), 'brake_is_off', /is not on/);
  });
});

function by(as: string): { as: string; asOf: string } {
  return { as, asOf: TODAY };
}

/** The first night has listed files like these on list 1. */
async function listed(...fileRefs: string[]): Promise<void> {
  for (const fileRef of fileRefs) council.register.child(fileRef);
  if (fileRefs.length > 0) await council.night(TODAY);
}

async function decide(how: string, as = 'm.jones'): Promise<void> {
  await council.done(`decide 1 ${how}`, by(as));
}

/** The sign-off of list 1 with the digest as it is now. */
async function signing(): Promise<string> {
  return `sign-off 1 --digest ${(await council.show(1)).digest}`;
}
