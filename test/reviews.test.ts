/** What a records manager does with single files, by the commands: Safeguarding Unit reviews, originals, referrals. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addDays } from '../rules/dates.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const TODAY = '2026-11-22';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

describe('a Safeguarding Unit review', () => {
  const SAFEGUARDING = { categories: 'safeguarding_unit', closed_on: '1990-03-01', opened_on: '1985-01-01' };

  it('is due on the 18th birthday of the youngest child, 1 March for a leap day, and not the day before', async () => {
    council.register.child('CF-1', SAFEGUARDING, { date_of_birth: '2008-02-29' }).child('CF-2', SAFEGUARDING, { date_of_birth: '' });
    await council.night('2026-02-28');
    expect(await reviews('2026-02-28')).toEqual([]);
    expect(await reviews('2026-03-01')).toEqual([{ file_ref: 'CF-1', review_on: '2026-03-01', overdue_days: 0, closed_on: '1990-03-01' }]);
    expect(await reviews('2026-03-11')).toMatchObject([{ overdue_days: 10 }]);
  });

  it('is done once, with what was removed and who authorised it; the caution ends with it', async () => {
    council.register.child('CF-1', SAFEGUARDING, { date_of_birth: '1970-01-02' });
    await council.night(TODAY);
    expect((await council.itemOf('CF-1')).cautions).toContain('review_outstanding');
    const done = ['review', 'done', 'CF-1', '--note', 'two copies of a school report removed', '--authorised-by', 'R. Patel'];
    expect((await council.done(done, by('m.jones'))).stdout).toContain('due on 2 January 1988 is recorded as done');
    expect(await council.db('reviews_done').select()).toMatchObject([
      {
        file_ref: 'CF-1',
        review_on: '1988-01-02',
        done_by: 'm.jones',
        done_on: TODAY,
        note: 'two copies of a school report removed',
        authorised_by: 'R. Patel',
      },
    ]);
    expect(await reviews(TODAY)).toEqual([]);
    await council.refused(done, by('m.jones'), 'no_review_due', /it was done on 22 November 2026 by m\.jones/);

    const next = addDays(TODAY, 1);
    await council.night(next);
    expect((await council.explain('CF-1', next)).cautions).not.toContain('review_outstanding');
    // It stays on its list, which says that what the caution asked for was done; nothing that was listed has changed.
    expect(await council.itemOf('CF-1')).toMatchObject({
      list: 1,
      status: 'pending',
      cautions_done: [{ caution: 'review_outstanding', by: 'm.jones', on: TODAY }],
    });
    expect((await council.done('show 1')).stdout).toContain('review_outstanding (done on 22/11/2026 by m.jones)');
    await council.approveAndSign(1, next);
    expect((await council.night(addDays(TODAY, 9))).steps['archive']).toMatchObject({ archived: 1 });
  });

  it('is due again when a younger child of the family becomes known', async () => {
    council.register.child('CF-1', { ...SAFEGUARDING, family_ref: 'FAM-1' }, { date_of_birth: '1970-01-02' });
    await council.night(TODAY);
    await council.done(['review', 'done', 'CF-1', '--note', 'nothing removed'], by('m.jones'));
    council.register.child('CF-2', {}, { date_of_birth: '2008-06-01' });
    council.register.families.push({ family_ref: 'FAM-1', child_ref: 'CF-2-P' });
    await council.night(addDays(TODAY, 1));
    expect(await reviews(addDays(TODAY, 1))).toMatchObject([{ file_ref: 'CF-1', review_on: '2026-06-01' }]);
  });

  it('is refused where none is due, without a note, and without the role', async () => {
    council.register.child('CF-1').child('CF-2', SAFEGUARDING, { date_of_birth: '2009-01-02' });
    council.register.child('CF-3', SAFEGUARDING, { date_of_birth: '1970-01-02' });
    await council.night(TODAY);
    const done = (file: string, note = 'nothing removed') => ['review', 'done', file, '--note', note];
    await council.refused(done('CF-1'), by('m.jones'), 'no_review_due', /it has no review date.*review list/);
    await council.refused(done('CF-2'), by('m.jones'), 'no_review_due', /it is due on 2 January 2027/);
    await council.refused(done('CF-9'), by('m.jones'), 'no_such_file', /no file CF-9/);
    await council.refused(done('CF-3', ' '), by('m.jones'), 'note_missing', /--note/);
    await council.done('users add c.law --role compliance');
    await council.refused(done('CF-3'), by('c.law'), 'not_permitted', /records_manager/);
  });
});

describe('originals', () => {
  const HELD = { originals_held: 'yes' };

  it('are overdue since the 18th birthday of a subject or the adoption order, whichever came first', async () => {
    council.register
      .child('CF-AGE', HELD, { date_of_birth: '2008-02-29' })
      .child('CF-ADOPTED', { ...HELD, categories: 'adoption', adoption_order_on: '2010-05-04' }, { date_of_birth: '2006-01-02' })
      .child('CF-LATE-ORDER', { ...HELD, categories: 'adoption', adoption_order_on: '2026-05-04' }, { date_of_birth: '2006-01-02' })
      .child('CF-YOUNG', HELD, { date_of_birth: '2010-06' })
      .child('CF-DIED', HELD, { date_of_birth: '2000-01-02', date_of_death: '2010-01-02' })
      .child('CF-UNKNOWN', HELD, { date_of_birth: '' })
      .child('CF-NONE', { originals_held: 'no' });
    await council.night(TODAY);
    expect(await originals(TODAY)).toEqual([
      { file_ref: 'CF-ADOPTED', due_on: '2010-05-04', because: 'adoption', overdue: true },
      { file_ref: 'CF-LATE-ORDER', due_on: '2024-01-02', because: 'adulthood', overdue: true },
      { file_ref: 'CF-AGE', due_on: '2026-03-01', because: 'adulthood', overdue: true },
      { file_ref: 'CF-YOUNG', due_on: '2028-06-30', because: 'adulthood', overdue: false },
      { file_ref: 'CF-DIED', due_on: null, because: null, overdue: false },
      { file_ref: 'CF-UNKNOWN', due_on: null, because: null, overdue: false },
    ]);
    const overdueOn = async (asOf: string) => (await originals(asOf)).find((file) => file.file_ref === 'CF-AGE')?.overdue;
    expect([await overdueOn('2026-02-28'), await overdueOn('2026-03-01')]).toEqual([false, true]);
    expect((await council.done('originals list', { asOf: TODAY })).stdout.match(/OVERDUE/g)).toHaveLength(3);
  });

  it('that were returned, given or not traced are off the list; the caution stays by the facts', async () => {
    council.register
      .child('CF-1', HELD)
      .child('CF-2', { ...HELD, categories: 'adoption', adoption_order_on: '2010-05-04' })
      .child('CF-3', HELD)
      .child('CF-4', HELD);
    await council.night(TODAY);
    await council.done(['originals', 'returned', 'CF-1', '--to', 'Sylvia Plainword, in person'], by('m.jones'));
    await council.done(['originals', 'given', 'CF-2', '--to', 'the adopters, by courier'], by('m.jones'));
    await council.done(['originals', 'not-traced', 'CF-3', '--note', 'two letters to Sylvia Plainword came back'], by('m.jones'));
    expect((await originals(TODAY)).map((file) => file.file_ref)).toEqual(['CF-4']);
    expect((await council.explain('CF-1')).cautions).toContain('originals_held');

    const recorded = await council.db('originals').orderBy('id').select('file_ref', 'outcome', 'handed_to', 'note', 'recorded_by');
    expect(recorded).toEqual([
      { file_ref: 'CF-1', outcome: 'returned', handed_to: 'Sylvia Plainword, in person', note: null, recorded_by: 'm.jones' },
      { file_ref: 'CF-2', outcome: 'given', handed_to: 'the adopters, by courier', note: null, recorded_by: 'm.jones' },
      {
        file_ref: 'CF-3',
        outcome: 'not_traced',
        handed_to: null,
        note: 'two letters to Sylvia Plainword came back',
        recorded_by: 'm.jones',
      },
    ]);
    const events = await council.db('audit_events').whereLike('event', 'originals.%').orderBy('seq').select('event', 'details');
    expect(events).toEqual([
      { event: 'originals.returned', details: '{"file":"CF-1"}' },
      { event: 'originals.given', details: '{"file":"CF-2"}' },
      { event: 'originals.not_traced', details: '{"file":"CF-3"}' },
    ]);
  });

  it('are refused where none are held, where there is no adoption to give them to, without words, and without the role', async () => {
    council.register.child('CF-1').child('CF-2', HELD);
    await council.night(TODAY);
    const to = ['--to', 'the person'];
    await council.refused(['originals', 'returned', 'CF-1', ...to], by('m.jones'), 'no_originals', /originals_held set to yes/);
    await council.refused(['originals', 'given', 'CF-2', ...to], by('m.jones'), 'no_adoption_order', /no adoption order for CF-2/);
    await council.refused(['originals', 'returned', 'CF-9', ...to], by('m.jones'), 'no_such_file', /no file CF-9/);
    await council.refused(['originals', 'returned', 'CF-2', '--to', ' '], by('m.jones'), 'recipient_missing', /--to/);
    await council.refused(['originals', 'not-traced', 'CF-2', '--note', ' '], by('m.jones'), 'note_missing', /--note/);
    await council.done('users add c.law --role compliance');
    await council.refused(['originals', 'returned', 'CF-2', ...to], by('c.law'), 'not_permitted', /records_manager/);
  });

  it('and reviews and confirmations leave the database with the file they are about', async () => {
    const paths = { ...HELD, categories: 'safeguarding_unit;child_in_need', opened_on: '1985-01-01', closed_on: '1990-03-01' };
    council.register.child('CF-1', paths, { date_of_birth: '1972-01-02' });
    await council.night(TODAY);
    await council.done(['review', 'done', 'CF-1', '--note', 'nothing removed'], by('m.jones'));
    await council.done(['originals', 'returned', 'CF-1', '--to', 'the person'], by('m.jones'));
    await council.night(addDays(TODAY, 1));
    const { list } = await council.itemOf('CF-1');
    await council.approveAndSign(list, addDays(TODAY, 1));
    await council.night(addDays(TODAY, 9));
    expect(await council.bags()).toEqual(['CF-1.zip']);
    for (const table of ['originals', 'reviews_done', 'confirmations']) expect(await council.db(table), table).toEqual([]);
    await council.refused(['originals', 'returned', 'CF-1', '--to', 'x'], by('m.jones'), 'archived', /moved to the archive/);
  });
});

describe('a referral', () => {
  it('made by decision blocks the file from the sign-off on until it is closed; then the file is listed anew', async () => {
    council.register.child('CF-1').child('CF-2');
    await council.night(TODAY);
    await council.done(['decide', '1', '--refer', '--note', 'to the adoption team', '--files', 'CF-1'], by('m.jones'));
    await council.refused('referral close CF-1', by('m.jones'), 'not_referred', /no open referral/);
    await council.done(['decide', '1', '--approve', '--files', 'CF-2'], by('m.jones'));
    await council.sign(1, TODAY);
    expect((await council.explain('CF-1')).blocks).toEqual(['referred']);
    await council.night(addDays(TODAY, 1));
    expect((await council.lists()).length).toBe(1);

    const closed = await council.done('referral close CF-1 --json', by('m.jones', addDays(TODAY, 1)));
    expect(closed.json()).toEqual({
      file_ref: 'CF-1',
      list: 1,
      referred_on: TODAY,
      closed_on: addDays(TODAY, 1),
      action_refers: false,
    });
    await council.refused('referral close CF-1', by('m.jones', addDays(TODAY, 1)), 'not_referred', /no open referral/);
    await council.night(addDays(TODAY, 2));
    expect(await council.itemOf('CF-1')).toMatchObject({ list: 2, status: 'pending' });
    const event = await council.db('audit_events').where({ event: 'referral.closed' }).first<object>('actor', 'details');
    expect(event).toEqual({ actor: 'm.jones', details: '{"file":"CF-1","list":1}' });
  });

  it('by the action of the file is not to be closed, and the refusal explains why', async () => {
    const inCare = { categories: 'child_in_care', opened_on: '1945-01-01', closed_on: '1960-01-01' };
    const known = { date_of_birth: '1940-01-02', known_to_adult_services: 'yes' };
    council.register.child('CF-1', inCare, known).child('CF-2', inCare, known).change('CF-1', { subject_refs: 'CF-1-P;CF-2-P' });
    await council.night(TODAY);
    expect((await council.explain('CF-1')).blocks).toEqual(['referred']);
    await council.refused('referral close CF-1', by('m.jones'), 'action_refers', /its action is "refer" by the Adult Services clause/);
    await council.refused('referral close CF-9', by('m.jones'), 'no_such_file', /no file CF-9/);
    await council.done('users add an.authoriser --role authoriser');
    await council.refused('referral close CF-1', by('an.authoriser'), 'not_permitted', /records_manager/);
  });
});

async function reviews(asOf: string): Promise<unknown> {
  return (await council.done('review list --json', { asOf })).json();
}

async function originals(asOf: string): Promise<{ file_ref: string; overdue: boolean }[]> {
  return (await council.done('originals list --json', { asOf })).json();
}

function by(as: string, asOf = TODAY): { as: string; asOf: string } {
  return { as, asOf };
}
