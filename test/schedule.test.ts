/** The schedule that ships: the policy's words verbatim, and a mistake in it named with its file and line. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadSchedule, parseSchedule, rulesOf, ScheduleError, shippedSchedule } from '../rules/schedule.ts';

const shippedFile = fileURLToPath(new URL('../rules/schedules/recording-policy-2023-06-09.yaml', import.meta.url));
const shippedText = await readFile(shippedFile, 'utf8');
const policyTable = await readFile(new URL('./cases/recording-policy-table.txt', import.meta.url), 'utf8');

describe('the shipped schedule', () => {
  it('loads', () => {
    expect(shippedSchedule()).toMatchObject({ schedule: 'recording-policy', version: '2023-06-09', in_force_from: '2023-06-09' });
  });

  it("has the rows of the policy's table, in its order and in its words", () => {
    const [, ...rows] = policyTable.trimEnd().split('\n');
    expect(shippedSchedule().rules.map((rule) => rule.clause.join(' '))).toEqual(rows);
  });

  it('keeps the ids that are printed, stored and exported', () => {
    expect(shippedSchedule().rules.map((rule) => rule.id)).toEqual([
      'child-in-care',
      'child-in-care-died-under-18',
      'privately-fostered-child',
      'adoption',
      'adoption-died-under-18',
      'adoption-died-adult',
      'adopters',
      'adopters-deceased-or-withdrawn',
      'foster-carer',
      'child-protection',
      'safeguarding-unit',
      'child-in-need',
      'adult-posing-risk',
      'missing-person',
      'financial',
    ]);
  });

  it('reads its periods as the words of the clause say them', () => {
    for (const rule of shippedSchedule().rules) {
      if ('permanent' in rule) expect(rule.clause[1]).toBe('Permanently');
      else expect(rule.clause[1]).toMatch(new RegExp(`(^|\\D)${rule.keep_years} years?\\b`));
    }
  });

  it('asks for closure everywhere but of financial papers', () => {
    const open = shippedSchedule().rules.filter((rule) => !rule.requires_closure);
    expect(open.map((rule) => rule.id)).toEqual(['financial']);
  });

  it('marks every reading of ours as unconfirmed', () => {
    const readings = shippedSchedule().rules.filter((rule) => rule.interpretation?.confirmed === false);
    expect(readings.map((rule) => rule.id)).toEqual([
      'adoption',
      'adoption-died-under-18',
      'adopters-deceased-or-withdrawn',
      'adult-posing-risk',
    ]);
  });

  it('asks the rows with a condition first, and the row without one last', () => {
    expect(rulesOf(shippedSchedule(), 'adoption').map((rule) => rule.id)).toEqual([
      'adoption-died-under-18',
      'adoption-died-adult',
      'adoption',
    ]);
  });
});

describe('a mistake in a schedule is told with file and line:', () => {
  const mistakes: { what: string; change: [from: string | RegExp, to: string]; at: string; says: RegExp }[] = [
    {
      what: 'an unknown category',
      change: ['category: foster_carer\n', 'category: foster_carers\n'],
      at: 'category: foster_carers',
      says: /"foster_carers" is not one of the categories.*foster_carer,/,
    },
    {
      what: 'an id used twice',
      change: ['id: financial\n', 'id: foster-carer\n'],
      at: 'id: foster-carer',
      says: /"foster-carer" is used twice/,
    },
    {
      what: 'a missing field',
      change: ['    keep_years: 10\n    from: approval_end\n', '    from: approval_end\n'],
      at: '- id: foster-carer',
      says: /rule "foster-carer": keep_years is missing/,
    },
    {
      what: 'an unknown field',
      change: ['    from: notification\n', '    form: notification\n'],
      at: 'form: notification',
      says: /rule "missing-person": form is no key of a schedule; here may stand: .*keep_years, from,/,
    },
    {
      what: 'a period that is no number',
      change: ['keep_years: 35', 'keep_years: thirty-five'],
      at: 'keep_years: thirty-five',
      says: /keep_years must be a number, without quotes/,
    },
    {
      what: 'a period in months',
      change: ['keep_years: 35', 'keep_years: 35.5'],
      at: 'keep_years: 35.5',
      says: /keep_years must be a whole number/,
    },
    {
      what: 'a period in quotes',
      change: ['keep_years: 35', "keep_years: '35'"],
      at: "keep_years: '35'",
      says: /must be a number, without/,
    },
    {
      what: 'a period of 2,000 years',
      change: ['keep_years: 35', 'keep_years: 2000'],
      at: 'keep_years: 2000',
      says: /must be at most 200/,
    },
    {
      what: 'a misspelt key',
      change: ['keep_years: 35', 'keep_year: 35'],
      at: 'keep_year: 35',
      says: /rule "safeguarding-unit": keep_year is no key of a schedule; here may stand: .*keep_years/,
    },
    { what: 'an event left empty', change: ['from: notification', 'from:'], at: 'from:', says: /from is empty: write one of birth, death/ },
    { what: 'an alias without an anchor', change: ['from: notification', 'from: *later'], at: 'from: *later', says: /no &later is above/ },
    {
      what: 'a child’s category without the age of an adult',
      change: ['label: Adoption, child: true, adult_from_age: 18', 'label: Adoption, child: true'],
      at: '  adoption:',
      says: /categories[.]adoption[.]adult_from_age is missing/,
    },
    {
      what: 'child: false',
      change: ['label: Adopters', 'label: Adopters, child: false'],
      at: 'adopters:',
      says: /must be true, or leave it out/,
    },
    { what: 'child_placed: false', change: ['child_placed: no', 'child_placed: false'], at: 'child_placed: false', says: /must be no, or/ },
    {
      what: 'yes for true',
      change: ['requires_closure: true', 'requires_closure: yes'],
      at: 'requires_closure: yes',
      says: /true or false/,
    },
    {
      what: 'a version without quotes',
      change: [/version: .*/, 'version: 2027'],
      at: 'version: 2027',
      says: /version must be text: write it in/,
    },
    {
      what: 'a version of thousands of characters',
      change: [/version: .*/, `version: '${'v'.repeat(4500)}'`],
      at: 'version:',
      says: /version must be at most 60 characters long/,
    },
    {
      what: 'an id of thousands of characters',
      change: ['id: financial\n', `id: ${'f'.repeat(4500)}\n`],
      at: '- id: fff',
      says: /id must be at most 60 characters long/,
    },
    {
      what: 'a name that every object has, as a category',
      change: ['statutory_minimum:\n  category: adoption', 'statutory_minimum:\n  category: constructor'],
      at: 'category: constructor',
      says: /"constructor" is not one of the categories/,
    },
    {
      what: 'a key that every object has',
      change: ['  financial: { label: Financial }', '  financial: { label: Financial }\n  __proto__: { label: Proto }'],
      at: '__proto__:',
      says: /"__proto__" is no key of a schedule/,
    },
    {
      what: 'an escaped NUL',
      change: ['clause: [Financial,', 'clause: ["Fin\\0ancial",'],
      at: 'clause: ["Fin',
      says: /that no database stores/,
    },
    {
      what: 'half a character',
      change: ['clause: [Financial,', 'clause: ["Fin\\uD800",'],
      at: 'clause: ["Fin',
      says: /that no database stores/,
    },
    { what: 'a NUL', change: ['history:', '# \0\nhistory:'], at: '# ', says: /NUL character/ },
    {
      what: 'an event the product does not know',
      change: ['from: notification', 'from: notified'],
      at: 'from: notified',
      says: /rule "missing-person": from must be one of birth, death, .*; it is "notified"/,
    },
    {
      what: 'a date that is none',
      change: [/in_force_from: .*/, 'in_force_from: "2023-06-31"'],
      at: 'in_force_from: "2023-06-31"',
      says: /in_force_from.*yyyy-mm-dd/,
    },
    {
      what: 'two rows without a condition',
      change: ['    when: { died: before_18 }\n    keep_years: 15\n', '    keep_years: 15\n'],
      at: '  child_in_care:',
      says: /"child_in_care" needs exactly one rule without "when", it has 2/,
    },
    {
      what: 'a category without a row',
      change: ['  financial: { label: Financial }', '  financial: { label: Financial }\n  school: { label: School }'],
      at: '  school:',
      says: /"school" needs exactly one rule without "when", it has 0/,
    },
    {
      what: 'rows of one category that differ on closure',
      change: [
        '    from: { latest_known_of: [death, withdrawal, closure] }\n    requires_closure: true',
        '    from: { latest_known_of: [death, withdrawal, closure] }\n    requires_closure: false',
      ],
      at: 'requires_closure: false',
      says: /all rules of "adopters" must agree/,
    },
    {
      what: 'a clause without its disposal',
      change: ['clause: [Adoption, 100 years, After 100 years]', 'clause: [Adoption, 100 years]'],
      at: 'clause: [Adoption, 100 years]',
      says: /rule "adoption": clause/,
    },
    {
      what: 'an empty condition',
      change: ['when: { died: after_18 }', 'when: {}'],
      at: 'when: {}',
      says: /an empty condition says nothing; write died, child_placed or any_of, or leave "when" out/,
    },
    {
      what: 'a condition that holds only where an earlier one does',
      change: ['when: { died: after_18 }', 'when: { died: before_18, any_of: [died] }'],
      at: 'when: { died: before_18, any_of: [died] }',
      says: /"adoption-died-adult" never applies: .*"adoption-died-under-18"/,
    },
    {
      what: 'a period of the statutory minimum that no order reaches',
      change: [
        "    - order_from: '2005-12-30'",
        "    - order_from: '1984-05-27'\n      years: 75\n      authority: the older law\n    - order_from: '2005-12-30'",
      ],
      at: "- order_from: '2005-12-30'",
      says: /no order reaches this period: the one from 1984-05-27 .*newest first/,
    },
    {
      what: 'no placeholder at all',
      change: [/placeholders: .*/, 'placeholders: []'],
      at: 'placeholders: []',
      says: /placeholders/,
    },
    {
      what: 'what is not YAML',
      change: ['title: Recording Policy, Children', 'title: "Recording Policy, Children'],
      at: 'title: "Recording',
      says: /not YAML/,
    },
  ];

  for (const { what, change, at, says } of mistakes) {
    it(what, () => {
      const changed = withChange(...change);
      const message = messageOf(() => parseSchedule(changed, 'policy.yaml'));
      expect(message).toMatch(says);
      const named = [...message.matchAll(/^policy\.yaml, line (\d+): /gm)].map(([, line]) => changed.split('\n')[Number(line) - 1]);
      expect(named).toContainEqual(expect.stringContaining(at));
    });
  }

  it('every mistake at once, each on a line of its own', () => {
    const changed = withChange('category: foster_carer\n', 'category: foster_carers\n').replace('id: financial\n', 'id: foster-carer\n');
    const lines = messageOf(() => parseSchedule(changed, 'policy.yaml')).split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(2);
    for (const line of lines) expect(line).toMatch(/^policy\.yaml, line \d+: /);
  });

  it('in a file, by its path', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'retention-schedule-'));
    const file = path.join(folder, 'next.yaml');
    await writeFile(file, withChange('id: financial\n', 'id: foster-carer\n'));
    expect(messageOf(() => loadSchedule(file))).toContain(`${file}, line `);
    await writeFile(file, Buffer.from(withChange('title: Recording', 'title: Zoë’s').replaceAll('’', ''), 'latin1'));
    expect(messageOf(() => loadSchedule(file))).toMatch(/next[.]yaml, line 13: not UTF-8/);
    await writeFile(file, '');
    expect(messageOf(() => loadSchedule(file))).toContain('the file says nothing');
    expect(messageOf(() => loadSchedule(folder))).toContain('this is a folder');
    expect(messageOf(() => loadSchedule(`${file}.none`))).toContain('there is no such file');
    await rm(folder, { recursive: true });
  });
});

function withChange(from: string | RegExp, to: string): string {
  const changed = shippedText.replace(from, to);
  expect(changed).not.toBe(shippedText);
  return changed;
}

function messageOf(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    expect(error).toBeInstanceOf(ScheduleError);
    return (error as ScheduleError).message;
  }
  throw new Error('The schedule was taken as it was.');
}
