/** What is wrong with a schedule as a whole, though each part of it may be written so. */
import type { RuleCondition, Schedule } from './schedule.ts';

export interface Mistake {
  path: PropertyKey[];
  message: string;
}

/** Every mistake, with the place where it stands. */
export function mistakesIn(schedule: Schedule): Mistake[] {
  return [
    ...duplicateIds(schedule),
    ...unknownCategories(schedule),
    ...categoriesWithoutBase(schedule),
    ...namesOfTwoCategories(schedule),
    ...mixedClosure(schedule),
    ...rulesNeverReached(schedule),
    ...periodsNeverReached(schedule),
  ];
}

function duplicateIds({ rules }: Schedule): Mistake[] {
  return rules.flatMap((rule, i) =>
    rules.findIndex((other) => other.id === rule.id) < i
      ? [
          {
            path: ['rules', i, 'id'],
            message: `the rule id "${rule.id}" is used twice; ids are printed and stored, so each must be its own`,
          },
        ]
      : [],
  );
}

function unknownCategories({ rules, categories, statutory_minimum }: Schedule): Mistake[] {
  const known = Object.keys(categories).join(', ');
  const places = rules.map((rule, i) => ({ path: ['rules', i, 'category'] as PropertyKey[], category: rule.category }));
  if (statutory_minimum) places.push({ path: ['statutory_minimum', 'category'], category: statutory_minimum.category });
  return places
    .filter(({ category }) => !Object.hasOwn(categories, category))
    .map(({ path, category }) => ({ path, message: `"${category}" is not one of the categories listed above: ${known}` }));
}

function categoriesWithoutBase({ rules, categories }: Schedule): Mistake[] {
  return Object.keys(categories).flatMap((category) => {
    const bases = rules.filter((rule) => rule.category === category && !('when' in rule && rule.when)).length;
    if (bases === 1) return [];
    return [{ path: ['categories', category], message: `category "${category}" needs exactly one rule without "when", it has ${bases}` }];
  });
}

/** A file that has a category by a former name must be of one category. */
function namesOfTwoCategories({ categories }: Schedule): Mistake[] {
  const seen = new Set(Object.keys(categories));
  return Object.entries(categories).flatMap(([category, { formerly = [] }]) =>
    formerly.flatMap((name, i) => {
      if (!seen.has(name)) {
        seen.add(name);
        return [];
      }
      return [
        {
          path: ['categories', category, 'formerly', i],
          message: `"${name}" is a category already: a former name belongs to one category alone`,
        },
      ];
    }),
  );
}

/** A file is blocked as open by category, so the rules of one category must agree on whether it must be closed. */
function mixedClosure({ rules }: Schedule): Mistake[] {
  return rules.flatMap((rule, i) => {
    const first = rules.find((other) => other.category === rule.category);
    if (!first || first.requires_closure === rule.requires_closure) return [];
    return [{ path: ['rules', i, 'requires_closure'], message: `all rules of "${rule.category}" must agree on requires_closure` }];
  });
}

/** The first rule whose condition holds applies, so one that holds only where an earlier one does decides nothing. */
function rulesNeverReached(schedule: Schedule): Mistake[] {
  return schedule.rules.flatMap((rule, i) => {
    const when = conditionOf(rule);
    const before = schedule.rules.slice(0, i).filter((other) => other.category === rule.category);
    const wider = before.find((other) => {
      const earlier = conditionOf(other);
      return when !== undefined && earlier !== undefined && implies(when, earlier);
    });
    if (!wider) return [];
    return [
      {
        path: ['rules', i, 'when'],
        message: `"${rule.id}" never applies: where its condition holds, that of "${wider.id}" above holds too`,
      },
    ];
  });
}

function conditionOf(rule: Schedule['rules'][number]): RuleCondition | undefined {
  return 'when' in rule ? rule.when : undefined;
}

/** Whether the second condition holds wherever the first does. */
function implies(narrow: RuleCondition, wide: RuleCondition): boolean {
  if (wide.died && wide.died !== narrow.died) return false;
  if (wide.child_placed && !narrow.child_placed) return false;
  if (!wide.any_of) return true;
  // Somebody who died before or after a birthday died.
  if (narrow.died && wide.any_of.includes('died')) return true;
  return narrow.any_of?.every((event) => wide.any_of?.includes(event)) ?? false;
}

/** The first period whose `order_from` the order reaches applies, so the newest stands first and one for all others last. */
function periodsNeverReached({ statutory_minimum: minimum }: Schedule): Mistake[] {
  const periods = minimum?.periods ?? [];
  return periods.flatMap((period, i) => {
    const before = periods.slice(0, i).find((other) => (other.order_from ?? '') <= (period.order_from ?? ''));
    if (!before) return [];
    const reached = before.order_from ? `from ${before.order_from}` : 'without order_from';
    return [
      {
        path: ['statutory_minimum', 'periods', i],
        message: `no order reaches this period: the one ${reached} stands before it and applies first; write the periods newest first, one without order_from last`,
      },
    ];
  });
}
