/** Invents drafts of a schedule: other periods, other events, other conditions, protections moved, mistakes among them. */
import { fc } from './seed.ts';
import { CATEGORY_KINDS } from '../../rules/categories.ts';
import { TRIGGERS } from '../../rules/schedule.ts';

/** Every category that invented files may have. */
const CATEGORIES = [
  'child_in_care',
  'privately_fostered_child',
  'adoption',
  'adopters',
  'foster_carer',
  'child_protection',
  'safeguarding_unit',
  'child_in_need',
  'missing_person',
  'financial',
  'adult_posing_risk',
];

const words = ['As drafted', 'for a while', 'then no more'];
// By weights: of whole numbers fast-check takes the ends more often than the rest.
const sometimes = (one: number, ofAll: number) =>
  fc.oneof({ weight: ofAll - one, arbitrary: fc.constant(false) }, { weight: one, arbitrary: fc.constant(true) });
const events = fc.uniqueArray(fc.constantFrom(...TRIGGERS), { minLength: 2, maxLength: 4 });
const from = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<unknown>(...TRIGGERS) },
  { weight: 2, arbitrary: events.map((latest_of) => ({ latest_of })) },
  { weight: 2, arbitrary: events.map((latest_known_of) => ({ latest_known_of })) },
);
const happened = fc.uniqueArray(fc.constantFrom('died', 'withdrawn'), { minLength: 1, maxLength: 2 });
const parts = fc.record(
  { died: fc.constantFrom('before_18', 'after_18'), child_placed: fc.constant('no'), any_of: happened },
  { requiredKeys: [] },
);
const condition = fc.oneof(
  { weight: 60, arbitrary: parts.filter((when) => Object.keys(when).length > 0) },
  { weight: 1, arbitrary: fc.constant({}) },
);
const years = fc.oneof(
  { weight: 150, arbitrary: fc.integer({ min: 1, max: 110 }) },
  { weight: 150, arbitrary: fc.constantFrom(1, 10, 15, 25, 75, 100) },
  { weight: 1, arbitrary: fc.constantFrom(0, 201, 7.5) },
);
const reading = fc
  .record({ said: sometimes(1, 3), confirmed: fc.boolean() })
  .map(({ said, confirmed }) => (said ? { interpretation: { text: 'A reading.', authority: 'Ours', confirmed } } : {}));

/** The base row and up to two rows with a condition, before it or after it. */
function rowsOf(category: string): fc.Arbitrary<object[]> {
  const closure = fc.record({ asked: fc.boolean(), slips: sometimes(1, 150) });
  const timed = fc.record({ years, from, reading, clause: sometimes(1, 4), reviewed: sometimes(1, 8) }).map((row) => ({
    keep_years: row.years,
    from: row.from,
    ...row.reading,
    ...(row.clause ? { adult_services_clause: true } : {}),
    ...(row.reviewed ? { review: 'youngest_child_18' } : {}),
  }));
  const forEver = fc
    .record({ reading, flagged: fc.boolean() })
    .map((row) => ({ permanent: true, ...row.reading, ...(row.flagged ? { also_when_subject_poses_risk: true } : {}) }));
  const base = fc.oneof({ weight: 7, arbitrary: timed }, { weight: 1, arbitrary: forEver });
  const special = fc.tuple(timed, condition).map(([row, when]) => ({ ...row, when }));
  const different = { selector: ({ when }: { when: object }) => JSON.stringify(when) };
  const specials = fc.oneof(
    { weight: 9, arbitrary: fc.uniqueArray(special, { maxLength: 1, ...different }) },
    { weight: 1, arbitrary: fc.uniqueArray(special, { minLength: 2, maxLength: 2, ...different }) },
  );
  return fc.tuple(base, specials, fc.boolean(), closure).map(([first, others, baseFirst, { asked, slips }]) =>
    (baseFirst ? [first, ...others] : [...others, first]).map((row, i) => ({
      id: `${category.replaceAll('_', '-')}-${i}`,
      category,
      clause: words,
      requires_closure: slips && i > 0 ? !asked : asked,
      appraise: 'together',
      ...row,
    })),
  );
}

