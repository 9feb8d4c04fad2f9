/** What a schedule protects by more than its periods: none of it goes by an oversight, and none under another name. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SHIPPED_SCHEDULE } from '../rules/schedule.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const TODAY = '2026-11-22';
const TOMORROW = '2026-11-23';
const jones = { as: 'm.jones', asOf: TODAY };
const khan = { ...jones, as: 'a.khan' };
let council: Council;

const shipped = await readFile(SHIPPED_SCHEDULE, 'utf8');

/** A change that takes something away; fails where the shipped file has nothing of the kind any more. */
function changed(from: string | RegExp, to: string): string {
  const text = shipped.replace(from, to);
  expect(text).not.toBe(shipped);
  return text;
}

async function draft(version: string, text: string): Promise<string> {
  const file = path.join(council.folder, `${version}.yaml`);
  await writeFile(file, text.replace("version: '2023-06-09'", `version: '${version}'`));
  return file;
}

describe('a version that gives up a protection', () => {
  beforeAll(async () => {
    council = await rehearsal();
    await council.night(TODAY);
  });
  afterAll(() => council.close());

  it.each([
    ['statutory_minimum', /\nstatutory_minimum:[^]*/, '\n'],
    ['statutory_minimum', 'statutory_minimum:\n  category: adoption', 'statutory_minimum:\n  category: financial'],
    ['statutory_minimum', '    - years: 75', '    - years: 74'],
    ['statutory_minimum', "order_from: '2005-12-30'", "order_from: '2006-12-30'"],
    ['flagged_people', '    also_when_subject_poses_risk: true\n', ''],
    [
      'permanent:adult_posing_risk',
      '    permanent: true\n    also_when_subject_poses_risk: true\n',
      '    keep_years: 80\n    from: closure\n',
    ],
    ['adoption:adoption', ', is: adoption }', ' }'],
    ['adopters:adopters', 'is: adopters }', 'is: foster_carers }'],
    ['foster_carers:foster_carer', ', is: foster_carers }', ' }'],
    ['child:child_in_need', 'Child in need, child: true, adult_from_age: 18', 'Child in need'],
    ['child:child_in_care', 'adult_from_age: 21', 'adult_from_age: 22'],
    ['review:safeguarding_unit', '    review: youngest_child_18\n', ''],
  ])('%s, is refused unless its file says so: %j', async (protection, from, to) => {
    const file = await draft('lost', changed(from, to));
    for (const command of [
      ['schedule', 'check', file],
      ['schedule', 'adopt', file, '--from', TODAY],
    ]) {
      const tried = await council.retention(command, command.includes('check') ? { asOf: TODAY } : jones);
      expect([tried.exitCode, tried.stdout + tried.stderr]).toEqual([1, expect.stringContaining(`"${protection}" (`)]);
    }
    expect(await council.db('schedule_versions').pluck('version')).toEqual(['2023-06-09']);
  });

  it('keeps it where a category only gets another name, or a minimum is longer, or a caution', async () => {
    const same = changed('  adoption: { label: Adoption,', '  adopted_child: { label: Adoption, formerly: [adoption],')
      .replaceAll('category: adoption\n', 'category: adopted_child\n')
      .replace('    - years: 75', '    - years: 80')
      .replace('effect: block', 'effect: caution');
    const checked = await council.done(['schedule', 'check', await draft('same', same)], { asOf: TODAY });
    expect(checked.stdout).toContain('It gives up no protection of the version before it.');
    const compared = 'It was compared with version 2023-06-09, in force from 09/06/2023, and with the register as of 22 November 2026.';
    expect(checked.stdout).toContain(compared);
  });

  it('is taken over by two people, with the same file and day, within 30 days', async () => {
    const given = `${changed('    review: youngest_child_18\n', '')}gives_up: [{ protection: 'review:safeguarding_unit', authority: Policy owner }]\n`;
    const file = await draft('given', given);
    const adopt = ['schedule', 'adopt', file, '--from', TODAY];
    expect((await council.done(['schedule', 'check', file], { asOf: TODAY })).stdout).toMatch(/gives up, as it says itself: .*Two people/);
    await council.refused([...adopt, '--confirm'], khan, 'adoption_not_asked', /Ask anew without --confirm/);
    const asked = await council.done([...adopt, '--json'], { ...jones, asOf: '2026-10-01' });
    expect(asked.json()).toMatchObject({ adopted: false, gives_up: ['review:safeguarding_unit'], lapses_after: '2026-10-31' });
    await council.refused([...adopt, '--confirm'], khan, 'request_lapsed', /lapsed after 30 days/);
    expect((await council.done(adopt, jones)).stdout).toContain('Nothing is taken over until another person confirms');
    await council.refused([...adopt, '--confirm'], jones, 'own_request', /another person must confirm/);
    const alike = council.db('schedule_requests').update({ confirmed_by: 'M.Jones', confirmed_on: TODAY });
    await expect(alike).rejects.toThrow(/takes two people, within 30 days/);
    const other = ['schedule', 'adopt', await draft('given', given.replace('keep_years: 6', 'keep_years: 7')), '--from', TODAY];
    await council.refused([...other, '--confirm'], khan, 'request_changed', /another file or another day/);
    expect(await council.db('schedule_versions').pluck('version')).toEqual(['2023-06-09']);
    await draft('given', given);
    expect((await council.done([...adopt, '--confirm', '--json'], khan)).json()).toMatchObject({ version: 'given', adopted: true });
    expect((await council.done('schedule show --json', { asOf: TODAY })).json()).toMatchObject({ version: 'given' });
  });
});

