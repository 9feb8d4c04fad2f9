/** What a schedule protects by more than its periods, and what of it another version would give up. */
import { presentName, type CategoryKind } from './categories.ts';
import type { Schedule } from './schedule.ts';

/** What a version protects; `id` is what a version that gives it up must write. */
export interface Protection {
  id: string;
  /** What holds for files by it. */
  words: string;
}

/** The protections of the version in force that a draft is without: those that it says it gives up, and the others. */
export function protectionsLost(inForce: Schedule, draft: Schedule): { said: Protection[]; unsaid: Protection[] } {
  const lost = [...ofCategories(inForce, draft), ...ofFlaggedPeople(inForce, draft), ...ofMinimum(inForce, draft)];
  const given = new Set(draft.gives_up?.map(({ protection }) => protection));
  return { said: lost.filter(({ id }) => given.has(id)), unsaid: lost.filter(({ id }) => !given.has(id)) };
}

/** How strongly a category is protected, 0 where it is not, and what that means for its files. */
interface OfCategory {
  strength: (schedule: Schedule, category: string) => number;
  words: string;
}

const OF_CATEGORIES: Readonly<Record<string, OfCategory>> = {
  adoption: { strength: ofKind('adoption'), words: 'go along with no other file, and beside them no page shows names' },
  adopters: { strength: ofKind('adopters'), words: 'carry the question whether a child was placed' },
  foster_carers: { strength: ofKind('foster_carers'), words: 'carry the question whether the carers pose a risk to children' },
  // Whoever was of that age when the file was opened is hardly the child: a higher age doubts fewer.
  child: {
    strength: ({ categories }, category) => 1 / (categories[category]?.adult_from_age ?? Infinity),
    words: "are a child's own, and the birth of somebody older is doubted",
  },
  review: {
    strength: ({ rules }, category) => Number(rules.some((rule) => rule.category === category && 'review' in rule && rule.review)),
    words: 'are reviewed when the youngest child of the family comes of age',
  },
  permanent: {
    strength: ({ rules }, category) => Number(rules.some((rule) => rule.category === category && 'permanent' in rule)),
    words: 'are kept permanently',
  },
};

function ofKind(kind: CategoryKind): OfCategory['strength'] {
  return ({ categories }, category) => Number(categories[category]?.is === kind);
}

/** Lost by a category that goes on with less of it, or by every one where the draft has it nowhere. */
function ofCategories(inForce: Schedule, draft: Schedule): Protection[] {
  return Object.entries(OF_CATEGORIES).flatMap(([kind, { strength, words }]) => {
    const nowhere = Object.keys(draft.categories).every((category) => strength(draft, category) === 0);
    return Object.entries(inForce.categories).flatMap(([category, { label }]) => {
      const before = strength(inForce, category);
      const name = presentName(draft, category);
      const goesOn = Object.hasOwn(draft.categories, name);
      const lost = goesOn ? strength(draft, name) < before : nowhere && before > 0;
      return lost ? [{ id: `${kind}:${category}`, words: `files of "${label}" ${words}` }] : [];
    });
  });
}

function ofFlaggedPeople(inForce: Schedule, draft: Schedule): Protection[] {
  const covered = ({ rules }: Schedule) => rules.some((rule) => 'permanent' in rule && rule.also_when_subject_poses_risk);
  if (!covered(inForce) || covered(draft)) return [];
  return [{ id: 'flagged_people', words: 'every file of a person who poses a risk to children is kept permanently' }];
}

/** Lost where it is of other files, or fewer years are asked for whatever the day of the order. */
function ofMinimum(inForce: Schedule, draft: Schedule): Protection[] {
  const [before, after] = [inForce.statutory_minimum, draft.statutory_minimum];
  if (!before) return [];
  const days = [before, after].flatMap((minimum) => minimum?.periods.map(({ order_from: day }) => day ?? '') ?? []);
  const fewer = days.some((day) => yearsAsked(draft, day) < yearsAsked(inForce, day));
  if (!fewer && after?.category === presentName(draft, before.category)) return [];
  const authorities = before.periods.map(({ authority }) => authority).join('; ');
  return [{ id: 'statutory_minimum', words: `no file goes before the law's own minimum is over (${authorities})` }];
}

function yearsAsked({ statutory_minimum: minimum }: Schedule, orderOn: string): number {
  return minimum?.periods.find(({ order_from: day }) => (day ?? '') <= orderOn)?.years ?? 0;
}