const minimum = fc
  .record({
    category: fc.constantFrom(...CATEGORIES),
    effect: fc.constantFrom('block', 'caution'),
    sorted: sometimes(9, 10),
    periods: fc.uniqueArray(
      fc.record({
        order_from: fc.constantFrom('1984-05-27', '2005-12-30', '1950-01-01', undefined),
        years,
        authority: fc.constant('A law'),
      }),
      { minLength: 1, maxLength: 3, selector: (period) => period.order_from },
    ),
  })
  .map(({ sorted, periods, ...drafted }) => ({
    ...drafted,
    periods: sorted ? periods.sort((a, b) => ((a.order_from ?? '') < (b.order_from ?? '') ? 1 : -1)) : periods,
    from: 'adoption_order',
  }));

/** Some categories go on under another name, and the first may take the files of another in. */
const NAMES = fc.record({
  renamed: fc.subarray(CATEGORIES, { maxLength: 3 }),
  takenIn: fc.option(fc.constantFrom(...CATEGORIES.slice(1)), { freq: 2 }),
});
const kinds = fc.option(fc.tuple(...CATEGORIES.map(() => fc.option(fc.constantFrom(...CATEGORY_KINDS), { freq: 2 }))), { freq: 2 });

/** What becomes of each category that files may have. */
function namesOf({ renamed, takenIn }: { renamed: string[]; takenIn: string | null }) {
  const [first = ''] = CATEGORIES;
  const now = (category: string) => {
    const goesOn = category === takenIn ? first : category;
    return renamed.includes(goesOn) ? `${goesOn}_now` : goesOn;
  };
  return {
    now,
    goOn: CATEGORIES.filter((category) => category !== takenIn),
    formerly: (category: string) => CATEGORIES.filter((name) => now(name) === now(category) && name !== now(category)),
  };
}

/** A draft as JSON, which is YAML too. Its version is for the caller to give. */
export function inventedSchedules(): fc.Arbitrary<object> {
  return fc
    .record({
      rows: fc.tuple(...CATEGORIES.map(rowsOf)),
      order: fc.shuffledSubarray(CATEGORIES, { minLength: CATEGORIES.length }),
      minimum: fc.option(minimum),
      placeholders: fc.option(fc.uniqueArray(fc.constantFrom('1900-01-01', '1970-01-01', '2000-02-29', '1899-12-30'), { minLength: 1 })),
      adultFrom: fc.integer({ min: 18, max: 25 }),
      children: fc.subarray(CATEGORIES),
      names: NAMES,
      kinds,
    })
    .map(({ names: drafted, ...draft }) => ({ ...draft, names: namesOf(drafted) }))
    .map(({ names, ...draft }) => ({
      schedule: 'drafted',
      title: 'A draft',
      source: 'Invented',
      in_force_from: '2020-01-01',
      history: [{ on: '2020-01-01', what: 'Drafted', rules: 'all', authority: 'Nobody' }],
      categories: Object.fromEntries(
        names.goOn.map((category) => [
          names.now(category),
          {
            label: category,
            ...(draft.kinds ? { is: draft.kinds[CATEGORIES.indexOf(category)] ?? undefined } : {}),
            ...(names.formerly(category).length > 0 ? { formerly: names.formerly(category) } : {}),
            ...(draft.children.includes(category) ? { child: true, adult_from_age: draft.adultFrom } : {}),
          },
        ]),
      ),
      rules: draft.order
        .filter((category) => names.goOn.includes(category))
        .flatMap((category) => (draft.rows[CATEGORIES.indexOf(category)] ?? []).map((row) => ({ ...row, category: names.now(category) }))),
      ...(draft.minimum ? { statutory_minimum: { ...draft.minimum, category: names.now(draft.minimum.category) } } : {}),
      ...(draft.placeholders ? { placeholders: draft.placeholders } : {}),
    }));
}