describe('a category that goes on under another name', () => {
  const renamed = changed('  adoption: { label: Adoption,', '  adopted_child: { label: Adoption, formerly: [adoption],').replaceAll(
    'category: adoption\n',
    'category: adopted_child\n',
  );

  beforeAll(async () => {
    council = await rehearsal();
    const person = { date_of_birth: '1920-05-01', known_to_adult_services: 'yes' };
    const facts = {
      opened_on: '1922-01-01',
      closed_on: '1940-01-01',
      adoption_order_on: '1925-01-01',
      categories: 'child_in_care;adoption',
    };
    council.register.child('CF-1', facts, person).child('CF-2', facts, person);
    await council.night(TODAY);
    await council.done(
      ['hold', 'add', '--kind', 'inquiry', '--scope', 'category:adoption', '--authority', 'X', '--review-on', '2027-05-01'],
      jones,
    );
  });
  afterAll(() => council.close());

  it('is named with its files where the version does not say so', async () => {
    const file = await draft('unsaid', renamed.replace(' formerly: [adoption],', ''));
    await council.refused(
      ['schedule', 'adopt', file, '--from', TODAY],
      jones,
      'categories_unknown',
      /adoption \(2 files: CF-1, CF-2\).*formerly: \[adoption\]/s,
    );
  });

  it('keeps dates, action, blocks and holds of its files, by either name', async () => {
    const before = await told('CF-1', TODAY);
    expect(before).toMatchObject({ outcome: 'expires', rule: 'adoption', action: 'refer' });
    expect(before.blocks).toEqual(['hold', 'referred']);
    await council.done(['schedule', 'adopt', await draft('2027', renamed), '--from', TOMORROW], jones);
    council.register.change('CF-2', { categories: 'child_in_care;adopted_child' });
    const night = await council.night(TOMORROW);
    expect(night.steps['compute']).toMatchObject({ shortened: 0 });
    for (const ref of ['CF-1', 'CF-2']) expect(await told(ref, TOMORROW)).toEqual(before);
    const tomorrow = { ...jones, asOf: TOMORROW };
    const place = (scope: string) =>
      council.done(
        ['hold', 'add', '--kind', 'litigation', '--scope', scope, '--authority', 'Y', '--review-on', '2027-05-01', '--json'],
        tomorrow,
      );
    for (const scope of ['category:adopted_child', 'category:adoption']) expect((await place(scope)).json()).toMatchObject({ covers: 2 });
    expect((await council.retention('doctor', { asOf: TOMORROW })).stdout).toContain('They agree on a sample of 2 files.');
  });
});

async function told(ref: string, asOf: string) {
  const { outcome, rule, retain_until, action, blocks, cautions } = (await council.explain(ref, asOf)) as Record<string, unknown>;
  return { outcome, rule, retain_until, action, blocks, cautions };
}
